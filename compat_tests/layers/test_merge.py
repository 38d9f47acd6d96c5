"""Merging layers beside tf.keras: broadcasting, masks, ties, errors."""

import numpy as np
import pytest
import torch

from compat_tests import oracle
from compat_tests.checks.layer import check_layer
from torchkeras import layers

ELEMENTWISE = ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"]
SHAPES = [
    [(2, 3), (2, 3)],
    [(2, 3, 4), (2, 1, 4)],
    [(2, 3, 4), (2, 4)],
    [(2, 4), (2, 3, 2, 4)],
]


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_beside_keras(name, shapes):
    check_layer(name, {}, shapes)


@pytest.mark.parametrize("name", [n for n in ELEMENTWISE if n != "Subtract"])
def test_three_inputs_beside_keras(name):
    check_layer(name, {}, [(2, 3)] * 3)


ROWS = [
    ("Concatenate", {}, [(2, 3), (2, 1), (2, 2)]),
    ("Concatenate", dict(axis=1), [(2, 3, 4), (2, 1, 4)]),
    ("Concatenate", dict(axis=-2), [(2, 3, 4), (2, 1, 4)]),
    ("Dot", dict(axes=1), [(2, 3), (2, 3)]),
    ("Dot", dict(axes=-1, normalize=True), [(2, 3), (2, 3)]),
    ("Dot", dict(axes=2), [(2, 4, 3), (2, 5, 3)]),
    ("Dot", dict(axes=(1, 2)), [(2, 3, 4), (2, 5, 3)]),
    ("Dot", dict(axes=(2, 1), normalize=True), [(2, 4, 3), (2, 3, 5)]),
    ("Dot", dict(axes=(2, 1)), [(2, 4, 3), (2, 3)]),
    ("Dot", dict(axes=(1, 1)), [(2, 3), (2, 3, 4)]),
    ("Dot", dict(axes=(-1, 2)), [(2, 2, 4, 3), (2, 5, 3)]),
]


@pytest.mark.parametrize("name, config, shapes", ROWS)
def test_others_beside_keras(name, config, shapes):
    check_layer(name, config, shapes)


A = np.array([[True, False, True], [True, True, False]])
B = np.array([[True, True, False], [True, False, True]])
MASKED = [
    ("Add", {}, [(2, 3, 4), (2, 3, 4)], [A, B]),
    ("Multiply", {}, [(2, 3, 4), (2, 3, 4)], [None, B]),
    ("Concatenate", {}, [(2, 3, 4), (2, 3, 1)], [A, B]),
    ("Concatenate", {}, [(2, 3, 4), (2, 3, 1)], [A, None]),
    ("Concatenate", dict(axis=1), [(2, 3, 4), (2, 3, 4)], [A, B]),
    ("Dot", dict(axes=2), [(2, 3, 4), (2, 3, 4)], [A, B]),
]


@pytest.mark.parametrize("name, config, shapes, masks", MASKED)
def test_masks_beside_keras(name, config, shapes, masks):
    check_layer(name, config, shapes, mask=masks)


@pytest.mark.parametrize("name", ["Maximum", "Minimum"])
def test_the_first_of_equals_receives_the_gradient(name):
    one, two = np.array([[1.0, 2.0, 3.0]], "float32"), np.array([[1.0, 3.0, 2.0]], "float32")

    def ask(keras):
        import tensorflow as tf

        tensors = [tf.constant(one), tf.constant(two)]
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            merged = getattr(keras.layers, name)()(tensors)
        return tape.gradient(merged, tensors)

    tensors = [torch.tensor(one, requires_grad=True), torch.tensor(two, requires_grad=True)]
    getattr(layers, name)()(tensors).sum().backward()
    for tensor, expected in zip(tensors, oracle.ask(ask), strict=True):
        np.testing.assert_array_equal(tensor.grad, expected)


@pytest.mark.parametrize("name", ["Maximum", "Minimum"])
def test_nan_stays_nan(name):
    nan, one = torch.tensor([[float("nan"), 1.0]]), torch.tensor([[1.0, float("nan")]])
    assert getattr(layers, name)()([nan, one]).isnan().all()


@pytest.mark.parametrize("name", [*ELEMENTWISE, "Concatenate", "Dot"])
def test_function_forms(name):
    tensors = [torch.randn(2, 3), torch.randn(2, 3)]
    config = {"axes": 1} if name == "Dot" else {}
    function = getattr(layers, name.lower())
    torch.testing.assert_close(
        function(tensors, **config), getattr(layers, name)(**config)(tensors)
    )
    symbolic = function([layers.Input((3,)), layers.Input((3,))], name="merged", **config)
    assert symbolic.node.operation.name == "merged"


ERRORS = [
    ("Add", {}, [(2, 3), (2, 4)], r"\(2, 3\), \(2, 4\)"),
    ("Add", {}, [(2, 3), (3, 3)], "same batch size"),
    ("Add", {}, (2, 3), "list of tensors"),
    ("Subtract", {}, [(2, 3)] * 3, "exactly 2"),
    ("Concatenate", {}, [(2, 3, 4), (2, 4, 4)], r"\(2, 3, 4\), \(2, 4, 4\)"),
    ("Concatenate", {}, [(2, 3, 4), (2, 4)], "one rank"),
    ("Concatenate", dict(axis=3), [(2, 3), (2, 3)], "axis 3"),
    ("Dot", dict(axes=1), [(2, 3), (2, 4)], "3 is not 4"),
    ("Dot", dict(axes=2), [(2, 3), (2, 3)], "axes=2"),
    ("Dot", dict(axes=1), [(2, 3)] * 3, "exactly 2"),
    ("Dot", dict(axes=(1, 2, 3)), [(2, 3)] * 2, "axes"),
    ("Dot", dict(axes="1"), [(2, 3)] * 2, "axes"),
]


@pytest.mark.parametrize("name, config, shapes, told", ERRORS)
def test_errors_name_the_shapes(name, config, shapes, told):
    with pytest.raises((ValueError, TypeError), match=told):
        many = isinstance(shapes, list)
        tensors = [torch.zeros(s) for s in shapes] if many else torch.zeros(shapes)
        getattr(layers, name)(**config)(tensors)


def test_a_merge_of_ones_own():
    """Keras calls the method `_merge_function`, and classes of scripts give it another meaning."""

    class Weighted(layers.Add):
        def _merge_function(self, inputs):
            return 3 * inputs[0] + super()._merge_function(inputs)

    ones = torch.ones(1, 2)
    assert Weighted()([ones, 2 * ones]).tolist() == [[6.0, 6.0]]
