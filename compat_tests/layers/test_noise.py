"""Random layers: inference and configs beside tf.keras, the distribution of what they draw."""

import copy

import numpy as np
import pytest
import torch

from compat_tests import oracle
from compat_tests.checks.layer import check_layer
from torchkeras import layers

ROWS = [
    ("Dropout", dict(rate=0.3), (2, 3)),
    ("Dropout", dict(rate=0, noise_shape=[2, 1], seed=3), (2, 3)),
    ("SpatialDropout1D", dict(rate=0.3), (2, 3, 4)),
    ("SpatialDropout2D", dict(rate=0.3), (2, 3, 4, 2)),
    ("SpatialDropout3D", dict(rate=0.3), (1, 2, 3, 2, 2)),
    ("GaussianNoise", dict(stddev=0.3), (2, 3)),
    ("GaussianDropout", dict(rate=0.3), (2, 3)),
    ("AlphaDropout", dict(rate=0.3, seed=1), (2, 3)),
    ("ActivityRegularization", dict(l1=0.1, l2=0.2), (2, 3)),
]


@pytest.mark.parametrize("name, config, shape", ROWS)
def test_inference_beside_keras(name, config, shape):
    # dynamo warns where a hook puts a penalty aside
    check_layer(name, config, shape, compiles=name != "ActivityRegularization")


LARGE = (200, 50)
DRAWN = [
    ("Dropout", dict(rate=0.3)),
    ("Dropout", dict(rate=0.3, seed=4)),
    ("GaussianNoise", dict(stddev=0.5)),
    ("GaussianNoise", dict(stddev=0.5, seed=4)),
    ("GaussianDropout", dict(rate=0.4)),
    ("GaussianDropout", dict(rate=0.4, seed=4)),
    ("GaussianDropout", dict(rate=1.0)),
    ("AlphaDropout", dict(rate=0.25)),
    ("AlphaDropout", dict(rate=0.25, seed=4)),
]


@pytest.mark.parametrize("name, config", DRAWN)
def test_draws_are_distributed_as_those_of_keras(name, config):
    x = np.random.default_rng(0).normal(1.0, 0.1, LARGE).astype("float32")

    def summary(y):
        y = np.asarray(y)
        return [float(y.mean()), float(y.std()), float(np.median(y)), float((y == 0).mean())]

    def ask(keras):
        keras.utils.set_random_seed(1)
        return summary(getattr(keras.layers, name)(**config)(x, training=True))

    drawn = getattr(layers, name)(**config)(torch.tensor(x), training=True)
    np.testing.assert_allclose(summary(drawn), oracle.ask(ask), atol=0.05)


SHARED = [
    ("Dropout", dict(noise_shape=(None, 1, 5)), (3, 4, 5), (1,)),
    ("Dropout", dict(noise_shape=(3, 4, 1), seed=2), (3, 4, 5), (2,)),
    ("AlphaDropout", dict(noise_shape=(None, 1, 5)), (3, 4, 5), (1,)),
    ("SpatialDropout1D", {}, (3, 4, 5), (1,)),
    ("SpatialDropout2D", {}, (3, 4, 2, 5), (1, 2)),
    ("SpatialDropout2D", dict(data_format="channels_first"), (3, 5, 4, 2), (2, 3)),
    ("SpatialDropout3D", {}, (3, 2, 2, 2, 5), (1, 2, 3)),
]


@pytest.mark.parametrize("name, config, shape, axes", SHARED)
def test_values_that_share_their_fate(name, config, shape, axes):
    y = getattr(layers, name)(0.5, **config)(torch.ones(shape), training=True)
    assert (y.amax(axes) == y.amin(axes)).all()
    assert len(y.unique()) == 2


SEEDED = [
    ("Dropout", dict(rate=0.5)),
    ("SpatialDropout1D", dict(rate=0.5)),
    ("GaussianNoise", dict(stddev=1.0)),
    ("GaussianDropout", dict(rate=0.5)),
    ("AlphaDropout", dict(rate=0.5)),
]


@pytest.mark.parametrize("name, config", SEEDED)
def test_a_seed_repeats_the_draws(name, config):
    x = torch.ones(4, 3, 20)
    one, other = (getattr(layers, name)(seed=7, **config) for _ in range(2))
    first, second = one(x, training=True), one(x, training=True)
    assert not torch.equal(first, second)
    torch.randn(3)
    torch.testing.assert_close(other(x, training=True), first)
    torch.testing.assert_close(copy.deepcopy(other)(x, training=True), second)
    different = getattr(layers, name)(seed=8, **config)
    assert not torch.equal(different(x, training=True), first)


@pytest.mark.parametrize("seed", [0, 1, 12345678901234567890])
def test_seeded_draws_are_independent(seed):
    """Uniform, and uncorrelated between neighbours, between draws and between seeds."""
    layer, other = layers.Dropout(0.5, seed=seed), layers.Dropout(0.5, seed=seed + 1)
    for one in (layer, other):
        one.build((None, 300))
    u = [one._uniform((100_000,), "cpu").double() for one in (layer, layer, other)]
    counts = torch.histc(u[0], 100, 0, 1)
    assert ((counts - 1000) ** 2 / 1000).sum() < 150  # chi squared of 99 degrees
    rows = torch.stack([u[0][:-1], u[0][1:], u[1][1:], u[2][1:]])
    assert (torch.corrcoef(rows) - torch.eye(4)).abs().max() < 0.015


def test_a_seeded_layer_compiles_whole():
    x = torch.ones(4, 5)
    layer, compiled = (layers.GaussianNoise(1.0, seed=3) for _ in range(2))
    compiled(x)
    run = torch.compile(compiled.train(), fullgraph=True, backend="eager")
    torch.testing.assert_close(run(x), layer(x, training=True))


def test_without_a_seed_torch_decides():
    x = torch.ones(100)
    torch.manual_seed(3)
    first = layers.Dropout(0.5)(x, training=True)
    torch.manual_seed(3)
    torch.testing.assert_close(layers.Dropout(0.5)(x, training=True), first)


@pytest.mark.parametrize("config", [{}, dict(noise_shape=(None, 1), seed=4)])
def test_rate_1_drops_everything(config):
    assert not layers.Dropout(1.0, **config)(torch.ones(2, 3), training=True).any()


def test_masks_pass():
    x = torch.ones(2, 3)
    x._keras_mask = torch.tensor([True, False])
    assert layers.Dropout(0.5)(x)._keras_mask is x._keras_mask


@pytest.mark.parametrize("training", [False, True])
def test_activity_penalty_beside_keras(training):
    x = np.array([[1.0, -2.0], [3.0, 0.5]], "float32")

    def ask(keras):
        layer = keras.layers.ActivityRegularization(l1=0.1, l2=0.2)
        layer(x, training=training)
        return [float(loss) for loss in layer.losses]

    layer = layers.ActivityRegularization(l1=0.1, l2=0.2)
    layer(torch.tensor(x), training=training)
    np.testing.assert_allclose([float(loss) for loss in layer.losses], oracle.ask(ask), rtol=1e-6)


ERRORS = [
    ("Dropout", dict(rate=1.5), (2, 3), "rate"),
    ("Dropout", dict(rate=-0.1), (2, 3), "rate"),
    ("Dropout", dict(rate=0.5, noise_shape=(1,)), (2, 3), "noise_shape"),
    ("GaussianNoise", dict(stddev=-1), (2, 3), "stddev"),
    ("SpatialDropout1D", dict(rate=0.5), (2, 3), "ndim"),
]


@pytest.mark.parametrize("name, config, shape, told", ERRORS)
def test_errors_name_what_is_wrong(name, config, shape, told):
    with pytest.raises(ValueError, match=told):
        getattr(layers, name)(**config)(torch.ones(shape), training=True)
