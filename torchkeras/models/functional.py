"""Graph models: what `Model(inputs, outputs)` makes, and its config in the form of Keras 2."""

from __future__ import annotations

import copy
import logging
import weakref
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from .. import graph as graphs
from .. import names, tree
from ..graph import Graph, KerasTensor, Node, owner
from ..layer import TABLE, Layer
from ..layers.operations import Constant, SlicingOpLambda, TFOpLambda
from ..layers.recorded import told_in_tensorflow
from ..names import module_name
from ..saving.versions.operation import KerasOperation
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
        graph = self._graph
        if graph.losses:
            logging.getLogger("torchkeras").warning(
                "The config of model %r leaves out the losses added with add_loss; add them again "
                "to the model that is made from it.",
                self.name,
            )
            graph = Graph(graph.inputs, graph.outputs)
        calls = _Calls(graph)
        layers = []
        for one in graph.owners:
            layer = calls.layers[one]
            if not isinstance(layer, Layer):
                raise ValueError(
                    f"Model {self.name!r} calls {module_name(layer)!r}, which is no Keras layer "
                    "and cannot be written as a config. Save the weights with save_weights(), or "
                    "put the computation into a Layer with get_config()."
                )
            entry = TABLE.serialize(layer)
            entry["name"] = layer.name
            entry["inbound_nodes"] = [
                _node_config(node, calls) for node in calls.nodes[one] if node.inputs
            ]
            layers.append(entry)
        return {
            "name": self.name,
            "trainable": self.trainable,
            "layers": layers,
            "input_layers": _coordinates(graph.inputs, calls),
            "output_layers": _coordinates(graph.outputs, calls),
        }

    def _output_name(self, node):
        if not isinstance(node.operation, nn.Module) and node.layer_name is None:
            operation_layers(self._graph)
        return node.layer_name or super()._output_name(node)

    @property
    def layers(self) -> list[nn.Module]:
        """The layers directly inside, in the order of tf.keras, and those that stand for calls of
        functions there."""
        if self._listed is None or self._listed[0] is not self._graph:
            made = operation_layers(self._graph)
            listed = [made[one][0] if one in made else one for one in self._graph.owners]
            found = [one for one in listed if isinstance(one, nn.Module)]
            object.__setattr__(self, "_listed", (self._graph, found))
        return list(self._listed[1])

    _listed: tuple[Graph, list] | None = None

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Functional:
        """The model that a config of Keras 2 describes, with fresh weights."""
        config, besides = _parted(config)
        inputs, outputs, added = tensors_from_config(config, custom_objects, besides)
        name = config.get("name")
        model = cls(inputs, outputs, name=name, trainable=config.get("trainable", True))
        for entry, tensor in zip(besides, added, strict=True):
            if entry["class_name"] == "AddLoss":
                model.add_loss(tensor)
            else:
                model.add_metric(tensor, entry["config"].get("metric_name") or entry["name"])
        return model


Model._functional = Functional


class _Calls:
    """The calls in a graph, and the layers that a config names for them.

    A call of a torch function that TensorFlow has too is written as tf.keras writes its own, as a
    layer for that call alone.
    """

    def __init__(self, graph: Graph):
        inside = set(graph.nodes) | {t.node for t in graph.flat_inputs}
        self.nodes: dict[Any, list[Node]] = {}
        self.layers: dict[Any, Any] = {}
        self.told: dict[Node, tuple[Any, dict]] = {}  # first argument, others by name
        for one in graph.owners:
            made = [one] if isinstance(one, Node) else getattr(one, "_nodes", None)
            found = made if made is not None else [n for n in graph.nodes if n.operation is one]
            self.nodes[one] = [node for node in found if node in inside]
            self.layers[one] = one.operation if isinstance(one, Node) else one
        for node, (layer, told) in operation_layers(graph).items():
            self.layers[node], self.told[node] = layer, told

    def where(self, tensor: KerasTensor) -> list:
        """`[layer name, call number, output number]`."""
        one = owner(tensor.node)
        index = self.nodes[one].index(tensor.node)
        if isinstance(one, Model) and one._graph is not None:
            index += 1  # Keras counts the call that made the nested model
        return [module_name(self.layers[one]), index, tensor.index]

    def arguments(self, node: Node) -> tuple[Any, dict[str, Any]]:
        """The first argument of a call, and the others by name."""
        if node in self.told:
            return self.told[node]
        if not node.args:
            return None, node.kwargs
        first, *rest = node.args
        names = getattr(node.operation, "_call_names", ())
        return first, dict(zip(names, rest, strict=False)) | node.kwargs


def operation_layers(graph: Graph) -> dict[Node, tuple[TFOpLambda, list]]:
    """The layers that stand in Keras for calls of functions which TensorFlow has too, each with
    the first argument of the call and the others by name."""
    nodes = [one for one in graph.owners if isinstance(one, Node)]
    taken = {module_name(layer) for layer in graph.layers} | {node.layer_name for node in nodes}
    found = {}
    for node in sorted(nodes, key=lambda node: node.number):
        told = told_in_tensorflow(node)
        if told is None:
            continue
        symbol, *arguments = told
        while node.layer_name is None:
            name = names.unique_name(f"tf.{symbol}")
            node.layer_name = None if name in taken else name
        kind = SlicingOpLambda if symbol.endswith("getitem") else TFOpLambda
        layer = kind(symbol, name=node.layer_name)
        layer._nodes = [node]
        users = [user for user in graph.nodes for t in user.inputs if t.node is node]
        layer.__dict__["_users"] = [weakref.ref(user) for user in users]
        found[node] = layer, arguments
    return {node: found[node] for node in nodes if node in found}


def _coordinates(structure, calls):
    """`[layer name, call number, output number]` of each tensor; a lone one in a list."""
    found = tree.map_structure(lambda tensor: _Written(calls.where(tensor)), structure)
    written = _nested(found)
    return [written] if isinstance(found, _Written) else written


class _Written:
    """A leaf that a list stands for in the config."""

    def __init__(self, value):
        self.value = value


def _nested(structure):
    if isinstance(structure, _Written):
        return structure.value
    if isinstance(structure, dict):
        return {key: _nested(value) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        return [_nested(item) for item in structure]
    return structure


def _node_config(node, calls):
    """One call: the first argument's tensors, each with the other arguments beside it."""
    if isinstance(node.operation, KerasOperation):
        return _call_of_keras_3(node, calls)
    first, kwargs = calls.arguments(node)
    kwargs = _nested(tree.map_structure(lambda leaf: _argument(leaf, calls), kwargs))
    if isinstance(calls.layers[owner(node)], TFOpLambda):
        return _operation_config(first, kwargs, calls)
    located = tree.map_structure(lambda t: _Written([*calls.where(t), kwargs]), first)
    return [located.value] if isinstance(located, _Written) else _nested(located)


def _call_of_keras_3(node, calls):
    """A call of one of its functions, whose arguments Keras 3 lists in their order."""

    def written(leaf):
        if isinstance(leaf, KerasTensor):
            told = {"shape": list(leaf.shape), "dtype": str(leaf.dtype)}
            told["keras_history"] = calls.where(leaf)
            return _Written({"class_name": "__keras_tensor__", "config": told})
        if isinstance(leaf, slice):
            told = {"start": leaf.start, "stop": leaf.stop, "step": leaf.step}
            return _Written({"class_name": "__slice__", "config": told})
        if leaf is Ellipsis:
            return _Written({"class_name": "__ellipsis__", "config": {}})
        return _argument(leaf, calls)

    args, kwargs = tree.map_structure(written, (list(node.args), dict(node.kwargs)))
    return {"args": _nested(args), "kwargs": _nested(kwargs)}


def _operation_config(first, kwargs, calls):
    """The same for a function, whose first argument may be a number and is not put into a list."""

    def written(leaf):
        if isinstance(leaf, KerasTensor):
            return [*calls.where(leaf), kwargs]
        return ["_CONSTANT_VALUE", -1, _nested(_argument(leaf, calls)), kwargs]

    if isinstance(first, (list, tuple)) and graphs.is_symbolic(first):
        return [written(item) for item in first]
    return written(first)


def _argument(leaf, calls):
    """A tensor as its place in the graph, or as numbers."""
    if isinstance(leaf, KerasTensor):
        return _Written(calls.where(leaf))
    if isinstance(leaf, Constant):
        return leaf.value
    return leaf.tolist() if isinstance(leaf, Tensor) else leaf


# --- reading ---------------------------------------------------------------------------------


def _parted(config):
    """A config without the entries that stand for `model.add_loss` and `add_metric`, and these."""
    entries = config["layers"] if isinstance(config.get("layers"), list) else []
    besides = [e for e in entries if isinstance(e, dict) and e.get("class_name") in _BESIDES]
    rest = [entry for entry in entries if not any(entry is one for one in besides)]
    return {**config, "layers": rest} if besides else config, besides


_BESIDES = ("AddLoss", "AddMetric")


def tensors_from_config(
    config: dict[str, Any], custom_objects: Any = None, besides: Sequence[dict] = ()
) -> tuple[Any, Any, list]:
    """The symbolic inputs and outputs that result from making the calls of a config.

    Also the tensors that the entries `besides` are called on.
    """
    config = copy.deepcopy(config)
    layers: dict[str, nn.Module] = {}
    waiting: list[tuple[nn.Module, list]] = []
    made: dict[tuple[str, int], Any] = {}
    for entry in config["layers"]:
        layer = TABLE.deserialize(_named(entry, custom_objects), custom_objects)
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
    added = [_arguments(entry["inbound_nodes"][0], made, None)[0][0] for entry in besides]
    return _located(config["input_layers"], find), _located(config["output_layers"], find), added


def _named(entry, custom_objects):
    """Layer entries carry their name in the config; some old files only outside of it.

    The config of a class of the user is left as the user's `get_config` made it.
    """
    inner, kind = entry.get("config"), entry.get("class_name")
    if not isinstance(inner, dict) or "name" in inner or "name" not in entry:
        return entry
    if TABLE.find(kind, custom_objects) is not TABLE.objects.get(kind):
        return entry
    return {**entry, "config": {**inner, "name": entry["name"]}}


def _make_calls(layers, waiting, made):
    """Make each layer's calls as soon as their inputs exist, in the order of the config."""
    queue = [(name, list(calls), _first_number(name, calls, made)) for name, calls in waiting]
    while queue:
        before = sum(len(calls) for _, calls, _ in queue)
        left = []
        for name, calls, number in queue:
            while calls:
                try:
                    args, kwargs = _arguments(calls[0], made, layers[name])
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


def _first_number(name, calls, made):
    """Keras 2 counts the call that made a nested model; Keras 3 does not."""
    return 1 if (name, 0) in made and not _is_of_keras_3(calls[0]) else 0


def _is_of_keras_3(call):
    return isinstance(call, dict) and "args" in call


def _arguments(call, made, layer):
    """Positional and keyword arguments of one call of a config."""
    if _is_of_keras_3(call):
        return _arguments_of_keras_3(call, made, layer)
    kwargs: dict[str, Any] = {}

    def tensor(where):
        if len(where) > 3 and isinstance(where[3], dict):
            kwargs.update(where[3])
        return where[2] if _is_constant(where) else _tensor(where, made)

    if _is_coordinate(call) or _is_constant(call):  # a lone tensor, as TFOpLambda nodes have it
        inputs = tensor(call)
    else:
        inputs = _located(call, tensor)
    keywords = {key: _located_arguments(value, made) for key, value in kwargs.items()}
    return (inputs,), keywords


def _arguments_of_keras_3(call, made, layer):
    """Keras 3 writes tensors as `__keras_tensor__`, and what it passed of itself as arguments.

    The mode of a model comes from how it is called, whatever `training` was as it was made; masks
    go to layers that take them, and travel along with the tensors otherwise.
    """

    def located(value):
        if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
            return _tensor(value["config"]["keras_history"], made)
        if isinstance(value, dict) and value.get("class_name") == "__slice__":
            return slice(*(value["config"][key] for key in ("start", "stop", "step")))
        if isinstance(value, dict) and value.get("class_name") == "__ellipsis__":
            return ...
        if isinstance(value, dict):
            return {key: located(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(located(item) for item in value)
        return value

    args, kwargs = located(call["args"]), located(call.get("kwargs") or {})
    if isinstance(layer, Layer):
        kwargs.pop("training", None)
        if "mask" in kwargs and (kwargs["mask"] is None or not layer._takes_mask):
            del kwargs["mask"]
    return tuple(args), kwargs


def _located_arguments(value, made):
    if _is_coordinate(value):
        return _tensor(value, made)
    if isinstance(value, dict):
        return {key: _located_arguments(item, made) for key, item in value.items()}
    if isinstance(value, list):
        if _is_constant(value):
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


def _is_constant(value):
    """Whether `value` says that a number, not a tensor, is an argument: its third item."""
    return isinstance(value, (list, tuple)) and len(value) >= 3 and value[0] == "_CONSTANT_VALUE"


def _located(structure, find):
    """`structure` with a tensor for each coordinate; a list of one coordinate is that tensor."""
    if _is_coordinate(structure) or _is_constant(structure):
        return find(structure)
    if isinstance(structure, dict):
        return {key: _located(value, find) for key, value in structure.items()}
    items = [_located(item, find) for item in structure]
    return items[0] if len(items) == 1 and _is_coordinate(structure[0]) else items


def _tensor(where, made):
    outputs = made[where[0], where[1]]
    return tree.flatten(outputs)[where[2]]
