"""The writer of HDF5 files in the layouts of Keras, with checksums of all arrays and names.

Every array has its place at once, and is put there by the threads that make the checksums, which
turn kernels into the axes of Keras too; what leads to the arrays follows when all are known.
"""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch

from ..layout import contiguous
from . import seal
from .checksums import Checks, combined
from .files import Places, is_h5py
from .hdf5 import writing as hdf5
from .hdf5.structure import padded

CHECKSUMS = "torchkeras_checksums"  # the attribute that tells them
_LARGEST_ATTRIBUTE = 64512  # bytes in HDF5, with room for its header


class Writer:
    """A group of a file that is being written."""

    def __init__(self, group: hdf5.Group, file: _File, path: str):
        self._group, self._file, self._path = group, file, path
        self._below: dict[str, Writer] = {}
        self._checksums: dict[str, Callable[[], int]] = {}  # of this group's attributes and arrays

    def group(self, name: str) -> Writer:
        """The group `name` below this one, made where it is not there."""
        if name not in self._below:
            group = self._group
            for step in name.split("/"):
                group = group.members.setdefault(step.encode(), hdf5.Group())
            self._below[name] = Writer(group, self._file, f"{self._path.rstrip('/')}/{name}")
        return self._below[name]

    def text(self, name: str, value: str, as_bytes: bool = True) -> None:
        """An attribute; Keras writes some as bytes and some as text."""
        self._group.told[name] = value.encode() if as_bytes else value
        self._note(f"@{name}", self._file.checks.of(value.encode()))

    def texts(self, name: str, values: Iterable[str]) -> None:
        """A list of names, split as Keras splits it where it is too large for one attribute."""
        values = list(values)
        self._note(f"@{name}", self._file.checks.of("\n".join(values).encode()))
        values = [value.encode() for value in values]
        if any(len(value) > _LARGEST_ATTRIBUTE for value in values):
            longest = max(values, key=len)
            raise ValueError(f"The name {longest[:60]!r}... is too long for an HDF5 file.")
        array, parts = np.asarray(values), 1
        while any(
            max(part.nbytes, 16 * part.size) > _LARGEST_ATTRIBUTE
            for part in np.array_split(array, parts)
        ):
            parts += 1
        if parts == 1:
            self._group.told[name] = values
        for number, part in enumerate(np.array_split(array, parts) if parts > 1 else ()):
            self._group.told[f"{name}{number}"] = part

    def link(self, path: str, name: str) -> None:
        """A second path to the group that was made here under a name; both are below this one."""
        above, _, last = path.rpartition("/")
        target = self._below[name]
        group = self.group(above)._group if above else self._group
        group.members[last.encode()] = target._group
        target._group.references += 1
        start = f"{self._path.rstrip('/')}/{path}"
        self._file.checksums |= {start + key: of for key, of in target._checksums.items()}

    def array(self, name: str, value: np.ndarray) -> None:
        """An array or a view of one, which stays as it is until the file is written."""
        above, _, last = name.rpartition("/")
        group, value = self.group(above)._group if above else self._group, np.asarray(value)
        if last.encode() in group.members:
            raise ValueError(f"The array {name!r} is in the group {self._path!r} already.")
        place = self._file.place(value.nbytes)
        group.members[last.encode()] = hdf5.Array(value.dtype, value.shape, place, value.nbytes)
        self._note(f"/{name}", self._file.put(value, place))

    def whole(self, places: Places) -> int:
        """The checksum of the file, which is closed."""
        return self._file.whole(places)

    def _note(self, key, checksum):
        path = self._path.rstrip("/") if key.startswith("/") else self._path
        self._checksums[key] = self._file.checksums[path + key] = checksum


class _File:
    """The arrays of a file and all checksums in it."""

    def __init__(self, checks: Checks, places: Places):
        self.checks, self._places, self._end = checks, places, hdf5.FIRST
        self.checksums: dict[str, Callable[[], int]] = {}  # by path, or path@attribute
        self._arrays: list[tuple[int, int, Callable[[], int]]] = []  # place, bytes, checksum

    def place(self, size: int) -> int:
        """Where an array of so many bytes may be."""
        place = self._end
        self._end += padded(size)
        return place

    def put(self, value: np.ndarray, place: int) -> Callable[[], int]:
        """Write an array to its place, beside if it is large; what waits for its checksum."""
        checksum = self.checks.aside(value.nbytes, _write_at, self._places, place, value)
        self._arrays.append((place, value.nbytes, checksum))
        return checksum

    def close(self, root: hdf5.Group) -> None:
        """Write what leads to the arrays, and the seal."""
        told = {key: checksum() for key, checksum in self.checksums.items()}
        root.told[CHECKSUMS] = json.dumps(told)
        block = hdf5.Block(root, self._end)
        self._places.write(self._end, block.content)
        self._places.write(0, block.head)
        seal.write(self._places, [(place, size) for place, size, _ in self._arrays])

    def whole(self, places: Places) -> int:
        """The checksum of all that was written; the arrays are not read again for it."""
        arrays, found = [array for array in self._arrays if array[1]], 0
        sums = [(checksum(), size) for _, size, checksum in arrays]
        spans = seal.gaps(places.size, [array[:2] for array in arrays])
        for (place, size), (checksum, length) in zip(spans, [*sums, (0, 0)], strict=True):
            for piece in seal.pieces(places, place, size):
                found = zlib.crc32(piece, found)
            found = combined(found, checksum, length)
        return found


def _write_at(places, place, value):
    whole = _in_order(value)
    if whole.size:
        places.write(place, whole)
    return zlib.crc32(whole)


def _in_order(value):
    """An array whose bytes are in the order of its axes."""
    if value.flags.c_contiguous or value.dtype.kind != "f":
        return value if not value.ndim else np.ascontiguousarray(value)
    return contiguous(torch.from_numpy(value)).numpy()


@contextmanager
def writing(target: Any) -> Iterator[Writer]:
    """A new HDF5 file to fill: at a path, in an `h5py.File` that is open, or in `Places`."""
    with ExitStack() as stack:
        places = target
        if is_h5py(target):
            memory = io.BytesIO()
            places = Places(memory)
        elif not isinstance(target, Places):
            places = Places(stack.enter_context(open(target, "xb+", buffering=0)))
        root = hdf5.Group()
        with Checks() as checks:
            file = _File(checks, places)
            yield Writer(root, file, target.name if is_h5py(target) else "/")
            file.close(root)
        if is_h5py(target):
            _copy(memory, target)


def _copy(memory, target):
    """Put what is in a file into an open group of h5py."""
    import h5py

    with h5py.File(memory, "r") as made:
        taken = [name for name in made if name in target]
        if taken:
            raise ValueError(
                f"{target.file.filename}: the group {target.name} has {taken} already. Save into "
                "an empty group, or delete them first."
            )
        for name in made:
            made.copy(name, target)
        for name in made.attrs:
            target.attrs[name] = made.attrs[name]
    target.file.flush()
