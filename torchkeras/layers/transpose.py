"""Transposed convolutions, which enlarge: the gradient of a convolution as a layer."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ..input_spec import InputSpec
from ..layer import TABLE, Weight
from .conv import Conv, Sizes, keep_channels_last
from .spatial import integers


class ConvTranspose(Conv):
    """A transposed convolution, for any number of spatial axes."""

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        output_padding: Sizes | None = None,
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
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
            filters,
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )
        if self.groups != 1:
            raise ValueError(
                f'Layer "{self.name}" takes no groups: Keras has no transposed convolution in '
                f"groups. Received groups={self.groups}."
            )
        self.output_padding = None
        if output_padding is not None:
            self.output_padding = integers(output_padding, self.rank, "output_padding", self, 0)
            if any(p >= s for p, s in zip(self.output_padding, self.strides, strict=True)):
                raise ValueError(
                    f'output_padding of layer "{self.name}" must be below strides; received '
                    f"output_padding={self.output_padding} and strides={self.strides}."
                )

    def build(self, input_shape: Any) -> None:
        channels = self.known_channels(input_shape)
        before, more = zip(*(self._margins(axis) for axis in range(self.rank)), strict=True)
        self._surplus = [max(-extra, 0) for extra in more]
        self.conv = self.make(
            self.native,
            channels,
            self.filters,
            self.kernel_size,
            stride=self.strides,
            padding=before,
            output_padding=tuple(max(extra, 0) for extra in more),
            dilation=self.dilation_rate,
            bias=self.use_bias,
        )
        if not self.channels_first:
            keep_channels_last(self.conv)
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={self.channel_axis: channels})
        self.built = True

    def _margins(self, axis):
        """What torch cuts at both ends of an axis, and what is missing after that at the end.

        The missing part is negative where one more must be cut. Where the whole result is longer
        than wanted, Keras cuts the smaller half at the beginning.
        """
        window = (self.kernel_size[axis] - 1) * self.dilation_rate[axis] + 1
        added = self._added(axis, window) - window  # to the size of the whole result
        before = max(-added, 0) // 2
        return before, added + 2 * before

    def _added(self, axis, window):
        """The output size, less `(input size - 1) * stride`."""
        stride = self.strides[axis]
        if self.output_padding is None:
            return stride if self.padding == "same" else max(window, stride)
        cut = window // 2 if self.padding == "same" else 0
        return window - 2 * cut + self.output_padding[axis]

    def call(self, inputs: Tensor) -> Tensor:
        outputs = self.conv(self.to_torch(inputs))
        for axis, surplus in enumerate(self._surplus):
            if surplus:
                outputs = outputs.narrow(axis + 2, 0, outputs.shape[axis + 2] - surplus)
        return self.activate(self.to_keras(outputs))

    def compute_output_shape(self, input_shape: Any) -> tuple:
        sizes = []
        for axis, size in enumerate(self.sizes(input_shape)):
            window = (self.kernel_size[axis] - 1) * self.dilation_rate[axis] + 1
            added = self._added(axis, window)
            sizes.append(None if size is None else (size - 1) * self.strides[axis] + added)
        return self.shape_with(input_shape, sizes, self.filters)


@TABLE.add("Convolution1DTranspose")
class Conv1DTranspose(ConvTranspose):
    """`Conv2DTranspose` along time: `(batch, steps, channels)`.

    >>> import torch
    >>> Conv1DTranspose(2, 3, strides=2, padding="same")(torch.zeros(1, 5, 4)).shape
    torch.Size([1, 10, 2])
    """

    rank = 1
    native = nn.ConvTranspose1d
    weight_map = (Weight("kernel", "conv.weight", "i o w -> w o i"), Weight("bias", "conv.bias"))


@TABLE.add("Convolution2DTranspose")
class Conv2DTranspose(ConvTranspose):
    """Transposed convolution: `(batch, height, width, channels)` to larger `(..., filters)`.

    'same' gives `size * stride`, 'valid' `size * stride + max(kernel_size - stride, 0)`, unless
    `output_padding` (below `strides`) says how much is added at the end. The kernel has the
    shape `(*kernel_size, filters, channels)`.

    >>> import torch
    >>> Conv2DTranspose(2, 3, strides=2, padding="same")(torch.zeros(1, 5, 5, 4)).shape
    torch.Size([1, 10, 10, 2])
    """

    rank = 2
    native = nn.ConvTranspose2d
    weight_map = (
        Weight("kernel", "conv.weight", "i o h w -> h w o i"),
        Weight("bias", "conv.bias"),
    )


@TABLE.add("Convolution3DTranspose")
class Conv3DTranspose(ConvTranspose):
    """`Conv2DTranspose` over volumes: `(batch, depth, height, width, channels)`.

    >>> import torch
    >>> Conv3DTranspose(2, 3, strides=2)(torch.zeros(1, 2, 2, 2, 1)).shape
    torch.Size([1, 5, 5, 5, 2])
    """

    rank = 3
    native = nn.ConvTranspose3d
    weight_map = (
        Weight("kernel", "conv.weight", "i o d h w -> d h w o i"),
        Weight("bias", "conv.bias"),
    )

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self.dilation_rate == (1, 1, 1):  # tf.keras never writes it
            del config["dilation_rate"]
        return config


Convolution1DTranspose = Conv1DTranspose
Convolution2DTranspose = Conv2DTranspose
Convolution3DTranspose = Conv3DTranspose
