"""Random changes of images, a draw for each image where tf.keras draws one, all on the device.

Images are `(batch, height, width, channels)` or one image without its batch axis, of any dtype;
results are floats. At inference most of these layers only make floats of their inputs.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..input_spec import InputSpec
from ..layer import TABLE
from ..resizing import kernel_name, resize, smart_resize
from .noise import _Random
from .projective import FILL_MODES, INTERPOLATIONS, transform

Factor = float | Sequence[float]


class Augmentation(_Random):
    """Changes images in training.

    As in tf.keras, a layer that is called on its own is in training, until `eval()` or
    `training=False`; inside a model it follows the model, which is in training in such calls too
    where no other layer asks for it.
    """

    supports_masking = False
    _augments = True

    def __init__(self, seed: int | None = None, **kwargs: Any):
        kwargs.pop("rng_type", None)  # names TensorFlow's generator in configs after 2.15
        super().__init__(**kwargs)
        self.seed = seed
        self.training = True
        self.input_spec = InputSpec(min_ndim=3, max_ndim=4)

    def call(self, inputs: Tensor, training: Any = None) -> Tensor:
        inputs = inputs.to(self._compute_dtype)
        if not (self.training if training is None else training):
            return self._at_inference(inputs)
        if inputs.ndim == 3:
            return self._augment(inputs.unsqueeze(0)).squeeze(0)
        return self._augment(inputs)

    def _augment(self, images):
        raise NotImplementedError

    def _at_inference(self, images):
        return images

    def _between(self, low, high, images, count=None):
        """Uniform float32 numbers on the images' device: one for each image, or `count`."""
        shape = (images.shape[0] if count is None else count,)
        if self.seed is None:
            drawn = torch.rand(shape, device=images.device)
        else:
            drawn = self._uniform(shape, images.device)
        return drawn * (high - low) + low

    def _bounds(self, argument, value, least=-math.inf, most=math.inf):
        """A pair as it is, a number as (-number, number); ValueError outside [least, most]."""
        low, high = value if isinstance(value, (tuple, list)) else (-value, value)
        if high < low or low < least or high > most:
            raise ValueError(
                f'{argument} of layer "{self.name}" must be a positive number or a pair (low, '
                f"high), between {least} and {most}; received {value!r}."
            )
        return low, high

    def output_dtype(self, input_dtypes: list) -> str:
        return self.compute_dtype


@TABLE.add()
class RandomFlip(Augmentation):
    """Each image mirrored or not: `mode` 'horizontal', 'vertical', 'horizontal_and_vertical'.

    >>> RandomFlip("vertical")(torch.ones(1, 1, 1, 1)).tolist()
    [[[[1.0]]]]
    """

    def __init__(self, mode: str = "horizontal_and_vertical", seed: int | None = None, **kwargs):
        super().__init__(seed, **kwargs)
        self.mode = mode
        if mode not in ("horizontal", "vertical", "horizontal_and_vertical"):
            raise ValueError(
                f'mode of layer "{self.name}" must be horizontal, vertical or '
                f"horizontal_and_vertical; received {mode!r}."
            )

    def _augment(self, images):
        for direction, axis in (("horizontal", 2), ("vertical", 1)):
            if direction in self.mode:
                turned = self._between(0, 1, images)[:, None, None, None] < 0.5
                images = torch.where(turned, images.flip(axis), images)
        return images


class _Projection(Augmentation):
    """Each image seen through a random map."""

    def __init__(
        self,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(seed, **kwargs)
        self.fill_mode, self.interpolation = fill_mode, interpolation
        self.fill_value = fill_value
        for argument, allowed in (("fill_mode", FILL_MODES), ("interpolation", INTERPOLATIONS)):
            if getattr(self, argument) not in allowed:
                raise ValueError(
                    f'{argument} of layer "{self.name}" must be one of {", ".join(allowed)}; '
                    f"received {getattr(self, argument)!r}."
                )

    def _augment(self, images):
        zero = images.new_zeros(images.shape[0], dtype=torch.float32)
        maps = torch.stack([*self._maps(images, zero), zero, zero], 1)
        return transform(images, maps, self.fill_mode, self.interpolation, self.fill_value)

    def _maps(self, images, zero):
        """The six numbers of an affine map, each `(batch,)`; see `transform`."""
        raise NotImplementedError


@TABLE.add()
class RandomRotation(_Projection):
    """Each image turned about its middle by a random part of a full turn.

    `factor` is (low, high), or a number for (-factor, factor); positive turns go counterclockwise.
    `fill_mode` 'reflect', 'wrap', 'nearest' or 'constant' (with `fill_value`) says what comes in
    from outside, `interpolation` is 'bilinear' or 'nearest'.

    >>> layer = RandomRotation((0.25, 0.25), interpolation="nearest")
    >>> layer(torch.tensor([[1.0, 2.0], [3.0, 4.0]])[..., None]).squeeze(-1).tolist()
    [[2.0, 4.0], [1.0, 3.0]]
    """

    def __init__(
        self,
        factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, **kwargs)
        self.factor = factor
        self._turns = self._bounds("factor", factor)

    def _maps(self, images, zero):
        low, high = self._turns
        angle = self._between(low * 2 * math.pi, high * 2 * math.pi, images)
        cos, sin = torch.cos(angle), torch.sin(angle)
        bottom, right = images.shape[1] - 1, images.shape[2] - 1
        x = (right - (cos * right - sin * bottom)) / 2
        y = (bottom - (sin * right + cos * bottom)) / 2
        return cos, -sin, x, sin, cos, y


@TABLE.add()
class RandomTranslation(_Projection):
    """Each image moved by random parts of its height and width, downwards and to the right.

    The factors are (low, high) within [-1, 1], or a number for (-factor, factor); the other
    arguments are those of `RandomRotation`.

    >>> layer = RandomTranslation((0, 0), (0.5, 0.5), fill_mode="constant")
    >>> layer(torch.tensor([[[1.0], [2.0]]])).flatten().tolist()
    [0.0, 1.0]
    """

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._down = self._bounds("height_factor", height_factor, -1, 1)
        self._right = self._bounds("width_factor", width_factor, -1, 1)

    def _maps(self, images, zero):
        one = zero + 1
        down = self._between(*self._down, images) * images.shape[1]
        right = self._between(*self._right, images) * images.shape[2]
        return one, zero, -right, zero, one, -down


@TABLE.add()
class RandomZoom(_Projection):
    """Each image made smaller (positive factors) or larger (negative ones) about its middle.

    Factors are parts of height and width, (low, high) or a number for (-factor, factor). Without
    `width_factor` proportions are kept. The other arguments are those of `RandomRotation`.

    >>> RandomZoom(0.2)(torch.ones(2, 4, 4, 1)).shape
    torch.Size([2, 4, 4, 1])
    """

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor | None = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._rows = self._bounds("height_factor", height_factor, -1, 1)
        self._columns = None
        if width_factor is not None:
            self._columns = self._bounds("width_factor", width_factor, -1)

    def _maps(self, images, zero):
        rows = 1 + self._between(*self._rows, images)
        columns = rows if self._columns is None else 1 + self._between(*self._columns, images)
        x = (images.shape[2] - 1) / 2 * (1 - columns)
        y = (images.shape[1] - 1) / 2 * (1 - rows)
        return columns, zero, x, zero, rows, y


@TABLE.add()
class RandomCrop(Augmentation):
    """`height` x `width` of the images, from a random place that a batch shares.

    At inference, and where images are smaller, the largest middle part of the same proportions is
    resized instead.

    >>> RandomCrop(2, 2)(torch.zeros(5, 4, 6, 3)).shape
    torch.Size([5, 2, 2, 3])
    """

    def __init__(self, height: int, width: int, seed: int | None = None, **kwargs: Any):
        super().__init__(seed, **kwargs)
        self.height, self.width = height, width

    def _augment(self, images):
        spare = images.shape[1] - self.height, images.shape[2] - self.width
        if min(spare) < 0:
            return self._at_inference(images)
        drawn = self._between(0, 1, images, count=2)
        for axis, size in ((1, self.height), (2, self.width)):
            free = spare[axis - 1]
            start = (drawn[axis - 1] * (free + 1)).long().clamp_(max=free)
            places = torch.arange(size, device=images.device) + start
            images = images.index_select(axis, places)
        return images

    def _at_inference(self, images):
        return smart_resize(images, (self.height, self.width)).to(self._compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return (*input_shape[:-3], self.height, self.width, input_shape[-1])


@TABLE.add()
class RandomContrast(Augmentation):
    """Distances to the mean of each channel of each image times one random number for the batch.

    The number is from [1 - lower, 1 + upper], for `factor` = (lower, upper) or one number for
    both; results are clipped to [0, 255].

    >>> RandomContrast(0.5)(torch.full((1, 2, 2, 1), 3.0)).flatten().tolist()
    [3.0, 3.0, 3.0, 3.0]
    """

    def __init__(self, factor: Factor, seed: int | None = None, **kwargs: Any):
        super().__init__(seed, **kwargs)
        self.factor = factor
        pair = factor if isinstance(factor, (tuple, list)) else (factor, factor)
        self._less, self._more = pair
        if min(pair) < 0 or self._less > 1:
            raise ValueError(
                f'factor of layer "{self.name}" must be a number of [0, 1] or a pair (lower, '
                f"upper) of numbers from 0 with lower at most 1; received {factor!r}."
            )

    def _augment(self, images):
        factor = self._between(1 - self._less, 1 + self._more, images, count=1)
        wide = images.float() if images.dtype is not torch.float64 else images
        mean = wide.mean((1, 2), keepdim=True)
        return ((wide - mean) * factor + mean).clamp(0, 255).to(images.dtype)


@TABLE.add()
class RandomBrightness(Augmentation):
    """A random number added to each image, a part of `value_range` from `factor` within [-1, 1].

    `factor` is (low, high), or a number for (-factor, factor); results are clipped to
    `value_range`.

    >>> layer = RandomBrightness((0.5, 0.5), value_range=(0, 1))
    >>> layer(torch.tensor([[[0.25, 0.75]]])).tolist()
    [[[0.75, 1.0]]]
    """

    def __init__(
        self,
        factor: Factor,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, **kwargs)
        pair = factor if isinstance(factor, (tuple, list)) else (-factor, factor)
        self.factor = sorted(pair)
        if len(pair) != 2 or self.factor[0] < -1 or self.factor[1] > 1:
            raise ValueError(
                f'factor of layer "{self.name}" must be a number or a pair of numbers of [-1, 1]; '
                f"received {factor!r}."
            )
        if not isinstance(value_range, (tuple, list)) or len(value_range) != 2:
            raise ValueError(
                f'value_range of layer "{self.name}" must be a pair; received {value_range!r}.'
            )
        self.value_range = sorted(value_range)

    def _augment(self, images):
        low, high = self.value_range
        added = self._between(*self.factor, images) * (high - low)
        return (images + added[:, None, None, None].to(images.dtype)).clamp(low, high)


class _RandomSize(Augmentation):
    """Resized along one axis, to a random size that a batch shares.

    The size decides a shape, so it is drawn on the host.
    """

    axis = 1

    def __init__(
        self,
        factor: Factor,
        interpolation: str = "bilinear",
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, **kwargs)
        self.factor, self.interpolation = factor, interpolation
        self._range = self._bounds("factor", factor, -1)
        self._method = kernel_name(interpolation, f'interpolation of layer "{self.name}"')
        self._drawn = 0

    def build(self, input_shape: Any) -> None:
        self.built = True

    def _augment(self, images):
        low, high = self._range
        changed = np.float32(1 + low) + np.float32(high - low) * np.float32(self._host_draw())
        size = list(images.shape[1:3])
        size[self.axis - 1] = int(changed * np.float32(size[self.axis - 1]))
        return resize(images, size, self._method).to(self._compute_dtype)

    def _host_draw(self):
        if self.seed is None:
            return float(torch.rand((), device="cpu"))
        self._drawn += 1
        return random.Random(f"{self.seed} {self._drawn}").random()

    def compute_output_shape(self, input_shape: Any) -> tuple:
        axis = len(input_shape) - 4 + self.axis
        return (*input_shape[:axis], None, *input_shape[axis + 1 :])


@TABLE.add()
class RandomHeight(_RandomSize):
    """The images of a batch resized to a random height, changed by a part `factor` of it.

    `factor` is (low, high), or a number for (-factor, factor); `interpolation` as in `Resizing`.

    >>> RandomHeight((0.5, 0.5))(torch.zeros(2, 4, 4, 1)).shape
    torch.Size([2, 6, 4, 1])
    """


@TABLE.add()
class RandomWidth(_RandomSize):
    """The images of a batch resized to a random width, changed by a part `factor` of it.

    `factor` is (low, high), or a number for (-factor, factor); `interpolation` as in `Resizing`.

    >>> RandomWidth((-0.5, -0.5))(torch.zeros(2, 4, 4, 1)).shape
    torch.Size([2, 4, 2, 1])
    """

    axis = 2
