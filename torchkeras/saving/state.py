"""Nested values and tensors in one file of plain data: no pickle, and damage is found.

Layout: the magic line, the length of the header (8 bytes, little endian), its checksum (4 bytes),
the header as JSON, then the bytes of all arrays. The header holds the values and, for each array,
its dtype, shape, place and checksum.
"""

from __future__ import annotations

import json
import math
import os
import zlib
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .files import replacing

MAGIC = b"torchkeras state 1\n"
_HEADER_LIMIT = 2**28  # bytes; no state of a run comes near it


def write_state(path: str, value: Any) -> None:
    """Write dicts, lists, tuples, numbers, texts, bytes, arrays and tensors to `path` at once."""
    arrays: list[tuple[dict, bytes]] = []
    told = _encode(value, arrays)
    start = 0
    for row, data in arrays:
        row |= {"start": start, "size": len(data), "crc": zlib.crc32(data)}
        start += len(data)
    header = json.dumps({"value": told, "arrays": [row for row, _ in arrays]}).encode()
    with replacing(path) as temporary, open(temporary, "wb") as file:
        file.write(MAGIC)
        file.write(len(header).to_bytes(8, "little"))
        file.write(zlib.crc32(header).to_bytes(4, "little"))
        file.write(header)
        for _, data in arrays:
            file.write(data)


def read_state(path: str) -> Any:
    """What `write_state` wrote, tensors on the CPU; ValueError naming the file if it is damaged.

    Nothing is made that is larger than the file.
    """
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise ValueError(f"{path} is not a file of this kind, or its beginning is damaged.")
        length = int.from_bytes(file.read(8), "little")
        checksum = int.from_bytes(file.read(4), "little")
        if length > min(size, _HEADER_LIMIT):
            raise ValueError(f"{path} is cut short or damaged: its header does not fit.")
        header = file.read(length)
        if len(header) != length or zlib.crc32(header) != checksum:
            raise ValueError(f"{path} is cut short or damaged: its header is not what was written.")
        rest = size - file.tell()
        try:
            known = json.loads(header)
            if sum(row["size"] for row in known["arrays"]) != rest:
                raise ValueError(f"{rest} bytes of arrays are there")
            arrays = [_array(file.read(row["size"]), row) for row in known["arrays"]]
            return _decode(known["value"], arrays)
        except (ValueError, TypeError, LookupError, AttributeError, RuntimeError) as error:
            raise ValueError(f"{path} is cut short or damaged: {error}.") from error


# --- values as JSON ----------------------------------------------------------------------------


def _encode(value, arrays):
    """`value` as JSON; what JSON does not know is a dict with one key that begins with '~'."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"~float": repr(value)}
    if isinstance(value, dict):
        pairs = [[_encode(k, arrays), _encode(v, arrays)] for k, v in value.items()]
        return {"~dict": pairs}
    if isinstance(value, tuple):
        return {"~tuple": [_encode(item, arrays) for item in value]}
    if isinstance(value, list):
        return [_encode(item, arrays) for item in value]
    return {"~array": _keep(value, arrays)}


def _keep(value, arrays):
    kind = "bytes"
    if isinstance(value, Tensor):
        kind, dtype, shape = "tensor", str(value.dtype).removeprefix("torch."), list(value.shape)
        flat = value.detach().cpu().contiguous().reshape(-1)
        data = flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
    elif isinstance(value, (np.ndarray, np.generic)) and np.asarray(value).dtype.kind in "fiubc":
        array = np.asarray(value)
        kind = "array" if isinstance(value, np.ndarray) else "number"
        dtype, shape, data = array.dtype.str, list(array.shape), array.tobytes()
    elif isinstance(value, (bytes, bytearray)):
        dtype, shape, data = "uint8", [len(value)], bytes(value)
    else:
        raise TypeError(f"A state of {type(value).__name__} cannot be written: {value!r}.")
    arrays.append(({"kind": kind, "dtype": dtype, "shape": shape}, data))
    return len(arrays) - 1


def _array(data, row):
    if len(data) != row["size"] or zlib.crc32(data) != row["crc"]:
        raise ValueError("an array is not what was written")
    if row["kind"] == "bytes":
        return data
    if row["kind"] == "tensor":
        dtype = getattr(torch, row["dtype"])
        if not isinstance(dtype, torch.dtype):
            raise ValueError(f"{dtype} is no dtype")
        if not data:
            return torch.empty(row["shape"], dtype=dtype, device="cpu")
        return torch.frombuffer(bytearray(data), dtype=dtype).reshape(row["shape"])
    array = np.frombuffer(data, np.dtype(row["dtype"])).reshape(row["shape"]).copy()
    return array if row["kind"] == "array" else array[()]


def _decode(told, arrays):
    if isinstance(told, list):
        return [_decode(item, arrays) for item in told]
    if not isinstance(told, dict):
        return told
    ((kind, inner),) = told.items()
    if kind == "~dict":
        return {_decode(k, arrays): _decode(v, arrays) for k, v in inner}
    if kind == "~tuple":
        return tuple(_decode(item, arrays) for item in inner)
    return float(inner) if kind == "~float" else arrays[inner]
