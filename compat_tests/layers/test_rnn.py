"""RNN over built-in cells, stacks of cells and cells of a user's, beside tf.keras."""

import numpy as np
import pytest
import torch

from compat_tests import oracle
from compat_tests.checks.layer import check_layer
from torchkeras import layers, names

SHAPE = (3, 5, 4)
MASK = np.array([[1, 1, 1, 0, 0], [0, 0, 1, 0, 1], [0, 0, 0, 0, 0]], bool)
CELLS = {
    "SimpleRNNCell": [dict(units=3), dict(units=3, activation="relu", use_bias=False)],
    "LSTMCell": [
        dict(units=3),
        dict(units=3, unit_forget_bias=False, recurrent_activation="hard_sigmoid"),
        dict(units=3, use_bias=False, implementation=1),
    ],
    "GRUCell": [
        dict(units=3),
        dict(units=3, reset_after=False),
        dict(units=3, use_bias=False, activation="softsign"),
    ],
}
CELLS = [(name, config) for name, configs in CELLS.items() for config in configs]


def ask_cell(make, zeros, x, name, config):
    """Weights, config and two steps of a cell on its own, with simple weights."""
    cell = make(name)(**config)
    states = [zeros] * (2 if name == "LSTMCell" else 1)
    cell(x, states)
    cell.set_weights([np.sin(np.arange(np.prod(w.shape))).reshape(w.shape) for w in cell.weights])
    output, states = cell(x, states)
    output, states = cell(x, states)
    return {
        "outputs": [output, *states],
        "names": [w.name for w in cell.weights],
        "shapes": [list(w.shape) for w in cell.weights],
        "config": cell.get_config(),
        "sizes": [cell.state_size, cell.output_size],
    }


@pytest.mark.parametrize("name, config", CELLS)
def test_cells_beside_keras(name, config):
    x = np.cos(np.arange(8.0)).reshape(2, 4).astype("float32")

    def ask(keras):
        import tensorflow as tf

        keras.backend.clear_session()
        answer = ask_cell(
            lambda n: getattr(keras.layers, n), tf.zeros((2, 3)), tf.constant(x), name, config
        )
        answer["sizes"] = [int(n) for n in np.ravel(answer["sizes"][0])] + answer["sizes"][1:]
        return answer

    expected = oracle.ask(ask)
    names.reset()
    got = ask_cell(lambda n: getattr(layers, n), torch.zeros(2, 3), torch.tensor(x), name, config)
    for ours, theirs in zip(got["outputs"], expected["outputs"], strict=True):
        np.testing.assert_allclose(ours.detach().numpy(), theirs, atol=1e-6)
    sizes = [int(n) for n in np.ravel(got["sizes"][0])] + got["sizes"][1:]
    assert sizes == expected["sizes"]
    for key in ("names", "shapes", "config"):
        assert got[key] == expected[key]


def cells(keras_layers, kind):
    """The cell argument of a case, made of one side's cells."""
    if kind == "stack":
        return [keras_layers.LSTMCell(3), keras_layers.GRUCell(2), keras_layers.SimpleRNNCell(4)]
    if kind == "old":
        return keras_layers.GRUCell(3, reset_after=False)
    return getattr(keras_layers, kind)(3)


OPTIONS = [
    {},
    dict(return_sequences=True, return_state=True, go_backwards=True),
    dict(return_sequences=True, return_state=True, zero_output_for_mask=True),
    dict(stateful=True, unroll=True),
    dict(time_major=True, return_state=True),
]


class ManyCells:
    """`RNN` with a cell made afresh by each side: what `check_layer` calls as one layer."""

    def __init__(self, keras_layers, kind):
        self.keras_layers, self.kind = keras_layers, kind

    def __call__(self, **config):
        return self.keras_layers.RNN(cells(self.keras_layers, self.kind), **config)


@pytest.mark.parametrize("mask", [None, MASK])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("kind", ["SimpleRNNCell", "LSTMCell", "old", "stack"])
def test_beside_keras(kind, options, mask):
    shape = SHAPE
    if options.get("time_major"):
        shape, mask = (5, 3, 4), None if mask is None else mask.T
    compiles = kind in ("LSTMCell", "stack") and bool(options.get("return_state"))
    axis = 1 if options.get("time_major") else 0
    check_layer(
        "RNN",
        options,
        shape,
        mask=mask,
        batch_axis=axis,
        compiles=compiles,
        make=lambda keras_layers: ManyCells(keras_layers, kind),
    )


class Minimal(layers.Layer):
    """The cell of the Keras documentation, with torch in it."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight("kernel", (input_shape[-1], self.units), initializer="ones")
        self.recurrent = self.add_weight("recurrent", (self.units, self.units), initializer="ones")
        self.built = True

    def call(self, inputs, states):
        output = torch.tanh(inputs @ self.kernel * 0.1 + states[0] @ self.recurrent * 0.1)
        return output, [output]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class Scaled(Minimal):
    """A cell with a constant and without a list around its state."""

    def call(self, inputs, states, constants):
        output, _ = super().call(inputs, states)
        return output * constants[0], output


def test_a_users_cell():
    layer = layers.RNN(Minimal(3), return_sequences=True)
    x = torch.randn(2, 4, 5)
    outputs = layer(x)
    h = torch.zeros(2, 3)
    for step in range(4):
        total = x[:, step].sum(-1, keepdim=True) + h.sum(-1, keepdim=True)
        h = torch.tanh(total * 0.1).expand(2, 3)
        torch.testing.assert_close(outputs[:, step], h)
    assert [w.name for w in layer.weights] == ["rnn/minimal/kernel:0", "rnn/minimal/recurrent:0"]
    assert layers.RNN(Minimal(3))(layers.Input((4, 5))).shape == (None, 3)
    again = layers.RNN.from_config(layer.get_config(), custom_objects={"Minimal": Minimal})
    torch.testing.assert_close(again(x), outputs)
    torch.testing.assert_close(layers.RNN([Minimal(3)], return_sequences=True)(x), outputs)


def test_constants():
    layer = layers.RNN(Scaled(3))
    x, factor = torch.randn(2, 4, 5), torch.full((2, 1), 2.0)
    expected = layers.RNN(Minimal(3))(x) * 2
    torch.testing.assert_close(layer(x, constants=factor), expected)
    inputs, constant = layers.Input((4, 5)), layers.Input((1,))
    symbolic = layer(inputs, constants=constant)
    assert symbolic.shape == (None, 3)
    assert layer.get_config()["num_constants"] == 1
    torch.testing.assert_close(layer([x, factor]), expected)


def test_a_cell_that_is_no_layer():
    class Counter:
        state_size = 1

        def call(self, inputs, states):
            return states[0] + 1, [states[0] + 1]

        __call__ = call

    assert layers.RNN(Counter())(torch.zeros(2, 4, 3)).tolist() == [[4.0], [4.0]]


def test_dropout_masks_hold_for_a_sequence():
    torch.manual_seed(0)
    layer = layers.RNN(layers.SimpleRNNCell(4, dropout=0.5), return_sequences=True)
    x = torch.randn(1, 3, 40, requires_grad=True)
    layer(x, training=True).sum().backward()
    dropped = x.grad[0] == 0
    assert torch.equal(dropped[0], dropped[2])
    assert 0.25 < float(dropped.float().mean()) < 0.75
    first, second = (layer(x, training=True) for _ in range(2))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_a_built_in_cell_runs_as_the_layer_of_its_kind(name):
    x, mask = torch.randn(3, 5, 4), torch.tensor(MASK)
    cell = getattr(layers, f"{name}Cell")(3)
    layer = layers.RNN(cell, return_state=True, return_sequences=True)
    same = getattr(layers, name)(3, return_state=True, return_sequences=True)
    layer(x), same(x)
    layer.set_weights(same.get_weights())
    seen = []
    for hooked in (False, True):  # a hook is called at each step
        if hooked:
            cell.register_forward_hook(lambda *_: seen.append(1))
        for given in (None, mask):
            for output, wanted in zip(layer(x, mask=given), same(x, mask=given), strict=True):
                torch.testing.assert_close(output, wanted)
    assert len(seen) == 2 * 5


def test_an_abstract_cell():
    class Cell(layers.AbstractRNNCell):
        state_size = output_size = 2

        def call(self, inputs, states):
            return states[0] + inputs, [states[0] + inputs]

    assert layers.RNN(Cell())(torch.ones(1, 3, 2)).tolist() == [[3.0, 3.0]]
    with pytest.raises(NotImplementedError, match="state_size"):
        _ = layers.AbstractRNNCell().state_size


def test_sizes_may_be_shapes_of_tensorflow():
    from torchkeras.shim.tensorflow import TensorShape

    class Cell(layers.Layer):
        state_size = output_size = [TensorShape([3]), TensorShape([2, 4])]

        def call(self, inputs, states):
            made = [state + inputs.sum() for state in states]
            return made, made

    for shape in ((1, 2, 5), (None, 2, 5)):
        inputs = torch.ones(shape) if shape[0] else layers.Input(shape[1:])
        found = layers.RNN(Cell())(inputs)
        assert [tuple(t.shape) for t in found] == [(shape[0], 3), (shape[0], 2, 4)]


def test_nested_states_are_returned_as_keras_does():
    made = [layers.LSTMCell(3), layers.GRUCell(2)]
    layer = layers.RNN(made, return_state=True, stateful=True)
    output, first, second = layer(torch.randn(2, 5, 4))
    assert [tuple(t.shape) for t in (output, *first, second)] == [(2, 2), (2, 3), (2, 3), (2, 2)]
    assert torch.equal(layer.states[0][1], first[1])
    symbolic = layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)], return_state=True)
    _, first, second = symbolic(layers.Input((5, 4)))
    assert [t.shape for t in (*first, second)] == [(None, 3), (None, 3), (None, 2)]


def test_the_config_tells_what_the_cells_were_built_for():
    """As in tf.keras 2.15."""
    layer = layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)])
    assert "build_config" not in layer.get_config()["cell"]
    layer(layers.Input((5, 4)))
    cell = layer.get_config()["cell"]
    assert cell["build_config"] == {"input_shape": (None, 4)}
    assert [one["build_config"]["input_shape"] for one in cell["config"]["cells"]] == [
        (None, 4),
        (None, 3),
    ]
