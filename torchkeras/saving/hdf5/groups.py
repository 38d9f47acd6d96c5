"""What is in a group of an HDF5 file, and what is told of it."""

from __future__ import annotations

import struct
from typing import NamedTuple

from . import heaps
from .structure import Kind, Structure, padded, part_of

_HARD, _SOFT = 0, 2  # what a name leads to: an object, and in old groups another name
_ENTRY = struct.Struct("<QQI20x")  # of a name in an old group: name, header, kind


def links(structure: Structure, address: int) -> dict[str, int | None]:
    """The headers of what is in the group at an address, by name; None for a link elsewhere.

    In the order in which they were made where the file tells it, else by name.
    """
    found: dict[str, int | None] = {}
    for name, target in _links(structure, address):
        name = name.decode("utf-8", "surrogateescape")
        if name in found:
            raise ValueError("it has the same name twice")
        found[name] = target
    return found


def is_group(structure: Structure, address: int) -> bool:
    """Whether the object at an address is a group."""
    return any(
        message.kind in (Kind.SYMBOLS, Kind.LINK_INFO) for message in structure.header(address)
    )


def _links(structure, address):
    symbols = structure.content(address, Kind.SYMBOLS)
    if symbols is not None:
        tree, heap = struct.unpack_from("<QQ", symbols)
        names = heaps.names(structure, heap)
        for name, target, kind in _symbols(structure, tree):
            end = names.index(b"\0", name)
            structure.spend(end - name)
            yield names[name:end], None if kind == _SOFT else target
        return
    texts = [m.content for m in structure.header(address) if m.kind == Kind.LINK]
    info = structure.content(address, Kind.LINK_INFO)
    if info is not None:
        at = 10 if info[1] & 1 else 2
        texts += heaps.kept(structure, *struct.unpack_from("<QQ", info, at))
    for _, name, target in sorted(_link(text) for text in texts):
        yield name, target[0]


def _symbols(structure, address, level=None):
    """The entries of a tree of names."""
    head = structure.part(address, 24)
    kind, height, count = struct.unpack_from("<BBH", head, 4)
    if head[:4] != b"TREE" or kind != 0 or (level is not None and height != level):
        raise ValueError("the index of its names is damaged")
    pairs = structure.part(address + 24, 16 * count)
    for _, child in struct.iter_unpack("<QQ", pairs):
        if height:
            yield from _symbols(structure, child, height - 1)
            continue
        head = structure.part(child, 8)
        if head[:5] != b"SNOD\x01":
            raise ValueError("the index of its names is damaged")
        entries = structure.part(child + 8, _ENTRY.size * int.from_bytes(head[6:], "little"))
        yield from _ENTRY.iter_unpack(entries)


def _link(text):
    """What a link is sorted by, its name, and the address that it leads to, or None, in a tuple."""
    version, flags = text[0], text[1]
    if version != 1:
        raise ValueError(f"a link has the unknown version {version}")
    at, kind, order = 2, _HARD, 0
    if flags & 8:
        kind, at = text[at], at + 1
    if flags & 4:
        order, at = int.from_bytes(part_of(text, at, 8), "little"), at + 8
    at += bool(flags & 16)  # the character set
    width = 1 << (flags & 3)
    size = int.from_bytes(part_of(text, at, width), "little")
    name, at = part_of(text, at + width, size), at + width + size
    address = int.from_bytes(part_of(text, at, 8), "little") if kind == _HARD else None
    return order, name, (address,)


class Attribute(NamedTuple):
    """What is told of an object under a name; `type` and `space` are messages as in a dataset."""

    type: bytes
    space: bytes
    values: bytes


def attributes(structure: Structure, address: int) -> dict[str, Attribute]:
    """What is told of the object at an address, by name."""
    texts = [m.content for m in structure.header(address) if m.kind == Kind.ATTRIBUTE]
    info = structure.content(address, Kind.ATTRIBUTE_INFO)
    if info is not None:
        at = 4 if info[1] & 1 else 2
        texts += heaps.kept(structure, *struct.unpack_from("<QQ", info, at))
    return dict(map(_attribute, texts))


def _attribute(text):
    version, flags, *sizes = struct.unpack_from("<BBHHH", text)
    if version not in (1, 2, 3):
        raise ValueError(f"an attribute has the unknown version {version}")
    at, parts = 8 + (version == 3), []
    for size in sizes:  # name, type, space
        parts.append(part_of(text, at, size))
        at += padded(size) if version == 1 else size
    name, kind, space = parts
    if version > 1 and flags & 3:
        kind = b""  # it is told elsewhere
    name = name.split(b"\0")[0].decode("utf-8", "surrogateescape")
    return name, Attribute(kind, space, text[at:])
