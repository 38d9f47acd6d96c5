"""MNIST: 70,000 handwritten digits of 28 x 28 grey pixels."""

from __future__ import annotations

from . import source
from .objects import read_npz

__all__ = ["load_data"]


def load_data(path: str = "mnist.npz") -> source.Split:
    """`(x_train, y_train), (x_test, y_test)`: images `(60000, 28, 28)` and `(10000, 28, 28)` of
    `uint8` 0..255, labels `uint8` 0..9. `path`: its name in the cache `~/.keras/datasets`.
    """
    arrays = read_npz(
        source.get(
            path, "mnist.npz", "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
        )
    )
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])
