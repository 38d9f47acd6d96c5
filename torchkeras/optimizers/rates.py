"""The learning rate and the step counter of an optimizer: numbers on the host.

They answer like the variables of Keras: `opt.lr.numpy()`, `opt.learning_rate.assign(0.1)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from torch import Tensor

from ..config import floatx
from ..variable import Variable
from . import schedules
from .schedules import LearningRateSchedule


class Rated:
    """The part of an optimizer that knows its learning rate and counts its steps.

    The rate lives in `param_groups`, where torch's schedulers change it, and before `build` in
    `defaults`.
    """

    @property
    def learning_rate(self) -> Rate | Tensor:
        """The rate of the next update: a number, or a tensor where one was given.

        Assign a number or a schedule at any time. Under a schedule: the rate of the last update.
        """
        rate = self.param_groups[0]["lr"] if self.param_groups else self.defaults["lr"]
        if rate is None:
            raise ValueError(f"{type(self).__name__} has no learning rate; set learning_rate.")
        return rate if isinstance(rate, Tensor) else Rate(rate, self._set_rate)

    @learning_rate.setter
    def learning_rate(self, value):
        self._set_rate(value)

    lr = _learning_rate = learning_rate

    def _set_rate(self, value):
        self._schedule = value if isinstance(value, LearningRateSchedule) else None
        self._write_rate(self._checked_rate(value) if self._schedule is None else self._scheduled())

    def _write_rate(self, rate):
        self.defaults["lr"] = rate
        for group in self.param_groups:
            group["lr"] = rate

    def _scheduled(self):
        rate = schedules.rate_at(self._schedule, self._step)
        return rate if isinstance(rate, Tensor) else _rounded(rate)

    def _build_learning_rate(self, learning_rate):
        """The rate to use: the argument, or what came under its old name `lr`."""
        return self._alias if self._alias is not None else learning_rate

    def _checked_rate(self, value):
        if isinstance(value, Tensor) and value.dim() == 0:
            return value.detach()
        if isinstance(value, (Variable, np.ndarray)) and len(value.shape) == 0:
            value = float(value)
        if callable(value) and not isinstance(value, type):
            value = value()
        number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
        if not number or not value >= 0:
            raise ValueError(
                f"learning_rate of {type(self).__name__} must be a number that is not negative, a "
                f"LearningRateSchedule or a function without arguments; received {value!r}."
            )
        return _rounded(value)

    # --- steps that are recorded once and replayed ---------------------------------------------

    rate_alone = False  # whether the rate is all that changes on the host from step to step

    def takes_rate_as_tensor(self) -> bool:
        """Whether a recorded step can be replayed, given the rate of each step as a tensor."""
        others = self.use_ema or self.gradient_accumulation_steps or self._tables
        known = type(self).__dict__.get("rate_alone", False)  # not of a class that inherits it
        hooks = self._optimizer_step_pre_hooks or self._optimizer_step_post_hooks
        return bool(known) and not others and not hooks and len(self.param_groups) == 1

    @contextmanager
    def steps_by(self, rate: Tensor) -> Iterator[None]:
        """Within the block a step takes its rate from a tensor, and counts for nothing.

        It is a late step, for which rules make no correction any more.
        """
        (group,) = self.param_groups
        kept = self._schedule, self.decay, self._step, group["lr"]
        self._schedule, self.decay, self._step, group["lr"] = None, 0.0, _LATE, rate
        try:
            yield
        finally:
            self._schedule, self.decay, self._step, group["lr"] = kept

    def rate_of_step(self) -> Any:
        """The rate of the next step, with all corrections."""
        if self._schedule is not None:
            self._write_rate(self._scheduled())
        return self.corrected(self.param_groups[0]["lr"] / (1.0 + self.decay * self._step))

    def corrected(self, rate: Any) -> Any:
        """The rate with what the rule makes of it in the next step."""
        return rate

    def count_step(self) -> None:
        """Count a step that was replayed."""
        self._step += 1

    @property
    def iterations(self) -> Count:
        """How many updates were made; `int(...)`, `.numpy()` and assignment work."""
        return Count(self._step, self._set_step)

    @iterations.setter
    def iterations(self, value):
        self._set_step(value)

    def _set_step(self, value):
        self._step = int(value)


_LATE = 10**9


class Rate(float):
    """A learning rate as read from an optimizer; `assign` writes it back.

    Its value is rounded to `floatx` as in Keras, so it equals any number that rounds to it.
    """

    def __new__(cls, value: float, write: Callable[[float], None]):
        rate = super().__new__(cls, value)
        rate._write = write
        return rate

    def numpy(self) -> np.float32:
        return np.float32(self)

    def value(self) -> Rate:
        return self

    read_value = value

    def assign(self, value: Any) -> None:
        self._write(value)

    def __reduce__(self):  # copies and pickles are plain numbers: they belong to no optimizer
        return float, (float(self),)

    def __eq__(self, other):
        if isinstance(other, (int, float)):
            return float.__eq__(self, other) or np.float32(self) == np.float32(other)
        return float.__eq__(self, other)

    def __ne__(self, other):
        return not self == other

    __hash__ = float.__hash__

    def __repr__(self):
        return str(np.float32(self)) if np.float32(self) == float(self) else float.__repr__(self)

    __str__ = __repr__


class Count(int):
    """The number of steps taken as read from an optimizer; `assign` writes it back."""

    def __new__(cls, value: int, write: Callable[[int], None]):
        count = super().__new__(cls, value)
        count._write = write
        return count

    def numpy(self) -> np.int64:
        return np.int64(self)

    def value(self) -> Count:
        return self

    read_value = value

    def assign(self, value: Any) -> None:
        self._write(int(value))

    def assign_add(self, delta: int) -> None:
        self._write(int(self) + int(delta))

    def __reduce__(self):
        return int, (int(self),)


def _rounded(value) -> float:
    """A rate in the precision of `floatx`, which is what Keras computes with."""
    return float(value) if floatx() == "float64" else float(np.float32(value))
