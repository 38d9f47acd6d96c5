"""Batches of images named in a pandas DataFrame."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np

from ...console import print_msg
from .folders import BatchFromFilesMixin
from .iterators import Iterator

_UNCLASSED = ("input", "multi_output", "raw", None)


class DataFrameIterator(BatchFromFilesMixin, Iterator):
    """Batches of the images of a DataFrame; see `ImageDataGenerator.flow_from_dataframe`."""

    allowed_class_modes = {"binary", "categorical", "input", "multi_output", "raw", "sparse", None}

    def __init__(
        self,
        dataframe: Any,
        directory: Any = None,
        image_data_generator: Any = None,
        x_col: str = "filename",
        y_col: Any = "class",
        weight_col: str | None = None,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: list[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str = "channels_last",
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: Any = "float32",
        validate_filenames: bool = True,
    ):
        self.set_processing_attrs(
            image_data_generator,
            target_size,
            color_mode,
            data_format,
            save_to_dir,
            save_prefix,
            save_format,
            subset,
            interpolation,
            keep_aspect_ratio,
        )
        self.directory = directory or ""
        self.class_mode = class_mode
        self.dtype = dtype
        self._check(dataframe, x_col, y_col, weight_col, classes)
        rows = dataframe
        if validate_filenames:
            rows = self._with_files(rows, x_col)
        if class_mode not in _UNCLASSED:
            rows, self.classes = self._with_classes(rows, y_col, classes)
        if self.split:
            part = slice(*(int(share * len(rows)) for share in self.split))
            rows = rows.iloc[part]
            if class_mode not in _UNCLASSED:
                self.classes = self.classes[part]
        self.filenames = rows[x_col].tolist()
        self._filepaths = [os.path.join(self.directory, name) for name in self.filenames]
        self._sample_weight = rows[weight_col].values if weight_col else None
        if class_mode == "multi_output":
            self._targets = [np.array(rows[column].tolist()) for column in y_col]
        if class_mode == "raw":
            self._targets = rows[y_col].values
        self.samples = len(self.filenames)
        found = "validated" if validate_filenames else "non-validated"
        message = f"Found {self.samples} {found} image filenames"
        if class_mode not in _UNCLASSED:
            message += f" belonging to {len(self.class_indices)} classes"
        print_msg(message + ".")
        Iterator.__init__(self, self.samples, batch_size, shuffle, seed)

    def _check(self, rows, x_col, y_col, weight_col, classes):
        mode = self.class_mode
        if mode not in self.allowed_class_modes:
            raise ValueError(
                "`class_mode` must be 'binary', 'categorical', 'input', 'multi_output', 'raw', "
                f"'sparse' or None; received {mode!r}."
            )
        if mode == "multi_output" and not isinstance(y_col, list):
            raise TypeError(
                "With class_mode='multi_output' `y_col` must be a list of columns; received "
                f"{y_col!r}."
            )
        _check_column(rows, "x_col", x_col, str, "strings")
        if mode in ("binary", "sparse"):
            _check_column(rows, "y_col", y_col, str, f"strings with class_mode={mode!r}")
        if mode == "categorical":
            kinds = f"strings, lists or tuples with class_mode={mode!r}"
            _check_column(rows, "y_col", y_col, (str, list, tuple), kinds)
        if mode == "binary":
            count = len(set(classes or rows[y_col]))
            if count != 2:
                raise ValueError(f"class_mode='binary' needs 2 classes; found {count}.")
        if classes and mode in _UNCLASSED:
            warnings.warn(f"`classes` has no effect with class_mode={mode!r}.", stacklevel=3)
        if weight_col and not np.issubdtype(rows[weight_col].to_numpy().dtype, np.number):
            raise TypeError(f"Column weight_col={weight_col!r} must hold numbers.")

    def _with_files(self, rows, x_col):
        """The rows whose image file exists."""
        names = [os.path.join(self.directory, name) for name in rows[x_col]]
        kept = [
            name.lower().endswith(self.white_list_formats) and os.path.isfile(name)
            for name in names
        ]
        if not all(kept):
            missing = names[kept.index(False)]
            warnings.warn(
                f"{kept.count(False)} of {len(kept)} files of column x_col={x_col!r} do not exist "
                f"or are no images and are left out, the first: {missing}.",
                stacklevel=3,
            )
        return rows[np.array(kept, dtype=bool)]

    def _with_classes(self, rows, y_col, classes):
        """The rows of the wanted classes and their class numbers."""
        labels = list(rows[y_col])
        if classes:
            names = list(dict.fromkeys(classes))
        else:
            listed = (label if isinstance(label, (list, tuple)) else [label] for label in labels)
            names = sorted({name for names in listed for name in names})
        self.class_indices = {name: number for number, name in enumerate(names)}
        numbers: list = []
        for label in labels:
            if isinstance(label, (list, tuple)):
                known = [self.class_indices[name] for name in label if name in self.class_indices]
                numbers.append(known or None if classes else known)
            else:
                numbers.append(self.class_indices.get(label))
        kept = np.array([number is not None for number in numbers], dtype=bool)
        return rows[kept], [number for number in numbers if number is not None]

    def _described(self):
        if self.n:
            return super()._described()
        return f"no row of the DataFrame names an image below {self.directory or os.getcwd()}"

    @property
    def filepaths(self) -> list[str]:
        """The path of every image."""
        return self._filepaths

    @property
    def labels(self) -> Any:
        """The targets of 'raw' and 'multi_output', else class numbers."""
        return self._targets if self.class_mode in ("multi_output", "raw") else self.classes

    @property
    def sample_weight(self) -> Any:
        """The values of `weight_col`, or None."""
        return self._sample_weight


def _check_column(rows, argument, column, kinds, expected):
    if column not in rows:
        raise KeyError(f"{argument}={column!r}: the data frame has the columns {list(rows)}.")
    for number, value in enumerate(rows[column]):
        if not isinstance(value, kinds):
            raise TypeError(
                f"Column {argument}={column!r} must hold {expected}; row {number} holds {value!r}."
            )
