"""Where data sets begin: arrays, functions, numbers, files, or several data sets side by side."""

from __future__ import annotations

import glob
import itertools
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from .deferred import Deferred
from .elements import (
    Strings,
    TensorSpec,
    as_numpy,
    component,
    filled,
    leaves,
    map_leaves,
    spec_of,
    structure,
)
from .pipeline import Pipeline
from .rows import INFINITE, UNKNOWN, Rows, Shuffle, random_words, weighted_choice
from .specs import Signature


class Origins(Pipeline):
    """The ways to begin a `Dataset`, which are called on the class."""

    @classmethod
    def from_tensor_slices(cls, tensors: Any, name: str | None = None) -> Pipeline:
        """The slices along the first axis of arrays in tuples or dicts; the arrays are not copied.

        >>> from torchkeras.data import Dataset
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
        return cls._of_rows(Rows(columns, lengths[0]), lengths[0])

    @classmethod
    def from_tensors(cls, tensors: Any, name: str | None = None) -> Pipeline:
        """One element, the given one."""
        element = structure(tensors)
        return cls(lambda: iter((element,)), 1, lambda: spec_of(element))

    @classmethod
    def from_generator(
        cls,
        generator: Callable[..., Any],
        output_types: Any = None,
        output_shapes: Any = None,
        args: Any = None,
        output_signature: Any = None,
        name: str | None = None,
    ) -> Pipeline:
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
        return cls(make, UNKNOWN, spec, runs_code=True)

    @classmethod
    def range(cls, *args: Any, output_type: Any = None, name: str | None = None) -> Pipeline:
        """Integers as Python's `range` counts them, int64 unless `output_type` says otherwise."""
        numbers = range(*map(int, args))
        column = torch.tensor(numbers, dtype=torch.int64, device="cpu")
        if output_type is not None:
            column = component(column, Signature.dtype(output_type))
        return cls._of_rows(Rows(column, len(numbers)), len(numbers))

    @classmethod
    def random(
        cls,
        seed: int | None = None,
        rerandomize_each_iteration: bool = False,
        name: str | None = None,
    ) -> Pipeline:
        """Random integers of 32 bits without end, those of TensorFlow for a seed."""
        shuffle = Shuffle(1, seed)

        def make():
            words = shuffle.words() if rerandomize_each_iteration else random_words(shuffle.seed)
            return (torch.tensor(word, dtype=torch.int64) for word in words)

        return cls(make, INFINITE, lambda: TensorSpec((), torch.int64))

    @classmethod
    def counter(
        cls, start: int = 0, step: int = 1, dtype: Any = torch.int64, name=None
    ) -> Pipeline:
        """`start`, `start + step` and so on without end."""
        dtype = Signature.dtype(dtype)

        def make():
            return (torch.tensor(n, dtype=dtype) for n in itertools.count(start, step))

        return cls(make, INFINITE, lambda: TensorSpec((), dtype))

    @classmethod
    def list_files(
        cls, file_pattern: Any, shuffle: bool | None = None, seed: int | None = None, name=None
    ) -> Pipeline:
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
        found = cls.from_tensor_slices(Strings.of(paths))
        return found if shuffle is False else found.shuffle(len(paths), seed=seed)

    @classmethod
    def zip(cls, *args: Any, datasets: Any = None, name: str | None = None) -> Pipeline:
        """Elements of several data sets side by side, in the nesting that is given.

        >>> from torchkeras.data import Dataset
        >>> data = Dataset.zip(Dataset.range(3), Dataset.range(3, 6))
        >>> [(int(a), int(b)) for a, b in data]
        [(0, 3), (1, 4), (2, 5)]
        """
        if datasets is None:
            datasets = args[0] if len(args) == 1 else args
        parts = leaves(datasets)
        if not parts or not all(isinstance(part, Pipeline) for part in parts):
            raise TypeError(f"zip needs Datasets in a tuple or dict; received {datasets!r}.")
        finite = [part._size for part in parts if part._size != INFINITE]
        size = min(finite, default=INFINITE)  # UNKNOWN is below all others
        if all(part._rows and part._rows.order is None for part in parts):
            columns = map_leaves(
                lambda part: map_leaves(lambda column: column[:size], part._rows.columns), datasets
            )
            return cls._of_rows(Rows(columns, size), size)

        def make():
            running = [part._make() for part in parts]
            return (filled(datasets, elements) for elements in zip(*running, strict=False))

        def spec():
            return map_leaves(lambda part: part.element_spec, datasets)

        return cls(make, size, spec, inputs=tuple(parts))

    @classmethod
    def sample_from_datasets(
        cls,
        datasets: Any,
        weights: Any = None,
        seed: int | None = None,
        stop_on_empty_dataset: bool = False,
        rerandomize_each_iteration: bool | None = None,
    ) -> Pipeline:
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

        return cls._one_of(datasets, make)

    @classmethod
    def choose_from_datasets(
        cls, datasets: Any, choice_dataset: Pipeline, stop_on_empty_dataset: bool = True
    ) -> Pipeline:
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

        return cls._one_of([*datasets], make, choice_dataset)

    @classmethod
    def _one_of(cls, datasets, make, *others):
        for dataset in (*datasets, *others):
            if not isinstance(dataset, Pipeline):
                raise TypeError(f"Expected Datasets; received {type(dataset).__name__}.")
        if not datasets:
            raise ValueError("Expected at least one Dataset.")
        inputs = (*datasets, *others)
        return cls(make, UNKNOWN, lambda: datasets[0].element_spec, inputs=inputs)


def _rows(value, dtype):
    return Deferred.of(value) if Deferred.accepts(value) else component(value, dtype)
