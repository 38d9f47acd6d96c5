"""What all architectures share: their arguments, input, classifier and published weights.

A family gives `assemble` a `body`: a function from a symbolic image to symbolic features.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .. import activations, config, layers
from ..datasets.download import get_file
from ..graph import KerasTensor, source_inputs
from ..models import Model

BASE_URL = "https://storage.googleapis.com/tensorflow/keras-applications/"

ARGUMENTS = """`include_top`: with a classifier of `classes` and `classifier_activation`; else
features, pooled where `pooling` is "avg" or "max". `weights`: "imagenet" (downloaded once into
`~/.keras/models`), None (random) or the path of a weights file. `input_shape`: of one image, or
`input_tensor`, a symbolic tensor. ValueError where these do not go together.
"""


@dataclass(frozen=True)
class Request:
    """What a caller of an architecture asks for; the arguments that all of them take."""

    include_top: bool
    weights: Any
    input_tensor: KerasTensor | None
    input_shape: Any
    pooling: str | None
    classes: int
    classifier_activation: Any

    def check(self, name: str) -> None:
        """ValueError for arguments that do not go together; before anything is made."""
        if self.weights not in ("imagenet", None) and not os.path.exists(self.weights):
            raise ValueError(
                f"{name}: `weights` must be None (random), 'imagenet' (published weights) or the "
                f"path of a weights file that exists; received {self.weights!r}."
            )
        if self.weights == "imagenet" and self.include_top and self.classes != 1000:
            raise ValueError(
                f"{name}: the published classifier has 1000 classes; received classes="
                f"{self.classes}. Pass weights=None, or include_top=False and a layer of your own."
            )
        if self.include_top and self.weights is not None:
            allowed = (activations.get("softmax"), activations.get(None))
            if activations.get(self.classifier_activation) not in allowed:
                raise ValueError(
                    f"{name}: with trained weights, `classifier_activation` must be 'softmax' or "
                    f"None; received {self.classifier_activation!r}."
                )
        if self.pooling not in (None, "avg", "max"):
            raise ValueError(
                f"{name}: `pooling` must be None, 'avg' or 'max'; received {self.pooling!r}."
            )
        if self.input_tensor is not None and not isinstance(self.input_tensor, KerasTensor):
            raise ValueError(
                f"{name}: `input_tensor` must be a symbolic tensor, made by Input() or by a layer "
                f"called on one; received {type(self.input_tensor).__name__}."
            )


@dataclass(frozen=True)
class Published:
    """Weight files on the web: `path` has a place for the model's key and one for `no_top`.

    `hashes` has for each key those of the file with and of the file without the classifier.
    `cached` is the name in the cache where it is not that of the URL.
    """

    path: str
    no_top: str = "_notop"
    hashes: dict[str, tuple[str, str]] = field(default_factory=dict)
    url: str = BASE_URL
    cached: str = ""
    cached_no_top: str = ""

    def source(self, key: str, include_top: bool) -> tuple[str, str, str | None]:
        """Name in the cache, URL, hash (md5 or sha256; None where none is published)."""
        end = "" if include_top else self.no_top
        url = self.url + self.path.format(key, end)
        name = url.rpartition("/")[2]
        if self.cached:
            name = self.cached.format(key, "" if include_top else self.cached_no_top)
        hashes = self.hashes.get(key)
        return name, url, hashes[0 if include_top else 1] if hashes else None

    def fetch(self, key: str, include_top: bool) -> str:
        """The path of the file in the cache, `~/.keras/models`; downloaded where absent."""
        name, url, file_hash = self.source(key, include_top)
        return get_file(name, url, cache_subdir="models", file_hash=file_hash)


def assemble(
    body: Callable[[KerasTensor], KerasTensor],
    request: Request,
    *,
    name: str,
    published: tuple[Published, str],
    default_size: int,
    min_size: int = 32,
    static: bool | None = None,
    any_size: bool = False,
    top: Callable[[KerasTensor, Request], KerasTensor] | None = None,
    pool_names: tuple[str | None, str | None] = ("avg_pool", "max_pool"),
    end: Callable[[KerasTensor], KerasTensor] | None = None,
) -> Model:
    """The model `body` with a classifier (`top`) or pooling on it, and its weights.

    `static`: whether height and width must be known, by default where there is a classifier.
    `any_size`: whether the published classifier takes images of all sizes. `end` follows the
    features where there is no classifier.
    """
    request.check(name)
    static = request.include_top if static is None else static
    shape = input_shape(request, name, default_size, min_size, static, any_size)
    files, key = published
    path = request.weights
    if path == "imagenet":
        path = files.fetch(key, request.include_top)
    image = layers.Input(shape=shape) if request.input_tensor is None else request.input_tensor
    x = body(image)
    if request.include_top:
        x = (top or classifier)(x, request)
    elif request.pooling == "avg":
        x = layers.GlobalAveragePooling2D(name=pool_names[0])(x)
    elif request.pooling == "max":
        x = layers.GlobalMaxPooling2D(name=pool_names[1])(x)
    if end is not None and not request.include_top:
        x = end(x)
    model = Model(image if request.input_tensor is None else source_inputs(image), x, name=name)
    if path is not None:
        model.load_weights(path)
    return model


def classifier(x: KerasTensor, request: Request, pool_name: str | None = "avg_pool") -> KerasTensor:
    """Average pooling and one dense layer."""
    x = layers.GlobalAveragePooling2D(name=pool_name)(x)
    return predictions(x, request)


def predictions(x: KerasTensor, request: Request, **settings: Any) -> KerasTensor:
    """The dense layer that names the classes."""
    activation = request.classifier_activation
    return layers.Dense(request.classes, activation=activation, name="predictions", **settings)(x)


def input_shape(
    request: Request,
    name: str,
    default_size: int,
    min_size: int,
    static: bool,
    any_size: bool,
) -> tuple[int | None, ...]:
    """The shape of one image: the one asked for, checked, or the default.

    ValueError: not three sizes, below `min_size`, or open where `static`; not the published size
    or number of channels where published weights are to be loaded.
    """
    asked, published = request.input_shape, request.weights == "imagenet"
    if not asked:
        return image_shape(*([default_size, default_size] if static else [None, None]), 3)
    if len(asked) != 3:
        raise ValueError(
            f"{name}: `input_shape` must have three sizes: height, width, channels; "
            f"received {asked}."
        )
    asked = tuple(asked)
    height, width, channels = sizes(asked)
    if (
        published
        and static
        and not any_size
        and asked != image_shape(default_size, default_size, 3)
    ):
        raise ValueError(
            f"{name}: with the published classifier, `input_shape` must be "
            f"{image_shape(default_size, default_size, 3)}; received {asked}."
        )
    if published and channels != 3:
        raise ValueError(f"{name}: published weights need 3 channels; received {asked}.")
    if channels not in (1, 3):
        warnings.warn(
            f"{name} usually takes images of 1 or 3 channels; `input_shape` has {channels}.",
            stacklevel=4,
        )
    if any(size is not None and size < min_size for size in (height, width)):
        raise ValueError(
            f"{name}: images must be at least {min_size} x {min_size}; received {asked}."
        )
    if static and None in asked:
        raise ValueError(
            f"{name}: with include_top=True, `input_shape` must be known; received {asked}."
        )
    return asked


def sizes(shape: Any) -> tuple:
    """Height, width and channels of an image shape."""
    return tuple(shape[1:]) + (shape[0],) if channels_first() else tuple(shape)


def image_shape(height: int | None, width: int | None, channels: int | None) -> tuple:
    """Sizes in the order of `backend.image_data_format()`."""
    return (channels, height, width) if channels_first() else (height, width, channels)


def channels_first() -> bool:
    return config.image_data_format() == "channels_first"


def channel_axis() -> int:
    return 1 if channels_first() else 3


def channels_of(x: KerasTensor) -> int:
    return x.shape[channel_axis()]


# --- layers in one call ------------------------------------------------------------------------


def conv(x: KerasTensor, filters: int, size: Any, name: str | None = None, **settings: Any) -> Any:
    return layers.Conv2D(filters, size, name=name, **settings)(x)


def batch_norm(x: KerasTensor, name: str | None = None, **settings: Any) -> Any:
    return layers.BatchNormalization(axis=channel_axis(), name=name, **settings)(x)


def activation(x: KerasTensor, function: Any, name: str | None = None) -> Any:
    return layers.Activation(function, name=name)(x)


def pad(x: KerasTensor, padding: Any, name: str | None = None) -> Any:
    return layers.ZeroPadding2D(padding, name=name)(x)


def strided_padding(x: KerasTensor, size: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Zeros around `x` so that a window of `size` with stride 2 sees every pixel, none at the
    start of an even axis that it does not need."""
    half = size // 2
    height, width, _ = sizes(x.shape[1:])
    if height is None:
        return ((half - 1, half),) * 2
    return tuple((half - 1 + n % 2, half) for n in (height, width))


def divisible(value: float, divisor: int = 8, smallest: int | None = None) -> int:
    """The multiple of `divisor` nearest to `value`, not less than 90 % of it."""
    nearest = max(smallest or divisor, int(value + divisor / 2) // divisor * divisor)
    return nearest + divisor if nearest < 0.9 * value else nearest


def variant(function: Callable, name: str, text: str) -> Callable:
    """`function` under the name of one architecture of a family."""
    function.__name__ = function.__qualname__ = name
    function.__doc__ = text
    return function


def standard(name: str, make: Callable[[Request], Model], text: str) -> Callable[..., Model]:
    """The architecture `name`, with the arguments that most have, in their usual order."""

    def architecture(
        include_top: bool = True,
        weights: Any = "imagenet",
        input_tensor: Any = None,
        input_shape: Any = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: Any = "softmax",
    ) -> Model:
        return make(
            Request(
                include_top,
                weights,
                input_tensor,
                input_shape,
                pooling,
                classes,
                classifier_activation,
            )
        )

    return variant(architecture, name, f"{text}\n\n{ARGUMENTS}")
