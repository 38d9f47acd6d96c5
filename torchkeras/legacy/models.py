"""Helpers for models and scripts that `keras.utils` and `keras.engine` once had."""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..preprocessing.text import Tokenizer
from ..registry import get_registered_object
from ..saving import h5, weights
from .warning import deprecated


def multi_gpu_model(
    model: Any, gpus: Any = None, cpu_merge: bool = True, cpu_relocation: bool = False
) -> Any:
    """The model itself: one process trains on one device here."""
    deprecated("multi_gpu_model", "torchrun with DistributedDataParallel; the model stays as it is")
    return model


def print_summary(
    model: Any, line_length: Any = None, positions: Any = None, print_fn=None
) -> None:
    """`model.summary(...)`."""
    deprecated("print_summary(model)", "model.summary()")
    model.summary(line_length, positions, print_fn)


def to_list(x: Any) -> list:
    """`x` where it is a list, else a list of it."""
    deprecated("to_list", "[x]")
    return x if isinstance(x, list) else [x]


def has_arg(fn: Callable, name: str, accept_all: bool = False) -> bool:
    """Whether a function has an argument of that name."""
    deprecated("has_arg", "inspect.signature")
    parameters = inspect.signature(fn).parameters.values()
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    anything = accept_all and any(p.kind is p.VAR_KEYWORD for p in parameters)
    return anything or any(p.name == name and p.kind in kinds for p in parameters)


def get_from_module(identifier: Any, module_params: dict, module_name: str, **options: Any) -> Any:
    """What a name denotes in a dictionary of functions; anything else is itself."""
    deprecated("get_from_module", "keras.utils.get_registered_object")
    if not isinstance(identifier, str):
        return identifier
    found = get_registered_object(identifier, None, module_params)
    if found is None:
        raise ValueError(f"Unknown {module_name}: {identifier!r}.")
    return found() if options.get("instantiate") else found


def make_batches(size: int, batch_size: int) -> list[tuple[int, int]]:
    """The bounds of the batches of `size` samples.

    >>> make_batches(5, 2)
    [(0, 2), (2, 4), (4, 5)]
    """
    starts = range(0, size, batch_size)
    return [(start, min(start + batch_size, size)) for start in starts]


def load_weights_from_hdf5_group(f: Any, layers: Any) -> None:
    """Weights of an open HDF5 group for layers in their order."""
    deprecated("load_weights_from_hdf5_group", "model.load_weights(path)")
    _read_group(f, layers, weights.by_order)


def load_weights_from_hdf5_group_by_name(
    f: Any, layers: Any, skip_mismatch: bool = False, reshape: bool = False
) -> None:
    """Weights of an open HDF5 group for those of the layers whose names it has."""
    deprecated("load_weights_from_hdf5_group_by_name", "model.load_weights(path, by_name=True)")
    if reshape:
        raise ValueError("reshape=True is not there: give the arrays to layer.set_weights.")
    _read_group(f, layers, weights.by_name, skip_mismatch)


def _read_group(f, layers, plan_of, *options):
    given = SimpleNamespace(name="given", layers=layers, _weights=[])
    with h5.reading(f) as root:
        arrays = plan_of(root, given, *options).read()
    for weight, value in arrays:
        weight.assign(value)


def convert_all_kernels_in_model(model: Any) -> None:
    """Turn the kernels of all convolutions around, for weights that Theano trained."""
    from .conv_utils import convert_kernel

    deprecated("convert_all_kernels_in_model", "layer.set_weights with turned kernels")
    for layer in model.layers:
        if type(layer).__name__ in ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose"):
            kernel, *rest = layer.get_weights()
            layer.set_weights([np.ascontiguousarray(convert_kernel(kernel)), *rest])


def keep(function: Callable) -> Callable:
    """A function as it is: what a decorator of Keras did happens anyway."""
    return function


def base_filter() -> str:
    """The characters that `Tokenizer` leaves out by default."""
    deprecated("base_filter()", "nothing: it is the default of Tokenizer(filters=...)")
    return inspect.signature(Tokenizer).parameters["filters"].default


def path_to_string(path: Any) -> Any:
    """A path object as text; anything else as it is."""
    deprecated("path_to_string", "os.fspath")
    return os.fspath(path) if isinstance(path, os.PathLike) else path


def get_source_inputs(tensor: Any, layer: Any = None, node_index: Any = None) -> list:
    """The inputs that a symbolic tensor is computed from."""
    deprecated("get_source_inputs", "the inputs that you made")
    found, stack, seen = [], [tensor], set()
    while stack:
        one = stack.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if one.node is None or not one.node.inputs:
            found.append(one)
        else:
            stack.extend(reversed(one.node.inputs))
    return found


def get_submodules_from_kwargs(kwargs: dict[str, Any]) -> list:
    """Keras' backend, layers, models and utils, or those that the arguments name."""
    deprecated("get_submodules_from_kwargs", "keras.backend, keras.layers, ...")
    for key in kwargs:
        if key not in _SUBMODULES:
            raise TypeError(f"Invalid keyword argument: {key}; known: {', '.join(_SUBMODULES)}.")
    root = __name__.split(".")[0]
    return [kwargs.get(key) or importlib.import_module(f"{root}.{key}") for key in _SUBMODULES]


NOT_SET = None  # what keras_applications held before it was told of Keras
_SUBMODULES = ("backend", "layers", "models", "utils")


def set_keras_submodules(**modules: Any) -> None:
    """Without effect: the submodules are those of this package."""
    deprecated("set_keras_submodules", "nothing: the modules are known")
