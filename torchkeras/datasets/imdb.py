"""IMDB: 50,000 film reviews, half of them good, as lists of word ranks."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import source
from .objects import read_npz
from .texts import cut_vocabulary, mark, renamed_num_words

__all__ = ["get_word_index", "load_data"]


def load_data(
    path: str = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int | None = 3,
    **kwargs: Any,
) -> source.Split:
    """`(x_train, y_train), (x_test, y_test)`: arrays of 25,000 lists of word ranks, labels 1 for
    good and 0 for bad.

    A word of rank r (1: the most frequent) is the number r + `index_from`; each review begins with
    `start_char`; numbers below `skip_top` or from `num_words` on become `oov_char`. Only
    reviews shorter than `maxlen` are kept. `path`: its name in the cache; `seed`: of the shuffle.
    """
    num_words = renamed_num_words(num_words, kwargs)
    arrays = read_npz(
        source.get(
            path, "imdb.npz", "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"
        )
    )
    rng = np.random.RandomState(seed)
    parts = [
        mark(*source.shuffled(rng, arrays["x_" + part], arrays["y_" + part]),
             start_char, index_from, maxlen)
        for part in ("train", "test")
    ]  # fmt: skip
    (x_train, y_train), (x_test, y_test) = parts
    if not x_train or not x_test:
        raise ValueError(f"No review is shorter than maxlen={maxlen}; pass a larger `maxlen`.")
    x = cut_vocabulary(x_train + x_test, num_words, skip_top, oov_char)
    train = len(x_train)
    return (np.array(x[:train], dtype=object), y_train), (np.array(x[train:], dtype=object), y_test)


def get_word_index(path: str = "imdb_word_index.json") -> dict[str, int]:
    """Word -> rank; a review holds rank + `index_from`. `path`: its name in the cache."""
    return source.get_words(path, "imdb_word_index.json", "bfafd718b763782e994055a2d397834f")
