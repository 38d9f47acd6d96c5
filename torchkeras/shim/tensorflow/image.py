"""`tf.image` and the codecs of `tf.io`: pixels by torch, files by PIL."""

from __future__ import annotations

import functools
import io
import math
from enum import Enum
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ... import colors
from ...data import Strings
from ...precision import torch_dtype
from .calls import function, known, refused, shape_of, tensor

MEMBERS: dict[str, Any] = {
    "rgb_to_grayscale": known("image.rgb_to_grayscale"),
    "per_image_standardization": known("image.per_image_standardization"),
    "flip_left_right": known("image.flip_left_right"),
    "flip_up_down": known("image.flip_up_down"),
    "sample_distorted_bounding_box": refused(
        "image.sample_distorted_bounding_box",
        "use tf.image.random_crop or keras.layers.RandomCrop.",
    ),
}


class ResizeMethod(str, Enum):
    """The names of the methods of `resize`."""

    BILINEAR = "bilinear"
    NEAREST_NEIGHBOR = "nearest"
    BICUBIC = "bicubic"
    AREA = "area"
    LANCZOS3 = "lanczos3"
    LANCZOS5 = "lanczos5"
    GAUSSIAN = "gaussian"
    MITCHELLCUBIC = "mitchellcubic"


MEMBERS["ResizeMethod"] = ResizeMethod


def enter(*names: str):
    """Decorator: enters a function under its name and others."""

    def add(compute):
        wrapped = function(compute)
        for name in (compute.__name__, *names):
            MEMBERS[name] = wrapped
        return wrapped

    return add


# --- sizes ---------------------------------------------------------------------------------------


@enter()
def resize(
    images, size, method="bilinear", preserve_aspect_ratio=False, antialias=False, name=None
):
    """Images of another size; integers stay integers only with the method 'nearest'."""
    height, width = shape_of(size)
    if preserve_aspect_ratio:
        scale = min(height / images.shape[-3], width / images.shape[-2])
        height, width = (max(1, round(n * scale)) for n in images.shape[-3:-1])
    method = getattr(method, "value", method)
    if method == "nearest":
        return known("image.resize")(images, [height, width], method="nearest")
    images = images.float()
    if method == "bilinear":
        return known("image.resize")(images, [height, width], antialias=antialias)
    return _resized_by_layer(images, height, width, method)


def _resized_by_layer(images, height, width, method):
    from ...layers import Resizing

    batch = images if images.ndim == 4 else images.unsqueeze(0)
    result = Resizing(height, width, interpolation=method)(batch)
    return result if images.ndim == 4 else result.squeeze(0)


@enter()
def pad_to_bounding_box(image, offset_height, offset_width, target_height, target_width):
    """Zeros around images."""
    below = target_height - offset_height - image.shape[-3]
    right = target_width - offset_width - image.shape[-2]
    if min(below, right, offset_height, offset_width) < 0:
        raise ValueError("target_height and target_width must hold the image behind its offset.")
    return F.pad(image, (0, 0, offset_width, right, offset_height, below))


@enter()
def crop_to_bounding_box(image, offset_height, offset_width, target_height, target_width):
    """A part of images."""
    if (
        offset_height + target_height > image.shape[-3]
        or offset_width + target_width > image.shape[-2]
    ):
        raise ValueError("height must be >= target + offset, and width too.")
    rows = slice(offset_height, offset_height + target_height)
    return image[..., rows, offset_width : offset_width + target_width, :]


@enter("resize_with_crop_or_pad")
def resize_image_with_crop_or_pad(image, target_height, target_width):
    """Cropped around the middle where too large, padded where too small."""
    height, width = image.shape[-3:-1]
    tall, wide = min(height, target_height), min(width, target_width)
    top, left = max((height - target_height) // 2, 0), max((width - target_width) // 2, 0)
    image = image[..., top : top + tall, left : left + wide, :]
    top, left = max((target_height - height) // 2, 0), max((target_width - width) // 2, 0)
    return MEMBERS["pad_to_bounding_box"](image, top, left, target_height, target_width)


@enter()
def resize_with_pad(image, target_height, target_width, method="bilinear", antialias=False):
    """Resized with its aspect kept, and padded."""
    height, width = image.shape[-3:-1]
    ratio = max(width / target_width, height / target_height)
    tall, wide = math.floor(height / ratio), math.floor(width / ratio)
    top, left = (
        max((target_height - height / ratio) / 2, 0),
        max((target_width - width / ratio) / 2, 0),
    )
    resized = MEMBERS["resize"](image, [tall, wide], method, antialias=antialias)
    return MEMBERS["pad_to_bounding_box"](resized, int(top), int(left), target_height, target_width)


@enter()
def central_crop(image, central_fraction):
    """The middle of images."""
    height, width = image.shape[-3:-1]
    top, left = (int((n - n * central_fraction) / 2) for n in (height, width))
    return image[..., top : height - top, left : width - left, :]


@enter()
def random_crop(value, size, seed=None, name=None):
    """A part of a tensor, anywhere."""
    size = shape_of(size)
    size = [n if s == -1 else s for s, n in zip(size, value.shape, strict=True)]
    starts = [int(_draw(seed, 0, n - s + 1)) for s, n in zip(size, value.shape, strict=True)]
    return value[tuple(slice(b, b + s) for b, s in zip(starts, size, strict=True))]


@enter()
def crop_and_resize(
    image, boxes, box_indices, crop_size, method="bilinear", extrapolation_value=0.0, name=None
):
    """Parts of images, told by normalized boxes (y1, x1, y2, x2), in one size."""
    tall, wide = shape_of(crop_size)
    image = image.float()
    height, width = image.shape[1:3]

    def places(low, high, count, length):
        steps = torch.arange(count, device=image.device, dtype=torch.float32)
        if count > 1:
            return low.unsqueeze(1) * (length - 1) + steps * (
                (high - low) * (length - 1) / (count - 1)
            ).unsqueeze(1)
        return (0.5 * (low + high) * (length - 1)).unsqueeze(1)

    y = places(boxes[:, 0], boxes[:, 2], tall, height)
    x = places(boxes[:, 1], boxes[:, 3], wide, width)
    grid = torch.stack(
        [
            (2 * x / max(width - 1, 1) - 1).unsqueeze(1).expand(-1, tall, -1),
            (2 * y / max(height - 1, 1) - 1).unsqueeze(2).expand(-1, -1, wide),
        ],
        -1,
    )
    chosen = image[tensor(box_indices).long()].movedim(-1, 1)
    cut = F.grid_sample(
        chosen, grid, mode=method, padding_mode="border", align_corners=True
    ).movedim(1, -1)
    inside = ((y >= 0) & (y <= height - 1)).unsqueeze(2) & ((x >= 0) & (x <= width - 1)).unsqueeze(
        1
    )
    return torch.where(
        inside.unsqueeze(-1), cut, torch.as_tensor(extrapolation_value, dtype=cut.dtype)
    )


@enter()
def extract_patches(images, sizes, strides, rates, padding, name=None):
    """Windows of images, flat in the last axis."""
    (_, tall, wide, _), (_, down, right, _), (_, rate_y, rate_x, _) = sizes, strides, rates
    x = images.movedim(-1, 1)
    if padding.upper() == "SAME":
        pads = []
        for length, size, step, rate in (
            (x.shape[3], wide, right, rate_x),
            (x.shape[2], tall, down, rate_y),
        ):
            whole = max((-(-length // step) - 1) * step + (size - 1) * rate + 1 - length, 0)
            pads += [whole // 2, whole - whole // 2]
        x = F.pad(x, pads)
    rows = (x.shape[2] - (tall - 1) * rate_y - 1) // down + 1
    columns = (x.shape[3] - (wide - 1) * rate_x - 1) // right + 1
    flat = F.unfold(x.float(), (tall, wide), (rate_y, rate_x), 0, (down, right)).to(images.dtype)
    blocks = flat.reshape(len(x), x.shape[1], tall * wide, rows, columns)
    return blocks.permute(0, 3, 4, 2, 1).flatten(3)


@enter()
def rot90(image, k=1, name=None):
    """Quarter turns against the clock."""
    return torch.rot90(image, int(k), (-3, -2))


@enter()
def transpose(image, name=None):
    """Rows and columns exchanged."""
    return image.transpose(-3, -2)


# --- values --------------------------------------------------------------------------------------


@enter()
def convert_image_dtype(image, dtype, saturate=False, name=None):
    """Images in another dtype, where the whole range of integers is 0 to 1 of floats."""
    dtype = torch_dtype(dtype)
    if image.dtype is dtype:
        return image
    if image.is_floating_point():
        if dtype.is_floating_point:
            return image.to(dtype)
        scaled = image * (torch.iinfo(dtype).max + 0.5)
        info = torch.iinfo(dtype)
        return (scaled.clamp(info.min, info.max) if saturate else scaled).to(dtype)
    if dtype.is_floating_point:
        return image.to(dtype) * (1.0 / torch.iinfo(image.dtype).max)
    own, other = torch.iinfo(image.dtype).max, torch.iinfo(dtype).max
    if own > other:
        return torch.div(image, (own + 1) // (other + 1), rounding_mode="floor").to(dtype)
    return image.to(dtype) * ((other + 1) // (own + 1))


def _through_floats(change):
    """A change of floats in 0 to 1, for integers too."""

    @functools.wraps(change)
    def apply(**kwargs):
        first = next(iter(kwargs))
        image = kwargs[first]
        if image.is_floating_point():
            return change(**kwargs)
        convert = MEMBERS["convert_image_dtype"]
        changed = change(**{**kwargs, first: convert(image, torch.float32)})
        return convert(changed, image.dtype, saturate=True)

    return apply


@enter()
@_through_floats
def adjust_brightness(image, delta):
    """Something added to all."""
    return image + delta


@enter()
@_through_floats
def adjust_contrast(images, contrast_factor):
    """The distance of each channel from its mean, times a factor."""
    mean = images.mean((-3, -2), keepdim=True)
    return (images - mean) * contrast_factor + mean


@enter()
@_through_floats
def adjust_gamma(image, gamma=1, gain=1):
    """`gain * image ** gamma`."""
    return gain * image**gamma


@enter()
@_through_floats
def adjust_saturation(image, saturation_factor, name=None):
    """The saturation times a factor."""
    hsv = MEMBERS["rgb_to_hsv"](image)
    hue, saturation, value = hsv.unbind(-1)
    saturation = (saturation * saturation_factor).clamp(0, 1)
    return MEMBERS["hsv_to_rgb"](torch.stack([hue, saturation, value], -1))


@enter()
@_through_floats
def adjust_hue(image, delta, name=None):
    """The hue turned by `delta` of a circle."""
    hue, saturation, value = MEMBERS["rgb_to_hsv"](image).unbind(-1)
    return MEMBERS["hsv_to_rgb"](torch.stack([(hue + delta) % 1.0, saturation, value], -1))


@enter()
def rgb_to_hsv(images, name=None):
    """Hue, saturation and value, all in 0 to 1."""
    return colors.to_hsv(images.reshape(-1, 3, 1, 1)).reshape(images.shape)


@enter()
def hsv_to_rgb(images, name=None):
    """And back."""
    return colors.from_hsv(images.reshape(-1, 3, 1, 1)).reshape(images.shape)


@enter()
def grayscale_to_rgb(images, name=None):
    """One channel three times."""
    return images.expand(*images.shape[:-1], 3).clone()


_YUV = [
    [0.299, -0.14714119, 0.61497538],
    [0.587, -0.28886916, -0.51496512],
    [0.114, 0.43601035, -0.10001026],
]


@enter()
def rgb_to_yuv(images):
    """Luma and two differences."""
    return images @ torch.tensor(_YUV, dtype=images.dtype, device=images.device)


@enter()
def yuv_to_rgb(images):
    """And back."""
    return images @ torch.linalg.inv(torch.tensor(_YUV, dtype=torch.float64)).to(images)


# --- random changes ------------------------------------------------------------------------------


def _draw(seed, low, high):
    generator = (
        None if seed is None else torch.Generator().manual_seed(int(tensor(seed).flatten().sum()))
    )
    share = torch.rand((), generator=generator, device="cpu").item()
    return low + (high - low) * share


def _flip(name, plain):
    def flip(image, seed=None):
        axis = {"flip_left_right": -2, "flip_up_down": -3}[plain]
        if image.ndim == 4:
            chosen = torch.rand(len(image), device="cpu").lt(0.5).to(image.device)
            return torch.where(chosen.reshape(-1, 1, 1, 1), image.flip(axis), image)
        return image.flip(axis) if _draw(seed, 0, 1) < 0.5 else image

    flip.__name__ = name
    return function(flip)


def _random(name, plain, low, high):
    def change(image, *args, seed=None, **kwargs):
        bounds = [*args, *kwargs.values()]
        low_end, high_end = bounds if len(bounds) > 1 else (-bounds[0], bounds[0])
        return MEMBERS[plain](image, _draw(seed, low_end, high_end))

    change.__name__ = name
    return change


for _name, _plain in {
    "brightness": "adjust_brightness",
    "contrast": "adjust_contrast",
    "saturation": "adjust_saturation",
    "hue": "adjust_hue",
}.items():
    MEMBERS[f"random_{_name}"] = _random(f"random_{_name}", _plain, 0, 1)

    def _stateless(image, *args, seed=None, plain=f"random_{_name}", **kwargs):
        *bounds, last = args
        seed, bounds = (last, bounds) if seed is None else (seed, args)
        return MEMBERS[plain](image, *bounds, seed=seed, **kwargs)

    MEMBERS[f"stateless_random_{_name}"] = _stateless
for _name in ("flip_left_right", "flip_up_down"):
    MEMBERS[f"random_{_name}"] = _flip(f"random_{_name}", _name)
    MEMBERS[f"stateless_random_{_name}"] = MEMBERS[f"random_{_name}"]
MEMBERS["stateless_random_crop"] = lambda value, size, seed, name=None: MEMBERS["random_crop"](
    value, size, seed
)


# --- measures ------------------------------------------------------------------------------------


@enter()
def psnr(a, b, max_val, name=None):
    """The peak signal to noise ratio in decibels."""
    error = (a.float() - b.float()).square().mean((-3, -2, -1))
    return 20 * math.log10(max_val) - 10 * torch.log10(error)


@enter()
def ssim(
    img1, img2, max_val, filter_size=11, filter_sigma=1.5, k1=0.01, k2=0.03, return_index_map=False
):
    """The structural similarity of images, a number each."""
    steps = (
        torch.arange(filter_size, device=img1.device, dtype=torch.float32) - (filter_size - 1) / 2
    )
    line = torch.softmax(-steps.square() / (2 * filter_sigma**2), 0)
    channels = img1.shape[-1]
    kernel = (line.unsqueeze(1) * line).expand(channels, 1, -1, -1)

    def smooth(x):
        return F.conv2d(x, kernel, groups=channels)

    a, b = (x.float().reshape(-1, *x.shape[-3:]).movedim(-1, 1) for x in (img1, img2))
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    mean_a, mean_b = smooth(a), smooth(b)
    luminance = (2 * mean_a * mean_b + c1) / (mean_a.square() + mean_b.square() + c1)
    both = smooth(a * b) * 2 - 2 * mean_a * mean_b
    alone = smooth(a.square() + b.square()) - mean_a.square() - mean_b.square()
    values = luminance * (both + c2) / (alone + c2)
    return (
        values.movedim(1, -1)
        if return_index_map
        else values.mean((-3, -2, -1)).reshape(img1.shape[:-3])
    )


@enter()
def total_variation(images, name=None):
    """The sum of the differences of neighbours."""
    down = (images[..., 1:, :, :] - images[..., :-1, :, :]).abs()
    right = (images[..., 1:, :] - images[..., :-1, :]).abs()
    return down.sum((-3, -2, -1)) + right.sum((-3, -2, -1))


@enter()
def image_gradients(image):
    """The differences to the row below and the column beside."""
    down = F.pad(image[:, 1:] - image[:, :-1], (0, 0, 0, 0, 0, 1))
    right = F.pad(image[:, :, 1:] - image[:, :, :-1], (0, 0, 0, 1))
    return down, right


@enter()
def sobel_edges(image):
    """The slopes down and to the right in a last axis."""
    kernels = torch.tensor(
        [[[-1, -2, -1], [0, 0, 0], [1, 2, 1]], [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]]
    )
    channels = image.shape[-1]
    kernel = kernels.to(image).unsqueeze(1).repeat(channels, 1, 1, 1)
    padded = F.pad(image.movedim(-1, 1), (1, 1, 1, 1), mode="reflect")
    edges = F.conv2d(padded, kernel, groups=channels).unflatten(1, (channels, 2))
    return edges.permute(0, 3, 4, 1, 2)


# --- files ---------------------------------------------------------------------------------------


def _bytes(contents: Any) -> bytes:
    if isinstance(contents, Strings):
        return contents.numpy()
    if isinstance(contents, np.ndarray):
        contents = contents.item()
    return contents if isinstance(contents, bytes) else contents.encode(errors="surrogateescape")


def decode_image(
    contents, channels=0, dtype=torch.uint8, name=None, expand_animations=True
) -> Tensor:
    """The pixels of a picture file: `(height, width, channels)`, 0 to 255 or 0 to 1 of floats."""
    from PIL import Image

    picture = Image.open(io.BytesIO(_bytes(contents)), formats=["BMP", "GIF", "JPEG", "PNG"])
    animated = getattr(picture, "is_animated", False) and expand_animations
    mode = {0: None, 1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[int(channels or 0)]
    if picture.format == "GIF":
        mode = "RGB"
    frames = []
    for number in range(getattr(picture, "n_frames", 1) if animated else 1):
        if number:
            picture.seek(number)
        wanted = mode or ("RGB" if picture.mode in ("P", "CMYK", "YCbCr") else picture.mode)
        array = np.array(picture.convert(wanted))
        frames.append(array if array.ndim == 3 else array[..., None])
    whole = torch.from_numpy(np.stack(frames) if animated else frames[0])
    return MEMBERS["convert_image_dtype"](whole, dtype)


def decode_picture(
    contents, channels=0, *args: Any, dtype=torch.uint8, name=None, **kwargs
) -> Tensor:
    """`decode_image` of a file with one picture."""
    return decode_image(contents, channels, dtype, expand_animations=False)


def _encode(kind):
    def encode(image, *args, quality=95, name=None, **kwargs):
        from PIL import Image

        array = np.asarray(tensor(image).cpu())
        array = array[..., 0] if array.shape[-1] == 1 else array
        buffer = io.BytesIO()
        options = {"quality": int(quality)} if kind == "JPEG" else {}
        Image.fromarray(array).save(buffer, kind, **options)
        return Strings.of(buffer.getvalue())

    encode.__name__ = f"encode_{kind.lower()}"
    encode.__doc__ = f"The {kind} file of pixels."
    return encode


def is_jpeg(contents: Any, name: str | None = None) -> bool:
    """Whether a file is a JPEG."""
    return _bytes(contents)[:3] == b"\xff\xd8\xff"


CODECS: dict[str, Any] = {
    "decode_image": decode_image,
    "decode_jpeg": decode_picture,
    "decode_png": decode_picture,
    "decode_bmp": decode_picture,
    "decode_and_crop_jpeg": lambda contents, crop_window, channels=0, **kwargs: MEMBERS[
        "crop_to_bounding_box"
    ](decode_picture(contents, channels), *shape_of(crop_window)),
    "decode_gif": lambda contents, name=None: decode_image(contents, 3).reshape(
        -1, *decode_image(contents, 3).shape[-3:]
    ),
    "encode_jpeg": _encode("JPEG"),
    "encode_png": _encode("PNG"),
    "is_jpeg": is_jpeg,
}
MEMBERS |= CODECS
