"""Reuters: 11,228 news in 46 topics, as lists of word ranks."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import source
from .objects import read_npz
from .texts import cut_vocabulary, mark, renamed_num_words

__all__ = ["get_label_names", "get_word_index", "load_data"]

_TOPICS = """
    cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship
    cotton carcass crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin
    strategic-metal livestock retail ipi iron-steel rubber heat jobs lei bop zinc orange pet-chem
    dlr gas silver wpi hog lead
"""


def load_data(
    path: str = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int | None = 3,
    **kwargs: Any,
) -> source.Split:
    """`(x_train, y_train), (x_test, y_test)`: arrays of lists of word ranks, labels 0..45.

    A word of rank r (1: the most frequent) is the number r + `index_from`; each text begins with
    `start_char`; numbers below `skip_top` or from `num_words` on become `oov_char`. Only texts
    shorter than `maxlen` are kept. `path`: its name in the cache; `test_split`: the part kept for
    testing; `seed`: of the shuffle.
    """
    num_words = renamed_num_words(num_words, kwargs)
    arrays = read_npz(
        source.get(
            path, "reuters.npz", "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916"
        )
    )
    rng = np.random.RandomState(seed)
    x, y = source.shuffled(rng, arrays["x"], arrays["y"])
    x, y = mark(x, y, start_char, index_from, maxlen)
    if not x:
        raise ValueError(f"No text is shorter than maxlen={maxlen}; pass a larger `maxlen`.")
    x = cut_vocabulary(x, num_words, skip_top, oov_char)
    (x_train, y_train), (x_test, y_test) = source.split(x, y, test_split)
    x_train, x_test = np.array(x_train, dtype=object), np.array(x_test, dtype=object)
    return (x_train, y_train), (x_test, y_test)


def get_word_index(path: str = "reuters_word_index.json") -> dict[str, int]:
    """Word -> rank; a text holds rank + `index_from`. `path`: its name in the cache."""
    return source.get_words(path, "reuters_word_index.json", "4d44cc38712099c9e383dc6e5f11a921")


def get_label_names() -> tuple[str, ...]:
    """The 46 topics in the order of the labels."""
    return tuple(_TOPICS.split())
