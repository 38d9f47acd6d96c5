"""The progress bar, character for character that of tf.keras."""

import numpy as np
import pytest
import torch

import torchkeras
from compat_tests.checks.printed import check_same, data, printed, small_model, ticking
from torchkeras.callbacks import CallbackList, ProgbarLogger
from torchkeras.callbacks.progress import Progbar
from torchkeras.training.logs import Logs

# arguments of Progbar; then for each update: seconds passed, step, values, finalize
BARS = {
    "plain": ({"target": 3}, [(1, i, [("loss", 0.5 / i)], None) for i in (1, 2, 3)]),
    "quick": ({"target": 12}, [(0.02, i, [("loss", 1.0 * i)], None) for i in range(1, 13)]),
    "stateful": (
        {"target": 4, "stateful_metrics": ["b"]},
        [(1, i, [("a", float(i)), ("b", float(i))], None) for i in (1, 2, 3, 4)],
    ),
    "small and negative": (
        {"target": 2},
        [
            (1e-5, 1, [("a", 1e-5), ("b", -3.0), ("c", 0.001)], None),
            (2e-4, 2, [("a", -1e-5)], None),
        ],
    ),
    "hours to go": ({"target": 10}, [(4000, 1, [], None), (50, 2, [], None), (70, 9, [], None)]),
    "minutes to go": ({"target": 5}, [(61, 1, [], None), (300, 3, [], None), (1, 5, [], None)]),
    "unknown": (
        {"target": None},
        [(1, 1, [("a", 2.0)], None), (1, 2, [("a", 4.0)], None), (1, 3, [], True)],
    ),
    "finalized twice": (
        {"target": 2, "stateful_metrics": ["loss"]},
        [(1, 1, [("loss", 1)], False), (1, 2, [("loss", 2)], False), (1, 2, [("val", 3)], True)],
    ),
    "narrow, samples": (
        {"target": 100, "width": 7, "unit_name": "sample"},
        [(0.001, i, [("a", i)], None) for i in (10, 50, 100)],
    ),
    "shrinking": ({"target": 2}, [(9999, 1, [("a", -1e5)], None), (1, 2, [("a", 1e5)], None)]),
    "interval": (
        {"target": 9, "interval": 3},
        [(1, i, [("a", i)], None) for i in range(1, 10)],
    ),
    "from 2": ({"target": 3}, [(1, 2, [("a", 1.0)], None), (1, 3, [("a", 3.0)], None)]),
    "step 0": ({"target": 3}, [(1, 0, [("a", 1.0)], None), (1, 3, [("a", 3.0)], None)]),
    "one step": ({"target": 1}, [(0, 1, [("a", 1.0)], False), (0, 1, [("a", 1.0)], True)]),
    "nan": ({"target": 1}, [(1, 1, [("a", float("nan")), ("b", float("inf"))], None)]),
    "array": ({"target": 1}, [(1, 1, [("a", np.array([1.0, 2.0]))], None)]),
    "silent": ({"target": 1, "verbose": 0}, [(1, 1, [("a", 1.0)], None)]),
    "line": (
        {"target": 2, "verbose": 2},
        [(0.5, 1, [("a", -1.0)], None), (1, 2, [("a", -2.0), ("b", 2e-4)], None)],
    ),
    "two lines": (
        {"target": 2, "verbose": 2},
        [(1, 1, [], None), (1, 2, [], None), (1, 1, [], None), (2, 2, [], None)],
    ),
}


@pytest.mark.parametrize("rewrites", [True, False])
@pytest.mark.parametrize("case", BARS)
def test_progbar(case, rewrites):
    arguments, updates = BARS[case]

    def run(keras):
        with printed(keras) as seen:
            bar = keras.utils.Progbar(**arguments)
            bar._dynamic_display = rewrites
            for seconds, step, values, finalize in updates:
                seen.clock.now += seconds
                bar.update(step, values, finalize)
        return seen.text.getvalue()

    check_same(run)


def test_add():
    def run(keras):
        with printed(keras) as seen:
            bar = keras.utils.Progbar(30)
            for _ in range(3):
                seen.clock.now += 1
                bar.add(10, [("a", 1.5)])
        return seen.text.getvalue()

    check_same(run)


def test_tensors():
    with printed(torchkeras) as seen:
        loss = torch.tensor(2.0, requires_grad=True)
        Progbar(1).update(1, [("loss", loss), ("half", loss.to(torch.bfloat16) / 4)])
    assert seen.text.getvalue().endswith("loss: 2.0000 - half: 0.5000\n")


RUNS = {
    "fit": lambda m, x, y, **given: m.fit(x, y, batch_size=6, epochs=2, shuffle=False, **given),
    "one epoch": lambda m, x, y, **given: m.fit(x, y, batch_size=6, shuffle=False, **given),
    "validation": lambda m, x, y, **given: m.fit(
        x, y, batch_size=4, epochs=2, shuffle=False, validation_data=(x[:5], y[:5]), **given
    ),
    "split": lambda m, x, y, **given: m.fit(
        x,
        y,
        batch_size=4,
        epochs=3,
        shuffle=False,
        validation_split=0.3,
        validation_freq=2,
        **given,
    ),
    "evaluate": lambda m, x, y, **given: m.evaluate(x, y, batch_size=6, **given),
    "predict": lambda m, x, y, **given: m.predict(x, batch_size=6, **given),
}


@pytest.mark.parametrize("verbose, seconds", [(1, 0.02), (1, 0.3), (2, 0.3)])
def test_runs(verbose, seconds):
    def run(keras):
        model, texts = small_model(keras), {}
        for name, start in RUNS.items():
            with printed(keras) as seen:
                tick = ticking(keras, seen.clock, seconds)
                start(model, *data(), verbose=verbose, callbacks=[tick])
            texts[name] = seen.text.getvalue()
        return texts

    check_same(run)


def test_verbosity():
    def run(keras):
        model = small_model(keras)
        texts = []
        for verbose in (0, "auto"):
            for what in ("fit", "evaluate", "predict"):
                with printed(keras) as seen:
                    RUNS[what](model, *data(), verbose=verbose)
                texts.append(seen.text.getvalue())
        keras.utils.disable_interactive_logging()
        with printed(keras) as seen:
            RUNS["fit"](model, *data())
        keras.utils.enable_interactive_logging()
        return [*texts, seen.text.getvalue(), model.history.params]

    assert check_same(run)[-1] == {"verbose": 2, "epochs": 2, "steps": 4}


class Unknown:
    """Batches whose number cannot be asked for."""

    def __init__(self, keras, batches=5, inputs_only=False):
        x, y = data(4 * batches)
        self.parts = [(x[i : i + 4], y[i : i + 4]) for i in range(0, len(x), 4)]
        self.inputs_only = inputs_only

    def __iter__(self):
        return ((x, None)[:1] if self.inputs_only else (x, y) for x, y in self.parts)


def _stream(keras, inputs_only=False):
    source = Unknown(keras, inputs_only=inputs_only)
    if keras is torchkeras:
        return source
    import tensorflow as tf

    spec = tuple(tf.TensorSpec((None, n), "float32") for n in ((3,) if inputs_only else (3, 1)))
    return tf.data.Dataset.from_generator(lambda: iter(source), output_signature=spec)


@pytest.mark.parametrize("verbose", [1, 2])
@pytest.mark.parametrize("what", ["fit", "evaluate", "predict"])
def test_unknown_number_of_steps(what, verbose):
    def run(keras):
        with printed(keras) as seen:
            arguments = {"epochs": 2} if what == "fit" else {}
            tick = ticking(keras, seen.clock, 0.3)
            stream = _stream(keras, inputs_only=what == "predict")
            model = small_model(keras)
            getattr(model, what)(stream, verbose=verbose, callbacks=[tick], **arguments)
        return seen.text.getvalue()

    check_same(run)


@pytest.mark.parametrize("seconds", [0.02, 0.3])
def test_values_that_no_metric_averages(seconds):
    def run(keras):
        class Custom(keras.Sequential):
            def train_step(self, data):
                super().train_step(data)
                loss = self.metrics[0].result()
                return {"own": loss + 1, "loss": loss}

        with printed(keras) as seen:
            model = Custom([keras.layers.Dense(1, input_shape=(3,), kernel_initializer="ones")])
            model.compile("sgd", "mse")
            tick = ticking(keras, seen.clock, seconds)
            model.fit(*data(40), batch_size=4, epochs=2, shuffle=False, callbacks=[tick])
        return seen.text.getvalue()

    check_same(run)


def test_logger_of_samples():
    def run(keras):
        with printed(keras) as seen:
            bar = keras.callbacks.ProgbarLogger("samples", stateful_metrics=["b"])
            calls = keras.callbacks.CallbackList([bar], verbose=1, epochs=2, samples=20)
            for epoch in range(2):
                calls.on_epoch_begin(epoch)
                for batch in range(4):
                    seen.clock.now += 0.3
                    calls.on_train_batch_end(
                        batch, {"size": 5, "batch": batch, "a": batch * 2.0, "b": batch * 2.0}
                    )
                calls.on_epoch_end(epoch, {"a": 1.0, "b": 2.0})
        return seen.text.getvalue()

    check_same(run)


def test_wrong_count_mode():
    with pytest.raises(ValueError, match="Unknown `count_mode`: batches"):
        ProgbarLogger("batches")


def test_no_look_between_refreshes():
    """Between two refreshes of the line no value is computed or read."""
    looks = []
    model = type("Model", (), {"metrics": []})()
    with printed(torchkeras) as seen:
        calls = CallbackList(add_progbar=True, model=model, verbose=1, epochs=1, steps=100)
        calls.on_epoch_begin(0)
        for batch in range(100):
            seen.clock.now += 1 / 64
            logs = Logs(lambda at=batch: looks.append(at) or {"loss": torch.tensor(1.0)})
            calls.on_train_batch_end(batch, logs)
    assert looks == list(range(0, 100, 4))


def test_silent_bars_have_no_hooks():
    for verbose, steps, count in ((1, 5, 1), (2, 5, 0), (2, None, 1), (0, 5, 0)):
        calls = CallbackList([ProgbarLogger("steps")], verbose=verbose, epochs=1, steps=steps)
        assert len(calls.train_batch_end) == count and calls.train_batch_begin == []


def test_a_file_is_not_flooded():
    """An hour of ten steps a second: a screen's line is rewritten each time, a file's seldom."""
    shown = {}
    for screen in (True, False):
        with printed(torchkeras) as seen:
            bar = Progbar(36_000)
            bar._keeps_text = not screen
            for step in range(1, 36_001):
                seen.clock.now += 0.1
                bar.update(step, [("loss", 0.5)])
        shown[screen] = seen.text.getvalue().count("ETA")
    assert shown[True] == 35_999 and 300 < shown[False] < 800
