"""`SidecarEvaluator`: a process beside the training one, which evaluates its checkpoints."""

from __future__ import annotations

import logging
import os
import re
import time
from typing import Any

from ..callbacks.checkpoint import newest_file
from ..saving.tensorflow import checkpoint

__all__ = ["SidecarEvaluator"]

_log = logging.getLogger("torchkeras")
_PAUSE = 1.0  # seconds between two looks at the folder
_REMIND = 600.0  # seconds without a checkpoint after which a message says so


class SidecarEvaluator:
    """Evaluates each new checkpoint of a folder, while another process trains and writes them.

    `model` is built and compiled with metrics; `data`, `steps` and `callbacks` are those of
    `evaluate`. Checkpoints are those of `ModelCheckpoint(folder + "/ckpt-{epoch}",
    save_weights_only=True)`; files ending in `.weights.h5` are read too. The end comes with the
    checkpoint whose name ends in the number `max_evaluations` or a higher one, None is never.

    >>> import tempfile, torchkeras as keras
    >>> model = keras.Sequential([keras.layers.Dense(1, input_shape=(2,))])
    >>> model.compile("sgd", "mse")
    >>> folder = tempfile.mkdtemp()
    >>> model.save_weights(folder + "/ckpt-1")
    >>> data = keras.data.Dataset.from_tensor_slices(([[1.0, 2.0]], [[3.0]])).batch(1)
    >>> SidecarEvaluator(model, data, folder, max_evaluations=1).start()  # doctest: +ELLIPSIS
    1/1 - ...
    """

    def __init__(
        self,
        model: Any,
        data: Any,
        checkpoint_dir: Any,
        steps: int | None = None,
        max_evaluations: int | None = None,
        callbacks: list[Any] | None = None,
    ):
        self.model = model
        self.data = data
        self.checkpoint_dir = os.fspath(checkpoint_dir)
        self.steps = steps
        self.max_evaluations = max_evaluations
        self.callbacks = callbacks or []

    def start(self) -> None:
        """Wait for checkpoints and evaluate them, the newest at a time, until the last one."""
        seen = None
        while True:
            seen = self._next(seen)
            try:
                self.model.load_weights(seen)
            except OSError as error:  # the other process is writing it, or has removed it
                _log.info("The checkpoint %s cannot be read, trying again: %s", seen, error)
                seen = None
                time.sleep(_PAUSE)
                continue
            self.model.evaluate(self.data, steps=self.steps, callbacks=self.callbacks, verbose=2)
            if self.max_evaluations and _number(seen) >= self.max_evaluations:
                return

    def _next(self, seen):
        """A checkpoint other than `seen`, once there is one."""
        begun = time.monotonic()
        while (found := self._newest()) in (None, seen):
            if time.monotonic() - begun > _REMIND:
                _log.warning(
                    "No new checkpoint in %s for %.0f seconds. The training writes them with "
                    "ModelCheckpoint('%s/ckpt-{epoch}', save_weights_only=True).",
                    self.checkpoint_dir,
                    _REMIND,
                    self.checkpoint_dir,
                )
                begun = time.monotonic()
            time.sleep(_PAUSE)
        return found

    def _newest(self):
        found = checkpoint.latest(self.checkpoint_dir)
        return found or newest_file(os.path.join(self.checkpoint_dir, "{name}.weights.h5"))


def _number(path):
    """The number at the end of a checkpoint's name; ValueError where there is none."""
    name = os.path.basename(path).removesuffix(".weights.h5")
    number = re.search(r"-(\d+)$", name)
    if number is None:
        raise ValueError(
            f"The name of the checkpoint {path} does not end in a number such as '-3', which "
            "`max_evaluations` counts; write checkpoints to 'ckpt-{epoch}'."
        )
    return int(number[1])
