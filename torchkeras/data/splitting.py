"""`split_dataset`: a data set in two parts."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from .dataset import Dataset
from .elements import stacked
from .flows import AUTOTUNE


def split_dataset(
    dataset: Any,
    left_size: float | int | None = None,
    right_size: float | int | None = None,
    shuffle: bool = False,
    seed: int | None = None,
) -> tuple[Dataset, Dataset]:
    """The first and the last elements of a `Dataset`, an array, or a tuple or list of arrays.

    Sizes are a share (a float below 1) or a number of samples; one of them is enough. All elements
    are read into memory. A batched `Dataset` is split by samples and batched again. `shuffle`
    mixes the samples first, by Python's random numbers from `seed`.

    >>> left, right = split_dataset(np.arange(10), left_size=0.8)
    >>> len(left), [int(x) for x in right]
    (8, [8, 9])
    """
    elements, batch_size = _elements(dataset)
    left, right = _sizes(left_size, right_size, len(elements))
    if shuffle:
        seed = random.randint(0, int(1e6)) if seed is None else seed
        random.Random(seed).shuffle(elements)
    parts = []
    for some in (elements[:left], elements[len(elements) - right :]):
        part = Dataset.from_tensor_slices(stacked(some))
        parts.append((part.batch(batch_size) if batch_size else part).prefetch(AUTOTUNE))
    return parts[0], parts[1]


def _elements(dataset):
    """All samples, and the size of the batches that they came in."""
    batch_size = None
    if isinstance(dataset, Dataset):
        batch_size = getattr(dataset, "batch_size", None)
        elements = list(dataset.unbatch() if batch_size else dataset)
    elif isinstance(dataset, np.ndarray):
        elements = list(Dataset.from_tensor_slices(dataset))
    elif isinstance(dataset, (list, tuple)):
        if not dataset or not all(isinstance(array, np.ndarray) for array in dataset):
            raise ValueError("A list or tuple to split must hold numpy arrays, at least one.")
        if len({len(array) for array in dataset}) > 1:
            raise ValueError(
                f"The arrays must have one length; they have {[len(array) for array in dataset]}."
            )
        elements = list(Dataset.from_tensor_slices(tuple(dataset)))
    else:
        raise TypeError(
            "`dataset` must be a Dataset, an array or a tuple or list of arrays; received "
            f"{type(dataset).__name__}."
        )
    if not elements:
        raise ValueError("The data set to split is empty.")
    return elements, batch_size


def _sizes(left, right, total):
    if left is None and right is None:
        raise ValueError("Give `left_size` or `right_size`, or both.")
    counts = {}
    for name, size in (("left_size", left), ("right_size", right)):
        if size is None:
            continue
        if isinstance(size, bool) or not isinstance(size, (int, float)):
            raise TypeError(f"`{name}` must be an int or a float; received {size!r}.")
        if not 0 < size < (1 if isinstance(size, float) else total):
            raise ValueError(
                f"`{name}` must be a share between 0 and 1 or a number of samples between 0 and "
                f"{total}; received {size!r}."
            )
        counts[name] = round(size * total) if isinstance(size, float) else size
    first = counts.get("left_size", total - counts.get("right_size", 0))
    second = counts.get("right_size", total - first)
    if first + second > total:
        raise ValueError(
            f"left_size={left} and right_size={right} are more than the {total} samples."
        )
    if not first or not second:
        raise ValueError(
            f"left_size={left} and right_size={right} of {total} samples leave one part empty."
        )
    return first, second
