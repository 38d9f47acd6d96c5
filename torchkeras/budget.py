"""A bound on what building a model from a file may allocate: no more than the file has weights.

A file of a few bytes can describe a layer of a million units. While a file is loaded, layers
claim their weights here before they make them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_LEFT: ContextVar[list[int] | None] = ContextVar("budget", default=None)


@contextmanager
def budget(numbers: int) -> Iterator[None]:
    """Within the block layers make at most this many numbers, and draw no initial values."""
    token = _LEFT.set([numbers])
    try:
        yield
    finally:
        _LEFT.reset(token)


def is_loading() -> bool:
    """Whether the weights that are being made will be read from a file."""
    return _LEFT.get() is not None


def claim(numbers: int, what: str) -> None:
    """Take part of the budget, where there is one; ValueError, naming `what`, if it is used up.

    >>> with budget(10):
    ...     claim(11, "layer 'dense'")
    Traceback (most recent call last):
    ValueError: layer 'dense' needs 11 numbers for its weights, more than the file holds.
    """
    left = _LEFT.get()
    if left is None:
        return
    left[0] -= numbers
    if left[0] < 0:
        raise ValueError(
            f"{what} needs {numbers} numbers for its weights, more than the file holds."
        )
