"""Digits: 1,797 handwritten digits of 8 x 8 grey pixels, which come with the package.

From "Optical Recognition of Handwritten Digits" by E. Alpaydin and C. Kaynak, UCI Machine Learning
Repository (https://doi.org/10.24432/C50P49, CC BY 4.0), its test part, unaltered.
"""

from __future__ import annotations

from pathlib import Path

from . import source
from .objects import read_npz

__all__ = ["load_data"]

_TRAINING = 1500


def load_data() -> source.Split:
    """`(x_train, y_train), (x_test, y_test)`: images `(1500, 8, 8)` and `(297, 8, 8)` of `uint8`
    0..16, labels `uint8` 0..9. Nothing is downloaded.

    >>> (x_train, y_train), (x_test, y_test) = load_data()
    >>> x_train.shape, int(x_train.max()), y_test.shape
    ((1500, 8, 8), 16, (297,))
    """
    arrays = read_npz(Path(__file__).with_name("digits.npz"))
    x, y = arrays["x"], arrays["y"]
    return (x[:_TRAINING], y[:_TRAINING]), (x[_TRAINING:], y[_TRAINING:])
