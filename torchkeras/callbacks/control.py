"""Callbacks that act on training: stop it, change its learning rate, run functions."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor

from ..config import floatx
from ..console import logger, print_msg
from .base import HOOKS, Callback


class TerminateOnNaN(Callback):
    """Ends training at the first batch whose loss is not finite.

    It looks at the loss of every batch, so the host waits for the device each time.
    """

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss):
            print_msg(f"Batch {batch}: Invalid loss, terminating training")
            self.model.stop_training = True


class EarlyStopping(Callback):
    """Ends training when `monitor` has not improved for `patience` epochs.

    An improvement is a change by more than `min_delta` in the direction of `mode` ('min', 'max',
    or 'auto': up for names that end in acc, accuracy or auc). `baseline` is a value to reach
    first. Epochs before `start_from_epoch` do not count. `restore_best_weights` puts back the
    weights of the best epoch, if training is stopped here. `verbose=1` tells.

    >>> stop = EarlyStopping("loss", patience=1)
    >>> stop.model = type("Model", (), {"stop_training": False})()
    >>> stop.on_train_begin()
    >>> for epoch, loss in enumerate([1.0, 0.5, 0.7]):
    ...     stop.on_epoch_end(epoch, {"loss": loss})
    >>> stop.model.stop_training, stop.best_epoch
    (True, 1)
    """

    _resumes = ("wait", "stopped_epoch", "best_epoch", "best", "best_weights")

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ):
        super().__init__()
        self.monitor, self.patience, self.verbose = monitor, patience, verbose
        self.baseline, self.start_from_epoch = baseline, start_from_epoch
        self.restore_best_weights = restore_best_weights
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best_weights: Any = None
        mode = known_mode("EarlyStopping", mode)
        rises = mode == "max" or (mode == "auto" and monitor.endswith(("acc", "accuracy", "auc")))
        self.monitor_op = np.greater if rises else np.less
        self.min_delta = abs(min_delta) if rises else -abs(min_delta)

    def on_train_begin(self, logs: Any = None) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = np.inf if self.monitor_op is np.less else -np.inf
        self.best_weights = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        current = self.get_monitor_value(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights = self.model.get_weights()  # in case nothing is ever better
        self.wait += 1
        if self._is_improvement(current, self.best):
            self.best, self.best_epoch = current, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self._is_improvement(current, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self._stop(epoch)

    def _stop(self, epoch):
        self.stopped_epoch = epoch
        self.model.stop_training = True
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                print_msg(
                    "Restoring model weights from the end of the best epoch: "
                    f"{self.best_epoch + 1}."
                )
            self.model.set_weights(self.best_weights)

    def on_train_end(self, logs: Any = None) -> None:
        if self.stopped_epoch > 0 and self.verbose > 0:
            print_msg(f"Epoch {self.stopped_epoch + 1}: early stopping")

    def get_monitor_value(self, logs: Any) -> Any:
        """The watched number, or None with a warning where the logs lack it."""
        logs = logs or {}
        if logs.get(self.monitor) is None:
            logger.warning(
                "Early stopping conditioned on metric `%s` which is not available. "
                "Available metrics are: %s",
                self.monitor,
                ",".join(logs),
            )
        return logs.get(self.monitor)

    def _is_improvement(self, value, reference):
        return self.monitor_op(value - self.min_delta, reference)


class LearningRateScheduler(Callback):
    """Sets the learning rate of each epoch to `schedule(epoch, rate)`, or to `schedule(epoch)`.

    The schedule returns a float; ValueError for anything else. Logs get the rate as 'lr'.
    `verbose=1` tells of each change.
    """

    def __init__(self, schedule: Callable, verbose: int = 0):
        super().__init__()
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if not hasattr(self.model.optimizer, "lr"):
            raise ValueError('Optimizer must have a "lr" attribute.')
        try:
            rate = self.schedule(epoch, float(self.model.optimizer.lr))
        except TypeError:  # a schedule of Keras 1 takes the epoch alone
            rate = self.schedule(epoch)
        if not isinstance(rate, (Tensor, float, np.floating)):
            raise ValueError(f'The output of the "schedule" function should be float. Got: {rate}')
        if isinstance(rate, Tensor) and not rate.is_floating_point():
            raise ValueError(f"The dtype of `lr` Tensor should be float. Got: {rate.dtype}")
        _set_rate(self, float(rate))
        if self.verbose > 0:
            print_msg(
                f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}."
            )

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs = logs or {}
        logs["lr"] = _rate(self.model.optimizer)


class ReduceLROnPlateau(Callback):
    """Multiplies the learning rate by `factor` when `monitor` has not improved for `patience`
    epochs.

    An improvement is one by more than `min_delta`, in the direction of `mode` ('min', 'max', or
    'auto': up for names with acc). After a reduction `cooldown` epochs do not count; the rate
    stays at `min_lr` or above. Logs get the rate as 'lr'. `verbose=1` tells of each change.
    ValueError for a factor of 1 or more. `epsilon` is an older name of `min_delta`.
    """

    _resumes = ("best", "wait", "cooldown_counter")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0,
        **kwargs: Any,
    ):
        super().__init__()
        if factor >= 1.0:
            raise ValueError(f"ReduceLROnPlateau does not support a factor >= 1.0. Got {factor}")
        if "epsilon" in kwargs:
            min_delta = kwargs.pop("epsilon")
            deprecated("`epsilon` argument is deprecated, use `min_delta` instead.")
        no_more_arguments(self, kwargs)
        self.monitor, self.factor, self.patience = monitor, factor, patience
        self.verbose, self.mode = verbose, mode
        self.min_delta, self.cooldown, self.min_lr = min_delta, cooldown, min_lr
        self._reset()

    def _reset(self):
        self.mode = known_mode("Learning rate reduction", self.mode)
        if self.mode == "max" or (self.mode == "auto" and "acc" in self.monitor):
            self.monitor_op = lambda a, b: np.greater(a, b + self.min_delta)
            self.best = -np.inf
        else:
            self.monitor_op = lambda a, b: np.less(a, b - self.min_delta)
            self.best = np.inf
        self.cooldown_counter = self.wait = 0

    def on_train_begin(self, logs: Any = None) -> None:
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs = logs or {}
        logs["lr"] = _rate(self.model.optimizer)
        current = logs.get(self.monitor)
        if current is None:
            logger.warning(
                "Learning rate reduction is conditioned on metric `%s` which is not available. "
                "Available metrics are: %s",
                self.monitor,
                ",".join(logs),
            )
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.monitor_op(current, self.best):
            self.best = current
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch):
        old = _rate(self.model.optimizer)
        if old <= np.float32(self.min_lr):
            return
        new = max(float(old) * self.factor, self.min_lr)
        _set_rate(self, new)
        if self.verbose > 0:
            print_msg(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {new}.")
        self.cooldown_counter = self.cooldown
        self.wait = 0

    def in_cooldown(self) -> bool:
        """Whether epochs do not count now."""
        return self.cooldown_counter > 0


class LambdaCallback(Callback):
    """Runs functions as hooks: `LambdaCallback(on_epoch_end=lambda epoch, logs: ...)`.

    Every hook of `Callback` may be given by its name; other names become attributes, but those
    that begin with 'on_' are refused with TypeError.

    >>> LambdaCallback(on_train_end=lambda logs: print("done")).on_train_end({})
    done
    """

    def __init__(
        self,
        on_epoch_begin: Callable | None = None,
        on_epoch_end: Callable | None = None,
        on_batch_begin: Callable | None = None,
        on_batch_end: Callable | None = None,
        on_train_begin: Callable | None = None,
        on_train_end: Callable | None = None,
        **kwargs: Any,
    ):
        super().__init__()
        no_more_arguments(self, {k for k in kwargs if k.startswith("on_") and k not in HOOKS})
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_batch_begin": on_batch_begin,
            "on_batch_end": on_batch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
        }
        self.__dict__.update({k: v for k, v in {**given, **kwargs}.items() if v is not None})


# --- shared ----------------------------------------------------------------------------------


def known_mode(what: str, mode: str) -> str:
    """`mode`, or 'auto' with a warning where there is no such mode."""
    if mode in ("auto", "min", "max"):
        return mode
    logger.warning("%s mode %s is unknown, fallback to auto mode.", what, mode)
    return "auto"


def deprecated(message: str) -> None:
    """Warn the caller of a callback's constructor."""
    warnings.warn(message, DeprecationWarning, stacklevel=3)


def no_more_arguments(callback: Callback, names: Any) -> None:
    """TypeError where arguments are left over."""
    if names:
        raise TypeError(
            f"{type(callback).__name__} got an unexpected keyword argument "
            f"{', '.join(map(repr, sorted(names)))}."
        )


def _rate(optimizer):
    """The learning rate as a numpy number, which is what Keras puts in the logs."""
    kind = np.float64 if floatx() == "float64" else np.float32
    return kind(float(optimizer.lr))


def _set_rate(callback, rate):
    optimizer = callback.model.optimizer
    if getattr(optimizer, "_schedule", None) is not None:
        logger.warning(
            "%s has no effect: the learning rate of the optimizer follows %s.",
            type(callback).__name__,
            type(optimizer._schedule).__name__,
        )
        return
    optimizer.lr = rate
