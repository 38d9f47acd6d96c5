"""Sequences of different lengths as one array, series cut into windows, pairs of words."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from ..data.sequence import Sequence as BatchSequence

__all__ = ["TimeseriesGenerator", "make_sampling_table", "pad_sequences", "skipgrams"]


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


class TimeseriesGenerator(BatchSequence):
    """Windows of a series and the values to tell from them, batch by batch.

    A sample is `data[i - length : i : sampling_rate]` with the target `targets[i]`, for `i` from
    `start_index + length` to `end_index` (included; the last step by default) in steps of
    `stride`. `shuffle` draws each `i` by chance with numpy's random numbers; `reverse` turns the
    windows round. ValueError when `data` and `targets` differ in length or no window fits.

    >>> import numpy as np
    >>> series = np.arange(6)
    >>> x, y = TimeseriesGenerator(series, series, length=3, batch_size=2)[0]
    >>> x.tolist(), y.tolist()
    ([[0, 1, 2], [1, 2, 3]], [3, 4])
    """

    def __init__(
        self,
        data: Any,
        targets: Any,
        length: int,
        sampling_rate: int = 1,
        stride: int = 1,
        start_index: int = 0,
        end_index: int | None = None,
        shuffle: bool = False,
        reverse: bool = False,
        batch_size: int = 128,
    ):
        if len(data) != len(targets):
            raise ValueError(
                f"`data` and `targets` must be equally long; received {len(data)} and "
                f"{len(targets)} steps."
            )
        self.data = data
        self.targets = targets
        self.length = length
        self.sampling_rate = sampling_rate
        self.stride = stride
        self.start_index = start_index + length
        self.end_index = len(data) - 1 if end_index is None else end_index
        self.shuffle = shuffle
        self.reverse = reverse
        self.batch_size = batch_size
        if self.start_index > self.end_index:
            raise ValueError(
                f"No window fits: `start_index` + `length` = {self.start_index} lies behind "
                f"`end_index` = {self.end_index}. Give more data or a shorter `length`."
            )

    def __len__(self) -> int:
        samples = (self.end_index - self.start_index) // self.stride + 1
        return -(-samples // self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        if self.shuffle:
            rows = np.random.randint(self.start_index, self.end_index + 1, size=self.batch_size)
        else:
            step = self.batch_size * self.stride
            first = self.start_index + step * index
            rows = np.arange(first, min(first + step, self.end_index + 1), self.stride)
        if isinstance(self.data, np.ndarray):
            samples = self.data[rows[:, None] + np.arange(-self.length, 0, self.sampling_rate)]
        else:
            samples = np.array(
                [self.data[row - self.length : row : self.sampling_rate] for row in rows]
            )
        targets = np.array([self.targets[row] for row in rows])
        return samples[:, ::-1, ...] if self.reverse else samples, targets

    def get_config(self) -> dict[str, Any]:
        """The arguments; data and targets as JSON texts, `start_index` with `length` added."""
        return {
            "data": _json_of("data", self.data),
            "targets": _json_of("targets", self.targets),
            "length": self.length,
            "sampling_rate": self.sampling_rate,
            "stride": self.stride,
            "start_index": self.start_index,
            "end_index": self.end_index,
            "shuffle": self.shuffle,
            "reverse": self.reverse,
            "batch_size": self.batch_size,
        }

    def to_json(self, **kwargs: Any) -> str:
        """The configuration as JSON; `kwargs` go to `json.dumps`."""
        config = {"class_name": type(self).__name__, "config": self.get_config()}
        return json.dumps(config, **kwargs)


def _json_of(name, values):
    try:
        return json.dumps(values.tolist() if isinstance(values, np.ndarray) else values)
    except TypeError as error:
        raise TypeError(f"`{name}` of TimeseriesGenerator cannot be JSON: {error}.") from None


def make_sampling_table(size: int, sampling_factor: float = 1e-05) -> np.ndarray:
    """With which probability to keep the word of each rank, as word2vec does; shape `(size,)`.

    Frequencies are taken to follow Zipf's law: the more frequent, the smaller the probability.

    >>> make_sampling_table(3).round(5).tolist()
    [0.00315, 0.00315, 0.00548]
    """
    rank = np.maximum(np.arange(size), 1)
    rarity = sampling_factor * (rank * (np.log(rank) + 0.577) + 0.5 - 1.0 / (12.0 * rank))
    return np.minimum(1.0, rarity / np.sqrt(rarity))


def skipgrams(
    sequence: Sequence[int],
    vocabulary_size: int,
    window_size: int = 4,
    negative_samples: float = 1.0,
    shuffle: bool = True,
    categorical: bool = False,
    sampling_table: Any = None,
    seed: int | None = None,
) -> tuple[list[list[int]], list[Any]]:
    """Pairs of words no more than `window_size` apart, labelled 1, and random pairs, labelled 0.

    `negative_samples` is the number of random pairs for each true one. Number 0 is no word.
    `sampling_table[word]` is the probability to keep a word; see `make_sampling_table`. With
    `categorical` labels are `[0, 1]` and `[1, 0]`. `seed` settles the order of the pairs; other
    draws come from Python's `random`, as in Keras.

    >>> skipgrams([1, 2, 3], 4, window_size=1, negative_samples=0, shuffle=False)[0]
    [[1, 2], [2, 1], [2, 3], [3, 2]]
    """
    pairs = []
    for place, word in enumerate(sequence):
        if not word:
            continue
        if sampling_table is not None and sampling_table[word] < random.random():
            continue
        for other in range(max(0, place - window_size), place + window_size + 1):
            if other != place and other < len(sequence) and sequence[other]:
                pairs.append([word, sequence[other]])
    true, false = ([0, 1], [1, 0]) if categorical else (1, 0)
    labels = [true] * len(pairs)
    if negative_samples > 0:
        count = int(len(labels) * negative_samples)
        words = [pair[0] for pair in pairs]
        random.shuffle(words)
        pairs += [
            [words[i % len(words)], random.randint(1, int(vocabulary_size - 1))]
            for i in range(count)
        ]
        labels += [false] * count
    if shuffle:
        if seed is None:
            seed = random.randint(0, int(10e6))
        for shuffled in (pairs, labels):  # with the same seed they stay side by side
            random.seed(seed)
            random.shuffle(shuffled)
    return pairs, labels
