"""Operators of the code in files, on tensors and on the small values beside them."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from torch import Tensor

from ... import backend
from ...graph import KerasTensor
from ...layers.tf_table import FUNCTIONS
from . import names
from .names import Unknown

_SYMBOLS = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
    "@": operator.matmul,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
}
UNARY = {"-": operator.neg, "+": operator.pos, "not": operator.not_, "~": operator.invert}
COMPARED = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "is": operator.is_,
    "is not": operator.is_not,
    "in": lambda x, y: x in y,
    "not in": lambda x, y: x not in y,
}


def is_tensor(x: Any) -> bool:
    """Whether `x` is one, symbolic or not."""
    return isinstance(x, (Tensor, KerasTensor))


def _like(x, other):
    """An array or a list beside a tensor as a tensor of its dtype, as in TensorFlow."""
    if is_tensor(other) and isinstance(x, (np.ndarray, np.generic, list, tuple)):
        return backend.constant(x, dtype=names.attribute(other, "dtype"))
    return x


def binary(symbol: str, x: Any, y: Any) -> Any:
    """`x symbol y`; `Unknown` for what is no arithmetic, or makes something large."""
    if symbol == "div":  # of Python 2
        whole = isinstance(x, int) and isinstance(y, int)
        symbol = "//" if whole else "/"
    if is_tensor(x) or is_tensor(y):
        return _SYMBOLS[symbol](_like(x, y), _like(y, x))
    if symbol not in _SYMBOLS or isinstance(x, str) and symbol != "+":
        raise Unknown(f"it computes {symbol} of a {type(x).__name__}")
    if symbol == "**" and isinstance(x, int) and isinstance(y, int) and abs(y) > 512:
        raise Unknown(f"it computes {y} as a power")
    if symbol == "*" and isinstance(x, (list, tuple)) or isinstance(y, (list, tuple, str)):
        many, times = (x, y) if isinstance(y, int) else (y, x)
        if symbol == "*" and isinstance(times, int) and len(many) * times > 10**6:
            raise Unknown("it repeats a list too often")
    made = _SYMBOLS[symbol](x, y)
    if not names.is_small(made):
        raise Unknown("it makes something too large")
    return made


def item(value: Any, index: Any) -> Any:
    """`value[index]`, with steps backwards as TensorFlow takes them."""
    if is_tensor(value):
        spec = index if isinstance(index, tuple) else (index,)
        return FUNCTIONS["getitem"](value, list(spec)) if _is_stepped(spec) else value[index]
    if isinstance(value, (list, tuple, dict, str, np.ndarray, range)):
        made = value[index]
        is_part = isinstance(value, names.Shape) and isinstance(index, slice)
        return names.Shape(made) if is_part else made
    raise Unknown(f"it takes an item of a {type(value).__name__}")


def _is_stepped(spec):
    return any(isinstance(one, slice) and (one.step or 1) < 0 for one in spec)
