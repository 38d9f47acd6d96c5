"""Pixels as the networks were trained on them, and their answers as names of ImageNet classes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from .. import config
from ..arrays import to_numpy
from ..datasets.download import get_file
from ..graph import KerasTensor
from .building import variant

__all__ = ["decode_predictions", "preprocess_input"]

_MODES = ("caffe", "tf", "torch")
_BGR_MEAN = (103.939, 116.779, 123.68)
_RGB_MEAN, _RGB_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CLASSES = "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"
_CLASSES_HASH = "c2c37ea517e94d9795004a39431a14cb"


def preprocess_input(x: Any, data_format: str | None = None, mode: str = "caffe") -> Any:
    """RGB pixels from 0 to 255, an image or a batch, as the trained networks expect them.

    `mode`: "tf" scales to -1..1; "torch" scales to 0..1, then centres and scales each channel by
    ImageNet's mean and deviation; "caffe" turns RGB into BGR and subtracts the mean. `x` is an
    array, a tensor or a symbolic tensor; as in Keras, an array of floats is changed in place.

    >>> preprocess_input(np.array([[[0.0, 127.5, 255.0]]]), mode="tf").tolist()
    [[[-1.0, 0.0, 1.0]]]
    """
    if mode not in _MODES:
        raise ValueError(f"`mode` must be one of {_MODES}; received {mode!r}.")
    data_format = data_format or config.image_data_format()
    if data_format not in ("channels_first", "channels_last"):
        raise ValueError(
            f"`data_format` must be 'channels_first' or 'channels_last'; received {data_format!r}."
        )
    if isinstance(x, (torch.Tensor, KerasTensor)):
        return _preprocess_tensor(x, data_format, mode)
    return _preprocess_array(np.asarray(x), data_format, mode)


def _preprocess_array(x, data_format, mode):
    if not np.issubdtype(x.dtype, np.floating):
        x = x.astype(config.floatx())
    if mode == "tf":
        x /= 127.5
        x -= 1.0
        return x
    axis = x.ndim - (3 if data_format == "channels_first" else 1)
    if mode == "torch":
        x /= 255.0
        mean, std = _RGB_MEAN, _RGB_STD
    else:
        x, mean, std = np.flip(x, axis), _BGR_MEAN, None
    channels = np.moveaxis(x, axis, -1)  # a view
    for i in range(3):
        channels[..., i] -= mean[i]
        if std is not None:
            channels[..., i] /= std[i]
    return x


def _preprocess_tensor(x, data_format, mode):
    if mode == "tf":
        return x / 127.5 - 1.0
    shape = (3, 1, 1) if data_format == "channels_first" else (3,)
    dtype = getattr(torch, x.dtype) if isinstance(x, KerasTensor) else x.dtype
    dtype = dtype if dtype.is_floating_point else getattr(torch, config.floatx())
    device = None if isinstance(x, KerasTensor) else x.device

    def constant(values):
        return torch.tensor(values, dtype=dtype, device=device).reshape(shape)

    if mode == "torch":
        return (x / 255.0 - constant(_RGB_MEAN)) / constant(_RGB_STD)
    return torch.flip(x, [-3 if data_format == "channels_first" else -1]) - constant(_BGR_MEAN)


def preprocessor(mode: str | None) -> Callable:
    """The `preprocess_input` of a module; without a mode the model preprocesses by itself."""
    if mode is None:

        def preprocess(x: Any, data_format: str | None = None) -> Any:
            return x

        text = "`x` as it is: these models take pixels from 0 to 255 and preprocess them inside."
    else:

        def preprocess(x: Any, data_format: str | None = None) -> Any:
            return preprocess_input(x, data_format, mode)

        text = (
            f"RGB pixels from 0 to 255 as these models take them: `imagenet_utils`' mode {mode!r}."
        )
    return variant(preprocess, "preprocess_input", text)


def decode_predictions(preds: Any, top: int = 5) -> list[list[tuple[str, str, float]]]:
    """The `top` best classes of each row of `(samples, 1000)` scores, best first.

    A class is `(WordNet id, name, score)`. The list of classes is downloaded once into
    `~/.keras/models`.
    """
    preds = to_numpy(preds)
    if preds.ndim != 2 or preds.shape[1] != 1000:
        raise ValueError(
            "`decode_predictions` takes a batch of predictions of shape (samples, 1000); "
            f"received shape {preds.shape}."
        )
    path = get_file(
        "imagenet_class_index.json", _CLASSES, cache_subdir="models", file_hash=_CLASSES_HASH
    )
    with open(path, encoding="utf-8") as file:
        classes = json.load(file)
    return [_best(row, top, classes) for row in preds]


def _best(row, top, classes):
    order = row.argsort()[-top:][::-1]
    found = [(*classes[str(i)], row[i]) for i in order]
    return sorted(found, key=lambda entry: entry[2], reverse=True)
