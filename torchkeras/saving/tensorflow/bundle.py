"""Bundles of named tensors: what TensorFlow calls a checkpoint, an `.index` and `.data` files.

The index is a table whose values are `BundleEntryProto` messages (tensorflow/core/protobuf/
tensor_bundle.proto): dtype, shape, and where in which data file the values and their checksum are.
"""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
import torch

from ..files import replacing
from . import table
from .crc32c import crc32c, masked
from .protobuf import as_varint, encode, fields, fixed32, message, number, varint

_LARGEST_INDEX = 256 * 2**20
_LARGEST_TEXT = 256 * 2**20
_MOST_SHARDS = 2**16
STRING = 7
DTYPES = {  # tensorflow/core/framework/types.proto
    1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 9: "int64",
    10: "bool", 14: "bfloat16", 17: "uint16", 19: "float16", 22: "uint32", 23: "uint64",
}  # fmt: skip
_NUMBERS = {name: number for number, name in DTYPES.items()}


class Entry:
    """One tensor of a bundle: dtype and shape as declared, and where its values are."""

    def __init__(self, value: bytes):
        self.dtype = self.shard = self.offset = self.size = self.crc = 0
        self.shape: tuple[int, ...] = ()
        for field, item in fields(value):
            if field == 1:
                self.dtype = number(item)
            elif field == 2:
                self.shape = _shape(message(item))
            elif field in (3, 4, 5):
                setattr(self, {3: "shard", 4: "offset", 5: "size"}[field], number(item))
            elif field == 6:
                self.crc = number(item)
            elif field == 7:
                raise ValueError("it is stored in slices, which are not read")


def _shape(proto):
    sizes = []
    for field, item in fields(proto):
        if field == 2:
            sizes.append(next((number(v) for f, v in fields(message(item)) if f == 1), 0))
    if any(size < 0 for size in sizes):
        raise ValueError(f"it has the shape {tuple(sizes)}")
    return tuple(sizes)


class Bundle:
    """The tensors of a checkpoint by their keys; `prefix` is what its file names begin with.

    OSError where a file is missing or damaged, ValueError where one holds something else.
    """

    def __init__(self, prefix: str):
        self.prefix, self.file = prefix, prefix + ".index"
        with open(self.file, "rb") as file:
            data = file.read(_LARGEST_INDEX + 1)
        if len(data) > _LARGEST_INDEX:
            raise ValueError(f"{self.file} is larger than {_LARGEST_INDEX} bytes.")
        self._raw: dict[str, bytes] = {}
        try:
            for key, value in table.read(data):
                self._raw[key.decode()] = value
            self.shards = self._header(self._raw.pop("", b""))
        except (ValueError, IndexError) as error:
            raise OSError(f"{self.file} is damaged or no checkpoint: {error}.") from error

    def _header(self, value):
        found = dict(fields(value))
        if found.get(2):
            raise ValueError("its numbers are big-endian")
        shards = number(found.get(1, 0))
        if not 0 <= shards <= _MOST_SHARDS:
            raise ValueError(f"it says that it has {shards} files")
        return shards

    def __contains__(self, key: str) -> bool:
        return key in self._raw

    def keys(self) -> list[str]:
        return list(self._raw)

    def size(self) -> int:
        """How many bytes the data files have together."""
        return sum(
            os.path.getsize(path) for path in map(self._shard, range(self.shards))
            if os.path.exists(path)
        )  # fmt: skip

    def entry(self, key: str) -> Entry:
        """What the index says of a tensor."""
        if key not in self._raw:
            raise ValueError(f"{self.file} has no {key!r}.")
        try:
            return Entry(self._raw[key])
        except ValueError as error:
            raise ValueError(f"{self.file}: {key!r} cannot be read: {error}.") from error

    def array(self, key: str) -> Any:
        """The values of a tensor of numbers, with the shape that the index declares.

        A numpy array; a tensor of torch for bfloat16, which numpy does not have.
        """
        entry = self.entry(key)
        name = DTYPES.get(entry.dtype)
        if name is None:
            raise ValueError(f"{self.file}: {key!r} has the TensorFlow dtype {entry.dtype}.")
        kind = np.dtype("uint16" if name == "bfloat16" else name)
        if math.prod(entry.shape) * kind.itemsize != entry.size:
            raise OSError(
                f"{self.file} is damaged: {key!r} of shape {entry.shape} and dtype {name} cannot "
                f"take {entry.size} bytes."
            )
        data = self._bytes(key, entry)
        if masked(data) != entry.crc:
            raise self._damaged(key, entry)
        values = np.frombuffer(data, kind).reshape(entry.shape)
        if name == "bfloat16":
            return torch.from_numpy(values.view(np.int16).copy()).view(torch.bfloat16)
        return values

    def texts(self, key: str) -> list[bytes]:
        """The values of a tensor of strings, flat."""
        entry = self.entry(key)
        if entry.dtype != STRING or entry.size > _LARGEST_TEXT:
            raise ValueError(f"{self.file}: {key!r} is no text, or too large.")
        data = self._bytes(key, entry)
        count, at, sizes = math.prod(entry.shape), 0, []
        try:
            if count > len(data):
                raise ValueError("it has fewer texts than it says")
            for _ in range(count):
                size, at = varint(data, at)
                sizes.append(size)
            if at + 4 + sum(sizes) != len(data):
                raise ValueError("its texts have other lengths than it says")
        except ValueError as error:
            raise OSError(f"{self.file} is damaged: {key!r}: {error}.") from error
        lengths = _lengths_as_integers(sizes)
        crc = crc32c(data[at : at + 4], crc32c(lengths))
        if masked(data[at + 4 :], crc) != entry.crc:
            raise self._damaged(key, entry)
        found, at = [], at + 4
        for size in sizes:
            found.append(data[at : at + size])
            at += size
        return found

    def _bytes(self, key, entry):
        path = self._shard(entry.shard)
        if not 0 <= entry.shard < self.shards or entry.offset < 0 or entry.size < 0:
            raise OSError(f"{self.file} is damaged: {key!r} is said to be outside of its files.")
        with open(path, "rb") as file:
            if entry.offset + entry.size > os.fstat(file.fileno()).st_size:
                raise OSError(f"{path} is cut off: it ends before the values of {key!r}.")
            file.seek(entry.offset)
            return file.read(entry.size)

    def _shard(self, index):
        return f"{self.prefix}.data-{index:05d}-of-{self.shards:05d}"

    def _damaged(self, key, entry):
        return OSError(f"{self._shard(entry.shard)} is damaged: {key!r} is not what was written.")


def _lengths_as_integers(sizes):
    return b"".join(s.to_bytes(4 if s < 2**32 else 8, "little") for s in sizes)


# --- writing ---------------------------------------------------------------------------------


def write(prefix: str, tensors: dict[str, Any]) -> None:
    """Write arrays, and texts given as bytes, as a checkpoint of one data file.

    The index, without which there is no checkpoint, is replaced last.
    """
    entries = [(b"", encode((1, 1), (3, encode((1, 1)))))]
    with replacing(f"{prefix}.data-00000-of-00001") as temporary:
        with open(temporary, "xb") as file:
            for key in sorted(tensors):
                dtype, shape, parts, crc = _stored(tensors[key])
                sizes = _sizes(shape)
                offset = file.tell()
                for piece in parts:
                    file.write(piece)
                value = encode((1, dtype), (2, sizes), (4, offset), (5, file.tell() - offset))
                entries.append((key.encode(), value + fixed32(6, crc)))
    with replacing(f"{prefix}.index") as temporary:
        with open(temporary, "xb") as file:
            file.write(table.write(entries))


def declared(value: Any) -> tuple[int, bytes]:
    """TensorFlow's number of an array's dtype, and its shape as a `TensorShapeProto`."""
    return _NUMBERS[str(value.dtype).removeprefix("torch.")], _sizes(value.shape)


def _sizes(shape):
    return encode(*((2, encode((1, size))) for size in shape))


def _stored(value):
    """Dtype, shape, the bytes in the data file and their checksum."""
    if isinstance(value, bytes):
        sizes = _lengths_as_integers([len(value)])
        check = masked(sizes).to_bytes(4, "little")
        crc = masked(value, crc32c(check, crc32c(sizes)))
        return STRING, (), (as_varint(len(value)), check, value), crc
    if isinstance(value, torch.Tensor) and value.dtype == torch.bfloat16:
        shape, name = tuple(value.shape), "bfloat16"
        value = value.detach().cpu().contiguous().view(torch.int16).numpy()
    else:
        value = np.asarray(value)
        shape, name = value.shape, value.dtype.name
    if name not in _NUMBERS:
        raise ValueError(f"A checkpoint cannot hold numbers of the type {name}.")
    data = np.ascontiguousarray(value).tobytes()
    return _NUMBERS[name], shape, (data,), masked(data)
