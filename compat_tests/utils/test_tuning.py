"""StepsPerExecutionTuner against tf.keras: what it makes of the speeds that it sees."""

import time

import numpy as np
import pytest

from compat_tests import oracle
from torchkeras import backend, optimizers
from torchkeras.utils import StepsPerExecutionTuner

SPEEDS = [
    [5.0, 6.0, 9.0, 9.2, 20.0, 3.0, 3.0, 10.0],
    [5.0, 1.0, 0.5, 0.4, 0.39, 2.0, 0.0, 4.0],
    [1.0, 0.8, 0.6, 0.4, 0.3, 0.2, 0.1, 0.01],
]


class Clock:
    """Iterations and seconds that go on as a test says."""

    def __init__(self):
        self.iterations, self.now = np.int64(100), 50.0

    def time(self):
        return self.now

    def go_on(self, speed):
        self.now += 4.0
        self.iterations = np.int64(self.iterations + round(400 * speed))

    def numpy(self):
        return self.iterations


@pytest.mark.parametrize("speeds", SPEEDS, ids=["grows", "stops", "falls"])
@pytest.mark.parametrize("looks", [1, 2])
def test_steps(speeds, looks):
    def theirs(keras):
        import tensorflow as tf
        from tf_keras.src.utils import steps_per_execution_tuning as module

        clock, steps = Clock(), tf.Variable(4, dtype="int64")
        optimizer = type("Optimizer", (), {"iterations": clock})()
        tuner = keras.utils.StepsPerExecutionTuner(optimizer, steps, 1, looks, 0.2)
        real, module.time = module.time, clock
        try:
            tuner._begin_tuning()
            found = []
            for speed in speeds:
                clock.go_on(speed)
                tuner._measure_and_tune()
                found.append(int(steps.numpy()))
        finally:
            module.time = real
        return found

    clock, steps = Clock(), backend.variable(4, dtype="int64")
    optimizer = type("Optimizer", (), {"iterations": 100})()
    tuner = StepsPerExecutionTuner(optimizer, steps, 1, looks, 0.2)
    tuner._begin()
    tuner._seen = 100, clock.now
    found = []
    for speed in speeds:
        clock.go_on(speed)
        tuner._look(int(clock.iterations), clock.now)
        found.append(int(steps.numpy()))
    assert found == oracle.ask(theirs)
    assert len(set(found)) > 2


def test_thread():
    optimizer, steps = optimizers.SGD(), backend.variable(3, dtype="int64")
    tuner = StepsPerExecutionTuner(optimizer, steps, interval=0.01, change_spe_interval=1)
    thread = tuner.start()
    assert tuner.start() is thread and thread.daemon
    end = time.monotonic() + 20
    while int(steps.numpy()) == 3 and time.monotonic() < end:
        optimizer.iterations = int(optimizer.iterations) + 10
        time.sleep(0.005)
    tuner.stop()
    thread.join(10)
    assert not thread.is_alive() and int(steps.numpy()) != 3
    tuner.steps_per_execution = 7
    assert tuner.steps_per_execution is steps and int(steps.numpy()) == 7
