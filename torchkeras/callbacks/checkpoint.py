"""`ModelCheckpoint`: files of the model or its weights, written while it trains."""

from __future__ import annotations

import os
import re
from typing import Any

import numpy as np

from ..console import logger, print_msg
from .base import Callback
from .control import deprecated, known_mode, no_more_arguments


class ModelCheckpoint(Callback):
    """Saves the model, or with `save_weights_only` its weights, as training goes on.

    `filepath` may hold `{epoch:02d}` (from 1), `{batch:02d}` and any name of the logs; missing
    folders are made. `save_freq` is 'epoch' or a number of batches. With `save_best_only` a file
    is written when `monitor` is better than ever, and better than `initial_value_threshold`, in
    the direction of `mode` ('min', 'max', or 'auto': up for names with acc or fmeasure).
    `verbose=1` tells. `options` belong to TensorFlow's formats and must be None. Keras 2.3 knew
    `period`, the number of epochs between files, and `load_weights_on_restart`.

    >>> import tempfile
    >>> from torchkeras.callbacks import ModelCheckpoint
    >>> class Model:
    ...     def save(self, filepath, overwrite): print(os.path.basename(filepath))
    >>> save = ModelCheckpoint(tempfile.mkdtemp() + "/{epoch:02d}-{val_loss:.2f}.h5")
    >>> save.set_model(Model())
    >>> save.on_epoch_end(0, {"val_loss": 0.25})
    01-0.25.h5
    """

    _resumes = ("best", "epochs_since_last_save", "_batches_since_last_save", "_last_batch_seen")

    def __init__(
        self,
        filepath: Any,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: Any = "epoch",
        options: Any = None,
        initial_value_threshold: float | None = None,
        **kwargs: Any,
    ):
        super().__init__()
        self.filepath, self.monitor, self.verbose = os.fspath(filepath), monitor, verbose
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        self.save_freq = save_freq
        self.epochs_since_last_save = 0
        self._batches_since_last_save = 0
        self._last_batch_seen = -1
        self._current_epoch = 0
        if options is not None:
            raise TypeError(
                f"ModelCheckpoint received options={options!r}; they belong to TensorFlow's "
                "checkpoint formats. Leave options out: files here are HDF5 or .keras."
            )
        if save_freq != "epoch" and not isinstance(save_freq, int):
            raise ValueError(
                f'Unrecognized save_freq: {save_freq}. Expected save_freq are "epoch" or integer'
            )
        self.load_weights_on_restart = kwargs.pop("load_weights_on_restart", None)
        if self.load_weights_on_restart is not None:
            deprecated(
                "`load_weights_on_restart` argument is deprecated. Please use "
                "`model.load_weights()` for loading weights before the start of `model.fit()`."
            )
        self.period = kwargs.pop("period", None)
        if self.period is not None:
            deprecated(
                "`period` argument is deprecated. Please use `save_freq` to specify the "
                "frequency in number of batches seen."
            )
        self.period = 1 if self.period is None else self.period
        no_more_arguments(self, kwargs)
        mode = known_mode("ModelCheckpoint", mode)
        named = "acc" in monitor or monitor.startswith("fmeasure")
        rises = mode == "max" or (mode == "auto" and named)
        self.monitor_op = np.greater if rises else np.less
        self.best = initial_value_threshold
        if self.best is None:
            self.best = -np.inf if rises else np.inf

    def _batch_hook(self, name):
        return None if self.save_freq == "epoch" else super()._batch_hook(name)

    def on_train_begin(self, logs: Any = None) -> None:
        if self.load_weights_on_restart:
            path = self._newest_file()
            if path is not None:
                try:
                    self.model.load_weights(path)
                except (OSError, ValueError) as error:
                    raise ValueError(f"Error loading file from {path}. Reason: {error}") from error

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._current_epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self._is_due(batch):
            self._save_model(self._current_epoch, batch, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.epochs_since_last_save += 1
        if self.save_freq == "epoch" and self.epochs_since_last_save >= self.period:
            self._save_model(epoch, None, logs)

    def _is_due(self, batch):
        new_epoch = batch <= self._last_batch_seen
        self._batches_since_last_save += batch + 1 if new_epoch else batch - self._last_batch_seen
        self._last_batch_seen = batch
        if self.save_freq == "epoch" or self._batches_since_last_save < self.save_freq:
            return False
        self._batches_since_last_save = 0
        return True

    def _save_model(self, epoch, batch, logs):
        logs = dict(logs or {})
        self.epochs_since_last_save = 0
        path = self._get_file_path(epoch, batch, logs)
        if os.path.dirname(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
        if self.save_best_only and not self._is_best(epoch, logs, path):
            return
        if not self.save_best_only and self.verbose > 0:
            print_msg(f"\nEpoch {epoch + 1}: saving model to {path}")
        save = self.model.save_weights if self.save_weights_only else self.model.save
        try:
            save(path, overwrite=True)
        except OSError as error:
            if os.path.isdir(path):
                raise OSError(
                    "Please specify a non-directory filepath for ModelCheckpoint. Filepath used "
                    f"is an existing directory: {path}"
                ) from error
            raise

    def _is_best(self, epoch, logs, path):
        """Whether to save; the message and the new record are its doing."""
        current = logs.get(self.monitor)
        if current is None:
            logger.warning("Can save best model only with %s available, skipping.", self.monitor)
            return False
        better = self.monitor_op(current, self.best)
        if self.verbose > 0:
            told = f"\nEpoch {epoch + 1}: {self.monitor} "
            if better:
                told += f"improved from {self.best:.5f} to {current:.5f}, saving model to {path}"
            else:
                told += f"did not improve from {self.best:.5f}"
            print_msg(told)
        if better:
            self.best = current
        return better

    def _get_file_path(self, epoch, batch, logs):
        fields = {"epoch": epoch + 1, **logs}
        if batch is not None:
            fields.setdefault("batch", batch + 1)
        try:
            return self.filepath.format(**fields)
        except KeyError as error:
            raise KeyError(
                f'Failed to format this callback filepath: "{self.filepath}". Reason: {error}; '
                f"the logs hold {', '.join(map(repr, logs))}."
            ) from error

    def _newest_file(self):
        return newest_file(self.filepath)


class SidecarEvaluatorModelExport(ModelCheckpoint):
    """Saves the best model that an evaluation has seen, at the end of each evaluation.

    `export_filepath` is the file to write, `checkpoint_filepath` the pattern of the checkpoints
    that are evaluated, whose names hold `ckpt-` and a number: the newest one's gives the epoch.
    """

    def __init__(self, export_filepath: Any, checkpoint_filepath: Any, **kwargs: Any):
        super().__init__(filepath=export_filepath, save_best_only=True, **kwargs)
        self._checkpoint_filepath = os.fspath(checkpoint_filepath)
        self.export_index = 0

    def on_test_begin(self, logs: Any = None) -> None:
        newest = newest_file(self._checkpoint_filepath)
        number = re.match(r".*ckpt-(\d+)", newest) if newest else None
        self.export_index = int(number[1]) - 1 if number else 0

    def on_test_end(self, logs: Any = None) -> None:
        self.epochs_since_last_save += 1
        self._save_model(self.export_index, None, logs)


def newest_file(pattern: str) -> str | None:
    """The file written last among those that `pattern` with fields in braces may have named."""
    folder, name = os.path.split(pattern)
    parts = re.split(r"\{.*\}", name)
    fits = re.compile("^" + ".*".join(map(re.escape, parts)) + "$")
    if not os.path.isdir(folder or "."):
        return None
    found = [os.path.join(folder, n) for n in os.listdir(folder or ".") if fits.match(n)]
    return max(found, key=lambda path: (os.path.getmtime(path), path), default=None)
