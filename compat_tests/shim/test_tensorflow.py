"""Calls of `tf.*`, each beside TensorFlow's on the same random arguments."""

from pathlib import Path

import numpy as np
import pytest

import torchkeras.shim.tensorflow as ours
from compat_tests import oracle
from torchkeras.arrays import to_numpy
from torchkeras.data import Strings

CALLS = (Path(__file__).parent / "calls.txt").read_text(encoding="utf-8").splitlines()


def arguments():
    random = np.random.default_rng(5)
    normal = lambda *shape: random.normal(size=shape).astype("float32")  # noqa: E731
    half = normal(3, 3)
    return {
        "np": np,
        "x": normal(4, 6),
        "y": normal(4, 6),
        "p": random.uniform(0.5, 3, (4, 6)).astype("float32"),
        "n": normal(3).astype("float64"),
        "i": np.arange(4, dtype="int32"),
        "t3": normal(2, 4, 3),
        "k1": normal(2, 3, 5),
        "s": half @ half.T + np.eye(3, dtype="float32"),
        "c": (normal(2, 8) + 1j * normal(2, 8)).astype("complex64"),
        "wave": normal(40),
        "image": random.uniform(0, 1, (2, 6, 5, 3)).astype("float32"),
        "big": random.uniform(0, 1, (2, 16, 16, 3)).astype("float32"),
        "kernel": normal(3, 2, 3, 4),
        "pixels": random.integers(0, 256, (2, 6, 5, 3), dtype=np.uint8),
    }


def answer(tf, call):
    return eval(f"tf.{call}", {**arguments(), "tf": tf})


def compare(found, wanted, call):
    if isinstance(wanted, (list, tuple)):
        assert len(found) == len(wanted), call
        for one, other in zip(found, wanted, strict=True):
            compare(one, other, call)
    elif isinstance(wanted, dict):
        assert list(found) == list(wanted)
    else:
        wanted = np.asarray(wanted)
        found = np.asarray(found) if isinstance(found, Strings) else to_numpy(found)
        assert found.shape == wanted.shape, (call, found.shape, wanted.shape)
        assert found.dtype == wanted.dtype, (call, found.dtype, wanted.dtype)
        if wanted.dtype.kind in "fc":
            np.testing.assert_allclose(found, wanted, rtol=2e-4, atol=2e-5, err_msg=call)
        else:
            assert (found == wanted).all(), (call, found, wanted)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call[:60])
def test_call(call):
    def real(keras):
        import tensorflow as tf

        tf = _with(tf, keras)
        return answer(tf, call)

    compare(answer(ours, call), oracle.ask(real), call)


def _with(tf, keras):
    """TensorFlow with Keras 2 under its names."""

    class Names:
        losses, initializers = keras.losses, keras.initializers

        def __getattr__(self, name):
            return getattr(tf, name)

    names = Names()
    names.keras = keras
    return names
