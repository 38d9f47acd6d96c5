"""Weights that a user's layer adds, and layers whose `build` a user calls."""

import copy
import pickle

import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import Sequential, Variable, initializers, layers


class Scale(layers.Layer):
    """Its attributes have the names of its weights, as most layers of users do."""

    def build(self, input_shape):
        size = (input_shape[-1],)
        self.scale = self.add_weight("scale", size, initializer="ones")
        self.offset = self.add_weight("offset", size, initializer="zeros", trainable=False)
        self.built = True

    def call(self, inputs):
        return inputs * self.scale + self.offset


@pytest.fixture
def model():
    return Sequential([layers.Dense(3, input_shape=(2,)), Scale()])


X = torch.tensor([[1.0, 2.0], [3.0, 5.0]])


def test_attribute_of_the_weights_name(model):
    layer = model.layers[1]
    assert [w.name for w in layer.weights] == ["scale/scale:0", "scale/offset:0"]
    assert list(layer.state_dict()) == ["scale", "offset"]
    layer.scale.assign([1.0, 2.0, 3.0])
    assert layer.scale.numpy().tolist() == [1.0, 2.0, 3.0]
    model.compile("sgd", "mse")
    model.fit(X, torch.zeros(2, 3), verbose=0)
    assert layer.scale.numpy().tolist() != [1.0, 2.0, 3.0]
    assert layer.offset.numpy().tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_share_nothing(model, copied):
    other = copied(model)
    np.testing.assert_array_equal(other.predict(X, verbose=0), model.predict(X, verbose=0))
    other.layers[1].scale.assign([9.0, 9.0, 9.0])
    assert model.layers[1].scale.numpy().tolist() == [1.0, 1.0, 1.0]


def test_torch_compile(model):
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    assert torch.equal(compiled(X), model(X))


class Scaled(layers.Dense):
    def build(self, input_shape):
        super().build(input_shape)
        self.scale = self.add_weight("scale", (self.kernel.shape[-1],), initializer="ones")


def test_build_called_by_hand():
    """Composite layers build their parts so; the weights are there and drawn from the seed."""
    torchkeras.utils.set_random_seed(0)
    called = Scaled(3)
    called(X)
    torchkeras.utils.set_random_seed(0)
    built = Scaled(3)
    built.build((None, 2))
    assert [w.name.split("/")[1] for w in built.weights] == ["kernel:0", "bias:0", "scale:0"]
    np.testing.assert_array_equal(built.kernel.numpy(), called.kernel.numpy())
    before = built.get_weights()
    built(X)
    np.testing.assert_equal(built.get_weights(), before)


def test_keras_3_arguments():
    """`keras.Variable` takes a value, or a shape and an initializer."""
    variable = Variable(initializers.Constant(2.0), shape=(2, 3), name="w", aggregation="mean")
    assert variable.numpy().tolist() == [[2.0] * 3] * 2
    assert (variable.ndim, variable.dtype, variable.aggregation) == (2, "float32", "mean")
    assert variable.native[0].requires_grad
    variable.trainable = False
    assert not variable.native[0].requires_grad
    with pytest.raises(ValueError, match="needs a shape"):
        Variable(initializers.Zeros())
    with pytest.raises(ValueError, match="not the given shape"):
        Variable([1.0], shape=(2,))
