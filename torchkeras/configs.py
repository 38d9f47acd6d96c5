"""Objects as configs: the dictionaries of plain values that files hold."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from .arrays import to_numpy
from .precision import dtype_name
from .registry import Table


def serialize(table: Table, obj: Any, use_legacy_format: bool = False) -> Any:
    """`obj`, a member of `table` or the user's own, as tf.keras 2.15 writes it.

    The legacy format of Keras before 2.13 has a bare name for a function and only `class_name`
    and `config` for an object.
    """
    if obj is None or isinstance(obj, (str, dict)):
        return obj
    if not hasattr(obj, "get_config"):
        name = table.serialize(obj)
        return name if use_legacy_format else function_config(name)
    config = table.serialize(obj)
    inner = plain(config["config"])
    if use_legacy_format:
        return {"class_name": config["registered_name"] or config["class_name"], "config": inner}
    module = None if config["module"] == "__main__" else config["module"]
    return {**config, "module": module, "config": inner}


def function_config(name: str) -> dict[str, Any]:
    """The config of a function of the user's, found again by its registered name."""
    return {
        "module": "builtins",
        "class_name": "function",
        "config": name,
        "registered_name": "function",
    }


def plain(value: Any) -> Any:
    """`value` with arrays, tensors and numpy numbers turned into what JSON can hold.

    >>> plain({"axis": np.int64(1), "value": np.array([1.0, 2.0])})["axis"]
    1
    """
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(plain(inner) for inner in value)
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and not value.ndim):
        return value.item()
    if isinstance(value, np.ndarray):
        return _array_config("__numpy__", value, value.dtype.name)
    if isinstance(value, Tensor):
        return _array_config("__tensor__", to_numpy(value), dtype_name(value.dtype))
    return value


def from_plain(value: Any) -> Any:
    """Undoes `plain` for arrays, which come back as numpy arrays.

    >>> from_plain(plain(np.array([1.0, 2.0]))).tolist()
    [1.0, 2.0]
    """
    if isinstance(value, dict) and value.get("class_name") in ("__numpy__", "__tensor__"):
        inner = value["config"]
        dtype = dtype_name(inner["dtype"])
        return np.array(inner["value"], dtype="float32" if dtype == "bfloat16" else dtype)
    return value


def _array_config(kind, array, dtype):
    return {"class_name": kind, "config": {"value": array.tolist(), "dtype": dtype}}
