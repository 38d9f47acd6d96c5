"""Metrics computed outside of torch."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from .base import TABLE, Metric


@TABLE.add()
class PyMetric(Metric):
    """Base of metrics computed in Python, for instance with numpy, on the CPU.

    A subclass writes `update_state(y_true, y_pred, sample_weight=None)`, which gets tensors on the
    CPU (so each update waits for the device), `result()`, which may return any number or array,
    and `reset_state()`, called once at the start.

    >>> class Largest(PyMetric):
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.largest = max(self.largest, y_pred.numpy().max())
    ...     def result(self):
    ...         return self.largest
    ...     def reset_state(self):
    ...         self.largest = 0.0
    >>> float(Largest()([0.], [3.]))
    3.0
    """

    def __init__(self, name: str | None = None, dtype: Any = None, **kwargs):
        super().__init__(name=name, dtype=dtype, **kwargs)
        self.reset_state()

    def __init_subclass__(cls, **kwargs):
        if "update_state" in cls.__dict__:
            cls.update_state = _on_cpu(cls.update_state)
        super().__init_subclass__(**kwargs)

    def merge_state(self, metrics: Sequence[Metric]) -> None:
        raise NotImplementedError(f"{type(self).__name__} must implement merge_state(metrics).")

    def reset_state(self) -> None:
        raise NotImplementedError(f"{type(self).__name__} must implement reset_state().")


def _on_cpu(update_state):
    @functools.wraps(update_state)
    def update(self, y_true, y_pred, sample_weight=None):
        weight = None if sample_weight is None else self._tensor(sample_weight, cast=False).cpu()
        labels, predictions = (self._tensor(v, cast=False).cpu() for v in (y_true, y_pred))
        return update_state(self, labels, predictions, weight)

    return update
