"""Activations by their names in `keras.ops`; torch's wherever it has them."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from .. import activations
from .operands import Axis, axes_of, cast, fill, inexact, public, recorded, tensor, unary

_FUNCTIONS = {
    "relu": (F.relu, "0 for negative values."),
    "relu6": (F.relu6, "Kept between 0 and 6."),
    "sigmoid": (torch.sigmoid, "`1 / (1 + exp(-x))`."),
    "softsign": (F.softsign, "`x / (|x| + 1)`."),
    "softplus": (F.softplus, "`log(exp(x) + 1)`."),
    "silu": (F.silu, "`x * sigmoid(x)`."),
    "swish": (F.silu, "`x * sigmoid(x)`."),
    "log_sigmoid": (F.logsigmoid, "The logarithm of the sigmoid."),
    "hard_sigmoid": (F.hardsigmoid, "`relu6(x + 3) / 6`, as Keras 3 has it."),
    "hard_silu": (F.hardswish, "`x * hard_sigmoid(x)`."),
    "hard_swish": (F.hardswish, "`x * hard_sigmoid(x)`."),
    "hard_tanh": (F.hardtanh, "Kept between -1 and 1."),
    "selu": (F.selu, "The scaled exponential linear unit."),
    "tanh_shrink": (F.tanhshrink, "`x - tanh(x)`."),
}
fill(globals(), unary, _FUNCTIONS, floating=False)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """`negative_slope * x` for negative values."""
    return F.leaky_relu(inexact(x), negative_slope)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """`alpha * (exp(x) - 1)` for negative values."""
    return F.elu(inexact(x), alpha)


def celu(x: Any, alpha: float = 1.0) -> Any:
    """`alpha * (exp(x / alpha) - 1)` for negative values."""
    return activations.celu(inexact(x), alpha)


def gelu(x: Any, approximate: bool = True) -> Any:
    """`x` times the normal distribution up to it, by default approximated with a tanh.

    >>> round(gelu(1.0, approximate=False).item(), 4)
    0.8413
    """
    return F.gelu(inexact(x), approximate="tanh" if approximate else "none")


def glu(x: Any, axis: int = -1) -> Any:
    """The first half of an axis times the sigmoid of the second."""
    return F.glu(inexact(x), axis)


def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """0 for values up to `threshold` away from 0."""
    return F.hardshrink(inexact(x), threshold)


def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """Moved towards 0 by `threshold`, and 0 where it would pass."""
    return F.softshrink(inexact(x), threshold)


def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """`default_value` for values not above `threshold`."""
    return F.threshold(tensor(x), threshold, default_value)


def squareplus(x: Any, b: float = 4) -> Any:
    """`(x + sqrt(x ** 2 + b)) / 2`, smooth and near `relu`."""
    return activations.squareplus(inexact(x), b)


def sparse_plus(x: Any) -> Any:
    """0 up to -1, `x` from 1 on, a parabola between."""
    return activations.sparse_plus(inexact(x))


def sparse_sigmoid(x: Any) -> Any:
    """0 up to -1, 1 from 1 on, a line between."""
    return activations.sparse_sigmoid(inexact(x))


@recorded
def sparsemax(x: Any, axis: int = -1) -> Any:
    """The nearest probabilities to `x`, many of them 0 (Martins and Astudillo, 2016).

    >>> sparsemax([1.0, 0.5, -3.0]).tolist()
    [0.75, 0.25, 0.0]
    """
    return activations.sparsemax(inexact(x), axis)


def softmax(x: Any, axis: Axis = -1) -> Any:
    """Probabilities along an axis, along several together, or along all (None).

    >>> softmax([0.0, 0.0]).tolist()
    [0.5, 0.5]
    """
    return _normalised(F.softmax, x, axis)


def log_softmax(x: Any, axis: Axis = -1) -> Any:
    """The logarithm of `softmax`."""
    return _normalised(F.log_softmax, x, axis)


def _normalised(function, x, axis):
    x = inexact(x)
    if isinstance(axis, int):
        return function(x, axis)
    return _over_several(x, function, axes_of(axis, x.ndim))


@recorded
def _over_several(x, function, axes):
    order = [n for n in range(x.ndim) if n not in axes] + list(axes)
    moved = x.permute(order)
    kept = x.ndim - len(axes)
    done = function(moved.flatten(kept), -1).reshape(moved.shape)
    return cast(done.permute([order.index(n) for n in range(x.ndim)]), x.dtype)


__all__ = public(globals())
