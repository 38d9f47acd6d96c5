"""The table that `model.summary()` prints, line for line that of tf.keras."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from torch import nn

from . import names, tree
from .connected import shape_of
from .console import print_msg
from .graph import Graph, Node
from .layers.core import InputLayer
from .weighted import weights_of


def summary(
    model: Any,
    line_length: int | None = None,
    positions: list[float] | None = None,
    print_fn: Callable[[str], Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Any = None,
) -> None:
    """Print the layers of a built model, their output shapes and numbers of parameters.

    A model that branches also shows what each layer is connected to. `line_length` is the width
    (65, or 98 with connections), `positions` the ends of the columns, as numbers of characters or
    parts of the width. `print_fn` gets each line (default: print it). `expand_nested` shows the
    layers of models inside, `show_trainable` a column of Y and N. `layer_range` is a pair of names
    or patterns of names, the first and last layer to show. ValueError for an unbuilt model, for a
    range that is no pair of strings or fits no layer.

    >>> from torchkeras.layers import Dense, Input
    >>> from torchkeras.models import Sequential
    >>> lines = []
    >>> summary(Sequential([Input((3,)), Dense(2, name="d")], name="m"), print_fn=lines.append)
    >>> [line.split() for line in lines if "d (Dense)" in line]
    [['d', '(Dense)', '(None,', '2)', '8']]
    """
    if not model.built:
        raise ValueError(
            "This model has not yet been built. Build the model first by calling `build()` or by "
            "calling the model on a batch of data."
        )
    graph = getattr(model, "_graph", None)
    told = {layer._nodes[0]: layer for layer in model.layers if _stands_for_a_function(layer)}
    calls = _Calls(graph, told)
    connected = graph is not None and not _is_chain(graph)
    layers = in_range(_operations(model, graph, told), layer_range)
    table = _Table(calls, connected, line_length, positions, print_fn or print_msg, show_trainable)
    table.heading(model.name)
    for layer in layers:
        table.layer(layer, expand_nested)
    table.rule("=")
    trainable, rest = model.trainable_weights, model.non_trainable_weights
    for title, weights in (
        ("Total", [*trainable, *rest]),
        ("Trainable", trainable),
        ("Non-trainable", rest),
    ):
        size = readable_memory_size(weight_memory_size(weights))
        table.print(f"{title} params: {count_params(weights)} ({size})")
    table.rule("_")


def count_params(weights: Any) -> int:
    """How many numbers `weights` hold, each weight counted once.

    >>> import torch
    >>> weight = torch.zeros(2, 3)
    >>> count_params([weight, weight])
    6
    """
    return sum(_size(weight) for weight in {id(w): w for w in weights}.values())


def weight_memory_size(weights: Any) -> int:
    """How many bytes `weights` take, each weight counted once.

    >>> import torch
    >>> weight_memory_size([torch.zeros(2, 3)])
    24
    """
    return sum(_size(w) * _bytes_each(w) for w in {id(w): w for w in weights}.values())


def readable_memory_size(size: float) -> str:
    """A number of bytes in the unit that fits.

    >>> readable_memory_size(44), readable_memory_size(2_000_000)
    ('44.00 Byte', '1.91 MB')
    """
    for unit in ("Byte", "KB", "MB", "GB", "TB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} PB"


# --- which layers ----------------------------------------------------------------------------


def _operations(model, graph, told):
    """The layers of a model, and the functions that its graph calls between them."""
    if graph is None or len(graph.layers) == len(graph.operations):
        return list(model.layers)
    found = [told.get(one, getattr(one, "operation", one)) for one in graph.owners]
    return list(dict.fromkeys(found))


def _stands_for_a_function(layer):
    nodes = getattr(layer, "_nodes", None)
    return bool(nodes) and nodes[0].operation is not layer and nodes[0].layer_name is not None


def in_range(layers: list, layer_range: Any) -> list:
    """The layers from the first to the last that a pair of names or patterns tells."""
    if layer_range is None:
        return layers
    if len(layer_range) != 2:
        raise ValueError(
            "layer_range must be a list or tuple of length 2. Received: layer_range = "
            f"{layer_range} of length {len(layer_range)}"
        )
    if not all(isinstance(name, str) for name in layer_range):
        raise ValueError(f"layer_range should contain string type only. Received: {layer_range}")
    first, last = (
        [number for number, layer in enumerate(layers) if re.match(pattern, layer_name(layer))]
        for pattern in layer_range
    )
    if not first or not last:
        raise ValueError(
            "Passed layer_names do not match the layer names in the model. Received: "
            f"{layer_range}; the layers are {[layer_name(layer) for layer in layers]}."
        )
    if min(first) > max(last):
        first, last = last, first
    return layers[min(first) : max(last) + 1]


def _is_chain(graph: Graph) -> bool:
    """Whether each layer is called once, on the output of the one before it."""
    operations = [node.operation for node in graph.nodes]
    read = [id(tensor.node) for node in graph.nodes for tensor in node.inputs]
    return (
        len(graph.flat_inputs) == 1
        and all(len(node.inputs) <= 1 for node in graph.nodes)
        and len(set(read)) == len(read) == len(operations) - 1
        and len({id(operation) for operation in operations}) == len(operations)
    )


class _Calls:
    """The calls that a graph makes of each layer or function."""

    def __init__(self, graph: Graph | None, told: dict[Node, Any]):
        self._nodes: dict[int, list[Node]] = {}
        self._told = told  # the layers that stand for calls of functions
        for node in graph.nodes if graph is not None else ():
            self._nodes.setdefault(id(told.get(node, node.operation)), []).append(node)

    def connections(self, layer: Any) -> list[str]:
        """What a layer is called on: 'name[number of the call][number of the output]'."""
        inside = self._nodes.get(id(layer), [])
        ordered = [node for node in getattr(layer, "_nodes", inside) if node in inside]
        return [self._source(tensor) for node in ordered for tensor in node.inputs]

    def _source(self, tensor):
        maker = self._told.get(tensor.node, tensor.node.operation)
        made = getattr(maker, "_nodes", None) or self._nodes.get(id(maker), [tensor.node])
        number = made.index(tensor.node) if tensor.node in made else 0
        return f"{layer_name(maker)}[{number}][{tensor.index}]"

    def output_shape(self, layer: Any) -> Any:
        if isinstance(layer, InputLayer):
            return [layer.output_shape]
        if hasattr(layer, "_nodes"):
            return getattr(layer, "output_shape", "multiple")
        shapes = [
            tree.map_structure(shape_of, node.outputs) for node in self._nodes.get(id(layer), ())
        ]
        return shapes[0] if shapes and shapes.count(shapes[0]) == len(shapes) else "multiple"


# --- the table -------------------------------------------------------------------------------


class _Table:
    """Prints rows in columns; what does not fit into its column goes on in the next line."""

    def __init__(self, calls, connected, line_length, positions, print_fn, show_trainable):
        self.calls, self.connected = calls, connected
        self.print, self.show_trainable = print_fn, show_trainable
        self.width = line_length or (98 if connected else 65)
        positions = list(positions or ([0.3, 0.6, 0.70, 1.0] if connected else [0.45, 0.85, 1.0]))
        if positions[-1] <= 1:
            positions = [int(self.width * part) for part in positions]
        if show_trainable:
            self.width += 11
            positions.append(self.width)
        self.positions = positions

    def heading(self, name: str) -> None:
        columns = ["Layer (type)", "Output Shape", "Param #"]
        if self.connected:
            columns.append("Connected to")
        if self.show_trainable:
            columns.append("Trainable")
        self.print(f'Model: "{name}"')
        self.rule("_")
        self.row(columns)
        self.rule("=")

    def rule(self, character: str, level: int = 0) -> None:
        """A line of one character, between the borders of a nested model."""
        self.print("|" * level + character * (self.width - 2 * level) + "|" * level)

    def layer(self, layer: Any, expand: bool, level: int = 0, is_last: bool = False) -> None:
        """The row of a layer and, if `expand`, those of the layers inside; then a blank line."""
        shape = self.calls.output_shape(layer)
        cells = [f"{layer_name(layer)} ({layer_kind(layer)})", shape, _params(layer)]
        if self.connected:
            cells.append(self.calls.connections(layer))
        if self.show_trainable:
            cells.append("Y" if _is_trainable(layer) else "N")
        self.row(cells, level)
        inside = getattr(layer, "layers", None) if expand else None
        if inside:
            self.rule("¯", level + 1)
            for number, one in enumerate(inside):
                self.layer(one, expand, level + 1, number == len(inside) - 1)
            self.rule("¯", level)
        elif not is_last:
            self.rule(" ", level)

    def row(self, cells: list[Any], level: int = 0) -> None:
        left = [str(cell) for cell in cells]
        while any(left):
            line, start = "", 0
            for column, end in enumerate(self.positions[: len(left)]):
                is_last = column == len(self.positions) - 1
                room = end - start - (0 if is_last else 3)  # two blanks between, one before
                if column == 0:
                    room -= level
                    line += "|" * level + " "
                size = _fitting(left[column], room)
                line += left[column][:size] + ("" if is_last else "  ")
                left[column] = left[column][size:]
                line += " " * (end - len(line) - (level if is_last else 0))
                start = end
            self.print(line + "|" * level)


def _fitting(text, room):
    """How much of `text` goes into one line: up to the end of a list's item where there is one."""
    part = text[:room]
    ends = [part.find(end) + 2 for end in ("),", "},", "],", "',") if end in part]
    return min(ends) if ends else room


# --- cells -----------------------------------------------------------------------------------


def layer_name(layer: Any) -> str:
    """The name of a layer, a torch module or a function."""
    for attribute in ("name", "_keras_name", "__name__"):
        found = getattr(layer, attribute, None)
        if isinstance(found, str):
            return found
    return names.to_snake_case(type(layer).__name__)


def layer_kind(layer: Any) -> str:
    """The class of a layer, or that it is a function."""
    return type(layer).__name__ if isinstance(layer, nn.Module) else "function"


def _is_trainable(layer):
    known = getattr(layer, "trainable", None)
    if known is not None or not isinstance(layer, nn.Module):
        return known is not False
    parameters = list(layer.parameters())
    return not parameters or any(parameter.requires_grad for parameter in parameters)


def _params(layer):
    if not isinstance(layer, nn.Module):
        return 0
    if getattr(layer, "built", True) or getattr(layer, "_graph", None) is not None:
        return count_params(weights_of(layer))
    return "0 (unused)"


def _size(weight):
    size = 1
    for length in weight.shape:
        size *= length
    return size


def _bytes_each(weight):
    return getattr(weight, "native", (weight,))[0].element_size()
