"""Seeded draws against TensorFlow's stateless random ops."""

import numpy as np
import pytest
import torch

from compat_tests import oracle
from torchkeras import philox

SEEDS = [0, 1, -1, 2**31, -(2**40) + 5]
KINDS = {
    "uniform": {"minval": -0.3, "maxval": 0.7},
    "normal": {"mean": 0.25, "stddev": 0.3},
    "truncated_normal": {"mean": 0.25, "stddev": 0.3},
}
TOLERANCE = {"float16": 1e-3, "bfloat16": 1e-2, "float32": 1e-6, "float64": 1e-12}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_draws(seed, kind, dtype):
    def reference(keras):
        import tensorflow as tf

        draw = getattr(tf.random, f"stateless_{kind}")
        return [
            tf.cast(draw((count,), seed=[seed, 0], dtype=dtype, **KINDS[kind]), "float64")
            for count in (1, 2, 7, 201)
        ]

    for expected in oracle.ask(reference):
        values = getattr(philox, kind)(
            seed, expected.shape, dtype=getattr(torch, dtype), **KINDS[kind]
        )
        close = 0 if kind == "uniform" else TOLERANCE[dtype]
        np.testing.assert_allclose(values.double().numpy(), expected, close, close)


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize(("low", "high"), [(-3, 7), (0, 2**31 - 1), (5, 6)])
def test_integers(dtype, low, high):
    def reference(keras):
        import tensorflow as tf

        return tf.random.stateless_uniform((101,), [9, 0], low, high, dtype=dtype)

    values = philox.uniform(9, (101,), low, high, getattr(torch, dtype))
    np.testing.assert_array_equal(values.numpy(), oracle.ask(reference))


def test_errors():
    with pytest.raises(ValueError, match="floating-point"):
        philox.normal(1, (2,), dtype=torch.int32)
    with pytest.raises(ValueError, match="int64 range"):
        philox.uniform(1, (2,), 0, 2**40, torch.int64)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("kind", KINDS)
def test_cuda_gives_the_numbers_of_the_cpu(kind):
    draw = getattr(philox, kind)
    on_device = draw(3, (1001,), device="cuda", **KINDS[kind])
    torch.testing.assert_close(on_device.cpu(), draw(3, (1001,), **KINDS[kind]))
