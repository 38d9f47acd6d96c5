"""Modules inside a module; lists and dicts that a layer holds as attributes are among them."""

from __future__ import annotations

from typing import Any

from torch import nn

from . import tree


def modules_of(module: nn.Module) -> list[nn.Module]:
    """`list(module.modules())` without a generator for each level, for what runs in every call.

    >>> [type(one).__name__ for one in modules_of(nn.Sequential(nn.ReLU(), nn.Tanh()))]
    ['Sequential', 'ReLU', 'Tanh']
    """
    found: dict[nn.Module, None] = {}
    waiting = [module]
    while waiting:
        one = waiting.pop()
        if one is not None and one not in found:
            found[one] = None
            if one._modules:
                waiting.extend(reversed(one._modules.values()))
    return list(found)


def set_training(module: nn.Module, mode: bool) -> None:
    """`module.train(mode)`, with a call only for those modules that have a method of their own.

    Such a method speaks for what is below its module too: a frozen BatchNormalization keeps its own
    in inference.
    """
    waiting, seen = [module], set()
    while waiting:
        one = waiting.pop()
        if one is None or one in seen:
            continue
        seen.add(one)
        if type(one).train is _TRAIN and "training" in one.__dict__:
            one.__dict__["training"] = mode
            waiting.extend(reversed(one._modules.values()))
        else:
            one.train(mode)


_TRAIN = nn.Module.train


def is_watched(module: nn.Module) -> bool:
    """Whether somebody waits for calls of a module, so that they have to be made.

    >>> is_watched(nn.ReLU())
    False
    """
    before = module._forward_pre_hooks or module._backward_pre_hooks
    return bool(before or module._forward_hooks or module._backward_hooks)


def holds_modules(value: Any) -> bool:
    """Whether a list or dict should be tracked: it holds modules, or nothing yet."""
    if type(value) not in (list, dict, TrackedList, TrackedDict):
        return False
    found = tree.flatten(value)
    return not found or any(isinstance(item, nn.Module) for item in found)


def track(owner: nn.Module, name: str, value: Any) -> Any:
    """`value` as a list or dict that keeps `owner`'s child modules in step with its content."""
    tracked = TrackedDict(value) if isinstance(value, dict) else TrackedList(value)
    tracked._owner, tracked._name = owner, name
    _register(tracked)
    return tracked


def _register(tracked):
    owner = tracked.__dict__.get("_owner")
    if owner is None or "_modules" not in owner.__dict__:  # being copied or unpickled
        return
    modules = [item for item in tree.flatten(tracked) if isinstance(item, nn.Module)]
    if modules:
        owner._modules[tracked._name] = nn.ModuleList(modules)
    else:
        owner._modules.pop(tracked._name, None)


class TrackedList(list):
    """A list whose modules belong to the layer it was assigned to."""


class TrackedDict(dict):
    """A dict whose modules belong to the layer it was assigned to."""


def _registering(base, name):
    change = getattr(base, name)

    def method(self, *args, **kwargs):
        result = change(self, *args, **kwargs)
        _register(self)
        return result

    method.__name__ = name
    return method


for _base, _tracked, _changes in (
    (list, TrackedList, "append extend insert pop remove clear __setitem__ __delitem__ __iadd__"),
    (dict, TrackedDict, "update pop popitem clear setdefault __setitem__ __delitem__ __ior__"),
):
    for _change in _changes.split():
        setattr(_tracked, _change, _registering(_base, _change))
