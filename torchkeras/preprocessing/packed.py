"""Numbers of many words at a time, looked up by numpy.

A word of up to 16 bytes of UTF-8 is a pair of integers, its bytes filled up with zeros. Different
words are different pairs, so a hash table of pairs finds what a dictionary of words would find.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import repeat
from typing import Any

import numpy as np

MARK = "\0"  # stands among the words where a text ends
END, UNKNOWN = -1, -2  # numbers of the mark and of words that are not in the table

_LONGEST = 16  # bytes
_MASKS = np.array([(1 << 8 * min(size, 8)) - 1 for size in range(9)], np.uint64)
_FACTORS = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)  # large, odd


class Packed:
    """The words of a text in which blanks alone stand between words."""

    def __init__(self, text: str):
        self.text, self.bytes = text, text.encode("utf-8", "surrogatepass")
        padded = b" " + self.bytes + b" " + bytes(_LONGEST)
        letters = np.frombuffer(padded, np.uint8)[:-_LONGEST] != ord(" ")
        edges = np.flatnonzero(letters[1:] != letters[:-1])
        self.starts, self.ends = edges[::2], edges[1::2]
        lengths = self.ends - self.starts
        self.long = lengths > _LONGEST
        eight = np.ndarray(len(padded) - 7, "<u8", padded, strides=(1,))  # from each byte on
        self.first = eight[self.starts + 1] & _MASKS[np.minimum(lengths, 8)]
        self.second = eight[self.starts + 9] & _MASKS[np.clip(lengths - 8, 0, 8)]

    def words(self, places: np.ndarray) -> list[str]:
        """Some of the words."""
        spans = zip(self.starts[places].tolist(), self.ends[places].tolist(), strict=True)
        if len(self.bytes) == len(self.text):  # places of letters are those of bytes
            return [self.text[start:end] for start, end in spans]
        return [self.bytes[start:end].decode("utf-8", "surrogatepass") for start, end in spans]


class Table:
    """The numbers of words, all at least 0. What has a blank in it is no word."""

    def __init__(self, numbers: Mapping[Any, int]):
        self._count, self._long = 0, {}
        self._clear(1 << 12)
        self.add({word: n for word, n in numbers.items() if isinstance(word, str)})

    def add(self, numbers: Mapping[str, int]) -> None:
        """Put in words that are not there yet."""
        words = [word for word in numbers if word and " " not in word and MARK not in word]
        packed = Packed(" ".join(words))
        kept = ~packed.long
        self._long.update((words[i], numbers[words[i]]) for i in np.flatnonzero(packed.long))
        values = np.fromiter(map(numbers.__getitem__, words), np.int64, len(words))
        entries = values[kept], packed.first[kept], packed.second[kept]
        self._count += len(entries[0])
        if 3 * self._count > len(self._numbers):
            filled = self._numbers != UNKNOWN
            old = self._numbers[filled], self._first[filled], self._second[filled]
            self._clear(1 << (6 * self._count).bit_length())
            self._insert(*old)
        self._insert(*entries)

    def numbers(
        self, packed: Packed, other: Callable[[list[str]], Iterable[int]] | None = None
    ) -> np.ndarray:
        """The number of each word, END for a mark, and of words that the table does not hold what
        `other` says to a list of them, without it UNKNOWN."""
        slot = self._slots(packed.first, packed.second)
        found = self._numbers[slot]
        wrong = (self._first[slot] != packed.first) | (self._second[slot] != packed.second)
        places = np.flatnonzero(wrong & (found != UNKNOWN))
        slot = slot[places]
        while len(places):
            slot = (slot + 1) & (len(self._numbers) - 1)
            found[places] = self._numbers[slot]
            wrong = self._first[slot] != packed.first[places]
            wrong |= self._second[slot] != packed.second[places]
            wrong &= found[places] != UNKNOWN
            places, slot = places[wrong], slot[wrong]
        places = np.flatnonzero(packed.long)
        if len(places):
            found[places] = list(map(self._long.get, packed.words(places), repeat(UNKNOWN)))
        found[packed.first == 0] = END
        if other is not None:
            places = np.flatnonzero(found == UNKNOWN)
            found[places] = list(other(packed.words(places)))
        return found

    def _clear(self, size):
        self._shift = np.uint64(64 - (size.bit_length() - 1))
        self._numbers = np.full(size, UNKNOWN, np.int64)
        self._first, self._second = np.zeros((2, size), np.uint64)

    def _slots(self, first, second):
        mixed = first * _FACTORS[0] ^ second * _FACTORS[1]
        mixed ^= mixed >> np.uint64(29)
        return ((mixed * _FACTORS[0]) >> self._shift).astype(np.int64)

    def _insert(self, numbers, first, second):
        slot = self._slots(first, second)
        while len(slot):
            free, own = self._numbers[slot] == UNKNOWN, np.arange(len(slot))
            self._numbers[slot[free]] = own[free]  # of several for a slot one remains
            placed = free & (self._numbers[slot] == own)
            at = slot[placed]
            self._numbers[at] = numbers[placed]
            self._first[at], self._second[at] = first[placed], second[placed]
            left = ~placed
            slot = (slot[left] + 1) & (len(self._numbers) - 1)
            numbers, first, second = numbers[left], first[left], second[left]
