"""Regularizers against tf.keras: penalties, gradients, configs, names."""

import numpy as np
import pytest
import torch

from compat_tests import oracle
from torchkeras import config, regularizers

CASES = [
    ("L1", {}, (4, 3)),
    ("L1", {"l1": 0.3}, (2, 3, 4)),
    ("L1", {"l": 0.3}, (3,)),
    ("L1", {"l1": None}, (3,)),
    ("L1", {"l1": -1}, (3,)),
    ("L2", {}, (4, 3)),
    ("L2", {"l2": 0.3}, ()),
    ("L2", {"l": 0.5}, (2, 3)),
    ("L1L2", {}, (4, 3)),
    ("L1L2", {"l1": 0.2, "l2": 0.1}, (4, 3)),
    ("L1L2", {"l1": None, "l2": 0.1}, (4, 3)),
    ("L1L2", {"l1": 0.1}, (4, 3)),
    ("l1_l2", {}, (4, 3)),
    ("l1_l2", {"l1": 0.2}, (4, 3)),
    ("l1", {}, (4, 3)),
    ("l2", {}, (4, 3)),
    ("OrthogonalRegularizer", {}, (4, 3)),
    ("OrthogonalRegularizer", {"factor": 0.3, "mode": "columns"}, (5, 3)),
    ("orthogonal_regularizer", {"factor": 2, "mode": "rows"}, (2, 5)),
]
NAMES = "L1 L2 L1L2 l1 l2 l1_l2 OrthogonalRegularizer orthogonal_regularizer".split()
INVALID = [
    ("L1", {"l1": "a"}),
    ("L1", {"l1": float("nan")}),
    ("L2", {"l2": float("inf")}),
    ("L1", {"q": 1.0}),
    ("L1L2", {"l1": [1]}),
    ("OrthogonalRegularizer", {"mode": "x"}),
    ("OrthogonalRegularizer", {"factor": None}),
]


@pytest.mark.parametrize(("name", "arguments", "shape"), CASES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_penalty_gradient_and_config(name, arguments, shape, dtype):
    x = np.random.default_rng(len(name) + len(shape)).normal(0, 1, shape)

    def reference(keras):
        import tensorflow as tf

        regularizer = getattr(keras.regularizers, name)(**arguments)
        inputs = tf.constant(x, dtype)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            penalty = regularizer(inputs)
        gradient = tape.gradient(penalty, inputs, unconnected_gradients="zero")
        return [penalty, gradient, keras.regularizers.serialize(regularizer)]

    expected, slope, written = oracle.ask(reference)
    regularizer = getattr(regularizers, name)(**arguments)
    inputs = torch.tensor(x, dtype=getattr(torch, dtype), requires_grad=True)
    penalty = regularizer(inputs)
    assert penalty.dtype is inputs.dtype and penalty.ndim == 0
    np.testing.assert_allclose(penalty.detach().numpy(), expected, 1e-6, 1e-6)
    if penalty.requires_grad:
        penalty.backward()
        np.testing.assert_allclose(inputs.grad.numpy(), slope, 1e-6, 1e-6)
    else:
        assert not np.any(slope)
    ours = regularizers.serialize(regularizer)
    assert ours == {**written, "module": written["module"].removeprefix("tf_")}
    assert regularizers.deserialize(ours).get_config() == regularizer.get_config()


@pytest.mark.parametrize("name", NAMES)
def test_names(name):
    expected = oracle.ask(
        lambda keras: keras.regularizers.serialize(
            keras.regularizers.get(name), use_legacy_format=True
        )
    )
    assert regularizers.serialize(regularizers.get(name), use_legacy_format=True) == expected
    assert regularizers.get(expected).get_config() == expected["config"]


@pytest.mark.parametrize(("name", "arguments"), INVALID)
def test_wrong_arguments(name, arguments):
    error = oracle.ask(lambda keras: _error(getattr(keras.regularizers, name), arguments))
    assert _error(getattr(regularizers, name), arguments) == error


def _error(cls, arguments):
    try:
        cls(**arguments)
    except Exception as error:
        return type(error).__name__


def test_a_matrix_is_needed():
    with pytest.raises(ValueError, match=r"\(3,\)"):
        regularizers.OrthogonalRegularizer()(torch.ones(3))


def test_factors_are_held_in_floatx():
    config.set_floatx("float64")
    assert regularizers.L1(0.1).get_config() == {"l1": 0.1}
    config.set_floatx("float16")
    assert regularizers.L1(0.1).get_config() == {"l1": 0.0999755859375}


@pytest.mark.parametrize("name", ["L1", "L2", "L1L2", "OrthogonalRegularizer"])
def test_half_precision_and_arrays(name):
    regularizer = getattr(regularizers, name)(0.5)
    data = np.random.default_rng(0).normal(size=(3, 2)).astype("float32")
    expected = regularizer(torch.tensor(data)).item()
    assert regularizer(data).item() == regularizer(data.tolist()).item() == expected
    for dtype in (torch.float16, torch.bfloat16):
        penalty = regularizer(torch.tensor(data, dtype=dtype))
        assert penalty.dtype is dtype
        np.testing.assert_allclose(penalty.item(), expected, rtol=0.03)


class Largest(regularizers.Regularizer):
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, x):
        return self.factor * x.abs().max()

    def get_config(self):
        return {"factor": self.factor}


def test_get():
    assert regularizers.get(None) is None
    assert isinstance(regularizers.get(regularizers.L1), regularizers.L1)
    assert regularizers.get(torch.sum) is torch.sum
    written = regularizers.serialize(Largest(2.0))
    assert written["registered_name"] == "Largest" and written["config"] == {"factor": 2.0}
    assert regularizers.deserialize(written, {"Largest": Largest}).factor == 2.0
    assert regularizers.Regularizer()(torch.ones(2)) == 0.0
    with pytest.raises(NotImplementedError, match="get_config"):
        regularizers.Regularizer().get_config()
    for wrong in (3, "l3"):
        with pytest.raises(ValueError):
            regularizers.get(wrong)


def test_a_users_function():
    def biggest(x):
        return x.max()

    expected = oracle.ask(lambda keras: keras.regularizers.serialize(biggest))
    written = regularizers.serialize(biggest)
    assert written == expected
    assert regularizers.deserialize(written, {"biggest": biggest}) is biggest
