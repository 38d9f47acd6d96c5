"""The steps of a GRU for training on the CPU, where torch has no kernel for all of them at once.

Torch records each step, and adds up the gradients of the weights step by step. Here every gradient
of a step is that of the state times a factor that is known beforehand, so going back takes three
operations a step, and the gradients of the weights are one product at the end. `Steps` is their
autograd function, `OPERATIONS` are the same for torch.compile.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.compiler import is_compiling


def is_quicker(inputs: Tensor, weights: list[Tensor]) -> bool:
    """Whether `run` is to take the place of torch's GRU: gradients are wanted, on the CPU."""
    return (
        inputs.is_cpu
        and torch.is_grad_enabled()
        and inputs.dtype in (torch.float32, torch.float64)
        and inputs.numel() > 0
        and inputs.ndim == 3
        and (inputs.requires_grad or any(weight.requires_grad for weight in weights))
        and not torch.is_autocast_enabled("cpu")
        and (is_compiling() or not torch._C._are_functorch_transforms_active())
    )


def run(
    inputs: Tensor, state: Tensor, weights: list[Tensor], batch_first: bool
) -> tuple[Tensor, Tensor]:
    """All outputs and the final state, as those of `torch.nn.GRU`.

    `state` is `(directions, batch, units)`; each direction has its share of the `weights`.

    >>> layer, x = torch.nn.GRU(3, 4), torch.randn(5, 2, 3)
    >>> outputs, final = run(x, torch.zeros(1, 2, 4), layer._flat_weights, False)
    >>> torch.allclose(outputs, layer(x)[0], atol=1e-6)
    True
    """
    if len(state) == 2:
        return _both_ways(inputs, state, weights, batch_first)
    kernel, recurrent, *biases = weights
    bias, hidden_bias = biases or (None, None)
    projected = F.linear(inputs.transpose(0, 1) if batch_first else inputs, kernel, bias)
    given = projected, state[0], recurrent, hidden_bias
    if is_compiling():
        outputs = torch.ops.torchkeras.gru(*given)[0][1:]
    else:
        outputs = _Steps.apply(*given)
    return outputs.transpose(0, 1) if batch_first else outputs, outputs[-1:]


def _both_ways(inputs, state, weights, batch_first):
    time, half = int(batch_first), len(weights) // 2
    there, last = run(inputs, state[:1], weights[:half], batch_first)
    back, first = run(inputs.flip(time), state[1:], weights[half:], batch_first)
    return torch.cat([there, back.flip(time)], -1), torch.cat([last, first])


class _Steps(torch.autograd.Function):
    """The states after each step, from the projected inputs `(time, batch, 3 * units)`.

    Gates stand in torch's order: reset, update, new.
    """

    @staticmethod
    def forward(context, *given):
        made = _forward(*given)
        context.save_for_backward(*given, *made)
        return made[0][1:]

    @staticmethod
    def backward(context, gradient):
        *given, states, hidden, gates, new = context.saved_tensors
        if torch.is_grad_enabled():  # gradients of gradients
            return _again(given, context.needs_input_grad, gradient)
        biased = context.needs_input_grad[3]
        *found, of_bias = _backward(gradient, given[2], states, hidden, gates, new, biased)
        return *found, of_bias if biased else None


def _forward(projected, state, recurrent, bias):
    """All states, the given one first, and what `_backward` needs beside them."""
    time, batch, size = projected.shape
    units = size // 3
    states = projected.new_empty(time + 1, batch, units)
    hidden = projected.new_empty(time, batch, size)
    gates = projected.new_empty(time, batch, 2 * units)  # reset and update
    new = projected.new_empty(time, batch, units)
    states[0] = state
    state_at, hidden_at, gates_at, new_at = (
        whole.unbind() for whole in (states, hidden, gates, new)
    )
    reset_at, update_at = (half.unbind() for half in gates.split(units, -1))
    given_gates_at, given_new_at = (p.unbind() for p in projected.split(2 * units, -1))
    hidden_gates_at, hidden_new_at = (h.unbind() for h in hidden.split(2 * units, -1))
    kernel = recurrent.t()
    for t in range(time):
        if bias is None:
            torch.mm(state_at[t], kernel, out=hidden_at[t])
        else:
            torch.addmm(bias, state_at[t], kernel, out=hidden_at[t])
        torch.add(given_gates_at[t], hidden_gates_at[t], out=gates_at[t]).sigmoid_()
        torch.addcmul(given_new_at[t], reset_at[t], hidden_new_at[t], out=new_at[t]).tanh_()
        torch.lerp(new_at[t], state_at[t], update_at[t], out=state_at[t + 1])
    return states, hidden, gates, new


def _backward(gradient, recurrent, states, hidden, gates, new, biased):
    """Gradients of what `_forward` was given, from that of the states after each step."""
    time, batch, units = new.shape
    reset, update = gates.split(units, -1)
    of_new = (1 - update) * (1 - new * new)
    parts = new.new_empty(time, batch, 3, units)  # first factors, then gradients
    torch.mul(of_new, reset, out=parts[:, :, 2])
    torch.mul(parts[:, :, 2] * hidden[..., 2 * units :], 1 - reset, out=parts[:, :, 0])
    torch.mul((states[:-1] - new) * update, 1 - update, out=parts[:, :, 1])
    flat = parts.view(time, batch, 3 * units)
    of_state = new.new_empty(time + 1, batch, units)
    of_state_at, update_at, gradient_at = of_state.unbind(), update.unbind(), gradient.unbind()
    column_at, parts_at, flat_at = of_state.unsqueeze(2).unbind(), parts.unbind(), flat.unbind()
    of_state_at[time].zero_()
    for t in reversed(range(time)):
        following = of_state_at[t + 1].add_(gradient_at[t])
        parts_at[t].mul_(column_at[t + 1])
        torch.addmm(following * update_at[t], flat_at[t], recurrent, out=of_state_at[t])
    rows = flat.flatten(0, 1)
    of_recurrent = rows.t() @ states[:-1].flatten(0, 1)
    of_bias = rows.sum(0) if biased else rows.new_empty(0)
    torch.mul(of_new, of_state[1:], out=parts[:, :, 2])  # now those of the projected inputs
    return flat, of_state_at[0], of_recurrent, of_bias


def _again(given, wanted, gradient):
    """The gradients, by operations that have gradients themselves."""
    projected, state, recurrent, bias = given
    outputs = []
    for step in projected.unbind():
        hidden, parts = F.linear(state, recurrent, bias).chunk(3, -1), step.chunk(3, -1)
        reset, update = (parts[0] + hidden[0]).sigmoid(), (parts[1] + hidden[1]).sigmoid()
        new = (parts[2] + reset * hidden[2]).tanh()
        state = torch.lerp(new, state, update)
        outputs.append(state)
    inputs = [tensor for tensor, is_wanted in zip(given, wanted, strict=True) if is_wanted]
    found = torch.autograd.grad(torch.stack(outputs), inputs, gradient, create_graph=True)
    rest = iter(found)
    return tuple(next(rest) if is_wanted else None for is_wanted in wanted)


# --- for torch.compile -------------------------------------------------------------------------


def _forward_shapes(projected, state, recurrent, bias):
    time, batch, size = projected.shape
    shape = projected.new_empty
    units = size // 3
    sizes = (time + 1, units), (time, size), (time, 2 * units), (time, units)
    return tuple(shape(steps, batch, width) for steps, width in sizes)


def _backward_shapes(gradient, recurrent, states, hidden, gates, new, biased):
    found = hidden, states[0], recurrent
    bias = hidden.new_empty(hidden.shape[-1] if biased else 0)
    return *(torch.empty_like(one).contiguous() for one in found), bias


def _keep(ctx, inputs, output):
    ctx.biased = inputs[3] is not None
    ctx.save_for_backward(inputs[2], *output)


def _differentiate(ctx, of_states, *_):
    recurrent, *kept = ctx.saved_tensors
    backward = torch.ops.torchkeras.gru_backward
    *found, of_bias = backward(of_states[1:], recurrent, *kept, ctx.biased)
    return *found, of_bias if ctx.biased else None


_MADE = "(Tensor, Tensor, Tensor, Tensor)"
OPERATIONS = (
    ("gru", f"(Tensor projected, Tensor state, Tensor recurrent, Tensor? bias) -> {_MADE}",
     _forward, _forward_shapes, _differentiate, _keep),
    ("gru_backward", "(Tensor gradient, Tensor recurrent, Tensor states, Tensor hidden, "
     f"Tensor gates, Tensor new, bool biased) -> {_MADE}",
     _backward, _backward_shapes, None, None),
)  # fmt: skip
