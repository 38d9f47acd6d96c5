"""Ways to put models together, beside tf.keras: outputs, names, shapes, summaries, configs.

Functions of TensorFlow in a situation are those of torch in ours: `f(keras)` names both.
"""

import json

import numpy as np
import pytest
import torch

import torchkeras
from compat_tests import oracle
from compat_tests.checks.model import fill
from compat_tests.models.test_functional import without_build_shapes


class Functions:
    """Functions by the same names for both sides."""

    def __init__(self, keras):
        if keras is torchkeras:
            self.relu, self.exp, self.matmul = torch.relu, torch.exp, torch.matmul
            self.mean = lambda x, axis: torch.mean(x, axis)
            self.sum = lambda x, axis=None: torch.sum(x) if axis is None else torch.sum(x, axis)
            self.concat, self.stack = torch.cat, torch.stack
            self.reshape = torch.reshape
            self.where, self.maximum = torch.where, torch.maximum
            self.transpose = lambda x, order: torch.permute(x, order)
            self.squeeze, self.expand = torch.squeeze, torch.unsqueeze
        else:
            import tensorflow as tf

            self.relu, self.exp, self.matmul = tf.nn.relu, tf.exp, tf.matmul
            self.mean = lambda x, axis: tf.reduce_mean(x, axis)
            self.sum = tf.reduce_sum
            self.concat, self.stack = tf.concat, tf.stack
            self.reshape = tf.reshape
            self.where, self.maximum = tf.where, tf.maximum
            self.transpose = tf.transpose
            self.squeeze, self.expand = tf.squeeze, tf.expand_dims


SITUATIONS = {}

ALIVE: list = []


def situation(build):
    SITUATIONS[build.__name__] = build
    return build


@situation
def arithmetic(keras, L, f):
    x = L.Input((4,), name="x")
    y = L.Dense(4, name="d")(x)
    return keras.Model(x, 2 * (x + y) - y / 3 + 1)


@situation
def reversed_operands(keras, L, f):
    x = L.Input((4,), name="x")
    return keras.Model(x, 1 - x + 2 / (x * x + 1))


@situation
def powers_and_signs(keras, L, f):
    x = L.Input((4,), name="x")
    return keras.Model(x, -(x**2) + abs(x))


@situation
def indexing(keras, L, f):
    x = L.Input((6, 4), name="x")
    return keras.Model(x, [x[:, 0], x[:, 1:4, 2:], x[:, ::2], x[:, -1]])


@situation
def comparisons(keras, L, f):
    x = L.Input((4,), name="x")
    y = L.Dense(4, name="d")(x)
    return keras.Model(x, f.where(x > y, x, y))


@situation
def functions(keras, L, f):
    x = L.Input((5, 4), name="x")
    y = f.relu(L.Dense(4, name="d")(x))
    return keras.Model(x, [f.mean(y, 1), f.exp(-y), f.concat([x, y], -1), f.stack([x, y], 1)])


@situation
def shapes(keras, L, f):
    x = L.Input((6, 4), name="x")
    y = f.transpose(x, (0, 2, 1))
    return keras.Model(x, [f.reshape(y, (-1, 24)), f.expand(x, 1), f.matmul(x, y)])


@situation
def shared_layer(keras, L, f):
    a, b = L.Input((4,), name="a"), L.Input((4,), name="b")
    shared = L.Dense(3, name="shared")
    return keras.Model([a, b], L.Subtract(name="s")([shared(a), shared(b)]))


@situation
def nested_model(keras, L, f):
    inner = keras.Sequential([L.Dense(3, input_shape=(4,), name="i")], name="inner")
    x = L.Input((4,), name="x")
    return keras.Model(x, L.Dense(2, name="o")(inner(x)))


@situation
def nested_twice(keras, L, f):
    x = L.Input((4,), name="x1")
    inner = keras.Model(x, L.Dense(4, name="i")(x), name="inner")
    z = L.Input((4,), name="x2")
    middle = keras.Model(z, inner(inner(z)), name="middle")
    y = L.Input((4,), name="x3")
    return keras.Model(y, L.Add(name="add")([middle(y), inner(y)]))


@situation
def nested_with_several_outputs(keras, L, f):
    x = L.Input((4,), name="x1")
    inner = keras.Model(x, [L.Dense(3, name="a")(x), L.Dense(2, name="b")(x)], name="inner")
    y = L.Input((4,), name="x")
    one, two = inner(y)
    return keras.Model(y, L.Concatenate(name="c")([one, two]))


@situation
def dict_inputs(keras, L, f):
    a, b = L.Input((4,), name="a"), L.Input((3,), name="b")
    return keras.Model({"a": a, "b": b}, L.Concatenate(name="c")([a, b]))


@situation
def dict_outputs(keras, L, f):
    x = L.Input((4,), name="x")
    return keras.Model(x, {"one": L.Dense(3, name="p")(x), "two": L.Dense(2, name="q")(x)})


@situation
def nested_structures(keras, L, f):
    a, b, c = (L.Input((4,), name=n) for n in "abc")
    outputs = {"sum": L.Add(name="add")([a, b, c]), "pair": [L.Dense(2, name="d")(a), b]}
    return keras.Model([a, {"b": b, "c": c}], outputs)


@situation
def list_of_one(keras, L, f):
    x = L.Input((4,), name="x")
    return keras.Model([x], [L.Dense(2, name="d")(x)])


@situation
def an_output_twice(keras, L, f):
    x = L.Input((4,), name="x")
    y = L.Dense(2, name="d")(x)
    return keras.Model(x, [y, y])


@situation
def an_input_as_output(keras, L, f):
    x = L.Input((4,), name="x")
    return keras.Model(x, [x, L.Dense(2, name="d")(x)])


@situation
def cut_out(keras, L, f):
    x = L.Input((4,), name="x")
    y = L.Dense(3, activation="relu", name="first")(x)
    whole = keras.Model(x, L.Dense(2, name="second")(y))
    return keras.Model(whole.input, whole.get_layer("first").output)


@situation
def cut_out_of_a_sequential(keras, L, f):
    whole = keras.Sequential(
        [L.Dense(3, input_shape=(4,), name="a"), L.Dense(3, name="b"), L.Dense(2, name="c")]
    )
    return keras.Model(whole.inputs, [layer.output for layer in whole.layers])


@situation
def from_the_middle(keras, L, f):
    whole = keras.Sequential([L.Dense(4, input_shape=(4,), name="a"), L.Dense(4, name="b")])
    x = L.Input((4,), name="start")
    return keras.Model(x, whole.layers[1](x))


@situation
def a_new_head(keras, L, f):
    base = keras.Sequential([L.Dense(4, input_shape=(4,), name="a"), L.Dense(4, name="b")])
    ALIVE.append(base)  # whose second layer is a user of the first one's output
    base.trainable = False
    return keras.Model(base.input, L.Dense(3, name="head")(base.layers[-2].output))


@situation
def a_residual_tower(keras, L, f):
    y = x = L.Input((8, 8, 3), name="x")
    for i in range(3):
        z = L.Conv2D(3, 3, padding="same", name=f"c{i}")(y)
        y = L.Add(name=f"a{i}")([y, L.BatchNormalization(name=f"b{i}")(z)])
    return keras.Model(x, L.GlobalAveragePooling2D(name="g")(y))


@situation
def masks(keras, L, f):
    x = L.Input((5,), name="x", dtype="int32")
    y = L.Embedding(4, 3, mask_zero=True, name="e")(x)
    y = L.LSTM(3, return_sequences=True, name="l")(L.Dropout(0.5, name="d")(y))
    return keras.Model(x, [L.GlobalAveragePooling1D(name="g")(y), y])


@situation
def masks_into_nested_models(keras, L, f):
    z = L.Input((5, 3), name="z")
    inner = keras.Model(z, L.LSTM(2, name="l")(z), name="inner")
    x = L.Input((5,), name="x", dtype="int32")
    return keras.Model(x, inner(L.Embedding(4, 3, mask_zero=True, name="e")(x)))


@situation
def states(keras, L, f):
    x = L.Input((5, 3), name="x")
    y, h, c = L.LSTM(4, return_state=True, return_sequences=True, name="enc")(x)
    z = L.LSTM(4, name="dec")(y, initial_state=[h, c])
    return keras.Model(x, z)


@situation
def attention(keras, L, f):
    x = L.Input((5, 4), name="x")
    y = L.MultiHeadAttention(2, 3, name="m")(x, x)
    return keras.Model(x, L.LayerNormalization(name="n")(x + y))


@situation
def keyword_arguments(keras, L, f):
    q, v = L.Input((3, 4), name="q"), L.Input((5, 4), name="v")
    y = L.MultiHeadAttention(2, 3, name="m")(query=q, value=v, key=v)
    return keras.Model([q, v], y)


@situation
def time_distributed(keras, L, f):
    inner = keras.Sequential([L.Dense(2, input_shape=(4,), name="d")], name="inner")
    x = L.Input((3, 4), name="x")
    return keras.Model(x, L.TimeDistributed(inner, name="t")(x))


@situation
def bidirectional(keras, L, f):
    x = L.Input((3, 4), name="x")
    return keras.Model(x, L.Bidirectional(L.GRU(2, name="g"), name="b")(x))


@situation
def a_fixed_batch(keras, L, f):
    x = L.Input(batch_shape=(5, 4), name="x")
    return keras.Model(x, L.Dense(2, name="d")(x))


@situation
def losses_of_the_graph(keras, L, f):
    x = L.Input((4,), name="x")
    y = L.Dense(3, activity_regularizer="l2", kernel_regularizer="l1", name="d")(x)
    model = keras.Model(x, y)
    model.add_loss(f.mean(f.exp(y), (0, 1)))
    return model


@situation
def training_argument(keras, L, f):
    x = L.Input((4,), name="x")
    return keras.Model(x, L.BatchNormalization(name="b")(x, training=True))


@situation
def merges(keras, L, f):
    x, y = L.Input((4,), name="x"), L.Input((4,), name="y")
    made = [L.add([x, y]), L.multiply([x, y]), L.maximum([x, y]), L.dot([x, y], 1)]
    return keras.Model([x, y], L.concatenate(made))


@situation
def a_clone(keras, L, f):
    x = L.Input((4,), name="x")
    shared = L.Dense(4, name="s")
    y = shared(shared(x)) + 1
    return keras.models.clone_model(keras.Model(x, L.Dense(2, name="o")(y), name="whole"))


@situation
def a_clone_on_other_inputs(keras, L, f):
    model = keras.Sequential([L.Dense(3, input_shape=(4,), name="a"), L.Dense(2, name="b")])
    return keras.models.clone_model(model, input_tensors=[L.Input((4,), name="new")])


@situation
def a_clone_by_a_function(keras, L, f):
    x = L.Input((4,), name="x")
    model = keras.Model(x, L.Dense(2, name="o")(L.Dense(3, name="h")(x)))

    def change(layer):
        return type(layer).from_config({**layer.get_config(), "activation": "tanh"})

    return keras.models.clone_model(model, clone_function=change)


@situation
def a_model_of_a_config(keras, L, f):
    x = L.Input((6, 4), name="x")
    y = f.mean(L.Dense(3, name="d")(x)[:, 1:], 1) * 2
    model = keras.Model(x, y, name="m")
    return keras.Model.from_config(model.get_config())


def told(keras, name):
    """Everything that can be asked of a model, as plain values."""
    keras.backend.clear_session()
    model = SITUATIONS[name](keras, keras.layers, Functions(keras))
    fill(model, 3)
    rng = np.random.default_rng(5)

    def draw(tensor):
        shape = [5 if n is None else n for n in tensor.shape]
        integers = "int" in str(getattr(tensor.dtype, "name", tensor.dtype))
        return rng.integers(0, 4, shape) if integers else rng.normal(size=shape).astype("float32")

    data = [draw(tensor) for tensor in model.inputs]
    lines: list[str] = []
    model.summary(print_fn=lambda line, **_: lines.append(line))
    if keras is torchkeras:
        data = [torch.tensor(array) for array in data]
    outputs = torchkeras.tree.flatten(model(_like(model.input, data)))
    outputs = [np.asarray(one.detach() if keras is torchkeras else one) for one in outputs]
    losses = [loss.detach() if keras is torchkeras else loss for loss in model.losses]
    return {
        "outputs": outputs,
        "layers": [layer.name for layer in model.layers],
        "kinds": [type(layer).__name__ for layer in model.layers],
        "weights": [w.name for w in model.weights],
        "trainable": [w.name for w in model.trainable_weights],
        "names": [model.input_names, model.output_names],
        "shapes": [[str(n) for n in t.shape] for t in (*model.inputs, *model.outputs)],
        "inbound": [len(layer.inbound_nodes) for layer in model.layers],
        "outbound": [len(layer.outbound_nodes) for layer in model.layers],
        "losses": sorted(float(np.asarray(loss)) for loss in losses),
        "summary": "\n".join(lines),
        "config": None if "losses" in name else _config(model),
    }


def _config(model):
    """The config without what tf_keras after 2.15 has more, and without names that are None."""
    text = json.dumps(without_build_shapes(model.get_config()))
    for more in (', "softmax_robust_masking": false', ', "name": null', '"name": null'):
        text = text.replace(more, "")
    return json.loads(text)


def _like(structure, data):
    """`data` in the nesting of a model's inputs."""
    supply = iter(data)

    def put(one):
        if isinstance(one, dict):
            return {key: put(one[key]) for key in sorted(one)}
        if isinstance(one, (list, tuple)):
            return [put(item) for item in one]
        return next(supply)

    return put(structure)


@pytest.mark.parametrize("name", SITUATIONS)
def test_as_in_tf_keras(name):
    wanted = oracle.ask(lambda keras: told(keras, name))
    found = told(torchkeras, name)
    for output, expected in zip(found.pop("outputs"), wanted.pop("outputs"), strict=True):
        np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.pop("losses"), wanted.pop("losses"), rtol=1e-4)
    if name == "losses_of_the_graph":  # tf.keras has a layer of its own for each
        wanted = {key: wanted[key] for key in ("weights", "names", "shapes")}
    for key, expected in wanted.items():
        assert found[key] == expected, key
