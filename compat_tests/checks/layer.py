"""The shared check of layers: values, gradients, masks, weights, shapes, configs of tf.keras."""

from __future__ import annotations

import zlib

import numpy as np
import torch

from compat_tests import oracle
from torchkeras import layers, tree


def check_layer(
    cls_name,
    config,
    input_shape,
    *,
    mask=None,
    int_input=False,
    call_kwargs=None,
    atol=1e-5,
):
    """`layers.<cls_name>(**config)` on random inputs does what the one of tf.keras does.

    `input_shape` has the batch size in front; a list of shapes stands for a list of inputs, and
    then `mask` is a list too. `call_kwargs` are arrays or plain values. Both layers get the same
    random weights. Gradients are those of one linear function of the float outputs.
    """
    config = {"name": "tested", **config}
    case = _Case(cls_name, config, input_shape, mask, int_input, call_kwargs or {})
    expected = oracle.ask(case.ask)
    layer = getattr(layers, cls_name)(**config)
    assert _plain(layer.get_config()) == expected["new_config"]
    assert bool(layer.supports_masking) == expected["supports_masking"]

    tensors = [torch.tensor(array, requires_grad=not int_input) for array in case.arrays]
    for tensor, one in zip(tensors, case.masks, strict=True):
        if one is not None:
            tensor._keras_mask = torch.tensor(one)
    arguments = tensors if case.many else tensors[0]
    keywords = {k: torch.tensor(v) if _is_array(v) else v for k, v in case.keywords.items()}
    layer(arguments, **keywords)
    assert [weight.name for weight in layer.weights] == expected["weights"]
    assert [list(weight.shape) for weight in layer.weights] == expected["weight_shapes"]
    assert [weight.name for weight in layer.trainable_weights] == expected["trainable"]
    layer.set_weights(_values(expected["weights"], expected["weight_shapes"]))
    outputs = layer(arguments, **keywords)

    leaves = tree.flatten(outputs)
    assert len(leaves) == len(expected["outputs"])
    for leaf, value in zip(leaves, expected["outputs"], strict=True):
        assert tuple(leaf.shape) == value.shape
        np.testing.assert_allclose(leaf.detach().numpy(), value, rtol=1e-4, atol=atol)
    masks = [getattr(leaf, "_keras_mask", None) for leaf in leaves]
    for one, value in zip(masks, expected["masks"], strict=True):
        assert (one is None) == (value is None)
        if value is not None:
            np.testing.assert_array_equal(one.numpy(), value)
    _check_gradients(layer, [] if int_input else tensors, leaves, expected["gradients"], atol)
    assert _plain(layer.get_config()) == expected["built_config"]

    fresh = type(layer).from_config(layer.get_config())
    symbolic = [layers.Input(shape[1:], dtype=case.dtype) for shape in case.shapes]
    shapes = [list(t.shape) for t in tree.flatten(fresh(symbolic if case.many else symbolic[0]))]
    assert shapes == expected["symbolic_shapes"]
    assert all(weight.shape is not None for weight in fresh.weights)


class _Case:
    """One row of a table: the inputs drawn for it, and the question to tf.keras."""

    def __init__(self, cls_name, config, input_shape, mask, int_input, keywords):
        self.cls_name, self.config, self.keywords = cls_name, config, keywords
        self.many = isinstance(input_shape, list)
        self.shapes = [tuple(s) for s in (input_shape if self.many else [input_shape])]
        self.masks = list(mask) if self.many and mask is not None else [mask] * len(self.shapes)
        self.dtype = "int32" if int_input else "float32"
        rng = _rng(cls_name, self.shapes)
        self.arrays = [
            rng.integers(0, 5, shape, "int32")
            if int_input
            else rng.normal(size=shape).astype("float32")
            for shape in self.shapes
        ]

    def ask(self, keras):
        import tensorflow as tf

        cls = getattr(keras.layers, self.cls_name)
        layer = cls(**self.config)
        answer = {
            "new_config": _plain(layer.get_config()),
            "supports_masking": bool(layer.supports_masking),
        }
        tensors = [tf.constant(array) for array in self.arrays]
        for tensor, one in zip(tensors, self.masks, strict=True):
            if one is not None:
                tensor._keras_mask = tf.constant(one)
        arguments = tensors if self.many else tensors[0]
        keywords = {k: tf.constant(v) if _is_array(v) else v for k, v in self.keywords.items()}
        layer(arguments, **keywords)
        answer["weights"] = [weight.name for weight in layer.weights]
        answer["weight_shapes"] = [list(weight.shape) for weight in layer.weights]
        answer["trainable"] = [weight.name for weight in layer.trainable_weights]
        layer.set_weights(_values(answer["weights"], answer["weight_shapes"]))
        watched = [] if self.dtype == "int32" else tensors
        with tf.GradientTape() as tape:
            tape.watch(watched)
            leaves = tf.nest.flatten(layer(arguments, **keywords))
            total = sum(
                tf.reduce_sum(y * _toward(tuple(y.shape))) for y in leaves if y.dtype.is_floating
            )
        sources = [*watched, *layer.trainable_weights]
        gradients = tape.gradient(total, sources) if hasattr(total, "shape") else []
        answer["gradients"] = [None if g is None else tf.convert_to_tensor(g) for g in gradients]
        answer["outputs"] = leaves
        answer["masks"] = [getattr(leaf, "_keras_mask", None) for leaf in leaves]
        answer["built_config"] = _plain(layer.get_config())
        symbolic = [keras.layers.Input(shape[1:], dtype=self.dtype) for shape in self.shapes]
        outputs = cls(**self.config)(symbolic if self.many else symbolic[0])
        answer["symbolic_shapes"] = [list(leaf.shape) for leaf in tf.nest.flatten(outputs)]
        return answer


def _check_gradients(layer, tensors, leaves, expected, atol):
    floats = [leaf for leaf in leaves if leaf.is_floating_point() and leaf.requires_grad]
    if not expected or not floats:
        return
    total = sum((leaf * torch.tensor(_toward(tuple(leaf.shape)))).sum() for leaf in floats)
    for tensor in tensors:
        tensor.grad = None
    total.backward()
    got = [tensor.grad for tensor in tensors]
    for weight in layer.trainable_weights:
        natives = [native.grad for native in weight.native]
        got.append(None if None in natives else weight.to_keras(tuple(natives)))
    for one, value in zip(got, expected, strict=True):
        if value is None or one is None:
            assert (one is None or not one.any()) and (value is None or not value.any())
        else:
            np.testing.assert_allclose(one.numpy(), value, rtol=1e-3, atol=10 * atol)


def _rng(*case):
    return np.random.default_rng(zlib.crc32(repr(case).encode()))


def _values(names, shapes):
    """Weights that follow from their names and shapes; variances are above zero."""
    values = []
    for name, shape in zip(names, shapes, strict=True):
        value = _rng(name, tuple(shape)).normal(size=shape)
        values.append((value**2 + 0.5 if "variance" in name else value).astype("float32"))
    return values


def _toward(shape):
    """The factors of the linear function that gradients are taken of."""
    return np.cos(np.arange(np.prod(shape, dtype=int))).reshape(shape).astype("float32")


def _is_array(value):
    return isinstance(value, np.ndarray)


def _plain(config):
    """A config as JSON would hold it, with tf_keras under the name of Keras 2."""
    if isinstance(config, dict):
        return {key: _plain(value) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return [_plain(value) for value in config]
    if isinstance(config, (np.generic, np.ndarray)):
        return config.tolist()
    return config.replace("tf_keras", "keras") if isinstance(config, str) else config
