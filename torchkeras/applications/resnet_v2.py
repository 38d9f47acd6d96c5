"""ResNet50V2, 101V2, 152V2: He and others, 2016, https://arxiv.org/abs/1603.05027."""

from __future__ import annotations

from functools import partial

from .. import layers
from ..models import Model
from .building import Request, activation, assemble, conv, pad, standard
from .imagenet_utils import decode_predictions, preprocessor
from .resnet import DEPTHS, FILTERS, PUBLISHED, first_pool, normalized, stem

__all__ = ["ResNet101V2", "ResNet152V2", "ResNet50V2", "decode_predictions", "preprocess_input"]


def _resnet_v2(depth: str, request: Request) -> Model:
    def body(x):
        x = first_pool(stem(x))
        for stage, (blocks, filters) in enumerate(zip(DEPTHS[depth], FILTERS, strict=True), 2):
            for block in range(1, blocks + 1):
                strides = 2 if stage < 5 and block == blocks else 1
                x = _block(x, filters, f"conv{stage}_block{block}", strides, block == 1)
        return activation(normalized(x, "post_bn"), "relu", "post_relu")

    name = f"resnet{depth}v2"
    return assemble(body, request, name=name, published=(PUBLISHED, name), default_size=224)


def _block(x, filters, name, strides, first):
    ready = activation(normalized(x, name + "_preact_bn"), "relu", name + "_preact_relu")
    if first:
        shortcut = conv(ready, 4 * filters, 1, name + "_0_conv", strides=strides)
    else:
        shortcut = layers.MaxPooling2D(1, strides=strides)(x) if strides > 1 else x
    x = conv(ready, filters, 1, name + "_1_conv", use_bias=False)
    x = activation(normalized(x, name + "_1_bn"), "relu", name + "_1_relu")
    x = pad(x, 1, name + "_2_pad")
    x = conv(x, filters, 3, name + "_2_conv", strides=strides, use_bias=False)
    x = activation(normalized(x, name + "_2_bn"), "relu", name + "_2_relu")
    x = conv(x, 4 * filters, 1, name + "_3_conv")
    return layers.Add(name=name + "_out")([shortcut, x])


def _variant(depth: str):
    name = f"ResNet{depth}V2"
    text = f"{name}: residual blocks that normalise first, for images of 224 x 224."
    return standard(name, partial(_resnet_v2, depth), text)


ResNet50V2, ResNet101V2, ResNet152V2 = map(_variant, DEPTHS)

preprocess_input = preprocessor("tf")
