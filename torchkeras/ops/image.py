"""`keras.ops.image`: images in other colours, sizes and places.

Images are `(height, width, channels)` or a batch of them, channels first where `data_format`
says so.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from .. import colors, layout
from .. import resizing as kernels
from ..config import standardize_data_format
from ..random import normal
from .convolve import conv
from .operands import inexact, public, recorded, sizes, tensor


def _images(images, data_format, name):
    """A batch with channels second, and how to give it back."""
    x = tensor(images)
    if x.ndim not in (3, 4):
        raise ValueError(
            f"{name} takes an image with 3 axes or a batch with 4; received shape {tuple(x.shape)}."
        )
    single = x.ndim == 3
    first = standardize_data_format(data_format) == "channels_first"
    x = x.unsqueeze(0) if single else x

    def back(made):
        made = made if first else layout.channels_last(made)
        return made.squeeze(0) if single else made

    return (x if first else layout.channels_first(x)), back


# --- colours ---------------------------------------------------------------------------------


@recorded
def rgb_to_grayscale(images: Any, data_format: str | None = None) -> Any:
    """`0.2989 red + 0.587 green + 0.114 blue` as the only channel."""
    x, back = _images(images, data_format, "rgb_to_grayscale")
    if x.shape[1] not in (1, 3):
        raise ValueError(f"rgb_to_grayscale needs 1 or 3 channels; received {x.shape[1]}.")
    if x.shape[1] == 1:
        return back(x.clone())
    return back(colors.to_gray(x))


def _floats(x, name):
    if not x.is_floating_point():
        raise ValueError(f"{name} needs floats from 0 to 1; received {x.dtype}.")
    return x


@recorded
def rgb_to_hsv(images: Any, data_format: str | None = None) -> Any:
    """Red, green and blue from 0 to 1 as hue, saturation and value, each from 0 to 1.

    >>> rgb_to_hsv(torch.tensor([[[0.0, 1.0, 0.0]]])).flatten().tolist()
    [0.3333333432674408, 1.0, 1.0]
    """
    x, back = _images(images, data_format, "rgb_to_hsv")
    return back(colors.to_hsv(_floats(x, "rgb_to_hsv")))


@recorded
def hsv_to_rgb(images: Any, data_format: str | None = None) -> Any:
    """The inverse of `rgb_to_hsv`."""
    x, back = _images(images, data_format, "hsv_to_rgb")
    return back(colors.from_hsv(_floats(x, "hsv_to_rgb")))


# --- sizes -----------------------------------------------------------------------------------


@recorded
def resize(
    images: Any,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Any:
    """Images of `size` = (height, width), in their own dtype.

    `interpolation`: 'nearest', 'bilinear', 'bicubic', 'lanczos3' or 'lanczos5', with TensorFlow's
    kernels. Proportions are kept by cutting or by filling, both at both ends alike.

    >>> resize(torch.ones(4, 6, 3), (2, 2)).shape
    torch.Size([2, 2, 3])
    """
    allowed = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
    if interpolation not in allowed:
        raise ValueError(
            f"interpolation must be one of {', '.join(allowed)}; got {interpolation!r}."
        )
    if fill_mode != "constant":
        raise ValueError(f"resize can only fill with a constant; received {fill_mode!r}.")
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError("resize can crop_to_aspect_ratio or pad_to_aspect_ratio, not both.")
    if len(size) != 2:
        raise ValueError(f"size of resize must be (height, width); received {size!r}.")
    x, back = _images(images, data_format, "resize")
    x = _proportioned(x, size, crop_to_aspect_ratio, pad_to_aspect_ratio, fill_value)
    made = kernels.resize(x, size, interpolation, antialias, channels_first=True)
    if not x.is_floating_point() and made.is_floating_point():
        edges = torch.iinfo(x.dtype)
        made = made.round().clamp(edges.min, edges.max)
    return back(made.to(x.dtype))


def _proportioned(x, size, crop, pad, fill_value):
    height, width = x.shape[2:]
    rows, columns = int(width * size[0] / size[1]), int(height * size[1] / size[0])
    if crop:
        rows, columns = max(min(height, rows), 1), max(min(width, columns), 1)
        return x.narrow(2, (height - rows) // 2, rows).narrow(3, (width - columns) // 2, columns)
    if pad:
        above, left = (max(rows, height) - height) // 2, (max(columns, width) - width) // 2
        return F.pad(x, (left, left, above, above), value=fill_value)
    return x


@recorded
def pad_images(
    images: Any,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Any:
    """Zeros around images; of top, bottom and target height two are given, and so across.

    >>> pad_images(torch.ones(2, 2, 1), 1, 0, target_height=4, target_width=2).shape
    torch.Size([4, 2, 1])
    """
    x, back = _images(images, data_format, "pad_images")
    above, below = _ends(x.shape[2], top_padding, bottom_padding, target_height, "pad_images", 1)
    left, right = _ends(x.shape[3], left_padding, right_padding, target_width, "pad_images", 1)
    return back(F.pad(x, (left, right, above, below)))


@recorded
def crop_images(
    images: Any,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Any:
    """Images without their edges; of top, bottom and target height two are given, and so across."""
    x, back = _images(images, data_format, "crop_images")
    above, below = _ends(x.shape[2], top_cropping, bottom_cropping, target_height, "crop_images")
    left, right = _ends(x.shape[3], left_cropping, right_cropping, target_width, "crop_images")
    return back(x[:, :, above : x.shape[2] - below, left : x.shape[3] - right])


def _ends(size, before, after, target, name, sign=-1):
    """What is added (sign 1) or cut at both ends of an axis."""
    if [before, after, target].count(None) != 1:
        raise ValueError(
            f"{name} needs exactly two of the start, the end and the target size of an axis; "
            f"received {before}, {after} and {target}."
        )
    total = None if target is None else sign * (target - size)
    before = total - after if before is None else before
    after = total - before if after is None else after
    if before < 0 or after < 0 or (sign < 0 and before + after > size):
        raise ValueError(f"{name}: {before} and {after} do not fit an axis of size {size}.")
    return before, after


# --- windows ---------------------------------------------------------------------------------


@recorded
def extract_patches(
    images: Any,
    size: Any,
    strides: Any = None,
    dilation_rate: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """The windows of images, or of volumes where `size` has 3 numbers, flat in the channel axis.

    >>> extract_patches(torch.ones(1, 4, 4, 3), 2).shape
    torch.Size([1, 2, 2, 12])
    """
    rank = 3 if isinstance(size, (list, tuple)) and len(size) == 3 else 2
    return _patches(rank, images, size, strides, dilation_rate, padding, data_format)


@recorded
def extract_patches_3d(
    volumes: Any,
    size: Any,
    strides: Any = None,
    dilation_rate: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """The windows of volumes, flat in the channel axis."""
    return _patches(3, volumes, size, strides, dilation_rate, padding, data_format)


def _patches(rank, images, size, strides, dilation_rate, padding, data_format):
    x = tensor(images)
    single = x.ndim == rank + 1
    x = x.unsqueeze(0) if single else x
    window = (size,) * rank if isinstance(size, int) else tuple(size)
    first = standardize_data_format(data_format) == "channels_first"
    channels = x.shape[1 if first else -1]
    count = math.prod(window) * channels
    kernel = torch.eye(count, dtype=x.dtype, device=x.device).reshape(*window, channels, count)
    made = conv(x, kernel, strides or window, padding, data_format, dilation_rate)
    return made.squeeze(0) if single else made


def _each_channel(x, kernel, padding):
    """Channels convolved alone with one kernel."""
    channels = x.shape[1]
    kernel = kernel.to(x).expand(channels, 1, *kernel.shape)
    return F.conv2d(x, kernel, padding=padding, groups=channels)


@recorded
def gaussian_blur(
    images: Any,
    kernel_size: Any = (3, 3),
    sigma: Any = (1.0, 1.0),
    data_format: str | None = None,
) -> Any:
    """The mean around each place, weighted by a bell of `kernel_size` = (height, width).

    `sigma` is the width of the bell across, then down, as Keras 3 has it.
    """
    x, back = _images(images, data_format, "gaussian_blur")
    size = sizes(kernel_size) * (2 if isinstance(kernel_size, int) else 1)
    widths = [float(s) for s in (sigma if isinstance(sigma, (list, tuple)) else (sigma,) * 2)]
    kernel = torch.outer(_bell(size[0], widths[1]), _bell(size[1], widths[0]))
    return back(_each_channel(x, kernel, [n // 2 for n in size]))


def _bell(size, sigma):
    x = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    bell = torch.exp(-0.5 * (x / sigma) ** 2)
    return bell / bell.sum()


@recorded
def sobel_edges(images: Any, data_format: str | None = None) -> Any:
    """How images change downwards and to the right, along a new last axis of 2."""
    x, back = _images(images, data_format, "sobel_edges")
    across = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
    return torch.stack([back(_each_channel(x, kernel, 1)) for kernel in (across.T, across)], -1)


@recorded
def ssim(
    image1: Any,
    image2: Any,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> Any:
    """How alike two images look, 1 at most (Wang et al., 2004); one number for each image.

    >>> image = torch.rand(1, 16, 16, 3)
    >>> ssim(image, image).tolist()
    [1.0]
    """
    dtype = tensor(image1).dtype
    one, _ = _images(inexact(image1), data_format, "ssim")
    other, _ = _images(inexact(image2), data_format, "ssim")
    bell = _bell(filter_size, filter_sigma)
    kernel = torch.outer(bell, bell)
    seen = [
        _each_channel(x, kernel, 0) for x in (one, other, one * one, other * other, one * other)
    ]
    mean, mean2, square, square2, product = seen
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    met = (2 * mean * mean2 + c1) * (2 * (product - mean * mean2) + c2)
    apart = (mean**2 + mean2**2 + c1) * (square - mean**2 + square2 - mean2**2 + c2)
    found = (met / apart).mean((1, 2, 3)).to(dtype)
    return found.squeeze(0) if tensor(image1).ndim == 3 else found


# --- places ----------------------------------------------------------------------------------


def _mirrored(index, size):
    return ((index + size - 1) % max(2 * size - 2, 1) - (size - 1)).abs()


def _reflected(index, size):
    return torch.div(_mirrored(2 * index + 1, 2 * size + 1) - 1, 2, rounding_mode="floor")


_INSIDE = {
    "constant": lambda index, size: index.clamp(0, size - 1),
    "nearest": lambda index, size: index.clamp(0, size - 1),
    "wrap": lambda index, size: index % size,
    "mirror": _mirrored,
    "reflect": _reflected,
}


@recorded
def map_coordinates(
    inputs: Any, coordinates: Any, order: int, fill_mode: str = "constant", fill_value: float = 0.0
) -> Any:
    """The elements at places that may lie between: `coordinates` hold a row for each axis.

    `order` 0 takes the nearest, 1 lies on lines between them. `fill_mode` says what is outside.

    >>> map_coordinates([0.0, 10.0], [[0.25, 5.0]], 1).tolist()
    [2.5, 0.0]
    """
    x = tensor(inputs)
    places = [tensor(one).to(x.device) for one in coordinates]
    if len(places) != x.ndim or places[0].ndim < 1:
        raise ValueError(f"coordinates need a row for each of {x.ndim} axes; got {len(places)}.")
    if fill_mode not in _INSIDE:
        raise ValueError(f"fill_mode must be one of {', '.join(_INSIDE)}; received {fill_mode!r}.")
    if order not in (0, 1):
        raise NotImplementedError(f"order must be 0 or 1; received {order}.")
    corners = [_corners(place, order) for place in places]
    total: Any = 0
    for corner in itertools.product(*corners):
        at = [index for index, _ in corner]
        inside = [_INSIDE[fill_mode](i, n).long() for i, n in zip(at, x.shape, strict=True)]
        seen = x[tuple(inside)]
        if fill_mode == "constant":
            valid = torch.stack([(i >= 0) & (i < n) for i, n in zip(at, x.shape, strict=True)])
            seen = torch.where(valid.all(0), seen, fill_value)
        total = total + math.prod([weight for _, weight in corner]) * seen
    if not x.is_floating_point() and total.is_floating_point():
        total = total.round()
    return total.to(x.dtype)


def _corners(place, order):
    """The indices around places along one axis, with their weights."""
    if order == 0:
        return [(place.round() if place.is_floating_point() else place, 1)]
    lower = place.floor() if place.is_floating_point() else place
    weight = place - lower
    return [(lower, 1 - weight), (lower + 1, weight)]


def _order(interpolation):
    if interpolation not in ("nearest", "bilinear"):
        raise ValueError(f"interpolation must be nearest or bilinear; received {interpolation!r}.")
    return int(interpolation == "bilinear")


def _seen_at(x, down, across, order, fill_mode, fill_value):
    """Images `(batch, channels, h, w)` at places `(batch, height, width)` of their own."""
    one = torch.vmap(
        lambda image, y, x: torch.stack(
            [map_coordinates(c, (y, x), order, fill_mode, fill_value) for c in image]
        )
    )
    return one(x, down, across)


def _grid(x):
    height, width = x.shape[2:]
    dtype = x.dtype if x.is_floating_point() else torch.float32
    down = torch.arange(height, dtype=dtype, device=x.device)[:, None]
    return down, torch.arange(width, dtype=dtype, device=x.device)


@recorded
def affine_transform(
    images: Any,
    transform: Any,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Any:
    """Each place (x, y) taken from another: `(a0 x + a1 y + a2, b0 x + b1 y + b2)`.

    `transform` is `a0 a1 a2 b0 b1 b2 0 0`, one for all images or one for each.
    """
    x, back = _images(images, data_format, "affine_transform")
    order = _order(interpolation)
    rows = tensor(transform).to(x.device)
    if rows.ndim not in (1, 2):
        raise ValueError(f"transform needs 1 or 2 axes; received shape {tuple(rows.shape)}.")
    rows = rows.expand(len(x), 8)[:, :, None, None]
    down, across = _grid(x)
    a0, a1, a2, b0, b1, b2, _, _ = rows.unbind(1)
    places = (b0 * across + b1 * down + b2, a0 * across + a1 * down + a2)
    return back(_seen_at(x, *places, order, fill_mode, fill_value))


@recorded
def perspective_transform(
    images: Any,
    start_points: Any,
    end_points: Any,
    interpolation: str = "bilinear",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Any:
    """Images seen so that four `start_points` (x, y) come to lie on `end_points`."""
    x, back = _images(images, data_format, "perspective_transform")
    order = _order(interpolation)
    down, across = _grid(x)
    start, end = (tensor(p, down.dtype).to(x.device) for p in (start_points, end_points))
    if start.shape != end.shape or start.shape[-2:] != (4, 2) or start.ndim not in (2, 3):
        raise ValueError(
            "start_points and end_points must have the shape (4, 2) or (batch, 4, 2); received "
            f"{tuple(start.shape)} and {tuple(end.shape)}."
        )
    rows = _homography(*(p.reshape(-1, 4, 2) for p in (start, end))).expand(len(x), 8)
    a0, a1, a2, b0, b1, b2, c0, c1 = rows[:, :, None, None].unbind(1)
    depth = c0 * across + c1 * down + 1.0
    places = (b0 * across + b1 * down + b2) / depth, (a0 * across + a1 * down + a2) / depth
    return back(_seen_at(x, *places, order, "constant", fill_value))


def _homography(start, end):
    """The map from `end` back to `start`, 8 numbers for each pair of four points."""
    (sx, sy), (ex, ey) = start.unbind(-1), end.unbind(-1)
    one, zero = torch.ones_like(ex), torch.zeros_like(ex)
    for_x = torch.stack([ex, ey, one, zero, zero, zero, -sx * ex, -sx * ey], -1)
    for_y = torch.stack([zero, zero, zero, ex, ey, one, -sy * ex, -sy * ey], -1)
    matrix = torch.stack([for_x, for_y], 2).flatten(1, 2)
    return torch.linalg.solve(matrix, start.flatten(1))


@recorded
def elastic_transform(
    images: Any,
    alpha: float = 20.0,
    sigma: float = 5.0,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    seed: Any = None,
    data_format: str | None = None,
) -> Any:
    """Images bent at random: places moved by `alpha` times noise blurred with width `sigma`."""
    x, back = _images(images, data_format, "elastic_transform")
    order, size = _order(interpolation), int(6 * sigma) | 1
    bell = _bell(size, sigma)
    noise = normal((2, len(x), *x.shape[2:]), stddev=sigma, seed=seed).to(x.device)
    moved = alpha * _each_channel(noise, torch.outer(bell, bell), size // 2)
    down, across = _grid(x)
    return back(_seen_at(x, down + moved[1], across + moved[0], order, fill_mode, fill_value))


# --- scaled and moved ------------------------------------------------------------------------


def _triangle(x):
    return (1 - x).clamp(min=0)


def _cubic(x):
    near = ((1.5 * x - 2.5) * x) * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return torch.where(x >= 2.0, 0.0, torch.where(x >= 1.0, far, near))


def _lanczos(radius):
    def kernel(x):
        made = torch.sinc(x) * torch.sinc(x / radius)
        return torch.where(x > radius, 0.0, made)

    return kernel


_KERNELS = {"lanczos3": _lanczos(3.0), "lanczos5": _lanczos(5.0)}
_KERNELS |= dict.fromkeys(("linear", "bilinear", "trilinear", "triangle"), _triangle)
_KERNELS |= dict.fromkeys(("cubic", "bicubic", "tricubic"), _cubic)


@recorded
def scale_and_translate(
    images: Any,
    output_shape: Sequence[int],
    scale: Any,
    translation: Any,
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> Any:
    """Axes `spatial_dims` scaled, then moved, and seen through a window of `output_shape`.

    `method`: 'linear', 'cubic', 'lanczos3' or 'lanczos5', and their names for 2 and 3 axes.
    """
    if method not in _KERNELS:
        raise ValueError(f"method must be one of {', '.join(_KERNELS)}; received {method!r}.")
    x = tensor(images)
    made = inexact(x)
    scale, translation = tensor(scale).to(x.device), tensor(translation).to(x.device)
    for number, axis in enumerate(spatial_dims):
        axis %= x.ndim
        weights = _weights(
            x.shape[axis], output_shape[axis], scale[number], translation[number], method, antialias
        )
        made = torch.tensordot(made, weights.to(made.dtype), ([axis], [0])).movedim(-1, axis)
    if not x.is_floating_point():
        made = made.round().clamp(x.min(), x.max())
    return made.to(x.dtype)


def _weights(size, wanted, scale, translation, method, antialias):
    """`(size, wanted)`: how much of each element each place of the result takes."""
    inverse = 1.0 / scale
    width = inverse.clamp(min=1.0) if antialias else 1.0
    at = (torch.arange(wanted, device=scale.device) + 0.5) * inverse - translation * inverse - 0.5
    apart = (at[None, :] - torch.arange(size, device=scale.device)[:, None]).abs() / width
    weights = _KERNELS[method](apart)
    total = weights.sum(0, keepdim=True)
    far = total.abs() <= 1000.0 * torch.finfo(torch.float32).eps
    weights = torch.where(far, 0.0, weights / torch.where(far, 1.0, total))
    return torch.where((at >= -0.5) & (at <= size - 0.5), weights, 0.0)


__all__ = public(globals())
