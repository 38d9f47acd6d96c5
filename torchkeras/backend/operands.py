"""What the functions of `keras.backend` take: tensors, variables, arrays, symbolic tensors."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from .. import graph, tree
from ..arrays import as_tensor, default_device
from ..graph import KerasTensor
from ..precision import torch_dtype
from ..variable import Variable

_TENSORS = (Tensor, KerasTensor, Variable)


def recorded(function: Callable) -> Callable:
    """Decorator: a call with symbolic tensors is recorded as one step of the model.

    Functions made of few torch functions need it not: those are recorded themselves, and files
    can hold them.
    """

    @functools.wraps(function)
    def call(*args, **kwargs):
        if graph.is_symbolic((args, kwargs)):
            return graph.record(call, args, kwargs)
        return function(*args, **kwargs)

    return call


def tensor(x: Any, like: Any = None) -> Any:
    """`x` as a tensor (symbolic ones stay); arrays go to where `like` is, numbers get its dtype.

    >>> tensor([1.0, 2.0]).dtype
    torch.float32
    """
    if isinstance(x, Variable):
        return x.value
    if isinstance(x, (Tensor, KerasTensor)):
        return x
    if like is not None and isinstance(x, (int, float)) and not isinstance(x, bool):
        return torch.tensor(x, dtype=dtype_of(like))  # of rank 0: it may meet any device
    return as_tensor(x, device=like.device if isinstance(like, Tensor) else default_device())


def tensors(*values: Any) -> list:
    """Several operands; what is no tensor follows the first that is one, None stays None."""
    like = next((tensor(value) for value in values if isinstance(value, _TENSORS)), None)
    return [None if value is None else tensor(value, like) for value in values]


def dtype_of(x: Any) -> torch.dtype:
    """The torch dtype of a tensor of any kind."""
    return torch_dtype(x.dtype)


def is_floating(x: Any) -> bool:
    """Whether a tensor of any kind holds floats."""
    return dtype_of(x).is_floating_point


def axes_of(axis: int | Sequence[int] | None, x: Any) -> list[int]:
    """The axes that `axis` names: None means all."""
    if axis is None:
        return list(range(x.ndim))
    return list(axis) if isinstance(axis, (list, tuple)) else [axis]


def sizes(shape: Any) -> list[int]:
    """A shape of integers and tensors, or a tensor of sizes, as integers."""
    if isinstance(shape, Tensor):
        return [int(size) for size in shape.reshape(-1).tolist()]
    shape = shape if isinstance(shape, (list, tuple)) else [shape]
    return [-1 if size is None else int(size) for size in shape]


def open_sizes(shape: Any) -> list[int | None]:
    """The same where sizes are symbolic: None for what the model computes as it runs."""
    if isinstance(shape, KerasTensor):
        told = _shape_behind(shape)
        return list(told) if told is not None else [None] * shape.shape[0]
    return [_open_size(size) for size in shape]


def _open_size(size):
    if not isinstance(size, KerasTensor):
        return None if size is None else int(size)
    whole = size.node.args[0] if size.node and size.node.args else None
    told = _shape_behind(whole) if isinstance(whole, KerasTensor) else None
    index = size.node.args[1] if told is not None and len(size.node.args) > 1 else None
    return told[index] if isinstance(index, int) else None


def _shape_behind(tensor):
    """The shape of x where `tensor` is `shape(x)`."""
    node = tensor.node
    is_shape = node is not None and getattr(node.operation, "gives_shape", False)
    return node.args[0].shape if is_shape else None


def any_symbolic(*structures: Any) -> bool:
    """Whether there is a symbolic tensor in any of the structures."""
    return any(isinstance(leaf, KerasTensor) for leaf in tree.leaves(structures))
