"""SimpleRNN, LSTM and GRU beside tf.keras: every argument, masks in every position, states."""

import copy

import numpy as np
import pytest
import torch

import torchkeras
from compat_tests import oracle
from compat_tests.checks.layer import check_layer
from torchkeras import layers

NAMES = ["SimpleRNN", "LSTM", "GRU"]
SHAPE = (3, 5, 4)
MASK = np.array([[1, 1, 1, 0, 0], [0, 0, 1, 0, 1], [0, 0, 0, 0, 0]], bool)

OPTIONS = [
    {},
    dict(return_sequences=True),
    dict(return_sequences=True, return_state=True, go_backwards=True),
    dict(return_state=True, use_bias=False),
    dict(activation="relu", return_sequences=True),
    dict(activation="softsign", return_sequences=True, return_state=True, go_backwards=True),
    dict(unroll=True, return_state=True),
    dict(time_major=True, return_sequences=True, return_state=True),
    dict(time_major=True, activation=None, go_backwards=True),
    dict(stateful=True, return_sequences=True, return_state=True),
    dict(dropout=0.3, recurrent_dropout=0.2),
    dict(
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
]
GATED = [
    dict(recurrent_activation="hard_sigmoid", return_sequences=True),
    dict(recurrent_activation=None, activation="relu", return_state=True, implementation=1),
]
ONLY = [
    ("LSTM", dict(unit_forget_bias=False, implementation=1)),
    ("GRU", dict(reset_after=False, return_sequences=True)),
    ("GRU", dict(reset_after=False, use_bias=False, return_state=True, go_backwards=True)),
    ("GRU", dict(reset_after=False, recurrent_activation="hard_sigmoid", stateful=True)),
    ("GRU", dict(activation="relu", use_bias=False, return_sequences=True)),
]
CASES = [(name, options) for name in NAMES for options in OPTIONS]
CASES += [(name, options) for name in NAMES[1:] for options in GATED] + ONLY


@pytest.mark.parametrize("name, options", CASES)
def test_beside_keras(name, options):
    axis = 1 if options.get("time_major") else 0
    compiles = bool(options.get("return_state"))  # compiling takes most of the time
    check_layer(name, dict(units=3, **options), SHAPE, batch_axis=axis, compiles=compiles)


MASKED = [
    {},
    dict(return_sequences=True),
    dict(return_sequences=True, return_state=True, go_backwards=True),
    dict(return_sequences=True, return_state=True, zero_output_for_mask=True),
    dict(return_state=True, go_backwards=True),
    dict(return_state=True, zero_output_for_mask=True),
    dict(return_sequences=True, stateful=True),
    dict(return_sequences=True, return_state=True, time_major=True),
    dict(return_sequences=True, return_state=True, activation="softsign"),
    dict(return_state=True, activation="softsign", zero_output_for_mask=True),
    dict(return_sequences=True, unroll=True, use_bias=False, return_state=True),
]


@pytest.mark.parametrize("options", MASKED)
@pytest.mark.parametrize("name", NAMES)
def test_masked_beside_keras(name, options):
    shape, mask = (SHAPE, MASK)
    if options.get("time_major"):
        shape, mask = (5, 3, 4), MASK.T
    compiles = name == "LSTM" and bool(options.get("return_state"))
    check_layer(name, dict(units=3, **options), shape, mask=mask, compiles=compiles)


@pytest.mark.parametrize("mask", [None, MASK])
@pytest.mark.parametrize("name, options", [(n, {}) for n in NAMES] + ONLY[2:3])
def test_initial_state_beside_keras(name, options, mask):
    options = {**options, "return_state": True, "return_sequences": True}
    states = [(3, 3)] * (2 if name == "LSTM" else 1)
    masks = None if mask is None else [mask] + [None] * len(states)
    compiles = name == "LSTM" and mask is not None
    check_layer(name, dict(units=3, **options), [SHAPE, *states], mask=masks, compiles=compiles)
    if mask is not None:
        options["return_sequences"] = False
        check_layer(name, dict(units=3, **options), [SHAPE, *states], mask=masks, compiles=False)


def test_names_of_a_second_layer_beside_keras():
    def ask(keras):
        keras.backend.clear_session()
        inputs = keras.Input((2, 4))
        made = [getattr(keras.layers, name)(3) for name in NAMES for _ in range(2)]
        for layer in made:
            layer(inputs)
        return [w.name for layer in made for w in layer.weights]

    expected = oracle.ask(ask)
    torchkeras.names.reset()
    inputs = layers.Input((2, 4))
    made = [getattr(layers, name)(3) for name in NAMES for _ in range(2)]
    for layer in made:
        layer(inputs)
    assert [w.name for layer in made for w in layer.weights] == expected


@pytest.mark.parametrize("name", NAMES)
def test_states_run_on_beside_keras(name):
    x = np.random.default_rng(3).normal(size=(4, 2, 3, 4)).astype("float32")
    start = np.full((2, 3), 0.3, "float32")

    def run(make, numpy):
        layer = make(3, stateful=True, kernel_initializer="ones", recurrent_initializer="ones")
        first = numpy(layer(x[0]))
        second = numpy(layer(x[1]))
        states = [numpy(state) for state in layer.states]
        layer.reset_states()
        third = numpy(layer(x[2]))
        layer.reset_states([start] * len(states))
        return [first, second, *states, third, numpy(layer(x[3]))]

    expected = oracle.ask(lambda keras: run(getattr(keras.layers, name), np.asarray))
    got = run(getattr(layers, name), lambda tensor: tensor.detach().numpy().copy())
    for ours, theirs in zip(got, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_states_move_and_are_not_saved():
    layer = layers.LSTM(3, stateful=True)
    layer(torch.randn(2, 5, 4))
    assert not any("state" in key for key in layer.state_dict())
    kept = [state.clone() for state in layer.states]
    other = copy.deepcopy(layer)
    layer.reset_states()
    assert [float(s.abs().sum()) for s in layer.states] == [0.0, 0.0]
    assert all(torch.equal(a, b) for a, b in zip(other.states, kept, strict=True))
    assert other.double().states[0].dtype is torch.float64


@pytest.mark.parametrize("options", [{}, dict(activation="softsign"), dict(unroll=True)])
@pytest.mark.parametrize("name", NAMES)
def test_dropout(name, options):
    """Its mean is right, it acts in training only, and at the places where Keras drops."""
    torch.manual_seed(1)
    layer = getattr(layers, name)(2, dropout=0.5, return_sequences=True, **options)
    x = torch.randn(1, 6, 40, requires_grad=True)
    assert torch.equal(layer(x), layer(x))
    layer(x, training=True).sum().backward()
    dropped = x.grad[0] == 0
    once_for_all_steps = bool((dropped == dropped[0]).all())
    assert once_for_all_steps == (name == "SimpleRNN" or bool(options))
    assert 0.25 < dropped.float().mean() < 0.75


def test_implementation_1_drops_for_each_gate_apart():
    torch.manual_seed(0)
    config = dict(dropout=0.5, unroll=True, return_sequences=True)
    seen = {}
    for implementation in (1, 2):
        layer = layers.LSTM(8, implementation=implementation, **config)
        x = torch.randn(1, 2, 40, requires_grad=True)
        layer(x, training=True).sum().backward()
        seen[implementation] = float((x.grad == 0).float().mean())
    assert seen[1] < 0.15 < 0.35 < seen[2]


@pytest.mark.parametrize("name", NAMES)
def test_recurrent_dropout(name):
    torch.manual_seed(0)
    layer = getattr(layers, name)(50, recurrent_dropout=0.5, return_sequences=True)
    x = torch.randn(2, 3, 4)
    resting = layer(x)
    outputs = layer(x, training=True)
    # No state is there to be dropped at the first step.
    torch.testing.assert_close(outputs[:, 0], resting[:, 0])
    assert not torch.allclose(outputs[:, 1], resting[:, 1])
    outputs.sum().backward()
    mask = torch.tensor([[True, True, False], [False, False, False]])
    masked = layer(x, training=True, mask=mask)
    assert torch.equal(masked[0, 1], masked[0, 2])
    assert not masked[1].any()


@pytest.mark.parametrize("holes", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("name", NAMES)
def test_the_kernel_under_masks_equals_the_loop(name, holes):
    """Outputs, states and gradients, in double precision."""
    generator = np.random.default_rng(int(holes * 10))
    options = dict(return_sequences=True, return_state=True, dtype="float64")
    layer = getattr(layers, name)(6, **options)
    x = torch.tensor(generator.normal(size=(8, 20, 5)))
    mask = torch.tensor(generator.random((8, 20)) >= holes)
    states = [torch.tensor(generator.normal(size=(8, 6))) for _ in range(layer.n_states)]
    results = []
    layer(x)
    for kernel in (layer.fused, None):
        layer.fused = kernel
        inputs = [t.clone().requires_grad_() for t in (x, *states)]
        outputs = layer(inputs[0], initial_state=inputs[1:], mask=mask)
        sum((o * (1 + o)).sum() for o in outputs).backward()
        gradients = [p.grad.clone() for p in layer.parameters() if p.grad is not None]
        layer.zero_grad()
        results.append([*outputs, *(t.grad for t in inputs), *gradients])
    for fused, looped in zip(*results, strict=True):
        torch.testing.assert_close(fused, looped, rtol=1e-10, atol=1e-12)


def test_what_lies_behind_a_mask_is_not_read():
    layer = layers.LSTM(3, return_state=True)
    x = torch.randn(2, 4, 3)
    mask = torch.tensor([[True, True, False, True], [False, True, False, False]])
    expected = layer(x, mask=mask)
    x[~mask] = float("nan")
    for output, wanted in zip(layer(x, mask=mask), expected, strict=True):
        torch.testing.assert_close(output, wanted)


def test_masks_come_from_layers_before():
    ids = torch.tensor([[0, 0, 1, 2], [3, 0, 0, 0]])
    embedding = layers.Embedding(5, 3, mask_zero=True)
    first, second = layers.GRU(4, return_sequences=True), layers.LSTM(2)
    hidden = first(embedding(ids))
    assert torch.equal(hidden._keras_mask, ids != 0)
    expected = second(hidden)
    inputs = layers.Input((4,), dtype="int64")
    model = torchkeras.models.Model(inputs, second(first(embedding(inputs))))
    torch.testing.assert_close(model(ids), expected)
    short = second(first(embedding(ids[1:, :1])))
    torch.testing.assert_close(expected[1:], short)


def test_symbolic_initial_state():
    x, h, c = layers.Input((5, 4)), layers.Input((3,)), layers.Input((3,))
    layer = layers.LSTM(3)
    model = torchkeras.models.Model([x, h, c], layer(x, initial_state=[h, c]))
    assert [tensor.shape for tensor in layer.input] == [(None, 5, 4), (None, 3), (None, 3)]
    arrays = [torch.randn(2, 5, 4), torch.randn(2, 3), torch.randn(2, 3)]
    expected = layer(arrays[0], initial_state=arrays[1:])
    torch.testing.assert_close(model(arrays), expected)
    torch.testing.assert_close(layer(arrays), expected)


def test_the_bias_that_keras_lacks_stays_zero():
    layer = layers.LSTM(3)
    x = torch.randn(2, 5, 4)
    layer(x)
    layer.trainable = False
    layer.trainable = True
    optimizer = torch.optim.SGD(layer.parameters(), 0.1)
    layer(x).sum().backward()
    optimizer.step()
    assert float(layer.rnn.bias_hh_l0.abs().sum()) == 0.0
    assert not layer.rnn.bias_hh_l0.requires_grad
    assert layer.bias.numpy()[3:6].tolist() != [1.0] * 3


def test_the_native_module_is_called_and_hooked():
    layer = layers.LSTM(3)
    x = torch.randn(2, 5, 4)
    layer(x)
    seen = []
    layer.rnn.register_forward_hook(lambda *_: seen.append(1))
    layer(x, training=True)
    with torch.no_grad():
        layer(x)
    assert len(seen) == 2


def test_weights_follow_the_module():
    """Moved, replaced or copied weights are those that every path computes with."""
    layer = layers.LSTM(3, return_sequences=True)
    x = torch.randn(2, 5, 4)
    layer(x)
    mask = torch.ones(2, 5, dtype=torch.bool)
    for other in (copy.deepcopy(layer).double(), copy.deepcopy(layer)):
        other.rnn.weight_ih_l0 = torch.nn.Parameter(other.rnn.weight_ih_l0 * 2)
        inputs = x.to(other._compute_dtype)
        with torch.no_grad():
            expected = other(inputs)
        torch.testing.assert_close(other(inputs, mask=mask), expected)
        torch.testing.assert_close(other(inputs), expected)


def test_the_cell_of_a_layer():
    layer = layers.LSTM(3)
    x = torch.randn(2, 1, 4)
    expected = layer(x)
    output, states = layer.cell(x[:, 0], [torch.zeros(2, 3)] * 2)
    torch.testing.assert_close(output, expected)
    assert (layer.cell.units, layer.cell.state_size, len(states)) == (3, [3, 3], 2)


ERRORS = [
    (lambda: layers.LSTM(0), ValueError, "units"),
    (lambda: layers.LSTM(2, stateful=True)(layers.Input((3, 4))), ValueError, "batch size"),
    (lambda: layers.LSTM(2, name="mine")(layers.Input((4,))), ValueError, "mine"),
    (lambda: layers.LSTM(2)(layers.Input((None, None))), ValueError, "last axis"),
    (lambda: layers.GRU(2, unroll=True)(layers.Input((None, 3))), ValueError, "unroll"),
    (lambda: layers.LSTM(2).reset_states(), AttributeError, "stateful"),
    (lambda: layers.RNN(3), ValueError, "call"),
    (lambda: layers.LSTM(2, unknown=3), TypeError, "unknown"),
    (
        lambda: layers.LSTM(2)(torch.zeros(1, 2, 3), initial_state=[torch.zeros(1, 2)]),
        ValueError,
        "2 states",
    ),
    (
        lambda: layers.GRU(2)(torch.zeros(1, 2, 3), initial_state=torch.zeros(1, 3)),
        ValueError,
        "Initial state 0",
    ),
    (
        lambda: layers.LSTM(2)(layers.Input((2, 3)), initial_state=[torch.zeros(1, 2)]),
        ValueError,
        "2 states",
    ),
]


@pytest.mark.parametrize("fail, error, message", ERRORS)
def test_errors(fail, error, message):
    with pytest.raises(error, match=message):
        fail()


def test_a_stateful_layer_keeps_its_batch_size():
    layer = layers.GRU(2, stateful=True, name="mine")
    layer(torch.zeros(3, 2, 4))
    with pytest.raises(ValueError, match='"mine".*(3, None, 4)'):
        layer(torch.zeros(2, 2, 4))
    with pytest.raises(ValueError, match="reset_states received 2"):
        layer.reset_states([np.zeros((3, 2))] * 2)
    with pytest.raises(ValueError, match="State 0"):
        layer.reset_states([np.zeros((2, 2))])


def test_simple_rnn_has_one_implementation():
    with pytest.warns(UserWarning, match="one implementation"):
        layer = layers.SimpleRNN(2, implementation=1)
    assert "implementation" not in layer.get_config()


def test_a_model_with_states_survives_its_config():
    x, h = layers.Input((5, 4), name="x"), layers.Input((3,), name="h")
    outputs = layers.LSTM(3, name="lstm")(x, initial_state=[h, h])
    model = torchkeras.models.Model([x, h], outputs)
    (node,) = model.get_config()["layers"][-1]["inbound_nodes"]
    assert [list(one) for one in node] == [["x", 0, 0, {}], ["h", 0, 0, {}], ["h", 0, 0, {}]]
    again = type(model).from_config(model.get_config())
    again.set_weights(model.get_weights())
    arrays = [torch.randn(2, 5, 4), torch.randn(2, 3)]
    torch.testing.assert_close(again(arrays), model(arrays))


def test_a_layer_of_a_users():
    class Doubled(layers.LSTM):
        def call(self, inputs, mask=None, training=None, initial_state=None):
            return 2 * super().call(inputs, mask, training, initial_state)

    layer = Doubled(3, return_sequences=True)
    assert layer(layers.Input((5, 4))).shape == (None, 5, 3)
    x = torch.randn(2, 5, 4)
    plain = layers.LSTM(3, return_sequences=True)
    plain(x)
    plain.set_weights(layer.get_weights())
    torch.testing.assert_close(layer(x), 2 * plain(x))
    assert [w.name for w in layer.weights][0] == "doubled/lstm_cell/kernel:0"
