"""What every initializer shares: the base class, the table of names, and being called."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..arrays import as_tensor, default_device
from ..config import floatx
from ..names import to_snake_case
from ..precision import dtype_name, torch_dtype
from ..registry import Table

TABLE = Table("initializer", "keras.initializers")


@TABLE.add("initializer")
class Initializer:
    """Base of all initializers: override `__call__(shape, dtype=None)`, return any array.

    >>> class Counting(Initializer):
    ...     def __call__(self, shape, dtype=None): return torch.arange(6.0).reshape(shape)
    >>> Counting()((2, 3)).tolist()
    [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    """

    def __call__(self, shape: Sequence[int], dtype=None, **kwargs) -> Tensor:
        """Values of the shape (in Keras' axes) and dtype (`floatx` where None)."""
        raise NotImplementedError(f"{type(self).__name__} must override __call__(shape, dtype).")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        """The object of a config that `get_config` gave."""
        return cls(**{key: value for key, value in config.items() if key != "dtype"})


def initialize(initializer: Any, shape: Sequence[int], dtype=None, device=None) -> Tensor:
    """Values for a weight from any initializer, also from a user's `init(shape, dtype)`.

    The user's may return any array; it is given the dtype's name, or the torch dtype where it
    has no use for a name. ValueError where its values have another shape.

    >>> initialize(lambda shape, dtype=None: np.full(shape, 2.0), (2,)).tolist()
    [2.0, 2.0]
    """
    shape, dtype, device = as_shape(shape), as_dtype(dtype), as_device(device)
    values = _call(initializer, shape, dtype, device)
    values = as_tensor(values, dtype, device).detach()
    if tuple(values.shape) != shape:
        raise ValueError(
            f"The initializer {initializer!r} gave values of the shape {tuple(values.shape)} "
            f"for a weight of the shape {shape}."
        )
    return values


def builtin(*aliases):
    """Enters a class under every name that tf.keras has known it by."""

    def enter(cls):
        snake = to_snake_case(cls.__name__)
        old = (f"{cls.__name__}V2", f"{snake}V2") if snake.count("_") else (f"{cls.__name__}V2",)
        return TABLE.add(snake, *old, *aliases)(cls)

    return enter


def as_shape(shape):
    return (int(shape),) if isinstance(shape, (int, np.integer)) else tuple(int(n) for n in shape)


def as_dtype(dtype):
    return torch_dtype(floatx() if dtype is None else dtype)


def as_float_dtype(dtype):
    dtype = as_dtype(dtype)
    if not dtype.is_floating_point:
        raise ValueError(f"Expected a floating-point dtype; received {dtype_name(dtype)}.")
    return dtype


def as_device(device):
    return default_device() if device is None else torch.device(device)


def _call(initializer, shape, dtype, device):
    try:
        parameters = inspect.signature(initializer).parameters
        takes_dtype = "dtype" in parameters or any(
            parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()
        )
    except ValueError:  # a function written in C
        parameters, takes_dtype = {}, True
    if isinstance(initializer, Initializer) and "device" in parameters:
        return initializer(shape, dtype=dtype, device=device)
    if not takes_dtype:
        return initializer(shape)
    try:
        return initializer(shape, dtype=dtype_name(dtype))
    except TypeError as error:
        try:
            return initializer(shape, dtype=dtype)
        except TypeError:
            raise error from None
