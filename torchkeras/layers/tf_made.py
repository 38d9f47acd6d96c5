"""TensorFlow's functions that make tensors of a shape: random ones, equal ones and series."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..precision import torch_dtype
from .tf_table import as_number, entry, sizes_of

_SIZES = {"fill": "dims"}  # the argument that holds them, 'shape' elsewhere
MADE = {
    "random_normal", "random.normal", "random_uniform", "random.uniform",
    "random.truncated_normal", "zeros", "ones", "fill", "range",
}  # fmt: skip


def shape_of(key: str, args: tuple, kwargs: dict) -> tuple[int | None, ...]:
    """The shape of a result whose sizes are values of tensors: None where a run alone knows."""
    if key == "range":
        return (None,)
    return known_sizes(args[0] if args else kwargs[_SIZES.get(key, "shape")])


def known_sizes(sizes: Any) -> tuple[int | None, ...]:
    """What a graph that is being made tells of sizes: they may come from `tf.shape(x)`."""
    if isinstance(sizes, (list, tuple)):
        return tuple(map(_known_size, sizes))
    key, given = _made_by(sizes)
    if key == "shape":
        return tuple(given[0].shape)
    if key == "stack" and isinstance(given[0], (list, tuple)):
        return tuple(map(_known_size, given[0]))
    return (None,) * sizes.shape[0]


def _known_size(size):
    """One size: a number, or one that is taken out of a shape."""
    if isinstance(size, int):
        return size if size >= 0 else None
    key, given = _made_by(size)
    at = given[1] if len(given) > 1 else None
    at = at[0] if isinstance(at, (list, tuple)) and len(at) == 1 else at
    return known_sizes(given[0])[at] if key == "getitem" and isinstance(at, int) else None


def _made_by(tensor):
    """The key of the function that makes a symbolic tensor, and its arguments."""
    node = tensor.node
    key = getattr(node.operation, "_key", None) if node is not None else None
    return key, (*node.args, *node.kwargs.values()) if key else ()


def dtype_of(key: str, args: tuple, kwargs: dict) -> torch.dtype:
    """The dtype of such a result."""
    if kwargs.get("dtype") is not None:
        return torch_dtype(kwargs["dtype"])
    numbers = [*args, *kwargs.values()] if key in ("range", "fill") else [1.0]
    numbers = numbers[key == "fill" :]
    floats = any("float" in str(getattr(n, "dtype", type(n))) for n in numbers)
    return torch.float32 if floats else torch.int32


@entry("random_normal", "random.normal")
def normal(shape, mean=0.0, stddev=1.0, dtype="float32", seed=None, name=None):
    made = torch.randn(sizes_of(shape), dtype=torch_dtype(dtype))
    return made * stddev + mean


@entry("random_uniform", "random.uniform")
def uniform(shape, minval=0, maxval=None, dtype="float32", seed=None, name=None):
    dtype = torch_dtype(dtype)
    if not dtype.is_floating_point:
        return torch.randint(int(minval), int(maxval), sizes_of(shape), dtype=dtype)
    high = 1.0 if maxval is None else maxval
    return torch.rand(sizes_of(shape), dtype=dtype) * (high - minval) + minval


@entry("random.truncated_normal")
def truncated_normal(shape, mean=0.0, stddev=1.0, dtype="float32", seed=None, name=None):
    made = torch.empty(sizes_of(shape), dtype=torch_dtype(dtype))
    torch.nn.init.trunc_normal_(made, 0.0, 1.0, -2.0, 2.0)
    return made * stddev + mean


@entry()
def fill(dims, value, name=None):
    return torch.full(sizes_of(dims), value)


@entry()
def zeros(shape, dtype="float32", name=None, layout=None):
    return torch.zeros(sizes_of(shape), dtype=torch_dtype(dtype))


@entry()
def ones(shape, dtype="float32", name=None, layout=None):
    return torch.ones(sizes_of(shape), dtype=torch_dtype(dtype))


@entry("range")
def range_(start, limit=None, delta=1, dtype=None, name="range"):
    start, limit = (0, start) if limit is None else (start, limit)
    start, limit, delta = (_number(n) for n in (start, limit, delta))
    made = torch.arange(start, limit, delta)
    if dtype is None and not made.is_floating_point():
        dtype = "int32"
    return made if dtype is None else made.to(torch_dtype(dtype))


def _number(value):
    """A number that may be a float, or a tensor with one."""
    if isinstance(value, Tensor) and value.is_floating_point():
        return float(value)
    return as_number(value)
