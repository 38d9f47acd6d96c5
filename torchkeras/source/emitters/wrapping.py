"""Layers that are written as the calls of the layers inside."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ... import tree
from ...graph import KerasTensor
from ...layers.core import Activation, Dense
from ...layers.noise import Dropout
from ...layers.wrappers import TimeDistributed
from ...symbols import record
from ..natives import Unwritten

_ALONG_THE_LAST_AXIS = (Dense, Activation, Dropout)


def time_distributed(layer: TimeDistributed, inputs: Any, mask: Any = None, **kwargs: Any) -> Any:
    """All steps as one batch; without that for layers that look at the last axis alone."""
    inner = layer.layer
    kwargs = {key: value for key, value in kwargs.items() if value is not None}
    if type(inner) in _ALONG_THE_LAST_AXIS:
        return _called(inner, inputs, kwargs)
    if inner.stateful:
        raise Unwritten("the layer inside is stateful")
    first = next(tree.leaves(inputs))
    steps = first.shape[1]
    steps = first.size(1) if steps is None else steps
    flat = tree.map_structure(lambda t: _flattened(t), inputs)
    if mask is not None and inner._takes_mask:
        kwargs["mask"] = record(Tensor.flatten, (mask, 0, 1), {})
    outputs = _called(inner, flat, kwargs)
    return tree.map_structure(lambda t: _with_steps(t, first.shape[:2], steps), outputs)


def _called(layer, inputs, kwargs):
    kwargs = {k: v for k, v in kwargs.items() if k != "training" or layer._takes_training}
    return layer(inputs, **kwargs)


def _flattened(tensor):
    made = KerasTensor((None, *tensor.shape[2:]), tensor.dtype)
    return record(Tensor.flatten, (tensor, 0, 1), {}, outputs=made)


def _with_steps(tensor, lead, steps):
    made = KerasTensor((*lead, *tensor.shape[1:]), tensor.dtype)
    return record(Tensor.unflatten, (tensor, 0, (-1, steps)), {}, outputs=made)


LOWERINGS = {TimeDistributed: time_distributed}
