"""`Callback`: what runs at the turning points of `fit`, `evaluate` and `predict`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

MODES = ("train", "test", "predict")
BATCH_HOOKS = tuple(f"on_{mode}_batch_{end}" for mode in MODES for end in ("begin", "end"))
HOOKS = (
    *(f"on_{mode}_{end}" for mode in MODES for end in ("begin", "end")),
    *("on_epoch_begin", "on_epoch_end", "on_batch_begin", "on_batch_end"),
    *BATCH_HOOKS,
)
_OLD_NAMES = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}


class Callback:
    """Base of callbacks: override the hooks that you need.

    `self.model` is the model at work and `self.params` a dict of 'verbose', 'epochs' and 'steps'.
    `logs` of a batch's end are the running results of the epoch, read from the device when a
    value is looked up; `logs` of an epoch's end are plain numbers, the validation's under `val_`
    names, in one dict for all callbacks, which may add to it. A hook that no callback overrides
    costs nothing.

    >>> class Report(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print(epoch, logs["loss"])
    >>> Report().on_epoch_end(0, {"loss": 0.5})
    0 0.5
    """

    _resumes: tuple[str, ...] = ()  # attributes that an interrupted run gets back
    _runs_last = False  # whether other callbacks come first at the end of a batch or an epoch

    def __init__(self):
        self.validation_data = None
        self.model: Any = None
        self.params: dict[str, Any] = {}

    def set_params(self, params: dict[str, Any]) -> None:
        """Take note of the run's settings."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Take note of the model."""
        self.model = model

    def on_train_begin(self, logs: Any = None) -> None:
        """`fit` begins."""

    def on_train_end(self, logs: Any = None) -> None:
        """`fit` ends; `logs` are those of the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """An epoch of `fit` begins; `epoch` counts from 0."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """An epoch of `fit` ends, its validation included."""

    def on_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """Older name of `on_train_batch_end`."""

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """A training batch begins; `batch` counts from 0 in each epoch."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """A training batch ends; setting `self.model.stop_training` to True ends `fit` here."""
        self.on_batch_end(batch, logs=logs)

    def on_test_begin(self, logs: Any = None) -> None:
        """`evaluate`, or the validation of an epoch, begins."""

    def on_test_end(self, logs: Any = None) -> None:
        """`evaluate`, or the validation of an epoch, ends; `logs` are its results."""

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """A batch of `evaluate` or validation begins."""

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """A batch of `evaluate` or validation ends."""

    def on_predict_begin(self, logs: Any = None) -> None:
        """`predict` begins."""

    def on_predict_end(self, logs: Any = None) -> None:
        """`predict` ends."""

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        """A batch of `predict` begins."""

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """A batch of `predict` ends; `logs['outputs']` are its outputs."""

    def _join(self, callbacks: Any, batches: Any) -> None:
        """`fit` begins with these callbacks and these batches."""

    def _abandon(self) -> None:
        """The run ends by an error, without `on_train_end`: close what is open."""

    def _batch_hook(self, name: str) -> Callable | None:
        """What to call for a batch hook; None where nothing would happen."""
        return overridden(self, name)


def overridden(callback: Any, name: str) -> Callable | None:
    """The callback's own method for a batch hook, under its new or old name, or None."""
    for known_as in (name, _OLD_NAMES.get(name)):
        method = getattr(callback, known_as, None) if known_as else None
        if method is not None and _function(method) is not getattr(Callback, known_as):
            return method
    return None


def _function(method):
    return getattr(method, "__func__", method)
