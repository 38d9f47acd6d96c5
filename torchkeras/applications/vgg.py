"""VGG16 and VGG19: Simonyan and Zisserman, 2014, https://arxiv.org/abs/1409.1556."""

from __future__ import annotations

from functools import partial

from .. import layers
from ..models import Model
from .building import Published, Request, assemble, conv, predictions, standard

PUBLISHED = Published(
    "{0}/{0}_weights_tf_dim_ordering_tf_kernels{1}.h5",
    hashes={
        "vgg16": ("64373286793e3c8b2b4e3219cbf3544b", "6d6bbae143d832006294945121d1f1fc"),
        "vgg19": ("cbe5617147190e668d6c5d5026f83318", "253f8cb515780f3b799900260a226db6"),
    },
)
FILTERS = (64, 128, 256, 512, 512)
CONVOLUTIONS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}  # in each block


def _vgg(name: str, request: Request) -> Model:
    def body(x):
        for block, (filters, count) in enumerate(zip(FILTERS, CONVOLUTIONS[name], strict=True), 1):
            for i in range(1, count + 1):
                x = conv(x, filters, 3, f"block{block}_conv{i}", padding="same", activation="relu")
            x = layers.MaxPooling2D(2, strides=2, name=f"block{block}_pool")(x)
        return x

    return assemble(
        body,
        request,
        name=name,
        published=(PUBLISHED, name),
        default_size=224,
        top=_top,
        pool_names=(None, None),
    )


def _top(x, request):
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(4096, activation="relu", name="fc1")(x)
    x = layers.Dense(4096, activation="relu", name="fc2")(x)
    return predictions(x, request)


def _variant(name: str):
    text = f"{name}: 3 x 3 convolutions in five blocks, for images of 224 x 224."
    return standard(name, partial(_vgg, name.lower()), text)


VGG16, VGG19 = _variant("VGG16"), _variant("VGG19")
