"""torchkeras.ops.image beside Keras 3 on torch."""

import numpy as np
import pytest
import torch

from compat_tests import oracle
from compat_tests.check import check_op
from compat_tests.checks.backend import Draw
from torchkeras import ops

IMAGE, IMAGES = Draw(5, 6, 3, low=0.0, high=1.0), Draw(2, 5, 6, 3, low=0.0, high=1.0)
FIRST = Draw(2, 3, 5, 6, low=0.0, high=1.0)
BYTES = Draw(2, 5, 6, 3, low=0, high=255, dtype="uint8")
POINTS = Draw(4, 2, low=0.0, high=5.0)
SCALE, MOVE = np.float32([1.5, 0.7]), np.float32([0.5, -1.0])
CHANNELS_FIRST = {"data_format": "channels_first"}

CASES = [
    ("rgb_to_grayscale", (IMAGES,), {}),
    ("rgb_to_grayscale", (BYTES,), {}),
    ("rgb_to_grayscale", (FIRST,), CHANNELS_FIRST),
    ("rgb_to_hsv", (IMAGES,), {}),
    ("rgb_to_hsv", (FIRST,), CHANNELS_FIRST),
    ("hsv_to_rgb", (IMAGE,), {}),
    ("resize", (IMAGES, (7, 4)), {}),
    ("resize", (IMAGES, (3, 2)), {"antialias": True}),
    ("resize", (IMAGES, (9, 8)), {"interpolation": "bicubic", "antialias": True}),
    ("resize", (IMAGES, (3, 9)), {"interpolation": "nearest"}),
    ("resize", (BYTES, (7, 4)), {}),
    ("resize", (FIRST, (7, 4)), CHANNELS_FIRST),
    ("resize", (IMAGES, (4, 2)), {"crop_to_aspect_ratio": True}),
    ("resize", (IMAGE, (2, 4)), {"crop_to_aspect_ratio": True}),
    ("resize", (Draw(1, 4, 8, 2), (4, 4)), {"pad_to_aspect_ratio": True, "fill_value": 2.0}),
    ("pad_images", (IMAGES, 1, 2, 3, 4), {}),
    ("pad_images", (IMAGE, 1, 2), {"target_height": 8, "target_width": 9}),
    ("pad_images", (FIRST,), {"bottom_padding": 1, "right_padding": 0, "target_height": 6,
                              "target_width": 8, **CHANNELS_FIRST}),
    ("crop_images", (IMAGES, 1, 2, 1, 1), {}),
    ("crop_images", (IMAGE, 1, 2), {"target_height": 2, "target_width": 3}),
    ("crop_images", (FIRST,), {"bottom_cropping": 1, "right_cropping": 0, "target_height": 3,
                               "target_width": 4, **CHANNELS_FIRST}),
    ("extract_patches", (IMAGES, 2), {}),
    ("extract_patches", (IMAGE, (2, 3)), {"strides": 1}),
    ("extract_patches", (IMAGES, 3), {"strides": (2, 1), "padding": "same"}),
    ("extract_patches_3d", (Draw(1, 4, 4, 4, 2), 2), {}),
    ("extract_patches", (Draw(4, 4, 4, 2), (2, 2, 2)), {}),
    ("gaussian_blur", (IMAGES,), {"data_format": "channels_last"}),
    ("gaussian_blur", (FIRST, (5, 5), (0.7, 2.0)), CHANNELS_FIRST),
    ("sobel_edges", (IMAGES,), {"data_format": "channels_last"}),
    ("sobel_edges", (FIRST,), CHANNELS_FIRST),
    ("ssim", (Draw(2, 14, 13, 3), Draw(2, 14, 13, 3)), {"max_val": 4.0}),
    ("ssim", (Draw(9, 8, 1), Draw(9, 8, 1)), {"filter_size": 5, "filter_sigma": 1.0, "k1": 0.02}),
    ("ssim", (FIRST, FIRST), {"filter_size": 3, **CHANNELS_FIRST}),
    ("perspective_transform", (IMAGES, POINTS, Draw(4, 2, low=0.1, high=5.0)), {"fill_value": 0.5}),
    ("scale_and_translate", (IMAGE, (8, 9, 3), SCALE, MOVE, (0, 1),
                             "linear"), {}),
    ("scale_and_translate", (IMAGE, (8, 9, 3), SCALE, MOVE, (0, 1),
                             "cubic", False), {}),
    ("scale_and_translate", (BYTES, (2, 8, 9, 3), SCALE, MOVE,
                             (1, 2), "lanczos3"), {}),
    ("scale_and_translate", (IMAGE, (8, 9, 3), -0.6 * SCALE + 1.3, MOVE, (0, 1),
                             "lanczos5"), {}),
]  # fmt: skip


@pytest.mark.parametrize("name, args, kwargs", CASES)
def test_images(name, args, kwargs):
    smooth = name not in (
        "ssim",
        "perspective_transform",
        "scale_and_translate",
        "affine_transform",
    )
    batches = {"ssim": 2}.get(name, 1 if args[0].shape[0] == 2 else 0)
    batches = 0 if name == "scale_and_translate" else batches
    check_op(f"image.{name}", *args, gradient=smooth, batches=batches, tolerance=2e-5, **kwargs)


@pytest.mark.parametrize("mode", ["constant", "nearest", "wrap", "mirror", "reflect"])
@pytest.mark.parametrize("order", [0, 1])
def test_map_coordinates(mode, order):
    places = Draw(2, 30, low=-9.0, high=12.0)
    check_op(
        "image.map_coordinates", Draw(4, 5), places, order, mode, batches=0, gradient=order == 1
    )
    check_op(
        "image.map_coordinates", Draw(4, 5, low=0, high=99, dtype="int32"), places, order, mode, 7,
        batches=0, gradient=False,
    )  # fmt: skip


@pytest.mark.parametrize("mode", ["constant", "nearest", "wrap", "mirror", "reflect"])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_affine_transform(mode, interpolation):
    maps = np.array(
        [[0.8, 0.3, -1, -0.2, 1.1, 2, 0, 0], [1.2, 0, 1, 0.1, 0.9, -1, 0, 0]], "float32"
    )
    images = np.random.default_rng(0).uniform(size=(2, 5, 6, 3)).astype("float32")
    expected = oracle.ask_keras3(
        lambda keras: keras.ops.image.affine_transform(
            images, maps.copy(), interpolation, mode, 0.5
        )
    )
    found = ops.image.affine_transform(images, maps, interpolation, mode, 0.5)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    first = ops.image.affine_transform(
        np.moveaxis(images, -1, 1), maps, interpolation, mode, 0.5, "channels_first"
    )
    torch.testing.assert_close(first.movedim(1, -1), found)


def test_bicubic_is_tensorflow_s():
    """Keras 3 on torch takes torch's cubic, which no other backend has."""
    x = np.random.default_rng(0).uniform(size=(1, 6, 7, 2)).astype("float32")

    def reference(keras):
        import tensorflow as tf

        return {m: tf.image.resize(x, (9, 4), m) for m in ("bicubic", "lanczos3", "lanczos5")}

    for method, expected in oracle.ask(reference).items():
        found = ops.image.resize(x, (9, 4), method)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_elastic_transform():
    """The noise is Keras 3's only in kind; with none nothing moves, and a seed repeats it."""
    x = torch.rand(2, 12, 10, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ops.image.elastic_transform(x, alpha=0.0), x)
    one, again = (ops.image.elastic_transform(x, sigma=2.0, seed=1) for _ in range(2))
    assert one.shape == x.shape and bool((one == again).all()) and not torch.equal(one, x)
    assert x.min() - 1e-6 <= one.min() and one.max() <= x.max() + 1e-6
    first = ops.image.elastic_transform(
        x.movedim(-1, 1), sigma=2.0, seed=1, data_format="channels_first"
    )
    torch.testing.assert_close(first.movedim(1, -1), one)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: ops.image.resize(np.ones((4, 4)), (2, 2)), "an image with 3 axes or a batch"),
        (lambda: ops.image.resize(np.ones((4, 4, 1)), (2, 2), "area"), "interpolation must be one"),
        (lambda: ops.image.resize(np.ones((4, 4, 1)), 2, fill_mode="wrap"), "only fill"),
        (lambda: ops.image.rgb_to_hsv(np.ones((4, 4, 3), "uint8")), "needs floats"),
        (lambda: ops.image.rgb_to_grayscale(np.ones((4, 4, 2))), "1 or 3 channels"),
        (lambda: ops.image.pad_images(np.ones((4, 4, 2)), 1, 1), "exactly two"),
        (lambda: ops.image.crop_images(np.ones((4, 4, 2)), 3, 0, 3, 0), "do not fit"),
        (lambda: ops.image.map_coordinates([1.0], [[0.0]], 1, "mirrored"), "fill_mode must be"),
        (lambda: ops.image.map_coordinates([1.0], [[0.0], [1.0]], 1), "a row for each of 1 axes"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
