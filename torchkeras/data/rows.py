"""Rows of arrays in an order: what a `Dataset` of slices is until a function needs its elements.

Shuffling, repeating, taking and skipping change the order alone, a sequence of row numbers; then a
batch is one slice or one gather of each array, and the arrays may lie on any device.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .. import philox
from .deferred import Deferred
from .elements import Strings, filled, leaves, map_leaves

_SEED = 87654321  # what TensorFlow takes for the global seed where none is set
_BLOCK = 4096  # rows fetched at a time where elements are wanted one by one
INFINITE, UNKNOWN = -1, -2


class Rows(NamedTuple):
    """Arrays of `count` rows in a nesting; `order` starts a pass: row numbers, in chunks.

    `order` is None where the rows come once, as they lie.
    """

    columns: Any
    count: int
    order: Callable[[], Iterator[Tensor]] | None = None

    def numbers(self) -> Iterator[Tensor]:
        return (
            iter((torch.arange(self.count, device="cpu"),)) if self.order is None else self.order()
        )

    def ordered(self, change: Callable[[Iterator[Tensor]], Iterable[Tensor]]) -> Rows:
        """The same rows, the order of a pass changed by a function of its chunks."""
        return self._replace(order=lambda: iter(change(self.numbers())))

    def placed(self, place: Callable[[Tensor], Tensor]) -> Rows:
        """The same rows of other arrays."""
        columns = map_leaves(lambda c: place(c) if isinstance(c, Tensor) else c, self.columns)
        return self._replace(columns=columns)

    def elements(self) -> Iterator[Any]:
        """A pass, row by row."""
        for block in self.batches(_BLOCK, False):
            parts = [_single(leaf) for leaf in leaves(block)]
            for row in zip(*parts, strict=True):
                yield filled(self.columns, row)

    def batches(self, size: int, drop_remainder: bool) -> Iterator[Any]:
        """A pass, `size` rows at a time."""
        columns = leaves(self.columns)
        if self.order is None:
            for start in range(0, self.count, size):
                if start + size <= self.count or not drop_remainder:
                    rows = slice(start, start + size)
                    yield filled(self.columns, [_sliced(column, rows) for column in columns])
            return
        device = next((c.device for c in columns if isinstance(c, Tensor)), torch.device("cpu"))
        for index in _regrouped(self.order(), size, device):
            if len(index) == size or not drop_remainder:
                yield filled(self.columns, [_gathered(column, index) for column in columns])


def _single(leaf):
    if isinstance(leaf, Strings):
        return [leaf[i : i + 1].reshape(leaf.shape[1:]) for i in range(len(leaf))]
    return leaf.unbind()


def _sliced(column, rows):
    if isinstance(column, Deferred):
        return next(column[rows].split(rows.stop - rows.start))
    return column[rows]


def _gathered(column, index):
    if isinstance(column, Strings):
        return column[index.cpu().numpy()]
    return column.index_select(0, index)


def _regrouped(chunks, size, device):
    """Row numbers in groups of `size`, the last one shorter."""
    left = torch.empty(0, dtype=torch.int64, device=device)
    for chunk in chunks:
        left = torch.cat([left, chunk.to(device)]) if len(left) else chunk.to(device)
        whole = len(left) // size * size
        if whole:
            yield from left[:whole].split(size)
            left = left[whole:]
    if len(left):
        yield left


# --- orders ----------------------------------------------------------------------------------


def taken(count: int) -> Callable[[Iterator[Tensor]], Iterator[Tensor]]:
    """The first `count` row numbers."""

    def change(chunks):
        left = count
        for chunk in chunks if left else ():
            yield chunk[:left]
            left -= len(chunk[:left])
            if not left:
                return

    return change


def skipped(count: int) -> Callable[[Iterator[Tensor]], Iterator[Tensor]]:
    """All but the first `count` row numbers."""

    def change(chunks):
        left = count
        for chunk in chunks:
            yield chunk[left:]
            left -= min(left, len(chunk))

    return change


def repeated(rows: Rows, times: int | None) -> Rows:
    """The passes over `rows`, one after the other; without end where `times` is None."""

    def order():
        for _ in itertools.count() if times is None else range(times):
            yield from rows.numbers()

    return rows._replace(order=order)


class Shuffle:
    """Orders drawn as TensorFlow draws them: a window of `buffer_size` moves over the elements,
    each time one of those in it comes out.

    The seeds of a pass come from those of the data set, so that every pass has another order; the
    same one with `anew=False`. Without a seed torch's generator gives one.
    """

    def __init__(self, buffer_size: int, seed: int | None = None, anew: bool = True):
        self.buffer_size, self.anew = buffer_size, anew
        if seed is None:
            seed = int(torch.randint(2**31, (), device="cpu"))
        self.seed = int(seed)
        self.passes = 0

    def words(self, block: int = 1 << 14) -> Iterator[int]:
        """The random words of the next pass."""
        first, second = _SEED, self.seed
        if self.anew:
            first, second = philox.words(_SEED, self.seed, 2 * self.passes, 2).tolist()
        self.passes += 1
        for start in itertools.count(0, block):
            yield from philox.words(first, second, start, block).tolist()

    def order(self, chunks: Iterable[Tensor]) -> Iterator[Tensor]:
        """Finite row numbers in the order of the next pass."""
        numbers = _whole(chunks)
        count = len(numbers)
        order = list(range(count))
        ends = itertools.chain(
            range(self.buffer_size, count), itertools.repeat(count)
        )  # of the window
        for first, end, word in zip(range(count), ends, self.words(), strict=False):
            other = first + word % (end - first)
            order[first], order[other] = order[other], order[first]
        yield numbers[torch.tensor(order, dtype=torch.int64, device="cpu")]

    def elements(self, source: Iterator[Any]) -> Iterator[Any]:
        """The elements of any pass, `buffer_size` of them held."""
        words = self.words()
        window = list(itertools.islice(source, self.buffer_size))
        first = 0  # where the window, which is a ring, begins
        for element in source:
            other = (first + next(words) % len(window)) % len(window)
            chosen, window[other] = window[other], window[first]
            window[first] = element
            first = (first + 1) % len(window)
            yield chosen
        window = window[first:] + window[:first]
        for first in range(len(window)):
            other = first + next(words) % (len(window) - first)
            chosen, window[other] = window[other], window[first]
            yield chosen


def once_drawn(rows: Rows) -> Rows:
    """The rows in the order of the first complete pass, as a cache keeps it."""
    kept: list[Tensor] = []

    def order():
        if kept:
            yield kept[0]
            return
        numbers = _whole(rows.numbers())
        kept.append(numbers)
        yield numbers

    return rows._replace(order=order)


def _whole(chunks):
    return torch.cat([*chunks, torch.empty(0, dtype=torch.int64, device="cpu")])


def random_words(seed: int | None) -> Iterator[int]:
    """TensorFlow's endless `Dataset.random(seed)`."""
    seed = int(torch.randint(2**31, (), device="cpu")) if seed is None else int(seed)
    for start in itertools.count(0, 1024):
        yield from philox.words(_SEED, seed, start, 1024).tolist()


def weighted_choice(weights: np.ndarray, word: int) -> int:
    """The place in `weights` at which a random word of 32 bits points."""
    bounds = np.cumsum(weights)
    return int(np.searchsorted(bounds, word / 2**32 * bounds[-1], side="right"))
