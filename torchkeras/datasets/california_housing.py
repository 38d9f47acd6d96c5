"""California housing: 20,640 districts of the census of 1990 and their median house values."""

from __future__ import annotations

import numpy as np

from . import source
from .objects import read_npz

__all__ = ["load_data"]

_SMALL = 600


def load_data(
    version: str = "large",
    path: str = "california_housing.npz",
    test_split: float = 0.2,
    seed: int = 113,
) -> source.Split:
    """`(x_train, y_train), (x_test, y_test)`: 8 attributes a district, its median value in $.

    `version`: 'large', or 'small' for the first 600 districts; `path`: its name in the cache;
    `test_split`: the part kept for testing; `seed`: of the shuffle.
    """
    if version not in ("small", "large"):
        raise ValueError(f"`version` must be 'small' or 'large'; received {version!r}.")
    arrays = read_npz(
        source.get(
            path,
            "california_housing.npz",
            "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f",
        )
    )
    count = _SMALL if version == "small" else None
    rng = np.random.RandomState(seed)
    x, y = source.shuffled(rng, arrays["x"][:count], arrays["y"][:count])
    return source.split(x, y, test_split)
