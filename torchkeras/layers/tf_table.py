"""Which function of TensorFlow a saved graph names: a closed table, and help with arguments.

A function has the parameters of TensorFlow's, so that a file's keywords fit. Names are those of
TensorFlow without the modules in front, which `known_name` strips.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

FUNCTIONS: dict[str, Callable] = {}
_MODULES = (
    "compat.v1.",
    "__operators__.",
    "math.",
    "nn.",
    "linalg.",
    "image.",
    "signal.",
    "debugging.",
)
_MEANS_ANOTHER = {"compat.v1.image.resize": "resize_images"}


def known_name(name: str) -> str:
    """The key in `FUNCTIONS` of a name such as `"math.reduce_mean"`; ValueError if it has none."""
    bare = _MEANS_ANOTHER.get(name, name)
    for module in _MODULES:
        bare = bare.removeprefix(module)
    if bare not in FUNCTIONS:
        near = difflib.get_close_matches(bare, FUNCTIONS, n=3)
        hint = f" Near names that are known: {', '.join(near)}." if near else ""
        raise ValueError(
            f"The TensorFlow function {name!r} is not among those that torchkeras computes.{hint} "
            "Build the model in Python with torch functions and call load_weights() on the file."
        )
    return bare


def entry(*names: str) -> Callable:
    """Decorator: enters a function under its own name and others."""

    def enter(function):
        for name in (function.__name__.rstrip("_"), *names):
            FUNCTIONS[name] = function
        return function

    return enter


# --- arguments -------------------------------------------------------------------------------


def either(*values):
    """The first that is not None."""
    return next((value for value in values if value is not None), None)


def axes_of(axis, rank) -> tuple[int, ...]:
    """Axes as numbers from 0 on; None means all."""
    if axis is None:
        return tuple(range(rank))
    axes = axis if isinstance(axis, (list, tuple)) else [axis]
    return tuple(int(a) % rank for a in axes)


def as_list(values) -> list:
    """Several tensors; a list of one may have come as the tensor alone."""
    return list(values) if isinstance(values, (list, tuple)) else [values]


def as_tensor(value: Any, like: Tensor | None = None) -> Tensor:
    """A number as a tensor, of the dtype and on the device of another."""
    if isinstance(value, Tensor):
        return value
    if like is None:
        return torch.as_tensor(value)
    return torch.as_tensor(value, dtype=like.dtype, device=like.device)


def as_number(value):
    """An index that the graph may compute, as an integer."""
    return int(value) if isinstance(value, Tensor) else value


def sizes_of(shape) -> list[int]:
    """A shape as integers; it may be a tensor, or hold some, which live on the CPU."""
    return [int(n) for n in (shape.tolist() if isinstance(shape, Tensor) else shape)]
