"""Texts of variable length in HDF5 attributes, read without the HDF5 library.

Such a text is not in the attribute but in a heap elsewhere in the file. The library follows the
sizes in a heap as they are: a few damaged bytes make it walk for ever, and texts that share one
place take any amount of memory. Here every step goes forward, and all sizes are held against the
file. The layout is that of https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

_ATTRIBUTE, _CONTINUATION = 0x0C, 0x10
_TEXT = 9  # the class of types of variable length
_REFERENCE = 16  # bytes: length, address of a heap, number in it

Read = Callable[[int, int], bytes]  # (address, size) -> that many bytes; ValueError beyond the end


class Texts:
    """The texts of variable length in a file of `size` bytes, which `read` gets parts of.

    Headers and heaps are read once each, and never more of them than the file has bytes.
    """

    def __init__(self, read: Read, size: int):
        self._read, self._size = read, size
        self._headers_left, self._objects_left = size, size // 16
        self._attributes: dict[int, dict[bytes, bytes]] = {}
        self._heaps: dict[int, dict[int, tuple[int, int]]] = {}

    def of(self, header: int, name: bytes, limit: int) -> list[bytes]:
        """The texts of the attribute `name` of the object whose header is at an address.

        ValueError where the file is damaged, they are larger than `limit` bytes together, or the
        attribute is not in the header: with more than eight some files have them elsewhere.
        """
        if header not in self._attributes:
            messages = self._messages(header)
            found = [_attribute(content) for kind, content in messages if kind == _ATTRIBUTE]
            self._attributes[header] = dict(filter(None, found))
        if name not in self._attributes[header]:
            raise ValueError("it is not among the texts in the header of its object")
        return self._texts(self._attributes[header][name], limit)

    # --- messages of an object ---------------------------------------------------------------

    def _messages(self, header):
        """Kind and content of all messages in an object's header and its continuations."""
        start = self._read(header, 16)
        if start[:4] == b"OHDR":
            at, flags = header + 6, start[5]
            at += 16 * bool(flags & 0x20) + 4 * bool(flags & 0x10)
            length = 1 << (flags & 3)
            todo = [(at + length, int.from_bytes(self._read(at, length), "little"))]
        else:
            flags, todo = None, [(header + 16, int.from_bytes(start[8:12], "little"))]
        for at, size in todo:
            self._headers_left -= size
            if self._headers_left < 0:
                raise ValueError("the headers of its objects lie in each other")
            block = self._read(at, size)
            if flags is not None and at != todo[0][0]:
                block = block[4:-4]  # a signature and a checksum stand around it
            for kind, content in _of_version_1(block) if flags is None else _of_2(block, flags):
                if kind == _CONTINUATION:
                    todo.append(struct.unpack("<QQ", _part(content, 0, 16)))
                else:
                    yield kind, content

    # --- heaps -------------------------------------------------------------------------------

    def _texts(self, values, limit):
        found = []
        for at in range(0, len(values) // _REFERENCE * _REFERENCE, _REFERENCE):
            length, address, number = struct.unpack_from("<IQI", values, at)
            limit -= length
            if limit < 0:
                raise ValueError("its texts are too large")
            if address not in self._heaps and length:
                self._heaps[address] = dict(self._objects(address))
            start, size = self._heaps.get(address, {}).get(number, (0, 0)) if length else (0, 0)
            if length > size:
                raise ValueError("a text of it is longer than its place")
            found.append(self._read(start, length) if length else b"")
        return found

    def _objects(self, address):
        """Number, and address and size, of what a heap holds."""
        head = self._read(address, 16)
        end = address + int.from_bytes(head[8:], "little")
        if head[:5] != b"GCOL\x01" or not address + 16 <= end <= self._size:
            raise ValueError("the heap of its texts is damaged")
        at = address + 16
        while at + 16 <= end:
            number, _, _, length = struct.unpack("<HHIQ", self._read(at, 16))
            self._objects_left -= 1
            if number == 0:  # the rest is free
                return
            if length > end - at - 16 or self._objects_left < 0:
                raise ValueError("the heap of its texts is damaged")
            yield number, (at + 16, length)
            at += 16 + -(-length // 8) * 8


def _of_version_1(block):
    at = 0
    while at + 8 <= len(block):
        kind, size, flags = struct.unpack_from("<HHB", block, at)
        yield kind, _part(block, at + 8, size)
        at += 8 + size


def _of_2(block, flags):
    at, head = 0, 6 if flags & 4 else 4  # the order of making may stand there too
    while at + head <= len(block):
        kind, size = struct.unpack_from("<BH", block, at)
        yield kind, _part(block, at + head, size)
        at += head + size


def _attribute(message):
    """The name and the values of an attribute of texts of variable length, None for another."""
    version, flags, *sizes = struct.unpack("<BBHHH", _part(message, 0, 8))
    if version not in (1, 2, 3):
        raise ValueError(f"an attribute has the unknown version {version}")
    at, parts = 8 + (version == 3), []
    for size in sizes:  # name, type, space
        parts.append(_part(message, at, size))
        at += -(-size // 8) * 8 if version == 1 else size
    is_shared = version > 1 and flags & 3
    if is_shared or not parts[1] or parts[1][0] & 15 != _TEXT:
        return None
    return parts[0].rstrip(b"\0"), message[at:]


def _part(data, at, size):
    if at + size > len(data):
        raise ValueError("a message of an object is cut off")
    return data[at : at + size]
