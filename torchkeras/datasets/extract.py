"""Tar and zip archives unpacked so that nothing lands outside the folder that was named.

Only regular files and folders are written; a link or a device in the archive refuses it whole.
The archive is judged before the first byte is written, unpacked into a new folder, and moved
into place when it is complete.
"""

from __future__ import annotations

import gzip
import lzma
import os
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

_BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,  # a compression that zipfile does not know
)


class Member(NamedTuple):
    """A file or folder of an archive; `open` gives a file's bytes."""

    parts: tuple[str, ...]
    size: int
    open: Callable[[], IO[bytes]] | None  # None: a folder


def extract_archive(path: Any, folder: Any, archive_format: Any = "auto") -> bool:
    """Unpack the archive `path` into `folder`; False if it is of none of the formats.

    `archive_format`: 'auto' (tar, then zip), 'tar', 'zip', a list of these, or None for none.
    ValueError names the member that may not be unpacked; then nothing was written.
    """
    path, folder = Path(path), Path(folder)
    for name in _formats(archive_format):
        is_format, members_of = _READERS[name]
        if is_format(path):
            try:
                _extract(path, folder, members_of)
            except _BROKEN as error:
                raise ValueError(f"The archive {path} is broken: {error}") from error
            return True
    return False


def _formats(archive_format):
    if archive_format is None:
        return []
    if archive_format == "auto":
        return ["tar", "zip"]
    formats = [archive_format] if isinstance(archive_format, str) else list(archive_format)
    for one in formats:
        if one not in _READERS:
            raise ValueError(
                f"`archive_format` must be 'auto', 'tar', 'zip' or None; received {one!r}."
            )
    return formats


def _extract(path, folder, members_of):
    with members_of(path) as members:
        try:
            members = list(members)
        except OSError as error:  # a size that leads beyond what the system can seek
            raise ValueError(f"The archive {path} is broken: {error}") from error
        _check_sizes(path, folder, members)
        for member in members:
            _check_destination(path, folder, member.parts)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".unpacking-") as temporary:
            unpacked = Path(temporary, "content")
            unpacked.mkdir()
            for member in members:
                _write(path, unpacked, member)
            _move(unpacked, folder)


def _check_sizes(path, folder, members):
    needed = sum(member.size for member in members)
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if needed > free:
        raise ValueError(
            f"The archive {path} unpacks to {needed} bytes; {folder} has {free} bytes left."
        )


def _check_destination(path, folder, parts):
    place = folder
    for part in parts:
        place = place / part
        if place.is_symlink():
            raise ValueError(f"Will not unpack {'/'.join(parts)!r} of {path}: {place} is a link.")


def _write(path, unpacked, member):
    place = unpacked.joinpath(*member.parts)
    try:
        if member.open is None:
            place.mkdir(parents=True, exist_ok=True)
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        with member.open() as source, open(place, "wb") as target:
            shutil.copyfileobj(source, target)
            written = target.tell()
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise ValueError(f"{_name(member.parts)} in {path} is both a file and a folder.") from None
    if written != member.size:
        raise ValueError(
            f"{_name(member.parts)} in {path} has {written} bytes, announced are {member.size}."
        )


def _move(unpacked, folder):
    """What is new as one rename; what is there already is merged, file by file."""
    for source in sorted(unpacked.iterdir()):
        target = folder / source.name
        if source.is_dir() and target.is_dir() and not target.is_symlink():
            _move(source, target)
        else:
            os.replace(source, target)


class _Tar:
    def __init__(self, path):
        self.path = path

    def __enter__(self) -> Iterator[Member]:
        self.archive = tarfile.open(self.path)
        return (self._member(info) for info in self.archive)

    def __exit__(self, *_):
        self.archive.close()

    def _member(self, info):
        parts = _safe_parts(self.path, info.name)
        if info.isdir():
            return Member(parts, 0, None)
        if not info.isreg() or info.issparse():
            raise ValueError(
                f"Will not unpack {info.name!r} of {self.path}: it is neither a plain file nor a "
                "folder."
            )
        return Member(parts, info.size, lambda: self.archive.extractfile(info))


class _Zip:
    def __init__(self, path):
        self.path = path

    def __enter__(self) -> Iterator[Member]:
        self.archive = zipfile.ZipFile(self.path)
        return (self._member(info) for info in self.archive.infolist())

    def __exit__(self, *_):
        self.archive.close()

    def _member(self, info):
        parts = _safe_parts(self.path, info.filename)
        kind = info.external_attr >> 16 & 0o170000  # of a zip written on Unix; else 0
        if kind not in (0, 0o100000, 0o040000):
            raise ValueError(
                f"Will not unpack {info.filename!r} of {self.path}: it is neither a plain file "
                "nor a folder."
            )
        if info.flag_bits & 1:
            raise ValueError(f"Cannot unpack {info.filename!r} of {self.path}: it is encrypted.")
        if info.is_dir():
            return Member(parts, 0, None)
        return Member(parts, info.file_size, lambda: self.archive.open(info))


_READERS = {"tar": (tarfile.is_tarfile, _Tar), "zip": (zipfile.is_zipfile, _Zip)}


def _safe_parts(path, name):
    """The parts of a member's name; ValueError for a name that leads out of the folder."""
    parts = PurePosixPath(name).parts
    unsafe = name.startswith("/") or ".." in parts or "\\" in name or "\0" in name
    if unsafe or (os.name == "nt" and any(":" in part for part in parts)):
        raise ValueError(f"Will not unpack {name!r} of {path}: it leads out of the folder.")
    return parts


def _name(parts):
    return repr("/".join(parts))
