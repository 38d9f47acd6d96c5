"""One step of SimpleRNN, LSTM and GRU: settings, weights and arithmetic.

A cell and the layer that repeats it share these classes: they differ only in where they hold
the native weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import activations, constraints, initializers, regularizers
from ..dropping import scaled_mask
from ..layer import Weight
from .core import _positive

_TANH = (activations.tanh, torch.tanh)
_RELU = (activations.relu, torch.relu, F.relu)
_SIGMOID = (activations.sigmoid, torch.sigmoid)


class Gates:
    """Base: `blocks` gates in one weight, `n_states` states of `units` numbers each."""

    blocks = 1
    n_states = 1
    fused: str | None = None  # the fused kernel of torch that computes the same, if there is one
    hidden_bias = True  # whether torch's second bias is trained; else it stays zero
    biases: tuple[str, ...] = ()  # the names of those that are trained

    def _settle(self, given: dict[str, Any]) -> None:
        """Take over the constructor's arguments."""
        self.units = _positive(self, "units", given["units"])
        self.use_bias = given["use_bias"]
        if self.use_bias:
            self.biases = ("bias_ih", "bias_hh") if self.hidden_bias else ("bias_ih",)
        self.activation = activations.get(given["activation"])
        if "recurrent_activation" in given:
            self.recurrent_activation = activations.get(given["recurrent_activation"])
        for name in ("kernel", "recurrent", "bias"):
            for kind, family in _FAMILIES.items():
                setattr(self, f"{name}_{kind}", family.get(given[f"{name}_{kind}"]))
        self.dropout = min(1.0, max(0.0, given["dropout"]))
        self.recurrent_dropout = min(1.0, max(0.0, given["recurrent_dropout"]))

    def _choose(self, implementation: int) -> None:
        """With 1 each gate has dropout masks of its own, with 2 all share one."""
        self.implementation = 1 if self.recurrent_dropout != 0 else implementation

    @property
    def state_size(self) -> Any:
        return self.units if self.n_states == 1 else [self.units] * self.n_states

    @property
    def output_size(self) -> int:
        return self.units

    def _make_native(self, modules: dict[str, Any], size: int, suffix: str) -> nn.Module:
        """`modules[self.fused]`, or a holder of weights alike where torch lacks the step."""
        if self.fused is None:
            names = [name + suffix for name in self.biases]
            return self.make(CellWeights, size, self.units, self.blocks, suffix, names)
        extra = {"nonlinearity": self.fused[4:]} if self.fused.startswith("rnn_") else {}
        native = self.make(modules[self.fused], size, self.units, bias=self.use_bias, **extra)
        if self.use_bias and not self.hidden_bias:
            # Keras has one bias where torch adds two: the second stays zero and out of training,
            # else each training step would count twice.
            frozen = getattr(native, "bias_hh" + suffix).requires_grad_(False)
            with torch.no_grad():
                frozen.zero_()
        return native

    def _dropout_masks(self, like: Tensor, rate: float, apart: bool) -> list[Tensor]:
        """Masks (scaled) for values shaped as `like`: one for all gates, or one for each."""
        count = self.blocks if apart else 1
        return [scaled_mask(like, rate) for _ in range(count)]

    @property
    def masks_apart(self) -> bool:
        """Whether dropout acts on each gate with a mask of its own."""
        return self.blocks > 1 and self.implementation == 1

    def _gate(self, x):
        # Not the library's sigmoid: it keeps x alive for losses that want logits.
        usual = self.recurrent_activation is activations.sigmoid
        return torch.sigmoid(x) if usual else self.recurrent_activation(x)

    def step(
        self,
        projected: Tensor,
        states: Sequence[Tensor],
        weight: Tensor,
        bias: Tensor | None,
        masks: list[Tensor] | None,
    ) -> list[Tensor]:
        """The next states from projected inputs `(batch, blocks * units)`; the first is the output.

        `weight` and `bias` are torch's `weight_hh` and `bias_hh`, `masks` the recurrent dropout.
        """
        raise NotImplementedError


class SimpleGates(Gates):
    """`activation(x W + b + h U)`."""

    implementation = 2
    hidden_bias = False

    def _settle(self, given):
        super()._settle(given)
        tanh, relu = self.activation in _TANH, self.activation in _RELU
        self.fused = "rnn_tanh" if tanh else "rnn_relu" if relu else None

    def step(self, projected, states, weight, bias, masks):
        return [self.activation(projected + project(states[0], weight, None, masks))]


class LSTMGates(Gates):
    """Gates i, f, c, o in the order of Keras, which is torch's."""

    blocks = 4
    n_states = 2
    hidden_bias = False

    def _settle(self, given):
        super()._settle(given)
        self.unit_forget_bias = given["unit_forget_bias"]
        usual = self.activation in _TANH and self.recurrent_activation in _SIGMOID
        self.fused = "lstm" if usual else None

    def _enter(self, row):
        if row.name != "bias" or not self.unit_forget_bias:
            return super()._enter(row)
        plain, units = self.bias_initializer, self.units

        def with_ones(shape, dtype=None):
            ones = initializers.get("ones")((units,), dtype=dtype)
            first = plain((shape[0] - 3 * units,), dtype=dtype)
            rest = plain((2 * units,), dtype=dtype)
            return torch.cat([torch.as_tensor(first), ones, torch.as_tensor(rest)])

        self.bias_initializer = with_ones
        try:
            return super()._enter(row)
        finally:
            self.bias_initializer = plain

    def step(self, projected, states, weight, bias, masks):
        h, c = states
        gates = (projected + project(h, weight, bias, masks)).chunk(4, -1)
        i, f, o = (self._gate(gates[k]) for k in (0, 1, 3))
        c = f * c + i * self.activation(gates[2])
        return [o * self.activation(c), c]


class GRUGates(Gates):
    """Gates z, r, h in Keras, r, z, n in torch; here in torch's order.

    With `reset_after` the reset gate acts on the product with the recurrent kernel, as in torch
    and cuDNN, and there are two biases; else on the state before the product.
    """

    blocks = 3

    def _settle(self, given):
        super()._settle(given)
        self.reset_after = self.hidden_bias = given["reset_after"]
        usual = self.activation in _TANH and self.recurrent_activation in _SIGMOID
        self.fused = "gru" if usual and self.reset_after else None
        if self.use_bias and not self.reset_after:
            self.biases = ("bias_gates",)

    def step(self, projected, states, weight, bias, masks):
        (h,) = states
        x_r, x_z, x_n = projected.chunk(3, -1)
        if self.reset_after:
            h_r, h_z, h_n = project(h, weight, bias, masks).chunk(3, -1)
            r, z = self._gate(x_r + h_r), self._gate(x_z + h_z)
            n = self.activation(x_n + r * h_n)
        else:
            both, last = weight.split([2 * self.units, self.units])
            h_r, h_z = project(h, both, None, masks and masks[:2]).chunk(2, -1)
            r, z = self._gate(x_r + h_r), self._gate(x_z + h_z)
            n = self.activation(x_n + project(r * h, last, None, masks and masks[2:]))
        return [z * h + (1 - z) * n]


def project(x: Tensor, weight: Tensor, bias: Tensor | None, masks: list[Tensor] | None) -> Tensor:
    """`x` times `weight` (torch's layout), under one dropout mask or one for each block."""
    if masks is None:
        return F.linear(x, weight, bias)
    if len(masks) == 1:
        return F.linear(x * masks[0], weight, bias)
    count = len(masks)
    biases = [None] * count if bias is None else bias.chunk(count)
    parts = zip(masks, weight.chunk(count), biases, strict=True)
    return torch.cat([F.linear(x * mask, w, b) for mask, w, b in parts], -1)


class CellWeights(nn.Module):
    """Parameters with the names and layouts of a native module, for steps that torch lacks."""

    def __init__(self, size, units, blocks, suffix, biases, device=None, dtype=None):
        super().__init__()
        shapes = {f"weight_ih{suffix}": (blocks * units, size)}
        shapes[f"weight_hh{suffix}"] = (blocks * units, units)
        for name in biases:
            shapes[name] = (blocks * units,)
        for name, shape in shapes.items():
            self.register_parameter(
                name, nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
            )


def weight_rows(path: str, suffix: str, scope: str | None, gates: str | None = None):
    """The weight table of a native module at `path` whose parameters end in `suffix`."""

    def row(name, native, pattern=None, setting=None):
        return Weight(name, native, pattern, gates, setting, scope=scope)

    one, two = f"{path}.bias_ih{suffix}", f"{path}.bias_hh{suffix}"
    kernels = (
        row("kernel", f"{path}.weight_ih{suffix}", "g i -> i g"),
        row("recurrent_kernel", f"{path}.weight_hh{suffix}", "g u -> u g", "recurrent"),
    )
    if gates is None:
        return (*kernels, row("bias", one))
    return (*kernels, row("bias", (one, two)), row("bias", f"{path}.bias_gates{suffix}"))


_FAMILIES = {
    "initializer": initializers,
    "regularizer": regularizers,
    "constraint": constraints,
}
