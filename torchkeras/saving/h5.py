"""The one reader of HDF5 files, which trusts nothing in them, and the writer of the same layout.

A file is followed only along hard links inside of itself; datasets must be plain numbers, stored
in the file, uncompressed or deflated. Nothing is read before its declared size was compared with
what the caller expects. Files of torchkeras have one attribute more than those of Keras: checksums
of the arrays, which are compared as these are read.
"""

from __future__ import annotations

import io
import json
import math
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import cache
from operator import itemgetter
from typing import Any

import numpy as np

from .checksums import Checks, combined

LARGEST_TEXT = 64 * 2**20  # of one attribute, in bytes: the config of a very large model
_LARGEST_LIST = 2**16  # of one attribute: Keras splits lists of names below this
_LARGEST_DEFLATION = 1032  # more than this times smaller deflate cannot make anything
_SMALL = 4 * 2**20
_CHECKSUMS = "torchkeras_checksums"
_KINDS = "fiub"


class Node:
    """A group of an open file."""

    def __init__(self, group: Any, file: str, path: str, checksums: dict[str, int]):
        import h5py

        self._group, self.file, self.path = group, file, path
        self._checksums = checksums
        self._opened: dict[str, Node | Dataset] = {}
        with _naming(file, path):
            self.address = h5py.h5o.get_info(group.id).addr

    def __contains__(self, name: str) -> bool:
        if name in self._opened:
            return True
        with _naming(self.file, self.path):
            return bool(name) and "/" not in name and self._group.id.links.exists(name.encode())

    def names(self) -> list[str]:
        """The names of what is in this group."""
        with _naming(self.file, self.path):
            return list(self._group.keys())

    def has(self, path: str) -> bool:
        """Whether something is at `path` below this group; ValueError where a link is on the way.

        >>> import h5py
        >>> with h5py.File("x.h5", "w", driver="core", backing_store=False) as file:
        ...     file.create_group("a/b")
        ...     with reading(file) as root: print(root.has("a/b"), root.has("a/c"))
        <HDF5 group "/a/b" (0 members)>
        True False
        """
        head, _, rest = path.partition("/")
        if head not in self:
            return False
        return not rest or (self.is_group(head) and self.group(head).has(rest))

    def is_group(self, name: str) -> bool:
        """Whether `name` in this group is a group."""
        return isinstance(self.child(name), Node)

    def child(self, name: str) -> Node | Dataset:
        """What is called `name` in this group; ValueError where that is nothing, or a link."""
        if name not in self._opened:
            self._opened[name] = self._open(name)
        return self._opened[name]

    def group(self, path: str) -> Node:
        """The group at `path` below this one; ValueError where there is none."""
        return self._at(path, Node)

    def dataset(self, path: str) -> Dataset:
        """The array at `path` below this group, not read yet; ValueError if it is no plain one."""
        return self._at(path, Dataset)

    def has_attribute(self, name: str) -> bool:
        with _naming(self.file, self.path):
            return name in self._group.attrs

    def text(self, name: str) -> str | None:
        """The text of an attribute, None where it is absent."""
        if not self.has_attribute(name):
            return None
        value = self._attribute(name)
        if not isinstance(value, str):
            raise self._wrong(f"attribute {name!r} is not a text")
        self._compare_text(name, value)
        return value

    @property
    def is_checked(self) -> bool:
        """Whether the file tells checksums, so that what does not fit in it is damage."""
        return bool(self._checksums)

    def _compare_text(self, name, value):
        key = f"{self.path}@{name}"
        if key in self._checksums and self._checksums[key] != zlib.crc32(value.encode()):
            raise OSError(
                f"{self.file} is damaged: attribute {name!r} of {self.path} is not what was "
                f"written. If it was changed on purpose, delete the attribute {_CHECKSUMS!r}."
            )

    def texts(self, name: str) -> list[str]:
        """A list of different names, which large models have split into `name0`, `name1`, ..."""
        parts = [name] if self.has_attribute(name) else []
        while not self.has_attribute(name) and self.has_attribute(f"{name}{len(parts)}"):
            parts.append(f"{name}{len(parts)}")
        found = [text for part in parts for text in self._list(part)]
        self._compare_text(name, "\n".join(found))
        if len(set(found)) < len(found):
            raise self._wrong(f"attribute {name!r} has the same name twice")
        return found

    def _list(self, name):
        value = self._attribute(name)
        if not isinstance(value, list):
            raise self._wrong(f"attribute {name!r} is not a list of texts")
        return value

    def _attribute(self, name):
        import h5py

        with _naming(self.file, f"attribute {name!r} of {self.path}"):
            attribute = self._group.attrs.get_id(name)
            kind, count = attribute.get_type(), math.prod(attribute.shape)
            is_text = kind.get_class() == h5py.h5t.STRING
            limit = _LARGEST_LIST if attribute.shape else LARGEST_TEXT
            if count and (not is_text or attribute.get_storage_size() > limit):
                raise self._wrong(f"attribute {name!r} is not a text or too large")
            value = self._group.attrs[name] if count else []
        items = [_text(item) for item in np.ravel(np.asarray(value, dtype=object))]
        if any(len(item) > LARGEST_TEXT for item in items):
            raise self._wrong(f"attribute {name!r} is too large")
        return items if attribute.shape else items[0]

    def _at(self, path, wanted):
        """What is at a path whose last step is to be a `Node` or a `Dataset`."""
        steps = [step for step in path.split("/") if step]
        if not steps:
            raise self._wrong("a name in it is empty")
        found = self
        for number, step in enumerate(steps):
            found, kind = found.child(step), wanted if number == len(steps) - 1 else Node
            if not isinstance(found, kind):
                kind = "dataset" if kind is Dataset else "group"
                raise ValueError(f"{self.file}: {found.path} is not a {kind}.")
        return found

    def _open(self, step):
        import h5py

        here, links = f"{self.path.rstrip('/')}/{step}", self._group.id.links
        with _naming(self.file, here):
            name = step.encode()
            if step in ("", ".", "..") or "/" in step or not links.exists(name):
                raise ValueError(f"{self.file} has no {here}.")
            if links.get_info(name).type != h5py.h5l.TYPE_HARD:
                raise ValueError(
                    f"{self.file}: {here} is a link to another place. Only what is stored in the "
                    "file itself is read."
                )
            found = h5py.h5o.open(self._group.id, name)
            if isinstance(found, h5py.h5g.GroupID):
                return Node(h5py.Group(found), self.file, here, self._checksums)
            if not isinstance(found, h5py.h5d.DatasetID):
                raise ValueError(f"{self.file}: {here} is neither a group nor a dataset.")
            return Dataset(found, self.file, here, self._checksums)

    def _wrong(self, what):
        return ValueError(f"{self.file}: {what} (at {self.path}).")


class Dataset:
    """An array of an open file: `shape` and `dtype` as declared; `read` gets the values."""

    def __init__(self, handle: Any, file: str, path: str, checksums: dict[str, int]):
        import h5py

        self.file, self.path, self._checksums = file, path, checksums
        plan = handle.get_create_plist()
        inside = (h5py.h5d.COMPACT, h5py.h5d.CONTIGUOUS, h5py.h5d.CHUNKED)
        if plan.get_layout() not in inside or plan.get_external_count():
            raise self._refuse("its values are in another file")
        filters = [plan.get_filter(i)[0] for i in range(plan.get_nfilters())]
        if not set(filters) <= {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE}:
            raise self._refuse("it is compressed by something else than gzip")
        if handle.get_type().get_class() not in (
            h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.ENUM
        ):  # fmt: skip
            raise self._refuse("it does not hold numbers")
        if handle.get_space().get_simple_extent_type() == h5py.h5s.NULL:
            raise self._refuse("it is empty")
        self._handle = handle
        self.address = h5py.h5o.get_info(handle).addr  # where it is: several names may lead there
        self.shape, self.dtype = tuple(handle.shape), handle.dtype
        if self.dtype.kind not in _KINDS or self.dtype.itemsize > 8:
            raise self._refuse(f"numbers of the type {self.dtype} are not read")
        self.size, self._everything = math.prod(self.shape), h5py.h5s.ALL
        declared = self.size * self.dtype.itemsize
        chunk = plan.get_chunk() if plan.get_layout() == h5py.h5d.CHUNKED else ()
        if chunk and math.prod(chunk) * self.dtype.itemsize > max(2 * declared, _SMALL):
            raise self._refuse(f"it is stored in chunks of {chunk}, larger than itself")
        stored = handle.get_storage_size() * (_LARGEST_DEFLATION if filters else 1)
        if declared > stored and declared > _SMALL:
            raise self._refuse(
                f"it declares the shape {self.shape}, but the file holds {stored} bytes of it"
            )

    def read(self, checks: Checks | None = None) -> np.ndarray:
        """All values; the caller has compared `shape` with what it expects.

        OSError where they are not those that were written, which `checks` may find out later.
        """
        with _naming(self.file, self.path):
            values = np.empty(self.shape, self.dtype.newbyteorder("="))
            if self.size:
                self._handle.read(self._everything, self._everything, values)
        if self.path in self._checksums:
            with nullcontext(checks) if checks else Checks() as checks:
                checks.expect(
                    values, self._checksums[self.path],
                    f"{self.file} is damaged: {self.path} is not what was written. If it was "
                    f"changed on purpose, delete the attribute {_CHECKSUMS!r} of the file.",
                )  # fmt: skip
        return values

    def _refuse(self, why):
        return ValueError(f"{self.file}: the array {self.path} is refused: {why}.")


@contextmanager
def reading(source: Any, name: str | None = None) -> Iterator[Node]:
    """The root of an HDF5 file, given by its path, as an open `h5py.File` or a binary file.

    `name` is what messages call it. OSError or ValueError, with that name, where it is damaged.
    """
    import h5py

    if isinstance(source, h5py.Group):
        yield _root(source, name or str(source.file.filename))
        return
    name = name or str(source)
    with _naming(name, "/"):
        file = h5py.File(source, "r")
    try:
        yield _root(file, name)
    finally:
        file.close()


def _root(group, file):
    checksums: dict[str, int] = {}
    root = Node(group, file, group.name, checksums)
    text = root.text(_CHECKSUMS)
    if text is not None:
        try:
            checksums.update(json.loads(text))
        except (ValueError, TypeError, RecursionError) as error:
            raise OSError(f"{file} is damaged: its checksums cannot be read.") from error
        _check_presence(root, checksums)
    return root


def _check_presence(root, checksums):
    """Groups and attributes at the root that have checksums must be there: names change too."""
    names, start = set(root.names()), root.path.rstrip("/") + "/"
    for key in checksums:
        path, _, attribute = key.partition("@")
        first = path.removeprefix(start).split("/")[0]
        at_root = attribute and path.rstrip("/") == start.rstrip("/")
        if at_root:
            lost = not (root.has_attribute(attribute) or root.has_attribute(f"{attribute}0"))
        else:
            lost = path.startswith(start) and first not in names
        if lost:
            raise OSError(f"{root.file} is damaged: {key} is missing.")


class _naming:
    """Whatever the library raises on a damaged file becomes an OSError that names the file."""

    __slots__ = ("file", "member")

    def __init__(self, file, member):
        self.file, self.member = file, member

    def __enter__(self):
        pass

    def __exit__(self, kind, error, trace):
        if kind is None or not issubclass(kind, Exception) or issubclass(kind, FileNotFoundError):
            return
        if issubclass(kind, ValueError) and str(error).startswith(str(self.file)):
            return
        raise OSError(f"{self.file}: {self.member} cannot be read: {error}") from error


def _text(value):
    if not isinstance(value, bytes):  # what is no UTF-8 stands in a `str` as half a character
        value = str(value).encode("utf-8", "surrogateescape")
    return value.decode("utf-8", "replace")


# --- writing ---------------------------------------------------------------------------------


class Writer:
    """A group of a file that is being written."""

    def __init__(self, group: Any, made: _Made):
        self._group, self._all = group, made
        self._path = group.name
        self._below: dict[str, Writer] = {}
        self._checksums: dict[str, Callable[[], int]] = {}  # of this group's attributes and arrays

    def group(self, name: str) -> Writer:
        """The group `name` below this one, made where it is not there."""
        if name not in self._below:
            self._below[name] = Writer(self._make(name), self._all)
        return self._below[name]

    def _make(self, name):
        import h5py

        try:
            return h5py.Group(h5py.h5g.create(self._group.id, name.encode(), _between()))
        except ValueError:  # it is there: as a part of another's name, or in a file of the user's
            return self._group.require_group(name)

    def text(self, name: str, value: str, as_bytes: bool = True) -> None:
        """An attribute; Keras writes some as bytes and some as text."""
        self._group.attrs[name] = value.encode() if as_bytes else value
        self._note(f"@{name}", value.encode())

    def texts(self, name: str, values: Iterable[str]) -> None:
        """A list of names, split as Keras splits it where it is too large for one attribute."""
        values = list(values)
        self._note(f"@{name}", "\n".join(values).encode())
        values = [value.encode() for value in values]
        limit = 64512  # of an attribute in HDF5, with room for its header
        if any(len(value) > limit for value in values):
            longest = max(values, key=len)
            raise ValueError(f"The name {longest[:60]!r}... is too long for an HDF5 file.")
        array, parts = np.asarray(values), 1
        while any(max(p.nbytes, 16 * p.size) > limit for p in np.array_split(array, parts)):
            parts += 1
        if parts == 1:
            self._group.attrs[name] = values
        else:
            for number, part in enumerate(np.array_split(array, parts)):
                self._group.attrs[f"{name}{number}"] = part

    def link(self, path: str, name: str) -> None:
        """A second path to the group that was made here under a name; both are below this one."""
        above, _, last = path.rpartition("/")
        target = self._below[name]
        self._group.require_group(above or "/")[last] = target._group
        start = f"{self._path.rstrip('/')}/{path}"
        self._all.checksums |= {start + key: of for key, of in target._checksums.items()}

    def array(self, name: str, value: np.ndarray) -> None:
        """An array, which must stay as it is until the file is written, with a checksum."""
        import h5py

        value = np.ascontiguousarray(value) if np.ndim(value) else np.asarray(value)
        space = h5py.h5s.create_simple(value.shape) if value.ndim else h5py.h5s.create(
            h5py.h5s.SCALAR)  # fmt: skip
        kind = h5py.h5t.py_create(value.dtype, logical=True)
        made = h5py.h5d.create(
            self._group.id, name.encode(), kind, space, _plain_arrays(), _between()
        )
        checksum = self._note(f"/{name}", value)
        if value.size:
            self._all.put(made, value, checksum)

    def whole(self, raw: Any, start: int) -> int:
        """The checksum of the file, which is closed, in a raw file from the byte `start` on."""
        return self._all.whole(raw, start)

    def _note(self, key, data):
        path = self._path.rstrip("/") if key.startswith("/") else self._path
        self._checksums[key] = self._all.checksums[path + key] = self._all.checks.of(data)
        return self._checksums[key]


class _Made:
    """What is to be told of all that was written into a file."""

    def __init__(self, checks: Checks, raw: Any = None, start: int = 0):
        self.checks, self._raw, self._start = checks, raw, start
        self.checksums: dict[str, Callable[[], int]] = {}  # by path, or path@attribute
        self._places: list[tuple[int, int, Callable[[], int]]] = []  # of arrays: offset, bytes

    def put(self, made: Any, value: np.ndarray, checksum: Callable[[], int]) -> None:
        """Write an array where the library says; beside it if the file is only ours."""
        import h5py

        place = made.get_offset()
        if self._raw is None or not hasattr(os, "pwrite"):
            made.write(h5py.h5s.ALL, h5py.h5s.ALL, value)
        else:
            task = (_write_at, self._raw.fileno(), self._start + place, value)
            self.checks.aside(value.nbytes, *task)
        self._places.append((place, value.nbytes, checksum))

    def as_text(self) -> str:
        return json.dumps({key: checksum() for key, checksum in self.checksums.items()})

    def whole(self, raw: Any, start: int) -> int:
        """The checksum of all that was written; the arrays are not read again for it."""
        found, position = 0, 0
        end = raw.seek(0, io.SEEK_END) - start
        for offset, size, checksum in [*sorted(self._places, key=itemgetter(0)), (end, 0, int)]:
            raw.seek(start + position)
            while position < offset:
                between = raw.read(min(offset - position, _SMALL))
                if not between:
                    raise OSError("A file became shorter while it was written.")
                found, position = zlib.crc32(between, found), position + len(between)
            found, position = combined(found, checksum(), size), position + size
        return found


def _write_at(handle, place, value):
    left = memoryview(value).cast("B")
    while left:
        count = os.pwrite(handle, left, place)
        left, place = left[count:], place + count


@cache
def _plain_arrays():
    """How arrays are stored: at places known at once, without the time of writing."""
    import h5py

    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_obj_track_times(False)
    plan.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    plan.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    return plan


@cache
def _between():
    """How names are written: groups on the way are made, and texts are UTF-8."""
    import h5py

    plan = h5py.h5p.create(h5py.h5p.LINK_CREATE)
    plan.set_create_intermediate_group(True)
    plan.set_char_encoding(h5py.h5t.CSET_UTF8)
    return plan


@contextmanager
def writing(target: Any, start: int = 0) -> Iterator[Writer]:
    """A new HDF5 file to fill: at a path, in an `h5py.File` that is open, or in a raw file.

    In a raw file it begins at the byte `start`.
    """
    import h5py

    with ExitStack() as stack:
        if isinstance(target, h5py.Group):
            made = _Made(stack.enter_context(Checks()))
            yield Writer(target, made)
            target.attrs[_CHECKSUMS] = made.as_text()
            target.file.flush()
            return
        raw = target
        if not isinstance(target, io.RawIOBase):
            raw = stack.enter_context(open(target, "xb+", buffering=0))
        disk, made = _Disk(raw, start), _Made(stack.enter_context(Checks()), raw, start)
        with h5py.File(disk, "w") as file:
            yield Writer(file, made)
            file.attrs[_CHECKSUMS] = made.as_text()
        if disk.error is not None:
            raise disk.error


class _Disk:
    """The file below an HDF5 file, which keeps a failed write for later.

    The library cannot close a file that it could not write, so it is told that all went well.
    """

    def __init__(self, raw: Any, start: int):
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
