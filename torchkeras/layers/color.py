"""Random changes of colours, a draw for each image: names that Keras 3 added.

Images are `(batch, height, width, channels)`, or with channels first, or one without its batch
axis; their values lie in `value_range`. Results are floats.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import colors, layout
from ..config import epsilon, standardize_data_format
from ..layer import TABLE
from .augment import Augmentation, Factor

Range = tuple[float, float]


class _Color(Augmentation):
    """`change` works on images with their channels second."""

    bounds: Range = (-1.0, 1.0)

    def __init__(self, seed: int | None = None, data_format: str | None = None, **kwargs: Any):
        super().__init__(seed, **kwargs)
        self.data_format = standardize_data_format(data_format)

    def _augment(self, images):
        if self.data_format == "channels_first":
            return self.change(images)
        return layout.channels_last(self.change(layout.channels_first(images)))

    def change(self, images: Tensor) -> Tensor:
        raise NotImplementedError

    def _draw(self, images):
        """A number between the two of `factor` for each image, `(batch, 1, 1, 1)`."""
        drawn = self._between(*self.factor, images).to(images.dtype)
        return drawn.view(-1, 1, 1, 1)

    def _set_factor(self, factor: Factor) -> None:
        """A pair in order, a number f as (-f, f), both cut to what the layer can do."""
        low, high = self.bounds
        pair = isinstance(factor, (tuple, list))
        given = sorted(factor) if pair else (factor, factor)
        if len(given) != 2 or given[0] > high or given[1] < low or (not pair and factor < low):
            raise ValueError(
                f'factor of layer "{self.name}" must be a number or a pair of numbers in '
                f"[{low:g}, {high:g}]; received {factor!r}."
            )
        self.factor = tuple(given) if pair else (max(-abs(factor), low), abs(factor))

    def _to(self, images, low, high):
        """Values of `value_range` as values from `low` to `high`."""
        least, most = self.value_range
        if (least, most) == (low, high):
            return images
        return (images - least) / (most - least) * (high - low) + low

    def _from(self, images, low, high):
        least, most = self.value_range
        if (least, most) == (low, high):
            return images
        return (images - low) / (high - low) * (most - least) + least

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


class _InRange(_Color):
    """Constructor of the layers with `factor` and `value_range`."""

    def __init__(
        self,
        factor: Factor,
        value_range: Range = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, data_format, **kwargs)
        self._set_factor(factor)
        self.value_range = value_range


@TABLE.add()
class RandomGrayscale(_Color):
    """Each image in grey with probability `factor`; it keeps its 3 channels.

    >>> RandomGrayscale(1.0)(torch.tensor([[[1.0, 0.0, 0.0]]])).flatten()[0] < 0.3
    tensor(True)
    """

    def __init__(
        self,
        factor: float = 0.5,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, data_format, **kwargs)
        if not 0 <= factor <= 1:
            raise ValueError(
                f'factor of layer "{self.name}" is a probability; received {factor!r}.'
            )
        self.factor = factor

    def change(self, images: Tensor) -> Tensor:
        chosen = self._between(0, 1, images).view(-1, 1, 1, 1) < self.factor
        return torch.where(chosen, colors.to_gray(images), images)


@TABLE.add()
class RandomHue(_InRange):
    """The hue of each image turned by up to half of `factor`, either way round.

    >>> RandomHue(0.5)(torch.ones(1, 2, 2, 3)).shape
    torch.Size([1, 2, 2, 3])
    """

    bounds = (0.0, 1.0)

    def change(self, images: Tensor) -> Tensor:
        side = self._between(0, 1, images).view(-1, 1, 1, 1) > 0.5
        turn = self._draw(images) * 0.5
        hue, rest = colors.to_hsv(self._to(images, 0.0, 1.0)).split([1, 2], 1)
        hue = hue + torch.where(side, -turn, turn)
        hue = hue - (hue > 1).to(hue.dtype) + (hue < 0).to(hue.dtype)
        changed = colors.from_hsv(torch.cat([hue, rest], 1)).clamp(0, 1)
        return self._from(changed, 0.0, 1.0)


@TABLE.add()
class RandomSaturation(_InRange):
    """The saturation of each image times `f / (1 - f)`, f drawn from `factor`: 0.5 changes nothing.

    >>> RandomSaturation((0.0, 0.0))(torch.tensor([[[1.0, 0.0, 0.0]]])).flatten().tolist()
    [1.0, 1.0, 1.0]
    """

    def change(self, images: Tensor) -> Tensor:
        factor = self._draw(images)
        factor = factor / (1 - factor + epsilon())
        hue, saturation, value = colors.to_hsv(images).split(1, 1)
        saturation = (saturation * factor).clamp(*self.value_range)
        return colors.from_hsv(torch.cat([hue, saturation, value], 1))


@TABLE.add()
class RandomColorDegeneration(_InRange):
    """Each image mixed with its grey one: a factor of 1 leaves the grey one.

    >>> RandomColorDegeneration((0.0, 0.0))(torch.tensor([[[1.0, 0.0, 2.0]]])).flatten().tolist()
    [1.0, 0.0, 2.0]
    """

    def change(self, images: Tensor) -> Tensor:
        mixed = images + self._draw(images) * (colors.to_gray(images) - images)
        return mixed.clamp(*self.value_range)


@TABLE.add()
class RandomInvert(_Color):
    """Each image turned into its negative, with a probability drawn from `factor`.

    >>> RandomInvert((1.0, 1.0))(torch.tensor([[[55.0]]])).tolist()
    [[[200.0]]]
    """

    bounds = (0.0, 1.0)

    def __init__(
        self,
        factor: Factor = 1.0,
        value_range: Range = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, data_format, **kwargs)
        self._set_factor(factor)
        self.value_range = value_range

    def change(self, images: Tensor) -> Tensor:
        probability = self._between(*self.factor, images)
        chosen = self._between(0, 1, images) < probability
        return torch.where(chosen.view(-1, 1, 1, 1), self.value_range[1] - images, images)


@TABLE.add()
class Solarization(_Color):
    """A random number added to each image, then values above a random threshold inverted.

    `addition_factor` and `threshold_factor`, each a number or a pair in [0, 1], bound the two.

    >>> Solarization()(torch.tensor([[[55.0]]])).tolist()
    [[[200.0]]]
    """

    def __init__(
        self,
        addition_factor: Factor = 0.0,
        threshold_factor: Factor = 0.0,
        value_range: Range = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed, kwargs.pop("data_format", None), **kwargs)
        self.addition_factor = self._pair("addition_factor", addition_factor)
        self.threshold_factor = self._pair("threshold_factor", threshold_factor)
        self.value_range = value_range

    def _pair(self, argument, value):
        pair = tuple(sorted(value)) if isinstance(value, (tuple, list)) else (0, value)
        if len(pair) != 2 or not 0 <= pair[0] <= pair[1] <= 1:
            raise ValueError(
                f'{argument} of layer "{self.name}" must be a number or a pair of numbers in '
                f"[0, 1]; received {value!r}."
            )
        return pair

    def change(self, images: Tensor) -> Tensor:
        additions, thresholds = (
            self._between(low, high * 255, images).to(images.dtype).view(-1, 1, 1, 1)
            for low, high in (self.addition_factor, self.threshold_factor)
        )
        found = (self._to(images, 0, 255) + additions).clamp(0, 255)
        return self._from(torch.where(found < thresholds, found, 255 - found), 0, 255)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}


@TABLE.add()
class RandomPosterization(_InRange):
    """Each image with the upper bits of its values only: as many as drawn from `factor`, 1 to 8.

    >>> RandomPosterization((1, 1))(torch.tensor([[[100.0, 200.0]]])).tolist()
    [[[0.0, 128.0]]]
    """

    bounds = (1, 8)

    def change(self, images: Tensor) -> Tensor:
        low, high = self.factor
        bits = self._between(low, high, images).long() if low != high else None
        values = self._to(images, 0, 255).to(torch.uint8).long()
        shift = 8 - low if bits is None else (8 - bits).view(-1, 1, 1, 1)
        return self._from(((values >> shift) << shift).to(images.dtype), 0, 255)


@TABLE.add()
class AutoContrast(_Color):
    """Each channel of each image stretched over the whole of `value_range`, in any mode.

    >>> AutoContrast()(torch.tensor([[[1.0], [3.0]]])).flatten().tolist()
    [0.0, 255.0]
    """

    def __init__(self, value_range: Range = (0, 255), **kwargs: Any):
        super().__init__(kwargs.pop("seed", None), kwargs.pop("data_format", None), **kwargs)
        self.value_range = value_range

    def change(self, images: Tensor) -> Tensor:
        x = self._to(images, 0, 255)
        low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
        flat = high == low
        scale = 255.0 / torch.where(flat, 1.0, high - low)
        found = (x * scale - low * scale).clamp(0, 255)
        return torch.where(flat, images, self._from(found, 0, 255))

    def _at_inference(self, images):
        if images.ndim == 3:
            return self._augment(images.unsqueeze(0)).squeeze(0)
        return self._augment(images)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "data_format": self.data_format}
        config.pop("seed", None)
        return config


@TABLE.add()
class RandomSharpness(_InRange):
    """Each image between its blurred one (a factor of 0), itself (0.5) and a sharper one (1).

    >>> RandomSharpness((0.5, 0.5))(torch.tensor([[[1.0], [3.0]]])).flatten().tolist()
    [1.0, 3.0]
    """

    bounds = (0.0, 1.0)

    def change(self, images: Tensor) -> Tensor:
        count = images.shape[1]
        window = images.new_full((count, 1, 3, 3), 1.0 / 13.0)
        window[:, :, 1, 1] = 5.0 / 13.0
        smooth = F.conv2d(images, window, padding=1, groups=count)
        found = images + (1.0 - 2 * self._draw(images)) * (smooth - images)
        return found.clamp(*self.value_range)
