"""`keras.utils.legacy`: objects as the configs that Keras wrote before 2.13."""

from __future__ import annotations

from typing import Any

from ..registry import (
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
)


def serialize_keras_object(instance: Any) -> Any:
    """Class name and config of an object, or the name of a function or class.

    >>> from torchkeras.initializers import Constant
    >>> serialize_keras_object(Constant(2.0))
    {'class_name': 'Constant', 'config': {'value': 2.0}}
    """
    if instance is None:
        return None
    if hasattr(instance, "get_config") and not isinstance(instance, type):
        config = {key: _serialized(item) for key, item in instance.get_config().items()}
        return {"class_name": get_registered_name(type(instance)), "config": config}
    if hasattr(instance, "__name__"):
        return get_registered_name(instance)
    raise ValueError(f"Cannot serialize {instance!r}: it has no get_config().")


def _serialized(item):
    try:
        return item if isinstance(item, str) else serialize_keras_object(item)
    except ValueError:
        return item


def deserialize_keras_object(
    identifier: Any,
    module_objects: dict[str, Any] | None = None,
    custom_objects: dict[str, Any] | None = None,
    printable_module_name: str = "object",
) -> Any:
    """What a name or config denotes among `module_objects` and the registered objects.

    A name of a class makes an object without arguments; ValueError for an unknown name.

    >>> from torchkeras.initializers import Constant
    >>> described = {"class_name": "Constant", "config": {"value": 2.0}}
    >>> deserialize_keras_object(described, {"Constant": Constant}).value
    2.0
    """
    if identifier is None or not isinstance(identifier, (str, dict)):
        if identifier is None or callable(identifier):
            return identifier
        raise ValueError(f"Could not interpret {identifier!r} as a {printable_module_name}.")
    named = isinstance(identifier, str)
    name = identifier if named else identifier.get("class_name")
    if not isinstance(name, str) or (not named and "config" not in identifier):
        raise ValueError(f"{identifier!r} has no 'class_name' and 'config'.")
    known = {**(module_objects or {}), **get_custom_objects(), **(custom_objects or {})}
    found = known.get(name) or get_registered_object(name, custom_objects, module_objects)
    if found is None:
        raise ValueError(
            f"Unknown {printable_module_name}: {name!r}. Pass it in custom_objects or register it "
            "with register_keras_serializable."
        )
    if named:
        return found() if isinstance(found, type) else found
    with custom_object_scope(custom_objects):
        if hasattr(found, "from_config"):
            return found.from_config(identifier["config"])
        return found(**identifier["config"])
