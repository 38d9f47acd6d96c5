"""The results of metrics given to `add_metric`, beside tf.keras."""

import numpy as np
import torch

import torchkeras
from compat_tests import oracle


def test_a_result_stands_for_its_metric():
    random = np.random.default_rng(3)
    x, y = random.normal(size=(16, 3)), random.integers(0, 2, (16, 1)).astype("float32")
    kernel = random.normal(size=(3, 1))

    def ask(keras):
        class Endpoint(keras.layers.Layer):
            def __init__(self):
                super().__init__()
                self.right = keras.metrics.BinaryAccuracy(name="right", threshold=0.0)

            def call(self, outputs, labels):
                self.add_loss(keras.losses.mean_squared_error(labels, outputs))
                self.add_metric(self.right(labels, outputs))
                return outputs

        inputs, labels = keras.Input((3,)), keras.Input((1,))
        outputs = Endpoint()(keras.layers.Dense(1, use_bias=False)(inputs), labels)
        model = keras.Model([inputs, labels], outputs)
        model.compile("sgd")
        model.set_weights([kernel])
        history = model.fit([x, y], epochs=2, batch_size=5, shuffle=False, verbose=0).history
        return [list(history), *history.values()]

    found, wanted = ask(torchkeras), oracle.ask(ask)
    assert found[0] == wanted[0] == ["loss", "right"]
    np.testing.assert_allclose(found[1:], wanted[1:], rtol=1e-5)


def test_other_values_need_a_name():
    layer = torchkeras.layers.Dense(1)
    layer.add_metric(torch.ones(2), name="ones")
    assert [metric.name for metric in layer.metrics] == ["ones"]
