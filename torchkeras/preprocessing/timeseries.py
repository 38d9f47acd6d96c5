"""`timeseries_dataset_from_array`: windows of a series as batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ..data.dataset import Dataset
from ..data.elements import component


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
) -> Dataset:
    """Windows of `sequence_length` steps of a series `(time, ...)`, `sampling_rate` apart.

    Windows begin `sequence_stride` apart, between `start_index` and `end_index`. `targets[i]`
    belongs to the window that begins at step i; None gives windows alone. Batches are
    `(batch_size, sequence_length, ...)`. ValueError where the series is shorter than a window.

    >>> batches = timeseries_dataset_from_array(range(6), range(3, 6), sequence_length=3)
    >>> [(x.tolist(), y.tolist()) for x, y in batches]
    [([[0, 1, 2], [1, 2, 3], [2, 3, 4]], [3, 4, 5])]
    """
    data = component(data if hasattr(data, "__array__") else list(data))
    if targets is not None:
        targets = component(targets if hasattr(targets, "__array__") else list(targets))
    _check(len(data), start_index, end_index, sampling_rate, sequence_stride, sequence_length)
    start, end = start_index or 0, len(data) if end_index is None else end_index
    count = end - start - (sequence_length - 1) * sampling_rate
    if count < 1:
        raise ValueError(
            f"A window of sequence_length={sequence_length} steps, sampling_rate={sampling_rate} "
            f"apart, spans {(sequence_length - 1) * sampling_rate + 1} steps; the data has "
            f"{end - start}."
        )
    if targets is not None:
        count = min(count, len(targets))
    starts = np.arange(0, count, sequence_stride)
    if shuffle:
        seed = int(np.random.randint(int(1e6))) if seed is None else seed
        np.random.RandomState(seed).shuffle(starts)
    if targets is not None and len(starts) and starts.max() >= len(targets[start:end]):
        raise ValueError(
            f"Windows begin at up to step {starts.max()} after start_index={start}, but there are "
            f"only {len(targets[start:end])} targets from there on."
        )
    dataset = Dataset.from_tensor_slices(starts)
    if shuffle:
        dataset = dataset.shuffle(1024 if batch_size is None else batch_size * 8, seed=seed)
    if batch_size is not None:
        dataset = dataset.batch(batch_size)
    steps = torch.arange(sequence_length, device="cpu") * sampling_rate
    kept = None if targets is None else targets[start:end]
    return dataset.map(_Windows(data[start:end], kept, steps))


class _Windows:
    """From the steps at which windows begin to the windows, all of a batch at once."""

    def __init__(self, data, targets, steps):
        self.parts = data, targets, steps

    def __call__(self, starts):
        data, targets, steps = self.parts
        starts = starts.long()
        windows = data[starts[..., None] + steps]
        return windows if targets is None else (windows, targets[starts])

    def placed(self, place):
        """The same windows of a series on another device."""
        return _Windows(*(None if part is None else place(part) for part in self.parts))


def _check(length, start, end, rate, stride, window):
    if start and not 0 <= start < length:
        raise ValueError(f"`start_index` must lie within the {length} steps; received {start}.")
    if end is not None and not 0 < end < length:
        raise ValueError(
            f"`end_index` must lie within the {length} steps; received {end}. Leave it out to use "
            "all."
        )
    if start and end and end <= start:
        raise ValueError(f"`end_index` must be above `start_index`; received {end} and {start}.")
    for name, value in (("sampling_rate", rate), ("sequence_stride", stride)):
        if not 0 < value < length:
            raise ValueError(
                f"`{name}` must be positive and below the {length} steps of the data; received "
                f"{value}."
            )
    if window < 1:
        raise ValueError(f"`sequence_length` must be positive; received {window}.")
