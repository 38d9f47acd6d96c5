"""Elements kept from the first iteration: in memory, or in an `.npz` file that holds no code."""

from __future__ import annotations

import itertools
import json
import os
import secrets
import zipfile
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch

from .elements import Strings, leaves


class Kept:
    """What `Dataset.cache` keeps. `path` is that of the file, less its ending; empty: in memory."""

    def __init__(self, path: str):
        self.path = f"{path}.npz" if path else None
        self._elements: list[Any] | None = None

    def through(self, make: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        """The kept elements, or those of `make`, which are kept once all were read."""
        if self.path is not None and os.path.exists(self.path):
            yield from self.read()
            return
        if self._elements is not None:
            yield from self._elements
            return
        if self.path is not None:
            yield from self._writing(make())
            return
        elements = []
        for element in make():
            elements.append(element)
            yield element
        self._elements = elements

    def write(self, elements: Iterable[Any]) -> None:
        """Write all elements to the file."""
        for _ in self._writing(iter(elements)):
            pass

    def _writing(self, elements):
        """The elements; each also goes to a file of another name, renamed at the end."""
        folder = os.path.dirname(self.path)
        if folder:
            os.makedirs(folder, exist_ok=True)
        partial = f"{self.path}.{secrets.token_hex(4)}.part"
        try:
            with zipfile.ZipFile(partial, "w") as archive:
                count = 0
                for element in elements:
                    _put(archive, str(count), np.array(json.dumps(_nesting(element))))
                    for place, leaf in enumerate(leaves(element)):
                        array = leaf.astype("U") if isinstance(leaf, Strings) else leaf.numpy()
                        _put(archive, f"{count}.{place}", array)
                    count += 1
                    yield element
                _put(archive, "count", np.array(count))
            os.replace(partial, self.path)
        finally:
            if os.path.exists(partial):
                os.remove(partial)

    def count(self) -> int:
        """The number of elements in the file."""
        with np.load(self.path) as file:
            return int(file["count"])

    def read(self) -> Iterator[Any]:
        """The elements in the file."""
        with np.load(self.path) as file:
            for number in range(int(file["count"])):
                places = itertools.count()
                nesting = json.loads(str(file[str(number)]))
                yield _filled(nesting, lambda n=number, p=places: _leaf(file[f"{n}.{next(p)}"]))


def _put(archive, name, array):
    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
        np.lib.format.write_array(file, np.asarray(array), allow_pickle=False)


def _leaf(array):
    return Strings.of(array) if array.dtype.kind == "U" else torch.from_numpy(array)


def _nesting(element):
    if isinstance(element, dict):
        return {"dict": [[key, _nesting(item)] for key, item in element.items()]}
    if isinstance(element, tuple):
        return [_nesting(item) for item in element]
    return None if element is None else 0


def _filled(nesting, supply):
    if isinstance(nesting, dict):
        return {key: _filled(item, supply) for key, item in nesting["dict"]}
    if isinstance(nesting, list):
        return tuple(_filled(item, supply) for item in nesting)
    return None if nesting is None else supply()
