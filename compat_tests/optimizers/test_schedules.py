"""Learning rate schedules against tf.keras, on the host and on tensors."""

import numpy as np
import pytest
import torch

from compat_tests import oracle
from compat_tests.checks.optimizer import check_optimizer
from torchkeras import optimizers
from torchkeras.optimizers import schedules

CASES = [
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 3, "decay_rate": 0.96}),
    ("ExponentialDecay", {
        "initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5, "staircase": True}),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 3, "decay_rate": 0.5}),
    ("InverseTimeDecay", {
        "initial_learning_rate": 0.1, "decay_steps": 3, "decay_rate": 0.5, "staircase": True}),
    ("PiecewiseConstantDecay", {"boundaries": [5, 20], "values": [0.1, 0.01, 0.003]}),
    ("PiecewiseConstantDecay", {"boundaries": [0], "values": [1.0, 0.1]}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 20}),
    ("PolynomialDecay", {
        "initial_learning_rate": 0.1, "decay_steps": 20, "power": 0.5, "cycle": True}),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 33, "alpha": 0.1}),
    ("CosineDecay", {
        "initial_learning_rate": 0.01, "decay_steps": 20, "warmup_target": 0.1,
        "warmup_steps": 10}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 6}),
    ("CosineDecayRestarts", {
        "initial_learning_rate": 0.1, "first_decay_steps": 6, "t_mul": 1.0, "m_mul": 0.5,
        "alpha": 0.1}),
    ("CosineDecayRestarts", {
        "initial_learning_rate": 0.1, "first_decay_steps": 5, "t_mul": 1.5, "m_mul": 0.9}),
]  # fmt: skip
STEPS = [0, 1, 2, 3, 5, 6, 7, 8, 11, 19, 20, 21, 30, 40, 100, 1000]


@pytest.mark.parametrize("name, settings", CASES)
def test_schedule(name, settings):
    def theirs(keras):
        import tensorflow as tf

        schedule = getattr(keras.optimizers.schedules, name)(**settings)
        return {
            "rates": [float(schedule(tf.constant(step, tf.int64))) for step in STEPS],
            "config": schedule.get_config(),
            "serialized": keras.optimizers.schedules.serialize(schedule),
            "old": keras.optimizers.schedules.serialize(schedule, use_legacy_format=True),
        }

    expected = oracle.ask(theirs)
    schedule = getattr(schedules, name)(**settings)
    peak = max(expected["rates"])
    near = {"rtol": 1e-6, "atol": 1e-6 * peak}
    rates = [schedule(step) for step in STEPS]
    assert all(type(rate) is float for rate in rates)
    np.testing.assert_allclose(rates, expected["rates"], **near)
    tensors = [schedule(torch.tensor(step)) for step in STEPS]
    assert all(isinstance(rate, torch.Tensor) and rate.dim() == 0 for rate in tensors)
    np.testing.assert_allclose([float(rate) for rate in tensors], expected["rates"], **near)
    assert schedule.get_config() == expected["config"]
    assert schedules.serialize(schedule) == expected["serialized"]
    assert schedules.serialize(schedule, use_legacy_format=True) == expected["old"]
    for config in (expected["serialized"], expected["old"]):
        assert schedules.deserialize(config).get_config() == expected["config"]


@pytest.mark.parametrize("name", ["SGD", "Adam", "legacy.SGD", "legacy.Adam"])
@pytest.mark.parametrize("case", [0, 4, 9])
def test_optimizer_follows(name, case):
    check_optimizer(name, {"learning_rate": CASES[case]}, slots=name != "SGD")


class Noam(schedules.LearningRateSchedule):
    def __init__(self, width=64):
        self.width = width

    def __call__(self, step):
        step = step.float() + 1
        return self.width**-0.5 * torch.minimum(torch.rsqrt(step), step * 0.1)

    def get_config(self):
        return {"width": self.width}


class OnDevice(Noam):
    """A rate that may not be read: the device forbids it."""

    def __call__(self, step):
        return super().__call__(step).to("meta")


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Nadam", "Adafactor", "Ftrl", "Lion"])
def test_schedule_of_the_user(name):
    w = torch.nn.Parameter(torch.ones(3))
    opt = getattr(optimizers, name)(Noam())
    again = getattr(optimizers, name)(0.0)
    v = torch.nn.Parameter(torch.ones(3))
    for step in range(3):
        opt.minimize(lambda: (w**3).sum(), [w])
        again.learning_rate = 64**-0.5 * min((step + 1) ** -0.5, (step + 1) * 0.1)
        again.minimize(lambda: (v**3).sum(), [v])
    torch.testing.assert_close(w, v)
    assert opt.get_config()["learning_rate"]["config"] == {"width": 64}
    with pytest.raises(ValueError, match="Noam"):
        optimizers.deserialize(optimizers.serialize(opt))
    same = optimizers.deserialize(optimizers.serialize(opt), custom_objects={"Noam": Noam})
    assert isinstance(same._schedule, Noam)


@pytest.mark.parametrize(
    "name, settings",
    [(n, {}) for n in ("SGD", "Adam", "RMSprop", "Adagrad", "Adadelta", "Adamax", "Nadam", "Ftrl",
                       "Lion", "Adafactor", "legacy.Adam", "legacy.RMSprop")]
    + [("SGD", {"momentum": 0.9}), ("SGD", {"momentum": 0.9, "nesterov": True}),
       ("RMSprop", {"momentum": 0.9}), ("Adam", {"weight_decay": 0.1})],
)  # fmt: skip
def test_rate_as_a_tensor(name, settings):
    cls = optimizers
    for part in name.split("."):
        cls = getattr(cls, part)
    first, second = (torch.nn.Parameter(torch.tensor([1.0, 2.0])) for _ in range(2))
    a = cls(learning_rate=0.25, **settings)
    b = cls(learning_rate=0.0, **settings)
    b._write_rate(torch.tensor(0.25))
    for _ in range(3):
        a.minimize(lambda: (first**3).sum(), [first])
        b.minimize(lambda: (second**3).sum(), [second])
    torch.testing.assert_close(first, second)


def test_rate_is_left_on_its_device():
    opt = optimizers.SGD(OnDevice())
    assert opt.learning_rate.device.type == "meta"


def test_wrong_lengths():
    with pytest.raises(ValueError, match="one value more than boundaries"):
        schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2])
