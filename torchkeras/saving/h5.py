"""The one reader of HDF5 files, which trusts nothing in them, and the writer of the same layout.

A file is followed only along hard links inside of itself; datasets must be plain numbers, stored
in the file, uncompressed or deflated. Nothing is read before its declared size was compared with
what the caller expects. Files of torchkeras have one attribute more than those of Keras: checksums
of the arrays, which are compared as these are read.
"""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

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
        with _naming(file, path):
            self.address = h5py.h5o.get_info(group.id).addr

    def __contains__(self, name: str) -> bool:
        with _naming(self.file, self.path):
            return name in self._group.keys()

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
        """What is called `name` in this group."""
        return self._open(f"{name}", None) if name else self.group(name)

    def group(self, path: str) -> Node:
        """The group at `path` below this one; ValueError where there is none."""
        return self._open(path, "group")

    def dataset(self, path: str) -> Dataset:
        """The array at `path` below this group, not read yet; ValueError if it is no plain one."""
        return self._open(path, "dataset")

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
            kind, count = attribute.get_type(), int(np.prod(attribute.shape, dtype=object))
            is_text = kind.get_class() == h5py.h5t.STRING
            limit = _LARGEST_LIST if attribute.shape else LARGEST_TEXT
            if count and (not is_text or attribute.get_storage_size() > limit):
                raise self._wrong(f"attribute {name!r} is not a text or too large")
            value = self._group.attrs[name] if count else []
        items = [_text(item) for item in np.ravel(np.asarray(value, dtype=object))]
        if any(len(item) > LARGEST_TEXT for item in items):
            raise self._wrong(f"attribute {name!r} is too large")
        return items if attribute.shape else items[0]

    def _open(self, path, kind):
        import h5py

        steps = [step for step in path.split("/") if step]
        found, here = self._group.id, self.path
        for number, step in enumerate(steps):
            here = f"{here.rstrip('/')}/{step}"
            with _naming(self.file, here):
                name = step.encode()
                if step in (".", "..") or not found.links.exists(name):
                    raise ValueError(f"{self.file} has no {here}.")
                if found.links.get_info(name).type != h5py.h5l.TYPE_HARD:
                    raise ValueError(
                        f"{self.file}: {here} is a link to another place. Only what is stored in "
                        "the file itself is read."
                    )
                found = h5py.h5o.open(found, name)
            last = number == len(steps) - 1
            if last and kind is None:
                kind = "group" if isinstance(found, h5py.h5g.GroupID) else "dataset"
            wanted = h5py.h5d.DatasetID if last and kind == "dataset" else h5py.h5g.GroupID
            if not isinstance(found, wanted):
                wanted = "dataset" if wanted is h5py.h5d.DatasetID else "group"
                raise ValueError(f"{self.file}: {here} is not a {wanted}.")
        if not steps:
            raise self._wrong("a name in it is empty")
        if kind == "group":
            return Node(h5py.Group(found), self.file, here, self._checksums)
        with _naming(self.file, here):
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
        self._dataset = h5py.Dataset(handle)
        self.address = h5py.h5o.get_info(handle).addr  # where it is: several names may lead there
        self.shape, self.dtype = tuple(self._dataset.shape), self._dataset.dtype
        if self.dtype.kind not in _KINDS or self.dtype.itemsize > 8:
            raise self._refuse(f"numbers of the type {self.dtype} are not read")
        self.size = int(np.prod(self.shape, dtype=object))
        declared = self.size * self.dtype.itemsize
        chunk = self._dataset.chunks
        if chunk and int(np.prod(chunk, dtype=object)) * self.dtype.itemsize > max(
            2 * declared, _SMALL
        ):
            raise self._refuse(f"it is stored in chunks of {chunk}, larger than itself")
        stored = handle.get_storage_size() * (_LARGEST_DEFLATION if filters else 1)
        if declared > stored and declared > _SMALL:
            raise self._refuse(
                f"it declares the shape {self.shape}, but the file holds {stored} bytes of it"
            )

    def read(self) -> np.ndarray:
        """All values; the caller has compared `shape` with what it expects."""
        with _naming(self.file, self.path):
            values = np.asarray(self._dataset[()])
        _compare(self.file, self.path, values, self._checksums)
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


def _compare(file, path, array, checksums):
    if path in checksums and checksums[path] != _checksum(array):
        raise OSError(
            f"{file} is damaged: {path} is not what was written. If it was changed on purpose, "
            f"delete the attribute {_CHECKSUMS!r} of the file."
        )


def _checksum(array):
    return zlib.crc32(np.ascontiguousarray(array))


@contextmanager
def _naming(file, member):
    """Whatever the library raises on a damaged file becomes an OSError that names the file."""
    try:
        yield
    except FileNotFoundError:
        raise
    except ValueError as error:
        if str(error).startswith(str(file)):
            raise
        raise OSError(f"{file}: {member} cannot be read: {error}") from error
    except Exception as error:
        raise OSError(f"{file}: {member} cannot be read: {error}") from error


def _text(value):
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


# --- writing ---------------------------------------------------------------------------------


class Writer:
    """A group of a file that is being written."""

    def __init__(self, group: Any, checksums: dict[str, int]):
        self._group, self._checksums = group, checksums

    def group(self, name: str) -> Writer:
        """The group `name` below this one, made where it is not there."""
        return Writer(self._group.require_group(name), self._checksums)

    def text(self, name: str, value: str, as_bytes: bool = True) -> None:
        """An attribute; Keras writes some as bytes and some as text."""
        self._group.attrs[name] = value.encode() if as_bytes else value
        self._note(name, value)

    def _note(self, name, value):
        self._checksums[f"{self._group.name}@{name}"] = zlib.crc32(value.encode())

    def texts(self, name: str, values: Iterable[str]) -> None:
        """A list of names, split as Keras splits it where it is too large for one attribute."""
        values = list(values)
        self._note(name, "\n".join(values))
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

    def link(self, path: str, target: str) -> None:
        """A second path to the group at `target`; both are below this group."""
        self._group.require_group(path.rpartition("/")[0] or "/")[path.rpartition("/")[2]] = (
            self._group[target]
        )

    def array(self, name: str, value: np.ndarray) -> None:
        """An array with a checksum."""
        value = np.asarray(value, order="C")  # once, not for the checksum and for the file
        made = self._group.create_dataset(name, data=value)
        self._checksums[made.name] = _checksum(value)


@contextmanager
def writing(target: Any) -> Iterator[Writer]:
    """A new HDF5 file to fill, at a path, as an `h5py.File` that the caller opened or in memory."""
    import h5py

    checksums: dict[str, int] = {}
    if isinstance(target, h5py.Group):
        yield Writer(target, checksums)
        target.attrs[_CHECKSUMS] = json.dumps(checksums)
        target.file.flush()
        return
    if isinstance(target, io.BytesIO):
        with h5py.File(target, "w") as file:
            yield Writer(file, checksums)
            file.attrs[_CHECKSUMS] = json.dumps(checksums)
        return
    with open(target, "xb+", buffering=0) as raw:
        disk = _Disk(raw)
        with h5py.File(disk, "w") as file:
            yield Writer(file, checksums)
            file.attrs[_CHECKSUMS] = json.dumps(checksums)
        if disk.error is not None:
            raise disk.error


class _Disk:
    """The file below an HDF5 file, which keeps a failed write for later.

    The library cannot close a file that it could not write, so it is told that all went well.
    """

    def __init__(self, raw: Any):
        self._raw = raw
        self.error: OSError | None = None
        self.seek, self.tell = raw.seek, raw.tell
        self.read, self.readinto = raw.read, raw.readinto

    def write(self, data: Any) -> int:
        left = memoryview(data).cast("B")
        total = len(left)
        while len(left) and self.error is None:
            left = left[self._try(self._raw.write, left) or 0 :]
        return total

    def truncate(self, size: int) -> int:
        self._try(self._raw.truncate, size)
        return size

    def flush(self) -> None:
        self._try(self._raw.flush)

    def _try(self, act, *args):
        try:
            return act(*args)
        except OSError as error:
            self.error = self.error or error
