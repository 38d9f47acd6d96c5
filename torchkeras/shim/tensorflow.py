"""The `tensorflow` that a Keras script sees: `keras`, and the few names that need no graph.

What is missing raises AttributeError at once; nothing is pretended.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import (
    bfloat16,
    bool,
    complex64,
    complex128,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
)

import torchkeras as keras

from .finder import KERAS_VERSION as __version__

__all__ = [
    "__version__",
    "bfloat16",
    "bool",
    "complex64",
    "complex128",
    "float16",
    "float32",
    "float64",
    "half",
    "double",
    "int8",
    "int16",
    "int32",
    "int64",
    "keras",
    "random",
    "uint8",
]

half, double = float16, float64


class Namespace:
    """A part of tensorflow, such as `tf.random`, that has the given names and no others."""

    def __init__(self, name: str, **members: Any):
        self.__dict__.update(members, __name__=name)

    def __getattr__(self, name: str) -> Any:
        raise _missing(f"{self.__name__}.{name}")


def _set_seed(seed: int) -> None:
    """Seed torch's generators, as `tf.random.set_seed` seeds TensorFlow's and no others."""
    torch.manual_seed(seed)


random = Namespace("tensorflow.random", set_seed=_set_seed)


def __getattr__(name: str) -> Any:
    raise _missing(f"tensorflow.{name}")


def _missing(name):
    return AttributeError(
        f"torchkeras has no {name!r}; docs/compatibility.md lists what it has.", name=name
    )
