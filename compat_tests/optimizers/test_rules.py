"""Every optimizer against tf.keras, update by update."""

import numpy as np
import pytest
import torch

from compat_tests.checks.optimizer import check_optimizer
from torchkeras import optimizers

RULES = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("RMSprop", {}),
    ("RMSprop", {"centered": True}),
    ("RMSprop", {"momentum": 0.8}),
    ("RMSprop", {"momentum": 0.8, "centered": True, "rho": 0.7}),
    ("Adagrad", {}),
    ("Adagrad", {"initial_accumulator_value": 0.0, "epsilon": 1e-3}),
    ("Adadelta", {}),
    ("Adadelta", {"learning_rate": 1.0, "rho": 0.8}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True}),
    ("Adam", {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3}),
    ("AdamW", {}),
    ("AdamW", {"weight_decay": 0.5, "learning_rate": 0.1}),
    ("Adamax", {}),
    ("Nadam", {}),
    ("Ftrl", {}),
    (
        "Ftrl",
        {
            "l1_regularization_strength": 0.01,
            "l2_regularization_strength": 0.1,
            "beta": 0.1,
            "l2_shrinkage_regularization_strength": 0.01,
            "learning_rate": 0.1,
        },
    ),
    ("Ftrl", {"learning_rate_power": -0.3, "initial_accumulator_value": 0.5}),
    ("Lion", {}),
    ("Lion", {"beta_1": 0.5, "learning_rate": 0.01}),
    ("Adafactor", {}),
    ("Adafactor", {"relative_step": False, "clip_threshold": 0.1, "learning_rate": 0.5}),
]
COMMON = [
    {"clipnorm": 0.5},
    {"clipvalue": 0.1},
    {"global_clipnorm": 0.5},
    {"weight_decay": 0.1},
    {"use_ema": True, "ema_momentum": 0.5},
    {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 3},
    {
        "learning_rate": (
            "ExponentialDecay",
            {"initial_learning_rate": 0.1, "decay_steps": 3, "decay_rate": 0.5},
        )
    },
]


def label(value):
    return "-".join(f"{k}" for k in value) if isinstance(value, dict) else str(value)


@pytest.mark.parametrize("scale", [1.0, 1e-6])
@pytest.mark.parametrize("name, settings", RULES, ids=label)
def test_rule(name, settings, scale):
    # Without momentum tf.keras leaves the last step in a slot that nothing reads.
    check_optimizer(name, settings, scale=scale, slots=(name, settings) != ("SGD", {}))


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adam"])
@pytest.mark.parametrize("settings", COMMON, ids=label)
def test_common(name, settings):
    check_optimizer(name, settings, slots=name != "SGD")


@pytest.mark.parametrize("name, settings", RULES[1:3] + RULES[5:6] + RULES[11:12], ids=label)
def test_rate_changed_on_the_way(name, settings):
    check_optimizer(name, settings, rates={2: 0.1, 5: 0.01, 7: 0.0, 8: 0.5})


def test_adagrad_keeps_its_sums_with_epsilon_in_them():
    """Nobody sees it: values read and written are those of Keras, to the last digit."""
    values = torch.rand(1000, generator=torch.Generator().manual_seed(0)) * 4 + 0.1
    w = torch.nn.Parameter(torch.zeros(1000))
    optimizer = optimizers.Adagrad(0.5)
    optimizer.build([w])
    (slot,) = optimizer.variables[1:]
    assert (slot.value == np.float32(0.1)).all()
    slot.assign(values)
    assert torch.equal(slot.value, values)
    kept = optimizer.state[w]["accumulator"].clone()
    slot.assign(slot.value)
    assert torch.equal(optimizer.state[w]["accumulator"], kept)
    optimizer.epsilon = 0.25  # too large to be kept within
    torch.testing.assert_close(slot.value, values)
    optimizer.apply_gradients([(torch.ones(1000), w)])
    torch.testing.assert_close(slot.value, values + 1)
    torch.testing.assert_close(w.detach(), -0.5 / (values + 1.25).sqrt())


@pytest.mark.parametrize("clipped", [{"clipnorm": 0.1}, {"global_clipnorm": 0.1}], ids=label)
def test_minimize_clips_as_apply_gradients_does(clipped):
    results = []
    for by_hand in (False, True):
        ws = [torch.nn.Parameter(torch.full((n,), 2.0)) for n in (2, 3)]
        optimizer = optimizers.Adam(0.5, **clipped)
        loss = (ws[0] ** 2).sum() * (ws[1] ** 3).sum()
        if by_hand:
            grads = torch.autograd.grad(loss, ws)
            before = [grad.clone() for grad in grads]
            optimizer.apply_gradients(zip(grads, ws, strict=True))
            assert all(map(torch.equal, grads, before))  # those of the caller stay
        else:
            optimizer.minimize(loss, ws)
        results.append(torch.cat(ws).detach())
    assert torch.equal(*results)
