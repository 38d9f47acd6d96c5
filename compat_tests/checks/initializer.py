"""The shared checks of initializers: equal to tf.keras for a seed, well distributed without."""

import numpy as np
import torch

from compat_tests import oracle
from torchkeras import initializers

# A dtype's last digits of a value near 1; the draws are those of TensorFlow, but a logarithm or
# a sine may round otherwise.
TOLERANCE = {"float32": 1e-6, "float64": 1e-12, "float16": 1e-3, "bfloat16": 1e-2}


def check_initializer(name, arguments, shape, dtype=None, tolerance=None):
    """Values, dtype and config of `initializers.<name>(**arguments)` are those of tf.keras.

    `arguments` hold a seed where the initializer draws; a second call of the same instance and
    an instance made from the config then give the same values.
    """

    def reference(keras):
        import tensorflow as tf

        initializer = getattr(keras.initializers, name)(**arguments)
        values = initializer(shape, dtype=dtype)
        wide = tf.cast(values, "float64") if values.dtype.is_floating else values
        return [wide, values.dtype.name, keras.initializers.serialize(initializer)]

    expected, dtype_name, written = oracle.ask(reference)
    initializer = getattr(initializers, name)(**arguments)
    values = initializer(shape, dtype=dtype)
    assert values.dtype is getattr(torch, dtype_name) and values.shape == tuple(shape)
    close = tolerance or TOLERANCE.get(dtype_name, 0)
    shown = values.double() if values.is_floating_point() else values
    np.testing.assert_allclose(shown.numpy(), expected, close, close)
    config = initializers.serialize(initializer)
    assert config == {**written, "module": written["module"].removeprefix("tf_")}
    for again in (initializer, initializers.deserialize(config)):
        assert torch.equal(again(shape, dtype=dtype), values)


def check_distribution(initializer, shape, limit, stddev, mean=0.0):
    """The sample's bounds, mean and deviation are those stated, to five standard errors."""
    values = initializer(shape).double()
    count = values.numel()
    assert values.shape == tuple(shape)
    assert (values - mean).abs().max() <= limit
    assert abs(values.mean() - mean) < 5 * stddev / count**0.5
    assert abs(values.std() - stddev) < 5 * stddev / (2 * count) ** 0.5
