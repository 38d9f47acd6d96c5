"""Words of many texts at a time: splitting, counting and numbering in few calls.

Texts are joined by a mark that none of them holds, so that one call of each of Python's fast string
functions treats hundreds of them.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice, repeat
from typing import Any

import numpy as np

_TOGETHER = 512  # texts


class Splitter:
    """Words of texts, each text's followed by `mark`.

    `table` is that of `str.translate` which turns filtered characters into blanks. A text that is
    no string goes to `tokens_of(number, text)`.
    """

    def __init__(self, table: dict, lower: bool, tokens_of: Callable[[int, Any], Iterable]):
        self.table, self.lower, self.tokens_of = table, lower, tokens_of
        self.mark = "\0" + secrets.token_hex(8)
        self.joined = not any(ord(character) in table for character in self.mark)

    def __call__(self, texts: Iterable[Any]) -> Iterator[tuple[Iterable[Any], int]]:
        """Pairs: the words and marks of some texts, and the number of texts."""
        texts, number = iter(texts), 0
        while some := list(islice(texts, _TOGETHER)):
            if self.joined and set(map(type, some)) == {str}:
                yield self._split(some), len(some)
            else:
                yield self._one_by_one(number, some), len(some)
            number += len(some)

    def _split(self, texts):
        whole = f" {self.mark} ".join([*texts, ""])
        if self.lower:
            whole = whole.lower()
        return filter(None, whole.translate(self.table).split(" "))

    def _one_by_one(self, number, texts):
        return chain.from_iterable(
            chain(self.tokens_of(place, text), (self.mark,))
            for place, text in enumerate(texts, number)
        )


class _Numbers(dict):
    """Words by the order in which they came."""

    def __missing__(self, word):
        self[word] = number = len(self)
        return number


class Counts:
    """How often words came, and in how many texts, in the order of their first appearance."""

    def __init__(self, counts: dict[Any, int], documents: dict[Any, int], mark: str):
        self._numbers = _Numbers({mark: 0})
        self._numbers.update((word, number) for number, word in enumerate(counts, 1))
        self._counts = np.array([0, *counts.values()], np.int64)
        self._documents = np.array([0, *(documents.get(word, 0) for word in counts)], np.int64)

    def add(self, words: Iterable[Any]) -> None:
        """Count the words of some texts, each ended by the mark."""
        found = np.fromiter(map(self._numbers.__getitem__, words), np.int64)
        width = len(self._numbers)
        self._counts = _wider(self._counts, width) + np.bincount(found, minlength=width)
        texts = (found == 0).cumsum()
        pairs = texts * width + found
        if pairs[-1] < 2**31:
            pairs = pairs.astype(np.int32)  # these sort faster
        pairs.sort()
        once = pairs[np.flatnonzero(np.diff(pairs, prepend=-1))] % width
        self._documents = _wider(self._documents, width) + np.bincount(once, minlength=width)

    @property
    def words(self) -> dict[Any, int]:
        """Each word's count."""
        return dict(islice(zip(self._numbers, self._counts.tolist(), strict=True), 1, None))

    @property
    def documents(self) -> dict[Any, int]:
        """In how many texts each word came."""
        return dict(islice(zip(self._numbers, self._documents.tolist(), strict=True), 1, None))


def _wider(counts, width):
    return np.concatenate([counts, np.zeros(width - len(counts), np.int64)])


def numbers_of(
    words: Iterable[Any], known: dict[Any, int], mark: str, *other: int | None
) -> Iterator[list[int]]:
    """The numbers of the words of each text; unknown words are left out, or `other` if given."""
    if other:
        found = list(map(known.get, words, repeat(*other)))
    else:
        found = [number for number in map(known.get, words) if number is not None]
    start, end = 0, known[mark]
    while start < len(found):
        stop = found.index(end, start)
        yield found[start:stop]
        start = stop + 1
