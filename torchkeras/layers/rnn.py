"""`RNN`: any cell repeated over time; the states, masks and shapes of all recurrent layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .. import graph, tree
from ..arrays import as_tensor
from ..connected import shape_of
from ..input_spec import InputSpec, check_inputs
from ..layer import TABLE, Layer
from .sequence import scan


@TABLE.add()
class RNN(Layer):
    """`cell`, or several cells on top of one another, repeated over `(batch, time, ...)`.

    The result is the last output, or all of them with `return_sequences`, followed by the final
    states with `return_state`. A call takes `initial_state=[...]`, or the states behind the
    inputs in one list. `go_backwards` reads from the end and leaves the outputs in that order;
    `stateful` starts each batch, whose size must be fixed, from the final states of the one
    before; `time_major` means `(time, batch, ...)` in and out; `unroll` changes nothing here.
    A cell is any layer with `state_size` and `call(inputs, states) -> (output, states)`.
    """

    supports_masking = True

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        time_major: bool = False,
        **kwargs: Any,
    ):
        for needed in ("call", "state_size"):
            if needed not in dir(cell):
                raise ValueError(
                    f"The cell of an RNN needs a {needed!r} attribute: call(inputs, states), and "
                    f"state_size as an integer or a list of integers. Received {cell!r}."
                )
        self.zero_output_for_mask = kwargs.pop("zero_output_for_mask", False)
        if "input_length" in kwargs:
            kwargs.setdefault(
                "input_shape", (kwargs.pop("input_length"), kwargs.pop("input_dim", None))
            )
            kwargs.pop("input_length", None)
        elif "input_dim" in kwargs:
            kwargs.setdefault("input_shape", (None, kwargs.pop("input_dim")))
            kwargs.pop("input_dim", None)
        super().__init__(**kwargs)
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.time_major = time_major
        self._num_constants = 0
        self._spec = InputSpec(min_ndim=3)
        self._state_names: list[str] = []

    # --- calling ---------------------------------------------------------------------------

    def __call__(self, inputs, initial_state=None, constants=None, **kwargs):
        if initial_state is None and constants is None and not isinstance(inputs, list):
            return super().__call__(inputs, **kwargs)
        inputs, initial_state, constants = self._split(inputs, initial_state, constants)
        count = len(_sizes(self.cell.state_size))
        if initial_state is not None and len(tree.flatten(initial_state)) != count:
            raise ValueError(
                f'Layer "{self.name}" has {count} states but was passed '
                f"{len(tree.flatten(initial_state))} initial states."
            )
        extra = tree.flatten((initial_state or (), constants or ()))
        symbolic = [isinstance(tensor, graph.KerasTensor) for tensor in extra]
        if any(symbolic):
            if not all(symbolic):
                raise ValueError(
                    f'The initial state and constants of layer "{self.name}" must be all symbolic '
                    f"tensors or all plain ones; received {extra}."
                )
            self._num_constants = len(constants or ())
            return super().__call__([inputs, *extra], **kwargs)
        if initial_state is not None:
            kwargs["initial_state"] = tree.map_structure(self._ready, initial_state)
        if constants:
            kwargs["constants"] = tree.map_structure(self._ready, constants)
        return super().__call__(inputs, **kwargs)

    def call(self, inputs, mask=None, training=None, initial_state=None, constants=None):
        inputs, initial_state, constants = self._split(inputs, initial_state, constants)
        states = self._starting_states(inputs, initial_state)
        training = self.training if training is None else training
        mask = next(tree.leaves(mask))
        if mask is not None:
            mask = (mask.squeeze(-1) if mask.ndim == 3 else mask).bool()
        output, states = self._repeat(inputs, states, mask, training, constants)
        if self.stateful:
            with torch.no_grad():
                for name, state in zip(self._state_names, states, strict=True):
                    getattr(self, name).copy_(state)
        if not self.return_state:
            return output
        outputs = list(output) if isinstance(output, (list, tuple)) else [output]
        return outputs + list(states)

    def _repeat(self, inputs, states, mask, training, constants):
        """The output and the flat final states; `states` are flat, or None for none given."""
        if states is None:
            states = tree.flatten(self.get_initial_state(inputs))
        time = 0 if self.time_major else 1
        steps = [leaf.unbind(time) for leaf in tree.leaves(inputs)]
        steps = [tree.pack(inputs, list(leaves)) for leaves in zip(*steps, strict=True)]
        masks = None if mask is None else list(mask.unbind(time))
        if self.go_backwards:
            steps.reverse()
            masks = masks and masks[::-1]
        step = self._step_function(training, constants)
        outputs, states = scan(step, steps, states, masks, self.zero_output_for_mask)
        if not self.return_sequences:
            return outputs[-1], states
        return tree.map_structure(lambda *each: torch.stack(each, time), *outputs), states

    def _step_function(self, training, constants):
        cell, size = self.cell, self.cell.state_size
        options = {}
        if getattr(cell, "_takes_training", False):
            options["training"] = training
        if constants:
            options["constants"] = constants
        call = cell._wrapped_call_impl if isinstance(cell, Layer) else cell
        for one in [cell, *getattr(cell, "cells", ())]:
            if hasattr(one, "reset_dropout_mask"):
                one.reset_dropout_mask()
                one.reset_recurrent_dropout_mask()

        def step(inputs, states):
            output, states = call(inputs, _nest(size, list(states)), **options)
            return output, tree.flatten(states)

        return step

    def _split(self, inputs, initial_state, constants):
        """Inputs, states and constants of a call, which may come in one list."""
        if isinstance(inputs, list):
            end = len(inputs) - self._num_constants
            if end > 1:
                initial_state = inputs[1:end]
            if self._num_constants:
                constants = inputs[end:]
            inputs = inputs[0]
        if initial_state is not None and not tree.is_nested(initial_state):
            initial_state = [initial_state]
        if constants is not None and not tree.is_nested(constants):
            constants = [constants]
        return inputs, initial_state, constants

    # --- states ----------------------------------------------------------------------------

    def get_initial_state(self, inputs: Any) -> list:
        """Zeros for the batch of `inputs`, or what the cell's own `get_initial_state` gives."""
        first = next(tree.leaves(inputs))
        batch = first.shape[1 if self.time_major else 0]
        if hasattr(self.cell, "get_initial_state"):
            states = self.cell.get_initial_state(inputs=None, batch_size=batch, dtype=first.dtype)
            states = tree.map_structure(lambda state: state.to(first.device), states)
        else:
            zeros = [first.new_zeros(batch, *size) for size in _sizes(self.cell.state_size)]
            states = _nest(self.cell.state_size, zeros)
        return list(states) if tree.is_nested(states) else [states]

    def _starting_states(self, inputs, given):
        given = None if given is None else tree.flatten(given)
        if not self.stateful:
            return given
        kept = [getattr(self, name).clone() for name in self._state_names]
        first = next(tree.leaves(inputs))
        batch = first.shape[1 if self.time_major else 0]
        if batch != kept[0].shape[0]:
            raise ValueError(
                f'Layer "{self.name}" is stateful and was built for batches of {kept[0].shape[0]} '
                f"samples; received {batch}."
            )
        if given is None:
            return kept
        running = torch.stack([state.any() for state in kept]).any()
        return [torch.where(running, old, new) for old, new in zip(kept, given, strict=True)]

    @property
    def states(self) -> list:
        """The states kept by a stateful layer, or None for each where it keeps none."""
        if not self._state_names:
            return tree.flatten(tree.map_structure(lambda _: None, self.cell.state_size))
        kept = [getattr(self, name) for name in self._state_names]
        packed = _nest(self.cell.state_size, kept)
        return list(packed) if tree.is_nested(packed) else [packed]

    def reset_states(self, states: Any = None) -> None:
        """Set the states of a stateful layer to `states` (arrays), or to zero."""
        if not self.stateful:
            raise AttributeError(f'Layer "{self.name}" must be stateful to reset its states.')
        kept = [getattr(self, name) for name in self._state_names]
        if not kept:
            raise ValueError(
                f'Layer "{self.name}" is stateful, so it needs to know its batch size. Give it '
                "batch_input_shape=(batch, time, ...), or Input(batch_shape=...) before it."
            )
        if states is None:
            for state in kept:
                state.zero_()
            return
        given = tree.flatten(states)
        if len(given) != len(kept):
            raise ValueError(
                f'Layer "{self.name}" keeps {len(kept)} states; reset_states received {len(given)}.'
            )
        given = [as_tensor(value) for value in given]
        for number, (state, value) in enumerate(zip(kept, given, strict=True)):
            if value.shape != state.shape:
                raise ValueError(
                    f'State {number} of layer "{self.name}" has shape {tuple(state.shape)}; '
                    f"reset_states received {tuple(value.shape)}."
                )
        for state, value in zip(kept, given, strict=True):
            state.copy_(value)

    # --- building, shapes, masks, config ---------------------------------------------------

    def build(self, input_shape: Any) -> None:
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        self._check_shape(shape)
        self._build_steps(_step_shape(shape, self.time_major))
        if not tree.is_nested(shape) or not any(tree.is_nested(item) for item in shape):
            batch, time = (1, 0) if self.time_major else (0, 1)
            spec = list(shape)
            spec[time] = None
            if self.stateful:
                self._make_states(spec[batch])
            spec[batch] = spec[batch] if self.stateful else None
            self._spec = InputSpec(shape=tuple(spec))
        self.built = True

    def _build_steps(self, step_shape):
        if isinstance(self.cell, Layer):
            self.cell._ensure_built(step_shape)
        elif hasattr(self.cell, "build"):
            self.cell.build(step_shape)

    def _make_states(self, batch):
        if batch is None:
            self.reset_states()  # says what is missing
        for number, size in enumerate(_sizes(self.cell.state_size)):
            zeros = torch.zeros(batch, *size, dtype=self.compute_dtype, device=self.device)
            # Not saved: they belong to the run, not to the model.
            self.register_buffer(f"state_{number}", zeros, persistent=False)
            self._state_names.append(f"state_{number}")

    def _check_shape(self, shape):
        if any(tree.is_nested(item) for item in shape):
            return
        check_inputs(self._spec, [tuple(shape)], self.name)
        if self.unroll and shape[0 if self.time_major else 1] is None:
            raise ValueError(
                f'Layer "{self.name}" cannot unroll an open time axis: received inputs of shape '
                f"{tuple(shape)}. Fix the length of the sequences, or leave out unroll=True."
            )

    def _check_inputs(self, args):
        # Not by `input_spec`, which would want a shape for each state in the list of inputs too.
        first = args[0][0] if isinstance(args[0], list) else args[0]
        shape = tree.map_structure(shape_of, first)
        if isinstance(shape, tuple):
            self._check_shape(shape)
            self._checked_ndim = len(shape)

    def _record(self, args, kwargs):
        if args and self.built:
            self._check_inputs(args)
        return super()._record(args, kwargs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        while any(tree.is_nested(item) for item in shape):
            shape = next(iter(shape.values() if isinstance(shape, dict) else shape))
        batch, time = (shape[1], shape[0]) if self.time_major else shape[:2]
        lead = (time, batch) if self.time_major else (batch, time)
        lead = lead if self.return_sequences else (batch,)
        size = getattr(self.cell, "output_size", None)
        states = _sizes(self.cell.state_size)
        outputs = [(*lead, *one) for one in (states[:1] if size is None else _sizes(size))]
        if self.return_state:
            return outputs + [(batch, *one) for one in states]
        return outputs[0] if len(outputs) == 1 else outputs

    def compute_mask(self, inputs, mask=None):
        mask = next(tree.leaves(mask))
        shown = mask if self.return_sequences else None
        if self.return_state:
            return [shown] + [None] * len(_sizes(self.cell.state_size))
        return shown

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self._num_constants:
            config["num_constants"] = self._num_constants
        if self.zero_output_for_mask:
            config["zero_output_for_mask"] = self.zero_output_for_mask
        return config


# Its masks come from outside: without one there is nothing to compute, so the short way of a
# call stays open.
RNN._makes_mask = False


def _sizes(size: Any) -> list[tuple]:
    """The shapes, without batch, in a cell's `state_size` or `output_size`."""
    if isinstance(size, torch.Size):
        return [tuple(size)]
    if isinstance(size, Sequence):
        return [flat for one in size for flat in _sizes(one)]
    return [(int(size),)]


def _nest(size, flat: list[Tensor]) -> Any:
    """Flat states in the nesting of `state_size`; a tuple for a single one, as cells expect."""
    if not isinstance(size, Sequence) or isinstance(size, torch.Size):
        return (flat[0],)
    supply = iter(flat)

    def fill(one):
        if isinstance(one, Sequence) and not isinstance(one, torch.Size):
            return tuple(fill(inner) for inner in one)
        return next(supply)

    return fill(size)


def _step_shape(shape, time_major):
    """The shape of one step's inputs."""
    if isinstance(shape, dict):
        return {key: _step_shape(one, time_major) for key, one in shape.items()}
    if any(tree.is_nested(item) for item in shape):
        return [_step_shape(one, time_major) for one in shape]
    return tuple(shape[1:]) if time_major else (shape[0], *shape[2:])
