"""Layers made of layers of the library by inheritance: their weights stand where Keras has them."""

import numpy as np
import pytest

import torchkeras
from compat_tests import oracle
from compat_tests.checks.model import fill
from torchkeras.models import load_model

X = np.array([[0, 1, 2, 3], [4, 0, 2, 1]], "int32")
NAMES = (
    "Dense Embedding LSTM GRU GRUCell Conv1D Conv2D Conv2DTranspose SeparableConv2D ConvLSTM2D "
    "BatchNormalization LayerNormalization PReLU"
).split()


def made(keras):
    """A model of subclasses alone, and its classes by name."""
    layers = keras.layers
    own = {f"My{name}": type(f"My{name}", (getattr(layers, name),), {}) for name in NAMES}

    def my(name, *args, **kwargs):
        return own[f"My{name}"](*args, **kwargs)

    inputs = layers.Input((4,))
    x = my("Embedding", 5, 6)(inputs)
    x = my("LSTM", 4, return_sequences=True)(x)
    x = my("GRU", 4, return_sequences=True)(x)
    x = my("LayerNormalization")(x)
    x = layers.RNN(my("GRUCell", 4), return_sequences=True)(x)
    x = my("Conv1D", 4, 2, padding="same")(x)
    y = my("Conv2D", 3, 2)(layers.Reshape((4, 4, 1))(x))
    y = my("SeparableConv2D", 2, 2)(my("BatchNormalization")(y))
    y = my("PReLU")(my("Conv2DTranspose", 2, 2)(y))
    y = my("ConvLSTM2D", 2, 2)(layers.Reshape((1, 3, 3, 2))(y))
    joined = layers.concatenate([layers.Flatten()(x), layers.Flatten()(y)])
    return keras.Model(inputs, my("Dense", 2)(joined)), own


FORMATS = {"h5": {}, "keras": {}, "tf": {"save_format": "tf"}}


@pytest.mark.parametrize("ending", FORMATS)
def test_models_both_ways(ending, tmp_path):
    theirs, ours = str(tmp_path / f"theirs.{ending}"), str(tmp_path / f"ours.{ending}")

    def written(keras):
        model, _ = made(keras)
        fill(model)
        model.save(theirs, **FORMATS[ending])
        return model.predict(X, verbose=0)

    expected = oracle.ask(written)
    model = load_model(theirs, made(torchkeras)[1])
    np.testing.assert_allclose(model.predict(X, verbose=0), expected, rtol=1e-5, atol=1e-5)
    model.save(ours, save_format={"keras": "keras_v2"}.get(ending, ending))

    def read(keras):
        own = made(keras)[1]
        return keras.models.load_model(ours, own).predict(X, verbose=0)

    np.testing.assert_allclose(oracle.ask(read), expected, rtol=1e-5, atol=1e-5)


def test_weights_alone_both_ways(tmp_path):
    theirs, ours = str(tmp_path / "theirs.weights.h5"), str(tmp_path / "ours.weights.h5")

    def written(keras):
        model, _ = made(keras)
        fill(model)
        model.save_weights(theirs)
        return model.predict(X, verbose=0)

    expected = oracle.ask(written)
    model, _ = made(torchkeras)
    model.load_weights(theirs)
    np.testing.assert_allclose(model.predict(X, verbose=0), expected, rtol=1e-5, atol=1e-5)
    model.save_weights(ours)

    def read(keras):
        model, _ = made(keras)
        model.load_weights(ours)
        return model.predict(X, verbose=0)

    np.testing.assert_allclose(oracle.ask(read), expected, rtol=1e-5, atol=1e-5)
