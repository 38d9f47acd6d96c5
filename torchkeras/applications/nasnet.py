"""NASNetMobile and NASNetLarge: Zoph and others, 2018, https://arxiv.org/abs/1707.07012."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

from .. import config, layers
from ..models import Model
from .building import (
    ARGUMENTS,
    Published,
    Request,
    activation,
    assemble,
    batch_norm,
    channels_of,
    classifier,
    conv,
    pad,
    strided_padding,
    variant,
)
from .imagenet_utils import decode_predictions, preprocessor

__all__ = ["NASNetLarge", "NASNetMobile", "decode_predictions", "preprocess_input"]

PUBLISHED = Published(
    "nasnet/NASNet-{}{}.h5",
    "-no-top",
    {
        "mobile": ("020fb642bf7360b370c678b08e0adf61", "1ed92395b5b598bdda52abe5c0dbfd63"),
        "large": ("11577c9a518f0070763c2b964a382f17", "d81d89dc07e6e56530c4e77faddd61b5"),
    },
    cached="nasnet_{}{}.h5",
    cached_no_top="_no_top",
)
VARIANTS = {  # filters, cells in a stage, filters of the stem, size, whether reductions are skipped
    "Mobile": (44, 4, 32, 224, False),
    "Large": (168, 6, 96, 331, True),
}
normalized = partial(batch_norm, momentum=0.9997)
he_conv = partial(conv, use_bias=False, kernel_initializer="he_normal")


def _nasnet(variant: str, request: Request) -> Model:
    filters, cells, stem, size, skipping = VARIANTS[variant]

    def body(x):
        x = normalized(he_conv(x, stem, 3, "stem_conv1", strides=2), "stem_bn1")
        before = None
        x, before = _reduction_cell(x, before, filters // 4, "stem_1")
        x, before = _reduction_cell(x, before, filters // 2, "stem_2")
        for stage in range(3):
            width = filters * 2**stage
            if stage:
                last = before
                x, before = _reduction_cell(x, before, width, f"reduce_{stage * cells}")
                before = last if skipping else before
            for i in range(cells):
                number = stage * cells + i + (1 if stage else 0)
                x, before = _normal_cell(x, before, width, str(number))
        return activation(x, "relu")

    return assemble(
        body,
        request,
        name="NASNet",
        published=(PUBLISHED, variant.lower()),
        default_size=size,
        top=partial(classifier, pool_name=None),
        pool_names=(None, None),
    )


def _separable(x, filters, size, name, strides=1):
    """Twice: ReLU, separable convolution, normalisation."""
    for i in (1, 2):
        padding = "same"
        x = activation(x, "relu")
        if strides == 2 and i == 1:
            x = pad(x, strided_padding(x, size), f"separable_conv_1_pad_{name}")
            padding = "valid"
        x = layers.SeparableConv2D(
            filters,
            size,
            strides=strides if i == 1 else 1,
            padding=padding,
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"separable_conv_{i}_{name}",
        )(x)
        x = normalized(x, f"separable_conv_{i}_bn_{name}")
    return x


def _adjusted(before, x, filters, name):
    """The output of the cell before the last, in the shape of the last one's."""
    if before is None:
        return x
    if before.shape[2] != x.shape[2]:
        before = activation(before, "relu", f"adjust_relu_1_{name}")
        shifted = layers.Cropping2D(((1, 0), (1, 0)))
        halves = []
        for i in (1, 2):
            half = before if i == 1 else shifted(pad(before, ((0, 1), (0, 1))))
            half = layers.AveragePooling2D(1, strides=2, name=f"adjust_avg_pool_{i}_{name}")(half)
            half = he_conv(half, filters // 2, 1, f"adjust_conv_{i}_{name}", padding="same")
            halves.append(half)
        return normalized(_joined(halves), f"adjust_bn_{name}")
    if channels_of(before) != filters:
        before = activation(before, "relu")
        before = he_conv(before, filters, 1, f"adjust_conv_projection_{name}", padding="same")
        return normalized(before, f"adjust_bn_{name}")
    return before


def _normal_cell(x, before, filters, name):
    p = _adjusted(before, x, filters, name)
    h = he_conv(activation(x, "relu"), filters, 1, f"normal_conv_1_{name}", padding="same")
    h = normalized(h, f"normal_bn_1_{name}")

    def branch(source, size, label):
        return _separable(source, filters, size, f"normal_{label}_{name}")

    def mean(source, label):
        return _mean(source, f"normal_{label}_{name}")

    def added(i, *tensors):
        return layers.Add(name=f"normal_add_{i}_{name}")(list(tensors))

    x1 = added(1, branch(h, 5, "left1"), branch(p, 3, "right1"))
    x2 = added(2, branch(p, 5, "left2"), branch(p, 3, "right2"))
    x3 = added(3, mean(h, "left3"), p)
    x4 = added(4, mean(p, "left4"), mean(p, "right4"))
    x5 = added(5, branch(h, 3, "left5"), h)
    return _joined([p, x1, x2, x3, x4, x5], f"normal_concat_{name}"), x


def _reduction_cell(x, before, filters, name):
    p = _adjusted(before, x, filters, name)
    h = he_conv(activation(x, "relu"), filters, 1, f"reduction_conv_1_{name}", padding="same")
    h = normalized(h, f"reduction_bn_1_{name}")
    padded = pad(h, strided_padding(h, 3), f"reduction_pad_1_{name}")

    def branch(source, size, label, strides=2):
        return _separable(source, filters, size, f"reduction_{label}_{name}", strides)

    def pool(kind, label):
        return kind(3, strides=2, name=f"reduction_{label}_{name}")(padded)

    def added(label, *tensors):
        return layers.Add(name=f"reduction_{label}_{name}")(list(tensors))

    x1 = added("add_1", branch(h, 5, "left1"), branch(p, 7, "right1"))
    x2 = added("add_2", pool(layers.MaxPooling2D, "left2"), branch(p, 7, "right2"))
    x3 = added("add3", pool(layers.AveragePooling2D, "left3"), branch(p, 5, "right3"))
    x4 = layers.Add()([x2, _mean(x1, f"reduction_left4_{name}")])
    x5 = added("add4", branch(x1, 3, "left4", 1), pool(layers.MaxPooling2D, "right5"))
    return _joined([x2, x3, x4, x5], f"reduction_concat_{name}"), x


def _mean(x, name):
    return layers.AveragePooling2D(3, strides=1, padding="same", name=name)(x)


def _joined(tensors, name=None):
    return layers.Concatenate(axis=-1, name=name)(tensors)


def _variant(variant_name: str):
    def architecture(
        input_shape: Any = None,
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
        if config.image_data_format() == "channels_last":
            return _nasnet(variant_name, request)
        warnings.warn(
            "NASNet takes images with channels last only: this model does, whatever "
            "`image_data_format` is.",
            stacklevel=2,
        )
        config.set_image_data_format("channels_last")
        try:
            return _nasnet(variant_name, request)
        finally:
            config.set_image_data_format("channels_first")

    size = VARIANTS[variant_name][3]
    text = f"NASNet{variant_name}: cells found by search, {size} x {size} pixels.\n\n{ARGUMENTS}"
    return variant(architecture, f"NASNet{variant_name}", text)


NASNetMobile, NASNetLarge = map(_variant, VARIANTS)

preprocess_input = preprocessor("tf")
