"""From what `fit` was given to what its loop iterates."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch.utils import data as torch_data

from .arrays import ArrayBatches, weighed
from .streams import Stream
from .workers import Work


def as_batches(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    batch_size: int | None = None,
    shuffle: bool | str = False,
    steps: int | None = None,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
    work: Work = Work(),  # noqa: B008
) -> ArrayBatches | Stream:
    """Arrays as `ArrayBatches`; anything that yields batches as a `Stream`.

    A torch `TensorDataset` is arrays; with a `batch_size` any torch `Dataset` is taken as samples
    and a `DataLoader` makes the batches, without one as batches.
    """
    if isinstance(x, (ArrayBatches, Stream)):
        return x
    if x is None:
        raise ValueError("x is missing: expected arrays, tensors or an iterable of batches.")
    if isinstance(x, torch_data.TensorDataset) and 1 <= len(x.tensors) <= 3:
        _refuse_labels(y, sample_weight)
        x, y, sample_weight = (*x.tensors, None, None)[:3]
    elif isinstance(x, torch_data.Dataset) and batch_size is not None:
        x, batch_size = _loader(x, batch_size, shuffle, work), None
    if not Stream.accepts(x):
        return ArrayBatches(x, y, sample_weight, batch_size, shuffle, device, dtype, steps)
    _refuse_labels(y, sample_weight)
    if batch_size is not None:
        warnings.warn(
            f"x yields whole batches, so batch_size={batch_size} has no meaning; leave it out.",
            stacklevel=2,
        )
    return Stream(x, steps, device, dtype, shuffle=bool(shuffle), work=work)


def weigh_classes(batches: ArrayBatches | Stream, class_weight: Any) -> None:
    """Multiply each sample's weight by the weight of its class."""
    if isinstance(batches, ArrayBatches):
        batches.weigh_classes(class_weight)
        return

    batches.transform = lambda x, y, weight: (x, y, weighed(y, weight, class_weight))


def _refuse_labels(y, sample_weight):
    if y is not None or sample_weight is not None:
        raise ValueError(
            "x yields whole batches, so y and sample_weight must not be given beside it; "
            "let each batch be (x, y) or (x, y, sample_weight)."
        )


def _loader(dataset, batch_size, shuffle, work):
    """Batches of a torch data set of samples."""
    by_number = not isinstance(dataset, torch_data.IterableDataset)
    return torch_data.DataLoader(
        dataset,
        batch_size=batch_size,
        shuffle=bool(shuffle) if by_number else None,
        num_workers=work.workers if work.in_processes else 0,
    )
