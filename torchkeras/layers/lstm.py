"""The steps of an LSTM for training on the CPU, as one operation for torch.compile.

They are oneDNN's, which torch's LSTM runs too. torch can trace that kernel, but takes what it keeps
for its backward pass for nothing, as nobody knows how much it is before it ran. So the operation
gives back the first byte of it: a tensor of one byte, in whose memory the rest stands behind it.
"""

from __future__ import annotations

import torch
from torch import Tensor

_LSTM = 2  # oneDNN's name for it


def is_known(inputs: Tensor) -> bool:
    """Whether `run` can take the place of torch's LSTM: gradients are wanted, on the CPU."""
    return (
        inputs.is_cpu
        and torch.is_grad_enabled()
        and inputs.dtype is torch.float32
        and inputs.numel() > 0
        and torch._C._has_mkldnn
        and not torch.is_autocast_enabled("cpu")
    )


def run(
    inputs: Tensor, states: list[Tensor], weights: list[Tensor], batch_first: bool
) -> list[Tensor]:
    """All outputs and the final states, as those of `torch.nn.LSTM`.

    The states are `(directions, batch, units)`; each direction has its share of the `weights`.
    """
    steps = inputs.transpose(0, 1) if batch_first else inputs
    share = len(weights) // len(states[0])
    made = []
    for number, (h, c) in enumerate(zip(*states, strict=True)):
        kernel, recurrent, *biases = weights[number * share : (number + 1) * share]
        both = biases or [None, None]
        made.append(torch.ops.torchkeras.lstm(steps, h, c, kernel, recurrent, *both, number == 1))
    outputs, h, c, _ = zip(*made, strict=True)
    outputs = torch.cat(outputs, -1)
    return [outputs.transpose(0, 1) if batch_first else outputs, torch.stack(h), torch.stack(c)]


def _settings(inputs, units, biased, reverse):
    """What the kernel takes after the tensors, forwards and backwards."""
    layers, both, batch_first, train, batches = 1, False, False, True, []
    forwards = reverse, batches, _LSTM, units, layers, biased, both, batch_first, train
    backwards = reverse, _LSTM, units, layers, biased, train, both, batches, batch_first
    return forwards, backwards


def _weights(kernel, recurrent, bias, hidden_bias):
    if bias is None:  # the kernel wants tensors, and does not look at them
        bias = hidden_bias = kernel.new_zeros(len(kernel))
    return kernel, recurrent, bias, hidden_bias


def _forward(inputs, h, c, kernel, recurrent, bias, hidden_bias, reverse):
    """All outputs, the final states, and the first byte of what `_backward` needs."""
    weights = _weights(kernel, recurrent, bias, hidden_bias)
    settings, _ = _settings(inputs, h.shape[-1], bias is not None, reverse)
    with torch.enable_grad():  # else nothing is kept
        given = inputs.contiguous(), *weights, h.contiguous(), c.contiguous()
        *made, kept = torch.mkldnn_rnn_layer(*given, *settings)
    return *made, kept[:1]


def _backward(grads, inputs, h, c, kernel, recurrent, bias, hidden_bias, made, kept, reverse):
    """The gradients of inputs, states, kernel, recurrent kernel and of each bias."""
    weights = _weights(kernel, recurrent, bias, hidden_bias)
    _, settings = _settings(inputs, h.shape[-1], bias is not None, reverse)
    storage = kept.untyped_storage()
    if storage.nbytes() <= made[0].nbytes:  # a copy was made of the one byte
        *made, kept = _forward(inputs, h, c, kernel, recurrent, bias, hidden_bias, reverse)
        storage = kept.untyped_storage()
    given = inputs.contiguous(), *weights, h.contiguous(), c.contiguous(), *made, *grads
    whole = torch.empty(0, dtype=torch.uint8).set_(storage)
    found = torch.ops.aten.mkldnn_rnn_layer_backward(*given, *settings, whole)
    of_inputs, of_kernel, of_recurrent, of_bias, _, of_h, of_c = found
    return of_inputs, of_h, of_c, of_kernel, of_recurrent, of_bias


def _forward_shapes(inputs, h, c, kernel, recurrent, bias, hidden_bias, reverse):
    outputs = inputs.new_empty(*inputs.shape[:2], h.shape[-1])
    states = (torch.empty_like(state).contiguous() for state in (h, c))
    return outputs, *states, inputs.new_empty(1, dtype=torch.uint8)


def _backward_shapes(
    grads, inputs, h, c, kernel, recurrent, bias, hidden_bias, made, kept, reverse
):
    found = (torch.empty_like(one).contiguous() for one in (inputs, h, c, kernel, recurrent))
    return *found, kernel.new_empty(len(kernel))


def _keep(ctx, inputs, output):
    *tensors, ctx.reverse = inputs
    ctx.save_for_backward(*tensors, *output)


def _differentiate(ctx, *grads):
    *given, outputs, h, c, kept = ctx.saved_tensors
    made = [outputs, h, c]
    backward = torch.ops.torchkeras.lstm_backward
    *found, of_bias = backward(list(grads[:3]), *given, made, kept, ctx.reverse)
    biases = [of_bias] * 2 if given[-1] is not None else [None] * 2
    return *found, *biases, None


_GIVEN = "Tensor inputs, Tensor h, Tensor c, Tensor kernel, Tensor recurrent, Tensor? bias, "
_GIVEN += "Tensor? hidden_bias, "
OPERATIONS = (
    ("lstm", f"({_GIVEN} bool reverse) -> (Tensor, Tensor, Tensor, Tensor)",
     _forward, _forward_shapes, _differentiate, _keep),
    ("lstm_backward", f"(Tensor[] grads, {_GIVEN} Tensor[] made, Tensor kept, bool reverse)"
     " -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
     _backward, _backward_shapes, None, None),
)  # fmt: skip
