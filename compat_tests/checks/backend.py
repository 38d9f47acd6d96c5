"""One check for the functions of keras.backend: values, gradients, and that calls are recorded."""

import re
import warnings
import zlib

import numpy as np
import torch

from compat_tests import oracle
from torchkeras import backend, tree


class Draw:
    """Stands for an array of numbers between `low` and `high`, drawn for the case."""

    def __init__(self, *shape, low=-2.0, high=2.0, dtype="float32"):
        self.shape, self.low, self.high, self.dtype = shape, low, high, dtype

    def array(self, generator):
        if self.dtype == "bool":
            return generator.integers(0, 2, self.shape).astype(bool)
        if "int" in self.dtype:
            return generator.integers(self.low, self.high, self.shape).astype(self.dtype)
        return generator.uniform(self.low, self.high, self.shape).astype(self.dtype)

    def __repr__(self):
        return f"{self.dtype}{list(self.shape)}"


def check_function(
    name, *args, gradient=True, symbolic=True, batches=1, tolerance=2e-6, same_dtype=True, **kwargs
):
    """`backend.<name>(*args, **kwargs)` beside tf.keras', once on tensors, once recorded.

    `gradient=False`: values only. `symbolic=False`: not recorded; else the first `batches` arrays
    have an open first axis.
    """
    case = re.sub(" at 0x[0-9a-f]+", "", f"{name}{args}{kwargs}")  # of functions among arguments
    generator = np.random.default_rng(zlib.crc32(case.encode()))

    def drawn(leaf):
        return leaf.array(generator) if isinstance(leaf, Draw) else leaf

    args = mapped(drawn, args)
    kwargs = {key: mapped(drawn, value) for key, value in kwargs.items()}
    expected = oracle.ask(lambda keras: _reference(keras, name, args, kwargs, gradient))
    leaves = []

    def as_leaf(leaf):
        if not isinstance(leaf, np.ndarray):
            return leaf
        tensor = torch.tensor(leaf)
        if tensor.is_floating_point():
            leaves.append(tensor.requires_grad_(gradient))
        return tensor

    function = getattr(backend, name)
    results = function(*mapped(as_leaf, args), **{k: mapped(as_leaf, v) for k, v in kwargs.items()})
    values = [backend.eval(result) for result in tree.leaves(results)]
    compare(values, expected["values"], tolerance)
    if same_dtype:
        assert [str(v.dtype) for v in values] == [str(v.dtype) for v in expected["values"]]
    if gradient:
        parts = [r for r in tree.leaves(results) if r.is_floating_point()]
        sum((part * weights_of(part.shape)).sum() for part in parts).backward()
        slopes = [torch.zeros_like(x) if x.grad is None else x.grad for x in leaves]
        compare([s.numpy() for s in slopes], expected["slopes"], tolerance * 5)
    if symbolic:
        check_recording(function, args, kwargs, values, batches)
    with_arrays = tree.leaves(function(*args, **kwargs))
    compare([backend.eval(result) for result in with_arrays], values, 1e-6)


def _reference(keras, name, args, kwargs, gradient):
    import tensorflow as tf

    leaves = []

    def as_leaf(leaf):
        if not isinstance(leaf, np.ndarray):
            return leaf
        tensor = tf.constant(leaf)
        if leaf.dtype.kind == "f":
            leaves.append(tensor)
        return tensor

    args, kwargs = mapped(as_leaf, args), {k: mapped(as_leaf, v) for k, v in kwargs.items()}
    with tf.GradientTape() as tape, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tape.watch(leaves)
        results = tf.nest.flatten(getattr(keras.backend, name)(*args, **kwargs))
        results = [tf.sparse.to_dense(r) if isinstance(r, tf.SparseTensor) else r for r in results]
        parts = [r for r in results if r.dtype.is_floating]
        total = sum(tf.reduce_sum(part * weights_of(part.shape).numpy()) for part in parts)
    slopes = tape.gradient(total, leaves, unconnected_gradients="zero") if gradient else []
    slopes = [tf.convert_to_tensor(slope) for slope in slopes]
    return {"values": results, "slopes": slopes}


def check_recording(function, args, kwargs, values, batches):
    """Symbolic tensors in place of the arrays give a function with the same values."""
    placeholders, given = [], []

    def placeholder(leaf):
        if not isinstance(leaf, np.ndarray):
            return leaf
        shape = leaf.shape
        if len(placeholders) < batches and shape:
            shape = (None, *shape[1:])
        given.append(leaf)
        placeholders.append(backend.placeholder(shape, dtype=str(leaf.dtype)))
        return placeholders[-1]

    with_placeholders = mapped(placeholder, args)
    outputs = function(*with_placeholders, **{k: mapped(placeholder, v) for k, v in kwargs.items()})
    outputs = tree.flatten(outputs)
    found = backend.function(placeholders, outputs)(given)
    for output, value in zip(outputs, values, strict=True):
        assert output.dtype == str(value.dtype)
        assert len(output.shape) == value.ndim
        pairs = zip(output.shape, value.shape, strict=True)
        assert all(told in (None, size) for told, size in pairs), (output.shape, value.shape)
    compare(found, values, 1e-6)


def mapped(function, structure):
    if isinstance(structure, (list, tuple)):
        return type(structure)(mapped(function, item) for item in structure)
    return function(structure)


def weights_of(shape):
    count = int(np.prod(tuple(shape)))
    return torch.linspace(0.5, 1.5, count).reshape(tuple(shape))


def compare(found, expected, tolerance):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert np.shape(one) == np.shape(other)
        np.testing.assert_allclose(
            np.asarray(one).astype("float64"),
            np.asarray(other).astype("float64"),
            rtol=tolerance * 5,
            atol=tolerance,
        )
