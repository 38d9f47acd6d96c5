"""Pooling to a given size, by torch's adaptive kernels: names that Keras 3 added."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ..input_spec import InputSpec
from ..layer import TABLE
from .conv import Sizes
from .spatial import SpatialLayer, integers


class AdaptivePooling(SpatialLayer):
    """Windows of sizes that differ by one at most, so that `output_size` of them cover an axis."""

    native: Any = None

    def __init__(self, output_size: Sizes, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.set_data_format(data_format)
        self.output_size = integers(output_size, self.rank, "output_size", self)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.pool = self.native(self.output_size)

    def call(self, inputs: Tensor) -> Tensor:
        return self.to_keras(self.pool(self.to_torch(inputs)))

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return self.shape_with(input_shape, self.output_size)


@TABLE.add()
class AdaptiveAveragePooling1D(AdaptivePooling):
    """Averages over windows: `(batch, steps, channels)` to `(batch, output_size, channels)`.

    >>> import torch
    >>> AdaptiveAveragePooling1D(2)(torch.arange(4.0).view(1, 4, 1)).flatten().tolist()
    [0.5, 2.5]
    """

    rank, native = 1, nn.AdaptiveAvgPool1d


@TABLE.add()
class AdaptiveAveragePooling2D(AdaptivePooling):
    """Averages over windows of images; `output_size` is a number or two.

    >>> import torch
    >>> AdaptiveAveragePooling2D((2, 1))(torch.zeros(1, 5, 4, 3)).shape
    torch.Size([1, 2, 1, 3])
    """

    rank, native = 2, nn.AdaptiveAvgPool2d


@TABLE.add()
class AdaptiveAveragePooling3D(AdaptivePooling):
    """Averages over windows of volumes; `output_size` is a number or three."""

    rank, native = 3, nn.AdaptiveAvgPool3d


@TABLE.add()
class AdaptiveMaxPooling1D(AdaptivePooling):
    """The largest in windows: `(batch, steps, channels)` to `(batch, output_size, channels)`.

    >>> import torch
    >>> AdaptiveMaxPooling1D(2)(torch.arange(4.0).view(1, 4, 1)).flatten().tolist()
    [1.0, 3.0]
    """

    rank, native = 1, nn.AdaptiveMaxPool1d


@TABLE.add()
class AdaptiveMaxPooling2D(AdaptivePooling):
    """The largest in windows of images; `output_size` is a number or two."""

    rank, native = 2, nn.AdaptiveMaxPool2d


@TABLE.add()
class AdaptiveMaxPooling3D(AdaptivePooling):
    """The largest in windows of volumes; `output_size` is a number or three."""

    rank, native = 3, nn.AdaptiveMaxPool3d
