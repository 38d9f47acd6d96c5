"""ConvLSTM1D, 2D and 3D beside tf.keras: every argument, masks, states, both data formats."""

import numpy as np
import pytest
import torch

from compat_tests.checks.layer import check_layer
from torchkeras import layers, models

SHAPE = (3, 4, 5, 6, 2)
MASK = np.array([[1, 1, 1, 0], [0, 1, 0, 1], [0, 0, 0, 0]], bool)

CASES = [
    (
        "ConvLSTM1D",  # along the channels, wherever torch wants them
        dict(filters=2, kernel_size=2, activation="softmax", recurrent_activation="softmax"),
        (2, 3, 4, 2),
    ),
    ("ConvLSTM1D", dict(filters=3, kernel_size=3), (3, 4, 6, 2)),
    ("ConvLSTM1D", dict(filters=2, kernel_size=2, padding="same", strides=2), (2, 3, 5, 2)),
    ("ConvLSTM2D", dict(filters=3, kernel_size=(2, 3), return_sequences=True), SHAPE),
    (
        "ConvLSTM2D",
        dict(
            filters=3,
            kernel_size=2,
            padding="same",
            dilation_rate=2,
            return_state=True,
            go_backwards=True,
        ),
        SHAPE,
    ),
    (
        "ConvLSTM2D",
        dict(
            filters=2,
            kernel_size=3,
            strides=(2, 1),
            padding="same",
            data_format="channels_first",
            return_sequences=True,
        ),
        (2, 3, 2, 5, 6),
    ),
    (
        "ConvLSTM2D",
        dict(
            filters=2,
            kernel_size=2,
            activation="relu",
            recurrent_activation="sigmoid",
            use_bias=False,
            return_sequences=True,
            return_state=True,
        ),
        SHAPE,
    ),
    ("ConvLSTM2D", dict(filters=2, kernel_size=2, stateful=True, return_sequences=True), SHAPE),
    (
        "ConvLSTM2D",
        dict(
            filters=2,
            kernel_size=2,
            unit_forget_bias=False,
            dropout=0.3,
            recurrent_dropout=0.2,
            kernel_regularizer="l2",
            recurrent_regularizer="l1",
            bias_regularizer="l2",
            activity_regularizer="l2",
            kernel_constraint="non_neg",
            recurrent_constraint="max_norm",
            bias_constraint="unit_norm",
            kernel_initializer="he_normal",
            recurrent_initializer="glorot_normal",
            bias_initializer="ones",
            trainable=False,
            name="given",
        ),
        SHAPE,
    ),
    ("ConvLSTM3D", dict(filters=2, kernel_size=2, return_sequences=True), (2, 3, 3, 4, 3, 2)),
]


@pytest.mark.parametrize("name, config, shape", CASES)
def test_beside_keras(name, config, shape):
    compiles = bool(config.get("return_state"))
    check_layer(name, config, shape, compiles=compiles, atol=2e-5)


@pytest.mark.parametrize(
    "options",
    [
        dict(return_sequences=True),
        dict(return_sequences=True, return_state=True, go_backwards=True),
        dict(return_state=True),
    ],
)
def test_masked_beside_keras(options):
    config = dict(filters=2, kernel_size=2, **options)
    check_layer("ConvLSTM2D", config, SHAPE, mask=MASK, compiles="go_backwards" in options)


def test_initial_state_beside_keras():
    config = dict(filters=2, kernel_size=3, return_state=True, return_sequences=True)
    states = [(3, 3, 4, 2)] * 2
    check_layer("ConvLSTM2D", config, [SHAPE, *states], compiles=False)


@pytest.mark.parametrize("merge_mode", ["concat", None])
def test_bidirectional_beside_keras(merge_mode):
    def make(keras_layers):
        return lambda **config: keras_layers.Bidirectional(
            keras_layers.ConvLSTM2D(2, 2, return_sequences=True, padding="same"), **config
        )

    config = dict(merge_mode=merge_mode)
    check_layer("Bidirectional", config, SHAPE, make=make, compiles=False)


def test_dropout_draws_a_mask_for_each_gate_that_holds_for_all_steps():
    torch.manual_seed(0)
    layer = layers.ConvLSTM2D(2, 1, dropout=0.5, use_bias=False)
    x = torch.ones(1, 5, 8, 8, 1)
    layer(x)
    layer.conv.weight.data.fill_(1.0)
    gates = layer._projected(x.transpose(0, 1), True)[:, 0, ::2]  # (time, gate, height, width)
    assert torch.equal(gates[0], gates[-1])
    assert not torch.equal(gates[0, 0], gates[0, 1])
    assert set(gates.unique().tolist()) == {0.0, 2.0}
    whole = layer._projected(x.transpose(0, 1), False)
    torch.testing.assert_close(whole, torch.ones_like(whole))


@pytest.mark.parametrize("padding, strides", [("same", 2), ("valid", 1), ("same", 1)])
def test_dropout_computes_what_no_dropout_does(padding, strides, monkeypatch):
    """With masks of ones the two ways to convolve agree."""
    layer = layers.ConvLSTM2D(2, 2, strides=strides, padding=padding, return_sequences=True)
    x = torch.randn(2, 3, 5, 6, 3)
    wanted = layer(x)
    ones = lambda like, rate, apart: [torch.ones_like(like)] * 4  # noqa: E731
    monkeypatch.setattr(layer, "_dropout_masks", ones)
    layer.dropout = layer.recurrent_dropout = 0.5
    torch.testing.assert_close(layer(x, training=True), wanted)


def test_states_run_on_and_are_reset():
    layer = layers.ConvLSTM2D(2, 2, stateful=True)
    x = torch.randn(2, 3, 4, 4, 1)
    first, second = layer(x), layer(x)
    assert not torch.allclose(first, second)
    layer.reset_states()
    torch.testing.assert_close(layer(x), first)
    layer.reset_states([np.ones((2, 3, 3, 2))] * 2)
    assert float(layer.states[0].min()) == 1.0


def test_open_sizes_and_errors():
    inputs = layers.Input((None, None, None, 1))
    model = models.Model(inputs, layers.ConvLSTM2D(2, 3)(inputs))
    assert model.output_shape == (None, None, None, 2)
    assert model(torch.zeros(2, 3, 5, 6, 1)).shape == (2, 3, 4, 2)
    with pytest.raises(TypeError, match="unroll"):
        layers.ConvLSTM2D(2, 3, unroll=True)
    with pytest.raises(ValueError, match="sizes of its states"):
        layers.ConvLSTM2D(2, 3, stateful=True)(layers.Input(batch_shape=(2, None, None, None, 1)))
    with pytest.raises(ValueError, match="Initial state 0"):
        layer = layers.ConvLSTM2D(2, 3)
        layer(torch.zeros(2, 3, 5, 6, 1))
        layer(torch.zeros(2, 3, 5, 6, 1), initial_state=[torch.zeros(2, 3, 4, 3)] * 2)


def test_a_step_of_the_cell_is_a_step_of_the_layer():
    layer = layers.ConvLSTM2D(2, 3, return_state=True)
    x = torch.randn(2, 1, 5, 6, 1)
    wanted = layer(x)
    output, states = layer.cell(x[:, 0], layer.cell.get_initial_state(x[:, 0]))
    for one, other in zip([output, *states], wanted, strict=True):
        torch.testing.assert_close(one, other)
