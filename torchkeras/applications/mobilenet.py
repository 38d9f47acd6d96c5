"""MobileNet: Howard and others, 2017, https://arxiv.org/abs/1704.04861."""

from __future__ import annotations

import warnings
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
    conv,
    pad,
    sizes,
)
from .imagenet_utils import decode_predictions, preprocessor

__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]

PUBLISHED = Published("mobilenet/mobilenet_{}_tf{}.h5", "_no_top")
FILTERS = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
HALVING = (2, 4, 6, 12)  # blocks with strides of 2
ALPHAS = {1.0: "1_0", 0.75: "7_5", 0.5: "5_0", 0.25: "2_5"}
SIZES = (128, 160, 192, 224)


def published_size(name: str, shape: Any, known: tuple[int, ...], weights: Any) -> int | None:
    """The height in the names of a model and of its file; a warning where no file is for it."""
    height, width = sizes(shape)[:2] if shape else (None, None)
    if weights != "imagenet" or (height == width and height in known):
        return height
    warnings.warn(
        f"{name}: there are published weights for images of {known} pixels, square; those for "
        f"224 are loaded. `input_shape` is {shape}.",
        stacklevel=4,
    )
    return 224


def default_size(shape: Any, known: tuple[int, ...]) -> int:
    """The height asked for where weights are published for it, else 224."""
    height, width = sizes(shape)[:2] if shape and len(shape) == 3 else (None, None)
    return height if height == width and height in known else 224


def MobileNet(
    input_shape: Any = None,
    alpha: float = 1.0,
    depth_multiplier: int = 1,
    dropout: float = 1e-3,
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
    if weights == "imagenet" and (alpha not in ALPHAS or depth_multiplier != 1):
        raise ValueError(
            f"MobileNet: weights are published for alpha {', '.join(map(str, ALPHAS))} and "
            f"depth_multiplier 1; received alpha={alpha}, depth_multiplier={depth_multiplier}."
        )
    default = default_size(input_shape, SIZES)
    shape = input_shape or ((default,) * 3 if include_top else None)
    rows = published_size("MobileNet", shape, SIZES, weights)

    def body(x):
        x = conv(x, int(32 * alpha), 3, "conv1", strides=2, padding="same", use_bias=False)
        x = layers.ReLU(6.0, name="conv1_relu")(batch_norm(x, "conv1_bn"))
        for i, filters in enumerate(FILTERS, 1):
            x = _block(x, i, int(filters * alpha), depth_multiplier)
        return x

    def top(x, request):
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        x = layers.Dropout(dropout, name="dropout")(x)
        x = conv(x, classes, 1, "conv_preds", padding="same")
        x = layers.Reshape((classes,), name="reshape_2")(x)
        return activation(x, classifier_activation, "predictions")

    return assemble(
        body,
        request,
        name=f"mobilenet_{alpha:0.2f}_{rows}",
        published=(PUBLISHED, f"{ALPHAS.get(alpha)}_{rows}"),
        default_size=default,
        top=top,
        pool_names=(None, None),
    )


MobileNet.__doc__ = f"""MobileNet: depthwise separable convolutions, for images of 224 x 224.

`alpha` scales the number of filters, `depth_multiplier` that of depthwise ones, `dropout` is
before the classifier. {ARGUMENTS}"""


def _block(x, i, filters, depth_multiplier):
    strides = 2 if i in HALVING else 1
    if strides == 2:
        x = pad(x, ((0, 1), (0, 1)), f"conv_pad_{i}")
    x = layers.DepthwiseConv2D(
        3,
        strides=strides,
        padding="same" if strides == 1 else "valid",
        depth_multiplier=depth_multiplier,
        use_bias=False,
        name=f"conv_dw_{i}",
    )(x)
    x = layers.ReLU(6.0, name=f"conv_dw_{i}_relu")(batch_norm(x, f"conv_dw_{i}_bn"))
    x = conv(x, filters, 1, f"conv_pw_{i}", padding="same", use_bias=False)
    return layers.ReLU(6.0, name=f"conv_pw_{i}_relu")(batch_norm(x, f"conv_pw_{i}_bn"))


preprocess_input = preprocessor("tf")
