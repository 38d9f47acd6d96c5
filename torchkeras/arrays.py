"""Anything array-like as a torch tensor, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._device import DeviceContext

from .config import floatx
from .precision import torch_dtype


def default_device() -> torch.device:
    """Where new weights go: the device the user chose, else CUDA, else MPS, else the CPU."""
    chosen = torch.get_default_device()
    if chosen.type != "cpu" or _user_chose_cpu():
        return chosen
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return chosen


def _user_chose_cpu() -> bool:
    # get_default_device() answers "cpu" both for "nothing chosen" and for "cpu chosen"; a choice
    # leaves a DeviceContext on the stack of torch function modes.
    modes = torch.overrides._get_current_function_mode_stack()
    return any(isinstance(mode, DeviceContext) for mode in modes)


def as_tensor(value: Any, dtype=None, device=None) -> Tensor:
    """`value` as a tensor; Python and numpy floats become `floatx` unless `dtype` says otherwise.

    Tensors keep their dtype. Integers and booleans keep theirs. Numpy arrays share memory with
    the tensor where that is possible.
    """
    if dtype is not None:
        dtype = torch_dtype(dtype)
    if isinstance(value, Tensor):
        return value if dtype is None and device is None else value.to(device, dtype)
    if hasattr(value, "__torch_function__") and hasattr(value, "value"):  # a Variable
        return as_tensor(value.value, dtype, device)
    array = _numpy(value)
    if dtype is None and array.dtype.kind == "f":
        dtype = torch_dtype(floatx())
    return torch.from_numpy(array).to(device, dtype)


def operand(value: Any, dtype: torch.dtype) -> Any:
    """What stands beside a tensor of `dtype` in an expression: arrays and lists become tensors.

    They take the dtype of the tensor unless that would cut off fractions.

    >>> operand([1, 2], torch.float32), operand(2, torch.float32)
    (tensor([1., 2.]), 2)
    """
    if not isinstance(value, (np.ndarray, np.generic, list, tuple)):
        return value
    made = as_tensor(value, device=default_device())
    return made if made.is_floating_point() and not dtype.is_floating_point else made.to(dtype)


def _numpy(value):
    if isinstance(value, (list, tuple)) and any(isinstance(v, Tensor) for v in value):
        return to_numpy(torch.stack([as_tensor(v) for v in value]))
    array = np.asarray(value)
    if array.dtype in _PLAIN and array.flags.writeable and min(array.strides, default=0) >= 0:
        return array
    if array.dtype.name == "bfloat16":  # ml_dtypes' type, which torch does not read
        array = array.astype("float32")
    if array.dtype.kind not in "fiubc":
        raise TypeError(
            f"Cannot make a tensor of {type(value).__name__} with dtype {array.dtype}; "
            f"expected numbers or booleans.{_way_out(array)}"
        )
    if array.dtype == np.longdouble and array.dtype != np.float64:
        array = array.astype("float64")
    if not array.flags.writeable or any(stride < 0 for stride in array.strides):
        array = array.copy()
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return array


_PLAIN = frozenset(map(np.dtype, "float32 float64 int32 int64 uint8 bool".split()))


def _way_out(array):
    if array.dtype.kind != "O":
        return ""
    shapes = {np.shape(item) for item in array.ravel()[:1000] if isinstance(item, np.ndarray)}
    if len(shapes) == 1:
        return " Its items are arrays of one shape: join them with np.stack."
    if shapes:
        return " Its items are arrays of different shapes: pad them to one."
    return " Convert it with astype('float32') if its items are numbers."


def to_numpy(value: Any) -> np.ndarray:
    """A tensor, `Variable` or array-like as a numpy array; bfloat16 widens to float32."""
    if hasattr(value, "detach"):
        value = value.detach()
        if value.dtype is torch.bfloat16:
            value = value.float()
        return value.cpu().numpy()
    if hasattr(value, "numpy"):
        return np.asarray(value.numpy())
    return np.asarray(value)
