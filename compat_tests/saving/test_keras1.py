"""Files of Keras 1: configs in its spelling, kernels and gates in its layout."""

import json

import h5py
import numpy as np
import pytest

import torchkeras
from compat_tests import oracle
from compat_tests.checks.files import numbers
from torchkeras.models import load_model, model_from_config

REGULARIZER = {"name": "L1L2Regularizer", "l1": 0.0, "l2": 0.5}


def layer(class_name, name, **config):
    return {"class_name": class_name, "config": {"name": name, "trainable": True, **config}}


def dense(name, units, **config):
    settings = {
        "output_dim": units, "init": "glorot_uniform", "activation": "linear", "bias": True,
        "W_regularizer": None, "b_regularizer": None, "activity_regularizer": None,
        "W_constraint": None, "b_constraint": None, "input_dim": None,
    }  # fmt: skip
    return layer("Dense", name, **(settings | config))


def convolution(name, order, **config):
    settings = {
        "nb_filter": 4, "nb_row": 2, "nb_col": 3, "init": "uniform", "activation": "relu",
        "border_mode": "same", "subsample": [1, 1], "dim_ordering": order, "bias": True,
        "W_regularizer": REGULARIZER, "b_regularizer": None, "activity_regularizer": None,
        "W_constraint": {"name": "MaxNorm", "m": 2, "axis": 0}, "b_constraint": None,
    }  # fmt: skip
    return layer("Convolution2D", name, **(settings | config))


def recurrent(kind, name, **config):
    settings = {
        "output_dim": 3, "init": "glorot_uniform", "inner_init": "orthogonal",
        "activation": "tanh", "inner_activation": "hard_sigmoid", "return_sequences": False,
        "go_backwards": False, "stateful": False, "unroll": False, "consume_less": "cpu",
        "W_regularizer": None, "U_regularizer": None, "b_regularizer": None, "dropout_W": 0.0,
        "dropout_U": 0.0, "input_dim": 2, "input_length": None,
    }  # fmt: skip
    if kind == "LSTM":
        settings["forget_bias_init"] = "one"
    return layer(kind, name, **(settings | config))


def saved(path, config, groups, version="1.2.2", backend=None):
    """A file as Keras 1 wrote it; `groups` are layer names with their arrays."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = np.bytes_(version)
        file.attrs["model_config"] = np.bytes_(json.dumps(config))
        root = file.create_group("model_weights")
        root.attrs["layer_names"] = [name.encode() for name in groups]
        if backend:
            root.attrs["keras_version"], root.attrs["backend"] = b"2.2.4", backend.encode()
        for name, arrays in groups.items():
            group = root.create_group(name)
            names = [f"{name}_{index}" for index in range(len(arrays))]
            group.attrs["weight_names"] = [one.encode() for one in names]
            for one, array in zip(names, arrays, strict=True):
                group.create_dataset(one, data=array)


def test_a_sequential_of_keras_1(tmp_path):
    path = str(tmp_path / "model.h5")
    kernel, bias = numbers(4, 3, 2, 3), numbers(4, seed=1)  # filters, channels, rows, columns
    layers = [
        convolution("conv", "th", batch_input_shape=[None, 3, 5, 6], input_dtype="float32"),
        layer("Dropout", "drop", p=0.5),
        layer("MaxPooling2D", "pool", pool_size=[2, 2], strides=[2, 2], border_mode="valid",
              dim_ordering="th"),
        layer("Flatten", "flat"),
        dense("dense", 2, W_regularizer=REGULARIZER),
    ]  # fmt: skip
    arrays = {"conv": [kernel, bias], "drop": [], "pool": [], "flat": []}
    arrays["dense"] = [numbers(24, 2, seed=2), numbers(2, seed=3)]
    saved(path, {"class_name": "Sequential", "config": layers}, arrays)
    model = load_model(path, compile=False)
    conv = model.layers[0]
    np.testing.assert_array_equal(conv.kernel.numpy(), kernel.transpose(2, 3, 1, 0))
    assert conv.kernel_regularizer.l2 == 0.5 and conv.kernel_constraint.max_value == 2
    assert conv.padding == "same" and conv.data_format == "channels_first"
    assert model.layers[1].rate == 0.5 and model.output_shape == (None, 2)


ARRAYS = {  # layer -> config, its arrays as Keras 1 wrote them
    "LSTM": (recurrent("LSTM", "x"), 4),
    "GRU": (recurrent("GRU", "x"), 3),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_gates_of_keras_1_are_joined_as_tf_keras_joins_them(kind, tmp_path):
    path = str(tmp_path / "weights.h5")
    gates = ARRAYS[kind][1]
    shapes = [(2, 3), (3, 3), (3,)] * gates
    arrays = [numbers(*shape, seed=index) for index, shape in enumerate(shapes)]
    both = [a + 1 for a in arrays]
    saved(path, {}, {"one": arrays, "two": arrays + both})

    def load(keras):
        kwargs = {"reset_after": False} if kind == "GRU" else {}
        make = lambda: getattr(keras.layers, kind)(3, **kwargs)  # noqa: E731
        x = keras.layers.Input((4, 2))
        y = keras.layers.Concatenate()([make()(x), keras.layers.Bidirectional(make())(x)])
        model = keras.Model(x, y)
        with h5py.File(path) as file, h5py.File(path + "2", "w") as copy:
            for name in file["model_weights"]:
                file.copy(f"model_weights/{name}", copy)
            copy.attrs["layer_names"] = file["model_weights"].attrs["layer_names"]
        model.load_weights(path + "2")
        return [np.asarray(weight) for weight in model.get_weights()]

    for one, other in zip(load(torchkeras), oracle.ask(load), strict=True):
        np.testing.assert_array_equal(one, other)


KERNELS = {  # name -> layer of today, shape of its kernel in Keras 1
    "Conv1D": ("Conv1D", {"filters": 4, "kernel_size": 3}, (6, 2), (3, 1, 2, 4)),
    "Conv1D of 1.1": ("Conv1D", {"filters": 4, "kernel_size": 3}, (6, 2), (4, 2, 3, 1)),
    "Conv2D": ("Conv2D", {"filters": 4, "kernel_size": (2, 3)}, (6, 6, 2), (2, 3, 2, 4)),
    "Conv2D th": (
        "Conv2D", {"filters": 4, "kernel_size": (2, 3), "data_format": "channels_first"},
        (2, 6, 6), (4, 2, 2, 3),
    ),
    "Conv2DTranspose": (
        "Conv2DTranspose", {"filters": 4, "kernel_size": (2, 3)}, (6, 6, 2), (2, 3, 2, 4),
    ),
    "Conv3D th": (
        "Conv3D", {"filters": 4, "kernel_size": (2, 3, 1), "data_format": "channels_first"},
        (2, 6, 6, 6), (4, 2, 2, 3, 1),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_of_keras_1_are_laid_out_as_in_tf_keras(name, tmp_path):
    path = str(tmp_path / "weights.h5")
    kind, settings, shape, kernel = KERNELS[name]
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"c"]
        group = file.create_group("c")
        group.attrs["weight_names"] = [b"c_W", b"c_b"]
        group["c_W"], group["c_b"] = numbers(*kernel), numbers(4)

    def load(keras):
        layer = getattr(keras.layers, kind)(**settings)
        model = keras.Sequential([keras.layers.Input(shape), layer])
        model.load_weights(path)
        return [np.asarray(weight) for weight in model.get_weights()]

    for one, other in zip(load(torchkeras), oracle.ask(load), strict=True):
        np.testing.assert_array_equal(one, other)


def test_kernels_of_theano_are_turned(tmp_path):
    path = str(tmp_path / "weights.h5")
    kernel = numbers(2, 3, 2, 4)
    conv = layer("Conv2D", "c", filters=4, kernel_size=[2, 3], batch_input_shape=[None, 6, 6, 2])
    config = {"class_name": "Sequential", "config": [conv]}
    saved(path, config, {"c": [kernel, numbers(4)]}, "2.2.4", "theano")
    found = load_model(path, compile=False).layers[0].kernel.numpy()
    np.testing.assert_array_equal(found, kernel[::-1, ::-1])


MERGES = {
    "sum": {}, "mul": {}, "ave": {}, "max": {}, "concat": {"concat_axis": 1},
    "dot": {"dot_axes": [[1], [1]]}, "cos": {"dot_axes": 1},
}  # fmt: skip


@pytest.mark.parametrize("mode", MERGES)
def test_a_merge_of_branches(mode, tmp_path):
    path = str(tmp_path / "model.h5")
    names = ["one", "two"]
    branches = [
        {"class_name": "Sequential", "config": [dense(name, 3, batch_input_shape=[None, 2])]}
        for name in names
    ]
    merge = layer("Merge", "merge", layers=branches, mode=mode, mode_type="raw", **MERGES[mode])
    width = {"concat": 6, "dot": 1, "cos": 1}.get(mode, 3)
    config = {"class_name": "Sequential", "config": [merge, dense("end", 2)]}
    arrays = {name: [numbers(2, 3, seed=i), numbers(3)] for i, name in enumerate(names)}
    saved(path, config, {**arrays, "merge": [], "end": [numbers(width, 2), numbers(2)]})
    model = load_model(path, compile=False)
    a, b = numbers(4, 2), numbers(4, 2, seed=1)
    one, two = (x @ w + c for x, (w, c) in zip((a, b), arrays.values(), strict=True))
    unit = lambda v: v / np.linalg.norm(v, axis=1, keepdims=True)  # noqa: E731
    joined = {
        "sum": one + two, "mul": one * two, "ave": (one + two) / 2, "max": np.maximum(one, two),
        "concat": np.concatenate([one, two], 1), "dot": (one * two).sum(1, keepdims=True),
        "cos": (unit(one) * unit(two)).sum(1, keepdims=True),
    }[mode]  # fmt: skip
    expected = joined @ numbers(width, 2) + numbers(2)
    np.testing.assert_allclose(model.predict([a, b], verbose=0), expected, 1e-5, 1e-5)


def test_a_merge_by_code_is_refused():
    merge = layer("Merge", "sneaky", mode="4wAAA", mode_type="lambda")
    nodes = [[["x", 0, 0], ["x", 0, 0]]]
    config = {
        "name": "model", "input_layers": [["x", 0, 0]], "output_layers": [["sneaky", 0, 0]],
        "layers": [
            {"class_name": "InputLayer", "name": "x", "inbound_nodes": [],
             "config": {"name": "x", "batch_input_shape": [None, 2], "input_dtype": "float32"}},
            {**merge, "name": "sneaky", "inbound_nodes": nodes},
        ],
    }  # fmt: skip
    with pytest.raises(ValueError, match="'sneaky' merges by Python code"):
        model_from_config({"class_name": "Model", "config": config})
