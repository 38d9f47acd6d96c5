"""What IMDB and Reuters have in common: texts as lists of word ranks."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np


def mark(
    texts: np.ndarray, labels: np.ndarray, start_char: int | None, index_from: int | None,
    maxlen: int | None,
) -> tuple[list[list[int]], np.ndarray]:  # fmt: skip
    """Ranks raised by `index_from` after a `start_char`, texts of `maxlen` and more left out."""
    shift = index_from or 0
    if start_char is not None:
        texts = [[start_char] + [word + shift for word in text] for text in texts]
    else:
        texts = [[word + shift for word in text] for text in texts]
    if not maxlen:
        return texts, labels
    kept = [number for number, text in enumerate(texts) if len(text) < maxlen]
    return [texts[number] for number in kept], labels[kept]


def cut_vocabulary(
    texts: list[list[int]], num_words: int | None, skip_top: int, oov_char: int | None
) -> list[list[int]]:
    """Words outside `skip_top <= rank < num_words` become `oov_char`, or vanish if it is None."""
    if not num_words:  # as in Keras, the very last rank falls out here too
        num_words = max(max(text) for text in texts)
    if oov_char is None:
        return [[word for word in text if skip_top <= word < num_words] for text in texts]
    return [[word if skip_top <= word < num_words else oov_char for word in text] for text in texts]


def renamed_num_words(num_words: int | None, kwargs: dict[str, Any]) -> int | None:
    """`num_words`, perhaps under its old name `nb_words`; TypeError for any other name."""
    if "nb_words" in kwargs:
        warnings.warn("`nb_words` is now called `num_words`.", DeprecationWarning, stacklevel=3)
        num_words = kwargs.pop("nb_words")
    if kwargs:
        raise TypeError(f"load_data() got unexpected keyword arguments: {', '.join(kwargs)}.")
    return num_words
