"""TensorFlow's functions on images, computed by torch."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from .. import colors, resizing
from ..precision import torch_dtype
from ..resizing import kernel_name
from .tf_table import entry, sizes_of

_METHODS = dict(enumerate(("bilinear", "nearest", "bicubic", "area")))  # TensorFlow 1's numbers


@entry("resize_v2")
def resize(
    images, size, method="bilinear", preserve_aspect_ratio=False, antialias=False, name=None
):
    method = kernel_name(_METHODS.get(method, method), "method of tf.image.resize")
    size = _size(images, size, preserve_aspect_ratio)
    outputs = resizing.resize(images, size, method, bool(antialias))
    return outputs if method == "nearest" else outputs.float()


def _size(images, size, keeps_aspect):
    size = sizes_of(size)
    if not keeps_aspect:
        return size
    found = images.shape[-3:-1]
    scale = min(wanted / n for wanted, n in zip(size, found, strict=True))
    return [round(n * scale) for n in found]


# --- TensorFlow 1: pixels are points at their corners --------------------------------------


@entry()
def resize_images(
    images, size, method=0, align_corners=False, preserve_aspect_ratio=False, name=None
):
    """`tf.image.resize` of TensorFlow 1."""
    method = kernel_name(_METHODS.get(method, method), "method of tf.image.resize_images")
    if method not in ("bilinear", "nearest"):
        raise ValueError(
            f"tf.image.resize_images of TensorFlow 1 with method {method!r} is not supported; "
            "'bilinear' and 'nearest' are."
        )
    size = _size(images, size, preserve_aspect_ratio)
    if size == list(images.shape[-3:-1]):
        return images
    by = resize_bilinear if method == "bilinear" else resize_nearest_neighbor
    return by(images, size, align_corners)


@entry()
def resize_bilinear(
    images, size, align_corners=False, half_pixel_centers=False, name=None, **other
):
    images = images.float()
    if half_pixel_centers:
        return _interpolated(images, size, mode="bilinear", align_corners=False)
    for axis, target in zip((-3, -2), sizes_of(size), strict=True):
        count = images.shape[axis]
        places = _places(count, target, align_corners).to(images.device)
        low = places.floor().long().clamp(max=count - 1)
        share = (places - low).to(images.dtype).view(-1, *[1] * (-1 - axis))
        below = images.index_select(axis, low)
        images = below.lerp(images.index_select(axis, (low + 1).clamp(max=count - 1)), share)
    return images


def _places(before, after, align):
    """Where the pixels of a longer or shorter side lie on the side of before."""
    step = (before - 1) / (after - 1) if align and after > 1 else before / after
    return torch.arange(after) * step


@entry()
def resize_nearest_neighbor(
    images, size, align_corners=False, half_pixel_centers=False, name=None, **other
):
    if half_pixel_centers:
        return _interpolated(images, size, mode="nearest-exact")
    for axis, target in zip((-3, -2), sizes_of(size), strict=True):
        places = _places(images.shape[axis], target, align_corners)
        places = (places + 0.5 if align_corners else places).long()
        index = places.clamp(max=images.shape[axis] - 1).to(images.device)
        images = images.index_select(axis, index)
    return images


def _interpolated(images, size, **how):
    batch = images if images.ndim == 4 else images.unsqueeze(0)
    result = F.interpolate(batch.movedim(-1, 1), sizes_of(size), **how).movedim(1, -1)
    return result if images.ndim == 4 else result.squeeze(0)


@entry()
def grayscale_to_rgb(images, name=None):
    return images.expand(*images.shape[:-1], 3)


@entry()
def adjust_brightness(image, delta):
    return image + delta


@entry()
def adjust_contrast(images, contrast_factor):
    mean = images.mean((-3, -2), keepdim=True)
    return (images - mean) * contrast_factor + mean


def _of_colors(function, images):
    batch = images.reshape(-1, *images.shape[-3:]).movedim(-1, 1)
    return function(batch).movedim(1, -1).reshape(images.shape)


@entry()
def rgb_to_hsv(images, name=None):
    return _of_colors(colors.to_hsv, images)


@entry()
def hsv_to_rgb(images, name=None):
    return _of_colors(colors.from_hsv, images)


@entry()
def adjust_saturation(image, saturation_factor, name=None):
    def more(batch):
        hue, saturation, value = colors.to_hsv(batch).split(1, 1)
        saturation = (saturation * saturation_factor).clamp(0.0, 1.0)
        return colors.from_hsv(torch.cat([hue, saturation, value], 1))

    return _of_colors(more, image)


@entry()
def adjust_hue(image, delta, name=None):
    def turned(batch):
        hue, rest = colors.to_hsv(batch).split((1, 2), 1)
        return colors.from_hsv(torch.cat([torch.remainder(hue + delta, 1.0), rest], 1))

    return _of_colors(turned, image)


@entry()
def adjust_gamma(image, gamma=1, gain=1):
    return gain * image**gamma


@entry()
def convert_image_dtype(image, dtype, saturate=False, name="convert_image"):
    """Numbers of another dtype: integers stand for what is between 0 and 1."""
    dtype = torch_dtype(dtype)
    if dtype == image.dtype:
        return image
    if dtype.is_floating_point:
        scale = 1.0 if image.is_floating_point() else 1.0 / torch.iinfo(image.dtype).max
        return image.to(dtype) * scale
    if not image.is_floating_point():
        raise ValueError("tf.image.convert_image_dtype from integers to integers in a graph.")
    most = torch.iinfo(dtype).max
    image = image * (most + 0.5)
    return (image.clamp(torch.iinfo(dtype).min, most) if saturate else image).to(dtype)


@entry()
def total_variation(images, name=None):
    axes = tuple(range(images.ndim - 3, images.ndim))
    rows = images.diff(dim=-3)
    columns = images.diff(dim=-2)
    return rows.abs().sum(axes) + columns.abs().sum(axes)


@entry("resize_image_with_crop_or_pad")
def resize_with_crop_or_pad(image, target_height, target_width):
    """The middle, or the image with zeros around it."""
    for axis, target in ((-3, int(target_height)), (-2, int(target_width))):
        size = image.shape[axis]
        if size > target:
            image = image.narrow(axis, (size - target) // 2, target)
        elif size < target:
            before = (target - size) // 2
            edges = (before, target - size - before)
            image = F.pad(image, (0, 0, 0, 0, *edges) if axis == -3 else (0, 0, *edges))
    return image


@entry()
def rot90(image, k=1, name=None):
    return torch.rot90(image, k, (-3, -2))


@entry()
def central_crop(image, central_fraction):
    for axis in (-3, -2):
        size = image.shape[axis]
        start = int((size - size * central_fraction) / 2)
        image = image.narrow(axis, start, size - 2 * start)
    return image


@entry()
def crop_to_bounding_box(image, offset_height, offset_width, target_height, target_width):
    rows = image.narrow(-3, offset_height, target_height)
    return rows.narrow(-2, offset_width, target_width)


@entry()
def pad_to_bounding_box(image, offset_height, offset_width, target_height, target_width):
    below = target_height - offset_height - image.shape[-3]
    behind = target_width - offset_width - image.shape[-2]
    return F.pad(image, (0, 0, offset_width, behind, offset_height, below))


@entry()
def flip_left_right(image):
    return image.flip(-2)


@entry()
def flip_up_down(image):
    return image.flip(-3)


@entry()
def rgb_to_grayscale(images, name=None):
    weights = torch.tensor([0.2989, 0.587, 0.114], dtype=images.dtype, device=images.device)
    return (images * weights).sum(-1, keepdim=True)


@entry()
def per_image_standardization(image):
    axes = (-3, -2, -1)
    image = image.float()
    floor = 1.0 / math.sqrt(math.prod(image.shape[-3:]))
    spread = image.std(axes, correction=0, keepdim=True).clamp(min=floor)
    return (image - image.mean(axes, keepdim=True)) / spread


@entry()
def space_to_depth(input, block_size, data_format="NHWC", name=None):
    batch, height, width, channels = _channels_last(input, data_format).shape
    blocks = input.reshape(
        batch, height // block_size, block_size, width // block_size, block_size, channels
    )
    return blocks.permute(0, 1, 3, 2, 4, 5).flatten(3)


@entry()
def depth_to_space(input, block_size, data_format="NHWC", name=None):
    _channels_last(input, data_format)
    blocks = input.unflatten(-1, (block_size, block_size, -1))
    return blocks.permute(0, 1, 3, 2, 4, 5).flatten(3, 4).flatten(1, 2)


def _channels_last(images, data_format):
    if data_format != "NHWC":
        raise ValueError(f"data_format={data_format!r} in a graph is not supported.")
    return images
