"""Layers around a layer: `TimeDistributed` and `Bidirectional`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .. import graph, tree
from ..layer import TABLE, Layer
from .recurrent import as_pair, runs_as_pair
from .rnn import RNN
from .states import StateArguments

_MERGES = ("sum", "mul", "ave", "concat", None)


@TABLE.add()
class Wrapper(Layer):
    """Base of the layers that hold another layer, as `layer`."""

    def __init__(self, layer: Layer, **kwargs: Any):
        if not isinstance(layer, Layer):
            raise ValueError(
                f"{type(self).__name__} wraps a layer, as in {type(self).__name__}(Dense(3)); "
                f"received {layer!r}."
            )
        super().__init__(**kwargs)
        self._hold(layer)

    def _hold(self, layer):
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        self._build_inner(input_shape)
        self.built = True

    def _build_inner(self, input_shape):
        known = self.layer.built
        self.layer._ensure_built(input_shape)
        if not known:  # tf.keras leaves the name of the layer inside out of its weights'
            inside, own = self.layer._path(""), self._path("")
            for weight in self.layer.weights:
                if weight._name.startswith(inside):
                    weight._name = own + weight._name[len(inside) :]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "layer": TABLE.serialize(self.layer)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Wrapper:
        """The layer that `get_config` described; `custom_objects` names layers of your own."""
        layer = TABLE.deserialize(config["layer"], custom_objects)
        return cls(**{**config, "layer": layer})


@TABLE.add()
class TimeDistributed(Wrapper):
    """`layer` applied to each time step: `(batch, time, ...)` to `(batch, time, ...)`.

    All steps go through the layer as one large batch, except for a stateful layer, which takes
    them one after the other.

    >>> from .core import Dense
    >>> TimeDistributed(Dense(3))(torch.zeros(2, 5, 4)).shape
    torch.Size([2, 5, 3])
    """

    supports_masking = True

    def _hold(self, layer):
        super()._hold(layer)
        self._makes_mask = layer._makes_mask  # any other mask comes from outside

    def build(self, input_shape: Any = None) -> None:
        shapes = input_shape if _is_several(input_shape) else [input_shape]
        if any(len(shape) < 3 for shape in shapes):
            raise ValueError(
                f'Layer "{self.name}" needs inputs of at least 3 axes, (batch, time, ...); '
                f"received shape {input_shape}."
            )
        self._build_inner(_without_time(input_shape))
        self.built = True

    def call(self, inputs, training=None, mask=None):
        first = next(tree.leaves(inputs))
        batch, time = first.shape[:2]
        if self.layer.stateful:
            steps = zip(*(leaf.unbind(1) for leaf in tree.leaves(inputs)), strict=True)
            steps = [tree.pack(inputs, list(leaves)) for leaves in steps]
            outputs = [self._inner(step, None, training) for step in steps]
            return tree.map_structure(lambda *each: torch.stack(each, 1), *outputs)
        flat = tree.map_structure(lambda leaf: leaf.flatten(0, 1), inputs)
        outputs = self._inner(flat, mask, training)
        return tree.map_structure(lambda leaf: leaf.unflatten(0, (batch, time)), outputs)

    def _inner(self, inputs, mask, training):
        options = {"training": training} if self.layer._takes_training else {}
        if mask is not None and self.layer._takes_mask:
            options["mask"] = mask.flatten(0, 1)
        return self.layer(inputs, **options)

    def _symbolic_outputs(self, args, kwargs):
        if type(self).call is not TimeDistributed.call:
            return super()._symbolic_outputs(args, kwargs)
        time = next(tree.leaves(args[0])).shape[1]
        step = tree.map_structure(
            lambda x: graph.KerasTensor((x.shape[0], *x.shape[2:]), x.dtype), args[0]
        )
        return tree.map_structure(  # of the dtypes that the layer inside gives
            lambda x: graph.KerasTensor((x.shape[0], time, *x.shape[1:]), x.dtype),
            self.layer._symbolic_outputs((step,), {}),
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape = self.layer.compute_output_shape(_without_time(input_shape))
        time = (input_shape[0] if _is_several(input_shape) else input_shape)[1]
        if _is_several(shape):
            return [(one[0], time, *one[1:]) for one in shape]
        return (shape[0], time, *shape[1:])

    def compute_mask(self, inputs, mask=None):
        if mask is None and not self.layer._makes_mask:
            return None
        if graph.is_symbolic((inputs, mask)):
            return graph.record(self._mask_of, (inputs, mask), {})
        return self._mask_of(inputs, mask)

    def _mask_of(self, inputs, mask):
        """The mask of the layer inside, or the given one reduced to `(batch, time)`."""
        first = next(tree.leaves(inputs))
        flat = tree.map_structure(lambda leaf: leaf.flatten(0, 1), inputs)
        inner = self.layer.compute_mask(flat, None if mask is None else mask.flatten(0, 1))
        if inner is not None:
            return inner.unflatten(0, first.shape[:2])
        return mask.flatten(2).any(-1) if mask.ndim > 2 else mask


@TABLE.add()
class Bidirectional(StateArguments, Wrapper):
    """A recurrent layer run forwards and backwards, with the two outputs merged.

    `merge_mode` is 'concat' (over the last axis), 'sum', 'mul', 'ave', or None for a list of
    both. The layers that run are copies of `layer` made from its config; `backward_layer` is
    used as it is and must read backwards. States are those of the forward layer, then those of
    the backward layer.

    >>> from .recurrent import LSTM
    >>> Bidirectional(LSTM(3))(torch.zeros(2, 5, 4)).shape
    torch.Size([2, 6])
    """

    _symbolic_options = {"initial_state": None, "constants": None}

    def __init__(
        self,
        layer: Layer,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Layer | None = None,
        **kwargs: Any,
    ):
        if merge_mode not in _MERGES:
            raise ValueError(f"merge_mode must be one of {_MERGES}; received {merge_mode!r}.")
        if backward_layer is not None and not isinstance(backward_layer, Layer):
            raise ValueError(f"backward_layer must be a layer; received {backward_layer!r}.")
        Wrapper.__init__(self, layer, **kwargs)
        self.merge_mode = merge_mode
        self._backward_config = backward_layer and TABLE.serialize(backward_layer)
        self.forward_layer = _copy(layer)
        self.backward_layer = backward_layer or _copy(layer, go_backwards=not layer.go_backwards)
        for direction in ("forward", "backward"):
            inner = getattr(self, f"{direction}_layer")
            inner._name = f"{direction}_{inner.name}"
            if hasattr(inner, "zero_output_for_mask"):
                inner.zero_output_for_mask = inner.return_sequences
        self._check_directions()
        if weights:
            half = len(weights) // 2
            self.forward_layer._initial_weights = weights[:half]
            self.backward_layer._initial_weights = weights[half:]
        self.stateful = layer.stateful
        self.return_sequences = layer.return_sequences
        self.return_state = layer.return_state
        self.trainable = kwargs.get("trainable", layer.trainable)

    def _hold(self, layer):
        object.__setattr__(self, "layer", layer)  # a pattern: its weights are not this layer's

    def _check_directions(self):
        forward, backward = self.forward_layer, self.backward_layer
        if forward.go_backwards == backward.go_backwards:
            raise ValueError(
                "The forward and the backward layer of a Bidirectional need different "
                f"go_backwards; both have {forward.go_backwards}."
            )
        for setting in ("stateful", "return_sequences", "return_state"):
            one, other = getattr(forward, setting), getattr(backward, setting)
            if one != other:
                raise ValueError(
                    "The forward and the backward layer of a Bidirectional need the same "
                    f"{setting}; they have {one} and {other}."
                )

    def build(self, input_shape: Any = None) -> None:
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        self.forward_layer._ensure_built(shape)
        self.backward_layer._ensure_built(shape)
        self.built = True

    def call(self, inputs, training=None, mask=None, initial_state=None, constants=None):
        inputs, initial_state, constants = self._split(inputs, initial_state, constants)
        options = {"training": training, "mask": next(tree.leaves(mask))}
        if constants:
            options["constants"] = constants
        half = len(self.forward_layer._state_shapes())
        given = [None, None]
        if initial_state is not None:
            given = [initial_state[:half], initial_state[half:]]
        layers = (self.forward_layer, self.backward_layer)
        if not constants and runs_as_pair(layers, options, given):
            output, states = self._as_pair(layers, inputs, options["mask"], given)
            return self._with_states(output, states)
        results = [
            layer(inputs, initial_state=states, **options)
            for layer, states in zip(layers, given, strict=True)
        ]
        states = []
        if self.return_state:
            states = results[0][1:] + results[1][1:]
            results = [result[0] for result in results]
        forward, backward = results
        if self.return_sequences:
            backward = backward.flip(0 if getattr(layers[0], "time_major", False) else 1)
        return self._with_states(self._merge(forward, backward), states)

    def _as_pair(self, layers, inputs, mask, given):
        """The merged output and the states of both directions, computed by one kernel."""
        outputs, states = as_pair(layers, inputs, mask, given)
        if not self.return_sequences:
            output = self._merge(states[0][0], states[1][0])
        elif self.merge_mode == "concat":
            output = outputs
        else:
            output = self._merge(*outputs.chunk(2, -1))
        return output, states[0] + states[1]

    def _with_states(self, output, states):
        if self.return_state:
            return (output if isinstance(output, list) else [output]) + states
        return output

    def _merge(self, forward: Tensor, backward: Tensor) -> Any:
        if self.merge_mode == "concat":
            return torch.cat([forward, backward], -1)
        if self.merge_mode == "mul":
            return forward * backward
        if self.merge_mode is None:
            return [forward, backward]
        total = forward + backward
        return total / 2 if self.merge_mode == "ave" else total

    def _state_shapes(self):
        return self.forward_layer._state_shapes() + self.backward_layer._state_shapes()

    def _check_shape(self, shape):
        self.forward_layer._check_shape(shape)

    def reset_states(self, states: Any = None) -> None:
        """Set the states of both directions to `states` (forward first), or to zero."""
        if not self.stateful:
            raise AttributeError(f'Layer "{self.name}" must be stateful to reset its states.')
        half = None if states is None else len(states) // 2
        self.forward_layer.reset_states(None if half is None else states[:half])
        self.backward_layer.reset_states(None if half is None else states[half:])

    def compute_output_shape(self, input_shape: Any) -> Any:
        shapes = [
            layer.compute_output_shape(input_shape)
            for layer in (self.forward_layer, self.backward_layer)
        ]
        states = []
        if self.return_state:
            states = shapes[0][1:] + shapes[1][1:]
            shapes = [shape[0] for shape in shapes]
        if self.merge_mode is None:
            return shapes + states
        forward, backward = shapes
        if self.merge_mode == "concat":
            forward = (*forward[:-1], forward[-1] + backward[-1])
        return [forward, *states] if self.return_state else forward

    def compute_mask(self, inputs, mask=None):
        mask = next(tree.leaves(mask)) if self.return_sequences else None
        masks = [mask] if self.merge_mode else [mask, mask]
        if self.return_state:
            return masks + [None] * len(self._state_shapes())
        return masks if self.merge_mode is None else mask

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["weights"], config["backward_layer"]
        if self._num_constants:
            config["num_constants"] = self._num_constants
        if self._backward_config is not None:
            config["backward_layer"] = self._backward_config
        return config

    def _setting(self, parameter):
        return None if parameter == "weights" else super()._setting(parameter)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Bidirectional:
        """The layer that `get_config` described; `custom_objects` names layers of your own."""
        config = dict(config)
        constants = config.pop("num_constants", 0)
        for key in ("layer", "backward_layer"):
            if config.get(key) is not None:
                config[key] = TABLE.deserialize(config[key], custom_objects)
        layer = cls(**config)
        layer._num_constants = constants
        return layer


@TABLE.add()
class Pipeline(Layer):
    """Layers one after the other, as one: a name that Keras 3 added, for layers that prepare data.

    A call is in training unless told otherwise, as those of random image layers are.

    >>> from .numeric import Rescaling
    >>> Pipeline([Rescaling(2.0), Rescaling(1.0, 1.0)])(torch.tensor([1.0])).tolist()
    [3.0]
    """

    supports_masking = True
    _accepts_integers = True

    def __init__(self, layers: list[Layer], name: str | None = None, **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self._steps = nn.ModuleList(layers)

    @property
    def layers(self) -> list[Layer]:
        """The layers in the order of their calls."""
        return list(self._steps)

    def _ready(self, leaf):
        return leaf  # each layer takes what it takes

    def call(self, inputs, training=True, mask=None):
        for layer in self._steps:
            options = {}
            if mask is not None and layer._takes_mask:
                options["mask"] = mask
            if training is not None and layer._takes_training:
                options["training"] = training
            inputs = layer(inputs, **options)
            mask = getattr(inputs, "_keras_mask", None)
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        for layer in self._steps:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "layers": [TABLE.serialize(layer) for layer in self._steps]}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Pipeline:
        """The layers that `get_config` described; `custom_objects` names layers of your own."""
        layers = [TABLE.deserialize(layer, custom_objects) for layer in config["layers"]]
        return cls(**{**config, "layers": layers})


Bidirectional._makes_mask = False  # as for RNN; see there


def _copy(layer, **changes):
    """A layer with the config of `layer`, whatever the class of its cell."""
    config = {**layer.get_config(), **changes}
    if not isinstance(layer, RNN):
        return type(layer).from_config(config)
    cells = [layer.cell, *getattr(layer.cell, "cells", ())]
    return type(layer).from_config(config, {type(cell).__name__: type(cell) for cell in cells})


def _is_several(shape):
    return any(isinstance(one, (list, tuple)) for one in shape)


def _without_time(shape):
    if _is_several(shape):
        return [_without_time(one) for one in shape]
    return (shape[0], *shape[2:])
