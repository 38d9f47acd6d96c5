"""Random layers over images: forced draws and inference beside tf.keras, distributions, seeds."""

import copy
import zlib

import numpy as np
import pytest
import torch

import torchkeras
from compat_tests import oracle
from compat_tests.checks.layer import check_layer
from torchkeras import layers
from torchkeras.data import Dataset
from torchkeras.layers.projective import FILL_MODES, INTERPOLATIONS, transform

SHAPE = (3, 7, 6, 2)
ALL = [
    ("RandomFlip", dict()),
    ("RandomFlip", dict(mode="horizontal", seed=1)),
    ("RandomRotation", dict(factor=0.2, fill_value=0.5, fill_mode="constant")),
    ("RandomTranslation", dict(height_factor=0.2, width_factor=(-0.1, 0.3))),
    ("RandomZoom", dict(height_factor=0.2, interpolation="nearest")),
    ("RandomZoom", dict(height_factor=(-0.2, 0.3), width_factor=0.3, seed=4)),
    ("RandomCrop", dict(height=4, width=3)),
    ("RandomCrop", dict(height=9, width=3, seed=2)),
    ("RandomContrast", dict(factor=(0.2, 1.5))),
    ("RandomBrightness", dict(factor=0.2)),
    ("RandomBrightness", dict(factor=(0.3, -0.2), value_range=(1, 0))),
    ("RandomHeight", dict(factor=0.3)),
    ("RandomWidth", dict(factor=(-0.2, 0.4), interpolation="bicubic")),
]


@pytest.mark.parametrize("name, config", ALL)
def test_inference_beside_keras(name, config):
    check_layer(name, config, SHAPE, call_kwargs=dict(training=False))


def images(key, shape=SHAPE):
    return np.random.default_rng(zlib.crc32(repr(key).encode())).random(shape, "float32")


FORCED = [
    ("RandomRotation", dict(factor=(0.1, 0.1))),
    ("RandomRotation", dict(factor=(-0.3, -0.3), fill_mode="wrap")),
    ("RandomRotation", dict(factor=(0.07, 0.07), fill_mode="constant", fill_value=0.7)),
    ("RandomRotation", dict(factor=(0.2, 0.2), fill_mode="nearest", interpolation="nearest")),
    ("RandomZoom", dict(height_factor=(0.2, 0.2), width_factor=(0.2, 0.2))),
    ("RandomZoom", dict(height_factor=(-0.4, -0.4), width_factor=(0.7, 0.7), fill_mode="wrap")),
    ("RandomZoom", dict(height_factor=(0.5, 0.5), fill_mode="constant")),
    ("RandomZoom", dict(height_factor=(-0.3, -0.3), interpolation="nearest")),
    ("RandomTranslation", dict(height_factor=(0.1, 0.1), width_factor=(0.2, 0.2))),
    (
        "RandomTranslation",
        dict(height_factor=(-0.35, -0.35), width_factor=(0.9, 0.9), fill_mode="constant"),
    ),
    (
        "RandomTranslation",
        dict(height_factor=(0.3, 0.3), width_factor=(-0.7, -0.7), fill_mode="wrap"),
    ),
    (
        "RandomTranslation",
        dict(height_factor=(1, 1), width_factor=(0, 0), fill_mode="nearest"),
    ),
    ("RandomBrightness", dict(factor=(0.2, 0.2), value_range=(0, 1))),
    ("RandomBrightness", dict(factor=(-0.7, -0.7), value_range=(0, 1))),
    ("RandomHeight", dict(factor=(0.5, 0.5))),
    ("RandomHeight", dict(factor=(-0.9, -0.9), interpolation="nearest")),
    ("RandomWidth", dict(factor=(0.3, 0.3), interpolation="lanczos3")),
    ("RandomWidth", dict(factor=(-0.5, -0.5), interpolation="area")),
    ("RandomCrop", dict(height=10, width=6)),
    ("RandomCrop", dict(height=12, width=4)),
]


@pytest.mark.parametrize("name, config", FORCED)
def test_forced_draws_beside_keras(name, config):
    x = images((name, config), (3, 10, 6, 2))

    def ask(keras):
        layer = getattr(keras.layers, name)(**config)
        return layer(x, training=True), layer(x[0]), layer(x[:1] * 3 // 1)

    layer = getattr(layers, name)(**config)
    batch, one, rounded = oracle.ask(ask)
    np.testing.assert_allclose(layer(x, training=True).numpy(), batch, atol=1e-4)
    np.testing.assert_allclose(layer(x[0]).numpy(), one, atol=1e-4)
    integers = layer(torch.tensor(x[:1] * 3).int())
    assert integers.dtype is torch.float32
    np.testing.assert_allclose(integers.numpy(), rounded, atol=1e-4)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("fill_mode", FILL_MODES)
def test_projective_maps_beside_tensorflow(fill_mode, interpolation):
    rng = np.random.default_rng(zlib.crc32(f"{fill_mode} {interpolation}".encode()))
    cases = []
    for _ in range(12):
        height, width = (int(n) for n in rng.integers(1, 9, 2))
        spread = np.array([0.5, 0.5, 9, 0.5, 0.5, 9, 0.02, 0.02])
        maps = np.array([1, 0, 0, 0, 1, 0, 0, 0]) + rng.normal(size=(3, 8)) * spread
        cases.append((rng.random((3, height, width, 2), "float32"), maps.astype("float32")))

    def ask(keras):
        import tensorflow as tf

        return [
            tf.raw_ops.ImageProjectiveTransformV3(
                images=x,
                output_shape=x.shape[1:3],
                fill_value=0.3,
                transforms=maps,
                fill_mode=fill_mode.upper(),
                interpolation=interpolation.upper(),
            )
            for x, maps in cases
        ]

    for (x, maps), wanted in zip(cases, oracle.ask(ask), strict=True):
        got = transform(torch.tensor(x), torch.tensor(maps), fill_mode, interpolation, 0.3)
        np.testing.assert_allclose(got.numpy(), wanted, atol=1e-5)


# --- what is drawn ---------------------------------------------------------------------------

MANY = 4000


def ramps(count=MANY, height=4, width=5):
    """Images whose values tell where they come from: y * 10 + x."""
    x = torch.arange(height)[:, None] * 10.0 + torch.arange(width)
    return x[None, :, :, None].repeat(count, 1, 1, 1)


@pytest.mark.parametrize("seed", [None, 3])
def test_flips_are_independent_halves(seed):
    y = layers.RandomFlip(seed=seed)(ramps(), training=True)[..., 0]
    turned = torch.stack([y[:, 0, 0] % 10 == 4, y[:, 0, 0] >= 30]).double()
    assert (turned.mean(1) - 0.5).abs().max() < 0.05
    assert torch.corrcoef(turned)[0, 1].abs() < 0.05
    assert torch.corrcoef(torch.stack([turned[0, 1:], turned[0, :-1]]))[0, 1].abs() < 0.05
    only = layers.RandomFlip("horizontal", seed=seed)(ramps(), training=True)[..., 0]
    assert (only[:, 0, 0] < 10).all() and len(only[:, 0, 0].unique()) == 2


@pytest.mark.parametrize("seed", [None, 3])
def test_translations_are_uniform_for_each_image(seed):
    layer = layers.RandomTranslation((-0.5, 0.25), 0.4, fill_mode="constant", seed=seed)
    x = torch.zeros(MANY, 41, 41, 1)
    x[:, 20, 20] = 1.0
    y = layer(x, training=True)[..., 0]
    at = torch.arange(41.0)
    down = ((y.sum(2) * at).sum(1) - 20) / 41
    right = ((y.sum(1) * at).sum(1) - 20) / 41
    for moved, (low, high) in ((down, (-0.5, 0.25)), (right, (-0.4, 0.4))):
        inside = moved[y.sum((1, 2)) > 0.99]
        assert low - 0.01 < inside.min() < low + 0.05 and high - 0.05 < inside.max() < high + 0.01
        assert abs(inside.mean() - (low + high) / 2) < 0.02
    assert torch.corrcoef(torch.stack([down, right]))[0, 1].abs() < 0.06


@pytest.mark.parametrize("seed", [None, 3])
def test_brightness_for_each_image_contrast_for_the_batch(seed):
    x = ramps() + 50
    added = layers.RandomBrightness((-0.1, 0.2), seed=seed)(x, training=True) - x
    assert (added.amax((1, 2, 3)) - added.amin((1, 2, 3))).max() < 1e-3
    by_image = added[:, 0, 0, 0] / 255
    assert abs(by_image.mean() - 0.05) < 0.01 and abs(by_image.std() - 0.3 / 12**0.5) < 0.01
    layer = layers.RandomContrast((0.4, 0.2), seed=seed)
    found = []
    for _ in range(300):
        y = layer(x[:2], training=True)
        mean = x[:2].mean((1, 2), keepdim=True)
        factor = ((y - mean) / (x[:2] - mean)).flatten()
        assert factor.max() - factor.min() < 1e-3
        found.append(factor[0])
    found = torch.stack(found)
    assert 0.6 <= found.min() < 0.65 and 1.15 < found.max() <= 1.2001
    assert abs(found.mean() - 0.9) < 0.05


def test_contrast_beside_keras():
    """The factor is TensorFlow's own; the rest of the formula is compared."""
    x = images("contrast", (2, 4, 5, 3)) * 255

    def ask(keras):
        return keras.layers.RandomContrast(0.9)(x, training=True)

    wanted = oracle.ask(ask)
    mean = x.mean((1, 2), keepdims=True)
    inside = (wanted > 1) & (wanted < 254)
    factor = np.median(((wanted - mean) / (x - mean))[inside])
    layer = layers.RandomContrast(0.9)
    layer._between = lambda *_, **__: torch.tensor([factor])
    np.testing.assert_allclose(layer(x, training=True).numpy(), wanted, atol=1e-2)


@pytest.mark.parametrize("seed", [None, 3])
def test_crops_share_a_uniform_place(seed):
    layer = layers.RandomCrop(2, 3, seed=seed)
    corners = []
    for _ in range(400):
        y = layer(ramps(2), training=True)[..., 0]
        assert torch.equal(y[0], y[1]) and torch.equal(y[0] - y[0, 0, 0], ramps(1, 2, 3)[0, ..., 0])
        corners.append(float(y[0, 0, 0]))
    values, counts = np.unique(corners, return_counts=True)
    assert values.tolist() == [0, 1, 2, 10, 11, 12, 20, 21, 22] and counts.min() > 20


@pytest.mark.parametrize("name, axis", [("RandomHeight", 1), ("RandomWidth", 2)])
def test_sizes_are_uniform(name, axis):
    x = torch.zeros(1, 10, 10, 1)
    found = {getattr(layers, name)(0.3)(x).shape[axis] for _ in range(300)}
    assert found == set(range(7, 13))  # 13 itself has no probability


@pytest.mark.parametrize("name, config", ALL)
def test_a_seed_repeats_the_draws(name, config):
    config = {**config, "seed": 7}
    x = torch.tensor(images("seeds", (6, 12, 12, 1)))
    one, other = (getattr(layers, name)(**config) for _ in range(2))
    draws = [one(x, training=True) for _ in range(4)]
    if config.get("height") != 9:  # a crop that has to enlarge draws nothing
        same = [d.shape == draws[0].shape and torch.equal(d, draws[0]) for d in draws]
        assert not all(same)
    torch.rand(3)
    torch.testing.assert_close(other(x, training=True), draws[0])
    torch.testing.assert_close(copy.deepcopy(other)(x, training=True), draws[1])
    torch.manual_seed(3)
    free = getattr(layers, name)(**{**config, "seed": None})
    first = free(x, training=True)
    torch.manual_seed(3)
    torch.testing.assert_close(free(x, training=True), first)


# --- modes, compilation, gradients -----------------------------------------------------------


def test_alone_they_augment_and_beside_others_the_model_decides():
    x = images("modes", (4, 3, 3, 1))
    layer = layers.RandomBrightness((0.5, 0.5), value_range=(0, 9))
    assert np.allclose(layer(x), x + 4.5)
    model = torchkeras.Sequential([layer])
    np.testing.assert_array_equal(model.predict(x, verbose=0), x)
    assert np.allclose(model(x, training=True), x + 4.5)
    beside = torchkeras.Sequential([layer, layers.Dropout(0.0)])
    np.testing.assert_array_equal(beside(x), x)
    beside.train()
    assert np.allclose(beside(x), x + 4.5)
    alone = layers.RandomBrightness((0.5, 0.5)).eval()
    np.testing.assert_array_equal(alone(x), x)


@pytest.mark.parametrize("name, config", ALL)
def test_training_compiles_whole(name, config):
    if name in ("RandomHeight", "RandomWidth"):
        pytest.skip("a random number decides the shape of the result")
    x = torch.tensor(images("compiled"))
    layer = getattr(layers, name)(**{**config, "seed": 5})
    again = getattr(layers, name)(**{**config, "seed": 5})
    layer.build(x.shape), again.build(x.shape)
    torch._dynamo.reset()
    compiled = torch.compile(layer, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x, training=True), again(x, training=True))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("name, config", ALL)
def test_other_dtypes(name, config, dtype):
    x = torch.tensor(images("dtypes", (2, 30, 30, 1)))
    wanted = getattr(layers, name)(**{**config, "seed": 5})(x)
    got = getattr(layers, name)(**{**config, "seed": 5}, dtype=dtype)(x)
    assert str(got.dtype)[6:] == dtype
    tolerance = {"float16": 5e-3, "bfloat16": 4e-2, "float64": 1e-4}[dtype]
    torch.testing.assert_close(got.float(), wanted, atol=tolerance, rtol=0)


@pytest.mark.parametrize("name, config", ALL)
def test_gradients_reach_the_images(name, config):
    x = torch.tensor(images("gradients") * 200, requires_grad=True)
    getattr(layers, name)(**config)(x, training=True).sum().backward()
    assert bool(x.grad.isfinite().all()) and bool(x.grad.any())


ERRORS = [
    ("RandomFlip", dict(mode="sideways"), "mode"),
    ("RandomRotation", dict(factor=-0.2), "factor"),
    ("RandomRotation", dict(factor=0.2, fill_mode="mirror"), "fill_mode"),
    ("RandomRotation", dict(factor=0.2, interpolation="bicubic"), "interpolation"),
    ("RandomTranslation", dict(height_factor=1.2, width_factor=0.1), "height_factor"),
    ("RandomZoom", dict(height_factor=0.2, width_factor=(-1.2, 1)), "width_factor"),
    ("RandomContrast", dict(factor=1.5), "factor"),
    ("RandomBrightness", dict(factor=1.5), "factor"),
    ("RandomBrightness", dict(factor=0.5, value_range=3), "value_range"),
    ("RandomHeight", dict(factor=(0.3, 0.1)), "factor"),
    ("RandomWidth", dict(factor=0.3, interpolation="cubic"), "interpolation"),
]


@pytest.mark.parametrize("name, config, told", ERRORS)
def test_errors_name_what_is_wrong(name, config, told):
    with pytest.raises(ValueError, match=told):
        getattr(layers, name)(**config)


def test_configs_of_later_tf_keras_are_read():
    layer = layers.RandomFlip.from_config({"mode": "vertical", "seed": 1, "rng_type": "stateful"})
    assert layer.mode == "vertical" and "rng_type" not in layer.get_config()


@pytest.mark.parametrize("begin", [[], [layers.Input((8, 8, 3))]])
def test_a_model_of_augmentations_augments_where_nothing_is_said(begin):
    images = torch.arange(8.0).reshape(1, 8, 1, 1).expand(4, 8, 8, 3).clone()
    moved = layers.RandomTranslation(0.25, 0.25)
    model = torchkeras.Sequential([*begin, layers.Rescaling(1.0), moved])
    changed = [
        not torch.equal(one, images)
        for one in (
            model(images),
            model(images, training=False),
            model(images.numpy()),
            torch.tensor(model.predict(images, verbose=0)),
            next(iter(Dataset.from_tensors(images).map(model))),
            model.eval()(images),
        )
    ]
    assert changed == [True, False, True, False, True, False]
    beside = torchkeras.Sequential([*begin, moved, layers.Dropout(0.5)])
    assert torch.equal(beside(images), images)
