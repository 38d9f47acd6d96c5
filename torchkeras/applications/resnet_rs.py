"""ResNetRS50 to 420: Bello and others, 2021, https://arxiv.org/abs/2103.07579."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from .. import backend, layers
from ..models import Model
from .building import (
    ARGUMENTS,
    Published,
    Request,
    activation,
    assemble,
    batch_norm,
    channels_of,
    pad,
    predictions,
    variant,
)
from .efficientnet import excited, scaled_conv
from .efficientnet_v2 import preprocessed
from .imagenet_utils import decode_predictions, preprocessor
from .resnet import FILTERS

__all__ = [
    "ResNetRS101",
    "ResNetRS152",
    "ResNetRS200",
    "ResNetRS270",
    "ResNetRS350",
    "ResNetRS420",
    "ResNetRS50",
    "decode_predictions",
    "preprocess_input",
]

PUBLISHED = Published(
    "resnet_rs/resnet-rs-{}{}.h5",
    hashes={
        "50-i160": ("69d9d925319f00a8bdd4af23c04e4102", "90daa68cd26c95aa6c5d25451e095529"),
        "101-i160": ("544b3434d00efc199d66e9058c7f3379", "82d5b90c5ce9d710da639d6216d0f979"),
        "101-i192": ("eb285be29ab42cf4835ff20a5e3b5d23", "f9a0f6b85faa9c3db2b6e233c4eebb5b"),
        "152-i192": ("8d72a301ed8a6f11a47c4ced4396e338", "5fbf7ac2155cb4d5a6180ee9e3aa8704"),
        "152-i224": ("31a46a92ab21b84193d0d71dd8c3d03b", "dc8b2cba2005552eafa3167f00dc2133"),
        "152-i256": ("ba6271b99bdeb4e7a9b15c05964ef4ad", "fa79794252dbe47c89130f65349d654a"),
        "200-i256": ("a76930b741884e09ce90fa7450747d5f", "bbdb3994718dfc0d1cd45d7eff3f3d9c"),
        "270-i256": ("20d575825ba26176b03cb51012a367a8", "2c42ecb22e35f3e23d2f70babce0a2aa"),
        "350-i256": ("f4a039dc3c421321b7fc240494574a68", "6e44b55025bbdff8f51692a023143d66"),
        "350-i320": ("7ccb858cc738305e8ceb3c0140bee393", "ab0c1f9079d2f85a9facbd2c88aa6079"),
        "420-i320": ("ae0eb9bed39e64fc8d7e0db4018dc7e8", "fe6217c32be8305b1889657172b98884"),
    },
)
VARIANTS = {  # blocks in each stage, dropout of blocks, dropout before the classifier
    50: ((3, 4, 6, 3), 0.0, 0.25),
    101: ((3, 4, 23, 3), 0.0, 0.25),
    152: ((3, 8, 36, 3), 0.0, 0.25),
    200: ((3, 24, 36, 3), 0.1, 0.25),
    270: ((4, 29, 53, 4), 0.1, 0.25),
    350: ((4, 36, 72, 4), 0.1, 0.4),
    420: ((4, 44, 87, 4), 0.1, 0.4),
}
normalized = partial(batch_norm, momentum=0.0, epsilon=1e-5)


def _resnet_rs(depth: int, request: Request, include_preprocessing: bool) -> Model:
    stages, dropped, dropout = VARIANTS[depth]
    request, key = _published(depth, request)

    def body(x):
        if include_preprocessing:
            colours = channels_of(x) == 3
            x = preprocessed(x) if colours else layers.Rescaling(scale=1.0 / 255)(x)
        x = _stem(x)
        for stage, (blocks, filters) in enumerate(zip(stages, FILTERS, strict=True), 2):
            rate = dropped * stage / 5
            for i in range(blocks):
                strides = 2 if stage > 2 and i == 0 else 1
                x = _block(x, filters, strides, i == 0, rate, f"BlockGroup{stage}__block_{i}_")
        return x

    def top(x, request):
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        return predictions(layers.Dropout(dropout, name="top_dropout")(x), request)

    return assemble(
        body,
        request,
        name=f"resnet-rs-{depth}",
        published=(PUBLISHED, key),
        default_size=224,
        any_size=True,
        top=top,
    )


def _published(depth, request):
    """The request for "imagenet", and which file that is: weights were published for some sizes."""
    known = [key for key in PUBLISHED.hashes if key.startswith(f"{depth}-")]
    key = known[-1]
    if isinstance(request.weights, str) and request.weights.startswith("imagenet-"):
        key = f"{depth}-{request.weights.removeprefix('imagenet-')}"
        if key not in known:
            names = ", ".join("imagenet-" + one.partition("-")[2] for one in known)
            raise ValueError(
                f"ResNetRS{depth}: there are published weights {names}, and imagenet for the last; "
                f"received {request.weights!r}."
            )
        request = replace(request, weights="imagenet")
    return request, key


def _conv(x, filters, size, strides, name):
    if strides > 1:
        x = pad(x, size // 2)
    padding = "same" if strides == 1 else "valid"
    return scaled_conv(x, filters, size, name, strides=strides, padding=padding, use_bias=False)


def _stem(x):
    name = f"stem_{backend.get_uid('stem_')}_stem"
    for i, (filters, strides) in enumerate(((32, 2), (32, 1), (64, 1), (64, 2)), 1):
        x = normalized(_conv(x, filters, 3, strides, f"{name}_conv_{i}"), f"{name}_batch_norm_{i}")
        x = activation(x, "relu", f"{name}_act_{i}")
    return x


def _block(x, filters, strides, first, rate, name):
    shortcut = x
    if first:
        if strides == 2:
            pool = layers.AveragePooling2D(
                2, strides=2, padding="same", name=name + "_projection_pooling"
            )
            shortcut = pool(shortcut)
        shortcut = _conv(shortcut, 4 * filters, 1, 1, name + "_projection_conv")
        shortcut = normalized(shortcut, name + "_projection_batch_norm")
    x = normalized(_conv(x, filters, 1, 1, name + "_conv_1"), name + "batch_norm_1")
    x = activation(x, "relu", name + "_act_1")
    x = normalized(_conv(x, filters, 3, strides, name + "_conv_2"), name + "_batch_norm_2")
    x = activation(x, "relu", name + "_act_2")
    x = normalized(_conv(x, 4 * filters, 1, 1, name + "_conv_3"), name + "_batch_norm_3")
    x = excited(x, filters, name + "_se_", "relu")
    if rate:
        x = layers.Dropout(rate, noise_shape=(None, 1, 1, 1), name=name + "_drop")(x)
    return activation(layers.Add()([x, shortcut]), "relu", name + "_output_act")


def _variant(depth: int):
    def architecture(
        include_top: bool = True,
        weights: Any = "imagenet",
        classes: int = 1000,
        input_shape: Any = None,
        input_tensor: Any = None,
        pooling: str | None = None,
        classifier_activation: Any = "softmax",
        include_preprocessing: bool = True,
    ) -> Model:
        request = Request(
            include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation
        )
        return _resnet_rs(depth, request, include_preprocessing)

    text = f"""ResNetRS{depth}: ResNet with squeeze-and-excitation, for images of 224 x 224.

`include_preprocessing`: takes pixels from 0 to 255. `weights` may also name the size of images that
published weights were trained on: "imagenet-i160". {ARGUMENTS}"""
    return variant(architecture, f"ResNetRS{depth}", text)


(
    ResNetRS50,
    ResNetRS101,
    ResNetRS152,
    ResNetRS200,
    ResNetRS270,
    ResNetRS350,
    ResNetRS420,
) = map(_variant, VARIANTS)

preprocess_input = preprocessor(None)
