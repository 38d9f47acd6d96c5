"""The names under which tf.keras 2.9 and 2.10 had what are now the optimizers."""

from .adams import Adam, Adamax, AdamW, Nadam
from .base import Optimizer
from .rules import SGD, Adadelta, Adafactor, Adagrad, Ftrl, RMSprop

__all__ = [
    "SGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Nadam",
    "Optimizer", "RMSprop",
]  # fmt: skip
