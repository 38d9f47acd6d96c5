"""Image files, PIL images and arrays."""

from __future__ import annotations

import io
import os
import pathlib
import warnings
from typing import Any

import numpy as np
import torch

from ... import config
from ...resizing import smart_resize as _smart_resize

FORMATS = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")
_NEED_PROGRAMS = {"EPS", "WMF"}  # formats that PIL reads by running or asking another program
_RESAMPLING = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")
_MODES = {"grayscale": ("L", "I;16", "I"), "rgb": ("RGB",), "rgba": ("RGBA",)}


def load_img(
    path: Any,
    grayscale: bool = False,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """The PIL image in a file (a path, or `io.BytesIO`), as 'rgb', 'rgba' or 'grayscale'.

    `target_size` is (height, width); `interpolation` one of nearest, bilinear, bicubic, hamming,
    box, lanczos. `keep_aspect_ratio` resizes the largest centred part that has the target's
    proportions. ValueError names a file that is no image or is cut short.
    """
    if grayscale:
        warnings.warn('Use color_mode="grayscale" in place of grayscale=True.', stacklevel=2)
        color_mode = "grayscale"
    if color_mode not in _MODES:
        raise ValueError(
            f"`color_mode` must be one of {', '.join(_MODES)}; received {color_mode!r}."
        )
    image = _opened(path)
    if image.mode not in _MODES[color_mode]:
        image = image.convert(_MODES[color_mode][0])
    if target_size is None or image.size == (target_size[1], target_size[0]):
        return image
    height, width = target_size
    if interpolation not in _RESAMPLING:
        raise ValueError(
            f"`interpolation` must be one of {', '.join(_RESAMPLING)}; received {interpolation!r}."
        )
    box = _centered_box(*image.size, width, height) if keep_aspect_ratio else None
    return image.resize((width, height), _pil().Resampling[interpolation.upper()], box=box)


def _opened(path):
    if not isinstance(path, (io.BytesIO, pathlib.Path, bytes, str)):
        raise TypeError(f"`path` must be a path or io.BytesIO; received {type(path).__name__}.")
    source = path
    if not isinstance(path, io.BytesIO):
        source = io.BytesIO(pathlib.Path(os.fsdecode(path)).read_bytes())
    try:
        _pil().init()
        image = _pil().open(source, formats=[one for one in _pil().ID if one not in _NEED_PROGRAMS])
        image.load()
    except Exception as error:  # decoders raise nearly anything over a damaged file
        if isinstance(error, ImportError):
            raise
        name = "the given bytes" if isinstance(path, io.BytesIO) else os.fsdecode(path)
        raise ValueError(f"Cannot read {name} as an image: {error}.") from None
    return image


def _centered_box(width, height, target_width, target_height):
    part_height = min(height, width * target_height // target_width)
    part_width = min(width, height * target_width // target_height)
    left, top = (width - part_width) // 2, (height - part_height) // 2
    return (left, top, left + part_width, top + part_height)


def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> np.ndarray:
    """A PIL image, or a 2D or 3D array, as an array of rank 3.

    `data_format` and `dtype` default to the settings of `backend`. Channels come last in `img`.
    """
    data_format = config.standardize_data_format(data_format)
    array = np.asarray(img, dtype=dtype or config.floatx())
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3:
        raise ValueError(f"An image has 2 or 3 axes; received shape {array.shape}.")
    return array.transpose(2, 0, 1) if data_format == "channels_first" else array


def array_to_img(x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None):
    """An array of rank 3 with 1, 3 or 4 channels as a PIL image.

    `scale` stretches the values to 0..255; without it they are cut to whole numbers.
    """
    data_format = config.standardize_data_format(data_format)
    x = np.asarray(x, dtype=dtype or config.floatx())
    if x.ndim != 3:
        raise ValueError(f"`x` must be one image of rank 3; received shape {x.shape}.")
    if data_format == "channels_first":
        x = x.transpose(1, 2, 0)
    if x.shape[2] not in (1, 3, 4):
        raise ValueError(f"An image has 1, 3 or 4 channels; received {x.shape[2]}.")
    if scale:
        x = stretched(x)
    if x.shape[2] > 1:
        return _pil().fromarray(np.ascontiguousarray(x.astype("uint8")))
    x = x[:, :, 0]
    return _pil().fromarray(x.astype("int32" if np.max(x) > 255 else "uint8"))


def stretched(x: np.ndarray, axis: Any = None) -> np.ndarray:
    """`x` with its smallest value moved to 0 and its largest to 255."""
    x = x - np.min(x, axis=axis, keepdims=True)
    largest = np.max(x, axis=axis, keepdims=True)
    return x / np.where(largest == 0, 1, largest).astype(x.dtype) * 255


def save_img(
    path: Any,
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Write an array of rank 3 as an image file; `kwargs` go to `PIL.Image.save`.

    `file_format` says the format where `path` is a file object or has another ending. `scale`
    stretches the values to 0..255.
    """
    image = array_to_img(x, data_format=data_format, scale=scale)
    if image.mode == "RGBA" and file_format in ("jpg", "jpeg"):
        warnings.warn("JPEG files hold no transparency; saving as RGB.", stacklevel=2)
        image = image.convert("RGB")
    image.save(path, format="jpeg" if file_format == "jpg" else file_format, **kwargs)


def smart_resize(x: Any, size: tuple[int, int], interpolation: str = "bilinear") -> Any:
    """Images `(height, width, channels)` or a batch of them, resized without distortion.

    The largest centred part with the proportions of `size` = (height, width) is resized to it.
    Arrays give arrays, tensors give tensors. `interpolation`: bilinear, nearest, bicubic, area,
    lanczos3, lanczos5, gaussian or mitchellcubic.

    >>> smart_resize(np.ones((4, 8, 3)), (2, 2)).shape
    (2, 2, 3)
    """
    if len(size) != 2:
        raise ValueError(f"`size` must be (height, width); received {size!r}.")
    images = x if isinstance(x, torch.Tensor) else torch.from_numpy(np.array(x))
    if images.ndim not in (3, 4):
        raise ValueError(
            "`x` must be an image (height, width, channels) or a batch of them; received shape "
            f"{tuple(images.shape)}."
        )
    resized = _smart_resize(images, size, interpolation)
    return resized.numpy() if isinstance(x, np.ndarray) else resized


def _pil():
    from PIL import Image

    return Image
