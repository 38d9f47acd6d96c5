"""The GRU that trains on the CPU beside torch's: values, gradients, and their gradients."""

import pytest
import torch
from torch import nn

from torchkeras import layers
from torchkeras.layers import gru

SIZES = [(1, 1, 1, 1), (2, 5, 3, 4), (4, 12, 1, 7), (3, 30, 8, 16)]  # batch, time, inputs, units


def made(size, bias, batch_first, directions=1, dtype=torch.float64):
    """A torch layer, inputs and a state that ask for gradients."""
    batch, time, inputs, units = size
    torch.manual_seed(sum(size))
    options = {"bias": bias, "batch_first": batch_first, "bidirectional": directions == 2}
    native = nn.GRU(inputs, units, dtype=dtype, **options)
    shape = (batch, time, inputs) if batch_first else (time, batch, inputs)
    x = torch.randn(shape, dtype=dtype, requires_grad=True)
    return native, x, torch.randn(directions, batch, units, dtype=dtype, requires_grad=True)


def run(native, x, state):
    return gru.run(x, state, native._flat_weights, native.batch_first)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("size", SIZES)
def test_values_and_gradients_are_those_of_torch(size, directions, bias, batch_first):
    native, x, state = made(size, bias, batch_first, directions)
    wanted = [x, state, *native.parameters()]
    found = []
    for way in (native, lambda *given: run(native, *given)):
        outputs, final = way(x, state)
        loss = (outputs.sin() * torch.arange(1.0, outputs.shape[-1] + 1)).sum() + final.cos().sum()
        found.append([outputs, final, *torch.autograd.grad(loss, wanted)])
    for theirs, ours in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("bias", [False, True])
def test_gradients_of_gradients(bias):
    native, x, state = made((2, 4, 3, 2), bias, True)
    weights = [p.detach().requires_grad_() for p in native._flat_weights]

    def outputs(x, state, *weights):
        return gru.run(x, state, list(weights), True)[0]

    assert torch.autograd.gradcheck(outputs, (x, state, *weights))
    assert torch.autograd.gradgradcheck(outputs, (x, state, *weights))


def test_some_gradients_only():
    native, x, state = made((2, 5, 3, 4), True, True)
    native.requires_grad_(False)
    native.weight_hh_l0.requires_grad_()
    for way in (native, lambda *given: run(native, *given)):
        native.zero_grad()
        way(x.detach(), state.detach())[0].square().sum().backward(retain_graph=True)
        grads = [parameter.grad for parameter in native.parameters()]
        assert [grad is not None for grad in grads] == [False, True, False, False]
    (slope,) = torch.autograd.grad(run(native, x.detach(), state)[0].sum(), [state])
    assert slope.shape == state.shape


def test_outputs_may_be_changed_and_gradients_asked_for_twice():
    native, x, state = made((2, 5, 3, 4), True, True)
    outputs = run(native, x, state)[0]
    loss = (outputs * 2).relu_().sum()
    first = torch.autograd.grad(loss, [x], retain_graph=True)
    torch.testing.assert_close(torch.autograd.grad(loss, [x]), first)
    with pytest.raises(RuntimeError, match="inplace"):
        changed = run(native, x, state)[0].add_(1)
        changed.sum().backward()


def test_where_it_runs(monkeypatch):
    layer, ran = layers.GRU(4), []
    plain = gru.run
    monkeypatch.setattr(gru, "run", lambda *given: ran.append(1) or plain(*given))
    x = torch.randn(2, 5, 3)
    layer(x).sum().backward()
    assert len(ran) == 1
    with torch.no_grad():
        layer(x)
    torch.func.grad(lambda x: layer(x).sum())(x)
    layer.trainable = False
    layer(x)
    assert len(ran) == 1
    layer.trainable = True
    layer(x, mask=torch.ones(2, 5, dtype=torch.bool))
    assert len(ran) == 2
    ran.clear()
    layers.Bidirectional(layers.GRU(4))(x)
    assert ran
    ran.clear()
    layer.rnn.register_forward_hook(lambda *args: None)
    layer.train()
    layer(x)
    assert not ran
