"""Weights files: matched by order or by name, converted, refused; a failure changes nothing."""

import h5py
import numpy as np
import pytest
import torch
from torch import nn

import torchkeras
from compat_tests import oracle
from compat_tests.checks.files import numbers
from compat_tests.checks.model import fill


def stack(keras, *units, names=None):
    """Dense layers on three features; `names` names them."""
    layers = [
        keras.layers.Dense(n, name=names[i] if names else None, input_shape=(3,))
        for i, n in enumerate(units)
    ]
    model = keras.Sequential(layers)
    fill(model)
    return model


def weights_after(load):
    """What a load does to a fresh model's weights on both sides, or the error it makes."""

    def run(keras):
        try:
            return [np.array(w) for w in load(keras).get_weights()]
        except ValueError:
            return "ValueError"

    expected = oracle.ask(run)
    found = run(torchkeras)
    assert isinstance(found, str) == isinstance(expected, str)
    if not isinstance(found, str):
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)
    return found


LOADS = {  # name -> units and names in the file, in the model, arguments
    "by order": ([4, 2], "ab", [4, 2], "cd", {}),
    "by order, other shapes": ([4, 2], "ab", [5, 2], "ab", {}),
    "by order, fewer layers": ([4, 2], "ab", [4], "a", {}),
    "by name": ([4, 2], "ab", [4, 2], "ac", {"by_name": True}),
    "by name, other order": ([3, 3], "ab", [3, 3], "ba", {"by_name": True}),
    "by name, nothing shared": ([4, 2], "ab", [4, 2], "cd", {"by_name": True}),
    "by name, other shapes": ([4, 2], "ab", [4, 3], "ab", {"by_name": True}),
    "skipping order": ([4, 2], "ab", [4, 2], "ab", {"skip_mismatch": True}),
}


@pytest.mark.parametrize("name", LOADS)
def test_loads_as_tf_keras_does(name, tmp_path):
    units, names, other_units, other_names, arguments = LOADS[name]
    path = str(tmp_path / "weights.h5")
    stack(torchkeras, *units, names=names).save_weights(path)

    def load(keras):
        model = stack(keras, *other_units, names=other_names)
        model.set_weights([w * 0 + 7 for w in model.get_weights()])
        model.load_weights(path, **arguments)
        return model

    weights_after(load)


def test_skip_mismatch_warns_and_loads_the_rest(tmp_path):
    path = str(tmp_path / "weights.h5")
    stack(torchkeras, 4, 2, names="ab").save_weights(path)

    def load(keras):
        model = stack(keras, 4, 3, names="ab")
        model.set_weights([w * 0 + 7 for w in model.get_weights()])
        model.load_weights(path, by_name=True, skip_mismatch=True)
        return model

    with pytest.warns(UserWarning, match=r"weights.h5.*'b'.*b/(kernel|bias).*\(.*3.*\).*\(.*2.*\)"):
        found = weights_after(load)
    assert (found[2] == 7).all() and not (found[0] == 7).any()


def test_skip_mismatch_warns_of_other_counts(tmp_path):
    path = str(tmp_path / "weights.h5")
    stack(torchkeras, 4, 2, names="ab").save_weights(path)
    layers = torchkeras.layers
    model = torchkeras.Sequential([layers.Dense(4, use_bias=False, name="a", input_shape=(3,))])
    with pytest.warns(UserWarning, match="'a'.*1 weights.*2"):
        model.load_weights(path, by_name=True, skip_mismatch=True)
    with pytest.raises(ValueError, match="weights.h5.*'a'.*1 weights.*2"):
        model.load_weights(path, by_name=True)


def test_errors_name_layer_weight_and_shapes(tmp_path):
    path = str(tmp_path / "weights.h5")
    stack(torchkeras, 4, 2, names="ab").save_weights(path)
    with pytest.raises(ValueError, match=r"weights.h5.*'b'.*b/kernel:0.*\(4, 3\).*\(4, 2\)"):
        stack(torchkeras, 4, 3, names="ab").load_weights(path)
    with pytest.raises(ValueError, match=r"3 layers.*\(a, b, c\).*2 \(a, b\)"):
        stack(torchkeras, 4, 2, 2, names="abc").load_weights(path)


def test_a_failed_load_changes_no_weight(tmp_path):
    path = str(tmp_path / "weights.h5")
    stack(torchkeras, 4, 2, names="ab").save_weights(path)
    model = stack(torchkeras, 4, 2, 3, names="abc")
    before = model.get_weights()
    with h5py.File(path, "r+") as file:
        del file["b/b/bias:0"]
    for arguments in ({}, {"by_name": True}, {"by_name": True, "skip_mismatch": True}):
        with pytest.raises(ValueError):
            model.load_weights(path, **arguments)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_weights_come_from_whole_models_and_open_files(tmp_path):
    path = str(tmp_path / "model.h5")
    model = stack(torchkeras, 4, 2)
    model.save(path)
    other = stack(torchkeras, 4, 2)
    other.set_weights([w * 0 for w in other.get_weights()])
    other.load_weights(path)
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])
    with h5py.File(tmp_path / "open.h5", "w") as file:
        model.save(file)
        again = torchkeras.models.load_model(file)
        np.testing.assert_array_equal(again.get_weights()[2], model.get_weights()[2])
        other.load_weights(file)


class Block(torchkeras.Model):
    """A subclass with layers in a list, a plain torch module and a weight of its own."""

    def __init__(self):
        super().__init__()
        self.first = torchkeras.layers.Dense(3)
        self.others = [torchkeras.layers.Dense(3), torchkeras.layers.BatchNormalization()]
        self.scale = self.add_weight("scale", (3,))

    def call(self, inputs):
        outputs = self.first(inputs)
        for layer in self.others:
            outputs = layer(outputs)
        return outputs * self.scale


def test_subclass_models_save_weights_once_they_have_some(tmp_path):
    path = str(tmp_path / "weights.h5")
    model, other = Block(), Block()
    with pytest.raises(ValueError, match="do not exist yet"):
        model.save_weights(path)
    x = torch.ones(2, 3)
    model(x)
    fill(model)
    model.save_weights(path)
    with h5py.File(path) as file:
        assert len(file.attrs["layer_names"]) == 3
        assert file["top_level_model_weights"].attrs["weight_names"].shape == (1,)
    with pytest.raises(ValueError, match="do not exist yet"):
        other.load_weights(path)
    other(x)
    other.load_weights(path)
    assert torch.equal(model(x), other(x))
    with pytest.raises(ValueError, match="subclass.*save_weights"):
        model.save(path)


def test_plain_torch_modules_save_their_weights(tmp_path):
    path = str(tmp_path / "weights.h5")

    def build():
        return torchkeras.Sequential(
            [torchkeras.layers.Dense(3, input_shape=(3,)), nn.Linear(3, 2)]
        )

    model, other = build(), build()
    model.save_weights(path)
    other.load_weights(path)
    x = torch.ones(2, 3)
    assert torch.equal(model(x), other(x))
    with pytest.raises(ValueError, match="plain nn.Module.*save_weights"):
        model.save(path)


def test_two_weights_of_one_name_are_told_apart(tmp_path):
    class Twice(torchkeras.layers.Layer):
        def build(self, input_shape):
            self.one = self.add_weight("same", (2,), initializer="ones")
            self.two = self.add_weight("same", (2,), initializer="zeros")
            self.built = True

        def call(self, inputs):
            return inputs * self.one + self.two

    path = str(tmp_path / "weights.h5")
    x = torchkeras.Input((2,))
    model = torchkeras.Model(x, Twice(name="twice")(x))
    model.save_weights(path)
    with h5py.File(path) as file:
        names = list(file["twice"].attrs["weight_names"])
    assert names == ["twice/same:0", "twice/same_1:0"]
    model.load_weights(path)
    assert model.get_weights()[0].tolist() == [1.0, 1.0]


def cudnn_file(path, kind, gates):
    """A weights file as CuDNNLSTM and CuDNNGRU of Keras 2.1 to 2.3 wrote it."""
    values = {
        "kernel:0": numbers(2, 3 * gates),
        "recurrent_kernel:0": numbers(3, 3 * gates, seed=1),
        "bias:0": numbers(6 * gates, seed=2),
    }
    name = f"cu_dnn{kind.lower()}_1"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array([name.encode()])
        file.attrs["keras_version"] = np.bytes_("2.2.4")
        file.attrs["backend"] = np.bytes_("tensorflow")
        group = file.create_group(name)
        group.attrs["weight_names"] = np.array([f"{name}/{key}".encode() for key in values])
        for key, value in values.items():
            group.create_dataset(f"{name}/{key}", data=value)


@pytest.mark.parametrize("kind, gates", [("LSTM", 4), ("GRU", 3)])
def test_weights_of_cudnn_layers_are_converted(tmp_path, kind, gates):
    path = str(tmp_path / "weights.h5")
    cudnn_file(path, kind, gates)

    def load(keras):
        model = keras.Sequential([getattr(keras.layers, kind)(3, input_shape=(4, 2))])
        model.load_weights(path)
        return model

    assert not isinstance(weights_after(load), str)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_weights_of_cudnn_layers_do_not_fit_other_layers(tmp_path, kind):
    path = str(tmp_path / "weights.h5")
    cudnn_file(path, kind, 4 if kind == "LSTM" else 3)
    wrong = {"LSTM": {"units": 4}, "GRU": {"units": 3, "reset_after": False}}[kind]

    def load(keras):
        model = keras.Sequential([getattr(keras.layers, kind)(**wrong, input_shape=(4, 2))])
        model.load_weights(path)
        return model

    assert weights_after(load) == "ValueError"
