"""What situations of training share: data, small parts, and the comparison with tf.keras."""

from __future__ import annotations

import contextlib

import numpy as np

import torchkeras
from compat_tests import oracle
from compat_tests.checks.model import fill

RNG = np.random.default_rng(11)
X = RNG.normal(size=(24, 5)).astype("float32")
SERIES = RNG.normal(size=(24, 6, 3)).astype("float32")
IMAGES = RNG.normal(size=(24, 6, 6, 2)).astype("float32")
TOKENS = RNG.integers(0, 12, size=(24, 7))
Y = RNG.normal(size=(24, 1)).astype("float32")
PAIRS = RNG.normal(size=(24, 2)).astype("float32")
CLASSES = RNG.integers(0, 3, size=24)
ONE_HOT = np.eye(3, dtype="float32")[CLASSES]
BINARY = RNG.integers(0, 2, size=(24, 1)).astype("float32")
WEIGHTS = RNG.uniform(0.2, 2, size=24).astype("float32")
FIT = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0}


def compiled(keras, model, *args, seed=1, **kwargs):
    """`model`, compiled; with known weights where it has some. tf.keras runs without its graphs,
    which take a second each to make."""
    kwargs.setdefault("run_eagerly", keras is not torchkeras)
    if model.built:
        fill(model, seed)
    model.compile(*args, **kwargs)
    return model


def mlp(keras, units=1, activation=None, **first):
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Dense(6, activation="tanh", input_shape=(5,), **first),
            layers.Dense(units, activation=activation),
        ]
    )


def recording(keras):
    """Stands for `with tf.GradientTape() as tape` in both: the tape, or nothing to remember."""
    if keras is torchkeras:
        return contextlib.nullcontext()
    import tensorflow as tf

    return tf.GradientTape()


def apply(keras, tape, loss, optimizer, variables):
    """One update of `variables`: by the tape's gradients, or by those of torch."""
    if keras is torchkeras:
        pairs = optimizer.compute_gradients(loss, variables)
    else:
        pairs = zip(tape.gradient(loss, variables), variables, strict=True)
    optimizer.apply_gradients(pairs)


def number(loss):
    """A loss without its gradients, which torch wants before it makes a number of it."""
    return loss.detach() if hasattr(loss, "detach") else loss


def mean(keras, values):
    return values.mean() if keras is torchkeras else keras.backend.mean(values)


def told(model, *histories, **more):
    """What is compared of a trained model."""
    histories = [getattr(one, "history", one) for one in histories]
    return {
        "keys": [list(one) for one in histories],
        "values": [np.asarray(v, "float64") for one in histories for v in one.values()],
        "weights": model.get_weights(),
        **more,
    }


def check_situation(situation):
    """Both sides tell the same: names in the same order, numbers within 1e-4."""

    def run(keras):
        keras.backend.clear_session()
        return situation(keras)

    compare(run(torchkeras), oracle.ask(run))


def compare(found, expected, where=""):
    if isinstance(expected, dict):
        assert list(found) == list(expected), where
        for key in expected:
            compare(found[key], expected[key], f"{where}.{key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), (where, found, expected)
        for i, (one, other) in enumerate(zip(found, expected, strict=True)):
            compare(one, other, f"{where}[{i}]")
    elif isinstance(expected, (float, np.ndarray)):
        np.testing.assert_allclose(found, expected, 1e-4, 1e-4, err_msg=where)
    else:
        assert found == expected, where
