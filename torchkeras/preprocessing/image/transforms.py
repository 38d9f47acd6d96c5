"""Transformations of single images: numpy arrays of rank 3.

The functions take images with channels first by default, as Keras' do; `channel_axis` may be 0
or 2. Random ones draw from numpy's global generator.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import config
from .affine import affine_transform, transform_matrices
from .files import stretched


def apply_affine_transform(
    x: np.ndarray,
    theta: float = 0,
    tx: float = 0,
    ty: float = 0,
    shear: float = 0,
    zx: float = 1,
    zy: float = 1,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    order: int = 1,
) -> np.ndarray:
    """An image rotated by `theta` degrees, shifted by `tx` and `ty` pixels, sheared and zoomed.

    `zx` and `zy` above 1 zoom out. As in tf.keras 2.15, `tx` and `zx` act along the columns where
    `col_axis` comes after `row_axis`. `fill_mode` is nearest, constant (`cval`), reflect or wrap;
    `order` that of the spline between pixels, 0 to 5.

    >>> image = np.arange(4.0).reshape(1, 2, 2)
    >>> apply_affine_transform(image, theta=180).round(2).tolist()
    [[[3.0, 2.0], [1.0, 0.0]]]
    """
    axes = (row_axis, col_axis, channel_axis)
    if sorted(axes) != [0, 1, 2]:
        raise ValueError(
            "`row_axis`, `col_axis` and `channel_axis` must be 0, 1 and 2 in some order; received "
            f"{axes}."
        )
    if x.ndim != 3:
        raise ValueError(f"`x` must be one image of rank 3; received shape {x.shape}.")
    if channel_axis == 1:
        raise ValueError("`channel_axis` must be 0 or 2: channels come first or last.")
    if (theta, tx, ty, shear, zx, zy) == (0, 0, 0, 0, 1, 1):
        return x
    height, width = x.shape[row_axis], x.shape[col_axis]
    matrices = transform_matrices(theta, tx, ty, shear, zx, zy, height, width)
    if col_axis > row_axis:
        matrices = swapped(matrices)
    image = np.moveaxis(x, channel_axis, 2)
    moved = affine_transform(image[None], matrices, None, order, fill_mode, cval)
    return np.moveaxis(moved[0], 2, channel_axis)


def swapped(matrices: np.ndarray) -> np.ndarray:
    """`(n, 3, 3)` matrices that speak of (column, row) in place of (row, column)."""
    turned = matrices.copy()
    turned[:, :2, :2], turned[:, :2, 2] = matrices[:, 1::-1, 1::-1], matrices[:, 1::-1, 2]
    return turned


def apply_channel_shift(x: np.ndarray, intensity: float, channel_axis: int = 0) -> np.ndarray:
    """`x + intensity`, kept between the smallest and the largest value of `x`.

    >>> apply_channel_shift(np.array([[[0.0, 1.0, 4.0]]]), 2.0).tolist()
    [[[2.0, 3.0, 4.0]]]
    """
    return np.clip(x + intensity, np.min(x), np.max(x))


def apply_brightness_shift(x: np.ndarray, brightness: float, scale: bool = True) -> np.ndarray:
    """An image with channels last, its pixels multiplied by `brightness` as 8-bit numbers.

    `scale` first stretches the values to 0..255. Without it, values outside 0..255 are stretched
    and moved back afterwards. A fourth channel, transparency, stays.

    >>> apply_brightness_shift(np.array([[[100.0]]]), 1.5, scale=False).tolist()
    [[[150.0]]]
    """
    return brightened(np.asarray(x)[None], np.array([brightness]), scale)[0]


def brightened(x: np.ndarray, factors: np.ndarray, scale: bool) -> np.ndarray:
    """`apply_brightness_shift` of a batch: the arithmetic of `PIL.ImageEnhance.Brightness`."""
    if x.shape[-1] not in (1, 3, 4):
        raise ValueError(f"Brightness needs images of 1, 3 or 4 channels, not {x.shape[-1]}.")
    x = x.astype(config.floatx())
    axes = (1, 2, 3)
    low, high = x.min(axes, keepdims=True), x.max(axes, keepdims=True)
    local = (low < 0) | (high > 255)
    pixels = np.where(local | scale, stretched(x, axes), x).astype("uint8").astype("float32")
    factors = np.asarray(factors, "float32").reshape(-1, 1, 1, 1)
    bright = np.trunc(np.clip(pixels * factors, 0, 255)).astype(x.dtype)
    if x.shape[-1] == 4:
        bright[..., 3] = pixels[..., 3]
    if scale:
        return bright
    return np.where(local, bright / x.dtype.type(255) * (high - low) + low, bright)


def flip_axis(x: np.ndarray, axis: int) -> np.ndarray:
    """`x` turned round along `axis`.

    >>> flip_axis([1, 2, 3], 0).tolist()
    [3, 2, 1]
    """
    return np.flip(np.asarray(x), axis)


def random_rotation(
    x: np.ndarray,
    rg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """An image rotated by up to `rg` degrees either way; see `apply_affine_transform`.

    >>> random_rotation(np.ones((3, 4, 4)), 30).shape
    (3, 4, 4)
    """
    return apply_affine_transform(
        x,
        theta=np.random.uniform(-rg, rg),
        **_options(row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order),
    )


def random_shift(
    x: np.ndarray,
    wrg: float,
    hrg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """An image shifted by up to the fractions `wrg` of its width and `hrg` of its height.

    >>> random_shift(np.ones((3, 4, 4)), 0.5, 0.5).shape
    (3, 4, 4)
    """
    tx = np.random.uniform(-hrg, hrg) * x.shape[row_axis]
    ty = np.random.uniform(-wrg, wrg) * x.shape[col_axis]
    return apply_affine_transform(
        x,
        tx=tx,
        ty=ty,
        **_options(row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order),
    )


def random_shear(
    x: np.ndarray,
    intensity: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """An image sheared by up to `intensity` degrees either way.

    >>> random_shear(np.ones((3, 4, 4)), 20).shape
    (3, 4, 4)
    """
    return apply_affine_transform(
        x,
        shear=np.random.uniform(-intensity, intensity),
        **_options(row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order),
    )


def random_zoom(
    x: np.ndarray,
    zoom_range: tuple[float, float],
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """An image zoomed along each side by a factor out of `zoom_range` = (low, high).

    >>> random_zoom(np.ones((3, 4, 4)), (0.5, 2.0)).shape
    (3, 4, 4)
    """
    _check_pair("zoom_range", zoom_range)
    low, high = zoom_range
    zx, zy = (1, 1) if low == high == 1 else np.random.uniform(low, high, 2)
    return apply_affine_transform(
        x,
        zx=zx,
        zy=zy,
        **_options(row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order),
    )


def random_channel_shift(
    x: np.ndarray, intensity_range: float, channel_axis: int = 0
) -> np.ndarray:
    """`apply_channel_shift` by a number between `-intensity_range` and `intensity_range`.

    >>> random_channel_shift(np.ones((3, 4, 4)), 20).shape
    (3, 4, 4)
    """
    intensity = np.random.uniform(-intensity_range, intensity_range)
    return apply_channel_shift(x, intensity, channel_axis=channel_axis)


def random_brightness(
    x: np.ndarray, brightness_range: tuple[float, float], scale: bool = True
) -> np.ndarray:
    """`apply_brightness_shift` by a number out of `brightness_range` = (low, high).

    >>> random_brightness(np.ones((4, 4, 3)), (0.5, 2.0)).shape
    (4, 4, 3)
    """
    _check_pair("brightness_range", brightness_range)
    return apply_brightness_shift(x, np.random.uniform(*brightness_range), scale)


def _options(row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order):
    return {
        "row_axis": row_axis,
        "col_axis": col_axis,
        "channel_axis": channel_axis,
        "fill_mode": fill_mode,
        "cval": cval,
        "order": interpolation_order,
    }


def _check_pair(name: str, value: Any) -> None:
    if len(value) != 2:
        raise ValueError(f"`{name}` must be two numbers, (low, high); received {value!r}.")
