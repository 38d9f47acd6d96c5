"""LSTMs whose products are convolutions: `ConvLSTM1D`, `ConvLSTM2D`, `ConvLSTM3D`.

The inputs of all steps go through one convolution; only the states are convolved step by step.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import activations
from ..input_spec import InputSpec
from ..layer import TABLE, Weight
from .conv import BaseConv, Sizes, count_of_filters, keep_channels_last
from .gates import LSTMGates
from .recurrent import CellView
from .rnn import RNN
from .sequence import scan
from .spatial import pad_argument, same_padding

_CONVOLVE = (F.conv1d, F.conv2d, F.conv3d)
_POINTWISE = tuple(map(activations.get, "tanh hard_sigmoid sigmoid relu linear elu".split()))


class ConvLSTM(LSTMGates, BaseConv, RNN):
    """Base: `conv` takes the inputs to the four gates, `recurrent` the output of the last step."""

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "hard_sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        **kwargs: Any,
    ):
        given = locals()
        for argument in ("unroll", "time_major"):
            if kwargs.get(argument):
                raise TypeError(
                    f"{type(self).__name__} takes steps one after the other, in inputs whose first "
                    f"axis is the batch: it has no {argument}. Leave the argument out."
                )
        BaseConv.__init__(
            self,
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activity_regularizer=activity_regularizer,
            cell=ConvCellView(self),
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            **kwargs,
        )
        self.filters = count_of_filters(self, filters)
        self._settle({**given, "units": self.filters})
        self.fused = None
        self.implementation = 1  # dropout masks of their own for each gate
        self.input_spec = None  # as of all recurrent layers: see StateArguments
        self._spec = InputSpec(ndim=self.rank + 3)
        self._state_sizes = (None,) * self.rank

    def _build_steps(self, step_shape):
        channels, native = self.known_channels(step_shape), (nn.Conv1d, nn.Conv2d, nn.Conv3d)
        native, gates = native[self.rank - 1], 4 * self.filters
        self._state_sizes = self.sizes(self._step_output(step_shape))
        self.conv = self.make_conv(native, step_shape, channels, gates, bias=self.use_bias)
        # Not torch's padding="same": it warns of the copy that windows of even size need.
        edges = [same_padding(k, k, 1) for k in self.kernel_size]
        even = any(before != after for before, after in edges)
        self._state_edges = pad_argument(edges) if even else None
        inside = 0 if even else tuple(before for before, _ in edges)
        self.recurrent = self.make(
            native, self.filters, gates, self.kernel_size, padding=inside, bias=False
        )
        if not self.channels_first:
            keep_channels_last(self.recurrent)

    # --- calling ---------------------------------------------------------------------------

    def call(self, inputs, mask=None, training=None, initial_state=None):
        return RNN.call(self, inputs, mask, training, initial_state)

    def _repeat(self, inputs, states, mask, training, constants):
        projected = self._projected(inputs.transpose(0, 1), training)
        if states is None:
            states = self.get_initial_state(inputs)
        states = [self.to_torch(state) for state in states]
        masks = None
        if training and self.recurrent_dropout > 0:
            masks = torch.cat(self._dropout_masks(states[0], self.recurrent_dropout, True), 1)
        steps, valid = projected.unbind(0), None if mask is None else mask.unbind(1)
        if self.go_backwards:
            steps, valid = steps[::-1], valid and valid[::-1]

        def step(projected, states):
            following = self._step(projected, states, masks)
            return following[0], following

        outputs, states = scan(step, steps, states, valid, self.zero_output_for_mask)
        output = outputs[-1]
        if self.return_sequences:
            outputs = torch.stack(outputs, 1)
            output = outputs if self.channels_first else outputs.movedim(2, -1)
        else:
            output = self.to_keras(output)
        return output, [self.to_keras(state) for state in states]

    def _projected(self, inputs, training):
        """The share of the inputs `(time, batch, ...)` in the gates, 4 * filters channels."""
        lead = inputs.shape[:2]
        if not (training and self.dropout > 0):
            flat = self.convolve(self.conv, self.to_torch(inputs.flatten(0, 1)))
            return flat.unflatten(0, lead)
        masks = torch.stack(self._dropout_masks(inputs[0], self.dropout, True))
        gates = self.to_torch((inputs.unsqueeze(2) * masks.transpose(0, 1)).flatten(0, 2))
        gates = gates.unflatten(0, (-1, 4)).flatten(1, 2)  # one group of channels for each gate
        if self.padding == "same":
            windows = zip(self.kernel_size, self.strides, self.dilation_rate, strict=True)
            sizes = zip(gates.shape[2:], windows, strict=True)
            gates = F.pad(gates, pad_argument([same_padding(n, *window) for n, window in sizes]))
        conv = self.conv
        settings = (conv.stride, 0, conv.dilation, 4)
        flat = _CONVOLVE[self.rank - 1](gates, conv.weight, conv.bias, *settings)
        return flat.unflatten(0, lead)

    def _step(self, projected, states, masks=None):
        """The next states, all with channels second; `masks` are those of the gates, joined."""
        h, c = states
        if masks is not None:
            h = torch.cat([h] * 4, 1) * masks
        if self._state_edges is not None:
            h = F.pad(h, self._state_edges)
        if masks is None:
            gates = self.recurrent(h)
        else:
            conv = self.recurrent
            gates = _CONVOLVE[self.rank - 1](h, conv.weight, None, 1, conv.padding, 1, 4)
        gates = (projected + gates).chunk(4, 1)
        i, f, o = (self._activated(gates[k], gate=True) for k in (0, 1, 3))
        c = f * c + i * self._activated(gates[2])
        return [o * self._activated(c), c]

    def _activated(self, x, gate=False):
        """An activation of `x`, in the axes of Keras where the last one may matter to it."""
        function = self._gate if gate else self.activation
        if self.channels_first or (self.recurrent_activation if gate else function) in _POINTWISE:
            return function(x)
        return self.to_torch(function(self.to_keras(x)))

    # --- states, shapes, config ------------------------------------------------------------

    def get_initial_state(self, inputs: Any) -> list:
        """Zeros of the shape of one output, for the batch of `inputs`."""
        shape = self._step_output((inputs.shape[0], *inputs.shape[2:]))
        return [inputs.new_zeros(shape)] * 2

    def _step_output(self, step_shape):
        return BaseConv.compute_output_shape(self, step_shape)

    def _state_shapes(self):
        return [self.shape_with((None,) * (self.rank + 2), self._state_sizes, self.filters)[1:]] * 2

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape = tuple(input_shape[0] if isinstance(input_shape, list) else input_shape)
        state = self._step_output((shape[0], *shape[2:]))
        output = (*shape[:2], *state[1:]) if self.return_sequences else state
        return [output, state, state] if self.return_state else output

    def _describe_cell(self, config):
        del config["cell"], config["groups"]


class ConvCellView(CellView):
    """The one step of a `ConvLSTM`, as `layer.cell`."""

    def call(self, inputs: Tensor, states: Any, training: bool | None = None) -> Any:
        """The output and the states after one step from `states`; without dropout."""
        layer = self.layer
        projected = layer.convolve(layer.conv, layer.to_torch(inputs))
        states = layer._step(projected, [layer.to_torch(state) for state in states])
        states = [layer.to_keras(state) for state in states]
        return states[0], states

    __call__ = call

    def get_initial_state(self, inputs=None, batch_size=None, dtype=None) -> Any:
        """Zeros for the batch of `inputs`, those of one step."""
        return self.layer.get_initial_state(inputs.unsqueeze(1))


def _rows(axes):
    kernel = f"g i {axes} -> {axes} i g"
    return (
        Weight("kernel", "conv.weight", kernel),
        Weight("recurrent_kernel", "recurrent.weight", kernel, setting="recurrent"),
        Weight("bias", "conv.bias"),
    )


@TABLE.add()
class ConvLSTM1D(ConvLSTM):
    """LSTM over sequences of sequences: `(batch, time, steps, channels)` to the last output.

    `padding`, `strides` and `dilation_rate` are those of the convolution of the inputs; that of
    the states keeps their size. The result is `(batch, new_steps, filters)`; see `RNN` for
    `return_sequences` and the rest. Dropout masks differ between gates and hold for all steps.

    >>> ConvLSTM1D(3, 2)(torch.zeros(2, 5, 4, 1)).shape
    torch.Size([2, 3, 3])
    """

    rank = 1
    weight_map = _rows("w")


@TABLE.add()
class ConvLSTM2D(ConvLSTM):
    """LSTM over films: `(batch, time, height, width, channels)` to the last output.

    Arguments as those of `ConvLSTM1D`, with two sizes.

    >>> ConvLSTM2D(3, 2)(torch.zeros(2, 5, 4, 4, 1)).shape
    torch.Size([2, 3, 3, 3])
    """

    rank = 2
    weight_map = _rows("h w")


@TABLE.add()
class ConvLSTM3D(ConvLSTM):
    """LSTM over sequences of volumes: `(batch, time, depth, height, width, channels)`.

    Arguments as those of `ConvLSTM1D`, with three sizes.

    >>> ConvLSTM3D(3, 2)(torch.zeros(2, 5, 4, 4, 4, 1)).shape
    torch.Size([2, 3, 3, 3, 3])
    """

    rank = 3
    weight_map = _rows("d h w")
