"""CIFAR-100: 60,000 colour images of 32 x 32 pixels in 100 classes and 20 superclasses."""

from __future__ import annotations

from . import source
from .cifar import get_folder, read_batches

__all__ = ["load_data"]


def load_data(label_mode: str = "fine") -> source.Split:
    """`(x_train, y_train), (x_test, y_test)`: images `(50000, 32, 32, 3)` and `(10000, 32, 32, 3)`
    of `uint8` 0..255, labels `(n, 1)` of `int64`: the class for `label_mode='fine'`, the
    superclass for 'coarse'.
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(f"`label_mode` must be 'fine' or 'coarse'; received {label_mode!r}.")
    folder = get_folder(
        "cifar-100-python",
        "cifar-100-python.tar.gz",
        "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
    )
    labels = f"{label_mode}_labels"
    return read_batches(folder, ["train"], labels), read_batches(folder, ["test"], labels)
