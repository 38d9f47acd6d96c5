"""Callbacks: what `fit`, `evaluate` and `predict` run at their turning points."""

from .backup import BackupAndRestore
from .base import Callback
from .checkpoint import ModelCheckpoint
from .container import CallbackList
from .control import (
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ReduceLROnPlateau,
    TerminateOnNaN,
)
from .progress import ProgbarLogger
from .records import BaseLogger, CSVLogger, History

__all__ = [
    "BackupAndRestore",
    "BaseLogger",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
]
