"""Nested lists, tuples and dicts seen as a flat list of leaves, dict keys in sorted order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def is_nested(structure: Any) -> bool:
    """Whether `structure` is a list, tuple or dict rather than a leaf."""
    return isinstance(structure, (list, tuple, dict))


def leaves(structure: Any) -> Iterator[Any]:
    """The leaves of `structure`, depth first."""
    return iter(flatten(structure))


def flatten(structure: Any) -> list[Any]:
    """The leaves of `structure` as a list: `flatten({'b': 1, 'a': [2, 3]}) == [2, 3, 1]`."""
    if isinstance(structure, dict):
        items = [structure[key] for key in sorted(structure)]
    elif isinstance(structure, (list, tuple)):
        items = structure
    else:
        return [structure]
    found = []
    for item in items:
        if isinstance(item, (list, tuple, dict)):
            found += flatten(item)
        else:
            found.append(item)
    return found


def map_structure(function: Callable, *structures: Any) -> Any:
    """`function` over the leaves of one or more structures of the same shape."""
    first = structures[0]
    if isinstance(first, dict):
        keys = sorted(first)  # visited in the order of `flatten`, kept in the order written
        done = {key: map_structure(function, *(s[key] for s in structures)) for key in keys}
        return {key: done[key] for key in first}
    if isinstance(first, (list, tuple)):
        items = [map_structure(function, *parts) for parts in zip(*structures, strict=True)]
        return _like(first, items)
    return function(*structures)


def pack(structure: Any, flat: list[Any]) -> Any:
    """`flat` in the nesting of `structure`: the inverse of `flatten`."""
    supply = iter(flat)
    return map_structure(lambda _: next(supply), structure)


def dicts(structure: Any) -> Iterator[dict]:
    """All dictionaries in `structure`, without recursion: `[d['a'] for d in dicts(config)]`."""
    stack = [structure]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            yield value
            stack.extend(value.values())
        elif isinstance(value, (list, tuple)):
            stack.extend(value)


def _like(sequence, items):
    if isinstance(sequence, list):
        return items
    if hasattr(sequence, "_fields"):  # a namedtuple
        return type(sequence)(*items)
    return tuple(items)
