"""DenseNet121, 169, 201: Huang and others, 2017, https://arxiv.org/abs/1608.06993."""

from __future__ import annotations

from functools import partial

from .. import layers
from ..models import Model
from .building import (
    Published,
    Request,
    activation,
    assemble,
    channel_axis,
    channels_of,
    conv,
    pad,
    standard,
)
from .imagenet_utils import decode_predictions, preprocessor
from .resnet import normalized

__all__ = ["DenseNet121", "DenseNet169", "DenseNet201", "decode_predictions", "preprocess_input"]

PUBLISHED = Published(
    "densenet/{}_weights_tf_dim_ordering_tf_kernels{}.h5",
    hashes={
        "densenet121": ("9d60b8095a5708f2dcce2bca79d332c7", "30ee3e1110167f948a6b9946edeeb738"),
        "densenet169": ("d699b8f76981ab1b30698df4c175e90b", "b8c4d4c20dd625c148057b9ff1c1176b"),
        "densenet201": ("1ceb130c1ea1b78c3bf6114dbdfd8807", "c13680b51ded0fb44dff2d8f86ac8bb1"),
    },
)
DEPTHS = {"121": (6, 12, 24, 16), "169": (6, 12, 32, 32), "201": (6, 12, 48, 32)}
GROWTH = 32  # channels that a block adds


def _densenet(depth: str, request: Request) -> Model:
    def body(x):
        x = conv(pad(x, 3), 64, 7, "conv1/conv", strides=2, use_bias=False)
        x = activation(normalized(x, "conv1/bn"), "relu", "conv1/relu")
        x = layers.MaxPooling2D(3, strides=2, name="pool1")(pad(x, 1))
        for stage, blocks in enumerate(DEPTHS[depth], 2):
            if stage > 2:
                x = _transition(x, f"pool{stage - 1}")
            for block in range(1, blocks + 1):
                x = _block(x, f"conv{stage}_block{block}")
        return activation(normalized(x, "bn"), "relu", "relu")

    name = f"densenet{depth}"
    return assemble(body, request, name=name, published=(PUBLISHED, name), default_size=224)


def _block(x, name):
    new = activation(normalized(x, name + "_0_bn"), "relu", name + "_0_relu")
    new = conv(new, 4 * GROWTH, 1, name + "_1_conv", use_bias=False)
    new = activation(normalized(new, name + "_1_bn"), "relu", name + "_1_relu")
    new = conv(new, GROWTH, 3, name + "_2_conv", padding="same", use_bias=False)
    return layers.Concatenate(axis=channel_axis(), name=name + "_concat")([x, new])


def _transition(x, name):
    x = activation(normalized(x, name + "_bn"), "relu", name + "_relu")
    x = conv(x, channels_of(x) // 2, 1, name + "_conv", use_bias=False)
    return layers.AveragePooling2D(2, strides=2, name=name + "_pool")(x)


def _variant(depth: str):
    name = f"DenseNet{depth}"
    text = f"{name}: each block sees the features of all before it, for images of 224 x 224."
    return standard(name, partial(_densenet, depth), text)


DenseNet121, DenseNet169, DenseNet201 = map(_variant, DEPTHS)

preprocess_input = preprocessor("torch")
