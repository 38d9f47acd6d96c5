"""The one reader of HDF5 files, which trusts nothing in them.

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
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from ..names import has_controls
from . import seal
from .checksums import Checks
from .h5_writer import CHECKSUMS
from .texts import Texts

LARGEST_TEXT = 64 * 2**20  # of one attribute, in bytes: the config of a very large model
_LARGEST_LIST = 2**16  # of one attribute: Keras splits lists of names below this
_LARGEST_DEFLATION = 1032  # more than this times smaller deflate cannot make anything
_LIKELY_DEFLATION = 16  # more than that no weights become smaller, but for zeros
_SMALL = 4 * 2**20
_ASIDE = 2**16  # bytes; larger arrays are read beside
_KINDS = "fiub"


class _Told(dict[str, int]):
    """The checksums in a file of torchkeras, by path and by path@attribute."""

    raw: tuple[int, int] | None = None  # descriptor and first byte, where it can be read beside
    texts: Texts | None = None  # a reader of texts that goes around the library


class Node:
    """A group of an open file."""

    def __init__(self, group: Any, file: str, path: str, checksums: _Told):
        self._group, self.file, self.path = group, file, path
        self._checksums = checksums
        self._opened: dict[str, Node | Dataset] = {}

    @property
    def address(self) -> int:
        """Where it is in the file: several names may lead there."""
        return _address(self._group.id, self)

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

    def lost(self) -> list[str]:
        """The arrays below the root that have a checksum and are not at their place."""
        paths = [path for path in self._checksums if "@" not in path]
        inside = [path for path in paths if path.startswith(self.path)]
        return [path for path in inside if not self._has_array(path[len(self.path) :].strip("/"))]

    def _has_array(self, path):
        try:
            return isinstance(self._at(path, Dataset), Dataset)
        except (ValueError, OSError):
            return False

    def _compare_text(self, name, value):
        key = f"{self.path}@{name}"
        if key in self._checksums and self._checksums[key] != zlib.crc32(value.encode()):
            raise OSError(
                f"{self.file} is damaged: attribute {name!r} of {self.path} is not what was "
                f"written. If it was changed on purpose, delete the attribute {CHECKSUMS!r}."
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
            if count and self._checksums.texts and kind.is_variable_str():
                texts = self._checksums.texts
                value = texts.of(self.address, name.encode(), LARGEST_TEXT)
            else:
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
            if has_controls(step):
                raise ValueError(f"{self.file}: a name in {self.path} is no plain text: {step!r}.")
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

    def __init__(self, handle: Any, file: str, path: str, checksums: _Told):
        import h5py

        self.file, self.path, self._checksums = file, path, checksums
        plan = handle.get_create_plist()
        layout = plan.get_layout()
        inside = (h5py.h5d.COMPACT, h5py.h5d.CONTIGUOUS, h5py.h5d.CHUNKED)
        if layout not in inside or plan.get_external_count():
            raise self._refuse("its values are in another file")
        filters = [plan.get_filter(i)[0] for i in range(plan.get_nfilters())]
        if not set(filters) <= {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE}:
            raise self._refuse("it is compressed by something else than gzip")
        if handle.get_type().get_class() not in (
            h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.ENUM
        ):  # fmt: skip
            raise self._refuse("it does not hold numbers")
        space = handle.get_space()
        if space.get_simple_extent_type() == h5py.h5s.NULL:
            raise self._refuse("it is empty")
        self._handle, self._is_contiguous = handle, layout == h5py.h5d.CONTIGUOUS
        self.shape, self.dtype = space.get_simple_extent_dims(), handle.dtype
        if self.dtype.kind not in _KINDS or self.dtype.itemsize > 8:
            raise self._refuse(f"numbers of the type {self.dtype} are not read")
        self.size, self._everything = math.prod(self.shape), h5py.h5s.ALL
        declared = self.size * self.dtype.itemsize
        chunk = plan.get_chunk() if layout == h5py.h5d.CHUNKED else ()
        if chunk and math.prod(chunk) * self.dtype.itemsize > max(2 * declared, _SMALL):
            raise self._refuse(f"it is stored in chunks of {chunk}, larger than itself")
        stored = handle.get_storage_size()
        self.stored, self.is_deflated = stored, bool(filters)  # bytes that it takes in the file
        stored *= _LARGEST_DEFLATION if filters else 1
        if declared > stored and declared > _SMALL:
            raise self._refuse(
                f"it declares the shape {self.shape}, but the file holds {stored} bytes of it"
            )

    @property
    def address(self) -> int:
        """Where it is in the file: several names may lead there."""
        return _address(self._handle, self)

    @property
    def is_inflated(self) -> bool:
        """Whether it is much larger than what the file has of it."""
        return self.size * self.dtype.itemsize > self.stored * _LIKELY_DEFLATION + 2**16

    def read(self, checks: Checks | None = None) -> np.ndarray:
        """All values; the caller has compared `shape` with what it expects.

        OSError where they are not those that were written. With `checks` that is found out, and the
        values are there, when its block ends.
        """
        if checks is None:
            with Checks() as checks:
                return self.read(checks)
        values = np.empty(self.shape, self.dtype.newbyteorder("="))
        place = self._place(values)
        if place is None:
            with _naming(self.file, self.path):
                if self.size:
                    self._handle.read(self._everything, self._everything, values)
        if self.path in self._checksums:
            act = (self._read_at, *place, values) if place else (zlib.crc32, values)
            checks.expect(
                checks.aside(values.nbytes, *act), self._checksums[self.path],
                f"{self.file} is damaged: {self.path} is not what was written. If it was changed "
                f"on purpose, delete the attribute {CHECKSUMS!r} of the file.",
            )  # fmt: skip
        return values

    def _place(self, values):
        """Descriptor and offset of the bytes of a large array that torchkeras wrote, else None."""
        raw = self._checksums.raw
        if raw is None or self.path not in self._checksums or self.dtype != values.dtype:
            return None
        offset = self._handle.get_offset() if values.nbytes > _ASIDE else None
        plain = self._is_contiguous and self.dtype.kind in "fiu" and offset is not None
        return (raw[0], raw[1] + offset) if plain else None

    def _read_at(self, descriptor, place, values):
        left = memoryview(values).cast("B")
        with _naming(self.file, self.path):
            while left and (count := os.preadv(descriptor, [left], place)):
                left, place = left[count:], place + count
        return zlib.crc32(values)

    def _refuse(self, why):
        return ValueError(f"{self.file}: the array {self.path} is refused: {why}.")


def _address(handle, member):
    import h5py

    with _naming(member.file, member.path):
        return h5py.h5o.get_info(handle).addr


def count(root: Node, arrays: Iterable[Dataset]) -> int:
    """How many numbers arrays of a file hold together, as far as the file has bytes of them.

    ValueError where it has not: arrays that lie in each other could declare any size.
    """
    found = {array.address: array for array in arrays}.values()
    with _naming(root.file, root.path):
        room = root._group.file.id.get_filesize()
    if sum(array.stored for array in found) > room:
        raise ValueError(f"{root.file}: its arrays lie in each other.")
    return sum(
        min(array.size, array.stored * (_LIKELY_DEFLATION if array.is_deflated else 1)
            // array.dtype.itemsize)
        for array in found
    )  # fmt: skip


def rows(path: str, name: str) -> Any:
    """The data set of h5py at a path in a file, which stays open as long as it is used.

    KeyError where there is none, ValueError where it is not one of numbers in the file itself.
    """
    import h5py

    root = _root(h5py.File(path, "r"), path)
    if not root.has(name.strip("/")):
        raise KeyError(f"{path} has no data set {name!r}; it has {root.names()}.")
    return h5py.Dataset(root.dataset(name)._handle)


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
    with ExitStack() as stack:
        bytes_ = source
        if not hasattr(source, "readinto"):
            bytes_ = stack.enter_context(open(source, "rb", buffering=0))
        try:
            seal.check(bytes_)
        except OSError as error:
            raise OSError(f"{name} is damaged: {error}.") from error
        with _naming(name, "/"):
            file = stack.enter_context(h5py.File(source, "r"))
        yield _root(file, name, _raw(file, source), _texts_of(bytes_, file.userblock_size))


def _texts_of(source, start):
    """A reader of texts in a binary file, in which the HDF5 file begins at the byte `start`."""
    size = source.seek(0, io.SEEK_END) - start

    def read(address, count):
        if address + count > size:
            raise ValueError("it is said to be beyond the end of the file")
        source.seek(start + address)
        return source.read(count)

    return Texts(read, size)


def _raw(file, source):
    """Where the bytes of an open file are: its descriptor and the first of them, or None."""
    if not hasattr(os, "preadv"):
        return None
    if file.driver == "sec2":
        return file.id.get_vfd_handle(), 0
    return getattr(source, "raw", None)


def _root(group, file, raw=None, texts=None):
    checksums = _Told()
    checksums.raw, checksums.texts = raw, texts
    root = Node(group, file, group.name, checksums)
    text = root.text(CHECKSUMS)
    if text is not None:
        try:
            told = json.loads(text)
            if not all(type(value) is int for value in told.values()):
                raise ValueError("they are no numbers")
            checksums.update(told)
        except (ValueError, AttributeError, RecursionError) as error:
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
