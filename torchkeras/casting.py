"""Mixed precision: a layer that computes in another dtype than that of its weights.

While such a layer is called, the parameters of its native modules are replaced by casts that
gradients go through; a weight made by `add_weight` is cast as it is read. Plain modules inside are
reached too; layers inside look after themselves.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.compiler import is_compiling
from torch.nn.modules.batchnorm import _NormBase

from . import tree

_one_at_a_time = threading.RLock()  # a layer's parameters are seen by all threads


def enable(layer: nn.Module) -> None:
    """Let calls of `layer` see its weights in its compute dtype."""
    layer._replaced = []
    layer.register_forward_pre_hook(_replace)
    layer.register_forward_hook(_restore, always_call=True)


def forget_modules(layer: nn.Module) -> None:
    """The modules inside have changed."""
    layer.__dict__["_holders"] = None


def _replace(layer, args):
    dtype = layer._compute_dtype
    if not is_compiling():
        _one_at_a_time.acquire()
    before = []
    for places, spared in _places(layer):
        items = enumerate(places) if isinstance(places, list) else list(places.items())
        for key, parameter in items:
            if parameter is None or key in spared or parameter.dtype is dtype:
                continue
            if parameter.is_floating_point():
                before.append((places, key, parameter))
                places[key] = parameter.to(dtype)
    layer._replaced.append((before, layer._reads_as))
    layer.__dict__["_reads_as"] = dtype


def _restore(layer, args, outputs):
    if not layer._replaced:  # what came before the call failed
        return
    before, reads_as = layer._replaced.pop()
    layer.__dict__["_reads_as"] = reads_as
    for places, key, parameter in before:
        places[key] = parameter
    if not is_compiling():
        _one_at_a_time.release()


def _places(layer):
    """The lists and dicts in which parameters stand, each with the keys of those to leave alone."""
    found = []
    for module, spared in _holders(layer):
        is_recurrent = isinstance(module, nn.RNNBase)
        found.append((module._flat_weights if is_recurrent else module._parameters, spared))
    held = layer.__dict__.get("_held")
    if held is not None and is_compiling():
        found.append((held.parameters, ()))
    elif held is not None:
        found.append((layer._flat_weights(), ()))
    return found


def _holders(layer) -> list[tuple[nn.Module, Any]]:
    """The modules that hold the parameters, each with the keys of those to leave alone.

    Batch statistics are kept in float32, whose kernels take inputs of half precision.
    """
    found = layer.__dict__.get("_holders")
    if found is None:
        table = layer.weight_map
        added = {w.weight.native for w in layer._weights if w.weight not in table}
        found = [(layer, added)]
        if layer.__dict__.get("_held") is None:  # or torch.compile stops at an LSTM
            found += [(m, ()) for m in _inside(layer) if not isinstance(m, _NormBase)]
        layer.__dict__["_holders"] = found
    return found


def _inside(module: nn.Module) -> Iterator[nn.Module]:
    """The plain modules below `module`, as far as the next layers."""
    for child in module._modules.values():
        if child is not None and not hasattr(type(child), "weight_map"):
            yield child
            yield from _inside(child)


def cast_inputs(module: nn.Module, args: tuple, kwargs: dict, dtype: torch.dtype) -> tuple:
    """The arguments of a call in the dtype in which `module` computes, `dtype` if it does not say.

    Users' layers have their first argument cast alone, as in tf.keras.
    """
    dtype = getattr(module, "_compute_dtype", dtype)

    def cast(leaf):
        return cast_float(leaf, dtype)

    if type(module).__module__.startswith("torchkeras."):
        return tree.map_structure(cast, args), tree.map_structure(cast, kwargs)
    return (tree.map_structure(cast, args[0]), *args[1:]), kwargs


def as_floats(value: Tensor, dtype: torch.dtype) -> Tensor:
    """Integers and booleans in `dtype`; other numbers as they are."""
    if value.is_floating_point() or value.is_complex():
        return value
    return value.to(dtype)


def cast_float(value: Any, dtype: torch.dtype | None) -> Any:
    """A floating tensor in `dtype`, with its mask; anything else as it is."""
    if not isinstance(value, Tensor) or value.dtype is dtype or not value.is_floating_point():
        return value
    cast = value.to(dtype)
    mask = getattr(value, "_keras_mask", None)
    if mask is not None:
        cast._keras_mask = mask
    return cast
