"""`StepsPerExecutionTuner`: finds how many steps one execution should hold, while they run."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any


class StepsPerExecutionTuner:
    """Changes a variable of steps per execution, as long as that changes the steps in a second.

    A thread looks at `optimizer.iterations` every `interval` seconds and after
    `change_spe_interval` looks gives `spe_variable`, which has `assign` and `numpy`, half as many
    steps more or half as many less: once more what it did before if the speed grew by the share
    `change_threshold`, the opposite if it fell by that, nothing otherwise. Here an execution of
    several steps is no faster than the steps, so the tuner is for scripts that have one.

    >>> import torchkeras as keras
    >>> steps = keras.backend.variable(1, dtype="int64")
    >>> tuner = StepsPerExecutionTuner(keras.optimizers.SGD(), steps, interval=0.1)
    >>> thread = tuner.start()
    >>> tuner.stop()
    >>> int(steps.numpy())
    1
    """

    def __init__(
        self,
        optimizer: Any,
        spe_variable: Any,
        interval: float = 5,
        change_spe_interval: int = 10,
        change_threshold: float = 0.1,
    ):
        self.optimizer = optimizer
        self.interval = interval
        self.change_spe_interval = change_spe_interval
        self.spe_change_threshold = change_threshold
        self.thread: threading.Thread | None = None
        self._variable, self._first = spe_variable, int(spe_variable.numpy())
        self._stopped = threading.Event()

    @property
    def steps_per_execution(self) -> Any:
        """The variable; assigning a number gives it that."""
        return self._variable

    @steps_per_execution.setter
    def steps_per_execution(self, value: int) -> None:
        self._variable.assign(value)
        self._first = value

    def start(self) -> threading.Thread:
        """Start the thread and return it; again where it runs already."""
        if self.thread is None or not self.thread.is_alive():
            self._stopped.clear()
            self._begin()
            self.thread = threading.Thread(target=self._run, daemon=True)
            self.thread.start()
        return self.thread

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()

    def _begin(self):
        self._first = int(self._variable.numpy())
        self._seen = int(self.optimizer.iterations), time.time()
        self._speeds: deque[float] = deque(maxlen=self.change_spe_interval)
        self._before, self._more, self._looks = 0.0, True, 0

    def _run(self):
        while not self._stopped.wait(self.interval):
            self._look(int(self.optimizer.iterations), time.time())

    def _look(self, iterations, now):
        """Note the speed since the last look, and change the steps if it is time to."""
        self._looks += 1
        self._speeds.append((iterations - self._seen[0]) / max(now - self._seen[1], 1e-9))
        if not iterations:
            return
        self._seen = iterations, now
        # Where nothing happened since the last look, an epoch may have ended.
        if self._looks % self.change_spe_interval == 0 and self._speeds[-1]:
            speed = sum(self._speeds) / len(self._speeds)
            steps = int(self._variable.numpy())
            steps, self._more = tuned(
                steps, speed, self._before, self._more, self.spe_change_threshold
            )
            self._variable.assign(steps or self._first)
            self._before = speed


def tuned(
    steps: int, speed: float, before: float, more: bool, threshold: float
) -> tuple[int, bool]:
    """The next number of steps, and whether the last change was to more of them.

    >>> tuned(10, speed=5.0, before=4.0, more=True, threshold=0.1)
    (15, True)
    """
    if speed > (1 + threshold) * before:
        return round(steps * (1.5 if more else 0.5)), more
    if speed < (1 - threshold) * before:
        return round(steps * (0.5 if more else 1.5)), not more
    return steps, more
