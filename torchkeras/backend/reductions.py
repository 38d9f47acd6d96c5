"""Sums, means, largest elements: what runs along axes, with Keras' axes and dtypes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from ..config import floatx
from ..layers.tf_functions import largest, smallest
from ..precision import torch_dtype
from .operands import axes_of, dtype_of, is_floating, tensor, tensors

__all__ = [
    "all",
    "any",
    "argmax",
    "argmin",
    "cumprod",
    "cumsum",
    "in_top_k",
    "l2_normalize",
    "logsumexp",
    "max",
    "mean",
    "min",
    "prod",
    "std",
    "sum",
    "var",
]

Axis = int | Sequence[int] | None


def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The sum along `axis` (None: all axes); integers keep their dtype."""
    x, axes = _operand(x, axis)
    if not axes:
        return x
    if is_floating(x):
        return torch.sum(x, axes, keepdims)
    return torch.sum(x, axes, keepdims, dtype=dtype_of(x))


def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The mean along `axis` (None: all axes); that of integers is an integer, of booleans a float.

    >>> mean([[1.0, 3.0], [5.0, 7.0]], axis=0).tolist()
    [3.0, 5.0]
    """
    x, axes = _operand(x, axis, to_floats=True)
    if not axes:
        return x
    if is_floating(x):
        return torch.mean(x, axes, keepdims)
    whole = torch.trunc(torch.mean(x.to(torch.float64), axes, keepdims))
    return whole.to(dtype_of(x))


def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The largest element along `axis` (None: all axes)."""
    x, axes = _operand(x, axis)
    return largest(x, axes, keepdims) if axes else x


def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The smallest element along `axis` (None: all axes)."""
    x, axes = _operand(x, axis)
    return smallest(x, axes, keepdims) if axes else x


def prod(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The product along `axis` (None: all axes)."""
    x, axes = _operand(x, axis)
    dtype = None if is_floating(x) else dtype_of(x)
    for one in sorted((a % x.ndim for a in axes), reverse=True):
        x = torch.prod(x, one, keepdims, dtype=dtype)
    return x


def any(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Whether any element along `axis` is true, or not 0."""
    x, axes = _operand(x, axis)
    return torch.any(x, axes, keepdims) if axes else x.to(torch.bool)


def all(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Whether all elements along `axis` are true, or not 0."""
    x, axes = _operand(x, axis)
    return torch.all(x, axes, keepdims) if axes else x.to(torch.bool)


def var(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The mean squared distance from the mean along `axis`.

    >>> var([1.0, 3.0]).tolist()
    1.0
    """
    x, axes = _operand(x, axis, to_floats=True)
    return torch.var(x, axes, correction=0, keepdim=keepdims) if axes else torch.zeros_like(x)


def std(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The square root of `var`."""
    x, axes = _operand(x, axis, to_floats=True)
    return torch.std(x, axes, correction=0, keepdim=keepdims) if axes else torch.zeros_like(x)


def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """`log(sum(exp(x)))` along `axis`, without overflow; a name of Keras 2.0 to 2.3."""
    x, axes = _operand(x, axis)
    return torch.logsumexp(x, axes, keepdims) if axes else x


def argmax(x: Any, axis: int = -1) -> Any:
    """Where the largest element along `axis` is."""
    return torch.argmax(tensor(x), axis)


def argmin(x: Any, axis: int = -1) -> Any:
    """Where the smallest element along `axis` is."""
    return torch.argmin(tensor(x), axis)


def cumsum(x: Any, axis: int = 0) -> Any:
    """The sums of all elements so far along `axis`.

    >>> cumsum([1.0, 2.0, 3.0]).tolist()
    [1.0, 3.0, 6.0]
    """
    x = tensor(x)
    return torch.cumsum(x, axis) if is_floating(x) else torch.cumsum(x, axis, dtype=dtype_of(x))


def cumprod(x: Any, axis: int = 0) -> Any:
    """The products of all elements so far along `axis`."""
    x = tensor(x)
    return torch.cumprod(x, axis, dtype=None if is_floating(x) else dtype_of(x))


def l2_normalize(x: Any, axis: Axis = None) -> Any:
    """`x` scaled to length 1 along `axis` (None: all axes).

    >>> [f"{v:.2f}" for v in l2_normalize([3.0, 4.0]).tolist()]
    ['0.60', '0.80']
    """
    x, axes = _operand(x, axis)
    squares = torch.sum(torch.square(x), axes, keepdim=True)
    return x * torch.rsqrt(torch.clamp(squares, 1e-12))


def in_top_k(predictions: Any, targets: Any, k: int) -> Any:
    """Whether each target is among the `k` classes with the largest predictions, ties included.

    False for targets that are no class and for predictions that are not finite.

    >>> in_top_k([[0.1, 0.6, 0.3]] * 2, [2, 0], 2).tolist()
    [True, False]
    """
    predictions, targets = tensors(predictions, targets)
    classes = predictions.shape[-1]
    targets = targets.to(torch.int64)
    known = torch.logical_and(torch.ge(targets, 0), torch.lt(targets, classes))
    place = torch.unsqueeze(torch.clamp(targets, 0, classes - 1), 1)
    better = torch.gt(predictions, torch.gather(predictions, 1, place))
    near = torch.lt(torch.sum(better, 1), k)
    return known & near & torch.all(torch.isfinite(predictions), 1)


def _operand(x, axis, to_floats=False):
    x = tensor(x)
    if to_floats and dtype_of(x) is torch.bool:
        x = x.to(torch_dtype(floatx()))
    return x, axes_of(axis, x)
