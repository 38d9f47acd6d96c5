"""TensorFlow's words for a program that imports torchkeras itself: `torchkeras.tensorflow as tf`.

It is the module that stands for `tensorflow` in the shim, without the shim: importing it gives
tensors the methods of TensorFlow's (`.numpy()`, `.get_shape()`, ...) and, as there, nothing but a
`GradientTape` records gradients from then on.

    import torchkeras as keras
    import torchkeras.tensorflow as tf
"""

from __future__ import annotations

import sys
from types import ModuleType

import torch

from .shim import tensorflow, tensors


def _enter(name, module):
    """`module` and its parts by the name of this one, so that import finds them here."""
    sys.modules[name] = module
    for part, value in vars(module).items():
        if isinstance(value, ModuleType) and value.__name__.startswith("tensorflow."):
            _enter(f"{name}.{part}", value)


tensors.install()
torch.set_grad_enabled(False)
_enter(__name__, tensorflow)
