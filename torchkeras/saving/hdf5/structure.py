"""The skeleton of an HDF5 file: where it begins, and the messages in the headers of its objects.

The HDF5 library takes what it reads for sound: a few damaged bytes can end the process or keep it
busy for ever. Here every address is held against the file, and no more is read of a file's
structure than could lie side by side in it, which ends all loops. What is wrong is a ValueError, or
one of the errors of `struct` and of indexing, which the caller turns into one that names the file.

The layout is that of https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

from ..files import Places

MAGIC = b"\x89HDF\r\n\x1a\n"
UNDEFINED = 2**64 - 1  # the address of what is nowhere


class Kind:
    """Of messages: what they tell."""

    SPACE, LINK_INFO, TYPE, FILL, LINK, EXTERNAL, LAYOUT = 1, 2, 3, 5, 6, 7, 8
    FILTERS, ATTRIBUTE, CONTINUATION, SYMBOLS, ATTRIBUTE_INFO = 0xB, 0xC, 0x10, 0x11, 0x15


_SHARED = 2  # a flag: the message says where it is
_LARGEST = 2**27  # bytes of one part of the structure


class Message(NamedTuple):
    """One fact about an object."""

    kind: int
    is_shared: bool
    content: bytes


class Structure:
    """What leads to the arrays of a file; ValueError if it is no HDF5 file."""

    def __init__(self, places: Places):
        self._places = places
        self._left = 2 * places.size  # what is in a heap is found there, and by who asks for it
        self._headers: dict[int, list[Message]] = {}
        self._start, content = self._find()
        self.size = places.size - self._start
        self.root = self._open(content)

    def _find(self):
        """Where the file begins, behind a block of 0, 512, 1024, ... bytes, and its first bytes."""
        place = 0
        while content := self._places.read(place, 96):
            if content.startswith(MAGIC):
                return place, content
            place = max(512, 2 * place)
        raise ValueError("it is no HDF5 file")

    def _open(self, content):
        """The address of the root's header, out of the first block of the file."""
        version = content[8]
        if version in (0, 1):
            widths, at = content[13:15], 24 + 4 * version
            base, _, end, _, _, root = struct.unpack_from("<6Q", content, at)
        elif version in (2, 3):
            widths = content[9:11]
            base, _, end, root = struct.unpack_from("<4Q", content, 12)
        else:
            raise ValueError(f"files of version {version} are not read")
        if widths != b"\x08\x08":
            raise ValueError("its addresses have other than 8 bytes")
        if base not in (0, self._start):
            raise ValueError("it does not begin where it says")
        if end - base > self.size:
            raise ValueError(f"it is truncated: of {end - base} bytes it has {self.size}")
        self._start = base
        return root

    def part(self, address: int, count: int) -> bytes:
        """Bytes of the structure; each may be asked for once."""
        self.spend(count)
        if count > _LARGEST:
            raise ValueError("a part of it is larger than any is")
        return self.raw(address, count)

    def spend(self, count: int) -> None:
        """Note that so many bytes were found; ValueError where there cannot be as many."""
        self._left -= count
        if self._left < 0:
            raise ValueError("its parts lie in each other")

    def raw(self, address: int, count: int) -> bytes:
        """Bytes at an address, all of them or ValueError."""
        if address + count > self.size:
            raise ValueError("a part of it is said to be beyond its end")
        found = self._places.read(self._start + address, count)
        if len(found) < count:
            raise ValueError("it became shorter while it was read")
        return found

    def fill(self, address: int, buffer: Any) -> None:
        """Read bytes at an address into a buffer."""
        if address + memoryview(buffer).nbytes > self.size:
            raise ValueError("a part of it is said to be beyond its end")
        self._places.fill(self._start + address, buffer)

    def header(self, address: int) -> list[Message]:
        """The messages of the object whose header is at an address."""
        if address not in self._headers:
            self._headers[address] = list(self._messages(address))
        return self._headers[address]

    def content(self, address: int, kind: int) -> bytes | None:
        """What the object at an address tells in its message of some kind, None where in none."""
        for message in self.header(address):
            if message.kind == kind:
                return self._shared(message) if message.is_shared else message.content
        return None

    def _shared(self, message):
        """What is told at another object, as types that have names are."""
        version, kind = message.content[:2]
        at = 8 if version == 1 else 2
        address = int.from_bytes(part_of(message.content, at, 8), "little")
        for found in self.header(address) if version < 3 or kind == 2 else ():
            if found.kind == message.kind and not found.is_shared:
                return found.content
        raise ValueError("what it shares with another object is not there")

    def _messages(self, address) -> Iterator[Message]:
        start = self.part(address, 16)
        if start[:4] == b"OHDR":
            flags = start[5]
            at = address + 6 + 16 * bool(flags & 0x20) + 4 * bool(flags & 0x10)
            width = 1 << (flags & 3)
            size = int.from_bytes(self.part(at, width), "little")
            todo, split = [(at + width, size, 0)], partial(_of_version_2, flags=flags)
            around = 4  # a signature before, and a checksum behind what goes on elsewhere
        elif start[0] == 1:
            todo = [(address + 16, int.from_bytes(start[8:12], "little"), 0)]
            split, around = _of_version_1, 0
        else:
            raise ValueError("the header of an object is damaged")
        for at, size, skipped in todo:
            block = self.part(at, size)
            for message in split(block[skipped : size - skipped]):
                if message.kind == Kind.CONTINUATION:
                    todo.append((*struct.unpack_from("<QQ", message.content), around))
                else:
                    yield message


def _of_version_1(block):
    at = 0
    while at + 8 <= len(block):
        kind, size, flags = struct.unpack_from("<HHB", block, at)
        yield Message(kind, bool(flags & _SHARED), part_of(block, at + 8, size))
        at += 8 + size


def _of_version_2(block, flags):
    at, head = 0, 6 if flags & 4 else 4  # the order of making may stand there too
    while at + head <= len(block):
        kind, size, flag = struct.unpack_from("<BHB", block, at)
        yield Message(kind, bool(flag & _SHARED), part_of(block, at + head, size))
        at += head + size


def part_of(data: bytes, at: int, size: int) -> bytes:
    """Some bytes out of others, all of them or ValueError."""
    if at + size > len(data):
        raise ValueError("a message of an object is cut off")
    return data[at : at + size]


def padded(size: int) -> int:
    """A size rounded up to a multiple of 8.

    >>> padded(0), padded(1), padded(8)
    (0, 8, 8)
    """
    return -(-size // 8) * 8
