"""Variables, constants and placeholders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import graph
from ..arrays import as_tensor, default_device
from ..config import floatx
from ..graph import KerasTensor
from ..layers.core import Input
from ..precision import dtype_name, torch_dtype
from ..variable import Variable as _Variable
from .operands import any_symbolic, open_sizes, sizes, tensor
from .state import scoped

__all__ = [
    "arange",
    "cast",
    "cast_to_floatx",
    "constant",
    "eye",
    "ones",
    "ones_like",
    "placeholder",
    "variable",
    "zeros",
    "zeros_like",
]


class BackendVariable(_Variable):
    """A variable made by `variable`; `constraint` is noted on it, as in tf.keras."""

    constraint: Any = None


def variable(value: Any, dtype: Any = None, name: str | None = None, constraint: Any = None):
    """A trainable `Variable` with the given first value, of `floatx` unless `dtype` is given.

    >>> variable([[1, 2]], name="kept")
    <BackendVariable name=kept:0 shape=(1, 2) dtype=float32>
    """
    device = value.device if isinstance(value, (Tensor, _Variable)) else default_device()
    if hasattr(value, "tocoo"):  # a matrix of scipy
        value = value.toarray()
    first = as_tensor(value, dtype or floatx(), device)
    made = BackendVariable(first, name=scoped(name or "Variable"))
    made.constraint = constraint
    return made


def constant(value: Any, dtype: Any = None, shape: Sequence[int] | None = None, name: Any = None):
    """A tensor of `floatx` unless `dtype` is given; `shape` repeats one number.

    >>> constant(2, shape=(3,)).tolist()
    [2.0, 2.0, 2.0]
    """
    made = as_tensor(value, dtype or floatx(), default_device())
    if shape is None:
        return made
    return made.expand(tuple(shape)) if made.numel() == 1 else made.reshape(tuple(shape))


def placeholder(
    shape: Sequence[int | None] | None = None,
    ndim: int | None = None,
    dtype: Any = None,
    sparse: bool = False,
    name: str | None = None,
    ragged: bool = False,
) -> KerasTensor:
    """A symbolic tensor to compute with and to feed through `function`.

    >>> placeholder(shape=(None, 4)).shape, placeholder(ndim=2).shape
    ((None, 4), (None, None))
    """
    if not shape and not ndim and shape is None:
        raise ValueError("A placeholder needs a shape or ndim, the number of its axes.")
    shape = tuple(shape) if shape else (None,) * (ndim or 0)
    return Input(batch_shape=shape, dtype=dtype, sparse=sparse, ragged=ragged, name=name)


def zeros(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    """A variable full of zeros.

    >>> zeros((2,)).numpy().tolist()
    [0.0, 0.0]
    """
    return _filled(torch.zeros, shape, dtype, name)


def ones(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    """A variable full of ones."""
    return _filled(torch.ones, shape, dtype, name)


def _filled(fill, shape, dtype, name):
    """A variable; a tensor where the shape depends on one, as in tf.keras."""
    dtype = dtype_name(dtype or floatx())
    if any_symbolic(shape):
        made = KerasTensor(open_sizes(shape), dtype)
        return graph.record(filled, (fill, shape, dtype), {}, outputs=made)
    counts = sizes(shape)
    first = fill(counts, dtype=torch_dtype(dtype), device=default_device())
    return variable(first, dtype, name) if all(counts) else first


def filled(fill: Any, shape: Any, dtype: str) -> Tensor:
    """`fill` (`torch.zeros`, ...) of sizes that a model computed."""
    return fill(sizes(shape), dtype=torch_dtype(dtype), device=default_device())


def eye(size: Any, dtype: Any = None, name: str | None = None) -> Any:
    """A variable that is the identity matrix."""
    made = torch.eye(int(size), dtype=torch_dtype(dtype or floatx()), device=default_device())
    return variable(made, dtype, name)


def zeros_like(x: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Zeros in the shape of `x`."""
    return torch.zeros_like(tensor(x), dtype=torch_dtype(dtype) if dtype else None)


def ones_like(x: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Ones in the shape of `x`."""
    return torch.ones_like(tensor(x), dtype=torch_dtype(dtype) if dtype else None)


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = "int32") -> Tensor:
    """Numbers from `start` (0 if it is the only one) to before `stop`, `step` apart.

    >>> arange(3).tolist(), arange(1, 6, 2).tolist()
    ([0, 1, 2], [1, 3, 5])
    """
    if stop is None:
        start, stop = 0, max(start, 0)
    return torch.arange(start, stop, step, dtype=torch_dtype(dtype), device=default_device())


def cast(x: Any, dtype: Any) -> Any:
    """`x` with another dtype.

    >>> cast([1.7, -1.7], "int32").tolist()
    [1, -1]
    """
    return tensor(x).to(torch_dtype(dtype))


def cast_to_floatx(x: Any) -> Any:
    """A tensor as a tensor of `floatx`, anything else as such an array."""
    if isinstance(x, (Tensor, KerasTensor, _Variable)):
        return cast(x, floatx())
    if floatx() == "bfloat16":  # numpy has none
        return as_tensor(x, "bfloat16")
    return np.asarray(x, dtype=floatx())
