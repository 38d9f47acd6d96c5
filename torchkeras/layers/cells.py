"""One step of a recurrent layer as a layer of its own: what `RNN` repeats over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .. import tree
from ..dropping import scaled_mask
from ..layer import TABLE, Layer
from .gates import Gates, GRUGates, LSTMGates, SimpleGates, project, weight_rows

_NATIVE = {
    "lstm": nn.LSTMCell,
    "gru": nn.GRUCell,
    "rnn_tanh": nn.RNNCell,
    "rnn_relu": nn.RNNCell,
}


class GatedCell(Gates, Layer):
    """Base of the built-in cells: `(inputs, states)` to `(output, states)`.

    Dropout masks are drawn at the first step and hold until `reset_dropout_mask`.
    """

    def _prepare(self) -> None:
        self._input_masks: list[Tensor] | None = None
        self._recurrent_masks: list[Tensor] | None = None

    def build(self, input_shape: Any) -> None:
        self.cell = self._make_native(_NATIVE, int(input_shape[-1]), "")
        self._build_input_shape = tuple(input_shape)
        self.built = True

    def native_weights(self) -> tuple[Tensor | None, ...]:
        """`weight_ih`, `weight_hh`, `bias_ih` and `bias_hh`, None for those that are not used."""
        biases = [getattr(self.cell, name) for name in self.biases]
        return (self.cell.weight_ih, self.cell.weight_hh, *biases, *[None] * (2 - len(biases)))

    def runs_fused(self, training: bool) -> bool:
        """Whether a kernel can take all steps at once, in the place of `call` for each."""
        return (
            self.fused is not None
            and type(self).call is GatedCell.call
            and not (self._forward_hooks or self._forward_pre_hooks)
            and not (training and (self.recurrent_dropout or (self.dropout and self.masks_apart)))
        )

    def flat_weights(self) -> list[Tensor]:
        """The weights in the order of torch's kernels."""
        cell = self.cell
        biases = [cell.bias_ih, cell.bias_hh] if self.use_bias else []
        return [cell.weight_ih, cell.weight_hh, *biases]

    def _drop_sequence(self, inputs, time, training):
        """Sequences ready for the kernel: of this layer's dtype, dropped as each step would be."""
        inputs = self._ready(inputs)
        if not (training and self.dropout):
            return inputs
        (mask,) = self._dropout_masks(inputs.select(time, 0), self.dropout, False)
        return inputs * mask.unsqueeze(time)

    def call(self, inputs, states, training=None):
        given = list(states) if isinstance(states, (list, tuple)) else [states]
        kernel, recurrent, bias, hidden_bias = self.native_weights()
        training = self.training if training is None else training
        if training and self.dropout and self._input_masks is None:
            self._input_masks = self._dropout_masks(inputs, self.dropout, self.masks_apart)
        if training and self.recurrent_dropout and self._recurrent_masks is None:
            self._recurrent_masks = self._dropout_masks(
                given[0], self.recurrent_dropout, self.masks_apart
            )
        projected = project(inputs, kernel, bias, self._input_masks if training else None)
        masks = self._recurrent_masks if training else None
        following = self.step(projected, given, recurrent, hidden_bias, masks)
        nested = isinstance(states, (list, tuple))
        return following[0], following if nested else following[0]

    def compute_output_shape(self, input_shape: Any) -> Any:
        batch = input_shape[0][0] if isinstance(input_shape, list) else input_shape[0]
        return [(batch, self.units)] * (1 + self.n_states)

    def get_initial_state(
        self, inputs: Any = None, batch_size: int | None = None, dtype: Any = None
    ) -> Any:
        """Zeros for `batch_size` samples, or for those of `inputs`."""
        if inputs is not None:
            zeros = inputs.new_zeros(inputs.shape[0], self.units)
        else:
            dtype = dtype or self._compute_dtype
            zeros = torch.zeros(batch_size, self.units, dtype=dtype, device=self.device)
        return zeros if self.n_states == 1 else [zeros] * self.n_states

    def get_dropout_mask_for_cell(
        self, inputs: Tensor, training: bool | None, count: int = 1
    ) -> Any:
        """The masks of the inputs for cells with a `call` of their own: one, or a list of `count`.

        None without dropout; ones outside of training.
        """
        if not self.dropout:
            return None
        if not training:
            return _one_or_all([torch.ones_like(inputs)] * count)
        if self._input_masks is None:
            self._input_masks = [scaled_mask(inputs, self.dropout) for _ in range(count)]
        return _one_or_all(self._input_masks)

    def get_recurrent_dropout_mask_for_cell(
        self, inputs: Tensor, training: bool | None, count: int = 1
    ) -> Any:
        """The same for the state."""
        if not self.recurrent_dropout:
            return None
        if not training:
            return _one_or_all([torch.ones_like(inputs)] * count)
        if self._recurrent_masks is None:
            masks = [scaled_mask(inputs, self.recurrent_dropout) for _ in range(count)]
            self._recurrent_masks = masks
        return _one_or_all(self._recurrent_masks)

    def reset_dropout_mask(self) -> None:
        """Draw new masks for the inputs at the next step."""
        self._input_masks = None

    def reset_recurrent_dropout_mask(self) -> None:
        """Draw new masks for the state at the next step."""
        self._recurrent_masks = None


def _one_or_all(masks):
    return masks[0] if len(masks) == 1 else masks


@TABLE.add()
class SimpleRNNCell(SimpleGates, GatedCell):
    """`activation(x W + h U + b)`, on `nn.RNNCell`; the output is the state.

    >>> cell = SimpleRNNCell(3)
    >>> output, states = cell(torch.zeros(2, 4), [torch.zeros(2, 3)])
    >>> output.shape
    torch.Size([2, 3])
    """

    weight_map = weight_rows("cell", "", None)

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
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        **kwargs: Any,
    ):
        given = locals()
        kwargs.pop("enable_caching_device", None)
        Layer.__init__(self, **kwargs)
        self._settle(given)
        self._prepare()


@TABLE.add()
class LSTMCell(LSTMGates, GatedCell):
    """One step of an LSTM, on `nn.LSTMCell`; the states are `[h, c]`, the output is `h`."""

    weight_map = weight_rows("cell", "", None)

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
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        **kwargs: Any,
    ):
        given = locals()
        kwargs.pop("enable_caching_device", None)
        implementation = kwargs.pop("implementation", 2)
        Layer.__init__(self, **kwargs)
        self._settle(given)
        self._choose(implementation)
        self._prepare()

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "implementation": self.implementation}


@TABLE.add()
class GRUCell(GRUGates, GatedCell):
    """One step of a GRU, on `nn.GRUCell` where `reset_after`; the output is the state."""

    weight_map = weight_rows("cell", "", None, "rzn -> zrn")

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
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        reset_after: bool = True,
        **kwargs: Any,
    ):
        given = locals()
        kwargs.pop("enable_caching_device", None)
        implementation = kwargs.pop("implementation", 2)
        Layer.__init__(self, **kwargs)
        self._settle(given)
        self._choose(implementation)
        self._prepare()

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "implementation": self.implementation}


class AbstractRNNCell(Layer):
    """Base for cells of your own: write `call(inputs, states)`, `state_size` and `output_size`."""

    @property
    def state_size(self) -> Any:
        """Sizes of the states: an integer or a list of integers."""
        raise NotImplementedError(f"{type(self).__name__} must tell its state_size.")

    @property
    def output_size(self) -> Any:
        """Size of the output."""
        raise NotImplementedError(f"{type(self).__name__} must tell its output_size.")

    def get_initial_state(
        self, inputs: Any = None, batch_size: int | None = None, dtype: Any = None
    ) -> Any:
        """Zeros for `batch_size` samples, or for those of `inputs`."""
        batch = batch_size if inputs is None else inputs.shape[0]
        options = {"dtype": dtype or self._compute_dtype, "device": self.device}
        zeros = tree.map_structure(lambda n: torch.zeros(batch, n, **options), self.state_size)
        return zeros


@TABLE.add()
class StackedRNNCells(Layer):
    """Several cells as one: the output of each is the input of the next.

    The states are those of the cells, in a list of one entry a cell.
    """

    def __init__(self, cells: Sequence[Any], **kwargs: Any):
        for cell in cells:
            for needed in ("call", "state_size"):
                if needed not in dir(cell):
                    raise ValueError(f"All cells need a {needed!r} attribute; received {cells!r}.")
        self.reverse_state_order = kwargs.pop("reverse_state_order", False)
        super().__init__(**kwargs)
        modules = all(isinstance(cell, nn.Module) for cell in cells)
        self.cells = nn.ModuleList(cells) if modules else list(cells)

    @property
    def state_size(self) -> tuple:
        return tuple(cell.state_size for cell in self._in_order_of_states())

    def _in_order_of_states(self):
        return list(self.cells)[:: -1 if self.reverse_state_order else 1]

    @property
    def output_size(self) -> Any:
        last = self.cells[-1]
        if getattr(last, "output_size", None) is not None:
            return last.output_size
        size = last.state_size
        return size[0] if isinstance(size, (list, tuple)) else size

    def build(self, input_shape: Any) -> None:
        shape = tuple(input_shape[0] if isinstance(input_shape, list) else input_shape)
        self._build_input_shape = shape
        for cell in self.cells:
            if isinstance(cell, Layer):
                cell._ensure_built(shape)
            elif hasattr(cell, "build"):
                cell.build(shape)
            size = getattr(cell, "output_size", None)
            if size is None:
                size = cell.state_size
                size = size[0] if isinstance(size, (list, tuple)) else size
            shape = (shape[0], *size) if isinstance(size, torch.Size) else (shape[0], size)
        self.built = True

    def call(self, inputs, states, constants=None, training=None):
        order = self._in_order_of_states()
        state_of = dict(zip(order, states, strict=True))
        following = {}
        for cell in self.cells:
            options = {"training": training} if getattr(cell, "_takes_training", False) else {}
            if constants is not None and getattr(cell, "_takes_constants", False):
                options["constants"] = constants
            given = state_of[cell]
            given = given if isinstance(given, (list, tuple)) else [given]
            call = cell._wrapped_call_impl if isinstance(cell, Layer) else cell
            inputs, new = call(inputs, given, **options)
            single = not isinstance(cell.state_size, (list, tuple))
            following[cell] = new[0] if single and isinstance(new, (list, tuple)) else new
        return inputs, [following[cell] for cell in order]

    def get_initial_state(
        self, inputs: Any = None, batch_size: int | None = None, dtype: Any = None
    ) -> tuple:
        """The initial states of the cells, zeros where a cell does not say."""
        order = self._in_order_of_states()
        states = []
        for cell in order:
            if hasattr(cell, "get_initial_state"):
                states.append(cell.get_initial_state(inputs, batch_size, dtype))
                continue
            size = cell.state_size
            sizes = size if isinstance(size, (list, tuple)) else [size]
            batch = batch_size if inputs is None else inputs.shape[0]
            dtype = dtype or self._compute_dtype
            zeros = [torch.zeros(batch, one, dtype=dtype, device=self.device) for one in sizes]
            states.append(zeros if isinstance(size, (list, tuple)) else zeros[0])
        return tuple(states)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config() | {"cells": [serialize_cell(cell) for cell in self.cells]}
        return config | ({"reverse_state_order": True} if self.reverse_state_order else {})

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> StackedRNNCells:
        """The cells that `get_config` described; `custom_objects` names cells of your own."""
        cells = [TABLE.deserialize(cell, custom_objects) for cell in config["cells"]]
        return cls(**{**config, "cells": cells})


def serialize_cell(cell: Any) -> dict[str, Any]:
    """The config of a cell, which in tf.keras tells the shape that it was built for."""
    config = TABLE.serialize(cell)
    shape = getattr(cell, "_build_input_shape", None)
    return config if shape is None else {**config, "build_config": {"input_shape": shape}}
