"""Torch's recurrent kernels, as they are and as one operation that torch.compile leaves whole.

Inductor would write out every step of a sequence, which takes minutes to compile, and fails on what
oneDNN's LSTM keeps for the backward pass. So a compiled model calls the kernels as an operation
that is not looked into; its backward pass computes the forward pass once more.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_made: list[Any] = []
_is_exporting = getattr(torch.compiler, "is_exporting", lambda: True)  # torch 2.6 cannot tell


def run(
    kind: str, inputs: Tensor, states: list[Tensor], weights: list[Tensor], *mode: Any
) -> list[Tensor]:
    """Outputs and final states of the kernel `kind`: 'lstm', 'gru', 'rnn_tanh' or 'rnn_relu'.

    `mode` is what they all take: has_biases, layers, dropout, train, bidirectional, batch_first.
    """
    if torch.compiler.is_compiling() and not _is_exporting():
        return torch.ops.torchkeras.rnn(kind, inputs, states, weights, *mode)
    return _kernel(kind, inputs, states, weights, *mode)


def _kernel(kind, inputs, states, weights, *mode):
    if kind == "lstm":
        return list(torch._VF.lstm(inputs, states, weights, *mode))
    return list(getattr(torch._VF, kind)(inputs, states[0], weights, *mode))


def make_operation() -> None:
    """Make `torchkeras::rnn`, before something that calls it is compiled."""
    if _made:
        return
    library = torch.library.Library("torchkeras", "FRAGMENT")
    _made.append(library)  # which takes the operation with it when it goes
    mode = "bool biased, int layers, float dropout, bool train, bool both, bool batch_first"
    given = f"Tensor inputs, Tensor[] states, Tensor[] weights, {mode}) -> Tensor[]"
    for name, first, act, shapes in (
        ("rnn", "str kind", _forward, _fake_forward),
        ("rnn_backward", "str kind, Tensor[] grads", _backward, _fake_backward),
    ):
        library.define(f"{name}({first}, {given}")
        library.impl(name, act, "CompositeExplicitAutograd")
        library.impl(name, shapes, "Meta")
    torch.library.register_autograd("torchkeras::rnn", _differentiate, setup_context=_keep)


def _forward(kind, inputs, states, weights, *mode):
    return [made.contiguous() for made in _kernel(kind, inputs, states, weights, *mode)]


def _fake_forward(kind, inputs, states, weights, *mode):
    units = weights[1].shape[1] * (2 if mode[-2] else 1)
    outputs = inputs.new_empty(*inputs.shape[:2], units)
    return [outputs, *(torch.empty_like(state).contiguous() for state in states)]


def _backward(kind, grads, inputs, states, weights, *mode):
    with torch.enable_grad():
        given = [one.detach().requires_grad_() for one in (inputs, *states, *weights)]
        first = 1 + len(states)
        made = _kernel(kind, given[0], given[1:first], given[first:], *mode)
        found = torch.autograd.grad(made, given, grads)
    return [grad.contiguous() for grad in found]


def _fake_backward(kind, grads, inputs, states, weights, *mode):
    return [torch.empty_like(one).contiguous() for one in (inputs, *states, *weights)]


def _keep(ctx, inputs, output):
    ctx.kind, given, states, weights, *ctx.mode = inputs
    ctx.count = len(states)
    ctx.save_for_backward(given, *states, *weights)


def _differentiate(ctx, grads):
    given, *others = ctx.saved_tensors
    states, weights = others[: ctx.count], others[ctx.count :]
    backward = torch.ops.torchkeras.rnn_backward
    found = backward(ctx.kind, list(grads), given, states, weights, *ctx.mode)
    first = 1 + ctx.count
    return None, found[0], found[1:first], found[first:], *[None] * len(ctx.mode)
