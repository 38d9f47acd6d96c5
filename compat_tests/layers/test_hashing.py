"""Hashes bit for bit, and the layers that put them into bins, beside TensorFlow."""

import numpy as np
import pytest
import torch

from compat_tests import oracle
from torchkeras import layers
from torchkeras.layers.fingerprints import fingerprint64, siphash64

BINS = 2**62 - 57


def test_hashes_of_every_length_beside_tensorflow():
    rng = np.random.default_rng(0)
    texts = [rng.integers(0, 256, n).astype("uint8").tobytes() for n in [*range(200), *range(70)]]
    key = [12345678901234, -7]

    def ask(keras):
        import tensorflow as tf

        return (
            tf.strings.to_hash_bucket_fast(texts, BINS),
            tf.strings.to_hash_bucket_strong(texts, BINS, key=key),
        )

    for wanted, found in zip(
        oracle.ask(ask), (fingerprint64(texts), siphash64(texts, key)), strict=True
    ):
        np.testing.assert_array_equal((found % np.uint64(BINS)).astype("int64"), wanted)


WORDS = np.array([["a", "bc"], ["déjà", ""], ["mask", "x" * 80]])
NUMBERS = np.array([[1, -5], [0, 10**12], [7, 7]])
ROWS = [
    (dict(num_bins=3), WORDS),
    (dict(num_bins=1), WORDS),
    (dict(num_bins=1, mask_value=""), WORDS),
    (dict(num_bins=5, mask_value="mask"), WORDS),
    (dict(num_bins=11, salt=133), WORDS),
    (dict(num_bins=11, salt=(133, 137), mask_value="mask"), WORDS),
    (dict(num_bins=7), NUMBERS),
    (dict(num_bins=7, mask_value=7, salt=[1, 2]), NUMBERS),
    (dict(num_bins=4, output_mode="multi_hot"), WORDS),
    (dict(num_bins=4, output_mode="count"), NUMBERS),
    (dict(num_bins=4, output_mode="one_hot"), WORDS[:, :1]),
    (dict(num_bins=4, output_mode="one_hot"), WORDS[:, 0]),
    (dict(num_bins=4, output_mode="one_hot", dtype="float64"), WORDS[0, 0]),
    (dict(num_bins=4, output_mode="multi_hot"), WORDS[0]),
    (dict(num_bins=400, dtype="int32"), WORDS),
]


@pytest.mark.parametrize("config, inputs", ROWS)
def test_hashing_beside_keras(config, inputs):
    def ask(keras):
        layer = keras.layers.Hashing(**config, name="h")
        return layer(inputs), layer.get_config()

    wanted, described = oracle.ask(ask)
    layer = layers.Hashing(**config, name="h")
    for one in (layer, layers.Hashing.from_config(layer.get_config())):
        got = one(inputs)
        np.testing.assert_array_equal(got.numpy(), wanted)
        assert str(got.dtype)[6:] == wanted.dtype.name
    assert {**layer.get_config(), "salt": 0} == {**described, "salt": 0}
    assert list(layer.salt or []) == list(described["salt"] or [])
    np.testing.assert_array_equal(layer(inputs.tolist()).numpy(), wanted)


CROSSED = [
    (dict(num_bins=5), [WORDS[:, 0], NUMBERS[:, 0]]),
    (dict(num_bins=1000), [WORDS[:, :1], NUMBERS[:, :1], WORDS[:, 1:]]),
    (dict(num_bins=1000), [np.array("a"), np.array(5)]),
    (dict(num_bins=5, output_mode="one_hot"), [WORDS[:, 0], WORDS[:, 1]]),
    (dict(num_bins=5, output_mode="one_hot"), [NUMBERS[:, :1], NUMBERS[:, 1:]]),
]


@pytest.mark.parametrize("config, inputs", CROSSED)
def test_crossing_beside_keras(config, inputs):
    def ask(keras):
        layer = keras.layers.HashedCrossing(**config, name="h")
        return layer(inputs), layer.get_config()

    wanted, described = oracle.ask(ask)
    layer = layers.HashedCrossing(**config, name="h")
    np.testing.assert_array_equal(layer(inputs).numpy(), wanted)
    assert layer.get_config() == described
    np.testing.assert_array_equal(layer([x.tolist() for x in inputs]).numpy(), wanted)


def test_in_a_graph():
    inputs = layers.Input((2,), dtype="int64")
    assert layers.Hashing(3, output_mode="multi_hot")(inputs).shape == (None, 3)
    layer = layers.Hashing(7)
    assert layer(inputs).dtype == "int64"
    assert torch.equal(layer(torch.tensor(NUMBERS)), layer(NUMBERS))


ERRORS = [
    (lambda: layers.Hashing(0), ValueError, "num_bins"),
    (lambda: layers.Hashing(3, salt="a"), ValueError, "salt"),
    (lambda: layers.Hashing(3, output_mode="tf_idf"), ValueError, "output_mode"),
    (lambda: layers.Hashing(3, output_mode="count", sparse=True), ValueError, "sparse"),
    (lambda: layers.Hashing(3)(np.array([1.5])), TypeError, "float"),
    (lambda: layers.Hashing(3)([["a"], ["b", "c"]]), ValueError, "lengths"),
    (lambda: layers.HashedCrossing(3)(["a"]), ValueError, "two features"),
    (lambda: layers.HashedCrossing(3)([["a"], [1, 2]]), ValueError, "shape"),
    (lambda: layers.HashedCrossing(3, dtype="float32"), ValueError, "integer dtype"),
]


@pytest.mark.parametrize("run, kind, told", ERRORS)
def test_errors_name_what_is_wrong(run, kind, told):
    with pytest.raises(kind, match=told):
        run()
