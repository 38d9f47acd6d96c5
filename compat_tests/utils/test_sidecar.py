"""SidecarEvaluator: checkpoints of another process, evaluated as they come."""

import threading

import numpy as np
import pytest

import torchkeras
from torchkeras import callbacks, experimental, layers, utils
from torchkeras.data import Dataset
from torchkeras.utils import sidecar

X = np.linspace(-1, 1, 24, dtype="float32").reshape(8, 3)
Y = X.sum(1, keepdims=True)


def model():
    made = torchkeras.Sequential([layers.Dense(1, input_shape=(3,))])
    made.compile("sgd", "mse", metrics=["mae"])
    return made


class Seen(callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.losses = []

    def on_test_end(self, logs=None):
        self.losses.append(float(logs["loss"]))


@pytest.mark.parametrize("name", ["ckpt-{epoch}", "ckpt-{epoch}.weights.h5"])
def test_evaluates_what_training_writes(name, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sidecar, "_PAUSE", 0.01)
    seen, data = Seen(), Dataset.from_tensor_slices((X, Y)).batch(4)
    watched = model()
    evaluator = utils.SidecarEvaluator(
        watched, data, tmp_path, steps=2, max_evaluations=3, callbacks=[seen]
    )
    trained = model()
    save = callbacks.ModelCheckpoint(str(tmp_path / name), save_weights_only=True)
    thread = threading.Thread(target=evaluator.start)
    thread.start()
    trained.fit(X, Y, epochs=3, callbacks=[save], verbose=0)
    thread.join(60)
    assert not thread.is_alive() and 1 <= len(seen.losses) <= 3
    for ours, theirs in zip(watched.get_weights(), trained.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert seen.losses[-1] == pytest.approx(trained.evaluate(X, Y, verbose=0)[0], rel=1e-5)
    assert "2/2 - " in capsys.readouterr().out


def test_exports_the_best(tmp_path):
    """With the callback that keeps the best of what was evaluated."""
    trained = model()
    trained.save_weights(tmp_path / "ckpt-1")
    best = callbacks.SidecarEvaluatorModelExport(
        str(tmp_path / "best-{epoch}.keras"), str(tmp_path / "ckpt-{epoch}"), monitor="loss"
    )
    data = Dataset.from_tensor_slices((X, Y)).batch(8)
    utils.SidecarEvaluator(model(), data, tmp_path, 1, 1, [best]).start()
    loaded = torchkeras.models.load_model(tmp_path / "best-1.keras")
    np.testing.assert_array_equal(loaded.get_weights()[0], trained.get_weights()[0])


def test_names_without_numbers(tmp_path):
    model().save_weights(tmp_path / "weights")
    data = Dataset.from_tensor_slices((X, Y)).batch(8)
    with pytest.raises(ValueError, match="ckpt-{epoch}"):
        utils.SidecarEvaluator(model(), data, tmp_path, max_evaluations=1).start()


def test_the_old_name():
    assert experimental.SidecarEvaluator is utils.SidecarEvaluator
