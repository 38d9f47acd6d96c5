"""Maxima and averages of windows, and of everything, in sequences, images and volumes."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..input_spec import InputSpec
from ..layer import TABLE
from .conv import Sizes
from .spatial import SpatialLayer, integers, output_size, padding_mode, same_padding


class Pooling(SpatialLayer):
    """A layer over windows of `pool_size` that are `strides` (by default `pool_size`) apart.

    For 'same' the native pooling is told to pad what comes before, and to go over the end
    (`ceil_mode`), which ignores what is not there: no padded copy, and no padding in an average.
    Only an even window at stride 1 would start too late by one; it gets one more in front,
    and its first result is dropped.
    """

    native: Any = None
    function: Any = None
    settings: dict[str, Any] = {}

    def __init__(
        self,
        pool_size: Sizes = 2,
        strides: Sizes | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.set_data_format(data_format)
        self.pool_size = integers(pool_size, self.rank, "pool_size", self)
        self.strides = integers(
            self.pool_size if strides is None else strides, self.rank, "strides", self
        )
        self.padding = padding_mode(padding, self)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self._windows = list(zip(self.pool_size, self.strides, strict=True))
        self._sized = self.padding == "same" and any(s > 1 and k > s for k, s in self._windows)
        self._late = [self.padding == "same" and s == 1 and k % 2 == 0 for k, s in self._windows]
        self._simple = not (self._sized or any(self._late))

    def build(self, input_shape: Any) -> None:
        self.compute_output_shape(input_shape)
        sizes = [0 if size is None else size for size in self.sizes(input_shape)]
        self.pool = self.native(
            self.pool_size,
            self.strides,
            self._before(sizes),
            ceil_mode=self.padding == "same",
            **self.settings,
        )
        self.built = True

    def _before(self, sizes):
        """How much padding comes before each axis."""
        if self.padding == "valid":
            return (0,) * self.rank
        return tuple(
            k // 2 if late else same_padding(n, k, s)[0]
            for n, (k, s), late in zip(sizes, self._windows, self._late, strict=True)
        )

    def call(self, inputs: Tensor) -> Tensor:
        if self._simple:
            return self.to_keras(self.pool(self.to_torch(inputs)))
        x = self.to_torch(inputs)
        before = self._before(x.shape[2:]) if self._sized else self.pool.padding
        if before == self.pool.padding:
            outputs = self.pool(x)
        else:  # built for a size that needs other padding
            outputs = self.function(
                x, self.pool_size, self.strides, before, ceil_mode=True, **self.settings
            )
        for axis, late in enumerate(self._late, start=2):
            if late:
                outputs = outputs.narrow(axis, 1, outputs.shape[axis] - 1)
        return self.to_keras(outputs)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        sizes = [
            output_size(n, k, self.padding, s)
            for n, (k, s) in zip(self.sizes(input_shape), self._windows, strict=True)
        ]
        if any(size is not None and size <= 0 for size in sizes):
            raise ValueError(
                f'Inputs of shape {tuple(input_shape)} are too small for layer "{self.name}" with '
                f"pool_size={self.pool_size}: an axis of the output would have size 0 or less."
            )
        return self.shape_with(input_shape, sizes)


class _AveragePooling(Pooling):
    settings = {"count_include_pad": False}


class _Pooling1D:
    """One spatial axis; its default axis order is always channels last."""

    rank = 1

    def __init__(
        self,
        pool_size: Sizes = 2,
        strides: Sizes | None = None,
        padding: str = "valid",
        data_format: str | None = "channels_last",
        **kwargs: Any,
    ):
        super().__init__(pool_size, strides, padding, data_format, **kwargs)


@TABLE.add("MaxPool1D")
class MaxPooling1D(_Pooling1D, Pooling):
    """The largest value of each window of steps: `(batch, steps, channels)`.

    >>> MaxPooling1D(2)(torch.tensor([[[1.0], [3.0], [2.0], [0.0]]])).flatten().tolist()
    [3.0, 2.0]
    """

    native, function = nn.MaxPool1d, staticmethod(F.max_pool1d)


@TABLE.add("MaxPool2D")
class MaxPooling2D(Pooling):
    """The largest value of each window: `(batch, height, width, channels)`.

    `strides` defaults to `pool_size`. 'same' gives `ceil(size / stride)`; what lies outside
    does not count.

    >>> MaxPooling2D(2)(torch.arange(4.0).reshape(1, 2, 2, 1)).flatten().tolist()
    [3.0]
    """

    native, function = nn.MaxPool2d, staticmethod(F.max_pool2d)


@TABLE.add("MaxPool3D")
class MaxPooling3D(Pooling):
    """The largest value of each window: `(batch, depth, height, width, channels)`.

    >>> MaxPooling3D(2)(torch.arange(8.0).reshape(1, 2, 2, 2, 1)).flatten().tolist()
    [7.0]
    """

    rank = 3
    native, function = nn.MaxPool3d, staticmethod(F.max_pool3d)


@TABLE.add("AvgPool1D")
class AveragePooling1D(_Pooling1D, _AveragePooling):
    """The mean of each window of steps: `(batch, steps, channels)`.

    >>> AveragePooling1D(2)(torch.tensor([[[1.0], [3.0], [2.0], [0.0]]])).flatten().tolist()
    [2.0, 1.0]
    """

    native, function = nn.AvgPool1d, staticmethod(F.avg_pool1d)


@TABLE.add("AvgPool2D")
class AveragePooling2D(_AveragePooling):
    """The mean of each window, of what is inside the image: `(batch, height, width, channels)`.

    >>> AveragePooling2D(2)(torch.arange(4.0).reshape(1, 2, 2, 1)).flatten().tolist()
    [1.5]
    """

    native, function = nn.AvgPool2d, staticmethod(F.avg_pool2d)


@TABLE.add("AvgPool3D")
class AveragePooling3D(_AveragePooling):
    """The mean of each window: `(batch, depth, height, width, channels)`.

    >>> AveragePooling3D(2)(torch.arange(8.0).reshape(1, 2, 2, 2, 1)).flatten().tolist()
    [3.5]
    """

    rank = 3
    native, function = nn.AvgPool3d, staticmethod(F.avg_pool3d)

    def call(self, inputs: Tensor) -> Tensor:
        if inputs.device.type == "cpu" and inputs.dtype in (torch.float16, torch.bfloat16):
            return super().call(inputs.float()).to(inputs.dtype)  # torch has no such kernel
        return super().call(inputs)


class GlobalPooling(SpatialLayer):
    """A layer that leaves one number a channel; `keepdims` keeps the axes with size 1."""

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.set_data_format(data_format)
        self.keepdims = keepdims
        self.input_spec = InputSpec(ndim=self.rank + 2)
        start = 2 if self.channels_first else 1
        self._axes = tuple(range(start, start + self.rank))

    def build(self, input_shape: Any) -> None:
        if 0 in self.sizes(input_shape):
            raise ValueError(
                f'Layer "{self.name}" cannot pool over an axis of size 0; received shape '
                f"{tuple(input_shape)}."
            )
        self.built = True

    def compute_output_shape(self, input_shape: Any) -> tuple:
        if self.keepdims:
            return self.shape_with(input_shape, (1,) * self.rank)
        return (input_shape[0], input_shape[self.channel_axis])


class _GlobalMax(GlobalPooling):
    def call(self, inputs: Tensor) -> Tensor:
        return torch.amax(inputs, self._axes, self.keepdims)


class _GlobalAverage(GlobalPooling):
    def call(self, inputs: Tensor) -> Tensor:
        return torch.mean(inputs, self._axes, self.keepdims)


class _Global1D:
    """One spatial axis; its default axis order is always channels last."""

    rank = 1

    def __init__(
        self, data_format: str | None = "channels_last", keepdims: bool = False, **kwargs: Any
    ):
        super().__init__(data_format, keepdims, **kwargs)


@TABLE.add("GlobalMaxPool1D")
class GlobalMaxPooling1D(_Global1D, _GlobalMax):
    """The largest value of each channel: `(batch, steps, channels)` to `(batch, channels)`.

    >>> GlobalMaxPooling1D()(torch.tensor([[[1.0], [3.0], [2.0]]])).tolist()
    [[3.0]]
    """


@TABLE.add("GlobalMaxPool2D")
class GlobalMaxPooling2D(_GlobalMax):
    """The largest value of each channel: `(batch, height, width, channels)` to
    `(batch, channels)`.

    >>> GlobalMaxPooling2D()(torch.arange(4.0).reshape(1, 2, 2, 1)).tolist()
    [[3.0]]
    """


@TABLE.add("GlobalMaxPool3D")
class GlobalMaxPooling3D(_GlobalMax):
    """The largest value of each channel of a volume.

    >>> GlobalMaxPooling3D()(torch.arange(8.0).reshape(1, 2, 2, 2, 1)).tolist()
    [[7.0]]
    """

    rank = 3


@TABLE.add("GlobalAvgPool1D")
class GlobalAveragePooling1D(_Global1D, _GlobalAverage):
    """The mean of each channel over the steps that the mask leaves.

    `(batch, steps, channels)` to `(batch, channels)`; the mask has the shape `(batch, steps)`.

    >>> GlobalAveragePooling1D()(torch.tensor([[[1.0], [3.0], [2.0]]])).tolist()
    [[2.0]]
    """

    supports_masking = True

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is None:
            return torch.mean(inputs, self._axes, self.keepdims)
        kept = mask.to(inputs.dtype).unsqueeze(1 if self.channels_first else 2)
        total = torch.sum(inputs * kept, self._axes, self.keepdims)
        return total / torch.sum(kept, self._axes, self.keepdims)

    def compute_mask(self, inputs, mask=None):
        return None


@TABLE.add("GlobalAvgPool2D")
class GlobalAveragePooling2D(_GlobalAverage):
    """The mean of each channel: `(batch, height, width, channels)` to `(batch, channels)`.

    >>> GlobalAveragePooling2D()(torch.arange(4.0).reshape(1, 2, 2, 1)).tolist()
    [[1.5]]
    """


@TABLE.add("GlobalAvgPool3D")
class GlobalAveragePooling3D(_GlobalAverage):
    """The mean of each channel of a volume.

    >>> GlobalAveragePooling3D()(torch.arange(8.0).reshape(1, 2, 2, 2, 1)).tolist()
    [[3.5]]
    """

    rank = 3


MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
GlobalMaxPool1D, GlobalMaxPool2D = GlobalMaxPooling1D, GlobalMaxPooling2D
GlobalMaxPool3D, GlobalAvgPool1D = GlobalMaxPooling3D, GlobalAveragePooling1D
GlobalAvgPool2D, GlobalAvgPool3D = GlobalAveragePooling2D, GlobalAveragePooling3D
