"""The progress bar of Keras, and the callback that drives it."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import numpy as np
from torch import Tensor

from ..arrays import to_numpy
from ..console import print_msg
from ..training.logs import Logs
from .base import Callback


class Progbar:
    """A line that tells how far a loop is, how long it takes, and some values.

    `target` is the number of steps (None: unknown), `width` that of the bar in characters.
    `verbose` 1 rewrites the line at most every `interval` seconds, 2 prints it once at the end,
    0 nothing. Values are averaged over steps, but shown as they are where their name is in
    `stateful_metrics`. `unit_name` is what a step is called.

    >>> bar = Progbar(2, verbose=2)
    >>> bar.update(2, [("loss", 0.5)])  # doctest: +ELLIPSIS
    2/2 - 0s - loss: 0.5000 - ...
    """

    def __init__(
        self,
        target: int | None,
        width: int = 30,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Any = None,
        unit_name: str = "step",
    ):
        self.target, self.width, self.verbose = target, width, verbose
        self.interval, self.unit_name = interval, unit_name
        self.stateful_metrics = set(stateful_metrics or ())
        self._dynamic_display = _rewrites_lines()
        self._keeps_text = not _is_screen()
        self._shown_width = 0
        self._seen = 0
        self._totals: dict[str, tuple[Any, int]] = {}  # sum and count by name
        self._start = self._epoch_start = time.time()
        self._last_update = 0.0
        self._first_step_done: float | None = None

    def update(self, current: int, values: Any = None, finalize: bool | None = None) -> None:
        """Take `values`, pairs of name and value of step `current`, and show them if it is time.

        `finalize` ends the line; None means: if `current` has reached the target.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        self.take(current, values or ())
        now = time.time()
        if self.verbose == 1:
            if not finalize and not self.is_due(now):
                return
            self._rewrite(current, now, finalize)
        elif self.verbose == 2 and finalize:
            print_msg(self._whole_line(current, now), line_break=False)
        self._last_update = now

    def add(self, n: int, values: Any = None) -> None:
        """`update` to `n` steps further."""
        self.update(self._seen + n, values)

    def is_due(self, now: float) -> bool:
        """Whether the line may be rewritten at time `now`."""
        wait = self.interval
        if self._keeps_text:  # a file keeps every line that was: ever fewer, as time goes on
            wait = max(wait, (now - self._start) / 100)
        return now - self._last_update >= wait

    def take(self, current: int, values: Any) -> None:
        """Count `values` in without showing anything."""
        for name, value in values:
            if isinstance(value, Tensor):
                value = value.detach()
            if name in self.stateful_metrics:
                self._totals[name] = (value, 1)
            else:
                steps = max(current - self._seen, 1)
                total, count = self._totals.get(name, (0, 0))
                self._totals[name] = (total + value * steps, count + steps)
        self._seen = current

    # --- the text --------------------------------------------------------------------------

    def _rewrite(self, current, now, finalize):
        bar = self._bar(current)
        step_time = self._step_time(current, now)
        if self.target is None or finalize:
            info = f" - {now - self._start:.0f}s{_duration(step_time, self.unit_name)}"
        else:
            info = f" - ETA: {_countdown(step_time * (self.target - current))}"
        info += self._values_text(abs)
        previous, self._shown_width = self._shown_width, len(bar) + len(info)
        back = "\b" * previous + "\r" if self._dynamic_display else "\n"
        blank = " " * (previous - self._shown_width)
        print_msg(back + bar + info + blank + ("\n" if finalize else ""), line_break=False)

    def _bar(self, current):
        if self.target is None:
            return f"{current:7d}/Unknown"
        done = int(self.width * float(current) / self.target)
        bar = "." * (self.width - done)
        if done > 0:
            bar = "=" * (done - 1) + (">" if current < self.target else "=") + bar
        return f"{current:{len(str(self.target))}d}/{self.target} [{bar}]"

    def _whole_line(self, current, now):
        line = f"{current:{len(str(self.target))}d}/{self.target} - {now - self._start:.0f}s"
        line += self._values_text(lambda mean: mean)
        if current == self.target:
            elapsed, self._epoch_start = now - self._epoch_start, now
            line += f" -{_duration(elapsed, 'epoch')}"
            line += f" -{_duration(elapsed / self.target, self.unit_name)}\n"
        return line

    def _values_text(self, size):
        text = ""
        for name, (total, count) in self._totals.items():
            mean = np.mean(to_numpy(total / max(1, count)))
            text += f" - {name}: {mean:.4f}" if size(mean) > 1e-3 else f" - {name}: {mean:.4e}"
        return text

    def _step_time(self, current, now):
        """Seconds a step takes, the first left out of the mean once there are others."""
        if not current:
            return 0.0
        if self._first_step_done is not None and current > 1:
            seconds = (now - self._first_step_done) / (current - 1)
        else:
            seconds = (now - self._start) / current
        if current == 1:
            self._first_step_done = now
        return seconds


def _is_screen():
    """Whether lines that are rewritten are gone: a terminal or a notebook, not a file."""
    return (hasattr(sys.stdout, "isatty") and sys.stdout.isatty()) or "ipykernel" in sys.modules


def _rewrites_lines():
    return (
        (hasattr(sys.stdout, "isatty") and sys.stdout.isatty())
        or "ipykernel" in sys.modules
        or "posix" in sys.modules
        or "PYCHARM_HOSTED" in os.environ
    )


def _duration(seconds, unit):
    if seconds >= 1 or seconds == 0:
        return f" {seconds:.0f}s/{unit}"
    if seconds >= 1e-3:
        return f" {seconds * 1e3:.0f}ms/{unit}"
    return f" {seconds * 1e6:.0f}us/{unit}"


def _countdown(seconds):
    if seconds > 3600:
        return f"{seconds // 3600:.0f}:{int(seconds % 3600) // 60:02d}:{int(seconds % 60):02d}"
    if seconds > 60:
        return f"{seconds // 60:.0f}:{int(seconds % 60):02d}"
    return f"{int(seconds)}s"


class ProgbarLogger(Callback):
    """Prints the progress bar of `fit`, `evaluate` and `predict`, which add one themselves.

    `count_mode` 'steps' counts batches, 'samples' what batch logs call 'size'. Names in
    `stateful_metrics` and of the model's metrics are shown as they are, others averaged over
    batches. Values are read from the device only when the line is rewritten.
    """

    def __init__(self, count_mode: str = "samples", stateful_metrics: Any = None):
        super().__init__()
        if count_mode not in ("samples", "steps"):
            raise ValueError(
                f"Unknown `count_mode`: {count_mode}. Expected values are ['samples', 'steps']"
            )
        self.use_steps = count_mode == "steps"
        self.stateful_metrics = set(stateful_metrics or ())
        self.progbar: Progbar | None = None
        self.target: int | None = None
        self.verbose, self.epochs = 1, 1
        self.seen = 0
        self._steps = 0
        self._called_in_fit = False
        self._unread: list[tuple[int, dict]] = []  # values to average, since the last refresh
        self._shown_as_they_are: Any = None  # names last found to need no averaging

    def set_params(self, params: dict[str, Any]) -> None:
        super().set_params(params)
        self.verbose = params.get("verbose", 1)
        self.epochs = params.get("epochs", 1)
        self.target = params.get("steps" if self.use_steps else "samples")

    def _batch_hook(self, name):
        if self.verbose != 1 and self.target is not None:
            return None
        return super()._batch_hook(name)

    def on_train_begin(self, logs: Any = None) -> None:
        self._called_in_fit = True  # a validation inside is silent

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._new_bar()
        if self.verbose and self.epochs > 1:
            print_msg(f"Epoch {epoch + 1}/{self.epochs}")

    def on_test_begin(self, logs: Any = None) -> None:
        if not self._called_in_fit:
            self._new_bar()

    def on_predict_begin(self, logs: Any = None) -> None:
        self._new_bar()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._advance(batch, logs)

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        if not self._called_in_fit:
            self._advance(batch, logs)

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        self._advance(batch, None)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._finish(logs)

    def on_test_end(self, logs: Any = None) -> None:
        if not self._called_in_fit:
            self._finish(logs)

    def on_predict_end(self, logs: Any = None) -> None:
        self._finish(None)

    def _new_bar(self):
        self.seen = self._steps = 0
        self._unread = []
        self._shown_as_they_are = None
        unit = "step" if self.use_steps else "sample"
        self.progbar = Progbar(
            self.target,
            verbose=self.verbose,
            stateful_metrics=self._stateful(),
            unit_name=unit,
        )

    def _stateful(self):
        metrics = getattr(self.model, "metrics", None) or ()
        self.stateful_metrics = self.stateful_metrics.union(metric.name for metric in metrics)
        return self.stateful_metrics

    def _advance(self, batch, logs):
        """Take note of a batch; look at its values only if the line is to be rewritten."""
        self._steps = batch + 1
        self.seen = self._steps if self.use_steps else self.seen + _samples(logs)
        if self.verbose != 1:
            return
        due = self.progbar.is_due(time.time())
        if logs is not None and not isinstance(logs, Logs):
            logs = Logs(logs)
        if logs is not None and not logs.running:
            self._keep_for_average(logs, due)
        if due:
            self._catch_up()
            self._show(logs or {}, finalize=False)

    def _keep_for_average(self, logs, due):
        """Hold the values of names that no metric averages until the line is rewritten."""
        if logs.keys() == self._shown_as_they_are:
            return
        self.progbar.stateful_metrics |= self._stateful()
        names = logs.keys() - self.progbar.stateful_metrics
        if not names:
            self._shown_as_they_are = set(logs.keys())
        elif not due:
            values = logs.on_device()
            self._unread.append((self.seen, {name: values[name] for name in names}))

    def _catch_up(self):
        """Count in what was held, by one read."""
        held, self._unread = self._unread, []
        numbers = dict(Logs({(at, n): v for at, values in held for n, v in values.items()}))
        for step, values in held:
            self.progbar.take(step, [(name, numbers[step, name]) for name in values])

    def _show(self, logs, finalize):
        values = dict(logs)
        values = {k: v for k, v in values.items() if self.use_steps or k not in _NO_VALUES}
        if getattr(logs, "running", False):
            self.progbar.stateful_metrics.update(values)
        self.progbar.update(self.target if finalize else self.seen, values.items(), finalize)

    def _finish(self, logs):
        self.progbar.stateful_metrics |= self._stateful()
        self._catch_up()
        self.progbar.take(self.seen, ())
        if self.target is None:
            size = 1 if self.use_steps else dict(logs or {}).get("size", 1)
            self.target = self._steps * size or self.seen
            self.progbar.target = self.target
        self._show(logs or {}, finalize=True)


_NO_VALUES = ("size", "num_steps", "batch")


def _samples(logs):
    """How many samples a batch's logs tell of."""
    if logs is None or "size" not in logs:
        return 0
    return logs["size"] * logs.get("num_steps", 1)
