"""`Dataset`: a pipeline of elements with the methods of TensorFlow's `tf.data.Dataset`.

Elements are torch tensors and texts, in tuples and dicts. Nothing runs before the data set is
iterated. Slices of arrays stay arrays (`rows.py`) until a function needs single elements.
"""

from __future__ import annotations

import glob
import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from . import flows
from .background import ahead
from .deferred import Deferred
from .elements import (
    DatasetSpec,
    Strings,
    TensorSpec,
    as_numpy,
    component,
    filled,
    leaves,
    map_leaves,
    rows_of,
    spec_of,
    stacked,
    structure,
)
from .flows import AUTOTUNE
from .kept import Kept
from .rows import (
    INFINITE,
    UNKNOWN,
    Rows,
    Shuffle,
    once_drawn,
    random_words,
    repeated,
    skipped,
    taken,
    weighted_choice,
)
from .specs import Signature, peeked_spec, with_first_axis


class Dataset:
    """Elements made one after the other, anew in each iteration.

    `fit`, `evaluate` and `predict` take a data set of batches `x`, `(x, y)` or
    `(x, y, sample_weight)`. Arguments `name` are taken as in TensorFlow and name nothing.

    >>> data = Dataset.range(5).map(lambda x: x * x).batch(2)
    >>> [batch.tolist() for batch in data]
    [[0, 1], [4, 9], [16]]
    """

    def __init__(
        self,
        make: Callable[[], Iterator[Any]],
        size: int = UNKNOWN,
        spec: Callable[[], Any] | None = None,
        rows: Rows | None = None,
        remake: Callable[[Callable], Dataset] | None = None,
        inputs: tuple[Dataset, ...] = (),
        runs_code: bool = False,
    ):
        self._make, self._size, self._find_spec = make, size, spec
        self._rows, self._remake = rows, remake
        self._shuffles = tuple(dict.fromkeys(s for one in inputs for s in one._shuffles))
        self._runs_code = runs_code or any(one._runs_code for one in inputs)

    # --- sources -----------------------------------------------------------------------------

    @staticmethod
    def from_tensor_slices(tensors: Any, name: str | None = None) -> Dataset:
        """The slices along the first axis of arrays in tuples or dicts; the arrays are not copied.

        >>> [(x.tolist(), int(y)) for x, y in Dataset.from_tensor_slices(([[1], [2]], [3, 4]))]
        [([1], 3), ([2], 4)]
        """
        columns = structure(tensors, each=_rows)
        found = leaves(columns)
        if not found or any(leaf.ndim == 0 for leaf in found):
            raise ValueError("from_tensor_slices needs arrays with at least one axis.")
        lengths = sorted({len(leaf) for leaf in found})
        if len(lengths) > 1:
            raise ValueError(f"The arrays have different lengths: {lengths}.")
        return Dataset._of_rows(Rows(columns, lengths[0]), lengths[0])

    @staticmethod
    def from_tensors(tensors: Any, name: str | None = None) -> Dataset:
        """One element, the given one."""
        element = structure(tensors)
        return Dataset(lambda: iter((element,)), 1, lambda: spec_of(element))

    @staticmethod
    def from_generator(
        generator: Callable[..., Any],
        output_types: Any = None,
        output_shapes: Any = None,
        args: Any = None,
        output_signature: Any = None,
        name: str | None = None,
    ) -> Dataset:
        """What `generator(*args)` yields, called anew for each iteration.

        `output_signature` (`TensorSpec`s), or `output_types` and `output_shapes`, say what the
        elements are made to be; TypeError, telling both, for one that is not.
        """
        if not callable(generator):
            raise TypeError("`generator` must be callable: pass the function, not what it returns.")
        signature = Signature(output_signature, output_types, output_shapes)
        given = tuple(structure(arg) for arg in args or ())

        def make():
            return (signature.checked(element) for element in generator(*as_numpy(given)))

        spec = signature.spec if signature.is_given else None
        return Dataset(make, UNKNOWN, spec, runs_code=True)

    @staticmethod
    def range(*args: Any, output_type: Any = None, name: str | None = None) -> Dataset:
        """Integers as Python's `range` counts them, int64 unless `output_type` says otherwise."""
        numbers = range(*map(int, args))
        column = torch.tensor(numbers, dtype=torch.int64, device="cpu")
        if output_type is not None:
            column = component(column, Signature.dtype(output_type))
        return Dataset._of_rows(Rows(column, len(numbers)), len(numbers))

    @staticmethod
    def random(
        seed: int | None = None, rerandomize_each_iteration: bool = False, name: str | None = None
    ) -> Dataset:
        """Random integers of 32 bits without end, those of TensorFlow for a seed."""
        shuffle = Shuffle(1, seed)

        def make():
            words = shuffle.words() if rerandomize_each_iteration else random_words(shuffle.seed)
            return (torch.tensor(word, dtype=torch.int64) for word in words)

        return Dataset(make, INFINITE, lambda: TensorSpec((), torch.int64))

    @staticmethod
    def counter(start: int = 0, step: int = 1, dtype: Any = torch.int64, name=None) -> Dataset:
        """`start`, `start + step` and so on without end."""
        dtype = Signature.dtype(dtype)

        def make():
            return (torch.tensor(n, dtype=dtype) for n in itertools.count(start, step))

        return Dataset(make, INFINITE, lambda: TensorSpec((), dtype))

    @staticmethod
    def list_files(
        file_pattern: Any, shuffle: bool | None = None, seed: int | None = None, name=None
    ) -> Dataset:
        """The paths that match glob patterns, shuffled anew in each iteration unless
        `shuffle=False`; ValueError where nothing matches."""
        if isinstance(file_pattern, (list, tuple)):
            patterns = list(file_pattern)
        else:
            patterns = component(file_pattern).ravel().tolist()
        patterns = [os.fsdecode(pattern) for pattern in patterns]
        paths = sorted(path for pattern in patterns for path in glob.glob(pattern))
        if not paths:
            raise ValueError(f"No file matches {', '.join(map(repr, patterns))}.")
        found = Dataset.from_tensor_slices(Strings.of(paths))
        return found if shuffle is False else found.shuffle(len(paths), seed=seed)

    @staticmethod
    def zip(*args: Any, datasets: Any = None, name: str | None = None) -> Dataset:
        """Elements of several data sets side by side, in the nesting that is given.

        >>> data = Dataset.zip(Dataset.range(3), Dataset.range(3, 6))
        >>> [(int(a), int(b)) for a, b in data]
        [(0, 3), (1, 4), (2, 5)]
        """
        if datasets is None:
            datasets = args[0] if len(args) == 1 else args
        parts = leaves(datasets)
        if not parts or not all(isinstance(part, Dataset) for part in parts):
            raise TypeError(f"zip needs Datasets in a tuple or dict; received {datasets!r}.")
        finite = [part._size for part in parts if part._size != INFINITE]
        size = min(finite, default=INFINITE)  # UNKNOWN is below all others
        if all(part._rows and part._rows.order is None for part in parts):
            columns = map_leaves(
                lambda part: map_leaves(lambda column: column[:size], part._rows.columns), datasets
            )
            return Dataset._of_rows(Rows(columns, size), size)

        def make():
            running = [part._make() for part in parts]
            return (filled(datasets, elements) for elements in zip(*running, strict=False))

        def spec():
            return map_leaves(lambda part: part.element_spec, datasets)

        return Dataset(make, size, spec, inputs=tuple(parts))

    @staticmethod
    def sample_from_datasets(
        datasets: Any,
        weights: Any = None,
        seed: int | None = None,
        stop_on_empty_dataset: bool = False,
        rerandomize_each_iteration: bool | None = None,
    ) -> Dataset:
        """Elements of data sets chosen at random, by `weights` where given.

        A data set that has ended is left out, or ends all with `stop_on_empty_dataset`.
        """
        datasets = list(datasets)
        weights = np.array([1.0] * len(datasets) if weights is None else weights, dtype=float)
        if weights.shape != (len(datasets),):
            raise ValueError(
                f"`weights` must hold {len(datasets)} numbers, one a data set; its shape is "
                f"{weights.shape}."
            )
        shuffle = Shuffle(1, seed, anew=bool(rerandomize_each_iteration))

        def make():
            words, left = shuffle.words(), weights.copy()
            running = [one._make() for one in datasets]
            while left.any():
                chosen = weighted_choice(left, next(words))
                try:
                    yield next(running[chosen])
                except StopIteration:
                    if stop_on_empty_dataset:
                        return
                    left[chosen] = 0

        return _one_of(datasets, make)

    @staticmethod
    def choose_from_datasets(
        datasets: Any, choice_dataset: Dataset, stop_on_empty_dataset: bool = True
    ) -> Dataset:
        """The next element of the data set whose number `choice_dataset` gives, again and again."""
        datasets = list(datasets)

        def make():
            running = [one._make() for one in datasets]
            for choice in choice_dataset._make():
                if not 0 <= int(choice) < len(running):
                    raise ValueError(
                        f"choice_dataset chose {int(choice)} of {len(running)} data sets."
                    )
                try:
                    yield next(running[int(choice)])
                except StopIteration:
                    if stop_on_empty_dataset:
                        return

        return _one_of([*datasets], make, choice_dataset)

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

        return Dataset(make, self._size, spec, None, remake, (self,), runs_code=True)

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

    # --- batches -----------------------------------------------------------------------------

    def batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """`batch_size` elements in one, stacked; the last batch is shorter unless dropped."""
        size, drop = _positive("batch_size", batch_size), bool(drop_remainder)
        if self._rows is not None:
            rows = self._rows

            def make():
                return rows.batches(size, drop)
        else:

            def make():
                return flows.batched(self._make(), size, drop)

        made = self._batched(make, size, drop, lambda parent: parent.batch(size, drop))
        made.batch_size = size
        return made

    def padded_batch(
        self,
        batch_size: int,
        padded_shapes: Any = None,
        padding_values: Any = None,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Batches of elements of different shapes, padded at the ends of their axes.

        `padded_shapes` and `padding_values` nest as the elements; an axis of None (all of them by
        default) becomes as long as the longest in the batch. Padding is 0 or the empty text.
        """
        size, drop = _positive("batch_size", batch_size), bool(drop_remainder)

        def make():
            def join(elements):
                return flows.padded(elements, padded_shapes, padding_values)

            return flows.batched(self._make(), size, drop, join)

        count = self._batched(make, size, drop)._size
        return Dataset(make, count, inputs=(self,))

    def ragged_batch(self, *args: Any, **kwargs: Any) -> Dataset:
        """Refused: torch has no ragged tensors that layers take."""
        raise NotImplementedError(
            "ragged_batch makes ragged tensors, which torch's layers do not take; use padded_batch "
            "and a mask."
        )

    def unbatch(self, name: str | None = None) -> Dataset:
        """The slices along the first axis of each element."""

        def make():
            return (row for element in self._make() for row in rows_of(element))

        def spec():
            return map_leaves(
                lambda leaf: leaf._replace(shape=tuple(leaf.shape[1:])), self.element_spec
            )

        return Dataset(make, UNKNOWN, spec, inputs=(self,))

    def rebatch(self, batch_size: Any, drop_remainder: bool = False, name=None) -> Dataset:
        """Batches of another size, or of the sizes in a list by turns."""
        sizes = [int(size) for size in np.atleast_1d(batch_size)]

        def make():
            rows = (row for element in self._make() for row in rows_of(element))
            for size in itertools.cycle(sizes):
                some = list(itertools.islice(rows, size))
                if not some or (drop_remainder and len(some) < size):
                    return
                yield stacked(some)

        return self._like(make, UNKNOWN)

    def window(
        self,
        size: int,
        shift: int | None = None,
        stride: int = 1,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Data sets of `size` elements each, `shift` apart (default: `size`); an element of
        several components gives as many data sets, in its nesting."""
        size, stride = _positive("size", size), _positive("stride", stride)
        shift = size if shift is None else _positive("shift", shift)

        def make():
            found = flows.windows(self._make(), size, shift, stride, bool(drop_remainder))
            return (_split(elements) for elements in found)

        def spec():
            return map_leaves(DatasetSpec, self.element_spec)

        return Dataset(make, UNKNOWN, spec, inputs=(self,))

    def group_by_window(
        self,
        key_func: Callable,
        reduce_func: Callable,
        window_size: int | None = None,
        window_size_func: Callable | None = None,
        name: str | None = None,
    ) -> Dataset:
        """`reduce_func(key, data set)` of each `window_size` elements that have one key."""
        if (window_size is None) == (window_size_func is None):
            raise ValueError("Give either `window_size` or `window_size_func`.")
        size_of = window_size_func or (lambda key: window_size)

        def reduce(key, elements):
            made = reduce_func(key, _listed(elements))
            return _require_dataset(made, "reduce_func")._make()

        def make():
            return flows.grouped(self._make(), key_func, reduce, size_of)

        return Dataset(make, UNKNOWN, inputs=(self,), runs_code=True)

    def bucket_by_sequence_length(
        self,
        element_length_func: Callable,
        bucket_boundaries: Any,
        bucket_batch_sizes: Any,
        padded_shapes: Any = None,
        padding_values: Any = None,
        pad_to_bucket_boundary: bool = False,
        no_padding: bool = False,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Padded batches of elements of like length: a bucket for each interval of
        `bucket_boundaries`, one batch size more than boundaries."""
        if len(bucket_batch_sizes) != len(bucket_boundaries) + 1:
            raise ValueError(
                "`bucket_batch_sizes` must hold one number more than `bucket_boundaries`; received "
                f"{len(bucket_batch_sizes)} and {len(bucket_boundaries)}."
            )
        boundaries, sizes = list(bucket_boundaries), list(bucket_batch_sizes)

        def key_of(*element):
            return int(np.searchsorted(boundaries, int(element_length_func(*element)), "right"))

        def reduce(key, group):
            key = int(key)
            if no_padding:
                return group.batch(sizes[key], drop_remainder)
            shapes = padded_shapes
            if pad_to_bucket_boundary:
                if key == len(boundaries):
                    raise ValueError(
                        "With pad_to_bucket_boundary no element may be longer than the last "
                        f"boundary, {boundaries[-1]}."
                    )
                shapes = _bounded(shapes, next(group._make()), boundaries[key] - 1)
            return group.padded_batch(sizes[key], shapes, padding_values, drop_remainder)

        return self.group_by_window(key_of, reduce, window_size_func=lambda key: sizes[int(key)])

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

    @staticmethod
    def load(path: Any, element_spec: Any = None, name: str | None = None) -> Dataset:
        """The elements that `save` wrote."""
        kept = Kept(os.path.join(os.fspath(path), "elements"))
        return Dataset(kept.read, kept.count())

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

    def with_options(self, options: Any, name: str | None = None) -> Dataset:
        """The same data set: options of TensorFlow's runtime change no element."""
        return self

    def options(self) -> Options:
        """The default options."""
        return Options()

    # --- consumption -------------------------------------------------------------------------

    def apply(self, transformation_func: Callable[[Dataset], Dataset]) -> Dataset:
        """`transformation_func` of this data set."""
        return _require_dataset(transformation_func(self), "transformation_func")

    def reduce(self, initial_state: Any, reduce_func: Callable, name: str | None = None) -> Any:
        """The last state, where `reduce_func(state, element)` gives the next one.

        >>> int(Dataset.range(5).reduce(0, lambda total, x: total + x))
        10
        """
        state = structure(initial_state)
        for element in self:
            state = structure(reduce_func(state, element))
        return state

    def get_single_element(self, name: str | None = None) -> Any:
        """The only element; ValueError where there is none or a second."""
        found = list(itertools.islice(iter(self), 2))
        if len(found) != 1:
            raise ValueError(
                f"The data set must have one element; it has {'more' if found else 'none'}."
            )
        return found[0]

    def as_numpy_iterator(self) -> Iterator[Any]:
        """The elements as numpy arrays and scalars, texts as bytes."""
        return (as_numpy(element) for element in self)

    def __iter__(self) -> DatasetIterator:
        return DatasetIterator(self)

    @property
    def element_spec(self) -> Any:
        """`TensorSpec`s of the elements: shapes (None where they vary) and dtypes.

        Behind functions it is found by running them on the first element.
        """
        if self._find_spec is None:
            return spec_of(next(iter(self)))
        return self._find_spec()

    def cardinality(self) -> Tensor:
        """The number of elements, INFINITE_CARDINALITY or UNKNOWN_CARDINALITY."""
        return torch.tensor(self._size, dtype=torch.int64, device="cpu")

    def __len__(self) -> int:
        if self._size < 0:
            raise TypeError(
                f"The data set is {'infinite' if self._size == INFINITE else 'of unknown length'}."
            )
        return self._size

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        size = {INFINITE: "infinite", UNKNOWN: "unknown"}.get(self._size, self._size)
        spec = f", element_spec={self.element_spec}" if self._rows is not None else ""
        return f"<Dataset cardinality={size}{spec}>"

    # --- inside ------------------------------------------------------------------------------

    def placed(self, place: Callable[[Tensor], Tensor]) -> Dataset:
        """The same data set with the arrays it slices, and nothing else, sent through `place`.

        What follows a function is left alone: the function was written for its arrays.
        """
        if self._rows is not None:
            return Dataset._of_rows(self._rows.placed(place), self._size, (self,))
        return self if self._remake is None else self._remake(place)

    def pass_over(self, passes: int) -> None:
        """Let shuffles draw the orders of some iterations that nobody reads."""
        for shuffle in self._shuffles:
            shuffle.passes += passes

    def sources(self) -> list[Tensor]:
        """The arrays that `placed` would move."""
        found: list[Tensor] = []

        def note(column):
            found.append(column)
            return column

        self.placed(note)
        return found

    @staticmethod
    def _of_rows(rows: Rows, size: int, inputs: tuple[Dataset, ...] = ()) -> Dataset:
        def spec():
            return map_leaves(
                lambda leaf: TensorSpec(
                    tuple(leaf.shape[1:]), "string" if isinstance(leaf, Strings) else leaf.dtype
                ),
                rows.columns,
            )

        return Dataset(rows.elements, size, spec, rows, inputs=inputs)

    def _like(self, make, size, again=None, runs_code=False):
        """A data set of elements that look as ours do; `again` does the same to another parent."""
        remake = None if again is None else (lambda place: again(self.placed(place)))
        return Dataset(
            make, size, lambda: self.element_spec, None, remake, (self,), runs_code=runs_code
        )

    def _batched(self, make, size, drop, again=None):
        count = self._size
        if count >= 0:
            count = count // size if drop else -(-count // size)
        made = self._like(make, count, again)
        made._find_spec = lambda: with_first_axis(self.element_spec, size if drop else None)
        return made


class DatasetIterator:
    """One iteration over a `Dataset`."""

    def __init__(self, dataset: Dataset):
        self._dataset = dataset
        self._running = dataset._make()

    def __iter__(self) -> DatasetIterator:
        return self

    def __next__(self) -> Any:
        # Elements outlive the block in which they were made (cache, shuffle), so they must be
        # tensors that training may use.
        with torch.inference_mode(False), torch.no_grad():
            return next(self._running)

    def get_next(self) -> Any:
        """The next element; StopIteration at the end."""
        return next(self)

    @property
    def element_spec(self) -> Any:
        return self._dataset.element_spec

    def close(self) -> None:
        """End the threads of this iteration; nothing comes afterwards."""
        getattr(self._running, "close", lambda: None)()


class Options:
    """Settings of TensorFlow's runtime, taken and kept; none of them changes an element."""

    _NAMES = {
        "autotune", "deterministic", "experimental_deterministic", "experimental_distribute",
        "experimental_external_state_policy", "experimental_optimization", "experimental_slack",
        "experimental_symbolic_checkpoint", "experimental_threading", "experimental_warm_start",
        "framework_type", "threading",
    }  # fmt: skip

    def __getattr__(self, name: str) -> Any:
        if name not in self._NAMES:
            raise AttributeError(f"Options has no {name!r}.")
        value = None if name.endswith("deterministic") else _Settings()
        self.__dict__[name] = value
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._NAMES:
            raise AttributeError(f"Options has no {name!r}.")
        self.__dict__[name] = value


class _Settings:
    """A group of options, any of them."""


# --- helpers ---------------------------------------------------------------------------------


def _rows(value, dtype):
    return Deferred.of(value) if Deferred.accepts(value) else component(value, dtype)


def _number(value):
    return None if value is None else int(value)


def _positive(argument, value):
    if isinstance(value, float) or int(value) < 1:
        raise ValueError(f"`{argument}` must be a positive integer; received {value!r}.")
    return int(value)


def _later(make):
    yield from make()


def _require_dataset(made, argument):
    if not isinstance(made, Dataset):
        raise TypeError(f"`{argument}` must return a Dataset; it returned {type(made).__name__}.")
    return made


def _inner(map_func, method):
    def inner(element):
        made = map_func(*element) if type(element) is tuple else map_func(element)
        return _require_dataset(made, f"map_func of {method}")._make()

    return inner


def _listed(elements):
    return Dataset(lambda: iter(elements), len(elements), lambda: spec_of(elements[0]))


def _split(elements):
    """Data sets of the components of elements, in the nesting of an element."""
    columns = zip(*map(leaves, elements), strict=True)
    return map_leaves(lambda _: _listed(list(next(columns))), elements[0])


def _one_of(datasets, make, *others):
    for dataset in (*datasets, *others):
        if not isinstance(dataset, Dataset):
            raise TypeError(f"Expected Datasets; received {type(dataset).__name__}.")
    if not datasets:
        raise ValueError("Expected at least one Dataset.")
    return Dataset(
        make, UNKNOWN, lambda: datasets[0].element_spec, inputs=tuple([*datasets, *others])
    )


def _common_spec(first, second):
    def common(one, other):
        if one == other or not isinstance(one, TensorSpec):
            return one
        if one.dtype != other.dtype or len(one.shape) != len(other.shape):
            raise TypeError(f"Elements of {one} and {other} cannot be in one data set.")
        pairs = zip(one.shape, other.shape, strict=True)
        return one._replace(shape=tuple(a if a == b else None for a, b in pairs))

    return map_leaves(common, first, second)


def _bounded(shapes, element, length):
    """`padded_shapes` with `length` for every None."""
    if shapes is None:
        return map_leaves(lambda leaf: [length] * leaf.ndim, element)
    if isinstance(element, tuple):
        pairs = zip(shapes, element, strict=True)
        return tuple(_bounded(shape, part, length) for shape, part in pairs)
    if isinstance(element, dict):
        return {key: _bounded(shapes[key], part, length) for key, part in element.items()}
    return [length if axis in (None, -1) else axis for axis in shapes]
