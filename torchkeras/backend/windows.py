"""Convolutions and pooling over sequences, images and volumes, in both axis orders."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from .. import layout
from ..config import standardize_data_format
from ..layers.spatial import pad_argument, same_padding
from .operands import recorded, tensors

__all__ = [
    "conv1d",
    "conv2d",
    "conv2d_transpose",
    "conv3d",
    "depthwise_conv2d",
    "local_conv1d",
    "local_conv2d",
    "pool2d",
    "pool3d",
    "separable_conv2d",
]

Sizes = int | Sequence[int]
_CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_MAXIMA = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
_AVERAGES = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}


@recorded
def conv1d(
    x: Any,
    kernel: Any,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Any:
    """A convolution along time with a kernel `(size, channels, filters)`.

    `padding`: 'valid', 'same', or 'causal', where no step sees a later one.

    >>> conv1d(torch.ones(1, 3, 1), torch.ones(2, 1, 1), padding="causal").flatten().tolist()
    [1.0, 2.0, 2.0]
    """
    return convolution(1, x, kernel, strides, padding, data_format, dilation_rate)


@recorded
def conv2d(
    x: Any,
    kernel: Any,
    strides: Sizes = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = (1, 1),
) -> Any:
    """A convolution over images with a kernel `(height, width, channels, filters)`.

    >>> conv2d(torch.ones(1, 5, 5, 2), torch.ones(3, 3, 2, 4), (2, 2), "same").shape
    torch.Size([1, 3, 3, 4])
    """
    return convolution(2, x, kernel, strides, padding, data_format, dilation_rate)


@recorded
def conv3d(
    x: Any,
    kernel: Any,
    strides: Sizes = (1, 1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = (1, 1, 1),
) -> Any:
    """A convolution over volumes with a kernel `(depth, height, width, channels, filters)`."""
    return convolution(3, x, kernel, strides, padding, data_format, dilation_rate)


@recorded
def depthwise_conv2d(
    x: Any,
    depthwise_kernel: Any,
    strides: Sizes = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = (1, 1),
) -> Any:
    """A convolution of each channel alone, kernel `(height, width, channels, multiplier)`."""
    x, kernel = tensors(x, depthwise_kernel)
    height, width, channels, multiplier = kernel.shape
    kernel = kernel.reshape(height, width, 1, channels * multiplier)
    return convolution(2, x, kernel, strides, padding, data_format, dilation_rate, channels)


@recorded
def separable_conv2d(
    x: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Sizes = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = (1, 1),
) -> Any:
    """`depthwise_conv2d`, then a product over channels, kernel `(1, 1, channels, filters)`."""
    inner = depthwise_conv2d(x, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return convolution(2, inner, pointwise_kernel, 1, "valid", data_format, 1)


def convolution(rank, x, kernel, strides, padding, data_format, dilation_rate, groups=1):
    x, kernel = tensors(x, kernel)
    first = standardize_data_format(data_format) == "channels_first"
    x = x if first else layout.channels_first(x)
    strides, dilation = several(strides, rank), several(dilation_rate, rank)
    padding = _one_of(padding, ("valid", "same", "causal") if rank == 1 else ("valid", "same"))
    windows = list(zip(x.shape[2:], kernel.shape, strides, dilation, strict=False))
    if padding == "causal":
        x = F.pad(x, [(kernel.shape[0] - 1) * dilation[0], 0])
    elif padding == "same":
        x = F.pad(x, pad_argument([same_padding(*window) for window in windows]))
    kernel = kernel.permute(rank + 1, rank, *range(rank))
    outputs = _CONVOLUTIONS[rank](x, kernel, None, strides, 0, dilation, groups)
    return outputs if first else layout.channels_last(outputs)


@recorded
def conv2d_transpose(
    x: Any,
    kernel: Any,
    output_shape: Any,
    strides: Sizes = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = (1, 1),
) -> Any:
    """The gradient of a convolution, which enlarges, with a kernel `(height, width, out, in)`.

    `output_shape` is that of the batch; its batch size may be None or a tensor.

    >>> conv2d_transpose(torch.ones(1, 2, 2, 3), torch.ones(3, 3, 4, 3), (1, 5, 5, 4), (2, 2)).shape
    torch.Size([1, 5, 5, 4])
    """
    x, kernel = tensors(x, kernel)
    first = standardize_data_format(data_format) == "channels_first"
    x = x if first else layout.channels_first(x)
    strides, dilation = several(strides, 2), several(dilation_rate, 2)
    padding = _one_of(padding, ("valid", "same"))
    outputs = F.conv_transpose2d(x, kernel.permute(3, 2, 0, 1), None, strides, dilation=dilation)
    wanted = list(output_shape)[2:] if first else list(output_shape)[1:3]
    edges = []
    for axis in (0, 1):
        size, given, stride = int(wanted[axis]), x.shape[axis + 2], strides[axis]
        window = (kernel.shape[axis] - 1) * dilation[axis] + 1
        covered = size if padding == "same" else size - window + 1
        if -(-covered // stride) != given:
            raise ValueError(
                f"output_shape={tuple(output_shape)} of conv2d_transpose does not belong to inputs "
                f"of shape {tuple(x.shape)} (channels first): a convolution with strides "
                f"{strides} and padding {padding!r} makes {-(-covered // stride)} out of {size}, "
                f"not {given}."
            )
        whole = outputs.shape[axis + 2]
        before = max(whole - size, 0) // 2 if padding == "same" else 0
        edges.append((-before, size - whole + before))
    outputs = F.pad(outputs, pad_argument(edges))
    return outputs if first else layout.channels_last(outputs)


# --- pooling ---------------------------------------------------------------------------------


@recorded
def pool2d(
    x: Any,
    pool_size: Sizes,
    strides: Sizes = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    pool_mode: str = "max",
) -> Any:
    """The largest ('max') or mean ('avg') value of each window of images.

    >>> pool2d(torch.arange(4.0).reshape(1, 2, 2, 1), (2, 2), pool_mode="avg").flatten().tolist()
    [1.5]
    """
    return pooling(2, x, pool_size, strides, padding, data_format, pool_mode)


@recorded
def pool3d(
    x: Any,
    pool_size: Sizes,
    strides: Sizes = (1, 1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    pool_mode: str = "max",
) -> Any:
    """The largest ('max') or mean ('avg') value of each window of volumes."""
    return pooling(3, x, pool_size, strides, padding, data_format, pool_mode)


def pooling(rank, x, pool_size, strides, padding, data_format, pool_mode):
    if pool_mode not in ("max", "avg"):
        raise ValueError(f"pool_mode must be 'max' or 'avg'; received {pool_mode!r}.")
    (x,) = tensors(x)
    first = standardize_data_format(data_format) == "channels_first"
    x = x if first else layout.channels_first(x)
    window, strides = several(pool_size, rank), several(strides, rank)
    edges = [(0, 0)] * rank
    if _one_of(padding, ("valid", "same")) == "same":
        edges = [same_padding(*one) for one in zip(x.shape[2:], window, strides, strict=True)]
    edges = pad_argument(edges)
    if pool_mode == "max":
        outputs = _MAXIMA[rank](F.pad(x, edges, value=-math.inf), window, strides)
    else:
        pool = _AVERAGES[rank]
        outputs = pool(F.pad(x, edges), window, strides)
        if any(edges):  # what is outside does not count
            outputs = outputs / pool(F.pad(torch.ones_like(x[:1, :1]), edges), window, strides)
    return outputs if first else layout.channels_last(outputs)


# --- windows with kernels of their own -------------------------------------------------------


@recorded
def local_conv1d(
    inputs: Any, kernel: Any, kernel_size: Sizes, strides: Sizes, data_format: str | None = None
) -> Any:
    """A convolution along time whose kernel `(out, size * channels, filters)` differs by place."""
    (kernel,) = tensors(kernel)
    return _local(1, inputs, kernel, kernel_size, strides, kernel.shape[:1], data_format)


@recorded
def local_conv2d(
    inputs: Any,
    kernel: Any,
    kernel_size: Sizes,
    strides: Sizes,
    output_shape: Sequence[int],
    data_format: str | None = None,
) -> Any:
    """A convolution over images with a kernel for each place of `output_shape` (rows, columns).

    The kernel has the shape `(rows * columns, height * width * channels, filters)`.
    """
    return _local(2, inputs, kernel, kernel_size, strides, output_shape, data_format)


def _local(rank, inputs, kernel, kernel_size, strides, output_shape, data_format):
    x, kernel = tensors(inputs, kernel)
    first = standardize_data_format(data_format) == "channels_first"
    windows = zip(several(kernel_size, rank), several(strides, rank), output_shape, strict=True)
    for axis, (size, stride, count) in enumerate(windows, start=2 if first else 1):
        x = x.unfold(axis, size, stride).narrow(axis, 0, count)
    # windows of channels first are read channel by channel, others place by place
    x = x.movedim(1, rank + 1) if first else x.movedim(rank + 1, -1)
    x = x.reshape(x.shape[0], kernel.shape[0], kernel.shape[1])
    outputs = torch.einsum("bpf,pfo->bpo", x, kernel)
    outputs = outputs.reshape(x.shape[0], *output_shape, kernel.shape[2])
    return outputs.movedim(-1, 1) if first else outputs


def several(value, count):
    return (int(value),) * count if isinstance(value, int) else tuple(int(n) for n in value)


def _one_of(padding, allowed):
    if padding not in allowed:
        raise ValueError(
            f"padding must be one of {', '.join(map(repr, allowed))}; received {padding!r}."
        )
    return padding
