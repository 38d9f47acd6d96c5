"""What torch lacks: classes and functions that written files get a copy of where they need them.

They use nothing but torch, and each other.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn


def hard_sigmoid(x):
    """`0.2 * x + 0.5` between 0 and 1; that of torch has another slope."""
    return torch.clamp(0.2 * x + 0.5, 0.0, 1.0)


def softmax_over(x, dims):
    """Softmax over several axes together."""
    powers = torch.exp(x - x.amax(dims, keepdim=True))
    return powers / powers.sum(dims, keepdim=True)


def pad_same(x, kernel_size, stride, dilation=None, value=0.0):
    """Pad so that windows cover `ceil(size / stride)` places; the odd one comes behind."""
    edges = []
    dilation = dilation or (1,) * len(kernel_size)
    for n, k, s, d in zip(x.shape[2:], kernel_size, stride, dilation, strict=True):
        total = max((math.ceil(n / s) - 1) * s + (k - 1) * d + 1 - n, 0)
        edges = [total // 2, total - total // 2, *edges]
    return F.pad(x, edges, value=value)


class BiasedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch normalization, channels second, that moves its variance by the biased one."""

    def _check_input_dim(self, x):
        pass

    def forward(self, x):
        count = x.numel() // x.shape[1]
        if not self.training or count < 2:
            return super().forward(x)
        scale, variance = count / (count - 1), self.running_var.data
        variance.mul_(scale)  # torch adds a share of the variance times this scale
        outputs = super().forward(x)
        variance.div_(scale)
        return outputs


class FrozenBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch normalization, channels second, by its moving statistics in training too."""

    def _check_input_dim(self, x):
        pass

    def train(self, mode=True):
        return super().train(False)


class GaussianNoise(nn.Module):
    """Normal noise of `stddev` added in training; times it with `multiply`."""

    def __init__(self, stddev, multiply=False):
        super().__init__()
        self.stddev, self.multiply = stddev, multiply

    def forward(self, x):
        if not self.training:
            return x
        noise = torch.randn_like(x) * self.stddev
        return x * (1 + noise) if self.multiply else x + noise


class SharedDropout(nn.Module):
    """Dropout in which all values along the axes of size 1 in `shape` share their fate."""

    def __init__(self, p, shape):
        super().__init__()
        self.p, self.shape = p, shape

    def forward(self, x):
        shape = [
            n if wanted is None else wanted for wanted, n in zip(self.shape, x.shape, strict=True)
        ]
        return x * F.dropout(x.new_ones(shape), self.p, self.training)


def masked_mean(x, mask):
    """The mean of `x`, (batch, steps, channels), over the steps that `mask` leaves."""
    kept = mask.to(x.dtype).unsqueeze(-1)
    return (x * kept).sum(1) / kept.sum(1)


def run_rnn(rnn, x, mask=None, states=None, backwards=False):
    """Outputs (batch, steps, units) and final states, each (batch, units), of a recurrent module.

    At steps that `mask` (batch, steps) leaves out, states and outputs are those of the step
    before. `backwards` reads from the end, and leaves the outputs in that order.
    """
    if backwards:
        x, mask = x.flip(1), None if mask is None else mask.flip(1)
    hx = None
    if states is not None:
        hx = [state.unsqueeze(0).contiguous() for state in states]
        hx = tuple(hx) if len(hx) > 1 else hx[0]
    if mask is None:
        outputs, final = rnn(x, hx)
    elif isinstance(rnn, nn.RNNBase):
        return run_packed(rnn, x, mask.bool(), hx)
    else:
        outputs, final = rnn(x, hx, mask.bool())
    final = final if isinstance(final, tuple) else (final,)
    return outputs, [state.squeeze(0) for state in final]


def run_packed(rnn, x, mask, hx):
    """`run_rnn` for a module of torch: the steps that count go to the front and are packed."""
    order = torch.argsort(mask.to(torch.uint8), dim=1, descending=True, stable=True)
    front = x.gather(1, order.unsqueeze(-1).expand_as(x))
    count = mask.cumsum(1)
    lengths = count[:, -1].clamp(min=1).cpu()
    packed = nn.utils.rnn.pack_padded_sequence(front, lengths, True, enforce_sorted=False)
    outputs, final = rnn(packed, hx)
    outputs, _ = nn.utils.rnn.pad_packed_sequence(outputs, True, total_length=x.shape[1])
    latest = (count - 1).clamp(min=0).unsqueeze(-1).expand(-1, -1, outputs.shape[-1])
    outputs = torch.where((count > 0).unsqueeze(-1), outputs.gather(1, latest), 0)
    seen = mask.any(1, keepdim=True)
    final = final if isinstance(final, tuple) else (final,)
    before = hx if isinstance(hx, tuple) else (hx,) * len(final)
    states = []
    for state, first in zip(final, before, strict=True):
        first = torch.zeros_like(state) if first is None else first
        states.append(torch.where(seen, state.squeeze(0), first.squeeze(0)))
    return outputs, states


class SteppedRNN(nn.Module):
    """Base of recurrent modules that torch has no kernel for: a loop over the steps.

    Weights are named and laid out as in `nn.LSTM`. Dropout masks hold for all steps; each gate has
    its own unless `shared`.
    """

    gates = 1

    def __init__(self, input_size, hidden_size, bias=True, dropout=0.0, recurrent_dropout=0.0,
                 shared=False):  # fmt: skip
        super().__init__()
        rows = self.gates * hidden_size
        self.hidden_size = hidden_size
        self.dropout, self.recurrent_dropout = dropout, recurrent_dropout
        self.copies = 1 if shared else self.gates
        self.weight_ih_l0 = nn.Parameter(torch.zeros(rows, input_size))
        self.weight_hh_l0 = nn.Parameter(torch.zeros(rows, hidden_size))
        self.bias_ih_l0 = nn.Parameter(torch.zeros(rows)) if bias else None

    def forward(self, x, hx=None, mask=None):
        zeros = x.new_zeros(x.shape[0], self.hidden_size)
        states = self.first_states(zeros, hx)
        self.drawn = self.draw(zeros, self.recurrent_dropout)
        masks = self.draw(x[:, :1], self.dropout)
        projected = self.project(x, self.weight_ih_l0, self.bias_ih_l0, masks)
        outputs, output = [], zeros
        for number, step in enumerate(projected.unbind(1)):
            following = self.step(step, states)
            if mask is not None:
                valid = mask[:, number].unsqueeze(-1)
                output = torch.where(valid, following[0], output)
                pairs = zip(following, states, strict=True)
                following = [torch.where(valid, *pair) for pair in pairs]
            else:
                output = following[0]
            states = following
            outputs.append(output)
        states = [state.unsqueeze(0) for state in states]
        return torch.stack(outputs, 1), tuple(states) if len(states) > 1 else states[0]

    def first_states(self, zeros, hx):
        return [zeros if hx is None else hx.squeeze(0)]

    def draw(self, like, rate):
        """Dropout masks, or None where nothing is dropped."""
        if not self.training or rate == 0:
            return None
        return [F.dropout(torch.ones_like(like), rate) for _ in range(self.copies)]

    def project(self, x, weight, bias, masks):
        if masks is None:
            return F.linear(x, weight, bias)
        parts = zip(masks, weight.chunk(self.copies), strict=True)
        outputs = torch.cat([F.linear(x * mask, part) for mask, part in parts], -1)
        return outputs if bias is None else outputs + bias

    def recur(self, h):
        return self.project(h, self.weight_hh_l0, None, self.drawn)


class SteppedSimpleRNN(SteppedRNN):
    """`activation(W x + b + U h)`."""

    def __init__(self, input_size, hidden_size, activation=torch.tanh, **settings):
        super().__init__(input_size, hidden_size, **settings)
        self.activation = activation

    def step(self, projected, states):
        return [self.activation(projected + self.recur(states[0]))]


class SteppedLSTM(SteppedRNN):
    """An LSTM with activations of its own; gates in the order of torch."""

    gates = 4

    def __init__(self, input_size, hidden_size, activation=torch.tanh,
                 recurrent_activation=torch.sigmoid, **settings):  # fmt: skip
        super().__init__(input_size, hidden_size, **settings)
        self.activation, self.recurrent_activation = activation, recurrent_activation

    def first_states(self, zeros, hx):
        return [zeros, zeros] if hx is None else [state.squeeze(0) for state in hx]

    def step(self, projected, states):
        h, c = states
        i, f, g, o = (projected + self.recur(h)).chunk(4, -1)
        i, f, o = (self.recurrent_activation(gate) for gate in (i, f, o))
        c = f * c + i * self.activation(g)
        return [o * self.activation(c), c]


class SteppedGRU(SteppedRNN):
    """A GRU with activations of its own; without `reset_after` it resets the state before the
    product with the recurrent kernel. Gates in the order of torch."""

    gates = 3

    def __init__(self, input_size, hidden_size, activation=torch.tanh,
                 recurrent_activation=torch.sigmoid, reset_after=True, bias=True,
                 **settings):  # fmt: skip
        super().__init__(input_size, hidden_size, bias=bias, **settings)
        self.activation, self.recurrent_activation = activation, recurrent_activation
        self.reset_after = reset_after
        both = bias and reset_after
        self.bias_hh_l0 = nn.Parameter(torch.zeros(3 * hidden_size)) if both else None

    def step(self, projected, states):
        (h,) = states
        x_r, x_z, x_n = projected.chunk(3, -1)
        if self.reset_after:
            hidden = self.recur(h)
            hidden = hidden if self.bias_hh_l0 is None else hidden + self.bias_hh_l0
            h_r, h_z, h_n = hidden.chunk(3, -1)
            r, z = self.recurrent_activation(x_r + h_r), self.recurrent_activation(x_z + h_z)
            n = self.activation(x_n + r * h_n)
        else:
            weights = self.weight_hh_l0.chunk(3)
            masks = self.drawn if self.drawn is not None else [1.0]
            masks = [masks[i % len(masks)] for i in range(3)]
            r = self.recurrent_activation(x_r + F.linear(h * masks[0], weights[0]))
            z = self.recurrent_activation(x_z + F.linear(h * masks[1], weights[1]))
            n = self.activation(x_n + F.linear(r * h * masks[2], weights[2]))
        return [z * h + (1 - z) * n]


class ConvLSTM(nn.Module):
    """An LSTM over (batch, steps, channels, ...) whose products are convolutions.

    `pad` and `state_pad` are put around inputs and states as by `F.pad`.
    """

    def __init__(self, conv, recurrent, activation=torch.tanh, recurrent_activation=torch.sigmoid,
                 pad=None, state_pad=None):  # fmt: skip
        super().__init__()
        self.conv, self.recurrent = conv, recurrent
        self.activation, self.recurrent_activation = activation, recurrent_activation
        self.pad, self.state_pad = pad, state_pad

    def forward(self, x, hx=None, mask=None):
        flat = x.flatten(0, 1)
        flat = flat if self.pad is None else F.pad(flat, self.pad)
        projected = self.conv(flat).unflatten(0, x.shape[:2])
        first = torch.zeros_like(projected[:, 0].chunk(4, 1)[0])
        h, c = (first, first) if hx is None else [state.squeeze(0) for state in hx]
        outputs, output = [], first
        for number, step in enumerate(projected.unbind(1)):
            before = h if self.state_pad is None else F.pad(h, self.state_pad)
            i, f, g, o = (step + self.recurrent(before)).chunk(4, 1)
            i, f, o = (self.recurrent_activation(gate) for gate in (i, f, o))
            following = f * c + i * self.activation(g)
            new = o * self.activation(following)
            if mask is None:
                output, h, c = new, new, following
            else:
                valid = mask[:, number].view(-1, *[1] * (new.ndim - 1))
                output = torch.where(valid, new, output)
                h, c = torch.where(valid, new, h), torch.where(valid, following, c)
            outputs.append(output)
        return torch.stack(outputs, 1), (h.unsqueeze(0), c.unsqueeze(0))


class MultiHeadAttention(nn.Module):
    """Attention of several heads whose sizes need not divide those of the inputs.

    `mask` is True where a query, (batch, queries, keys), may look; a query that may look nowhere
    sees the mean of all values.
    """

    def __init__(self, query_size, key_size, value_size, num_heads, key_dim, value_dim, output_size,
                 dropout=0.0, bias=True):  # fmt: skip
        super().__init__()
        self.num_heads, self.dropout = num_heads, dropout
        self.query = nn.Linear(query_size, num_heads * key_dim, bias=bias)
        self.key = nn.Linear(key_size, num_heads * key_dim, bias=bias)
        self.value = nn.Linear(value_size, num_heads * value_dim, bias=bias)
        self.attention_output = nn.Linear(num_heads * value_dim, output_size, bias=bias)

    def forward(self, query, value, key=None, mask=None, causal=False, need_weights=False):
        key = value if key is None else key
        parts = (self.query(query), self.key(key), self.value(value))
        q, k, v = (part.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for part in parts)
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        if causal:
            lower = torch.ones_like(scores[0, 0], dtype=torch.bool).tril()
            mask = lower if mask is None else mask.bool() & lower
        if mask is not None:
            mask = mask if mask.ndim < 3 else mask.unsqueeze(1)
            scores = scores - 1e9 * (1.0 - mask.to(scores.dtype))
        weights = scores.softmax(-1)
        outputs = F.dropout(weights, self.dropout, self.training) @ v
        outputs = self.attention_output(outputs.transpose(1, 2).flatten(2))
        return (outputs, weights) if need_weights else outputs


__all__ = [
    "hard_sigmoid", "softmax_over", "pad_same", "masked_mean", "BiasedBatchNorm", "FrozenBatchNorm",
    "GaussianNoise", "SharedDropout", "run_rnn", "run_packed", "SteppedRNN", "SteppedSimpleRNN",
    "SteppedLSTM", "SteppedGRU", "ConvLSTM", "MultiHeadAttention",
]  # fmt: skip
