"""Layers that cannot be written, and why."""

from __future__ import annotations

from typing import Any

from ...layers import augment, color
from ...layers.hashing import HashedCrossing, Hashing
from ...layers.lookup import IntegerLookup, StringLookup
from ...layers.spectral import SpectralNormalization
from ...layers.text import TextVectorization

_RANDOM = "it draws images anew in training; leave it out, and augment the data instead"
_TEXT = "tensors of torch hold no text; look words up before the model"
REFUSED: dict[type, str] = {
    StringLookup: _TEXT,
    TextVectorization: _TEXT,
    Hashing: _TEXT,
    HashedCrossing: _TEXT,
    IntegerLookup: "its table of integers has no module in torch; look them up before the model",
    SpectralNormalization: "torch's spectral_norm moves its vectors by another rule",
    **{
        value: _RANDOM
        for module in (augment, color)
        for value in vars(module).values()
        if isinstance(value, type)
        and value.__module__ == module.__name__
        and not value.__name__.startswith("_")
    },
}


def reason(layer: Any) -> str | None:
    """Why `layer` cannot be written, or None."""
    for base in type(layer).__mro__:
        if base in REFUSED:
            return REFUSED[base]
    return None
