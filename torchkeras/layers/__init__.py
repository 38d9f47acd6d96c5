"""Every layer, by family; `keras.layers` of a script."""

from ..layer import TABLE as _TABLE
from ..layer import InputSpec, Layer
from .core import Activation, Dense, Embedding, Input, InputLayer, Masking

deserialize = _TABLE.deserialize
serialize = _TABLE.serialize

__all__ = [name for name in dir() if not name.startswith("_")]
