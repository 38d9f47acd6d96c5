"""`torchkeras inspect`: what it tells of every format, of damage and of what is no model."""

import json
import re
import shutil

import h5py
import numpy as np
import pytest

import torchkeras as keras
from compat_tests import oracle
from compat_tests.checks.commands import call
from torchkeras import layers

FILES = {  # file: format, written by, has a model, has training state, has checksums
    "m.h5": ("HDF5 model of Keras", "2.15.0", True, True, True),
    "m.keras": (".keras archive", "2.15.0", True, True, True),
    "m.weights.h5": ("HDF5 weights by objects (.weights.h5)", None, False, True, True),
    "w.h5": ("HDF5 weights by layers", "2.15.0", False, False, True),
    "saved": ("SavedModel folder", None, True, True, True),
    "ckpt": ("TensorFlow checkpoint", None, False, True, True),
    "folder": ("TensorFlow checkpoint", None, False, True, True),
    "m.safetensors": ("safetensors", None, False, False, True),
    "m.pt": ("state_dict of torch (.pt)", None, False, False, False),
}


def made(kind):
    model = kind.Sequential(
        [kind.layers.Input((3,)), kind.layers.Dense(4, activation="relu"), kind.layers.Dense(1)]
    )
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(np.zeros((8, 3)), np.zeros((8, 1)), batch_size=4, verbose=0)
    return model


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    model = made(keras)
    for name in ("m.h5", "m.keras", "saved"):
        model.save(folder / name)
    for name in ("m.weights.h5", "w.h5", "m.safetensors", "m.pt", "ckpt", "folder/ckpt"):
        model.save_weights(str(folder / name))
    return folder


@pytest.mark.parametrize("name", FILES)
def test_formats(name, files):
    kind, version, has_model, trained, checked = FILES[name]
    found = json.loads(call("inspect", files / name, "--json").out)
    assert (found["format"], found["keras_version"]) == (kind, version)
    shapes = sorted(tuple(sorted(array["shape"])) for array in found["weights"])
    assert shapes == [(1,), (1, 4), (3, 4), (4,)]
    assert {array["dtype"] for array in found["weights"]} == {"float32"}
    assert (found["class_name"] == "Sequential") == has_model
    assert bool(found["summary"]) == has_model
    assert found["step"] == (2 if trained else None)
    assert (found["loss"] is not None) == (has_model and trained)
    assert found["checksums"].startswith("ok") == checked and not found["damaged"]
    assert found["custom_objects"] == [] and found["remarks"] == []
    text = call("inspect", files / name)
    assert text.status == 0 and text.out.splitlines()[1].startswith(f"  format      {kind}")


def written(kind, name, folder):
    """The version of a Keras, and the file that it writes."""
    made(kind).save(folder / name)
    return kind.__version__, np.frombuffer((folder / name).read_bytes(), "uint8")


@pytest.mark.parametrize("ask, name", [(oracle.ask, "m.h5"), (oracle.ask_keras3, "m.keras")])
def test_files_of_keras(ask, name, tmp_path):
    version, content = ask(lambda kind: written(kind, name, tmp_path))
    (tmp_path / name).write_bytes(bytes(np.asarray(content, "uint8")))
    found = json.loads(call("inspect", tmp_path / name, "--json").out)
    assert found["keras_version"] == version and found["checksums"] == "none in this file"
    assert (found["loss"], found["step"]) == ("mse", 2) and len(found["weights"]) == 4
    assert found["summary"] and not found["custom_objects"]


@keras.saving.register_keras_serializable("mine")
class Mine(layers.Layer):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units, self.dense = units, layers.Dense(units)

    def call(self, inputs):
        return self.dense(inputs)


def loss_of_mine(y_true, y_pred):
    return (y_true - y_pred) ** 2


@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
def test_missing_classes(name, tmp_path):
    """What the config says is told, and what the file needs; none of it is imported."""
    model = keras.Sequential([layers.Input((3,)), Mine(5, name="own"), layers.Dense(1)])
    model.compile("sgd", loss_of_mine)
    model.save(tmp_path / name)
    registered = keras.saving.get_custom_objects()
    mine = registered.pop("mine>Mine")
    try:
        found = call("inspect", tmp_path / name)
    finally:
        registered["mine>Mine"] = mine
    assert re.search("custom_objects: (mine>)?Mine, loss_of_mine\n", found.out), found.out
    assert "own" in found.out and "units=5" in found.out


def half(x):
    return x / 2


def test_code_is_told_and_not_run(tmp_path):
    model = keras.Sequential([layers.Dense(2, input_shape=(3,)), layers.Lambda(half, name="own")])
    model.save(tmp_path / "m.h5")
    text = '"function": ["4wAAAAA=", null, null], "function_type": "lambda"'
    with h5py.File(tmp_path / "m.h5", "a") as file:
        config = str(file.attrs["model_config"])
        assert '"function": "half"' in config
        config = config.replace('"function": "half"', text).replace(
            ', "function_type": "function"', ""
        )
        file.attrs["model_config"] = config
        del file.attrs["torchkeras_checksums"]
    found = call("inspect", tmp_path / "m.h5")
    assert (found.status, "own: refused unless safe_mode=False" in found.out) == (0, True)


def flipped(path):
    content = bytearray(path.read_bytes())
    place = content.find(np.float32(0.12345).tobytes())
    content[place] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["m.h5", "w.h5", "m.weights.h5"])
def test_damage(name, tmp_path):
    """An array that is not what was written is told, with the rest, and status 1."""
    model = made(keras)
    model.layers[0].set_weights([np.full((3, 4), 0.12345), np.zeros(4)])
    (model.save if name == "m.h5" else model.save_weights)(str(tmp_path / name))
    flipped(tmp_path / name)
    found = call("inspect", tmp_path / name)
    assert found.status == 1 and "DAMAGED: " in found.out and "is not what was written" in found.out


def truncated(files, folder):
    content = (files / "m.keras").read_bytes()
    (folder / "short.keras").write_bytes(content[: len(content) // 2])
    return "short.keras"


def other(files, folder):
    with h5py.File(folder / "other.h5", "w") as file:
        file["x"] = [1, 2]
    return "other.h5"


BAD = {
    "absent": (lambda files, folder: "nowhere.h5", "No file or directory found"),
    "truncated": (truncated, "cannot be read"),
    "another HDF5 file": (other, "holds no model or weights of Keras"),
    "text": (lambda files, folder: (folder / "a.txt").write_text("x") and "a.txt", "no model file"),
    "folder": (lambda files, folder: ".", "without saved_model.pb or a checkpoint"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case, files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make, message = BAD[case]
    found = call("inspect", make(files, tmp_path))
    assert (found.status, found.out) == (2, "")
    assert message in found.err and found.err.count("\n") == 1, found.err


def test_long_tables_are_cut(tmp_path):
    model = keras.Sequential([layers.Dense(2, input_shape=(2,))])
    for _ in range(40):
        model.add(layers.Dense(2))
    model.save(tmp_path / "m.keras")
    short = call("inspect", tmp_path / "m.keras").out
    whole = call("inspect", tmp_path / "m.keras", "--all").out
    assert short.count("--all shows them") == 2 and "Total params: 246" in short
    assert "--all" not in whole and whole.count("\n") > 160 > short.count("\n")


def test_saved_model_without_keras(files, tmp_path):
    shutil.copytree(files / "saved", tmp_path / "saved")
    (tmp_path / "saved" / "keras_metadata.pb").write_bytes(b"")
    found = call("inspect", tmp_path / "saved")
    assert found.status == 0 and "no description of a Keras model" in found.out
    assert "layer_with_weights-0/kernel" in found.out
