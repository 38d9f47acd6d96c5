"""Random layers that act in training alone, and penalties on activations.

The draws of a layer with a `seed` repeat from run to run and are the same on every device,
whatever else is drawn in between: a number follows from the seed, how often the layer has drawn,
and its place, by the mixing function of splitmix64 (Steele et al., 2014).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .. import regularizers
from ..arrays import default_device
from ..dropping import dropout
from ..input_spec import InputSpec
from ..layer import TABLE, Layer
from .spatial import SpatialLayer

_STEPS = (0x9E3779B97F4A7C15, 0xD1B54A32D192ED03)


def _scrambled(words):
    """Every bit of an int64 depends on all bits of the word it came from."""
    words = (words ^ ((words >> 30) & 0x3FFFFFFFF)) * _signed(0xBF58476D1CE4E5B9)
    words = (words ^ ((words >> 27) & 0x1FFFFFFFFF)) * _signed(0x94D049BB133111EB)
    return words ^ ((words >> 31) & 0x1FFFFFFFF)


def _signed(number):
    """The int64 with the last 64 bits of `number`: torch's products wrap as unsigned ones do."""
    return (number + 2**63) % 2**64 - 2**63


class _Random(Layer):
    """Draws from torch's generator, or from its seed and the number of the draw."""

    supports_masking = True
    seed: int | None = None

    def build(self, input_shape: Any) -> None:
        if self.seed is not None:
            self.register_buffer(
                "draws", torch.zeros((), dtype=torch.int64, device=default_device())
            )
        self.built = True

    def _kept(self, inputs, shape, rate):
        """Ones, and zeros in a fraction `rate` of the places."""
        if self.seed is None:
            noise = torch.empty(shape, dtype=inputs.dtype, device=inputs.device)
            return noise.bernoulli_(1.0 - rate)
        return (self._uniform(shape, inputs.device) >= rate).to(inputs.dtype)

    def _normal(self, inputs, stddev):
        if self.seed is None:
            return torch.randn_like(inputs) * stddev
        radius = torch.sqrt(-2.0 * torch.log1p(-self._uniform(inputs.shape, inputs.device)))
        angle = 2.0 * math.pi * self._uniform(inputs.shape, inputs.device)
        return (radius * torch.cos(angle) * stddev).to(inputs.dtype)

    def _uniform(self, shape, device):
        """Numbers of [0, 1) that follow from the seed, this draw's number and the place."""
        self.draws.add_(1)
        places = torch.arange(math.prod(shape), device=device) + _signed(self.seed * _STEPS[0])
        words = _scrambled(places + self.draws * _signed(_STEPS[1]))
        return ((words >> 40) & 0xFFFFFF).to(torch.float32).mul_(2.0**-24).view(shape)

    def _check_rate(self, rate):
        if not 0 <= rate <= 1:
            raise ValueError(
                f'rate of layer "{self.name}" must be between 0 and 1; received {rate!r}.'
            )
        return rate

    def _noise_shape(self, inputs):
        shape = getattr(self, "noise_shape", None)
        if shape is None:
            return inputs.shape
        if len(shape) != inputs.ndim:
            raise ValueError(
                f'noise_shape={tuple(shape)} of layer "{self.name}" does not have as many axes '
                f"as its inputs of shape {tuple(inputs.shape)}."
            )
        return [n if given is None else given for given, n in zip(shape, inputs.shape, strict=True)]

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


@TABLE.add()
class Dropout(_Random):
    """Zero for a fraction `rate` of the values in training, the others times `1 / (1 - rate)`.

    `noise_shape` has a 1 for each axis along which all values share their fate, None for the
    input's size. A `seed` makes the draws repeatable.

    >>> Dropout(0.5)(torch.ones(3)).tolist()
    [1.0, 1.0, 1.0]
    >>> sorted(set(Dropout(0.5, seed=1)(torch.ones(100), training=True).tolist()))
    [0.0, 2.0]
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.rate = self._check_rate(rate)
        self.noise_shape, self.seed = noise_shape, seed
        self._plain = seed is None and noise_shape is None

    def call(self, inputs: Tensor, training: Any = None) -> Tensor:
        if not (self.training if training is None else training):
            return inputs
        if self._plain or self.rate == 1:
            return dropout(inputs, self.rate)
        kept = self._kept(inputs, self._noise_shape(inputs), self.rate)
        return inputs * kept.div_(1.0 - self.rate)


class _SpatialDropout(Dropout, SpatialLayer):
    """Dropout of whole channels."""

    def __init__(self, rate: float, data_format: str | None = None, **kwargs: Any):
        super().__init__(rate, **kwargs)
        self.set_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self._plain = False

    def _noise_shape(self, inputs):
        return self.shape_with(inputs.shape, (1,) * self.rank)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if not self.channels_first:  # tf.keras never writes it; without it, this would be lost
            del config["data_format"]
        return config


@TABLE.add()
class SpatialDropout1D(_SpatialDropout):
    """Dropout of whole channels: `(batch, steps, channels)`.

    >>> SpatialDropout1D(0.5)(torch.ones(1, 2, 1)).flatten().tolist()
    [1.0, 1.0]
    """

    rank = 1

    def __init__(self, rate: float, **kwargs: Any):
        super().__init__(rate, "channels_last", **kwargs)


@TABLE.add()
class SpatialDropout2D(_SpatialDropout):
    """Dropout of whole channels: `(batch, height, width, channels)`.

    >>> SpatialDropout2D(0.5)(torch.ones(1, 1, 2, 1)).flatten().tolist()
    [1.0, 1.0]
    """


@TABLE.add()
class SpatialDropout3D(_SpatialDropout):
    """Dropout of whole channels: `(batch, depth, height, width, channels)`.

    >>> SpatialDropout3D(0.5)(torch.ones(1, 1, 1, 2, 1)).flatten().tolist()
    [1.0, 1.0]
    """

    rank = 3


@TABLE.add()
class GaussianNoise(_Random):
    """Normal noise of `stddev` added in training.

    >>> GaussianNoise(0.1)(torch.ones(2)).tolist()
    [1.0, 1.0]
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        if stddev < 0:
            raise ValueError(f'stddev of layer "{self.name}" must be 0 or more; received {stddev}.')
        self.stddev, self.seed = stddev, seed

    def call(self, inputs: Tensor, training: Any = None) -> Tensor:
        if not (self.training if training is None else training):
            return inputs
        return inputs + self._normal(inputs, self.stddev)


@TABLE.add()
class GaussianDropout(_Random):
    """Times normal noise of mean 1 and standard deviation `sqrt(rate / (1 - rate))` in training.

    >>> GaussianDropout(0.5)(torch.ones(2)).tolist()
    [1.0, 1.0]
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.rate, self.seed = self._check_rate(rate), seed

    def call(self, inputs: Tensor, training: Any = None) -> Tensor:
        if not (self.training if training is None else training) or self.rate in (0, 1):
            return inputs
        return inputs * (1.0 + self._normal(inputs, math.sqrt(self.rate / (1.0 - self.rate))))


@TABLE.add()
class AlphaDropout(_Random):
    """Dropout that keeps mean and variance, for `selu` networks (Klambauer et al., 2017).

    >>> AlphaDropout(0.5)(torch.ones(2)).tolist()
    [1.0, 1.0]
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.rate = self._check_rate(rate)
        self.noise_shape, self.seed = noise_shape, seed

    def call(self, inputs: Tensor, training: Any = None) -> Tensor:
        if not (self.training if training is None else training) or self.rate in (0, 1):
            return inputs
        floor = -1.7580993408473766  # where selu levels off: -alpha * scale
        factor = ((1.0 - self.rate) * (1.0 + self.rate * floor**2)) ** -0.5
        kept = self._kept(inputs, self._noise_shape(inputs), self.rate)
        dropped = inputs * kept + floor * (1.0 - kept)
        return factor * dropped - factor * floor * self.rate

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self.noise_shape is None:  # tf.keras never writes it
            del config["noise_shape"]
        return config


@TABLE.add()
class ActivityRegularization(Layer):
    """The inputs, with `l1 * sum(abs(x)) + l2 * sum(x ** 2)`, over the batch size, as a loss.

    >>> layer = ActivityRegularization(l1=1.0)
    >>> _ = layer(torch.tensor([[1.0, -2.0]]))
    >>> [float(loss) for loss in layer.losses]
    [3.0]
    """

    supports_masking = True

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any):
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.l1, self.l2 = l1, l2

    def call(self, inputs: Tensor) -> Tensor:
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape
