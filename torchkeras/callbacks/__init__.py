"""Callbacks: what `fit`, `evaluate` and `predict` run at their turning points."""

from . import experimental
from .averages import SwapEMAWeights
from .backup import BackupAndRestore
from .base import Callback
from .checkpoint import ModelCheckpoint, SidecarEvaluatorModelExport
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
from .remote import RemoteMonitor
from .tensorboard import TensorBoard

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
    "RemoteMonitor",
    "SidecarEvaluatorModelExport",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
    "experimental",
]
