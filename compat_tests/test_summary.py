"""`model.summary()`: the lines of tf.keras."""

import numpy as np
import pytest
import torch
from torch import nn

import torchkeras
from compat_tests.checks.printed import check_same, printed
from torchkeras import layers
from torchkeras.summary import readable_memory_size


def chain(keras, **given):
    k = keras.layers
    return keras.Sequential(
        [
            k.Conv2D(4, 3, input_shape=(8, 8, 3)),
            k.BatchNormalization(),
            k.Flatten(),
            k.Dense(300, activation="relu", name="a_rather_long_name_of_a_layer_in_a_model"),
            k.Dense(1),
        ],
        name="chain",
    )


def functional(keras):
    k = keras.layers
    x = k.Input((3,))
    y = k.Dense(4, name="first")(x)
    return keras.Model(x, k.Dense(2)(y), name="plain")


def branched(keras):
    k = keras.layers
    a, b = k.Input((3,), name="a"), k.Input((4, 5), name="b")
    shared = k.Dense(4, name="shared")
    left, right = shared(a), shared(k.Flatten()(a))
    both = k.Concatenate(name="a_long_name_for_a_concatenation")([left, right, k.Flatten()(b)])
    return keras.Model([a, b], [k.Dense(1)(both), k.Add()([left, right])])


def shared_in_a_row(keras):
    k = keras.layers
    x = k.Input((3,))
    layer = k.Dense(3)
    return keras.Model(x, layer(layer(x)))


def two_outputs_of_a_chain(keras):
    k = keras.layers
    x = k.Input((3,))
    y = k.Dense(2)(x)
    return keras.Model(x, [y, k.Dense(1)(y)])


def two_ends(keras):
    k = keras.layers
    x = k.Input((3,))
    return keras.Model(x, [k.Dense(2)(x), k.Dense(1)(x)])


def second_part(keras):
    """A layer that is also called outside of the model: numbers of calls count all."""
    k = keras.layers
    x, shared, end = k.Input((3,)), k.Dense(3, name="shared"), k.Dense(1)
    keras.Model(x, end(shared(x)))
    z = k.Input((3,))
    return keras.Model(z, k.Add()([shared(z), end(shared(z))]))


def nested(keras):
    k = keras.layers
    inner = keras.Sequential([k.Dense(2, input_shape=(3,)), k.Dense(3)], name="inner")
    i = k.Input((3,))
    deeper = keras.Model(i, k.Add()([inner(i), k.Dense(3)(i)]), name="deeper")
    x = k.Input((3,))
    y = k.Multiply()([deeper(x), inner(x)])
    return keras.Model(x, k.Dense(1)(y), name="outer")


def nested_chain(keras):
    k = keras.layers
    inner = keras.Sequential([k.Dense(2), k.Dense(3)], name="inner")
    middle = keras.Sequential([inner, k.Dense(2)], name="middle")
    return keras.Sequential([k.Input((3,)), middle, k.Dense(1)], name="outer")


def several_outputs(keras):
    class Split(keras.layers.Layer):
        def call(self, inputs):
            return [inputs[:, :1], inputs[:, 1:]]

    x = keras.layers.Input((3,))
    first, rest = Split(name="split")(x)
    return keras.Model(x, [keras.layers.Dense(2)(rest), first])


def frozen(keras):
    k = keras.layers
    model = keras.Sequential([k.Dense(3, input_shape=(2,)), k.BatchNormalization(), k.Dense(1)])
    model.layers[0].trainable = False
    return model


def subclassed(keras):
    k = keras.layers

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.first = k.Dense(4)
            self.block = keras.Sequential([k.Dense(3, input_shape=(4,)), k.Dense(2)])
            self.unused = k.Dense(7)

        def call(self, inputs):
            return self.block(self.first(inputs))

    model = Own()
    model(np.zeros((2, 3), "float32"))
    return model


def subclassed_layer(keras):
    class Twice(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.inner = keras.layers.Dense(3)

        def call(self, inputs):
            return self.inner(inputs) * 2, inputs

    x = keras.layers.Input((2,))
    return keras.Model(x, Twice()(x))


def deferred(keras):
    model = keras.Sequential([keras.layers.Dense(2), keras.layers.Dense(1)])
    model.build((None, 3))
    return model


def half(keras):
    k = keras.layers
    return keras.Sequential([k.Dense(30, input_shape=(20,), dtype="float16"), k.Dense(5)])


MODELS = (chain, functional, branched, shared_in_a_row, two_outputs_of_a_chain, two_ends)
MODELS += (second_part, nested, nested_chain, several_outputs, frozen, subclassed)
MODELS += (subclassed_layer, deferred, half)


def _lines(keras, model, **given):
    keras.backend.clear_session()
    found = []
    model(keras).summary(print_fn=found.append, **given)
    return found


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_models(model):
    check_same(lambda keras: _lines(keras, model))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_expanded(model):
    check_same(lambda keras: _lines(keras, model, expand_nested=True, show_trainable=True))


SETTINGS = {
    "width": {"line_length": 50},
    "wide": {"line_length": 130},
    "parts": {"positions": [0.2, 0.5, 0.8, 1.0]},
    "characters": {"positions": [20, 50, 60, 90], "line_length": 90},
    "trainable": {"show_trainable": True},
    "all": {"line_length": 70, "expand_nested": True, "show_trainable": True},
    "range": {"layer_range": ("deeper", "multiply")},
    "range turned": {"layer_range": ["dense.*", "input"]},
    "pattern": {"layer_range": [".*", "d"]},
}


@pytest.mark.parametrize("case", SETTINGS)
def test_settings(case):
    check_same(lambda keras: _lines(keras, nested, **SETTINGS[case]))


def test_printed():
    def run(keras):
        keras.backend.clear_session()
        model = chain(keras)
        with printed(keras) as seen:
            model.summary()
        return seen.text.getvalue()

    check_same(run)


@pytest.mark.parametrize("size", [0, 44, 1023, 1024, 2_000_000, 3e9, 5e12, 1e16])
def test_sizes(size):
    def run(keras):
        if keras is torchkeras:
            return readable_memory_size(size)
        from tf_keras.src.utils.layer_utils import readable_memory_size as theirs

        return theirs(size)

    check_same(run)


@pytest.mark.parametrize(
    "wrong, message",
    [
        (("a",), "length 2"),
        (("dense", 3), "string type only"),
        (("nothing", "dense"), "do not match the layer names"),
    ],
)
def test_wrong_range(wrong, message):
    with pytest.raises(ValueError, match=message):
        functional(torchkeras).summary(layer_range=wrong)


def test_not_built():
    def run(keras):
        with pytest.raises(ValueError, match="This model has not yet been built."):
            keras.Sequential([keras.layers.Dense(2)]).summary()

    check_same(run)


def test_user_positions_stay():
    positions = [0.45, 0.85, 1.0]
    functional(torchkeras).summary(positions=positions, show_trainable=True, print_fn=str)
    assert positions == [0.45, 0.85, 1.0]


def test_modules_and_functions():
    """Plain torch modules and functions stand where they are called."""
    found = []
    model = torchkeras.Sequential([layers.Input((3,)), nn.Linear(3, 2), layers.Dense(1)])
    model.summary(print_fn=found.append)
    assert [line.split() for line in found if "Linear" in line] == [
        ["linear", "(Linear)", "(None,", "2)", "8"]
    ]
    found.clear()
    x = layers.Input((3,), name="x")
    torchkeras.Model(x, torch.relu(layers.Dense(2, name="d")(x)) + x[:, :2]).summary(
        print_fn=found.append
    )
    rows = [line.split() for line in found if " tf." in line]
    assert [[row[0], row[-1]] for row in rows] == [
        ["tf.nn.relu", "['d[0][0]']"],
        ["tf.__operators__.getitem", "['x[0][0]']"],
        ["tf.__operators__.add", "['tf.nn.relu[0][0]',"],
    ]
    found.clear()
    torchkeras.Model(x, torch.special.entr(x)).summary(print_fn=found.append)
    assert any("(function)" in line for line in found)
