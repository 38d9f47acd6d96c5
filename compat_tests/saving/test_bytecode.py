"""Lambdas and named functions of models, written for each Keras and read again."""

from functools import partial

import numpy as np
import pytest
import torch

import torchkeras
from compat_tests import oracle
from torchkeras.models import load_model, model_from_json
from torchkeras.saving.functions import bytecode

X = np.arange(6.0, dtype="float32").reshape(2, 3)
ASK = {"tf_keras": oracle.ask, "Keras 3": oracle.ask_keras3}
CASES = [("v2.keras", "tf_keras"), ("h5", "tf_keras"), ("keras", "Keras 3")]


def scaled(x, factor):
    return x * float(np.sum(factor) if isinstance(factor, np.ndarray) else "a list")


def made(number=3.0):
    """A lambda with a default and a closure, and a function with an array."""
    layers = torchkeras.layers
    x = layers.Input((3,))
    y = layers.Lambda(lambda x, times=2.0: x * times + number, output_shape=(3,))(x)
    y = layers.Lambda(lambda x: x - number)(y)
    factors = np.array([1.0, 2.0, 3.0], "float32")
    return torchkeras.Model(x, layers.Lambda(scaled, arguments={"factor": factors})(y))


def saved(model, tmp_path, ending):
    path = str(tmp_path / f"model.{ending}")
    model.save(path, save_format="keras_v2" if ending.endswith("v2.keras") else None)
    return path


@pytest.mark.parametrize("ending, reader", CASES)
def test_functions_are_read(ending, reader, tmp_path, monkeypatch):
    model = made()
    path, expected = saved(model, tmp_path, ending), model.predict(X, verbose=0)

    def read(keras, path=path):
        own = {"scaled": scaled}
        return keras.models.load_model(path, own, safe_mode=False).predict(X, verbose=0)

    np.testing.assert_allclose(ASK[reader](read), expected)
    with pytest.raises(ValueError, match="Python code"):
        load_model(path, {"scaled": scaled})
    for is_own in (True, False):  # run, and computed as that of another Python
        if not is_own:
            monkeypatch.setattr(bytecode, "_of_this_python", lambda code: None)
        again = load_model(path, {"scaled": scaled}, safe_mode=False)
        np.testing.assert_allclose(again.predict(X, verbose=0), expected)
        other = saved(again, tmp_path, f"2.{ending}")
        twice = load_model(other, {"scaled": scaled}, safe_mode=False)
        np.testing.assert_allclose(twice.predict(X, verbose=0), expected)
        np.testing.assert_allclose(ASK[reader](partial(read, path=other)), expected)


def test_json():
    again = model_from_json(made().to_json(), {"scaled": scaled}, safe_mode=False)
    np.testing.assert_allclose(again.predict(X, verbose=0), made().predict(X, verbose=0))


def test_a_lambda_that_holds_objects(tmp_path, caplog):
    held = torch.ones(3)
    layers = torchkeras.layers
    model = torchkeras.Sequential([layers.Input((3,)), layers.Lambda(lambda x: x + held)])
    path = saved(model, tmp_path, "keras")
    assert "cannot be written" in caplog.text
    with pytest.raises(ValueError, match="'lambda'.*code"):
        load_model(path, safe_mode=False)
