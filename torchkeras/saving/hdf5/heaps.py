"""Where HDF5 keeps what has no fixed size: texts, and links and attributes of large groups."""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator
from operator import itemgetter

from .structure import UNDEFINED, Structure, padded, part_of

_REFERENCE = struct.Struct("<IQI")  # to a text: length, address of a heap, number in it


class Texts:
    """The texts of variable length in a file, in heaps that many attributes share."""

    def __init__(self, structure: Structure):
        self._structure = structure
        self._heaps: dict[int, dict[int, bytes]] = {}

    def of(self, values: bytes, count: int, limit: int) -> list[bytes]:
        """The texts that `count` references lead to; ValueError beyond `limit` bytes together."""
        found = []
        for length, address, number in _REFERENCE.iter_unpack(part_of(values, 0, 16 * count)):
            limit -= length
            if limit < 0:
                raise ValueError("its texts are too large")
            if address not in self._heaps and length:
                self._heaps[address] = dict(_objects(self._structure, address))
            text = self._heaps[address].get(number, b"") if length else b""
            if length > len(text):
                raise ValueError("a text of it is longer than its place")
            found.append(text[:length])
        return found


def _objects(structure, address):
    """Number and content of what a heap of texts holds."""
    head = structure.part(address, 16)
    size = int.from_bytes(head[8:], "little")
    if head[:5] != b"GCOL\x01" or size < 16:
        raise ValueError("the heap of its texts is damaged")
    heap, at = structure.part(address + 16, size - 16), 0
    while at + 16 <= len(heap):
        number, _, _, length = struct.unpack_from("<HHIQ", heap, at)
        if number == 0:  # the rest is free
            return
        if length > len(heap) - at - 16:
            raise ValueError("the heap of its texts is damaged")
        yield number, heap[at + 16 : at + 16 + length]
        at += 16 + padded(length)


def names(structure: Structure, address: int) -> bytes:
    """The heap in which the names of an old group stand, one behind the other."""
    head = structure.part(address, 32)
    size, _, place = struct.unpack_from("<QQQ", head, 8)
    if head[:5] != b"HEAP\x00":
        raise ValueError("the heap of its names is damaged")
    return structure.part(place, size)


def kept(structure: Structure, heap: int, tree: int) -> Iterator[bytes]:
    """The messages of a group or an object that has too many of them for its header."""
    if UNDEFINED in (heap, tree):
        return
    place = _Fractal(structure, heap)
    for kind, record in _records(structure, tree):
        if kind not in (5, 8):  # names of links, names of attributes
            raise ValueError("the index of its names is damaged")
        at = 4 if kind == 5 else 0  # behind a hash
        yield place.of(part_of(record, at, place.width))


class _Fractal:
    """A heap of messages: blocks in rows, each as large as all before it together."""

    def __init__(self, structure, address):
        head = structure.part(address, 142)
        if head[:5] != b"FRHP\x00":
            raise ValueError("the heap of its messages is damaged")
        self.width, filters, flags = struct.unpack_from("<HHB", head, 5)
        self._columns, self._smallest, largest, bits = struct.unpack_from("<HQQH", head, 110)
        self._root, rows = struct.unpack_from("<QH", head, 132)
        if filters or not self._columns or not self._smallest or bits > 64:
            raise ValueError("the heap of its messages is damaged or compressed")
        self._structure, self._offset_width = structure, -(-bits // 8)
        self._direct_rows = (largest // self._smallest).bit_length() + 1
        self._blocks = [(0, self._smallest, self._root)]  # in the order of the first
        if rows:
            self._blocks = list(self._direct(self._root, rows, 0))

    def of(self, identity):
        """The message with some identity in the heap."""
        kind = identity[0] >> 4 & 3
        if kind == 2:  # it stands in the identity
            return part_of(identity, 1, (identity[0] & 15) + 1)
        if kind != 0:
            raise ValueError("a message of it is stored apart, which is not read")
        at = 1 + self._offset_width
        offset = int.from_bytes(identity[1:at], "little")
        length = int.from_bytes(identity[at : self.width], "little")
        found = bisect_right(self._blocks, offset, key=itemgetter(0)) - 1
        start, size, address = self._blocks[found] if found >= 0 else (0, 0, 0)
        if offset + length > start + size:
            raise ValueError("a message of it is in no block of its heap")
        return self._structure.part(address + offset - start, length)

    def _direct(self, address, rows, start):
        """Where the blocks that hold messages begin in the heap, their sizes and addresses."""
        skipped = 13 + self._offset_width
        if rows > 64:
            raise ValueError("the heap of its messages is damaged")
        block = self._structure.part(address, skipped + 8 * rows * self._columns)
        if block[:5] != b"FHIB\x00":
            raise ValueError("the heap of its messages is damaged")
        entries = struct.iter_unpack("<Q", block[skipped:])
        for row in range(rows):
            size = self._smallest << max(row - 1, 0)
            for _ in range(self._columns):
                below = next(entries)[0]
                if below != UNDEFINED and row < self._direct_rows:
                    yield start, size, below
                elif below != UNDEFINED:
                    inside = (size // (self._smallest * self._columns)).bit_length()
                    yield from self._direct(below, inside, start)
                start += size


def _records(structure, address):
    """Kind and content of all records in a tree of the second version."""
    head = structure.part(address, 38)
    if head[:5] != b"BTHD\x00":
        raise ValueError("the index of its names is damaged")
    kind, node_size, size, depth = struct.unpack_from("<BIHH", head, 5)
    root, count = struct.unpack_from("<QH", head, 16)
    if not size or depth > 16 or node_size < size + 10:
        raise ValueError("the index of its names is damaged")
    most = (node_size - 10) // size  # records in a leaf
    count_width, total_widths, total = _width(most), [0], most
    for _ in range(depth):
        pointer = 8 + count_width + total_widths[-1]
        inside = (node_size - 10 - pointer) // (size + pointer)
        total = (inside + 1) * total + inside
        total_widths.append(_width(total))

    def walk(node, count, level):
        block = structure.part(node, node_size)
        if block[:5] != (b"BTIN\x00" if level else b"BTLF\x00"):
            raise ValueError("the index of its names is damaged")
        for number in range(count):
            yield kind, part_of(block, 6 + number * size, size)
        at, step = 6 + count * size, 8 + count_width + total_widths[level - 1]
        for number in range(count + 1 if level else 0):
            child = part_of(block, at + number * step, 8 + count_width)
            inside = int.from_bytes(child[8:], "little")
            yield from walk(int.from_bytes(child[:8], "little"), inside, level - 1)

    if root != UNDEFINED:
        yield from walk(root, count, depth)


def _width(number):
    """Bytes that a number takes."""
    return (number.bit_length() - 1) // 8 + 1
