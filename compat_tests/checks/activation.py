"""One check for every activation: values and gradients are those of tf.keras."""

import zlib

import numpy as np
import torch

from compat_tests import oracle
from torchkeras import activations

# TensorFlow's gelu and leaky_relu have float32 constants in float64, too.
TOLERANCE = {"float32": 1e-6, "float64": 1e-8, "float16": 4e-3, "bfloat16": 3e-2}


def check_activation(name, shape=(4, 5), dtype="float32", values=None, tolerance=None, **arguments):
    """`activations.<name>(x, **arguments)` and the gradient of its weighted sum at `x`."""
    generator = np.random.default_rng(zlib.crc32(f"{name}{shape}{arguments}".encode()))
    x = generator.normal(0, 4, shape) if values is None else np.array(values)
    weight = generator.uniform(0.5, 1.5, x.shape)

    def reference(keras):
        import tensorflow as tf

        inputs = tf.constant(x, dtype)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            output = keras.activations.get(name)(inputs, **arguments)
            total = tf.reduce_sum(output * tf.constant(weight, dtype))
        gradient = tape.gradient(total, inputs)
        return [tf.cast(output, "float64"), tf.cast(gradient, "float64")]

    expected, slope = oracle.ask(reference)
    inputs = torch.tensor(x, dtype=getattr(torch, dtype), requires_grad=True)
    output = activations.get(name)(inputs, **arguments)
    assert output.dtype == inputs.dtype
    (output * torch.tensor(weight, dtype=inputs.dtype)).sum().backward()
    tolerance = tolerance or TOLERANCE[dtype]
    close = {"rtol": tolerance, "atol": tolerance}
    np.testing.assert_allclose(output.detach().double().numpy(), expected, **close)
    np.testing.assert_allclose(inputs.grad.double().numpy(), slope, **close)
