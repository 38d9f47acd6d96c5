"""Images and volumes made larger by whole factors, with TensorFlow's filters."""

from __future__ import annotations

from typing import Any

from ..resizing import kernel_name, resize
from .operands import recorded, tensor

__all__ = ["resize_images", "resize_volumes"]


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
    'lanczos3', 'lanczos5', 'gaussian' or 'mitchellcubic'; float32 except for the first.

    >>> import torch
    >>> resize_images(torch.ones(1, 2, 2, 3), 2, 3, "channels_last").shape
    torch.Size([1, 4, 6, 3])
    """
    first = _is_first(data_format)
    x = tensor(x)
    start = 2 if first else 1
    method = kernel_name(interpolation)
    size = (x.shape[start] * height_factor, x.shape[start + 1] * width_factor)
    outputs = resize(x, size, method, channels_first=first)
    return outputs if method == "nearest" else outputs.float()


@recorded
def resize_volumes(
    x: Any, depth_factor: int, height_factor: int, width_factor: int, data_format: str
) -> Any:
    """Volumes with each value repeated along the three axes.

    >>> import torch
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
