"""Functions of each element and comparisons, with Keras' names."""

from __future__ import annotations

from typing import Any

import torch

from .operands import tensor, tensors

__all__ = [
    "abs",
    "clip",
    "cos",
    "equal",
    "exp",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "log",
    "maximum",
    "minimum",
    "not_equal",
    "pow",
    "round",
    "sign",
    "sin",
    "sqrt",
    "square",
]


def abs(x: Any) -> Any:
    """The absolute value."""
    return torch.abs(tensor(x))


def cos(x: Any) -> Any:
    """The cosine."""
    return torch.cos(tensor(x))


def exp(x: Any) -> Any:
    """e to the power of `x`."""
    return torch.exp(tensor(x))


def log(x: Any) -> Any:
    """The natural logarithm."""
    return torch.log(tensor(x))


def round(x: Any) -> Any:
    """The nearest integer; a half goes to the even one.

    >>> round([0.5, 1.5]).tolist()
    [0.0, 2.0]
    """
    return torch.round(tensor(x))


def sign(x: Any) -> Any:
    """-1, 0 or 1."""
    return torch.sign(tensor(x))


def sin(x: Any) -> Any:
    """The sine."""
    return torch.sin(tensor(x))


def sqrt(x: Any) -> Any:
    """The square root, 0 for negative values.

    >>> sqrt([-1.0, 4.0]).tolist()
    [0.0, 2.0]
    """
    return torch.sqrt(torch.clamp(tensor(x), 0.0))


def square(x: Any) -> Any:
    """`x * x`."""
    return torch.square(tensor(x))


def pow(x: Any, a: Any) -> Any:
    """`x` to the power of `a`."""
    x, a = tensors(x, a)
    return torch.pow(x, a)


def clip(x: Any, min_value: Any, max_value: Any) -> Any:
    """`x` kept between the two; None leaves a side open.

    >>> clip([-3.0, 0.5, 3.0], 0, 1).tolist()
    [0.0, 0.5, 1.0]
    """
    x = tensor(x)
    plain = (int, float)
    if isinstance(min_value, plain) and isinstance(max_value, plain) and max_value < min_value:
        max_value = min_value
    if min_value is None and max_value is None:
        return x
    if not isinstance(min_value, (*plain, type(None))) or not isinstance(
        max_value, (*plain, type(None))
    ):
        _, min_value, max_value = tensors(x, min_value, max_value)
    return torch.clamp(x, min_value, max_value)


# --- two tensors -----------------------------------------------------------------------------


def maximum(x: Any, y: Any) -> Any:
    """The larger of each two elements."""
    return torch.maximum(*tensors(x, y))


def minimum(x: Any, y: Any) -> Any:
    """The smaller of each two elements."""
    return torch.minimum(*tensors(x, y))


def equal(x: Any, y: Any) -> Any:
    """Whether each two elements are equal."""
    return torch.eq(*tensors(x, y))


def not_equal(x: Any, y: Any) -> Any:
    """Whether each two elements differ."""
    return torch.ne(*tensors(x, y))


def greater(x: Any, y: Any) -> Any:
    """`x > y`, element by element."""
    return torch.gt(*tensors(x, y))


def greater_equal(x: Any, y: Any) -> Any:
    """`x >= y`, element by element."""
    return torch.ge(*tensors(x, y))


def less(x: Any, y: Any) -> Any:
    """`x < y`, element by element."""
    return torch.lt(*tensors(x, y))


def less_equal(x: Any, y: Any) -> Any:
    """`x <= y`, element by element."""
    return torch.le(*tensors(x, y))
