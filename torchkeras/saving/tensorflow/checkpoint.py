"""Weights in TensorFlow's own format: `save_weights("folder/name")` and its way back."""

from __future__ import annotations

import os
import re
from typing import Any

import numpy as np

from ...arrays import to_numpy
from ...optimizers import legacy as legacy_optimizers
from ...variable import LayerWeight, Variable
from ..files import replacing
from ..versions import renorm
from . import bundle
from .bundle import Bundle
from .objects import Builder, ObjectGraph, find, tables
from .slots import State

GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_SETTINGS = {"beta_1", "beta_2", "decay", "momentum", "rho"}  # variables of older optimizers


def is_checkpoint(path: str) -> bool:
    """Whether `path` is the prefix of a checkpoint: its index is there."""
    return os.path.isfile(path + ".index")


def latest(folder: str) -> str | None:
    """The prefix of the newest checkpoint that the file `checkpoint` in a folder names.

    ValueError where that is a place outside of the folder.
    """
    try:
        with open(os.path.join(folder, "checkpoint"), encoding="utf-8") as file:
            said = re.search(r'^model_checkpoint_path: "((?:[^"\\]|\\.)*)"', file.read(2**20), re.M)
    except FileNotFoundError:
        return None
    if said is None:
        return None
    prefix = os.path.join(folder, said[1].replace('\\"', '"').replace("\\\\", "\\"))
    inside = os.path.join(os.path.realpath(folder), "")
    if not os.path.realpath(prefix).startswith(inside):
        raise ValueError(
            f"{os.path.join(folder, 'checkpoint')} names a checkpoint outside of its folder; it "
            "is not read. Name that one yourself if you trust it."
        )
    return prefix if is_checkpoint(prefix) else None


class Status:
    """What loading a checkpoint answers; scripts ask it what was found."""

    def __init__(self, prefix: str, missing: list[str], unused: list[str]):
        self._prefix, self.missing, self.unused = prefix, missing, unused

    def expect_partial(self) -> Status:
        """Accept that the file has more than the model; nothing to do."""
        return self

    def assert_existing_objects_matched(self) -> Status:
        """AssertionError unless every weight of the model was in the file."""
        if self.missing:
            raise AssertionError(f"{self._prefix} has no values for {self.missing}.")
        return self

    def assert_consumed(self) -> Status:
        """AssertionError unless model and file have the same variables."""
        self.assert_existing_objects_matched()
        if self.unused:
            raise AssertionError(f"{self._prefix} holds {self.unused}, which the model has not.")
        return self

    assert_nontrivial_match = assert_existing_objects_matched

    def initialize_or_restore(self, session: Any = None) -> None:
        """Values are restored at once; nothing is left to do."""

    run_restore_ops = initialize_or_restore


# --- reading ---------------------------------------------------------------------------------


def read_graph(file: Bundle) -> ObjectGraph:
    """The object graph of a checkpoint; ValueError for one that was saved by names alone."""
    if GRAPH not in file:
        raise ValueError(
            f"{file.file} holds variables by name, as TensorFlow 1 saved them, and no model."
        )
    try:
        return ObjectGraph.parse(file.texts(GRAPH)[0])
    except (ValueError, IndexError) as error:
        raise ValueError(f"{file.file}: the object graph cannot be read: {error}.") from error


def load_weights(model: Any, prefix: str, optimizer: bool = True) -> Status:
    """Give a built model the weights in a checkpoint, and its optimizer the state if there is one.

    Weights are found by the attributes and layer positions that lead to them, as tf.keras does.
    Those that the file lacks keep their values; ValueError where a shape differs or nothing fits.
    Nothing changes on an error.
    """
    file = Bundle(prefix)
    graph = read_graph(file)
    try:
        index, pairs = find(graph, model)
    except ValueError as error:
        raise ValueError(f"{prefix}: {error}.") from error
    if not pairs and model.weights:
        raise ValueError(f"{prefix}: none of the weights of model {model.name!r} is in it.")
    values, used = read_values(file, graph, pairs)
    words = read_tables(file, graph, model, index)
    state = _optimizer_state(file, graph, model, index, pairs) if optimizer else None
    for weight, array in values:
        weight.assign(array)
    used |= {GRAPH, "save_counter/.ATTRIBUTES/VARIABLE_VALUE"}
    for layer, key, vocabulary in words:
        layer.set_vocabulary(vocabulary)
        used |= {f"{key}-keys", f"{key}-values"}
    if state is not None:
        used |= state.give()
    loaded = {id(weight) for weight, _ in values}
    missing = [weight.name for weight in model.weights if id(weight) not in loaded]
    return Status(prefix, missing, [key for key in file.keys() if key not in used])


def read_values(
    file: Bundle, graph: ObjectGraph, pairs: list[tuple[LayerWeight, int]]
) -> tuple[list[tuple[LayerWeight, np.ndarray]], set[str]]:
    """Weights with their values, of weights and their nodes; and the keys that were read.

    ValueError where a shape differs.
    """
    keys = [graph.nodes[child].variable[1] for _, child in pairs]
    for (weight, _), key in zip(pairs, keys, strict=True):
        if not weight.fits(file.entry(key).shape):
            raise ValueError(
                f"{file.prefix}: shape mismatch: weight {weight.name} has shape "
                f"{tuple(weight.shape)}, {key!r} in the checkpoint has shape "
                f"{file.entry(key).shape}."
            )
    values = [(weight, file.array(key)) for (weight, _), key in zip(pairs, keys, strict=True)]
    shares = _shares(file, [weight for weight, _ in pairs], keys)
    values = renorm.of_today(values, {i: file.array(key) for i, key in shares.items()})
    return values, {*keys, *shares.values()}


def _shares(file, weights, keys):
    """The keys of what stands beside averages of TensorFlow 1, by the weights."""
    found = {}
    for weight, key in zip(weights, keys, strict=True):
        share = key.replace("/.ATTRIBUTES", "_weight/.ATTRIBUTES")
        if renorm.is_average(weight) and share in file and file.entry(share).shape == ():
            found[id(weight)] = share
    return found


def read_tables(file: Bundle, graph: ObjectGraph, model: Any, index: int) -> list[tuple]:
    """Layers that look words up, with the key of their table and what it holds."""
    return [(layer, key, _table(file, key)) for layer, key in tables(graph, model, index)]


def _table(file, key):
    """The keys of a lookup table, words or integers, in the order of their values."""
    values = file.array(f"{key}-values")
    entry = file.entry(f"{key}-keys")
    if entry.dtype == bundle.STRING:
        keys = [word.decode("utf-8", "replace") for word in file.texts(f"{key}-keys")]
    else:
        keys = file.array(f"{key}-keys").tolist()
    if len(keys) != values.size:
        raise ValueError(f"{file.prefix}: {key} has {len(keys)} keys and {values.size} values.")
    if values.dtype.kind != "i":  # a table from numbers to words
        raise ValueError(f"{file.prefix}: the values of {key} are no integers.")
    return [word for _, word in sorted(zip(values.tolist(), keys, strict=True))]


def load_when_built(model: Any, prefix: str) -> Status:
    """Have a model without weights read them from a checkpoint in its first call.

    That call is made twice: once to make the weights, and again with their values. What is asked of
    the status until then is answered as if nothing was missing.
    """
    status = Status(Bundle(prefix).prefix, [], [])

    def load(model, args, kwargs, outputs):
        handle.remove()
        found = load_weights(model, prefix)
        status.missing, status.unused = found.missing, found.unused
        return model(*args, **kwargs)

    handle = model.register_forward_hook(load, with_kwargs=True)
    return status


def _optimizer_state(file, graph, model, index, pairs):
    own, beside = (graph.child(i, "optimizer") for i in (index, 0))
    index, optimizer = beside if own is None else own, getattr(model, "optimizer", None)
    if index is None or not hasattr(optimizer, "load_named_weights"):
        return None
    optimizer.build(model.trainable_variables)
    return State(file, graph, optimizer, index, pairs)


# --- writing ---------------------------------------------------------------------------------


def save_weights(model: Any, prefix: str, optimizer: bool = True) -> None:
    """Write weights and optimizer state as a checkpoint, and the file `checkpoint` beside it."""
    builder = Builder(model)
    state = getattr(model, "optimizer", None)
    if optimizer and hasattr(state, "named_weights"):
        add_optimizer(builder, state)
    tensors = tensors_of(builder)
    folder, base = os.path.split(os.path.abspath(prefix))
    os.makedirs(folder, exist_ok=True)
    bundle.write(prefix, tensors)
    name = base.replace("\\", "\\\\").replace('"', '\\"')
    with replacing(os.path.join(folder, "checkpoint")) as temporary:
        with open(temporary, "x", encoding="utf-8") as file:
            file.write(f'model_checkpoint_path: "{name}"\nall_model_checkpoint_paths: "{name}"\n')


def add_optimizer(builder: Builder, optimizer: Any) -> None:
    """Add the optimizer's node, as the Keras of its class lays it out."""
    node = builder.add(0, "optimizer")
    legacy = isinstance(optimizer, legacy_optimizers.Optimizer)
    variables = list(optimizer.variables)
    counter = builder.add(node, "iter" if legacy else "_iterations", variables[0])
    if optimizer._schedule is None:
        rate = Variable(float(optimizer.learning_rate), dtype="float32", name="learning_rate")
        builder.add(node, "learning_rate" if legacy else "_learning_rate", rate)
    if legacy:
        for name in set(optimizer.get_config()) & _SETTINGS:
            value = Variable(float(getattr(optimizer, name)), dtype="float32", name=name)
            builder.add(node, name, value)
        for variable in variables[1:]:
            builder.add_slot(node, variable._slot, variable._variable, variable)
        return
    listed = builder.add(node, "_variables")
    builder.graph.nodes[listed].children["0"] = counter
    for number, variable in enumerate(variables[1:], start=1):
        builder.add(listed, str(number), variable)


def tensors_of(builder: Builder) -> dict[str, Any]:
    """What the checkpoint of a model holds: the values by their keys, and the graph."""
    tensors = {key: _values(value) for key, value in builder.values.items()}
    return {**tensors, GRAPH: builder.graph.encode()}


def _values(value):
    if value.__class__.__module__ == "numpy":
        return value
    if getattr(value, "dtype", None) == "bfloat16":
        return value.value
    return np.asarray(to_numpy(value))
