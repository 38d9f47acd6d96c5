"""What tensors, shapes and dtypes of torch answer to in a script that was written for TensorFlow.

`install` adds a few methods and `uninstall` takes them away again; nothing else of torch changes.
"""

from __future__ import annotations

import ctypes
import sys
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..arrays import operand
from ..data.elements import unpadded
from ..precision import dtype_name
from ..symbols import getitem, steps_back

_originals: dict[type, dict[str, Any]] = {}
_ABSENT = object()


def install() -> None:
    """Add the methods of the tables below."""
    if _originals:
        return
    for cls, methods in ((Tensor, _TENSOR), (torch.Size, _SHAPE), (torch.dtype, _DTYPE)):
        _originals[cls] = {name: cls.__dict__.get(name, _ABSENT) for name in methods}
        _set(cls, methods)


def uninstall() -> None:
    """Take them away again."""
    for cls, before in _originals.items():
        _set(cls, before)
    _originals.clear()


def _set(cls, attributes):
    with _changeable(cls):
        for name, value in attributes.items():
            if value is not _ABSENT:
                setattr(cls, name, value)
            elif name in cls.__dict__:
                delattr(cls, name)


_IMMUTABLE = 1 << 8  # Py_TPFLAGS_IMMUTABLETYPE
_FLAGS_OFFSET = object.__basicsize__ + 19 * ctypes.sizeof(ctypes.c_void_p)  # tp_flags of a type


@contextmanager
def _changeable(cls):
    """Types written in C refuse new attributes; without that flag they take them."""
    if not cls.__flags__ & _IMMUTABLE:
        yield
        return
    flags = ctypes.c_ulong.from_address(id(cls) + _FLAGS_OFFSET)
    if flags.value != cls.__flags__:  # another layout of types: leave it alone
        raise RuntimeError(f"The attributes of {cls.__name__} cannot be extended by this Python.")
    flags.value &= ~_IMMUTABLE
    try:
        yield
    finally:
        flags.value |= _IMMUTABLE


# --- tensors -------------------------------------------------------------------------------------

_torch_numpy = Tensor.numpy


def _numpy(self, *, force: bool = False):
    """The value as numpy has it: a scalar of a tensor without axes, whatever recorded it."""
    tensor = self.detach().cpu().resolve_conj().resolve_neg()
    if tensor.dtype is torch.bfloat16:
        tensor = tensor.float()
    array = _torch_numpy(tensor)
    return array if array.ndim else array[()]


def _array(self, dtype=None, copy=None):
    array = np.asarray(_numpy(self))
    return array if dtype is None else array.astype(dtype, copy=False)


def _array_function(self, function, types, args, kwargs):
    """numpy's functions on tensors compute with arrays."""
    return function(*_arrays(args), **_arrays(kwargs))


def _arrays(value):
    if isinstance(value, Tensor):
        return _array(value)
    if isinstance(value, (list, tuple)):
        return (
            [_arrays(one) for one in value] if type(value) is list else tuple(map(_arrays, value))
        )
    if isinstance(value, dict):
        return {key: _arrays(one) for key, one in value.items()}
    return value


def _array_wrap(self, array, context=None, return_scalar=False):
    """What a function of numpy makes of tensors stays numpy's."""
    return array[()] if return_scalar else array


def _to_tensor(self, default_value=None, name=None, shape=None):
    return unpadded(self, shape)


def _get_shape(self):
    return self.shape


def _set_shape(self, shape):
    """Check: a tensor has a shape already."""
    _compatible(self.shape, shape)


def _compatible(own, shape):
    pairs = zip(own, shape, strict=False)
    if len(own) != len(shape) or any(n is not None and m != n for m, n in pairs):
        raise ValueError(f"Shapes {tuple(own)} and {tuple(shape)} are not compatible.")


_torch_getitem = Tensor.__getitem__


def _getitem(self, index):
    """Slices may go backwards."""
    return getitem(self, index) if steps_back(index) else _torch_getitem(self, index)


_FOREIGN = (np.ndarray, list, tuple)


def _with_arrays(name):
    """An operator that takes arrays and lists too, in the dtype of the tensor.

    A tensor of the CPU beside one of a GPU is copied there, as TensorFlow does it.
    """
    plain = getattr(Tensor, name)

    def operator(self, other):
        if isinstance(other, _FOREIGN):
            other = operand(other, self.dtype)
        elif isinstance(other, Tensor) and other.device != self.device and self.ndim and other.ndim:
            place = other.device if self.device.type == "cpu" else self.device
            self, other = self.to(place), other.to(place)
        return plain(self, other)

    operator.__name__ = name
    return operator


def _replacing(sign):
    """`x += y` makes a new tensor, as TensorFlow's do; torch's code and ours change theirs."""
    in_place, plain = getattr(Tensor, f"__i{sign}__"), _with_arrays(f"__{sign}__")

    def operator(self, other):
        caller = sys._getframe(1).f_globals.get("__name__", "").partition(".")[0]
        if caller in ("torch", "torchkeras") or (self.is_leaf and self.requires_grad):
            return in_place(self, other)
        return plain(self, other)

    return operator


_OPERATORS = (
    "add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod pow rpow matmul "
    "rmatmul lt le gt ge eq ne and rand or ror xor rxor"
).split()
_TENSOR = {
    **{f"__{name}__": _with_arrays(f"__{name}__") for name in _OPERATORS},
    **{f"__i{sign}__": _replacing(sign) for sign in ("add", "sub", "mul", "truediv")},
    "numpy": _numpy,
    "__array__": _array,
    "__array_wrap__": _array_wrap,
    "__array_function__": _array_function,
    "__getitem__": _getitem,
    "get_shape": _get_shape,
    "_keras_shape": property(lambda self: tuple(self.shape)),
    "set_shape": _set_shape,
    "to_tensor": _to_tensor,
    "__float__": lambda self: float(self.detach().item()),
    "eval": lambda self, *args, **kwargs: _numpy(self),
}

# --- shapes --------------------------------------------------------------------------------------


def _is_compatible(self, other):
    pairs = zip(self, other, strict=False)
    return len(self) == len(other) and all(None in (m, n) or m == n for m, n in pairs)


_SHAPE = {
    "__str__": tuple.__repr__,  # as `print` shows the shapes of TensorFlow
    "__repr__": lambda self: f"TensorShape({list(self)})",
    "as_list": lambda self: list(self),
    "rank": property(len),
    "ndims": property(len),
    "dims": property(lambda self: list(self)),
    "is_fully_defined": lambda self: None not in self,
    "num_elements": lambda self: None if None in self else int(np.prod(self)),
    "is_compatible_with": _is_compatible,
    "assert_is_compatible_with": _compatible,
    "concatenate": lambda self, other: torch.Size((*self, *other)),
}

# --- dtypes --------------------------------------------------------------------------------------


def _limit(which):
    def limit(self):
        info = torch.finfo(self) if self.is_floating_point else torch.iinfo(self)
        return np.array(getattr(info, which)).astype(_as_numpy(self))[()]

    return property(limit)


def _as_numpy(self):
    return np.dtype("float32" if self is torch.bfloat16 else dtype_name(self)).type


def _is_integer(self):
    return not (self.is_floating_point or self.is_complex or self is torch.bool)


def _equals(self, other):
    if self is other:
        return True
    if isinstance(other, (str, np.dtype, type)):
        try:
            return dtype_name(other) == dtype_name(self)
        except (TypeError, ValueError):
            return False
    return NotImplemented


def _differs(self, other):
    equal = _equals(self, other)
    return equal if equal is NotImplemented else not equal


_hash = torch.dtype.__hash__
_DTYPE = {
    "name": property(dtype_name),
    "as_numpy_dtype": property(_as_numpy),
    "base_dtype": property(lambda self: self),
    "is_floating": property(lambda self: self.is_floating_point),
    "is_integer": property(_is_integer),
    "is_bool": property(lambda self: self is torch.bool),
    "size": property(lambda self: self.itemsize),
    "min": _limit("min"),
    "max": _limit("max"),
    "__eq__": _equals,
    "__ne__": _differs,
}

# Attributes by which a program shows that its tensors are to answer as TensorFlow's do.
WORDS = frozenset(
    {name for table in (_TENSOR, _SHAPE) for name in table if name[0] != "_"}
    - {"concatenate", "dims", "eval", "rank", "to_tensor"}  # those of others too
)
