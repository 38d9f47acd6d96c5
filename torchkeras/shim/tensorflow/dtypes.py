"""`tf.dtypes` and the names of dtypes: torch's own, and one for texts."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ...precision import torch_dtype

NUMBERS = {
    name: getattr(torch, name)
    for name in (
        "bfloat16 float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 "
        "complex64 complex128 bool"
    ).split()
}
ALIASES = {"half": torch.float16, "double": torch.float64}


class Texts(str):
    """The dtype of texts: the text 'string', with what else a dtype is asked for."""

    name = property(str)
    as_numpy_dtype = property(lambda self: np.object_)
    base_dtype = property(lambda self: self)
    is_floating = is_integer = is_bool = False


string = Texts("string")


def as_dtype(type_value: Any) -> Any:
    """The dtype that a name, a numpy dtype or a dtype denotes."""
    if isinstance(type_value, str) and type_value == "string":
        return string
    return torch_dtype(type_value)
