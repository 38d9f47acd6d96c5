"""`HDF5Matrix`: a data set of an HDF5 file in the place of an array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..saving import h5


class HDF5Matrix:
    """Rows `start` to `end` of a data set in an HDF5 file, read as they are asked for.

    `fit`, `evaluate` and `predict` take it for an array and read a batch at a time; shuffle with
    `shuffle="batch"` to read neighbours. `normalizer` is a function of the rows that were read.
    Keras had this name up to 2.3; an open h5py data set serves as well. ImportError without h5py,
    KeyError where the file has no such data set, ValueError where its rows are in another file.

    >>> import h5py, tempfile
    >>> path = tempfile.mkdtemp() + "/data.h5"
    >>> with h5py.File(path, "w") as file:
    ...     _ = file.create_dataset("x", data=np.arange(10).reshape(5, 2))
    >>> rows = HDF5Matrix(path, "x", start=1, end=4, normalizer=lambda x: x / 2)
    >>> rows.shape, rows[0].tolist(), rows[1:].tolist()
    ((3, 2), [1.0, 1.5], [[2.0, 2.5], [3.0, 3.5]])
    """

    def __init__(
        self,
        datapath: Any,
        dataset: str,
        start: int = 0,
        end: int | None = None,
        normalizer: Callable[[np.ndarray], np.ndarray] | None = None,
    ):
        try:
            self.data = h5.rows(str(datapath), dataset)
        except ImportError as error:
            raise ImportError("HDF5Matrix needs h5py: pip install h5py.") from error
        count = self.data.shape[0]
        self.start, self.end = start, count if end is None else end
        if not 0 <= self.start <= self.end <= count:
            raise ValueError(
                f"Rows {self.start} to {self.end} are not in the data set {dataset!r} of "
                f"{datapath}, which has {count}."
            )
        self.normalizer = normalizer

    def __len__(self) -> int:
        return self.end - self.start

    def __getitem__(self, key: Any) -> Any:
        """Rows by number, slice, or a list or array of numbers in any order."""
        if isinstance(key, slice):
            start, stop, step = key.indices(len(self))
            if step > 0:
                read = self.data[self.start + start : self.start + max(start, stop) : step]
            else:  # which h5py does not know
                read = self.data[self.start : self.end][key]
        else:
            numbers = np.asarray(key)
            wrong = numbers[(numbers < -len(self)) | (numbers >= len(self))]
            if wrong.size:
                raise IndexError(f"There is no row {wrong.flat[0]}: there are {len(self)} rows.")
            some, back = np.unique(numbers % max(len(self), 1), return_inverse=True)
            read = self.data[some + self.start][back.reshape(numbers.shape)]
        return read if self.normalizer is None else self.normalizer(read)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self), *self.data.shape[1:])

    @property
    def dtype(self) -> Any:
        """The dtype in the file, or what the normalizer makes of it."""
        return self.data.dtype if self.normalizer is None else self[:1].dtype

    @property
    def ndim(self) -> int:
        return self.data.ndim

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))
