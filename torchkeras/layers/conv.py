"""Convolutions over sequences, images and volumes, on `nn.Conv1d`, `nn.Conv2d`, `nn.Conv3d`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from .. import activations, constraints, initializers, layout, regularizers
from ..arrays import as_tensor
from ..input_spec import InputSpec
from ..layer import TABLE, Weight
from ..tracking import is_watched
from .spatial import (
    SpatialLayer,
    integers,
    output_size,
    pad_argument,
    padding_mode,
    same_padding,
)

Sizes = int | Sequence[int]


class BaseConv(SpatialLayer):
    """What all convolutions have: window, strides, padding, bias and activation."""

    paddings: tuple[str, ...] = ("valid", "same")
    native: Any = nn.Conv2d

    def __init__(
        self,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        bias_initializer: Any = "zeros",
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.set_data_format(data_format)
        self.kernel_size = integers(kernel_size, self.rank, "kernel_size", self)
        self.strides = integers(strides, self.rank, "strides", self)
        self.padding = padding_mode(padding, self, self.paddings)
        self.dilation_rate = integers(dilation_rate, self.rank, "dilation_rate", self)
        self.groups = integers(groups or 1, 1, "groups", self)[0]
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.bias_initializer = initializers.get(bias_initializer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.bias_constraint = constraints.get(bias_constraint)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f'Layer "{self.name}" has strides={self.strides} and dilation_rate='
                f"{self.dilation_rate}; Keras allows only one of them to be above 1."
            )
        self.input_spec = InputSpec(min_ndim=self.rank + 2)

    def make_conv(self, native: Any, input_shape: Any, *channels: int, **settings: Any):
        """The native convolution over windows of this layer, its padding settled where it can be.

        Padding on both sides alike is left to the convolution. Other padding is put around the
        inputs by `convolve`: always the same edges, or edges that depend on the input size.
        """
        windows = list(zip(self.kernel_size, self.strides, self.dilation_rate, strict=True))
        sizes = self.sizes(input_shape)
        if self.padding == "valid":
            edges = [(0, 0)] * self.rank
        elif self.padding == "causal":
            edges = [((k - 1) * d, 0) for k, _, d in windows]
        else:
            edges = [
                same_padding(n or 0, k, s, d) for n, (k, s, d) in zip(sizes, windows, strict=True)
            ]
        self._sized = self.padding == "same" and any(s > 1 and k > 1 for k, s, _ in windows)
        alike = all(before == after for before, after in edges)
        if alike and not (self._sized and None in sizes):
            inside, outside = tuple(before for before, _ in edges), None
        else:
            inside = (0,) * self.rank
            outside = None if self._sized else pad_argument(edges)
        self._edges = outside
        self._skips = max(self.kernel_size) == 1 and max(self.strides) > 1
        conv = self.make(
            native,
            *channels,
            self.kernel_size,
            stride=self.strides,
            padding=inside,
            dilation=self.dilation_rate,
            **settings,
        )
        if not self.channels_first:
            keep_channels_last(conv)
        return conv

    def convolve(self, conv: nn.Module, x: Tensor, kernel: Tensor | None = None) -> Tensor:
        """Pad where the native convolution does not, and convolve; without a bias by a `kernel`."""
        skips = self._skips and x.shape[1] < 16 and x.device.type == "cpu"
        padding = None
        if not skips and (self._edges is not None or self._sized):
            x, padding = self.padded(conv, x)
        if not skips and padding is None and kernel is None:
            return self.run(conv, x)  # any module that somebody put there
        kernel, bias = (conv.weight, conv.bias) if kernel is None else (kernel, None)
        function = (F.conv1d, F.conv2d, F.conv3d)[self.rank - 1]
        if skips:  # oneDNN writes past its memory in the gradient of few channels by such a kernel
            places = tuple(slice(None, None, step) for step in (1, 1, *self.strides))
            return function(x[places], kernel, bias, groups=conv.groups)
        if padding is None:
            padding = conv.padding
        # else built for a size that needs other edges than this one
        return function(x, kernel, bias, conv.stride, padding, conv.dilation, conv.groups)

    def run(self, conv: nn.Module, x: Tensor) -> Tensor:
        """`conv(x)`, along time as for an image of one row: torch knows images, but no sequences,
        that have their channels last, and would turn them around and back."""
        sequence = self.rank == 1 and x.is_cpu and not self.channels_first
        if not sequence or type(conv) is not nn.Conv1d or is_watched(conv):
            return conv(x)
        image, kernel = x.unsqueeze(2), conv.weight.unsqueeze(2)
        windows = (1, *conv.stride), (0, *conv.padding), (1, *conv.dilation)
        return F.conv2d(image, kernel, conv.bias, *windows, conv.groups).squeeze(2)

    def padded(self, conv: nn.Module, x: Tensor) -> tuple[Tensor, tuple[int, ...] | None]:
        """`x` with the edges that the native convolution cannot add.

        Also what it is to add itself; None for the padding that it was made with.
        """
        if self._edges is not None:
            return F.pad(x, self._edges), None
        if not self._sized:
            return x, None
        edges = [
            same_padding(n, k, s)
            for n, k, s in zip(x.shape[2:], self.kernel_size, self.strides, strict=True)
        ]
        if all(edge == (p, p) for edge, p in zip(edges, conv.padding, strict=True)):
            return x, None
        padding = (0,) * self.rank if any(conv.padding) else None
        return F.pad(x, pad_argument(edges)), padding

    def activate(self, outputs: Tensor) -> Tensor:
        if self.activation is activations.linear:
            return outputs
        return self.activation(outputs)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        sizes = [
            output_size(n, k, self.padding, s, d)
            for n, k, s, d in zip(
                self.sizes(input_shape),
                self.kernel_size,
                self.strides,
                self.dilation_rate,
                strict=True,
            )
        ]
        if any(size is not None and size <= 0 for size in sizes):
            raise ValueError(
                f'Inputs of shape {tuple(input_shape)} are too small for layer "{self.name}" with '
                f"kernel_size={self.kernel_size}, dilation_rate={self.dilation_rate} and "
                f"padding={self.padding!r}: an axis of the output would have size 0 or less."
            )
        return self.shape_with(input_shape, sizes, self.output_channels(input_shape))

    def output_channels(self, input_shape: Any) -> int:
        return self.filters


def keep_channels_last(conv: nn.Module) -> None:
    """Lay the weight out in memory as channels-last batches are, which spares reordering."""
    weight = layout.channels_last(conv.weight.data).contiguous()
    conv.weight.data = layout.channels_first(weight)


class Conv(BaseConv):
    """A convolution to a number of filters, for any number of spatial axes."""

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            groups,
            activation,
            use_bias,
            bias_initializer,
            bias_regularizer,
            activity_regularizer,
            bias_constraint,
            **kwargs,
        )
        self.filters = count_of_filters(self, filters)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        if self.filters % self.groups:
            raise ValueError(
                f'filters of layer "{self.name}" must be a multiple of groups; received '
                f"filters={self.filters} and groups={self.groups}."
            )

    def build(self, input_shape: Any) -> None:
        channels = self.known_channels(input_shape)
        if channels % self.groups:
            raise ValueError(
                f'The input channels of layer "{self.name}" must be a multiple of groups='
                f"{self.groups}; received shape {tuple(input_shape)} with {channels} channels."
            )
        self.compute_output_shape(input_shape)
        self.conv = self.make_conv(
            self.native, input_shape, channels, self.filters, groups=self.groups, bias=self.use_bias
        )
        self.input_spec = InputSpec(min_ndim=self.rank + 2, axes={self.channel_axis: channels})
        self.built = True

    def convolution_op(self, inputs: Tensor, kernel: Any) -> Tensor:
        """The inputs convolved by a kernel `(*kernel_size, channels, filters)`, without a bias.

        A subclass may override it; the layer then calls it with its kernel.
        """
        native = as_tensor(kernel).movedim((-1, -2), (0, 1))
        return self.to_keras(self.convolve(self.conv, self.to_torch(inputs), native))

    def call(self, inputs: Tensor) -> Tensor:
        if type(self).convolution_op is not Conv.convolution_op:
            outputs = self.convolution_op(inputs, self.kernel)
            if self.use_bias:
                bias = self.conv.bias.view(-1, *[1] * self.rank)
                outputs = self.to_keras(self.to_torch(outputs) + bias)
            return self.activate(outputs)
        if inputs.ndim == self.rank + 2:
            return self.activate(self.to_keras(self.convolve(self.conv, self.to_torch(inputs))))
        flat = inputs.flatten(0, inputs.ndim - self.rank - 2)  # several batch axes
        outputs = self.to_keras(self.convolve(self.conv, self.to_torch(flat)))
        return self.activate(outputs.unflatten(0, inputs.shape[: -self.rank - 1]))


def count_of_filters(layer: SpatialLayer, filters: Any) -> int:
    """`filters` as an integer above zero; whole floats pass, as in tf.keras."""
    whole = int(filters) if isinstance(filters, float) and filters.is_integer() else filters
    return integers(whole, 1, "filters", layer)[0]


@TABLE.add("Convolution1D")
class Conv1D(Conv):
    """Convolution along time: `(batch, steps, channels)` to `(batch, new_steps, filters)`.

    `padding` is 'valid', 'same' or 'causal' (step t sees no step after t). The kernel has the
    shape `(kernel_size, channels / groups, filters)`. ValueError where the output would be empty.

    >>> import torch
    >>> Conv1D(2, 3, padding="causal")(torch.zeros(1, 5, 4)).shape
    torch.Size([1, 5, 2])
    """

    rank = 1
    native = nn.Conv1d
    paddings = ("valid", "same", "causal")
    weight_map = (Weight("kernel", "conv.weight", "o i w -> w i o"), Weight("bias", "conv.bias"))

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        data_format: str | None = "channels_last",
        *args: Any,
        **kwargs: Any,
    ):
        super().__init__(filters, kernel_size, strides, padding, data_format, *args, **kwargs)


@TABLE.add("Convolution2D")
class Conv2D(Conv):
    """Convolution over images: `(batch, height, width, channels)` to `(..., filters)`.

    `strides` and `dilation_rate` exclude each other. 'same' padding keeps `ceil(size / stride)`,
    with the odd row or column at the bottom and right. The kernel has the shape
    `(*kernel_size, channels / groups, filters)`. ValueError where the output would be empty.

    >>> import torch
    >>> Conv2D(8, 3, strides=2, padding="same")(torch.zeros(1, 28, 28, 1)).shape
    torch.Size([1, 14, 14, 8])
    """

    rank = 2
    native = nn.Conv2d
    weight_map = (
        Weight("kernel", "conv.weight", "o i h w -> h w i o"),
        Weight("bias", "conv.bias"),
    )


@TABLE.add("Convolution3D")
class Conv3D(Conv):
    """Convolution over volumes: `(batch, depth, height, width, channels)` to `(..., filters)`.

    Arguments as those of `Conv2D`, with three sizes.

    >>> import torch
    >>> Conv3D(2, 3)(torch.zeros(1, 4, 4, 4, 1)).shape
    torch.Size([1, 2, 2, 2, 2])
    """

    rank = 3
    native = nn.Conv3d
    weight_map = (
        Weight("kernel", "conv.weight", "o i d h w -> d h w i o"),
        Weight("bias", "conv.bias"),
    )


Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
