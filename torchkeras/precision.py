"""Names of dtypes and the torch dtypes behind them."""

from __future__ import annotations

import numpy as np
import torch

_TORCH = {
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float32": torch.float32,
    "float64": torch.float64,
    "uint8": torch.uint8,
    "int8": torch.int8,
    "int16": torch.int16,
    "int32": torch.int32,
    "int64": torch.int64,
    "uint16": torch.uint16,
    "uint32": torch.uint32,
    "uint64": torch.uint64,
    "bool": torch.bool,
    "complex64": torch.complex64,
    "complex128": torch.complex128,
}
_NAME = {dtype: name for name, dtype in _TORCH.items()}
_TEXT = "string"  # a dtype for Keras; torch has no tensors of text
_ALIASES = {"half": "float16", "float": "float32", "double": "float64", "int": "int32"}


class DtypeName(str):
    """A dtype's name that answers what TensorFlow's dtypes are asked for.

    >>> DtypeName("float32").is_floating, DtypeName("int32").base_dtype
    (True, 'int32')
    """

    __slots__ = ()
    name = base_dtype = property(str)
    as_numpy_dtype = property(lambda self: np.dtype(str(self)).type)
    is_floating = property(lambda self: "float" in self)
    is_integer = property(lambda self: "int" in self)
    is_bool = property(lambda self: self == "bool")


def dtype_name(dtype) -> str:
    """The Keras name of a dtype given as name, numpy dtype, torch dtype or Python type."""
    if isinstance(dtype, torch.dtype):
        return _NAME[dtype]
    if not isinstance(dtype, str):
        name = getattr(dtype, "name", None)  # numpy dtypes and tf-like dtype objects
        dtype = name if isinstance(name, str) else np.dtype(dtype).name
    dtype = _ALIASES.get(dtype, dtype)
    if dtype not in _TORCH and dtype != _TEXT:
        raise ValueError(f"Unknown dtype {dtype!r}; known are {', '.join(_TORCH)}.")
    return dtype


def torch_dtype(dtype) -> torch.dtype | None:
    """The torch dtype behind a dtype given in any form: `torch_dtype('float16')`.

    None for text, which stays on the host in numpy arrays.
    """
    return dtype if isinstance(dtype, torch.dtype) else _TORCH.get(dtype_name(dtype))
