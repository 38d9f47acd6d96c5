"""Types and shapes as HDF5 tells them: numbers to and from numpy, and what a text is."""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np

from .structure import padded, part_of

_INTEGER, _FLOAT, _FIXED_TEXT, _OPAQUE, _ENUM, _VARIABLE = 0, 1, 3, 5, 8, 9
_FLOATS = {  # bits: where exponent and mantissa are, and what the exponent is counted from
    16: (10, 5, 0, 10, 15), 32: (23, 8, 0, 23, 127), 64: (52, 11, 0, 52, 1023),
}  # fmt: skip
_BOOLEANS = (b"FALSE", b"TRUE")  # h5py's way to write them
_MOST_AXES = 32


class Number(NamedTuple):
    """How the numbers of an array are stored, and as what they are read."""

    stored: np.dtype
    dtype: np.dtype

    def native(self, values: np.ndarray) -> np.ndarray:
        """Values as they are stored, as they are read."""
        if self is BFLOAT16:
            return (values.astype("u4") << 16).view("f4")
        return np.ascontiguousarray(values, self.dtype).reshape(values.shape)


BFLOAT16 = Number(np.dtype("<u2"), np.dtype("f4"))  # two bytes of no type, for HDF5


class Text(NamedTuple):
    """How a text is stored: in so many bytes, or, with None, in a heap."""

    size: int | None
    padding: bytes = b"\0"


def shape_of(space: bytes) -> tuple[int, ...] | None:
    """The shape that a message tells, None where there is no value at all."""
    version, axes, flags, kind = space[:4]
    if version not in (1, 2) or axes > _MOST_AXES:
        raise ValueError("a shape of it is damaged")
    if version == 2 and kind == 2:
        return None
    return struct.unpack(f"<{axes}Q", part_of(space, 8 if version == 1 else 4, 8 * axes))


def type_of(message: bytes) -> Number | Text | None:
    """What a message says of values; None for what is neither a number of numpy nor a text."""
    kind, flags = message[0] & 15, int.from_bytes(message[1:4], "little")
    size = int.from_bytes(part_of(message, 4, 4), "little")
    order = ">" if flags & 1 else "<"
    if kind == _INTEGER and size in (1, 2, 4, 8):
        offset, bits = struct.unpack_from("<HH", message, 8)
        if (offset, bits) == (0, 8 * size):
            return _number(np.dtype(f"{order}{'i' if flags & 8 else 'u'}{size}"))
    elif kind == _FLOAT and size in (2, 4, 8):
        offset, bits, *layout, bias = struct.unpack_from("<HHBBBBI", message, 8)
        plain = flags & 0x40 == 0 and flags >> 8 & 255 == bits - 1 and flags & 0x30 == 0x20
        if plain and (offset, bits) == (0, 8 * size) and (*layout, bias) == _FLOATS[bits]:
            return _number(np.dtype(f"{order}f{size}"))
    elif kind == _FIXED_TEXT:
        return Text(size, b" " if flags & 15 == 2 else b"\0")
    elif kind == _VARIABLE and flags & 15 == 1:
        return Text(None)
    elif kind == _ENUM:
        return _enum(message, flags)
    elif kind == _OPAQUE and size == 2:
        return BFLOAT16
    return None


def _number(dtype):
    return Number(dtype, dtype.newbyteorder("="))


def _enum(message, flags):
    """Numbers that have names; those of h5py's truth values are read as such."""
    base = type_of(message[8:])
    if not isinstance(base, Number):
        return None
    at, names = 28 if base.dtype.kind == "f" else 20, []
    for _ in range(flags & 0xFFFF):
        end = message.index(b"\0", at)
        names.append(message[at:end])
        at = end + 1 if message[0] >> 4 >= 3 else at + padded(end + 1 - at)
    if tuple(names) == _BOOLEANS and base.dtype.itemsize == 1:
        return Number(base.stored, np.dtype(bool))
    return base


# --- writing ---------------------------------------------------------------------------------


def space(shape: tuple[int, ...]) -> bytes:
    """The message that tells a shape, which stays as it is."""
    return struct.pack(f"<BBB5x{2 * len(shape)}Q", 1, len(shape), bool(shape), *shape, *shape)


def number(dtype: np.dtype) -> bytes:
    """The message that tells a type of numbers; TypeError for another."""
    size, order = dtype.itemsize, dtype.byteorder == ">"
    if dtype.kind in "iu":
        flags = order | 8 * (dtype.kind == "i")
        return struct.pack("<BBHIHH", 0x10 | _INTEGER, flags, 0, size, 0, 8 * size)
    if dtype.kind == "f" and 8 * size in _FLOATS:
        bits = 8 * size
        flags = order | 0x20 | (bits - 1) << 8
        *places, bias = _FLOATS[bits]
        return struct.pack("<II", 0x10 | _FLOAT | flags << 8, size) + struct.pack(
            "<HHBBBBI", 0, bits, *places, bias
        )
    if dtype.kind == "b":
        names = b"".join(name.ljust(8, b"\0") for name in _BOOLEANS)
        head = struct.pack("<BHxI", 0x10 | _ENUM, len(_BOOLEANS), 1)
        return head + number(np.dtype("i1")) + names + b"\0\1"
    raise TypeError(f"HDF5 files hold no arrays of the type {dtype}.")


def text(size: int | None, is_ascii: bool = True) -> bytes:
    """The message that tells a type of texts: of some size, or with None, of any."""
    if size is not None:
        return struct.pack("<BBHI", 0x10 | _FIXED_TEXT, 1, 0, size)
    return struct.pack("<BBBxI", 0x10 | _VARIABLE, 1, not is_ascii, 16) + number(np.dtype("u1"))
