"""Optimizers of Keras as torch optimizers, and learning rate schedules."""

from __future__ import annotations

from . import schedules
from .base import Optimizer
from .rules import SGD, Adadelta, Adagrad, Adam, RMSprop

__all__ = ["SGD", "Adadelta", "Adagrad", "Adam", "Optimizer", "RMSprop", "schedules"]
