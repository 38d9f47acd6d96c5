"""Endless batches of images, by index or one after the other."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterator as PythonIterator
from typing import Any

import numpy as np

from ... import config
from ...data.sequence import Sequence
from .files import FORMATS, array_to_img


class Iterator(Sequence):
    """The base of the image iterators: `n` images in batches, shuffled for every epoch.

    As a `Sequence` it has batches by index; `next` gives batches without end. With a `seed`,
    numpy's global generator is set to `seed` + the number of batches given so far before each
    batch. Subclasses write `_get_batches_of_transformed_samples(index_array)`.
    """

    white_list_formats = FORMATS

    def __init__(self, n: int, batch_size: int, shuffle: bool, seed: int | None):
        self.n = n
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.batch_index = 0
        self.total_batches_seen = 0
        self.lock = threading.Lock()
        self.index_array: Any = None
        self.index_generator = self._flow_index()

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def __getitem__(self, idx: int) -> Any:
        if idx >= len(self):
            raise ValueError(f"There is no batch {idx}: {self._described()}.")
        self._seed_and_count()
        if self.index_array is None:
            self._set_index_array()
        first = self.batch_size * idx
        return self._get_batches_of_transformed_samples(
            self.index_array[first : first + self.batch_size]
        )

    def __iter__(self) -> PythonIterator[Any]:
        return self

    def __next__(self) -> Any:
        return self.next()

    def next(self) -> Any:
        """The next batch; after the last the first comes again."""
        with self.lock:
            index_array = next(self.index_generator)
        if not self.n:
            raise ValueError(f"There is no batch: {self._described()}.")
        return self._get_batches_of_transformed_samples(index_array)

    def reset(self) -> None:
        """Let `next` begin anew."""
        self.batch_index = 0

    def on_epoch_end(self) -> None:
        """Shuffle again."""
        self._set_index_array()

    def _set_index_array(self):
        self.index_array = np.random.permutation(self.n) if self.shuffle else np.arange(self.n)

    def _seed_and_count(self):
        if self.seed is not None:
            np.random.seed(self.seed + self.total_batches_seen)
        self.total_batches_seen += 1

    def _flow_index(self):
        self.reset()
        while True:
            self._seed_and_count()
            if self.batch_index == 0:
                self._set_index_array()
            first = self.batch_index * self.batch_size % self.n if self.n else 0
            self.batch_index = self.batch_index + 1 if self.n > first + self.batch_size else 0
            yield self.index_array[first : first + self.batch_size]

    def _described(self):
        return f"the iterator has {len(self)} batches of {self.n} images"

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__} must define _get_batches_of_transformed_samples(index_array)."
        )

    def _save(self, images, index_array, largest):
        """Write the images to `save_to_dir` where that is set; names end in a random number."""
        if not self.save_to_dir:
            return
        for index, image in zip(index_array, images, strict=True):
            picture = array_to_img(image, self.data_format, scale=True)
            number = np.random.randint(largest)
            name = f"{self.save_prefix}_{index}_{number}.{self.save_format}"
            picture.save(os.path.join(self.save_to_dir, name))


class NumpyArrayIterator(Iterator):
    """Batches of images in memory; see `ImageDataGenerator.flow`."""

    def __init__(
        self,
        x: Any,
        y: Any,
        image_data_generator: Any,
        batch_size: int = 32,
        shuffle: bool = False,
        sample_weight: Any = None,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        ignore_class_split: bool = False,
        dtype: Any = None,
    ):
        self.data_format = config.standardize_data_format(data_format)
        self.dtype = dtype or config.floatx()
        misc: list = []
        if isinstance(x, (tuple, list)):
            x, others = x[0], x[1]
            misc = [np.asarray(one) for one in (others if isinstance(others, list) else [others])]
        parts = {"another array of `x`": misc, "`y`": [y], "`sample_weight`": [sample_weight]}
        for name, arrays in parts.items():
            for array in arrays:
                if array is not None and len(array) != len(x):
                    raise ValueError(
                        f"`x` holds {len(x)} images, but {name} is {len(array)} long; both must "
                        "be equally long."
                    )
        if subset is not None:
            part = _part(subset, len(x), image_data_generator, y, ignore_class_split)
            # As in Keras, weights stay those of the whole.
            x, misc = x[part], [one[part] for one in misc]
            y = None if y is None else y[part]
        self.x = np.asarray(x, dtype=self.dtype)
        if self.x.ndim != 4:
            raise ValueError(f"`x` must be images of rank 4; received shape {self.x.shape}.")
        channel_axis = 3 if self.data_format == "channels_last" else 1
        warn_of_channels(self.x.shape, channel_axis, self.data_format)
        self.x_misc = misc
        self.y = None if y is None else np.asarray(y)
        self.sample_weight = None if sample_weight is None else np.asarray(sample_weight)
        self.image_data_generator = image_data_generator
        self.save_to_dir = save_to_dir
        self.save_prefix = save_prefix
        self.save_format = save_format
        super().__init__(len(self.x), batch_size, shuffle, seed)

    def _get_batches_of_transformed_samples(self, index_array):
        images = self.image_data_generator._processed(self.x, index_array)
        images = images.astype(self.dtype, copy=False)
        self._save(images, index_array, int(1e4))
        x = [images, *(one[index_array] for one in self.x_misc)] if self.x_misc else images
        if self.y is None:
            return x
        if self.sample_weight is None:
            return x, self.y[index_array]
        return x, self.y[index_array], self.sample_weight[index_array]


def _part(subset, count, generator, y, ignore_class_split):
    """The slice of the data that is `subset`: validation comes first."""
    if subset not in ("training", "validation"):
        raise ValueError(f"`subset` must be 'training' or 'validation'; received {subset!r}.")
    split = int(count * generator._validation_split)
    if y is not None and not ignore_class_split:
        if not np.array_equal(np.unique(y[:split]), np.unique(y[split:])):
            raise ValueError(
                "Training and validation data hold different classes after the split. Shuffle "
                "`x` and `y` together first, or pass ignore_class_split=True."
            )
    return slice(None, split) if subset == "validation" else slice(split, None)


def warn_of_channels(shape: tuple[int, ...], axis: int, data_format: str) -> None:
    """Warn where the channels of images are not 1, 3 or 4: the axes may be mixed up."""
    if shape[axis] not in (1, 3, 4):
        warnings.warn(
            f"With data format {data_format} axis {axis} holds the channels, 1, 3 or 4 of them; "
            f"the images have shape {tuple(shape)}.",
            stacklevel=3,
        )
