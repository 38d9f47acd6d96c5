"""F scores: precision and recall in one number."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from .base import TABLE, Metric, divide_no_nan


@TABLE.add()
class FBetaScore(Metric):
    """The weighted harmonic mean of precision and recall, recall counting `beta` times as much.

    Takes one-hot or multi-hot labels and scores of shape `(batch, classes)`. A class is predicted
    where its score is the row's largest, or beyond `threshold`. `average` over classes is None (one
    score a class), 'micro', 'macro' or 'weighted'.

    >>> FBetaScore(beta=2.0)([[1., 0.], [0., 1.]], [[0.9, 0.1], [0.2, 0.8]]).tolist()
    [1.0, 1.0]
    """

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(
                f"average must be None, 'micro', 'macro' or 'weighted'; received {average!r}."
            )
        if not isinstance(beta, float) or beta <= 0.0:
            raise ValueError(f"beta must be a float above 0; received {beta!r}.")
        if threshold is not None and not (isinstance(threshold, float) and 0.0 < threshold <= 1.0):
            raise ValueError(f"threshold must be a float in (0, 1]; received {threshold!r}.")
        self.average, self.beta, self.threshold = average, beta, threshold
        self.axis = None if average == "micro" else 0
        self.built = False

    def build(self, y_true_shape: Any, y_pred_shape: Any) -> None:
        """Make the state, one entry a class unless the average is 'micro'."""
        if len(y_pred_shape) != 2 or len(y_true_shape) != 2:
            raise ValueError(
                f"{type(self).__name__} expects y_true and y_pred of shape (batch, classes); "
                f"received {tuple(y_true_shape)} and {tuple(y_pred_shape)}."
            )
        shape = () if self.average == "micro" else (y_pred_shape[-1],)
        self.true_positives = self.add_weight("true_positives", shape)
        self.false_positives = self.add_weight("false_positives", shape)
        self.false_negatives = self.add_weight("false_negatives", shape)
        self.intermediate_weights = self.add_weight("intermediate_weights", shape)
        self.built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = self._tensor(y_true), self._tensor(y_pred)
        if not self.built:
            self.build(y_true.shape, y_pred.shape)
        if self.threshold is None:
            largest = y_pred >= y_pred.amax(-1, keepdim=True)
            y_pred = largest & (y_pred.abs() > 1e-9)
        else:
            y_pred = y_pred > self.threshold
        y_pred = self._tensor(y_pred)
        weights = None if sample_weight is None else self._tensor(sample_weight).unsqueeze(1)
        for variable, values in (
            (self.true_positives, y_pred * y_true),
            (self.false_positives, y_pred * (1 - y_true)),
            (self.false_negatives, (1 - y_pred) * y_true),
            (self.intermediate_weights, y_true),
        ):
            values = values if weights is None else values * weights
            variable.value.add_(values.sum(self.axis))

    def result(self) -> Tensor:
        hits = self.true_positives.value
        precision = divide_no_nan(hits, hits + self.false_positives.value)
        recall = divide_no_nan(hits, hits + self.false_negatives.value)
        square = self.beta**2
        score = divide_no_nan(precision * recall, square * precision + recall) * (1 + square)
        if self.average == "weighted":
            labels = self.intermediate_weights.value
            return (score * divide_no_nan(labels, labels.sum())).sum()
        return score if self.average is None else score.mean()

    def get_config(self):
        own = {"average": self.average, "beta": self.beta, "threshold": self.threshold}
        return {**super().get_config(), **own}


@TABLE.add()
class F1Score(FBetaScore):
    """The harmonic mean of precision and recall; arguments as for `FBetaScore`.

    >>> float(F1Score(average="macro")([[1., 0.], [0., 1.]], [[0.9, 0.1], [0.2, 0.8]]))
    1.0
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: Any = None,
    ):
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self):
        config = super().get_config()
        del config["beta"]
        return config
