"""Sums and weighted means over batches, and metrics that are the mean of a function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..losses.base import MEANS, align, apply_mask, match_rank
from ..losses.base import TABLE as LOSSES
from .base import TABLE, Metric, divide_no_nan

MATCHES: dict[Callable, tuple[Callable, bool]] = {}
"""Function -> (kernel whose booleans it counts, whether it takes their mean over the last axis)."""


class Reduce(Metric):
    """What `Sum`, `Mean` and `SumOverBatchSize` share: a total and, for means, a count."""

    def __init__(self, reduction: str, name: str | None, dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.reduction = reduction
        self.total = self.add_weight("total", initializer="zeros")
        if reduction != "sum":
            self.count = self.add_weight("count", initializer="zeros")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add values, each times its weight.

        `sample_weight` is a number or a tensor that broadcasts to `values`, also after adding or
        removing a last axis of length 1; where it has fewer axes, `values` are first averaged.
        """
        self._accumulate(values, sample_weight)

    def _accumulate(self, values, sample_weight):
        values = self._tensor(values)
        if isinstance(sample_weight, (int, float)):
            self._add(values, values.numel() * sample_weight, sample_weight)
        elif sample_weight is None:
            self._add(values, values.numel(), 1)
        else:
            self._add_weighted(values, self._tensor(sample_weight))

    def _add(self, values, count, scale):
        self.total.value.add_(values.sum() if values.ndim else values, alpha=scale)
        if self.reduction == "weighted_mean":
            self.count.value.add_(count)
        elif self.reduction == "sum_over_batch_size":
            self.count.value.add_(values.numel())

    def _add_weighted(self, values, weights):
        weights = match_rank(weights, values)
        copies = 1  # how often each weight is used
        if _broadcasts(weights.shape, values.shape):
            copies = values.numel() // max(weights.numel(), 1)
        elif weights.ndim < values.ndim:
            axes = tuple(range(weights.ndim, values.ndim))
            values = values.sum(axes) if self.reduction == "sum" else values.mean(axes)
        values = values * weights
        self.total.value.add_(values.sum())
        if self.reduction == "weighted_mean":
            self.count.value.add_(weights.sum(), alpha=copies)
        elif self.reduction == "sum_over_batch_size":
            self.count.value.add_(values.numel())

    def result(self) -> Tensor:
        if self.reduction == "sum":
            return self.total.value
        return divide_no_nan(self.total.value, self.count.value)


def _broadcasts(shape, to):
    if not shape:
        return True
    return len(shape) == len(to) and all(a in (1, b) for a, b in zip(shape, to, strict=True))


@TABLE.add()
class Sum(Reduce):
    """The (weighted) sum of values.

    >>> float(Sum()([1., 3., 5.]))
    9.0
    """

    def __init__(self, name: str | None = "sum", dtype: Any = None):
        super().__init__("sum", name, dtype)


@TABLE.add()
class Mean(Reduce):
    """The (weighted) mean of values.

    >>> float(Mean()([1., 3., 5., 7.], sample_weight=[1, 1, 0, 0]))
    2.0
    """

    def __init__(self, name: str | None = "mean", dtype: Any = None):
        super().__init__("weighted_mean", name, dtype)


@TABLE.add()
class SumOverBatchSize(Reduce):
    """The weighted sum of values divided by their number.

    >>> float(SumOverBatchSize()([1., 3., 5., 7.], sample_weight=[1, 1, 0, 0]))
    1.0
    """

    def __init__(self, name: str | None = "sum_over_batch_size", dtype: Any = None):
        super().__init__("sum_over_batch_size", name, dtype)


class _FunctionMean:
    """Mixin: the values to reduce are those of a function of labels and predictions."""

    def _wrap(self, fn, options):
        self._fn, self._fn_kwargs = fn, options
        self._matches, self._average = MATCHES.get(fn, (None, False))
        self._mean = MEANS.get(fn) if options.get("ignore_class") is None else None
        axis = options.get("axis", -1)
        self._axis = axis if isinstance(axis, int) else None
        for key, value in options.items():
            setattr(self, key, value)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch; weights have the shape of the function's values, or broadcast to it."""
        labels_as_they_are = self._matches is not None
        y_true = self._tensor(y_true, cast=not labels_as_they_are)
        y_pred = self._tensor(y_pred, cast=not labels_as_they_are)
        if y_true.ndim != y_pred.ndim:
            y_true, y_pred = align(y_true, y_pred)
        if sample_weight is None:
            if labels_as_they_are:
                return self._count_matches(self._matches(y_true, y_pred, **self._fn_kwargs))
            if self._mean is not None and self._axis is not None and y_pred.ndim:
                classes = hasattr(self._mean, "takes_classes")
                if classes or y_true.shape == y_pred.shape:
                    return self._add_mean(self._mean(y_true, y_pred, **self._fn_kwargs), y_pred)
        values = self._fn(y_true, y_pred, **self._fn_kwargs)
        if isinstance(values, dict):
            raise RuntimeError(
                f"The function of the metric {self.name!r} must return one tensor; it returned a "
                "dictionary. For several values write a subclass of Metric."
            )
        mask = getattr(values, "_keras_mask", None)
        if mask is not None:
            weight = None if sample_weight is None else self._tensor(sample_weight)
            sample_weight = apply_mask(values, weight, mask)
        self._accumulate(values, sample_weight)

    def _count_matches(self, matches):
        count, width = matches.numel(), 1
        if self._average and matches.ndim:
            width = matches.shape[-1]
        self.total.value.add_(matches.sum(), alpha=1 / width if width > 1 else 1)
        self.count.value.add_(count // max(width, 1))

    def _add_mean(self, mean, y_pred):
        rows = y_pred.numel() // max(y_pred.shape[self._axis], 1)
        self.total.value.add_(mean, alpha=rows)
        self.count.value.add_(rows)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self._fn_kwargs}


@TABLE.add()
class MeanMetricWrapper(_FunctionMean, Mean):
    """The (weighted) mean of `fn(y_true, y_pred, **kwargs)`.

    >>> metric = MeanMetricWrapper(lambda y_true, y_pred: (y_true - y_pred).abs(), name="error")
    >>> float(metric([1., 2.], [2., 5.]))
    2.0
    """

    def __init__(self, fn: Callable, name: str | None = None, dtype: Any = None, **kwargs):
        super().__init__(name=name, dtype=dtype)
        self._wrap(fn, kwargs)

    def get_config(self):
        own = {"fn": self._fn} if type(self) is MeanMetricWrapper else {}
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        fn = config.pop("fn", None)
        if cls is not MeanMetricWrapper:
            return cls(**config)
        is_loss = isinstance(fn, dict) and "reduction" in (fn.get("config") or ())
        return cls((LOSSES if is_loss else TABLE).get(fn), **config)


@TABLE.add()
class SumOverBatchSizeMetricWrapper(_FunctionMean, SumOverBatchSize):
    """The weighted sum of `fn(y_true, y_pred, **kwargs)` divided by the number of values.

    >>> metric = SumOverBatchSizeMetricWrapper(lambda t, p: (t - p).abs(), name="error")
    >>> float(metric([1., 2.], [2., 5.], sample_weight=[1., 0.]))
    0.5
    """

    def __init__(self, fn: Callable, name: str | None = None, dtype: Any = None, **kwargs):
        super().__init__(name=name, dtype=dtype)
        self._wrap(fn, kwargs)


@TABLE.add()
class MeanTensor(Metric):
    """The (weighted) mean of each element of tensors of one shape, taken from the first batch.

    >>> metric = MeanTensor()
    >>> metric.update_state([0., 1.]); metric.update_state([2., 3.])
    >>> metric.result().tolist()
    [1.0, 2.0]
    """

    def __init__(
        self,
        name: str | None = "mean_tensor",
        dtype: Any = None,
        shape: Sequence[int] | None = None,
    ):
        super().__init__(name=name, dtype=dtype)
        self.total = self.count = None
        if shape is not None:
            self._build(shape)

    def _build(self, shape):
        self.total = self.add_weight("total", shape, initializer="zeros")
        self.count = self.add_weight("count", shape, initializer="zeros")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        values = self._tensor(values)
        if self.total is None:
            self._build(values.shape)
        elif values.shape != self.total.shape:
            raise ValueError(
                f"{self.name} averages tensors of the shape {tuple(self.total.shape)}, set by the "
                f"first; received {tuple(values.shape)}."
            )
        weights = torch.ones_like(values)
        if sample_weight is not None:
            sample_weight = match_rank(self._tensor(sample_weight), values)
            if not _broadcasts(sample_weight.shape, values.shape):
                values = values.mean(tuple(range(sample_weight.ndim, values.ndim)))
            weights = weights * sample_weight
            values = values * sample_weight
        self.total.value.add_(values)
        self.count.value.add_(weights)

    def result(self) -> Tensor:
        if self.total is None:
            raise ValueError(f"{self.name} has no value yet: call update_state(values) first.")
        return divide_no_nan(self.total.value, self.count.value)
