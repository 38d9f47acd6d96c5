"""Resizing by every kernel beside TensorFlow, and the layers made of it."""

import zlib

import numpy as np
import pytest
import torch

from compat_tests import oracle
from compat_tests.checks.layer import check_layer
from torchkeras import layers
from torchkeras.resizing import METHODS, resize

SIZES = [(4, 3, 9, 8), (17, 12, 5, 7), (7, 20, 13, 1), (1, 1, 3, 2), (6, 5, 6, 5)]


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_kernels_beside_tensorflow(method, antialias):
    rng = np.random.default_rng(zlib.crc32(method.encode()))
    drawn = [tuple(int(n) for n in rng.integers(1, 30, 4)) for _ in range(5)]
    cases = [(rng.random((2, h, w, 3), "float32"), (a, b)) for h, w, a, b in SIZES + drawn]

    def ask(keras):
        import tensorflow as tf

        return [tf.image.resize(x, size, method, antialias=antialias) for x, size in cases]

    for (x, size), wanted in zip(cases, oracle.ask(ask), strict=True):
        images = torch.tensor(x)
        got = resize(images, size, method, antialias)
        np.testing.assert_allclose(got.numpy(), wanted, atol=5e-6)
        one = resize(images[0], size, method, antialias)
        np.testing.assert_allclose(one, got[0], atol=1e-6)
        first = resize(images.movedim(-1, 1), size, method, antialias, channels_first=True)
        np.testing.assert_allclose(first.movedim(1, -1), got, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_other_dtypes(method):
    x = np.random.default_rng(3).integers(0, 256, (2, 7, 5, 3)).astype("uint8")

    def ask(keras):
        import tensorflow as tf

        return tf.image.resize(x, (4, 9), method)

    got, wanted = resize(torch.tensor(x), (4, 9), method), oracle.ask(ask)
    assert str(got.dtype)[6:] == wanted.dtype.name
    np.testing.assert_allclose(got.numpy(), wanted, atol=1e-3)
    for dtype, tolerance in ((torch.float16, 1), (torch.bfloat16, 4), (torch.float64, 1e-3)):
        other = resize(torch.tensor(x).to(dtype), (4, 9), method)
        assert other.dtype is dtype
        np.testing.assert_allclose(other.double().numpy(), wanted, atol=tolerance)


SMOOTH = [name for name in METHODS if name != "area"]  # TensorFlow has no gradient of area
LAYERS = [
    *[("Resizing", dict(height=3, width=7, interpolation=name), (2, 5, 6, 2)) for name in SMOOTH],
    ("Resizing", dict(height=9, width=8), (2, 5, 6, 2)),
    ("Resizing", dict(height=3, width=5, crop_to_aspect_ratio=True), (2, 7, 6, 2)),
    ("Resizing", dict(height=9, width=3, crop_to_aspect_ratio=True), (2, 7, 6, 2)),
    (
        "Resizing",
        dict(height=4, width=4, crop_to_aspect_ratio=True, interpolation="bicubic"),
        (1, 9, 6, 2),
    ),
    ("CenterCrop", dict(height=3, width=4), (2, 6, 5, 2)),
    ("CenterCrop", dict(height=6, width=5), (2, 6, 5, 2)),
    ("CenterCrop", dict(height=6, width=2), (2, 5, 7, 2)),
    *[("UpSampling2D", dict(size=(2, 3), interpolation=name), (2, 3, 4, 2)) for name in SMOOTH],
    (
        "UpSampling2D",
        dict(size=2, interpolation="bicubic", data_format="channels_first"),
        (2, 3, 4, 2),
    ),
]


@pytest.mark.parametrize("name, config, shape", LAYERS)
def test_layers_beside_keras(name, config, shape):
    check_layer(name, config, shape)


UNBATCHED = [
    ("Resizing", dict(height=3, width=7, interpolation="area")),
    ("Resizing", dict(height=3, width=7, interpolation="nearest")),
    ("Resizing", dict(height=4, width=4, crop_to_aspect_ratio=True)),
    ("Resizing", dict(height=4, width=4, interpolation="nearest", dtype="uint8")),
    ("CenterCrop", dict(height=3, width=2)),
    ("CenterCrop", dict(height=9, width=2)),
]


@pytest.mark.parametrize("name, config", UNBATCHED)
def test_one_image_of_integers(name, config):
    x = np.random.default_rng(1).integers(0, 256, (5, 8, 3)).astype("uint8")
    wanted = oracle.ask(lambda keras: getattr(keras.layers, name)(**config)(x))
    got = getattr(layers, name)(**config)(x)
    assert str(got.dtype)[6:] == wanted.dtype.name
    np.testing.assert_allclose(got.numpy(), wanted, atol=1e-3)


ERRORS = [
    ("Resizing", dict(height=3, width=3, interpolation="cubic"), "interpolation"),
    ("UpSampling2D", dict(interpolation="lanczos4"), "lanczos4"),
]


@pytest.mark.parametrize("name, config, told", ERRORS)
def test_errors_name_what_is_wrong(name, config, told):
    with pytest.raises(ValueError, match=told):
        getattr(layers, name)(**config)


def test_matrices_are_made_once_and_usable_in_training():
    x = torch.rand(1, 6, 6, 1, requires_grad=True)
    with torch.inference_mode():
        resize(x.detach(), (4, 5), "lanczos3")
    resize(x, (4, 5), "lanczos3").sum().backward()
    assert x.grad is not None
