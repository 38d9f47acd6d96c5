"""Weights that Keras 3 writes into several files."""

import json

import numpy as np
import pytest

import torchkeras
from compat_tests import oracle


def build(keras):
    layers = keras.layers
    model = keras.Sequential(
        [layers.Input((5,)), layers.Dense(4), layers.LayerNormalization(), layers.Dense(3)]
    )
    model.compile("adam", "mse")
    return model


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Weights of Keras 3 after a step in the files x*, and what they are."""
    monkeypatch.chdir(tmp_path)

    def write(keras):
        keras.utils.set_random_seed(0)
        model = build(keras)
        model.train_on_batch(np.ones((2, 5)), np.ones((2, 3)))
        model.save_weights("x.weights.json", max_shard_size=100 / 2**30)
        paths = sorted(tmp_path.glob("x*"))
        rule = [np.asarray(one.value.detach()) for one in model.optimizer.variables]
        files = {path.name: np.fromfile(path, "uint8") for path in paths}
        return files, [model.get_weights(), rule]

    found, state = oracle.ask_keras3(write)
    assert len(found) > 3
    for name, content in found.items():
        content.tofile(name)
    return state


def test_reads_all_files(files):
    model = build(torchkeras)
    model.train_on_batch(np.zeros((2, 5)), np.zeros((2, 3)))
    model.load_weights("x.weights.json")
    weights, optimizer = files
    for found, expected in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert model.optimizer.iterations == 1
    moments = [array for array in optimizer if array.shape == (5, 4)]
    found = [w for w in model.optimizer.get_weights() if w.shape == (5, 4)]
    np.testing.assert_array_equal(found, moments)


CHANGES = {
    "a path": (lambda told: {"a": "/etc/passwd"}, "names '/etc/passwd', which is no file beside"),
    "a way up": (lambda told: {"a": ["../x.h5"]}, "names '../x.h5', which is no file beside"),
    "a number": (lambda told: {"a": 3}, "names 3, which is no file beside"),
    "nothing": (lambda told: {}, "has no 'weight_map'"),
    "a list": (lambda told: [1], "has no 'weight_map'"),
    "a part": (lambda told: dict(list(told.items())[:1]), "x.weights.json"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_an_index_names_files_beside_it(files, name):
    change, said = CHANGES[name]
    with open("x.weights.json") as file:
        told = json.load(file)
    with open("x.weights.json", "w") as file:
        json.dump(told | {"weight_map": change(told["weight_map"])}, file)
    model = build(torchkeras)
    before = model.get_weights()
    with pytest.raises(ValueError, match=said):
        model.load_weights("x.weights.json")
    for found, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_lost_file_is_an_error(files, tmp_path):
    (tmp_path / "x_00001.weights.h5").unlink()
    with pytest.raises(FileNotFoundError, match=r"x_00001.weights.h5"):
        build(torchkeras).load_weights("x.weights.json")
    with pytest.raises(ValueError, match="holds weights alone"):
        torchkeras.models.load_model("x.weights.json")
