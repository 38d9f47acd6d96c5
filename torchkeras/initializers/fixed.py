"""Initializers whose values are known beforehand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import configs
from ..arrays import as_tensor
from ..precision import dtype_name
from .base import Initializer, as_device, as_dtype, as_float_dtype, as_shape, builtin


@builtin("zero")
class Zeros(Initializer):
    """Zeros of any number type or bool.

    >>> Zeros()((2,)).tolist()
    [0.0, 0.0]
    """

    def __call__(self, shape, dtype=None, device=None) -> Tensor:
        return torch.zeros(as_shape(shape), dtype=as_dtype(dtype), device=as_device(device))


@builtin("one")
class Ones(Initializer):
    """Ones of any number type or bool.

    >>> Ones()((2,)).tolist()
    [1.0, 1.0]
    """

    def __call__(self, shape, dtype=None, device=None) -> Tensor:
        return torch.ones(as_shape(shape), dtype=as_dtype(dtype), device=as_device(device))


@builtin()
class Constant(Initializer):
    """One number everywhere, or an array with as many values as the weight, in its order.

    >>> Constant(3)((2,)).tolist()
    [3.0, 3.0]
    """

    def __init__(self, value: Any = 0):
        self.value = value

    def __call__(self, shape, dtype=None, device=None) -> Tensor:
        shape, dtype, device = as_shape(shape), as_dtype(dtype), as_device(device)
        value = _exact(self.value)
        if value.is_floating_point() and not dtype.is_floating_point:
            raise TypeError(
                f"Constant({self.value!r}) cannot fill a weight of dtype {dtype_name(dtype)}."
            )
        if value.ndim == 0:
            return value.to(device, dtype).expand(shape).clone()
        if value.numel() != math.prod(shape):
            raise ValueError(
                f"Constant holds {value.numel()} values, which do not fill the shape {shape}."
            )
        return value.to(device, dtype, copy=True).reshape(shape)

    def get_config(self) -> dict[str, Any]:
        return {"value": self.value}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        return super().from_config({k: configs.from_plain(v) for k, v in config.items()})


@builtin("IdentityInitializer")  # as early Keras 3 wrote it
class Identity(Initializer):
    """`gain` on the diagonal of a matrix, zero elsewhere; other ranks are a ValueError.

    >>> Identity(2)((2, 2)).tolist()
    [[2.0, 0.0], [0.0, 2.0]]
    """

    def __init__(self, gain: float = 1.0):
        self.gain = gain

    def __call__(self, shape, dtype=None, device=None) -> Tensor:
        shape, dtype = as_shape(shape), as_float_dtype(dtype)
        if len(shape) != 2:
            raise ValueError(f"Identity needs a shape of rank 2; received {shape}.")
        return torch.eye(*shape, dtype=dtype, device=as_device(device)).mul_(self.gain)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}


def _exact(value):
    """A tensor of the value without a detour through `floatx`."""
    if isinstance(value, Tensor):
        return value
    array = np.asarray(value)
    return as_tensor(array, "float64" if array.dtype.kind == "f" else None)
