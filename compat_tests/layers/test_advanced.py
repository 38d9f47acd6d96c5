"""Activation layers with arguments or weights, beside tf.keras."""

import numpy as np
import pytest
import torch

from compat_tests.checks.layer import check_layer
from torchkeras import layers

ROWS = [
    ("LeakyReLU", {}, (2, 5)),
    ("LeakyReLU", dict(alpha=0.1), (2, 5)),
    ("LeakyReLU", dict(alpha=0), (2, 5)),
    ("PReLU", {}, (2, 5)),
    ("PReLU", dict(shared_axes=[1, 2], alpha_initializer="ones"), (2, 3, 4, 2)),
    ("PReLU", dict(shared_axes=1, alpha_regularizer="l2"), (2, 3, 4)),
    ("ELU", {}, (2, 5)),
    ("ELU", dict(alpha=0.7), (2, 5)),
    ("ThresholdedReLU", {}, (2, 9)),
    ("ThresholdedReLU", dict(theta=0.3), (2, 9)),
    ("ReLU", {}, (2, 9)),
    ("ReLU", dict(max_value=0.5), (2, 9)),
    ("ReLU", dict(max_value=6, negative_slope=0.1), (2, 9)),
    ("ReLU", dict(threshold=0.4, negative_slope=0.25, max_value=1.0), (2, 9)),
    ("Softmax", {}, (2, 5)),
    ("Softmax", dict(axis=1), (2, 3, 4)),
    ("Softmax", dict(axis=[-1]), (2, 3, 4)),
    ("Softmax", dict(axis=[1, 2]), (2, 3, 4)),
]


@pytest.mark.parametrize("name, config, shape", ROWS)
def test_beside_keras(name, config, shape):
    check_layer(name, config, shape)


def test_masked_softmax_beside_keras():
    mask = np.array([[True, False, True], [True, True, False]])
    check_layer("Softmax", {}, (2, 3), call_kwargs={"mask": mask})


def test_masked_softmax_in_half_precision():
    layer = layers.Softmax(dtype="float16")
    mask = torch.tensor([[True, False]])
    assert layer(torch.zeros(1, 2, dtype=torch.float16), mask=mask).tolist() == [[1.0, 0.0]]


def test_softmax_keeps_the_logits_for_losses():
    x = torch.randn(2, 3)
    assert layers.Softmax()(x)._keras_logits is x


ERRORS = [
    ("LeakyReLU", dict(alpha=None), "alpha"),
    ("ELU", dict(alpha=None), "alpha"),
    ("ThresholdedReLU", dict(theta=-1), "theta"),
    ("ReLU", dict(max_value=-1), "max_value"),
    ("ReLU", dict(negative_slope=None), "negative_slope"),
    ("ReLU", dict(threshold=-1), "threshold"),
    ("PReLU", dict(shared_axes=[3]), "shared_axes"),
]


@pytest.mark.parametrize("name, config, told", ERRORS)
def test_errors_name_what_is_wrong(name, config, told):
    with pytest.raises(ValueError, match=told):
        getattr(layers, name)(**config)(torch.zeros(2, 3))


def test_open_axes_of_prelu_must_be_shared():
    with pytest.raises(ValueError, match="shared_axes"):
        layers.PReLU()(layers.Input((None, 3)))
    assert layers.PReLU(shared_axes=1)(layers.Input((None, 3))).shape == (None, None, 3)
