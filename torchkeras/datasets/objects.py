"""Python lists and number arrays out of old pickled data files, with no pickle machinery at work.

IMDB and Reuters are npz files of object arrays and CIFAR's batches are pickles. Unpickling may
call anything a file names; this reader gives the four names such files need harmless stand-ins
and refuses every other name.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from typing import IO, Any

import numpy as np

_NUMBERS = {"u1": np.uint8, "i4": np.int32, "i8": np.int64, "f4": np.float32, "f8": np.float64}


def read_npz(path: Any) -> dict[str, np.ndarray]:
    """The arrays of an npz file by name; object arrays may hold lists of integers only."""
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            with archive.open(name) as file:
                arrays[name.removesuffix(".npy")] = _read_npy(file, f"{name} in {path}")
    return arrays


def read_npy(path: Any) -> np.ndarray:
    """The array in an npy file; one of objects may hold lists of integers only."""
    with open(path, "rb") as file:
        return _read_npy(io.BytesIO(file.read()), str(path))


def read_pickle(path: Any) -> Any:
    """What a pickle of dicts, lists, bytes, numbers and numeric arrays holds; no names beyond."""
    with open(path, "rb") as file:
        return _settle(_load(file, str(path)), str(path))


def _read_npy(file, where):
    version = np.lib.format.read_magic(file)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read_header is None:
        raise ValueError(f"{where} is of npy version {version}; known are 1.0 and 2.0.")
    shape, fortran, dtype = read_header(file)
    if dtype.hasobject:
        return _object_array(_load(file, where), shape, where)
    size = math.prod(shape) * dtype.itemsize
    data = file.read(size)
    if len(data) != size:
        raise ValueError(f"{where} is cut short.")
    array = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
    return array.copy()


def _object_array(loaded, shape, where):
    items = loaded.content if isinstance(loaded, _Array) else None
    if not isinstance(items, list) or shape != (len(items),):
        raise ValueError(f"{where} is not a row of lists.")
    array = np.empty(shape, dtype=object)
    for index, item in enumerate(items):
        if type(item) is not list or any(type(number) is not int for number in item):
            raise ValueError(f"Item {index} of {where} is not a list of integers.")
        array[index] = item
    return array


class _Array:
    """Stands where numpy would rebuild an array: keeps what the file says of it."""

    def __init__(self, *_):
        self.shape = self.dtype = self.content = None

    def __setstate__(self, state):
        _, self.shape, self.dtype, self.fortran, self.content = state


class _Dtype:
    def __init__(self, name, *_):
        self.name = name.decode("ascii") if isinstance(name, bytes) else name
        self.order = "<"

    def __setstate__(self, state):
        order = state[1]
        self.order = order.decode("ascii") if isinstance(order, bytes) else order


class _Name:
    """A class that is only passed about, such as `numpy.ndarray`; calling it fails."""


def _latin1(text, encoding):
    """How protocol 2 of Python 3 writes bytes."""
    if encoding != "latin1" or not isinstance(text, str):
        raise ValueError(f"bytes written as {encoding!r}")
    return text.encode("latin1")


_STAND_INS = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy", "ndarray"): _Name,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _latin1,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) not in _STAND_INS:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return _STAND_INS[module, name]

    def persistent_load(self, pid):
        raise pickle.UnpicklingError("it refers to objects outside")


def _load(file: IO[bytes], where):
    try:
        return _Unpickler(file, encoding="bytes").load()
    except Exception as error:  # a broken pickle raises nearly anything
        raise ValueError(f"Will not read {where}: {error}") from None


def _settle(value, where):
    """Stand-ins replaced by the arrays they describe."""
    if isinstance(value, dict):
        return {key: _settle(item, where) for key, item in value.items()}
    if not isinstance(value, _Array):
        return value
    dtype = _NUMBERS.get(getattr(value.dtype, "name", None))
    if dtype is None or not isinstance(value.content, bytes) or value.fortran:
        raise ValueError(f"Will not read {where}: it holds an array that is not of plain numbers.")
    dtype = np.dtype(dtype).newbyteorder(value.dtype.order)
    return np.frombuffer(value.content, dtype).reshape(value.shape).copy()
