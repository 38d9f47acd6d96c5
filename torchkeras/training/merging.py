"""Small batches of `predict` that run as one, where no layer looks at its batch as a whole."""

from __future__ import annotations

import math
from typing import Any

from .. import tree
from ..data.arrays import ArrayBatches
from ..layer import Layer
from ..layers.functions import Lambda
from ..tracking import modules_of
from .execution import StepFunction

_NUMBERS = 2**20  # inputs and outputs of all layers together, which then stay in the cache


def batches_at_once(model: Any, run: Any, batches: Any, callbacks: Any) -> int:
    """How many batches of resident arrays `predict` may hand over as one; 1 for none.

    Samples must not meet: every call in the graph is one of a library layer without a state. And
    nobody may look: no step or hook of the user's, no callback, no progress bar.
    """
    if type(batches) is not ArrayBatches or batches.steps == 1 or not batches.is_resident:
        return 1
    if callbacks.predict_batch_begin or callbacks.predict_batch_end:
        return 1
    if not is_unseen(model, run, callbacks):
        return 1
    numbers = _known_numbers(model)
    if numbers is None:
        return 1
    return max(1, min(_NUMBERS // max(1, numbers * batches.batch_size), batches.steps))


def is_unseen(model: Any, run: Any, callbacks: Any) -> bool:
    """Whether the model's own step runs, and no layer, hook, state or callback of the user's."""
    if not all(map(_is_ours, (*callbacks.predict_batch_begin, *callbacks.predict_batch_end))):
        return False
    if not isinstance(run, StepFunction) or run.step is None or model._graph is None:
        return False
    if "predict_step" in vars(model) or not _is_ours(type(model).predict_step):
        return False
    if not _is_ours(type(model).call):
        return False
    for module in modules_of(model):
        if module._forward_hooks or module._forward_pre_hooks:
            hooks = (*module._forward_hooks.values(), *module._forward_pre_hooks.values())
            if not all(map(_is_ours, hooks)):
                return False
        if isinstance(module, Layer) and module is not model:
            if getattr(module, "stateful", False) or not _is_ours(type(module)):
                return False
    return True


def _is_ours(thing):
    return getattr(thing, "__module__", "").partition(".")[0] == __name__.partition(".")[0]


def _known_numbers(model):
    """What `_numbers` finds, once for each graph."""
    known = model.__dict__.get("_numbers_made")
    if known is None or known[0] is not model._graph:
        known = (model._graph, _numbers(model._graph))
        object.__setattr__(model, "_numbers_made", known)
    return known[1]


def _numbers(graph):
    """How many numbers one sample makes; None where that, or what a call does, is not known."""
    total = 0
    for node in graph.nodes:
        operation = node.operation
        inner = getattr(operation, "_graph", None)
        if not isinstance(operation, Layer) or not _is_ours(type(operation)):
            return None
        if isinstance(operation, Lambda):
            return None
        if inner is not None and (nested := _numbers(inner)) is None:
            return None
        total += nested if inner is not None else 0
        for tensor in tree.leaves(node.outputs):
            if (
                None in tensor.shape[1:]
                or "float" not in tensor.dtype
                and "int" not in tensor.dtype
            ):
                return None
            total += math.prod(tensor.shape[1:])
    return total
