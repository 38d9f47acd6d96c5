"""InceptionResNetV2: Szegedy and others, 2017, https://arxiv.org/abs/1602.07261."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from .. import layers
from ..layer import TABLE, Layer
from ..models import Model
from .building import (
    Published,
    Request,
    activation,
    assemble,
    batch_norm,
    channels_of,
    conv,
    standard,
)
from .imagenet_utils import decode_predictions, preprocessor
from .inception_v3 import beside, chain, pooled, stem

__all__ = ["InceptionResNetV2", "decode_predictions", "preprocess_input"]

PUBLISHED = Published(
    "inception_resnet_v2/{}_weights_tf_dim_ordering_tf_kernels{}.h5",
    hashes={
        "inception_resnet_v2": (
            "e693bd0210a403b3192acc6073ad2e96",
            "d19885ff4a710c122648d3b5c3b684e4",
        )
    },
)


@TABLE.add()
class CustomScaleLayer(Layer):
    """`scale` times the second input, added to the first: how strong a residual is.

    >>> layer = CustomScaleLayer(0.5)
    >>> float(layer([Tensor([1.0]), Tensor([2.0])]))
    2.0
    """

    def __init__(self, scale: float, **kwargs: Any):
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs: list[Tensor]) -> Tensor:
        shortcut, residual = inputs
        return shortcut.add(residual, alpha=self.scale)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[0]


def _body(x):
    x = stem(x)
    branches = [
        chain(x, (96, 1)),
        chain(x, (48, 1), (64, 5)),
        chain(x, (64, 1), (96, 3), (96, 3)),
        pooled(x, 64),
    ]
    x = beside(branches, "mixed_5b")
    for i in range(1, 11):
        branches = [
            chain(x, (32, 1)),
            chain(x, (32, 1), (32, 3)),
            chain(x, (32, 1), (48, 3), (64, 3)),
        ]
        x = _residual(x, branches, f"block35_{i}", 0.17)
    branches = [
        chain(x, (384, 3, 2, "valid")),
        chain(x, (256, 1), (256, 3), (384, 3, 2, "valid")),
        layers.MaxPooling2D(3, strides=2)(x),
    ]
    x = beside(branches, "mixed_6a")
    for i in range(1, 21):
        branches = [chain(x, (192, 1)), chain(x, (128, 1), (160, (1, 7)), (192, (7, 1)))]
        x = _residual(x, branches, f"block17_{i}", 0.1)
    branches = [
        chain(x, (256, 1), (384, 3, 2, "valid")),
        chain(x, (256, 1), (288, 3, 2, "valid")),
        chain(x, (256, 1), (288, 3), (320, 3, 2, "valid")),
        layers.MaxPooling2D(3, strides=2)(x),
    ]
    x = beside(branches, "mixed_7a")
    for i in range(1, 11):
        branches = [chain(x, (192, 1)), chain(x, (192, 1), (224, (1, 3)), (256, (3, 1)))]
        last = i == 10
        x = _residual(x, branches, f"block8_{i}", 1.0 if last else 0.2, rectified=not last)
    x = conv(x, 1536, 1, "conv_7b", padding="same", use_bias=False)
    return activation(batch_norm(x, "conv_7b_bn", scale=False), "relu", "conv_7b_ac")


def _residual(x, branches, name, scale, rectified=True):
    mixed = beside(branches, name + "_mixed")
    mixed = conv(mixed, channels_of(x), 1, name + "_conv", padding="same")
    x = CustomScaleLayer(scale)([x, mixed])
    return activation(x, "relu", name + "_ac") if rectified else x


def _inception_resnet_v2(request: Request) -> Model:
    return assemble(
        _body,
        request,
        name="inception_resnet_v2",
        published=(PUBLISHED, "inception_resnet_v2"),
        default_size=299,
        min_size=75,
        pool_names=(None, None),
    )


InceptionResNetV2 = standard(
    "InceptionResNetV2",
    _inception_resnet_v2,
    "InceptionResNetV2: Inception's branches as residuals, for images of 299 x 299.",
)

preprocess_input = preprocessor("tf")
