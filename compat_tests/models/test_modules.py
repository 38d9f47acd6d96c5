"""Modules of torch and variables in a functional graph; texts as inputs; rare methods of layers."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn

import torchkeras
from torchkeras import Model, Sequential, layers, models
from torchkeras.layer import Layer, Variable


class Net(nn.Module):
    """A module with several functions, a size that is open, and two outputs."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Linear(3, 4), nn.BatchNorm1d(4)
        self.drop, self.last = nn.Dropout(0.5), nn.Linear(4, 2)

    def forward(self, x):
        y = self.drop(torch.relu(self.norm(self.first(x))))
        y = y.view(y.size(0), -1)
        return self.last(y), y * 2


def test_a_module_called_on_a_symbolic_tensor_is_a_part_of_the_model():
    net, head = Net(), nn.Linear(6, 1)
    x = layers.Input((3,))
    one, two = net(x)
    model = Model(x, head(layers.Concatenate()([one, two])))
    assert [layer for layer in model.layers if isinstance(layer, nn.Module)][1] is net
    assert {"net.first.weight", "linear.weight"} <= set(model.state_dict())
    assert len(model.trainable_weights) == 8 and net.norm.num_batches_tracked == 0
    data = torch.randn(5, 3)
    for mode in (False, True):
        model.train(mode)
        torch.manual_seed(0)
        found = model(data)
        torch.manual_seed(0)
        torch.testing.assert_close(found, head(torch.cat(net(data), -1)))
    model.compile("adam", "mse")
    before = net.first.weight.clone()
    model.fit(np.ones((8, 3)), np.ones((8, 1)), verbose=0)
    assert not torch.equal(net.first.weight, before)
    model.eval()
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        torch.testing.assert_close(other(data), model(data))
    clone = models.clone_model(model)
    assert clone.layers[1] is not net and clone(data).shape == (5, 1)


def test_a_module_that_needs_sizes_is_wrapped():
    x = layers.Input((5, 3))
    with pytest.raises(TypeError, match="TorchModuleWrapper"):
        nn.GRU(3, 4, batch_first=True)(x)
    gru = nn.GRU(3, 4, batch_first=True)
    outputs, state = layers.TorchModuleWrapper(gru)(x)
    model = Model(x, [outputs, state])
    data = torch.randn(2, 5, 3)
    for found, wanted in zip(model(data), gru(data), strict=True):
        torch.testing.assert_close(found, wanted)
    assert outputs.shape == (None, 5, 4) and len(model.weights) == 4
    with pytest.raises(NotImplementedError, match="config"):
        model.layers[1].get_config()


def test_variables_in_functions_are_the_models():
    x, dense = layers.Input((3,)), layers.Dense(3)
    free, bare = Variable(np.ones((3, 2), "float32"), name="free"), nn.Parameter(torch.ones(2))
    y = torch.matmul(dense(x), dense.kernel) @ free
    model = Model(x, bare * y)
    assert [w.name for w in model.weights][-2:] == ["free:0", "parameter:0"]
    model(torch.ones(1, 3)).sum().backward()
    assert all(p.grad is not None for p in model.parameters() if p.shape != (3,))
    free.assign(np.zeros((3, 2)))
    assert model(torch.ones(1, 3)).tolist() == [[0.0, 0.0]]


TEXTS = np.array(["a b", "b c", "c c", "a"])


def vectorized(**settings):
    layer = layers.TextVectorization(output_sequence_length=3, **settings)
    layer.adapt(TEXTS)
    return layer


def test_texts_as_input_of_a_sequential():
    layer = vectorized()
    stack = [layers.Embedding(6, 2), layers.GlobalAveragePooling1D(), layers.Dense(1)]
    for first in ([layers.Input((1,), dtype="string"), layer], [layer]):
        model = Sequential([*first, *stack])
        wanted = model.predict(TEXTS, verbose=0)
        np.testing.assert_array_equal(model.predict(list(TEXTS), verbose=0), wanted)
        np.testing.assert_allclose(model(list(TEXTS)).detach().numpy(), wanted, rtol=1e-6)
        model.compile("adam", "mse")
        model.fit(TEXTS, np.ones(4), validation_split=0.25, verbose=0)
        assert np.isfinite(model.evaluate(TEXTS, np.ones(4), verbose=0))


def test_texts_beside_numbers():
    x, y = layers.Input((1,), dtype="string", name="x"), layers.Input((3,), name="y")
    encoded = layers.StringLookup(vocabulary=["a", "b"], output_mode="one_hot")(x)
    model = Model({"x": x, "y": y}, layers.Dense(2)(layers.Concatenate()([encoded, y])))
    data = {"x": TEXTS[:, None], "y": np.ones((4, 3), "float32")}
    model.compile("sgd", "mse")
    model.fit(data, np.ones((4, 2)), batch_size=3, verbose=0)
    found = model.predict(data, batch_size=3, verbose=0)
    np.testing.assert_allclose(found, model(data).detach().numpy(), rtol=1e-5)
    again = Model.from_config(model.get_config())
    assert again.inputs[0].dtype == "string" and again.predict(data, verbose=0).shape == (4, 2)


def test_a_bare_layer_keeps_the_losses_of_its_last_call():
    inner = layers.Dense(2, activity_regularizer="l1", kernel_initializer="ones")

    class Outer(Layer):
        def __init__(self):
            super().__init__()
            self.inner = inner

        def call(self, x):
            return self.inner(self.inner(x))

    outer = Outer()
    for _ in range(2):
        outer(torch.ones(1, 2))
        assert len(outer.losses) == 2  # one for each call inside
        inner(torch.ones(1, 2))
        assert len(inner.losses) == 1


@pytest.mark.parametrize(
    "args, kwargs",
    [
        (("w", (2, 3), "float32", "ones"), {}),
        (((2, 3), "ones", "w"), {}),
        (((2, 3), "ones", "float32"), {"name": "w"}),
        ((), {"name": "w", "shape": (2, 3), "initializer": "ones", "getter": None}),
    ],
)
def test_orders_of_add_weight(args, kwargs):
    for add in ("add_weight", "add_variable"):
        weight = getattr(Layer(name="layer"), add)(*args, **kwargs)
        assert weight.name == "layer/w:0" and weight.numpy().tolist() == np.ones((2, 3)).tolist()


def test_seldom_asked():
    table, dense = layers.Embedding(4, 2, mask_zero=True), layers.Dense(3, dynamic=True)
    x = layers.Input((5,), dtype="int32")
    y = dense(table(x))
    layers.Activation("relu")(y)
    assert dense.dynamic and dense.get_config()["dynamic"]
    assert table.output_mask.shape == dense.get_input_mask_at(0).shape == (None, 5)
    (node,) = dense.inbound_nodes
    assert node.inbound_layers is table and node.outbound_layer is dense
    assert node.input_shapes == (None, 5, 2) and node.output_shapes == (None, 5, 3)
    assert [user.layer.name for user in dense.outbound_nodes] == ["activation"]
    assert dense.compute_output_signature(y).shape == (None, 5, 3)
    seen = []
    dense.add_update([lambda: seen.append(1)])
    assert seen == [1] and dense.updates == [] and dense.metrics == []
    store: dict = {}
    dense.save_own_variables(store)
    other = layers.Dense(3)
    other.build_from_config(dense.get_build_config())
    other.load_own_variables(store)
    np.testing.assert_array_equal(other.kernel.numpy(), dense.kernel.numpy())
    with pytest.raises(ValueError, match="weights of its own"):
        other.load_own_variables({})


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: models.clone_model(3), "Model"),
        (lambda: models.clone_model(Model()), "subclass"),
        (lambda: models.clone_model(Sequential([layers.Dense(1)]), clone_function=3), "function"),
        (lambda: models.clone_model(Sequential(), [layers.Input((1,))] * 2), "one input"),
    ],
)
def test_what_cannot_be_cloned(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_losses_of_a_graph_are_cloned():
    x = layers.Input((2,))
    y = layers.Dense(2)(x)
    model = Model(x, y)
    model.add_loss(torch.mean(y))
    clone = models.clone_model(model)
    clone.set_weights(model.get_weights())
    for one in (model, clone):
        one(torch.ones(1, 2))
    torch.testing.assert_close(clone.losses, model.losses)
    assert torchkeras.models.clone_model is models.clone_model
