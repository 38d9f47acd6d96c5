"""ResNet50, 101, 152: He and others, 2015, https://arxiv.org/abs/1512.03385."""

from __future__ import annotations

from functools import partial
from typing import Any

from .. import layers
from ..graph import KerasTensor
from ..models import Model
from .building import Published, Request, activation, assemble, batch_norm, conv, pad, standard
from .imagenet_utils import decode_predictions, preprocessor

__all__ = ["ResNet101", "ResNet152", "ResNet50", "decode_predictions", "preprocess_input"]

PUBLISHED = Published(
    "resnet/{}_weights_tf_dim_ordering_tf_kernels{}.h5",
    hashes={
        "resnet50": ("2cb95161c43110f7111970584f804107", "4d473c1dd8becc155b73f8504c6f6626"),
        "resnet101": ("f1aeb4b969a6efcfb50fad2f0c20cfc5", "88cf7a10940856eca736dc7b7e228a21"),
        "resnet152": ("100835be76be38e30d865e96f2aaae62", "ee4c566cf9a93f14d82f913c2dc6dd0c"),
        "resnet50v2": ("3ef43a0b657b3be2300d5770ece849e0", "fac2f116257151a9d068a22e544a4917"),
        "resnet101v2": ("6343647c601c52e1368623803854d971", "c0ed64b8031c3730f411d2eb4eea35b5"),
        "resnet152v2": ("a49b44d1979771252814e80f8ec446f9", "ed17cf2e0169df9d443503ef94b23b33"),
    },
)
FILTERS = (64, 128, 256, 512)
DEPTHS = {"50": (3, 4, 6, 3), "101": (3, 4, 23, 3), "152": (3, 8, 36, 3)}  # blocks in each stage
normalized = partial(batch_norm, epsilon=1.001e-5)


def stem(x: KerasTensor) -> KerasTensor:
    """The first convolution of 7 x 7, of half the resolution."""
    return conv(pad(x, 3, "conv1_pad"), 64, 7, "conv1_conv", strides=2)


def first_pool(x: KerasTensor) -> KerasTensor:
    """Again half the resolution."""
    return layers.MaxPooling2D(3, strides=2, name="pool1_pool")(pad(x, 1, "pool1_pad"))


def _resnet(depth: str, request: Request) -> Model:
    def body(x):
        x = stem(x)
        x = activation(normalized(x, "conv1_bn"), "relu", "conv1_relu")
        x = first_pool(x)
        for stage, (blocks, filters) in enumerate(zip(DEPTHS[depth], FILTERS, strict=True), 2):
            for block in range(1, blocks + 1):
                strides = 2 if stage > 2 and block == 1 else 1
                x = _block(x, filters, f"conv{stage}_block{block}", strides, block == 1)
        return x

    name = f"resnet{depth}"
    return assemble(body, request, name=name, published=(PUBLISHED, name), default_size=224)


def _block(x, filters, name, strides, first):
    shortcut = x
    if first:
        shortcut = conv(x, 4 * filters, 1, name + "_0_conv", strides=strides)
        shortcut = normalized(shortcut, name + "_0_bn")
    settings: Any = ((filters, 1, strides, "valid"), (filters, 3, 1, "same"))
    for i, (count, size, step, padding) in enumerate(settings, 1):
        x = conv(x, count, size, f"{name}_{i}_conv", strides=step, padding=padding)
        x = activation(normalized(x, f"{name}_{i}_bn"), "relu", f"{name}_{i}_relu")
    x = normalized(conv(x, 4 * filters, 1, name + "_3_conv"), name + "_3_bn")
    return activation(layers.Add(name=name + "_add")([shortcut, x]), "relu", name + "_out")


def _variant(depth: str):
    name = f"ResNet{depth}"
    text = f"{name}: residual blocks of three convolutions, for images of 224 x 224."
    return standard(name, partial(_resnet, depth), text)


ResNet50, ResNet101, ResNet152 = map(_variant, DEPTHS)

preprocess_input = preprocessor("caffe")
