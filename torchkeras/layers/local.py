"""`LocallyConnected1D` and `LocallyConnected2D`: convolutions whose windows have kernels apart.

`implementation` only decides how the kernel is kept, as in Keras: 1 as one matrix a window, 2 as
a dense array from every input to every output, 3 as the entries of that array that count. All
are read as one matrix a window, and the windows are multiplied in one batched product.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import activations, constraints, initializers, regularizers
from ..arrays import default_device
from ..budget import claim
from ..input_spec import InputSpec
from ..layer import TABLE, Weight
from .conv import Sizes, count_of_filters
from .spatial import (
    SpatialLayer,
    integers,
    output_size,
    pad_argument,
    padding_mode,
)


class LocallyConnected(SpatialLayer):
    """Base for any number of spatial axes."""

    weight_map = (Weight("kernel", "local_kernel"), Weight("bias", "local_bias"))

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        data_format: str | None = None,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        implementation: int = 1,
        **kwargs: Any,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.set_data_format(data_format)
        self.filters = count_of_filters(self, filters)
        self.kernel_size = integers(kernel_size, self.rank, "kernel_size", self)
        self.strides = integers(strides, self.rank, "strides", self)
        self.padding = padding_mode(padding, self)
        if implementation not in (1, 2, 3):
            raise ValueError(
                f'implementation of layer "{self.name}" must be 1, 2 or 3; received '
                f"{implementation!r}."
            )
        if implementation == 1 and self.padding != "valid":
            raise ValueError(
                f'Layer "{self.name}" has padding={padding!r}, for which Keras keeps kernels with '
                "implementation=2 or 3; with 1 only 'valid' is possible."
            )
        self.implementation = implementation
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def build(self, input_shape: Any) -> None:
        sizes, channels = self.sizes(input_shape), self.known_channels(input_shape)
        if None in sizes:
            raise ValueError(
                f'Layer "{self.name}" has a kernel for each window, so it must know the sizes of '
                f"its inputs; received shape {tuple(input_shape)}."
            )
        found = self.sizes(self.compute_output_shape(input_shape))
        table = _KernelTable(self, sizes, channels, found)
        self._edges = pad_argument(table.edges) if any(map(any, table.edges)) else None
        claim(int(np.prod(table.shape)), f"layer {self.name!r}")
        self.local_kernel = self._parameter(table.shape)
        self.local_bias = self._parameter((*found, self.filters)) if self.use_bias else None
        places = table.places()
        if places is not None:
            places = torch.from_numpy(places).to(self.local_kernel.device)
        # Not saved: it follows from the shapes.
        self.register_buffer("places", places, persistent=False)
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={self.channel_axis: channels})
        self.built = True

    def _parameter(self, shape):
        return nn.Parameter(torch.empty(shape, dtype=self._variable_dtype, device=default_device()))

    def call(self, inputs: Tensor) -> Tensor:
        x = self.to_torch(inputs)
        if self._edges is not None:
            x = F.pad(x, self._edges)
        for axis, (window, stride) in enumerate(
            zip(self.kernel_size, self.strides, strict=True), start=2
        ):
            x = x.unfold(axis, window, stride)  # (batch, channels, *windows, *places)
        axes = range(2, 2 + self.rank)
        windows = x.shape[2 : 2 + self.rank]
        # Channels first among the numbers of a window, as the tables of kernels have them.
        x = x.permute(*axes, 0, 1, *range(2 + self.rank, x.ndim)).flatten(0, self.rank - 1)
        outputs = torch.bmm(x.flatten(2), self._kernels())
        outputs = outputs.unflatten(0, windows).movedim(self.rank, 0)
        if self.channels_first:
            outputs = outputs.movedim(-1, 1)
        if self.use_bias:  # in channels_first, too, numbers in the order of Keras' bias
            outputs = outputs + self.local_bias.view(outputs.shape[1:])
        if self.activation is activations.linear:
            return outputs
        return self.activation(outputs)

    def _kernels(self):
        """`(windows, channels * places, filters)`, whatever the implementation."""
        kernel = self.local_kernel
        if self.implementation == 1:
            if self.channels_first:
                return kernel
            return (
                kernel.unflatten(1, (*self.kernel_size, -1))
                .movedim(1 + self.rank, 1)
                .flatten(1, 1 + self.rank)
            )
        flat = kernel.reshape(-1)
        if self.padding == "same":  # places outside the inputs read the zero behind the kernel
            flat = torch.cat([flat, flat.new_zeros(1)])
        return flat[self.places]

    def compute_output_shape(self, input_shape: Any) -> tuple:
        windows = zip(self.sizes(input_shape), self.kernel_size, self.strides, strict=True)
        sizes = [output_size(n, k, self.padding, s) for n, k, s in windows]
        if any(size is not None and size <= 0 for size in sizes):
            raise ValueError(
                f'Inputs of shape {tuple(input_shape)} are too small for layer "{self.name}" with '
                f"kernel_size={self.kernel_size}: an axis of the output would have size 0 or less."
            )
        return self.shape_with(input_shape, sizes, self.filters)


class _KernelTable:
    """Where in Keras' kernel the weight from a place of a window to a filter is kept."""

    def __init__(self, layer, sizes: Sequence[int], channels: int, found: Sequence[int]):
        self.layer, self.sizes, self.channels, self.found = layer, sizes, channels, found
        self.filters, self.window = layer.filters, layer.kernel_size
        self.edges = [(0, 0)] * layer.rank
        if layer.padding == "same":
            windows = zip(sizes, found, layer.kernel_size, layer.strides, strict=True)
            self.edges = [_centred(*window) for window in windows]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of Keras' kernel."""
        kind = self.layer.implementation
        if kind == 1:
            inside = int(np.prod(self.window)) * self.channels
            return (int(np.prod(self.found)), inside, self.filters)
        if kind == 2:
            if self.layer.channels_first:
                return (self.channels, *self.sizes, self.filters, *self.found)
            return (*self.sizes, self.channels, *self.found, self.filters)
        return (int(np.prod(self._taps(), dtype=np.int64)) * self.channels * self.filters,)

    def _taps(self):
        """How many places inside the inputs the windows along each axis have together."""
        return [int((place >= 0).sum()) for place in self._along_axes()]

    def _along_axes(self):
        """For each axis `(windows, places)`: the position in the inputs, -1 outside."""
        for n, k, s, found, (before, _) in zip(
            self.sizes, self.window, self.layer.strides, self.found, self.edges, strict=True
        ):
            position = np.arange(found)[:, None] * s + np.arange(k) - before
            yield np.where((position >= 0) & (position < n), position, -1)

    def places(self) -> np.ndarray | None:
        """`(windows, channels * places, filters)` of positions in the flat kernel.

        The position behind the last means zero; None where the kernel is kept in this shape.
        """
        if self.layer.implementation == 1:
            return None
        source, inside = self._sources()
        windows = np.arange(int(np.prod(self.found)))[:, None, None]
        filters = np.arange(self.filters)
        if self.layer.channels_first:
            target = filters * len(windows) + windows
        else:
            target = windows * self.filters + filters
        count = int(np.prod(self.found)) * self.filters
        if self.layer.implementation == 2:
            places = source[:, :, None] * count + target
            return np.where(inside[:, :, None], places, int(np.prod(self.shape)))
        # Keras sorts the entries by target, then by source.
        total = int(np.prod(self.sizes)) * self.channels
        keys = np.broadcast_to(target * total + source[:, :, None], (*source.shape, self.filters))
        kept = np.broadcast_to(inside[:, :, None], keys.shape)
        places = np.full(keys.shape, int(kept.sum()), np.int64)
        places[kept] = np.argsort(np.argsort(keys[kept]))
        return places

    def _sources(self):
        """Positions in the flat inputs, and whether inside, `(windows, channels * places)` each."""
        rank = len(self.sizes)
        position, inside = np.zeros((), np.int64), np.ones((), bool)
        for axis, place in enumerate(self._along_axes()):
            shape = [1] * (2 * rank)
            shape[axis], shape[rank + axis] = place.shape
            position = position * self.sizes[axis] + place.reshape(shape)
            inside = inside & (place >= 0).reshape(shape)
        windows = int(np.prod(self.found))
        position, inside = position.reshape(windows, 1, -1), inside.reshape(windows, 1, -1)
        channel = np.arange(self.channels)[:, None]
        if self.layer.channels_first:
            position = channel * int(np.prod(self.sizes)) + position
        else:
            position = position * self.channels + channel
        inside = np.broadcast_to(inside, position.shape)
        return position.reshape(windows, -1), inside.reshape(windows, -1)


def _centred(size, count, window, stride):
    """Padding before and after an axis for 'same': windows are centred at multiples of the stride.

    Convolutions divide the padding otherwise where strides are above 1 or windows even.
    """
    before = window // 2
    return before, max((count - 1) * stride + window - before - size, 0)


@TABLE.add()
class LocallyConnected1D(LocallyConnected):
    """`Conv1D` with a kernel of its own at each step: `(batch, steps, channels)` to
    `(batch, new_steps, filters)`.

    `implementation` 1, 2 or 3 decides the shape of the kernel, and thereby of files; the results
    are the same. `padding='same'` needs 2 or 3. ValueError where a size of the inputs is open.

    >>> LocallyConnected1D(3, 2)(torch.zeros(2, 5, 4)).shape
    torch.Size([2, 4, 3])
    """

    rank = 1


@TABLE.add()
class LocallyConnected2D(LocallyConnected):
    """`Conv2D` with a kernel of its own at each place; arguments as `LocallyConnected1D`.

    >>> LocallyConnected2D(3, 2)(torch.zeros(2, 5, 5, 1)).shape
    torch.Size([2, 4, 4, 3])
    """

    rank = 2
