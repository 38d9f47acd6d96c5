"""Comma-separated values: `tf.io.decode_csv` and `tf.data.experimental.make_csv_dataset`."""

from __future__ import annotations

import csv
import glob
import gzip
import io
import os
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...data import Dataset, Strings
from ...precision import torch_dtype
from .calls import is_text, tensor


def decode_csv(
    records: Any,
    record_defaults: Any,
    field_delim: str = ",",
    use_quote_delim: bool = True,
    na_value: str = "",
    select_cols: Any = None,
    name: str | None = None,
) -> list:
    """The fields of lines, each as a tensor of the type of its default."""
    texts = records if isinstance(records, Strings) else Strings.of(records)
    rows = list(_rows(texts.ravel().tolist(), field_delim, use_quote_delim))
    numbers = range(len(record_defaults)) if select_cols is None else select_cols
    columns = []
    for number, default in zip(numbers, record_defaults, strict=True):
        fields = [row[number] for row in rows]
        columns.append(_column(fields, default, na_value, number).reshape(texts.shape))
    return columns


def make_csv_dataset(
    file_pattern: Any,
    batch_size: int,
    column_names: Any = None,
    column_defaults: Any = None,
    label_name: str | None = None,
    select_columns: Any = None,
    field_delim: str = ",",
    use_quote_delim: bool = True,
    na_value: str = "",
    header: bool = True,
    num_epochs: int | None = None,
    shuffle: bool = True,
    shuffle_buffer_size: int = 10000,
    shuffle_seed: int | None = None,
    prefetch_buffer_size: int | None = None,
    num_parallel_reads: int | None = None,
    sloppy: bool = False,
    num_rows_for_inference: int | None = 100,
    compression_type: str | None = None,
    ignore_errors: bool = False,
    encoding: str = "utf-8",
) -> Dataset:
    """Batches of the rows of files as dicts of columns, or as pairs of those and the labels.

    Files are read as a whole. Without `num_epochs` there is no end. ValueError for rows that
    differ in length, for values that are no numbers in a column of numbers, and for a
    `label_name` that no column has.
    """
    paths = _paths(file_pattern)
    tables = []
    for path in paths:
        with _opened(path, compression_type, encoding) as file:
            tables.append(list(_rows(file, field_delim, use_quote_delim)))
    if column_names is None:
        if not header:
            raise ValueError("make_csv_dataset needs `column_names` where files have no header.")
        column_names = tables[0][0]
        if any(table[0] != column_names for table in tables):
            raise ValueError(f"The files have different headers: {paths}.")
    column_names = list(column_names)
    if len(set(column_names)) != len(column_names):
        raise ValueError(f"Columns need different names; received {column_names}.")
    rows = []
    for path, table in zip(paths, tables, strict=True):
        for number, row in enumerate(table[header:], 1 + header):
            if len(row) == len(column_names):
                rows.append(row)
            elif not ignore_errors:
                raise ValueError(
                    f"Line {number} of {path} has {len(row)} values; expected "
                    f"{len(column_names)}, those of {column_names}."
                )
    chosen = column_names if select_columns is None else _chosen(select_columns, column_names)
    if label_name is not None and label_name not in chosen:
        raise ValueError(f"label_name={label_name!r} is none of the columns {chosen}.")
    if column_defaults is not None and len(column_defaults) != len(chosen):
        raise ValueError(
            f"{len(column_defaults)} column_defaults were given for the {len(chosen)} columns "
            f"{chosen}."
        )
    features = OrderedDict()
    for index, name in enumerate(chosen):
        position = column_names.index(name)
        fields = [row[position] for row in rows]
        if column_defaults is None:
            default = _inferred(fields[:num_rows_for_inference], na_value)
        else:
            default = column_defaults[index]
        features[name] = _column(fields, default, na_value, name)
    label = None if label_name is None else features.pop(label_name)
    dataset = Dataset.from_tensor_slices(features if label is None else (features, label))
    if shuffle:
        dataset = dataset.shuffle(shuffle_buffer_size, shuffle_seed)
    dataset = dataset.repeat(num_epochs).batch(batch_size, drop_remainder=num_epochs is None)
    return dataset.prefetch(1 if prefetch_buffer_size is None else prefetch_buffer_size)


def _rows(lines: Iterable[str], delimiter: str, quoted: bool):
    quoting = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    return (row for row in csv.reader(lines, delimiter=delimiter, quoting=quoting) if row)


def _paths(pattern: Any) -> list[str]:
    patterns = pattern if isinstance(pattern, (list, tuple)) else [pattern]
    found = [path for one in patterns for path in sorted(glob.glob(os.fsdecode(one)))]
    if not found:
        raise ValueError(f"No file matches {', '.join(map(repr, patterns))}.")
    return found


def _opened(path: str, compression: str | None, encoding: str):
    if compression == "GZIP":
        return gzip.open(path, "rt", encoding=encoding, newline="")
    if compression == "ZLIB":
        with open(path, "rb") as file:
            return io.StringIO(zlib.decompress(file.read()).decode(encoding), newline="")
    return open(path, encoding=encoding, newline="")


def _chosen(select: Any, names: list[str]) -> list[str]:
    unknown = [one for one in select if isinstance(one, str) and one not in names]
    if unknown:
        raise ValueError(f"select_columns names {unknown}, but the columns are {names}.")
    chosen = {one if isinstance(one, str) else names[one] for one in select}
    return [name for name in names if name in chosen]


def _column(fields: list[str], default: Any, na_value: str, name: Any) -> Any:
    """Values of one type: that of the default, which stands for what is missing."""
    dtype, default = _type_of(default)
    given = [field if field not in ("", na_value) else default for field in fields]
    if None in given:
        raise ValueError(
            f"Column {name!r} has no value in row {given.index(None)}. Give it a default."
        )
    if dtype is str:
        return Strings.of(np.array(given, dtype=object))
    convert = float if dtype.is_floating_point else int
    try:
        return torch.tensor([convert(value) for value in given], dtype=dtype)
    except ValueError as error:
        raise ValueError(f"Column {name!r} of {dtype} cannot be read: {error}.") from None


def _type_of(default: Any) -> tuple[Any, Any]:
    """The type that a default stands for, and its value, None if a value must be given."""
    if isinstance(default, (list, tuple)) and len(default) == 1:
        default = default[0]
    if isinstance(default, Strings):
        return str, default.ravel().tolist()[0] if default.shape.numel() else None
    if isinstance(default, Tensor):
        return default.dtype, default.item() if default.numel() else None
    if isinstance(default, torch.dtype) or _is_type(default):
        return (str, None) if default == "string" else (torch_dtype(default), None)
    if is_text(default):
        return str, default.decode() if isinstance(default, bytes) else default
    made = tensor(default)
    return made.dtype, made.item()


def _is_type(default):
    return isinstance(default, type) or (default == "string" and type(default) is not str)


_KINDS: tuple[tuple[Any, Callable], ...] = (
    (torch.int32, lambda text: abs(int(text)) < 2**31),
    (torch.int64, lambda text: abs(int(text)) < 2**63),
    (torch.float32, lambda text: bool(np.float32(text) < np.inf)),
    (torch.float64, lambda text: bool(np.float64(text) < np.inf)),
)


def _inferred(fields: list[str], na_value: str) -> Any:
    """A default of the first type that has all values."""
    given = [field for field in fields if field not in ("", na_value)]

    def fits(is_one):
        try:
            return all(map(is_one, given))
        except ValueError:
            return False

    found = next((dtype for dtype, is_one in _KINDS if fits(is_one)), None)
    return "" if found is None else torch.zeros((), dtype=found)
