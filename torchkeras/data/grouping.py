"""Several elements in one: batches, padded batches, windows, groups."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from . import flows
from .elements import DatasetSpec, leaves, map_leaves, rows_of, spec_of, stacked
from .pipeline import Pipeline, positive, require_dataset
from .rows import UNKNOWN


class Grouping(Pipeline):
    """The methods of a `Dataset` that put elements together or take them apart."""

    def batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Pipeline:
        """`batch_size` elements in one, stacked; the last batch is shorter unless dropped."""
        size, drop = positive("batch_size", batch_size), bool(drop_remainder)
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
    ) -> Pipeline:
        """Batches of elements of different shapes, padded at the ends of their axes.

        `padded_shapes` and `padding_values` nest as the elements; an axis of None (all of them by
        default) becomes as long as the longest in the batch. Padding is 0 or the empty text.
        """
        size, drop = positive("batch_size", batch_size), bool(drop_remainder)

        def make():
            def join(elements):
                return flows.padded(elements, padded_shapes, padding_values)

            return flows.batched(self._make(), size, drop, join)

        count = self._batched(make, size, drop)._size
        return type(self)(make, count, inputs=(self,))

    def ragged_batch(self, *args: Any, **kwargs: Any) -> Pipeline:
        """Refused: torch has no ragged tensors that layers take."""
        raise NotImplementedError(
            "ragged_batch makes ragged tensors, which torch's layers do not take; use padded_batch "
            "and a mask."
        )

    def unbatch(self, name: str | None = None) -> Pipeline:
        """The slices along the first axis of each element."""

        def make():
            return (row for element in self._make() for row in rows_of(element))

        def spec():
            return map_leaves(
                lambda leaf: leaf._replace(shape=tuple(leaf.shape[1:])), self.element_spec
            )

        return type(self)(make, UNKNOWN, spec, inputs=(self,))

    def rebatch(self, batch_size: Any, drop_remainder: bool = False, name=None) -> Pipeline:
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
    ) -> Pipeline:
        """Data sets of `size` elements each, `shift` apart (default: `size`); an element of
        several components gives as many data sets, in its nesting."""
        size, stride = positive("size", size), positive("stride", stride)
        shift = size if shift is None else positive("shift", shift)

        def make():
            found = flows.windows(self._make(), size, shift, stride, bool(drop_remainder))
            return (self._split(elements) for elements in found)

        def spec():
            return map_leaves(DatasetSpec, self.element_spec)

        return type(self)(make, UNKNOWN, spec, inputs=(self,))

    def group_by_window(
        self,
        key_func: Callable,
        reduce_func: Callable,
        window_size: int | None = None,
        window_size_func: Callable | None = None,
        name: str | None = None,
    ) -> Pipeline:
        """`reduce_func(key, data set)` of each `window_size` elements that have one key."""
        if (window_size is None) == (window_size_func is None):
            raise ValueError("Give either `window_size` or `window_size_func`.")
        size_of = window_size_func or (lambda key: window_size)

        def reduce(key, elements):
            made = reduce_func(key, self._listed(elements))
            return require_dataset(made, "reduce_func")._make()

        def make():
            return flows.grouped(self._make(), key_func, reduce, size_of)

        return type(self)(make, UNKNOWN, inputs=(self,), runs_code=True)

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
    ) -> Pipeline:
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

    @classmethod
    def _listed(cls, elements):
        return cls(lambda: iter(elements), len(elements), lambda: spec_of(elements[0]))

    def _split(self, elements):
        """Data sets of the components of elements, in the nesting of an element."""
        columns = zip(*map(leaves, elements), strict=True)
        return map_leaves(lambda _: self._listed(list(next(columns))), elements[0])


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
