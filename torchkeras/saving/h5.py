"""The one reader of HDF5 files, which trusts nothing in them and asks no library.

A file is followed only along hard links inside of itself; datasets must be plain numbers, stored
in the file, uncompressed or deflated. Nothing is read before its declared size was compared with
what the caller expects. Files of torchkeras have one attribute more than those of Keras: checksums
of the arrays, which are compared as these are read.
"""

from __future__ import annotations

import io
import json
import math
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from typing import Any

import numpy as np

from ..names import has_controls
from . import seal
from .checksums import Checks
from .files import Places, is_h5py
from .h5_writer import CHECKSUMS
from .hdf5 import groups
from .hdf5.heaps import Texts
from .hdf5.storage import Storage
from .hdf5.structure import Kind, Structure, part_of
from .hdf5.types import BFLOAT16, Number, Text, shape_of, type_of

LARGEST_TEXT = 64 * 2**20  # of one attribute, in bytes: the config of a very large model
_LARGEST_LIST = 2**16  # of one attribute: Keras splits lists of names below this
_LARGEST_DEFLATION = 1032  # more than this times smaller deflate cannot make anything
_LIKELY_DEFLATION = 16  # more than that no weights become smaller, but for zeros
_SMALL = 4 * 2**20


class _File:
    """An open file: its bytes, and what was found in it."""

    def __init__(self, places: Places, name: str):
        self.name = name
        with _naming(name, "/"):
            self.structure = Structure(places)
        self.texts = Texts(self.structure)
        self.checksums: dict[str, int] = {}  # of a file of torchkeras, by path and path@attribute
        self.links = cache(partial(groups.links, self.structure))
        self.attributes = cache(partial(groups.attributes, self.structure))


class _Member:
    """What is at an address of a file, and the path that led there."""

    def __init__(self, file: _File, address: int, path: str):
        self._file, self.address, self.path = file, address, path

    @property
    def file(self) -> str:
        """The name of the file."""
        return self._file.name

    @property
    def key(self) -> tuple[int, int]:
        """The same for all names that lead here."""
        return id(self._file), self.address


class Node(_Member):
    """A group of an open file."""

    def __init__(self, file: _File, address: int, path: str):
        super().__init__(file, address, path)
        self._opened: dict[str, Node | Dataset] = {}

    @property
    def _checksums(self):
        return self._file.checksums

    @property
    def _links(self):
        with _naming(self.file, self.path):
            return self._file.links(self.address)

    @property
    def _attributes(self):
        with _naming(self.file, self.path):
            return self._file.attributes(self.address)

    def __contains__(self, name: str) -> bool:
        return name in self._links

    def names(self) -> list[str]:
        """The names of what is in this group."""
        return list(self._links)

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
        return name in self._attributes

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
        with _naming(self.file, f"attribute {name!r} of {self.path}"):
            told = self._attributes[name]
            shape, kind = shape_of(told.space), type_of(told.type) if told.type else None
            count = math.prod(shape)
            if not count:
                return []
            limit = _LARGEST_LIST if shape else LARGEST_TEXT
            if not isinstance(kind, Text) or (kind.size or 16) * count > limit:
                raise self._wrong(f"attribute {name!r} is not a text or too large")
            if kind.size is None:
                found = self._file.texts.of(told.values, count, LARGEST_TEXT)
            else:
                every = range(0, kind.size * count, kind.size)
                found = [part_of(told.values, at, kind.size) for at in every]
                found = [text.rstrip(kind.padding).rstrip(b"\0") for text in found]
        items = [text.decode("utf-8", "replace") for text in found]
        return items if shape else items[0]

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
        here = f"{self.path.rstrip('/')}/{step}"
        if step not in self._links or step in ("", ".", "..") or "/" in step:
            raise ValueError(f"{self.file} has no {here}.")
        if has_controls(step):
            raise ValueError(f"{self.file}: a name in {self.path} is no plain text: {step!r}.")
        address = self._links[step]
        if address is None:
            raise ValueError(
                f"{self.file}: {here} is a link to another place. Only what is stored in the "
                "file itself is read."
            )
        with _naming(self.file, here):
            if groups.is_group(self._file.structure, address):
                return Node(self._file, address, here)
            if self._file.structure.content(address, Kind.SPACE) is None:
                raise ValueError(f"{self.file}: {here} is neither a group nor a dataset.")
            return Dataset(self._file, address, here)

    def _wrong(self, what):
        return ValueError(f"{self.file}: {what} (at {self.path}).")


class Dataset(_Member):
    """An array of an open file: `shape` and `dtype` as declared; `read` gets the values."""

    def __init__(self, file: _File, address: int, path: str):
        super().__init__(file, address, path)
        structure = file.structure
        kind = type_of(structure.content(address, Kind.TYPE) or bytes(8))
        if not isinstance(kind, Number):
            raise self._refuse("it does not hold numbers of a type that is read")
        shape = shape_of(structure.content(address, Kind.SPACE))
        if shape is None:
            raise self._refuse("it is empty")
        if kind is BFLOAT16 and Node(file, address, path).text("dtype") != "bfloat16":
            raise self._refuse("it does not hold numbers")
        self._number, self.dtype = kind, kind.dtype
        self.shape, self.size = shape, math.prod(shape)
        try:
            self._storage = Storage(structure, address, shape, kind.stored)
        except ValueError as error:
            raise self._refuse(str(error)) from error
        width, chunk = kind.stored.itemsize, self._storage.chunk
        declared = self.size * width
        if math.prod(chunk) * width > max(2 * declared, _SMALL):
            raise self._refuse(f"it is stored in chunks of {chunk}, larger than itself")
        self.stored, self.is_deflated = self._storage.stored, self._storage.is_deflated
        most = self.stored * (_LARGEST_DEFLATION if self.is_deflated else 1)
        if declared > most and (declared > _SMALL or self._storage.is_whole):
            raise self._refuse(
                f"it declares the shape {shape}, but the file holds {self.stored} bytes of it"
            )

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
        wanted, place = self._file.checksums.get(self.path), self._storage.place
        if place is not None and self.size and self._number.stored == self.dtype:
            values = np.empty(self.shape, self.dtype)
            act = self._fill_and_sum if wanted is not None else self._fill
            checksum = checks.aside(values.nbytes, act, place, values)
        else:
            values = self._number.native(self._read(place))
            checksum = partial(zlib.crc32, values)
        if wanted is not None:
            checks.expect(
                checksum, wanted,
                f"{self.file} is damaged: {self.path} is not what was written. If it was changed "
                f"on purpose, delete the attribute {CHECKSUMS!r} of the file.",
            )  # fmt: skip
        return values

    def _read(self, place):
        """The values as they are stored."""
        if place is None or not self.size:
            with _naming(self.file, self.path):
                return self._storage.read()
        values = np.empty(self.shape, self._number.stored)
        self._fill(place, values)
        return values

    def _fill(self, place, values):
        with _naming(self.file, self.path):
            self._file.structure.fill(place, values)

    def _fill_and_sum(self, place, values):
        self._fill(place, values)
        return zlib.crc32(values)

    def _refuse(self, why):
        return ValueError(f"{self.file}: the array {self.path} is refused: {why}.")


def count(root: Node, arrays: Iterable[Dataset]) -> int:
    """How many numbers arrays of a file hold together, as far as the file has bytes of them.

    ValueError where it has not: arrays that lie in each other could declare any size.
    """
    found = {array.key: array for array in arrays}.values()
    room = {array._file: array._file.structure.size for array in found}
    if sum(array.stored for array in found) > sum(room.values()):
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

    with reading(path) as root:
        if not root.has(name.strip("/")):
            raise KeyError(f"{path} has no data set {name!r}; it has {root.names()}.")
        root.dataset(name)
    return h5py.File(path, "r")[name]


@contextmanager
def reading(source: Any, name: str | None = None) -> Iterator[Node]:
    """The root of an HDF5 file, given by its path, as `Places` or as an open group of h5py.

    `name` is what messages call it. OSError or ValueError, with that name, where it is damaged.
    """
    with ExitStack() as stack:
        path, address, places = "/", None, source
        if is_h5py(source):
            name, path, address = name or str(source.file.filename), source.name, _address(source)
            places = Places(io.BytesIO(source.file.id.get_file_image()))
        elif not isinstance(source, Places):
            places = Places(stack.enter_context(open(source, "rb", buffering=0)))
        name = name or str(source)
        try:
            seal.check(places)
        except OSError as error:
            raise OSError(f"{name} is damaged: {error}.") from error
        file = _File(places, name)
        yield _root(file, file.structure.root if address is None else address, path)


def _address(group):
    """Where a group of h5py is in its file, all of which is made known."""
    import h5py

    group.file.flush()
    return h5py.h5o.get_info(group.id).addr


def _root(file, address, path):
    root = Node(file, address, path)
    text = root.text(CHECKSUMS)
    if text is not None:
        try:
            told = json.loads(text)
            if not all(type(value) is int for value in told.values()):
                raise ValueError("they are no numbers")
            file.checksums.update(told)
        except (ValueError, AttributeError, RecursionError) as error:
            raise OSError(f"{file.name} is damaged: its checksums cannot be read.") from error
        _check_presence(root, file.checksums)
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
