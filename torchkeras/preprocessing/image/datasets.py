"""`image_dataset_from_directory`: image files as batches of tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ...resizing import kernel_name, resize, smart_resize
from ..labelled_files import Plan, dataset_of
from .files import load_img

FORMATS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
_MODES = ("rgb", "rgba", "grayscale")
_GREY = (9797, 19234, 3737)  # by what libpng weighs red, green and blue, in 1/32768ths


def image_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Any = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: tuple[int, int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    **kwargs: Any,
) -> Any:
    """Batches of the images below a directory, one folder a class, as a `data.Dataset`.

    Images are float32 `(batch_size, *image_size, channels)` of 0 to 255; `label_mode` says what
    labels are: int32 numbers, float32 'binary' `(n, 1)` or 'categorical' one-hot rows, or none.
    `labels` may be a list, a number for each file in sorted order. With `validation_split` `subset`
    is 'training', 'validation' or 'both' (a list of two). The result has `class_names` and
    `file_paths`. Pixels are those of TensorFlow, but JPEG is decoded exactly, where TensorFlow's
    fast decoder is off by up to 6 of 255. ValueError names a file that is no image or is cut short.
    """
    crop = kwargs.pop("smart_resize", crop_to_aspect_ratio)
    if kwargs:
        raise TypeError(f"image_dataset_from_directory has no argument {next(iter(kwargs))!r}.")
    if color_mode not in _MODES:
        raise ValueError(
            f"`color_mode` must be one of {', '.join(_MODES)}; received {color_mode!r}."
        )
    if len(image_size) != 2:
        raise ValueError(f"`image_size` must be (height, width); received {image_size!r}.")
    method, size = kernel_name(interpolation), tuple(map(int, image_size))
    change = smart_resize if crop else resize

    def load(path):
        image = _read(path, color_mode)
        return change(image if method == "nearest" else image.float(), size, method)

    plan = Plan(
        directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split,
        subset, follow_links,
    )  # fmt: skip
    return dataset_of(plan, FORMATS, "image", load)


def _read(path, color_mode):
    """The image in a file as uint8 `(height, width, channels)`."""
    if color_mode != "grayscale" or not path.lower().endswith(".png"):
        image = np.array(load_img(path, color_mode=color_mode))
        if image.dtype != np.uint8:  # 16 bits a pixel
            image = (image.astype(np.int64) >> 8).astype(np.uint8)
        return torch.from_numpy(image if image.ndim == 3 else image[:, :, None])
    colors = _read(path, "rgb").int()
    if (colors == colors[..., :1]).all():
        return colors[..., :1].to(torch.uint8)
    weighed = sum(colors[..., i] * weight for i, weight in enumerate(_GREY))
    return (weighed >> 15)[..., None].to(torch.uint8)
