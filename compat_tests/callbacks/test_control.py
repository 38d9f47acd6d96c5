"""Stopping, learning rates and lambdas: the same epochs, numbers and messages as tf.keras."""

import logging

import numpy as np
import pytest

import torchkeras
from compat_tests.checks.printed import check_same, data, printed, small_model
from torchkeras.callbacks import EarlyStopping, LambdaCallback, ReduceLROnPlateau

NAN = float("nan")
FALLING = [1.0, 0.8, 0.7, 0.71, 0.69, 0.7, 0.75, 0.8, 0.9, 1.0]
RISING = [0.1, 0.5, 0.4, 0.45, 0.5, 0.52, 0.3, 0.2, 0.1, 0.0]


class _Model:
    """A model that only remembers; its weights tell the epoch."""

    def __init__(self, optimizer):
        self.optimizer, self.stop_training, self.epoch = optimizer, False, None

    def get_weights(self):
        return [self.epoch]

    def set_weights(self, weights):
        self.epoch = weights[0]


def follow(keras, callback, name, values):
    """Show `values` of one metric to a callback, epoch by epoch; what was said, set and stopped."""
    if keras is torchkeras:
        optimizer = torchkeras.optimizers.SGD(0.01)
    else:
        optimizer = keras.optimizers.SGD(0.01)
    model, rates = _Model(optimizer), []
    callback.set_model(model)
    with printed(keras) as seen:
        callback.on_train_begin({})
        for model.epoch, value in enumerate(values):
            callback.on_epoch_begin(model.epoch, {})
            logs = {} if value is None else {name: value}
            callback.on_epoch_end(model.epoch, logs)
            rates.append(float(np.asarray(optimizer.lr.numpy())))
            if model.stop_training:
                break
        last = len(rates)
        callback.on_train_end({})
    return {"text": seen.text.getvalue(), "rates": rates, "last": last, "weights": model.epoch}


STOPS = {
    "default": ({}, "val_loss", FALLING),
    "patience": ({"patience": 2, "verbose": 1}, "val_loss", FALLING),
    "patience 0 of 1": ({"patience": 1, "verbose": 1}, "val_loss", [1, 1]),
    "min_delta": ({"min_delta": 0.15, "patience": 2}, "val_loss", FALLING),
    "negative min_delta": ({"min_delta": -0.15, "patience": 2}, "val_loss", FALLING),
    "accuracy": ({"monitor": "val_accuracy", "patience": 3}, "val_accuracy", RISING),
    "auc": ({"monitor": "my_auc", "patience": 2}, "my_auc", RISING),
    "acc inside a name": ({"monitor": "acc_loss", "patience": 2}, "acc_loss", RISING),
    "max": ({"mode": "max", "patience": 2, "min_delta": 0.01}, "val_loss", RISING),
    "min": ({"monitor": "acc", "mode": "min", "patience": 2}, "acc", RISING),
    "unknown mode": ({"mode": "up", "patience": 2}, "val_loss", RISING),
    "baseline": ({"baseline": 0.5, "patience": 3, "verbose": 1}, "val_loss", FALLING),
    "baseline met": ({"baseline": 0.75, "patience": 3, "verbose": 1}, "val_loss", FALLING),
    "start": ({"start_from_epoch": 4, "patience": 1, "verbose": 1}, "val_loss", FALLING),
    "restore": ({"restore_best_weights": True, "patience": 3, "verbose": 1}, "val_loss", FALLING),
    "restore, never better": (
        {"restore_best_weights": True, "patience": 2, "verbose": 1},
        "val_loss",
        [NAN, NAN, NAN, NAN],
    ),
    "restore, late": (
        {"restore_best_weights": True, "patience": 1, "start_from_epoch": 2},
        "val_loss",
        FALLING,
    ),
    "nan": ({"patience": 2}, "val_loss", [1.0, NAN, NAN, NAN]),
    "missing": ({"patience": 2, "verbose": 1}, "val_loss", [1.0, None, None, 2.0, 2.0]),
    "another name": ({"patience": 2}, "loss", FALLING),
}
STATE = ("wait", "stopped_epoch", "best_epoch", "best", "min_delta", "patience")


@pytest.mark.parametrize("case", STOPS)
def test_early_stopping(case):
    arguments, name, values = STOPS[case]

    def run(keras):
        callback = keras.callbacks.EarlyStopping(**arguments)
        told = follow(keras, callback, name, values)
        told["text"] = sorted(told["text"].splitlines())  # new tf_keras turned the order around
        return told | {key: getattr(callback, key) for key in STATE}

    check_same(run)


def test_early_stopping_is_used_again():
    def run(keras):
        callback = keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True)
        return [follow(keras, callback, "val_loss", values) for values in (FALLING, [1, 2, 3, 4])]

    check_same(run)


def test_weights_stay_where_training_ends_by_itself():
    """As in 2.15; tf_keras from 2.16 on restores the best weights then too."""
    callback = EarlyStopping(restore_best_weights=True, patience=3, verbose=1)
    told = follow(torchkeras, callback, "val_loss", [1.0, 0.5, 0.7, 0.8])
    assert told["weights"] == 3 and told["text"] == "" and callback.best_epoch == 1


def test_early_stopping_in_fit():
    def run(keras):
        model, (x, y) = small_model(keras, keras.optimizers.SGD(0.4)), data()
        stop = keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True, verbose=1)
        with printed(keras) as seen:
            history = model.fit(x, y, 4, 30, 0, [stop], 0.25, shuffle=False, steps_per_epoch=None)
        found = [history.epoch, stop.best_epoch, stop.stopped_epoch]
        found.append(sorted(seen.text.getvalue().splitlines()))
        return [*found, model.get_weights(), history.history]

    assert check_same(run)[2] > 0


PLATEAUS = {
    "default": ({}, "val_loss", [1.0] * 12),
    "patience": ({"patience": 2, "verbose": 1}, "val_loss", FALLING),
    "factor": ({"patience": 1, "factor": 0.3}, "val_loss", FALLING),
    "min_delta": ({"patience": 2, "min_delta": 0.15}, "val_loss", FALLING),
    "min_delta by default": ({"patience": 1}, "val_loss", [1.0, 0.99995, 0.9998, 0.5, 0.49995]),
    "cooldown": ({"patience": 1, "cooldown": 2}, "val_loss", [1.0] * 9),
    "min_lr": ({"patience": 1, "min_lr": 5e-4}, "val_loss", [1.0] * 9),
    "acc": ({"monitor": "val_acc", "patience": 1}, "val_acc", RISING),
    "max": ({"mode": "max", "patience": 2}, "val_loss", RISING),
    "min": ({"mode": "min", "monitor": "acc", "patience": 2}, "acc", RISING),
    "unknown mode": ({"mode": "down", "patience": 2}, "val_loss", FALLING),
    "nan": ({"patience": 1}, "val_loss", [NAN, NAN, NAN]),
    "missing": ({"patience": 1}, "val_loss", [1.0, None, None, 2.0]),
}


@pytest.mark.parametrize("case", PLATEAUS)
def test_plateau(case):
    arguments, name, values = PLATEAUS[case]

    def run(keras):
        callback = keras.callbacks.ReduceLROnPlateau(**arguments)
        told = follow(keras, callback, name, values)
        told["text"] = [line.rsplit(" ", 1)[0] for line in told["text"].splitlines()]
        state = ("wait", "best", "cooldown_counter", "min_delta", "mode")
        return told | {key: getattr(callback, key) for key in state}

    check_same(run)


def test_messages_of_rates():
    """The digits of 2.15, which computes with numpy 1: new tf_keras on numpy 2 prints others."""
    plateau = ReduceLROnPlateau(patience=1, factor=0.3, verbose=1)
    scheduler = torchkeras.callbacks.LearningRateScheduler(lambda epoch, lr: lr * 0.9, verbose=1)
    model = small_model(torchkeras)
    with printed(torchkeras) as seen:
        values = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(val_loss=1))
        model.fit(*data(), epochs=3, verbose=0, callbacks=[values, plateau, scheduler])
    assert [line for line in seen.text.getvalue().splitlines() if line] == [
        "Epoch 1: LearningRateScheduler setting learning rate to 0.008999999798834325.",
        "Epoch 2: LearningRateScheduler setting learning rate to 0.008099999651312828.",
        "Epoch 2: ReduceLROnPlateau reducing learning rate to 0.0024299997836351394.",
        "Epoch 3: LearningRateScheduler setting learning rate to 0.0021869998890906572.",
        "Epoch 3: ReduceLROnPlateau reducing learning rate to 0.0006560999667271971.",
    ]
    rates = model.history.history["lr"]
    assert [str(rate) for rate in rates] == ["0.009", "0.0024299999", "0.0006561"]
    assert {type(rate) for rate in rates} == {np.float32}


SCHEDULES = {
    "rate": lambda epoch, lr: lr * 0.5,
    "epoch": lambda epoch: 0.1 / (epoch + 1),
    "numpy": lambda epoch, lr: np.float32(0.25),
    "the same": lambda epoch, lr: lr,
}


@pytest.mark.parametrize("case", SCHEDULES)
def test_scheduler_in_fit(case):
    def run(keras):
        model = small_model(keras, keras.optimizers.SGD(0.01, momentum=0.5))
        scheduler = keras.callbacks.LearningRateScheduler(SCHEDULES[case], verbose=1)
        with printed(keras) as seen:
            history = model.fit(*data(), 8, 3, verbose=0, shuffle=False, callbacks=[scheduler])
        return [seen.text.getvalue(), history.history, model.get_weights()]

    check_same(run)


def test_plateau_in_fit():
    def run(keras):
        model = small_model(keras, "adam")
        plateau = keras.callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=0.1)
        history = model.fit(*data(), 8, 6, verbose=0, shuffle=False, callbacks=[plateau])
        return [history.history, model.get_weights()]

    rates = check_same(run)[0]["lr"]
    assert rates[0] > rates[-1]


@pytest.mark.parametrize("value", [1, "fast", None])
def test_schedule_gives_no_float(value):
    scheduler = torchkeras.callbacks.LearningRateScheduler(lambda epoch, lr: value)
    with pytest.raises(ValueError, match='output of the "schedule" function should be float'):
        follow(torchkeras, scheduler, "loss", [1.0])


def test_tensors_of_schedules():
    import torch

    told = []
    for rate in (torch.tensor(0.5), torch.tensor(1)):
        scheduler = torchkeras.callbacks.LearningRateScheduler(lambda epoch, lr, rate=rate: rate)
        try:
            told.append(follow(torchkeras, scheduler, "loss", [1.0])["rates"])
        except ValueError as error:
            told.append(str(error))
    assert told == [[0.5], "The dtype of `lr` Tensor should be float. Got: torch.int64"]


def test_schedule_of_the_optimizer_stays(caplog):
    """It decides the rate at every step, in tf.keras too; here a warning says so."""

    def run(keras):
        schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
        model = small_model(keras, keras.optimizers.SGD(schedule))
        scheduler = keras.callbacks.LearningRateScheduler(lambda epoch, lr: 0.75)
        history = model.fit(*data(), 8, 2, verbose=0, shuffle=False, callbacks=[scheduler])
        return [history.history, model.get_weights()]

    with caplog.at_level(logging.WARNING, "torchkeras"):
        check_same(run)
    assert "LearningRateScheduler has no effect" in caplog.text


@pytest.mark.parametrize("wrong", [NAN, float("inf"), 1.0])
def test_not_a_number(wrong):
    def run(keras):
        model, (x, y) = small_model(keras), data()
        x[9] = wrong
        with printed(keras) as seen:
            callback = keras.callbacks.TerminateOnNaN()
            history = model.fit(x, y, 4, 3, 0, [callback], shuffle=False)
        return [seen.text.getvalue(), history.epoch]

    check_same(run)


def test_lambda():
    def run(keras):
        told = []
        model = small_model(keras)
        callback = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: told.append(f"begin {epoch}"),
            on_epoch_end=lambda epoch, logs: told.append(sorted(logs)),
            on_batch_end=lambda batch, logs: told.append(f"batch {batch} {sorted(logs)}"),
            on_train_end=lambda logs: told.append("end"),
            on_test_end=lambda logs: told.append("tested"),
            own=3,
        )
        model.fit(*data(), epochs=2, verbose=0, validation_split=0.5, callbacks=[callback])
        return [told, callback.own]

    check_same(run)


def test_warnings(caplog):
    """The words of tf.keras, in the log."""
    for callback, words in (
        (
            EarlyStopping(),
            "Early stopping conditioned on metric `val_loss` which is not available.",
        ),
        (
            ReduceLROnPlateau(),
            "Learning rate reduction is conditioned on metric `val_loss` which is not available. "
            "Available metrics are: loss,lr",
        ),
    ):
        follow(torchkeras, callback, "loss", [1.0])
        assert words in caplog.text
    EarlyStopping(mode="up")
    assert "EarlyStopping mode up is unknown, fallback to auto mode." in caplog.text


def test_older_names_and_wrong_arguments():
    with pytest.warns(DeprecationWarning, match="min_delta") as caught:
        assert ReduceLROnPlateau(epsilon=0.5).min_delta == 0.5
    assert caught[0].filename == __file__
    with pytest.raises(ValueError, match="does not support a factor >= 1.0. Got 1.0"):
        ReduceLROnPlateau(factor=1.0)
    with pytest.raises(TypeError, match="'epsilom'"):
        ReduceLROnPlateau(epsilom=1)
    with pytest.raises(TypeError, match="'on_epoch_ends'"):
        LambdaCallback(on_epoch_ends=print)
    with pytest.raises(ValueError, match='must have a "lr" attribute'):
        scheduler = torchkeras.callbacks.LearningRateScheduler(lambda epoch: 0.1)
        scheduler.set_model(_Model(None))
        scheduler.on_epoch_begin(0)
