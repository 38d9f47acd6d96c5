"""What a tensor or variable is and holds, and writing into it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import graph
from ..arrays import as_tensor, to_numpy
from ..graph import KerasTensor
from ..precision import dtype_name
from .operands import any_symbolic, tensor

__all__ = [
    "batch_get_value",
    "batch_set_value",
    "count_params",
    "dtype",
    "eval",
    "get_value",
    "int_shape",
    "is_keras_tensor",
    "is_sparse",
    "moving_average_update",
    "ndim",
    "set_value",
    "shape",
    "to_dense",
    "update",
    "update_add",
    "update_sub",
]


def int_shape(x: Any) -> tuple | None:
    """The shape of a tensor or variable, None where an axis is open.

    >>> int_shape(torch.zeros(2, 3))
    (2, 3)
    """
    return tuple(x.shape)


def shape(x: Any) -> Any:
    """The shape as an int32 tensor, which lies on the CPU.

    >>> shape(torch.zeros(2, 3)).tolist()
    [2, 3]
    """
    if any_symbolic(x):
        return graph.record(shape, (x,), {}, outputs=KerasTensor((x.ndim,), "int32"))
    return torch.tensor(tuple(x.shape), dtype=torch.int32)


shape.gives_shape = True


def ndim(x: Any) -> int:
    """The number of axes."""
    return len(x.shape)


def dtype(x: Any) -> str:
    """The name of the dtype: 'float32'."""
    return dtype_name(x.dtype)


def count_params(x: Any) -> int:
    """How many numbers there are in a variable or tensor."""
    return math.prod(x.shape)


def is_keras_tensor(x: Any) -> bool:
    """Whether `x` is symbolic: made by `Input` or by calling layers on one."""
    return isinstance(x, KerasTensor)


def is_sparse(tensor: Any) -> bool:
    """Whether `tensor` is one of torch's sparse tensors."""
    return isinstance(tensor, Tensor) and tensor.layout is not torch.strided


def to_dense(tensor: Any) -> Any:
    """A sparse tensor with its zeros; any other as it is."""
    return tensor.to_dense() if is_sparse(tensor) else tensor


# --- reading and writing ---------------------------------------------------------------------


def get_value(x: Any) -> np.ndarray:
    """The value of a variable, tensor or number as a numpy array."""
    return to_numpy(to_dense(x))


eval = get_value


def batch_get_value(tensors: Sequence[Any]) -> list[np.ndarray]:
    """The values of several variables or tensors."""
    return [get_value(x) for x in tensors]


def set_value(x: Any, value: Any) -> None:
    """Write `value` into a variable, such as a layer's weight or a metric's state."""
    update(x, value)


def batch_set_value(tuples: Sequence[tuple[Any, Any]]) -> None:
    """Write values into variables, given as pairs."""
    for x, value in tuples:
        set_value(x, value)


def update(x: Any, new_x: Any) -> Any:
    """Write `new_x` into a variable, or in place into a tensor; the variable."""
    if hasattr(x, "assign"):  # a variable, the learning rate of an optimizer
        return x.assign(new_x)
    if not isinstance(x, Tensor):
        raise TypeError(f"Expected a variable or a tensor to write into; received {x!r}.")
    value = as_tensor(new_x, device=x.device)
    if value.shape != x.shape:
        raise ValueError(
            f"Cannot write a value of shape {tuple(value.shape)} into a tensor of shape "
            f"{tuple(x.shape)}."
        )
    with torch.no_grad():
        return x.copy_(value)


def update_add(x: Any, increment: Any) -> Any:
    """Add to a variable in place.

    >>> from torchkeras.variable import Variable
    >>> update_add(Variable([1.0]), [2.0]).numpy().tolist()
    [3.0]
    """
    return update(x, tensor(x).detach() + tensor(increment, tensor(x)))


def update_sub(x: Any, decrement: Any) -> Any:
    """Subtract from a variable in place."""
    return update(x, tensor(x).detach() - tensor(decrement, tensor(x)))


def moving_average_update(x: Any, value: Any, momentum: Any) -> Any:
    """`x = x * momentum + value * (1 - momentum)` in place.

    >>> from torchkeras.variable import Variable
    >>> moving_average_update(Variable(1.0), 3.0, 0.75).numpy().tolist()
    1.5
    """
    old = tensor(x).detach()
    new = tensor(value, old).to(old.dtype)
    return update(x, old - (old - new) * (1 - momentum))
