"""What `fit`, `evaluate` and `predict` are given, checked before anything changes."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import torch

from .. import tree
from ..data.arrays import ArrayBatches, unpack_x_y_sample_weight
from ..data.deferred import Texts
from ..data.elements import Strings
from ..layers import Embedding


def checked_fit(given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `fit`, numbers of steps as integers; ValueError naming a wrong one."""
    for argument in ("epochs", "initial_epoch"):
        value = given[argument]
        whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not whole or value < 0:
            raise ValueError(f"{argument} must be an integer of at least 0; received {value!r}.")
    if given["initial_epoch"] >= given["epochs"] > 0:
        warnings.warn(
            f"initial_epoch={given['initial_epoch']} is not before epochs={given['epochs']}, so "
            "nothing is trained: epochs is the number of the last epoch, not how many are run.",
            stacklevel=5,
        )
    split = given["validation_split"]
    if split and not 0 < split < 1:
        raise ValueError(f"validation_split must lie between 0 and 1; received {split!r}.")
    if isinstance(given["shuffle"], str) and given["shuffle"] != "batch":
        raise ValueError(f"shuffle must be True, False or 'batch'; received {given['shuffle']!r}.")
    steps = {
        name: whole_steps(name, given[name]) for name in ("steps_per_epoch", "validation_steps")
    }
    return {**given, **steps}


def whole_steps(argument: str, steps: Any) -> int | None:
    """A number of steps as an integer: a broken one, such as samples / batch_size, rounded up."""
    if steps is None:
        return None
    if not isinstance(steps, (int, float, np.number)) or not 0 < steps < math.inf:
        raise ValueError(f"{argument} must be at least 1; received {steps!r}.")
    return math.ceil(steps)


def check_validation(model: Any, data: Any) -> None:
    """ValueError for validation data without labels, where `compile` was given a loss."""
    lone = not isinstance(data, (tuple, list)) and hasattr(data, "shape")
    if model.loss and (lone or (isinstance(data, (tuple, list)) and len(data) == 1)):
        raise ValueError(
            "validation_data must be (x, y) or (x, y, sample_weight), because the model was "
            f"compiled with loss={model.loss}; received only x."
        )


def check_labels(model: Any, batches: Any) -> None:
    """ValueError for arrays of labels whose shape does not fit the outputs of a graph."""
    if isinstance(batches, ArrayBatches) and getattr(model, "_graph", None) is not None:
        y = unpack_x_y_sample_weight(batches.data)[1]
        if model._standard_steps() and y is None and model.loss:
            model._validate_target_and_loss(y, None)
        elif model._standard_steps():
            model._compiled.check_labels(y, model)


def check_tokens(model: Any, batches: Any) -> None:
    """ValueError for numbers that an `Embedding` cannot look up, in arrays that go straight to it;
    TypeError for texts where numbers are expected.

    They are looked at once, where the data lives: on a GPU an index out of range would end the
    process.
    """
    if not isinstance(batches, ArrayBatches) or getattr(model, "_graph", None) is None:
        return
    x = unpack_x_y_sample_weight(batches.data)[0]
    named = isinstance(x, dict) and all(name in x for name in model.input_names)
    leaves = [x[name] for name in model.input_names] if named else tree.flatten(x)
    for tensor, name, leaf in zip(model.inputs, model.input_names, leaves, strict=False):
        if isinstance(leaf, (Strings, Texts)) and tensor.dtype != "string":
            raise TypeError(
                f'Input "{name}" of model "{model.name}" received texts, but expected numbers. '
                "Put a StringLookup or TextVectorization before the model or into it."
            )
    for place, layer in _embeddings_of(model):
        if place < len(leaves) and leaves[place].numel():
            _check_indices(leaves[place], layer)


def _embeddings_of(model):
    """Pairs of the number of an input and the `Embedding` that it goes to, found once."""
    graph = model._graph
    known = model.__dict__.get("_token_inputs")
    if known is None or known[0] is not graph:
        places = {id(tensor): place for place, tensor in enumerate(graph.flat_inputs)}
        found = [
            (places[id(tensor)], node.operation)
            for node in graph.nodes
            if isinstance(node.operation, Embedding)
            for tensor in node.inputs
            if id(tensor) in places
        ]
        known = (graph, found)
        object.__setattr__(model, "_token_inputs", known)
    return known[1]


def _check_indices(indices, layer):
    told = list(torch.aminmax(indices))
    if indices.is_floating_point():
        told.append((indices != indices.trunc()).any())
    if indices.device.type == "cpu":
        low, high, *broken = [value.item() for value in told]
    else:  # by one read
        low, high, *broken = torch.stack([value.double() for value in told]).tolist()
    if any(broken):
        raise ValueError(
            f'The inputs of layer "{layer.name}" must be integers from 0 to {layer.input_dim - 1}; '
            "received numbers with fractions. Give the numbers of tokens, not values."
        )
    if not (0 <= low and high < layer.input_dim):
        raise ValueError(
            f'The inputs of layer "{layer.name}" must be integers from 0 to {layer.input_dim - 1}; '
            f"received values from {low:.0f} to {high:.0f}. Make input_dim larger than the largest "
            "value."
        )
