"""Graph models: what `Model(inputs, outputs)` makes, and its config in the form of Keras 2."""

from __future__ import annotations

import copy
from typing import Any

from torch import nn

from .. import tree
from ..graph import Graph, KerasTensor, Node
from ..layer import TABLE, Layer
from ..names import module_name
from .model import Model


@TABLE.add()
class Functional(Model):
    """A model that runs the recorded calls between its symbolic inputs and outputs."""

    _kind = "model"
    serialized_as: tuple[str, str | None] = ("keras.src.engine.functional", "Functional")

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        cls._kind = None

    def get_config(self) -> dict[str, Any]:
        """Layers, the calls made on them, inputs and outputs, as tf.keras 2.15 writes them."""
        nodes = _kept_nodes(self._graph)
        layers = []
        for layer in self._graph.operations:
            if not isinstance(layer, Layer):
                raise ValueError(
                    f"Model {self.name!r} calls {module_name(layer)!r}, which is no Keras layer "
                    "and cannot be written as a config. Save the weights with save_weights(), or "
                    "put the computation into a Layer with get_config()."
                )
            entry = TABLE.serialize(layer)
            entry["name"] = layer.name
            entry["inbound_nodes"] = [
                _node_config(node, nodes) for node in nodes[layer] if node.inputs
            ]
            layers.append(entry)
        return {
            "name": self.name,
            "trainable": self.trainable,
            "layers": layers,
            "input_layers": _coordinates(self._graph.inputs, nodes),
            "output_layers": _coordinates(self._graph.outputs, nodes),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Functional:
        """The model that a config of Keras 2 describes, with fresh weights."""
        inputs, outputs = tensors_from_config(config, custom_objects)
        name = config.get("name")
        return cls(inputs, outputs, name=name, trainable=config.get("trainable", True))


Model._functional = Functional


def _kept_nodes(graph: Graph) -> dict[Any, list[Node]]:
    """The calls of each operation that belong to the graph, in the order they were made."""
    inside = set(graph.nodes) | {t.node for t in graph.flat_inputs}
    kept: dict[Any, list[Node]] = {}
    for operation in graph.operations:
        made = getattr(operation, "_nodes", None)
        found = made if made is not None else [n for n in graph.nodes if n.operation is operation]
        kept[operation] = [node for node in found if node in inside]
    return kept


def _coordinates(structure, nodes):
    """`[layer name, call number, output number]` of each tensor; a lone one in a list."""
    found = tree.map_structure(lambda tensor: _Coordinate(_where(tensor, nodes)), structure)
    plain = _plain(found)
    return [plain] if isinstance(found, _Coordinate) else plain


def _where(tensor, nodes):
    operation = tensor.node.operation
    index = nodes[operation].index(tensor.node)
    if isinstance(operation, Model) and operation._graph is not None:
        index += 1  # Keras counts the call that made the nested model
    return [module_name(operation), index, tensor.index]


class _Coordinate:
    """A leaf that stands for a tensor."""

    def __init__(self, where):
        self.where = where


def _plain(structure):
    if isinstance(structure, _Coordinate):
        return structure.where
    if isinstance(structure, dict):
        return {key: _plain(value) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        return [_plain(item) for item in structure]
    return structure


def _node_config(node, nodes):
    """One call: the first argument's tensors, each with the other arguments beside it."""
    first, *rest = node.args
    names = getattr(node.operation, "_call_names", ())
    kwargs = dict(zip(names, rest, strict=False)) | node.kwargs
    kwargs = _plain(tree.map_structure(lambda leaf: _located_leaf(leaf, nodes), kwargs))
    located = tree.map_structure(lambda t: _Coordinate([*_where(t, nodes), kwargs]), first)
    if isinstance(located, _Coordinate):
        return [located.where]
    return _plain(located)


def _located_leaf(leaf, nodes):
    return _Coordinate(_where(leaf, nodes)) if isinstance(leaf, KerasTensor) else leaf


# --- reading ---------------------------------------------------------------------------------


def tensors_from_config(config: dict[str, Any], custom_objects: Any = None) -> tuple[Any, Any]:
    """The symbolic inputs and outputs that result from making the calls of a config."""
    config = copy.deepcopy(config)
    layers: dict[str, nn.Module] = {}
    waiting: list[tuple[nn.Module, list]] = []
    made: dict[tuple[str, int], Any] = {}
    for entry in config["layers"]:
        layer = TABLE.deserialize(_named(entry), custom_objects)
        if not isinstance(layer, Layer):
            raise ValueError(f"{entry.get('class_name')!r} in a model config is not a layer.")
        name = entry.get("name") or layer.name
        if name in layers:
            raise ValueError(f'The name "{name}" is used twice in the model config.')
        layers[name] = layer
        if isinstance(layer, Model) and layer._graph is not None:
            made[name, 0] = layer.outputs  # the call that made the nested model
        elif layer._nodes:
            made[name, 0] = layer._nodes[0].outputs
        calls = [call for call in entry.get("inbound_nodes", ())]
        if calls:
            waiting.append((name, calls))
    _make_calls(layers, waiting, made)
    find = lambda where: _tensor(where, made)  # noqa: E731
    return _located(config["input_layers"], find), _located(config["output_layers"], find)


def _named(entry):
    """Layer entries carry their name in the config; some old files only outside of it."""
    inner = entry.get("config")
    if isinstance(inner, dict) and "name" not in inner and "name" in entry:
        entry = {**entry, "config": {**inner, "name": entry["name"]}}
    return entry


def _make_calls(layers, waiting, made):
    """Make each layer's calls as soon as their inputs exist, in the order of the config."""
    queue = [(name, list(calls), 1 if (name, 0) in made else 0) for name, calls in waiting]
    while queue:
        before = sum(len(calls) for _, calls, _ in queue)
        left = []
        for name, calls, number in queue:
            while calls:
                try:
                    args, kwargs = _arguments(calls[0], made)
                except KeyError:  # an input that another layer has still to make
                    break
                made[name, number] = layers[name](*args, **kwargs)
                calls.pop(0)
                number += 1
            if calls:
                left.append((name, calls, number))
        if sum(len(calls) for _, calls, _ in left) == before:
            raise ValueError(
                "The model config is not a graph: the inputs of layers "
                f"{[name for name, _, _ in left]} are never made."
            )
        queue = left


def _arguments(call, made):
    """Positional and keyword arguments of one call of a config."""
    kwargs: dict[str, Any] = {}

    def tensor(where):
        if len(where) > 3 and isinstance(where[3], dict):
            kwargs.update(where[3])
        return _tensor(where, made)

    if _is_coordinate(call):  # a lone tensor, as TFOpLambda nodes are written
        inputs = tensor(call)
    else:
        inputs = _located(call, tensor)
    keywords = {key: _located_arguments(value, made) for key, value in kwargs.items()}
    return (inputs,), keywords


def _located_arguments(value, made):
    if _is_coordinate(value):
        return _tensor(value, made)
    if isinstance(value, dict):
        return {key: _located_arguments(item, made) for key, item in value.items()}
    if isinstance(value, list):
        if value and value[0] == "_CONSTANT_VALUE":
            return value[2]
        return [_located_arguments(item, made) for item in value]
    return value


def _is_coordinate(value):
    return (
        isinstance(value, (list, tuple))
        and len(value) >= 3
        and isinstance(value[0], str)
        and isinstance(value[1], int)
        and isinstance(value[2], int)
        and value[0] != "_CONSTANT_VALUE"
    )


def _located(structure, find):
    """`structure` with a tensor for each coordinate; a list of one coordinate is that tensor."""
    if _is_coordinate(structure):
        return find(structure)
    if isinstance(structure, dict):
        return {key: _located(value, find) for key, value in structure.items()}
    items = [_located(item, find) for item in structure]
    return items[0] if len(items) == 1 and _is_coordinate(structure[0]) else items


def _tensor(where, made):
    outputs = made[where[0], where[1]]
    return tree.flatten(outputs)[where[2]]
