"""What `keras.ops` takes and how its results are typed; functions made from torch's by a table.

Tensors, `Variable`s, arrays, numbers and symbolic tensors are taken. Arrays keep their dtype,
Python floats get `floatx` and Python integers int32. Types meet as torch has them meet; where a
function needs floats, integers become `floatx`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..arrays import as_tensor, default_device
from ..backend.operands import recorded  # noqa: F401 - the other files of ops take it from here
from ..config import floatx
from ..graph import KerasTensor
from ..precision import torch_dtype
from ..variable import Variable

Axis = int | Sequence[int] | None
_NUMBERS = (bool, int, float, complex)


def tensor(x: Any, dtype: Any = None) -> Any:
    """`x` as a tensor, or as it is where it is symbolic.

    >>> tensor(1).dtype, tensor([1.0]).dtype, tensor(np.ones(2)).dtype
    (torch.int32, torch.float32, torch.float64)
    """
    if isinstance(x, Variable):
        x = x.value
    elif not isinstance(x, (Tensor, KerasTensor)):
        x = _made(x)
    return x if dtype is None else cast(x, torch_dtype(dtype))


def _made(x):
    if isinstance(x, (list, tuple)) and any(hasattr(one, "__torch_function__") for one in x):
        return torch.stack([tensor(one) for one in x])
    array = np.asarray(x)
    dtype = None
    if isinstance(x, (*_NUMBERS, list, tuple)):
        kind = array.dtype.kind
        if kind == "f" and not _holds_arrays(x):
            dtype = floatx()
        elif kind == "i" and (array.size == 0 or np.abs(array).max() < 2**31):
            dtype = "int32" if not _holds_arrays(x) else None
        elif kind == "c":
            dtype = "complex64"
    elif array.dtype.kind == "f" and array.dtype.itemsize in (2, 4, 8):
        dtype = array.dtype.name
    device = "cpu" if array.ndim == 0 else default_device()  # of rank 0: it may meet any device
    return as_tensor(array, dtype, device)


def _holds_arrays(x):
    while isinstance(x, (list, tuple)):
        if not x:
            return False
        x = x[0]
    return isinstance(x, (np.ndarray, np.generic))


def cast(x: Any, dtype: torch.dtype) -> Any:
    """A tensor of any kind in a torch dtype; the same one where it has it already."""
    return x if torch_dtype(x.dtype) is dtype else x.to(dtype)


def like(x: Any, other: Any) -> Any:
    """`x` as a tensor; a Python number in the dtype of the tensor `other` where it has the kind."""
    if isinstance(x, _NUMBERS) and isinstance(other, (Tensor, KerasTensor, Variable)):
        return tensor(x, promoted(tensor(other), x))
    return tensor(x)


def promoted(*operands: Any, floating: bool = False) -> torch.dtype:
    """The dtype in which operands meet; Python numbers give way to tensors.

    >>> promoted(torch.ones(1, dtype=torch.float16), 2.0), promoted(torch.ones(1).int(), 2.0)
    (torch.float16, torch.float32)
    """
    dtypes = [torch_dtype(x.dtype) for x in operands if not isinstance(x, _NUMBERS)]
    numbers = [x for x in operands if isinstance(x, _NUMBERS)]
    found = functools.reduce(torch.promote_types, dtypes) if dtypes else tensor(numbers[0]).dtype
    for number in numbers:
        if isinstance(number, complex) and not found.is_complex:
            found = torch.complex64
        elif isinstance(number, float) and not _inexact(found):
            found = torch_dtype(floatx())
        elif isinstance(number, int) and found is torch.bool and not isinstance(number, bool):
            found = torch.int32
    return torch_dtype(floatx()) if floating and not _inexact(found) else found


def _inexact(dtype):
    return dtype.is_floating_point or dtype.is_complex


def inexact(x: Any) -> Any:
    """`x` as a tensor of floats or complex numbers; integers become `floatx`."""
    x = tensor(x)
    return x if _inexact(torch_dtype(x.dtype)) else x.to(torch_dtype(floatx()))


def met(*operands: Any, floating: bool = False) -> list:
    """Operands as tensors of one dtype."""
    operands = [x if isinstance(x, _NUMBERS) else tensor(x) for x in operands]
    dtype = promoted(*operands, floating=floating)
    return [tensor(x, dtype) for x in operands]


def axes_of(axis: Axis, ndim: int) -> tuple[int, ...]:
    """The axes named, as positive numbers; None means all."""
    if axis is None:
        return tuple(range(ndim))
    given = axis if isinstance(axis, (list, tuple)) else (axis,)
    for one in given:
        if not -ndim <= one < ndim:
            raise ValueError(f"axis={axis} is out of range for a tensor with {ndim} axes.")
    return tuple(one % ndim for one in given)


def sizes(shape: Any) -> tuple[int, ...]:
    """A shape given as an integer, sequence or tensor."""
    if isinstance(shape, (Tensor, np.ndarray)):
        shape = shape.tolist()
    return tuple(int(n) for n in shape) if isinstance(shape, (list, tuple)) else (int(shape),)


# --- functions made by a table ---------------------------------------------------------------


def named(made: Callable, name: str, text: str, module: str) -> Callable:
    """`made` under its public name, with its sentence."""
    made.__name__ = made.__qualname__ = name
    made.__doc__, made.__module__ = text, module
    return made


def unary(function: Callable, floating: bool = False, names: str = "x") -> Callable:
    """A function of one tensor; integers become floats first where `floating`."""
    operand = inexact if floating else tensor

    def call(x):
        return function(operand(x))

    return call


def binary(function: Callable, floating: bool = False, names: str = "x1 x2") -> Callable:
    """A function of two tensors, which broadcast and meet in one dtype."""
    if names == "x y":

        def call(x, y):
            return function(*met(x, y, floating=floating))

    else:

        def call(x1, x2):
            return function(*met(x1, x2, floating=floating))

    return call


def fill(module: dict, make: Callable, table: dict, **kwargs: Any) -> list[str]:
    """Put the functions of a table `{name: (torch's function, sentence)}` into a module."""
    for name, (function, text) in table.items():
        module[name] = named(make(function, **kwargs), name, text, module["__name__"])
    return list(table)


def public(module: dict) -> list[str]:
    """The names of the functions that a module makes itself."""
    own = module["__name__"]
    return [
        name
        for name, value in module.items()
        if name[0] != "_" and callable(value) and getattr(value, "__module__", None) == own
    ]
