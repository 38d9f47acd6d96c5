"""Repeating a step over time: torch's fused kernels, also under masks, and the general loop.

Keras' rule for masks: at a masked step the states stay and the output repeats the one before
(zeros where there is none). A kernel knows no masks, so the valid steps of each sample are
moved to the front, the kernel runs over all steps, and the outputs are spread out again: one
gather before and one after, whatever the mask looks like, without asking the device for lengths.
What the kernel computes behind the last valid step is never read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .. import tree
from . import rnn_kernels

_HOLD = 1e4  # sigmoid(-_HOLD) is exactly 0 and sigmoid(_HOLD) exactly 1, in half precision too


class ValidSteps:
    """Where the valid steps of a mask `(batch, time)` go; `backwards` reads time from its end.

    `time_major` tells the layout of the sequences that come in and go out.
    """

    def __init__(self, mask: Tensor, backwards: bool, time_major: bool):
        self.size, self.length = mask.shape
        self.time_major = time_major
        mask = mask.flip(1) if backwards else mask
        order = torch.argsort(mask.to(torch.uint8), dim=1, descending=True, stable=True)
        if backwards:
            order = self.length - 1 - order
        sample = torch.arange(self.size, device=mask.device).unsqueeze(1)
        source = order * self.size + sample if time_major else order + sample * self.length
        self.source = source.t().reshape(-1)  # rows of the input, in the kernel's order
        self.count = mask.cumsum(1)
        latest = (self.count - 1).clamp_(min=0) * self.size + sample
        self.last = latest[:, -1]
        self.any = self.count[:, -1:] > 0
        self.mask, self.latest = mask, latest

    def pack(self, inputs: Tensor) -> Tensor:
        """Sequences with their valid steps in front, `(time, batch, features)`."""
        rows = inputs.reshape(-1, inputs.shape[-1]).index_select(0, self.source)
        return rows.view(self.length, self.size, -1)

    def spread(self, outputs: Tensor, zero_masked: bool) -> Tensor:
        """Outputs of the packed steps at the times they belong to, each repeated while masked."""
        shown = self.mask if zero_masked else self.count > 0
        latest = self.latest
        if self.time_major:
            shown, latest = shown.t(), latest.t()
        rows = outputs.reshape(-1, outputs.shape[-1]).index_select(0, latest.reshape(-1))
        return torch.where(shown.unsqueeze(-1), rows.view(*latest.shape, -1), 0)

    def final(self, outputs: Tensor, initial: Tensor | None) -> Tensor:
        """The packed outputs at the last valid step; the initial state where there is none."""
        rows = outputs.reshape(-1, outputs.shape[-1]).index_select(0, self.last)
        return torch.where(self.any, rows, 0 if initial is None else initial)

    @property
    def behind(self) -> Tensor:
        """True at packed steps behind the last valid one, `(time, batch, 1)`."""
        steps = torch.arange(self.length, device=self.mask.device).unsqueeze(1)
        return (steps >= self.count[:, -1]).unsqueeze(-1)


class Reading(NamedTuple):
    """How a layer reads sequences and what it gives back."""

    time_major: bool
    go_backwards: bool
    return_sequences: bool
    zero_masked: bool
    needs_states: bool

    @property
    def time(self) -> int:
        return 0 if self.time_major else 1


def run_fused(
    kind: str,
    inputs: Tensor,
    states: list[Tensor] | None,
    weights: list[Tensor],
    mask: Tensor | None,
    reading: Reading,
) -> tuple[Tensor, list[Tensor]]:
    """The output and the final states of a recurrent layer, by torch's kernel for `kind`.

    `states` None are zeros, `weights` are torch's flat weights, `mask` is `(batch, time)`, or
    `(time, batch)` where time is major.
    """
    if mask is None:
        inputs = inputs.flip(reading.time) if reading.go_backwards else inputs
        outputs, final = fused(kind, inputs, states, weights, not reading.time_major)
        return outputs if reading.return_sequences else final[0], final
    mask = mask.t() if reading.time_major else mask
    steps = ValidSteps(mask, reading.go_backwards, reading.time_major)
    hold = steps.behind if kind == "lstm" and reading.needs_states else None
    outputs, final = fused(kind, steps.pack(inputs), states, weights, False, hold)
    final = [steps.final(outputs, states and states[0]), *final[1:]]
    if reading.return_sequences:
        return steps.spread(outputs, reading.zero_masked), final
    # Keras' last output is zero, not the initial state, where no step was valid.
    if reading.zero_masked:
        shown = mask[:, 0 if reading.go_backwards else -1].unsqueeze(1)
    elif states is None:
        return final[0], final
    else:
        shown = steps.any
    return torch.where(shown, final[0], 0), final


def run_pair(
    kind: str,
    inputs: Tensor,
    states: list[list[Tensor]] | None,
    weights: list[list[Tensor]],
    mask: Tensor | None,
    time_major: bool,
) -> tuple[Tensor, list[list[Tensor]]]:
    """Both directions in one kernel: outputs `(..., 2 * units)` in the order of time, zero where
    masked, and the final states of each direction.

    `states` and `weights` are those of the forward, then of the backward direction. Under a mask
    `states` must be None and `kind` 'lstm' or 'gru'.
    """
    flat = adjoining([weight for one in weights for weight in one])
    if states is not None:
        states = [torch.stack(pair) for pair in zip(*states, strict=True)]
    if mask is None:
        outputs, final = fused(kind, inputs, states, flat, not time_major, directions=2)
        return outputs, [[state[0] for state in final], [state[1] for state in final]]
    steps = ValidSteps(mask.t() if time_major else mask, False, time_major)
    # Backwards, the kernel meets the steps behind the valid ones first: they must leave it at zero.
    outputs, final = fused(kind, steps.pack(inputs), None, flat, False, steps.behind, 2)
    last = [[state[0] for state in final], [state[1] for state in final]]
    last[0][0] = steps.final(outputs[..., : outputs.shape[-1] // 2], None)
    return steps.spread(outputs, True), last


def fused(
    kind: str,
    inputs: Tensor,
    states: Sequence[Tensor] | None,
    weights: list[Tensor],
    batch_first: bool,
    hold: Tensor | None = None,
    directions: int = 1,
) -> tuple[Tensor, list[Tensor]]:
    """Outputs and final states of torch's kernel for `kind` 'lstm', 'gru', 'rnn_tanh', 'rnn_relu'.

    `hold` (LSTM and GRU, time-major) marks the steps at which the last state stays as it is.
    States have an axis in front for two `directions`, none for one.
    """
    if states is None:
        batch = inputs.shape[0 if batch_first else 1]
        zeros = inputs.new_zeros(directions, batch, weights[1].shape[1])
        states = [zeros, zeros] if kind == "lstm" else [zeros]
    elif directions == 1:
        states = [state.unsqueeze(0).contiguous() for state in states]
    biased = len(weights) == 4 * directions
    if hold is not None:
        inputs, weights = _holding(kind, inputs, weights, hold, len(weights) // directions)
    # Keras gives gradients in inference mode too; cuDNN does so only when told that it trains.
    mode = (biased, 1, 0.0, torch.is_grad_enabled(), directions == 2, batch_first)
    outputs, *final = rnn_kernels.run(kind, inputs, list(states), list(weights), *mode)
    return outputs, final if directions == 2 else [state.squeeze(0) for state in final]


def _holding(kind, inputs, weights, hold, count):
    """One more input, 1 at the steps to hold, that saturates gates so that the state stays.

    In an LSTM it shuts the input gate and opens the forget gate, in a GRU it opens the update
    gate. The sigmoids saturate to exact 0 and 1 there, so that the state is copied and passes its
    gradient on unchanged; an LSTM's output of those steps means nothing, but zero for a state of
    zero. `count` weights belong to each direction.
    """
    inputs = torch.cat([torch.where(hold, 0, inputs), hold.to(inputs.dtype)], -1)
    kernel, units = weights[0], weights[1].shape[1]
    open_, rest = kernel.new_full((units, 1), _HOLD), kernel.new_zeros(units, 1)
    column = [-open_, open_, rest, rest] if kind == "lstm" else [rest, open_, rest]
    column = torch.cat(column)
    weights = list(weights)
    for first in range(0, len(weights), count):
        weights[first] = torch.cat([weights[first], column], 1)
    return inputs, adjoining(weights)


def adjoining(weights: list[Tensor]) -> list[Tensor]:
    """The weights one behind the other in memory; cuDNN copies, and warns of, any others.

    All matrices come first, then all biases, for which it wants room where there are none, too.
    """
    if not weights[0].is_cuda:
        return weights
    order = sorted(range(len(weights)), key=lambda number: -weights[number].ndim)
    sizes = [weights[number].numel() for number in order]
    parts = [weights[number].reshape(-1) for number in order]
    if weights[order[-1]].ndim == 2:
        parts.append(weights[0].new_zeros(sum(weight.shape[0] for weight in weights)))
    found = torch.cat(parts).split([*sizes, *(len(part) for part in parts[len(sizes) :])])
    placed = dict(zip(order, found, strict=False))
    return [placed[number].view(weight.shape) for number, weight in enumerate(weights)]


def scan(
    step: Callable[[Any, list[Tensor]], tuple[Any, list[Tensor]]],
    inputs: Sequence[Any],
    states: list[Tensor],
    mask: Sequence[Tensor] | None = None,
    zero_masked: bool = False,
) -> tuple[list[Any], list[Tensor]]:
    """Run `step(input, states) -> (output, states)` over `inputs`; all outputs, the final states.

    `mask` holds one `(batch,)` boolean tensor a step.
    """
    outputs: list[Any] = []
    for number, current in enumerate(inputs):
        output, following = step(current, states)
        if mask is not None:
            before = outputs[-1] if outputs and not zero_masked else None
            output = _keep(mask[number], output, before)
            following = [
                _where(mask[number], *pair) for pair in zip(following, states, strict=True)
            ]
        states = following
        outputs.append(output)
    return outputs, states


def _keep(valid, output, before):
    if before is None:
        return tree.map_structure(lambda new: _where(valid, new, 0), output)
    return tree.map_structure(lambda new, old: _where(valid, new, old), output, before)


def _where(valid, new, old):
    return torch.where(valid.view(-1, *[1] * (new.ndim - 1)), new, old)
