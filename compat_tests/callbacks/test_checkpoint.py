"""ModelCheckpoint: when it saves, under which name, and what it says."""

import os

import numpy as np
import pytest

import torchkeras
from compat_tests.checks.printed import check_same, data, printed, small_model
from torchkeras.callbacks import ModelCheckpoint

LOSSES = [0.5, 0.4, 0.45, 0.3, 0.31]


class _Model:
    """Notes what it is asked to write, and writes an empty file."""

    def __init__(self):
        self.saved = []
        self.distribute_strategy = None

    def _note(self, kind):
        def save(filepath, overwrite=True, options=None):
            assert overwrite
            self.saved.append(f"{kind} {os.path.relpath(filepath)}")
            with open(filepath, "w"):
                pass

        return save

    save = property(lambda self: self._note("model"))
    save_weights = property(lambda self: self._note("weights"))


CASES = {
    "default": ("{epoch:02d}-{val_loss:.2f}.h5", {}),
    "one file": ("model.keras", {"verbose": 1}),
    "folders": ("a/{epoch}/model.h5", {"verbose": 1}),
    "weights": ("{epoch}.weights.h5", {"save_weights_only": True}),
    "best": ("best{epoch}.h5", {"save_best_only": True, "verbose": 1}),
    "best accuracy": (
        "{epoch}.h5",
        {"save_best_only": True, "verbose": 1, "monitor": "val_acc"},
    ),
    "max": ("{epoch}.h5", {"save_best_only": True, "mode": "max", "verbose": 1}),
    "fmeasure": ("{epoch}.h5", {"save_best_only": True, "monitor": "fmeasure_x"}),
    "min": ("{epoch}.h5", {"save_best_only": True, "monitor": "val_acc", "mode": "min"}),
    "unknown mode": ("{epoch}.h5", {"save_best_only": True, "mode": "up"}),
    "threshold": (
        "{epoch}.h5",
        {"save_best_only": True, "initial_value_threshold": 0.42, "verbose": 1},
    ),
    "missing": ("{epoch}.h5", {"save_best_only": True, "monitor": "none"}),
    "batches": ("{epoch}-{batch:02d}-{loss:.1f}.h5", {"save_freq": 5, "verbose": 1}),
    "every batch, best": (
        "{epoch}-{batch}.h5",
        {"save_freq": 1, "save_best_only": True, "monitor": "loss", "verbose": 1},
    ),
    "period": ("{epoch}.h5", {"period": 2}),
}


@pytest.mark.filterwarnings("ignore:`period`:DeprecationWarning")
@pytest.mark.parametrize("case", CASES)
def test_files(case, tmp_path, monkeypatch):
    path, arguments = CASES[case]

    def run(keras):
        folder = tmp_path / keras.__name__
        folder.mkdir()
        monkeypatch.chdir(folder)
        callback = keras.callbacks.ModelCheckpoint(path, **arguments)
        model = _Model()
        if keras is not torchkeras:
            import tensorflow as tf

            model.distribute_strategy = tf.distribute.get_strategy()
        callback.set_model(model)
        listed = keras.callbacks.CallbackList([callback])
        with printed(keras) as seen:
            listed.on_train_begin()
            for epoch, loss in enumerate(LOSSES):
                listed.on_epoch_begin(epoch)
                for batch in range(3):
                    listed.on_train_batch_end(batch, {"loss": loss - batch / 10})
                logs = {"loss": loss, "val_loss": loss, "val_acc": 1 - loss, "fmeasure_x": 1 - loss}
                listed.on_epoch_end(epoch, logs)
        files = sorted(os.path.relpath(p, folder) for p in folder.rglob("*") if p.is_file())
        return [model.saved, files, seen.text.getvalue(), float(callback.best)]

    saved = check_same(run)[0]
    assert saved or case == "missing"


def test_in_fit(tmp_path, monkeypatch):
    def run(keras):
        folder = tmp_path / keras.__name__
        folder.mkdir()
        monkeypatch.chdir(folder)
        model = small_model(keras)
        callback = keras.callbacks.ModelCheckpoint(
            "w-{epoch:02d}-{val_loss:.3f}.h5", save_weights_only=True, verbose=1
        )
        best = keras.callbacks.ModelCheckpoint(
            "best.h5", save_weights_only=True, save_best_only=True, monitor="mae", mode="max"
        )
        with printed(keras) as seen:
            history = model.fit(*data(), 8, 3, 0, [callback, best], 0.25, shuffle=False)
        again = small_model(keras)
        again.load_weights("best.h5")
        return [
            sorted(os.listdir()),
            seen.text.getvalue(),
            float(best.best),
            history.history,
            again.get_weights(),
        ]

    check_same(run)


def test_starts_from_the_newest_file(tmp_path):
    for number, name in enumerate(("w-2.h5", "w-1.h5", "other.h5", "w-3.txt")):
        (tmp_path / name).write_text("")
        os.utime(tmp_path / name, (1000 + number, 1000 + number))
    loaded = []
    model = type("Model", (), {"load_weights": lambda self, path: loaded.append(path)})()
    with pytest.warns(DeprecationWarning, match="load_weights_on_restart") as caught:
        callback = ModelCheckpoint(tmp_path / "w-{epoch}.h5", load_weights_on_restart=True)
    assert caught[0].filename == __file__
    callback.set_model(model)
    callback.on_train_begin()
    assert loaded == [str(tmp_path / "w-1.h5")]


def test_wrong_arguments(tmp_path):
    with pytest.raises(ValueError, match="Unrecognized save_freq: 'epochs'|save_freq: epochs"):
        ModelCheckpoint("a.h5", save_freq="epochs")
    with pytest.raises(TypeError, match="options"):
        ModelCheckpoint("a.h5", options={"a": 1})
    with pytest.raises(TypeError, match="'save_best'"):
        ModelCheckpoint("a.h5", save_best=True)
    callback = ModelCheckpoint("{val_los}.h5")
    with pytest.raises(KeyError, match="Failed to format this callback filepath"):
        callback.on_epoch_end(0, {"loss": 1.0, "val_loss": np.float32(1)})
    callback = ModelCheckpoint(tmp_path)
    callback.set_model(_Model())
    with pytest.raises(OSError, match="is an existing directory"):
        callback.on_epoch_end(0, {"loss": 1.0})
