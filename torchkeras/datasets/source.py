"""Where the data sets are kept, and what several of them have in common."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from .download import get_file

BASE_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"

Split = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def get(path: str, name: str, file_hash: str | None, **arguments: Any) -> str:
    """The file `name` of `BASE_URL` in the cache, under the name `path`."""
    return get_file(path, origin=BASE_URL + name, file_hash=file_hash, **arguments)


def get_words(path: str, name: str, file_hash: str) -> dict[str, int]:
    """A word index: word -> rank."""
    with open(get(path, name, file_hash), encoding="utf-8") as file:
        return json.load(file)


def shuffled(rng: np.random.RandomState, x: np.ndarray, y: np.ndarray) -> tuple[Any, Any]:
    """`x` and `y` in one random order, as Keras draws it."""
    order = np.arange(len(x))
    rng.shuffle(order)
    return x[order], y[order]


def split(x: Any, y: Any, test_split: float) -> Split:
    """The first part for training, the rest for testing."""
    if not 0 <= test_split < 1:
        raise ValueError(f"`test_split` must be at least 0 and below 1; received {test_split!r}.")
    train = int(len(x) * (1 - test_split))
    return (x[:train], y[:train]), (x[train:], y[train:])
