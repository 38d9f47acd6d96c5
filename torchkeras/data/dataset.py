"""`Dataset`: a pipeline of elements with the methods of TensorFlow's `tf.data.Dataset`.

Elements are torch tensors and texts, in tuples and dicts. Nothing runs before the data set is
iterated. Slices of arrays stay arrays (`rows.py`) until a function needs single elements.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from typing import Any

import torch

from . import flows
from .background import ahead
from .elements import Strings, TensorSpec, map_leaves, structure
from .flows import AUTOTUNE
from .grouping import Grouping
from .kept import Kept
from .origins import Origins
from .pipeline import require_dataset
from .rows import INFINITE, UNKNOWN, Shuffle, once_drawn, repeated, skipped, taken
from .specs import peeked_spec


class Dataset(Origins, Grouping):
    """Elements made one after the other, anew in each iteration.

    `fit`, `evaluate` and `predict` take a data set of batches `x`, `(x, y)` or
    `(x, y, sample_weight)`. Arguments `name` are taken as in TensorFlow and name nothing.

    >>> data = Dataset.range(5).map(lambda x: x * x).batch(2)
    >>> [batch.tolist() for batch in data]
    [[0, 1], [4, 9], [16]]
    """

    # --- element by element ------------------------------------------------------------------

    def map(
        self,
        map_func: Callable,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """`map_func` of each element; the parts of a tuple are its arguments.

        `num_parallel_calls` threads call it; AUTOTUNE takes threads only where calls are slow.
        Order is kept, also with `deterministic=False`.
        """

        def make():
            return flows.map_in_order(self._make(), map_func, num_parallel_calls)

        def spec():
            return peeked_spec(self, map_func)

        remake = None
        if hasattr(map_func, "placed"):  # the arrays that it reads may lie elsewhere

            def remake(place):
                return self.placed(place).map(map_func.placed(place))

        made = Dataset(make, self._size, spec, None, remake, (self,), runs_code=True)
        made._mapped = self, map_func
        return made

    def ignore_errors(self, log_warning: bool = False, name: str | None = None) -> Dataset:
        """After `map`: without the elements for which its function raises.

        `log_warning` tells each of them in the log. ValueError where no `map` is right before.
        """
        if self._mapped is None:
            raise ValueError(
                "ignore_errors leaves out elements whose map raises, so it is called on what map "
                "returns: dataset.map(function).ignore_errors()."
            )
        source, function = self._mapped

        def make():
            return flows.map_that_works(source._make(), function, log_warning)

        return self._like(make, UNKNOWN, runs_code=True)

    def filter(self, predicate: Callable, name: str | None = None) -> Dataset:
        """The elements for which `predicate` is true."""

        def make():
            return (element for element in self._make() if flows.truth(predicate, element))

        return self._like(make, UNKNOWN, runs_code=True)

    def take_while(self, predicate: Callable, name: str | None = None) -> Dataset:
        """The elements before the first for which `predicate` is false."""
        return self._like(
            lambda: flows.taken_while(self._make(), predicate), UNKNOWN, runs_code=True
        )

    def scan(self, initial_state: Any, scan_func: Callable, name: str | None = None) -> Dataset:
        """`scan_func(state, element)` returns `(new_state, output)`; the outputs."""

        def make():
            return flows.scanned(self._make(), structure(initial_state), scan_func)

        return Dataset(make, self._size, inputs=(self,), runs_code=True)

    def enumerate(self, start: int = 0, name: str | None = None) -> Dataset:
        """Each element with its number before it: `(number, element)`."""
        numbers = Dataset.counter(int(start))
        return Dataset.zip(numbers, self)

    def flat_map(self, map_func: Callable, name: str | None = None) -> Dataset:
        """The elements of all the data sets that `map_func` makes."""

        def make():
            inner = _inner(map_func, "flat_map")
            return (made for element in self._make() for made in inner(element))

        return Dataset(make, UNKNOWN, inputs=(self,), runs_code=True)

    def interleave(
        self,
        map_func: Callable,
        cycle_length: int | None = None,
        block_length: int | None = None,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Elements of `cycle_length` of the data sets that `map_func` makes by turns,
        `block_length` of each; by default as many as the machine has cores, and 1."""
        cycle = os.cpu_count() if cycle_length in (None, AUTOTUNE) else int(cycle_length)
        block = 1 if block_length is None else int(block_length)
        if cycle < 1 or block < 1:
            raise ValueError(
                f"cycle_length and block_length must be positive; received {cycle}, {block}."
            )

        def make():
            return flows.interleaved(self._make(), _inner(map_func, "interleave"), cycle, block)

        return Dataset(make, UNKNOWN, inputs=(self,), runs_code=True)

    def unique(self, name: str | None = None) -> Dataset:
        """Elements of one component, each value once."""
        return self._like(lambda: flows.distinct(self._make()), UNKNOWN)

    # --- order and number --------------------------------------------------------------------

    def shuffle(
        self,
        buffer_size: int,
        seed: int | None = None,
        reshuffle_each_iteration: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Elements drawn from a window of `buffer_size`; with a seed the order of TensorFlow."""
        buffer_size = int(buffer_size)
        if buffer_size == UNKNOWN or buffer_size == 0 or buffer_size < UNKNOWN:
            raise ValueError(f"`buffer_size` must be positive; received {buffer_size}.")
        if buffer_size == INFINITE:
            buffer_size = 2**62
        shuffle = Shuffle(buffer_size, _number(seed), reshuffle_each_iteration is not False)
        if self._rows is not None and self._size >= 0:
            made = Dataset._of_rows(self._rows.ordered(shuffle.order), self._size, (self,))
        else:
            made = self._like(lambda: shuffle.elements(self._make()), self._size)
        made._shuffles += (shuffle,)
        return made

    def repeat(self, count: int | None = None, name: str | None = None) -> Dataset:
        """The elements `count` times over; without end for None or -1."""
        times = None if count is None or int(count) < 0 else int(count)
        size = self._size
        if times is None:
            size = INFINITE if size else 0
        elif size > 0 or times == 0:
            size = size * times if times else 0
        if self._rows is not None and self._size > 0:
            return Dataset._of_rows(repeated(self._rows, times), size, (self,))

        def make():
            for _ in itertools.count() if times is None else range(times):
                empty = True
                for element in self._make():
                    empty = False
                    yield element
                if empty:
                    return

        return self._like(make, size, lambda parent: parent.repeat(count))

    def take(self, count: int, name: str | None = None) -> Dataset:
        """The first `count` elements; all for -1."""
        count = int(count)
        if count < 0:
            return self
        size = self._size if 0 <= self._size < count else count
        if self._size == UNKNOWN:
            size = UNKNOWN if count else 0
        if self._rows is not None:
            return Dataset._of_rows(self._rows.ordered(taken(count)), size, (self,))
        return self._like(
            lambda: itertools.islice(self._make(), count), size, lambda parent: parent.take(count)
        )

    def skip(self, count: int, name: str | None = None) -> Dataset:
        """All but the first `count` elements; none for -1."""
        count = int(count)
        if count < 0:
            return self.take(0)
        size = self._size if self._size < 0 else max(0, self._size - count)
        if self._rows is not None:
            return Dataset._of_rows(self._rows.ordered(skipped(count)), size, (self,))
        return self._like(
            lambda: itertools.islice(self._make(), count, None),
            size,
            lambda parent: parent.skip(count),
        )

    def shard(self, num_shards: int, index: int, name: str | None = None) -> Dataset:
        """Every `num_shards`-th element, the first being number `index`."""
        num_shards, index = int(num_shards), int(index)
        if not 0 <= index < num_shards:
            raise ValueError(f"`index` must lie in 0 to {num_shards - 1}; received {index}.")
        size = self._size if self._size < 0 else len(range(index, self._size, num_shards))
        return self._like(lambda: itertools.islice(self._make(), index, None, num_shards), size)

    def concatenate(self, dataset: Dataset, name: str | None = None) -> Dataset:
        """The elements of this data set, then those of the other."""
        if not isinstance(dataset, Dataset):
            raise TypeError(f"concatenate needs a Dataset; received {type(dataset).__name__}.")
        sizes = (self._size, dataset._size)
        size = next((n for n in (INFINITE, UNKNOWN) if n in sizes), sum(sizes))
        return Dataset(
            lambda: itertools.chain(self._make(), _later(dataset._make)),
            size,
            lambda: _common_spec(self.element_spec, dataset.element_spec),
            inputs=(self, dataset),
        )

    # --- speed -------------------------------------------------------------------------------

    def cache(self, filename: Any = "", name: str | None = None) -> Dataset:
        """The elements as the first complete iteration made them, in memory or in a file.

        A file `filename.npz` that exists is read; it holds arrays and texts and runs nothing.
        """
        if not len(str(filename)) and self._rows is not None and self._size >= 0:
            return Dataset._of_rows(once_drawn(self._rows), self._size, (self,))
        kept = Kept(os.fspath(filename) if not isinstance(filename, Strings) else str(filename))
        return self._like(lambda: kept.through(self._make), self._size)

    def snapshot(self, path: Any, name: str | None = None, **kwargs: Any) -> Dataset:
        """`cache` in a file of the folder `path`."""
        if kwargs:
            raise TypeError(f"snapshot takes no {', '.join(kwargs)} here.")
        return self.cache(os.path.join(os.fspath(path), "snapshot"))

    def save(self, path: Any, name: str | None = None) -> None:
        """Write all elements to a file `elements.npz` in the folder `path`."""
        Kept(os.path.join(os.fspath(path), "elements")).write(self)

    @classmethod
    def load(cls, path: Any, element_spec: Any = None, name: str | None = None) -> Dataset:
        """The elements that `save` wrote."""
        kept = Kept(os.path.join(os.fspath(path), "elements"))
        return cls(kept.read, kept.count())

    def prefetch(self, buffer_size: int, name: str | None = None) -> Dataset:
        """The same elements; where functions make them, a thread runs `buffer_size` ahead."""
        depth = int(buffer_size)
        if depth < AUTOTUNE:
            raise ValueError(f"`buffer_size` must be at least 0, or AUTOTUNE; received {depth}.")
        if self._rows is not None or not self._runs_code or depth == 0:
            return self

        def make():
            if torch.are_deterministic_algorithms_enabled():
                return self._make()
            return ahead(self._make(), 2 if depth == AUTOTUNE else depth)

        return self._like(make, self._size)


def _number(value):
    return None if value is None else int(value)


def _later(make):
    yield from make()


def _inner(map_func, method):
    def inner(element):
        made = map_func(*element) if type(element) is tuple else map_func(element)
        return require_dataset(made, f"map_func of {method}")._make()

    return inner


def _common_spec(first, second):
    def common(one, other):
        if one == other or not isinstance(one, TensorSpec):
            return one
        if one.dtype != other.dtype or len(one.shape) != len(other.shape):
            raise TypeError(f"Elements of {one} and {other} cannot be in one data set.")
        pairs = zip(one.shape, other.shape, strict=True)
        return one._replace(shape=tuple(a if a == b else None for a, b in pairs))

    return map_leaves(common, first, second)
