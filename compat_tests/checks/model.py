"""Whole models beside tf_keras': structure, training, evaluation and prediction."""

from __future__ import annotations

import numpy as np

import torchkeras
from compat_tests import oracle


def fill(model, seed=0):
    """Weights that both sides can make: numpy draws in the order and shapes of get_weights."""
    rng = np.random.default_rng(seed)
    values = []
    for weight in model.weights:
        value = rng.normal(0, 0.3, tuple(weight.shape)).astype("float32")
        values.append(np.abs(value) + 0.5 if "variance" in weight.name else value)
    model.set_weights(values)


def describe(model):
    """What tells two models apart: layers, weights, shapes."""
    return {
        "layers": [layer.name for layer in model.layers],
        "weights": [w.name for w in model.weights],
        "shapes": [list(w.shape) for w in model.weights],
        "trainable": [w.name for w in model.trainable_weights],
        "inputs": list(model.input_names),
        "outputs": list(model.output_names),
        "params": int(model.count_params()),
    }


def train(keras, build, x, y, compile, fit):
    """A fresh model through compile, fit, evaluate and predict: everything it reports."""
    keras.backend.clear_session()
    model = build(keras)
    fill(model)
    model.compile(**(compile(keras) if callable(compile) else compile))
    settings = {"epochs": 3, "batch_size": 16, "shuffle": False, "verbose": 0, **fit}
    history = model.fit(x, y, **settings).history
    sample_weight = fit.get("sample_weight")
    results = model.evaluate(
        x, y, batch_size=16, verbose=0, sample_weight=sample_weight, return_dict=True
    )
    predicted = model.predict(x, batch_size=16, verbose=0)
    return {
        "keys": list(history),
        "history": [[float(v) for v in values] for values in history.values()],
        "result_keys": list(results),
        "results": [float(v) for v in results.values()],
        "predicted": predicted if isinstance(predicted, list) else [predicted],
        "weights": model.get_weights(),
        "metrics_names": list(model.metrics_names),
        "description": describe(model),
    }


def check_training(build, x, y, compile, fit=None, rtol=1e-4, atol=1e-4):
    """Both sides train alike: histories, results, predictions, final weights, all names."""
    fit = fit or {}
    expected = oracle.ask(lambda keras: train(keras, build, x, y, compile, fit))
    found = train(torchkeras, build, x, y, compile, fit)
    assert found["description"] == expected["description"]
    for names in ("keys", "result_keys", "metrics_names"):
        assert found[names] == expected[names]
    close = {"rtol": rtol, "atol": atol}
    np.testing.assert_allclose(found["history"], expected["history"], **close)
    np.testing.assert_allclose(found["results"], expected["results"], **close)
    for ours, theirs in zip(found["predicted"], expected["predicted"], strict=True):
        np.testing.assert_allclose(ours, theirs, **close)
    names = found["description"]["weights"]
    for name, ours, theirs in zip(names, found["weights"], expected["weights"], strict=True):
        np.testing.assert_allclose(ours, theirs, **close, err_msg=name)
