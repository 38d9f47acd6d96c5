"""How often predictions are right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from ..config import floatx
from ..losses.base import to_tensors
from ..precision import torch_dtype
from .base import TABLE
from .means import MATCHES, MeanMetricWrapper


def _counts(matches: Callable, average: bool = False) -> Callable:
    """Decorator: the function's values are the booleans of `matches`, or means of them."""

    def register(fn):
        MATCHES[fn] = matches, average
        return fn

    return register


def _values(matches: Tensor) -> Tensor:
    return matches.to(torch_dtype(floatx()))


def _equal(y_true, y_pred):
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"accuracy compares tensors of one shape; received y_true {tuple(y_true.shape)} and "
            f"y_pred {tuple(y_pred.shape)}. For scores of classes use categorical_accuracy or "
            "sparse_categorical_accuracy."
        )
    return y_true == y_pred.to(y_true.dtype)


def _binary(y_true, y_pred, threshold=0.5):
    return y_true == (y_pred > threshold)


def _categorical(y_true, y_pred):
    return _sparse(y_true.argmax(-1), y_pred)


def _sparse(y_true, y_pred):
    squeezed = y_true.ndim == y_pred.ndim
    if squeezed:
        if y_true.shape[-1] != 1:
            raise ValueError(
                "sparse_categorical_accuracy takes class numbers; received y_true of shape "
                f"{tuple(y_true.shape)} for y_pred of shape {tuple(y_pred.shape)}. For one-hot "
                "labels use categorical_accuracy."
            )
        y_true = y_true.squeeze(-1)
    matches = y_true == y_pred.argmax(-1)
    return matches.unsqueeze(-1) if squeezed else matches


def _sparse_squeezed(y_true, y_pred):
    matches = _sparse(y_true, y_pred)
    return matches.squeeze(-1) if matches.ndim > 1 and matches.shape[-1] == 1 else matches


def _top_k(y_true, y_pred, k=5):
    return _sparse_top_k(y_true.argmax(-1), y_pred, k)


def _sparse_top_k(y_true, y_pred, k=5):
    shape = y_true.shape
    y_pred = y_pred.reshape(-1, y_pred.shape[-1])
    y_true = y_true.reshape(-1).long()
    inside = (y_true >= 0) & (y_true < y_pred.shape[-1])
    own = y_pred.gather(-1, y_true.clamp(0, y_pred.shape[-1] - 1).unsqueeze(-1))
    # Classes that tie with the true one do not push it out, and rows with a nan or inf never count
    better = (y_pred > own).sum(-1)
    return ((better < k) & inside & y_pred.isfinite().all(-1)).reshape(shape)


@TABLE.add("acc", "ACC")
@_counts(_equal)
def accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where `y_pred` equals `y_true`, else 0.

    >>> accuracy([1, 2], [1, 3]).tolist()
    [1.0, 0.0]
    """
    return _values(_equal(*to_tensors(y_true, y_pred)))


@TABLE.add()
@_counts(_binary, average=True)
def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Tensor:
    """The share over the last axis where `y_pred > threshold` agrees with `y_true`, 0 or 1.

    >>> binary_accuracy([[1, 0]], [[0.9, 0.8]]).tolist()
    [0.5]
    """
    return _values(_binary(*to_tensors(y_true, y_pred), threshold)).mean(-1)


@_counts(_binary)
def _binary_matches(y_true, y_pred, threshold=0.5):
    return _values(_binary(y_true, y_pred, threshold))


@TABLE.add()
@_counts(_categorical)
def categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where the largest score is that of the one-hot label's class, else 0.

    >>> categorical_accuracy([[0, 1], [1, 0]], [[0.1, 0.9], [0.2, 0.8]]).tolist()
    [1.0, 0.0]
    """
    return _values(_categorical(*to_tensors(y_true, y_pred)))


@TABLE.add()
@_counts(_sparse_squeezed)
def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where the largest score is that of the class number in `y_true`, else 0.

    >>> sparse_categorical_accuracy([1, 0], [[0.1, 0.9], [0.2, 0.8]]).tolist()
    [1.0, 0.0]
    """
    return _values(_sparse_squeezed(*to_tensors(y_true, y_pred)))


@_counts(_sparse)
def _sparse_categorical_matches(y_true, y_pred):
    return _values(_sparse(y_true, y_pred))


@TABLE.add()
@_counts(_top_k)
def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Tensor:
    """1 where the one-hot label's class is among the `k` largest scores, else 0.

    >>> top_k_categorical_accuracy([[0, 0, 1]], [[0.5, 0.1, 0.4]], k=2).tolist()
    [1.0]
    """
    return _values(_top_k(*to_tensors(y_true, y_pred), k))


@TABLE.add()
@_counts(_sparse_top_k)
def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Tensor:
    """1 where the class number in `y_true` is among the `k` largest scores, else 0.

    >>> sparse_top_k_categorical_accuracy([2], [[0.5, 0.1, 0.4]], k=2).tolist()
    [1.0]
    """
    return _values(_sparse_top_k(*to_tensors(y_true, y_pred), k))


@TABLE.add()
class Accuracy(MeanMetricWrapper):
    """How often predictions equal labels.

    >>> float(Accuracy()([1, 2, 3, 4], [0, 2, 3, 4]))
    0.75
    """

    def __init__(self, name: str | None = "accuracy", dtype: Any = None):
        super().__init__(accuracy, name, dtype)


@TABLE.add()
class BinaryAccuracy(MeanMetricWrapper):
    """How often predictions beyond `threshold` agree with labels 0 or 1.

    >>> float(BinaryAccuracy()([[1], [1], [0], [0]], [[0.98], [1], [0], [0.6]]))
    0.75
    """

    def __init__(
        self, name: str | None = "binary_accuracy", dtype: Any = None, threshold: float = 0.5
    ):
        super().__init__(_binary_matches, name, dtype, threshold=threshold)


@TABLE.add()
class CategoricalAccuracy(MeanMetricWrapper):
    """How often the largest score is that of the one-hot label's class.

    >>> float(CategoricalAccuracy()([[0, 1], [1, 0]], [[0.1, 0.9], [0.2, 0.8]]))
    0.5
    """

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Any = None):
        super().__init__(categorical_accuracy, name, dtype)


@TABLE.add()
class SparseCategoricalAccuracy(MeanMetricWrapper):
    """How often the largest score is that of the class number in the labels.

    >>> float(SparseCategoricalAccuracy()([1, 0], [[0.1, 0.9], [0.2, 0.8]]))
    0.5
    """

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: Any = None):
        super().__init__(_sparse_categorical_matches, name, dtype)


@TABLE.add()
class TopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the one-hot label's class is among the `k` largest scores.

    >>> float(TopKCategoricalAccuracy(k=2)([[0, 0, 1]], [[0.5, 0.1, 0.4]]))
    1.0
    """

    def __init__(
        self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: Any = None
    ):
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)


@TABLE.add()
class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the class number in the labels is among the `k` largest scores.

    >>> float(SparseTopKCategoricalAccuracy(k=2)([2], [[0.5, 0.1, 0.4]]))
    1.0
    """

    def __init__(
        self, k: int = 5, name: str | None = "sparse_top_k_categorical_accuracy", dtype: Any = None
    ):
        super().__init__(sparse_top_k_categorical_accuracy, name, dtype, k=k)
