"""Batches of images in files; one folder for each class."""

from __future__ import annotations

import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import numpy as np

from ... import config
from ...console import print_msg
from .files import img_to_array, load_img
from .iterators import Iterator

_CHANNELS = {"rgb": 3, "rgba": 4, "grayscale": 1}


class BatchFromFilesMixin:
    """What iterators over image files share: reading, transforming and labelling a batch.

    The iterator has `filepaths`, `labels` and `sample_weight`, and `class_mode` and `dtype`.
    """

    def set_processing_attrs(
        self,
        image_data_generator: Any,
        target_size: tuple[int, int],
        color_mode: str,
        data_format: str,
        save_to_dir: str | None,
        save_prefix: str,
        save_format: str,
        subset: str | None,
        interpolation: str,
        keep_aspect_ratio: bool,
    ) -> None:
        """Keep how files are to be read; ValueError for an unknown colour mode or subset."""
        if color_mode not in _CHANNELS:
            raise ValueError(
                f"`color_mode` must be one of {', '.join(_CHANNELS)}; received {color_mode!r}."
            )
        self.image_data_generator = image_data_generator
        self.target_size = tuple(target_size)
        self.keep_aspect_ratio = keep_aspect_ratio
        self.color_mode = color_mode
        self.data_format = data_format
        channels = (_CHANNELS[color_mode],)
        last = data_format == "channels_last"
        self.image_shape = self.target_size + channels if last else channels + self.target_size
        self.save_to_dir = save_to_dir
        self.save_prefix = save_prefix
        self.save_format = save_format
        self.interpolation = interpolation
        self.subset = subset
        self.split = None
        if subset is not None:
            share = image_data_generator._validation_split
            splits = {"validation": (0, share), "training": (share, 1)}
            if subset not in splits:
                raise ValueError(
                    f"`subset` must be 'training' or 'validation'; received {subset!r}."
                )
            self.split = splits[subset]

    def _get_batches_of_transformed_samples(self, index_array):
        # Files are decoded side by side; random numbers are drawn afterwards, in order.
        images = np.stack(list(self._readers.map(self._read, index_array)))
        if self.image_data_generator:
            images = self.image_data_generator._processed(images, np.arange(len(images)))
        x = images.astype(self.dtype, copy=False)
        self._save(x, index_array, int(1e7))
        if self.class_mode is None:
            return x
        y = self._labels_of(index_array, x)
        if self.sample_weight is None:
            return x, y
        return x, y, self.sample_weight[index_array]

    def _read(self, index):
        image = load_img(
            self.filepaths[index],
            color_mode=self.color_mode,
            target_size=self.target_size,
            interpolation=self.interpolation,
            keep_aspect_ratio=self.keep_aspect_ratio,
        )
        return img_to_array(image, data_format=self.data_format)

    def _labels_of(self, index_array, x):
        if self.class_mode == "input":
            return x.copy()
        if self.class_mode == "multi_output":
            return [output[index_array] for output in self.labels]
        if self.class_mode == "raw":
            return self.labels[index_array]
        classes = [self.classes[index] for index in index_array]
        if self.class_mode in ("binary", "sparse"):
            return np.array(classes, dtype=self.dtype)
        y = np.zeros((len(x), len(self.class_indices)), dtype=self.dtype)
        for row, numbers in zip(y, classes, strict=True):
            row[numbers] = 1.0
        return y

    @cached_property
    def _readers(self):
        return ThreadPoolExecutor(min(8, os.cpu_count() or 1))

    @property
    def filepaths(self) -> list[str]:
        """The path of every image."""
        raise NotImplementedError(f"{type(self).__name__} must define `filepaths`.")

    @property
    def labels(self) -> Any:
        """The label of every image."""
        raise NotImplementedError(f"{type(self).__name__} must define `labels`.")

    @property
    def sample_weight(self) -> Any:
        """The weight of every image, or None."""
        raise NotImplementedError(f"{type(self).__name__} must define `sample_weight`.")


class DirectoryIterator(BatchFromFilesMixin, Iterator):
    """Batches of the images below a directory; see `ImageDataGenerator.flow_from_directory`."""

    allowed_class_modes = {"categorical", "binary", "sparse", "input", None}

    def __init__(
        self,
        directory: Any,
        image_data_generator: Any,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: list[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: Any = None,
    ):
        self.set_processing_attrs(
            image_data_generator,
            target_size,
            color_mode,
            config.standardize_data_format(data_format),
            save_to_dir,
            save_prefix,
            save_format,
            subset,
            interpolation,
            keep_aspect_ratio,
        )
        if class_mode not in self.allowed_class_modes:
            raise ValueError(
                "`class_mode` must be 'categorical', 'binary', 'sparse', 'input' or None; received "
                f"{class_mode!r}."
            )
        if not os.path.isdir(directory):
            raise FileNotFoundError(f"There is no directory {directory}.")
        self.directory = directory
        self.class_mode = class_mode
        self.dtype = dtype or config.floatx()
        if not classes:
            entries = sorted(os.listdir(directory))
            classes = [name for name in entries if os.path.isdir(os.path.join(directory, name))]
        self.num_classes = len(classes)
        self.class_indices = {name: number for number, name in enumerate(classes)}
        self.filenames: list[str] = []
        numbers: list[int] = []
        for name in classes:
            found = self._files_of(os.path.join(directory, name), follow_links)
            self.filenames += found
            numbers += [self.class_indices[name]] * len(found)
        self.samples = len(self.filenames)
        self.classes = np.array(numbers, dtype="int32")
        self._filepaths = [os.path.join(directory, name) for name in self.filenames]
        print_msg(f"Found {self.samples} images belonging to {self.num_classes} classes.")
        Iterator.__init__(self, self.samples, batch_size, shuffle, seed)

    def _files_of(self, folder, follow_links):
        """The image files below a class' folder that belong to the subset, in order."""
        found = []
        for root, _, names in sorted(os.walk(folder, followlinks=follow_links)):
            for name in sorted(names):
                if name.lower().endswith(".tiff"):
                    warnings.warn(
                        f"{name}: files .tiff with several bands come out distorted.", stacklevel=3
                    )
                if name.lower().endswith(self.white_list_formats):
                    found.append(os.path.join(root, name))
        if self.split:
            found = found[int(self.split[0] * len(found)) : int(self.split[1] * len(found))]
        last = os.path.basename(folder)
        return [os.path.join(last, os.path.relpath(path, folder)) for path in found]

    def _described(self):
        if self.n:
            return super()._described()
        return (
            f"no image was found in {self.directory}; expected one folder for each class with "
            f"files {', '.join(self.white_list_formats)} in it"
        )

    @property
    def filepaths(self) -> list[str]:
        """The path of every image."""
        return self._filepaths

    @property
    def labels(self) -> np.ndarray:
        """The class number of every image."""
        return self.classes

    @property
    def sample_weight(self) -> None:
        """None: folders give no weights."""
        return None
