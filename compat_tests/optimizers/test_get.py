"""Names, configs and signatures of optimizers against tf.keras."""

import inspect
import json
import warnings

import numpy as np
import pytest
import torch

from compat_tests import oracle
from torchkeras import optimizers
from torchkeras.optimizers import TorchOptimizer, legacy, schedules
from torchkeras.registry import custom_object_scope

NEW = "SGD RMSprop Adagrad Adadelta Adam AdamW Adamax Nadam Ftrl Lion Adafactor".split()
OLD = "SGD RMSprop Adagrad Adadelta Adam Adamax Nadam Ftrl".split()
BOTH = NEW + ["legacy." + name for name in OLD] + ["Optimizer", "legacy.Optimizer"]


def find(module, name):
    for part in name.split("."):
        module = getattr(module, part)
    return module


@pytest.mark.parametrize("name", [*BOTH, "get", "serialize", "deserialize",
                                  "schedules.serialize", "schedules.deserialize"])  # fmt: skip
def test_signature(name):
    def parameters(obj):
        found = inspect.signature(obj).parameters.values()
        # adaptive_epsilon came after 2.15
        return [
            [p.name, str(p.kind), "-" if p.default is p.empty else repr(p.default)]
            for p in found
            if p.name != "adaptive_epsilon"
        ]

    expected = oracle.ask(lambda keras: parameters(find(keras.optimizers, name)))
    assert parameters(find(optimizers, name)) == expected


@pytest.mark.parametrize("name", BOTH[:-2])
def test_serialized(name):
    def plain(config):
        return json.loads(json.dumps(config, default=float))

    def both(module):
        optimizer = find(module, name)()
        return [
            plain(module.serialize(optimizer)),
            plain(module.serialize(optimizer, use_legacy_format=True)),
        ]

    expected = oracle.ask(lambda keras: both(keras.optimizers))
    assert both(optimizers) == expected
    for config in expected:
        made = optimizers.deserialize(config)
        assert type(made) is find(optimizers, name)
        assert plain(made.get_config()) == expected[0]["config"]


@pytest.mark.parametrize("name", NEW)
def test_names_in_any_case(name):
    cls = getattr(optimizers, name)
    for spelling in (name, name.lower(), name.upper()):
        assert type(optimizers.get(spelling)) is cls
    assert type(optimizers.get(cls)) is cls
    same = cls()
    assert optimizers.get(same) is same


@pytest.mark.parametrize("config, kind", [
    ({"class_name": "Adam", "config": {"lr": 0.5, "decay": 0.25}}, legacy.Adam),
    ({"class_name": "adam", "config": {}}, optimizers.Adam),
    ({"class_name": "SGD", "config": {"name": "SGD", "learning_rate": 0.5}}, legacy.SGD),
    ({"class_name": "RMSprop", "config": {"lr": 0.5, "rho": 0.5, "decay": 0.0, "epsilon": 1e-8}},
     legacy.RMSprop),
    ({"class_name": "Custom>Adam", "config": optimizers.Adam().get_config()}, optimizers.Adam),
    ({"class_name": "ExperimentalAdam", "config": optimizers.Adam().get_config()},
     optimizers.Adam),
    ({"class_name": "Custom>AdamW", "config": {"learning_rate": 0.5}}, optimizers.AdamW),
    ({"class_name": "Nadam", "config": legacy.Nadam().get_config()}, legacy.Nadam),
])  # fmt: skip
def test_configs_of_files(config, kind):
    before = json.dumps(config)
    made = optimizers.get(config)
    assert type(made) is kind
    given = config["config"]
    assert given.get("lr", given.get("learning_rate", made.lr)) == made.lr
    assert json.dumps(config) == before


@pytest.mark.parametrize("identifier", ["adamm", None, 3, {"config": {}}, {"class_name": 3}])
def test_unknown(identifier):
    with pytest.raises(ValueError, match="optimizer"):
        optimizers.get(identifier)


def test_near_names_are_proposed():
    with pytest.raises(ValueError, match="adamax"):
        optimizers.get("adamaxx")


class Mine(optimizers.SGD):
    pass


def test_class_of_the_user():
    config = optimizers.serialize(Mine(0.5))
    with pytest.raises(ValueError, match="Mine"):
        optimizers.deserialize(config)
    assert type(optimizers.deserialize(config, custom_objects={"Mine": Mine})) is Mine
    with custom_object_scope({"Mine": Mine}):
        assert type(optimizers.get("Mine")) is Mine


@pytest.mark.parametrize("cls", [optimizers.Adam, legacy.Adam, optimizers.SGD, legacy.Ftrl])
def test_lr_is_an_alias(cls):
    with pytest.warns(DeprecationWarning, match="learning_rate") as caught:
        assert cls(lr=0.5).learning_rate == 0.5
    assert len(caught) == 1 and caught[0].filename == __file__


def test_decay_in_a_new_class():
    with pytest.warns(DeprecationWarning, match="InverseTimeDecay") as caught:
        new = optimizers.SGD(0.5, decay=0.25)
    assert len(caught) == 1 and caught[0].filename == __file__
    assert new.get_config()["decay"] == 0.25
    old = legacy.SGD(0.5, decay=0.25)
    values = []
    for opt in (new, old):
        w = torch.nn.Parameter(torch.ones(2))
        for _ in range(4):
            opt.minimize(lambda w=w: (w**2).sum(), [w])
        values.append(w.tolist())
    assert values[0] == values[1]


@pytest.mark.parametrize("make, error, text", [
    (lambda: optimizers.Adam(-1.0), ValueError, "learning_rate of Adam"),
    (lambda: optimizers.Adam("fast"), ValueError, "learning_rate of Adam"),
    (lambda: optimizers.Adam(True), ValueError, "learning_rate of Adam"),
    (lambda: optimizers.Adam(float("nan")), ValueError, "learning_rate of Adam"),
    (lambda: legacy.SGD(-0.1), ValueError, "learning_rate of SGD"),
    (lambda: optimizers.Adam(speed=1), TypeError, "Adam has no argument 'speed'"),
    (lambda: legacy.Adam(speed=1), TypeError, "Adam has no argument 'speed'"),
    (lambda: optimizers.SGD(momentum=2.0), ValueError, "momentum"),
    (lambda: optimizers.SGD(clipnorm=1.0, global_clipnorm=1.0), ValueError, "global_clipnorm"),
    (lambda: legacy.SGD(clipnorm=-1.0), ValueError, "clipnorm"),
    (lambda: optimizers.SGD(use_ema=True, ema_momentum=2), ValueError, "ema_momentum"),
    (lambda: optimizers.SGD(use_ema=True, ema_overwrite_frequency=0.5), ValueError,
     "ema_overwrite_frequency"),
    (lambda: optimizers.Lion(beta_1=0), ValueError, "beta_1"),
    (lambda: optimizers.Ftrl(learning_rate_power=1), ValueError, "learning_rate_power"),
    (lambda: optimizers.Ftrl(l1_regularization_strength=-1), ValueError, "l1_regularization"),
    (lambda: legacy.Nadam(schedules.ExponentialDecay(0.1, 1, 0.5)), ValueError, "Nadam"),
])  # fmt: skip
def test_wrong_arguments(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_rate_answers_like_a_variable():
    opt = optimizers.Adam(0.1)
    assert opt.lr == 0.1 and opt.learning_rate.numpy() == np.float32(0.1)
    assert repr(opt.lr) == "0.1" and float(opt.lr) == float(np.float32(0.1))
    opt.learning_rate.assign(0.25)
    assert opt.lr == 0.25 and isinstance(opt.lr, float)
    opt.lr = np.float32(0.5)
    assert opt.learning_rate.read_value() == 0.5
    opt.learning_rate = schedules.PiecewiseConstantDecay([0], [1.0, 0.5])
    assert opt.lr == 1.0
    opt.learning_rate = 0.125
    assert opt.lr == 0.125
    assert optimizers.SGD(lambda: 0.5).lr == 0.5
    assert optimizers.SGD(torch.tensor(0.5)).lr.item() == 0.5


def test_torch_optimizers_pass_through():
    start = torch.tensor([1.0, -2.0])
    made = []
    for source in (
        lambda params: torch.optim.SGD(params, lr=0.25),
        torch.optim.Adam,
        lambda params: torch.optim.LBFGS(params),
    ):
        w = torch.nn.Parameter(start.clone())
        opt = optimizers.get(source)
        assert isinstance(opt, TorchOptimizer)
        opt.build([w])
        if isinstance(opt.optimizer, torch.optim.LBFGS):

            def closure(w=w, opt=opt):
                opt.zero_grad()
                loss = (w**2).sum()
                loss.backward()
                return loss

            opt.step(closure)
        else:
            opt.minimize(lambda w=w: (w**2).sum())
            assert w.grad is None
        assert opt.iterations == 1
        assert not torch.equal(w, start)
        made.append(opt)
    assert made[0].lr == 0.25
    made[0].lr = 0.5
    assert made[0].optimizer.param_groups[0]["lr"] == 0.5
    with pytest.raises(ValueError, match="TorchOptimizer"):
        optimizers.serialize(made[0])


def test_torch_instance_must_hold_the_variables():
    w, other = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
    opt = optimizers.get(torch.optim.SGD([w], lr=0.5))
    opt.build([w])
    opt.apply_gradients([(torch.ones(2), w)])
    assert w.tolist() == [0.5, 0.5] and opt.iterations == 1
    with pytest.raises(ValueError, match="made without"):
        opt.build([w, other])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        state = opt.state_dict()
    opt.iterations = 7
    opt.load_state_dict(state)
    assert opt.iterations == 1
