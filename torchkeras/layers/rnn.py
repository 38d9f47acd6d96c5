"""`RNN`: any cell repeated over time; the states, masks and shapes of all recurrent layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from .. import tree
from ..arrays import as_tensor
from ..input_spec import InputSpec, check_inputs
from ..layer import TABLE, Layer
from .cells import GatedCell, StackedRNNCells, serialize_cell
from .sequence import Reading, adjoining, run_fused, scan
from .states import StateArguments


@TABLE.add()
class RNN(StateArguments):
    """`cell`, or several cells on top of one another, repeated over `(batch, time, ...)`.

    The result is the last output, or all of them with `return_sequences`, followed by the final
    states with `return_state`. A call takes `initial_state=[...]`, or the states behind the
    inputs in one list. `go_backwards` reads from the end and leaves the outputs in that order;
    `stateful` starts each batch, whose size must be fixed, from the final states of the one
    before; `time_major` means `(time, batch, ...)` in and out; `unroll` changes nothing here.
    A cell is any layer with `state_size` and `call(inputs, states) -> (output, states)`.
    """

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
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell)
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
        self._spec = InputSpec(min_ndim=3)
        self._state_names: list[str] = []

    # --- calling ---------------------------------------------------------------------------

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
        return tree.flatten(output) + self._nested(states)

    def _nested(self, states):
        """Flat states in the nesting of the cells; lists inside, as Keras returns them."""
        packed = _nest(self.cell.state_size, list(states), list)
        return packed if isinstance(packed, list) else [packed]

    @property
    def _reading(self):
        return Reading(
            self.time_major,
            self.go_backwards,
            self.return_sequences,
            self.zero_output_for_mask,
            self.return_state or self.stateful,
        )

    def _repeat(self, inputs, states, mask, training, constants):
        """The output and the flat final states; `states` are flat, or None for none given."""
        if isinstance(self.cell, GatedCell) and self.cell.runs_fused(training):
            cell = self.cell
            inputs = cell._drop_sequence(inputs, self._reading.time, training)
            weights = adjoining(cell.flat_weights())
            return run_fused(cell.fused, inputs, states, weights, mask, self._reading)
        if isinstance(self.cell, Layer):  # its dtype may differ from this layer's
            inputs = tree.map_structure(self.cell._ready, inputs)
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
        return self._nested(kept)

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
        for number, size in enumerate(self._state_shapes()):
            if None in size:
                raise ValueError(
                    f'Layer "{self.name}" is stateful, so it needs to know the sizes of its '
                    f"states; received inputs that leave them at {('batch', *size)}. Fix the sizes."
                )
            zeros = torch.zeros(batch, *size, dtype=self._compute_dtype, device=self.device)
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

    def _state_shapes(self):
        return _sizes(self.cell.state_size)

    def _symbolic_outputs(self, args, kwargs):
        if not all(m.built for m in self.modules() if isinstance(m, Layer)):
            self._infer(args, kwargs)  # layers in a cell of the user are built as it is called
        outputs = super()._symbolic_outputs(args, kwargs)
        if not self.return_state or not isinstance(outputs, list):
            return outputs
        count = len(outputs) - len(self._state_shapes())
        return outputs[:count] + self._nested(outputs[count:])

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
            return [shown] + [None] * len(self.states)
        return shown

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        self._describe_cell(config)
        if self._num_constants:
            config["num_constants"] = self._num_constants
        if self.zero_output_for_mask:
            config["zero_output_for_mask"] = self.zero_output_for_mask
        return config

    def _describe_cell(self, config):
        config["cell"] = serialize_cell(self.cell)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> RNN:
        """The layer that `get_config` described; `custom_objects` names cells of your own."""
        config = dict(config)
        constants = config.pop("num_constants", 0)
        if "cell" in config:
            config["cell"] = TABLE.deserialize(config["cell"], custom_objects)
        layer = cls(**config)
        layer._num_constants = constants
        return layer


# Its masks come from outside: without one there is nothing to compute, so the short way of a
# call stays open.
RNN._makes_mask = False


def _sizes(size: Any) -> list[tuple]:
    """The shapes, without batch, in a cell's `state_size` or `output_size`."""
    if _is_shape(size):
        return [tuple(size)]
    if isinstance(size, Sequence):
        return [flat for one in size for flat in _sizes(one)]
    return [(int(size),)]


def _is_shape(size):
    return isinstance(size, torch.Size) or type(size).__name__ == "TensorShape"  # of TensorFlow


def _nest(size, flat: list, kind: type = tuple) -> Any:
    """Flat states in the nesting of `state_size`; in a tuple if it is one state only."""
    if not isinstance(size, Sequence) or _is_shape(size):
        return kind((flat[0],))
    supply = iter(flat)

    def fill(one):
        if isinstance(one, Sequence) and not _is_shape(one):
            return kind(fill(inner) for inner in one)
        return next(supply)

    return fill(size)


def _step_shape(shape, time_major):
    """The shape of one step's inputs."""
    if isinstance(shape, dict):
        return {key: _step_shape(one, time_major) for key, one in shape.items()}
    if any(tree.is_nested(item) for item in shape):
        return [_step_shape(one, time_major) for one in shape]
    return tuple(shape[1:]) if time_major else (shape[0], *shape[2:])
