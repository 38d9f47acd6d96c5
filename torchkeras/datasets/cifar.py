"""What CIFAR-10 and CIFAR-100 have in common: batches of 32 x 32 colour images in old pickles."""

from __future__ import annotations

import os

import numpy as np

from ..config import image_data_format
from .download import get_file
from .objects import read_pickle

BASE_URL = "https://www.cs.toronto.edu/~kriz/"


def get_folder(folder: str, archive: str, file_hash: str) -> str:
    """The unpacked folder of batches, downloaded once."""
    return get_file(folder, origin=BASE_URL + archive, untar=True, file_hash=file_hash)


def read_batches(folder: str, names: list[str], labels: str) -> tuple[np.ndarray, np.ndarray]:
    """Images `(n, 32, 32, 3)` (or channels first, if that is set) and labels `(n, 1)`."""
    batches = [_read(os.path.join(folder, name), labels) for name in names]
    x = np.concatenate([images for images, _ in batches])
    y = np.concatenate([numbers for _, numbers in batches])
    if image_data_format() == "channels_last":
        x = x.transpose(0, 2, 3, 1)
    return x, y.reshape(-1, 1)


def _read(path, labels):
    batch = read_pickle(path)
    try:
        images, numbers = batch[b"data"], batch[labels.encode()]
    except (KeyError, TypeError):
        raise ValueError(f"{path} is not a CIFAR batch with 'data' and {labels!r}.") from None
    return images.reshape(len(images), 3, 32, 32), np.asarray(numbers)
