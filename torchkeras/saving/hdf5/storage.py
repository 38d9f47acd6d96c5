"""Where the values of an array are in an HDF5 file: at one place, in its header, or in chunks."""

from __future__ import annotations

import itertools
import math
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .structure import UNDEFINED, Kind, Structure, padded, part_of

_COMPACT, _CONTIGUOUS, _CHUNKED = 0, 1, 2
_DEFLATE, _SHUFFLE = 1, 2
_SINGLE, _IMPLICIT, _FIXED = 1, 2, 3  # indexes of chunks in files of the newest layout
_NOT_HERE = "its values are in another file"


class Chunk(NamedTuple):
    """One block of an array: where it begins in it, its bytes in the file, filters left out."""

    offsets: tuple[int, ...]
    address: int
    size: int
    mask: int


class Storage:
    """The place of an array of some `shape` and `dtype`; ValueError, saying why, if not read here.

    `place` is the address of values that lie side by side, else None; `stored` counts bytes.
    """

    def __init__(
        self, structure: Structure, header: int, shape: tuple[int, ...], dtype: np.dtype
    ) -> None:
        self._structure, self._shape, self._dtype = structure, shape, dtype
        self.place, self.chunk = None, ()
        self._inline, self._chunks = b"", []
        layout = structure.content(header, Kind.LAYOUT)
        if layout is None:
            raise ValueError("it has no place for its values")
        if structure.content(header, Kind.EXTERNAL) is not None:
            raise ValueError(_NOT_HERE)
        self._filters = _filters(structure.content(header, Kind.FILTERS))
        self._fill = _fill(structure.content(header, Kind.FILL))
        if layout[0] in (1, 2):
            self._old(layout)
        elif layout[0] in (3, 4, 5):
            self._new(layout)
        else:
            raise ValueError(f"its layout has the unknown version {layout[0]}")

    @property
    def is_deflated(self) -> bool:
        return bool(self._filters)

    @property
    def is_whole(self) -> bool:
        """Whether all values are stored: what is in no chunk has the value that fills."""
        return self.place is not None or bool(self._inline)

    def _old(self, layout):
        axes, kind = layout[1], layout[2]
        at = 8 if kind == _COMPACT else 16
        sizes = struct.unpack_from(f"<{axes}I", layout, at)
        if kind == _COMPACT:
            size = int.from_bytes(part_of(layout, at + 4 * axes, 4), "little")
            self._compact(part_of(layout, at + 4 * axes + 4, size))
        elif kind == _CONTIGUOUS:
            self._contiguous(*struct.unpack_from("<Q", layout, 8), math.prod(self._shape))
        elif kind == _CHUNKED:
            self._chunked(
                sizes[:-1], _tree(self._structure, *struct.unpack_from("<Q", layout, 8), axes)
            )
        else:
            raise ValueError(_NOT_HERE)

    def _new(self, layout):
        version, kind = layout[:2]
        if kind == _COMPACT:
            self._compact(part_of(layout, 4, int.from_bytes(layout[2:4], "little")))
        elif kind == _CONTIGUOUS:
            address, size = struct.unpack_from("<QQ", layout, 2)
            self._contiguous(address, size // self._dtype.itemsize)
        elif kind == _CHUNKED and version == 3:
            axes, address = struct.unpack_from("<BQ", layout, 2)
            sizes = struct.unpack_from(f"<{axes}I", layout, 11)
            self._chunked(sizes[:-1], _tree(self._structure, address, axes))
        elif kind == _CHUNKED:
            self._chunked(*self._newest(layout))
        else:
            raise ValueError(_NOT_HERE)

    def _compact(self, values):
        self._inline, self.stored = values, len(values)

    def _contiguous(self, address, count):
        """Values at one place, which has room for `count` of them."""
        self.stored = 0
        if address != UNDEFINED:
            self.place, self.stored = address, count * self._dtype.itemsize
        if self.stored and address + self.stored > self._structure.size:
            raise ValueError("its values are said to be beyond the end of the file")
        if self._filters:
            raise ValueError("it is compressed and not in chunks")

    def _chunked(self, chunk, chunks):
        if len(chunk) != len(self._shape) or not all(chunk):
            raise ValueError(f"it is stored in chunks of {chunk}")
        self.chunk, self._chunks = tuple(chunk), list(chunks)
        self.stored = sum(one.size for one in self._chunks)
        starts = {one.offsets for one in self._chunks}
        fits = all(
            offset < size and offset % step == 0
            for start in starts
            for offset, size, step in zip(start, self._shape, chunk, strict=True)
        )
        if len(starts) < len(self._chunks) or not fits or self.stored > self._structure.size:
            raise ValueError("its chunks lie in each other")

    # --- indexes of chunks -------------------------------------------------------------------

    def _newest(self, layout):
        """The size of chunks, and these, in a file of the newest layout."""
        flags, axes, width = layout[2:5]
        at = 5 + axes * width
        sizes = [
            int.from_bytes(part_of(layout, 5 + i * width, width), "little") for i in range(axes)
        ]
        chunk, size, index = sizes[:-1], math.prod(sizes), layout[at]
        at += 1
        starts = self._starts(chunk)
        if index == _SINGLE and flags & 2:
            size, mask, address = struct.unpack_from("<QIQ", layout, at)
            return chunk, [Chunk(next(starts), address, size, mask)]
        if index == _SINGLE:
            return chunk, [Chunk(next(starts), *struct.unpack_from("<Q", layout, at), size, 0)]
        if index == _IMPLICIT:
            address = struct.unpack_from("<Q", layout, at)[0]
            places = itertools.count(address, size)
            return chunk, [Chunk(start, next(places), size, 0) for start in starts]
        if index == _FIXED:
            address = struct.unpack_from("<Q", layout, at + 1)[0]
            return chunk, _fixed(self._structure, address, starts, size)
        raise ValueError("its chunks have an index that is not read; save it without maxshape")

    def _starts(self, chunk):
        """Where chunks begin in an array, in the order in which they are stored."""
        counts = [-(-size // step) for size, step in zip(self._shape, chunk, strict=True)]
        if math.prod(counts) > self._structure.size:
            raise ValueError(f"it is stored in chunks of {chunk}, more than the file has bytes")
        if 0 not in counts:
            for place in itertools.product(*map(range, counts)):
                yield tuple(number * step for number, step in zip(place, chunk, strict=True))

    # --- reading -----------------------------------------------------------------------------

    def read(self) -> np.ndarray:
        """Values that have no `place`, in the type that they have in the file."""
        if self._inline:
            return self._array(self._inline, self._shape)
        values = np.zeros(self._shape, self._dtype)
        if self._fill:
            values[...] = np.frombuffer(self._fill, self._dtype, 1)[0]
        for chunk in self._chunks:
            block = self._array(self._plain(chunk), self.chunk)
            inside = zip(chunk.offsets, self.chunk, self._shape, strict=True)
            where = tuple(slice(start, min(start + step, size)) for start, step, size in inside)
            values[where] = block[tuple(slice(0, part.stop - part.start) for part in where)]
        return values

    def _array(self, values, shape):
        count = math.prod(shape)
        return np.frombuffer(values, self._dtype, count).reshape(shape)

    def _plain(self, chunk):
        """The bytes of a chunk with its filters undone, from the last to the first."""
        values = self._structure.raw(chunk.address, chunk.size)
        size = math.prod(self.chunk) * self._dtype.itemsize
        for number, kind in reversed(list(enumerate(self._filters))):
            if chunk.mask >> number & 1:
                continue
            if kind == _DEFLATE:
                values = zlib.decompressobj().decompress(values, size + 1)
            elif len(values) % self._dtype.itemsize == 0:
                values = (
                    np.frombuffer(values, np.uint8).reshape(self._dtype.itemsize, -1).T.tobytes()
                )
        if len(values) != size:
            raise ValueError("a chunk of it has another size than it says")
        return values


def _tree(
    structure: Structure, address: int, axes: int, level: int | None = None
) -> Iterator[Chunk]:
    """The chunks that a tree of the first version leads to."""
    if address == UNDEFINED:
        return
    head = structure.part(address, 24)
    kind, height, count = struct.unpack_from("<BBH", head, 4)
    if head[:4] != b"TREE" or kind != 1 or (level is not None and height != level):
        raise ValueError("the index of its chunks is damaged")
    entry = struct.Struct(f"<II{axes}QQ")  # the last of the offsets counts bytes in a number
    for size, mask, *offsets, child in entry.iter_unpack(
        structure.part(address + 24, count * entry.size)
    ):
        if height:
            yield from _tree(structure, child, axes, height - 1)
        else:
            yield Chunk(tuple(offsets[:-1]), child, size, mask)


def _fixed(structure, address, starts, size):
    """The chunks in an index of a fixed number of them."""
    head = structure.part(address, 24)
    width, pages, count, block = struct.unpack_from("<BBQQ", head, 6)
    is_filtered = head[5] == 1
    if head[:5] != b"FAHD\x00" or count > 1 << pages or width < 8:
        raise ValueError("its chunks have an index in pages, which is not read")
    if block == UNDEFINED:
        return
    entries = structure.part(block, 14 + count * width)
    for number, start in zip(range(count), starts, strict=False):
        entry = entries[14 + number * width :][:width]
        address = int.from_bytes(entry[:8], "little")
        if is_filtered:
            size, mask = int.from_bytes(entry[8:-4], "little"), int.from_bytes(entry[-4:], "little")
        else:
            mask = 0
        if address != UNDEFINED:
            yield Chunk(start, address, size, mask)


def _filters(message):
    """The filters of an array in the order in which they were applied."""
    if message is None:
        return []
    version, count = message[:2]
    if version not in (1, 2):
        raise ValueError(f"its filters have the unknown version {version}")
    at, found = 8 if version == 1 else 2, []
    for _ in range(count):
        kind = int.from_bytes(part_of(message, at, 2), "little")
        if version == 1 or kind >= 256:
            name, _, values = struct.unpack_from("<HHH", message, at + 2)
            at += 8 + (padded(name) if version == 1 else name) + 4 * values
            at += 4 * (values % 2) if version == 1 else 0
        else:
            at += 6 + 4 * struct.unpack_from("<HH", message, at + 2)[1]
        if kind not in (_DEFLATE, _SHUFFLE):
            raise ValueError("it is compressed by something else than gzip")
        found.append(kind)
    return found


def _fill(message):
    """The bytes of the value of what was never written, none where it is zero."""
    if message is None:
        return b""
    version = message[0]
    if version == 3:
        is_told, at = message[1] & 0x20, 2
    else:
        is_told, at = version == 1 or message[3], 4
    if not is_told:
        return b""
    return part_of(message, at + 4, int.from_bytes(part_of(message, at, 4), "little"))
