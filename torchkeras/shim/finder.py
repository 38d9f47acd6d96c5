"""One finder over one table: which of our modules answers to which foreign name."""

from __future__ import annotations

import importlib
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from types import ModuleType

import torch

from ..backend import state
from ..config import KERAS_VERSION
from ..legacy import modules
from ..legacy.warning import deprecated
from . import tensors

__all__ = ["install", "uninstall"]

VERSIONS = {"keras": KERAS_VERSION, "tensorflow": KERAS_VERSION}
_TENSORFLOW = "torchkeras.shim.tensorflow"

# A name stands for itself and for all below it; the longest entry decides.
ALIASES = {
    "keras": "torchkeras",
    "tf_keras": "torchkeras",
    "tensorflow": _TENSORFLOW,
    "tensorflow.keras": "torchkeras",
    "keras_preprocessing": "torchkeras.preprocessing",
    "keras_applications": "torchkeras.applications",
    **dict.fromkeys(
        (
            "keras.src",
            "keras.api",
            "keras.api._v2.keras",
            "keras.api.keras",
            "tensorflow.python.keras",
            "tensorflow.contrib.keras",
            "tensorflow.contrib.keras.python.keras",
            "tensorflow_core.python.keras",
            "tensorflow.compat.v1.keras",
            "tensorflow.compat.v2.keras",
        ),
        "torchkeras",
    ),
    # TensorBoard asks for this name to learn that it must not use tensorflow's file functions.
    "tensorboard.compat.notf": _TENSORFLOW,
}


# Roots that are spelled otherwise today: their first import says so.
OLD_ROOTS = {
    **dict.fromkeys(
        (
            "keras.src",
            "keras.api",
            "tensorflow.python.keras",
            "tensorflow.contrib.keras",
            "tensorflow_core.python.keras",
        ),
        "keras",
    ),
    "keras_preprocessing": "keras.preprocessing",
    "keras_applications": "keras.applications",
}


def install() -> None:
    """From here on `keras`, `tf_keras`, `tensorflow` and `tensorflow.keras` are torchkeras.

    The modules are the same objects: `tensorflow.keras.layers` is `torchkeras.layers`. While
    installed, `keras.__version__` reads '2.15.0'. A second call changes nothing. ImportError if
    the real packages were imported before: two of them in one process would mix.
    """
    if _finder in sys.meta_path:
        return
    strangers = sorted(_imported(), key=len)
    if strangers:
        name = strangers[0]
        place = getattr(sys.modules[name], "__file__", None) or "an unknown place"
        raise ImportError(
            f"torchkeras stands aside: {name!r} was already imported from {place}. Call "
            "torchkeras.shim.install() before anything imports it, or run the script with "
            "'python -m torchkeras SCRIPT'.",
            name=name,
        )
    sys.meta_path.insert(0, _finder)
    tensors.install()
    _finder.show_version()


def uninstall() -> None:
    """Undo `install()`: the names mean the real packages again; modules in use stay as they are."""
    if _finder not in sys.meta_path:
        return
    sys.meta_path.remove(_finder)
    tensors.uninstall()
    torch.set_grad_enabled(True)
    for name in _imported():
        del sys.modules[name]
    _finder.restore_version()


def real_name(name: str) -> str | None:
    """The module of ours that `name` stands for, or None.

    >>> real_name("tensorflow.keras.layers"), real_name("kerastuner")
    ('torchkeras.layers', None)
    """
    head, rest = name, ""
    while head not in ALIASES:
        head, dot, last = head.rpartition(".")
        if not dot:
            return None
        rest = f".{last}{rest}"
    return ALIASES[head] + rest


def _imported():
    return [name for name in sys.modules if real_name(name)]


class _AliasFinder(MetaPathFinder, Loader):
    """Finds a foreign name and loads the module of ours that it stands for."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname.startswith(_TENSORFLOW + "."):  # what `from tensorflow import NAME` tries last
            if not path or PathFinder.find_spec(fullname, path) is None:
                _refuse(fullname.replace(_TENSORFLOW, "tensorflow", 1))
            return None
        if fullname in _PARENTS:
            return ModuleSpec(fullname, _ParentLoader(), is_package=True)
        ours = real_name(fullname)
        if ours is None or fullname.partition(".")[0] == "keras_applications" and _is_installed():
            return None
        if ours.startswith(_TENSORFLOW + "."):
            return ModuleSpec(fullname, _PartLoader(), is_package=True)
        if ours not in sys.modules and not _exists(ours):
            _refuse(fullname)
        return ModuleSpec(fullname, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        ours = real_name(spec.name)
        module = importlib.import_module(ours)
        if spec.name == "tensorflow":
            torch.set_grad_enabled(False)  # as in TensorFlow: tapes record, and nothing else
        if spec.name in OLD_ROOTS:
            deprecated(spec.name, OLD_ROOTS[spec.name])
        path = ours.removeprefix("torchkeras.")
        present = modules.present_path(path)
        if present and not isinstance(module, modules.OldModule):
            deprecated(f"keras.{path}", f"keras.{present}")
        if not hasattr(module, "__path__") and any(
            alias.startswith(spec.name + ".") for alias in ALIASES
        ):
            module.__path__ = []  # import looks below packages only
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has just stamped the alias' spec on a module that has its own.
        module.__spec__ = module.__spec__.loader_state

    def show_version(self):
        keras = importlib.import_module("torchkeras")
        self.own_version = getattr(keras, "__version__", None)
        keras.__version__ = VERSIONS["keras"]
        state._NAME["backend"] = "tensorflow"

    def restore_version(self):
        importlib.import_module("torchkeras").__version__ = self.own_version
        state._NAME["backend"] = "torch"


class _PartLoader(Loader):
    """Loads `tensorflow.nn`: the object of that name in the module `tensorflow`."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        part = importlib.import_module(_TENSORFLOW)
        for name in spec.name.split(".")[1:]:
            part = getattr(part, name, None)
        if not isinstance(part, ModuleType):
            _refuse(spec.name)
        return part

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to do: it is complete."""


class _ParentLoader(Loader):
    """Makes the empty package that stands above old roots: `tensorflow.python`."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return ModuleType(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        module.__getattr__ = lambda name: _refuse_part(module.__name__, name)


_PARENTS = {
    name.rsplit(".", count)[0]
    for name in ALIASES
    for count in range(1, name.count(".") + 1)
    if name.split(".")[0] in ("keras", "tensorflow", "tensorflow_core")
} - {*ALIASES, "tensorflow.python", "tensorflow.compat", "tensorflow.compat.v1",
     "tensorflow.compat.v2"}  # fmt: skip


def _is_installed():
    """Whether the package keras_applications is there: it computes with the Keras it is given."""
    return PathFinder.find_spec("keras_applications") is not None


def _exists(name):
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # of a parent
        return False


def _refuse_part(package, name):
    if name.startswith("__"):
        raise AttributeError(name)
    raise AttributeError(_absent(f"{package}.{name}"), name=name)  # import then tries a module


def _refuse(name):
    # `from PACKAGE import NAME` would hide an error with the full name behind one of its own.
    raise ModuleNotFoundError(_absent(name), name=name.rpartition(".")[0] or name)


def _absent(name):
    return f"torchkeras has no {name!r}; docs/compatibility.md lists what it has."


_finder = _AliasFinder()
