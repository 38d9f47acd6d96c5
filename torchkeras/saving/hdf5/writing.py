"""The structure of an HDF5 file in the layout that all versions of the library read.

Its arrays come first, each at a place of its own; all that leads to them follows as one block,
which is made when everything is known. Keras and h5py make files of the same parts.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

import numpy as np

from . import types
from .structure import MAGIC, UNDEFINED, Kind, padded

FIRST = 96  # the place of the first array: behind what says where the root is
_LEAF, _NODE = 4, 16  # half of how many entries a leaf and a node of an index have
_TEXTS = 2**15  # in one heap, which counts them in two bytes
_LEAST_HEAP = 4096
_PLAIN = bytes((2, 1, 2, 1, 0, 0, 0, 0))  # room is made at once, and what is in it is given

Told = str | bytes | list[bytes] | np.ndarray  # a text, a text in ASCII, such texts, or of one size


class Array:
    """An array whose values are at a place of the file."""

    def __init__(self, dtype: np.dtype, shape: tuple[int, ...], place: int, size: int):
        self._messages = [
            (Kind.SPACE, types.space(shape)), (Kind.TYPE, types.number(dtype)), (Kind.FILL, _PLAIN),
            (Kind.LAYOUT, struct.pack("<BBQQ", 3, 1, place if size else UNDEFINED, size)),
        ]  # fmt: skip
        self.references = 1

    def messages(self, block: Block) -> list[tuple[int, bytes]]:
        return self._messages


class Group:
    """A group in the making: members by name, and what is told of it."""

    def __init__(self) -> None:
        self.members: dict[bytes, Group | Array] = {}
        self.told: dict[str, Told] = {}
        self.references = 1

    def messages(self, block: Block) -> list[tuple[int, bytes]]:
        told = [(Kind.ATTRIBUTE, block.attribute(name, value)) for name, value in self.told.items()]
        entries = [(name, block.header(member)) for name, member in sorted(self.members.items())]
        return [(Kind.SYMBOLS, struct.pack("<QQ", *block.index(entries))), *told]

    def texts(self) -> Iterator[bytes]:
        """The texts for a heap that are told here and below."""
        for value in self.told.values():
            yield from texts_of(value)
        for member in self.members.values():
            if isinstance(member, Group):
                yield from member.texts()


class Block:
    """What leads to the arrays of a file: from the place `start` to `end`, the root included.

    >>> root = Group()
    >>> root.told["note"] = "a text"
    >>> block = Block(root, FIRST)
    >>> content = bytes(block.head) + bytes(block.content)
    """

    def __init__(self, root: Group, start: int):
        self.start, self.content = start, bytearray()
        self._headers: dict[int, int] = {}
        self._places = self._heaps(list(dict.fromkeys(root.texts())))
        self._root = self.header(root)

    @property
    def end(self) -> int:
        return self.start + len(self.content)

    @property
    def head(self) -> bytes:
        """What stands at the beginning of the file."""
        return MAGIC + struct.pack(
            "<8BHHI6QI20x", 0, 0, 0, 0, 0, 8, 8, 0, _LEAF, _NODE, 0,
            0, UNDEFINED, self.end, UNDEFINED, 0, self._root, 0,
        )  # fmt: skip

    def header(self, member: Group | Array) -> int:
        """The address of the header of a group or an array, which several names may lead to."""
        if id(member) not in self._headers:
            parts, messages = [], member.messages(self)
            for kind, content in messages:
                size = padded(len(content))
                parts.append(struct.pack("<HHB3x", kind, size, 0) + content.ljust(size, b"\0"))
            whole = b"".join(parts)
            head = struct.pack("<BxHII4x", 1, len(messages), member.references, len(whole))
            self._headers[id(member)] = self._add(head + whole)
        return self._headers[id(member)]

    def attribute(self, name: str, value: Told) -> bytes:
        """A message that tells a text or a list; texts of one size as an array of numpy."""
        if isinstance(value, np.ndarray):
            kind, values = types.text(value.dtype.itemsize), value.tobytes()
        elif len(value) or isinstance(value, (str, bytes)):
            kind = types.text(None, not isinstance(value, str))
            values = b"".join(self._reference(text) for text in texts_of(value))
        else:  # as h5py writes an empty list
            kind, values = types.number(np.dtype("f8")), b""
        space = types.space(() if isinstance(value, (str, bytes)) else (len(value),))
        title = name.encode() + b"\0"
        sizes = struct.pack("<HHH", len(title), len(kind), len(space))
        if name.isascii():
            parts = [part.ljust(padded(len(part)), b"\0") for part in (title, kind, space)]
            return b"\1\0" + sizes + b"".join(parts) + values
        return b"\3\0" + sizes + b"\1" + title + kind + space + values

    def _reference(self, text):
        return struct.pack("<IQI", len(text), *self._places[text]) if text else bytes(16)

    def index(self, entries: list[tuple[bytes, int]]) -> tuple[int, int]:
        """The addresses of a tree of names and of the heap in which they stand."""
        names, children = bytearray(8), []
        for at in range(0, len(entries), 2 * _LEAF):
            part = entries[at : at + 2 * _LEAF]
            leaf = b"SNOD\1\0" + struct.pack("<H", len(part))
            for name, header in part:
                last = len(names)
                leaf += struct.pack("<QQ24x", last, header)
                names += name.ljust(padded(len(name) + 1), b"\0")
            children.append((last, self._add(leaf.ljust(8 + 2 * _LEAF * 40, b"\0"))))
        heap = self._add(
            b"HEAP" + struct.pack("<4xQQQ", len(names), 1, self.end + 32) + bytes(names)
        )
        level = 0
        while True:
            children = self._level(children, level)
            if len(children) == 1:
                return children[0][1], heap
            level += 1

    def _level(self, children, level):
        """One level of a tree above its children: pairs of the place of a last name, and address.

        The nodes stand side by side, so that each knows its neighbours.
        """
        parts = [children[at : at + 2 * _NODE] for at in range(0, len(children), 2 * _NODE)] or [[]]
        size = 32 + 2 * _NODE * 16
        first, nodes = self.end, []
        for number, part in enumerate(parts):
            here = first + number * size
            left = here - size if number else UNDEFINED
            right = here + size if number < len(parts) - 1 else UNDEFINED
            before = parts[number - 1][-1][0] if number else 0
            node = b"TREE" + struct.pack("<BBHQQQ", 0, level, len(part), left, right, before)
            node += b"".join(struct.pack("<QQ", child, last) for last, child in part)
            nodes.append((part[-1][0] if part else 0, self._add(node.ljust(size, b"\0"))))
        return nodes

    def _heaps(self, texts):
        """Address of a heap and number in it, by text."""
        found = {}
        texts = [text for text in texts if text]
        for at in range(0, len(texts), _TEXTS):
            part, content = texts[at : at + _TEXTS], bytearray()
            for number, text in enumerate(part, 1):
                found[text] = self.end, number
                content += struct.pack("<HHIQ", number, 1, 0, len(text))
                content += text.ljust(padded(len(text)), b"\0")
            free = max(_LEAST_HEAP - 16 - len(content), 16)
            content += struct.pack("<HHIQ", 0, 0, 0, free).ljust(free, b"\0")
            self._add(b"GCOL\1\0\0\0" + struct.pack("<Q", 16 + len(content)) + bytes(content))
        return found

    def _add(self, content):
        """The address of what stands at the end now."""
        address = self.end
        self.content += content
        return address


def texts_of(value: Told) -> Sequence[bytes]:
    """The texts of an attribute that are in a heap."""
    if isinstance(value, np.ndarray):
        return ()
    if isinstance(value, str):
        return (value.encode(),)
    return (value,) if isinstance(value, bytes) else value
