"""`predict` joins small batches where nobody can tell, and only there."""

import numpy as np
import pytest

import torchkeras
from torchkeras import layers
from torchkeras.callbacks import Callback


class Seen(layers.Layer):
    """A user's layer that notes the sizes of its batches."""

    sizes: list = []

    def call(self, x):
        self.sizes.append(len(x))
        return x


def small(*more):
    return torchkeras.Sequential([layers.Input((4,)), *more, layers.Dense(3)])


def sizes_of(model, **given):
    """The sizes of the batches that the last Dense is called with, found without a hook."""
    found = []
    dense = model.layers[-1].linear
    forward = type(dense).forward

    def noted(self, x):
        if self is dense:
            found.append(len(x))
        return forward(self, x)

    type(dense).forward = noted
    try:
        model.predict(np.ones((100, 4), "float32"), batch_size=8, verbose=0, **given)
    finally:
        type(dense).forward = forward
    return found


APART = [8] * 12 + [4]


def test_batches_are_joined():
    assert sizes_of(small()) == [100]
    assert sizes_of(small(layers.BatchNormalization(), layers.Dropout(0.5))) == [100]


def test_many_numbers_stay_apart():
    assert sizes_of(small(layers.Dense(2**17))) == APART


@pytest.mark.parametrize(
    "more",
    [Seen, lambda: layers.Lambda(lambda x: x - x.mean(0)), lambda: layers.TimeDistributed(Seen())],
    ids=["own layer", "function", "wrapped"],
)
def test_what_could_mix_samples_gets_its_batches(more):
    shaped = (layers.Reshape((1, 4)), more(), layers.Flatten())
    assert sizes_of(small(*shaped)) == APART


def test_who_looks_sees_the_batches_asked_for():
    class Watch(Callback):
        def on_predict_batch_end(self, batch, logs=None):
            self.last = batch

    watch = Watch()
    assert sizes_of(small(), callbacks=[watch]) == APART and watch.last == 12
    hooked = small()
    hooked.layers[0].register_forward_hook(lambda *args: None)
    assert sizes_of(hooked) == APART

    class Own(torchkeras.Model):
        def predict_step(self, data):
            return super().predict_step(data)

    x = layers.Input((4,))
    assert sizes_of(Own(x, layers.Dense(3)(x))) == APART


def test_values_are_those_of_small_batches():
    model = small(layers.Dense(16, activation="relu"))
    x = np.random.default_rng(0).normal(size=(100, 4)).astype("float32")
    found = model.predict(x, batch_size=8, verbose=0)
    apart = np.concatenate([model.predict_on_batch(x[i : i + 8]) for i in range(0, 100, 8)])
    np.testing.assert_allclose(found, apart, rtol=1e-6, atol=1e-6)
