"""Optimizers written for TensorFlow up to 2.10, beside tf_keras."""

import numpy as np
import pytest

import torchkeras
from compat_tests import oracle

X = np.random.RandomState(0).rand(32, 4).astype("float32")
Y = X.sum(1, keepdims=True)


def momentum_rule(keras):
    class Momentum(keras.optimizers.legacy.Optimizer):
        def __init__(self, learning_rate=0.05, momentum=0.9, name="Momentum", **kwargs):
            super().__init__(name, **kwargs)
            self._set_hyper("learning_rate", kwargs.get("lr", learning_rate))
            self._set_hyper("momentum", momentum)
            self._set_hyper("decay", self._initial_decay)

        def _create_slots(self, var_list):
            for variable in var_list:
                self.add_slot(variable, "m")

        def _prepare_local(self, var_device, var_dtype, apply_state):
            super()._prepare_local(var_device, var_dtype, apply_state)
            share = 1.0 - self._get_hyper("momentum", var_dtype)
            apply_state[var_device, var_dtype]["share"] = share

        def _resource_apply_dense(self, grad, var, apply_state=None):
            kind = (var.device, var.dtype.base_dtype)
            shared = (apply_state or {}).get(kind) or self._fallback_apply_state(*kind)
            m = self.get_slot(var, "m")
            m.assign(m * self._get_hyper("momentum") + grad * shared["share"])
            return var.assign_sub(shared["lr_t"] * m, use_locking=self._use_locking)

        def get_config(self):
            momentum = self._serialize_hyperparameter("momentum")
            return {**super().get_config(), "momentum": momentum}

    return Momentum


def train(keras, settings):
    if settings == "schedule":
        settings = {"learning_rate": keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)}
    optimizer = momentum_rule(keras)(**settings)
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Dense(3, "tanh", kernel_initializer="ones", input_shape=(4,)),
            layers.Dense(1, kernel_initializer="ones"),
        ]
    )
    model.compile(optimizer, "mse")
    losses = model.fit(X, Y, epochs=3, batch_size=8, shuffle=False, verbose=0).history["loss"]
    config = optimizer.get_config()
    return {"losses": losses, "momentum": config["momentum"], "state": len(optimizer.get_weights())}


@pytest.mark.parametrize("settings", [{}, {"decay": 0.1, "clipnorm": 0.5}, "schedule"], ids=str)
@pytest.mark.filterwarnings("ignore:decay is an old argument")
def test_rule(settings):
    found = train(torchkeras, settings)
    wanted = oracle.ask(lambda keras: train(keras, settings))
    np.testing.assert_allclose(found.pop("losses"), wanted.pop("losses"), rtol=1e-4)
    assert found == wanted
