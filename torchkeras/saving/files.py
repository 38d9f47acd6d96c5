"""Files as wholes: what kind one is, and replacing one so that a reader never sees half of it."""

from __future__ import annotations

import datetime
import itertools
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_LARGE = 2**22  # bytes
_numbers = itertools.count()
_open: set[str] = set()  # the temporary files that this process is writing


def kind_of(path: str) -> str:
    """What the content of a file says it is.

    'h5', 'keras' (a zip), 'pt' (a zip of torch's), 'safetensors', 'folder' or 'unknown'.

    FileNotFoundError where there is nothing.
    """
    if os.path.isdir(path):
        return "folder"
    if not os.path.isfile(path):
        raise FileNotFoundError(f"No file or directory found at {path}")
    with open(path, "rb") as file:
        start = file.read(8)
        if start == _HDF5_MAGIC:
            return "h5"
        if start[:4] == b"PK\x03\x04":
            # torch begins with the pickle, in a folder of the archive
            return "pt" if b"/data.pkl" in file.read(256) else "keras"
        if file.read(1) == b"{" and len(start) == 8:
            length = int.from_bytes(start, "little")
            return "safetensors" if length <= os.path.getsize(path) else "unknown"
        offset = 512  # HDF5 lets a user block of 512, 1024, ... bytes stand before it
        while file.seek(offset) == offset and (start := file.read(8)):
            if start == _HDF5_MAGIC:
                return "h5"
            offset *= 2
    return "unknown"


@contextmanager
def replacing(path: str, overwrite: bool = True) -> Iterator[str | None]:
    """The name of a new file that takes the place of `path` once the block ends well.

    The new file is in the same folder and on the disk before it is renamed, so that `path` is at
    every moment the old file or the new one; after an error the old one stays and the new one is
    removed. Missing folders are made. Without `overwrite` a user at a terminal is asked (None
    means no), and FileExistsError is raised where nobody can be asked.
    """
    path = os.path.realpath(path)
    if not overwrite and os.path.exists(path) and not may_replace(path):
        yield None
        return
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path} is a folder; give the name of a file.")
    folder, base = os.path.split(path)
    os.makedirs(folder, exist_ok=True)
    _remove_strays(folder, base)
    temporary = os.path.join(folder, f".{base}.{_mark()}-{next(_numbers)}.tmp")
    _open.add(temporary)
    try:
        yield temporary
        _to_disk(temporary)
        if os.path.exists(path):
            os.chmod(temporary, os.stat(path).st_mode & 0o7777)
        with _kept(path):
            os.replace(temporary, path)
        _to_disk(folder)
    except OSError as error:
        if error.filename in (None, temporary) and error.errno is not None:
            error.filename = path
        raise
    finally:
        with suppress(OSError):
            os.remove(temporary)
        _open.discard(temporary)


@contextmanager
def _kept(path):
    """Keep what a large file holds until it has another; a thread gives it up, and nobody waits."""
    handle = None
    if os.name == "posix" and os.path.isfile(path) and os.path.getsize(path) > _LARGE:
        with suppress(OSError):  # it may not be readable
            handle = os.open(path, os.O_RDONLY)
    try:
        yield
    finally:
        if handle is not None:
            threading.Thread(target=os.close, args=(handle,)).start()


def may_replace(path: str) -> bool:
    """Whether a user at a terminal says so; FileExistsError where nobody can be asked."""
    if not (sys.stdin and sys.stdin.isatty()):
        raise FileExistsError(
            f"{path} exists and overwrite=False. Pass overwrite=True or another name."
        )
    answer = ""
    while answer not in ("y", "n"):
        answer = input(f"{path} already exists - overwrite? [y/n] ").strip().lower()
    return answer == "y"


def _to_disk(path):
    if os.name != "posix" and os.path.isdir(path):
        return  # folders cannot be synchronised there
    handle = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(handle)
    except OSError:
        if not os.path.isdir(path):  # some file systems know no fsync of folders
            raise
    finally:
        os.close(handle)


def _mark():
    return f"{socket.gethostname()}-{os.getpid()}"


def _remove_strays(folder, base):
    """Remove what processes of this machine that were killed while writing left behind."""
    host = socket.gethostname()
    for stray in Path(folder).glob(f".{_escaped(base)}.{_escaped(host)}-*-*.tmp"):
        pid = stray.name.removesuffix(".tmp").split("-")[-2]
        if str(stray) not in _open and pid.isdigit() and not _is_alive(int(pid)):
            with suppress(OSError):
                stray.unlink()


def _escaped(text):
    return "".join(f"[{c}]" if c in "*?[" else c for c in text)


def _is_alive(pid):
    if pid == os.getpid():
        return False  # the name was not made by this process, but by one before with its number
    if os.name != "posix":
        return True  # no harmless way to ask
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


class Places:
    """A file from its byte `start` on, read and written at places, by several threads at once.

    >>> import io
    >>> places = Places(io.BytesIO(b"before: a text"), 8)
    >>> places.write(0, b"A")
    >>> places.read(0, 100), places.size
    (b'A text', 6)
    """

    def __init__(self, raw: Any, start: int = 0, size: int | None = None):
        self._raw, self._start, self._size, self._lock = raw, start, size, threading.Lock()
        try:
            self._handle = raw.fileno() if hasattr(os, "preadv") else None
        except OSError:  # it is in memory
            self._handle = None

    @property
    def size(self) -> int:
        """Bytes from the start to the end, which was given or is the file's."""
        if self._size is not None:
            return self._size
        with self._lock:
            return self._raw.seek(0, os.SEEK_END) - self._start

    def read(self, place: int, count: int) -> bytes:
        """`count` bytes, fewer where the file ends."""
        if self._size is not None:
            count = max(min(count, self._size - place), 0)
        if self._handle is not None:
            return os.pread(self._handle, count, self._start + place)
        with self._lock:
            self._raw.seek(self._start + place)
            return self._raw.read(count) or b""

    def fill(self, place: int, buffer: Any) -> None:
        """Read into a buffer; ValueError where the file ends before it is full."""
        left = memoryview(buffer).cast("B")
        while left:
            if self._handle is not None:
                count = os.preadv(self._handle, [left], self._start + place)
            else:
                with self._lock:
                    self._raw.seek(self._start + place)
                    count = self._raw.readinto(left)
            if not count:
                raise ValueError("it became shorter while it was read")
            left, place = left[count:], place + count

    def write(self, place: int, data: Any) -> None:
        left = memoryview(data).cast("B")
        while left:
            if self._handle is not None:
                count = os.pwrite(self._handle, left, self._start + place)
            else:
                with self._lock:
                    self._raw.seek(self._start + place)
                    count = self._raw.write(left)
            left, place = left[count:], place + count


class Disk:
    """The file below one that a library writes, which keeps a failed write for later.

    Libraries that cannot close a file which they could not write are told that all went well; who
    uses them raises `error` afterwards. The file begins at the byte `start` of `raw`.
    """

    def __init__(self, raw: Any, start: int = 0):
        self._raw, self._start = raw, start
        self.error: OSError | None = None
        self.read, self.readinto = raw.read, raw.readinto

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._raw.seek(offset + (0 if whence else self._start), whence) - self._start

    def tell(self) -> int:
        return self._raw.tell() - self._start

    def write(self, data: Any) -> int:
        left = memoryview(data).cast("B")
        total = len(left)
        while len(left) and self.error is None:
            left = left[self._try(self._raw.write, left) or 0 :]
        return total

    def truncate(self, size: int) -> int:
        self._try(self._raw.truncate, self._start + size)
        return size

    def flush(self) -> None:
        self._try(self._raw.flush)

    def _try(self, act, *args):
        try:
            return act(*args)
        except OSError as error:
            self.error = self.error or error


def date() -> str:
    """The time of now, as `.keras` files tell it."""
    return datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")


def path_of(filepath: Any) -> str:
    """A `str` or path-like as text; TypeError for anything else."""
    return os.fsdecode(os.fspath(filepath))


def is_h5py(target: Any) -> bool:
    """Whether this is an open file or group of h5py, which is not imported for the question."""
    return type(target).__module__.split(".")[0] == "h5py"
