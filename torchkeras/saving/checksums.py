"""CRC-32 checksums, made by threads beside the one that goes through the arrays."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

_ASIDE = 2**16  # bytes; what has fewer is done at once
_WAITING = 16  # tasks at most, so that few arrays are kept for them
_POLYNOMIAL = 0xEDB88320  # of CRC-32, from the highest power in the lowest bit
_ONE = 1 << 31


class Checks:
    """Checksums in the making. Leaving the block waits for all, and raises where one is wrong.

    >>> with Checks() as checks:
    ...     checksum = checks.of(bytes(100_000))
    ...     checks.expect(checks.of(b"123456789"), 0xCBF43926, "x.h5 is damaged.")
    >>> checksum() == zlib.crc32(bytes(100_000))
    True
    """

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None
        self._waiting: deque[Callable[[], Any]] = deque()
        self._expected: list[tuple[Callable[[], int], int, str]] = []

    def __enter__(self) -> Checks:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=kind is not None)
        if kind is None:
            for result in self._waiting:
                result()
            for checksum, wanted, complaint in self._expected:
                if checksum() != wanted:
                    raise OSError(complaint)

    def of(self, data: Any) -> Callable[[], int]:
        """What waits for the checksum of contiguous bytes, which stay as they are until then."""
        return self.aside(memoryview(data).nbytes, zlib.crc32, data)

    def aside(self, size: int, act: Callable, *args: Any) -> Callable[[], Any]:
        """What waits for the result of a function of `size` bytes, which a thread calls.

        Those of few bytes are called at once.
        """
        if size < _ASIDE:
            found = act(*args)
            return lambda: found
        if self._threads is None:
            self._threads = ThreadPoolExecutor(2, "checksums")
        result = self._threads.submit(act, *args).result
        self._waiting.append(result)
        if len(self._waiting) > _WAITING:
            self._waiting.popleft()()
        return result

    def expect(self, checksum: Callable[[], int], wanted: int, complaint: str) -> None:
        """OSError with a complaint, when the block ends, where a checksum is another."""
        self._expected.append((checksum, wanted, complaint))


def combined(first: int, second: int, length: int) -> int:
    """The checksum of bytes whose checksum is `first`, and `length` more with that of `second`.

    >>> combined(zlib.crc32(b"123"), zlib.crc32(b"456789"), 6) == zlib.crc32(b"123456789")
    True
    """
    return _product(_power(8 * length), first) ^ second


def _product(a, b):
    """Of two polynomials over bits, modulo that of CRC-32."""
    found = 0
    for bit in range(31, -1, -1):
        if a >> bit & 1:
            found ^= b
        b = b >> 1 ^ (_POLYNOMIAL if b & 1 else 0)
    return found


@cache
def _power(exponent):
    """x to some power, modulo the polynomial of CRC-32."""
    found, square = _ONE, _ONE >> 1
    while exponent:
        if exponent & 1:
            found = _product(found, square)
        square, exponent = _product(square, square), exponent >> 1
    return found
