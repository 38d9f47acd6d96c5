"""`.keras` files: zip archives of `config.json`, `metadata.json` and `model.weights.h5`.

Nothing is extracted: the named members alone are read, into memory, after their declared sizes were
held against what is stored.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import h5
from .config import KERAS_VERSION, from_json

CONFIG, METADATA, WEIGHTS, ASSETS = "config.json", "metadata.json", "model.weights.h5", "assets/"
_LARGEST_JSON = 64 * 2**20
_LARGEST_INFLATION = 16  # of weights: random numbers hardly shrink, zeros of an optimizer do
_SMALL = 16 * 2**20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class Archive:
    """A `.keras` file that is open for reading."""

    def __init__(self, members: zipfile.ZipFile, file: str):
        self._members, self.file = members, file
        names = [info.filename for info in members.infolist()]
        self.names = set(names)
        if len(self.names) < len(names):
            raise ValueError(f"{file} holds two members of the same name.")

    def json(self, name: str) -> dict[str, Any]:
        """The object in a JSON member; ValueError where there is none."""
        text = self.bytes(name, _LARGEST_JSON)
        return from_json(text.decode("utf-8", "replace"), f"{self.file}: {name}")

    def bytes(self, name: str, limit: int | None = None) -> bytes:
        """The content of a member, compared with the checksum of the archive."""
        if name not in self.names:
            raise ValueError(f"{self.file} has no member {name!r}; it is not a .keras file.")
        info = self._members.getinfo(name)
        self._check(info, limit)
        with _naming(self.file, name), self._members.open(info) as member:
            content = member.read(info.file_size + 1)
        if len(content) != info.file_size:
            raise OSError(f"{self.file}: {name} is not as long as the archive declares.")
        return content

    def _check(self, info, limit):
        where = f"{self.file}: {info.filename}"
        if info.flag_bits & 1:
            raise ValueError(f"{where} is encrypted, which is not supported.")
        if info.compress_type not in _METHODS:
            raise ValueError(f"{where} is compressed by something else than deflate.")
        stored = info.compress_type == zipfile.ZIP_STORED
        most = info.compress_size if stored else info.compress_size * _LARGEST_INFLATION
        if info.compress_size > os.path.getsize(self.file):
            raise ValueError(f"{where} declares more bytes than the file has.")
        if info.file_size > max(most, 0 if stored else _SMALL):
            raise ValueError(
                f"{where} declares {info.file_size} bytes, but only {info.compress_size} are "
                "stored: it is refused."
            )
        if limit is not None and info.file_size > limit:
            raise ValueError(f"{where} is larger than {limit} bytes.")

    @contextmanager
    def weights(self) -> Iterator[h5.Node]:
        """The root of the HDF5 file inside."""
        with h5.reading(io.BytesIO(self.bytes(WEIGHTS)), f"{self.file}: {WEIGHTS}") as root:
            yield root


@contextmanager
def reading(path: str) -> Iterator[Archive]:
    """A `.keras` file; OSError or ValueError, naming the file, where it is damaged."""
    with _naming(path, "the archive"):
        members = zipfile.ZipFile(path)
    with members:
        yield Archive(members, path)


@contextmanager
def _naming(file, member):
    try:
        yield
    except FileNotFoundError:
        raise
    except (
        zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError,
        NotImplementedError, IndexError, OverflowError,
    ) as error:  # fmt: skip
        raise OSError(f"{file}: {member} cannot be read: {error}") from error


@contextmanager
def writing(path: str, config: str, date: str) -> Iterator[h5.Writer]:
    """A new `.keras` file with a config; the block fills its weights. `path` must not exist."""
    with open(path, "xb") as file, zipfile.ZipFile(file, "w") as members:
        metadata = {"keras_version": KERAS_VERSION, "date_saved": date}
        members.writestr(METADATA, json.dumps(metadata))
        members.writestr(CONFIG, config)
        content = io.BytesIO()
        with h5.writing(content) as root:
            yield root
        members.writestr(WEIGHTS, content.getbuffer())
