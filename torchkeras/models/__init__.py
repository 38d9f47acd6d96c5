"""Models and how they come out of files; `keras.models` of a script."""

from ..saving.api import (
    load_model,
    model_from_config,
    model_from_json,
    model_from_yaml,
    save_model,
)
from . import experimental
from .cloning import clone_model
from .functional import Functional
from .model import Model
from .sequential import Sequential

__all__ = [
    "Functional",
    "Model",
    "Sequential",
    "clone_model",
    "experimental",
    "load_model",
    "model_from_config",
    "model_from_json",
    "model_from_yaml",
    "save_model",
]
