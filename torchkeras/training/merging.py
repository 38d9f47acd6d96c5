"""Small batches of `predict` that run as one, where no layer looks at its batch as a whole."""

from __future__ import annotations

import math
from typing import Any

from .. import tree
from ..data.arrays import ArrayBatches
from ..layer import Layer
from ..layers.functions import Lambda
from .execution import StepFunction

_NUMBERS = 2**20  # inputs and outputs of all layers together, which then stay in the cache


def batches_at_once(model: Any, run: Any, batches: Any, callbacks: Any) -> int:
    """How many batches of resident arrays `predict` may hand over as one; 1 for none.

    Samples must not meet: every call in the graph is one of a library layer without a state. And
    nobody may look: no step or hook of the user's, no callback, no progress bar.
    """
    if type(batches) is not ArrayBatches or not batches.is_resident or not _is_unseen(model, run):
        return 1
    if callbacks.predict_batch_begin or callbacks.predict_batch_end:
        return 1
    numbers = _numbers(model._graph)
    if numbers is None:
        return 1
    return max(1, min(_NUMBERS // max(1, numbers * batches.batch_size), batches.steps))


def _is_unseen(model, run):
    """Whether the model's own step runs, without hooks that would see larger batches."""
    if not isinstance(run, StepFunction) or run.step is None or model._graph is None:
        return False
    if "predict_step" in vars(model) or not _is_ours(type(model).predict_step):
        return False
    if not _is_ours(type(model).call) or getattr(model, "_graph_compiled", False):
        return False
    hooks = [
        h
        for m in model.modules()
        for h in (*m._forward_hooks.values(), *m._forward_pre_hooks.values())
    ]
    return all(_is_ours(hook) for hook in hooks)


def _is_ours(thing):
    return getattr(thing, "__module__", "").partition(".")[0] == __name__.partition(".")[0]


def _numbers(graph):
    """How many numbers one sample makes; None where that, or what a call does, is not known."""
    total = 0
    for node in graph.nodes:
        operation = node.operation
        inner = getattr(operation, "_graph", None)
        if not isinstance(operation, Layer) or not _is_ours(type(operation)):
            return None
        if isinstance(operation, Lambda) or getattr(operation, "stateful", False):
            return None
        if any(isinstance(m, Layer) and not _is_ours(type(m)) for m in operation.modules()):
            return None  # a wrapper around a layer of the user's
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
