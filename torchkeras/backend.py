"""`keras.backend`: settings, values and the small functions that scripts ask it for."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import names
from .arrays import to_numpy
from .config import (
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from .graph import KerasTensor

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_uid",
    "get_value",
    "image_data_format",
    "int_shape",
    "is_keras_tensor",
    "ndim",
    "reset_uids",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_value",
]


def backend() -> str:
    """The name of what computes: 'torch'."""
    return "torch"


def clear_session() -> None:
    """Start the automatic names afresh: the next Dense layer is called `dense` again.

    Models keep working; there is no other global state to clear.
    """
    names.reset()


reset_uids = clear_session


def get_uid(prefix: str = "") -> int:
    """A number that counts up from 1 for each prefix."""
    return int(names.unique_name(f"uid {prefix}", zero_based=False).rsplit("_", 1)[1])


def int_shape(x: Any) -> tuple | None:
    """The shape of a tensor or variable, None where an axis is open.

    >>> from torchkeras.layers import Input
    >>> int_shape(Input((28, 28)))
    (None, 28, 28)
    """
    return tuple(x.shape)


def ndim(x: Any) -> int:
    """The number of axes."""
    return len(x.shape)


def is_keras_tensor(x: Any) -> bool:
    """Whether `x` is symbolic: made by `Input` or by calling layers on one."""
    return isinstance(x, KerasTensor)


def get_value(x: Any) -> np.ndarray:
    """The value of a variable, tensor or number as a numpy array."""
    return to_numpy(x)


def set_value(x: Any, value: Any) -> None:
    """Write `value` into a variable, such as a layer's weight or a metric's state."""
    x.assign(value)
