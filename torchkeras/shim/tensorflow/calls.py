"""How a function of torch becomes one of TensorFlow: its arguments, symbolic calls, namespaces."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ... import graph, tree
from ...arrays import default_device
from ...backend.operands import open_sizes, sizes
from ...data import Strings
from ...graph import KerasTensor
from ...layers.operations import TFOpLambda
from ...layers.tf_table import FUNCTIONS
from ...legacy.warning import deprecated
from ...precision import torch_dtype
from ...variable import Variable

TENSORS = frozenset(
    "x y a b input input_ input_tensor tensor t value logits features labels params condition "
    "image images indices updates segment_ids bias targets predictions data matrix rhs label "
    "decoded true_image start stop real imag chol z filters filter data_ num_classes_ l probs "
    "tensors_ pos weights mean variance offset scale y_true y_pred boxes scores img1 img2 ids "
    "elems spectrograms signals angles eq sorted_sequence weight seed_values".split()
)
LISTS = frozenset("values inputs arrays".split())


def tensor(value: Any, dtype: Any = None, like: Any = None) -> Any:
    """`value` as a tensor with the dtype that TensorFlow gives it; symbolic ones and texts stay.

    >>> tensor([1, 2]).dtype, tensor(1.5).dtype
    (torch.int32, torch.float32)
    """
    if isinstance(value, Variable):
        value = value.value
    if isinstance(value, (KerasTensor, Strings)):
        return value
    if isinstance(value, Tensor):
        return value if dtype is None else value.to(torch_dtype(dtype))
    if is_text(value):
        return Strings.of(value)
    if isinstance(value, (list, tuple)) and any(
        isinstance(leaf, (Tensor, Variable, KerasTensor)) for leaf in tree.leaves(value)
    ):
        return _stacked(value, dtype)
    if like is not None and isinstance(value, (bool, int, float)):
        return value
    array = np.asarray(value)
    if dtype is None and array.dtype.kind == "f" and _floats(like):
        dtype = like.dtype  # floats beside a tensor of floats take its dtype
    if dtype is None and not isinstance(value, (np.ndarray, np.generic)):
        dtype = {"f": torch.float32, "i": torch.int32, "c": torch.complex128}.get(array.dtype.kind)
        if array.dtype.kind == "i" and array.size and np.abs(array).max() >= 2**31:
            dtype = torch.int64
        if array.dtype.kind == "f" and any(
            isinstance(leaf, np.float64) for leaf in tree.leaves(value)
        ):
            dtype = torch.float64 if not isinstance(value, float) else torch.float32
    if array.dtype == object:
        raise ValueError(f"Cannot make a tensor of {value!r}: its rows differ in length.")
    if not array.flags.writeable or any(stride < 0 for stride in array.strides):
        array = array.copy()
    made = torch.from_numpy(np.ascontiguousarray(array)).reshape(array.shape)
    return made.to(default_device(), None if dtype is None else torch_dtype(dtype), copy=True)


def _floats(like):
    if not isinstance(like, (Tensor, Variable)) or isinstance(like, Strings):
        return False
    return torch_dtype(like.dtype).is_floating_point


def _like(values):
    """The tensor whose dtype decides: one of floats before others; None if there is none."""
    tensors = [value for value in values if isinstance(value, (Tensor, Variable))]
    return next(filter(_floats, tensors), tensors[0] if tensors else None)


def _stacked(value, dtype):
    parts = [tensor(one) for one in value]
    if graph.is_symbolic(parts):
        return FUNCTION["stack"](parts)
    like = max((p for p in parts if isinstance(p, Tensor)), key=lambda p: p.is_floating_point())
    parts = [p.to(like.device, like.dtype) for p in parts]
    stacked = torch.stack(parts)
    return stacked if dtype is None else stacked.to(torch_dtype(dtype))


def is_text(value: Any) -> bool:
    """Whether a value is a text or an array of texts."""
    if isinstance(value, (str, bytes)):
        return True
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "SU" or (
            value.dtype == object and value.size and isinstance(value.flat[0], (str, bytes))
        )
    leaf = next(iter(tree.leaves(value)), None) if isinstance(value, (list, tuple)) else None
    return isinstance(leaf, (str, bytes))


def function(compute: Callable, symbol: str | None = None) -> Callable:
    """A function of tensors that takes what TensorFlow's takes: numbers, arrays, variables.

    Arguments whose names say tensor are converted. Symbolic calls are recorded, as the function
    `symbol` of files where they know it.
    """
    parameters = inspect.signature(compute).parameters
    wanted = [name for name in parameters if name in TENSORS]
    lists = [name for name in parameters if name in LISTS]
    names = list(parameters)

    @functools.wraps(compute)
    def call(*args, **kwargs):
        kwargs.update(zip(names, args, strict=False))
        if len(args) > len(names):
            raise TypeError(f"{compute.__name__} takes {len(names)} arguments, not {len(args)}.")
        kwargs.pop("name", None)
        if graph.is_symbolic(kwargs):
            return _recorded(call, symbol, names, kwargs)
        given = [name for name in wanted if kwargs.get(name) is not None]
        like = _like(kwargs[name] for name in given)
        for name in given:
            kwargs[name] = tensor(kwargs[name], like=like)
        for name in lists:
            if isinstance(kwargs.get(name), (list, tuple)):
                kwargs[name] = _converted(kwargs[name])
        return compute(**{name: kwargs.pop(name) for name in names if name in kwargs}, **kwargs)

    call.__name__ = call.__qualname__ = compute.__name__
    call.__signature__ = inspect.signature(compute)
    return call


def _converted(values):
    like = next((v for v in values if isinstance(v, (Tensor, Variable))), None)
    found = [tensor(v, like=None if isinstance(v, (bool, int, float)) else like) for v in values]
    if like is not None and not isinstance(like, Strings):
        dtype = torch_dtype(like.dtype)
        numbers = (bool, int, float, list, tuple)
        pairs = zip(values, found, strict=True)
        found = [
            f.to(dtype) if isinstance(v, numbers) and isinstance(f, Tensor) else f for v, f in pairs
        ]
    return found


def _recorded(call, symbol, names, kwargs):
    """A symbolic call: one step of the model, told in files as tf.keras tells it."""
    first = names[0]
    plain = not any(isinstance(v, (Variable, np.ndarray)) for v in tree.leaves(kwargs))
    if symbol and plain and graph.is_symbolic(kwargs.get(first)):
        rest = {key: value for key, value in kwargs.items() if key != first}
        return TFOpLambda(symbol)(kwargs[first], **rest)
    return graph.record(call, (), kwargs)


def sized(compute: Callable, argument: str = "shape", default: Any = torch.float32) -> Callable:
    """A function that makes a tensor of a shape; sizes may be tensors, also symbolic ones."""
    names = list(inspect.signature(compute).parameters)

    @functools.wraps(compute)
    def call(*args, **kwargs):
        kwargs.update(zip(names, args, strict=False))
        kwargs.pop("name", None)
        shape = kwargs[argument]
        if graph.is_symbolic(kwargs):
            like = next((t for t in tree.leaves(kwargs) if isinstance(t, KerasTensor)), None)
            dtype = kwargs.get("dtype") or (default if default else like.dtype)
            out = KerasTensor(open_sizes(shape), dtype) if graph.is_symbolic(shape) else None
            return graph.record(call, (), kwargs, outputs=out)
        kwargs[argument] = shape_of(shape)
        return compute(**kwargs)

    return call


def shape_of(shape: Any) -> list[int]:
    """A shape given as numbers, tensors, an array or one number."""
    if isinstance(shape, Variable):
        shape = shape.value
    if isinstance(shape, np.ndarray):
        shape = shape.tolist()
    if isinstance(shape, Tensor) and shape.ndim == 0:
        return [int(shape)]
    return sizes(shape)


FUNCTION: dict[str, Callable] = {}  # what saved graphs know, as scripts call it


def known(symbol: str) -> Callable:
    """The function that graphs in files know by its bare name, for scripts."""
    bare = symbol.rpartition(".")[2]
    if bare not in FUNCTION:
        FUNCTION[bare] = function(FUNCTIONS[bare], symbol)
    return FUNCTION[bare]


class Namespace(ModuleType):
    """A part of tensorflow, such as `tf.random`, that has the given names and no others."""

    def __init__(self, name: str, **members: Any):
        super().__init__(f"tensorflow.{name}")
        self.__dict__.update(members)
        self.__path__ = []

    def __getattr__(self, name: str) -> Any:
        return early(self.__name__, name)


EARLY: dict[str, Any] = {}  # parts of tensorflow, and what knows their names of TensorFlow 1


def early(part: str, name: str) -> Any:
    """What a part of tensorflow had by that name in TensorFlow 1; AttributeError if nothing."""
    if part in EARLY and EARLY[part].has(name):
        old = part.replace("tensorflow", "tf", 1)
        deprecated(f"{old}.{name}", f"{old.replace('tf', 'tf.compat.v1', 1)}.{name}")
        return getattr(EARLY[part], name)
    raise missing(f"{part}.{name}")


def missing(name: str) -> AttributeError:
    """The error for a name that is not here."""
    return AttributeError(
        f"torchkeras has no {name!r}; docs/compatibility.md lists what it has.", name=name
    )


def refused(name: str, way_out: str) -> Callable:
    """A function that says why it is not here."""

    def refuse(*args, **kwargs):
        raise NotImplementedError(f"torchkeras has no tf.{name}: {way_out}")

    refuse.__name__ = name.rpartition(".")[2]
    refuse.__doc__ = f"Refused: {way_out}"
    return refuse
