"""Bidirectional and TimeDistributed beside tf.keras."""

import numpy as np
import pytest
import torch

import torchkeras
from compat_tests.checks.layer import check_layer
from torchkeras import layers
from torchkeras.layers import wrappers

SHAPE = (3, 5, 4)
MASK = np.array([[1, 1, 1, 0, 0], [0, 0, 1, 0, 1], [0, 0, 0, 0, 0]], bool)

# What is wrapped, and how: the functions get each side's `layers`.
BIDIRECTIONAL = {
    "lstm": (lambda kl: kl.LSTM(3), {}),
    "sequences": (lambda kl: kl.GRU(3, return_sequences=True), {}),
    "sum": (lambda kl: kl.SimpleRNN(3, return_sequences=True), dict(merge_mode="sum")),
    "ave": (lambda kl: kl.LSTM(3, go_backwards=True), dict(merge_mode="ave")),
    "mul": (lambda kl: kl.GRU(3, reset_after=False), dict(merge_mode="mul")),
    "list": (lambda kl: kl.LSTM(3, return_sequences=True), dict(merge_mode=None)),
    "states": (lambda kl: kl.LSTM(3, return_sequences=True, return_state=True), {}),
    "both": (lambda kl: kl.GRU(3, return_state=True), dict(merge_mode=None)),
    "stateful": (lambda kl: kl.LSTM(3, stateful=True), {}),
    "frozen": (lambda kl: kl.LSTM(3, trainable=False, kernel_regularizer="l2"), {}),
    "cell": (lambda kl: kl.RNN(kl.LSTMCell(3), return_sequences=True), dict(name="given")),
    "loop": (lambda kl: kl.LSTM(3, activation="relu", return_sequences=True), {}),
}


class Around:
    """A wrapper whose layers each side makes afresh: what `check_layer` calls as one layer."""

    def __init__(self, wrapper, **made):
        self.wrapper, self.made = wrapper, made

    def __call__(self, keras_layers):
        def make(**config):
            inner = {key: function(keras_layers) for key, function in self.made.items()}
            return getattr(keras_layers, self.wrapper)(**inner, **config)

        return make


@pytest.mark.parametrize("mask", [None, MASK])
@pytest.mark.parametrize("case", BIDIRECTIONAL)
def test_bidirectional_beside_keras(case, mask):
    inner, config = BIDIRECTIONAL[case]
    make = Around("Bidirectional", layer=inner)
    compiles = case in ("sequences", "states", "cell") and mask is not None
    check_layer("Bidirectional", config, SHAPE, mask=mask, make=make, compiles=compiles)


def test_backward_layer_beside_keras():
    make = Around(
        "Bidirectional",
        layer=lambda kl: kl.LSTM(3, return_sequences=True),
        backward_layer=lambda kl: kl.GRU(3, return_sequences=True, go_backwards=True),
    )
    check_layer("Bidirectional", {}, SHAPE, mask=MASK, make=make)


@pytest.mark.parametrize("mask", [None, MASK])
def test_initial_state_beside_keras(mask):
    make = Around("Bidirectional", layer=lambda kl: kl.LSTM(3, return_state=True))
    masks = None if mask is None else [mask] + [None] * 4
    check_layer("Bidirectional", {}, [SHAPE, *[(3, 3)] * 4], mask=masks, make=make)


DISTRIBUTED = {
    "dense": (lambda kl: kl.Dense(3, kernel_regularizer="l2"), SHAPE, None),
    "masked": (lambda kl: kl.Dense(3), SHAPE, MASK),
    "conv": (lambda kl: kl.Conv2D(2, 3, padding="same"), (2, 3, 4, 4, 1), None),
    "norm": (lambda kl: kl.LayerNormalization(), SHAPE, None),
    "masking": (lambda kl: kl.Masking(), (2, 3, 4, 2), None),
    "lstm": (lambda kl: kl.LSTM(2), (2, 3, 4, 2), None),
    "lstm masked": (lambda kl: kl.LSTM(2), (3, 5, 4, 2), np.stack([MASK] * 4, -1)),
    "dropout": (lambda kl: kl.Dropout(0.5), SHAPE, MASK),
    "twice": (lambda kl: kl.TimeDistributed(kl.Dense(2)), (2, 3, 4, 2), None),
}


@pytest.mark.parametrize("case", DISTRIBUTED)
def test_time_distributed_beside_keras(case):
    inner, shape, mask = DISTRIBUTED[case]
    make = Around("TimeDistributed", layer=inner)
    check_layer("TimeDistributed", {}, shape, mask=mask, make=make, compiles=case == "lstm masked")


def test_time_distributed_around_a_model():
    inputs = layers.Input((4,))
    model = torchkeras.models.Model(inputs, layers.Dense(2)(inputs))
    layer = layers.TimeDistributed(model)
    x = torch.randn(2, 3, 4)
    outputs = layer(x)
    torch.testing.assert_close(outputs[:, 1], model(x[:, 1]))
    whole = torchkeras.models.Sequential([layers.Input((None, 4)), layer])
    torch.testing.assert_close(whole(x), outputs)
    assert whole.output_shape == (None, None, 2)


def test_time_distributed_has_the_dtype_of_what_is_inside():
    words = layers.Input((5,), dtype="int32")
    encoder = torchkeras.models.Model(words, layers.GRU(3)(layers.Embedding(7, 2)(words)))
    texts = layers.Input((4, 5), dtype="int32")
    for inside in (encoder, layers.Embedding(7, 2), layers.Lambda(lambda x: x / 2)):
        assert layers.TimeDistributed(inside)(texts).dtype == "float32"
    assert layers.TimeDistributed(layers.Flatten())(texts).dtype == "int32"


def test_steps_of_a_stateful_layer_follow_one_another():
    layer = layers.TimeDistributed(layers.LSTM(2, stateful=True))
    outputs = layer(torch.ones(3, 2, 4, 5))
    assert not torch.allclose(outputs[:, 0], outputs[:, 1])


def test_masks_reach_and_leave_a_bidirectional_layer():
    ids = torch.tensor([[0, 0, 1, 2], [3, 0, 0, 0]])
    inputs = layers.Input((4,), dtype="int64")
    hidden = layers.Embedding(5, 3, mask_zero=True)(inputs)
    hidden = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(hidden)
    outputs = layers.Bidirectional(layers.GRU(2))(hidden)
    model = torchkeras.models.Model(inputs, [hidden, outputs])
    sequence, last = model(ids)
    assert torch.equal(sequence._keras_mask, ids != 0)
    assert not sequence[0, :2].any()
    padded = torch.cat([ids, torch.zeros(2, 1, dtype=torch.int64)], 1)
    torch.testing.assert_close(
        torchkeras.models.Model(inputs, outputs)(padded[:, 1:])[0],
        model(ids[:, [1, 2, 3, 0]])[1][0],
    )
    assert last.shape == (2, 4)


def test_symbolic_initial_state():
    x, states = layers.Input((5, 4)), [layers.Input((3,)) for _ in range(2)]
    layer = layers.Bidirectional(layers.GRU(3))
    model = torchkeras.models.Model([x, *states], layer(x, initial_state=states))
    arrays = [torch.randn(2, 5, 4), torch.randn(2, 3), torch.randn(2, 3)]
    torch.testing.assert_close(model(arrays), layer(arrays[0], initial_state=arrays[1:]))


def test_the_wrapped_layer_is_a_pattern():
    inner = layers.LSTM(3)
    inner(torch.zeros(1, 2, 4))
    layer = layers.Bidirectional(inner)
    layer(torch.zeros(1, 2, 4))
    assert len(layer.weights) == 6
    assert not any(weight is own for weight in layer.weights for own in inner.weights)
    assert layer.forward_layer.name == "forward_lstm"


def test_initial_weights():
    source = layers.Bidirectional(layers.GRU(3))
    x = torch.randn(2, 3, 4)
    expected = source(x)
    layer = layers.Bidirectional(layers.GRU(3), weights=source.get_weights())
    torch.testing.assert_close(layer(x), expected)


ERRORS = [
    (lambda: layers.Bidirectional(3), "wraps a layer"),
    (lambda: layers.TimeDistributed(3), "wraps a layer"),
    (lambda: layers.Bidirectional(layers.LSTM(3), merge_mode="max"), "merge_mode"),
    (lambda: layers.Bidirectional(layers.LSTM(3), backward_layer=4), "backward_layer"),
    (
        lambda: layers.Bidirectional(layers.LSTM(3), backward_layer=layers.LSTM(3)),
        "go_backwards",
    ),
    (
        lambda: layers.Bidirectional(
            layers.LSTM(3), backward_layer=layers.LSTM(3, go_backwards=True, return_state=True)
        ),
        "return_state",
    ),
    (lambda: layers.TimeDistributed(layers.Dense(3))(layers.Input((4,))), "3 axes"),
    (
        lambda: layers.Bidirectional(layers.LSTM(2))(
            torch.zeros(1, 2, 3), initial_state=[torch.zeros(1, 2)] * 2
        ),
        "4 states",
    ),
]


@pytest.mark.parametrize("fail, message", ERRORS)
def test_errors(fail, message):
    with pytest.raises(ValueError, match=message):
        fail()


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("name", ["LSTM", "GRU"])
def test_one_kernel_for_both_directions_computes_what_two_do(
    name, return_sequences, masked, monkeypatch
):
    torch.manual_seed(0)
    make = getattr(layers, name)
    inner = make(3, return_sequences=return_sequences, return_state=True)
    layer = layers.Bidirectional(inner, merge_mode="mul" if masked else "concat")
    x = torch.randn(3, 5, 4, requires_grad=True)
    mask = torch.tensor([[1, 1, 1, 0, 0], [0, 1, 0, 1, 1], [0, 0, 0, 0, 0]]).bool()
    options = {"mask": mask} if masked else {}

    def run():
        outputs = layer(x, **options)
        total = sum((k + 1) * (output * output.cos()).sum() for k, output in enumerate(outputs))
        return [*outputs, *torch.autograd.grad(total, [x, *layer.parameters()], allow_unused=True)]

    layer(x)
    for weight in layer.parameters():
        if weight.requires_grad:
            weight.data.normal_()
    for weight in layer.parameters():  # grad() takes no frozen ones
        weight.requires_grad_()
    monkeypatch.setattr(wrappers, "runs_as_pair", lambda *call: False)
    apart = run()
    monkeypatch.setattr(wrappers, "runs_as_pair", lambda *call: True)
    together = run()
    assert len(apart) == len(together)
    for one, other in zip(together, apart, strict=True):
        torch.testing.assert_close(one, other)


def test_one_kernel_runs_only_where_nothing_listens():
    layer = layers.Bidirectional(layers.LSTM(3))
    x = torch.randn(2, 5, 4)
    layer(x)
    pair = (layer.forward_layer, layer.backward_layer)
    options = {"mask": None, "training": None}
    assert wrappers.runs_as_pair(pair, options, [None, None])
    handle = layer.forward_layer.rnn.register_forward_hook(lambda *call: None)
    assert not wrappers.runs_as_pair(pair, options, [None, None])
    handle.remove()
    layer.forward_layer.dropout = 0.5
    assert wrappers.runs_as_pair(pair, options, [None, None])
    assert not wrappers.runs_as_pair(pair, {**options, "training": True}, [None, None])
