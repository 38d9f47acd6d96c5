"""`clone_model`: the same calls made on new layers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from torch import nn

from .. import tree
from ..graph import Graph, KerasTensor, record, record_module
from ..layer import Layer
from ..layers.core import Input, InputLayer
from .model import Model
from .sequential import Sequential


def clone_model(
    model: Model, input_tensors: Any = None, clone_function: Callable | None = None
) -> Model:
    """A model like a functional or sequential `model`, with new layers and fresh weights.

    `input_tensors` are the symbolic inputs of the clone, in any nesting. `clone_function` makes a
    new layer of each but the inputs, in place of `layer.from_config(layer.get_config())`; it may
    return the layer itself, to share its weights. Losses added to the model are kept. ValueError
    for subclassed models.

    >>> import torchkeras as keras
    >>> model = keras.Sequential([keras.layers.Dense(2, input_shape=(3,))])
    >>> clone_model(model).layers[0] is model.layers[0]
    False
    """
    if not isinstance(model, Model):
        raise ValueError(f"clone_model expects a Model; received {model!r}.")
    make = _again if clone_function is None else clone_function
    if not callable(make):
        raise ValueError(f"clone_function must be a function; received {clone_function!r}.")
    if isinstance(model, Sequential):
        return _cloned_sequential(model, input_tensors, make)
    if model._graph is None:
        raise ValueError(
            f"Model {model.name!r} is a subclass without a graph of layers, which cannot be "
            "cloned: make another one by its constructor."
        )
    return _cloned_functional(model, input_tensors, make)


def _again(layer):
    """A new layer from the config; a plain module is copied and its weights drawn anew."""
    if isinstance(layer, Layer):
        return layer._again()
    made = copy.deepcopy(layer)
    for module in made.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    return made


def _cloned_functional(model, input_tensors, make):
    known = model._graph
    tensors: dict[int, KerasTensor] = {}
    for old, new in zip(known.flat_inputs, _new_inputs(known, input_tensors), strict=True):
        tensors[id(old)] = new
    layers: dict[nn.Module, Any] = {}

    def found(structure):
        return tree.map_structure(lambda leaf: tensors.get(id(leaf), leaf), structure)

    for node in known._nodes_in_order(with_masks=False):
        outputs = tree.flatten(node.outputs)
        if all(id(tensor) in tensors for tensor in outputs):
            continue
        operation, args, kwargs = node.operation, found(node.args), found(node.kwargs)
        if isinstance(operation, nn.Module):
            if operation not in layers:
                layers[operation] = make(operation)
            operation = layers[operation]
        if isinstance(operation, Layer):
            made = operation(*args, **kwargs)
        elif isinstance(operation, nn.Module):
            made = record_module(operation, args, kwargs)
        else:
            made = record(operation, args, kwargs)
        for old, new in zip(outputs, tree.flatten(made), strict=True):
            tensors[id(old)] = new
    kind = type(model) if type(model).__init__ is Model.__init__ else Model
    clone = kind(found(known.inputs), found(known.outputs), name=model.name)
    if known.losses:
        clone._set_graph(Graph(clone._graph.inputs, clone._graph.outputs, found(known.losses)))
    return clone


def _new_inputs(known, given):
    if given is None:
        layers = [tensor.node.operation for tensor in known.flat_inputs]
        return [InputLayer(**layer.get_config()).output for layer in layers]
    if isinstance(given, dict) and isinstance(known.inputs, dict):
        given = [given[key] for key in known.inputs]
    given = tree.flatten(given)
    if len(given) != len(known.flat_inputs):
        raise ValueError(
            f"The model has {len(known.flat_inputs)} inputs; input_tensors holds {len(given)}."
        )
    made = []
    for tensor, old in zip(given, known.flat_inputs, strict=True):
        if not isinstance(tensor, KerasTensor):
            name = f"input_wrapper_for_{old.node.operation.name}"
            tensor = Input(batch_shape=tuple(tensor.shape), name=name)
        made.append(tensor)
    return made


def _cloned_sequential(model, input_tensors, make):
    layers = [make(layer) for layer in model.layers]
    if input_tensors is None:
        start = model._input_layer
        begins = [] if start is None or model._deferred else [_again(start)]
        return Sequential(begins + layers, name=model.name)
    given = tree.flatten(input_tensors)
    if len(given) != 1:
        raise ValueError(f"A Sequential has one input; input_tensors holds {len(given)}.")
    (tensor,) = given
    if not isinstance(tensor, KerasTensor):
        tensor = Input(batch_shape=tuple(tensor.shape))
    if not isinstance(tensor.node.operation, InputLayer):
        raise ValueError(
            "A Sequential can be cloned on top of an Input alone; received "
            f"{tensor!r}. Call the clone on that tensor instead."
        )
    return Sequential([tensor, *layers], name=model.name)
