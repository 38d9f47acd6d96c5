"""The area under the ROC or precision-recall curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..arrays import as_tensor, to_numpy
from ..config import epsilon
from ..configs import from_plain
from .base import TABLE, divide_no_nan
from .confusion import ALL_OUTCOMES, Counts, are_even, even_thresholds

_CURVES = {"roc": "ROC", "ROC": "ROC", "pr": "PR", "PR": "PR"}
_SUMMATIONS = ("interpolation", "minoring", "majoring")


@TABLE.add()
class AUC(Counts):
    """The area under a curve over `num_thresholds` thresholds, or over those in `thresholds`.

    `curve` is 'ROC' (recall over the false positive rate) or 'PR' (precision over recall);
    `summation_method` 'interpolation', 'minoring' or 'majoring'. With `multi_label`, each of the
    last axis's `num_labels` labels has a curve of its own and the mean area counts, weighted by
    `label_weights`; without it these weigh the predictions. `from_logits` applies a sigmoid.

    >>> float(AUC(num_thresholds=3)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9]))
    0.75
    """

    outcomes = ALL_OUTCOMES

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ):
        super().__init__(name=name, dtype=dtype)
        if curve not in _CURVES:
            raise ValueError(f"curve must be 'ROC' or 'PR'; received {curve!r}.")
        if summation_method.lower() not in _SUMMATIONS:
            raise ValueError(
                f"summation_method must be one of {', '.join(_SUMMATIONS)}; "
                f"received {summation_method!r}."
            )
        if num_labels and not multi_label:
            raise ValueError("num_labels is needed only where multi_label is True.")
        self.curve, self.summation_method = _CURVES[curve], summation_method.lower()
        self._given_thresholds = thresholds is not None
        inner = self._inner_thresholds(thresholds, num_thresholds)
        self.num_thresholds = len(inner) + 2
        self.thresholds = [0.0 - epsilon(), *inner, 1.0 + epsilon()]
        self.multi_label, self.num_labels, self.from_logits = multi_label, num_labels, from_logits
        self.label_weights = None
        if label_weights is not None:
            self.label_weights = as_tensor(from_plain(label_weights), self._torch_dtype)
            if bool((self.label_weights < 0).any()):
                raise ValueError("label_weights must not be negative.")
        self.built = False
        if not multi_label:
            self._build(None)
        elif num_labels:
            self._build((None, num_labels))

    def _inner_thresholds(self, thresholds, num_thresholds):
        if thresholds is not None:
            return [float(t) for t in sorted(thresholds)]
        if num_thresholds <= 1:
            raise ValueError(f"num_thresholds must be at least 2; received {num_thresholds}.")
        return even_thresholds(num_thresholds)[1:-1]

    def _build(self, shape):
        if shape is not None and len(shape) != 2:
            raise ValueError(
                f"{self.name} with multi_label needs y_pred of shape (batch, labels); received "
                f"{tuple(shape)}."
            )
        labels = () if shape is None else (shape[1],)
        self._make_counts(self.thresholds, (self.num_thresholds, *labels))
        self._evenly = not self._given_thresholds or are_even([0.0, *self.thresholds[1:-1], 1.0])
        self.built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_pred = self._tensor(y_pred)
        if not self.built:
            self._build(y_pred.shape)
            self._levels = self._levels.to(y_pred.device)
        labels = self.true_positives.shape[-1] if self.multi_label else None
        if self.label_weights is not None:
            labels = len(self.label_weights)
        if labels is not None and y_pred.shape[-1] != labels:
            raise ValueError(
                f"{self.name} counts {labels} labels; received y_pred of shape "
                f"{tuple(y_pred.shape)}."
            )
        if self.from_logits:
            y_pred = torch.sigmoid(y_pred)
        scales = None if self.multi_label else self.label_weights
        self._count_outcomes(
            y_true, y_pred, sample_weight, by_label=self.multi_label, scales=scales
        )

    def result(self) -> Tensor:
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self.interpolate_pr_auc()
        tp, fp = self.true_positives.value, self.false_positives.value
        recall = divide_no_nan(tp, tp + self.false_negatives.value)
        if self.curve == "ROC":
            x, y = divide_no_nan(fp, fp + self.true_negatives.value), recall
        else:
            x, y = recall, divide_no_nan(tp, tp + fp)
        left, right = y[:-1], y[1:]
        if self.summation_method == "interpolation":
            heights = (left + right) / 2.0
        else:
            minoring = self.summation_method == "minoring"
            heights = torch.minimum(left, right) if minoring else torch.maximum(left, right)
        return self._over_labels((x[:-1] - x[1:]) * heights)

    def interpolate_pr_auc(self) -> Tensor:
        """The area under the precision-recall curve, interpolated as Davis and Goadrich (2006) do.

        Between two thresholds true positives are linear in all positives; the area of precision
        over that stretch of recall has a closed form with a logarithm.
        """
        tp, fn = self.true_positives.value, self.false_negatives.value
        positives = tp + self.false_positives.value
        rise, run = tp[:-1] - tp[1:], positives[:-1] - positives[1:]
        slope = divide_no_nan(rise, run.clamp_min(0))
        intercept = tp[1:] - slope * positives[1:]
        both = (positives[:-1] > 0) & (positives[1:] > 0)
        ratio = torch.where(both, divide_no_nan(positives[:-1], positives[1:].clamp_min(0)), 1.0)
        area = slope * (rise + intercept * ratio.log())
        return self._over_labels(divide_no_nan(area, (tp[1:] + fn[1:]).clamp_min(0)))

    def _over_labels(self, areas):
        if not self.multi_label:
            return areas.sum()
        areas = areas.sum(0)
        if self.label_weights is None:
            return areas.mean()
        weights = self.label_weights
        return divide_no_nan((areas * weights).sum(), weights.sum())

    def get_config(self):
        weights = self.label_weights
        config = {
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": None if weights is None else to_numpy(weights),
            "from_logits": self.from_logits,
        }
        if self._given_thresholds:
            config["thresholds"] = self.thresholds[1:-1]
        return {**super().get_config(), **config}
