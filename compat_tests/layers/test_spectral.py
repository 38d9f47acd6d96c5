"""SpectralNormalization beside tf.keras."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from compat_tests import oracle
from compat_tests.checks.layer import check_layer
from torchkeras import layers

ROWS = [
    ("Dense", dict(units=3), (4, 5), {}),
    ("Conv2D", dict(filters=2, kernel_size=2), (2, 4, 4, 3), dict(power_iterations=3)),
    ("Embedding", dict(input_dim=6, output_dim=3), (2, 4), {}),
]


def fixed(keras_layers):
    """tf_keras' class, which asks an installed Keras 3 for its InputSpec, asking tf_keras."""
    if keras_layers is not layers:
        from tf_keras.src.layers.normalization import spectral_normalization as module

        if not isinstance(module.tf, SimpleNamespace):
            own = SimpleNamespace(layers=SimpleNamespace(InputSpec=keras_layers.InputSpec))
            module.tf = SimpleNamespace(**{**vars(module.tf), "keras": own})
            for name in ("reshape", "reduce_all", "equal", "math", "matmul", "stop_gradient"):
                setattr(module.tf, name, getattr(__import__("tensorflow"), name))
    return keras_layers.SpectralNormalization


@pytest.mark.parametrize("name, inner, shape, config", ROWS)
def test_beside_keras(name, inner, shape, config):
    def make(keras_layers):
        wrap = fixed(keras_layers)

        def around(**arguments):
            return wrap(getattr(keras_layers, name)(**inner), **arguments)

        around.from_config = wrap.from_config
        return around

    integers = name == "Embedding"
    check_layer("SpectralNormalization", config, shape, make=make, int_input=integers)


@pytest.mark.parametrize("name, inner, shape, config", ROWS)
def test_calls_in_training_beside_keras(name, inner, shape, config):
    rng = np.random.default_rng(3)
    x = rng.integers(0, 6, shape) if name == "Embedding" else rng.normal(size=shape)
    x = x.astype("int32" if name == "Embedding" else "float32")

    def run(keras_layers, training, numpy):
        layer = fixed(keras_layers)(getattr(keras_layers, name)(**inner), **config)
        layer(x)
        values = np.random.default_rng(4)
        layer.set_weights([values.normal(size=tuple(w.shape)) for w in layer.weights])
        outputs = [numpy(training(layer, x)) for _ in range(3)]
        return [*outputs, *layer.get_weights()]

    expected = oracle.ask(
        lambda keras: run(keras.layers, lambda layer, x: layer(x, training=True), np.asarray)
    )
    found = run(layers, lambda layer, x: layer(x, training=True), lambda t: t.detach().numpy())
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_two_calls_share_one_backward_pass():
    layer = layers.SpectralNormalization(layers.Dense(3))
    x = torch.randn(4, 5, requires_grad=True)
    (layer(x, training=True) + layer(2 * x, training=True)).square().sum().backward()
    assert layer.layer.linear.weight.grad.isfinite().all() and x.grad.abs().sum() > 0


def test_errors_and_zeros():
    with pytest.raises(ValueError, match="power_iterations"):
        layers.SpectralNormalization(layers.Dense(3), power_iterations=0)
    with pytest.raises(ValueError, match="Flatten does not have"):
        layers.SpectralNormalization(layers.Flatten())(torch.zeros(2, 3))
    layer = layers.SpectralNormalization(layers.Dense(3, kernel_initializer="zeros"))
    assert not layer(torch.ones(2, 3), training=True).any()
