"""EfficientNetV2 B0 to B3, S, M, L: Tan and Le, 2021, https://arxiv.org/abs/2104.00298."""

from __future__ import annotations

import math
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
    batch_norm,
    channel_axis,
    channels_of,
    variant,
)
from .efficientnet import DROPPED, KERNELS, excited, residual, scaled_conv, top
from .imagenet_utils import decode_predictions, preprocessor

__all__ = [
    "EfficientNetV2B0",
    "EfficientNetV2B1",
    "EfficientNetV2B2",
    "EfficientNetV2B3",
    "EfficientNetV2L",
    "EfficientNetV2M",
    "EfficientNetV2S",
    "decode_predictions",
    "preprocess_input",
]

PUBLISHED = Published(
    "efficientnet_v2/efficientnetv2-{}{}.h5",
    hashes={
        "b0": ("21ecbf6da12460d5c40bb2f29ceb2188", "893217f2bb855e2983157299931e43ff"),
        "b1": ("069f0534ff22adf035c89e2d9547a9dc", "0e80663031ca32d657f9caa404b6ec37"),
        "b2": ("424e49f28180edbde1e94797771950a7", "1dfe2e7a5d45b6632553a8961ea609eb"),
        "b3": ("1f1fc43bd98a6e4fd8fdfd551e02c7a0", "f6abf7b5849ac99a89b50dd3fd532856"),
        "s": ("e1d88a8495beba45748fedd0cecbe016", "af0682fb74e8c54910f2d4393339c070"),
        "m": ("a3bf6aa3276309f4fc6a34aa114c95cd", "1b8dc055df72dde80d614482840fe342"),
        "l": ("27e6d408b53c7ebc868fefa357689935", "b0b66b5c863aef5b46e8608fe1711615"),
    },
)
VARIANTS = {  # factors of width and depth, size of images
    "B0": (1.0, 1.0, 224),
    "B1": (1.0, 1.1, 240),
    "B2": (1.1, 1.2, 260),
    "B3": (1.2, 1.4, 300),
    "S": (1.0, 1.0, 384),
    "M": (1.0, 1.0, 480),
    "L": (1.0, 1.0, 480),
}
# A stage: blocks, filters, expansion, strides of the first block. Fused blocks, in the first three
# stages, have one convolution in place of a narrow and a depthwise one.
SMALL = (
    (1, 16, 1, 1),
    (2, 32, 4, 2),
    (2, 48, 4, 2),
    (3, 96, 4, 2),
    (5, 112, 6, 1),
    (8, 192, 6, 2),
)
STAGES = {
    **dict.fromkeys(("B0", "B1", "B2", "B3"), SMALL),
    "S": (
        (2, 24, 1, 1),
        (4, 48, 4, 2),
        (4, 64, 4, 2),
        (6, 128, 4, 2),
        (9, 160, 6, 1),
        (15, 256, 6, 2),
    ),
    "M": (
        (3, 24, 1, 1),
        (5, 48, 4, 2),
        (5, 80, 4, 2),
        (7, 160, 4, 2),
        (14, 176, 6, 1),
        (18, 304, 6, 2),
        (5, 512, 6, 1),
    ),
    "L": (
        (4, 32, 1, 1),
        (7, 64, 4, 2),
        (7, 96, 4, 2),
        (10, 192, 4, 2),
        (19, 224, 6, 1),
        (25, 384, 6, 2),
        (7, 640, 6, 1),
    ),
}
FUSED = 3
STEM = {"S": 24, "M": 24}  # filters of the first convolution, else 32
normalized = partial(batch_norm, momentum=0.9)


def preprocessed(x: Any, scale: float = 1.0 / 255) -> Any:
    """Pixels from 0 to 255, centred and scaled by ImageNet's statistics."""
    return layers.Normalization(
        mean=[0.485, 0.456, 0.406],
        variance=[0.229**2, 0.224**2, 0.225**2],
        axis=channel_axis(),
    )(layers.Rescaling(scale=scale)(x))


def _efficientnet_v2(name: str, request: Request, include_preprocessing: bool) -> Model:
    width, depth, size = VARIANTS[name]

    def filters_for(filters):
        return max(8, int(filters * width + 4) // 8 * 8)

    def body(x):
        if include_preprocessing:
            if name.startswith("B") and channels_of(x) == 3:
                x = preprocessed(x)
            else:
                x = layers.Rescaling(scale=1.0 / 128.0, offset=-1)(x)
        first = filters_for(STEM.get(name, 32))
        x = scaled_conv(x, first, 3, "stem_conv", strides=2, padding="same", use_bias=False)
        x = activation(normalized(x, "stem_bn"), "swish", "stem_activation")
        done, count = 0, sum(stage[0] for stage in STAGES[name])
        for stage, (blocks, filters, expansion, strides) in enumerate(STAGES[name], 1):
            block = _fused if stage <= FUSED else _depthwise
            for i in range(math.ceil(depth * blocks)):
                label = f"block{stage}{chr(ord('a') + i)}_"
                step = strides if i == 0 else 1
                rate = DROPPED * done / count
                x = block(x, filters_for(filters), expansion, step, rate, label)
                done += 1
        x = scaled_conv(x, filters_for(1280), 1, "top_conv", padding="same", use_bias=False)
        return activation(normalized(x, "top_bn"), "swish", "top_activation")

    zeros = {"class_name": "Constant", "config": {"value": 0}}
    dropout = partial(top, dropout=0.2, bias_initializer=zeros)
    return assemble(
        body,
        request,
        name=f"efficientnetv2-{name.lower()}",
        published=(PUBLISHED, name.lower()),
        default_size=size,
        top=dropout,
    )


def _fused(x, filters, expansion, strides, rate, name):
    shortcut, channels = x, channels_of(x)
    settings = {"padding": "same", "use_bias": False}
    if expansion != 1:
        x = scaled_conv(
            x, expansion * channels, 3, name + "expand_conv", strides=strides, **settings
        )
        x = activation(normalized(x, name + "expand_bn"), "swish", name + "expand_activation")
        x = scaled_conv(x, filters, 1, name + "project_conv", **settings)
        x = normalized(x, name + "project_bn")
    else:
        x = scaled_conv(x, filters, 3, name + "project_conv", strides=strides, **settings)
        x = normalized(x, name + "project_bn")
        x = activation(x, "swish", name + "project_activation")
    same = strides == 1 and channels == filters
    return residual(x, shortcut, rate, name) if same else x


def _depthwise(x, filters, expansion, strides, rate, name):
    shortcut, channels = x, channels_of(x)
    wide = expansion * channels
    x = scaled_conv(x, wide, 1, name + "expand_conv", padding="same", use_bias=False)
    x = activation(normalized(x, name + "expand_bn"), "swish", name + "expand_activation")
    x = layers.DepthwiseConv2D(
        3,
        strides=strides,
        padding="same",
        use_bias=False,
        depthwise_initializer=KERNELS,
        name=name + "dwconv2",
    )(x)
    x = activation(normalized(x, name + "bn"), "swish", name + "activation")
    x = excited(x, max(1, channels // 4), name, "swish")
    x = scaled_conv(x, filters, 1, name + "project_conv", padding="same", use_bias=False)
    x = normalized(x, name + "project_bn")
    same = strides == 1 and channels == filters
    return residual(x, shortcut, rate, name) if same else x


def _variant(name: str):
    def architecture(
        include_top: bool = True,
        weights: Any = "imagenet",
        input_tensor: Any = None,
        input_shape: Any = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: Any = "softmax",
        include_preprocessing: bool = True,
    ) -> Model:
        request = Request(
            include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation
        )
        return _efficientnet_v2(name, request, include_preprocessing)

    size = VARIANTS[name][2]
    text = f"""EfficientNetV2{name}: first fused, then inverted residuals, {size} x {size} pixels.

`include_preprocessing`: takes pixels from 0 to 255. {ARGUMENTS}"""
    return variant(architecture, f"EfficientNetV2{name}", text)


(
    EfficientNetV2B0,
    EfficientNetV2B1,
    EfficientNetV2B2,
    EfficientNetV2B3,
    EfficientNetV2S,
    EfficientNetV2M,
    EfficientNetV2L,
) = map(_variant, VARIANTS)

preprocess_input = preprocessor(None)
