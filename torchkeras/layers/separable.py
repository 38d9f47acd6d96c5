"""Convolutions of each channel by itself, alone or followed by a mix of the channels."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from .. import constraints, initializers, regularizers
from ..input_spec import InputSpec
from ..layer import TABLE, Weight
from .conv import BaseConv, Conv, Sizes, keep_channels_last
from .spatial import integers


class _WithDepthwiseKernel:
    """Common to layers with a depthwise kernel."""

    def _take_depthwise(self, depth_multiplier, initializer, regularizer, constraint):
        self.depth_multiplier = integers(depth_multiplier, 1, "depth_multiplier", self)[0]
        self.depthwise_initializer = initializers.get(initializer)
        self.depthwise_regularizer = regularizers.get(regularizer)
        self.depthwise_constraint = constraints.get(constraint)
        if self.groups != 1:
            raise ValueError(
                f'Layer "{self.name}" convolves each channel by itself; it takes no groups='
                f"{self.groups}."
            )

    def _make_depthwise(self, input_shape, bias):
        channels = self.known_channels(input_shape)
        self.compute_output_shape(input_shape)
        return channels, self.make_conv(
            self.native,
            input_shape,
            channels,
            channels * self.depth_multiplier,
            groups=channels,
            bias=bias,
        )


class DepthwiseConv(_WithDepthwiseKernel, BaseConv):
    """One or more filters for each channel, which are not mixed."""

    def __init__(
        self,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activation=activation,
            use_bias=use_bias,
            bias_initializer=bias_initializer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            bias_constraint=bias_constraint,
            **kwargs,
        )
        self._take_depthwise(
            depth_multiplier, depthwise_initializer, depthwise_regularizer, depthwise_constraint
        )

    def build(self, input_shape: Any) -> None:
        channels, self.conv = self._make_depthwise(input_shape, self.use_bias)
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={self.channel_axis: channels})
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        return self.activate(self.to_keras(self.convolve(self.conv, self.to_torch(inputs))))

    def output_channels(self, input_shape: Any) -> int:
        return self.known_channels(input_shape) * self.depth_multiplier


@TABLE.add()
class DepthwiseConv1D(DepthwiseConv):
    """`DepthwiseConv2D` along time: `(batch, steps, channels)`.

    >>> import torch
    >>> DepthwiseConv1D(3, depth_multiplier=2)(torch.zeros(1, 5, 4)).shape
    torch.Size([1, 3, 8])
    """

    rank = 1
    native = nn.Conv1d
    weight_map = (
        Weight(
            "depthwise_kernel",
            "conv.weight",
            "(c m) 1 w -> w c m",
            setting="depthwise",
            sizes={"m": "depth_multiplier"},
        ),
        Weight("bias", "conv.bias"),
    )


@TABLE.add()
class DepthwiseConv2D(DepthwiseConv):
    """`depth_multiplier` filters for each channel: `channels * depth_multiplier` outputs.

    The kernel has the shape `(*kernel_size, channels, depth_multiplier)`; other arguments as
    those of `Conv2D`.

    >>> import torch
    >>> DepthwiseConv2D(3, padding="same", depth_multiplier=2)(torch.zeros(1, 5, 5, 4)).shape
    torch.Size([1, 5, 5, 8])
    """

    rank = 2
    weight_map = (
        Weight(
            "depthwise_kernel",
            "conv.weight",
            "(c m) 1 h w -> h w c m",
            setting="depthwise",
            sizes={"m": "depth_multiplier"},
        ),
        Weight("bias", "conv.bias"),
    )


class SeparableConv(_WithDepthwiseKernel, Conv):
    """A depthwise convolution, then a mix of its channels at each place."""

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(
            filters,
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activation=activation,
            use_bias=use_bias,
            bias_initializer=bias_initializer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            bias_constraint=bias_constraint,
            **kwargs,
        )
        self._take_depthwise(
            depth_multiplier, depthwise_initializer, depthwise_regularizer, depthwise_constraint
        )
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)
        self.pointwise_constraint = constraints.get(pointwise_constraint)

    def build(self, input_shape: Any) -> None:
        channels, self.depthwise = self._make_depthwise(input_shape, bias=False)
        self.pointwise = self.make(
            self.native, channels * self.depth_multiplier, self.filters, 1, bias=self.use_bias
        )
        if not self.channels_first:
            keep_channels_last(self.pointwise)
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={self.channel_axis: channels})
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        outputs = self.run(self.pointwise, self.convolve(self.depthwise, self.to_torch(inputs)))
        return self.activate(self.to_keras(outputs))


@TABLE.add("SeparableConvolution1D")
class SeparableConv1D(SeparableConv):
    """`SeparableConv2D` along time; `padding` may also be 'causal'.

    >>> import torch
    >>> SeparableConv1D(8, 3)(torch.zeros(1, 5, 4)).shape
    torch.Size([1, 3, 8])
    """

    rank = 1
    native = nn.Conv1d
    paddings = ("valid", "same", "causal")
    weight_map = (
        Weight(
            "depthwise_kernel",
            "depthwise.weight",
            "(c m) 1 w -> w c m",
            setting="depthwise",
            sizes={"m": "depth_multiplier"},
        ),
        Weight("pointwise_kernel", "pointwise.weight", "o i w -> w i o", setting="pointwise"),
        Weight("bias", "pointwise.bias"),
    )


@TABLE.add("SeparableConvolution2D")
class SeparableConv2D(SeparableConv):
    """`depth_multiplier` filters for each channel, then `filters` mixes of the results.

    `strides`, `padding` and `dilation_rate` are those of the first step; bias and activation
    come after the second.

    >>> import torch
    >>> SeparableConv2D(8, 3, padding="same")(torch.zeros(1, 5, 5, 4)).shape
    torch.Size([1, 5, 5, 8])
    """

    rank = 2
    weight_map = (
        Weight(
            "depthwise_kernel",
            "depthwise.weight",
            "(c m) 1 h w -> h w c m",
            setting="depthwise",
            sizes={"m": "depth_multiplier"},
        ),
        Weight("pointwise_kernel", "pointwise.weight", "o i h w -> h w i o", setting="pointwise"),
        Weight("bias", "pointwise.bias"),
    )


SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D
