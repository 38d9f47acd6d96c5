"""Layers that move values, beside tf.keras."""

import numpy as np
import pytest
import torch

from compat_tests import oracle
from compat_tests.checks.layer import check_layer
from torchkeras import layers

ROWS = [
    ("Flatten", {}, (2, 3, 4, 2)),
    ("Flatten", {}, (3, 2)),
    ("Flatten", dict(data_format="channels_first"), (2, 3, 4, 2)),
    ("Reshape", dict(target_shape=(4, 3)), (2, 12)),
    ("Reshape", dict(target_shape=(-1, 2)), (2, 3, 4)),
    ("Reshape", dict(target_shape=(2, -1, 2)), (2, 12)),
    ("Reshape", dict(target_shape=[6]), (2, 3, 2)),
    ("Permute", dict(dims=(2, 1)), (2, 3, 4)),
    ("Permute", dict(dims=(3, 1, 2)), (2, 3, 4, 2)),
    ("RepeatVector", dict(n=3), (2, 4)),
    ("UpSampling1D", dict(size=3), (2, 3, 2)),
    ("UpSampling2D", dict(), (2, 3, 4, 2)),
    ("UpSampling2D", dict(size=(3, 2), interpolation="bilinear"), (2, 3, 4, 2)),
    ("UpSampling2D", dict(size=(1, 4), interpolation="bilinear"), (2, 1, 3, 2)),
    ("UpSampling2D", dict(size=2, data_format="channels_first"), (2, 3, 4, 2)),
    ("UpSampling3D", dict(size=(2, 1, 3)), (1, 2, 3, 2, 2)),
    ("UpSampling3D", dict(data_format="channels_first"), (1, 2, 3, 2, 2)),
    ("ZeroPadding1D", dict(), (2, 3, 2)),
    ("ZeroPadding1D", dict(padding=(0, 2)), (2, 3, 2)),
    ("ZeroPadding2D", dict(padding=2), (2, 3, 4, 2)),
    ("ZeroPadding2D", dict(padding=(1, 2)), (2, 3, 4, 2)),
    ("ZeroPadding2D", dict(padding=((1, 2), (3, 0))), (2, 3, 4, 2)),
    ("ZeroPadding2D", dict(padding=((1, 2), (3, 0)), data_format="channels_first"), (2, 3, 4, 2)),
    ("ZeroPadding3D", dict(), (1, 2, 3, 2, 2)),
    ("ZeroPadding3D", dict(padding=((1, 2), (0, 1), (2, 0))), (1, 2, 3, 2, 2)),
    ("Cropping1D", dict(), (2, 4, 2)),
    ("Cropping1D", dict(cropping=(0, 2)), (2, 4, 2)),
    ("Cropping2D", dict(cropping=1), (2, 4, 5, 2)),
    ("Cropping2D", dict(cropping=((1, 0), (0, 2))), (2, 4, 5, 2)),
    ("Cropping2D", dict(cropping=((1, 0), (1, 0)), data_format="channels_first"), (2, 4, 5, 3)),
    ("Cropping3D", dict(), (1, 3, 4, 3, 2)),
    ("Cropping3D", dict(cropping=((1, 0), (0, 1), (1, 1))), (1, 3, 4, 3, 2)),
]


@pytest.mark.parametrize("name, config, shape", ROWS)
def test_beside_keras(name, config, shape):
    check_layer(name, config, shape)


def test_area_beside_keras():
    """TensorFlow has no gradient for it."""
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 2)).astype("float32")
    config = dict(size=(2, 3), interpolation="area")
    expected = oracle.ask(lambda keras: keras.layers.UpSampling2D(**config)(x))
    np.testing.assert_allclose(layers.UpSampling2D(**config)(x), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["UpSampling1D", "UpSampling2D", "ZeroPadding2D", "Flatten"])
def test_integers_stay_integers(name):
    x = torch.arange(24).reshape((2, 3, 4) if name.endswith("1D") else (2, 3, 2, 2))
    layer = getattr(layers, name)()
    assert layer(x).dtype is torch.int64
    assert layer(layers.Input(x.shape[1:], dtype="int64")).dtype == "int64"


def test_open_sizes_stay_open():
    assert layers.Flatten()(layers.Input((None, 3))).shape == (None, None)
    assert layers.Reshape((-1, 3))(layers.Input((None, 6))).shape == (None, None, 3)
    assert layers.UpSampling2D(3)(layers.Input((None, 4, 1))).shape == (None, None, 12, 1)
    assert layers.ZeroPadding2D(1)(layers.Input((None, 4, 1))).shape == (None, None, 6, 1)
    assert layers.Cropping2D(1)(layers.Input((None, 4, 1))).shape == (None, None, 2, 1)


def test_empty_batches_pass():
    assert layers.Flatten()(torch.zeros(0, 2, 3)).shape == (0, 6)
    assert layers.Reshape((-1, 2))(torch.zeros(0, 6)).shape == (0, 3, 2)


ERRORS = [
    ("Reshape", dict(target_shape=(5,)), (2, 6), "target_shape=\\(5,\\)"),
    ("Reshape", dict(target_shape=(-1, 4)), (2, 6), "target_shape"),
    ("Reshape", dict(target_shape=(-1, -1)), (2, 6), "one -1"),
    ("Permute", dict(dims=(0, 1)), (2, 6, 1), "dims"),
    ("Permute", dict(dims=(1, 2)), (2, 6), "ndim"),
    ("RepeatVector", dict(n=1.5), (2, 6), "n of layer"),
    ("UpSampling2D", dict(interpolation="cubic"), (2, 3, 3, 1), "cubic"),
    ("UpSampling2D", dict(size=0), (2, 3, 3, 1), "size"),
    ("ZeroPadding2D", dict(padding=(1, 2, 3)), (2, 3, 3, 1), "padding"),
    ("ZeroPadding2D", dict(padding=-1), (2, 3, 3, 1), "padding"),
    ("Cropping2D", dict(cropping=2), (2, 4, 5, 1), "cannot crop 2 \\+ 2"),
    ("Cropping1D", dict(cropping=(1, 2, 3)), (2, 4, 5), "cropping"),
]


@pytest.mark.parametrize("name, config, shape, told", ERRORS)
def test_errors_name_what_is_wrong(name, config, shape, told):
    with pytest.raises((ValueError, TypeError), match=told):
        getattr(layers, name)(**config)(torch.zeros(shape))
