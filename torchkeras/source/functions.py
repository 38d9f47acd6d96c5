"""Recorded calls of functions, as the text that makes them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import activations
from ..symbols import size_of
from .natives import Unwritten

_OPERATORS = {
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**",
    "matmul": "@", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "and": "&", "or": "|",
}  # fmt: skip
_ALIASES = {"true_divide": "div", "concat": "cat", "concatenate": "cat"}

# Functions of each value by itself: the order of axes is nothing to them.
ELEMENTWISE = frozenset(
    "add radd sub rsub mul rmul truediv rtruediv floordiv mod pow rpow neg abs lt le gt ge and or "
    "invert relu relu6 sigmoid tanh exp expm1 log log1p log2 log10 sqrt rsqrt square sin cos tan "
    "erf floor ceil round sign clamp clip maximum minimum where eq ne gt_ ge_ gelu silu elu selu "
    "celu mish softplus softsign leaky_relu hardtanh hardsigmoid hardswish logsigmoid multiply "
    "subtract divide negative reciprocal float double to logical_and logical_or logical_not lerp "
    "isnan isfinite clone detach contiguous threshold div true_divide linear_".split()
)


def bare_name(function: Callable) -> str:
    """`'add'` for `Tensor.__add__`, `torch.add` and `Tensor.add`."""
    method = method_name(function)
    if method is not None:
        return method.strip("_")
    return getattr(function, "__name__", type(function).__name__).strip("_")


def _reverse(namespace, prefix, found):
    for name in dir(namespace):
        value = getattr(namespace, name)
        if callable(value) and not name.startswith("_") and not inspect.isclass(value):
            found.setdefault(value, f"{prefix}.{name}")


def _known():
    found: dict[Any, str] = {}
    for name in ("relu", "sigmoid", "tanh", "softmax", "cat"):  # of torch where F has it too
        found[getattr(torch, name)] = f"torch.{name}"
    for namespace, prefix in (
        (F, "F"), (torch, "torch"), (torch.special, "torch.special"),
        (torch.linalg, "torch.linalg"), (torch.fft, "torch.fft"), (torch.nn.init, "nn.init"),
    ):  # fmt: skip
        _reverse(namespace, prefix, found)
    found[activations.sigmoid], found[activations.softmax] = "torch.sigmoid", "torch.softmax"
    return found


_PLACES: dict[Any, str] = {}


def place_of(function: Callable) -> str | None:
    """Where torch has a function: `'F.relu'`; None for functions of others."""
    if not _PLACES:
        _PLACES.update(_known())
    try:
        return _PLACES.get(function)
    except TypeError:  # not hashable
        return None


_METHODS: dict[Any, str] = {}


def method_name(function: Callable) -> str | None:
    """The name under which tensors have a method: `'__pow__'`; None for other functions."""
    if not _METHODS:
        for name in sorted(dir(Tensor), reverse=True):  # names without underscores come first
            value = getattr(Tensor, name)
            if callable(value) and not inspect.isclass(value):
                _METHODS.setdefault(value, name)
    try:
        return _METHODS.get(function)
    except TypeError:  # not hashable
        return None


def is_method(function: Callable) -> bool:
    """Whether `function` is a method of tensors."""
    return method_name(function) is not None


def call_text(function: Callable, args: Sequence[str], kwargs: dict[str, str]) -> str:
    """The text of a call whose arguments are texts."""
    if function is size_of:
        return f"{args[0]}.shape[{args[1]}]"
    name = bare_name(function)
    if function is activations.softmax and "axis" in kwargs:
        kwargs = {"dim": kwargs["axis"]}
    special = (method_name(function) or "").startswith("__")
    if special and not kwargs:
        if name == "add" and args[1].startswith("-") and args[1][1:2].isdigit():
            return f"{args[0]} - {args[1][1:]}"
        if name in ("pow", "rpow"):
            return "**".join(args if name == "pow" else reversed(args))
        if name in _OPERATORS:
            return f"{args[0]} {_OPERATORS[name]} {args[1]}"
        if name[1:] in _OPERATORS and name[0] == "r":
            return f"{args[1]} {_OPERATORS[name[1:]]} {args[0]}"
        if name in ("neg", "invert"):
            return f"{'-' if name == 'neg' else '~'}{args[0]}"
        if name == "abs":
            return f"{args[0]}.abs()"
        if name == "getitem":
            index = args[1]
            inner = index[1:-1] if index.startswith("(") and index != "()" else index
            return f"{args[0]}[{inner.removesuffix(',') if ', ' not in inner else inner}]"
    kwargs = {key: value for key, value in kwargs.items() if (key, value) != ("generator", "None")}
    given = ", ".join([*args, *(f"{key}={value}" for key, value in kwargs.items())])
    place = place_of(function)
    if place is not None:
        head, _, last = place.rpartition(".")
        return f"{head}.{_ALIASES.get(last, last)}({given})"
    if is_method(function):
        first, *rest = args
        given = ", ".join([*rest, *(f"{key}={value}" for key, value in kwargs.items())])
        method = method_name(function)
        return f"{first}.{name if method.startswith('__') else method}({given})"
    raise Unwritten(f"the function {function_name(function)} is none of torch")


def function_name(function: Callable) -> str:
    module = getattr(function, "__module__", None)
    name = getattr(function, "__qualname__", None) or repr(function)
    return f"{module}.{name}" if module else name
