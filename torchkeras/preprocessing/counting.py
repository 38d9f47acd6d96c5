"""Words of many texts at a time: splitting, counting and numbering in few calls.

Plain texts are joined by a mark that none of them holds, so that one call of each of Python's fast
string functions treats hundreds of them, and numpy numbers their words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, count, islice
from typing import Any

import numpy as np

from .packed import END, MARK, UNKNOWN, Packed, Table

_FIRST, _MOST = 64, 2048  # texts at a time: most words are new in the first ones


class Splitter:
    """Words of texts, some texts at a time.

    `table` is that of `str.translate` which turns filtered characters into blanks. A text that is
    no string, and every text where `plain` is False, goes to `tokens_of(number, text)`.
    """

    def __init__(
        self, table: dict, lower: bool, plain: bool, tokens_of: Callable[[int, Any], Iterable]
    ):
        self.table, self.lower, self.tokens_of = table, lower, tokens_of
        self.plain = plain and ord(MARK) not in table

    def __call__(self, texts: Iterable[Any]) -> Iterator[tuple[Packed | list[Iterable], int]]:
        """Pairs: the words of some texts, and the number of texts.

        The words are packed, with a mark behind those of each text, or a list of the texts' words.
        """
        texts, number, size = iter(texts), 0, _FIRST
        while some := list(islice(texts, size)):
            packed = self._packed(some) if self.plain and set(map(type, some)) == {str} else None
            if packed is None:
                yield [self.tokens_of(*text) for text in enumerate(some, number)], len(some)
            else:
                yield packed, len(some)
            number, size = number + len(some), min(2 * size, _MOST)

    def _packed(self, texts):
        whole = f" {MARK} ".join([*texts, ""])
        if whole.count(MARK) != len(texts):
            return None
        return Packed((whole.lower() if self.lower else whole).translate(self.table))


class _Numbers(dict):
    """Words by the order in which they came; `fresh` are those that came since it was emptied."""

    def __init__(self, words):
        super().__init__(zip(words, count()))
        self.fresh = {}

    def __missing__(self, word):
        self[word] = self.fresh[word] = number = len(self)
        return number


class Counts:
    """How often words came, and in how many texts, in the order of their first appearance."""

    def __init__(self, counts: Mapping[Any, int], documents: Mapping[Any, int]):
        self._numbers = _Numbers(counts)
        self._table = Table(self._numbers)
        self._counts = np.fromiter(counts.values(), np.int64, len(counts))
        self._documents = np.array([documents.get(word, 0) for word in counts], np.int64)

    def add(self, words: Packed | list[Iterable]) -> None:
        """Count the words of some texts."""
        number = self._numbers.__getitem__
        self._numbers.fresh = {}
        if isinstance(words, Packed):
            found = self._table.numbers(words, lambda unknown: map(number, unknown))
            self._table.add(self._numbers.fresh)
        else:
            marked = chain.from_iterable([*map(number, text), END] for text in words)
            found = np.fromiter(marked, np.int64)
        self._add(found + 1, len(self._numbers) + 1)

    def _add(self, found, width):
        """Count numbers below `width`, 0 being the mark."""
        self._counts = _sum(self._counts, found, width)
        pairs = (found == 0).cumsum() * width + found
        if pairs[-1] < 2**31:
            pairs = pairs.astype(np.int32)  # these sort faster
        pairs.sort()
        once = pairs[np.flatnonzero(np.diff(pairs, prepend=-1))] % width
        self._documents = _sum(self._documents, once, width)

    @property
    def words(self) -> dict[Any, int]:
        """Each word's count."""
        return dict(zip(self._numbers, self._counts.tolist(), strict=True))

    @property
    def documents(self) -> dict[Any, int]:
        """In how many texts each word came."""
        return dict(zip(self._numbers, self._documents.tolist(), strict=True))


def _sum(counts, found, width):
    """`counts` of the numbers from 1 on, and those in `found`."""
    total = np.bincount(found, minlength=width)[1:]
    total[: len(counts)] += counts
    return total


class Numbers:
    """The numbers of the words of texts; unknown words are left out, or `other` if given."""

    def __init__(self, known: Mapping[Any, int | None], *other: int | None):
        self._known, self._other = known, other
        numbers = (*known.values(), *other)
        self.packable = all(type(number) is int and 0 <= number < 2**63 for number in numbers)
        self._table = Table(known) if self.packable else None

    def __call__(self, words: Packed | list[Iterable]) -> Iterator[list[int | None]]:
        """The numbers of each text."""
        return self._of_packed(words) if isinstance(words, Packed) else map(self._of_text, words)

    def _of_text(self, words):
        if self._other:
            return [self._known.get(word, *self._other) for word in words]
        return [number for number in map(self._known.get, words) if number is not None]

    def _of_packed(self, words):
        found = self._table.numbers(words)
        if self._other:
            found[found == UNKNOWN] = self._other[0]
        else:
            found = found[found != UNKNOWN]
        numbers, start = found.tolist(), 0
        for end in np.flatnonzero(found == END).tolist():
            yield numbers[start:end]
            start = end + 1
