"""What `keras.preprocessing.image` had for generators of one's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from .warning import deprecated


def transform_matrix_offset_center(matrix: Any, x: int, y: int) -> np.ndarray:
    """A 3x3 `matrix` that acts around the middle of an image of `x` by `y` pixels.

    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     transform_matrix_offset_center(np.diag([-1.0, 1.0, 1.0]), 5, 5)[0].tolist()
    [-1.0, 0.0, 4.0]
    """
    deprecated("transform_matrix_offset_center", "apply_affine_transform(x, theta, ...)")
    away, back = np.eye(3), np.eye(3)
    away[:2, 2] = (x - 1) / 2, (y - 1) / 2
    back[:2, 2] = -away[:2, 2]
    return away @ np.asarray(matrix) @ back


def apply_transform(
    x: np.ndarray, transform_matrix: Any, channel_axis: int = 0, fill_mode: str = "nearest",
    cval: float = 0.0,
) -> np.ndarray:  # fmt: skip
    """An image whose pixel at `p` is that of `x` at `transform_matrix @ p`."""
    from scipy import ndimage

    deprecated("apply_transform", "apply_affine_transform(x, theta, ...)")
    matrix = np.asarray(transform_matrix)
    channels = [
        ndimage.affine_transform(
            channel, matrix[:2, :2], matrix[:2, 2], order=1, mode=fill_mode, cval=cval
        )
        for channel in np.moveaxis(x, channel_axis, 0)
    ]
    return np.stack(channels, axis=channel_axis)


def list_pictures(directory: Any, ext: str = "jpg|jpeg|bmp|png|ppm") -> list[str]:
    """The paths of all files in a folder, and below, that end so."""
    deprecated("list_pictures", "pathlib.Path.rglob")
    wanted = re.compile(rf"\.({ext})$")
    return [str(path) for path in sorted(Path(directory).rglob("*")) if wanted.search(path.name)]
