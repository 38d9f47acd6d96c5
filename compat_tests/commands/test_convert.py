"""`torchkeras convert`: from every format to every other, with the numbers that it had."""

import numpy as np
import pytest

import torchkeras as keras
from compat_tests.checks.commands import call
from torchkeras import layers

X = np.random.RandomState(0).rand(5, 3).astype("float32")
MODELS = ["m.h5", "m.keras", "saved"]
WEIGHTS = ["m.weights.h5", "w.h5", "ckpt", "m.safetensors", "m.pt"]
TARGETS = ["o.h5", "o.keras", "out", "o.weights.h5", "o.safetensors", "o.pt", "o.ckpt"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    first = layers.Dense(4, activation="relu", input_shape=(3,))
    model = keras.Sequential([first, layers.Dense(1)])
    model.save(folder / "fresh.h5")
    model.compile("adam", "mse")
    model.fit(X, np.ones((5, 1)), verbose=0)
    for name in MODELS:
        model.save(folder / name)
    for name in WEIGHTS:
        model.save_weights(str(folder / name))
    np.save(folder / "want.npy", model.predict(X, verbose=0))
    lambdas = keras.Sequential([layers.Dense(2, input_shape=(3,), activation=half)])
    lambdas.save(folder / "own.keras")
    return folder


def half(x):
    return x / 2


def outputs(path, files):
    """What the model in a file, or with the weights of one, predicts; and its step."""
    if path.name in ("o.h5", "o.keras", "out"):
        model = keras.models.load_model(path)
    else:
        model = keras.models.load_model(files / "fresh.h5", compile=False)
        model.load_weights(str(path))
    step = None if model.optimizer is None else int(model.optimizer.iterations)
    return model.predict(X, verbose=0), step


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", MODELS + WEIGHTS)
@pytest.mark.filterwarnings("ignore:.*training config")
def test_convert(source, target, files, tmp_path):
    model = [] if source in MODELS else ["--model", files / "fresh.h5"]
    found = call("convert", files / source, tmp_path / target, *model)
    assert (found.status, found.err) == (0, ""), found.err
    values, step = outputs(tmp_path / target, files)
    np.testing.assert_array_equal(values, np.load(files / "want.npy"))
    if source in MODELS and target in ("o.h5", "o.keras", "out"):
        assert step == 1


BAD = {
    "absent": (["nowhere.h5", "o.keras"], "No file or directory found"),
    "unknown ending": (["m.h5", "o.bin"], "its ending is none of .keras"),
    "exists": (["m.h5", "m.keras"], "exists; say --overwrite"),
    "weights alone": (["w.h5", "o.keras"], "holds weights alone"),
    "model without a model": (["w.h5", "o.h5", "--model", "m.pt"], "--model needs a file"),
    "own objects": (["own.keras", "o.h5"], "needs half, which only Python can give"),
    "no folder": (["m.h5", "m.pt", "--format", "tf", "--overwrite"], "no SavedModel folder"),
    "a folder": (["m.h5", "saved", "--format", "keras", "--overwrite"], "is a folder"),
    "ending of weights": (["m.h5", "o.h5", "--format", "weights.h5"], "end in .weights.h5"),
    "other weights": (["own.weights.h5", "o.h5", "--model", "m.h5"], "own.weights.h5"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case, files, monkeypatch):
    monkeypatch.chdir(files)
    other = keras.Sequential([layers.Dense(7, input_shape=(2,))])
    other.save_weights(str(files / "own.weights.h5"))
    before = {path: path.stat().st_mtime_ns for path in files.rglob("*")}
    arguments, message = BAD[case]
    found = call("convert", *arguments)
    assert (found.status, found.out) == (2, ""), found
    assert message in found.err and found.err.count("\n") == 1, found.err
    after = {path: path.stat().st_mtime_ns for path in files.rglob("*")}
    assert after == before


@pytest.mark.parametrize("target", TARGETS)
def test_overwrite(target, files, tmp_path, monkeypatch):
    """What was there is replaced as asked, and stays where writing fails."""
    out = tmp_path / target
    assert call("convert", files / "m.h5", out).status == 0
    assert call("convert", files / "m.h5", out).status == 2
    assert call("convert", files / "m.h5", out, "--overwrite").status == 0
    names = sorted(path.name for path in tmp_path.rglob("*"))
    monkeypatch.setattr("os.replace", fails)
    assert call("convert", files / "fresh.h5", out, "--overwrite").status == 2
    assert sorted(path.name for path in tmp_path.rglob("*")) == names
    values, _ = outputs(out, files)
    np.testing.assert_array_equal(values, np.load(files / "want.npy"))


def fails(*args):
    raise OSError(28, "No space left on device")


def test_training_state_can_be_left_out(files, tmp_path):
    assert call("convert", files / "m.h5", tmp_path / "o.keras", "--no-training").status == 0
    assert keras.models.load_model(tmp_path / "o.keras", compile=False).optimizer is None
    assert "optimizer" not in call("inspect", tmp_path / "o.keras").out.replace("no optimizer", "")
