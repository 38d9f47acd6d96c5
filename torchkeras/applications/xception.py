"""Xception: Chollet, 2017, https://arxiv.org/abs/1610.02357."""

from __future__ import annotations

from .. import layers
from ..models import Model
from .building import Published, Request, activation, assemble, batch_norm, conv, standard
from .imagenet_utils import decode_predictions, preprocessor

__all__ = ["Xception", "decode_predictions", "preprocess_input"]

PUBLISHED = Published(
    "xception/{}_weights_tf_dim_ordering_tf_kernels{}.h5",
    hashes={"xception": ("0a58e3b7378bc2990ea3b43d5981f1f6", "b0042744bf5b25fce3cb969f33bebb97")},
)


def _xception(request: Request) -> Model:
    return assemble(
        _body,
        request,
        name="xception",
        published=(PUBLISHED, "xception"),
        default_size=299,
        min_size=71,
        pool_names=(None, None),
    )


def _body(x):
    for i, (filters, strides) in enumerate(((32, 2), (64, 1)), 1):
        name = f"block1_conv{i}"
        x = conv(x, filters, 3, name, strides=strides, use_bias=False)
        x = activation(batch_norm(x, name + "_bn"), "relu", name + "_act")
    x = _downsampling(x, 2, (128, 128), first_activation=False)
    x = _downsampling(x, 3, (256, 256))
    x = _downsampling(x, 4, (728, 728))
    for block in range(5, 13):
        residual = x
        for i in (1, 2, 3):
            x = _separable(x, f"block{block}_sepconv{i}", 728)
        x = layers.Add()([x, residual])
    x = _downsampling(x, 13, (728, 1024))
    for i, filters in enumerate((1536, 2048), 1):
        x = _separable(x, f"block14_sepconv{i}", filters, "after")
    return x


def _downsampling(x, block, filters, first_activation=True):
    residual = conv(x, filters[1], 1, strides=2, padding="same", use_bias=False)
    residual = batch_norm(residual)
    x = _separable(x, f"block{block}_sepconv1", filters[0], "before" if first_activation else None)
    x = _separable(x, f"block{block}_sepconv2", filters[1])
    x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"block{block}_pool")(x)
    return layers.Add()([x, residual])


def _separable(x, name, filters, act="before"):
    if act == "before":
        x = activation(x, "relu", name + "_act")
    x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
    x = batch_norm(x, name + "_bn")
    return activation(x, "relu", name + "_act") if act == "after" else x


Xception = standard(
    "Xception",
    _xception,
    "Xception: depthwise separable convolutions with residuals, for images of 299 x 299.",
)

preprocess_input = preprocessor("tf")
