"""The graph of objects in a checkpoint, and which of its variables is which weight of a model.

TensorFlow saves a model as a graph whose edges are attribute names: `layer_with_weights-0`, then
`kernel`. The messages are in tensorflow/core/protobuf/trackable_object_graph.proto; the object
graph of a SavedModel has the same edges.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from typing import Any

from torch import nn

from ...layer import Layer
from ...variable import LayerWeight, Variable
from ...weighted import weights_of
from ..objects import has_weights
from .protobuf import encode, fields, message, number, text

_MOST_NODES = 2**22
_VALUE, _TABLE = "VARIABLE_VALUE", "table"
_ATTRIBUTE = ".ATTRIBUTES/"
LOOKUPS = [  # where layers that look words up have their table
    (*layer, table)
    for layer in ((), ("_lookup_layer",), ("_index_lookup_layer",))
    for table in ("lookup_table", "_table")
]
_PRIVATE = {  # Keras' attributes where a weight has another name
    "query": "_query_dense", "key": "_key_dense", "value": "_value_dense",
    "attention_output": "_output_dense",
}  # fmt: skip


class Node:
    """An object of the graph: children by attribute, stored values, an optimizer's slots."""

    def __init__(self):
        self.children: dict[str, int] = {}
        self.values: dict[str, tuple[str, str]] = {}  # attribute -> (variable's name, key)
        self.slots: list[tuple[str, int, int]] = []  # (slot, variable, what is kept of it)

    @property
    def variable(self) -> tuple[str, str] | None:
        """The name and key of the variable that this node is, if it is one."""
        return self.values.get(_VALUE)


class ObjectGraph:
    """The nodes of a checkpoint; node 0 is the model."""

    def __init__(self, nodes: list[Node]):
        self.nodes = nodes

    @classmethod
    def parse(cls, data: bytes) -> ObjectGraph:
        """The graph in a `TrackableObjectGraph`; ValueError where it is damaged."""
        nodes = []
        for field, value in fields(data):
            if field == 1:
                nodes.append(_parsed(message(value)))
            if len(nodes) > _MOST_NODES:
                raise ValueError("it has too many objects")
        if not nodes:
            raise ValueError("it has no objects")
        for node in nodes:
            slots = [index for _, *ends in node.slots for index in ends]
            if any(not 0 <= i < len(nodes) for i in (*node.children.values(), *slots)):
                raise ValueError("an object in it refers to one that is not there")
        return cls(nodes)

    def encode(self) -> bytes:
        """The graph as a `TrackableObjectGraph`."""
        return encode(*((1, _encoded(node)) for node in self.nodes))

    def child(self, index: int, *path: str) -> int | None:
        """The object that attributes lead to, None where one of them is absent."""
        for name in path:
            found = self.nodes[index].children.get(name)
            if found is None:
                return None
            index = found
        return index

    def numbered(self, index: int, prefix: str = "") -> list[int]:
        """The children called `prefix0`, `prefix1`, ..., in the order of their numbers."""
        pattern = re.compile(re.escape(prefix) + r"(\d{1,9})")
        children = self.nodes[index].children.items()
        found = [(int(m[1]), child) for name, child in children if (m := pattern.fullmatch(name))]
        return [child for _, child in sorted(found)]

    def below(self, index: int) -> Iterator[int]:
        """The variables that `index` is or holds, nearest first."""
        seen, todo = {index}, deque([index])
        while todo:
            index = todo.popleft()
            node = self.nodes[index]
            if node.variable:
                yield index
            for child in node.children.values():
                if child not in seen:
                    seen.add(child)
                    todo.append(child)


def _parsed(data):
    node = Node()
    for field, value in fields(data):
        if field == 1:
            found = dict(fields(message(value)))
            node.children[text(found.get(2, b""))] = number(found.get(1, 0))
        elif field == 2:
            found = dict(fields(message(value)))
            name, full, key = (text(found.get(i, b"")) for i in (1, 2, 3))
            node.values[name] = (full, key)
        elif field == 3:
            found = dict(fields(message(value)))
            ends = number(found.get(1, 0)), number(found.get(3, 0))
            node.slots.append((text(found.get(2, b"")), *ends))
    return node


def _encoded(node):
    children = [(1, encode((1, child), (2, name))) for name, child in node.children.items()]
    values = [
        (2, encode((1, name), (2, full), (3, key))) for name, (full, key) in node.values.items()
    ]
    slots = [(3, encode((1, one), (2, slot), (3, kept))) for slot, one, kept in node.slots]
    return encode(*children, *values, *slots)


# --- matching --------------------------------------------------------------------------------


def find(graph: ObjectGraph, model: Any) -> tuple[int, list[tuple[LayerWeight, int]]]:
    """The node of `model`, and its weights with their nodes.

    That is the first node, or below it what `tf.train.Checkpoint` was given under some name.
    ValueError where several of these fit equally well.
    """
    pairs = match(graph, model)
    if pairs:
        return 0, pairs
    named = {name: (i, match(graph, model, i)) for name, i in graph.nodes[0].children.items()}
    most = max((len(pairs) for _, pairs in named.values()), default=0)
    best = {i: (name, pairs) for name, (i, pairs) in named.items() if pairs and len(pairs) == most}
    if len(best) > 1:
        names = ", ".join(sorted(name for name, _ in best.values()))
        raise ValueError(
            f"model {model.name!r} could be each of {names}. Say which with "
            "tf.train.Checkpoint(name=model).restore(path)"
        )
    return next(((i, pairs) for i, (_, pairs) in best.items()), (0, []))


def match(graph: ObjectGraph, model: Any, index: int = 0) -> list[tuple[LayerWeight, int]]:
    """The weights of `model` that the graph has below a node, each with its own node."""
    found: dict[int, tuple[LayerWeight, int]] = {}
    for thing, node in _walk(graph, model, index):
        if isinstance(thing, Variable):
            if graph.nodes[node].variable:
                found.setdefault(id(thing), (thing, node))
        else:
            for weight, child in _by_names(graph, node, thing):
                found.setdefault(id(weight), (weight, child))
    return list(found.values())


def tables(graph: ObjectGraph, model: Any, index: int = 0) -> list[tuple[Any, str]]:
    """Layers with a vocabulary, and the key of the table that a checkpoint has of it."""
    found = []
    for thing, node in _walk(graph, model, index):
        if hasattr(thing, "set_vocabulary"):
            places = (graph.child(node, *path) for path in LOOKUPS)
            held = [graph.nodes[i].values for i in places if i is not None]
            found += [(thing, values[_TABLE][1]) for values in held if _TABLE in values]
    return found


def _walk(graph, model, index):
    """The variables and single layers of a model, each with its node."""
    seen: set[tuple[int, int]] = set()
    todo: list[tuple[int, Any]] = [(index, model)]
    while todo:
        index, thing = todo.pop()
        if (index, id(thing)) in seen:
            continue
        seen.add((index, id(thing)))
        if isinstance(thing, Variable) or _is_unit(thing):
            yield thing, index
        else:
            todo += [(child, one) for one, child in _parts(graph, index, thing)]


def _is_unit(thing):
    """Whether the names of a module's weights say where they are: not for the user's classes.

    Those that add no weights to a layer of the library are like that one.
    """
    if isinstance(thing, Layer):
        ours = type(thing).__module__.partition(".")[0] == __name__.partition(".")[0]
        rows = thing.weight_map
        ours = ours or rows and all(one.weight in rows for one in weights_of(thing))
        return bool(ours) and not hasattr(thing, "layers")
    return isinstance(thing, nn.Module)


def _parts(graph, index, thing):
    """Pairs of an object inside `thing` and the node that an attribute of that name leads to."""
    node = graph.nodes[index]
    if isinstance(thing, (list, tuple)):
        return [(thing[i], c) for i, c in _positions(node) if i < len(thing)]
    if isinstance(thing, dict):
        keys = {str(key): value for key, value in thing.items()}
        return [(keys[name], child) for name, child in node.children.items() if name in keys]
    found = []
    if hasattr(thing, "layers"):
        layers, numbered = thing.layers, graph.numbered(index, "layer-")
        if len(numbered) != len(layers):  # models that list other layers beside those with weights
            layers = [layer for layer in layers if has_weights(layer)]
            numbered = graph.numbered(index, "layer_with_weights-")
        found += zip(layers, numbered, strict=False)
    own = {weight.weight.name: weight for weight in getattr(thing, "_weights", ())}
    for name, child in node.children.items():
        value = own.get(name, thing.__dict__.get(name, _modules(thing).get(name)))
        if isinstance(value, (nn.Module, Variable, list, tuple, dict)):
            found.append((value, child))
    return found


def _modules(thing):
    return thing._modules if isinstance(thing, nn.Module) else {}


def _positions(node):
    return [(int(name), child) for name, child in node.children.items() if name.isdecimal()]


def _by_names(graph, index, layer):
    """Pair the weights of one layer with the variables below a node by the ends of their names."""
    variables = {}
    for child in graph.below(index):
        variables[child] = _plain(graph.nodes[child].variable[0].split("/"))
    for weight in weights_of(layer):
        name = _plain(_relative(weight, layer))
        for tail in (name, name[-1:]):
            fits = [c for c, full in variables.items() if full[-len(tail) :] == tail]
            if fits:
                del variables[fits[0]]
                yield weight, fits[0]
                break


def _plain(parts):
    """Parts of a name without the numbers that make names different."""
    return [re.sub(r"_\d+$", "", part) for part in parts]


def _relative(weight, layer):
    """The parts of a weight's name after that of `layer`."""
    start = layer._path("") if isinstance(layer, Layer) else ""
    return weight.name.removesuffix(":0").removeprefix(start).split("/")


# --- making ----------------------------------------------------------------------------------


class Builder:
    """The object graph of a model, and the keys that its variables get."""

    def __init__(self, model: Any):
        self.graph = ObjectGraph([Node()])
        self.values: dict[str, Any] = {}  # key -> Variable
        self.things: dict[int, Any] = {0: model}  # node -> what it stands for
        self._made: dict[int, int] = {id(model): 0}
        self._keys: dict[int, str] = {0: ""}
        self._fill(0, model)

    def add(self, parent: int, name: str, thing: Any = None) -> int:
        """The node of `thing`, made where there is none, as a child of `parent`."""
        index = self._made.get(id(thing)) if thing is not None else None
        known = self.graph.nodes[parent].children.get(name)
        if known is not None and (thing is None or index is None):
            return known
        if index is None:
            index = len(self.graph.nodes)
            self.graph.nodes.append(Node())
            before = self._keys[parent]
            own = name.replace(".", "..").replace("/", ".S")
            self._keys[index] = f"{before}/{own}" if before else own
            if thing is not None:
                self._made[id(thing)], self.things[index] = index, thing
                self._fill(index, thing)
        self.graph.nodes[parent].children[name] = index
        return index

    def store(self, index: int, name: str, value: Any) -> None:
        """Make a node a variable called `name`."""
        key = f"{self._keys[index]}/{_ATTRIBUTE}{_VALUE}"
        self.graph.nodes[index].values[_VALUE] = (name, key)
        self.values[key] = value

    def add_slot(self, optimizer: int, slot: str, variable: Any, kept: Any) -> None:
        """The node of what an optimizer keeps of a variable of the model."""
        owner = self._made[id(variable)]
        index = len(self.graph.nodes)
        self.graph.nodes.append(Node())
        self._keys[index] = f"{self._keys[owner]}/.OPTIMIZER_SLOT/{self._keys[optimizer]}/{slot}"
        self.store(index, kept.name.removesuffix(":0"), kept)
        self.graph.nodes[optimizer].slots.append((slot, owner, index))

    def _fill(self, index, thing):
        if isinstance(thing, Variable):
            self.store(index, thing.name.removesuffix(":0"), thing)
        elif isinstance(thing, (list, tuple)):
            self._children(index, {str(i): item for i, item in enumerate(thing)})
        elif isinstance(thing, dict):
            self._children(index, {str(key): item for key, item in thing.items()})
        elif isinstance(thing, Layer):
            self._fill_layer(index, thing)
        else:
            for weight in weights_of(thing):
                self._place(index, weight, weight.name.split("/"))

    def _fill_layer(self, index, layer):
        if hasattr(layer, "layers"):
            weighted = 0
            for number_, inner in enumerate(layer.layers):
                if has_weights(inner):
                    self.add(index, f"layer_with_weights-{weighted}", inner)
                    weighted += 1
                self.add(index, f"layer-{number_}", inner)
        for weight in layer._weights:
            parts = weight.weight.name.split("/")
            cell = ["cell"] if weight.weight.scope or _is_conv_lstm(layer) else []
            self._place(index, weight, cell + [_PRIVATE.get(part, part) for part in parts])
        held = {k: v for k, v in layer.__dict__.items() if isinstance(v, Variable)}
        self._children(index, held)
        keys = layer.__dict__.get("_layer_keys", ())
        inside = {k: v for k, v in layer._modules.items() if k not in keys}
        known = {**inside, **{k: layer.__dict__[k] for k in inside if k in layer.__dict__}}
        described = bool(layer.weight_map)
        self._children(
            index, {k: v for k, v in known.items() if isinstance(v, Layer) or not described}
        )

    def _children(self, index, things):
        for name, thing in things.items():
            if isinstance(thing, (nn.Module, Variable, list, tuple, dict)):
                self.add(index, name, thing)

    def _place(self, index, weight, path):
        for name in path[:-1]:
            index = self.add(index, name)
        self.add(index, path[-1], weight)


def _is_conv_lstm(layer):
    return any(kind.__name__.startswith("ConvLSTM") for kind in type(layer).__mro__)


def weight_paths(model: Any) -> dict[str, Any]:
    """The weights of a model by the attributes that lead to them, layers of a graph by name."""
    builder, paths, todo = Builder(model), {}, deque([(0, "")])
    graph_layers = {id(layer): layer.name for layer in model.layers} if model._graph else {}
    seen = {0}
    while todo:
        index, path = todo.popleft()
        if builder.graph.nodes[index].variable:
            paths[path] = builder.things[index]
        for name, child in builder.graph.nodes[index].children.items():
            if child not in seen:
                seen.add(child)
                name = graph_layers.get(id(builder.things.get(child)), name)
                todo.append((child, f"{path}.{name}" if path else name))
    return paths
