"""InceptionV3: Szegedy and others, 2016, https://arxiv.org/abs/1512.00567."""

from __future__ import annotations

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
    conv,
    standard,
)
from .imagenet_utils import decode_predictions, preprocessor

__all__ = ["InceptionV3", "decode_predictions", "preprocess_input"]

PUBLISHED = Published(
    "inception_v3/{}_weights_tf_dim_ordering_tf_kernels{}.h5",
    hashes={
        "inception_v3": ("9a0d58056eeedaa3f26cb7ebd46da564", "bcbd6486424b2319ff4ef7d526e38f63")
    },
)


def chain(x: KerasTensor, *steps: tuple) -> KerasTensor:
    """Convolutions one after the other, each `(filters, size[, strides, padding])`, normalised
    without a scale and rectified."""
    for filters, size, *rest in steps:
        strides, padding = rest or (1, "same")
        x = conv(x, filters, size, strides=strides, padding=padding, use_bias=False)
        x = activation(batch_norm(x, scale=False), "relu")
    return x


def stem(x: KerasTensor) -> KerasTensor:
    """Down to an eighth of the resolution, 192 channels."""
    x = chain(x, (32, 3, 2, "valid"), (32, 3, 1, "valid"), (64, 3))
    x = layers.MaxPooling2D(3, strides=2)(x)
    x = chain(x, (80, 1, 1, "valid"), (192, 3, 1, "valid"))
    return layers.MaxPooling2D(3, strides=2)(x)


def beside(branches: list, name: str | None = None) -> Any:
    """Branches joined along the channels."""
    return layers.Concatenate(axis=channel_axis(), name=name)(branches)


def pooled(x: KerasTensor, filters: int) -> KerasTensor:
    """The branch that averages first."""
    return chain(layers.AveragePooling2D(3, strides=1, padding="same")(x), (filters, 1))


def _body(x):
    x = stem(x)
    for i, filters in enumerate((32, 64, 64)):
        branches = [
            chain(x, (64, 1)),
            chain(x, (48, 1), (64, 5)),
            chain(x, (64, 1), (96, 3), (96, 3)),
            pooled(x, filters),
        ]
        x = beside(branches, f"mixed{i}")
    branches = [
        chain(x, (384, 3, 2, "valid")),
        chain(x, (64, 1), (96, 3), (96, 3, 2, "valid")),
        layers.MaxPooling2D(3, strides=2)(x),
    ]
    x = beside(branches, "mixed3")
    for i, filters in enumerate((128, 160, 160, 192), 4):
        row, column = (filters, (1, 7)), (filters, (7, 1))
        branches = [
            chain(x, (192, 1)),
            chain(x, (filters, 1), row, (192, (7, 1))),
            chain(x, (filters, 1), column, row, column, (192, (1, 7))),
            pooled(x, 192),
        ]
        x = beside(branches, f"mixed{i}")
    branches = [
        chain(x, (192, 1), (320, 3, 2, "valid")),
        chain(x, (192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3, 2, "valid")),
        layers.MaxPooling2D(3, strides=2)(x),
    ]
    x = beside(branches, "mixed8")
    for i in range(2):
        first = chain(x, (320, 1))
        second = _forked(chain(x, (384, 1)), f"mixed9_{i}")
        third = _forked(chain(x, (448, 1), (384, 3)), None)
        x = beside([first, second, third, pooled(x, 192)], f"mixed{9 + i}")
    return x


def _forked(x, name):
    return beside([chain(x, (384, (1, 3))), chain(x, (384, (3, 1)))], name)


def _inception_v3(request: Request) -> Model:
    return assemble(
        _body,
        request,
        name="inception_v3",
        published=(PUBLISHED, "inception_v3"),
        default_size=299,
        min_size=75,
        pool_names=(None, None),
    )


InceptionV3 = standard(
    "InceptionV3",
    _inception_v3,
    "InceptionV3: branches of factorised convolutions, for images of 299 x 299.",
)

preprocess_input = preprocessor("tf")
