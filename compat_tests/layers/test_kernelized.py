"""RandomFourierFeatures beside tf.keras, and the kernels that its features approximate."""

import numpy as np
import pytest
import torch

from compat_tests.checks.layer import check_layer
from torchkeras import initializers, layers

ROWS = [
    dict(output_dim=3),
    dict(output_dim=4, kernel_initializer="laplacian", trainable=True, name="given"),
    dict(output_dim=2, kernel_initializer="Gaussian", scale=2.5),
]


@pytest.mark.parametrize("config", ROWS)
def test_beside_keras(config):
    def make(keras_layers):
        made = keras_layers.experimental.RandomFourierFeatures

        def plain_scale(**arguments):
            layer = made(**arguments)
            layer.get_config = lambda: {**made.get_config(layer), "scale": float(layer.scale)}
            return layer

        return made if keras_layers is layers else plain_scale

    config = {"scale": 1.5, **config}
    check_layer("RandomFourierFeatures", config, (2, 3), make=make)


@pytest.mark.parametrize("kernel", ["gaussian", "laplacian"])
def test_products_of_features_approximate_the_kernel(kernel):
    torch.manual_seed(0)
    layer = layers.experimental.RandomFourierFeatures(20000, kernel, scale=2.0)
    x = torch.tensor([[0.0, 0.0], [1.0, 0.5]])
    one, other = layer(x)
    found = float(one @ other) * 2 / 20000
    square, size = 1.25, 1.5
    exact = np.exp(-square / 8) if kernel == "gaussian" else np.exp(-size / 2)
    assert abs(found - exact) < 0.03


def test_the_default_scale_and_errors():
    layer = layers.experimental.RandomFourierFeatures(3)
    layer(torch.zeros(2, 8))
    assert layer.scale == 2.0 and layer.kernel_scale.numpy() == [2.0]
    assert layer.trainable_weights == []
    make = layers.experimental.RandomFourierFeatures
    own = make(3, initializers.HeNormal())
    config = own.get_config()["kernel_initializer"]
    assert config["class_name"] == "HeNormal"
    assert isinstance(make.from_config(own.get_config()).kernel_initializer, initializers.HeNormal)
    for told, arguments in [
        ("output_dim", dict(output_dim=0)),
        ("laplacian", dict(output_dim=2, kernel_initializer="cosine")),
        ("scale", dict(output_dim=2, scale=-1.0)),
    ]:
        with pytest.raises(ValueError, match=told):
            make(**arguments)
    with pytest.raises(ValueError, match="features"):
        make(2)(torch.zeros(2, 3, 4))
