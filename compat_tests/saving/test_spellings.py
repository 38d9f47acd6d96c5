"""Words in archives that tf.keras and Keras 3 both take."""

import numpy as np

import torchkeras
from compat_tests import oracle
from torchkeras.models import load_model

X = np.arange(12.0, dtype="float32").reshape(4, 3)


def test_one_file_holds_an_optimizer_with_a_schedule_for_both(tmp_path):
    path = str(tmp_path / "model.keras")
    rate = torchkeras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)
    model = torchkeras.Sequential([torchkeras.layers.Dense(2, input_shape=(3,))])
    model.compile(torchkeras.optimizers.Adam(rate), "mse")
    model.fit(X, X[:, :2], epochs=3, verbose=0)
    model.save(path)

    def go_on(keras):
        loaded = keras.models.load_model(path)
        before = int(np.asarray(loaded.optimizer.iterations))
        return [before, loaded.fit(X, X[:, :2], epochs=2, verbose=0).history["loss"]]

    expected = [3, model.fit(X, X[:, :2], epochs=2, verbose=0).history["loss"]]
    assert load_model(path).optimizer.iterations == 3
    for ask in (oracle.ask, oracle.ask_keras3):
        steps, losses = ask(go_on)
        assert int(steps) == expected[0]
        np.testing.assert_allclose(losses, expected[1], 1e-4)
