"""`serialize_keras_object` and its inverse: any object as a config."""

from __future__ import annotations

import inspect
from typing import Any

from .. import (
    activations,
    configs,
    constraints,
    initializers,
    losses,
    metrics,
    optimizers,
    regularizers,
)
from ..layer import TABLE as LAYERS
from ..optimizers import legacy, schedules
from ..registry import custom_object_scope, get_registered_object, sharing
from .config import check_code
from .functions import bytecode
from .versions.spellings import modern

_TABLES = {
    "keras.layers": LAYERS,
    "keras.initializers": initializers.TABLE,
    "keras.regularizers": regularizers.TABLE,
    "keras.constraints": constraints.TABLE,
    "keras.losses": losses.TABLE,
    "keras.metrics": metrics.TABLE,
    "keras.optimizers": optimizers.TABLE,
    "keras.optimizers.legacy": legacy.TABLE,
    "keras.optimizers.schedules": schedules.TABLE,
    "keras.activations": activations.TABLE,
    "keras": LAYERS,
}


def serialize_keras_object(obj: Any) -> Any:
    """The config of a layer, loss, metric, optimizer, ... or of plain values that hold some.

    >>> from torchkeras.initializers import Zeros
    >>> serialize_keras_object(Zeros())["class_name"]
    'Zeros'
    """
    if obj is None or isinstance(obj, (str, int, float, bool)):
        return obj
    if isinstance(obj, dict):
        return {key: serialize_keras_object(value) for key, value in obj.items()}
    if isinstance(obj, (list, tuple)):
        items = [serialize_keras_object(item) for item in obj]
        return {"class_name": "__tuple__", "items": items} if isinstance(obj, tuple) else items
    for table in _TABLES.values():
        if table.objects.get(type(obj).__name__) is type(obj):
            return configs.serialize(table, obj)
    return configs.serialize(LAYERS, configs.plain(obj))


def deserialize_keras_object(
    config: Any, custom_objects: dict[str, Any] | None = None, safe_mode: bool = True, **kwargs: Any
) -> Any:
    """What `serialize_keras_object` described; only the library's and registered names are known.

    TypeError or ValueError for other names, and for code unless `safe_mode=False`.
    """
    if kwargs:
        raise TypeError(f"deserialize_keras_object got unexpected arguments {list(kwargs)}.")
    if safe_mode is not False:
        check_code(config, "The config")
    else:
        config = bytecode.decoded(config, "The config", custom_objects)
    with custom_object_scope(custom_objects), sharing():
        return _made(modern(config))


def _made(config):
    if isinstance(config, (list, tuple)):
        return type(config)(_made(item) for item in config)
    if not isinstance(config, dict):
        return config
    name = config.get("class_name")
    if not isinstance(name, str):
        return {key: _made(value) for key, value in config.items()}
    if name == "function":
        return _function(config.get("config"))
    module = str(config.get("module"))
    for key in (".".join(module.split(".")[:count]) for count in (3, 2, 1)):
        if key in _TABLES and name in _TABLES[key].objects:
            return _TABLES[key].deserialize(config)
    for known in (config.get("registered_name"), name):
        found = isinstance(known, str) and get_registered_object(known)
        if found:
            inner = config.get("config") or {}
            return found.from_config(inner) if inspect.isclass(found) else found
    raise TypeError(
        f"Could not find {name[:100]!r} of {module[:100]}: it is neither in the library nor "
        "registered. Pass it in custom_objects or register it with register_keras_serializable."
    )


def _function(name):
    found = get_registered_object(str(name))
    for table in (activations.TABLE, losses.TABLE, metrics.TABLE):
        found = found or table.objects.get(str(name))
    if found is None or inspect.isclass(found):
        raise TypeError(f"Could not find the function {name!r}; pass it in custom_objects.")
    return found
