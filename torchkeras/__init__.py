"""Keras on native PyTorch: the names, numbers and files of tf.keras 2.15 over `nn.Module`s.

>>> from torchkeras import Sequential, layers
>>> model = Sequential([layers.Dense(4, activation="relu", input_shape=(3,)), layers.Dense(1)])
>>> model.count_params()
21
"""

import importlib

# isort: off
from .garbage import resume as _resume

# isort: on
from . import (
    activations,
    applications,
    backend,
    callbacks,
    constraints,
    data,
    datasets,
    experimental,
    initializers,
    layers,
    losses,
    metrics,
    mixed_precision,
    models,
    ops,
    optimizers,
    preprocessing,
    random,
    regularizers,
    saving,
    utils,
)
from .absent import AbsentModule as _AbsentModule
from .layers import Input
from .legacy import enter as _enter_old_spellings
from .models import Model, Sequential
from .variable import Variable

__version__ = "0.1.0"

__all__ = [
    "Input",
    "Model",
    "Sequential",
    "Variable",
    "__version__",
    "activations",
    "applications",
    "backend",
    "callbacks",
    "constraints",
    "data",
    "datasets",
    "experimental",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "ops",
    "optimizers",
    "preprocessing",
    "random",
    "regularizers",
    "saving",
    "utils",
]

dtensor, estimator, export = map(_AbsentModule, ("dtensor", "estimator", "export"))


def load_ipython_extension(ipython):
    """`%load_ext torchkeras`: from here on the notebook's `keras` and `tensorflow` are ours."""
    importlib.import_module(f"{__name__}.shim").install()


def unload_ipython_extension(ipython):
    """`%unload_ext torchkeras`."""
    importlib.import_module(f"{__name__}.shim").uninstall()


def __getattr__(name):
    if name == "wrappers":  # an attribute of Keras 1 and 2 that few scripts use
        return importlib.import_module(f"{__name__}.wrappers")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


_enter_old_spellings()
_resume()
