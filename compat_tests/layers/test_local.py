"""LocallyConnected1D and 2D beside tf.keras, with each of the three ways to keep the kernel."""

import pytest
import torch

from compat_tests.checks.layer import check_layer
from torchkeras import layers

EVERYTHING = dict(
    activation="relu",
    kernel_initializer="he_normal",
    bias_initializer="ones",
    kernel_regularizer="l2",
    bias_regularizer="l1",
    activity_regularizer="l2",
    kernel_constraint="non_neg",
    bias_constraint="max_norm",
    trainable=False,
    name="given",
)
SAME = dict(padding="same", implementation=2)
CASES = [
    ("LocallyConnected1D", dict(filters=3, kernel_size=2), (2, 5, 4)),
    ("LocallyConnected1D", dict(filters=3, kernel_size=3, strides=2, implementation=2), (2, 6, 2)),
    ("LocallyConnected1D", dict(filters=2, kernel_size=3, implementation=3), (2, 6, 2)),
    ("LocallyConnected1D", dict(filters=2, kernel_size=3, strides=2, **SAME), (2, 6, 2)),
    ("LocallyConnected1D", dict(filters=2, kernel_size=2, **EVERYTHING), (2, 4, 3)),
    (
        "LocallyConnected1D",
        dict(filters=2, kernel_size=2, data_format="channels_first"),
        (2, 3, 5),
    ),
    ("LocallyConnected2D", dict(filters=3, kernel_size=(2, 3)), (2, 4, 5, 2)),
    ("LocallyConnected2D", dict(filters=3, kernel_size=2, strides=(1, 2), **SAME), (2, 4, 5, 2)),
    (
        "LocallyConnected2D",
        dict(filters=2, kernel_size=3, padding="same", implementation=3, use_bias=False),
        (2, 4, 5, 2),
    ),
    (
        "LocallyConnected2D",
        dict(filters=2, kernel_size=2, data_format="channels_first"),
        (2, 3, 4, 5),
    ),
    (
        "LocallyConnected2D",
        dict(filters=2, kernel_size=3, data_format="channels_first", **SAME),
        (2, 3, 4, 5),
    ),
    (
        "LocallyConnected2D",
        dict(filters=2, kernel_size=2, strides=2, data_format="channels_first", implementation=3),
        (2, 3, 4, 5),
    ),
]


@pytest.mark.parametrize("name, config, shape", CASES)
def test_beside_keras(name, config, shape):
    check_layer(name, config, shape, compiles=config["kernel_size"] == 3)


def test_errors():
    with pytest.raises(ValueError, match="implementation=2 or 3"):
        layers.LocallyConnected2D(2, 3, padding="same")
    with pytest.raises(ValueError, match="must be 1, 2 or 3; received 4"):
        layers.LocallyConnected1D(2, 3, implementation=4)
    with pytest.raises(ValueError, match="must know the sizes"):
        layers.LocallyConnected1D(2, 3)(layers.Input((None, 4)))
    with pytest.raises(ValueError, match="too small"):
        layers.LocallyConnected1D(2, 3)(torch.zeros(1, 2, 4))
