"""Which object a name or a config denotes: the library's tables and the user's custom objects.

A file's text reaches nothing but these tables: no name is ever imported.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_CUSTOM: dict[str, Any] = {}  # registered name -> object
_CUSTOM_NAMES: dict[Any, str] = {}  # object -> registered name
_SCOPE: ContextVar[dict[str, Any] | None] = ContextVar("custom_objects", default=None)
_SHARED: ContextVar[dict[Any, Any] | None] = ContextVar("shared_objects", default=None)


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable:
    """Class or function decorator: makes a user's object known to files as `package>name`.

    >>> @register_keras_serializable()
    ... def double(x): return 2 * x
    >>> get_registered_name(double)
    'Custom>double'
    """

    def register(obj):
        registered = f"{package}>{name or obj.__name__}"
        if inspect.isclass(obj) and not hasattr(obj, "get_config"):
            raise ValueError(
                f"{obj.__name__} has no get_config(), so it cannot be saved; add one to "
                "register it."
            )
        _CUSTOM[registered] = obj
        _CUSTOM_NAMES[obj] = registered
        return obj

    return register


def get_registered_name(obj: Any) -> str:
    """The name under which `obj` was registered, else its own name."""
    return _CUSTOM_NAMES.get(obj) or getattr(obj, "__name__", str(obj))


def get_registered_object(name: str, custom_objects=None, module_objects=None) -> Any:
    """What `name` denotes among scoped, registered, given and module objects, or None."""
    for objects in (_SCOPE.get(), _CUSTOM, custom_objects, module_objects):
        if objects and name in objects:
            return objects[name]
    return None


def get_custom_objects() -> dict[str, Any]:
    """The live dictionary of the user's registered objects; changes to it hold."""
    return _CUSTOM


@contextmanager
def custom_object_scope(*dicts: dict[str, Any] | None) -> Iterator[None]:
    """Within the block, names in the given dictionaries denote the objects given there."""
    merged = dict(_SCOPE.get() or {})
    for objects in dicts:
        merged.update(objects or {})
    token = _SCOPE.set(merged)
    try:
        yield
    finally:
        _SCOPE.reset(token)


@contextmanager
def sharing() -> Iterator[None]:
    """Within the block, configs with the same `shared_object_id` give the same object."""
    token = _SHARED.set({})
    try:
        yield
    finally:
        _SHARED.reset(token)


class Table:
    """The objects of one kind ("activation", "layer", ...) by name.

    `module` is the Keras module named in configs; a class that Keras names otherwise has a pair
    `serialized_as` of module and registered name. `get` takes None, a name, a config, an
    instance or a class; `serialize` is its inverse.
    """

    def __init__(self, kind: str, module: str):
        self.kind, self.module = kind, module
        self.objects: dict[str, Any] = {}

    def add(self, *aliases: str) -> Callable:
        """Decorator: enters a class or function under its own name and the aliases."""

        def enter(obj):
            for name in (obj.__name__, *aliases):
                self.objects[name] = obj
            return obj

        return enter

    def find(self, name: str, custom_objects: dict[str, Any] | None = None) -> Any:
        """The class or function called `name`; ValueError with near names if there is none."""
        for objects in (custom_objects, _SCOPE.get(), _CUSTOM, self.objects):
            if objects and name in objects:
                return objects[name]
        registered = f"Custom>{name}"
        if registered in _CUSTOM:
            return _CUSTOM[registered]
        if ">" in name:  # a library class that was saved as registered: 'Custom>Adam'
            bare = name.split(">")[-1]
            if bare in self.objects:
                return self.objects[bare]
        near = difflib.get_close_matches(name[:100], self.objects, n=3)
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise ValueError(
            f"Unknown {self.kind} {name[:100]!r}.{hint} A {self.kind} of your own must be passed "
            "in custom_objects or registered with register_keras_serializable."
        )

    def get(self, identifier: Any, custom_objects: dict[str, Any] | None = None) -> Any:
        """The object that a name, config, class, instance or None denotes."""
        if identifier is None:
            return None
        if isinstance(identifier, str):
            found = self.find(identifier, custom_objects)
            return found() if inspect.isclass(found) else found
        if isinstance(identifier, dict):
            return self.deserialize(identifier, custom_objects)
        if inspect.isclass(identifier):
            return identifier()
        if callable(identifier) or hasattr(identifier, "get_config"):
            return identifier
        raise ValueError(
            f"Expected a {self.kind} as a name, a config, an object or None; "
            f"received {identifier!r}."
        )

    def deserialize(self, config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
        """The object of a config written by Keras 1 to 3 or by `serialize`."""
        if not isinstance(config, dict):
            return self.get(config, custom_objects)
        if not isinstance(config.get("class_name"), str):
            raise ValueError(f"A {self.kind} config needs a 'class_name'; received {config!r}.")
        name, inner = config["class_name"], config.get("config")
        if name in ("function", "__function__") or config.get("module") == "builtins":
            return self.find(str(inner), custom_objects)
        registered = config.get("registered_name")
        custom = custom_objects or {}
        if registered and (registered in custom or registered in _CUSTOM):
            name = registered
        found = self.find(name, custom_objects)
        if not inspect.isclass(found):
            return found
        inner = inner or {}
        if not isinstance(inner, dict):
            raise ValueError(
                f"The config of {self.kind} {name!r} must be a dictionary; received {inner!r}."
            )
        shared, number = _SHARED.get(), config.get("shared_object_id")
        key = (found, number) if isinstance(number, int) else None
        if shared is not None and key in shared:
            return shared[key]
        from_config = getattr(found, "from_config", None)
        with custom_object_scope(custom_objects):
            made = from_config(inner) if from_config else found(**inner)
        if shared is not None and key is not None:
            shared[key] = made
        return made

    def serialize(self, obj: Any) -> Any:
        """`obj` as tf.keras 2.15 writes it: a name for a function, a config for an object."""
        if obj is None or isinstance(obj, (str, dict)):
            return obj
        if hasattr(obj, "get_config"):
            cls = type(obj)
            own = self.objects.get(cls.__name__) is cls
            module, registered = self.module if own else cls.__module__, None
            if own and hasattr(cls, "serialized_as"):
                module, registered = cls.serialized_as
            return {
                "module": module,
                "class_name": cls.__name__,
                "config": obj.get_config(),
                "registered_name": registered if own else get_registered_name(cls),
            }
        if hasattr(obj, "__name__"):
            return get_registered_name(obj)
        raise ValueError(f"Cannot write {obj!r} as a {self.kind}: it has neither name nor config.")
