"""Tables of sorted keys and values, the format of LevelDB that TensorFlow's `.index` files have.

A file is a row of blocks, each with its checksum; the last block but one lists where they are.
https://github.com/google/leveldb/blob/main/doc/table_format.md
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .crc32c import masked
from .protobuf import as_varint, part, varint

_MAGIC = (0xDB4775248B80FB57).to_bytes(8, "little")
_FOOTER = 48
_LONGEST = 2**12  # bytes of a key
_MOST_REPEATED = 32  # times the size of the file: a key may repeat the one before for 3 bytes
_TRAILER = 5  # kind of compression and checksum
_BLOCK = 2**18  # bytes of entries before a new block is begun
_BETWEEN = 16  # entries that share the beginning of their key with the one before


def read(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The entries of a table; ValueError where it is damaged."""
    if data[-8:] != _MAGIC or len(data) < _FOOTER:
        raise ValueError("it does not end as a table does")
    footer = data[-_FOOTER:]
    at = 0
    for _ in range(2):  # where the list of filters is, which nobody needs
        _, at = varint(footer, at)
    offset, at = varint(footer, at)
    size, at = varint(footer, at)
    end, last, keys = 0, None, 0
    for _, handle in _entries(_block(data, offset, size)):
        offset, at = varint(handle, 0)
        size, _ = varint(handle, at)
        if offset < end:
            raise ValueError("its blocks lie in each other")
        end = offset + size
        for key, value in _entries(_block(data, offset, size)):
            keys += len(key)
            if last is not None and key <= last:
                raise ValueError("its keys are not in order")
            if keys > _MOST_REPEATED * len(data):
                raise ValueError("its keys repeat each other more than those of a checkpoint")
            last = key
            yield key, value


def _block(data, offset, size):
    block = part(data, offset, size + _TRAILER)
    kind, crc = block[size], int.from_bytes(block[size + 1 :], "little")
    if masked(block[: size + 1]) != crc:
        raise ValueError("a block is not what was written: its checksum differs")
    if kind != 0:
        raise ValueError("a block is compressed, which TensorFlow does not do")
    return block[:size]


def _entries(block):
    if len(block) < 4:
        raise ValueError("a block is cut off")
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 - 4 * restarts
    key, at = b"", 0
    while at < end:
        shared, at = varint(block, at)
        rest, at = varint(block, at)
        size, at = varint(block, at)
        if shared > len(key):
            raise ValueError("a key is cut off")
        if shared + rest > _LONGEST:
            raise ValueError("a key is too long")
        key = key[:shared] + bytes(part(block, at, rest))
        at += rest
        yield key, bytes(part(block, at, size))
        at += size


# --- writing ---------------------------------------------------------------------------------


def write(entries: list[tuple[bytes, bytes]]) -> bytes:
    """The table of entries that are sorted by their keys."""
    out, index, block, first = bytearray(), [], [], 0
    for number, entry in enumerate(entries):
        block.append(entry)
        first += len(entry[0]) + len(entry[1])
        if first >= _BLOCK or number == len(entries) - 1:
            index.append((entry[0], _append(out, block)))
            block, first = [], 0
    filters = _append(out, [])
    footer = filters + _append(out, index, between=1)
    return bytes(out + footer.ljust(_FOOTER - len(_MAGIC), b"\0") + _MAGIC)


def _append(out: bytearray, entries: list[Any], between: int = _BETWEEN) -> bytes:
    """Add a block; where it is, as the index says it."""
    block, restarts, before = bytearray(), [], b""
    for number, (key, value) in enumerate(entries):
        shared = 0
        if number % between == 0:
            restarts.append(len(block))
        else:
            shared = _shared(before, key)
        sizes = (shared, len(key) - shared, len(value))
        block += b"".join(map(as_varint, sizes)) + key[shared:] + value
        before = key
    for restart in restarts or [0]:
        block += restart.to_bytes(4, "little")
    block += len(restarts or [0]).to_bytes(4, "little")
    handle = as_varint(len(out)) + as_varint(len(block))
    block.append(0)
    out += block + masked(bytes(block)).to_bytes(4, "little")
    return handle


def _shared(one, other):
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    return count
