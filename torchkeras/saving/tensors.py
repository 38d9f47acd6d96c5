"""`state_dict`s as `.safetensors` and `.pt` files, under the names that torch gives tensors.

A `.pt` file is a zip archive with a pickle in it. Nothing that it names is called: the few names
that a `state_dict` needs have stand-ins here, all others are refused.
"""

from __future__ import annotations

import collections
import json
import math
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .archive import place_of
from .checksums import Checks
from .files import Disk

_CHECKSUMS = "torchkeras_checksums"
_MOST_AXES = 64  # of a tensor of torch
_LARGEST_HEADER = 100 * 10**6  # as the safetensors library has it
_DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8,
    "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip
_CODES = {dtype: code for code, dtype in _DTYPES.items()}


def write(path: str, kind: str, state: dict[str, Tensor]) -> None:
    """A new file of the kind 'safetensors' or 'pt' with the tensors of a `state_dict`."""
    state = {name: tensor.detach().cpu() for name, tensor in state.items()}
    if kind == "pt":
        _write_pt(path, state)
    else:
        _write_safetensors(path, state)


def read(
    path: str, kind: str, check: Callable[[dict[str, tuple]], None] = lambda shapes: None
) -> tuple[dict[str, Tensor], int]:
    """The tensors of a file by their names, and how many of them had a checksum to agree with.

    `check` is given the shapes by name before a tensor is made, and may raise.
    """
    if kind == "safetensors":
        return _read_safetensors(path, check)
    return _read_pt(path, check), 0


def load(model: torch.nn.Module, path: str, kind: str) -> None:
    """Give a model the tensors of a file; ValueError, and no change, if they are not its own."""
    own = model.state_dict()

    def check(shapes):
        for what, names in (("lacks", own.keys() - shapes), ("has unknown", shapes.keys() - own)):
            if names:
                listed = ", ".join(name[:100] for name in sorted(names)[:10])
                raise ValueError(f"{path}: it {what} tensors of model {model.name!r}: {listed}.")
        for name, shape in shapes.items():
            if shape != tuple(own[name].shape):
                raise ValueError(
                    f"{path}: the tensor {name!r} has shape {shape}; the model's has "
                    f"{tuple(own[name].shape)}."
                )

    found, _ = read(path, kind, check)
    with torch.no_grad():
        for name, tensor in found.items():
            own[name].copy_(tensor)


# --- safetensors -----------------------------------------------------------------------------


def _write_safetensors(path, state):
    """The format of https://github.com/huggingface/safetensors: a JSON header, then the bytes."""
    header: dict[str, Any] = {}
    parts, position = {}, 0
    for name, tensor in state.items():
        if tensor.dtype not in _CODES:
            raise ValueError(f"safetensors cannot hold {name!r} of the dtype {tensor.dtype}.")
        part = parts[name] = _bytes_of(tensor)
        header[name] = {
            "dtype": _CODES[tensor.dtype], "shape": list(tensor.shape),
            "data_offsets": [position, position + len(part)],
        }  # fmt: skip
        position += len(part)
    longest = _header(header, dict.fromkeys(parts, 2**32 - 1))
    size = len(longest) + -len(longest) % 8
    with open(path, "xb") as file, Checks() as checks:
        file.write(bytes(8 + size))
        sums = {}
        for name, part in parts.items():
            sums[name] = checks.of(part)
            file.write(part)
        text = _header(header, {name: checksum() for name, checksum in sums.items()})
        file.seek(0)
        file.write(struct.pack("<Q", size) + text.ljust(size))


def _header(described, sums):
    metadata = {"format": "pt", _CHECKSUMS: json.dumps(sums)}
    return json.dumps({**described, "__metadata__": metadata}).encode()


def _read_safetensors(path, check):
    size = os.path.getsize(path)
    with open(path, "rb") as file, Checks() as checks:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else size
        if length > min(size - 8, _LARGEST_HEADER):
            raise OSError(f"{path} is damaged: its header declares {length} bytes.")
        try:
            header = json.loads(file.read(length))
            described = {name: entry for name, entry in header.items() if name != "__metadata__"}
            sums = json.loads((header.get("__metadata__") or {}).get(_CHECKSUMS, "{}"))
            entries = sorted(
                (*entry["data_offsets"], name, _DTYPES[entry["dtype"]], tuple(entry["shape"]))
                for name, entry in described.items()
            )
            plain = all(
                type(n) is int and 0 <= n < 2**63 for e in entries for n in (e[0], e[1], *e[4])
            ) and isinstance(sums, dict)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise OSError(f"{path} is damaged: its header cannot be read.") from error
        position, rest = 0, size - 8 - length
        for begin, end, _, dtype, shape in entries if plain else [(-1, 0, "", None, ())]:
            wanted = math.prod(shape) * (dtype.itemsize if dtype else 0)
            if begin != position or end - begin != wanted or end > rest or not _can_be(shape):
                raise OSError(f"{path} is damaged: the places of its tensors do not fit.")
            position = end
        if position != rest:
            raise OSError(f"{path} is damaged: it is longer than its header says.")
        check({name: shape for _, _, name, _, shape in entries})
        found = {}
        for begin, end, name, dtype, shape in entries:
            content = _read_bytes(file, end - begin)
            if name in sums:
                complaint = f"{path} is damaged: {name} is not what was written."
                checks.expect(checks.of(content.numpy()), sums[name], complaint)
            found[name] = content.view(dtype).reshape(shape)
    return found, len(set(sums) & set(found))


def _can_be(shape):
    """Whether torch can make a tensor of this shape, which without numbers is not plain."""
    return len(shape) <= _MOST_AXES and math.prod(n or 1 for n in shape) < 2**59


def _bytes_of(tensor):
    flat = tensor.contiguous().reshape(-1)
    return memoryview(flat.view(torch.uint8).numpy()) if flat.numel() else memoryview(b"")


def _read_bytes(file, count):
    content = torch.empty(count, dtype=torch.uint8)
    if count and file.readinto(content.numpy()) != count:
        raise OSError(f"{file.name} is damaged: it is shorter than it says.")
    return content


# --- .pt -------------------------------------------------------------------------------------


def _write_pt(path, state):
    with open(path, "xb", buffering=0) as raw:
        disk = Disk(raw)
        torch.save(state, disk)
        if disk.error is not None:
            raise disk.error


class _Storage:
    """Stands for the bytes that a tensor lies in."""

    def __init__(self, dtype, name, count):
        self.dtype, self.name, self.count = dtype, name, count


class _Stored:
    """What `torch._utils._rebuild_tensor_v2` is told."""

    def __init__(self, storage, offset, size, stride, *_):
        self.storage, self.offset, self.size, self.stride = storage, offset, size, stride


def _parameter(data, *_):
    return data


_STORAGES = {
    "DoubleStorage": torch.float64, "FloatStorage": torch.float32, "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16, "LongStorage": torch.int64, "IntStorage": torch.int32,
    "ShortStorage": torch.int16, "CharStorage": torch.int8, "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}  # fmt: skip


def _new_dict():
    return collections.OrderedDict()


_STAND_INS = {
    ("collections", "OrderedDict"): _new_dict,
    ("torch._utils", "_rebuild_tensor_v2"): _Stored,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    **{("torch", name): dtype for name, dtype in _STORAGES.items()},
}
_OPCODES = (  # what a `state_dict` is written with; others reserve what a file asks for, or hang
    "PROTO FRAME STOP MARK EMPTY_DICT EMPTY_LIST EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 "
    "NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 BINFLOAT BINUNICODE SHORT_BINUNICODE "
    "GLOBAL STACK_GLOBAL BINPUT LONG_BINPUT BINGET LONG_BINGET MEMOIZE BINPERSID REDUCE BUILD "
    "LIST APPEND APPENDS SETITEM SETITEMS"
).split()


class _Unpickler(pickle._Unpickler):  # the one in C reserves what a file asks for
    dispatch = {  # noqa: RUF012
        code: step
        for code, step in pickle._Unpickler.dispatch.items()
        if code in {getattr(pickle, name)[0] for name in _OPCODES}
    }

    def load_setitem(self):
        self._check_names(self.stack[-2:-1])
        super().load_setitem()

    def load_setitems(self):
        self._check_names(self.stack[::2])
        super().load_setitems()

    def load_build(self):
        self.stack.pop()  # the versions of modules, which a dictionary may have
        if not isinstance(self.stack[-1], dict):
            raise pickle.UnpicklingError("it changes something else than a dictionary")

    dispatch |= {
        pickle.SETITEM[0]: load_setitem,
        pickle.SETITEMS[0]: load_setitems,
        pickle.BUILD[0]: load_build,
    }

    def _check_names(self, names):
        for name in names:
            _plain_text(name)  # the hash of a tuple in tuples can take for ever

    def find_class(self, module, name):
        if (module, name) not in _STAND_INS:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return _STAND_INS[module, name]

    def persistent_load(self, pid):
        kind, dtype, name, _, count = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype) or type(count) is not int:
            raise pickle.UnpicklingError("it refers to something else than numbers")
        return _Storage(dtype, _plain_text(name), count)


def _plain_text(name):
    if not isinstance(name, (str, int)):
        raise pickle.UnpicklingError("its names are no texts")
    return str(name)


def _read_pt(path, check):
    try:
        with (
            open(path, "rb") as file,
            zipfile.ZipFile(file) as members,
            Checks() as checks,
        ):
            infos = {info.filename: info for info in members.infolist()}
            (index,) = [name for name in infos if name.endswith("/data.pkl")]
            size = os.path.getsize(path)
            if any(info.compress_type for info in infos.values()):
                raise ValueError("its members are compressed")
            if sum(info.file_size for info in infos.values()) > size:
                raise ValueError("its members are larger than the file")
            prefix = index.removesuffix("data.pkl")
            if f"{prefix}byteorder" in infos and members.read(f"{prefix}byteorder") != b"little":
                raise ValueError("its numbers are big-endian")
            with members.open(index) as pickled:
                stored = _Unpickler(pickled).load()
            if not isinstance(stored, dict):
                raise ValueError("it is no dictionary of tensors")
            stored = {_plain_text(name): _checked(one) for name, one in stored.items()}
            check({name: one.size for name, one in stored.items()})
            storages: dict[str, Tensor] = {}

            def whole(storage):
                if storage.name not in storages:
                    info = infos[f"{prefix}data/{storage.name}"]
                    file.seek(place_of(members, info))
                    content = _read_bytes(file, info.file_size)
                    complaint = f"{info.filename} is damaged"
                    checks.expect(checks.of(content.numpy()), info.CRC, complaint)
                    storages[storage.name] = content.view(storage.dtype)
                return storages[storage.name]

            return {name: _settled(one, whole(one.storage)) for name, one in stored.items()}
    except FileNotFoundError:
        raise
    except Exception as error:  # a broken pickle raises nearly anything
        if str(error).startswith(str(path)):
            raise
        raise ValueError(f"{path} is not read as a state_dict: {error}") from None


def _checked(stored):
    """A description of a tensor that can be one, its size as a tuple."""
    if not isinstance(stored, _Stored) or not isinstance(stored.storage, _Storage):
        raise ValueError("it holds something else than tensors")
    numbers = (stored.offset, stored.storage.count, *stored.size, *stored.stride)
    if any(type(n) is not int or not 0 <= n < 2**63 for n in numbers):
        raise ValueError("a tensor in it has a size that is no number")
    stored.size, stored.stride = tuple(stored.size), tuple(stored.stride)
    steps = zip(stored.size, stored.stride, strict=True)
    last = stored.offset + sum(max(n - 1, 0) * step for n, step in steps)
    if 0 not in stored.size and last >= stored.storage.count:
        raise ValueError("a tensor in it reaches beyond its bytes")
    if not _can_be(stored.size) or math.prod(stored.size) > stored.storage.count:
        raise ValueError("a tensor in it is larger than its bytes")
    return stored


def _settled(stored, whole):
    """The tensor that is stored, which shares the bytes that it was saved in."""
    if len(whole) != stored.storage.count:
        raise ValueError("a tensor in it has another number of bytes than it says")
    return whole.as_strided(stored.size, stored.stride, stored.offset)
