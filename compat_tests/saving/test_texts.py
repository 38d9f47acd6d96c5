"""Texts in HDF5 that are read without the library: what the library reads, and damage is found."""

import struct

import h5py
import numpy as np
import pytest

from torchkeras.saving import h5

WAYS = {
    "as Keras makes files": {},
    "the newest layout": {"libver": "latest"},
    "in the order of making": {"track_order": True},
    "behind something else": {"userblock_size": 1024},
    "all of these": {"libver": "latest", "track_order": True, "userblock_size": 512},
}


def write(**way):
    with h5py.File("x.h5", "w", **way) as file:
        file.attrs["config"] = "ü" * 100_000
        file.attrs["names"] = ["a", "bcd", "", "é"]
        file.attrs["bytes"], file.attrs["fixed"] = b"abc", np.array([b"ab", b"c"])
        group = file.create_group("a/b")
        for number in range(7):
            group.attrs[f"name{number}"] = "x" * number * 100
        for number in range(100 if not way else 0):  # which go on in another part of the header
            file.attrs[f"more{number}"] = str(number)
    return "x.h5"


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("way", WAYS)
def test_what_the_library_reads(way):
    name = write(**WAYS[way])
    with h5py.File(name) as file, h5.reading(name) as root:
        for path in ("/", "a/b"):
            node = root.group(path) if path != "/" else root
            assert len(file[path].attrs) >= 4
            for key, value in file[path].attrs.items():
                wanted = [v.decode() if isinstance(v, bytes) else v for v in np.ravel(value)]
                found = node.texts(key) if np.ndim(value) else [node.text(key)]
                assert found == wanted, key


def heap():
    """A file, where its heap of texts is, and where the free part of it begins."""
    with h5py.File("x.h5", "w") as file:
        file.attrs["config"] = "{" + "x" * 3000 + "}"
    with open("x.h5", "rb") as file:
        content = bytearray(file.read())
    start = content.index(b"GCOL")
    size = struct.unpack_from("<Q", content, start + 24)[0]
    return content, start, start + 32 + -(-size // 8) * 8


DAMAGE = {  # the first three keep the library of HDF5 1.14 busy for ever
    "nothing is free": lambda c, start, free: struct.pack_into("<Q", c, free + 8, 0),
    "a size below zero": lambda c, start, free: struct.pack_into("<q", c, start + 24, -16),
    "zeros": lambda c, start, free: c.__setitem__(slice(start + 16, start + 48), bytes(32)),
    "a huge size": lambda c, start, free: struct.pack_into("<Q", c, start + 24, 2**40),
    "a huge heap": lambda c, start, free: struct.pack_into("<Q", c, start + 8, 2**40),
    "a small heap": lambda c, start, free: struct.pack_into("<Q", c, start + 8, 8),
    "another signature": lambda c, start, free: c.__setitem__(slice(start, start + 4), b"GCOX"),
    "another version": lambda c, start, free: c.__setitem__(start + 4, 9),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_heap_is_an_error(name):
    content, start, free = heap()
    DAMAGE[name](content, start, free)
    with open("x.h5", "wb") as file:
        file.write(content)
    with h5.reading("x.h5") as root:
        if name == "nothing is free":  # what is not asked for does not matter
            assert len(root.text("config")) == 3002
            return
        with pytest.raises(OSError, match=r"x.h5: attribute 'config' of / cannot be read"):
            root.text("config")


def test_texts_elsewhere_are_an_error():
    """With more than eight attributes the newest layout keeps them outside of the header."""
    with h5py.File("x.h5", "w", libver="latest") as file:
        for number in range(50):
            file.attrs[f"name{number}"] = "text"
    with h5.reading("x.h5") as root, pytest.raises(OSError, match="not among the texts"):
        root.text("name3")
