"""One case of the check of layers: its inputs and weights, and what tf.keras answers."""

from __future__ import annotations

import zlib

import numpy as np
import torch

from torchkeras import layers, tree


class Case:
    """A layer, its config and its inputs, as numpy arrays that both sides start from."""

    def __init__(self, name, config, input_shape, mask, int_input, call_kwargs, make):
        self.config, self.kwargs = config, call_kwargs
        self.wraps = make is not None
        self.find = make or (lambda keras_layers: getattr(keras_layers, name))
        self.several = isinstance(input_shape, list)
        self.shapes = input_shape if self.several else [input_shape]
        self.masks = mask if self.several and mask is not None else [mask] * len(self.shapes)
        self.seed = zlib.crc32(repr((name, config, input_shape, bool(int_input))).encode())
        rng = np.random.default_rng(self.seed)
        if int_input:
            limit = 4 if int_input is True else int_input
            self.inputs = [rng.integers(0, limit, s).astype("int32") for s in self.shapes]
        else:
            self.inputs = [rng.normal(size=s).astype("float32") for s in self.shapes]

    def weight_values(self, weights):
        """Values for weights, from their names and shapes."""
        rng = np.random.default_rng(self.seed + 1)
        values = [rng.normal(0, 0.5, tuple(w.shape)).astype("float32") for w in weights]
        named = zip(values, weights, strict=True)
        return [abs(v) + 0.5 if "variance" in w.name else v for v, w in named]

    def factors(self, outputs):
        """What each output is weighted with in the sum whose gradient is compared."""
        rng = np.random.default_rng(self.seed + 2)
        return [rng.normal(size=tuple(output.shape)).astype("float32") for output in outputs]

    def symbolic_shapes(self, stateful):
        return [tuple(s) if stateful else (None, *s[1:]) for s in self.shapes]

    def arguments(self, inputs, make):
        """The inputs and keywords of a call, arrays made into tensors by `make`."""
        kwargs = {key: as_tensors(value, make) for key, value in self.kwargs.items()}
        return inputs if self.several else inputs[0], kwargs

    def ask(self, keras):
        """What tf.keras answers."""
        try:
            return self._ask(keras, self.config, transposed=False)
        except Exception:
            if self.config.get("data_format") != "channels_first":
                raise
            return self._ask(keras, {**self.config, "data_format": "channels_last"}, True)

    def _ask(self, keras, config, transposed):
        import tensorflow as tf

        def turn(array, forth):
            wide = transposed and len(array.shape) > 2
            return np.moveaxis(array, *((1, -1) if forth else (-1, 1))) if wide else array

        keras.backend.clear_session()
        make = self.find(keras.layers)
        inputs = [tf.constant(turn(array, True)) for array in self.inputs]
        for tensor, mask in zip(inputs, self.masks, strict=True):
            if mask is not None:
                tensor._keras_mask = tf.constant(mask)
        argument, kwargs = self.arguments(inputs, tf.constant)
        layer = make(**config)
        layer(argument, **kwargs)
        layer.set_weights(self.weight_values(layer.weights))
        if layer.stateful:
            layer.reset_states()
        with tf.GradientTape() as tape:
            tape.watch([t for t in inputs if t.dtype.is_floating])
            outputs = tf.nest.flatten(layer(argument, **kwargs))
            factors = self.factors([turn(np.asarray(o), False) for o in outputs])
            floats = [(o, f) for o, f in zip(outputs, factors, strict=True) if o.dtype.is_floating]
            total = sum(tf.reduce_sum(o * turn(f, True)) for o, f in floats) if floats else None
        sources = [t for t in inputs if t.dtype.is_floating] + layer.trainable_weights
        gradients = tape.gradient(total, sources) if floats else [None] * len(sources)
        gradients = [g if g is None else np.asarray(tf.convert_to_tensor(g)) for g in gradients]
        count = len(sources) - len(layer.trainable_weights)
        by_input = [g if g is None else turn(g, False) for g in gradients[:count]]
        described = make(**{**self.config, "name": layer.name})
        shapes = self.symbolic_shapes(layer.stateful)
        return {
            "outputs": [turn(np.asarray(o), False) for o in outputs],
            "gradients": by_input + gradients[count:],
            "masks": [getattr(o, "_keras_mask", None) for o in outputs],
            "losses": [float(loss) for loss in layer.losses],
            "dtypes": [o.dtype.name for o in outputs],
            "weights": layer.get_weights(),
            "names": [w.name for w in layer.weights],
            "trainable": [w.name for w in layer.trainable_weights],
            "shape": lists(described.compute_output_shape(shapes if self.several else shapes[0])),
            "config": _before_later((described if transposed else layer).get_config()),
            "supports_masking": bool(layer.supports_masking),
        }

    # --- our side --------------------------------------------------------------------------

    def make(self, **changes):
        """The layer, built, with the weights of the case."""
        layer = self.find(layers)(**{**self.config, **changes})
        self.call(layer)
        layer.set_weights(self.weight_values(layer.weights))
        self.reset(layer)
        return layer

    def reset(self, layer):
        """Before a call whose outputs matter: no states, and the same random numbers."""
        if layer.stateful:
            layer.reset_states()
        torch.manual_seed(0)

    def tensors(self, dtype=torch.float32):
        """The inputs, carrying their masks, to take gradients of."""
        inputs = [torch.tensor(array) for array in self.inputs]
        inputs = [t.to(dtype).requires_grad_() if t.is_floating_point() else t for t in inputs]
        for tensor, mask in zip(inputs, self.masks, strict=True):
            if mask is not None:
                tensor._keras_mask = torch.tensor(mask)
        return inputs

    def call(self, layer, inputs=None):
        """The flat outputs."""
        inputs = self.tensors(layer._compute_dtype) if inputs is None else inputs
        argument, kwargs = self.arguments(inputs, torch.tensor)
        return tree.flatten(layer(argument, **kwargs))


def as_tensors(value, make):
    if isinstance(value, np.ndarray):
        return make(value)
    return [as_tensors(one, make) for one in value] if isinstance(value, list) else value


def lists(value):
    """Tuples and shapes as lists, as JSON would have them.

    Without the `build_config` of layers inside, which tf_keras adds at other places than 2.15.
    """
    if hasattr(value, "as_list"):  # a TensorShape
        return value.as_list()
    if isinstance(value, dict):
        return {key: lists(one) for key, one in value.items() if key != "build_config"}
    return [lists(one) for one in value] if isinstance(value, (list, tuple)) else value


def _before_later(config):
    """Without what tf_keras writes into configs and tf.keras 2.15 did not."""
    later = ("rng_type", "softmax_robust_masking")
    return {key: value for key, value in config.items() if key not in later}
