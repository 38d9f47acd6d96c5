"""Calls of recurrent layers: states and constants as arguments, or behind the inputs in a list."""

from __future__ import annotations

from typing import Any

from .. import graph, tree
from ..connected import shape_of
from ..layer import Layer


class StateArguments(Layer):
    """Base of the layers whose calls take `initial_state=` and `constants=`.

    Symbolic ones become inputs, `[inputs, *states, *constants]`, so that they are in the graph
    and in its config as tf.keras has them.
    """

    supports_masking = True
    _num_constants = 0
    _symbolic_options: dict[str, Any] = {}

    def __call__(self, inputs, initial_state=None, constants=None, **kwargs):
        if initial_state is None and constants is None and not isinstance(inputs, list):
            return super().__call__(inputs, **kwargs)
        inputs, initial_state, constants = self._split(inputs, initial_state, constants)
        if initial_state is not None:
            self._check_states(tree.flatten(initial_state))
        extra = tree.flatten((initial_state or (), constants or ()))
        symbolic = [isinstance(tensor, graph.KerasTensor) for tensor in extra]
        if any(symbolic):
            if not all(symbolic):
                raise ValueError(
                    f'The initial state and constants of layer "{self.name}" must be all symbolic '
                    f"tensors or all plain ones; received {extra}."
                )
            self._num_constants = len(constants or ())
            return super().__call__([inputs, *extra], **kwargs, **self._symbolic_options)
        if initial_state is not None:
            kwargs["initial_state"] = tree.map_structure(self._ready, initial_state)
        if constants:
            kwargs["constants"] = tree.map_structure(self._ready, constants)
        return super().__call__(inputs, **kwargs)

    def _state_shapes(self) -> list[tuple]:
        """The shapes, without batch, of the flat states; None for sizes that inputs decide."""
        raise NotImplementedError

    def _check_states(self, given):
        shapes = self._state_shapes()
        if len(given) != len(shapes):
            raise ValueError(
                f'Layer "{self.name}" has {len(shapes)} states but was passed {len(given)} '
                "initial states."
            )
        for number, (state, shape) in enumerate(zip(given, shapes, strict=True)):
            found = tuple(state.shape[1:])
            if len(found) != len(shape) or any(
                None not in pair and pair[0] != pair[1] for pair in zip(found, shape, strict=True)
            ):
                raise ValueError(
                    f'Initial state {number} of layer "{self.name}" must have shape '
                    f"{('batch', *shape)}; received {tuple(state.shape)}."
                )

    def _check_shape(self, shape: tuple) -> None:
        """ValueError if the layer cannot take inputs of this shape."""

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
