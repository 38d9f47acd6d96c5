"""EfficientNetB0 to B7: Tan and Le, 2019, https://arxiv.org/abs/1905.11946."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from .. import layers
from ..graph import KerasTensor
from ..models import Model
from .building import (
    Published,
    Request,
    activation,
    assemble,
    batch_norm,
    channel_axis,
    channels_of,
    conv,
    divisible,
    image_shape,
    pad,
    predictions,
    standard,
    strided_padding,
)
from .imagenet_utils import decode_predictions, preprocessor

__all__ = [
    "EfficientNetB0",
    "EfficientNetB1",
    "EfficientNetB2",
    "EfficientNetB3",
    "EfficientNetB4",
    "EfficientNetB5",
    "EfficientNetB6",
    "EfficientNetB7",
    "decode_predictions",
    "preprocess_input",
]

PUBLISHED = Published(
    "{}{}.h5",
    url="https://storage.googleapis.com/keras-applications/",
    hashes={
        "efficientnetb0": ("902e53a9f72be733fc0bcb005b3ebbac", "50bc09e76180e00e4465e1a485ddc09d"),
        "efficientnetb1": ("1d254153d4ab51201f1646940f018540", "74c4e6b3e1f6a1eea24c589628592432"),
        "efficientnetb2": ("b15cce36ff4dcbd00b6dd88e7857a6ad", "111f8e2ac8aa800a7a99e3239f7bfb39"),
        "efficientnetb3": ("ffd1fdc53d0ce67064dc6a9c7960ede0", "af6d107764bb5b1abb91932881670226"),
        "efficientnetb4": ("18c95ad55216b8f92d7e70b3a046e2fc", "ebc24e6d6c33eaebbd558eafbeedf1ba"),
        "efficientnetb5": ("ace28f2a6363774853a83a0b21b9421a", "38879255a25d3c92d5e44e04ae6cec6f"),
        "efficientnetb6": ("165f6e37dce68623721b423839de8be5", "9ecce42647a20130c1f39a5d4cb75743"),
        "efficientnetb7": ("8c03f828fec3ef71311cd463b6759d99", "cbcfe4450ddf6f3ad90b1b398090fe4a"),
    },
)
VARIANTS = {  # factors of width and depth, size of images, dropout before the classifier
    "B0": (1.0, 1.0, 224, 0.2),
    "B1": (1.0, 1.1, 240, 0.2),
    "B2": (1.1, 1.2, 260, 0.3),
    "B3": (1.2, 1.4, 300, 0.3),
    "B4": (1.4, 1.8, 380, 0.4),
    "B5": (1.6, 2.2, 456, 0.4),
    "B6": (1.8, 2.6, 528, 0.5),
    "B7": (2.0, 3.1, 600, 0.5),
}
STAGES = (  # window, blocks, filters, expansion, strides of the first block
    (3, 1, 16, 1, 1),
    (3, 2, 24, 6, 2),
    (5, 2, 40, 6, 2),
    (3, 3, 80, 6, 2),
    (5, 3, 112, 6, 1),
    (5, 4, 192, 6, 2),
    (3, 1, 320, 6, 1),
)
DROPPED = 0.2  # share of samples whose residual the last block leaves out in training
KERNELS = {
    "class_name": "VarianceScaling",
    "config": {"scale": 2.0, "mode": "fan_out", "distribution": "truncated_normal"},
}
CLASSIFIER = {
    "class_name": "VarianceScaling",
    "config": {"scale": 1.0 / 3.0, "mode": "fan_out", "distribution": "uniform"},
}
IMAGENET_STD = (0.229, 0.224, 0.225)
scaled_conv = partial(conv, kernel_initializer=KERNELS)


def top(x: KerasTensor, request: Request, dropout: float, **settings: Any) -> KerasTensor:
    """Average pooling, dropout and the classifier."""
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    x = layers.Dropout(dropout, name="top_dropout")(x)
    return predictions(x, request, kernel_initializer=CLASSIFIER, **settings)


def excited(x: KerasTensor, squeezed: int, name: str, function: str) -> KerasTensor:
    """Channels weighted by what all pixels together say, through `squeezed` channels."""
    channels = channels_of(x)
    weight = layers.GlobalAveragePooling2D(name=name + "se_squeeze")(x)
    weight = layers.Reshape(image_shape(1, 1, channels), name=name + "se_reshape")(weight)
    for step, filters, act in (("reduce", squeezed, function), ("expand", channels, "sigmoid")):
        weight = scaled_conv(weight, filters, 1, f"{name}se_{step}", padding="same", activation=act)
    return layers.Multiply(name=name + "se_excite")([x, weight])


def residual(x: KerasTensor, shortcut: KerasTensor, rate: float, name: str) -> KerasTensor:
    """`x` added to `shortcut`; in training left out for a share of the samples."""
    if rate > 0:
        x = layers.Dropout(rate, noise_shape=(None, 1, 1, 1), name=name + "drop")(x)
    return layers.Add(name=name + "add")([x, shortcut])


def _efficientnet(variant: str, request: Request) -> Model:
    width, depth, size, dropout = VARIANTS[variant]
    stages = [
        (window, math.ceil(depth * blocks), divisible(width * filters), expansion, strides)
        for window, blocks, filters, expansion, strides in STAGES
    ]
    count = sum(stage[1] for stage in stages)

    def body(x):
        x = layers.Rescaling(1.0 / 255.0)(x)
        x = layers.Normalization(axis=channel_axis())(x)
        if request.weights == "imagenet":  # their inputs were divided by the variance
            x = layers.Rescaling([1.0 / math.sqrt(std) for std in IMAGENET_STD])(x)
        x = pad(x, strided_padding(x, 3), "stem_conv_pad")
        x = scaled_conv(x, divisible(width * 32), 3, "stem_conv", strides=2, use_bias=False)
        x = activation(batch_norm(x, "stem_bn"), "swish", "stem_activation")
        done = 0
        for stage, (window, blocks, filters, expansion, strides) in enumerate(stages, 1):
            for i in range(blocks):
                name = f"block{stage}{chr(ord('a') + i)}_"
                step = strides if i == 0 else 1
                x = _block(x, filters, window, expansion, step, DROPPED * done / count, name)
                done += 1
        last = divisible(width * 1280)
        x = scaled_conv(x, last, 1, "top_conv", padding="same", use_bias=False)
        return activation(batch_norm(x, "top_bn"), "swish", "top_activation")

    name = f"efficientnet{variant.lower()}"
    return assemble(
        body,
        request,
        name=name,
        published=(PUBLISHED, name),
        default_size=size,
        top=partial(top, dropout=dropout),
    )


def _block(x, filters, window, expansion, strides, rate, name):
    shortcut, channels = x, channels_of(x)
    if expansion != 1:
        wide = expansion * channels
        x = scaled_conv(x, wide, 1, name + "expand_conv", padding="same", use_bias=False)
        x = activation(batch_norm(x, name + "expand_bn"), "swish", name + "expand_activation")
    if strides == 2:
        x = pad(x, strided_padding(x, window), name + "dwconv_pad")
    x = layers.DepthwiseConv2D(
        window,
        strides=strides,
        padding="same" if strides == 1 else "valid",
        use_bias=False,
        depthwise_initializer=KERNELS,
        name=name + "dwconv",
    )(x)
    x = activation(batch_norm(x, name + "bn"), "swish", name + "activation")
    x = excited(x, max(1, channels // 4), name, "swish")
    x = scaled_conv(x, filters, 1, name + "project_conv", padding="same", use_bias=False)
    x = batch_norm(x, name + "project_bn")
    same = strides == 1 and channels == filters
    return residual(x, shortcut, rate, name) if same else x


def _variant(variant: str):
    name, size = f"EfficientNet{variant}", VARIANTS[variant][2]
    text = f"{name}: inverted residuals of balanced width, depth and size, {size} x {size} pixels."
    return standard(name, partial(_efficientnet, variant), text)


(
    EfficientNetB0,
    EfficientNetB1,
    EfficientNetB2,
    EfficientNetB3,
    EfficientNetB4,
    EfficientNetB5,
    EfficientNetB6,
    EfficientNetB7,
) = map(_variant, VARIANTS)

preprocess_input = preprocessor(None)
