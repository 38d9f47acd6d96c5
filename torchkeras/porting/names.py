"""What a dotted name of Keras or TensorFlow is called in torchkeras today."""

from __future__ import annotations

import importlib
import inspect
import warnings
from functools import cache
from types import ModuleType
from typing import Any

from ..legacy import imported
from ..legacy import modules as old_modules
from ..legacy.names import NAMES
from ..shim import finder

ROOT = "torchkeras"
TENSORFLOW = f"{ROOT}.tensorflow"  # the door to what is left of TensorFlow
_SHIM = f"{ROOT}.shim.tensorflow"

# Functions of `legacy.layers` that are classes of today by another name.
_LONG = {
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "Deconvolution2D": "Conv2DTranspose",
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "AtrousConv1D": "Conv1D",
    "AtrousConv2D": "Conv2D",
}

# Functions of TensorFlow that are one of torch, whatever they are called with.
_TORCH = {"random.set_seed": "torch.manual_seed", "set_random_seed": "torch.manual_seed",
          "random.set_random_seed": "torch.manual_seed"}  # fmt: skip


@cache
def present(name: str, called: bool = True) -> str | None:
    """The name of today for a full foreign one; None where it is no name of Keras or TensorFlow.

    What Keras has comes back below `torchkeras`, what is TensorFlow's alone below
    `torchkeras.tensorflow`. `called` tells an old function from the module of the same name.

    >>> present("tensorflow.keras.layers.core.Dense"), present("tensorflow.nn.relu")
    ('torchkeras.layers.Dense', 'torchkeras.tensorflow.nn.relu')
    >>> present("keras.optimizers.adam"), present("keras.optimizers.adam", called=False)
    ('torchkeras.optimizers.Adam', 'torchkeras.optimizers')
    >>> present("keras_tuner.Tuner") is None
    True
    """
    ours = finder.real_name(name)
    if ours is None:
        return None
    if ours == _SHIM or ours.startswith(_SHIM + "."):
        return _of_tensorflow(ours[len(_SHIM) + 1 :])
    return _join(ROOT, _of_keras(ours.split(".")[1:], called))


@cache
def find(name: str) -> Any:
    """The object of a present name; AttributeError, naming the first part that is absent."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is looked up here is no use of it
        head, *parts = name.split(".")
        found, path = importlib.import_module(head), head
        for part in parts:
            if path == ROOT and part == "tensorflow":
                found, path = importlib.import_module(_SHIM), TENSORFLOW
                continue
            is_door = path == TENSORFLOW or path.startswith(TENSORFLOW + ".")
            path = f"{path}.{part}"
            if isinstance(found, ModuleType) and not hasattr(found, part) and not is_door:
                found = _module(path)
            else:
                found = getattr(found, part)
        return found


def exists(name: str) -> bool:
    """Whether a present name leads to an object."""
    try:
        find(name)
    except (AttributeError, ImportError):
        return False
    return True


def is_module(name: str) -> bool:
    """Whether a present name is that of a module."""
    return exists(name) and isinstance(find(name), ModuleType)


@cache
def refusal(name: str) -> str | None:
    """Why a present name cannot be used, in one clause; None where it can."""
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        path = ".".join(parts[:end])
        try:
            found = find(path)
        except (AttributeError, ImportError):
            return f"torchkeras has no {shown(path)!r}; docs/compatibility.md lists what it has"
        if isinstance(found, ModuleType):
            continue
        if inspect.isfunction(found) and (found.__doc__ or "").startswith("Refused: "):
            return f"torchkeras has no {shown(path)!r}: {found.__doc__[9:].rstrip('.')}"
        break  # what objects have, nobody knows before they are made
    return None


def shown(name: str) -> str:
    """A present name as messages tell it: `keras.layers.Dense`, `tf.nn.relu`.

    >>> shown("torchkeras.layers.Dense"), shown("torchkeras.tensorflow.nn.relu")
    ('keras.layers.Dense', 'tf.nn.relu')
    """
    if name == TENSORFLOW or name.startswith(TENSORFLOW + "."):
        return "tf" + name[len(TENSORFLOW) :]
    return "keras" + name[len(ROOT) :] if name.startswith(ROOT) else name


def _of_tensorflow(path):
    if path in _TORCH:
        return _TORCH[path]
    parts = path.split(".") if path else []
    for end in range(len(parts), 0, -1):  # tf.optimizers is keras.optimizers
        try:
            found = find(".".join([TENSORFLOW, *parts[:end]]))
        except (AttributeError, ImportError):
            continue
        if isinstance(found, ModuleType):
            if found.__name__.split(".")[0] == ROOT and not found.__name__.startswith(_SHIM):
                return ".".join([found.__name__, *parts[end:]])
            break
    early = _join(TENSORFLOW, f"compat.v1.{path}")
    return early if _is_early(path) and refusal(early) is None else _join(TENSORFLOW, path)


def _is_early(path):
    """Whether a name of TensorFlow warns that it is one of its first version."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            found = importlib.import_module(_SHIM)
            for part in path.split("."):
                found = getattr(found, part)
        except (AttributeError, ImportError):
            return False
    return any(issubclass(w.category, DeprecationWarning) and "tf.compat.v1" in str(w.message)
               for w in told)  # fmt: skip


def _of_keras(parts, called):
    here = before = ""  # the module of today, and the path as it was spelled
    for number, part in enumerate(parts):
        spelled, rest = _join(before, part), parts[number + 1 :]
        if spelled in old_modules.CALLED and not rest and called:
            place = old_modules.CALLED[spelled]
            return spelled if place.startswith("legacy.") else place
        module = old_modules.present_path(spelled)
        if module is not None:
            here, before = module, spelled
            continue
        place = old_modules.OWN.get(before, {}).get(part) or NAMES.get(here, {}).get(part)
        if here == "layers" and part in _LONG:
            place = f"layers.{_LONG[part]}"
        if place is None and part not in vars(find(_join(ROOT, here))):
            place = imported.place_of(here, part)
        if place is not None:
            if place.startswith("legacy.") and NAMES.get(here, {}).get(part) == place:
                place = _join(here, part)  # what it is there has no name of today
            return ".".join([place, *rest])
        here, before = _join(here, part), _join(here, part)
        if not is_module(_join(ROOT, here)):
            return ".".join([here, *rest])
    return here


def _module(path):
    try:
        return importlib.import_module(path)
    except ImportError as error:
        raise AttributeError(path) from error


def _join(head, rest):
    return f"{head}.{rest}" if head and rest else head or rest
