"""Anything that yields batches: generators, `DataLoader`s, data sets, sequences, iterables."""

from __future__ import annotations

import itertools
import random
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import tree
from ..arrays import as_tensor
from .arrays import ArrayBatches, pack_x_y_sample_weight, unpack_x_y_sample_weight
from .dataset import Dataset
from .elements import Strings
from .rows import INFINITE
from .sequence import PyDataset, Sequence
from .transfer import fits, moved, to_device
from .workers import Work, by_number, one_after_the_other


class Stream:
    """Batches from an iterable, moved to the device as they come.

    With `steps` an epoch takes that many batches: an iterator goes on where the last epoch
    stopped, as do arrays over as many `passes`, and a `Dataset` of another length; anything else
    starts again. A source that ends before is noted in `ran_out`, with a warning. Without `steps`
    an epoch is one pass. `shuffle` mixes the batches of a `Sequence` by Python's random numbers;
    `work` says which workers make them. `close` ends what runs in the background.
    """

    def __init__(
        self,
        source: Iterable,
        steps: int | None = None,
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
        passes: int = 1,
        shuffle: bool = False,
        work: Work = Work(),  # noqa: B008
    ):
        self.device, self.dtype = None if device is None else torch.device(device), dtype
        if isinstance(source, Dataset):
            source = self._resident(source)
            if steps is None and source._size == INFINITE:
                raise ValueError(
                    "The data set is infinite, so an epoch has no end: pass steps_per_epoch to "
                    "fit, validation_steps for validation data, steps to evaluate and predict."
                )
        if isinstance(source, PyDataset):
            work = Work(source.workers, source.use_multiprocessing, source.max_queue_size)
        self.source, self.work = source, work.checked()
        self.steps = steps if steps is not None else _length(source)
        self.bounded = steps is not None
        self.passes = passes
        self.shuffle = shuffle
        self.ran_out = False
        self.anew = False  # whether each iteration is a run of its own, as of validation data
        self.transform: Any = None
        self._running: Iterator | None = None
        self._taken = 0
        self._epochs = 0

    @staticmethod
    def accepts(x: Any) -> bool:
        """Whether `x` yields batches, rather than being data itself."""
        if isinstance(x, (Tensor, np.ndarray, list, tuple, dict)) or hasattr(x, "to_numpy"):
            return False
        if hasattr(x, "shape") and hasattr(x, "dtype"):
            return False
        return hasattr(x, "__iter__") or hasattr(x, "__getitem__")

    def __iter__(self) -> Iterator[Any]:
        if self._running is None or not self._goes_on():
            self.close()
            if isinstance(self.source, PyDataset):
                self.source.on_epoch_begin()
            if isinstance(self.source, Dataset) and (self.anew or not self._epochs):
                # tf.keras begins a run with an iterator that it does not use, unless it keeps it.
                self.source.pass_over(0 if self._runs_on() else 1)
            self._running = self._start()
            self._epochs += 1
        epoch = itertools.islice(self._running, self.steps if self.bounded else None)
        yield from moved(self._counted(epoch), self._ready, self.device)
        if self.bounded and self._taken % self.steps:
            self._warn()
        end = getattr(self.source, "on_epoch_end", None)
        if callable(end):
            end()

    def _counted(self, batches):
        for batch in batches:
            self._taken += 1
            yield batch

    def close(self) -> None:
        """Leave the source where it is; threads and processes that ran ahead of it end."""
        close = getattr(self._running, "close", None)
        if close is not None and self._running is not self.source:
            close()
        self._running = None

    def _warn(self):
        self.ran_out = True
        warnings.warn(
            f"The data ended after {self._taken} batches, before an epoch of {self.steps} steps "
            "was complete; training or testing stops here. Give data for steps times epochs.",
            stacklevel=2,
        )

    def _goes_on(self):
        if isinstance(self.source, Sequence):
            return False
        if isinstance(self.source, Dataset):
            return self._runs_on() and not self.anew
        return self.passes > 1 or hasattr(self.source, "__next__")

    def _runs_on(self):
        return self.bounded and self.source._size != self.steps

    def _start(self):
        if self.passes > 1:
            return itertools.chain.from_iterable(itertools.repeat(self.source, self.passes))
        if isinstance(self.source, Sequence):
            return self._by_index()
        if isinstance(self.source, (Dataset, ArrayBatches)):
            return iter(self.source)
        if hasattr(self.source, "__iter__"):
            return one_after_the_other(self.source, self.work)
        return by_number(self.source, range(len(self.source)), self.work, self._epochs)

    def _by_index(self):
        if self._running is None and not self._epochs:
            # tf.keras looks at the first batch before it begins. So do we, or batches that draw
            # random numbers would be others than there.
            self.source[0]
        length = _length(self.source)
        order = list(range(length)) if length is not None else itertools.count()
        if self.shuffle and length is not None:
            random.shuffle(order)
        return by_number(self.source, order, self.work, self._epochs)

    def _resident(self, dataset):
        """A data set that slices arrays, with the arrays on the device, where they fit."""
        if not fits(sum(array.nbytes for array in dataset.sources()), self.device):
            return dataset
        return dataset.placed(lambda array: to_device(array, self.device, self.dtype))

    def _ready(self, batch):
        parts = unpack_x_y_sample_weight(tuple(batch) if isinstance(batch, list) else batch)
        if not isinstance(self.source, ArrayBatches):
            parts = tuple(tree.map_structure(self._tensor, part) for part in parts)
        return pack_x_y_sample_weight(*(self.transform(*parts) if self.transform else parts))

    def _tensor(self, leaf):
        if leaf is None or isinstance(leaf, Strings):
            return leaf
        return to_device(as_tensor(leaf), self.device, self.dtype)


def _length(source):
    try:
        return source.num_batches if isinstance(source, PyDataset) else len(source)
    except TypeError:
        return None
