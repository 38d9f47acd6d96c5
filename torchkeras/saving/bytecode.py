"""Python lambdas in files, run for users who say with `safe_mode=False` that they trust one.

Files hold the bytecode of a lambda, which only the Python version that wrote it can run.
"""

from __future__ import annotations

import base64
import binascii
import logging
import marshal
import opcode
import sys
import types
from typing import Any

from . import gpus

_log = logging.getLogger("torchkeras")
_MODULES = {"tf": "tensorflow", "tensorflow": "tensorflow", "np": "numpy", "torch": "torch"}
_MODULES |= {"numpy": "numpy", "keras": "torchkeras", "K": "torchkeras.backend"}


def encoded(function: Any) -> list | str:
    """`[code, defaults, closure]` of a lambda, as files have it.

    Where that cannot be written, its name, with a warning: such a file has the weights, and the
    model must be built in Python.
    """
    code = getattr(function, "__code__", None)
    cells = [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
    defaults = list(getattr(function, "__defaults__", None) or ())
    if code is None or not all(map(_is_plain, cells + defaults)):
        name = getattr(function, "__name__", "<function>")
        _log.warning(
            "The function %r cannot be written to a file, as it is no plain Python or holds other "
            "objects. Load the weights into a model that is built in Python.",
            function,
        )
        return name
    text = base64.encodebytes(marshal.dumps(code)).decode("ascii")
    return [text, defaults or None, cells or None]


def _is_plain(value):
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, str))


def decoded(value: Any, where: str) -> Any:
    """`value`, a config, with functions in the place of bytecode.

    What such a function can name is what is imported already of torch, numpy, `keras`, `K` for
    `keras.backend`, and `tf`. ValueError, naming the layer, for code of another Python version.
    """
    if isinstance(value, list):
        return [decoded(item, where) for item in value]
    if not isinstance(value, dict):
        return value
    name, inner = value.get("class_name"), value.get("config")
    if name == "__lambda__" and isinstance(inner, dict):
        code = inner.get("code")
        whole = code if isinstance(code, list) and len(code) == 3 else None
        return _function(*(whole or (code, inner.get("defaults"), inner.get("closure"))), where)
    if isinstance(name, str) and name.split(">")[-1] == "Lambda" and isinstance(inner, dict):
        where = f"{where}: layer {inner.get('name')!r}"
        made = {key: _old_form(key, item, inner, where) for key, item in inner.items()}
        raw = {f"{key}_type": "raw" for key, item in made.items() if item is not inner[key]}
        value = {**value, "config": made | raw}
    return {key: decoded(item, where) for key, item in value.items()}


def replaced(value: Any, functions: dict[str, Any]) -> Any:
    """`value`, a config, with `functions` in the place of the code of `Lambda` layers so called.

    Code of Keras itself that is known has its function here without being named.
    """
    if isinstance(value, (list, tuple)):
        return type(value)(replaced(item, functions) for item in value)
    if not isinstance(value, dict):
        return value
    inner = value.get("config")
    if value.get("class_name") == "Lambda" and isinstance(inner, dict):
        function = functions.get(str(inner.get("name"))) or gpus.known(inner)
        if callable(function):
            inner = {**inner, "function": function, "function_type": "raw"}
            if inner.get("output_shape_type") == "lambda":  # seen by running the function
                inner |= {"output_shape": None, "output_shape_type": "raw"}
            return {**value, "config": inner}
    return {key: replaced(item, functions) for key, item in value.items()}


def _old_form(key, item, inner, where):
    """`[code, defaults, closure]`, as HDF5 files have a lambda; folders have a tuple."""
    if inner.get(f"{key}_type") != "lambda":
        return item
    if isinstance(item, str):  # Keras 1.0
        return _function(item, None, None, where)
    is_code = isinstance(item, (list, tuple)) and len(item) == 3
    return _function(*item, where) if is_code else item


def _function(code, defaults, closure, where):
    try:
        found = marshal.loads(base64.b64decode(str(code).encode("ascii")))
        if not isinstance(found, types.CodeType) or not _is_of_this_python(found):
            raise ValueError("not the code of a function")
    except (ValueError, EOFError, TypeError, binascii.Error) as error:
        version = ".".join(map(str, sys.version_info[:2]))
        raise ValueError(
            f"{where}: the bytecode of a lambda in it is not that of Python {version}, and only "
            f"the version that wrote it can run it ({error}). Pass the function in custom_objects "
            "under the name of the layer."
        ) from None
    cells = tuple(types.CellType(value) for value in closure or ())
    defaults = tuple(defaults) if defaults else None
    return types.FunctionType(found, _names(), found.co_name, defaults, cells or None)


def _is_of_this_python(code):
    """Whether all instructions are known here and stand where this version expects them."""
    raw = code.co_code
    known = all(not opcode.opname[op].startswith("<") for op in raw[::2])
    begins = "RESUME" not in opcode.opmap or opcode.opmap["RESUME"] in raw[:16:2]
    inner = [const for const in code.co_consts if isinstance(const, types.CodeType)]
    return known and begins and len(raw) % 2 == 0 and all(map(_is_of_this_python, inner))


def _names():
    loaded = {name: sys.modules.get(module) for name, module in _MODULES.items()}
    return {"__builtins__": __builtins__} | {k: v for k, v in loaded.items() if v is not None}
