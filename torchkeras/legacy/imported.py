"""Names that a module of old Keras had because it imported them: `keras.models.Input`.

Scripts took them from there, and files of Keras itself up to 2.3 did: `from keras.layers import K`,
`from keras.applications.resnet50 import Conv2D`. Each is the present object, with a warning that
says where it belongs.
"""

from __future__ import annotations

import sys
from typing import Any

from .modules import OWN
from .names import NAMES
from .warning import deprecated

_ROOT = __name__.split(".")[0]
_ROOMS = (
    "activations callbacks constraints initializers layers losses metrics models optimizers "
    "regularizers utils preprocessing preprocessing.image preprocessing.sequence preprocessing.text"
).split()
_PARTS = (
    "activations backend callbacks constraints initializers layers losses metrics models "
    "objectives initializations optimizers regularizers utils utils.np_utils utils.conv_utils "
    "utils.layer_utils utils.generic_utils utils.data_utils utils.io_utils engine.topology"
).split()
# What modules imported of each other, by the name under which they did.
_MODULES = {path.rpartition(".")[2]: path for path in _PARTS} | {
    "K": "backend",
    "cbks": "callbacks",
    "layer_module": "layers",
    "metrics_module": "metrics",
}
_HELPERS = ("utils.generic_utils", "utils.conv_utils")
# Whose names modules imported: all took layers, but the layers themselves.
_OWNERS = {"layers": (), "applications": ("layers", "models", "utils", *_HELPERS)}
_OTHERS = ("layers", "models")


def enter() -> None:
    """Let each module look for a name that it lacks among those that it once imported."""
    applications = [
        name.removeprefix(f"{_ROOT}.")
        for name in sys.modules
        if name.startswith(f"{_ROOT}.applications.")
    ]
    for path in (*_ROOMS, "applications", *applications):
        module = sys.modules.get(f"{_ROOT}.{path}")
        if module is not None:
            module.__dict__["__getattr__"] = _fallback(module, path)


def _fallback(module, path):
    before = module.__dict__.get("__getattr__")

    def __getattr__(name: str) -> Any:
        try:
            if before is not None:
                return before(name)
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}", name=name)
        except AttributeError:
            place = place_of(path, name)
            if place is None:
                raise
        deprecated(f"keras.{path}.{name}", f"keras.{place}")
        if name in _MODULES:
            return sys.modules[f"{_ROOT}.{place}"]
        return getattr(sys.modules[f"{_ROOT}.{place.rpartition('.')[0]}"], name)

    return __getattr__


def place_of(path: str, name: str) -> str | None:
    """Where the object that `path` once imported as `name` is today; None for other names.

    >>> place_of("models", "Input"), place_of("layers", "K"), place_of("models", "Nothing")
    ('layers.Input', 'backend', None)
    """
    if path not in _ROOMS and not path.startswith("applications"):
        return None
    if name in _MODULES:
        return _MODULES[name]
    if name.startswith("_"):
        return None
    owners = _OWNERS.get(path.split(".")[0], _OTHERS)
    found = (f"{owner}.{name}" for owner in owners if owner != path and _has(owner, name))
    return next(found, None)


def _has(owner, name):
    """Whether a module has a name as its own, or by an old spelling."""
    known = (OWN.get(owner, {}), NAMES.get(owner, {}))
    module = sys.modules[f"{_ROOT}.{owner}"]
    return name in getattr(module, "__all__", ()) or any(name in table for table in known)
