"""Threads beside a training run: work every few seconds, batches made ahead of their use."""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np


class TimedThread:
    """Calls `on_interval` every `interval` seconds between `start` and `stop`, or in a `with`.

    Subclasses write `on_interval`. `kwargs` go to `threading.Thread`; the thread is a daemon.

    >>> class Count(TimedThread):
    ...     calls = 0
    ...     def on_interval(self):
    ...         self.calls += 1
    >>> with Count(60) as thread:
    ...     thread.thread.is_alive()
    True
    """

    def __init__(self, interval: float, **kwargs: Any):
        self.interval = interval
        self.daemon = kwargs.pop("daemon", True)
        self.thread_kwargs = kwargs
        self.thread: threading.Thread | None = None
        self.thread_stop_event = threading.Event()

    def on_interval(self) -> None:
        """What is done each time."""
        raise NotImplementedError(f"{type(self).__name__} must define on_interval().")

    def start(self) -> None:
        """Start the thread, unless it runs; the first call comes at once."""
        if self.is_alive():
            return
        stop = self.thread_stop_event = threading.Event()

        def run():
            while not stop.is_set():
                self.on_interval()
                stop.wait(self.interval)

        self.thread = threading.Thread(target=run, daemon=self.daemon, **self.thread_kwargs)
        self.thread.start()

    def stop(self) -> None:
        """Let the thread end after its present call."""
        self.thread_stop_event.set()

    def is_alive(self) -> bool:
        return self.thread is not None and self.thread.is_alive()

    def __enter__(self) -> TimedThread:
        self.start()
        return self

    def __exit__(self, *exception: Any) -> None:
        self.stop()


class SequenceEnqueuer:
    """What `OrderedEnqueuer` and `GeneratorEnqueuer` have in common: `start`, `get`, `stop`.

    Batches are made by threads; processes are for `fit(use_multiprocessing=True)`, which needs no
    enqueuer.

    >>> enqueuer = GeneratorEnqueuer(iter("ab"))
    >>> enqueuer.start()
    >>> list(enqueuer.get())
    ['a', 'b']
    >>> enqueuer.stop()
    """

    def __init__(self, sequence: Any, use_multiprocessing: bool = False):
        if use_multiprocessing:
            raise ValueError(
                f"{type(self).__name__} makes batches in threads; use_multiprocessing=True is for "
                "fit, which makes them in processes without an enqueuer."
            )
        self.sequence = sequence
        self.workers = 0
        self._pool: ThreadPoolExecutor | None = None

    def is_running(self) -> bool:
        return self._pool is not None

    def start(self, workers: int = 1, max_queue_size: int = 10) -> None:
        """Start `workers` threads that keep up to `max_queue_size` batches ready."""
        if workers < 1 or max_queue_size < 1:
            raise ValueError(
                "`workers` and `max_queue_size` must be at least 1; received "
                f"{workers} and {max_queue_size}."
            )
        self.workers, self._size = workers, max_queue_size
        self._pool = ThreadPoolExecutor(self._threads(workers))
        self._ahead: deque = deque()
        self._source = self._batches()

    def stop(self, timeout: float | None = None) -> None:
        """End the threads; what is ready is dropped."""
        if self._pool is not None:
            self._pool.shutdown(wait=timeout is None, cancel_futures=True)
            self._pool = None

    def get(self) -> Iterator[Any]:
        """The batches, in order, as they are ready; an error of a thread is raised here."""
        while self._pool is not None:
            while len(self._ahead) < self._size:
                self._ahead.append(self._pool.submit(next(self._source)))
            made = self._ahead.popleft().result()
            if made is _END:
                return
            yield made

    def _threads(self, workers):
        return workers

    def _batches(self) -> Iterator[Any]:
        """Functions without arguments, each of which makes one batch."""
        raise NotImplementedError


_END = object()


class OrderedEnqueuer(SequenceEnqueuer):
    """The batches of a `Sequence`, epoch after epoch, in order or mixed with `shuffle`."""

    def __init__(self, sequence: Any, use_multiprocessing: bool = False, shuffle: bool = False):
        super().__init__(sequence, use_multiprocessing)
        self.shuffle = shuffle

    def _batches(self):
        while True:
            order = list(range(len(self.sequence)))
            if self.shuffle:
                random.shuffle(order)
            yield from (lambda i=i: self.sequence[i] for i in order)
            self.sequence.on_epoch_end()


class GeneratorEnqueuer(SequenceEnqueuer):
    """What a generator yields, made by one thread, as generators allow no more."""

    def __init__(
        self, generator: Any, use_multiprocessing: bool = False, random_seed: int | None = None
    ):
        super().__init__(generator, use_multiprocessing)
        self.random_seed = random_seed
        if random_seed is not None:
            np.random.seed(random_seed)

    def _threads(self, workers):
        return 1

    def _batches(self):
        generator = iter(self.sequence)
        while True:
            yield lambda: next(generator, _END)
