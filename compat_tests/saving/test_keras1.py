"""Files of Keras 1: configs in its spelling, kernels and gates in its layout."""

import h5py
import numpy as np
import pytest

import torchkeras
from compat_tests import oracle
from compat_tests.checks.files import numbers
from compat_tests.checks.keras1 import (
    REGULARIZER,
    convolution,
    dense,
    layer,
    recurrent,
    saved,
)
from torchkeras.models import load_model, model_from_config


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
        group.attrs["weight_names"] = [b"c_W:0", b"c_b:0"]
        group["c_W:0"], group["c_b:0"] = numbers(*kernel), numbers(4)

    def load(keras):
        layer = getattr(keras.layers, kind)(**settings)
        model = keras.Sequential([keras.layers.Input(shape), layer])
        model.load_weights(path)
        return [np.asarray(weight) for weight in model.get_weights()]

    for one, other in zip(load(torchkeras), oracle.ask(load), strict=True):
        np.testing.assert_array_equal(one, other)


def test_kernels_of_keras_1_on_theano_are_turned(tmp_path):
    """Its names do not end with ':0', which is all that tells the backend."""
    path = str(tmp_path / "model.h5")
    conv = convolution("conv", "th", batch_input_shape=[None, 2, 6, 6], input_dtype="float32")
    kernel = numbers(4, 2, 2, 3)  # filters, channels, rows, columns
    for names, turn in ((["conv_W:0", "conv_b:0"], 1), (["conv_W", "conv_b"], -1)):
        saved(path, {"class_name": "Sequential", "config": [conv]}, {"conv": []})
        with h5py.File(path, "r+") as file:
            group = file["model_weights/conv"]
            group.attrs["weight_names"] = [name.encode() for name in names]
            group[names[0]], group[names[1]] = kernel, numbers(4)
        found = load_model(path, compile=False).layers[0].kernel.numpy()
        np.testing.assert_array_equal(found, kernel.transpose(2, 3, 1, 0)[::turn, ::turn])


def test_kernels_of_a_separable_convolution_with_channels_first(tmp_path):
    path = str(tmp_path / "model.h5")
    config = layer("SeparableConvolution2D", "s", nb_filter=5, nb_row=2, nb_col=3, bias=True,
                   init="uniform", dim_ordering="th", border_mode="same", subsample=[1, 1],
                   depth_multiplier=2, batch_input_shape=[None, 3, 6, 6])  # fmt: skip
    arrays = [numbers(2, 3, 2, 3), numbers(5, 6, 1, 1), numbers(5)]
    saved(path, {"class_name": "Sequential", "config": [config]}, {"s": arrays})
    found = load_model(path, compile=False).layers[0]
    for one, other in zip((found.depthwise_kernel, found.pointwise_kernel), arrays, strict=False):
        np.testing.assert_array_equal(one.numpy(), other.transpose(2, 3, 1, 0))


def test_a_highway_of_keras_2(tmp_path):
    path = str(tmp_path / "model.h5")
    config = layer("Highway", "h", init="uniform", activation="linear", bias=True,
                   batch_input_shape=[None, 3], dtype="float32")  # fmt: skip
    arrays = [numbers(3, 3), numbers(3, 3, seed=1), numbers(3, seed=2), numbers(3, seed=3)]
    saved(
        path, {"class_name": "Sequential", "config": [config]}, {"h": arrays}, "2.0.8", "tensorflow"
    )
    found = load_model(path, compile=False).layers[0]
    for one, other in zip((found.W, found.W_carry, found.b, found.b_carry), arrays, strict=True):
        np.testing.assert_array_equal(one.numpy(), other)


def test_a_conv_lstm_of_keras_2_0():
    config = layer("ConvLSTM2D", "c", filters=3, kernel_size=[2, 2], implementation=1,
                   batch_input_shape=[None, 4, 5, 5, 2], dtype="float32")  # fmt: skip
    model = model_from_config({"class_name": "Sequential", "config": [config]})
    assert model.output_shape == (None, 4, 4, 3)


def test_kernels_of_theano_are_turned(tmp_path):
    path = str(tmp_path / "weights.h5")
    kernel = numbers(2, 3, 2, 4)
    conv = layer("Conv2D", "c", filters=4, kernel_size=[2, 3], batch_input_shape=[None, 6, 6, 2])
    config = {"class_name": "Sequential", "config": [conv]}
    saved(path, config, {"c": [kernel, numbers(4)]}, "2.2.4", "theano")
    found = load_model(path, compile=False).layers[0].kernel.numpy()
    np.testing.assert_array_equal(found, kernel[::-1, ::-1])
    kernel = numbers(2, 3, 2, 4, 5)
    conv = layer("Conv3DTranspose", "c", filters=4, kernel_size=[2, 3, 2],
                 batch_input_shape=[None, 6, 6, 6, 5])  # fmt: skip
    config = {"class_name": "Sequential", "config": [conv]}
    saved(path, config, {"c": [kernel, numbers(4)]}, "2.2.4", "theano")
    found = load_model(path, compile=False).layers[0].kernel.numpy()
    np.testing.assert_array_equal(found, kernel[::-1, ::-1, ::-1])


SINGLE = {  # name -> config, shape of inputs, arrays, what it gives
    "ParametricSoftplus": (
        layer("ParametricSoftplus", "x", alpha_init=0.2, beta_init=5.0), (3,), 2,
        lambda x, alpha, beta: np.log1p(np.exp(beta * x)) * alpha,
    ),
    "SReLU": (
        layer("SReLU", "x", t_left_init="zero", a_left_init="glorot_uniform",
              t_right_init="glorot_uniform", a_right_init="one"), (3,), 4,
        lambda x, left, below, width, above: np.where(
            x < left, left + below * (x - left),
            np.where(x > left + abs(width), left + abs(width) + above * (x - left - abs(width)), x),
        ),
    ),
    "BatchNormalization mode 1": (
        layer("BatchNormalization", "x", epsilon=0.01, mode=1, axis=-1, momentum=0.9,
              gamma_regularizer=None, beta_regularizer=None), (3,), 4,
        lambda x, gamma, beta, mean, variance: gamma * (
            (x - x.mean(-1, keepdims=True)) / (np.sqrt(x.var(-1, keepdims=True) + 0.01) + 0.01)
        ) + beta,
    ),
    "BatchNormalization mode 2": (
        layer("BatchNormalization", "x", epsilon=0.01, mode=2, axis=-1, momentum=0.9), (3,), 4,
        lambda x, gamma, beta, mean, variance: gamma * (
            (x - x.mean(0)) / np.sqrt(x.var(0) + 0.01)
        ) + beta,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SINGLE)
def test_what_keras_2_dropped(name, tmp_path):
    path = str(tmp_path / "model.h5")
    config, shape, count, wanted = SINGLE[name]
    config["config"] |= {"batch_input_shape": [None, *shape], "input_dtype": "float32"}
    arrays = [numbers(*shape, seed=seed) for seed in range(count)]
    saved(path, {"class_name": "Sequential", "config": [config]}, {"x": arrays})
    x = numbers(5, *shape, seed=9)
    found = load_model(path, compile=False).predict(x, verbose=0)
    np.testing.assert_allclose(found, wanted(x, *arrays), 1e-5, 1e-5)


def test_axes_that_an_activation_shares_are_told_by_its_array(tmp_path):
    path = str(tmp_path / "model.h5")
    config = layer("PReLU", "x", init="zero", batch_input_shape=[None, 4, 5, 2])
    saved(path, {"class_name": "Sequential", "config": [config]}, {"x": [numbers(1, 1, 2)]})
    found = load_model(path, compile=False).predict(-np.ones((1, 4, 5, 2), "float32"), verbose=0)
    np.testing.assert_allclose(found[0], np.broadcast_to(-numbers(1, 1, 2), (4, 5, 2)), 1e-6)


def test_an_embedding_of_integers(tmp_path):
    path = str(tmp_path / "model.h5")
    config = layer("Embedding", "x", input_dim=7, output_dim=2, init="uniform", input_length=3,
                   mask_zero=False, W_regularizer=None, activity_regularizer=None,
                   W_constraint=None, dropout=0.0, batch_input_shape=[None, 3],
                   input_dtype="int32")  # fmt: skip
    saved(path, {"class_name": "Sequential", "config": [config]}, {"x": [numbers(7, 2)]})
    found = load_model(path, compile=False).predict(np.array([[0, 6, 2]]), verbose=0)
    np.testing.assert_array_equal(found, numbers(7, 2)[[[0, 6, 2]]])


PADDINGS = {  # class, as written -> shape of a sample before and after
    "1D by name": ("ZeroPadding1D", {"left_pad": 1, "right_pad": 0}, [3, 2], [4, 2]),
    "2D by name": ("ZeroPadding2D", {"top_pad": 1, "bottom_pad": 2, "left_pad": 0, "right_pad": 4},
                   [3, 2, 1], [6, 6, 1]),
    "2D in a row": ("ZeroPadding2D", [1, 2, 0, 4], [3, 2, 1], [6, 6, 1]),
    "2D alike": ("ZeroPadding2D", [1, 2], [3, 2, 1], [5, 6, 1]),
}  # fmt: skip


@pytest.mark.parametrize("name", PADDINGS)
def test_paddings(name):
    kind, padding, before, after = PADDINGS[name]
    config = layer(kind, "x", padding=padding, batch_input_shape=[None, *before],
                   input_dtype="float32")  # fmt: skip
    model = model_from_config({"class_name": "Sequential", "config": [config]})
    assert model.output_shape == (None, *after)


def test_an_order_that_a_layer_leaves_out_is_that_of_the_others():
    up = layer("UpSampling2D", "up", size=[2, 2], batch_input_shape=[None, 3, 4, 5])
    entries = [up, convolution("conv", "th")]
    model = model_from_config({"class_name": "Sequential", "config": entries})
    assert model.layers[0].data_format == "channels_first"
    assert model.output_shape == (None, 4, 8, 10)


def test_gates_of_a_conv_lstm_with_channels_first(tmp_path):
    path = str(tmp_path / "weights.h5")
    shapes = [(3, 2, 2, 2), (3, 3, 2, 2), (3,)] * 4  # filters, channels, rows, columns
    arrays = [numbers(*shape, seed=seed) for seed, shape in enumerate(shapes)]
    config = recurrent("ConvLSTM2D", "x", nb_filter=3, nb_row=2, nb_col=2, dim_ordering="th",
                       border_mode="valid", forget_bias_init="one",
                       batch_input_shape=[None, 4, 2, 5, 5], input_dtype="float32")  # fmt: skip
    del config["config"]["output_dim"], config["config"]["unroll"]
    for key in ("consume_less", "dropout_U", "dropout_W", "input_length"):
        del config["config"][key]
    saved(path, {"class_name": "Sequential", "config": [config]}, {"x": arrays})
    found = load_model(path, compile=False).layers[0].kernel.numpy()
    order = [arrays[3 * gate].transpose(2, 3, 1, 0) for gate in (0, 2, 1, 3)]
    np.testing.assert_array_equal(found, np.concatenate(order, -1))


def test_other_layers_of_keras_1_load():
    shape = {"batch_input_shape": [None, 2, 6, 6], "input_dtype": "float32"}
    separable = layer("SeparableConvolution2D", "s", nb_filter=4, nb_row=2, nb_col=3,
                      init="glorot_uniform", dim_ordering="th", border_mode="same", bias=True,
                      subsample=[1, 1], depth_multiplier=2, activation="relu",
                      depthwise_regularizer=REGULARIZER, pointwise_regularizer=None,
                      **shape)  # fmt: skip
    local = layer("LocallyConnected2D", "l", nb_filter=3, nb_row=2, nb_col=2, init="uniform",
                  dim_ordering="th", border_mode="valid", subsample=[1, 1], bias=True,
                  W_regularizer=REGULARIZER, b_regularizer=None)  # fmt: skip
    model = model_from_config({"class_name": "Sequential", "config": [separable, local]})
    assert model.output_shape == (None, 3, 5, 5)
    assert model.layers[0].depthwise_regularizer.l2 == 0.5
    pool = layer("GlobalMaxPooling3D", "g", dim_ordering="th", batch_input_shape=[None, 2, 3, 3, 3])
    assert model_from_config({"class_name": "Sequential", "config": [pool]}).output_shape == (
        None, 2)  # fmt: skip


def test_code_of_keras_1_gives_way_to_a_function_of_the_name(tmp_path):
    """A Lambda of 1.0 is a text, and a Merge by code is such a layer too."""
    entries = [
        layer("Lambda", "half", function="c\x01\xe0", function_type="lambda",
              output_shape=None, output_shape_type="raw", arguments={}, batch_input_shape=[None, 2])
    ]  # fmt: skip
    config = {"class_name": "Sequential", "config": entries}
    with pytest.raises(ValueError, match="'half' holds Python code"):
        model_from_config(config)
    with pytest.raises(ValueError, match="not the code of a function"):
        model_from_config(config, safe_mode=False)
    model = model_from_config(config, custom_objects={"half": lambda x: x / 2})
    x = numbers(3, 2)
    np.testing.assert_allclose(model.predict(x, verbose=0), x / 2)
