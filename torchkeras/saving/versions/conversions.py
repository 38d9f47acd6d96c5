"""Arrays as older versions of Keras, other backends and cuDNN laid them out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from .. import h5
from ..checksums import Checks
from . import renorm

_CONVOLUTIONS = (
    "Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "Conv3DTranspose", "ConvLSTM2D"
)  # fmt: skip
_SHAPED = ("PReLU", "ParametricSoftplus", "SReLU")
_GATES_OF_1 = {"LSTM": (0, 2, 1, 3), "ConvLSTM2D": (0, 2, 1, 3), "GRU": (0, 1, 2)}


class Source:
    """Arrays of a file as one array: `shape` is known before `read` makes it."""

    def __init__(
        self, datasets: list[h5.Dataset], shape: tuple[int, ...] | None = None,
        convert: Callable[..., np.ndarray] | None = None,
    ):  # fmt: skip
        self.datasets, self.convert = datasets, convert
        self.shape = datasets[0].shape if shape is None else shape

    def read(self, checks: Checks) -> Callable[[], np.ndarray]:
        """What makes the array once the block of `checks` has ended."""
        arrays = [dataset.read(checks) for dataset in self.datasets]
        return lambda: self.convert(*arrays) if self.convert else arrays[0]

    def then(self, shape: tuple[int, ...], change: Callable) -> Source:
        """The same arrays, changed once more."""
        first = self.convert or (lambda array: array)
        return Source(self.datasets, shape, lambda *arrays: change(first(*arrays)))


def sources(
    weights: list[Any], datasets: list[h5.Dataset], of_keras_1: bool = False, backend: str = ""
) -> list[Source] | None:
    """One source for each weight of a layer or nested model; None where the counts differ."""
    if of_keras_1 and len(datasets) != len(weights):
        found = _with_gates_joined(weights, datasets)
    elif len(datasets) != len(weights):
        found = _with_whole_averages(weights, datasets)
    else:
        found = [Source([dataset]) for dataset in datasets]
    if found is None or len(found) != len(weights):
        return None
    for own in _by_layer(weights):
        kind = type(weights[own[0]].layer).__name__
        names = {weights[index].weight.name: index for index in own}
        if kind == "Highway":
            _reordered_highway(found, own)
        if of_keras_1:
            if kind in _SHAPED:
                _spread(found, weights, own)
            if kind in (*_CONVOLUTIONS, "SeparableConv2D"):
                _kernels_of_1(found, weights, kind, names)
        if backend == "theano" and kind in _CONVOLUTIONS:
            for name in ("kernel", "recurrent_kernel"):
                if name in names:
                    index = names[name]
                    found[index] = found[index].then(found[index].shape, _turned)
        _from_cudnn(found, weights, datasets, names)
    return found


def _by_layer(weights) -> Iterator[list[int]]:
    rows: dict[int, list[int]] = {}
    for index, weight in enumerate(weights):
        rows.setdefault(id(weight.layer), []).append(index)
    return iter(rows.values())


# --- TensorFlow 1 ----------------------------------------------------------------------------


def _with_whole_averages(weights, datasets):
    """Until 1.13 batch renormalization had shares of its averages and no moving deviation."""
    found, rest = [], list(datasets)
    for weight in weights:
        layer, name = weight.layer, weight.weight.name
        if name == renorm.DEVIATION and found:  # the variance is before it
            told = partial(renorm.deviation, layer=layer)
            found.append(found[-1].then(found[-1].shape, told))
        elif renorm.is_average(weight) and len(rest) > 1 and rest[1].shape == ():
            average, share = rest.pop(0), rest.pop(0)
            made = partial(renorm.whole, name=name)
            found.append(Source([average, share], average.shape, made))
        elif rest:
            found.append(Source([rest.pop(0)]))
        else:
            return None
    return None if rest else found


# --- Keras 1 ---------------------------------------------------------------------------------


def _with_gates_joined(weights, datasets):
    """Keras 1 keeps kernel, recurrent kernel and bias of each gate apart."""
    found: list[Source | None] = [None] * len(weights)
    position = 0
    for own in _by_layer(weights):
        order = _GATES_OF_1.get(type(weights[own[0]].layer).__name__)
        if order is None or len(own) != 3:
            for index in own:
                if position >= len(datasets):
                    return None
                found[index] = Source([datasets[position]])
                position += 1
            continue
        part = datasets[position : position + 3 * len(order)]
        position += 3 * len(order)
        if len(part) < 3 * len(order):
            return None
        for offset, index in enumerate(own):
            arrays = [part[3 * gate + offset] for gate in order]
            found[index] = _joined(arrays, weights[index].layer)
    return found if position == len(datasets) else None


def _joined(arrays, layer):
    """Gates side by side along the axis of units, which is the first of kernels of filters."""
    first = getattr(layer, "data_format", None) == "channels_first"
    axis = 0 if first and len(arrays[0].shape) == 4 else -1
    shape = list(arrays[0].shape)
    if shape:
        shape[axis] = sum(array.shape[axis] for array in arrays if array.shape)
    return Source(arrays, tuple(shape), lambda *parts: np.concatenate(parts, axis))


def _kernels_of_1(found, weights, kind, names):
    """Kernels of convolutions, whose axes followed `dim_ordering`."""
    for name, index in names.items():
        if not name.endswith("kernel"):
            continue
        source, layer = found[index], weights[index].layer
        first = getattr(layer, "data_format", None) == "channels_first"
        rank = len(source.shape)
        if kind == "Conv1D" and rank == 4:
            wanted = (layer.kernel_size[0], 1)
            if source.shape[:2] != wanted or source.shape[3] != layer.filters:
                source = _moved(source, (2, 3, 1, 0))
            shape = (source.shape[0], *source.shape[2:])
            source = source.then(shape, lambda array: array[:, 0])
        elif kind in ("Conv2D", "ConvLSTM2D", "SeparableConv2D") and first and rank == 4:
            source = _moved(source, (2, 3, 1, 0))
        elif kind == "Conv2DTranspose" and rank == 4:
            source = _moved(source, (2, 3, 0, 1) if first else (0, 1, 3, 2))
        elif kind == "Conv3D" and first and rank == 5:
            source = _moved(source, (2, 3, 4, 1, 0))
        found[index] = source


def _moved(source, order):
    shape = tuple(source.shape[axis] for axis in order)
    return source.then(shape, lambda array: np.transpose(array, order))


def _reordered_highway(found, own):
    """Keras has both kernels before both biases."""
    if len(own) == 4 and len(found[own[1]].shape) == 2:
        kernel, carry, bias, carry_bias = (found[index] for index in own)
        for index, source in zip(own, (kernel, bias, carry, carry_bias), strict=True):
            found[index] = source


def _spread(found, weights, own):
    """Keras 1 writes the shared axes of an activation into no config; arrays have 1 there."""
    for index in own:
        source, wanted = found[index], tuple(weights[index].shape)
        if len(source.shape) == len(wanted) and all(
            size in (1, whole) for size, whole in zip(source.shape, wanted, strict=True)
        ):
            found[index] = source.then(wanted, lambda array, to=wanted: np.broadcast_to(array, to))


# --- other backends --------------------------------------------------------------------------


def _turned(kernel):
    """Theano convolves where others correlate: its kernels are turned around."""
    spatial = tuple(range(kernel.ndim - 2))
    return np.flip(kernel, spatial)


# --- cuDNN -----------------------------------------------------------------------------------


def _from_cudnn(found, weights, datasets, own):
    """Replace the sources of a layer whose arrays CuDNNLSTM or CuDNNGRU wrote."""
    if set(own) != {"kernel", "recurrent_kernel", "bias"} or len(datasets) != len(weights):
        return
    kernel, recurrent, bias = own["kernel"], own["recurrent_kernel"], own["bias"]
    gates = _cudnn_gates(weights[bias].shape, datasets[bias].shape, datasets[recurrent])
    if gates:
        found[kernel] = _per_gate(datasets[kernel], gates, _reordered)
        found[recurrent] = _per_gate(datasets[recurrent], gates, np.transpose)
        found[bias] = _bias(datasets[bias], gates)


def _cudnn_gates(wanted, given, recurrent):
    """4 or 3 where a file's bias has the length that cuDNN gives an LSTM or a GRU, else None."""
    if len(recurrent.shape) != 2 or len(given) != 1:
        return None
    units = recurrent.shape[0]
    if tuple(wanted) == (4 * units,) and given == (8 * units,):
        return 4
    if tuple(wanted) == (2, 3 * units) and given == (6 * units,):
        return 3
    return None


def _per_gate(dataset, gates, change):
    def convert(array):
        return np.hstack([change(part) for part in np.hsplit(array, gates)])

    return Source([dataset], convert=convert)


def _reordered(kernel):
    """A kernel that is stored column by column."""
    return kernel.T.reshape(kernel.shape, order="F")


def _bias(dataset, gates):
    length = dataset.shape[0] // 2
    if gates == 4:
        return Source([dataset], (length,), lambda array: array[:length] + array[length:])
    return Source([dataset], (2, length), lambda array: array.reshape(2, length))
