"""Work ahead of the reader: in one thread that runs an iterator, or in several that map it.

Order is kept, an exception comes out as it was raised, and no thread is left when the reader ends,
stops early or drops the iterator.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

_END = object()


def ahead(source: Iterable[Any], depth: int) -> Iterator[Any]:
    """The items of `source`, up to `depth` of them made in a thread before they are asked for.

    >>> list(ahead(range(4), 2))
    [0, 1, 2, 3]
    """
    made: queue.Queue = queue.Queue(max(1, depth))
    stop = threading.Event()

    def put(item):
        while not stop.is_set():
            try:
                return made.put(item, timeout=0.1)
            except queue.Full:
                continue

    def run():
        items = iter(source)
        try:
            with torch.no_grad():
                for item in items:
                    put((item, None))
                    if stop.is_set():
                        return
            put((_END, None))
        except BaseException as error:  # surfaces where the items are read
            put((_END, error))
        finally:
            close = getattr(items, "close", None)
            if close is not None and stop.is_set():
                close()

    thread = threading.Thread(target=run, name="torchkeras-prefetch", daemon=True)
    thread.start()
    try:
        while True:
            item, error = made.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
    finally:
        stop.set()
        thread.join()


def mapped(
    function: Callable, source: Iterable[Any], threads: int, depth: int | None = None
) -> Iterator[Any]:
    """`function` of each item, `threads` of them at a time, in the order of the items.

    Up to `depth` results (default: `threads`) are made before they are asked for.

    >>> list(mapped(abs, [-1, 2, -3], threads=2))
    [1, 2, 3]
    """

    def run(item):
        with torch.no_grad():
            return function(item)

    pool = ThreadPoolExecutor(threads, thread_name_prefix="torchkeras-map")
    running: deque = deque()
    try:
        for item in source:
            running.append(pool.submit(run, item))
            if len(running) > (depth or threads):
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
