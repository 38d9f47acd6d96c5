"""Checkpoints as files: what is written comes back, and damage is found."""

import numpy as np
import pytest
import torch

from torchkeras.saving.tensorflow import table
from torchkeras.saving.tensorflow.bundle import Bundle, write

RNG = np.random.default_rng(0)
ARRAYS = {
    "float32": RNG.normal(size=(3, 4)).astype("float32"),
    "float64": RNG.normal(size=5),
    "float16": RNG.normal(size=(2, 1, 2)).astype("float16"),
    "int64": np.arange(3),
    "scalar": np.int32(7),
    "empty": np.zeros((0, 4), "float32"),
    "bool": np.array([True, False]),
    "uint8": np.arange(5, dtype="uint8"),
    "large": RNG.normal(size=(300, 300)).astype("float32"),
}


@pytest.fixture
def prefix(tmp_path):
    prefix = str(tmp_path / "weights")
    write(prefix, {**ARRAYS, "text": b"words", "half": torch.tensor([1.5, -2.0]).bfloat16()})
    return prefix


def test_arrays_and_texts_come_back(prefix):
    bundle = Bundle(prefix)
    assert set(bundle.keys()) == {*ARRAYS, "text", "half"}
    for key, array in ARRAYS.items():
        found = bundle.array(key)
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)
    assert bundle.texts("text") == [b"words"]
    assert torch.equal(bundle.array("half"), torch.tensor([1.5, -2.0]).bfloat16())


def test_tensorflow_reads_it(prefix):
    tf = pytest.importorskip("tensorflow")
    reader = tf.train.load_checkpoint(prefix)
    for key, array in ARRAYS.items():
        np.testing.assert_array_equal(reader.get_tensor(key), array)
    assert reader.get_tensor("text") == b"words"


def test_tables_of_many_entries():
    entries = [(f"key/{i:05d}".encode(), bytes([i % 256]) * (i % 90)) for i in range(9000)]
    assert list(table.read(table.write(entries))) == entries


def read_all(prefix):
    bundle = Bundle(prefix)
    texts = ("text",)
    return {k: bundle.texts(k) if k in texts else bundle.array(k) for k in bundle.keys()}


def same(one, other):
    return torch.equal(one, other) if torch.is_tensor(one) else np.array_equal(one, other)


@pytest.mark.parametrize("ending", [".index", ".data-00000-of-00001"])
def test_every_flipped_bit_and_every_cut_is_found(prefix, ending):
    expected, path = read_all(prefix), prefix + ending
    with open(path, "rb") as file:
        good = file.read()
    rng = np.random.default_rng(1)
    for place in rng.integers(0, len(good), 60):
        bad = bytearray(good)
        bad[place] ^= 1 << int(rng.integers(8))
        with open(path, "wb") as file:
            file.write(bad)
        try:
            found = read_all(prefix)
        except (OSError, ValueError):
            continue
        for key, value in found.items():  # a bit that nobody reads
            assert same(value, expected[key])
    for size in range(0, len(good), max(1, len(good) // 50)):
        with open(path, "wb") as file:
            file.write(good[:size])
        with pytest.raises((OSError, ValueError)):
            read_all(prefix)


def test_what_is_missing_is_named(prefix, tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.index"):
        Bundle(str(tmp_path / "nothing"))
    with pytest.raises(ValueError, match="has no 'other'"):
        Bundle(prefix).array("other")
