"""Images and volumes made larger by whole factors, with TensorFlow's filters."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import layout
from .operands import recorded, tensor

__all__ = ["resize_images", "resize_volumes"]


def _cubic(b, c):
    """The family of cubic filters of Mitchell and Netravali (1988)."""

    def weight(x):
        near = ((12 - 9 * b - 6 * c) * x + (-18 + 12 * b + 6 * c)) * x * x + (6 - 2 * b)
        far = ((-b - 6 * c) * x + (6 * b + 30 * c)) * x * x + (-12 * b - 48 * c) * x
        far = far + 8 * b + 24 * c
        return torch.where(x < 1, near, torch.where(x < 2, far, 0)) / 6

    return weight


def _lanczos(radius):
    def weight(x):
        return torch.where(x < radius, torch.sinc(x) * torch.sinc(x / radius), 0)

    return weight


def _gaussian(x):
    return torch.where(x < 1.5, torch.exp(-x * x / (2 * 0.5**2)), 0)


_FILTERS = {
    "bicubic": _cubic(0.0, 0.5),
    "mitchellcubic": _cubic(1 / 3, 1 / 3),
    "lanczos3": _lanczos(3),
    "lanczos5": _lanczos(5),
    "gaussian": _gaussian,
}
_INTERPOLATIONS = ("area", "bilinear", "nearest", *_FILTERS)


@recorded
def resize_images(
    x: Any,
    height_factor: int,
    width_factor: int,
    data_format: str,
    interpolation: str = "nearest",
) -> Any:
    """Images with `height_factor` times as many rows and `width_factor` times as many columns.

    `interpolation`: 'nearest', 'area' (the same for whole factors), 'bilinear', 'bicubic',
    'lanczos3', 'lanczos5', 'gaussian' or 'mitchellcubic'; float32 except for the first two.

    >>> resize_images(torch.ones(1, 2, 2, 3), 2, 3, "channels_last").shape
    torch.Size([1, 4, 6, 3])
    """
    if interpolation not in _INTERPOLATIONS:
        raise ValueError(
            f"interpolation must be one of {', '.join(_INTERPOLATIONS)}; received "
            f"{interpolation!r}."
        )
    first = _is_first(data_format)
    x = tensor(x)
    if interpolation in ("nearest", "area"):
        start = 2 if first else 1
        x = x if interpolation == "nearest" else x.float()
        return x.repeat_interleave(height_factor, start).repeat_interleave(width_factor, start + 1)
    x = (x if first else layout.channels_first(x)).float()
    size = (x.shape[2] * height_factor, x.shape[3] * width_factor)
    if interpolation == "bilinear":
        outputs = F.interpolate(x, size, mode="bilinear")
    else:
        rows = _weights(x.shape[2], size[0], _FILTERS[interpolation], x)
        columns = _weights(x.shape[3], size[1], _FILTERS[interpolation], x)
        outputs = rows @ x @ columns.t()
    return outputs if first else layout.channels_last(outputs)


def _weights(size: int, wanted: int, weight: Any, like: Tensor) -> Tensor:
    """`(wanted, size)`: how much each pixel counts for each new one; the edges share the rest."""
    centers = (torch.arange(wanted, device=like.device) + 0.5) * (size / wanted) - 0.5
    distances = (centers.unsqueeze(1) - torch.arange(size, device=like.device)).abs()
    found = weight(distances)
    return found / found.sum(1, keepdim=True)


@recorded
def resize_volumes(
    x: Any, depth_factor: int, height_factor: int, width_factor: int, data_format: str
) -> Any:
    """Volumes with each value repeated along the three axes.

    >>> resize_volumes(torch.ones(1, 1, 2, 2, 3), 2, 1, 3, "channels_last").shape
    torch.Size([1, 2, 2, 6, 3])
    """
    x = tensor(x)
    start = 2 if _is_first(data_format) else 1
    for axis, factor in enumerate((depth_factor, height_factor, width_factor), start=start):
        x = x.repeat_interleave(factor, axis)
    return x


def _is_first(data_format):
    if data_format not in ("channels_first", "channels_last"):
        raise ValueError(
            f"data_format must be 'channels_first' or 'channels_last'; received {data_format!r}."
        )
    return data_format == "channels_first"
