"""The call that makes a module of torch: `nn.Conv2d(3, 64, 7, stride=2)`."""

from __future__ import annotations

import inspect
from typing import Any

from torch import nn

from .text import literal, together

_MISSING = object()
_HIDDEN = ("device", "dtype")
_BY_AXIS = ("kernel_size", "stride", "padding", "dilation", "output_padding", "output_size")


class Unwritten(Exception):
    """What cannot be written, and why."""


def construction(module: nn.Module, **changes: Any) -> str:
    """The text that makes a module like `module`, with some settings changed.

    >>> construction(nn.Conv2d(3, 8, 3, padding=1, bias=False))
    'nn.Conv2d(3, 8, 3, padding=1, bias=False)'
    """
    kind = type(module)
    if kind in (nn.Sequential, nn.ModuleList):
        inner = ", ".join(construction(child) for child in module)
        return f"nn.{kind.__name__}({inner if kind is nn.Sequential else f'[{inner}]'})"
    if getattr(nn, kind.__name__, None) is not kind:
        raise Unwritten(f"{kind.__name__} is not a module of torch.nn")
    if kind is nn.Identity:
        return "nn.Identity()"
    return f"nn.{kind.__name__}({arguments(module, **changes)})"


def arguments(module: nn.Module, **changes: Any) -> str:
    """The arguments of the constructor, read from the attributes of the same names."""
    written = []
    parameters = list(inspect.signature(type(module).__init__).parameters.values())[1:]
    positional = True
    for parameter in _ordered(module, parameters):
        name, default = parameter.name, parameter.default
        value = changes.get(name, _setting(module, name))
        if name in _HIDDEN or value is _MISSING:
            if default is parameter.empty and parameter.kind not in _OPEN_KINDS:
                raise Unwritten(
                    f"{type(module).__name__} has no attribute {name!r} to tell its argument"
                )
            positional = False
            continue
        if name == "stride" and hasattr(module, "ceil_mode") and value == module.kernel_size:
            continue
        if default is not parameter.empty and _same(value, default) and name != "p":
            positional = False
            continue
        if name in _BY_AXIS and isinstance(value, tuple):
            value = together(value)
        if isinstance(value, tuple) and name == "normalized_shape" and len(value) == 1:
            value = value[0]
        try:
            text = literal(value)
        except TypeError as error:
            raise Unwritten(f"argument {name} of {type(module).__name__}: {error}") from None
        required = (default is parameter.empty or name == "p") and positional
        written.append(text if required else f"{name}={text}")
        positional = positional and default is parameter.empty
    return ", ".join(written)


_OPEN_KINDS = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_RECURRENT = ("input_size", "hidden_size", "num_layers", "nonlinearity", "bias", "batch_first",
              "dropout", "bidirectional", "proj_size")  # fmt: skip


def _ordered(module, parameters):
    """Recurrent modules of torch hide their parameters behind `*args`."""
    if not isinstance(module, nn.RNNBase):
        return parameters
    defaults = {"num_layers": 1, "nonlinearity": "tanh", "bias": True, "batch_first": False,
                "dropout": 0.0, "bidirectional": False, "proj_size": 0}  # fmt: skip
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return [
        inspect.Parameter(name, kind, default=defaults.get(name, inspect.Parameter.empty))
        for name in _RECURRENT
    ]


def _setting(module, name):
    if name == "bias" and not isinstance(module, (nn.RNNBase, nn.LayerNorm)):
        held = getattr(module, "bias", _MISSING)
        return held if held is _MISSING or isinstance(held, bool) else held is not None
    if name == "bias" and isinstance(module, nn.LayerNorm):
        return not module.elementwise_affine or module.bias is not None
    value = getattr(module, name, _MISSING)
    return value if not isinstance(value, (nn.Module, nn.Parameter)) else _MISSING


def _same(value, default):
    if isinstance(value, tuple) and isinstance(default, (int, float)):
        return all(one == default for one in value)
    return type(value) is type(default) and value == default
