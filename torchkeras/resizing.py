"""Images of another size, by each of TensorFlow's kernels.

Nearest and bilinear run on torch's own kernels. The others are a product with a matrix of weights
for each axis, made once for a pair of sizes as TensorFlow's CPU kernels make them.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from . import layout


def resize(
    images: Tensor,
    size: Sequence[int],
    method: str = "bilinear",
    antialias: bool = False,
    channels_first: bool = False,
) -> Tensor:
    """Images `(..., height, width, channels)` with `size` = (height, width): `tf.image.resize`.

    `method`: 'nearest', 'bilinear', 'bicubic', 'area', 'gaussian', 'lanczos3', 'lanczos5' or
    'mitchellcubic'. `antialias` widens the kernel where images shrink; nearest and area have no
    use for it. Results are float32 for integers, except that nearest keeps the dtype.

    >>> images = torch.tensor([[[[0.0], [3.0]]]])
    >>> [round(x, 2) for x in resize(images, (1, 4)).flatten().tolist()]
    [0.0, 0.75, 2.25, 3.0]
    """
    method = kernel_name(method)
    if not channels_first:
        batched = images if images.ndim == 4 else images.unsqueeze(0)
        outputs = resize(layout.channels_first(batched), size, method, antialias, True)
        outputs = layout.channels_last(outputs)
        return outputs if images.ndim == 4 else outputs.squeeze(0)
    size = (int(size[0]), int(size[1]))
    if method == "nearest":
        return _nearest(images, size)
    if not images.is_floating_point():
        images = images.float()
    if method == "bilinear" and not antialias:
        return F.interpolate(images, size, mode="bilinear", align_corners=False)
    return _weighted(images, size, method, antialias)


def kernel_name(method: str, whose: str = "interpolation") -> str:
    """`method` in lower case; ValueError, which names `whose`, where TensorFlow has no such kernel.

    >>> kernel_name("Bilinear")
    'bilinear'
    """
    name = method.lower() if isinstance(method, str) else method
    if name not in METHODS:
        raise ValueError(f"{whose} must be one of {', '.join(METHODS)}; received {method!r}.")
    return name


def smart_resize(images: Tensor, size: Sequence[int], method: str = "bilinear") -> Tensor:
    """The largest centred part of `(..., height, width, channels)` with the proportions of `size`
    = (height, width), resized to it."""
    height, width = images.shape[-3], images.shape[-2]
    rows = min(height, int(np.float32(width * size[0]) / np.float32(size[1])))
    columns = min(width, int(np.float32(height * size[1]) / np.float32(size[0])))
    top, left = (height - rows) // 2, (width - columns) // 2
    part = images.narrow(-3, top, rows).narrow(-2, left, columns)
    return resize(part, size, method)


# --- over batches with channels second -----------------------------------------------------


def _nearest(images, size):
    if images.is_floating_point():
        return F.interpolate(images, size, mode="nearest-exact")
    for axis, wanted in zip((2, 3), size, strict=True):
        found = images.shape[axis]
        places = (torch.arange(wanted, device=images.device) + 0.5) * (found / wanted)
        images = images.index_select(axis, places.long().clamp_(max=found - 1))
    return images


def _weighted(images, size, method, antialias):
    """Rows, then columns, as sums with the weights of the kernel."""
    dtype = images.dtype
    images = images.to(torch.float64 if dtype is torch.float64 else torch.float32)
    for axis, wanted in zip((2, 3), size, strict=True):
        found = int(images.shape[axis])
        weights = _matrix(found, wanted, method, antialias, images.device, images.dtype)
        images = (weights @ images) if axis == 2 else images @ weights.mT
    return images.to(dtype)


def _matrix(*key):
    return _made_matrix(*key)


# What torch.compiler.assume_constant_result does; calling it would import the whole compiler.
_matrix._dynamo_marked_constant = True


@functools.lru_cache(maxsize=32)
def _made_matrix(found, wanted, method, antialias, device, dtype):
    """`(wanted, found)`: how much of each place of an axis each new place takes."""
    if method == "area":
        weights = _area(found, wanted)
    elif method == "bicubic" and not antialias:
        weights = _bicubic(found, wanted)
    else:
        weights = _sampled(found, wanted, *_KERNELS[method], antialias)
    with torch.inference_mode(False):
        return torch.from_numpy(weights).to(device, dtype)


def _area(found, wanted):
    """Each new place averages the part of the axis that it covers."""
    scale = np.float32(found / wanted)
    edges = np.arange(wanted + 1, dtype=np.float32) * scale
    places = np.arange(found, dtype=np.float32)
    covered = np.minimum(edges[1:, None], places + 1) - np.maximum(edges[:-1, None], places)
    return np.maximum(covered, 0) / scale


def _bicubic(found, wanted):
    """Four neighbours by the cubic with a = -0.5, whose values TensorFlow tabulates at 1/1024ths.

    Neighbours outside the image have no weight; those inside are made to sum to 1.
    """
    scale = np.float32(found / wanted)
    centers = (np.arange(wanted, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5)
    first = np.floor(centers)
    offset = np.rint((centers - first) * np.float32(1024)) / np.float32(1024)
    weights = np.zeros((wanted, found), np.float32)
    for step in (-1, 0, 1, 2):
        place = (first + step).astype(np.int64)
        inside = np.flatnonzero((place >= 0) & (place < found))
        value = _keys_cubic(np.abs(step - offset))
        weights[inside, place[inside]] += value[inside].astype(np.float32)
    return weights / weights.sum(1, keepdims=True)


def _sampled(found, wanted, radius, kernel, antialias):
    """The kernel around the place where a new value is sampled, made to sum to 1."""
    step = np.float32(1) / np.float32(wanted / found)
    stretch = max(step, np.float32(1)) if antialias else np.float32(1)
    centers = (np.arange(wanted, dtype=np.float32) + np.float32(0.5)) * step
    first = np.ceil(centers - radius * stretch - np.float32(0.5)).clip(0, found - 1)
    last = np.floor(centers + radius * stretch - np.float32(0.5)).clip(0, found - 1)
    places = np.arange(found, dtype=np.float32)
    distances = np.abs(places + np.float32(0.5) - centers[:, None]) * (np.float32(1) / stretch)
    inside = (places >= first[:, None]) & (places <= last[:, None])
    weights = np.where(inside, kernel(distances), 0)
    total = weights.sum(1, keepdims=True)
    large = np.abs(total) >= 1000 * np.finfo(np.float32).tiny
    return np.divide(weights, total, out=weights, where=large).astype(np.float32)


def _keys_cubic(x):
    near, far = ((1.5 * x - 2.5) * x) * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x >= 2, 0, np.where(x >= 1, far, near))


def _mitchell_cubic(x):
    near = (7 / 6 * x - 2) * x * x + 8 / 9
    far = ((-7 / 18 * x + 2) * x - 10 / 3) * x + 16 / 9
    return np.where(x >= 2, 0, np.where(x >= 1, far, near))


def _triangle(x):
    return np.maximum(1 - x, 0)


def _gaussian(x):
    return np.where(x >= 1.5, 0, np.exp(-(x**2) / (2 * 0.5**2)))


def _lanczos(radius):
    def kernel(x):
        near = x <= 1e-3
        angle = np.pi * np.where(near, 1, x)
        wave = radius * np.sin(angle) * np.sin(angle / radius) / angle**2
        return np.where(near, 1, np.where(x > radius, 0, wave))

    return kernel


_KERNELS = {  # radius and weight at a distance
    "bilinear": (1, _triangle),
    "bicubic": (2, _keys_cubic),
    "gaussian": (1.5, _gaussian),
    "lanczos3": (3, _lanczos(3)),
    "lanczos5": (5, _lanczos(5)),
    "mitchellcubic": (2, _mitchell_cubic),
}
METHODS = ("nearest", "area", *_KERNELS)
