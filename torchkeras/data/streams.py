"""Anything that yields batches: generators, `DataLoader`s, sequences, iterables."""

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
from .sequence import Sequence


class Stream:
    """Batches from an iterable, moved to the device as they come.

    With `steps` an epoch takes that many batches: an iterator goes on where the last epoch
    stopped, as do arrays over as many `passes`; anything else starts again. A source that ends
    before is noted in `ran_out`, with a warning. Without `steps` an epoch is one pass. `shuffle`
    mixes the batches of a `Sequence` by Python's random numbers.
    """

    def __init__(
        self,
        source: Iterable,
        steps: int | None = None,
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
        passes: int = 1,
        shuffle: bool = False,
    ):
        self.source, self.device, self.dtype = source, device, dtype
        self.steps = steps if steps is not None else _length(source)
        self.bounded = steps is not None
        self.passes = passes
        self.shuffle = shuffle
        self.ran_out = False
        self.transform: Any = None
        self._running: Iterator | None = None
        self._taken = 0

    @staticmethod
    def accepts(x: Any) -> bool:
        """Whether `x` yields batches, rather than being data itself."""
        if isinstance(x, (Tensor, np.ndarray, list, tuple, dict)) or hasattr(x, "to_numpy"):
            return False
        return hasattr(x, "__iter__") or hasattr(x, "__getitem__")

    def __iter__(self) -> Iterator[Any]:
        if self._running is None or not self._goes_on():
            self._running = self._start()
        for batch in itertools.islice(self._running, self.steps if self.bounded else None):
            self._taken += 1
            yield self._ready(batch)
        if self.bounded and self._taken % self.steps:
            self._warn()
        end = getattr(self.source, "on_epoch_end", None)
        if callable(end):
            end()

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
        return self.passes > 1 or hasattr(self.source, "__next__")

    def _start(self):
        if self.passes > 1:
            return itertools.chain.from_iterable(itertools.repeat(self.source, self.passes))
        if isinstance(self.source, Sequence):
            return self._by_index()
        if hasattr(self.source, "__iter__"):
            return iter(self.source)
        return (self.source[i] for i in range(len(self.source)))

    def _by_index(self):
        if self._running is None:
            # tf.keras looks at the first batch before it begins. So do we, or batches that draw
            # random numbers would be others than there.
            self.source[0]
        order = list(range(len(self.source)))
        if self.shuffle:
            random.shuffle(order)
        return (self.source[i] for i in order)

    def _ready(self, batch):
        parts = unpack_x_y_sample_weight(tuple(batch) if isinstance(batch, list) else batch)
        if not isinstance(self.source, ArrayBatches):
            parts = tuple(tree.map_structure(self._tensor, part) for part in parts)
        return pack_x_y_sample_weight(*(self.transform(*parts) if self.transform else parts))

    def _tensor(self, leaf):
        if leaf is None:
            return None
        tensor = as_tensor(leaf)
        if tensor.is_floating_point():
            return tensor.to(self.device, self.dtype, non_blocking=True)
        return tensor.to(self.device, non_blocking=True)


def _length(source):
    try:
        return len(source)
    except TypeError:
        return None
