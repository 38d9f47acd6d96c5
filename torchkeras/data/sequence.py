"""`Sequence` and `PyDataset`: data that knows its batches by number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class Sequence:
    """Batches by index, for `fit`, `evaluate` and `predict`.

    Subclasses write `__getitem__(index)`, which returns a whole batch, and `__len__`, the number
    of batches; `on_epoch_end` is called after each epoch. `fit(shuffle=True)` mixes the order of
    the batches. With `fit(workers=2)` threads call `__getitem__`, with `use_multiprocessing=True`
    processes, which must not touch a GPU.

    >>> class Squares(Sequence):
    ...     def __len__(self):
    ...         return 3
    ...     def __getitem__(self, index):
    ...         return index**2
    >>> list(Squares())
    [0, 1, 4]
    """

    draws_in_order = False  # whether batches must be made one after the other, in order

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__(index).")

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} must define __len__().")

    def on_epoch_end(self) -> None:
        """Called after each epoch."""

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(len(self)))


class PyDataset(Sequence):
    """A `Sequence` that says itself who makes its batches, as in Keras 3.

    `workers`, `use_multiprocessing` and `max_queue_size` are those of `fit` for this data.
    `num_batches` may be None: then batches have no end and `fit` needs `steps_per_epoch`.

    >>> PyDataset(workers=2).workers
    2
    """

    workers = 1
    use_multiprocessing = False
    max_queue_size = 10

    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10
    ):
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    @property
    def num_batches(self) -> int | None:
        """The number of batches; None where there is no end."""
        return len(self)

    def on_epoch_begin(self) -> None:
        """Called before each epoch."""
