"""What `tf.train.Checkpoint(model=..., optimizer=...)` of TensorFlow wrote: objects by name."""

from __future__ import annotations

from typing import Any

from ...layer import Layer
from ...optimizers import Optimizer
from .bundle import Bundle
from .checkpoint import GRAPH, read_graph, read_tables, read_values
from .objects import match
from .slots import State

_COUNTER = "save_counter/.ATTRIBUTES/VARIABLE_VALUE"


def is_tracked(file: Bundle) -> bool:
    """Whether a checkpoint tells its objects, as TensorFlow's do."""
    return GRAPH in file


def restore(file: Bundle, objects: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Give objects the values in a checkpoint; which of them it lacks, and what nobody took.

    'root' is what was tracked without a name. An optimizer that is not built takes its state when
    it is, a layer without weights gets them in its first call. ValueError, naming the file, where
    a shape differs; then nothing has changed.
    """
    graph = read_graph(file)
    nodes = {name: 0 if name == "root" else graph.nodes[0].children.get(name) for name in objects}
    found = {
        name: (thing, nodes[name]) for name, thing in objects.items() if nodes[name] is not None
    }
    optimizers = [(one, i) for one, i in found.values() if isinstance(one, Optimizer)]
    others = [(one, i) for one, i in found.values() if not isinstance(one, Optimizer)]
    late = [(one, i) for one, i in others if isinstance(one, Layer) and not one.weights]
    pairs = [pair for one, i in others for pair in match(graph, one, i)]
    words = [found for one, i in others for found in read_tables(file, graph, one, i)]
    used = _give(file, graph, pairs)
    for layer, key, vocabulary in words:
        layer.set_vocabulary(vocabulary)
        used |= {f"{key}-keys", f"{key}-values"}
    for layer, index in late:
        _when_called(layer, lambda one, i=index: _give(file, graph, _noted(graph, one, i, pairs)))
    for optimizer, index in optimizers:
        give = lambda one, i=index: State(file, graph, one, i, pairs).give()  # noqa: E731
        if optimizer.built:
            used |= give(optimizer)
        else:
            _when_built(optimizer, give)
    unused = [key for key in file.keys() if key not in used | {GRAPH, _COUNTER}]
    return [name for name in objects if name not in found], unused


def _noted(graph, layer, index, pairs):
    """The weights of a layer that has some by now, which optimizers look up too."""
    made = match(graph, layer, index)
    pairs += made
    return made


def _give(file, graph, pairs):
    """Write the values of weights, and tell their keys."""
    values, used = read_values(file, graph, pairs)
    for weight, array in values:
        weight.assign(array)
    return used


def _when_called(layer, give):
    """Give in the layer's first call, which is made again with the values."""

    def fill(layer, args, kwargs, outputs):
        handle.remove()
        give(layer)
        return layer(*args, **kwargs)

    handle = layer.register_forward_hook(fill, with_kwargs=True)


def _when_built(optimizer, give):
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    build = inner.build

    def build_and_fill(var_list):
        build(var_list)
        if inner.built:
            del inner.build
            give(optimizer)

    inner.build = build_and_fill
