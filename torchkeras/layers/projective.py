"""Images seen through projective maps, one for each image: TensorFlow's
`ImageProjectiveTransformV3`, with its ways to fill what lies outside."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import layout

FILL_MODES = ("reflect", "wrap", "constant", "nearest")
INTERPOLATIONS = ("nearest", "bilinear")


def transform(
    images: Tensor,
    maps: Tensor,
    fill_mode: str = "reflect",
    interpolation: str = "bilinear",
    fill_value: float = 0.0,
) -> Tensor:
    """Images `(batch, height, width, channels)`, each place (x, y) taken from another one.

    `maps` is `(batch, 8)`: from row `a0 a1 a2 b0 b1 b2 c0 c1` the other place is
    `(a0 x + a1 y + a2, b0 x + b1 y + b2) / (c0 x + c1 y + 1)`. `fill_mode` 'reflect', 'wrap',
    'nearest' or 'constant' says what is outside, the last with `fill_value`.

    >>> images = torch.tensor([1.0, 2.0, 3.0]).reshape(1, 1, 3, 1)
    >>> shift = torch.tensor([[1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0]])
    >>> transform(images, shift, "constant").flatten().tolist()
    [2.0, 3.0, 0.0]
    """
    height, width = images.shape[1], images.shape[2]
    x, y = _places(maps.float(), height, width)
    if fill_mode != "constant":
        inside = _INSIDE[fill_mode]
        x, y = inside(x, width), inside(y, height)
    if interpolation == "nearest":
        return _nearest(images, x, y, fill_value)
    return _bilinear(images, x, y, fill_value)


def _places(maps, height, width):
    """Where each output place takes its value: x and y, `(batch, height, width)`."""
    a0, a1, a2, b0, b1, b2, c0, c1 = maps[:, :, None, None].unbind(1)
    across = torch.arange(width, dtype=torch.float32, device=maps.device)
    down = torch.arange(height, dtype=torch.float32, device=maps.device)[:, None]
    scale = c0 * across + c1 * down + 1
    x, y = a0 * across + a1 * down + a2, b0 * across + b1 * down + b2
    far = torch.where(scale == 0, -1e6, 0.0)  # nothing is seen there but the fill
    scale = torch.where(scale == 0, 1.0, scale)
    return x / scale + far, y / scale + far


def _nearest(images, x, y, fill_value):
    batch, height, width, channels = images.shape
    x, y = _rounded(x), _rounded(y)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    place = y.clamp(0, height - 1).long() * width + x.clamp(0, width - 1).long()
    place = place.reshape(batch, -1, 1).expand(-1, -1, channels)
    found = images.reshape(batch, -1, channels).gather(1, place).reshape(images.shape)
    return torch.where(inside[..., None], found, fill_value)


def _rounded(x):
    """To the nearest integer, halves away from zero, where torch would take the even one."""
    whole = x.trunc()
    return torch.where((x - whole).abs() == 0.5, whole + x.sign(), x.round())


def _bilinear(images, x, y, fill_value):
    dtype = images.dtype if images.dtype is torch.float64 else torch.float32
    height, width = images.shape[1:3]
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], -1).to(dtype)
    shifted = layout.channels_first(images.to(dtype) - fill_value)
    seen = F.grid_sample(shifted, grid, "bilinear", "zeros", align_corners=False)
    return (layout.channels_last(seen) + fill_value).to(images.dtype)


def _reflected(x, size):
    """Places beyond an edge as in a mirror that stands on it: d c b a | a b c d | d c b a."""
    left = torch.where(x < -2 * size, 2 * size * (-x / (2 * size)).trunc() + x, x)
    left = torch.where(left < -size, left + 2 * size, -left - 1)
    right = x - 2 * size * (x / (2 * size)).trunc()
    right = torch.where(right >= size, 2 * size - right - 1, right)
    return _chosen(x, left, right, size)


def _wrapped(x, size):
    """Places beyond an edge counted on from the other one: a b c d | a b c d | a b c d."""
    last = max(size - 1, 1)
    left = x + size * ((-x / last).trunc() + 1)
    right = x - size * (x / last).trunc()
    return _chosen(x, left, right, size)


def _chosen(x, left, right, size):
    x = torch.where(x < 0, left, torch.where(x > size - 1, right, x))
    return x.clamp(0, size - 1)


def _clamped(x, size):
    return x.clamp(0, size - 1)


_INSIDE = {"reflect": _reflected, "wrap": _wrapped, "nearest": _clamped}
