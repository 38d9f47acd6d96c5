"""MobileNetV2: Sandler and others, 2018, https://arxiv.org/abs/1801.04381."""

from __future__ import annotations

from functools import partial
from typing import Any

from .. import layers
from ..models import Model
from .building import (
    ARGUMENTS,
    Published,
    Request,
    assemble,
    batch_norm,
    channels_of,
    classifier,
    conv,
    divisible,
    pad,
    strided_padding,
)
from .imagenet_utils import decode_predictions, preprocessor
from .mobilenet import default_size, published_size

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]

PUBLISHED = Published(
    "mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{}{}.h5", "_no_top"
)
ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
SIZES = (96, 128, 160, 192, 224)
STAGES = (  # filters, strides of the first block, blocks
    (16, 1, 1),
    (24, 2, 2),
    (32, 2, 3),
    (64, 2, 4),
    (96, 1, 3),
    (160, 2, 3),
    (320, 1, 1),
)
normalized = partial(batch_norm, momentum=0.999)


def MobileNetV2(
    input_shape: Any = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
) -> Model:
    request = Request(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation
    )
    if weights == "imagenet" and alpha not in ALPHAS:
        raise ValueError(
            f"MobileNetV2: weights are published for alpha {', '.join(map(str, ALPHAS))}; "
            f"received {alpha}."
        )
    given = input_shape
    if input_shape is None and input_tensor is not None:
        given = tuple(getattr(input_tensor, "shape", ())[1:])
    default = default_size(given, SIZES)
    shape = input_shape or ((default,) * 3 if include_top else None)
    rows = published_size("MobileNetV2", shape, SIZES, weights)

    def body(x):
        x = conv(x, divisible(32 * alpha), 3, "Conv1", strides=2, padding="same", use_bias=False)
        x = layers.ReLU(6.0, name="Conv1_relu")(normalized(x, "bn_Conv1"))
        block = 0
        for filters, strides, blocks in STAGES:
            for i in range(blocks):
                width = divisible(int(filters * alpha))
                x = _block(x, block, width, strides if i == 0 else 1)
                block += 1
        last = divisible(1280 * alpha) if alpha > 1.0 else 1280
        x = conv(x, last, 1, "Conv_1", use_bias=False)
        return layers.ReLU(6.0, name="out_relu")(normalized(x, "Conv_1_bn"))

    return assemble(
        body,
        request,
        name=f"mobilenetv2_{alpha:0.2f}_{rows}",
        published=(PUBLISHED, f"{float(alpha)}_{rows}"),
        default_size=default,
        top=partial(classifier, pool_name=None),
        pool_names=(None, None),
    )


MobileNetV2.__doc__ = f"""MobileNetV2: inverted residuals, for images of 224 x 224.

`alpha` scales the number of filters. {ARGUMENTS}"""


def _block(x, i, filters, strides):
    shortcut, channels = x, channels_of(x)
    name = f"block_{i}_" if i else "expanded_conv_"
    if i:
        x = conv(x, 6 * channels, 1, name + "expand", padding="same", use_bias=False)
        x = layers.ReLU(6.0, name=name + "expand_relu")(normalized(x, name + "expand_BN"))
    if strides == 2:
        x = pad(x, strided_padding(x, 3), name + "pad")
    x = layers.DepthwiseConv2D(
        3,
        strides=strides,
        padding="same" if strides == 1 else "valid",
        use_bias=False,
        name=name + "depthwise",
    )(x)
    x = layers.ReLU(6.0, name=name + "depthwise_relu")(normalized(x, name + "depthwise_BN"))
    x = conv(x, filters, 1, name + "project", padding="same", use_bias=False)
    x = normalized(x, name + "project_BN")
    return (
        layers.Add(name=name + "add")([shortcut, x]) if (channels, strides) == (filters, 1) else x
    )


preprocess_input = preprocessor("tf")
