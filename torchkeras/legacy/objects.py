"""`serialize_keras_object` and `deserialize_keras_object`: any object of Keras as a config."""

from __future__ import annotations

import inspect
from typing import Any

from .. import constraints, initializers, layer, losses, metrics, optimizers, regularizers
from ..configs import plain
from ..registry import custom_object_scope, get_registered_name, get_registered_object

_TABLES = [
    layer.TABLE, losses.TABLE, metrics.TABLE, optimizers.TABLE, initializers.TABLE,
    regularizers.TABLE, constraints.TABLE,
]  # fmt: skip


def serialize_keras_object(obj: Any) -> Any:
    """A config of what has a `get_config`, the name of a function; plain values as they are."""
    if obj is None or isinstance(obj, (str, int, float, bool)):
        return obj
    if isinstance(obj, (list, tuple, dict)):
        return plain(obj)
    if not hasattr(obj, "get_config"):
        if not callable(obj):
            raise ValueError(f"Cannot serialize {obj!r}: it has no get_config().")
        return get_registered_name(obj)
    for table in _TABLES:
        if type(obj) in table.objects.values():
            return plain(table.serialize(obj))
    return {
        "module": None,
        "class_name": type(obj).__name__,
        "config": plain(obj.get_config()),
        "registered_name": get_registered_name(type(obj)),
    }


def deserialize_keras_object(
    config: Any, custom_objects: Any = None, safe_mode: bool = True, module_objects: Any = None,
    printable_module_name: str = "object", **kwargs: Any,
) -> Any:  # fmt: skip
    """The object of a config, or a name: the library's, a registered one, or one given here.

    ValueError for a name that is not known; nothing is imported.
    """
    if isinstance(config, dict) and "class_name" in config:
        name, settings = config.get("registered_name") or config["class_name"], config["config"]
    elif isinstance(config, str):
        name, settings = config, None
    else:
        return config
    found = get_registered_object(name, custom_objects, module_objects)
    found = found or get_registered_object(str(name).split(">")[-1], custom_objects, module_objects)
    for table in _TABLES:
        found = found or table.objects.get(name) or table.objects.get(name.split(">")[-1])
    if found is None:
        raise ValueError(f"Unknown {printable_module_name}: {name!r}. Pass it in custom_objects.")
    if settings is None or not inspect.isclass(found):
        return found() if inspect.isclass(found) else found
    with custom_object_scope(custom_objects):
        if hasattr(found, "from_config"):
            return found.from_config(settings)
        return found(**settings)
