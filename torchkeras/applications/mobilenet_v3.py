"""MobileNetV3Large and Small: Howard and others, 2019, https://arxiv.org/abs/1905.02244."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

from .. import layers
from ..models import Model
from .building import (
    ARGUMENTS,
    Published,
    Request,
    activation,
    assemble,
    channels_of,
    conv,
    divisible,
    image_shape,
    pad,
    sizes,
    strided_padding,
    variant,
)
from .imagenet_utils import decode_predictions, preprocessor
from .mobilenet_v2 import normalized

__all__ = ["MobileNetV3Large", "MobileNetV3Small", "decode_predictions", "preprocess_input"]

PUBLISHED = Published(
    "mobilenet_v3/weights_mobilenet_v3_{}_float{}.h5",
    "_no_top_v2",
    {
        "large_224_0.75": ("765b44a33ad4005b3ac83185abf1d0eb", "40af19a13ebea4e2ee0c676887f69a2e"),
        "large_224_1.0": ("59e551e166be033d707958cf9e29a6a7", "07fb09a5933dd0c8eaafa16978110389"),
        "large_minimalistic_224_1.0": (
            "675e7b876c45c57e9e63e6d90a36599c",
            "ec5221f64a2f6d1ef965a614bdae7973",
        ),
        "small_224_0.75": ("cb65d4e5be93758266aa0a7f2c6708b7", "ebdb5cc8e0b497cd13a7c275d475c819"),
        "small_224_1.0": ("8768d4c2e7dee89b9d02b2d03d65d862", "d3e8ec802a04aa4fc771ee12a9a9b836"),
        "small_minimalistic_224_1.0": (
            "99cd97fb2fcdad2bf028eb838de69e37",
            "cde8136e733e811080d9fcd8a252f7e4",
        ),
    },
)
# A block: expansion, filters, whether its window is large, strides, whether it has a
# squeeze-and-excitation, whether it has the hard swish (else ReLU).
BLOCKS = {
    "small": (
        (1, 16, 0, 2, 1, 0),
        (72 / 16, 24, 0, 2, 0, 0),
        (88 / 24, 24, 0, 1, 0, 0),
        (4, 40, 1, 2, 1, 1),
        (6, 40, 1, 1, 1, 1),
        (6, 40, 1, 1, 1, 1),
        (3, 48, 1, 1, 1, 1),
        (3, 48, 1, 1, 1, 1),
        (6, 96, 1, 2, 1, 1),
        (6, 96, 1, 1, 1, 1),
        (6, 96, 1, 1, 1, 1),
    ),
    "large": (
        (1, 16, 0, 1, 0, 0),
        (4, 24, 0, 2, 0, 0),
        (3, 24, 0, 1, 0, 0),
        (3, 40, 1, 2, 1, 0),
        (3, 40, 1, 1, 1, 0),
        (3, 40, 1, 1, 1, 0),
        (6, 80, 0, 2, 0, 1),
        (2.5, 80, 0, 1, 0, 1),
        (2.3, 80, 0, 1, 0, 1),
        (2.3, 80, 0, 1, 0, 1),
        (6, 112, 0, 1, 1, 1),
        (6, 112, 0, 1, 1, 1),
        (6, 160, 1, 2, 1, 1),
        (6, 160, 1, 1, 1, 1),
        (6, 160, 1, 1, 1, 1),
    ),
}
LAST = {"small": 1024, "large": 1280}


def _mobilenet_v3(
    size: str,
    request: Request,
    alpha: float,
    minimalistic: bool,
    dropout_rate: float,
    include_preprocessing: bool,
) -> Model:
    name = f"MobilenetV3{size}"
    _check_published(name, request, alpha, minimalistic)
    swish = _relu if minimalistic else _hard_swish

    def body(x):
        if include_preprocessing:
            x = layers.Rescaling(scale=1.0 / 127.5, offset=-1.0)(x)
        x = conv(x, 16, 3, "Conv", strides=2, padding="same", use_bias=False)
        x = swish(normalized(x, "Conv/BatchNorm"))
        for i, (expansion, filters, large, strides, squeezed, swished) in enumerate(BLOCKS[size]):
            x = _block(
                x,
                i,
                expansion,
                divisible(filters * alpha),
                5 if large and not minimalistic else 3,
                strides,
                squeezed and not minimalistic,
                swish if swished else _relu,
            )
        width = divisible(channels_of(x) * 6)
        x = conv(x, width, 1, "Conv_1", padding="same", use_bias=False)
        return swish(normalized(x, "Conv_1/BatchNorm"))

    def top(x, request):
        width = divisible(LAST[size] * alpha) if alpha > 1.0 else LAST[size]
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        x = swish(conv(x, width, 1, "Conv_2", padding="same"))
        if dropout_rate > 0:
            x = layers.Dropout(dropout_rate)(x)
        x = conv(x, request.classes, 1, "Logits", padding="same")
        return activation(layers.Flatten()(x), request.classifier_activation, "Predictions")

    key = f"{size}{'_minimalistic' if minimalistic else ''}_224_{alpha}"
    return assemble(
        body,
        request,
        name=name,
        published=(PUBLISHED, key),
        default_size=224,
        static=False,
        top=top,
    )


def _check_published(name, request, alpha, minimalistic):
    if request.weights != "imagenet":
        return
    known = (1.0,) if minimalistic else (0.75, 1.0)
    if alpha not in known:
        raise ValueError(
            f"{name}: with minimalistic={minimalistic}, weights are published for alpha "
            f"{' and '.join(map(str, known))}; received {alpha}."
        )
    shape = request.input_shape
    height, width = sizes(shape)[:2] if shape else (None, None)
    if (height, width) != (224, 224):
        warnings.warn(
            f"{name}: the weights were trained on images of {image_shape(224, 224, 3)}; "
            f"`input_shape` is {shape}.",
            stacklevel=4,
        )


def _relu(x):
    return layers.ReLU()(x)


def _hard_sigmoid(x):
    return layers.ReLU(6.0)(x + 3.0) * (1.0 / 6.0)


def _hard_swish(x):
    return layers.Multiply()([x, _hard_sigmoid(x)])


def _block(x, i, expansion, filters, size, strides, squeezed, act):
    shortcut, channels = x, channels_of(x)
    name = f"expanded_conv_{i}/" if i else "expanded_conv/"
    width = divisible(channels * expansion)
    if i:
        x = conv(x, width, 1, name + "expand", padding="same", use_bias=False)
        x = act(normalized(x, name + "expand/BatchNorm"))
    if strides == 2:
        x = pad(x, strided_padding(x, size), name + "depthwise/pad")
    x = layers.DepthwiseConv2D(
        size,
        strides=strides,
        padding="same" if strides == 1 else "valid",
        use_bias=False,
        name=name + "depthwise",
    )(x)
    x = act(normalized(x, name + "depthwise/BatchNorm"))
    if squeezed:
        x = _excited(x, width, name + "squeeze_excite/")
    x = conv(x, filters, 1, name + "project", padding="same", use_bias=False)
    x = normalized(x, name + "project/BatchNorm")
    return (
        layers.Add(name=name + "Add")([shortcut, x]) if (channels, strides) == (filters, 1) else x
    )


def _excited(x, width, name):
    weight = layers.GlobalAveragePooling2D(keepdims=True, name=name + "AvgPool")(x)
    weight = conv(weight, divisible(width * 0.25), 1, name + "Conv", padding="same")
    weight = layers.ReLU(name=name + "Relu")(weight)
    weight = _hard_sigmoid(conv(weight, width, 1, name + "Conv_1", padding="same"))
    return layers.Multiply(name=name + "Mul")([x, weight])


def _variant(size: str):
    def architecture(
        input_shape: Any = None,
        alpha: float = 1.0,
        minimalistic: bool = False,
        include_top: bool = True,
        weights: Any = "imagenet",
        input_tensor: Any = None,
        classes: int = 1000,
        pooling: str | None = None,
        dropout_rate: float = 0.2,
        classifier_activation: Any = "softmax",
        include_preprocessing: bool = True,
    ) -> Model:
        request = Request(
            include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation
        )
        make = partial(_mobilenet_v3, size, request)
        return make(alpha, minimalistic, dropout_rate, include_preprocessing)

    name = f"MobileNetV3{size.capitalize()}"
    text = f"""{name}: inverted residuals with squeeze-and-excitation and hard swish.

`alpha` scales the number of filters; `minimalistic` leaves out what is slow on some hardware: wide
windows, squeeze-and-excitation, hard swish. `include_preprocessing`: takes pixels from 0 to 255.
{ARGUMENTS}"""
    return variant(architecture, name, text)


MobileNetV3Small, MobileNetV3Large = map(_variant, BLOCKS)

preprocess_input = preprocessor(None)
