"""Which array of a file belongs to which weight of a model, by order or by name.

Everything is compared before anything is read, and everything is read before anything is written
into the model.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..names import module_name
from ..variable import LayerWeight
from ..weighted import weights_of
from . import h5
from .config import KERAS_VERSION

_TOP = "top_level_model_weights"


class Plan:
    """Pairs of a weight and the array that goes into it, settled by the shapes alone."""

    def __init__(self):
        self.pairs: list[tuple[Any, Source]] = []

    def read(self) -> list[tuple[Any, np.ndarray]]:
        """The arrays, from the file."""
        return [(weight, source.read()) for weight, source in self.pairs]


class Source:
    """Arrays of a file as one array: `shape` is known before `read` makes it."""

    def __init__(
        self, datasets: list[h5.Dataset], shape: tuple[int, ...] | None = None,
        convert: Callable[..., np.ndarray] | None = None,
    ):  # fmt: skip
        self.datasets, self.convert = datasets, convert
        self.shape = datasets[0].shape if shape is None else shape

    def read(self) -> np.ndarray:
        arrays = [dataset.read() for dataset in self.datasets]
        return self.convert(*arrays) if self.convert else arrays[0]


def ordered_weights(layer: Any) -> list[LayerWeight]:
    """The weights of a layer or model in the order of HDF5 files: trainable ones first."""
    if hasattr(layer, "trainable_weights"):
        found = layer.trainable_weights + layer.non_trainable_weights
        return list({id(weight): weight for weight in found}.values())
    return weights_of(layer)


def write_weights(group: h5.Writer, model: Any) -> None:
    """Fill a group of an open file with all weights of `model`, as Keras 2 lays them out."""
    layers = model.layers
    group.texts("layer_names", [module_name(layer) for layer in layers])
    group.text("backend", "tensorflow")
    group.text("keras_version", KERAS_VERSION)
    for layer in sorted(layers, key=module_name):  # 'a' before 'a/b', which is a group inside it
        _write_group(group.group(module_name(layer)), ordered_weights(layer))
    _write_group(group.group(_TOP), model._weights)


def _write_group(group, weights):
    names: list[str] = []
    for weight in weights:
        names.append(_unused(weight.name, names))
    group.texts("weight_names", names)
    for name, weight in zip(names, weights, strict=True):
        group.array(name, weight.numpy())


def _unused(name, taken):
    """A weight's name, made different from those of the layer that are taken."""
    base, number = name.removesuffix(":0"), 0
    while name in taken:
        number += 1
        name = f"{base}_{number}:0"
    return name


def count(root: h5.Node) -> int:
    """How many numbers the arrays below the group `model_weights` hold together."""
    groups = [root.group(name) for name in root.texts("layer_names")]
    if _TOP in root:
        groups.append(root.group(_TOP))
    found = [group.dataset(name) for group in groups for name in group.texts("weight_names")]
    return sum({dataset.address: dataset.size for dataset in found}.values())


def by_order(root: h5.Node, model: Any) -> Plan:
    """The plan that gives the n-th layer with weights the arrays of the n-th group with some."""
    layers = [(layer, weights) for layer in model.layers if (weights := ordered_weights(layer))]
    groups = []
    for name in root.texts("layer_names"):
        group = root.group(name)
        if names := group.texts("weight_names"):
            groups.append((name, group, names))
    if len(groups) != len(layers):
        raise ValueError(
            f"{root.file}: layer count mismatch when loading weights: model {model.name!r} has "
            f"{len(layers)} layers with weights ({_listed([module_name(x) for x, _ in layers])}), "
            f"the file has {len(groups)} ({_listed([name for name, _, _ in groups])})."
        )
    plan = Plan()
    for (layer, weights), (_, group, names) in zip(layers, groups, strict=True):
        _match(plan, f"layer {module_name(layer)!r}", weights, group, names, skip=False)
    _match_top(plan, root, model, skip=False)
    return plan


def by_name(root: h5.Node, model: Any, skip_mismatch: bool = False) -> Plan:
    """The plan for the layers whose names are in the file; the others keep their weights.

    With `skip_mismatch` a warning takes the place of the error where a layer has other weights.
    """
    layers: dict[str, list] = {}
    for layer in model.layers:
        layers.setdefault(module_name(layer), []).append(layer)
    plan = Plan()
    for name in root.texts("layer_names"):
        for layer in layers.get(name, ()):
            group = root.group(name)
            names = group.texts("weight_names")
            _match(plan, f"layer {name!r}", ordered_weights(layer), group, names, skip_mismatch)
    _match_top(plan, root, model, skip_mismatch)
    return plan


def _listed(names):
    shown = ", ".join(names[:20])
    return f"{shown}, ..." if len(names) > 20 else shown


def _match_top(plan, root, model, skip):
    if _TOP in root:
        group = root.group(_TOP)
        where = f"model {model.name!r} itself"
        _match(plan, where, model._weights, group, group.texts("weight_names"), skip)


def _match(plan, where, weights, group, names, skip):
    """Add the pairs of one layer, or raise; `skip` turns the error into a warning."""
    problem = None
    if len(names) != len(weights):
        problem = (
            f"{group.file}: weight count mismatch for {where}: it has {len(weights)} weights "
            f"({_listed([weight.name for weight in weights])}), the file has {len(names)} "
            f"({_listed(names)})."
        )
    else:
        sources = _sources(weights, [group.dataset(name) for name in names])
        for weight, source in zip(weights, sources, strict=True):
            if weight.fits(source.shape):
                plan.pairs.append((weight, source))
                continue
            problem = shape_problem(group.file, where, weight, source)
            if not skip:
                break
            warnings.warn(f"{problem} It keeps its values.", stacklevel=5)
            problem = None
    if problem is None:
        return
    if not skip:
        raise ValueError(problem)
    warnings.warn(f"{problem} The layer keeps its weights.", stacklevel=5)


def shape_problem(file: str, where: str, weight: LayerWeight, source: Source) -> str:
    """What is said of a weight and an array of another shape."""
    return (
        f"{file}: shape mismatch for {where}: weight {weight.name} has shape "
        f"{tuple(weight.shape)}, the array {source.datasets[0].path} in the file has "
        f"shape {source.shape}."
    )


# --- weights of CuDNNLSTM and CuDNNGRU -------------------------------------------------------


def _sources(weights, datasets):
    """One source a weight; those that cuDNN layers wrote are converted."""
    sources = [Source([dataset]) for dataset in datasets]
    rows: dict[int, dict[str, int]] = {}
    for index, weight in enumerate(weights):
        rows.setdefault(id(weight.layer), {})[weight.weight.name] = index
    for own in rows.values():
        if set(own) == {"kernel", "recurrent_kernel", "bias"}:
            kernel, recurrent, bias = own["kernel"], own["recurrent_kernel"], own["bias"]
            gates = _cudnn_gates(weights[bias].shape, datasets[bias].shape, datasets[recurrent])
            if gates:
                sources[kernel] = _per_gate(datasets[kernel], gates, _reordered)
                sources[recurrent] = _per_gate(datasets[recurrent], gates, np.transpose)
                sources[bias] = _bias(datasets[bias], gates)
    return sources


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
