"""`tf.lookup`: tables from keys to values, which are dicts here."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ...data import Strings
from ...precision import torch_dtype
from .calls import Namespace, tensor
from .dtypes import string


class KeyValueTensorInitializer:
    """The keys of a table and their values."""

    def __init__(
        self, keys: Any, values: Any, key_dtype: Any = None, value_dtype: Any = None, name=None
    ):
        self.keys, self.values = _as(keys, key_dtype), _as(values, value_dtype)


class TextFileIndex:
    """What a table of a text file takes from each line."""

    WHOLE_LINE, LINE_NUMBER = -2, -1


class TextFileInitializer(KeyValueTensorInitializer):
    """Keys and values read from the lines of a file: columns, whole lines or their numbers."""

    def __init__(
        self, filename: Any, key_dtype: Any, key_index: int, value_dtype: Any, value_index: int,
        vocab_size: int | None = None, delimiter: str = "\t", name=None, value_index_offset=0,
    ):  # fmt: skip
        with open(str(filename), encoding="utf-8") as file:
            lines = [line.rstrip("\n") for line in file][:vocab_size]

        def column(index, dtype, offset=0):
            if index == TextFileIndex.LINE_NUMBER:
                return np.arange(len(lines)) + offset
            found = lines
            if index != TextFileIndex.WHOLE_LINE:
                found = [line.split(delimiter)[index] for line in lines]
            return found if dtype == string else np.array(found).astype("float64")

        super().__init__(
            column(key_index, key_dtype),
            column(value_index, value_dtype, value_index_offset),
            key_dtype,
            value_dtype,
        )


class StaticHashTable:
    """A table that does not change; what is not in it has the default value."""

    def __init__(
        self, initializer: Any, default_value: Any, name=None, experimental_is_anonymous=False
    ):
        self.default_value = default_value
        self._text_keys = isinstance(initializer.keys, Strings)
        self._text_values = isinstance(initializer.values, Strings)
        self._dtype = None if self._text_values else initializer.values.dtype
        self._table: dict[Any, Any] = {}
        self._put(initializer.keys, initializer.values)

    def _put(self, keys, values):
        for key, value in zip(_flat(keys), _flat(values), strict=True):
            if self._table.setdefault(key, value) != value:
                raise ValueError(f"The table has two values for the key {key!r}.")

    def lookup(self, keys: Any, name: str | None = None) -> Any:
        """The values of keys, in their shape."""
        keys = Strings.of(keys) if self._text_keys else tensor(keys)
        found = [self._missing(key) if v is None else v for key, v in self._pairs(keys)]
        if self._text_values:
            return Strings.of(np.array(found, object).reshape(tuple(keys.shape)))
        return torch.tensor(found, dtype=self._dtype).reshape(tuple(keys.shape))

    def _pairs(self, keys):
        return [(key, self._table.get(key)) for key in _flat(keys)]

    def _missing(self, key):
        default = self.default_value
        return default.item() if hasattr(default, "item") else default

    def __getitem__(self, keys: Any) -> Any:
        return self.lookup(keys)

    def size(self, name: str | None = None) -> torch.Tensor:
        """How many keys there are."""
        return torch.tensor(len(self._table))


class StaticVocabularyTable(StaticHashTable):
    """A table whose unknown keys fall into buckets behind the known ones."""

    def __init__(
        self, initializer: Any, num_oov_buckets: int, lookup_key_dtype: Any = None, name=None,
        experimental_is_anonymous=False,
    ):  # fmt: skip
        super().__init__(initializer, None)
        self._buckets, self._dtype = int(num_oov_buckets), torch.int64

    def _missing(self, key):
        from .texts import STRINGS

        place = STRINGS["to_hash_bucket_fast"]([str(key)], self._buckets)
        return len(self._table) + int(place[0])


class MutableHashTable(StaticHashTable):
    """A table that takes new keys."""

    def __init__(
        self, key_dtype: Any, value_dtype: Any, default_value: Any, name="table", **options
    ):
        empty = KeyValueTensorInitializer([], [], key_dtype, value_dtype)
        super().__init__(empty, default_value)

    def insert(self, keys: Any, values: Any, name: str | None = None) -> None:
        """Add keys, or give them other values."""
        keys = Strings.of(keys) if self._text_keys else tensor(keys)
        values = Strings.of(values) if self._text_values else tensor(values)
        self._table.update(zip(_flat(keys), _flat(values), strict=True))

    def remove(self, keys: Any, name: str | None = None) -> None:
        """Forget keys."""
        for key in _flat(Strings.of(keys) if self._text_keys else tensor(keys)):
            self._table.pop(key, None)

    def export(self, name: str | None = None) -> tuple[Any, Any]:
        """All keys and their values."""
        keys, values = list(self._table), list(self._table.values())
        return (
            Strings.of(keys) if self._text_keys else tensor(keys),
            Strings.of(values) if self._text_values else torch.tensor(values, dtype=self._dtype),
        )


def _as(values, dtype):
    if dtype == string or (dtype is None and isinstance(values, Strings)):
        return Strings.of(values)
    values = tensor(values)
    if isinstance(values, Strings):
        return values
    return values if dtype is None else values.to(torch_dtype(dtype))


def _flat(values):
    return np.asarray(values, object).ravel().tolist() if isinstance(values, Strings) else (
        values.reshape(-1).tolist()
    )  # fmt: skip


lookup = Namespace(
    "lookup",
    StaticHashTable=StaticHashTable,
    StaticVocabularyTable=StaticVocabularyTable,
    KeyValueTensorInitializer=KeyValueTensorInitializer,
    TextFileInitializer=TextFileInitializer,
    TextFileIndex=TextFileIndex,
    experimental=Namespace("lookup.experimental", MutableHashTable=MutableHashTable),
)
