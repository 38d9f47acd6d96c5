"""CRC-32C (Castagnoli), the checksum of TensorFlow's files, in numpy.

The data is cut into lanes that are walked side by side, one table lookup a byte; the lanes'
checksums are joined by the rule that CRC(a + b) is CRC(a), moved on by len(b) zero bytes, xor
CRC(b).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

_POLYNOMIAL = 0x82F63B78  # reflected; RFC 3720, appendix B.4
_MASK = 0xA282EAD8
_LANES = 4096  # as many bytes are looked up at a time


@cache
def _table() -> np.ndarray:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = (table >> 1) ^ np.where(table & 1, np.uint32(_POLYNOMIAL), np.uint32(0))
    return table


@cache
def _zeros(size: int) -> tuple[int, ...]:
    """What `size` zero bytes make of each of the 32 bits of a checksum: a matrix by columns."""
    if size == 1:
        table = _table()
        return tuple(int(table[(1 << bit) & 255]) ^ ((1 << bit) >> 8) for bit in range(32))
    half = _zeros(size // 2)
    twice = tuple(_apply(half, column) for column in half)
    return twice if size % 2 == 0 else tuple(_apply(_zeros(1), column) for column in twice)


def _apply(matrix, value):
    result = bit = 0
    while value:
        if value & 1:
            result ^= matrix[bit]
        value >>= 1
        bit += 1
    return result


def crc32c(data: Any, start: int = 0) -> int:
    """The checksum of bytes, going on from `start`, that of the bytes before.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    values = np.frombuffer(data, np.uint8)
    length = len(values) // _LANES
    if length < 16:
        return _serial(values, start)
    lanes = values[: length * _LANES].reshape(_LANES, length)
    table, crcs = _table(), np.zeros(_LANES, np.uint32)
    for block in range(0, length, 4096):  # transposed by blocks, to read memory in order
        for column in np.ascontiguousarray(lanes[:, block : block + 4096].T):
            crcs = table[(crcs ^ column) & 255] ^ (crcs >> 8)
    joined, step = start ^ 0xFFFFFFFF, _zeros(length)
    for lane in crcs.tolist():
        joined = _apply(step, joined) ^ lane
    return _serial(values[length * _LANES :], joined ^ 0xFFFFFFFF)


def _serial(values, start):
    table, crc = _table().tolist(), start ^ 0xFFFFFFFF
    for byte in values.tolist():
        crc = table[(crc ^ byte) & 255] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def masked(data: Any, start: int = 0) -> int:
    """The checksum as TensorFlow stores it, turned and shifted so that it differs from one."""
    crc = crc32c(data, start)
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF
