"""Old pickled data is read; a pickle that wants more than data is refused."""

import io
import os
import pickle
import zipfile

import numpy as np
import pytest

from torchkeras.datasets.objects import read_npz, read_pickle


def object_row(*lists):
    row = np.empty(len(lists), dtype=object)
    row[:] = lists
    return row


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(save, tmp_path):
    arrays = {
        "texts": object_row([1, 2, 3], [], [70000]),
        "pictures": np.arange(24, dtype="uint8").reshape(2, 3, 4),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "swapped": np.arange(3, dtype=">i4"),
        "empty": np.zeros((0, 3), "float32"),
        "single": np.float32(2.5),
    }
    save(tmp_path / "a.npz", **arrays)
    found = read_npz(tmp_path / "a.npz")
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    assert found["pictures"].flags.writeable and type(found["texts"][0]) is list


class Attack:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


ATTACKS = {
    "system": lambda file: Attack(os.system, f"touch {file}"),
    "open": lambda file: Attack(open, file, "w"),
    "numpy": lambda file: Attack(np.save, file, 1),
    "getattr": lambda file: Attack(getattr, "x", "upper"),
    "memmap": lambda file: Attack(np.memmap, file, "uint8", "w+"),
}


def npz_with(folder, body, shape=(1,)):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|O", "fortran_order": False, "shape": shape}
    )
    with zipfile.ZipFile(folder / "bad.npz", "w") as archive:
        archive.writestr("x.npy", header.getvalue() + body)
    return folder / "bad.npz"


@pytest.mark.parametrize("protocol", [0, 2, 5])
@pytest.mark.parametrize("case", ATTACKS)
def test_attack(case, protocol, tmp_path):
    target = str(tmp_path / "target")
    body = pickle.dumps(object_row([1], ATTACKS[case](target)), protocol)
    (tmp_path / "bad").write_bytes(body)
    with pytest.raises(ValueError, match="Will not read .*bad: it names"):
        read_pickle(tmp_path / "bad")
    with pytest.raises(ValueError, match="Will not read x.npy in .*bad.npz: it names"):
        read_npz(npz_with(tmp_path, body))
    assert not os.path.exists(target)


BROKEN = {
    "not a pickle": b"hello",
    "cut": pickle.dumps(object_row([1, 2]))[:-10],
    "text": pickle.dumps("text"),
    "list": pickle.dumps([[1]]),
    "other shape": pickle.dumps(object_row([1], [2])),
    "strings": pickle.dumps(object_row(["a"])),
    "floats": pickle.dumps(object_row([1.5])),
    "nested": pickle.dumps(object_row([[1]])),
    "arrays": pickle.dumps(object_row(np.arange(3))),
    "persistent": b"Pname\n.",
}


@pytest.mark.parametrize("case", BROKEN)
def test_not_a_row_of_lists(case, tmp_path):
    with pytest.raises(ValueError, match="x.npy in .*bad.npz"):
        read_npz(npz_with(tmp_path, BROKEN[case]))


def test_announced_size_is_not_allocated(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (1 << 40, 1 << 20)}
    )
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w") as archive:
        archive.writestr("x.npy", header.getvalue())
    with pytest.raises(ValueError, match="cut short"):
        read_npz(tmp_path / "bomb.npz")
    with pytest.raises(ValueError, match="row of lists"):
        read_npz(npz_with(tmp_path, pickle.dumps(object_row([1])), (1 << 60,)))


class Python2(pickle._Pickler):
    """Writes bytes as Python 2 wrote its strings, as in the CIFAR archives."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_bytes(self, text):
        self.write(pickle.BINSTRING + len(text).to_bytes(4, "little") + text)
        self.memoize(text)

    dispatch[bytes] = save_bytes


def python2(batch):
    file = io.BytesIO()
    Python2(file, 2).dump(batch)
    return file.getvalue().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


WRITERS = {"0": 0, "2": 2, "4": 4, "Python 2": python2}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", ">i4"])
def test_pickled_arrays(dtype, writer, tmp_path):
    array = np.arange(6, dtype=dtype).reshape(2, 3)
    batch = {b"data": array, b"labels": [1, 2], b"names": [b"a.png"]}
    write = WRITERS[writer]
    body = write(batch) if callable(write) else pickle.dumps(batch, write)
    (tmp_path / "batch").write_bytes(body)
    found = read_pickle(tmp_path / "batch")
    assert found[b"data"].dtype == array.dtype
    np.testing.assert_array_equal(found[b"data"], array)
    assert (found[b"labels"], found[b"names"]) == ([1, 2], [b"a.png"])


def test_pickled_object_array_is_refused(tmp_path):
    (tmp_path / "batch").write_bytes(pickle.dumps({b"data": object_row([1])}))
    with pytest.raises(ValueError, match="plain numbers"):
        read_pickle(tmp_path / "batch")
