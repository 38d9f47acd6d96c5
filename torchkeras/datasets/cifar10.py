"""CIFAR-10: 60,000 colour images of 32 x 32 pixels in 10 classes."""

from __future__ import annotations

from . import source
from .cifar import get_folder, read_batches

__all__ = ["load_data"]


def load_data() -> source.Split:
    """`(x_train, y_train), (x_test, y_test)`: images `(50000, 32, 32, 3)` and `(10000, 32, 32, 3)`
    of `uint8` 0..255, labels `(n, 1)` of `uint8`: airplane, automobile, bird, cat, deer, dog,
    frog, horse, ship, truck.
    """
    folder = get_folder(
        "cifar-10-batches-py",
        "cifar-10-python.tar.gz",
        "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    )
    x_train, y_train = read_batches(folder, [f"data_batch_{i}" for i in range(1, 6)], "labels")
    x_test, y_test = read_batches(folder, ["test_batch"], "labels")
    return (x_train, y_train.astype("uint8")), (x_test, y_test.astype("uint8"))
