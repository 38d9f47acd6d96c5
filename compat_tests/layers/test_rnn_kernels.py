"""Recurrent kernels inside of what torch.compile makes: the same numbers and gradients."""

import pickle

import pytest
import torch
from functorch.compile import make_boxed_compiler
from torch import nn
from torch._dynamo.backends.common import aot_autograd
from torch.func import functional_call

from compat_tests.processes import check_python
from torchkeras import Sequential, layers
from torchkeras.layers import rnn_kernels

WAYS = {
    "plain": {},
    "sequences": {"return_sequences": True},
    "backwards": {"go_backwards": True, "return_sequences": True},
    "without bias": {"use_bias": False},
    "masked": {},
    "both directions": {"return_sequences": True},
}


def made(kind, way):
    layer = getattr(layers, kind)(4, **WAYS[way])
    if way == "both directions":
        layer = layers.Bidirectional(layer)
    first = [layers.Masking()] if way == "masked" else []
    return Sequential([layers.Input((5, 3)), *first, layer, layers.Dense(2)])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN"])
def test_compiled_as_in_python(kind, way):
    torch.compiler.reset()  # which counts all models together
    torch.manual_seed(0)
    model, x = made(kind, way), torch.randn(6, 5, 3)
    x[2:4, 3:] = 0
    x.requires_grad_()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    found = []
    for run in (model, compiled):
        model.zero_grad()
        x.grad = None
        outputs = run(x)
        (outputs**2).sum().backward()
        found.append([outputs, x.grad, *(weight.grad for weight in model.parameters())])
    for expected, value in zip(*found, strict=True):
        torch.testing.assert_close(value, expected)


@pytest.mark.parametrize("halved", [False, True])
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN"])
def test_compiled_under_autocast(kind, halved):
    """What comes in may be in half precision already; the result has the dtype it has in Python."""
    torch.compiler.reset()
    first = [layers.Dense(3)] if halved else []
    model = Sequential([layers.Input((5, 3)), *first, getattr(layers, kind)(4)]).train()
    compiled, x = torch.compile(model, fullgraph=True, backend="aot_eager"), torch.randn(6, 5, 3)
    found = []
    for run in (model, compiled):
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            outputs = run(x)
        outputs.float().sum().backward()
        found.append([outputs, *(weight.grad for weight in model.parameters())])
    for expected, value in zip(*found, strict=True):
        torch.testing.assert_close(value, expected, rtol=0.02, atol=0.02)


def tensors(*shapes):
    return [torch.randn(shape, requires_grad=True) for shape in shapes]


def given(kind, biased=True):
    """What an operation is called with: 5 steps of 2 samples of 3 numbers, 4 units."""
    gates = {"lstm": 4, "gru": 3}.get(kind, 1)
    weights = tensors((gates * 4, 3), (gates * 4, 4), *[(gates * 4,)] * (2 if biased else 0))
    return weights, tensors(*[(1, 2, 4)] * (2 if kind == "lstm" else 1))


def check_rules(name, *arguments):
    """torch's own check: shapes without numbers, gradients, no arguments changed."""
    rnn_kernels.make_operations()
    torch.library.opcheck(getattr(torch.ops.torchkeras, name).default, arguments)


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn_tanh", "rnn_relu"])
def test_the_operation_keeps_to_the_rules(kind):
    weights, states = given(kind)
    (x,) = tensors((2, 5, 3))
    check_rules("rnn", kind, x, states, weights, True, 1, 0.0, True, False, True)


@pytest.mark.parametrize("biased", [True, False])
def test_operations_that_keep_something_keep_to_the_rules(biased):
    weights, _ = given("lstm", biased)
    x, h, c = tensors((5, 2, 3), (2, 4), (2, 4))
    weights = weights if biased else [*weights, None, None]
    for reverse in (False, True):
        check_rules("lstm", x, h, c, *weights, reverse)
    weights, _ = given("gru", biased)
    (projected,) = tensors((5, 2, 12))
    check_rules("gru", projected, h, weights[1], weights[3] if biased else None)


@pytest.mark.parametrize("copied", [False, True])
def test_what_an_lstm_kept(copied):
    """Its memory reaches the backward pass, or is computed again where one byte was copied."""
    rnn_kernels.make_operations()
    weights, (h, c) = given("lstm")
    (x,) = tensors((5, 2, 3))
    tensors_given = [x, h[0], c[0], *weights]
    expected = torch._VF.lstm(x, (h, c), weights, True, 1, 0.0, True, False, False)
    expected = torch.autograd.grad(expected[0].sum(), [x, h, c, *weights[:3]])
    *made, kept = torch.ops.torchkeras.lstm(*tensors_given, False)
    assert kept.shape == (1,) and kept.untyped_storage().nbytes() > made[0].nbytes
    grads = [torch.ones_like(made[0]), *map(torch.zeros_like, made[1:])]
    kept = kept.clone() if copied else kept
    found = torch.ops.torchkeras.lstm_backward(grads, *tensors_given, made, kept, False)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other.view(one.shape))


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_no_forward_pass_is_computed_twice(kind):
    """A step of what was compiled runs the operation once, and none that computes it again."""
    torch.compiler.reset()
    graphs = []

    def note(graph, _):
        called = [str(node.target) for node in graph.graph.nodes]
        graphs.extend(name for name in called if name.startswith("torchkeras"))
        return graph.forward

    backend = aot_autograd(fw_compiler=make_boxed_compiler(note))
    compiled = torch.compile(made(kind, "masked"), fullgraph=True, backend=backend)
    compiled(torch.randn(6, 5, 3)).sum().backward()
    name = f"torchkeras.{kind.lower()}"
    assert graphs == [f"{name}.default", f"{name}_backward.default"]


CHANGES = {
    "assigned": lambda rnn: setattr(rnn, "weight_ih_l0", nn.Parameter(rnn.weight_ih_l0 * 3)),
    "loaded": lambda rnn: rnn.load_state_dict(
        {name: value * 3 for name, value in rnn.state_dict().items()}, assign=True
    ),
    "after a call with others": lambda rnn: (
        functional_call(rnn, {"bias_hh_l0": rnn.bias_hh_l0 + 0}, torch.randn(6, 5, 3)),
        CHANGES["loaded"](rnn),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("way", ["plain", "masked", "both directions"])
def test_weights_are_those_of_the_module(way, change):
    """However they came there, compiled or not; masked sequences go around the module's call."""
    torch.compiler.reset()
    model, x = made("LSTM", way), torch.randn(6, 5, 3)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    before = compiled(x)
    rnn = next(module for module in model.modules() if isinstance(module, nn.LSTM))
    CHANGES[change](rnn)
    after = compiled(x)
    assert not torch.allclose(before, after)
    torch.testing.assert_close(after, model(x))
    state = {name: value * 2 for name, value in model.state_dict().items()}
    with_others = functional_call(model, state, x)
    model.load_state_dict(state)
    torch.testing.assert_close(with_others, model(x))


def test_parametrized_weights_are_refused_by_name():
    torch.compiler.reset()
    model = made("LSTM", "plain")
    name = model.layers[0].name
    nn.utils.parametrizations.weight_norm(model.layers[0].rnn, "weight_hh_l0")
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    with pytest.raises(Exception, match=f'weight_hh_l0 of layer "{name}"'):
        compiled(torch.randn(6, 5, 3))


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN"])
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("grad", [False, True])
def test_an_export_has_the_weights_as_parameters(kind, strict, grad):
    model, x = made(kind, "sequences"), torch.randn(6, 5, 3)
    for _ in range(2):
        with torch.set_grad_enabled(grad):
            program = torch.export.export(model, (x,), strict=strict)
        assert not program.constants
        torch.testing.assert_close(program.module()(x), model(x))


def test_a_pickle_compiles_in_a_new_process(tmp_path):
    """Where no layer was built, which makes the operation too."""
    with open(tmp_path / "model", "wb") as file:
        pickle.dump(made("LSTM", "plain"), file)
    code = """
import pickle, torch
model = pickle.load(open("model", "rb"))
x = torch.randn(2, 5, 3)
compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
torch.testing.assert_close(compiled(x), model(x))
"""
    check_python("-c", code, cwd=tmp_path)
