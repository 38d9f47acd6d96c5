"""What layers learned from data is read from files of torchkeras by tf_keras and by Keras 3."""

import numpy as np
import pytest

import torchkeras
from compat_tests import oracle
from torchkeras import layers
from torchkeras.models import load_model

DATA = np.random.default_rng(3).normal(size=(50, 5)).astype("float32")
TEXTS = np.array([["a b"], ["zz"], ["c a b"]])
ASK = {"tf_keras": oracle.ask, "Keras 3": oracle.ask_keras3}


def numbers():
    """Layers alone, in a wrapper and in a model inside."""
    made = [layers.Discretization(num_bins=4, name=f"bins_{number}") for number in range(3)]
    for layer in made:
        layer.adapt(DATA)
    first, second, third = made
    x = layers.Input((5,))
    inside = [layers.Input((5,)), second, layers.Rescaling(1.0)]
    inner = torchkeras.Sequential(inside, name="inner")
    many = layers.TimeDistributed(third)(layers.Reshape((1, 5))(x))
    found = [
        layers.Rescaling(1.0)(first(x)),
        inner(x),
        layers.Rescaling(1.0)(layers.Flatten()(many)),
    ]
    return torchkeras.Model(x, layers.Dense(2)(layers.Concatenate()(found)))


def words():
    x = layers.Input((1,), dtype="string")
    learned = layers.TextVectorization(output_mode="tf_idf", ngrams=2)
    learned.adapt(TEXTS[:, 0])
    return torchkeras.Model(x, layers.Dense(2)(learned(x)))


def words_inside():
    """Before and behind other weights that are not trained, in models in a model."""
    x = layers.Input((1,), dtype="string")
    inner = torchkeras.Model(x, layers.BatchNormalization()(words()(x)))
    x = layers.Input((1,), dtype="string")
    fixed = layers.Dense(2, trainable=False)(inner(x))
    return torchkeras.Model(x, layers.Concatenate()([fixed, words()(x)]))


CASES = [(numbers, "keras_v2", "tf_keras"), (numbers, "keras", "Keras 3")]
CASES += [(make, how, "tf_keras") for make in (words, words_inside)
          for how in ("h5", "keras", "keras_v2")]  # fmt: skip


@pytest.mark.parametrize("make, how, reader", CASES)
def test_read_by_keras(make, how, reader, tmp_path):
    path = str(tmp_path / ("model.h5" if how == "h5" else "model.keras"))
    model, data = make(), DATA[:3] if make is numbers else TEXTS
    model.save(path, save_format=how)
    expected = model.predict(data, verbose=0)
    found = ASK[reader](lambda keras: keras.models.load_model(path).predict(data, verbose=0))
    np.testing.assert_allclose(found, expected, 1e-5, 1e-6)
    np.testing.assert_array_equal(load_model(path).predict(data, verbose=0), expected)


@pytest.mark.parametrize("depth", range(3))
def test_words_that_were_given(depth, tmp_path):
    path = str(tmp_path / "model.h5")

    def write(keras):
        def made(inside):
            x = keras.layers.Input((1,), dtype="string")
            y = keras.layers.Dense(2)(inside(x))
            return keras.Model(x, keras.layers.BatchNormalization()(y))

        told = {"output_mode": "tf_idf", "vocabulary": ["b", "a"], "idf_weights": [0.1, 0.2]}
        model = made(keras.layers.TextVectorization(**told))
        for _ in range(depth):
            model = made(model)
        model.save(path)
        return [np.fromfile(path, "uint8"), model.predict(TEXTS, verbose=0)]

    content, expected = oracle.ask(write)
    np.asarray(content, "uint8").tofile(path)
    model = load_model(path)
    np.testing.assert_allclose(model.predict(TEXTS, verbose=0), expected, 1e-5, 1e-6)
    model.set_weights([0 * weight for weight in model.get_weights()])
    model.load_weights(path, by_name=True)
    np.testing.assert_allclose(model.predict(TEXTS, verbose=0), expected, 1e-5, 1e-6)


def test_adapting_goes_on(tmp_path):
    path = str(tmp_path / "model.keras")
    model = numbers()
    model.save(path)
    again, other = load_model(path), numbers()
    for layer in other.layers:
        if isinstance(layer, layers.Discretization):
            layer.adapt(DATA + 9)
    other.load_weights(path)
    for one in (again, other):
        layer, expected = one.get_layer("bins_0"), model.get_layer("bins_0")
        assert layer.num_bins == 4 and layer.bin_boundaries == expected.bin_boundaries
        np.testing.assert_array_equal(layer.get_weights()[0], expected.get_weights()[0])
        layer.adapt(DATA * 2)
        assert layer.bin_boundaries != expected.bin_boundaries
