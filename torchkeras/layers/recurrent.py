"""SimpleRNN, LSTM and GRU, on `nn.RNN`, `nn.LSTM` and `nn.GRU`.

The fused kernel runs whenever the layer computes what the kernel computes, masked or not; the
general loop of `sequence` runs for other activations, recurrent dropout, GRU's
`reset_after=False`, and dropout masks that differ between gates.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.compiler import is_compiling

from ..dropping import dropout
from ..input_spec import InputSpec
from ..layer import TABLE
from ..tracking import is_watched
from . import gru, rnn_kernels
from .gates import Gates, GRUGates, LSTMGates, SimpleGates, project, weight_rows
from .rnn import RNN
from .sequence import run_fused, run_pair, scan

_NATIVE = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn_tanh": nn.RNN, "rnn_relu": nn.RNN}
_NAMES = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")  # in the order of kernels


class NativeRNN(Gates, RNN):
    """Base: a recurrent layer that holds the weights of its steps in `rnn`, a native module."""

    _held: Held | None = None
    _holds_no_layers = True

    def _set_up(self, given: dict[str, Any], kwargs: dict[str, Any]) -> None:
        """The constructor: `given` are its arguments."""
        names = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll")
        options = {name: given[name] for name in names}
        if "implementation" in kwargs and self.blocks == 1:
            warnings.warn("SimpleRNN has one implementation; leave the argument out.", stacklevel=4)
        implementation = kwargs.pop("implementation", 2)
        kwargs.pop("enable_caching_device", None)
        kwargs.setdefault("time_major", given.get("time_major", False))
        RNN.__init__(
            self,
            CellView(self),
            activity_regularizer=given["activity_regularizer"],
            **options,
            **kwargs,
        )
        self._settle(given)
        self._choose(implementation)
        self._spec = InputSpec(ndim=3)
        # Keras has a fused form too, in which dropout is drawn anew for each step.
        self._drops_each_step = self._keras_fuses() and not self.unroll

    def _keras_fuses(self) -> bool:
        return self.fused is not None and self.recurrent_dropout == 0 and self.use_bias

    def _build_steps(self, step_shape):
        if step_shape[-1] is None:
            raise ValueError(
                f'The last axis of the inputs of layer "{self.name}" must be known; received '
                f"steps of shape {step_shape}."
            )
        self.rnn = self._make_native(_NATIVE, int(step_shape[-1]), "_l0")
        if self.fused is not None:
            self.rnn.batch_first = not self.time_major
        self._note_weights()

    def _note_weights(self):
        native = self._modules.get("rnn")
        self._held = Held(native) if isinstance(native, nn.RNNBase) else None
        if self._held is not None:
            rnn_kernels.make_operations()

    def _apply(self, fn, recurse=True):
        super()._apply(fn, recurse)
        self._note_weights()
        return self

    def __setstate__(self, state):
        super().__setstate__(state)
        if hasattr(self._modules.get("rnn"), "flatten_parameters"):
            self.rnn.flatten_parameters()  # for cuDNN, as torch does it wherever weights move
        self._note_weights()

    def _flat_weights(self):
        if is_compiling():
            return [self._within_reach(name) for name in _NAMES[: 4 if self.use_bias else 2]]
        self.rnn._update_flat_weights()  # as each call of the module does
        return self.rnn._flat_weights

    def _within_reach(self, name):
        if name not in self._held.parameters:
            raise ValueError(
                f'torch.compile cannot see how {name} of layer "{self.name}" is computed '
                "(parametrized, pruned); make it a parameter again, or do not compile."
            )
        return self._held.parameters[name]

    def native_weights(self) -> tuple[Tensor | None, ...]:
        """`weight_ih`, `weight_hh`, `bias_ih` and `bias_hh`, None for those that are not used."""
        if self._held is not None:
            kernel, recurrent, *biases = self._flat_weights()
        else:
            held = self.rnn
            kernel, recurrent = held.weight_ih_l0, held.weight_hh_l0
            biases = [getattr(held, name + "_l0") for name in self.biases]
        biases = [*biases, None, None]
        return kernel, recurrent, biases[0], biases[1] if self.hidden_bias else None

    def _repeat(self, inputs, states, mask, training, constants):
        drops = training and self.dropout > 0
        apart = drops and self.masks_apart and not self._drops_each_step
        if self.fused is None or apart or (training and self.recurrent_dropout > 0):
            return self._loop(inputs, states, mask, training)
        if drops and self._drops_each_step:
            inputs = dropout(inputs, self.dropout)
        elif drops:
            inputs = inputs * self._sequence_masks(inputs)[0]
        if mask is None and self._calls_module() and not self._has_quicker_steps(inputs):
            return self._whole(inputs, states)
        return run_fused(self.fused, inputs, states, self._flat_weights(), mask, self._reading)

    def _calls_module(self):
        # Called as a module where that is possible, so that hooks see it and quantised stand-ins
        # run. Not under torch.compile, which refuses it; nor for gradients in inference mode,
        # which Keras gives and cuDNN only when told that it trains.
        return not is_compiling() and (self.training or not torch.is_grad_enabled())

    def _has_quicker_steps(self, inputs):
        """Whether `fused` has steps of its own, and nobody would miss the call of the module."""
        if self.fused != "gru" or type(self.rnn) is not nn.GRU or is_watched(self.rnn):
            return False
        return gru.is_quicker(inputs, self._flat_weights())

    def _whole(self, inputs, states):
        if self.go_backwards:
            inputs = inputs.flip(self._reading.time)
        if states is not None:
            states = [state.unsqueeze(0).contiguous() for state in states]
            states = tuple(states) if self.n_states > 1 else states[0]
        outputs, final = self.rnn(inputs, states)
        final = [state.squeeze(0) for state in (final if self.n_states > 1 else (final,))]
        return outputs if self.return_sequences else final[0], final

    def _loop(self, inputs, states, mask, training):
        time = self._reading.time
        kernel, recurrent, bias, hidden_bias = self.native_weights()
        if states is None:
            first = inputs.new_zeros(inputs.shape[1 - time], self.units)
            states = [first] * self.n_states
        drops = training and self.dropout > 0
        masks = self._sequence_masks(inputs) if drops else None
        steps = project(inputs, kernel, bias, masks).unbind(time)
        masks = None
        if training and self.recurrent_dropout > 0:
            masks = self._dropout_masks(states[0], self.recurrent_dropout, self.masks_apart)
        valid = None if mask is None else mask.unbind(time)
        if self.go_backwards:
            steps, valid = steps[::-1], valid and valid[::-1]

        def step(projected, states):
            following = self.step(projected, states, recurrent, hidden_bias, masks)
            return following[0], following

        outputs, states = scan(step, steps, states, valid, self.zero_output_for_mask)
        return torch.stack(outputs, time) if self.return_sequences else outputs[-1], states

    def _sequence_masks(self, inputs):
        """Dropout masks that hold for all steps: one for all gates, or one for each."""
        time = self._reading.time
        masks = self._dropout_masks(inputs.select(time, 0), self.dropout, self.masks_apart)
        return [mask.unsqueeze(time) for mask in masks]

    def _describe_cell(self, config):
        del config["cell"]  # the layer itself
        if self.blocks > 1:
            config["implementation"] = self.implementation


def runs_as_pair(layers: Sequence[Any], options: dict[str, Any], states: list[Any]) -> bool:
    """Whether one kernel can run a forward and a backward layer, called with `options`."""
    forward, backward = layers
    if not (isinstance(forward, NativeRNN) and isinstance(backward, NativeRNN)):
        return False
    training = forward.training if options["training"] is None else options["training"]
    same = ("fused", "units", "use_bias", "time_major", "compute_dtype")
    return (
        forward.fused is not None
        and all(getattr(forward, name) == getattr(backward, name) for name in same)
        and not (forward.go_backwards or forward.stateful)
        and not (training and any(layer.dropout or layer.recurrent_dropout for layer in layers))
        and (options["mask"] is None or _pairs_masked(forward, options["mask"], states))
        and all(_is_plain(layer) for layer in layers)
    )


def _pairs_masked(forward, mask, states):
    # A CPU gains nothing by one kernel, and the masked form of it computes more.
    return mask.is_cuda and forward.blocks > 1 and states[0] is None


def _is_plain(layer):
    """Whether nobody listens to the layer or its native module, or put another in its place."""
    if layer._forward_hooks or layer._forward_pre_hooks:
        return False
    if is_compiling():  # which refuses to look at an nn.LSTM
        return layer._held is not None
    native = layer.rnn
    hooked = native._forward_hooks or native._forward_pre_hooks
    return type(native) is _NATIVE[layer.fused] and not hooked


def as_pair(
    layers: Sequence[NativeRNN], inputs: Tensor, mask: Tensor | None, states: list[Any]
) -> tuple[Tensor, list[list[Tensor]]]:
    """All outputs of both directions side by side, and the final states of each."""
    forward, backward = layers
    if mask is not None:
        mask = (mask.squeeze(-1) if mask.ndim == 3 else mask).bool()
    weights = [layer._flat_weights() for layer in layers]
    given = None if states[0] is None else [list(one) for one in states]
    inputs = forward._ready(inputs)
    return run_pair(forward.fused, inputs, given, weights, mask, forward.time_major)


class Held:
    """What `native` holds, within reach of torch.compile, which refuses to look at an nn.LSTM.

    An object of its own, as torch.export puts copies in the place of lists and dicts.
    """

    def __init__(self, native: nn.RNNBase):
        self.parameters = native._parameters


class CellView:
    """The one step of a recurrent layer, as `layer.cell`: the layer's settings and weights."""

    def __init__(self, layer: NativeRNN):
        self.layer = layer

    @property
    def state_size(self) -> Any:
        return self.layer.state_size

    def call(self, inputs: Tensor, states: Sequence[Tensor], training: bool | None = None) -> Any:
        """The output and the states after one step from `states`; without dropout."""
        kernel, recurrent, bias, hidden_bias = self.layer.native_weights()
        projected = project(inputs, kernel, bias, None)
        states = self.layer.step(projected, list(states), recurrent, hidden_bias, None)
        return states[0], states

    __call__ = call

    def get_initial_state(self, inputs=None, batch_size=None, dtype=None) -> Any:
        """Zeros for `batch_size` samples, or for those of `inputs`."""
        batch = batch_size if inputs is None else inputs.shape[0]
        dtype = dtype or self.layer._compute_dtype
        zeros = torch.zeros(batch, self.layer.units, dtype=dtype, device=self.layer.device)
        return zeros if self.layer.n_states == 1 else [zeros] * self.layer.n_states

    def __getattr__(self, name):
        if name.startswith("_") or name == "layer":
            raise AttributeError(name)
        return getattr(self.layer, name)


@TABLE.add()
class SimpleRNN(SimpleGates, NativeRNN):
    """`h = activation(x W + h U + b)` over `(batch, time, features)`, on `nn.RNN`.

    The result is the last `h`, `(batch, units)`; see `RNN` for `return_sequences` and the rest.

    >>> SimpleRNN(3)(torch.zeros(2, 5, 4)).shape
    torch.Size([2, 3])
    """

    weight_map = weight_rows("rnn", "_l0", "simple_rnn_cell")

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        **kwargs: Any,
    ):
        self._set_up(locals(), kwargs)

    def _keras_fuses(self):
        return False

    def call(self, inputs, mask=None, training=None, initial_state=None):
        return super().call(inputs, mask, training, initial_state)


@TABLE.add()
class LSTM(LSTMGates, NativeRNN):
    """Long short-term memory over `(batch, time, features)`, on `nn.LSTM`.

    The result is the last `h`, `(batch, units)`; the states are `[h, c]`. See `RNN` for
    `return_sequences`, `return_state` and the rest. Dropout with the default activations and
    biases is drawn anew for each step, else once for all steps; with `implementation=1` for each
    gate apart.

    >>> LSTM(3, return_sequences=True)(torch.zeros(2, 5, 4)).shape
    torch.Size([2, 5, 3])
    """

    weight_map = weight_rows("rnn", "_l0", "lstm_cell")

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
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
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        time_major: bool = False,
        unroll: bool = False,
        **kwargs: Any,
    ):
        self._set_up(locals(), kwargs)

    def call(self, inputs, mask=None, training=None, initial_state=None):
        return super().call(inputs, mask, training, initial_state)


@TABLE.add()
class GRU(GRUGates, NativeRNN):
    """Gated recurrent unit over `(batch, time, features)`, on `nn.GRU` where `reset_after`.

    The result is the last `h`, `(batch, units)`. `reset_after=False` is the form of Keras 1 and
    of the first Keras 2. See `LSTM` for dropout, `RNN` for `return_sequences` and the rest.

    >>> GRU(3)(torch.zeros(2, 5, 4)).shape
    torch.Size([2, 3])
    """

    weight_map = weight_rows("rnn", "_l0", "gru_cell", "rzn -> zrn")

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        time_major: bool = False,
        reset_after: bool = True,
        **kwargs: Any,
    ):
        self._set_up(locals(), kwargs)

    def call(self, inputs, mask=None, training=None, initial_state=None):
        return super().call(inputs, mask, training, initial_state)
