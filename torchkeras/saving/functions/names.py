"""What the code of a file may name: functions of tensors, and nothing that acts on anything else.

`K`, `tf`, `np`, `math` and `keras` are tables of such functions here, not modules. Values have the
few attributes of `attribute`, which lead to values again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from ... import activations, backend
from ...graph import KerasTensor
from ...layers.tf_table import FUNCTIONS, known_name
from ...precision import dtype_name
from ...registry import get_registered_object

_LARGEST = 10**6  # items of what is no tensor


class Unknown(ValueError):
    """The code names what is not among these tables."""


class Names:
    """A table that stands for a module: `Names("K", lookup)`."""

    def __init__(self, title: str, lookup: Callable[[str], Any]):
        self.title, self.lookup = title, lookup

    def get(self, name: str) -> Any:
        """The value of a name; `Unknown` if there is none."""
        try:
            return self.lookup(name)
        except (KeyError, AttributeError, ValueError):
            raise Unknown(f"{self.title}.{name} is not among what is computed here") from None


class Shape(tuple):
    """A shape with what those of TensorFlow answer; sizes are plain numbers."""


def named(name: str, custom_objects: dict[str, Any] | None) -> Any:
    """What a global name means: an object of the caller's, else one of the tables."""
    found = get_registered_object(name, custom_objects)
    if found is not None:
        return _MODULES.get(getattr(found, "__name__", ""), found)
    if name in _GLOBALS:
        return _GLOBALS[name]
    raise Unknown(f"it names {name!r}, which is not in the file")


def module(path: str) -> Names:
    """The table that an import in the code gives."""
    if path not in _MODULES:
        raise Unknown(f"it imports {path!r}")
    return _MODULES[path]


def attribute(value: Any, name: str) -> Any:
    """`value.name`, of values that have such attributes."""
    if isinstance(value, Names):
        return value.get(name)
    for kind, table in _ATTRIBUTES:
        if isinstance(value, kind) and name in table:
            return table[name](value)
    raise Unknown(f"it takes {name!r} of a {type(value).__name__}")


# --- attributes of values ----------------------------------------------------------------------


def _shape(x):
    return Shape(x.shape)


def _methods(kind, names):
    return {name: partial(partial, getattr(kind, name)) for name in names.split()}


_TENSOR = {
    "shape": _shape,
    "_keras_shape": _shape,
    "get_shape": lambda x: lambda: _shape(x),
    "set_shape": lambda x: lambda shape: None,
    "dtype": lambda x: dtype_name(x.dtype),
    "ndim": lambda x: len(x.shape),
}
_ARRAY = {"shape": lambda x: Shape(x.shape), "T": lambda x: x.T, "ndim": lambda x: x.ndim} | {
    "size": lambda x: x.size,
    "dtype": lambda x: x.dtype.name,
    **_methods(np.ndarray, "reshape astype transpose tolist sum mean max min prod copy"),
}
_ATTRIBUTES: list[tuple[Any, dict[str, Callable]]] = [
    ((Tensor, KerasTensor), _TENSOR),
    (np.ndarray, _ARRAY),
    (
        Shape,
        {
            "as_list": lambda x: lambda: list(x),
            "ndims": len,
            "rank": len,
            "dims": list,
            "num_elements": lambda x: lambda: math.prod(x),
        },
    ),
    (int, {"value": lambda x: x}),
    (type(None), {"value": lambda x: x}),
    (list, _methods(list, "append extend insert index count reverse copy")),
    (tuple, _methods(tuple, "index count")),
    (dict, _methods(dict, "items keys values get copy")),
    (str, _methods(str, "lower upper startswith endswith")),
]


# --- tables -------------------------------------------------------------------------------------

_PARTS = "ctc draws elementwise loops made nn reductions resize shapes windows values"
_STATE = (
    "placeholder variable is_sparse to_dense print_tensor count_params set_value eval get_value "
    "update update_add update_sub moving_average_update batch_set_value batch_get_value "
    "random_normal_variable random_uniform_variable"
)
_ALLOWED = {
    name
    for name, function in vars(backend).items()
    if getattr(function, "__module__", "").rpartition(".")[2] in _PARTS.split()
    and name not in _STATE.split()
}
_PLAIN = {
    "epsilon": backend.epsilon,
    "floatx": backend.floatx,
    "image_data_format": backend.image_data_format,
    "image_dim_ordering": lambda: "tf" if backend.image_data_format() == "channels_last" else "th",
    "learning_phase": backend.learning_phase,
    "backend": lambda: "tensorflow",
    "print_tensor": lambda x, message="": x,
    "dtype": backend.dtype,
    "int_shape": backend.int_shape,
    "ndim": backend.ndim,
    "identity": lambda x: x,
    **{
        name: getattr(backend, name)
        for name in "elu hard_sigmoid relu sigmoid softmax softplus softsign tanh".split()
    },
}


def _of_backend(name):
    if name == "tf":
        return _MODULES["tensorflow"]
    return _PLAIN[name] if name in _PLAIN else getattr(backend, name) if name in _ALLOWED else None


def _backend(name):
    found = _of_backend(name)
    if found is None:
        raise KeyError(name)
    return found


_DTYPES = "float16 float32 float64 int8 int16 int32 int64 uint8 bool".split()
_INNER = "math nn image linalg signal compat v1 random contrib".split()


def _converted(x, dtype=None, shape=None, name=None, **other):
    made = x if isinstance(x, (Tensor, KerasTensor)) else backend.constant(x, dtype, shape)
    return backend.cast(made, dtype) if dtype else made


_OF_TENSORFLOW = {
    "newaxis": None,
    "constant": lambda value, dtype=None, shape=None, name=None: _converted(value, dtype, shape),
    "convert_to_tensor": lambda value, dtype=None, name=None: _converted(value, dtype),
    "map_fn": lambda fn, elems, dtype=None, **other: backend.map_fn(fn, elems, dtype=dtype),
    "to_float": lambda x, name=None: backend.cast(x, "float32"),
    "to_double": lambda x, name=None: backend.cast(x, "float64"),
    "to_int32": lambda x, name=None: backend.cast(x, "int32"),
    "to_int64": lambda x, name=None: backend.cast(x, "int64"),
    **{name: name for name in _DTYPES},
}


_RESIZE_METHODS = Names(
    "tf.image.ResizeMethod",
    {
        "BILINEAR": "bilinear",
        "NEAREST_NEIGHBOR": "nearest",
        "BICUBIC": "bicubic",
        "AREA": "area",
    }.__getitem__,
)


def _tensorflow(name, prefix=""):
    if not prefix and name in _OF_TENSORFLOW:
        return _OF_TENSORFLOW[name]
    if name == "keras" and prefix in ("", "contrib."):
        return _MODULES["keras"]
    if name == "ResizeMethod":
        return _RESIZE_METHODS
    if f"{prefix}{name}" in FUNCTIONS:
        return FUNCTIONS[f"{prefix}{name}"]
    if name in _INNER:
        return Names(f"tf.{prefix}{name}", lambda inner: _tensorflow(inner, f"{prefix}{name}."))
    return FUNCTIONS[known_name(f"{prefix}{name}")]


def _flat(function):
    """A function of numpy, whose single numbers are plain ones."""

    def call(*args, **kwargs):
        made = function(*args, **kwargs)
        if isinstance(made, np.ndarray) and made.size > _LARGEST:
            raise Unknown(f"it makes an array of {made.size} numbers")
        return made.item() if isinstance(made, np.generic) else made

    return call


_OF_NUMPY = {
    **{
        name: _flat(getattr(np, name))
        for name in (
            "array asarray arange reshape transpose expand_dims concatenate stack sqrt log log2 "
            "log10 exp abs sign floor ceil round power maximum minimum prod sum mean max min "
            "cumsum cos sin tan tanh arctan2 clip linspace meshgrid "
            "tile outer dot argmax argsort squeeze"
        ).split()
    },
    **{name: getattr(np, name) for name in "float32 float64 int32 int64 uint8 bool_".split()},
    "pi": math.pi,
    "e": math.e,
    "inf": math.inf,
    "newaxis": None,
}
_OF_MATH = {
    name: getattr(math, name)
    for name in "sqrt log log2 log10 exp pow floor ceil pi e cos sin tan tanh prod inf".split()
}
_OF_KERAS = {
    "backend": lambda: _MODULES["keras.backend"],
    "activations": lambda: _MODULES["keras.activations"],
}


def _activation(name):
    found = activations.TABLE.objects.get(name)
    if found is None:
        raise KeyError(name)
    return found


_TABLE_OF_BACKEND = Names("K", _backend)
_MODULES = {
    "keras": Names("keras", lambda name: _OF_KERAS[name]()),
    "keras.backend": _TABLE_OF_BACKEND,
    "keras.activations": Names("keras.activations", _activation),
    "tensorflow": Names("tf", _tensorflow),
    "numpy": Names("np", _OF_NUMPY.__getitem__),
    "math": Names("math", _OF_MATH.__getitem__),
    "torch": Names("torch", {}.__getitem__),
}
for _path in ("keras", "keras.backend", "keras.activations"):
    _MODULES[f"tensorflow.{_path}"] = _MODULES[f"tensorflow.python.{_path}"] = _MODULES[_path]
    _MODULES[_path.replace("keras", "torchkeras", 1)] = _MODULES[_path]
for _path in ("torchkeras.shim.tensorflow", "torchkeras.tensorflow"):
    _MODULES[_path] = _MODULES["tensorflow"]


def _range(*limits):
    made = range(*(int(one) for one in limits))
    if len(made) > _LARGEST:
        raise Unknown(f"it counts to {len(made)}")
    return made


def length(x: Any) -> int:
    """How many items `x` has."""
    return x.shape[0] if isinstance(x, (Tensor, KerasTensor)) else len(x)


_GLOBALS = {
    "K": _TABLE_OF_BACKEND,
    "backend": _TABLE_OF_BACKEND,
    "keras": _MODULES["keras"],
    "tf": _MODULES["tensorflow"],
    "tensorflow": _MODULES["tensorflow"],
    "np": _MODULES["numpy"],
    "numpy": _MODULES["numpy"],
    "math": _MODULES["math"],
    "range": _range,
    "xrange": _range,
    "len": length,
    "print": lambda *args, **kwargs: None,
    "zip": lambda *parts: list(zip(*parts, strict=False)),
    "enumerate": lambda items, start=0: list(enumerate(items, start)),
    "reversed": lambda items: list(items)[::-1],
    **{f.__name__: f for f in (int, float, bool, str, list, tuple, dict, slice, sum)},
    **{f.__name__: f for f in (all, any, sorted, isinstance)},
    **{f.__name__: f for f in (abs, min, max, round)},
    "None": None,
    "True": True,
    "False": False,
    "Ellipsis": ...,
}


def is_small(value: Any) -> bool:
    """Whether what is no tensor has a size that a shape or a setting has."""
    if isinstance(value, int):
        return value.bit_length() <= 4096
    if isinstance(value, (str, list, tuple)):
        return len(value) <= _LARGEST
    return True
