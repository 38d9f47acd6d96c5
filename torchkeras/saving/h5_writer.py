"""The writer of HDF5 files in the layouts of Keras, with checksums of all arrays and names.

The library makes the structure of a file; large arrays are put into their places by the threads
that make the checksums, which turn kernels into the axes of Keras too.
"""

from __future__ import annotations

import io
import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from operator import itemgetter
from typing import Any

import numpy as np
import torch

from ..layout import contiguous
from . import seal
from .checksums import Checks, combined
from .files import Disk

CHECKSUMS = "torchkeras_checksums"  # the attribute that tells them
_PIECE = 4 * 2**20


class Writer:
    """A group of a file that is being written."""

    def __init__(self, group: Any, made: _Made):
        self._group, self._all = group, made
        self._path = group.name
        self._below: dict[str, Writer] = {}
        self._checksums: dict[str, Callable[[], int]] = {}  # of this group's attributes and arrays

    def group(self, name: str) -> Writer:
        """The group `name` below this one, made where it is not there."""
        if name not in self._below:
            self._below[name] = Writer(self._make(name), self._all)
        return self._below[name]

    def _make(self, name):
        import h5py

        try:
            return h5py.Group(h5py.h5g.create(self._group.id, name.encode(), _between()))
        except ValueError:  # it is there: as a part of another's name, or in a file of the user's
            return self._group.require_group(name)

    def text(self, name: str, value: str, as_bytes: bool = True) -> None:
        """An attribute; Keras writes some as bytes and some as text."""
        self._group.attrs[name] = value.encode() if as_bytes else value
        self._note(f"@{name}", self._all.checks.of(value.encode()))

    def texts(self, name: str, values: Iterable[str]) -> None:
        """A list of names, split as Keras splits it where it is too large for one attribute."""
        values = list(values)
        self._note(f"@{name}", self._all.checks.of("\n".join(values).encode()))
        values = [value.encode() for value in values]
        limit = 64512  # of an attribute in HDF5, with room for its header
        if any(len(value) > limit for value in values):
            longest = max(values, key=len)
            raise ValueError(f"The name {longest[:60]!r}... is too long for an HDF5 file.")
        array, parts = np.asarray(values), 1
        while any(max(p.nbytes, 16 * p.size) > limit for p in np.array_split(array, parts)):
            parts += 1
        if parts == 1:
            self._group.attrs[name] = values
        else:
            for number, part in enumerate(np.array_split(array, parts)):
                self._group.attrs[f"{name}{number}"] = part

    def link(self, path: str, name: str) -> None:
        """A second path to the group that was made here under a name; both are below this one."""
        above, _, last = path.rpartition("/")
        target = self._below[name]
        self._group.require_group(above or "/")[last] = target._group
        start = f"{self._path.rstrip('/')}/{path}"
        self._all.checksums |= {start + key: of for key, of in target._checksums.items()}

    def array(self, name: str, value: np.ndarray) -> None:
        """An array or a view of one, which stays as it is until the file is written."""
        import h5py

        value = np.asarray(value)
        space = h5py.h5s.create_simple(value.shape) if value.ndim else h5py.h5s.create(
            h5py.h5s.SCALAR)  # fmt: skip
        kind = h5py.h5t.py_create(value.dtype, logical=True)
        made = h5py.h5d.create(
            self._group.id, name.encode(), kind, space, _plain_arrays(), _between()
        )
        self._note(f"/{name}", self._all.put(made, value))

    def whole(self, raw: Any, start: int) -> int:
        """The checksum of the file, which is closed, in a raw file from the byte `start` on."""
        return self._all.whole(raw, start)

    def _note(self, key, checksum):
        path = self._path.rstrip("/") if key.startswith("/") else self._path
        self._checksums[key] = self._all.checksums[path + key] = checksum


class _Made:
    """What is to be told of all that was written into a file."""

    def __init__(self, checks: Checks, raw: Any = None, start: int = 0):
        self.checks, self._raw, self._start = checks, raw, start
        self.checksums: dict[str, Callable[[], int]] = {}  # by path, or path@attribute
        self._places: list[tuple[int, int, Callable[[], int]]] = []  # of arrays: offset, bytes

    def put(self, made: Any, value: np.ndarray) -> Callable[[], int]:
        """Write an array where the library says, beside it if the file is only ours.

        What waits for its checksum.
        """
        import h5py

        if self._raw is None or not hasattr(os, "pwrite") or not value.size:
            whole = _in_order(value)
            if value.size:
                made.write(h5py.h5s.ALL, h5py.h5s.ALL, whole)
            return self.checks.of(whole)
        place = made.get_offset()
        task = (_write_at, self._raw.fileno(), self._start + place, value)
        checksum = self.checks.aside(value.nbytes, *task)
        self._places.append((place, value.nbytes, checksum))
        return checksum

    def places(self) -> list[tuple[int, int]]:
        """Offset and size of the arrays that were written beside."""
        return [(offset, size) for offset, size, _ in self._places]

    def as_text(self) -> str:
        return json.dumps({key: checksum() for key, checksum in self.checksums.items()})

    def whole(self, raw: Any, start: int) -> int:
        """The checksum of all that was written; the arrays are not read again for it."""
        found, position = 0, 0
        end = raw.seek(0, io.SEEK_END) - start
        for offset, size, checksum in [*sorted(self._places, key=itemgetter(0)), (end, 0, int)]:
            raw.seek(start + position)
            while position < offset:
                between = raw.read(min(offset - position, _PIECE))
                if not between:
                    raise OSError("A file became shorter while it was written.")
                found, position = zlib.crc32(between, found), position + len(between)
            found, position = combined(found, checksum(), size), position + size
        return found


def _write_at(handle, place, value):
    whole = _in_order(value)
    left = memoryview(whole).cast("B")
    while left:
        count = os.pwrite(handle, left, place)
        left, place = left[count:], place + count
    return zlib.crc32(whole)


def _in_order(value):
    """An array whose bytes are in the order of its axes."""
    if value.flags.c_contiguous or value.dtype.kind != "f":
        return value if not value.ndim else np.ascontiguousarray(value)
    return contiguous(torch.from_numpy(value)).numpy()


@cache
def _plain_arrays():
    """How arrays are stored: at places known at once, without the time of writing."""
    import h5py

    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_obj_track_times(False)
    plan.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    plan.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    return plan


@cache
def _between():
    """How names are written: groups on the way are made, and texts are UTF-8."""
    import h5py

    plan = h5py.h5p.create(h5py.h5p.LINK_CREATE)
    plan.set_create_intermediate_group(True)
    plan.set_char_encoding(h5py.h5t.CSET_UTF8)
    return plan


@contextmanager
def writing(target: Any, start: int = 0) -> Iterator[Writer]:
    """A new HDF5 file to fill: at a path, in an `h5py.File` that is open, or in a raw file.

    In a raw file it begins at the byte `start`.
    """
    import h5py

    with ExitStack() as stack:
        if isinstance(target, h5py.Group):
            made = _Made(stack.enter_context(Checks()))
            yield Writer(target, made)
            target.attrs[CHECKSUMS] = made.as_text()
            target.file.flush()
            return
        raw = target
        if not isinstance(target, io.RawIOBase):
            raw = stack.enter_context(open(target, "xb+", buffering=0))
        disk, made = Disk(raw, start), _Made(stack.enter_context(Checks()), raw, start)
        with h5py.File(disk, "w") as file:
            yield Writer(file, made)
            file.attrs[CHECKSUMS] = made.as_text()
        if disk.error is not None:
            raise disk.error
        seal.write(raw, start, made.places())
