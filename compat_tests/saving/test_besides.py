"""Losses and metrics that a graph of tf.keras has beside its outputs, read from a file."""

import numpy as np

import torchkeras
from compat_tests import oracle
from compat_tests.checks.files import numbers


def test_add_loss_and_add_metric_are_read(tmp_path):
    path, x, y = str(tmp_path / "model.h5"), numbers(8, 4), numbers(8, 2)

    def write(keras):
        import tensorflow as tf

        inputs = keras.layers.Input((4,))
        hidden = keras.layers.Dense(3, name="hidden")(inputs)
        model = keras.Model(inputs, keras.layers.Dense(2)(hidden))
        spread = keras.layers.Dense(1, name="beside")(hidden)
        model.add_loss(tf.reduce_mean(tf.square(spread)))
        model.add_metric(tf.reduce_sum(hidden), name="total", aggregation="mean")
        model.compile("sgd", "mse")
        model.save(path)
        told = [model.train_on_batch(x, y, return_dict=True) for _ in range(3)]
        return [np.fromfile(path, "uint8"), [sorted(one.items()) for one in told]]

    content, expected = oracle.ask(write)
    np.asarray(content, "uint8").tofile(path)
    model = torchkeras.models.load_model(path)
    for one in expected:
        found = model.train_on_batch(x, y, return_dict=True)
        assert sorted(found) == [name for name, _ in one]
        for name, value in one:
            np.testing.assert_allclose(float(found[name]), value, 1e-4, 1e-5)
