"""TensorFlow's convolutions, poolings and patches, as saved graphs call them."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from .spatial import pad_argument, same_padding
from .tf_table import as_tensor, either, entry, sizes_of

_CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_BACK = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
_MAX = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}


def _each(value, rank):
    """An integer, one for each spatial axis, or one for each axis, as one for each spatial axis."""
    values = [value] if isinstance(value, int) else [int(n) for n in value]
    values = values * rank if len(values) == 1 else values
    return values[1:-1] if len(values) == rank + 2 else values


def _last(data_format):
    if data_format is not None and str(data_format).startswith("NC"):
        raise ValueError(f"data_format={data_format!r} in a graph is not supported.")


def _padded(x, windows, strides, padding, dilations, value=0.0):
    """`x`, channels second, with what `padding` puts around it."""
    if not isinstance(padding, str):
        edges = [tuple(int(n) for n in pair) for pair in padding]
        edges = edges[1:-1] if len(edges) == x.ndim else edges
    elif padding.upper() == "SAME":
        rows = zip(x.shape[2:], windows, strides, dilations, strict=True)
        edges = [same_padding(*row) for row in rows]
    else:
        return x
    return F.pad(x, pad_argument(edges), value=value) if any(map(any, edges)) else x


# --- convolutions -----------------------------------------------------------------------------


def _convolved(x, filters, strides, padding, dilations, data_format, rank, groups=None):
    _last(data_format)
    filters = as_tensor(filters, x)
    strides, dilations = _each(strides, rank), _each(either(dilations, 1), rank)
    x = _padded(x.movedim(-1, 1), filters.shape[:rank], strides, padding, dilations)
    weight = filters.movedim((-1, -2), (0, 1))
    groups = groups or x.shape[1] // weight.shape[1]
    return _CONV[rank](x, weight, None, strides, 0, dilations, groups).movedim(1, -1)


@entry()
def conv1d(
    input, filters, stride=1, padding="VALID", data_format=None, dilations=None, name=None, **other
):  # fmt: skip
    return _convolved(input, filters, stride, padding, dilations, data_format, 1)


@entry("conv2d_v2")
def conv2d(
    input, filters=None, strides=1, padding="VALID", data_format=None, dilations=None, name=None,
    filter=None, **other,
):  # fmt: skip
    filters = either(filters, filter)
    return _convolved(input, filters, strides, padding, dilations, data_format, 2)


@entry()
def conv3d(
    input, filters=None, strides=1, padding="VALID", data_format=None, dilations=None, name=None,
    filter=None,
):  # fmt: skip
    filters = either(filters, filter)
    return _convolved(input, filters, strides, padding, dilations, data_format, 3)


@entry()
def convolution(
    input, filters, strides=None, padding="VALID", data_format=None, dilations=None, name=None
):  # fmt: skip
    rank = input.ndim - 2
    return _convolved(input, filters, either(strides, 1), padding, dilations, data_format, rank)


@entry()
def atrous_conv2d(value, filters, rate, padding, name=None):
    return _convolved(value, filters, 1, padding, rate, None, 2)


@entry("depthwise_conv2d_native")
def depthwise_conv2d(
    input, filter, strides, padding, data_format=None, dilations=None, name=None, rate=None
):  # fmt: skip
    filter = as_tensor(filter, input)
    height, width, channels, many = filter.shape
    filter = filter.reshape(height, width, 1, channels * many)
    dilations = either(dilations, rate)
    return _convolved(input, filter, strides, padding, dilations, data_format, 2, channels)


@entry()
def separable_conv2d(
    input, depthwise_filter, pointwise_filter, strides, padding, data_format=None, dilations=None,
    name=None, rate=None,
):  # fmt: skip
    x = depthwise_conv2d(
        input, depthwise_filter, strides, padding, data_format, either(dilations, rate)
    )
    return _convolved(x, pointwise_filter, 1, "VALID", None, None, 2)


def _transposed(x, filters, output_shape, strides, padding, data_format, rank):
    """The gradient of a convolution: windows are spread, and the edges cut as it padded them."""
    _last(data_format)
    filters = as_tensor(filters, x)
    strides, sizes = _each(strides, rank), sizes_of(output_shape)[1:-1]
    weight = filters.movedim((-1, -2), (0, 1))
    whole = _BACK[rank](x.movedim(-1, 1), weight, None, strides)
    same = padding.upper() == "SAME"
    rows = zip(whole.shape[2:], sizes, filters.shape, strides, strict=False)
    edges = []
    for full, size, window, stride in rows:
        before = same_padding(size, window, stride)[0] if same else 0
        edges.append((-before, size + before - full))
    return F.pad(whole, pad_argument(edges)).movedim(1, -1)


@entry()
def conv1d_transpose(
    input, filters, output_shape, strides, padding="SAME", data_format=None, dilations=None,
    name=None,
):  # fmt: skip
    return _transposed(input, filters, output_shape, strides, padding, data_format, 1)


@entry()
def conv2d_transpose(
    input=None, filters=None, output_shape=None, strides=1, padding="SAME", data_format=None,
    dilations=None, name=None, value=None, filter=None,
):  # fmt: skip
    x, filters = either(input, value), either(filters, filter)
    return _transposed(x, filters, output_shape, strides, padding, data_format, 2)


# --- poolings ---------------------------------------------------------------------------------


def _max(x, ksize, strides, padding, data_format, rank):
    _last(data_format)
    windows, strides = _each(ksize, rank), _each(strides, rank)
    low = -math.inf if x.is_floating_point() else torch.iinfo(x.dtype).min
    x = _padded(x.movedim(-1, 1), windows, strides, padding, [1] * rank, low)
    return _MAX[rank](x, windows, strides).movedim(1, -1)


def _average(x, ksize, strides, padding, data_format, rank):
    """The mean of what a window has of the image: padding does not count."""
    _last(data_format)
    windows, strides = _each(ksize, rank), _each(strides, rank)
    average = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}[rank]
    x = x.movedim(-1, 1)
    padded = _padded(x, windows, strides, padding, [1] * rank)
    found = average(padded, windows, strides)
    if padded is not x:
        ones = torch.ones_like(x[:1, :1])
        found = found / average(_padded(ones, windows, strides, padding, [1] * rank), windows,
                                strides)  # fmt: skip
    return found.movedim(1, -1)


def _enter_pooling(kind, function):
    for rank, name in ((1, f"{kind}_pool1d"), (2, f"{kind}_pool2d"), (3, f"{kind}_pool3d")):

        def pool(
            input=None, ksize=None, strides=None, padding="VALID", data_format=None, name=None,
            value=None, rank=rank,
        ):  # fmt: skip
            return function(either(input, value), ksize, strides, padding, data_format, rank)

        entry(name)(pool)

    def pool(
        input=None, ksize=None, strides=None, padding="VALID", data_format=None, name=None,
        value=None,
    ):  # fmt: skip
        x = either(input, value)
        return function(x, ksize, strides, padding, data_format, x.ndim - 2)

    entry(f"{kind}_pool", f"{kind}_pool_v2")(pool)


_enter_pooling("max", _max)
_enter_pooling("avg", _average)


# --- patches ----------------------------------------------------------------------------------


@entry("extract_image_patches")
def extract_patches(
    images, sizes=None, strides=None, rates=None, padding="VALID", name=None, ksizes=None
):  # fmt: skip
    windows, strides = _each(either(sizes, ksizes), 2), _each(strides, 2)
    rates = _each(either(rates, 1), 2)
    x = _padded(images.movedim(-1, 1), windows, strides, padding, rates)
    counts = [
        (n - (k - 1) * d - 1) // s + 1
        for n, k, s, d in zip(x.shape[2:], windows, strides, rates, strict=True)
    ]
    found = F.unfold(x, windows, rates, 0, strides)
    found = found.reshape(len(x), images.shape[-1], math.prod(windows), *counts)
    return found.permute(0, 3, 4, 2, 1).flatten(3)
