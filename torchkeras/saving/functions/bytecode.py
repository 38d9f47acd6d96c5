"""Python functions in files: the bytecode that Keras writes of those in `Lambda` layers.

Only users who say with `safe_mode=False` that they trust a file come here. Code that this Python
wrote is run; that of another version is computed by `functions`, which runs nothing.
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

from .. import functions
from ..versions import gpus
from .marshalled import Code, read_code

_log = logging.getLogger("torchkeras")
_LAYOUT = "3.11" if sys.version_info >= (3, 11) else "3.8"  # the order of parts in code
_MODULES = {"tf": "tensorflow", "tensorflow": "tensorflow", "np": "numpy", "torch": "torch"}
_MODULES |= {"numpy": "numpy", "keras": "torchkeras", "K": "torchkeras.backend"}


def encoded(function: Any) -> list | str:
    """`[code, defaults, closure]` of a lambda, as files have it.

    Where that cannot be written, its name, with a warning: such a file has the weights, and the
    model must be built in Python.
    """
    if isinstance(function, functions.FileFunction):
        return function.source
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


def decoded(value: Any, where: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """`value`, a config, with functions in the place of bytecode.

    What such a function can name is what is imported already of torch, numpy, `keras`, `K` for
    `keras.backend`, and `tf`; code of another Python can name functions of tensors among these, and
    `custom_objects`. ValueError, naming the layer, for code that is neither.
    """

    def made(code, defaults, closure, place):
        return _function(code, defaults, closure, place, custom_objects)

    return _decoded(value, where, made)


def _decoded(value, where, made):
    if isinstance(value, list):
        return [_decoded(item, where, made) for item in value]
    if not isinstance(value, dict):
        return value
    name, inner = value.get("class_name"), value.get("config")
    if name == "__lambda__" and isinstance(inner, dict):
        code = inner.get("code")
        whole = code if isinstance(code, list) and len(code) == 3 else None
        return made(*(whole or (code, inner.get("defaults"), inner.get("closure"))), where)
    if isinstance(name, str) and name.split(">")[-1] == "Lambda" and isinstance(inner, dict):
        where = f"{where}: layer {inner.get('name')!r}"
        found = {key: _old_form(key, item, inner, where, made) for key, item in inner.items()}
        raw = {f"{key}_type": "raw" for key, item in found.items() if item is not inner[key]}
        value = {**value, "config": found | raw}
    return {key: _decoded(item, where, made) for key, item in value.items()}


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


def _old_form(key, item, inner, where, made):
    """`[code, defaults, closure]`, as HDF5 files have a lambda; folders have a tuple."""
    if inner.get(f"{key}_type") != "lambda":
        return item
    if isinstance(item, str):  # Keras 1.0
        item = (item, None, None)
    if not isinstance(item, (list, tuple)) or len(item) != 3:
        return item
    try:
        return made(*item, where)
    except ValueError:
        if key == "output_shape":  # seen by running the function
            return None
        raise


def _function(code, defaults, closure, where, custom_objects):
    found = _of_this_python(code)
    if found is not None:
        cells = tuple(types.CellType(value) for value in closure or ())
        defaults = tuple(defaults) if defaults else None
        return types.FunctionType(found, _names(), found.co_name, defaults, cells or None)
    try:
        return functions.read(code, defaults, closure, custom_objects)
    except ValueError as error:
        version = ".".join(map(str, sys.version_info[:2]))
        raise ValueError(
            f"{where}: a function in it is not of this version of Python, {version}, and does more "
            f"than compute tensors ({error}). Pass what it names, or the function under the name "
            "of the layer, in custom_objects."
        ) from error


def _of_this_python(code):
    """The code that this Python can run; None for another's, which it is not even shown."""
    try:
        raw = base64.b64decode(str(code).encode("ascii"))
        return marshal.loads(raw) if _is_of_this_python(read_code(raw)) else None
    except (ValueError, EOFError, TypeError, binascii.Error):
        return None


def _is_of_this_python(code):
    """Whether all instructions are known here and stand where this version expects them."""
    raw = code.instructions
    known = all(not opcode.opname[op].startswith("<") for op in raw[::2])
    begins = "RESUME" not in opcode.opmap or opcode.opmap["RESUME"] in raw[:16:2]
    inner = [const for const in code.constants if isinstance(const, Code)]
    fits = code.layout == _LAYOUT and known and begins and len(raw) % 2 == 0
    return fits and _is_spaced(code, raw) and all(map(_is_of_this_python, inner))


def _is_spaced(code, raw):
    """Whether empty places stand where this version leaves them; others leave more or fewer."""
    if "CACHE" not in opcode.opmap:  # of 3.10: its lines add up to all of the code
        return sum(code.lines[::2]) == len(raw)
    entries, at = opcode._inline_cache_entries, 0
    while at < len(raw):
        key = opcode.opname[raw[at]] if isinstance(entries, dict) else raw[at]
        empty = entries.get(key, 0) if isinstance(entries, dict) else entries[key]
        end = at + 2 + 2 * empty
        if raw[at] == opcode.opmap["CACHE"] or any(raw[at + 2 : end : 2]) or end > len(raw):
            return False
        at = end
    return True


def _names():
    loaded = {name: sys.modules.get(module) for name, module in _MODULES.items()}
    return {"__builtins__": __builtins__} | {k: v for k, v in loaded.items() if v is not None}
