"""Colours of images with their channels second: `(batch, 3, height, width)`."""

from __future__ import annotations

import torch
from torch import Tensor


def to_gray(images: Tensor) -> Tensor:
    """`0.2989 red + 0.587 green + 0.114 blue`, `(batch, 1, height, width)`.

    >>> [round(float(v), 4) for v in to_gray(torch.ones(1, 3, 1, 1)).flatten()]
    [0.9999]
    """
    red, green, blue = images.split(1, 1)
    return (0.2989 * red + 0.587 * green + 0.114 * blue).to(images.dtype)


def to_hsv(images: Tensor) -> Tensor:
    """Red, green and blue from 0 to 1 as hue, saturation and value, each from 0 to 1.

    >>> to_hsv(torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1))[0, 1:].flatten().tolist()
    [1.0, 1.0]
    """
    x = torch.where(images.abs() < torch.finfo(images.dtype).eps, 0.0, images)
    red, green, blue = x.split(1, 1)
    value, least = x.amax(1, keepdim=True), x.amin(1, keepdim=True)
    spread = value - least
    saturation = torch.where(value > 0, spread / torch.where(value > 0, value, 1.0), 0.0)
    unit = 1.0 / (6.0 * torch.where(spread > 0, spread, 1.0))
    hue = torch.where(
        value == green, unit * (blue - red) + 2.0 / 6.0, unit * (red - green) + 4.0 / 6.0
    )
    hue = torch.where(value == red, unit * (green - blue), hue)
    hue = torch.where(spread > 0, hue, 0.0)
    hue = hue + (hue < 0).to(hue.dtype)
    return torch.cat([hue, saturation, value], 1)


def from_hsv(images: Tensor) -> Tensor:
    """The inverse of `to_hsv`.

    >>> from_hsv(torch.tensor([0.0, 1.0, 0.5]).view(1, 3, 1, 1)).flatten().tolist()
    [0.5, 0.0, 0.0]
    """
    hue, saturation, value = images.split(1, 1)
    turn = torch.remainder(hue, 1.0) * 6.0
    red = ((turn - 3.0).abs() - 1.0).clamp(0.0, 1.0)
    green = (2.0 - (turn - 2.0).abs()).clamp(0.0, 1.0)
    blue = (2.0 - (turn - 4.0).abs()).clamp(0.0, 1.0)
    tints = torch.cat([red, green, blue], 1)
    return value * (1.0 - saturation + saturation * tints)
