"""`Layer` as users subclass it: weights, sub-layers, modes, masks, losses, configs."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn

import torchkeras
from compat_tests import oracle
from torchkeras import Model, Sequential, layers, regularizers
from torchkeras.layers import Layer


class Scale(Layer):
    """The layer of the documentation: a weight of its own."""

    def __init__(self, start=1.0, **kwargs):
        super().__init__(**kwargs)
        self.start = start

    def build(self, input_shape):
        self.scale = self.add_weight(
            name="scale", shape=(input_shape[-1],), initializer="ones", regularizer="l2"
        )
        self.count = self.add_weight("count", (), initializer="zeros", trainable=False)
        super().build(input_shape)

    def call(self, inputs):
        return inputs * self.scale * self.start


class Block(Layer):
    """Sub-layers in attributes, lists and dicts, some made only in `build`."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.stack = []
        for units in (3, 4):
            self.stack.append(layers.Dense(units))
        self.named = {"drop": layers.Dropout(0.5), "norm": layers.BatchNormalization()}

    def build(self, input_shape):
        self.last = layers.Dense(2)

    def call(self, inputs, training=None):
        for layer in self.stack:
            inputs = layer(inputs)
        inputs = self.named["drop"](inputs, training=training)
        return self.last(self.named["norm"](inputs))


def weight_names(keras, build):
    keras.backend.clear_session()
    model = build(keras)
    return [[w.name for w in model.weights], [w.name for w in model.trainable_weights]]


def nested_layers(keras):
    """A layer of layers inside a subclassed model."""
    make = keras.layers

    class Inner(make.Layer):
        def __init__(self):
            super().__init__()
            self.a, self.parts = make.Dense(2), [make.Dense(3), make.BatchNormalization()]

        def call(self, x):
            for part in self.parts:
                x = part(x)
            return self.a(x)

    class Outer(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner, self.head = Inner(), make.Dense(1)

        def call(self, x):
            return self.head(self.inner(x))

    model = Outer()
    model(np.zeros((2, 4), "float32"))
    return model


def frozen(keras):
    make = keras.layers
    norm = make.BatchNormalization()
    model = keras.Sequential([make.Dense(2, input_shape=(3,)), norm, make.Dense(1)])
    norm.trainable = False
    return model


def deferred(keras):
    model = keras.Sequential([keras.layers.Dense(2), keras.layers.Dense(1)])
    model.build((None, 3))
    return model


@pytest.mark.parametrize("build", [nested_layers, frozen, deferred])
def test_weight_names_and_order(build):
    expected = oracle.ask(lambda keras: weight_names(keras, build))
    assert weight_names(torchkeras, build) == expected


def test_weights_of_a_users_layer():
    layer = Scale(2.0, name="mine")
    assert layer(torch.ones(2, 3)).tolist() == [[2.0] * 3] * 2
    assert [w.name for w in layer.weights] == ["mine/scale:0", "mine/count:0"]
    assert list(layer.state_dict()) == ["scale", "count"]
    assert [w.name for w in layer.trainable_weights] == ["mine/scale:0"]
    assert layer.losses[0].item() == pytest.approx(0.03)
    layer(torch.ones(2, 3)).sum().backward()
    assert dict(layer.named_parameters())["scale"].grad.tolist() == [4.0] * 3
    layer.trainable = False
    assert not any(p.requires_grad for p in layer.parameters())
    assert layer.trainable_weights == []
    again = Scale.from_config(layer.get_config())
    assert again.start == 2.0 and again.name == "mine" and not again.trainable


def test_add_weight_in_the_order_of_keras_1():
    layer = Layer()
    old = layer.add_weight((2, 3), "ones", name="old")
    assert old.numpy().tolist() == np.ones((2, 3)).tolist() and old.name == "layer/old:0"
    with pytest.raises(ValueError, match="open shape"):
        layer.add_weight("w", (None, 2))


def test_layers_in_lists_and_dicts_are_children():
    block = Block()
    block(torch.ones(2, 5))
    assert len(block.trainable_weights) == 8 and len(block.non_trainable_weights) == 2
    assert {key.split(".")[0] for key in block.state_dict()} == {"stack", "named", "last"}
    other = pickle.loads(pickle.dumps(copy.deepcopy(block)))
    torch.testing.assert_close(other(torch.ones(2, 5)), block(torch.ones(2, 5)))


def test_lists_under_names_with_an_underscore_are_children():
    class Stack(Model):
        def __init__(self):
            super().__init__()
            self._blocks, self._log = [], []
            self._blocks += [layers.Dense(3), layers.Dense(2)]

        def call(self, x):
            self._log.append(1)
            for block in self._blocks:
                x = block(x)
            return x

    model = Stack()
    model(torch.ones(1, 4))
    assert len(model.trainable_weights) == 4 and model._log == [1]


def test_a_layer_without_a_call_gives_its_inputs():
    class Marker(Layer):
        pass

    x = torch.ones(2, 3)
    assert Marker()(x) is x


def test_an_attribute_may_announce_a_weight():
    class Scale(Layer):
        def __init__(self):
            self.supports_masking = False  # before the base's __init__, which decides
            super().__init__()
            self.scale = None

        def build(self, input_shape):
            self.scale = self.add_weight("scale", input_shape[-1:], initializer="ones")

        def call(self, x):
            return x * self.scale

        def compute_mask(self, inputs, mask=None):
            return mask

    layer = Scale()
    layer(torch.ones(1, 4))
    assert list(layer.state_dict()) == ["scale"] and layer.supports_masking


def test_plain_modules_are_children():
    class Mixed(Layer):
        def __init__(self):
            super().__init__()
            self.linear, self.keras = nn.Linear(3, 4), layers.Dense(2)

        def call(self, x):
            return self.keras(torch.relu(self.linear(x)))

    layer = Mixed()
    layer(torch.ones(1, 3))
    assert [tuple(w.shape) for w in layer.weights] == [(4, 3), (4,), (4, 2), (2,)]
    layer.trainable = False
    assert not any(p.requires_grad for p in layer.parameters())


def test_the_mode_reaches_everything_inside():
    class Always(Layer):
        def call(self, x, training=None):
            return x + (1.0 if training else 0.0)

    class Holder(Layer):
        def __init__(self):
            super().__init__()
            self.inner = Always()

        def call(self, x):
            return self.inner(x)

    x = torch.zeros(1)
    for layer in (Always(), Holder()):
        model = Sequential([layer])
        model.build((None, 1))
        data = torch.zeros(1, 1)
        assert model(data).item() == 0
        assert model(data, training=True).item() == 1
        assert model(data).item() == 0
        model.train()
        assert model(data).item() == 1
        assert model(data, training=False).item() == 0
        assert model.training
    assert Always()(x, training=True).item() == 1


def test_masks_flow_without_a_graph():
    table, dense = layers.Embedding(5, 2, mask_zero=True), layers.Dense(2)
    tokens = torch.tensor([[1, 0, 2]])
    assert dense(table(tokens))._keras_mask.tolist() == [[True, False, True]]

    class Seen(Layer):
        def call(self, x, mask=None):
            self.mask = mask
            return x + 0

    seen = Seen()
    assert not hasattr(seen(table(tokens)), "_keras_mask")  # it does not say that it supports them
    assert seen.mask.tolist() == [[True, False, True]]


def test_losses_of_a_forward_pass():
    class Penalty(Layer):
        def call(self, x):
            self.add_loss(x.sum())
            return x

    model = Sequential(
        [layers.Dense(2, kernel_regularizer=regularizers.L2(0.5), input_shape=(2,)), Penalty()]
    )
    model.set_weights([np.eye(2), np.zeros(2)])
    x = torch.ones(3, 2)
    model(x)
    model(x)
    assert sorted(loss.item() for loss in model.losses) == [1.0, 6.0]
    model.compile("sgd")
    assert model.train_on_batch(x) == pytest.approx(7.0)
    assert model.layers[0].kernel.numpy()[0, 0] < 1


def test_activity_is_averaged_over_the_batch():
    def added(keras):
        layer = keras.layers.Dense(2, activity_regularizer="l1", kernel_initializer="ones")
        layer(np.ones((4, 3), "float32"))
        return [keras.backend.get_value(value).tolist() for value in layer.losses]

    assert added(torchkeras) == pytest.approx(oracle.ask(added))


def test_a_penalty_of_activity_compiles_whole():
    layer = layers.Dense(2, activity_regularizer="l1", input_shape=(3,))
    layer.build((None, 3))
    compiled = torch.compile(layer, fullgraph=True, backend="eager")
    x = torch.ones(4, 3)
    outputs, first = compiled(x), layer.losses
    torch.testing.assert_close(outputs, layer(x))
    torch.testing.assert_close(first, layer.losses)  # those of the last call alone


def test_constructor_arguments_are_the_config_without_get_config():
    class Odd(Layer):
        def __init__(self, units, kind="a", **kwargs):
            super().__init__(**kwargs)
            self.width = units

        def call(self, x):
            return x

    config = Odd(3, kind="b", name="odd").get_config()
    assert (config["units"], config["kind"], config["name"]) == (3, "b", "odd")
    with pytest.raises(NotImplementedError, match="get_config"):
        Odd(object()).get_config()


def test_a_users_layer_in_a_graph():
    x = layers.Input((None, 3))
    y = Scale()(x)
    assert y.shape == (None, None, 3)
    model = Model(x, layers.Dense(1)(y))
    model.compile("adam", "mse")
    model.fit(np.ones((4, 5, 3)), np.ones((4, 5, 1)), verbose=0)
    assert model.output_shape == (None, None, 1)


def test_variables_assigned_to_attributes_are_weights():
    class Held(Layer):
        def __init__(self):
            super().__init__()
            self.bias = torchkeras.layer.Variable(np.ones(2, "float32"), name="bias")

        def call(self, x):
            return x + self.bias

    layer = Held()
    assert layer(torch.zeros(1, 2)).tolist() == [[1.0, 1.0]]
    assert [w.name for w in layer.trainable_weights] == ["bias:0"]


def test_half_precision_follows_to():
    model = Sequential([layers.Dense(2, input_shape=(3,)), layers.Dropout(0.5)])
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        model.to(dtype)
        assert model(torch.zeros(1, 3)).dtype is dtype
    assert layers.Dense(2, dtype="float16")(torch.zeros(1, 3)).dtype is torch.float16
    x = torch.zeros(1, 3, dtype=torch.float64)
    assert layers.Activation("relu")(x).dtype is torch.float32
    assert layers.Activation("relu", autocast=False)(x).dtype is torch.float64


def test_initial_weights_after_a_seed_are_those_of_tf_keras():
    def weights(keras):
        keras.backend.clear_session()
        keras.utils.set_random_seed(12)
        make = keras.layers
        model = keras.Sequential(
            [
                make.Embedding(10, 4, input_length=6),
                make.LSTM(3, return_sequences=True),
                make.Conv1D(4, 3, kernel_initializer="he_normal"),
                make.GRU(3),
                make.Dense(5),
            ]
        )
        return model.get_weights()

    expected = oracle.ask(weights)
    for ours, theirs in zip(weights(torchkeras), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_weights_that_predict_makes_can_be_trained():
    model = Sequential([layers.Dense(2), layers.LSTM(2), layers.BatchNormalization()])
    x = np.ones((4, 3, 2), "float32")
    before = model.predict(x, verbose=0)
    model.compile("sgd", "mse")
    model.fit(x, np.zeros((4, 2)), verbose=0)
    assert not np.array_equal(model.predict(x, verbose=0), before)


def test_a_subclass_has_the_config_of_its_base():
    """Without a constructor of its own, what was given to it is told as the base tells it."""
    config = dict(units=2, kernel_regularizer="l2", kernel_initializer="zeros", name="given")

    def ask(keras):
        class Mine(keras.layers.Dense):
            pass

        return Mine(**config).get_config()

    assert ask(torchkeras) == oracle.ask(ask)


def test_the_output_of_a_shared_layer_is_that_of_its_first_call():
    def ask(keras):
        layer = keras.layers.Dense(2)
        calls = [layer(keras.layers.Input((3,))) for _ in range(2)]
        first = layer.get_output_at(1)
        return [layer.output is calls[0], first is calls[1], len(layer.inbound_nodes)]

    assert ask(torchkeras) == oracle.ask(ask)


def test_a_variable_that_is_set_before_the_layer_is_made():
    """It is a value then, and no weight: Keras up to 2.3 kept no account of attributes."""

    class Early(torchkeras.layers.Layer):
        def __init__(self, **kwargs):
            self.offset = torchkeras.backend.variable([1.0, 2.0])
            super().__init__(**kwargs)

        def call(self, inputs):
            return inputs + self.offset

    layer = Early(name="early")
    assert layer(torch.zeros(1, 2)).tolist() == [[1.0, 2.0]] and layer.weights == []


def test_layers_set_before_the_constructor_of_layer():
    def ask(keras):
        class Early(keras.layers.Layer):
            def __init__(self):
                self.first, self.others = keras.layers.Dense(2), [keras.layers.Dense(3)]
                super().__init__(name="early")

            def call(self, inputs):
                return self.others[0](self.first(inputs))

        class EarlyModel(keras.Model):
            def __init__(self):
                self.first = keras.layers.Dense(2)
                super().__init__()

        layer = Early()
        layer.build((2, 4)), layer(np.ones((2, 4), "float32"))
        with pytest.raises(RuntimeError, match=r"super\(\).__init__\(\)"):
            EarlyModel()
        return [list(weight.shape) for weight in layer.weights]

    expected = oracle.ask(ask)
    assert ask(torchkeras) == expected == [[4, 2], [2], [2, 3], [3]]


def test_masks_stay_on_the_inputs_of_own_layers():
    """A layer of the user's hands its masked inputs to attention, also behind nested models."""
    random = np.random.default_rng(4)
    first, second = np.array([[1, 2, 0, 0], [3, 1, 2, 0]]), np.array([[2, 0, 0], [1, 1, 4]])

    def ask(keras):
        layers = keras.layers

        class Embedded(layers.Layer):
            def __init__(self):
                super().__init__()
                self.table = layers.Embedding(5, 4)

            def call(self, inputs):
                return self.table(inputs) + 1.0

            def compute_mask(self, inputs, mask=None):
                return keras.backend.not_equal(inputs, 0)

        class Attending(layers.Layer):
            def __init__(self):
                super().__init__()
                self.attention = layers.MultiHeadAttention(2, 3)
                self.supports_masking = True

            def call(self, inputs, other=None, mask=None):
                if mask is not None:
                    given = mask[:, None, :]  # there in every call
                other = inputs if other is None else other
                whole = given if other is inputs else None
                return self.attention(query=inputs, value=other, key=other, attention_mask=whole)

        one, two = keras.Input((None,), dtype="int64"), keras.Input((None,), dtype="int64")
        state = keras.Input((None, 4))
        encoder = keras.Model(one, Attending()(Embedded()(one)))
        decoder = keras.Model([two, state], Attending()(Embedded()(two), state))
        model = keras.Model([one, two], decoder([two, encoder(one)]))
        model.set_weights([kernels[i] for i, _ in enumerate(model.get_weights())])
        return [encoder.predict(first, verbose=0), model.predict([first, second], verbose=0)]

    shapes = [(5, 4), *[(4, 2, 3), (2, 3)] * 3, (2, 3, 4), (4,)]
    kernels = [random.normal(0, 0.3, shape) for shape in shapes * 2]
    for ours, theirs in zip(ask(torchkeras), oracle.ask(ask), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_a_batch_of_added_losses_alone_counts_as_one():
    """Without labels nobody knows how many samples there are; losses of samples are summed."""
    x = np.arange(30.0).reshape(10, 3) / 10

    def ask(keras, axis):
        class Endpoint(keras.layers.Layer):
            def call(self, inputs):
                self.add_loss(keras.backend.mean(inputs * inputs, axis=axis))
                return inputs

        inputs = keras.Input((3,))
        hidden = keras.layers.Dense(2, kernel_initializer="ones")(inputs)
        model = keras.Model(inputs, Endpoint()(hidden))
        model.compile("sgd")
        history = model.fit(x, batch_size=4, epochs=2, shuffle=False, verbose=0).history
        return [*history["loss"], model.evaluate(x, batch_size=4, verbose=0)]

    for axis in (None, -1):
        wanted = oracle.ask(lambda keras, axis=axis: ask(keras, axis))
        np.testing.assert_allclose(ask(torchkeras, axis), wanted, rtol=1e-5)
