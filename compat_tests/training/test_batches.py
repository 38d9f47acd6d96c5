"""What `train_step` and its like receive: batches in the nesting that tf.keras gives them."""

import numpy as np
import pytest

import torchkeras
from compat_tests import oracle

X, Y, W = np.ones((4, 2), "float32"), np.ones((4, 1), "float32"), np.ones(4, "float32")


def nesting(data):
    """`data` with every array written as '*', lists as tuples."""
    if isinstance(data, (tuple, list)):
        return str(tuple(nesting(part) for part in data)).replace("'", "")
    if isinstance(data, dict):
        return str({key: nesting(part) for key, part in data.items()}).replace("'", "")
    return "None" if data is None else "*"


def first(x):
    while isinstance(x, (tuple, list, dict)):
        x = next(iter(x.values())) if isinstance(x, dict) else x[0]
    return x


def received(keras, run):
    """What the steps of a model receive while `run(model)`, in their order."""
    seen = []

    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, inputs):
            return self.dense(first(inputs))

        def train_step(self, data):
            seen.append("train " + nesting(data))
            return {"loss": 0.0}

        def test_step(self, data):
            seen.append("test " + nesting(data))
            return {"loss": 0.0}

        def predict_step(self, data):
            seen.append("predict " + nesting(data))
            return self(data)

    model = Model()
    model(X)
    model.compile("sgd", "mse", run_eagerly=True)
    run(model)
    return seen


def forever(batch):
    while True:
        yield batch


FITS = {
    "x": {"x": X},
    "x, y": {"x": X, "y": Y},
    "x, y, weight": {"x": X, "y": Y, "sample_weight": W},
    "class weight": {"x": X, "y": Y, "class_weight": {0: 1.0, 1: 2.0}},
    "inputs": {"x": [X, X]},
    "inputs, y": {"x": [X, X], "y": Y},
    "named": {"x": {"a": X}, "y": Y},
    "outputs": {"x": X, "y": [Y, Y]},
    "validation": {"x": X, "y": Y, "validation_data": (X, Y)},
    "split": {"x": X, "y": Y, "validation_split": 0.5},
}
BATCHES = [X, (X,), (X, Y), (X, Y, W), (X, Y, None), ([X, X], Y), ({"a": X}, Y)]
RUNS = {name: lambda m, given=given: m.fit(**given, verbose=0) for name, given in FITS.items()}
RUNS |= {
    "generator " + nesting(batch): lambda m, batch=batch: m.fit(
        forever(batch), steps_per_epoch=1, verbose=0
    )
    for batch in BATCHES
}
RUNS |= {
    "evaluate": lambda m: m.evaluate(X, Y, verbose=0),
    "predict": lambda m: m.predict(X, verbose=0),
    "predict inputs": lambda m: m.predict([X, X], verbose=0),
    "predict generator": lambda m: m.predict(forever((X, Y)), steps=1, verbose=0),
    "train on batch": lambda m: m.train_on_batch(X, Y),
    "test on batch": lambda m: m.test_on_batch(X, Y),
}


@pytest.mark.parametrize("name", RUNS)
def test_received(name):
    expected = oracle.ask(lambda keras: received(keras, RUNS[name]))
    assert received(torchkeras, RUNS[name]) == expected
