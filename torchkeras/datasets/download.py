"""A file from the network, in the cache, complete and checked or not there at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import sys
import time
import urllib.error
import urllib.request
import warnings
from pathlib import Path
from urllib.parse import urlsplit

from ..config import keras_home
from .extract import extract_archive

__all__ = ["get_file"]

TIMEOUT = 60.0  # seconds without a byte
_CHUNK = 1 << 16


def get_file(
    fname: str | os.PathLike | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | list[str] | None = "auto",
    cache_dir: str | os.PathLike | None = None,
) -> str:
    """The path of a file, downloaded from the URL `origin` unless the cache has it.

    The cache is `cache_dir` (default `$KERAS_HOME`, else `~/.keras`) / `cache_subdir` / `fname`
    (default: the last part of the URL); an absolute `fname` stands alone. `file_hash` is the
    expected md5 or sha256 in hex; a cached file that differs is downloaded anew. With
    `extract=True` a tar or zip archive is also unpacked beside the file. With `untar=True` the
    file is stored as `fname.tar.gz`, unpacked where `fname` is not yet there, and the path of
    `fname` is returned.

    ValueError: a wrong hash, an unsafe or broken archive. OSError: a failed or short download.
    After an error nothing new is in the cache.

    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.txt").write_text("hello")
    >>> path = get_file("b.txt", (folder / "a.txt").as_uri(), cache_dir=folder)
    Downloading data from file:...
    >>> pathlib.Path(path).read_text()
    'hello'
    """
    if origin is None:
        raise ValueError("`origin` is missing: pass the URL of the file to download.")
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    name = os.fspath(fname) if fname else _name_in(origin)
    if untar:
        name = name.removesuffix(".tar.gz")
    folder = Path(cache_dir or keras_home()).expanduser() / cache_subdir
    unpacked = folder / name
    path = folder / (name + ".tar.gz") if untar else unpacked
    if not _is_cached(path, file_hash, hash_algorithm):
        _download(origin, path, file_hash, hash_algorithm)
    if untar:
        if not unpacked.exists() and not extract_archive(path, folder, "tar"):
            raise ValueError(f"{path} is not a tar archive.")
        if not unpacked.exists():
            raise ValueError(f"{path} holds no {name!r}; its content was unpacked to {folder}.")
        return str(unpacked)
    if extract and archive_format and not extract_archive(path, folder, archive_format):
        warnings.warn(
            f"{path} was not unpacked: it is not an archive of format {archive_format!r}.",
            stacklevel=2,
        )
    return str(path)


def _name_in(origin):
    name = os.path.basename(urlsplit(origin).path)
    if name in ("", ".", "..") or "\\" in name or "\0" in name:
        raise ValueError(f"The URL {origin!r} ends in no usable file name; pass `fname`.")
    return name


def _is_cached(path, file_hash, algorithm):
    if not path.exists():
        return False
    if file_hash is None or _hash_of(path, file_hash, algorithm) == file_hash.lower():
        return True
    print(
        f"{path} does not have the {_algorithm(file_hash, algorithm)} hash {file_hash}: "
        "downloading it again."
    )
    return False


def _download(origin, path, file_hash, algorithm):
    """Into a file of another name first: what bears the right name is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    print(f"Downloading data from {origin}")
    try:
        with open(partial, "xb") as file:
            _fetch(origin, file, path)
            file.flush()
            os.fsync(file.fileno())
        if file_hash is not None:
            found = _hash_of(partial, file_hash, algorithm)
            if found != file_hash.lower():
                raise ValueError(
                    f"The download of {origin} is incomplete or was changed: its "
                    f"{_algorithm(file_hash, algorithm)} hash is {found}, expected {file_hash}."
                )
        os.replace(partial, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()


def _fetch(origin, file, path):
    try:
        with urllib.request.urlopen(origin, timeout=TIMEOUT) as response:
            length = response.headers.get("Content-Length")
            total = int(length) if length and length.isdigit() else None
            progress = _Progress(total)
            received = 0
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                received += len(chunk)
                progress.show(received)
            progress.close(received)
    except urllib.error.HTTPError as error:
        reason = f"{error.code} -- {error.msg}"
        error.close()
        raise _failure(origin, path, reason) from None
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise _failure(origin, path, reason) from error
    if total is not None and received != total:
        raise _failure(origin, path, f"{received} of {total} bytes came")


def _failure(origin, path, reason):
    return OSError(
        f"URL fetch failure on {origin}: {reason}. Where there is no network, put the file of that "
        f"URL at {path}."
    )


class _Progress:
    """One line on a terminal, rewritten ten times a second; nothing elsewhere."""

    def __init__(self, total):
        self.total = total
        self.start = time.monotonic()
        self.next = 0.0
        self.on = sys.stdout.isatty()

    def show(self, received, end=""):
        now = time.monotonic()
        if not self.on or now < self.next:
            return
        self.next = now + 0.1
        seconds = max(now - self.start, 1e-3)
        rate = received / seconds / 1e6
        if self.total:
            bar = ("=" * (30 * received // self.total)).ljust(30, ".")
            line = f"{received}/{self.total} [{bar}] - {seconds:.0f}s {rate:.1f} MB/s"
        else:
            line = f"{received} bytes - {seconds:.0f}s {rate:.1f} MB/s"
        print("\r" + line, end=end, flush=True)

    def close(self, received):
        self.next = 0.0
        self.show(received, end="\n")


def _algorithm(file_hash, algorithm):
    if algorithm == "auto":
        return "sha256" if len(file_hash) == 64 else "md5"
    if algorithm not in ("md5", "sha256"):
        raise ValueError(
            f"`hash_algorithm` must be 'auto', 'md5' or 'sha256'; received {algorithm!r}."
        )
    return algorithm


def _hash_of(path, file_hash, algorithm):
    digest = hashlib.new(_algorithm(file_hash, algorithm), usedforsecurity=False)
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
