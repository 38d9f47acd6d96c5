"""Recorded steps train as others do: with a stand-in for a CUDA graph, on any machine."""

import copy

import numpy as np
import pytest

import torchkeras
from compat_tests.modes import StandIn
from torchkeras import callbacks, layers, optimizers
from torchkeras.losses import labels
from torchkeras.training import replay

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(70, 6)).astype("float32"), RNG.integers(0, 3, 70)


class Own(layers.Layer):
    def call(self, inputs):
        return inputs * 2.0


def dense(*more):
    return torchkeras.Sequential(
        [
            layers.Input((6,)),
            layers.Dense(8, activation="relu", kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            *more,
            layers.Dense(3, activation="softmax"),
        ]
    )


def schedule():
    return optimizers.schedules.ExponentialDecay(0.05, 2, 0.5)


def lower(epoch, rate):
    return rate * 0.5


def trained(monkeypatch, jit, make, optimizer, fails=False, **given):
    """What a run leaves behind, and what happened to the graph."""
    torchkeras.utils.set_random_seed(5)
    model = make()
    monkeypatch.setattr(StandIn, "fails", fails)
    monkeypatch.setattr(StandIn, "log", [])
    monkeypatch.setitem(replay.RECORDERS, "cpu", StandIn)
    model.compile(
        optimizer(),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=jit,
        **given,
    )
    rates = callbacks.LearningRateScheduler(lower)
    told = [rates] if model.optimizer._schedule is None else []
    history = model.fit(X, Y, 16, epochs=3, verbose=0, callbacks=told).history
    counted = [int(model.optimizer.iterations), len(model._compiled.total._recent)]
    values = [*model.get_weights(), *model.optimizer.get_weights(), *history.values(), counted]
    return values, StandIn.log, model


RECORDED = {
    "adam": (dense, lambda: optimizers.Adam(0.01), {}),
    "adam, schedule": (dense, lambda: optimizers.Adam(schedule()), {}),
    "momentum, decay, norm": (
        dense, lambda: optimizers.SGD(0.05, momentum=0.9, weight_decay=0.1, clipnorm=0.5), {},
    ),
    "rmsprop": (dense, lambda: optimizers.RMSprop(0.01, global_clipnorm=1.0), {}),
    "several a call": (dense, lambda: optimizers.Adam(0.01), {"steps_per_execution": 2}),
}  # fmt: skip


@pytest.mark.parametrize("case", RECORDED)
def test_replayed_steps_are_those_that_run(case, monkeypatch):
    make, optimizer, given = RECORDED[case]
    expected, log, _ = trained(monkeypatch, False, make, optimizer, **given)
    assert log == []
    found, log, _ = trained(monkeypatch, "auto", make, optimizer, **given)
    # 4 full batches an epoch; the fifth, of another shape, runs as always
    assert log == ["warm"] * 3 + ["record"] + ["replay"] * 9
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def own_parts():
    return dense(layers.Dense(4, activation=lambda x: x.sigmoid(), kernel_constraint=lambda w: w))


REFUSED = {
    "own functions": (own_parts, lambda: optimizers.Adam(0.01), False),
    "own layer": (lambda: dense(Own()), lambda: optimizers.Adam(0.01), False),
    "decay in the kernel": (dense, lambda: optimizers.AdamW(0.01), False),
    "average": (dense, lambda: optimizers.SGD(0.01, use_ema=True), False),
    "CUDA refuses": (dense, lambda: optimizers.Adam(0.01), True),
}


@pytest.mark.parametrize("case", REFUSED)
def test_the_others_run_as_always(case, monkeypatch):
    make, optimizer, fails = REFUSED[case]
    expected, _, _ = trained(monkeypatch, False, make, optimizer)
    found, log, _ = trained(monkeypatch, "auto", make, optimizer, fails)
    assert log == ["warm"] * 3 + ["record"] * fails
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)


def test_labels_out_of_range_are_told(monkeypatch):
    """On a GPU no kernel looks at labels: steps leave notes, those that are replayed too."""
    monkeypatch.setattr(labels, "looked_at", lambda tensor: False)
    _, _, model = trained(monkeypatch, "auto", dense, lambda: optimizers.Adam(0.01))
    wrong = Y[:64].copy()
    wrong[40] = 3
    del StandIn.log[:]
    with pytest.raises(ValueError, match="outside of the valid range .* in epoch 1"):
        model.fit(X[:64], wrong, 16, verbose=0)
    model.fit(X[:64], Y[:64], 16, verbose=0)
    assert StandIn.log == ["replay"] * 8


def test_copies_record_anew(monkeypatch):
    _, log, model = trained(monkeypatch, "auto", dense, lambda: optimizers.Adam(0.01))
    copied = copy.deepcopy(model)
    copied.fit(X[:64], Y[:64], 16, verbose=0)
    assert "replay" in log and StandIn.log == ["warm"] * 3 + ["record", "replay"]


def test_a_recording_whose_tensors_are_gone_is_made_anew(monkeypatch):
    _, _, model = trained(monkeypatch, "auto", dense, lambda: optimizers.Adam(0.01))
    model.layers[0].linear.weight.data = model.layers[0].linear.weight.data.clone()
    model.fit(X, Y, 16, verbose=0)
    assert StandIn.log == ["warm"] * 3 + ["record", "replay"]
