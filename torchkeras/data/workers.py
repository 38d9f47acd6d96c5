"""Batches of a `Sequence` made by workers: threads, or processes of torch's `DataLoader`.

The order is that of the numbers asked for, whatever the workers. What a worker raises is raised
here as it was; a process that dies is a RuntimeError that names it.
"""

from __future__ import annotations

import pickle
import random
import traceback
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from .. import tree
from .background import ahead, mapped


class Work(NamedTuple):
    """The arguments of `fit` that say who makes batches."""

    workers: int = 1
    use_multiprocessing: bool = False
    max_queue_size: int = 10

    def checked(self) -> Work:
        """Itself; ValueError for numbers that mean nothing."""
        for name, least in (("workers", 0), ("max_queue_size", 1)):
            value = getattr(self, name)
            if not isinstance(value, (int, np.integer)) or value < least:
                raise ValueError(f"{name} must be an integer of at least {least}; got {value!r}.")
        return self

    @property
    def in_processes(self) -> bool:
        return bool(self.use_multiprocessing) and self.workers > 0


def by_number(sequence: Any, order: Iterable[int], work: Work, seed: int = 0) -> Iterator[Any]:
    """`sequence[i]` for each `i` of `order`.

    Several threads where `workers` is above 1, processes with `use_multiprocessing`. In a process
    numpy's, Python's and torch's random numbers begin anew for each batch, from `seed` and the
    place of the batch, so that they do not depend on the number of processes.
    """
    if work.in_processes:
        return _in_processes(sequence, order, work, seed)
    if work.workers <= 1:
        return (sequence[number] for number in order)
    if getattr(sequence, "draws_in_order", False):
        return ahead((sequence[number] for number in order), work.max_queue_size)
    depth = max(work.workers, work.max_queue_size)
    return mapped(sequence.__getitem__, order, work.workers, depth)


def one_after_the_other(source: Iterable[Any], work: Work) -> Iterator[Any]:
    """What an iterable yields; with several workers a thread runs ahead of its reader."""
    if work.in_processes:
        warnings.warn(
            "A generator cannot be shared by processes without repeating its data, so one thread "
            "runs it; give a keras.utils.Sequence to use processes.",
            stacklevel=2,
        )
    elif work.workers <= 1:
        return iter(source)
    return ahead(source, work.max_queue_size)


def _in_processes(sequence, order, work, seed):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This DataLoader will create")  # more than cores
        loader = DataLoader(
            _Numbered(sequence, seed),
            batch_size=None,
            sampler=enumerate(order),
            num_workers=work.workers,
            collate_fn=_unchanged,
            worker_init_fn=_start,
            prefetch_factor=max(1, -(-work.max_queue_size // work.workers)),
            generator=torch.Generator(),  # the loader's own draws leave the user's alone
        )
        made = iter(loader)
    try:
        while True:
            try:
                item = next(made)
            except StopIteration:
                return
            except RuntimeError as error:
                raise _death(error, sequence) from error
            if isinstance(item, _Raised):
                raise item.error
            yield item
    finally:
        del made  # ends the processes


def _unchanged(item):
    return item


def _start(worker):
    """A worker keeps off the GPU: what asks for a device there gets the CPU."""
    torch.set_default_device("cpu")


def _death(error, sequence):
    if "worker" not in str(error):
        return error
    return RuntimeError(
        f"A worker process that makes batches of {type(sequence).__name__} died: {error} If it ran "
        "out of memory, lower workers or max_queue_size."
    )


class _Numbered(Dataset):
    """A sequence as torch's workers see it: arrays become tensors, errors become values."""

    def __init__(self, sequence, seed):
        self.sequence, self.seed = sequence, seed

    def __getitem__(self, item):
        place, number = item
        start = np.random.SeedSequence((self.seed, place)).generate_state(2)
        np.random.seed(start)
        random.seed(int(start[0]))
        torch.manual_seed(int(start[1]))
        try:
            return tree.map_structure(_shared, self.sequence[number])
        except Exception as error:
            return _Raised.of(error)


def _shared(leaf):
    """Numbers in an array as a tensor, which travels through shared memory."""
    if isinstance(leaf, np.ndarray) and leaf.dtype.kind in "fiub" and leaf.dtype.isnative:
        try:
            return torch.from_numpy(np.ascontiguousarray(leaf))
        except TypeError:  # a width that torch has not
            return leaf
    return leaf


class _Raised(NamedTuple):
    error: Exception

    @classmethod
    def of(cls, error):
        """The error with the text of its traceback as its cause, if it can travel."""
        text = "".join(traceback.format_exception(error))
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            error = RuntimeError(f"{type(error).__name__}: {error}")
        error.__cause__ = None
        return _RaisedWithText(error, text)


class _RaisedWithText(_Raised):
    """Written with its traceback, which pickle would drop."""

    def __new__(cls, error, text):
        made = super().__new__(cls, error)
        made.text = text
        return made

    def __reduce__(self):
        return _received, (self.error, self.text)


def _received(error, text):
    error.__cause__ = _WorkerTraceback(f'\n"""\n{text}"""')
    return _Raised(error)


class _WorkerTraceback(Exception):
    """Where in the worker an error came from."""

    def __str__(self) -> str:
        return str(self.args[0])
