"""The layers that every model has, beside tf.keras."""

import numpy as np
import pytest
import torch
from torch import nn

from compat_tests import oracle
from compat_tests.checks.layer import check_layer
from torchkeras import Sequential, config, layers, losses

ROWS = [
    ("Dense", dict(units=3), (2, 4)),
    ("Dense", dict(units=3, activation="relu", use_bias=False), (2, 4)),
    ("Dense", dict(units=3, activation="softmax"), (2, 5, 4)),
    ("Dense", dict(units=2, kernel_regularizer="l2", bias_constraint="non_neg"), (2, 3, 2, 4)),
    ("Dense", dict(units=1, kernel_initializer="ones", name="head"), (2, 4)),
    ("Activation", dict(activation="tanh"), (2, 4)),
    ("Activation", dict(activation="softmax"), (2, 3, 4)),
    ("Masking", {}, (2, 3, 4)),
    ("Masking", dict(mask_value=1.5), (2, 3, 4)),
]


@pytest.mark.parametrize("name, config, shape", ROWS)
def test_beside_keras(name, config, shape):
    check_layer(name, config, shape)


INTEGERS = [
    ("Dense", dict(units=3)),
    ("BatchNormalization", {}),
    ("LayerNormalization", {}),
    ("LeakyReLU", {}),
]


@pytest.mark.parametrize("name, config", INTEGERS)
def test_integers_beside_keras(name, config):
    check_layer(name, config, (2, 4), int_input=True)


EMBEDDINGS = [
    (dict(input_dim=5, output_dim=3), (2, 4)),
    (dict(input_dim=5, output_dim=3, mask_zero=True), (2, 4)),
    (dict(input_dim=5, output_dim=3, input_length=4), (2, 4)),
    (dict(input_dim=5, output_dim=3, embeddings_regularizer="l1"), (2, 4, 2)),
]


@pytest.mark.parametrize("config, shape", EMBEDDINGS)
def test_embeddings_beside_keras(config, shape):
    check_layer("Embedding", config, shape, int_input=True)


MASKED = [
    ("Dense", dict(units=2), (2, 3, 4)),
    ("Activation", dict(activation="relu"), (2, 3, 4)),
    ("Masking", {}, (2, 3, 4)),
]


@pytest.mark.parametrize("name, config, shape", MASKED)
def test_masks_beside_keras(name, config, shape):
    check_layer(name, config, shape, mask=np.array([[True, False, True], [False, True, True]]))


def test_masking_finds_the_steps():
    x = np.array([[[1.0, 0.0], [0.0, 0.0], [2.0, 2.0]]], "float32")

    def ask(keras):
        y = keras.layers.Masking()(x)
        return [y, y._keras_mask]

    y = layers.Masking()(torch.tensor(x))
    values, mask = oracle.ask(ask)
    np.testing.assert_array_equal(y, values)
    np.testing.assert_array_equal(y._keras_mask, mask)


def test_native_modules():
    dense, embedding = layers.Dense(3), layers.Embedding(5, 3)
    dense(torch.zeros(1, 2))
    embedding(torch.zeros(1, 2, dtype=torch.int64))
    assert type(dense.linear) is nn.Linear and type(embedding.embedding) is nn.Embedding
    torch.testing.assert_close(dense.kernel.value, dense.linear.weight.T)


def test_input_is_a_layer_with_a_symbolic_output():
    symbolic = layers.Input((28, 28), batch_size=4, dtype="int32", name="pixels")
    assert symbolic.shape == (4, 28, 28) and symbolic.dtype == "int32"
    assert symbolic.node.operation.name == "pixels"


ERRORS = [
    ("Dense", dict(units=0), (2, 3), "units"),
    ("Dense", dict(units=2.5), (2, 3), "units"),
    ("Dense", dict(units=2), (3,), "ndim"),
    ("Dense", dict(units=2, activation="rellu"), (2, 3), "rellu"),
    ("Embedding", dict(input_dim=0, output_dim=2), (2, 3), "input_dim"),
]


@pytest.mark.parametrize("name, config, shape, told", ERRORS)
def test_errors_name_what_is_wrong(name, config, shape, told):
    with pytest.raises(ValueError, match=told):
        getattr(layers, name)(**config)(torch.zeros(shape))


@pytest.mark.parametrize("by_rows", [False, True])
def test_a_wrong_index_that_no_kernel_looks_at(by_rows, monkeypatch):
    """As on a device whose kernels would end the process: NaN, and an error when somebody asks."""
    layer = layers.Embedding(3, 2, name="table")
    expected = layer(torch.tensor([[0, 2]]))
    monkeypatch.setattr(losses.labels, "looked_at", lambda numbers: False)
    layer.by_rows = by_rows
    assert torch.equal(layer(torch.tensor([[0, 2]])), expected)
    losses.labels.check()
    found = layer(torch.tensor([[0, 3, -1, 2]]))
    assert found.isnan().any(-1).tolist() == [[False, True, True, False]]
    found.nansum().backward()
    assert layer.embedding.weight.grad.tolist() == [[1, 1], [0, 0], [1, 1]]
    with pytest.raises(ValueError, match='layer "table" must be integers from 0 to 2; .* larger'):
        losses.labels.check()
    losses.labels.check()  # told once


@pytest.fixture
def looks_up_what_no_kernel_looks_at(monkeypatch):
    """A model with a table, and batches with an index beyond it."""
    model = Sequential([layers.Embedding(3, 2, name="table"), layers.GlobalMaxPooling1D()])
    monkeypatch.setattr(losses.labels, "looked_at", lambda numbers: False)

    def batches():
        yield np.array([[0, 1], [2, 7]]), np.zeros((2, 2), "float32")

    return model, batches


def test_evaluate_and_fit_tell_of_a_wrong_index(looks_up_what_no_kernel_looks_at):
    model, batches = looks_up_what_no_kernel_looks_at
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match='"table" must be integers from 0 to 2; .* in epoch 1'):
        model.fit(batches(), verbose=0)
    with pytest.raises(ValueError, match=r'"table" must be .* in evaluate\(\)'):
        model.evaluate(batches(), verbose=0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # torch's own
def test_a_wrong_index_in_a_compiled_model_is_guessed(looks_up_what_no_kernel_looks_at):
    model, batches = looks_up_what_no_kernel_looks_at
    config.set_jit_backend("eager")
    model.compile("sgd", "mse", jit_compile=True)
    with pytest.warns(RuntimeWarning, match="or an index larger than the table of an Embedding"):
        model.fit(batches(), verbose=0)
