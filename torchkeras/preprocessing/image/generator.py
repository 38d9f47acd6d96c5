"""`ImageDataGenerator`: random transformations and normalization of images, a batch at a time."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ... import config
from .affine import affine_transform, transform_matrices
from .draws import draw
from .folders import DirectoryIterator
from .frames import DataFrameIterator
from .iterators import NumpyArrayIterator, warn_of_channels
from .transforms import (
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
    brightened,
    flip_axis,
    swapped,
)

_EPSILON = 1e-6
_STILL = {"theta": 0, "tx": 0, "ty": 0, "shear": 0, "zx": 1, "zy": 1}


class ImageDataGenerator:
    """Batches of images, each randomly moved, coloured and normalized as it is asked for.

    The arguments are those of Keras, in the order in which they act: `rotation_range` and
    `shear_range` in degrees; `width_shift_range` and `height_shift_range` as a fraction (< 1), in
    pixels (>= 1), as an integer or as a list to choose from; `zoom_range` as a number or (low,
    high); `channel_shift_range`; flips; `brightness_range` (low, high); `preprocessing_function`
    of one image; `rescale`; centering and normalization of each image ('samplewise') or by what
    `fit` has seen ('featurewise', ZCA). `fill_mode` is nearest, constant (`cval`), reflect or
    wrap; `interpolation_order` that of the spline between pixels.

    Random numbers are numpy's global ones, drawn in the order of Keras, so a seed gives the
    images that it gives there. A batch is transformed as a whole.

    >>> generator = ImageDataGenerator(rotation_range=20, horizontal_flip=True)
    >>> batches = generator.flow(np.ones((5, 8, 8, 3)), np.arange(5), batch_size=2)
    >>> x, y = next(batches)
    >>> x.shape, y.shape, len(batches)
    ((2, 8, 8, 3), (2,), 3)
    """

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-06,
        rotation_range: float = 0,
        width_shift_range: Any = 0.0,
        height_shift_range: Any = 0.0,
        brightness_range: tuple[float, float] | None = None,
        shear_range: float = 0.0,
        zoom_range: Any = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[np.ndarray], np.ndarray] | None = None,
        data_format: str | None = None,
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: Any = None,
    ):
        self.featurewise_center = featurewise_center
        self.samplewise_center = samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening = zca_whitening
        self.zca_epsilon = zca_epsilon
        self.rotation_range = rotation_range
        self.width_shift_range = width_shift_range
        self.height_shift_range = height_shift_range
        self.brightness_range = _pair("brightness_range", brightness_range)
        self.shear_range = shear_range
        if isinstance(zoom_range, (int, float)):
            zoom_range = (1 - zoom_range, 1 + zoom_range)
        self.zoom_range = list(_pair("zoom_range", zoom_range))
        self.channel_shift_range = channel_shift_range
        self.fill_mode = fill_mode
        self.cval = cval
        self.horizontal_flip = horizontal_flip
        self.vertical_flip = vertical_flip
        self.rescale = rescale
        self.preprocessing_function = preprocessing_function
        self.data_format = config.standardize_data_format(data_format)
        first = self.data_format == "channels_first"
        self.channel_axis, self.row_axis, self.col_axis = (1, 2, 3) if first else (3, 1, 2)
        if validation_split and not 0 < validation_split < 1:
            raise ValueError(
                f"`validation_split` must lie between 0 and 1; received {validation_split!r}."
            )
        self._validation_split = validation_split
        self.interpolation_order = interpolation_order
        self.dtype = dtype or config.floatx()
        self.mean = self.std = self.zca_whitening_matrix = None
        self._draws_itself = False  # whether preprocessing_function draws random numbers
        self._settle()

    def _settle(self):
        """Arguments that follow from others, as in Keras."""
        if self.zca_whitening:
            self._imply("zca_whitening", "featurewise_center", True)
            self._imply("zca_whitening", "featurewise_std_normalization", False)
        if self.featurewise_std_normalization:
            self._imply("featurewise_std_normalization", "featurewise_center", True)
        if self.samplewise_std_normalization:
            self._imply("samplewise_std_normalization", "samplewise_center", True)

    def _imply(self, given, other, value):
        if getattr(self, other) != value:
            warnings.warn(f"`{given}` sets `{other}` to {value}.", stacklevel=4)
            setattr(self, other, value)

    def flow(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: Any = None,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        ignore_class_split: bool = False,
        subset: str | None = None,
    ) -> NumpyArrayIterator:
        """Batches of the images `x` `(n, height, width, channels)`, with labels and weights.

        `x` may be `(images, other arrays)`: those go along unchanged. `subset` is 'training' or
        'validation' where `validation_split` was given; both must hold the same classes unless
        `ignore_class_split`. `save_to_dir` writes each image made to a file.
        """
        return NumpyArrayIterator(
            x,
            y,
            self,
            batch_size=batch_size,
            shuffle=shuffle,
            sample_weight=sample_weight,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            ignore_class_split=ignore_class_split,
            subset=subset,
            dtype=self.dtype,
        )

    def flow_from_directory(
        self,
        directory: Any,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: list[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
    ) -> DirectoryIterator:
        """Batches of the images in the folders of `directory`, one folder a class.

        `class_mode` is categorical, binary, sparse, input (the images themselves) or None.
        """
        return DirectoryIterator(
            directory,
            self,
            target_size=target_size,
            color_mode=color_mode,
            keep_aspect_ratio=keep_aspect_ratio,
            classes=classes,
            class_mode=class_mode,
            data_format=self.data_format,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            follow_links=follow_links,
            subset=subset,
            interpolation=interpolation,
            dtype=self.dtype,
        )

    def flow_from_dataframe(
        self,
        dataframe: Any,
        directory: Any = None,
        x_col: str = "filename",
        y_col: Any = "class",
        weight_col: str | None = None,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: list[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        validate_filenames: bool = True,
        **kwargs: Any,
    ) -> DataFrameIterator:
        """Batches of the images named in column `x_col` of a pandas DataFrame.

        `class_mode` is as in `flow_from_directory`, or raw (the values of `y_col`) or
        multi_output (a list of the columns `y_col`).
        """
        unknown = set(kwargs) - {"has_ext", "sort", "drop_duplicates"}
        if unknown:
            raise TypeError(f"flow_from_dataframe has no argument {sorted(unknown)[0]!r}.")
        for name in kwargs:
            warnings.warn(f"`{name}` has had no effect since Keras 2.3.", stacklevel=2)
        if class_mode == "other":
            warnings.warn('`class_mode` "other" is now called "raw".', stacklevel=2)
            class_mode = "raw"
        return DataFrameIterator(
            dataframe,
            directory,
            self,
            x_col=x_col,
            y_col=y_col,
            weight_col=weight_col,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            data_format=self.data_format,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            subset=subset,
            interpolation=interpolation,
            validate_filenames=validate_filenames,
            dtype=self.dtype,
        )

    def get_random_transform(
        self, img_shape: tuple[int, int, int], seed: int | None = None
    ) -> dict[str, Any]:
        """A dictionary of random numbers for `apply_transform` of an image of that shape."""
        if seed is not None:
            np.random.seed(seed)
        drawn = draw(self, 1, img_shape[self.row_axis - 1], img_shape[self.col_axis - 1])
        chosen = {name: None if value is None else value[0] for name, value in drawn.items()}
        for name, value in chosen.items():
            if value is None:
                chosen[name] = _STILL.get(name)
            else:
                chosen[name] = int(value) if name.startswith("flip") else float(value)
        return chosen

    def apply_transform(self, x: np.ndarray, transform_parameters: dict[str, Any]) -> np.ndarray:
        """One image, transformed by what the dictionary says.

        Keys: theta, tx, ty, shear, zx, zy, flip_horizontal, flip_vertical,
        channel_shift_intensity, brightness; all may be left out.
        """
        given = transform_parameters
        row, column, channel = self.row_axis - 1, self.col_axis - 1, self.channel_axis - 1
        x = apply_affine_transform(
            x,
            **{name: given.get(name, still) for name, still in _STILL.items()},
            row_axis=row,
            col_axis=column,
            channel_axis=channel,
            fill_mode=self.fill_mode,
            cval=self.cval,
            order=self.interpolation_order,
        )
        if given.get("channel_shift_intensity") is not None:
            x = apply_channel_shift(x, given["channel_shift_intensity"], channel)
        if given.get("flip_horizontal", False):
            x = flip_axis(x, column)
        if given.get("flip_vertical", False):
            x = flip_axis(x, row)
        if given.get("brightness") is not None:
            x = np.moveaxis(x, channel, 2)
            x = np.moveaxis(apply_brightness_shift(x, given["brightness"], False), 2, channel)
        return x

    def random_transform(self, x: np.ndarray, seed: int | None = None) -> np.ndarray:
        """One image, randomly transformed."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def standardize(self, x: np.ndarray) -> np.ndarray:
        """One image through `preprocessing_function`, rescaled, centered and normalized."""
        if self.preprocessing_function:
            x = self.preprocessing_function(x)
        return self._normalized(np.array(x), (-3, -2, -1))

    def fit(self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Learn mean, deviation and principal components of images `x` of rank 4.

        Needed for featurewise_center, featurewise_std_normalization and zca_whitening. With
        `augment` they are those of `rounds` random transformations of each image.
        """
        x = np.array(x, dtype=self.dtype)
        if x.ndim != 4:
            raise ValueError(f"`x` must be images of rank 4; received shape {x.shape}.")
        warn_of_channels(x.shape, self.channel_axis, self.data_format)
        if seed is not None:
            np.random.seed(seed)
        if self.rescale:
            x *= self.rescale
        if augment:
            x = np.concatenate([self._moved_at_random(x, np.arange(len(x))) for _ in range(rounds)])
        axes = (0, self.row_axis, self.col_axis)
        if self.featurewise_center:
            self.mean = np.mean(x, axis=axes, keepdims=True)[0]
            x -= self.mean
        if self.featurewise_std_normalization:
            self.std = np.std(x, axis=axes, keepdims=True)[0]
            x /= self.std + _EPSILON
        if self.zca_whitening:
            flat = x.reshape(len(x), -1)
            u, s, _ = np.linalg.svd(flat.T, full_matrices=False)
            self.zca_whitening_matrix = (u * (np.sqrt(len(x)) / (s + self.zca_epsilon))).dot(u.T)

    # --- a batch at a time ---------------------------------------------------------------------

    def _processed(self, images: np.ndarray, index: np.ndarray) -> np.ndarray:
        """`images[index]` of rank 4, randomly transformed and standardized."""
        if self._draws_itself or self._changed("random_transform", "standardize"):
            return np.stack([self._processed_alone(images[number]) for number in index])
        before = np.random.get_state() if self.preprocessing_function else None
        moved = self._moved_at_random(images, index)
        if before is not None:
            # Keras calls it between the draws of two images, which makes a difference only if it
            # draws random numbers too; then images go one by one from here on.
            drawn = np.random.get_state()
            moved = np.stack([self.preprocessing_function(image) for image in moved])
            if not all(map(np.array_equal, drawn, np.random.get_state())):
                np.random.set_state(before)
                self._draws_itself = True
                return self._processed(images, index)
        return self._normalized(moved, (1, 2, 3))

    def _processed_alone(self, image):
        params = self.get_random_transform(image.shape)
        return self.standardize(self.apply_transform(image, params))

    def _changed(self, *names):
        """Whether a subclass or the user has put something else for one of our methods."""
        asked = {"get_random_transform", "apply_transform", *names}
        return not (asked.isdisjoint(vars(self)) and asked.isdisjoint(_overridden(type(self))))

    def _moved_at_random(self, images, index):
        """`images[index]` transformed; always a copy."""
        if self._changed("random_transform"):
            return np.stack([self.random_transform(images[number]) for number in index])
        drawn = draw(self, len(index), images.shape[self.row_axis], images.shape[self.col_axis])
        if self.data_format == "channels_first":
            return np.moveaxis(self._moved(np.moveaxis(images, 1, 3), index, drawn), 3, 1)
        return self._moved(images, index, drawn)

    def _moved(self, images, index, drawn):
        """What `apply_transform` does, for channels last."""
        turned = drawn["flip_vertical"], drawn["flip_horizontal"]
        if any(drawn[name] is not None for name in _STILL):
            still = {n: s if drawn[n] is None else drawn[n] for n, s in _STILL.items()}
            matrices = swapped(
                transform_matrices(**still, height=images.shape[1], width=images.shape[2])
            )
            moved = affine_transform(
                images,
                np.broadcast_to(matrices, (len(index), 3, 3)),
                turned,
                self.interpolation_order,
                self.fill_mode,
                self.cval,
                index,
            )
        else:
            moved = images[index]
            moved[turned[0]] = moved[turned[0], ::-1]
            moved[turned[1]] = moved[turned[1], :, ::-1]
        shift = drawn["channel_shift_intensity"]
        if shift is not None:
            exact = moved.dtype if moved.dtype.kind == "f" else float
            low, high = moved.min((1, 2, 3), keepdims=True), moved.max((1, 2, 3), keepdims=True)
            moved = np.clip(moved + shift.astype(exact).reshape(-1, 1, 1, 1), low, high)
        if drawn["brightness"] is not None:
            moved = brightened(moved, drawn["brightness"], scale=False)
        return moved

    def _normalized(self, x, axes):
        """`x` changed in place; `axes` are those of one image."""
        if self.rescale:
            x *= self.rescale
        if self.samplewise_center:
            x -= np.mean(x, axes, keepdims=True)
        if self.samplewise_std_normalization:
            x /= np.std(x, axes, keepdims=True) + _EPSILON
        if self.featurewise_center and self._fitted("featurewise_center", self.mean):
            x -= self.mean
        if self.featurewise_std_normalization and self._fitted(
            "featurewise_std_normalization", self.std
        ):
            x /= self.std + _EPSILON
        if self.zca_whitening and self._fitted("zca_whitening", self.zca_whitening_matrix):
            flat = x.reshape(-1, np.prod(x.shape[-3:])) @ self.zca_whitening_matrix
            x = flat.reshape(x.shape)
        return x

    def _fitted(self, argument, learned):
        if learned is None:
            warnings.warn(
                f"`{argument}` has no effect before `fit(images)` of this ImageDataGenerator.",
                stacklevel=2,
            )
        return learned is not None


@functools.cache
def _overridden(cls):
    """The names of our methods that a subclass defines anew."""
    return {
        name
        for name, ours in vars(ImageDataGenerator).items()
        if getattr(cls, name) is not ours and not name.startswith("__")
    }


def _pair(name, value):
    if value is not None and not (
        isinstance(value, (tuple, list))
        and len(value) == 2
        and all(isinstance(number, (int, float)) for number in value)
    ):
        raise ValueError(f"`{name}` must be two numbers, [low, high]; received {value!r}.")
    return value
