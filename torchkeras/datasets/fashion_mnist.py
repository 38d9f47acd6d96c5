"""Fashion-MNIST: 70,000 pictures of clothes of 28 x 28 grey pixels, by Zalando."""

from __future__ import annotations

import gzip
import os

import numpy as np

from . import source

__all__ = ["load_data"]

_SIDE = 28
_LABEL_HEADER, _IMAGE_HEADER = 8, 16  # bytes before the data in an idx file


def load_data() -> source.Split:
    """`(x_train, y_train), (x_test, y_test)`: images `(60000, 28, 28)` and `(10000, 28, 28)` of
    `uint8` 0..255, labels `uint8`: T-shirt, trouser, pullover, dress, coat, sandal, shirt,
    sneaker, bag, ankle boot.
    """
    return _part("train"), _part("t10k")


def _part(name):
    labels = _read(f"{name}-labels-idx1-ubyte.gz", _LABEL_HEADER)
    images = _read(f"{name}-images-idx3-ubyte.gz", _IMAGE_HEADER)
    return images.reshape(len(labels), _SIDE, _SIDE), labels


def _read(name, header):
    folder = os.path.join("datasets", "fashion-mnist")
    with gzip.open(source.get(name, name, None, cache_subdir=folder)) as file:
        return np.frombuffer(bytearray(file.read()), np.uint8, offset=header)
