"""Losses between classes and the scores or probabilities predicted for them.

Where predictions come out of a softmax or sigmoid that left its input on them (`_keras_logits`),
the crossentropies are computed from that input, as tf.keras does.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..activations import are_narrow
from ..config import epsilon
from . import labels as class_labels
from .base import TABLE, LossFunctionWrapper, loss_function, mean_of, to_floats, to_tensors

_NO_CLASS = -(2**63)  # an ignore_index that no label can have


@loss_function("bce", "BCE")
def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """The mean over `axis` of the crossentropy between labels 0 or 1 and probabilities.

    `y_pred` are logits where `from_logits`. `label_smoothing` moves labels towards 0.5.

    >>> round(float(binary_crossentropy([[1.]], [[0.5]])), 4)
    0.6931
    """
    y_true, y_pred = to_floats(y_true, y_pred)
    y_true = _smooth_binary(y_true, label_smoothing)
    return _binary_values(y_true, y_pred, from_logits, "binary_crossentropy").mean(axis)


def _smooth_binary(y_true, label_smoothing):
    return y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing if label_smoothing else y_true


def _binary_values(y_true, y_pred, from_logits, name):
    y_pred, from_logits = _logits(y_pred, from_logits, "sigmoid", name)
    if from_logits:
        return F.binary_cross_entropy_with_logits(y_pred, y_true, reduction="none")
    y_pred = y_pred.clamp(epsilon(), 1.0 - epsilon())
    ones = y_true * (y_pred + epsilon()).log()
    return -(ones + (1.0 - y_true) * (1.0 - y_pred + epsilon()).log())


@mean_of(binary_crossentropy)
def _binary_mean(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    logits, from_logits = _logits(y_pred, from_logits, "sigmoid", "binary_crossentropy")
    if not from_logits:
        return binary_crossentropy(y_true, y_pred, False, label_smoothing).mean()
    y_true, logits = to_floats(y_true, logits)
    return F.binary_cross_entropy_with_logits(logits, _smooth_binary(y_true, label_smoothing))


@loss_function()
def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Binary crossentropy times `(1 - p) ** gamma`, `p` the probability of the true class.

    With `apply_class_balancing`, class 1 weighs `alpha` and class 0 `1 - alpha`.

    >>> round(float(binary_focal_crossentropy([[1.]], [[0.5]])), 4)
    0.1733
    """
    y_true, y_pred = to_floats(y_true, y_pred)
    y_true = _smooth_binary(y_true, label_smoothing)
    probability = torch.sigmoid(y_pred) if from_logits else y_pred
    of_truth = y_true * probability + (1.0 - y_true) * (1.0 - probability)
    losses = _binary_values(y_true, y_pred, from_logits, "binary_focal_crossentropy")
    losses = (1.0 - of_truth).pow(gamma) * losses
    if apply_class_balancing:
        losses = (y_true * alpha + (1.0 - y_true) * (1.0 - alpha)) * losses
    return losses.mean(axis)


@loss_function()
def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """The crossentropy along `axis` between one-hot labels and probabilities.

    `y_pred` are logits where `from_logits`, else they are scaled to sum to one.
    `label_smoothing` moves labels towards `1 / classes`. The gradient with respect to logits is the
    true one also for labels that do not sum to one, where tf's kernel returns softmax - labels.

    >>> round(float(categorical_crossentropy([[0., 1.]], [[0.5, 0.5]])), 4)
    0.6931
    """
    y_true, y_pred = _one_hot(y_true, y_pred, axis, "categorical_crossentropy")
    logits, from_logits = _logits(y_pred, from_logits, "softmax", "categorical_crossentropy")
    if from_logits:
        logits, y_true = _classes_last(logits, axis), _classes_last(y_true, axis)
        rows, wanted = _rows(logits), _rows(y_true)
        losses = _cross_entropy(rows, wanted, reduction="none", label_smoothing=label_smoothing)
        return losses.reshape(logits.shape[:-1])
    y_true = _smooth_one_hot(y_true, label_smoothing, axis)
    return -(y_true * _normalized(y_pred, axis).log()).sum(axis)


@mean_of(categorical_crossentropy)
def _categorical_mean(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    logits, from_logits = _logits(y_pred, from_logits, "softmax", "categorical_crossentropy")
    if not from_logits:
        return categorical_crossentropy(y_true, y_pred, False, label_smoothing, axis).mean()
    y_true, logits = _one_hot(y_true, logits, axis, "categorical_crossentropy")
    logits, y_true = _classes_last(logits, axis), _classes_last(y_true, axis)
    return _cross_entropy(_rows(logits), _rows(y_true), label_smoothing=label_smoothing)


def _cross_entropy(rows, labels, **options):
    """`F.cross_entropy`, along columns where that is quicker."""
    if not are_narrow(rows):
        return F.cross_entropy(rows, labels, **options)
    labels = labels if labels.ndim == 1 else labels.t()
    return F.cross_entropy(rows.t().unsqueeze(0), labels.unsqueeze(0), **options).squeeze(0)


def _one_hot(y_true, y_pred, axis, name):
    if isinstance(axis, bool):
        raise ValueError(f"axis of {name} must be an integer; received {axis}.")
    y_true, y_pred = to_floats(y_true, y_pred)
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"{name} needs y_true and y_pred of one shape; received {tuple(y_true.shape)} and "
            f"{tuple(y_pred.shape)}. For labels that are class numbers use "
            "sparse_categorical_crossentropy."
        )
    if y_pred.shape[-1] == 1:
        warnings.warn(
            f"{name} over a single class is always 0 (y_pred has shape {tuple(y_pred.shape)}); "
            "for two classes in one column use binary_crossentropy.",
            SyntaxWarning,
            stacklevel=3,
        )
    return y_true, y_pred


def _smooth_one_hot(y_true, label_smoothing, axis):
    if not label_smoothing:
        return y_true
    return y_true * (1.0 - label_smoothing) + label_smoothing / y_true.shape[axis]


def _normalized(y_pred, axis):
    return (y_pred / y_pred.sum(axis, keepdim=True)).clamp(epsilon(), 1.0 - epsilon())


def _classes_last(x, axis):
    return x if axis in (-1, x.ndim - 1) else x.movedim(axis, -1)


def _rows(x):
    return x if x.ndim == 2 else x.reshape(-1, x.shape[-1])


@loss_function()
def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Categorical crossentropy with each class's term times `alpha * (1 - p) ** gamma`.

    >>> round(float(categorical_focal_crossentropy([[0., 1.]], [[0.5, 0.5]])), 4)
    0.0433
    """
    name = "categorical_focal_crossentropy"
    y_true, y_pred = _one_hot(y_true, y_pred, axis, name)
    y_true = _smooth_one_hot(y_true, label_smoothing, -1)
    y_pred, from_logits = _logits(y_pred, from_logits, "softmax", name)
    if from_logits:
        y_pred = y_pred.softmax(axis)
    y_pred = _normalized(y_pred, axis)
    return ((1.0 - y_pred).pow(gamma) * alpha * -y_true * y_pred.log()).sum(axis)


@loss_function()
def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    axis: int = -1,
    ignore_class: int | None = None,
) -> Tensor:
    """The crossentropy between class numbers and probabilities along `axis`.

    `y_true` has the shape of `y_pred` without `axis`, or with length 1 there. Labels equal to
    `ignore_class` give 0 and are masked (`_keras_mask`). A label outside of the classes is a
    ValueError on the CPU; elsewhere the loss is NaN, and `fit` raises the error with the epoch.

    >>> round(float(sparse_categorical_crossentropy([1], [[0.5, 0.5]])), 4)
    0.6931
    """
    labels, logits = _labels_and_logits(y_true, y_pred, from_logits, axis)
    losses = _sparse_kernel(labels, logits, ignore_class, "none").reshape(logits.shape[:-1])
    if ignore_class is not None:
        losses._keras_mask = (labels != ignore_class).reshape(losses.shape)
    return losses


@mean_of(sparse_categorical_crossentropy, takes_classes=True)
def _sparse_mean(y_true, y_pred, from_logits=False, axis=-1, ignore_class=None):
    labels, logits = _labels_and_logits(y_true, y_pred, from_logits, axis)
    return _sparse_kernel(labels, logits, ignore_class, "mean")


def _labels_and_logits(y_true, y_pred, from_logits, axis):
    if not (isinstance(y_true, Tensor) and isinstance(y_pred, Tensor)):
        y_true, y_pred = to_tensors(y_true, y_pred)
    logits, from_logits = _logits(y_pred, from_logits, "softmax", "sparse_categorical_crossentropy")
    if not from_logits:
        logits = logits.clamp(epsilon(), 1.0 - epsilon()).log()
    return y_true.long().reshape(-1), _classes_last(logits, axis)


def _sparse_kernel(labels, logits, ignore_class, reduction):
    ignore = _NO_CLASS if ignore_class is None else ignore_class
    rows = _rows(logits)
    if labels.shape[0] != rows.shape[0]:
        raise ValueError(
            "sparse_categorical_crossentropy needs one class number for each of the "
            f"{rows.shape[0]} predictions (y_pred has shape {tuple(logits.shape)}); received "
            f"{labels.shape[0]} labels. For one-hot labels use categorical_crossentropy."
        )
    if not class_labels.looked_at(labels):
        name = "sparse_categorical_crossentropy"
        return class_labels.cross_entropy(rows, labels, ignore, reduction, name)
    try:
        return _cross_entropy(rows, labels, ignore_index=ignore, reduction=reduction)
    except IndexError as error:  # only the CPU looks at the labels
        raise ValueError(
            "sparse_categorical_crossentropy got a label outside of the valid range "
            f"[0, {rows.shape[1]}): labels lie in [{int(labels.min())}, {int(labels.max())}]."
        ) from error


def _logits(y_pred, from_logits, activation, name):
    logits = getattr(y_pred, "_keras_logits", None)
    if logits is None:
        return y_pred, from_logits
    if from_logits:
        warnings.warn(
            f"{name} was told from_logits=True, but its y_pred comes out of a {activation}; "
            f"the input of the {activation} is used.",
            stacklevel=3,
        )
    return logits, True


@TABLE.add()
class BinaryCrossentropy(LossFunctionWrapper):
    """Crossentropy between labels 0 or 1 and probabilities, or logits where `from_logits`.

    >>> round(float(BinaryCrossentropy()([[1.]], [[0.5]])), 4)
    0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str = "auto",
        name: str | None = "binary_crossentropy",
    ):
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(binary_crossentropy, reduction, name, **options)


@TABLE.add()
class BinaryFocalCrossentropy(LossFunctionWrapper):
    """Binary crossentropy that counts well classified samples less, by `(1 - p) ** gamma`.

    >>> round(float(BinaryFocalCrossentropy()([[1.]], [[0.5]])), 4)
    0.1733
    """

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str = "auto",
        name: str | None = "binary_focal_crossentropy",
    ):
        super().__init__(
            binary_focal_crossentropy,
            reduction,
            name,
            apply_class_balancing=apply_class_balancing,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


@TABLE.add()
class CategoricalCrossentropy(LossFunctionWrapper):
    """Crossentropy between one-hot labels and probabilities, or logits where `from_logits`.

    >>> round(float(CategoricalCrossentropy()([[0., 1.]], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str = "auto",
        name: str | None = "categorical_crossentropy",
    ):
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(categorical_crossentropy, reduction, name, **options)


@TABLE.add()
class CategoricalFocalCrossentropy(LossFunctionWrapper):
    """Categorical crossentropy that counts well classified samples less, by `(1 - p) ** gamma`.

    >>> round(float(CategoricalFocalCrossentropy()([[0., 1.]], [[0.5, 0.5]])), 4)
    0.0433
    """

    def __init__(
        self,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str = "auto",
        name: str | None = "categorical_focal_crossentropy",
    ):
        super().__init__(
            categorical_focal_crossentropy,
            reduction,
            name,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


@TABLE.add()
class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """Crossentropy between class numbers and probabilities, or logits where `from_logits`.

    >>> round(float(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str = "auto",
        name: str | None = "sparse_categorical_crossentropy",
    ):
        options = {"from_logits": from_logits, "ignore_class": ignore_class}
        super().__init__(sparse_categorical_crossentropy, reduction, name, **options)
