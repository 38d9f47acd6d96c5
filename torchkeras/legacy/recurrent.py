"""`Recurrent`, under which layers defined their own `step` before Keras had cells."""

from __future__ import annotations

from typing import Any

from .. import backend as K
from ..input_spec import InputSpec
from ..layers.states import StateArguments
from .warning import deprecated


class Recurrent(StateArguments):
    """Repeats `step(x, states) -> (output, states)`, which a subclass defines, over time.

    A subclass sets `units` (or `output_dim`) and `states`, a list with one entry a state, and may
    override `get_initial_state(inputs)`, `get_constants(inputs)`, which stand behind the states of
    each step, and `preprocess_input(inputs)`. ValueError for `stateful=True`.
    """

    states: list = [None]

    def __init__(
        self, return_sequences=False, return_state=False, go_backwards=False, stateful=False,
        unroll=False, implementation=0, **kwargs,
    ):  # fmt: skip
        deprecated(f"{type(self).__name__}(Recurrent)", "a cell with keras.layers.RNN")
        kwargs.pop("consume_less", None)
        if "input_dim" in kwargs:
            kwargs["input_shape"] = (kwargs.pop("input_length", None), kwargs.pop("input_dim"))
        super().__init__(**kwargs)
        if stateful:
            raise ValueError(
                f'Layer "{self.name}": a Recurrent layer keeps no states between batches; write '
                "its step as a cell for keras.layers.RNN(cell, stateful=True)."
            )
        self.return_sequences, self.return_state = return_sequences, return_state
        self.go_backwards, self.stateful, self.unroll = go_backwards, stateful, unroll
        self.implementation = implementation
        self.input_spec = [InputSpec(ndim=3)]
        self.dropout = self.recurrent_dropout = 0.0

    def step(self, inputs: Any, states: Any) -> tuple[Any, list]:
        """One step; a subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__} must define step(inputs, states).")

    def get_initial_state(self, inputs: Any) -> list:
        """Zeros, or what a subclass names `get_initial_states`."""
        if hasattr(self, "get_initial_states"):
            return self.get_initial_states(inputs)
        width = getattr(self, "units", None) or self.output_dim
        zeros = K.expand_dims(K.sum(K.zeros_like(inputs), axis=(1, 2)))
        return [K.tile(zeros, [1, width])] * len(self.states)

    def get_constants(self, inputs: Any, training: Any = None) -> list:
        """What each step gets behind the states: nothing."""
        return []

    def preprocess_input(self, inputs: Any, training: Any = None) -> Any:
        """The inputs as the steps take them: as they are."""
        return inputs

    def call(self, inputs, mask=None, training=None, initial_state=None):
        if isinstance(inputs, list):
            inputs, *initial_state = inputs
        if isinstance(mask, list):
            mask = mask[0]
        states = self.get_initial_state(inputs) if not initial_state else initial_state
        last, outputs, states = K.rnn(
            self.step,
            self.preprocess_input(inputs),
            states,
            go_backwards=self.go_backwards,
            mask=mask,
            constants=self.get_constants(inputs),
        )
        output = outputs if self.return_sequences else last
        return [output, *states] if self.return_state else output

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        width = getattr(self, "units", None) or self.output_dim
        output = (*shape[:2], width) if self.return_sequences else (shape[0], width)
        if not self.return_state:
            return output
        return [output] + [(shape[0], width)] * len(self.states)

    def compute_mask(self, inputs, mask=None):
        mask = mask[0] if isinstance(mask, list) else mask
        output = mask if self.return_sequences else None
        return [output] + [None] * len(self.states) if self.return_state else output

    def _check_states(self, given):
        """Any: only a subclass knows what its states look like."""

    def get_config(self) -> dict[str, Any]:
        own = "return_sequences return_state go_backwards stateful unroll implementation".split()
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": self.dtype,
            **{name: getattr(self, name) for name in own},
        }


def time_distributed_dense(
    x: Any, w: Any, b: Any = None, dropout: Any = None, input_dim: Any = None,
    output_dim: Any = None, timesteps: Any = None, training: Any = None,
) -> Any:  # fmt: skip
    """`x w + b` at each step of `(batch, time, features)`; all steps drop the same features."""
    deprecated("_time_distributed_dense", "K.dot(x, w)")
    if dropout:
        ones = K.repeat(K.dropout(K.ones_like(x[:, 0]), dropout), K.int_shape(x)[1])
        x = K.in_train_phase(x * ones, x, training=training)
    product = K.dot(x, w)
    return product if b is None else K.bias_add(product, b)
