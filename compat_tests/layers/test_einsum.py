"""Dense layers by einsum equation beside tf.keras."""

import json

import numpy as np
import pytest
import torch
from torch import nn

import torchkeras
from compat_tests import oracle
from compat_tests.checks.model import fill
from torchkeras import layers

ROWS = [  # config, inputs, whether nn.Linear does it
    (dict(equation="ab,bc->ac", output_shape=7, bias_axes="c"), (2, 5), True),
    (dict(equation="abc,cd->abd", output_shape=(None, 7), bias_axes="d"), (2, 3, 5), True),
    (dict(equation="...x,xy->...y", output_shape=7, bias_axes="y"), (2, 3, 2, 5), True),
    (dict(equation="...x,xy->...y", output_shape=7), (2, 5), True),
    (dict(equation="abc,cde->abde", output_shape=(None, 2, 7), bias_axes="de"), (2, 3, 5), True),
    (dict(equation="abc,cde->abde", output_shape=(3, 2, 7), bias_axes="e"), (2, 3, 5), False),
    (dict(equation="abc,cde->abde", output_shape=(3, 2, 7), bias_axes="d"), (2, 3, 5), False),
    (dict(equation="abcd,cde->abe", output_shape=(None, 7), bias_axes="e"), (2, 3, 4, 5), True),
    (dict(equation="abc,bcd->abd", output_shape=(3, 7), bias_axes="bd"), (2, 3, 5), False),
    (dict(equation="abc,bd->adc", output_shape=(7, None)), (2, 3, 5), False),
    (dict(equation="ab...,bc->ac...", output_shape=7, bias_axes="c"), (2, 3, 5), False),
    (dict(equation="ab,cb->ac", output_shape=7, bias_axes="c"), (2, 5), False),
    (
        dict(equation="ab,bc->ac", output_shape=[7], activation="relu", kernel_regularizer="l2"),
        (2, 5),
        True,
    ),
    (
        dict(equation="ab,bc->ac", output_shape=7, bias_axes="c", bias_initializer="ones"),
        (2, 5),
        True,
    ),
]


@pytest.mark.parametrize("config, shape, native", ROWS)
def test_beside_keras(config, shape, native):
    x = np.random.default_rng(sum(shape)).normal(size=shape).astype("float32")

    def ask(keras):
        import tensorflow as tf

        keras.backend.clear_session()
        layer = keras.layers.EinsumDense(**config)
        layer(x)
        fresh = [w.shape for w in layer.get_weights()]
        fill(layer)
        data = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(data)
            y = layer(data)
            total = tf.reduce_sum(y * y)
        gradients = tape.gradient(total, [data, *layer.trainable_weights])
        symbolic = layer(keras.Input(shape[1:]))
        return {
            "y": y,
            "gradients": gradients,
            "names": [w.name for w in layer.weights],
            "shapes": [list(s) for s in fresh],
            "config": json.dumps(keras.layers.serialize(layer)["config"]),
            "symbolic": symbolic.shape,
            "losses": [float(loss) for loss in layer.losses],
        }

    expected = oracle.ask(ask)
    torchkeras.backend.clear_session()
    layer = layers.EinsumDense(**config)
    data = torch.tensor(x, requires_grad=True)
    layer(data)
    fill(layer)
    assert (type(getattr(layer, "linear", None)) is nn.Linear) == native
    y = layer(data)
    (y * y).sum().backward()
    np.testing.assert_allclose(y.detach(), expected["y"], rtol=1e-4, atol=1e-5)
    gradients = [data.grad] + [w.to_keras((w.native[0].grad,)) for w in layer.weights]
    for got, wanted in zip(gradients, expected["gradients"], strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-4)
    assert [w.name for w in layer.weights] == expected["names"]
    assert [list(w.shape) for w in layer.weights] == expected["shapes"]
    assert json.loads(json.dumps(layer.get_config())) == json.loads(expected["config"])
    assert list(layer.compute_output_shape((None, *shape[1:]))) == expected["symbolic"]
    np.testing.assert_allclose(
        [loss.item() for loss in layer.losses], expected["losses"], rtol=1e-5
    )
    again = layers.EinsumDense.from_config(layer.get_config())
    again(data)
    again.load_state_dict(layer.state_dict())
    torch.testing.assert_close(again(data), y)
    torch._dynamo.reset()
    compiled = torch.compile(layer, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(data), y)


def test_kernel_and_bias_by_name():
    layer = layers.EinsumDense("abc,cde->abde", (None, 2, 7), bias_axes="de")
    layer(torch.zeros(2, 3, 5))
    assert tuple(layer.kernel.shape) == (5, 2, 7) and tuple(layer.bias.shape) == (2, 7)
    assert layers.EinsumDense("ab,bc->ac", 3).bias is None


ERRORS = [
    (dict(equation="ab->b", output_shape=3), (2, 5), "equation"),
    (dict(equation="ab,bc->ac", output_shape=3), (2, 3, 5), "rank 2"),
    (dict(equation="abc,cd->abd", output_shape=(4, 7)), (2, 3, 5), "'b'"),
    (dict(equation="ab,bc->ad", output_shape=3), (2, 5), "'c'"),
    (dict(equation="ab,bc->ac", output_shape=3, bias_axes="x"), (2, 5), "bias_axes"),
    (dict(equation="ab,bc->ac", output_shape=(3, 4)), (2, 5), "output_shape"),
    (dict(equation="ab,bc->ac", output_shape=3, activity_regularizer="l2"), (2, 5), "tf.keras"),
]


@pytest.mark.parametrize("config, shape, told", ERRORS)
def test_errors_name_what_is_wrong(config, shape, told):
    with pytest.raises(ValueError, match=told):
        layers.EinsumDense(**config)(torch.zeros(shape))
