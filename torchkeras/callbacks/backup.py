"""`BackupAndRestore`: a run that was interrupted goes on as if nothing had happened."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

from ..console import logger
from ..saving.state import read_state, write_state
from ..training import state as states
from ..training.resume import Resume, take_callbacks, take_source
from .base import Callback
from .control import no_more_arguments


class BackupAndRestore(Callback):
    """Keeps the state of `fit` in `backup_dir`, and goes on from there when `fit` runs again.

    Weights, optimizer slots, metrics, history, the states of the callbacks of this package, all
    random numbers and the position in the data are kept: on a CPU the end result is bit for bit
    that of a run without interruption. `save_freq` is 'epoch', a number of batches, or False.
    `save_before_preemption` (or `save_before_exit`) writes a backup when the process gets SIGTERM
    and then exits with code 143. The file is removed when `fit` has come to its end, unless
    `delete_checkpoint=False`. `double_checkpoint` keeps the backup before the last as well, for
    the case that the last one is damaged.

    >>> import tempfile
    >>> BackupAndRestore(tempfile.mkdtemp(), save_freq=100).save_freq
    100
    """

    _runs_last = True  # so that a backup holds what other callbacks did at this moment

    def __init__(
        self,
        backup_dir: Any,
        save_freq: Any = "epoch",
        delete_checkpoint: bool = True,
        save_before_preemption: bool = False,
        double_checkpoint: bool = False,
        **kwargs: Any,
    ):
        super().__init__()
        save_before_preemption = kwargs.pop("save_before_exit", save_before_preemption)
        no_more_arguments(self, kwargs)
        self.backup_dir, self.save_freq = os.fspath(backup_dir), save_freq
        self.delete_checkpoint, self.double_checkpoint = delete_checkpoint, double_checkpoint
        self.save_before_preemption = save_before_preemption
        if not self.backup_dir:
            raise ValueError("backup_dir must be the name of a folder; received ''.")
        if not save_freq and not save_before_preemption:
            raise ValueError("Either `save_freq` or `save_before_preemption` must be set.")
        number = isinstance(save_freq, int) and not isinstance(save_freq, bool) and save_freq > 0
        if save_freq and save_freq != "epoch" and not number:
            raise ValueError(
                f"save_freq must be 'epoch', a positive number of batches, or False; received "
                f"{save_freq!r}."
            )
        self._file = os.path.join(self.backup_dir, "training_state")
        self._asked_to_end = False
        self._run: Any = None  # the callbacks and the data of the run
        self._signal: Any = None  # what handled SIGTERM before

    def _batch_hook(self, name):
        epochs_only = self.save_freq == "epoch" and not self.save_before_preemption
        return None if epochs_only else super()._batch_hook(name)

    # --- hooks -----------------------------------------------------------------------------

    def on_train_begin(self, logs: Any = None) -> None:
        self._batches, self._epoch, self._resuming = 0, 0, False
        self._random_of_run = self._random_of_epoch = states.take_random()
        state, path = self._read()
        if state is not None:
            self.model._resume = Resume(self.model, state, path)
            self._random_of_run = state["random_of_run"]
            self._random_of_epoch = state["random_of_epoch"]
            self._resuming = state["batch"] > 0
            self._batches = state["batches"]
        if self.save_before_preemption:
            self._listen()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch
        if not self._resuming:
            self._random_of_epoch = states.take_random()
        self._resuming = False

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._batches += 1
        if self.save_freq not in ("epoch", False) and self._batches % self.save_freq == 0:
            self._write(self._epoch, batch + 1, logs)
        elif self._asked_to_end:
            self._write(self._epoch, batch + 1, logs)
        if self._asked_to_end:
            self._exit()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.save_freq == "epoch" or self._asked_to_end:
            self._write(epoch + 1, 0)
        if self._asked_to_end:
            self._exit()

    def on_train_end(self, logs: Any = None) -> None:
        self._abandon()
        if self.delete_checkpoint:
            for path in (self._file, self._file + ".before"):
                if os.path.exists(path):
                    os.remove(path)

    def _join(self, callbacks, batches):
        self._run = callbacks, batches

    def _abandon(self):
        self._run = None
        if self._signal is not None:
            signal.signal(signal.SIGTERM, self._signal)
            self._signal = None

    # --- the file --------------------------------------------------------------------------

    def _write(self, epoch, batch, logs=None):
        model, (callbacks, batches) = self.model, self._run
        if self.double_checkpoint and os.path.exists(self._file):
            os.replace(self._file, self._file + ".before")
        state = {
            "epoch": epoch,
            "batch": batch,
            "batches": self._batches,
            "logs": dict(logs or {}),
            "model": states.take_model(model),
            "random": states.take_random(),
            "random_of_epoch": self._random_of_epoch if batch else None,
            "random_of_run": self._random_of_run,
            "source": take_source(batches),
            "callbacks": take_callbacks(callbacks),
        }
        write_state(self._file, state)

    def _read(self):
        """The newest backup that can be read, and its file; None where there is none."""
        for path in (self._file, self._file + ".before"):
            if not os.path.exists(path):
                continue
            try:
                return _checked(read_state(path), path), path
            except ValueError as error:
                if not os.path.exists(self._file + ".before") or path != self._file:
                    raise ValueError(f"{error} Remove it to train from the beginning.") from error
                logger.warning("%s The backup before it is used.", error)
        return None, None

    # --- SIGTERM ---------------------------------------------------------------------------

    def _listen(self):
        """Note SIGTERM from now on, so that the batch at work can end; main thread only."""
        self._asked_to_end = False
        if threading.current_thread() is threading.main_thread():
            self._signal = signal.signal(signal.SIGTERM, self._note)

    def _note(self, number, frame):
        self._asked_to_end = True

    def _exit(self):
        self._abandon()
        raise SystemExit(128 + signal.SIGTERM)


def _checked(state, path):
    """A state that is one of a run; ValueError for other files of its kind."""
    known = {"epoch", "batch", "batches", "model", "random", "random_of_epoch", "random_of_run"}
    if not isinstance(state, dict) or not known | {"source", "callbacks"} <= state.keys():
        raise ValueError(f"{path} is not the state of a run.")
    numbers = [state[name] for name in ("epoch", "batch", "batches")]
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError(f"{path} is damaged: it says that {numbers} epochs and batches are done.")
    return state
