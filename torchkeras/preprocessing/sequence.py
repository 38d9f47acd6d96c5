"""Sequences of different lengths as one array."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

__all__ = ["pad_sequences"]


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """Sequences cut or filled up to one length, as an array `(len(sequences), maxlen, ...)`.

    `maxlen` defaults to the longest sequence. `padding` and `truncating` say whether values are
    filled in, or cut away, before ('pre') or after ('post') the sequence. Steps may be arrays;
    then all sequences must agree on their shape, else ValueError.

    >>> pad_sequences([[1], [2, 3], [4, 5, 6]], maxlen=2).tolist()
    [[0, 1], [2, 3], [5, 6]]
    """
    if not hasattr(sequences, "__len__"):
        raise ValueError(
            f"`sequences` must have a length; received {type(sequences).__name__}. "
            "Pass a list of sequences."
        )
    lengths = _lengths(sequences)
    step_shape = next((np.asarray(s).shape[1:] for s in sequences if len(s)), ())
    if maxlen is None:
        maxlen = int(lengths.max(initial=0))
        if not len(lengths):
            raise ValueError("`sequences` is empty and `maxlen` is None: no length to pad to.")
    _check_value(value, dtype)
    padded = np.full((len(sequences), maxlen, *step_shape), value, dtype=dtype)
    if not lengths.any():
        return padded
    _one_of("truncating", truncating)
    _one_of("padding", padding)
    steps = _concatenate(sequences, step_shape, dtype)
    # Where each step lands is arithmetic on its place in the flat array: no loop over sequences.
    row = np.repeat(np.arange(len(lengths)), lengths)
    starts = np.cumsum(lengths) - lengths
    place = np.arange(len(steps)) - np.repeat(starts, lengths)
    if truncating == "pre":
        place -= np.repeat(np.maximum(lengths - maxlen, 0), lengths)
    kept = (place >= 0) & (place < maxlen)
    if padding == "pre":
        place += np.repeat(np.maximum(maxlen - lengths, 0), lengths)
    padded[row[kept], place[kept]] = steps[kept]
    return padded


def _lengths(sequences):
    try:
        return np.fromiter(map(len, sequences), np.int64, len(sequences))
    except TypeError:
        odd = next(s for s in sequences if not hasattr(s, "__len__"))
        raise ValueError(
            f"`sequences` must be a list of sequences; found {odd!r} in it, which has no length."
        ) from None


def _check_value(value, dtype):
    if isinstance(value, str) and dtype is not object and np.dtype(dtype).kind not in "OU":
        raise ValueError(
            f"A padding `value` of type str ({value!r}) does not fit dtype {dtype!r}; "
            "pass dtype=object."
        )


def _one_of(argument, choice):
    if choice not in ("pre", "post"):
        raise ValueError(f"`{argument}` must be 'pre' or 'post'; received {choice!r}.")


def _concatenate(sequences, step_shape, dtype):
    """All steps in one array of `dtype`, sequence after sequence."""
    if all(isinstance(s, (list, tuple)) for s in sequences) and not step_shape:
        try:
            flat = np.asarray(list(chain.from_iterable(sequences)), dtype=dtype)
        except (TypeError, ValueError):  # of which sequence, the check below tells
            flat = None
        if flat is not None and flat.ndim == 1:
            return flat
    parts = []
    for number, one in enumerate(sequences):
        if len(one):
            part = np.asarray(one, dtype=dtype)
            if part.shape[1:] != step_shape:
                raise ValueError(
                    f"The steps of sequence {number} have shape {part.shape[1:]}; those of the "
                    f"first sequence have shape {step_shape}. All must agree."
                )
            parts.append(part)
    return np.concatenate(parts)
