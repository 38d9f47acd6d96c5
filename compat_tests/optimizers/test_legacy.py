"""The optimizers of Keras up to 2.10 against those of tf.keras."""

import pytest

from compat_tests.checks.optimizer import check_optimizer

RULES = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9, "decay": 0.5}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("RMSprop", {}),
    ("RMSprop", {"centered": True}),
    ("RMSprop", {"momentum": 0.8, "rho": 0.7}),
    ("RMSprop", {"momentum": 0.8, "centered": True}),
    ("Adagrad", {"epsilon": 1e-3}),
    ("Adadelta", {"learning_rate": 1.0}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True, "decay": 0.1}),
    ("Adamax", {}),
    ("Nadam", {}),
    ("Nadam", {"schedule_decay": 0.1, "learning_rate": 0.1}),
    ("Ftrl", {}),
    ("Ftrl", {"l1_regularization_strength": 0.01, "l2_regularization_strength": 0.1, "beta": 0.1,
              "l2_shrinkage_regularization_strength": 0.01, "learning_rate": 0.1}),
    ("Adam", {"clipnorm": 0.5, "clipvalue": 0.1}),
    ("SGD", {"global_clipnorm": 0.5}),
    ("Adam", {"learning_rate": ("PolynomialDecay", {
        "initial_learning_rate": 0.1, "decay_steps": 5})}),
]  # fmt: skip


def label(value):
    return "-".join(value) if isinstance(value, dict) else str(value)


@pytest.mark.parametrize("scale", [1.0, 1e-6])
@pytest.mark.parametrize("name, settings", RULES, ids=label)
def test_rule(name, settings, scale):
    check_optimizer("legacy." + name, settings, scale=scale)


@pytest.mark.parametrize("name, settings", RULES[1:2] + RULES[5:6] + RULES[9:10], ids=label)
def test_rate_changed_on_the_way(name, settings):
    check_optimizer("legacy." + name, settings, rates={2: 0.1, 5: 0.01, 8: 0.5})
