"""Feature columns of TensorFlow, as the configs of saved models describe them.

A column makes one row of numbers from the features of a sample, which come by name. Those that
stand for words and integers, called categorical, are indices below a number, -1 where nothing is
known; a column of indicators counts them, a column of embeddings joins what a table has for them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..arrays import to_numpy
from ..layer import TABLE
from .fingerprints import fingerprint64, join_fingerprints
from .hashing import CROSSING_KEY, TextLayer, as_bytes, is_text

_COMBINERS: dict[str, Callable[[Tensor], Tensor]] = {  # what a sum over a count is divided by
    "sum": torch.ones_like,
    "mean": lambda count: count,
    "sqrtn": torch.sqrt,
}


def _column(config: Any) -> Any:
    """The column that a config describes; ValueError for one that is not known here."""
    name, inner = config.get("class_name"), config.get("config")
    if name not in _KINDS or not isinstance(inner, dict):
        raise ValueError(
            f"The feature column {name!r} is not among those that torchkeras computes: "
            f"{', '.join(_KINDS)}. Use StringLookup, Hashing or Embedding on the feature."
        )
    return _KINDS[name](**inner)


def _feature(layer, features, key):
    if not isinstance(features, dict) or key not in features:
        known = ", ".join(map(str, features)) if isinstance(features, dict) else type(features)
        raise ValueError(f'Layer "{layer.name}" needs the feature {key!r}; received {known}.')
    return features[key]


def _tokens(layer, value):
    """Texts, or integers in decimal digits, as bytes; those that stand for nothing are None."""
    if is_text(value):
        return [text or None for text in as_bytes(value)]
    return [None if number == -1 else b"%d" % number for number in _integers(layer, value)]


def _integers(layer, value):
    array = to_numpy(value).ravel()
    if array.dtype.kind not in "iu":
        raise TypeError(
            f'Layer "{layer.name}" takes texts and integers; received dtype {array.dtype}.'
        )
    return array.tolist()


class _Numeric:
    def __init__(self, key, shape=(1,), normalizer_fn=None, **kwargs):
        if normalizer_fn is not None:
            raise ValueError(f"The column {key!r} holds Python code (normalizer_fn).")
        self.name, self.key, self.width = key, key, math.prod(shape)

    def rows(self, layer, features):
        value = torch.as_tensor(_feature(layer, features, self.key), device=layer.device)
        rows = value.to(layer._compute_dtype).reshape(value.shape[0], -1)
        if rows.shape[1] != self.width:
            raise ValueError(
                f'The feature {self.key!r} of layer "{layer.name}" has {self.width} numbers a '
                f"sample; received shape {tuple(value.shape)}."
            )
        return rows


class _Bucketized:
    def __init__(self, source_column, boundaries):
        self.source, self.boundaries = _column(source_column), list(boundaries)
        self.name, self.each = f"{self.source.name}_bucketized", len(boundaries) + 1
        self.width = self.count = self.source.width * self.each

    def rows(self, layer, features):
        return F.one_hot(self._buckets(layer, features), self.each).flatten(1)

    def indices(self, layer, features):
        buckets = self._buckets(layer, features)
        return buckets + self.each * torch.arange(self.source.width, device=buckets.device)

    def _buckets(self, layer, features):
        rows = self.source.rows(layer, features)
        edges = torch.tensor(self.boundaries, dtype=rows.dtype, device=rows.device)
        return torch.bucketize(rows, edges, right=True)


class _Categorical:
    """Indices below `count` of a feature, made of one text or integer each."""

    def __init__(self, key, count):
        self.name, self.key, self.count = key, key, count

    def indices(self, layer, features):
        value = _feature(layer, features, self.key)
        found = [-1 if one is None else self._index(one) for one in _tokens(layer, value)]
        return torch.tensor(found, device=layer.device).view(value.shape[0], -1)


class _Identity(_Categorical):
    def __init__(self, key, number_buckets, default_value=None):
        super().__init__(key, number_buckets)
        self.default = default_value

    def _index(self, token):
        index = int(token)
        if 0 <= index < self.count:
            return index
        if self.default is None:
            raise ValueError(
                f"The feature {self.key!r} has integers from 0 to {self.count - 1}; received "
                f"{index}."
            )
        return self.default


class _Vocabulary(_Categorical):
    def __init__(
        self, key, vocabulary_list, dtype="string", default_value=-1, num_oov_buckets=0
    ):  # fmt: skip
        tokens = as_bytes(np.array([str(token) for token in vocabulary_list]))
        super().__init__(key, len(tokens) + num_oov_buckets)
        self.index = {token: place for place, token in enumerate(tokens)}
        self.default, self.others = default_value, num_oov_buckets

    def _index(self, token):
        if token in self.index or not self.others:
            return self.index.get(token, self.default)
        return len(self.index) + int(fingerprint64([token])[0] % np.uint64(self.others))


class _Hashed(_Categorical):
    def __init__(self, key, hash_bucket_size, dtype="string"):
        super().__init__(key, hash_bucket_size)

    def _index(self, token):
        return int(fingerprint64([token])[0] % np.uint64(self.count))


class _Crossed:
    """What several features with one value each hold together, by its hash."""

    def __init__(self, keys, hash_bucket_size, hash_key=None):
        columns = [_column(key) for key in keys if not isinstance(key, str)]
        if any(isinstance(column, _Crossed) for column in columns):
            raise ValueError(f"Crosses of crosses are not supported; received the keys {keys!r}.")
        plain = [key for key in keys if isinstance(key, str)]
        self.parts = [*columns, *plain]  # TensorFlow crosses in this order
        self.name = "_X_".join(sorted([*plain, *(column.name for column in columns)]))
        self.count = hash_bucket_size
        self.start = CROSSING_KEY if hash_key is None else np.uint64(hash_key)

    def indices(self, layer, features):
        result, known = self.start, True
        for part in self.parts:
            hashes, present = self._hashes(layer, features, part)
            result, known = join_fingerprints(result, hashes), known & present
        found = np.where(known, (result % np.uint64(self.count)).astype(np.int64), -1)
        return torch.from_numpy(found).to(layer.device).unsqueeze(1)

    def _hashes(self, layer, features, part):
        """A number for each sample, and whether there is a value; of plain features there is."""
        plain = isinstance(part, str)
        value = _feature(layer, features, part) if plain else part.indices(layer, features)
        if math.prod(value.shape) != value.shape[0]:
            raise ValueError(
                f'Layer "{layer.name}" crosses features of one value each; received shape '
                f"{tuple(value.shape)}."
            )
        if is_text(value):
            return fingerprint64(as_bytes(value)), True
        numbers = np.array(_integers(layer, value), np.int64)
        return numbers.astype(np.uint64), plain or numbers != -1


class _Indicator:
    def __init__(self, categorical_column):
        self.of = _column(categorical_column)
        self.name, self.width = f"{self.of.name}_indicator", self.of.count

    def rows(self, layer, features):
        indices = self.of.indices(layer, features)
        return F.one_hot(indices + 1, self.width + 1)[..., 1:].sum(1)


class _Embedding:
    def __init__(
        self, categorical_column, dimension, combiner="mean", initializer=None, max_norm=None,
        trainable=True, **kwargs,
    ):  # fmt: skip
        self.of, self.width = _column(categorical_column), dimension
        self.name, self.combiner = f"{self.of.name}_embedding", combiner
        self.initializer, self.trainable = initializer, trainable
        if max_norm is not None or combiner not in _COMBINERS:
            raise ValueError(
                f"The column {self.name!r} has max_norm={max_norm!r} and combiner={combiner!r}; "
                f"known are max_norm=None and {', '.join(_COMBINERS)}."
            )

    def rows(self, layer, features):
        table = layer.table(self.name)
        indices = self.of.indices(layer, features).to(table.device)
        present = (indices >= 0).unsqueeze(-1).to(table.dtype)
        count = present.sum(1).clamp(min=1)
        return (table[indices.clamp(min=0)] * present).sum(1) / _COMBINERS[self.combiner](count)


_KINDS: dict[str, type] = {
    "NumericColumn": _Numeric,
    "BucketizedColumn": _Bucketized,
    "IdentityCategoricalColumn": _Identity,
    "VocabularyListCategoricalColumn": _Vocabulary,
    "HashedCategoricalColumn": _Hashed,
    "CrossedColumn": _Crossed,
    "IndicatorColumn": _Indicator,
    "EmbeddingColumn": _Embedding,
}


@TABLE.add()
class DenseFeatures(TextLayer):
    """Feature columns side by side, in the order of their names: `(batch, numbers)`.

    Called on a dictionary of features. `feature_columns` are the dictionaries that files of
    tf.keras hold of numeric, bucketized, indicator and embedding columns, over integers,
    vocabularies, hashes and crosses; ValueError for others.

    >>> column = {"class_name": "NumericColumn", "config": {"key": "age", "shape": [1]}}
    >>> layer = DenseFeatures(
    ...     [{"class_name": "BucketizedColumn",
    ...       "config": {"source_column": column, "boundaries": [18.0]}}])
    >>> layer({"age": torch.tensor([[7.0], [30.0]])}).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    def __init__(
        self, feature_columns: Sequence[dict[str, Any]], trainable: bool = True,
        name: str | None = None, partitioner: Any = None, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(name=name, trainable=trainable, **kwargs)
        if partitioner is not None:
            raise ValueError(f'partitioner of layer "{self.name}" is not supported.')
        self.feature_columns, self.partitioner = list(feature_columns), None
        if not all(isinstance(column, dict) for column in self.feature_columns):
            raise ValueError(
                f'feature_columns of layer "{self.name}" are dictionaries, as files of tf.keras '
                "hold them. Use Normalization, Discretization, CategoryEncoding, StringLookup, "
                "Hashing or Embedding on the features, and Concatenate."
            )
        found = [_column(column) for column in self.feature_columns]
        self._columns = sorted(found, key=lambda column: column.name)

    def _arrays(self, inputs):
        if not isinstance(inputs, dict):
            raise ValueError(f'Layer "{self.name}" takes a dictionary of features.')
        return {key: super(DenseFeatures, self)._arrays(value) for key, value in inputs.items()}

    def build(self, input_shape: Any) -> None:
        for column in self._columns:
            if isinstance(column, _Embedding):
                self.add_weight(
                    name=f"{column.name}/embedding_weights",
                    shape=(column.of.count, column.width),
                    initializer=column.initializer or "truncated_normal",
                    trainable=column.trainable,
                )
        super().build(input_shape)

    def call(self, inputs: Any) -> Tensor:
        rows = [column.rows(self, inputs) for column in self._columns]
        return torch.cat([one.to(self._compute_dtype) for one in rows], -1)

    def table(self, column: str) -> Tensor:
        """What a column of embeddings has for each index."""
        name = f"{column}/embedding_weights"
        return next(row.value for row in self._weights if row.weight.name == name)

    def compute_output_shape(self, input_shape: Any) -> Any:
        batch = next(iter(input_shape.values()))[0]
        return (batch, sum(column.width for column in self._columns))
