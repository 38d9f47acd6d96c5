"""Numbers on the host that answer like the variables of Keras: `opt.lr.numpy()`, `.assign(0.1)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


class Rate(float):
    """A learning rate as read from an optimizer; `assign` writes it back.

    Its value is rounded to `floatx` as in Keras, so it equals any number that rounds to it.
    """

    def __new__(cls, value: float, write: Callable[[float], None]):
        rate = super().__new__(cls, value)
        rate._write = write
        return rate

    def numpy(self) -> np.float32:
        return np.float32(self)

    def value(self) -> Rate:
        return self

    read_value = value

    def assign(self, value: Any) -> None:
        self._write(value)

    def __reduce__(self):  # copies and pickles are plain numbers: they belong to no optimizer
        return float, (float(self),)

    def __eq__(self, other):
        if isinstance(other, (int, float)):
            return float.__eq__(self, other) or np.float32(self) == np.float32(other)
        return float.__eq__(self, other)

    def __ne__(self, other):
        return not self == other

    __hash__ = float.__hash__

    def __repr__(self):
        return str(np.float32(self)) if np.float32(self) == float(self) else float.__repr__(self)

    __str__ = __repr__


class Count(int):
    """The number of steps taken as read from an optimizer; `assign` writes it back."""

    def __new__(cls, value: int, write: Callable[[int], None]):
        count = super().__new__(cls, value)
        count._write = write
        return count

    def numpy(self) -> np.int64:
        return np.int64(self)

    def value(self) -> Count:
        return self

    read_value = value

    def assign(self, value: Any) -> None:
        self._write(int(value))

    def assign_add(self, delta: int) -> None:
        self._write(int(self) + int(delta))

    def __reduce__(self):
        return int, (int(self),)
