"""Recurrent kernels inside of what torch.compile makes: the same numbers and gradients."""

import pickle

import pytest
import torch

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


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn_tanh", "rnn_relu"])
def test_the_operation_keeps_to_the_rules(kind):
    """torch's own check: shapes without numbers, gradients, no arguments changed."""
    rnn_kernels.make_operation()
    gates = {"lstm": 4, "gru": 3}.get(kind, 1)
    sizes = [(gates * 4, 3), (gates * 4, 4), (gates * 4,), (gates * 4,)]
    weights = [torch.randn(size, requires_grad=True) for size in sizes]
    states = [torch.randn(1, 2, 4, requires_grad=True) for _ in range(2 if kind == "lstm" else 1)]
    x = torch.randn(2, 5, 3, requires_grad=True)
    given = (kind, x, states, weights, True, 1, 0.0, True, False, True)
    torch.library.opcheck(torch.ops.torchkeras.rnn.default, given)


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
