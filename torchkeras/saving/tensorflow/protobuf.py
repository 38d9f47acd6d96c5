"""The wire format of Protocol Buffers: messages as lists of numbered fields.

The format is the public one of https://protobuf.dev/programming-guides/encoding/. Reading makes
no objects but those of the fields asked for, and never reads past the end of what it was given.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def varint(data: Any, at: int) -> tuple[int, int]:
    """The number of up to 64 bits that begins at `at`, and where it ends."""
    value = shift = 0
    while shift < 70:
        if at >= len(data):
            raise ValueError("a number is cut off")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise ValueError("a number is longer than 64 bits")


def fields(message: Any) -> Iterator[tuple[int, Any]]:
    """Pairs of a field's number and its value: an int, or the bytes of a text or message."""
    data, at = memoryview(message), 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = varint(data, at)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
            value, at = int.from_bytes(part(data, at, size), "little"), at + size
        elif kind == _BYTES:
            size, at = varint(data, at)
            value, at = part(data, at, size), at + size
        else:
            raise ValueError(f"a field has the unknown kind {kind}")
        yield key >> 3, value


def part(data: Any, at: int, size: int) -> Any:
    """`size` bytes of `data` from `at` on; ValueError where it has fewer."""
    if at + size > len(data):
        raise ValueError("a field is cut off")
    return data[at : at + size]


def message(value: Any) -> Any:
    """A field's bytes, as those of a message; ValueError if it is a number."""
    if isinstance(value, int):
        raise ValueError("a number stands where a message should")
    return value


def text(value: Any) -> str:
    """A field's bytes as text."""
    try:
        return bytes(message(value)).decode()
    except UnicodeDecodeError as error:
        raise ValueError("a text is not UTF-8") from error


def number(value: Any) -> int:
    """A field's number, as the signed one of 64 bits; ValueError if it is none."""
    if not isinstance(value, int):
        raise ValueError("bytes stand where a number should")
    return value - 2**64 if value >= 2**63 else value


# --- writing ---------------------------------------------------------------------------------


def as_varint(value: int) -> bytes:
    """A number in seven bits a byte, lowest first."""
    value &= 2**64 - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode(*pairs: tuple[int, int | str | bytes | None]) -> bytes:
    """A message of numbered fields: numbers, texts, bytes and encoded messages.

    Fields that are None are left out, and numbers that are 0, as proto3 does.
    """
    out = bytearray()
    for field, value in pairs:
        if value is None or (type(value) is int and value == 0):
            continue
        if isinstance(value, int):
            out += as_varint(field << 3 | _VARINT) + as_varint(value)
        else:
            data = value.encode() if isinstance(value, str) else value
            out += as_varint(field << 3 | _BYTES) + as_varint(len(data)) + data
    return bytes(out)


def fixed32(field: int, value: int) -> bytes:
    """One field of exactly 32 bits."""
    return as_varint(field << 3 | _FIXED32) + value.to_bytes(4, "little")
