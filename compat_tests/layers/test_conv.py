"""Convolutions beside tf.keras: values, gradients, shapes, configs and errors."""

import numpy as np
import pytest
import torch

import torchkeras
from compat_tests import oracle
from compat_tests.checks.layer import check_layer
from torchkeras import layers

CONV = [
    ("Conv2D", dict(filters=3, kernel_size=3), (2, 6, 7, 2)),
    ("Conv2D", dict(filters=3, kernel_size=3, padding="same", activation="relu"), (2, 6, 7, 2)),
    ("Conv2D", dict(filters=3, kernel_size=3, padding="SAME", strides=2), (2, 6, 7, 2)),
    ("Conv2D", dict(filters=3, kernel_size=3, padding="same", strides=2), (2, 7, 9, 2)),
    ("Conv2D", dict(filters=3, kernel_size=(2, 5), padding="same", strides=(3, 3)), (2, 8, 9, 2)),
    ("Conv2D", dict(filters=3, kernel_size=(2, 4), padding="same"), (2, 5, 6, 2)),
    ("Conv2D", dict(filters=3, kernel_size=1, strides=2, padding="same"), (2, 5, 6, 2)),
    ("Conv2D", dict(filters=3, kernel_size=(3, 2), dilation_rate=(2, 1)), (2, 7, 8, 2)),
    ("Conv2D", dict(filters=3, kernel_size=(3, 2), dilation_rate=2, padding="same"), (1, 7, 8, 2)),
    ("Conv2D", dict(filters=3, kernel_size=3, use_bias=False, activation="softmax"), (2, 5, 5, 1)),
    ("Conv2D", dict(filters=4, kernel_size=3, groups=2, padding="same"), (2, 5, 5, 6)),
    ("Conv2D", dict(filters=2, kernel_size=2, kernel_regularizer="l2"), (2, 3, 4, 5, 2)),
    ("Conv1D", dict(filters=3, kernel_size=3), (2, 7, 2)),
    ("Conv1D", dict(filters=3, kernel_size=4, padding="same", strides=2), (2, 7, 2)),
    ("Conv1D", dict(filters=3, kernel_size=2, padding="causal", dilation_rate=3), (2, 7, 2)),
    ("Conv1D", dict(filters=3, kernel_size=3, padding="causal", strides=2), (2, 8, 2)),
    ("Conv1D", dict(filters=4, kernel_size=3, groups=2), (2, 8, 2)),
    ("Conv3D", dict(filters=3, kernel_size=2), (2, 3, 4, 5, 2)),
    ("Conv3D", dict(filters=3, kernel_size=3, strides=2, padding="same"), (1, 4, 5, 6, 2)),
    ("DepthwiseConv2D", dict(kernel_size=3), (2, 6, 7, 3)),
    (
        "DepthwiseConv2D",
        dict(kernel_size=3, strides=2, padding="same", depth_multiplier=2, activation="tanh"),
        (2, 6, 7, 3),
    ),
    ("DepthwiseConv2D", dict(kernel_size=2, dilation_rate=2, use_bias=False), (2, 6, 7, 3)),
    ("DepthwiseConv1D", dict(kernel_size=3, depth_multiplier=2, padding="same"), (2, 6, 3)),
    ("DepthwiseConv1D", dict(kernel_size=3, strides=2), (2, 7, 3)),
    ("SeparableConv2D", dict(filters=4, kernel_size=3), (2, 6, 7, 3)),
    (
        "SeparableConv2D",
        dict(filters=4, kernel_size=3, strides=2, padding="same", depth_multiplier=2),
        (2, 6, 7, 3),
    ),
    (
        "SeparableConv2D",
        dict(filters=4, kernel_size=2, dilation_rate=2, use_bias=False, activation="relu"),
        (2, 6, 7, 3),
    ),
    ("SeparableConv1D", dict(filters=4, kernel_size=3, padding="same", strides=2), (2, 6, 3)),
    ("SeparableConv1D", dict(filters=4, kernel_size=3, padding="causal"), (2, 6, 3)),
]


def standardized(keras_layers, of_kernel):
    """A layer whose kernel is changed as it convolves: by an override, or by a call of its own."""

    class Override(keras_layers.Conv2D):
        def convolution_op(self, inputs, kernel):
            return super().convolution_op(inputs, kernel * 2.0)

    class Call(keras_layers.Conv2D):
        def call(self, inputs):
            return self.convolution_op(inputs, self.kernel * 2.0) + self.bias

    Override.__name__ = Call.__name__ = "Conv2D"
    return Override if of_kernel else Call


CHANGED = [
    dict(filters=3, kernel_size=3, activation="relu"),
    dict(filters=3, kernel_size=2, padding="same", strides=2),
    dict(filters=4, kernel_size=2, groups=2, dilation_rate=2, padding="same"),
]


@pytest.mark.parametrize("config", CHANGED)
@pytest.mark.parametrize("of_kernel", [True, False])
def test_convolution_op(config, of_kernel):
    x = np.random.default_rng(1).normal(size=(2, 5, 6, 2)).astype("float32")

    def ask(keras):
        layer = standardized(keras.layers, of_kernel)(**config)
        layer.build(x.shape)
        random = np.random.default_rng(2)
        layer.set_weights([random.normal(size=w.shape) for w in layer.weights])
        inputs = keras.Input(x.shape[1:])
        return keras.Model(inputs, layer(inputs)).predict(x, verbose=0)

    np.testing.assert_allclose(ask(torchkeras), oracle.ask(ask), rtol=1e-4, atol=1e-5)


def _transposed():
    """Every way in which the window, the stride and the padding can stand to each other."""
    for padding in ("valid", "same"):
        for window, stride in ((3, 1), (3, 2), (2, 2), (4, 2), (5, 2), (2, 3), (1, 2)):
            config = dict(filters=3, kernel_size=window, strides=stride, padding=padding)
            yield "Conv2DTranspose", config, (2, 3, 4, 2)
        for extra in (0, 1):
            config = dict(filters=2, kernel_size=3, strides=2, padding=padding)
            yield "Conv2DTranspose", config | dict(output_padding=extra), (2, 3, 4, 2)
    yield "Conv2DTranspose", dict(filters=2, kernel_size=(3, 2), dilation_rate=2), (2, 3, 4, 2)
    yield "Conv1DTranspose", dict(filters=2, kernel_size=3, strides=2, padding="same"), (2, 4, 3)
    yield "Conv1DTranspose", dict(filters=2, kernel_size=2, strides=3, use_bias=False), (2, 4, 3)
    yield "Conv3DTranspose", dict(filters=2, kernel_size=3, strides=2), (1, 2, 3, 2, 2)


@pytest.mark.parametrize("name, config, shape", [*CONV, *_transposed()])
def test_beside_keras(name, config, shape):
    check_layer(name, config, shape)


FIRST = [
    ("Conv1D", dict(filters=3, kernel_size=3, padding="causal"), (2, 7, 2)),
    ("Conv2D", dict(filters=3, kernel_size=3, strides=2, padding="same"), (2, 6, 7, 2)),
    ("Conv3D", dict(filters=3, kernel_size=2), (2, 3, 4, 5, 2)),
    ("DepthwiseConv2D", dict(kernel_size=3, depth_multiplier=2), (2, 6, 7, 3)),
    ("SeparableConv2D", dict(filters=4, kernel_size=3, padding="same"), (2, 6, 7, 3)),
    ("Conv2DTranspose", dict(filters=2, kernel_size=3, strides=2, padding="same"), (2, 3, 4, 2)),
]


@pytest.mark.parametrize("name, config, shape", FIRST)
def test_channels_first_is_the_same_transposed(name, config, shape):
    last = getattr(layers, name)(**config)
    first = getattr(layers, name)(data_format="channels_first", **config)
    x = torch.randn(shape)
    expected = last(x)
    first.build((None, shape[-1], *shape[1:-1]))
    first._finish_build()
    first.set_weights(last.get_weights())
    got = first(x.movedim(-1, 1))
    torch.testing.assert_close(got.movedim(1, -1), expected)
    assert first.compute_output_shape(x.movedim(-1, 1).shape) == tuple(got.shape)


def test_same_padding_follows_the_size_of_each_call():
    """Built for an odd size, which torch pads itself, called with an even one."""
    layer = layers.Conv2D(3, 3, strides=2, padding="same")
    layer(torch.randn(1, 7, 7, 2))
    assert layer.conv.padding == (1, 1)
    x = torch.randn(1, 8, 9, 2)
    other = layers.Conv2D(3, 3, strides=2, padding="same")
    other.build((None, None, None, 2))
    other._finish_build()
    other.set_weights(layer.get_weights())
    torch.testing.assert_close(layer(x), other(x))
    torch.testing.assert_close(layer(x[:, :7, :7]), other(x[:, :7, :7]))


def test_channels_last_memory_stays():
    layer = layers.Conv2D(8, 3, padding="same", activation="relu")
    outputs = layer(torch.randn(2, 6, 6, 4))
    assert outputs.is_contiguous()
    assert layer.conv.weight.is_contiguous(memory_format=torch.channels_last)


ERRORS = [
    ("Conv2D", dict(filters=0, kernel_size=3), None, "filters"),
    ("Conv2D", dict(filters=3, kernel_size=(3, 3, 3)), None, "kernel_size"),
    ("Conv2D", dict(filters=3, kernel_size=3, strides=0), None, "strides"),
    ("Conv2D", dict(filters=3, kernel_size=3, padding="full"), None, "padding"),
    ("Conv2D", dict(filters=3, kernel_size=3, padding="causal"), None, "padding"),
    ("Conv2D", dict(filters=3, kernel_size=3, strides=2, dilation_rate=2), None, "dilation_rate"),
    ("Conv2D", dict(filters=3, kernel_size=3, data_format="NHWC"), None, "data_format"),
    ("Conv2D", dict(filters=3, kernel_size=3, groups=2), None, "groups"),
    ("Conv2D", dict(filters=4, kernel_size=3, groups=2), (1, 5, 5, 3), "groups=2"),
    ("Conv2D", dict(filters=3, kernel_size=3), (1, 5, 5), "ndim"),
    ("Conv2D", dict(filters=3, kernel_size=6), (1, 5, 5, 1), "too small"),
    ("Conv2D", dict(filters=3, kernel_size=3, nonsense=1), None, "nonsense"),
    ("SeparableConv2D", dict(filters=4, kernel_size=3, groups=2), None, "groups=2"),
    ("Conv2DTranspose", dict(filters=4, kernel_size=3, groups=2), None, "groups=2"),
    ("Conv2DTranspose", dict(filters=4, kernel_size=3, output_padding=1), None, "output_padding"),
]


@pytest.mark.parametrize("name, config, shape, told", ERRORS)
def test_errors_name_what_is_wrong(name, config, shape, told):
    with pytest.raises((ValueError, TypeError), match=told):
        layer = getattr(layers, name)(**config)
        layer(torch.zeros(shape))


def test_channels_must_be_known():
    with pytest.raises(ValueError, match="channel axis"):
        layers.Conv2D(3, 3)(layers.Input((5, 5, None)))


@pytest.mark.parametrize("size", [62, 63, 64])
def test_few_channels_by_a_kernel_of_one_that_skips(size):
    """The gradient of oneDNN for it writes past its memory."""
    layer = layers.Conv2D(16, 1, strides=2, use_bias=False)
    x = torch.rand(2, size, size, 8)
    layer(x).square().sum().backward()
    kernel = layer.kernel.value.detach().double().requires_grad_()
    torch.einsum("nhwi,io->nhwo", x[:, ::2, ::2].double(), kernel[0, 0]).square().sum().backward()
    found = layer.conv.weight.grad[:, :, 0, 0].T.double()
    torch.testing.assert_close(found, kernel.grad[0, 0], rtol=1e-4, atol=1e-4)


SEQUENCES = [
    ("Conv1D", dict(filters=8, kernel_size=3, activation="relu")),
    ("Conv1D", dict(filters=8, kernel_size=4, strides=2, padding="same")),
    ("Conv1D", dict(filters=8, kernel_size=3, dilation_rate=2, padding="causal", groups=2)),
    ("DepthwiseConv1D", dict(kernel_size=3, padding="same")),
    ("SeparableConv1D", dict(filters=8, kernel_size=3)),
]


@pytest.mark.parametrize(("name", "config"), SEQUENCES)
def test_sequences_are_images_of_one_row_unless_somebody_watches(name, config):
    layer, seen = getattr(layers, name)(**config), []
    x = torch.randn(4, 20, 6, requires_grad=True)

    def results():
        outputs = layer(x)
        outputs.square().sum().backward()
        grads = [x.grad, *(parameter.grad for parameter in layer.parameters())]
        x.grad = None
        layer.zero_grad()
        return [outputs, *grads]

    quick = results()
    for module in layer.modules():
        if isinstance(module, torch.nn.Conv1d):
            module.register_forward_hook(lambda module, args, output: seen.append(output))
    watched = results()
    assert len(seen) == (2 if name == "SeparableConv1D" else 1)
    for one, other in zip(quick, watched, strict=True):
        torch.testing.assert_close(one, other)
