"""SavedModel folders that tf.keras loads: the objects of a model, Keras' metadata, a checkpoint.

No TensorFlow function is written, so what loads the folder must know Keras' layers, as
`keras.models.load_model` does; `tf.saved_model.load` finds the variables and nothing to call.
"""

from __future__ import annotations

import os
from typing import Any

from ...config import KERAS_VERSION
from ...layer import Layer
from ...layers.operations import Operation
from ...variable import Variable
from ..config import json_text, layer_entry
from ..files import replacing
from . import bundle
from .checkpoint import add_optimizer, tensors_of
from .objects import Builder
from .protobuf import encode

_VERSION = encode((1, 1), (2, 1))
_METADATA_VERSION = encode((1, 2), (2, 1))


def write(folder: str, model: Any, training_config: dict | None, optimizer: Any) -> None:
    """Write the SavedModel of a graph model into a folder; what else is there stays.

    Each file is replaced at once when it is on the disk, the description of the model last.
    """
    builder = Builder(model)
    described = _described(builder, model, training_config)
    if optimizer is not None:
        add_optimizer(builder, optimizer)
    tensors = tensors_of(builder)
    os.makedirs(os.path.join(folder, "assets"), exist_ok=True)
    bundle.write(os.path.join(folder, "variables", "variables"), tensors)
    objects = [
        (1, _object(builder, i, described, tensors)) for i in range(len(builder.graph.nodes))
    ]
    info = encode((4, "serve"), (5, KERAS_VERSION))
    meta = encode((1, info), (2, b""), (3, encode((7, 2))), (7, encode(*objects)))
    nodes = [
        (1, encode((2, i), (3, path), (4, kind), (5, text), (6, _METADATA_VERSION)))
        for i, (path, kind, text) in sorted(described.items())
    ]
    _write(folder, "keras_metadata.pb", encode(*nodes))
    _write(folder, "saved_model.pb", encode((1, 1), (2, meta)))


def _described(builder, model, training_config):
    """Per node of a model or of a layer in one: its path, its kind, and Keras' metadata of it."""
    found, todo = {}, [(0, "root", model, layer_entry(model))]
    while todo:
        index, path, thing, entry = todo.pop()
        if index in found:
            continue
        metadata = {
            "name": thing.name,
            "trainable": thing.trainable,
            "dtype": str(entry["config"].get("dtype", "float32")),
            "stateful": bool(getattr(thing, "stateful", False)),
            "must_restore_from_config": True,
            **entry,
        }
        graph = getattr(thing, "_graph", None)
        if graph is None:
            metadata["build_input_shape"] = _shapes(thing)
        if index == 0 and training_config is not None:
            metadata["training_config"] = training_config
        found[index] = (path, _kind(thing, graph), json_text(metadata))
        if graph is None:
            continue
        children = builder.graph.nodes[index].children
        told = {one["config"]["name"]: one for one in entry["config"]["layers"]}
        for number, layer in enumerate(thing.layers):
            name = f"layer-{number}"
            one = told[layer.name] if isinstance(layer, Operation) else layer_entry(layer)
            todo.append((children[name], f"{path}.{name}", layer, _alone(one)))
    return found


def _alone(entry):
    """An entry without its place in a model."""
    return {key: value for key, value in entry.items() if key in ("class_name", "config")}


def _kind(thing, graph):
    name = type(thing).__name__
    if name == "InputLayer":
        return "_tf_keras_input_layer"
    if graph is not None:
        return "_tf_keras_sequential" if name == "Sequential" else "_tf_keras_network"
    return "_tf_keras_layer"


def _shapes(layer):
    """The input shape of a layer, as Keras' JSON writes it."""

    def write(shape):
        if isinstance(shape, list):
            return [write(item) for item in shape]
        if isinstance(shape, dict):
            return {key: write(item) for key, item in shape.items()}
        if shape is None:  # of a number that a function takes
            return None
        return {"class_name": "TensorShape", "items": list(shape)}

    return write(layer.get_input_shape_at(0))


def _object(builder, index, described, tensors):
    """One `SavedObject`."""
    node, thing = builder.graph.nodes[index], builder.things.get(index)
    children = [(1, encode((1, child), (2, name))) for name, child in node.children.items()]
    slots = [(3, encode((1, one), (2, slot), (3, kept))) for slot, one, kept in node.slots]
    if node.variable:
        name, key = node.variable
        dtype, shape = bundle.declared(tensors[key])
        trainable = isinstance(thing, Variable) and thing.trainable
        kind = (7, encode((1, dtype), (2, shape), (3, int(trainable)), (6, name)))
    else:
        identifier = described[index][1] if index in described else _generic(node, thing)
        kind = (4, encode((1, identifier), (2, _VERSION)))
    return encode(*children, *slots, kind)


def _generic(node, thing):
    if node.slots:
        return "optimizer"
    if isinstance(thing, (list, tuple)):
        return "trackable_list_wrapper"
    if isinstance(thing, dict):
        return "trackable_dict_wrapper"
    return "_tf_keras_layer" if isinstance(thing, Layer) else "_generic_user_object"


def _write(folder, name, data):
    with replacing(os.path.join(folder, name)) as temporary:
        with open(temporary, "xb") as file:
            file.write(data)
