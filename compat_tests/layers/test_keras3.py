"""Layers whose names Keras 3 added, beside Keras 3 on torch: values, gradients, configs, graphs."""

import json

import numpy as np
import pytest
import torch

from compat_tests import oracle
from torchkeras import layers

IMAGES = (2, 5, 6, 3)
FIRST = dict(data_format="channels_first")
ROWS = [
    ("RMSNormalization", {}, (2, 5, 4)),
    ("RMSNormalization", dict(axis=[1, 2], epsilon=1e-3), (2, 5, 4)),
    ("AdaptiveAveragePooling1D", dict(output_size=3), (2, 7, 4)),
    ("AdaptiveAveragePooling2D", dict(output_size=(3, 2)), IMAGES),
    ("AdaptiveAveragePooling2D", dict(output_size=2, **FIRST), (2, 3, 5, 6)),
    ("AdaptiveAveragePooling3D", dict(output_size=2), (2, 3, 4, 5, 2)),
    ("AdaptiveMaxPooling1D", dict(output_size=3), (2, 7, 4)),
    ("AdaptiveMaxPooling2D", dict(output_size=(3, 2)), IMAGES),
    ("AdaptiveMaxPooling3D", dict(output_size=(1, 2, 3)), (2, 3, 4, 5, 2)),
]
# With a factor that leaves nothing to chance, and values over the whole range.
COLORS = [
    ("RandomGrayscale", dict(factor=1.0), 255),
    ("RandomGrayscale", dict(factor=0.0, **FIRST), 255),
    ("RandomHue", dict(factor=(0.0, 0.0), value_range=(0, 1)), 1),
    ("RandomHue", dict(factor=(1.0, 1.0)), 255),  # half a turn, either way
    ("RandomSaturation", dict(factor=(0.3, 0.3), value_range=(0, 1)), 1),
    ("RandomSaturation", dict(factor=(0.8, 0.8), value_range=(0, 1), **FIRST), 1),
    ("RandomColorDegeneration", dict(factor=(0.3, 0.3)), 255),
    ("RandomColorDegeneration", dict(factor=(1.0, 1.0), **FIRST), 255),
    ("RandomInvert", dict(factor=(1.0, 1.0)), 255),
    ("RandomInvert", dict(factor=(0.0, 0.0), value_range=(0, 1)), 1),
    ("Solarization", {}, 255),
    ("Solarization", dict(value_range=(0, 1)), 1),
    ("RandomPosterization", dict(factor=(3, 3)), 255),
    ("RandomPosterization", dict(factor=(2, 2), value_range=(0, 1)), 1),
    ("AutoContrast", {}, 255),
    ("AutoContrast", dict(value_range=(0, 1)), 1),
    ("RandomSharpness", dict(factor=(0.1, 0.1)), 255),
    ("RandomSharpness", dict(factor=(1.0, 1.0)), 255),
]


def drawn(shape, high=None):
    rng = np.random.default_rng(len(shape))
    values = rng.normal(size=shape) if high is None else rng.uniform(0, high, shape)
    return values.astype("float32")


def plain_config(layer):
    config = json.loads(json.dumps(layer.get_config(), default=list))
    return {key: value for key, value in config.items() if key not in ("dtype", "trainable")}


@pytest.mark.parametrize("name, config, shape", ROWS)
def test_beside_keras_3(name, config, shape):
    x, config = drawn(shape), {**config, "name": "given"}

    def ask(keras):
        layer = getattr(keras.layers, name)(**config)
        inputs = torch.tensor(x, requires_grad=True)
        layer(inputs)
        layer.set_weights([np.arange(1.0, 1.0 + w.size).reshape(w.shape) for w in values(layer)])
        outputs = layer(inputs)
        outputs.square().sum().backward()
        shapes = list(layer.compute_output_shape((None, *shape[1:])))
        return [outputs.detach().numpy(), inputs.grad.numpy(), shapes, plain_config(layer)]

    def values(layer):
        return [np.asarray(weight) for weight in layer.get_weights()]

    expected = oracle.ask_keras3(ask)
    layer = getattr(layers, name)(**config)
    inputs = torch.tensor(x, requires_grad=True)
    layer(inputs)
    layer.set_weights([np.arange(1.0, 1.0 + w.size).reshape(w.shape) for w in values(layer)])
    outputs = layer(inputs)
    outputs.square().sum().backward()
    np.testing.assert_allclose(outputs.detach(), expected[0], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(inputs.grad, expected[1], rtol=1e-4, atol=1e-4)
    assert list(layer.compute_output_shape((None, *shape[1:]))) == expected[2]
    assert plain_config(layer) == expected[3]
    check_copies(layer, inputs.detach(), outputs)


def check_copies(layer, inputs, outputs, high=1):
    close = {"rtol": 1e-5, "atol": 1e-5 * high}
    again = layers.deserialize(layers.serialize(layer))
    again.train(layer.training)
    again(inputs)
    again.set_weights(layer.get_weights())
    torch.testing.assert_close(again(inputs), outputs, **close)
    torch._dynamo.reset()
    compiled = torch.compile(layer, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(inputs), outputs, **close)
    exported = torch.export.export(layer, (inputs,), strict=False).module()
    torch.testing.assert_close(exported(inputs), outputs, **close)


@pytest.mark.parametrize("name, config, high", COLORS)
def test_colors_beside_keras_3(name, config, high):
    x, config = drawn(IMAGES, high), {**config, "name": "given"}
    if config.get("data_format") == "channels_first":
        x = np.moveaxis(x, -1, 1).copy()

    def ask(keras):
        layer = getattr(keras.layers, name)(**config)
        outputs = layer(torch.tensor(x), training=True)
        resting = layer(torch.tensor(x), training=False)
        return [outputs.numpy(), resting.numpy(), plain_config(layer)]

    expected = oracle.ask_keras3(ask)
    layer = getattr(layers, name)(**config)
    inputs = torch.tensor(x)
    outputs = layer(inputs)
    close = {"rtol": 1e-4, "atol": 1e-4 * high}
    np.testing.assert_allclose(outputs, expected[0], **close)
    np.testing.assert_allclose(layer(inputs, training=False), expected[1], **close)
    theirs = {key: value for key, value in expected[2].items() if key != "seed" or value}
    found = {key: value for key, value in plain_config(layer).items() if key != "seed" or value}
    assert found == theirs
    one = layer(inputs[0])
    torch.testing.assert_close(one, outputs[0], rtol=1e-4, atol=1e-4 * high)
    check_copies(layer, inputs, outputs, high)


@pytest.mark.parametrize(
    "name", sorted({name for name, _, _ in COLORS} - {"AutoContrast", "Solarization"})
)
def test_colors_differ_between_images_and_repeat_for_a_seed(name):
    images = torch.tensor(drawn((1, 6, 6, 3), 255)).repeat(16, 1, 1, 1)
    make = getattr(layers, name)
    factor = 0.5 if name == "RandomGrayscale" else (2, 7) if "Poster" in name else (0.05, 0.95)
    first = make(factor, seed=3)(images)
    assert not torch.equal(first[:1].expand_as(first), first)
    assert torch.equal(make(factor, seed=3)(images), first)


def test_solarization_adds_and_thresholds_within_bounds():
    images = torch.full((64, 2, 2, 1), 100.0)
    layer = layers.Solarization(addition_factor=0.2, threshold_factor=(0.6, 0.6), seed=1)
    outputs = layer(images)[:, 0, 0, 0]
    kept = (outputs >= 100) & (outputs <= 151)
    turned = (outputs >= 104) & (outputs <= 155)
    assert bool((kept | turned).all()) and len(outputs.unique()) > 10


def test_rms_normalization_along_an_axis_in_the_middle():
    """Where Keras 3 on torch fails."""
    x = torch.tensor(drawn((2, 5, 4)))
    expected = layers.RMSNormalization()(x.mT).mT
    torch.testing.assert_close(layers.RMSNormalization(axis=1)(x), expected)


def test_pipeline_beside_keras_3():
    x = drawn((2, 6, 6, 3), 255)

    def make(keras_layers):
        return keras_layers.Pipeline(
            [keras_layers.Rescaling(1 / 255), keras_layers.CenterCrop(4, 4)], name="given"
        )

    expected = oracle.ask_keras3(lambda keras: make(keras.layers)(x).numpy())
    layer = make(layers)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-6)
    again = layers.deserialize(layers.serialize(layer))
    assert [type(one) for one in again.layers] == [layers.Rescaling, layers.CenterCrop]
    np.testing.assert_allclose(again(x), expected, rtol=1e-6)
    assert again.compute_output_shape((None, 6, 6, 3)) == (None, 4, 4, 3)


ERRORS = [
    (lambda: layers.RandomHue(2.0), "factor"),
    (lambda: layers.RandomGrayscale(1.5), "probability"),
    (lambda: layers.RandomPosterization(0), "factor"),
    (lambda: layers.Solarization(addition_factor=(0.5, 2)), "addition_factor"),
    (lambda: layers.AdaptiveAveragePooling2D((1, 2, 3)), "output_size"),
    (lambda: layers.RMSNormalization(axis=5)(torch.zeros(2, 3)), "axis"),
]


@pytest.mark.parametrize("make, told", ERRORS)
def test_errors(make, told):
    with pytest.raises(ValueError, match=told):
        make()
