"""Arrays that are read piece by piece: memory maps, HDF5 data sets, sparse matrices."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..arrays import as_tensor
from .elements import Strings

_READ_AROUND = 2**16  # bytes that Linux reads around a page that is missing


class Deferred:
    """Rows `start` to `stop` of an array-like; each batch of them is read when it is needed.

    Has what `ArrayBatches` asks of a tensor: length, shape, slices, `split` and `index_select`.
    """

    device = torch.device("cpu")

    def __init__(self, array: Any, start: int = 0, stop: int | None = None):
        self.array, self.start = array, start
        self.stop = array.shape[0] if stop is None else stop
        self.shape = (self.stop - start, *array.shape[1:])
        self.ndim = len(self.shape)
        self._advice: str | None = None

    @staticmethod
    def accepts(value: Any) -> bool:
        """Whether `value` is an array that should not be read as a whole."""
        if isinstance(value, np.memmap) or hasattr(value, "tocsr"):
            return True
        if isinstance(value, (np.ndarray, np.generic, Tensor)) or hasattr(value, "numpy"):
            return False
        return all(hasattr(value, name) for name in ("shape", "dtype", "__getitem__")) and not (
            hasattr(value, "to_numpy") or hasattr(value, "__torch_function__")
        )

    @classmethod
    def of(cls, value: Any) -> Deferred:
        """`value`, rows of a sparse matrix in the layout that gives rows."""
        return cls(value.tocsr() if hasattr(value, "tocsr") else value)

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the tensors that are read."""
        return _read(self.array[:0]).dtype

    def __len__(self) -> int:
        return self.stop - self.start

    def __getitem__(self, rows: slice) -> Deferred:
        start, stop, step = rows.indices(len(self))
        if step != 1:
            raise ValueError("Rows that are read piece by piece must follow one another.")
        return Deferred(self.array, self.start + start, self.start + max(start, stop))

    def split(self, size: int) -> Iterator[Tensor]:
        """The rows as tensors of `size` rows each, the last one shorter."""
        self._expect("MADV_NORMAL")
        for start in range(self.start, self.stop, size):
            yield _read(self.array[start : min(start + size, self.stop)])

    def index_select(self, axis: int, index: Tensor) -> Tensor:
        """The rows of the numbers in `index`, read in the order in which they lie."""
        self._expect("MADV_RANDOM")
        rows, back = np.unique(index.cpu().numpy(), return_inverse=True)
        return _read(self.array[rows + self.start])[torch.from_numpy(back)]

    def _expect(self, advice):
        """Tell the system how a memory map of short rows is read: around a row or not."""
        mapped = getattr(self.array, "_mmap", None)
        if advice == self._advice or not hasattr(mapped, "madvise") or not hasattr(mmap, advice):
            return
        self._advice = advice
        if self.array[:1].nbytes < _READ_AROUND:
            mapped.madvise(getattr(mmap, advice))

    def is_floating_point(self) -> bool:
        """False: what is not read cannot be looked at."""
        return False


class Texts(Deferred):
    """Texts, which stay on the host: batches of them are `Strings`."""

    def __getitem__(self, rows: slice) -> Texts:
        return Texts(self.array[self.start : self.stop][rows])

    def split(self, size: int) -> Iterator[Strings]:
        """The rows in arrays of `size` rows each, the last one shorter."""
        for start in range(self.start, self.stop, size):
            yield self.array[start : min(start + size, self.stop)]

    def index_select(self, axis: int, index: Tensor) -> Strings:
        """The rows of the numbers in `index`."""
        return self.array[index.cpu().numpy() + self.start]


def _read(piece):
    if hasattr(piece, "toarray"):
        piece = piece.toarray()
    return as_tensor(np.array(piece))
