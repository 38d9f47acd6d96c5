"""`tf.strings`, `tf.io` and `tf.io.gfile`: texts as `Strings`, files as Python has them."""

from __future__ import annotations

import functools
import glob as globbing
import os
import re
import shutil
import string
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ... import tree
from ...data import Strings
from ...precision import dtype_name, torch_dtype
from .calls import Namespace, is_text, refused, tensor
from .csv_files import decode_csv
from .image import CODECS

# --- texts ---------------------------------------------------------------------------------------


def _texts(value):
    return value if isinstance(value, Strings) else Strings.of(value)


def _each(value, change):
    texts = _texts(value)
    flat = [change(text) for text in texts.ravel().tolist()]
    return Strings.of(np.array(flat, dtype=object).reshape(texts.shape))


def moving(function: Any) -> Any:
    """A function that only moves elements, for texts too: it is shown numbers in their place."""

    @functools.wraps(function)
    def call(*args, **kwargs):
        kwargs.pop("name", None)
        if not any(is_text(leaf) for leaf in tree.leaves((args, kwargs))):
            return function(*args, **kwargs)
        table: dict[str, int] = {}

        def numbered(leaf):
            if not is_text(leaf):
                return leaf
            texts = _texts(leaf)
            flat = [table.setdefault(text, len(table)) for text in texts.ravel().tolist()]
            return torch.tensor(flat).reshape(texts.shape)

        args, kwargs = tree.map_structure(numbered, (args, kwargs))
        moved = function(*args, **kwargs)
        known = np.array(list(table), dtype=object)
        return tree.map_structure(lambda places: Strings.of(known[places.numpy()]), moved)

    return call


def lower(input: Any, encoding: str = "", name: str | None = None) -> Strings:
    """In small letters; without an encoding only those of ASCII change."""
    return _each(input, str.lower if encoding else lambda text: _ascii(text, str.lower))


def upper(input: Any, encoding: str = "", name: str | None = None) -> Strings:
    """In capital letters."""
    return _each(input, str.upper if encoding else lambda text: _ascii(text, str.upper))


def _ascii(text, change):
    return re.sub("[A-Za-z]+", lambda found: change(found.group()), text)


def strip(input: Any, name: str | None = None) -> Strings:
    """Without space at both ends."""
    return _each(input, str.strip)


def regex_replace(input: Any, pattern: str, rewrite: str, replace_global: bool = True, name=None):
    """What fits a pattern, replaced."""
    pattern, rewrite = (
        str(p) if not isinstance(p, bytes) else p.decode() for p in (pattern, rewrite)
    )
    compiled = re.compile(_python_pattern(pattern))
    template = re.sub(r"\\(\d)", r"\\g<\1>", rewrite.replace("\\\\", "\\\\\\\\"))
    return _each(input, lambda text: compiled.sub(template, text, count=0 if replace_global else 1))


def regex_full_match(input: Any, pattern: str, name: str | None = None) -> Tensor:
    """Whether all of a text fits a pattern."""
    compiled = re.compile(_python_pattern(str(pattern)))
    texts = _texts(input)
    found = [bool(compiled.fullmatch(text)) for text in texts.ravel().tolist()]
    return torch.tensor(found).reshape(texts.shape)


def _python_pattern(pattern):
    """RE2's classes as Python's re spells them."""
    classes = {"[:punct:]": re.escape(string.punctuation), "[:alpha:]": "A-Za-z",
               "[:digit:]": "0-9", "[:space:]": r"\s", "[:alnum:]": "A-Za-z0-9"}  # fmt: skip
    for name, own in classes.items():
        pattern = pattern.replace(name, own)
    return pattern.replace(r"\pP", r"[^\w\s]").replace(r"\p{P}", r"[^\w\s]")


def split(input: Any, sep: str | None = None, maxsplit: int = -1, name=None) -> Any:
    """The words of a text; of several texts, if they have as many words each."""
    texts = _texts(input)
    rows = [text.split(sep or None, maxsplit) for text in texts.ravel().tolist()]
    if texts.ndim == 0:
        return Strings.of(rows[0])
    if len({len(row) for row in rows}) > 1:
        raise ValueError(
            "tf.strings.split gives a RaggedTensor here, which torchkeras has not: the texts have "
            "different numbers of words. Use keras.layers.TextVectorization, or split one by one."
        )
    return Strings.of(rows)


def join(inputs: Any, separator: str = "", name: str | None = None) -> Strings:
    """Texts put one behind the other, element by element."""
    arrays = np.broadcast_arrays(*[np.asarray(_texts(one)) for one in inputs])
    flat = [
        separator.join(parts) for parts in zip(*(a.ravel().tolist() for a in arrays), strict=True)
    ]
    return Strings.of(np.array(flat, dtype=object).reshape(arrays[0].shape))


def reduce_join(inputs: Any, axis: Any = None, keepdims=False, separator="", name=None) -> Strings:
    """Texts along an axis put one behind the other."""
    texts = np.asarray(_texts(inputs))
    if axis is None:
        return Strings.of(separator.join(texts.ravel().tolist()))
    return Strings.of(
        np.apply_along_axis(lambda row: separator.join(row), axis, texts).astype(object)
    )


def length(input: Any, unit: str = "BYTE", name: str | None = None) -> Tensor:
    """How many bytes, or characters, a text has."""
    texts = _texts(input)
    count = (lambda t: len(t.encode())) if unit == "BYTE" else len
    return torch.tensor([count(t) for t in texts.ravel().tolist()], dtype=torch.int32).reshape(
        texts.shape
    )


def substr(input: Any, pos: int, len: int, unit: str = "BYTE", name=None) -> Strings:
    """A part of texts."""
    return _each(input, lambda text: text[pos : pos + len])


def to_number(input: Any, out_type: Any = torch.float32, name: str | None = None) -> Tensor:
    """The numbers that texts spell."""
    texts = _texts(input)
    kind = torch_dtype(out_type)
    convert = float if kind.is_floating_point else int
    return torch.tensor([convert(t) for t in texts.ravel().tolist()], dtype=kind).reshape(
        texts.shape
    )


def as_string(input: Any, precision: int = -1, name: str | None = None, **options: Any) -> Strings:
    """Numbers as texts."""
    array = np.asarray(tensor(input))
    if array.dtype.kind == "f":
        flat = [f"{v:.{precision if precision >= 0 else 6}f}" for v in array.ravel()]
    else:
        flat = [str(v).lower() if array.dtype == bool else str(v) for v in array.ravel()]
    return Strings.of(np.array(flat, dtype=object).reshape(array.shape))


def bytes_split(input: Any, name: str | None = None) -> Strings:
    """The bytes of one text."""
    return Strings.of([bytes([b]) for b in _texts(input).numpy()])


def unicode_split(input: Any, input_encoding: str = "UTF-8", **options: Any) -> Strings:
    """The characters of one text."""
    return Strings.of(list(str(_texts(input))))


def unicode_decode(input: Any, input_encoding: str = "UTF-8", **options: Any) -> Tensor:
    """The numbers of the characters of one text."""
    return torch.tensor([ord(c) for c in str(_texts(input))], dtype=torch.int32)


def unicode_encode(input: Any, output_encoding: str = "UTF-8", **options: Any) -> Strings:
    """A text of the numbers of its characters."""
    return Strings.of("".join(chr(int(c)) for c in tensor(input)))


def to_hash_bucket_fast(input: Any, num_buckets: int, name: str | None = None) -> Tensor:
    """A number for each text, by TensorFlow's hash."""
    from ...layers.fingerprints import fingerprint64

    texts = _texts(input)
    hashes = fingerprint64([text.encode() for text in texts.ravel().tolist()])
    return torch.from_numpy((hashes % np.uint64(num_buckets)).astype("int64")).reshape(texts.shape)


STRINGS = {
    name: value
    for name, value in globals().items()
    if callable(value) and getattr(value, "__module__", None) == __name__ and name[0] != "_"
}

# --- files ---------------------------------------------------------------------------------------


def read_file(filename: Any, name: str | None = None) -> Strings:
    """The bytes of a file."""
    with open(_path(filename), "rb") as file:
        return Strings.of(file.read())


def write_file(filename: Any, contents: Any, name: str | None = None) -> None:
    """Write bytes to a file."""
    os.makedirs(os.path.dirname(_path(filename)) or ".", exist_ok=True)
    with open(_path(filename), "wb") as file:
        file.write(contents if isinstance(contents, bytes) else _texts(contents).numpy())


def matching_files(pattern: Any, name: str | None = None) -> Strings:
    """The paths that fit a pattern, sorted."""
    return Strings.of(sorted(globbing.glob(_path(pattern))))


def decode_raw(input_bytes: Any, out_type: Any, little_endian=True, fixed_length=None, name=None):
    """The numbers that bytes are."""
    data = input_bytes if isinstance(input_bytes, bytes) else _texts(input_bytes).numpy()
    kind = np.dtype(dtype_name(out_type))
    return torch.from_numpy(
        np.frombuffer(data, kind.newbyteorder("<" if little_endian else ">")).astype(kind)
    )


def _path(name):
    if isinstance(name, bytes):
        return name.decode()
    return os.fspath(name) if isinstance(name, (str, os.PathLike)) else str(name)


class GFile:
    """A file, opened as Python opens it."""

    def __init__(self, name: Any, mode: str = "r"):
        self._file = open(_path(name), mode, encoding=None if "b" in mode else "utf-8")

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._file.close()

    def __iter__(self):
        return iter(self._file)

    def size(self) -> int:
        return os.fstat(self._file.fileno()).st_size


def _rmtree(path):
    shutil.rmtree(_path(path))


gfile = Namespace(
    "io.gfile",
    GFile=GFile,
    Open=GFile,
    exists=lambda path: os.path.exists(_path(path)),
    isdir=lambda path: os.path.isdir(_path(path)),
    listdir=lambda path: os.listdir(_path(path)),
    glob=lambda pattern: sorted(globbing.glob(_path(pattern))),
    makedirs=lambda path: os.makedirs(_path(path), exist_ok=True),
    mkdir=lambda path: os.mkdir(_path(path)),
    remove=lambda path: os.remove(_path(path)),
    rmtree=_rmtree,
    rename=lambda src, dst, overwrite=False: os.rename(_path(src), _path(dst)),
    copy=lambda src, dst, overwrite=False: shutil.copy(_path(src), _path(dst)),
    walk=lambda top: os.walk(_path(top)),
    stat=lambda path: os.stat(_path(path)),
    join=os.path.join,
)
_RECORDS = "TFRecord files need TensorFlow; write .npz files or use torch's data sets."
IO = {
    "read_file": read_file,
    "write_file": write_file,
    "matching_files": matching_files,
    "decode_raw": decode_raw,
    "decode_csv": decode_csv,
    "gfile": gfile,
    **CODECS,
    **{
        name: refused(f"io.{name}", _RECORDS)
        for name in "parse_single_example parse_example FixedLenFeature "
        "TFRecordWriter VarLenFeature parse_tensor serialize_tensor".split()
    },
}
