"""Pooling beside tf.keras: every way in which windows can lie in 'same' padding, and masks."""

import numpy as np
import pytest
import torch

from compat_tests.checks.layer import check_layer
from torchkeras import layers

SHAPES = {1: (2, 7, 3), 2: (2, 6, 7, 3), 3: (1, 4, 5, 6, 2)}


def _windows():
    for kind in ("Max", "Average"):
        for rank, shape in SHAPES.items():
            name = f"{kind}Pooling{rank}D"
            yield name, {}, shape
            yield name, dict(pool_size=3, strides=1), shape
        for size, stride in ((2, 1), (3, 1), (4, 1), (2, 2), (3, 2), (4, 3), (5, 2), (2, 3)):
            config = dict(pool_size=size, strides=stride, padding="same")
            yield f"{kind}Pooling2D", config, SHAPES[2]
        yield f"{kind}Pooling2D", dict(pool_size=(3, 2), strides=(1, 2), padding="same"), SHAPES[2]
        yield f"{kind}Pooling2D", dict(pool_size=(2, 3), strides=(1, 2), padding="same"), SHAPES[2]
        yield f"{kind}Pooling1D", dict(pool_size=3, strides=2, padding="same"), SHAPES[1]
        yield f"{kind}Pooling3D", dict(pool_size=3, strides=2, padding="same"), SHAPES[3]
        yield f"{kind}Pooling3D", dict(pool_size=2, strides=1, padding="same"), SHAPES[3]


@pytest.mark.parametrize("name, config, shape", list(_windows()))
def test_windows_beside_keras(name, config, shape):
    check_layer(name, config, shape)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("kind", ["Max", "Average"])
def test_global_pooling_beside_keras(kind, rank, data_format, keepdims):
    config = dict(data_format=data_format, keepdims=keepdims)
    check_layer(f"Global{kind}Pooling{rank}D", config, SHAPES[rank])


MASK = np.array([[True, False, True, True, False, False, True], [False] * 6 + [True]])


@pytest.mark.parametrize("keepdims", [False, True])
def test_masked_average_beside_keras(keepdims):
    check_layer("GlobalAveragePooling1D", dict(keepdims=keepdims), SHAPES[1], mask=MASK)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("kind", ["Max", "Average"])
def test_channels_first_is_the_same_transposed(kind, rank):
    make = getattr(layers, f"{kind}Pooling{rank}D")
    config = dict(pool_size=3, strides=2, padding="same")
    x = torch.randn(SHAPES[rank])
    expected = make(**config)(x)
    got = make(data_format="channels_first", **config)(x.movedim(-1, 1))
    torch.testing.assert_close(got.movedim(1, -1), expected)


@pytest.mark.parametrize("kind", ["Max", "Average"])
def test_same_padding_follows_the_size_of_each_call(kind):
    layer = getattr(layers, f"{kind}Pooling2D")(3, 2, "same")
    layer(torch.randn(1, 7, 7, 1))
    x = torch.randn(1, 8, 7, 2)
    fresh = getattr(layers, f"{kind}Pooling2D")(3, 2, "same")
    torch.testing.assert_close(layer(x), fresh(x))


def test_negative_values_stay_in_same_padding():
    assert layers.MaxPooling2D(3, 1, "same")(-torch.ones(1, 2, 2, 1)).max().item() == -1


@pytest.mark.parametrize(
    "alias, name",
    [
        ("MaxPool2D", "MaxPooling2D"),
        ("AvgPool1D", "AveragePooling1D"),
        ("GlobalAvgPool2D", "GlobalAveragePooling2D"),
        ("GlobalMaxPool3D", "GlobalMaxPooling3D"),
    ],
)
def test_short_names(alias, name):
    assert getattr(layers, alias) is getattr(layers, name)
    assert type(layers.deserialize({"class_name": alias, "config": {}})).__name__ == name


ERRORS = [
    (dict(pool_size=0), (1, 4, 4, 1), "pool_size"),
    (dict(strides=(1, 2, 3)), (1, 4, 4, 1), "strides"),
    (dict(padding="causal"), (1, 4, 4, 1), "padding"),
    (dict(pool_size=5), (1, 4, 4, 1), "too small"),
    (dict(), (1, 4, 4), "ndim"),
]


@pytest.mark.parametrize("config, shape, told", ERRORS)
def test_errors_name_what_is_wrong(config, shape, told):
    with pytest.raises(ValueError, match=told):
        layers.MaxPooling2D(**config)(torch.zeros(shape))
