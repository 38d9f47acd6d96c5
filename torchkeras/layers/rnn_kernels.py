"""Torch's recurrent kernels, as they are and as operations that torch.compile leaves whole.

Inductor would write out every step of a sequence, which takes minutes to compile. So a compiled
model calls the kernels as operations that are not looked into. Those of `lstm` and `gru`, for
training on the CPU, keep what their backward pass needs; the one here is for everything else, and
computes the forward pass once more where gradients are wanted.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.compiler import is_compiling

from . import gru, lstm

_made: list[Any] = []


def _is_exporting():
    if hasattr(torch.compiler, "is_exporting"):
        return torch.compiler.is_exporting()
    # torch 2.6 sets a flag, and in its strict form only this setting of its own.
    return torch.compiler._is_compiling_flag or torch._dynamo.config.allow_rnn


def run(
    kind: str, inputs: Tensor, states: list[Tensor], weights: list[Tensor], *mode: Any
) -> list[Tensor]:
    """Outputs and final states of the kernel `kind`: 'lstm', 'gru', 'rnn_tanh' or 'rnn_relu'.

    `mode` is what they all take: has_biases, layers, dropout, train, bidirectional, batch_first.
    """
    compiling = is_compiling()
    if compiling and _is_exporting():
        return _kernel(kind, inputs, states, weights, *mode)
    if kind == "gru" and gru.is_quicker(inputs, weights):
        return gru.run(inputs, states[0], weights, mode[-1])
    if not compiling:
        return _kernel(kind, inputs, states, weights, *mode)
    if kind == "lstm" and lstm.is_known(inputs):
        return lstm.run(inputs, states, weights, mode[-1])
    if torch.is_autocast_enabled(inputs.device.type):
        inputs, states, weights = _cast(kind, inputs, states, weights)
    return torch.ops.torchkeras.rnn(kind, inputs, states, weights, *mode)


def _cast(kind, inputs, states, weights):
    """What autocast makes of the arguments, in a kernel that is not called by name."""
    device = inputs.device.type
    dtype = inputs.dtype if kind == "gru" else torch.get_autocast_dtype(device)
    states, weights = ([one.to(dtype) for one in several] for several in (states, weights))
    return inputs.to(dtype), states, weights


def _kernel(kind, inputs, states, weights, *mode):
    if kind == "lstm":
        return list(torch._VF.lstm(inputs, states, weights, *mode))
    return list(getattr(torch._VF, kind)(inputs, states[0], weights, *mode))


def make_operations() -> None:
    """Make the operations, before something that calls them is compiled."""
    if _made:
        return
    library = torch.library.Library("torchkeras", "FRAGMENT")
    _made.append(library)  # which takes the operations with it when it goes
    for name, schema, act, shapes, differentiate, keep in _OPERATIONS:
        library.define(name + schema)
        library.impl(name, act, "CompositeExplicitAutograd")
        library.impl(name, shapes, "Meta")
        if differentiate:
            full = f"torchkeras::{name}"
            torch.library.register_autograd(full, differentiate, setup_context=keep)


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


_GIVEN = "Tensor inputs, Tensor[] states, Tensor[] weights, bool biased, int layers, "
_GIVEN += "float dropout, bool train, bool both, bool batch_first) -> Tensor[]"
_OPERATIONS = (
    ("rnn", f"(str kind, {_GIVEN}", _forward, _fake_forward, _differentiate, _keep),
    ("rnn_backward", f"(str kind, Tensor[] grads, {_GIVEN}", _backward, _fake_backward, None, None),
    *lstm.OPERATIONS,
    *gru.OPERATIONS,
)
