"""Intersection over union of predicted and true classes, from a confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .base import TABLE, Metric, divide_no_nan


@TABLE.add()
class IoU(Metric):
    """The mean over `target_class_ids` of intersection over union; classes never seen are left out.

    Labels and predictions are class numbers where `sparse_y_true` and `sparse_y_pred`, else scores
    or one-hot along `axis`. Labels equal to `ignore_class` do not count.

    >>> round(float(IoU(num_classes=2, target_class_ids=[0])([0, 0, 1, 1], [0, 1, 0, 1])), 4)
    0.3333
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        super().__init__(name=name, dtype=dtype)
        self.num_classes = num_classes
        self.target_class_ids = list(target_class_ids)
        self.ignore_class = ignore_class
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        self.axis = axis
        if max(self.target_class_ids) >= num_classes:
            raise ValueError(
                f"target_class_ids must lie in [0, {num_classes}); "
                f"received {self.target_class_ids}."
            )
        self._targets = torch.tensor(self.target_class_ids)
        self.total_cm = self.add_weight("total_confusion_matrix", (num_classes, num_classes))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = self._tensor(y_true, cast=False), self._tensor(y_pred, cast=False)
        y_true = y_true if self.sparse_y_true else y_true.argmax(self.axis)
        y_pred = y_pred if self.sparse_y_pred else y_pred.argmax(self.axis)
        y_true, y_pred = y_true.reshape(-1).long(), y_pred.reshape(-1).long()
        weights = None if sample_weight is None else self._tensor(sample_weight).reshape(-1)
        if self.ignore_class is not None:
            valid = y_true != self.ignore_class
            y_true, y_pred = y_true * valid, y_pred * valid
            valid = self._tensor(valid)
            weights = valid if weights is None else weights * valid
        y_true, y_pred = self._checked(y_true, "y_true"), self._checked(y_pred, "y_pred")
        if weights is None:
            weights = torch.ones((), dtype=self._torch_dtype, device=y_true.device)
        self.total_cm.value.index_put_((y_true, y_pred), weights, accumulate=True)

    def _checked(self, classes, argument):
        if classes.device.type != "cpu":  # no answer to wait for: let the kernel's own check fail
            return torch.where(classes < 0, self.num_classes, classes)
        if classes.numel() and (classes.min() < 0 or classes.max() >= self.num_classes):
            raise ValueError(
                f"{self.name} got class numbers in {argument} from {int(classes.min())} to "
                f"{int(classes.max())}; expected [0, {self.num_classes})."
            )
        return classes

    def result(self) -> Tensor:
        matrix = self.total_cm.value
        hits = matrix.diagonal()
        union = matrix.sum(0) + matrix.sum(1) - hits
        targets = self._targets.to(matrix.device)
        hits, union = hits[targets], union[targets]
        return divide_no_nan(divide_no_nan(hits, union).sum(), (union != 0).sum())

    def get_config(self):
        own = {
            "num_classes": self.num_classes,
            "target_class_ids": self.target_class_ids,
            "ignore_class": self.ignore_class,
            "sparse_y_true": self.sparse_y_true,
            "sparse_y_pred": self.sparse_y_pred,
            "axis": self.axis,
        }
        return {**super().get_config(), **own}


def _without(config, *keys):
    return {key: value for key, value in config.items() if key not in keys}


@TABLE.add()
class BinaryIoU(IoU):
    """Intersection over union of labels 0 or 1 and predictions of at least `threshold`.

    >>> round(float(BinaryIoU(threshold=0.3)([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7])), 4)
    0.3333
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        super().update_state(y_true, self._tensor(y_pred) >= self.threshold, sample_weight)

    def get_config(self):
        keys = ("num_classes", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")
        return {**_without(super().get_config(), *keys), "threshold": self.threshold}


@TABLE.add()
class MeanIoU(IoU):
    """The mean over all classes of intersection over union.

    >>> round(float(MeanIoU(num_classes=2)([0, 0, 1, 1], [0, 1, 0, 1])), 4)
    0.3333
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        options = (ignore_class, sparse_y_true, sparse_y_pred, axis)
        super().__init__(num_classes, range(num_classes), name, dtype, *options)

    def get_config(self):
        return _without(super().get_config(), "target_class_ids")


@TABLE.add()
class OneHotIoU(IoU):
    """`IoU` for one-hot labels and, unless `sparse_y_pred`, scores of the classes along `axis`.

    >>> metric = OneHotIoU(num_classes=2, target_class_ids=[0])
    >>> float(metric([[1, 0], [0, 1]], [[0.9, 0.1], [0.2, 0.8]]))
    1.0
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        options = (ignore_class, False, sparse_y_pred, axis)
        super().__init__(num_classes, target_class_ids, name, dtype, *options)

    def get_config(self):
        return _without(super().get_config(), "sparse_y_true")


@TABLE.add()
class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` for one-hot labels and, unless `sparse_y_pred`, scores of the classes along `axis`.

    >>> float(OneHotMeanIoU(num_classes=2)([[1, 0], [0, 1]], [[0.9, 0.1], [0.2, 0.8]]))
    1.0
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self):
        return _without(super().get_config(), "sparse_y_true")
