"""Weights of Keras 3 in several HDF5 files: `save_weights("x.weights.json", max_shard_size=...)`.

The JSON file says which files hold the group of each path. Files beside it are read, and no others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from . import h5
from .config import LARGEST, from_json

ENDING = ".weights.json"


class Shards(h5.Node):
    """A group whose members and texts are in several files; the first that has one tells it."""

    def __init__(self, parts: list[h5.Node], file: str):
        first = parts[0]
        super().__init__(first._file, first.address, first.path)
        self._parts, self._name = parts, file

    @property
    def file(self) -> str:
        """The name of the file that leads to the others."""
        return self._name

    @property
    def _links(self):
        return {name: None for part in self._parts for name in part.names()}

    @property
    def _attributes(self):
        return {name: None for part in self._parts for name in part._attributes}

    def _attribute(self, name):
        return next(part for part in self._parts if part.has_attribute(name))._attribute(name)

    def _open(self, step):
        found = [part.child(step) for part in self._parts if step in part]
        groups = [one for one in found if isinstance(one, h5.Node)]
        if not found:
            return super()._open(step)  # which says that there is none
        return Shards(groups, self._name) if len(groups) == len(found) > 1 else found[0]


@contextmanager
def reading(path: str) -> Iterator[h5.Node]:
    """The root of weights in several files; OSError or ValueError, naming one, if it is damaged."""
    with open(path, encoding="utf-8", errors="replace") as file:
        told = from_json(file.read(LARGEST + 1), path)
    with ExitStack() as stack:
        parts = [stack.enter_context(h5.reading(name)) for name in _names(told, path)]
        yield Shards(parts, path)


def _names(told: Any, path: str) -> list[str]:
    """The paths of the files that an index names, each once."""
    places = told.get("weight_map")
    if not isinstance(places, dict) or not places:
        raise ValueError(f"{path} has no 'weight_map': it leads to no weights of Keras.")
    folder, found = os.path.dirname(path), {}
    for names in places.values():
        for name in names if isinstance(names, list) else [names]:
            if not isinstance(name, str) or os.path.basename(name) != name or "\\" in name:
                raise ValueError(f"{path} names {name!r}, which is no file beside it.")
            found[os.path.join(folder, name)] = None
    return list(found)
