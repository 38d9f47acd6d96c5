"""The text of each layer: tables from classes to functions that write a call.

A layer that stands in no table is written as the functions that its `call` is made of.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...layer import Layer
from ...layers.shape import UpSampling2D
from . import (
    attending,
    convolution,
    dense,
    moving,
    normalizing,
    pooling,
    random,
    recurrent,
    refused,
    wrapping,
)

EMITTERS: dict[type, Callable] = {
    **dense.EMITTERS,
    **convolution.EMITTERS,
    **pooling.EMITTERS,
    **normalizing.EMITTERS,
    **moving.EMITTERS,
    **random.EMITTERS,
    **recurrent.EMITTERS,
    **attending.EMITTERS,
    UpSampling2D: moving.enlarge,
}
LOWERINGS: dict[type, Callable] = wrapping.LOWERINGS


def emitter_of(layer: Layer) -> Callable | None:
    """The function that writes calls of `layer`; None where its own functions are written."""
    kind = type(layer)
    for base in kind.__mro__:
        if base in EMITTERS:
            return EMITTERS[base] if kind.call is base.call and not _by_functions(layer) else None
        if base in LOWERINGS:
            return None
    return None


def _by_functions(layer):
    """Whether torch has no function for the settings of a layer."""
    kinds = ("nearest", "area", "bilinear")
    return isinstance(layer, UpSampling2D) and layer.interpolation not in kinds


def reason_against(layer: Any) -> str | None:
    """Why a layer cannot be written; None if it can, as far as its class tells."""
    return refused.reason(layer)
