"""Convolutions, pooling and windows over sequences, images and volumes, in both axis orders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch  # noqa: F401 - doctests
import torch.nn.functional as F

from .. import layout
from ..backend.windows import convolution, pooling, several
from ..config import standardize_data_format
from ..layers.spatial import pad_argument
from .operands import met, public, recorded, tensor

Sizes = int | Sequence[int]


@recorded
def conv(
    inputs: Any,
    kernel: Any,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Any:
    """A convolution with a kernel `(*sizes, channels / groups, filters)`.

    >>> conv(torch.ones(1, 5, 5, 2), torch.ones(3, 3, 2, 4), 2, "same").shape
    torch.Size([1, 3, 3, 4])
    """
    x, kernel = met(inputs, kernel)
    channels = x.shape[1 if standardize_data_format(data_format) == "channels_first" else -1]
    if channels % kernel.shape[-2]:
        raise ValueError(
            f"{channels} channels of the inputs cannot be divided into groups of the "
            f"{kernel.shape[-2]} that the kernel takes."
        )
    groups = channels // kernel.shape[-2]
    return convolution(x.ndim - 2, x, kernel, strides, padding, data_format, dilation_rate, groups)


@recorded
def depthwise_conv(
    inputs: Any,
    kernel: Any,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Any:
    """A convolution of each channel alone with a kernel `(*sizes, channels, multiplier)`."""
    x, kernel = met(inputs, kernel)
    *window, channels, multiplier = kernel.shape
    kernel = kernel.reshape(*window, 1, channels * multiplier)
    return convolution(
        x.ndim - 2, x, kernel, strides, padding, data_format, dilation_rate, channels
    )


@recorded
def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Any:
    """`depthwise_conv`, then a product over channels."""
    inner = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(inner, pointwise_kernel, 1, "valid", data_format)


_TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


@recorded
def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: Sizes = 1,
    padding: str = "valid",
    output_padding: Sizes | None = None,
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Any:
    """The gradient of a convolution, which enlarges, with a kernel `(*sizes, filters, channels)`.

    `output_padding` is added to the size that `padding` gives: by default 'same' multiplies sizes
    by the strides.
    """
    x, kernel = met(inputs, kernel)
    rank = x.ndim - 2
    first = standardize_data_format(data_format) == "channels_first"
    x = x if first else layout.channels_first(x)
    strides, dilation = several(strides, rank), several(dilation_rate, rank)
    extra = (None,) * rank if output_padding is None else several(output_padding, rank)
    windows = [(size - 1) * rate + 1 for size, rate in zip(kernel.shape, dilation, strict=False)]
    kernel = kernel.permute(rank + 1, rank, *range(rank))
    outputs = _TRANSPOSED[rank](x, kernel, None, strides, dilation=dilation)
    edges = [_cut(*one, padding) for one in zip(windows, strides, extra, strict=True)]
    outputs = F.pad(outputs, pad_argument(edges))
    return outputs if first else layout.channels_last(outputs)


def _cut(window, stride, extra, padding):
    """What a transposed convolution gains (or loses, negative) at both ends of an axis."""
    if padding not in ("valid", "same"):
        raise ValueError(f"padding must be 'valid' or 'same'; received {padding!r}.")
    if padding == "valid":
        return 0, max(stride - window, 0) if extra is None else extra
    whole = stride - window if extra is None else window % 2 - window + extra
    before = min(-(-(whole + 2 * window - 2) // 2), window - 1) - (window - 1)
    return before, whole - before


# --- pooling ---------------------------------------------------------------------------------


@recorded
def max_pool(
    inputs: Any,
    pool_size: Sizes,
    strides: Sizes | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """The largest value of each window; windows lie side by side unless `strides` are given.

    >>> max_pool(torch.arange(4.0).reshape(1, 4, 1), 2).flatten().tolist()
    [1.0, 3.0]
    """
    return _pooled("max", inputs, pool_size, strides, padding, data_format)


@recorded
def average_pool(
    inputs: Any,
    pool_size: Sizes,
    strides: Sizes | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """The mean of each window, of what lies inside."""
    return _pooled("avg", inputs, pool_size, strides, padding, data_format)


def _pooled(mode, inputs, pool_size, strides, padding, data_format):
    x = tensor(inputs)
    strides = pool_size if strides is None else strides
    return pooling(x.ndim - 2, x, pool_size, strides, padding, data_format, mode)


_ADAPTIVE = {
    ("avg", 1): F.adaptive_avg_pool1d,
    ("avg", 2): F.adaptive_avg_pool2d,
    ("avg", 3): F.adaptive_avg_pool3d,
    ("max", 1): F.adaptive_max_pool1d,
    ("max", 2): F.adaptive_max_pool2d,
    ("max", 3): F.adaptive_max_pool3d,
}


@recorded
def adaptive_average_pool(inputs: Any, output_size: Sizes, data_format: str | None = None) -> Any:
    """Means of as many windows as asked for."""
    return _adaptive("avg", inputs, output_size, data_format)


@recorded
def adaptive_max_pool(inputs: Any, output_size: Sizes, data_format: str | None = None) -> Any:
    """Maxima of as many windows as asked for."""
    return _adaptive("max", inputs, output_size, data_format)


def _adaptive(mode, inputs, output_size, data_format):
    x = tensor(inputs)
    first = standardize_data_format(data_format) == "channels_first"
    x = x if first else layout.channels_first(x)
    rank = x.ndim - 2
    outputs = _ADAPTIVE[mode, rank](x, several(output_size, rank))
    return outputs if first else layout.channels_last(outputs)


# --- windows ---------------------------------------------------------------------------------


@recorded
def unfold(
    x: Any, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
) -> Any:
    """The windows of images `(batch, channels, height, width)` as columns."""
    return F.unfold(tensor(x), kernel_size, dilation, padding, stride)


@recorded
def fold(
    x: Any,
    output_size: Sizes,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> Any:
    """Columns of windows added up to images `(batch, channels, height, width)`."""
    return F.fold(tensor(x), output_size, kernel_size, dilation, padding, stride)


@recorded
def depth_to_space(x: Any, block_size: int, data_format: str = "channels_last") -> Any:
    """Groups of channels spread over blocks of places.

    >>> depth_to_space(torch.arange(4).reshape(1, 1, 1, 4), 2).flatten().tolist()
    [0, 1, 2, 3]
    """
    return _moved(x, block_size, data_format, _to_space, F.pixel_shuffle)


@recorded
def space_to_depth(x: Any, block_size: int, data_format: str = "channels_last") -> Any:
    """Blocks of places gathered into channels, the inverse of `depth_to_space`."""
    return _moved(x, block_size, data_format, _to_depth, F.pixel_unshuffle)


def _moved(x, block, data_format, move, torch_move):
    x = tensor(x)
    if standardize_data_format(data_format) == "channels_first":
        return torch_move(x, block)  # there channels, not places in a block, come first
    return move(x, block)


def _to_space(x, block):
    batch, height, width, channels = x.shape
    if channels % block**2:
        raise ValueError(f"{channels} channels cannot be divided into blocks of {block}x{block}.")
    x = x.reshape(batch, height, width, block, block, channels // block**2)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(batch, height * block, width * block, -1)


def _to_depth(x, block):
    batch, height, width, channels = x.shape
    if height % block or width % block:
        raise ValueError(f"{height}x{width} places cannot be divided into blocks of {block}.")
    x = x.reshape(batch, height // block, block, width // block, block, channels)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(
        batch, height // block, width // block, channels * block**2
    )


__all__ = public(globals())
