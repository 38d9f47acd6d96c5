"""Affine transformations of whole batches, with the pixels of `scipy.ndimage.affine_transform`.

Coordinates are scipy's: output pixel `(i, j)` shows the input at `matrix @ (i, j) + offset`, and
`fill_mode` says what lies outside: 'nearest', 'constant' (`cval`), 'reflect' or 'wrap'.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
import torch.nn.functional as F

FILL_MODES = ("nearest", "constant", "reflect", "wrap")
_PADDING = 12  # with which scipy goes on beyond the edges for splines in mode 'nearest'
_CHUNK = 1 << 16  # pixels at a time: what stays in the cache of a core
_FINE = 1024  # side of an image up to which float32 coordinates are exact to 1e-4 of a pixel


def transform_matrices(
    theta=0.0, tx=0.0, ty=0.0, shear=0.0, zx=1.0, zy=1.0, height=1, width=1
) -> np.ndarray:
    """Rotation, shift, shear and zoom about the centre of the image, as `(n, 3, 3)` float64.

    Angles in degrees, `tx` and `ty` in pixels; numbers or arrays of length n.
    """
    theta, shear = np.deg2rad(theta), np.deg2rad(shear)
    cos, sin = np.cos(theta), np.sin(theta)
    # Rotation, then shear, then zoom, multiplied out.
    linear = (
        (cos * zx, -(cos * np.sin(shear) + sin * np.cos(shear)) * zy),
        (sin * zx, (cos * np.cos(shear) - sin * np.sin(shear)) * zy),
    )
    shift = cos * tx - sin * ty, sin * tx + cos * ty
    centre = height / 2 - 0.5, width / 2 - 0.5
    count = np.broadcast(theta, tx, ty, shear, zx, zy).size
    matrices = np.zeros((count, 3, 3))
    for axis in (0, 1):
        first, second = linear[axis]
        matrices[:, axis, 0], matrices[:, axis, 1] = first, second
        moved = shift[axis] + centre[axis]
        matrices[:, axis, 2] = moved - first * centre[0] - second * centre[1]
    matrices[:, 2, 2] = 1
    return matrices


def affine_transform(
    images: np.ndarray,
    matrices: np.ndarray,
    flips: tuple[np.ndarray, np.ndarray] | None = None,
    order: int = 1,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    index: np.ndarray | None = None,
) -> np.ndarray:
    """Images `(n, rows, columns, channels)`, each by its `(2 or 3, 3)` matrix of `[m | offset]`.

    `flips` says of which transformed images rows and columns are turned round afterwards. `order`
    is that of the spline between pixels, 0 to 5. Integers are rounded as scipy does. `index` names
    the images that are asked for, as many as there are matrices.
    """
    if fill_mode not in FILL_MODES:
        raise ValueError(f"`fill_mode` must be one of {FILL_MODES}; received {fill_mode!r}.")
    if order not in range(6):
        raise ValueError(f"The order of interpolation must be 0 to 5; received {order!r}.")
    height, width, channels = images.shape[1:]
    places = _places(matrices, flips, height, width)
    if order == 1 and images.dtype == np.float32 and max(height, width) <= _FINE:
        sample = _linear(places, (height, width), fill_mode, cval)
    else:
        sample = functools.partial(
            _sample_spline, places, order=order, fill_mode=fill_mode, cval=cval
        )
    index = np.arange(len(images)) if index is None else np.asarray(index)
    # grid_sample gives each thread an image.
    step = max(1, _CHUNK // max(1, height * width)) * torch.get_num_threads()
    step = min(step, max(1, len(index)))
    output = np.empty((len(index), height, width, channels), images.dtype)
    planes = np.empty((step, channels, height, width), images.dtype)
    for first in range(0, len(index), step):
        chosen = index[first : first + step]
        some = images[chosen] if len(chosen) > 1 else images[chosen[0] :][:1]
        near, part = planes[: len(chosen)], slice(first, first + step)
        for channel in range(channels):  # numpy copies a plane faster than it turns axes
            near[:, channel] = some[..., channel]
        moved = sample(torch.from_numpy(near), part).numpy()
        for channel in range(channels):
            output[part, ..., channel] = moved[:, channel]
    return output


def _places(matrices, flips, height, width):
    """For rows and for columns: what output rows and what output columns add to the place in
    the input, `(n, height, 1)` and `(n, 1, width)` in float64, the offset being in the first."""
    i, j = np.arange(float(height))[None], np.arange(float(width))[None]
    if flips is not None:
        i, j = (
            np.where(np.asarray(turned, bool)[:, None], axis[:, ::-1], axis)
            for turned, axis in zip(flips, (i, j), strict=True)
        )
    return [
        ((offset + from_row * i)[:, :, None], (from_column * j)[:, None, :])
        for from_row, from_column, offset in matrices[:, :2, :, None].transpose(1, 2, 0, 3)
    ]


def _exact(places, part):
    """The places of some images, `(n, height, width)` for rows and for columns."""
    return [
        torch.from_numpy(first[part]) + torch.from_numpy(second[part]) for first, second in places
    ]


def _linear(places, sizes, fill_mode, cval):
    """A function from some images' planes and which they are to the planes of their results.

    It is order 1 by torch's `grid_sample`, whose borders are those of 'nearest' and 'reflect', and
    which counts from -1 to 1, from the outer edge of the first pixel to the last's. A complex
    number is a place: columns are its real part, rows its imaginary one.
    """
    padding = "reflection" if fill_mode == "reflect" else "border"
    if fill_mode in ("nearest", "reflect"):
        scaled = [
            [term * (2 / size) for term in axis] for axis, size in zip(places, sizes, strict=True)
        ]
        for axis, size in zip(scaled, sizes, strict=True):
            axis[0] += 1 / size - 1
        terms = [
            torch.from_numpy(_complex(*pair)) for pair in zip(scaled[1], scaled[0], strict=True)
        ]

    def sample(planes, part):
        outside = None
        if fill_mode in ("nearest", "reflect"):
            grid = torch.view_as_real(terms[0][part] + terms[1][part])
        else:
            exact = _exact(places, part)
            if fill_mode == "constant":
                outside = _outside(exact, sizes)
            else:
                exact = [_wrapped(place, size) for place, size in zip(exact, sizes, strict=True)]
            grid = planes.new_empty(*exact[0].shape, 2)
            for axis, size in enumerate(sizes):
                grid[..., 1 - axis] = exact[axis] * (2 / size) + (1 / size - 1)
        moved = F.grid_sample(planes, grid, padding_mode=padding, align_corners=False)
        return moved if outside is None else moved.masked_fill_(outside[:, None], cval)

    return sample


def _complex(real, imaginary):
    made = np.empty(real.shape, np.complex64)
    made.real, made.imag = real, imaginary
    return made


def _sample_spline(places, planes, part, order, fill_mode, cval):
    """Any order in float64: the spline's coefficients, then a weighted sum of its neighbours."""
    images = planes.permute(0, 2, 3, 1)
    sizes = images.shape[1:3]
    exact = _exact(places, part)
    outside = _outside(exact, sizes) if fill_mode == "constant" else None
    values = images.double()
    if order > 1:
        if fill_mode == "nearest":
            values = _padded(values)
            exact = [place + _PADDING for place in exact]
            sizes = values.shape[1:3]
        rows, columns = (_prefilter(size, order, fill_mode, images.device) for size in sizes)
        values = torch.einsum("ri,nijc,sj->nrsc", rows, values, columns)
    near = [
        list(_neighbours(_inside(place, size, fill_mode), size, order, fill_mode))
        for place, size in zip(exact, sizes, strict=True)
    ]
    flat = values.reshape(-1, values.shape[-1])
    base = torch.arange(len(images), device=images.device)[:, None, None] * math.prod(sizes)
    sampled = 0
    for row, row_weight in near[0]:
        for column, weight in near[1]:
            picked = flat[(base + row * sizes[1] + column).flatten()]
            sampled = sampled + picked * (row_weight * weight).reshape(-1, 1)
    sampled = sampled.reshape(*exact[0].shape, -1)
    if outside is not None:
        sampled.masked_fill_(outside[..., None], cval)
    sampled = sampled.permute(0, 3, 1, 2)
    if planes.dtype.is_floating_point:
        return sampled
    limits = torch.iinfo(planes.dtype)
    return (sampled.abs() + 0.5).floor().mul(sampled.sign()).clamp(limits.min, limits.max)


def _padded(images):
    """The outermost pixels repeated."""
    for axis in (1, 2):
        size = images.shape[axis]
        index = torch.arange(-_PADDING, size + _PADDING, device=images.device).clamp_(0, size - 1)
        images = images.index_select(axis, index)
    return images


# --- what lies outside -----------------------------------------------------------------------


def _outside(places, sizes):
    masks = [(p < 0) | (p > size - 1) for p, size in zip(places, sizes, strict=True)]
    return masks[0] | masks[1]


def _inside(place, size, fill_mode):
    if fill_mode == "wrap":
        return _wrapped(place, size)
    if fill_mode == "reflect":
        place = (place + 0.5).remainder(2 * size)
        return torch.where(place < size, place, 2 * size - place) - 0.5
    return place.clamp(0, size - 1)


def _wrapped(place, size):
    """scipy's 'wrap', in which the first and the last pixel are the same place."""
    period = size - 1
    if period == 0:
        return torch.zeros_like(place)
    before = place + period * ((-place / period).trunc() + 1)
    after = place - period * (place / period).trunc()
    return torch.where(place < 0, before, torch.where(place > period, after, place))


# --- splines ---------------------------------------------------------------------------------


def _neighbours(place, size, order, fill_mode):
    """The `order + 1` nearest pixels of an axis, each with its weight."""
    first = (place if order % 2 else place + 0.5).floor() - order // 2
    for step in range(order + 1):
        index = first + step
        weight = _spline(place - index, order)
        yield _mirrored(index.long(), size, fill_mode), weight


def _mirrored(index, size, fill_mode):
    """Where the spline goes on beyond the edge: with reflected or with mirrored pixels."""
    if size == 1:
        return index * 0
    if fill_mode == "reflect":
        index = index % (2 * size)
        return torch.where(index < size, index, 2 * size - 1 - index)
    index = index % (2 * size - 2)
    return torch.where(index < size, index, 2 * size - 2 - index)


def _spline(distance, order):
    """The value of the B-spline of `order` at `distance` from its middle."""
    if order == 0:
        return torch.ones_like(distance)
    total = 0
    for k in range(order + 2):
        part = (distance + ((order + 1) / 2 - k)).clamp(min=0) ** order
        total = total + part * ((-1) ** k * math.comb(order + 1, k) / math.factorial(order))
    return total


@functools.lru_cache(maxsize=32)
def _prefilter(size, order, fill_mode, device):
    """The matrix from the pixels of an axis to the coefficients of the spline through them."""
    spread = torch.zeros(size, size, dtype=torch.float64)
    places = torch.arange(size, dtype=torch.float64)
    for index, weight in _neighbours(places, size, order, fill_mode):
        spread.scatter_add_(1, index[:, None], weight[:, None])
    return torch.linalg.inv(spread).to(device)
