"""Embeddings that go on where others ended, with another vocabulary."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from .. import initializers
from ..arrays import to_numpy


def warmstart_embedding_matrix(
    base_vocabulary: Any,
    new_vocabulary: Any,
    base_embeddings: Any,
    new_embeddings_initializer: Any = "uniform",
) -> np.ndarray:
    """A matrix `(new terms, n)`: rows of `base_embeddings` for known terms, new rows for others.

    A vocabulary is a list or array of terms, or the path of a text file with one term a line.
    ValueError where the path is of no file, or where there are fewer rows than terms.

    >>> warmstart_embedding_matrix(["a", "b"], ["b", "c"], np.array([[1.0], [2.0]]), "zeros")
    array([[2.],
           [0.]])
    """
    base, new = _terms(base_vocabulary, "base_vocabulary"), _terms(new_vocabulary, "new_vocabulary")
    rows = to_numpy(base_embeddings)
    if len(rows) < len(base):
        raise ValueError(
            f"`base_embeddings` has {len(rows)} rows for {len(base)} terms of `base_vocabulary`."
        )
    make = initializers.get(new_embeddings_initializer)
    matrix = to_numpy(make((len(new), rows.shape[1]))).astype(rows.dtype).copy()
    place = {term: i for i, term in enumerate(base)}
    known = [(i, place[term]) for i, term in enumerate(new) if term in place]
    if known:
        target, source = map(list, zip(*known, strict=True))
        matrix[target] = rows[source]
    return matrix


def _terms(vocabulary, name):
    if isinstance(vocabulary, (str, os.PathLike)):
        if not os.path.isfile(vocabulary):
            raise ValueError(f"`{name}` is the path of no file: {os.fspath(vocabulary)!r}.")
        with open(vocabulary, encoding="utf-8") as file:
            return file.read().splitlines()
    if isinstance(vocabulary, (list, tuple)):
        terms = list(vocabulary)
    else:
        terms = to_numpy(vocabulary).tolist()
    return [term.decode() if isinstance(term, bytes) else term for term in terms]
