"""What Keras prints, with a clock that stands still unless the test moves it."""

from __future__ import annotations

import contextlib
import importlib
import io
from types import SimpleNamespace
from unittest import mock

import numpy as np

import torchkeras
from compat_tests import oracle
from torchkeras import names
from torchkeras.callbacks import progress


class Clock:
    """Stands in for the time module; `now` is in seconds."""

    def __init__(self):
        self.now = 1000.0

    def time(self):
        return self.now


@contextlib.contextmanager
def printed(keras):
    """The text written to stdout within the block, and the clock that `keras` looks at there."""
    clock, text = Clock(), io.StringIO()
    if keras is torchkeras:
        module = progress
    else:
        module = importlib.import_module(f"{keras.__name__}.src.utils.generic_utils")
    with mock.patch.object(module, "time", clock), contextlib.redirect_stdout(text):
        yield SimpleNamespace(clock=clock, text=text)


def check_same(run):
    """`run(keras)` answers the same for tf.keras and torchkeras; texts exactly."""
    expected = oracle.ask(run)
    names.reset()
    close(run(torchkeras), expected)
    return expected


def close(found, expected):
    """Nested answers are equal, floats to 1e-5."""
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for key in expected:
            close(found[key], expected[key])
    elif isinstance(expected, list):
        assert len(found) == len(expected), (found, expected)
        for one, other in zip(found, expected, strict=True):
            close(one, other)
    elif isinstance(expected, (float, np.ndarray)):
        np.testing.assert_allclose(found, expected, 1e-5, 1e-6)
    else:
        assert found == expected


def ticking(keras, clock, seconds):
    """A callback that moves the clock by `seconds` at the end of each batch."""

    class Tick(keras.callbacks.Callback):
        def _tick(self, batch, logs=None):
            clock.now += seconds

        on_train_batch_end = on_test_batch_end = on_predict_batch_end = _tick

    return Tick()


def data(samples=20):
    """Inputs of 3 features and labels, the same at every call."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(samples, 3)).astype("float32")
    return x, (x @ np.array([[1.0], [-2.0], [0.5]], "float32") + 0.1).astype("float32")


def small_model(keras, optimizer="sgd", metrics=("mae", "mse")):
    """A compiled model that starts from ones."""
    model = keras.Sequential(
        [
            keras.layers.Dense(2, "tanh", input_shape=(3,), kernel_initializer="ones"),
            keras.layers.Dense(1, kernel_initializer="ones"),
        ]
    )
    model.compile(optimizer, "mse", metrics=list(metrics))
    return model
