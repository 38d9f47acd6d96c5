"""Boston housing: prices of 506 homes in the 1970s.

One of its columns treats the share of Black residents as a flaw of a district; use it to talk
about that, and `california_housing` to try out a regression.
"""

from __future__ import annotations

import numpy as np

from . import source
from .objects import read_npz

__all__ = ["load_data"]


def load_data(
    path: str = "boston_housing.npz", test_split: float = 0.2, seed: int = 113
) -> source.Split:
    """`(x_train, y_train), (x_test, y_test)`: 13 attributes a home, price in 1000 $, `float64`.

    `path`: its name in the cache; `test_split`: the part kept for testing; `seed`: of the shuffle.
    """
    arrays = read_npz(
        source.get(
            path,
            "boston_housing.npz",
            "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5",
        )
    )
    rng = np.random.RandomState(seed)
    return source.split(*source.shuffled(rng, arrays["x"], arrays["y"]), test_split)
