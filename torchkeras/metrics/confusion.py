"""True and false positives and negatives at thresholds, and the ratios made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..config import epsilon
from ..losses.base import align, match_rank
from .base import TABLE, Metric, divide_no_nan

_FILTERED = -1e10  # the score of classes outside of the top k


class Counts(Metric):
    """Base of metrics that count outcomes at thresholds; `_count_outcomes` adds a batch.

    `outcomes` says which of true and false positives and negatives are counted, and the attribute
    that holds their numbers, one for each threshold.
    """

    outcomes: dict[str, str] = {}

    def _make_counts(self, thresholds, shape=None):
        self._evenly = are_even(thresholds)
        self._has_outer_ends = thresholds[0] < 0.0 or thresholds[-1] > 1.0
        self._levels = torch.tensor([float(t) for t in thresholds], dtype=self._torch_dtype)
        for attribute in self.outcomes.values():
            setattr(self, attribute, self.add_weight(attribute, shape or (len(thresholds),)))

    def _count_outcomes(
        self, y_true, y_pred, sample_weight, top_k=None, class_id=None, by_label=False, scales=None
    ):
        y_true, y_pred = align(self._tensor(y_true), self._tensor(y_pred))
        if y_true.shape != y_pred.shape:
            raise ValueError(
                f"{self.name} needs y_true and y_pred of one shape; received "
                f"{tuple(y_true.shape)} and {tuple(y_pred.shape)}."
            )
        if top_k is not None:
            y_pred = _only_top_k(y_pred, top_k)
        if class_id is not None:
            y_true, y_pred = y_true[..., class_id, None], y_pred[..., class_id, None]
        weights = self._weights_like(y_pred, sample_weight)
        if scales is not None:
            weights = scales if weights is None else weights * scales
        if weights is not None:
            weights = weights.expand(y_pred.shape)
        labels = y_true.bool()
        if not by_label:
            labels, y_pred = labels.reshape(-1), y_pred.reshape(-1)
            weights = None if weights is None else weights.reshape(-1)
        count = self._by_buckets if self._evenly else self._by_comparing
        count(labels, y_pred, weights)

    def _weights_like(self, y_pred, sample_weight):
        if sample_weight is None:
            return None
        weights = match_rank(self._tensor(sample_weight), y_pred)
        fits = all(a in (1, b) for a, b in zip(weights.shape, y_pred.shape, strict=False))
        if not fits or weights.ndim not in (0, y_pred.ndim):
            raise ValueError(
                f"sample_weight of {self.name} has shape {tuple(weights.shape)}; expected one that "
                f"broadcasts to the predictions' shape {tuple(y_pred.shape)}."
            )
        return weights

    def _by_comparing(self, labels, scores, weights):
        """Every score beside every threshold: few thresholds, or unevenly spaced ones."""
        if len(self._levels) > 1:
            positive = scores > self._levels.view(-1, *[1] * scores.ndim)
        else:
            positive = (scores > self._levels).unsqueeze(0)
        for outcome, attribute in self.outcomes.items():
            found = _OUTCOMES[outcome](labels, positive)
            found = found if weights is None else found * weights
            getattr(self, attribute).value.add_(found.sum(1))

    def _by_buckets(self, labels, scores, weights):
        """Scores sorted into the gaps between evenly spaced thresholds, then summed from above."""
        size = len(self._levels) + 1
        # Bucket 0 takes the scores below the first threshold, which no threshold lets pass
        bucket = (scores.clamp(0.0, 1.0) * (size - 2)).ceil().long()
        bucket = bucket.clamp(1 if self._has_outer_ends else 0, size - 1)
        bucket = labels.long() * size + bucket
        if weights is None:
            weights = torch.ones_like(scores)
        sums = scores.new_zeros(2 * size, *scores.shape[1:]).scatter_add_(0, bucket, weights)
        sums = sums.view(2, size, *scores.shape[1:]).flip(1).cumsum(1).flip(1)
        (all_false, all_true), (false, true) = sums[:, 0], sums[:, 1:]
        found = {
            "true_positives": lambda: true,
            "false_positives": lambda: false,
            "true_negatives": lambda: all_false - false,
            "false_negatives": lambda: all_true - true,
        }
        for outcome, attribute in self.outcomes.items():
            getattr(self, attribute).value.add_(found[outcome]())


_OUTCOMES = {  # of booleans: `a > b` is "a and not b"
    "true_positives": lambda label, positive: label & positive,
    "false_positives": lambda label, positive: positive > label,
    "true_negatives": lambda label, positive: ~(positive | label),
    "false_negatives": lambda label, positive: label > positive,
}


def _own_name(*outcomes):
    return {outcome: outcome for outcome in outcomes}


ALL_OUTCOMES = _own_name("true_positives", "true_negatives", "false_positives", "false_negatives")


def are_even(thresholds: Sequence[float]) -> bool:
    """Whether thresholds are spaced evenly from 0 to 1, up to epsilon.

    >>> are_even([0.0, 0.5, 1.0]), are_even([0.5])
    (True, False)
    """
    if len(thresholds) < 3:
        return False
    even = np.arange(len(thresholds), dtype="float32") / (len(thresholds) - 1)
    return bool(np.allclose(thresholds, even, atol=epsilon()))


def _only_top_k(scores, k):
    best = scores.sort(dim=-1, descending=True, stable=True).indices[..., :k]
    kept = torch.zeros_like(scores, dtype=torch.bool).scatter_(-1, best, True)
    return scores.masked_fill(~kept, _FILTERED)


def _thresholds(given, default):
    if given is None:
        return [default]
    thresholds = list(given) if isinstance(given, (list, tuple)) else [given]
    wrong = [t for t in thresholds if t is None or not 0 <= t <= 1]
    if wrong:
        raise ValueError(f"thresholds must lie in [0, 1]; received {wrong}.")
    return thresholds


class _OneCount(Counts):
    def __init__(self, thresholds=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.thresholds = _thresholds(thresholds, 0.5)
        self._make_counts(self.thresholds)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self._count_outcomes(y_true, y_pred, sample_weight)

    def result(self) -> Tensor:
        value = self.accumulator.value
        return value[0] if len(self.thresholds) == 1 else value

    def get_config(self):
        return {**super().get_config(), "thresholds": self.init_thresholds}


@TABLE.add()
class TruePositives(_OneCount):
    """The (weighted) number of labels 1 with a prediction beyond the threshold, 0.5 unless given.

    >>> float(TruePositives()([0, 1, 1, 1], [1, 0, 1, 1]))
    2.0
    """

    outcomes = {"true_positives": "accumulator"}


@TABLE.add()
class TrueNegatives(_OneCount):
    """The (weighted) number of labels 0 with a prediction up to the threshold.

    >>> float(TrueNegatives()([0, 1, 0, 0], [1, 1, 0, 0]))
    2.0
    """

    outcomes = {"true_negatives": "accumulator"}


@TABLE.add()
class FalsePositives(_OneCount):
    """The (weighted) number of labels 0 with a prediction beyond the threshold.

    >>> float(FalsePositives()([0, 1, 0, 0], [0, 0, 1, 1]))
    2.0
    """

    outcomes = {"false_positives": "accumulator"}


@TABLE.add()
class FalseNegatives(_OneCount):
    """The (weighted) number of labels 1 with a prediction up to the threshold.

    >>> float(FalseNegatives()([0, 1, 1, 1], [0, 1, 0, 0]))
    2.0
    """

    outcomes = {"false_negatives": "accumulator"}


class _Ratio(Counts):
    def __init__(self, thresholds=None, top_k=None, class_id=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.top_k, self.class_id = top_k, class_id
        self.thresholds = _thresholds(thresholds, 0.5 if top_k is None else _FILTERED)
        self._make_counts(self.thresholds)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self._count_outcomes(y_true, y_pred, sample_weight, self.top_k, self.class_id)

    def result(self) -> Tensor:
        right, wrong = (getattr(self, name).value for name in self.outcomes.values())
        ratio = divide_no_nan(right, right + wrong)
        return ratio[0] if len(self.thresholds) == 1 else ratio

    def get_config(self):
        own = {
            "thresholds": self.init_thresholds,
            "top_k": self.top_k,
            "class_id": self.class_id,
        }
        return {**super().get_config(), **own}


@TABLE.add()
class Precision(_Ratio):
    """The share of right ones among the positive predictions.

    A prediction is positive beyond the threshold, 0.5 unless given, or among the `top_k` scores.
    `class_id` looks at one class only.

    >>> round(float(Precision()([0, 1, 1, 1], [1, 0, 1, 1])), 4)
    0.6667
    """

    outcomes = _own_name("true_positives", "false_positives")


@TABLE.add()
class Recall(_Ratio):
    """The share of the labels 1 that have a positive prediction; arguments as for `Precision`.

    >>> round(float(Recall()([0, 1, 1, 1], [1, 0, 1, 1])), 4)
    0.6667
    """

    outcomes = _own_name("true_positives", "false_negatives")


class SensitivitySpecificityBase(Counts):
    """The best value of one ratio among the thresholds at which another reaches `value`."""

    outcomes = ALL_OUTCOMES

    def __init__(
        self,
        value: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        if num_thresholds <= 0:
            raise ValueError(f"num_thresholds must be positive; received {num_thresholds}.")
        if not 0 <= value <= 1:
            raise ValueError(f"The bound of {self.name} must lie in [0, 1]; received {value}.")
        self.value, self.class_id, self.num_thresholds = value, class_id, num_thresholds
        self.thresholds = [0.5] if num_thresholds == 1 else even_thresholds(num_thresholds)
        self._make_counts(self.thresholds)
        self._evenly = num_thresholds > 1

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self._count_outcomes(y_true, y_pred, sample_weight, class_id=self.class_id)

    def _best(self, wanted, bounded):
        return torch.where(bounded >= self.value, wanted, 0.0).amax()  # ratios are not negative

    def _sensitivity(self):
        hits = self.true_positives.value
        return divide_no_nan(hits, hits + self.false_negatives.value)

    def _specificity(self):
        hits = self.true_negatives.value
        return divide_no_nan(hits, hits + self.false_positives.value)

    def _precision(self):
        hits = self.true_positives.value
        return divide_no_nan(hits, hits + self.false_positives.value)

    def get_config(self):
        own = {"class_id": self.class_id, "num_thresholds": self.num_thresholds}
        return {**super().get_config(), **own}


def even_thresholds(count: int) -> list[float]:
    """`count` thresholds from 0 to 1 as tf.keras rounds them.

    >>> even_thresholds(3)
    [0.0, 0.5, 1.0]
    """
    return [0.0, *((i + 1) * 1.0 / (count - 1) for i in range(count - 2)), 1.0]


@TABLE.add()
class SensitivityAtSpecificity(SensitivitySpecificityBase):
    """The best sensitivity (recall) at a specificity of at least `specificity`.

    >>> float(SensitivityAtSpecificity(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8]))
    0.5
    """

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(specificity, num_thresholds, class_id, name, dtype)
        self.specificity = specificity

    def result(self) -> Tensor:
        return self._best(self._sensitivity(), self._specificity())

    def get_config(self):
        return {**super().get_config(), "specificity": self.specificity}


@TABLE.add()
class SpecificityAtSensitivity(SensitivitySpecificityBase):
    """The best specificity at a sensitivity (recall) of at least `sensitivity`.

    >>> round(float(SpecificityAtSensitivity(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])), 4)
    0.6667
    """

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)
        self.sensitivity = sensitivity

    def result(self) -> Tensor:
        return self._best(self._specificity(), self._sensitivity())

    def get_config(self):
        return {**super().get_config(), "sensitivity": self.sensitivity}


@TABLE.add()
class PrecisionAtRecall(SensitivitySpecificityBase):
    """The best precision at a recall of at least `recall`.

    >>> float(PrecisionAtRecall(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8]))
    0.5
    """

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(recall, num_thresholds, class_id, name, dtype)
        self.recall = recall

    def result(self) -> Tensor:
        return self._best(self._precision(), self._sensitivity())

    def get_config(self):
        return {**super().get_config(), "recall": self.recall}


@TABLE.add()
class RecallAtPrecision(SensitivitySpecificityBase):
    """The best recall at a precision of at least `precision`.

    >>> float(RecallAtPrecision(0.8)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9]))
    0.5
    """

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(precision, num_thresholds, class_id, name, dtype)
        self.precision = precision

    def result(self) -> Tensor:
        return self._best(self._sensitivity(), self._precision())

    def get_config(self):
        return {**super().get_config(), "precision": self.precision}
