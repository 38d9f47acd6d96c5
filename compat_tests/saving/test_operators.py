"""Functions between layers: in `.keras` files Keras 3 finds its own, and torchkeras what was."""

import json
import zipfile

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import torchkeras
from compat_tests import oracle
from torchkeras import layers
from torchkeras.layers.operations import TFOpLambda
from torchkeras.models import load_model
from torchkeras.saving.versions.operators import OPERATIONS

FUNCTIONS = {
    "arithmetic": lambda x: [x + 1.0, 2.0 - x, x * x, 3.0 / (x + 4.0), x // 0.3, x % 0.3],
    "binary": lambda x: [torch.maximum(x, -x), torch.minimum(x, x * 2), (x * x) ** 1.5],
    "compared": lambda x: [
        torch.where(x > 0, x, -x), torch.where(x <= 0.1, x, x * 2), torch.where(x >= 0, x, x),
        torch.where(torch.logical_and(x < 1, x != 0), x, x),
        torch.where(torch.logical_or(x == 0, torch.logical_not(x > 0)), x, x + 1)],
    "unary": lambda x: [
        torch.abs(x), -x, torch.exp(x), torch.expm1(x), torch.sin(x), torch.cos(x), torch.tan(x),
        torch.sinh(x), torch.cosh(x), torch.tanh(x), torch.asinh(x), torch.atanh(x / 9),
        torch.floor(x), torch.ceil(x), torch.sign(x), torch.erf(x), torch.square(x), x.detach(),
        x.clone()],
    "positive": lambda x: [
        torch.sqrt(x * x), torch.log(x * x), torch.log1p(x * x), torch.rsqrt(x * x),
        torch.acosh(x * x + 1), torch.reciprocal(x)],
    "activations": lambda x: [
        torch.sigmoid(x), F.relu(x), F.relu6(x), F.elu(x), F.selu(x), F.silu(x), F.softsign(x),
        F.softplus(x), F.softmax(x, -1), F.log_softmax(x, -1), F.gelu(x), F.leaky_relu(x, 0.3),
        F.gelu(x, approximate="tanh")],
    "reduced": lambda x: [
        x.mean(1), x.sum((1, 2)), x.amax(-1, keepdim=True), x.amin(2), torch.logsumexp(x, 1),
        x.std(1, correction=0), x.var(2, correction=0)],
    "shapes": lambda x: [
        x.reshape(-1, 12), x.permute(0, 2, 1), x.unsqueeze(1).squeeze(1), torch.stack([x, -x], 1),
        torch.cat([x, x], -1), torch.cumsum(x, 1), x[:, 1:, ::2], x[:, 0], x[..., -1],
        x.clamp(0, 1),
        torch.split(x, [1, 2], 1)[1], torch.chunk(x, 2, 2)[0], torch.unbind(x, 1)[2]],
    "multiplied": lambda x: [x @ x.transpose(1, 2), (x > 0).float() + x],
}  # fmt: skip
X = np.random.default_rng(5).normal(size=(2, 3, 4)).astype("float32")


def graph(name):
    """A model that is made of functions, one of them behind a model inside."""
    x, inside = layers.Input((3, 4)), layers.Input((3, 4))
    inner = torchkeras.Model(inside, [y * 1.0 for y in FUNCTIONS[name](inside)])
    return torchkeras.Model(x, inner(layers.Rescaling(1.0)(x)))


def told(layer):
    return (layer.function, layer.name) if isinstance(layer, TFOpLambda) else layer.name


@pytest.mark.parametrize("name", FUNCTIONS)
def test_keras_3_reads_functions(name, tmp_path):
    path = str(tmp_path / "model.keras")
    model = graph(name)
    model.save(path)
    expected = model.predict(X, verbose=0)
    found = oracle.ask_keras3(lambda keras: keras.models.load_model(path).predict(X, verbose=0))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, 1e-5, 1e-5)
    again = load_model(path)
    assert [told(one) for one in again.layers[2].layers] == [
        told(one) for one in model.layers[2].layers
    ]
    for one, other in zip(again.predict(X, verbose=0), expected, strict=True):
        np.testing.assert_allclose(one, other, 1e-6, 1e-6)


def test_every_row_is_tried(tmp_path):
    used = set()
    for name in FUNCTIONS:
        path = tmp_path / f"{name}.keras"
        graph(name).save(path)
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
        for entry in config["config"]["layers"][2]["config"]["layers"]:
            assert entry["class_name"] != "TFOpLambda", entry
            used.add(entry.get("tensorflow", {}).get("config", {}).get("function"))
    assert set(OPERATIONS) - used == {"math.reduce_prod", "math.add"}  # of files of tf.keras alone


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_models_of_keras_3_are_saved_again(ending, tmp_path):
    path = str(tmp_path / "model.keras")

    def write(keras):
        x = keras.layers.Input((3, 4))
        y = (2.0 - x)[:, 1:, ...] / 3.0
        y = keras.ops.concatenate([y, keras.ops.mean(y, axis=1, keepdims=True)], axis=1)
        model = keras.Model(x, keras.ops.where(y > 0, y, 0.5))
        model.save(path)
        return [np.fromfile(path, "uint8"), model.predict(X, verbose=0)]

    content, expected = oracle.ask_keras3(write)
    np.asarray(content, "uint8").tofile(path)
    model = load_model(path)
    np.testing.assert_allclose(model.predict(X, verbose=0), expected, 1e-6)
    path = str(tmp_path / f"again.{ending}")
    model.save(path)
    np.testing.assert_allclose(load_model(path).predict(X, verbose=0), expected, 1e-6)
    if ending == "keras":
        found = oracle.ask_keras3(lambda keras: keras.models.load_model(path).predict(X, verbose=0))
        np.testing.assert_allclose(found, expected, 1e-6)


OPERATIONS_OF_3 = {  # functions of keras.ops and of a tensor of shape (3, 4)
    "arithmetic": lambda ops, x: [
        x + 1.0, 2 - x, x * x, 3 / (x + 4.0), x // 0.3, x % 0.3, ops.power(x * x, 1.5), -x,
        ops.maximum(x, 0.1), ops.minimum(-x, x)],
    "unary": lambda ops, x: [
        ops.abs(x), ops.exp(x), ops.square(x), ops.sqrt(x * x), ops.rsqrt(x * x), ops.floor(x),
        ops.relu(x), ops.silu(x), ops.gelu(x), ops.gelu(x, approximate=False), ops.softsign(x),
        ops.leaky_relu(x, 0.3), ops.softmax(x), ops.log_softmax(x, 1), ops.tanh(x), ops.erf(x)],
    "reduced": lambda ops, x: [
        ops.mean(x, 1), ops.sum(x, (1, 2)), ops.max(x, -1, keepdims=True), ops.min(x, 2),
        ops.logsumexp(x, 1), ops.std(x, 1), ops.var(x, 2, keepdims=True), ops.prod(x, 1)],
    "shapes": lambda ops, x: [
        ops.reshape(x, (-1, 12)), ops.transpose(x, (0, 2, 1)), ops.expand_dims(x, 1),
        ops.squeeze(ops.expand_dims(x, 1), 1), ops.stack([x, -x], 1), ops.cumsum(x, 1),
        ops.concatenate([x, x], -1), ops.clip(x, 0, 1), x[:, 1:, ::2], x[:, 0], x[..., -1],
        ops.split(x, 2, 2)[1], ops.unstack(x, axis=1)[2]],
    "compared": lambda ops, x: [
        ops.where(x > 0, x, -x), ops.where(ops.logical_and(x < 1, x != 0), x, x * 2),
        ops.where(ops.logical_not(x <= 0.1), x, 0.5), ops.cast(x > 0, "float32") + x],
    "products": lambda ops, x: [ops.matmul(x, ops.transpose(x, (0, 2, 1)))],
    "integers": lambda ops, x: [
        ops.cast(ops.cast(x * 3, "int32")[:, 1] + 2, "float32"),
        ops.cast(ops.reshape(ops.cast(x * 3, "int32"), (-1, 12)) > 1, "float32")],
}  # fmt: skip


def written_by_keras_3(functions, path):
    def write(keras):
        x = keras.layers.Input((3, 4))
        y = functions(keras.ops, keras.layers.Dense(4)(x))
        model = keras.Model(x, y)
        model.save(path)
        return [np.fromfile(path, "uint8"), *model.predict(X, verbose=0)]

    content, *expected = oracle.ask_keras3(write)
    np.asarray(content, "uint8").tofile(path)
    return load_model(path), expected


@pytest.mark.parametrize("name", OPERATIONS_OF_3)
@pytest.mark.parametrize("format", ["h5", "keras_v2", "tf", "json"])
def test_tf_keras_reads_operations_of_keras_3(name, format, tmp_path):
    model, expected = written_by_keras_3(OPERATIONS_OF_3[name], str(tmp_path / "model.keras"))
    path = str(tmp_path / {"h5": "a.h5", "keras_v2": "a.keras"}.get(format, "a"))
    if format == "json":
        text = model.to_json()
    else:
        model.save(path, save_format=format)

    def read(keras):
        if format == "json":
            found = keras.models.model_from_json(text)
            found.set_weights(model.get_weights())
        else:
            found = keras.models.load_model(path, compile=False)
        return found.predict(X, verbose=0)

    for one, other in zip(oracle.ask(read), expected, strict=True):
        np.testing.assert_allclose(one, other, 1e-5, 1e-5)
    if format != "json":
        again = load_model(path, compile=False).predict(X, verbose=0)
        for one, other in zip(again, expected, strict=True):
            np.testing.assert_allclose(one, other, 1e-5, 1e-5)


UNTOLD = {  # TensorFlow has another function, or would compute them in another dtype
    "no function": lambda ops, x: [ops.roll(x, 1), x],
    "another dtype": lambda ops, x: [ops.mean(ops.cast(x, "int32"), 1), x],
    "two dtypes": lambda ops, x: [x + ops.cast(x, "int32"), x],
    "integers and a float": lambda ops, x: [ops.cast(x, "int32") + 0.5, x],
    "places to split at": lambda ops, x: [*ops.split(x, [1, 3], 2), x],
}


@pytest.mark.parametrize("name", UNTOLD)
def test_operations_that_tensorflow_lacks_stay(name, tmp_path):
    model, expected = written_by_keras_3(UNTOLD[name], str(tmp_path / "model.keras"))
    path = str(tmp_path / "a.h5")
    model.save(path)
    again = load_model(path, compile=False)
    assert "KerasOperation" in [type(layer).__name__ for layer in again.layers]
    for one, other in zip(again.predict(X, verbose=0), expected, strict=True):
        np.testing.assert_allclose(one, other, 1e-5, 1e-5)
