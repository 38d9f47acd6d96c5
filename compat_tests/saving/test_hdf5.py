"""The format of HDF5 files beside h5py: what it writes is read, and what is written it reads."""

import itertools
import re
import struct
import time

import h5py
import numpy as np
import pytest

from compat_tests.processes import check_python
from torchkeras.saving import h5, h5_writer

WAYS = {
    "as Keras makes files": {},
    "the newest layout": {"libver": "latest"},
    "in the order of making": {"track_order": True},
    "behind something else": {"userblock_size": 1024},
    "all of these": {"libver": "latest", "track_order": True, "userblock_size": 512},
}
DTYPES = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", ">f4", ">i8"]
STORAGES = [
    {}, {"chunks": True}, {"compression": "gzip"}, {"compression": "gzip", "shuffle": True},
    {"chunks": True, "shuffle": True}, {"chunks": True, "fillvalue": 3},
]  # fmt: skip


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def values_of(random, dtype, shape):
    return random.integers(0, 2 if dtype == "?" else 100, shape).astype(dtype)


def draw(random, group, depth=0):
    """Fill a group with arrays, texts and groups."""
    for number in range(random.choice([0, 1, 7, 9, 40])):
        shape = tuple(random.integers(0 if number % 5 == 4 else 1, 9, random.integers(0, 4)))
        how = STORAGES[random.integers(len(STORAGES))] if shape and np.prod(shape) else {}
        values = values_of(random, random.choice(DTYPES), shape)
        if "fillvalue" in how:
            how = {**how, "fillvalue": values.flat[0]}
        group.create_dataset(f"array é {number}", data=values, **how)
    for number in range(random.choice([0, 1, 7, 9, 40])):
        group.attrs[f"text {number}"] = draw_text(random)
    for number in range(random.choice([[3, 12, 70], [0, 1]][depth]) if depth < 2 else 0):
        draw(random, group.create_group(f"group {number}"), depth + 1)


def draw_text(random):
    text = "äb" * int(random.integers(0, 30))
    kinds = [text, [text, "", "c"], np.array([b"ab", b"c"]), b"bytes", np.bytes_(b"fixed")]
    return kinds[random.integers(len(kinds))]


def check(node, group):
    """Everything that h5py finds in a group is in a node, and nothing else."""
    assert sorted(node.names()) == sorted(group)
    for name, value in group.attrs.items():
        wanted = [v.decode() if isinstance(v, bytes) else v for v in np.ravel(value).tolist()]
        found = node._list(name) if np.ndim(value) else [node.text(name)]
        assert found == wanted, (node.path, name)
    for name, member in group.items():
        if isinstance(member, h5py.Group):
            check(node.group(name), member)
            continue
        array = node.dataset(name)
        assert (array.shape, array.dtype) == (member.shape, member.dtype.newbyteorder("="))
        np.testing.assert_array_equal(array.read(), member[()])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seed", range(3))
def test_reads_what_the_library_writes(way, seed):
    random = np.random.default_rng(seed)
    with h5py.File("x.h5", "w", **WAYS[way]) as file:
        draw(random, file)
    with h5py.File("x.h5") as file, h5.reading("x.h5") as root:
        check(root, file)


@pytest.mark.parametrize("count", [0, 1, 8, 9, 256, 257, 9000])
def test_writes_groups_of_any_size(count):
    names = [f"{'é' if number % 3 else 'name'} {number:o}" for number in range(count)]
    with h5_writer.writing("x.h5") as root:
        group = root.group("a/b")
        for number, name in enumerate(names):
            group.array(name, np.full(number % 3, number, "i4"))
    with h5py.File("x.h5") as file:
        assert sorted(file["a/b"]) == sorted(names)
        assert all(name in file["a/b"] for name in names) and "other" not in file["a/b"]
        for number in range(0, count, 100):
            assert file["a/b"][names[number]][()].tolist() == [number] * (number % 3)
    with h5py.File("x.h5", "r+") as file:  # and the library can go on from there
        for name in names[::2]:
            del file["a/b"][name]
        for number in range(100):
            file["a/b"].create_group(f"more {number}").attrs["text"] = "new"
        file.attrs["text"] = "x" * 10_000
        file["array"] = np.arange(1000)
    with h5py.File("x.h5") as file, h5.reading("x.h5") as root:
        assert len(file["a/b"]) == 100 + count // 2
        check(root.group("a"), file["a"])
        assert root.text("text") == file.attrs["text"]


def test_writes_all_types_and_texts():
    random = np.random.default_rng(0)
    arrays = {
        f"{dtype} {shape}": values_of(random, dtype, shape)
        for dtype, shape in itertools.product(DTYPES[:-2], [(), (0,), (3, 0), (5,), (2, 3, 4)])
    }
    texts = {"long": "ü" * 100_000, "empty": "", "é": "name", "wide": "x" * 70_000}
    lists = {"none": [], "some": ["a", "", "é"], "many": [f"name {n}" for n in range(20_000)]}
    with h5_writer.writing("x.h5") as root:
        for name, value in arrays.items():
            root.array(name, value)
        for name, value in texts.items():
            root.text(name, value, as_bytes=value.isascii())
        for name, values in lists.items():
            root.texts(name, values)
        root.group("a").array("b/c", np.ones(3, "f4"))
        root.link("x/y", "a")
    with h5py.File("x.h5") as file, h5.reading("x.h5") as root:
        for name, value in arrays.items():
            assert (file[name].shape, file[name].dtype) == (value.shape, value.dtype)
            np.testing.assert_array_equal(file[name][()], value)
            np.testing.assert_array_equal(root.dataset(name).read(), value)
        assert {name: file.attrs[name] for name in texts} == texts
        assert {name: root.text(name) for name in texts} == texts
        assert {name: root.texts(name) for name in lists} == lists
        assert file["x/y"] == file["a"] and root.group("x/y").address == root.group("a").address
        assert "none" in file.attrs and len(file.attrs["none"]) == 0


def test_the_library_copies_it_whole():
    """It reads every part for that, and refuses what it finds damaged."""
    with h5_writer.writing("x.h5") as root:
        for number in range(300):
            group = root.group(f"layer {number}")
            group.texts("weight_names", ["kernel", "bias"])
            group.array("kernel", np.random.rand(3, 4).astype("f4"))
            group.array("bias", np.zeros(4))
    with h5py.File("x.h5") as file, h5py.File("y.h5", "w", libver="latest") as copy:
        for name in file:
            file.copy(name, copy)
    with h5py.File("x.h5") as file, h5.reading("y.h5") as root:
        assert len(root.names()) == 300
        for name in file:
            check(root.group(name), file[name])


def test_reads_bfloat16_of_keras_3():
    """For HDF5 they are bytes without a type, and an attribute says what they are."""
    ml_dtypes = pytest.importorskip("ml_dtypes")
    values = np.random.default_rng(0).normal(size=(5, 3)).astype(ml_dtypes.bfloat16)
    with h5py.File("x.h5", "w") as file:
        file.create_dataset("known", data=values).attrs["dtype"] = "bfloat16"
        file.create_dataset("unknown", data=values)
    with h5.reading("x.h5") as root:
        known = root.dataset("known")
        assert (known.shape, known.dtype) == ((5, 3), np.float32)
        np.testing.assert_array_equal(known.read(), values.astype("float32"))
        with pytest.raises(ValueError, match="x.h5: the array /unknown .* not hold numbers"):
            root.dataset("unknown")


@pytest.mark.parametrize("way", WAYS)
def test_reads_groups_of_many_names(way):
    with h5py.File("x.h5", "w", **WAYS[way]) as file:
        group = file.create_group("a", track_order=WAYS[way].get("track_order"))
        for number in np.random.default_rng(0).permutation(3000):
            group.create_group(f"{number} and something long behind it")
        for number in range(0 if way == "as Keras makes files" else 900):
            group.attrs[f"text {number}"] = [str(number)] * (number % 7 + 1)
    with h5py.File("x.h5") as file, h5.reading("x.h5") as root:
        check(root.group("a"), file["a"])
        if "track_order" in WAYS[way]:
            assert root.group("a").names() == list(file["a"])


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


def test_models_need_no_library(tmp_path):
    """h5py is for open files of its own."""
    code = """
import sys
sys.modules["h5py"] = None
import torchkeras
model = torchkeras.Sequential([torchkeras.layers.Input((3,)), torchkeras.layers.Dense(2)])
model.compile("adam", "mse")
for name in ("x.h5", "x.keras"):
    model.save(name)
    torchkeras.models.load_model(name).load_weights(name)
"""
    check_python("-c", code, cwd=tmp_path)


def errors_of(act, *args):
    """How many errors there are in reading a node with all below it; each names the file."""
    try:
        found = act(*args)
    except (ValueError, OSError) as error:
        assert "x.h5" in str(error)
        return 1
    return found if isinstance(found, int) else 0


def read_all(node, depth=0):
    errors = sum(errors_of(node._list, name) for name in node._attributes)
    for name in node.names() if depth < 5 else ():
        errors += errors_of(lambda name=name: read_one(node.child(name), depth + 1))
    return errors


def read_one(member, depth):
    return member.read() if isinstance(member, h5.Dataset) else read_all(member, depth)


def read_file():
    with h5.reading("x.h5") as root:
        return read_all(root)


MARKS = [b"OHDR", b"OCHK", b"FRHP", b"FHDB", b"FHIB", b"BTHD", b"BTLF", b"BTIN", b"TREE", b"SNOD"]
MARKS += [b"HEAP", b"GCOL", b"FAHD", b"FADB", b"\x89HDF"]


@pytest.mark.parametrize("way", WAYS)
def test_damage_is_an_error(way):
    """Behind each mark of the format a few bytes are changed, some hundred times."""
    random = np.random.default_rng(0)
    with h5py.File("x.h5", "w", **WAYS[way]) as file:
        group = file.create_group("a/b", track_order=WAYS[way].get("track_order"))
        for number in range(40):
            group.create_group(f"group {number} with a long name that fills blocks")
            group.attrs[f"text {number}"] = ["text"] * number
        for number, how in enumerate(STORAGES):
            group.create_dataset(f"array {number}", data=np.arange(60).reshape(6, 10), **how)
            group.create_dataset(f"odd {number}", data=np.arange(7.0), **how and {"chunks": (2,)})
    with open("x.h5", "rb") as file:
        whole = file.read()
    places = {mark: [m.end() for m in re.finditer(re.escape(mark), whole)] for mark in MARKS}
    places = [found for found in places.values() if found]
    errors = 0
    for _ in range(300):
        content, found = bytearray(whole), places[random.integers(len(places))]
        at = found[random.integers(len(found))] + random.integers(0, 100)
        width = int(random.choice([1, 2, 4, 8]))
        value = [0, 1, 255, 2**31, 2**63 - 1, 2**64 - 1, int(at)][random.integers(7)]
        content[at : at + width] = value.to_bytes(8, "little")[:width]
        with open("x.h5", "wb") as file:
            file.write(content)
        start = time.process_time()
        errors += errors_of(read_file) > 0
        assert time.process_time() - start < 5, (way, at, width, value)
    assert errors > 50
