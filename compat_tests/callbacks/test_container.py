"""Which hooks run, in which order, with which logs."""

import numpy as np
import pytest
import torch

import torchkeras
from compat_tests.checks.printed import check_same, data, small_model
from torchkeras.callbacks import Callback, CallbackList, History, LambdaCallback, ProgbarLogger
from torchkeras.callbacks.base import HOOKS
from torchkeras.training.logs import Logs


def recorder(keras, hooks, name="", told=None):
    """A callback that notes each call of `hooks`: name, number, names and values of the logs."""
    told = [] if told is None else told

    def note(hook):
        def method(self, *arguments, logs=None, **kwargs):
            *number, logs = arguments if logs is None else (*arguments, logs)
            logs = {k: np.asarray(v).astype(float).mean() for k, v in (logs or {}).items()}
            told.append([name + hook, list(number), [[k, float(v)] for k, v in logs.items()]])

        return method

    made = type("Recorder", (keras.callbacks.Callback,), {hook: note(hook) for hook in hooks})()
    made.told = told
    return made


RUNS = {
    "fit": lambda m, x, y, c: m.fit(x, y, 8, epochs=2, verbose=0, shuffle=False, callbacks=c),
    "validation": lambda m, x, y, c: m.fit(
        x, y, 8, verbose=0, shuffle=False, validation_data=(x[:4], y[:4]), callbacks=c
    ),
    "evaluate": lambda m, x, y, c: m.evaluate(x, y, 8, verbose=0, callbacks=c),
    "predict": lambda m, x, y, c: m.predict(x, 8, verbose=0, callbacks=c),
}
MODERN = [hook for hook in HOOKS if hook not in ("on_batch_begin", "on_batch_end")]


@pytest.mark.parametrize("run", RUNS)
def test_order_and_logs(run):
    """Begin hooks of batches are left out: tf.keras runs them once more than there are batches."""
    hooks = [hook for hook in MODERN if not hook.endswith("batch_begin")]

    def ask(keras):
        told = []
        callbacks = [recorder(keras, hooks, name, told) for name in ("a.", "b.")]
        RUNS[run](small_model(keras), *data(), callbacks)
        return told

    assert len(check_same(ask)) > 4


def test_older_names():
    def ask(keras):
        both = recorder(keras, ["on_batch_begin", "on_batch_end"])
        RUNS["fit"](small_model(keras), *data(16), [both])
        return both.told

    check_same(ask)


def test_added_values():
    """What a hook adds to the logs: others see it, a batch's do not reach the history."""

    def ask(keras):
        class Adds(keras.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                logs["mine"] = batch

            def on_epoch_end(self, epoch, logs=None):
                logs["epoch's"] = epoch

        sees = recorder(keras, ["on_train_batch_end", "on_epoch_end", "on_train_end"])
        model = small_model(keras)
        RUNS["fit"](model, *data(16), [Adds(), sees])
        return [sees.told, model.history.history]

    check_same(ask)


def test_stops_in_a_batch():
    def ask(keras):
        class Stops(keras.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                self.model.stop_training = batch == 1

        sees = recorder(keras, ["on_train_batch_end", "on_epoch_end", "on_train_end"])
        model = small_model(keras)
        history = RUNS["validation"](model, *data(40), [Stops(), sees])
        return [sees.told, history.history, history.epoch]

    check_same(ask)


def test_history():
    def ask(keras):
        model = small_model(keras)
        history = model.fit(*data(), epochs=3, initial_epoch=1, verbose=0)
        assert history is model.history and history.model is model
        own = keras.callbacks.History()
        again = model.fit(*data(), epochs=2, verbose=0, callbacks=own)
        again = model.fit(*data(), epochs=2, verbose=0, callbacks=[[own]])
        assert again is own
        return [history.history, history.epoch, history.params, own.history, own.epoch]

    check_same(ask)


def test_signatures():
    def ask(keras):
        import inspect

        listed = keras.callbacks.CallbackList([])
        names = [hook for hook in HOOKS if hasattr(keras.callbacks.Callback, hook)]
        names += [hook for hook in HOOKS if hasattr(listed, hook)]
        taken = [
            [list(inspect.signature(getattr(owner, hook)).parameters) for hook in HOOKS]
            for owner in (keras.callbacks.Callback(), listed)
        ]
        return [names, taken]

    check_same(ask)


# --- the container ---------------------------------------------------------------------------


class Both(Callback):
    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch, logs)

    def on_test_batch_begin(self, batch, logs=None):
        pass


def _set_late():
    class Late(Callback):
        def on_train_begin(self, logs=None):
            self.on_train_batch_end = lambda batch, logs: None

    return Late()


SETTLED = {
    "nothing": ([Callback(), History(), torchkeras.callbacks.EarlyStopping()], []),
    "both": ([Both()], ["test_batch_begin", "train_batch_end"]),
    "lambda": ([LambdaCallback(on_batch_end=print)], ["train_batch_end"]),
    "lambda, new name": ([LambdaCallback(on_predict_batch_end=print)], ["predict_batch_end"]),
    "NaN": ([torchkeras.callbacks.TerminateOnNaN()], ["train_batch_end"]),
    "checkpoint": ([torchkeras.callbacks.ModelCheckpoint("a.h5")], []),
    "checkpoint by batch": (
        [torchkeras.callbacks.ModelCheckpoint("a.h5", save_freq=3)],
        ["train_batch_end"],
    ),
    "bar": ([ProgbarLogger("steps")], ["predict_batch_end", "test_batch_end", "train_batch_end"]),
    "set late": ([_set_late()], ["train_batch_end"]),
}


@pytest.mark.parametrize("case", SETTLED)
def test_settled_hooks(case):
    callbacks, expected = SETTLED[case]
    listed = CallbackList(callbacks, verbose=1, epochs=1, steps=3)
    listed.on_train_begin()
    names = [
        f"{mode}_batch_{end}" for mode in ("predict", "test", "train") for end in ("begin", "end")
    ]
    assert [name for name in names if getattr(listed, name)] == expected


def test_append():
    listed = CallbackList()
    listed.append(Both())
    assert len(listed.train_batch_end) == 1 and len(list(listed)) == 1


def test_defaults_are_added_once():
    history = History()
    listed = CallbackList([[history], ProgbarLogger()], add_history=True, add_progbar=True)
    assert len(list(listed)) == 2 and CallbackList(listed).callbacks == listed.callbacks
    assert [type(one) for one in CallbackList(None, True, True)] == [History, ProgbarLogger]


def test_callbacks_of_other_classes():
    """Anything with the hooks of a callback works."""

    class Foreign:
        def set_model(self, model):
            self.model = model

        def set_params(self, params):
            self.params = params

        def on_train_batch_end(self, batch, logs=None):
            self.seen = logs["loss"]

    foreign = Foreign()
    listed = CallbackList([foreign], model="model", verbose=0)
    listed.on_train_batch_end(0, {"loss": torch.tensor(2.0)})
    assert foreign.seen == 2.0 and foreign.model == "model"
    assert listed.test_batch_end == []


def test_logs_that_are_kept():
    """Logs hold the values of their batch, whenever they are looked at."""
    state, kept = torch.tensor(0.0), []
    listed = CallbackList([LambdaCallback(on_batch_end=lambda batch, logs: kept.append(logs))])
    for batch in range(3):
        state.add_(1)
        listed.on_train_batch_end(batch, Logs(lambda: {"loss": state}))
    assert [logs["loss"] for logs in kept] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("wrong", [History, 3, "early"])
def test_no_callback(wrong):
    with pytest.raises(TypeError, match="callbacks must be"):
        CallbackList([wrong])
