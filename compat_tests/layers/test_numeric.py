"""Preprocessing of numbers beside tf.keras: values, what adapt finds, configs, errors."""

import json

import numpy as np
import pytest
import torch

import torchkeras
from compat_tests import oracle
from torchkeras import Sequential, layers

rng = np.random.default_rng(0)
FLOATS = rng.normal(1.0, 2.0, (50, 3)).astype("float32")
IMAGES = rng.integers(0, 255, (2, 4, 3, 3)).astype("uint8")
TOKENS = np.array([[0, 1], [3, 3]])

ROWS = [
    ("Rescaling", dict(scale=1 / 255), IMAGES),
    ("Rescaling", dict(scale=1 / 127.5, offset=-1), IMAGES),
    ("Rescaling", dict(scale=[1.0, 2.0, 3.0], offset=[0.5, 0.0, 1.0]), FLOATS),
    ("Rescaling", dict(scale=0.5, dtype="float16"), FLOATS),
    ("Normalization", dict(mean=3.0, variance=2.0), FLOATS),
    ("Normalization", dict(mean=[1.0, 2.0, 3.0], variance=[4.0, 0.0, 1.0]), FLOATS),
    ("Normalization", dict(mean=3.0, variance=2.0, invert=True, axis=None), FLOATS),
    ("Normalization", dict(mean=100, variance=50), IMAGES),
    ("CategoryEncoding", dict(num_tokens=4), TOKENS),
    ("CategoryEncoding", dict(num_tokens=4, output_mode="count"), TOKENS),
    ("CategoryEncoding", dict(num_tokens=4, output_mode="one_hot"), TOKENS[:, :1]),
    ("CategoryEncoding", dict(num_tokens=4, output_mode="one_hot"), TOKENS[0]),
    ("CategoryEncoding", dict(num_tokens=4, output_mode="count"), TOKENS[1]),
    ("Discretization", dict(bin_boundaries=[0.0, 1.0, 2.5]), FLOATS),
    ("Discretization", dict(bin_boundaries=[0.0, 1.0], output_mode="one_hot"), FLOATS[:, :1]),
    ("Discretization", dict(bin_boundaries=[0.0, 1.0], output_mode="multi_hot"), FLOATS),
    ("Discretization", dict(bin_boundaries=[0.0, 1.0], output_mode="count"), FLOATS),
    ("Discretization", dict(bin_boundaries=[0.0, 1.0]), np.array([[0.0, 1.0, -1.0]], "float32")),
]


@pytest.mark.parametrize("name, config, data", ROWS)
def test_beside_keras(name, config, data):
    def ask(keras):
        keras.backend.clear_session()
        layer = getattr(keras.layers, name)(**config)
        values = layer(data)
        return [values, values.dtype.name, config_of(keras, layer)]

    values, dtype, described = oracle.ask(ask)
    torchkeras.backend.clear_session()
    layer = getattr(layers, name)(**config)
    got = layer(data)
    assert str(got.dtype)[6:] == dtype
    np.testing.assert_allclose(got, values, rtol=1e-3 if dtype == "float16" else 1e-6, atol=1e-6)
    assert json.loads(config_of(torchkeras, layer)) == json.loads(described)
    again = type(layer).from_config(layer.get_config())
    torch.testing.assert_close(again(data), got)
    if data.ndim > 1:
        symbolic = layers.Input(data.shape[1:], dtype=str(data.dtype))
        made = type(layer).from_config(layer.get_config())(symbolic)
        assert made.dtype == dtype and tuple(made.shape) == (None, *got.shape[1:])


def config_of(keras, layer):
    return json.dumps(keras.layers.serialize(layer)["config"], default=list)


ADAPTED = [
    ("Normalization", {}, FLOATS),
    ("Normalization", dict(axis=None), FLOATS),
    ("Normalization", dict(axis=(1, 3)), IMAGES.astype("float32")),
    ("Normalization", dict(axis=-1, invert=True), FLOATS + 100),
    ("Discretization", dict(num_bins=4), FLOATS),
    ("Discretization", dict(num_bins=3, epsilon=0.1), FLOATS),
    ("Discretization", dict(num_bins=5, output_mode="one_hot"), FLOATS[:, :1]),
]


@pytest.mark.parametrize("name, config, data", ADAPTED)
def test_adapted_beside_keras(name, config, data):
    def ask(keras):
        keras.backend.clear_session()
        layer = getattr(keras.layers, name)(**config)
        layer.adapt(data)
        names = [w.name for w in layer.weights]
        return [layer(data), layer.get_weights(), names, config_of(keras, layer)]

    values, weights, names, described = oracle.ask(ask)
    torchkeras.backend.clear_session()
    layer = getattr(layers, name)(**config)
    layer.adapt(data)
    assert layer.is_adapted
    np.testing.assert_allclose(layer(data), values, rtol=1e-4, atol=1e-4)
    for got, wanted in zip(layer.get_weights(), weights, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)
    assert [w.name for w in layer.weights] == names
    assert json.loads(config_of(torchkeras, layer)) == json.loads(described)


def test_adapt_reads_batches_and_starts_afresh():
    one, other = layers.Normalization(), layers.Normalization()
    one.adapt(FLOATS)
    other.adapt(FLOATS * 5)
    other.adapt(FLOATS[start : start + 7] for start in range(0, 50, 7))
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    other.adapt(torch.utils.data.DataLoader(torch.tensor(FLOATS), batch_size=10), steps=2)
    assert int(other.count) == 20


def test_normalization_inside_a_model(tmp_path):
    normalize = layers.Normalization()
    normalize.adapt(FLOATS)
    model = Sequential([layers.Input((3,)), normalize, layers.Dense(2)])
    assert [tuple(w.shape) for w in model.non_trainable_weights] == [(3,), (3,), ()]
    model.save(str(tmp_path / "model.h5"))
    again = torchkeras.models.load_model(str(tmp_path / "model.h5"), compile=False)
    torch.testing.assert_close(again(FLOATS), model(FLOATS))
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(torch.tensor(FLOATS)), model(FLOATS))


def test_counts_with_weights():
    weights = np.array([[0.5, 0.25], [2.0, 3.0]], "float32")

    def ask(keras):
        return keras.layers.CategoryEncoding(4, "count")(TOKENS, count_weights=weights)

    got = layers.CategoryEncoding(4, "count")(torch.tensor(TOKENS), count_weights=weights)
    np.testing.assert_allclose(got, oracle.ask(ask))


ERRORS = [
    (lambda: layers.CategoryEncoding(4)(torch.tensor([[4]])), "from 0 to 3"),
    (lambda: layers.CategoryEncoding(0), "num_tokens"),
    (lambda: layers.CategoryEncoding(3, "sum"), "output_mode"),
    (lambda: layers.CategoryEncoding(3, sparse=True), "sparse"),
    (lambda: layers.CategoryEncoding(4, "one_hot")(torch.tensor(TOKENS)), "rank 2"),
    (lambda: layers.CategoryEncoding(4)(torch.tensor(TOKENS), count_weights=TOKENS), "count"),
    (lambda: layers.Normalization(mean=1.0), "both mean and variance"),
    (lambda: layers.Normalization(axis=2)(torch.zeros(2, 3)), "axis"),
    (lambda: layers.Normalization(mean=1.0, variance=1.0).adapt(FLOATS), "adapt"),
    (lambda: layers.Normalization()(layers.Input((None,))), "known"),
    (lambda: layers.Discretization([0.0], 2), "not both"),
    (lambda: layers.Discretization([0.0]).adapt(FLOATS), "num_bins"),
    (lambda: layers.Discretization()(torch.zeros(2)), "num_bins"),
    (lambda: layers.Discretization(num_bins=2)(torch.zeros(2)), "adapt"),
]


@pytest.mark.parametrize("call, told", ERRORS)
def test_errors_name_what_is_wrong(call, told):
    with pytest.raises(ValueError, match=told):
        call()


def test_what_discretization_learned_is_a_weight_of_files(tmp_path):
    """As in tf.keras: `summary`, of a length that the data decide, from which boundaries follow."""

    def run(keras, x):
        layer = keras.layers.Discretization(num_bins=4, epsilon=0.1)
        layer.adapt(x)
        (weight,) = layer.weights
        return [weight.name, np.asarray(layer.get_weights()[0]), list(layer.bin_boundaries)]

    x = np.random.default_rng(0).normal(size=(200, 3)).astype("float32")
    name, summary, boundaries = oracle.ask(lambda keras: run(keras, x))
    found = run(torchkeras, x)
    assert found[0] == name
    np.testing.assert_allclose(found[1], summary, rtol=1e-6)
    np.testing.assert_allclose(found[2], boundaries, rtol=1e-6)
    layer = layers.Discretization(num_bins=4, epsilon=0.1)
    layer.adapt(x)
    inputs = layers.Input((3,))
    model = torchkeras.Model(inputs, layer(inputs))
    model.save(tmp_path / "model.h5")
    again = torchkeras.models.load_model(tmp_path / "model.h5", compile=False)
    assert torch.equal(again(x), model(x)) and len(set(again(x).flatten().tolist())) == 4
    fresh = layers.Discretization(num_bins=4, epsilon=0.1)
    fresh.build((None, 3))
    with pytest.raises(ValueError, match="adapt"):
        fresh(torch.zeros(1, 3))
    fresh.load_state_dict(layer.state_dict())
    assert fresh.bin_boundaries == layer.bin_boundaries
    with pytest.raises(ValueError, match="shape"):
        fresh.set_weights([np.zeros((3, 4))])
