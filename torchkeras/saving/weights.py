"""Which array of a file belongs to which weight of a model, by order or by name.

Everything is compared before anything is read, and everything is read before anything is written
into the model.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import to_numpy
from ..config import KERAS_VERSION
from ..names import module_name
from ..variable import LayerWeight
from ..weighted import weights_of
from . import h5, h5_writer
from .checksums import Checks
from .versions.conversions import Source, sources

_TOP = "top_level_model_weights"


class Plan:
    """Pairs of a weight and the array that goes into it, settled by the shapes alone."""

    def __init__(self):
        self.pairs: list[tuple[Any, Source]] = []

    def read(self) -> list[tuple[Any, np.ndarray]]:
        """The arrays, from the file."""
        with Checks() as checks:
            found = [(weight, source.read(checks)) for weight, source in self.pairs]
        return [(weight, array()) for weight, array in found]


class Frequencies:
    """The weight that tf.keras has where here the config tells how frequent words are."""

    name = "Variable:0"

    def __init__(self, layer: Any):
        self.layer = layer

    @property
    def value(self) -> np.ndarray:
        held: dict[str, np.ndarray] = {}
        self.layer.save_own_variables(held)
        return held["idf_weights"]


def ordered_weights(layer: Any) -> list[LayerWeight | Frequencies]:
    """The weights of a layer or model in the order of HDF5 files: trainable ones first."""
    if not hasattr(layer, "trainable_weights"):
        return weights_of(layer)
    trained, fixed = layer.trainable_weights, layer.non_trainable_weights
    leaves = list(_leaves(layer))
    if any(map(_has_frequencies, leaves)):
        held = {id(weight): weight for weight in fixed}
        fixed = [one for leaf in leaves for one in _fixed(leaf, held)] + list(held.values())
    return list({id(weight): weight for weight in [*trained, *fixed]}.values())


def _leaves(layer):
    """The layers of a model and of those inside of it, in their order; or a layer alone."""
    inside = getattr(layer, "layers", None)
    if not inside:
        return [layer]
    return [leaf for one in inside for leaf in _leaves(one)]


def _fixed(leaf, held):
    """What is not trained of a layer, taken out of `held`."""
    if _has_frequencies(leaf):
        return [Frequencies(leaf)]
    found = (held.pop(id(weight), None) for weight in weights_of(leaf))
    return [weight for weight in found if weight is not None]


def write_weights(group: h5_writer.Writer, model: Any) -> None:
    """Fill a group of an open file with all weights of `model`, as Keras 2 lays them out."""
    layers = model.layers
    group.texts("layer_names", [module_name(layer) for layer in layers])
    group.text("backend", "tensorflow")
    group.text("keras_version", KERAS_VERSION)
    for layer in sorted(layers, key=module_name):  # 'a' before 'a/b', which is a group inside it
        _write_group(group.group(module_name(layer)), ordered_weights(layer))
    _write_group(group.group(_TOP), model._weights)


def _has_frequencies(layer):
    """Whether tf.keras has a weight where the config tells how frequent words are."""
    mode = getattr(layer, "output_mode", None)
    return hasattr(layer, "load_vocabulary") and mode in ("tf_idf", "tf-idf")


def _write_group(group, weights):
    names: list[str] = []
    for weight in weights:
        names.append(unused(weight.name, names))
    group.texts("weight_names", names)
    for name, weight in zip(names, weights, strict=True):
        group.array(name, to_numpy(weight.value))


def unused(name, taken):
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
    found = (group.dataset(name) for group in groups for name in group.texts("weight_names"))
    return h5.count(root, found)


def by_order(root: h5.Node, model: Any) -> Plan:
    """The plan that gives the n-th layer with weights the arrays of the n-th group with some."""
    layers = [(layer, weights) for layer in model.layers if (weights := ordered_weights(layer))]
    groups = []
    for name in root.texts("layer_names"):
        group = root.group(name)
        if names := group.texts("weight_names"):
            groups.append((name, group, names))
    if len(groups) != len(layers):  # of versions that have no weight for frequencies
        layers = [(layer, weights) for layer, weights in layers if not _has_frequencies(layer)]
    if len(groups) != len(layers):
        raise ValueError(
            f"{root.file}: layer count mismatch when loading weights: model {model.name!r} has "
            f"{len(layers)} layers with weights ({_listed([module_name(x) for x, _ in layers])}), "
            f"the file has {len(groups)} ({_listed([name for name, _, _ in groups])})."
        )
    plan, origin = Plan(), _Origin.of(root)
    if origin.of_keras_1:
        groups = _by_names(groups, layers)
    for (layer, weights), (_, group, names) in zip(layers, groups, strict=True):
        _match(plan, f"layer {module_name(layer)!r}", weights, group, names, False, origin)
    _match_top(plan, root, model, skip=False)
    return plan


def _by_names(groups, layers):
    """The groups in the order of the layers: Keras 1 lists branches apart.

    Groups whose names no layer has, those of nested Sequential models, keep their order.
    """
    found = {entry[0]: entry for entry in groups}
    names = [module_name(layer) for layer, _ in layers]
    others = iter([entry for entry in groups if entry[0] not in names])
    return [found[name] if name in found else next(others) for name in names]


def by_name(root: h5.Node, model: Any, skip_mismatch: bool = False) -> Plan:
    """The plan for the layers whose names are in the file; the others keep their weights.

    With `skip_mismatch` a warning takes the place of the error where a layer has other weights.
    """
    layers: dict[str, list] = {}
    for layer in model.layers:
        layers.setdefault(module_name(layer), []).append(layer)
    plan, origin = Plan(), _Origin.of(root)
    for name in root.texts("layer_names"):
        for layer in layers.get(name, ()):
            group = root.group(name)
            names = group.texts("weight_names")
            weights = ordered_weights(layer)
            _match(plan, f"layer {name!r}", weights, group, names, skip_mismatch, origin)
    _match_top(plan, root, model, skip_mismatch)
    return plan


def _listed(names):
    shown = ", ".join(name[:100] for name in names[:20])
    return f"{shown}, ..." if len(names) > 20 else shown


def _match_top(plan, root, model, skip):
    if _TOP in root:
        group = root.group(_TOP)
        where = f"model {model.name!r} itself"
        names = group.texts("weight_names")
        _match(plan, where, model._weights, group, names, skip, _Origin.of(root))


@dataclass
class _Origin:
    """Who wrote a file: Keras 1 does not say its version there."""

    of_keras_1: bool
    backend: str

    @classmethod
    def of(cls, root: h5.Node) -> _Origin:
        return cls(not root.has_attribute("keras_version"), root.text("backend") or "")

    def backend_of(self, names: list[str]) -> str:
        """Keras 1 tells the backend by names alone: those of TensorFlow end with ':0'."""
        by_theano = self.of_keras_1 and not any(name.endswith(":0") for name in names)
        return "theano" if by_theano else self.backend


def _match(plan, where, weights, group, names, skip, origin):
    """Add the pairs of one layer, or raise; `skip` turns the error into a warning."""
    problem = None
    datasets = [group.dataset(name) for name in names]
    if len(datasets) == len(weights):  # frequencies are told by the config
        kept = [not isinstance(weight, Frequencies) for weight in weights]
        datasets = [dataset for dataset, keep in zip(datasets, kept, strict=True) if keep]
    weights = [weight for weight in weights if not isinstance(weight, Frequencies)]
    found = sources(weights, datasets, origin.of_keras_1, origin.backend_of(names))
    if found is None:
        problem = (
            f"{group.file}: weight count mismatch for {where}: it has {len(weights)} weights "
            f"({_listed([weight.name for weight in weights])}), the file has {len(names)} "
            f"({_listed(names)})."
        )
    else:
        for weight, source in zip(weights, found, strict=True):
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
