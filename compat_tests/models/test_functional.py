"""Graph models: order of layers, configs, values and names as in tf.keras, on random graphs."""

import copy
import json
import pickle

import numpy as np
import pytest
import torch

import torchkeras
from compat_tests import oracle
from compat_tests.checks.model import describe, fill
from compat_tests.checks.situations import check_situation
from torchkeras import Model, Sequential, layers
from torchkeras.layers.operations import TFOpLambda


def random_graph(keras, seed):
    """A graph of Dense, Add, Concatenate, Dropout, shared and nested layers drawn from a seed."""
    rng = np.random.default_rng(seed)
    keras.backend.clear_session()
    make = keras.layers
    inputs = [keras.Input((4,), name=f"in{i}") for i in range(rng.integers(1, 4))]
    tensors = list(inputs)
    shared = make.Dense(4, activation="tanh", name="shared")
    nested = keras.Sequential([make.Dense(4, input_shape=(4,)), make.Dense(4)], name="nested")
    for _ in range(rng.integers(4, 10)):
        one, other = (tensors[rng.integers(len(tensors))] for _ in range(2))
        kind = rng.integers(6)
        if kind == 0:
            made = make.Dense(4, activation="relu")(one)
        elif kind == 1 and one is not other:
            made = make.Add()([one, other])
        elif kind == 2 and one is not other:
            made = make.Dense(4)(make.Concatenate()([one, other]))
        elif kind == 3:
            made = shared(one)
        elif kind == 4:
            made = nested(one)
        else:
            made = make.Dropout(0.3)(one, training=False)
        tensors.append(made)
    outputs = [tensors[-1]] + ([make.Dense(2, name="second")(tensors[-2])] if seed % 2 else [])
    return keras.Model(inputs, outputs)


def through(model, seed):
    fill(model, seed)
    rng = np.random.default_rng(seed)
    data = [rng.normal(size=(5, 4)).astype("float32") for _ in model.inputs]
    outputs = model.predict(data, verbose=0)
    return outputs if isinstance(outputs, list) else [outputs]


def without_build_shapes(config):
    """A config without what only tf.keras notes about builds and modules of its own."""
    text = json.dumps(config).replace("tf_keras.src", "keras.src")
    return _strip(json.loads(text))


def _strip(value):
    if isinstance(value, dict):
        return {k: _strip(v) for k, v in value.items() if k not in ("build_config", "optional")}
    return [_strip(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("seed", range(12))
def test_random_graphs(seed):
    def reference(keras):
        model = random_graph(keras, seed)
        config = without_build_shapes(model.get_config())
        outputs = through(model, seed)
        return {"about": describe(model), "config": json.dumps(config), "outputs": outputs}

    expected = oracle.ask(reference)
    model = random_graph(torchkeras, seed)
    assert describe(model) == expected["about"]
    assert without_build_shapes(model.get_config()) == json.loads(expected["config"])
    found = through(model, seed)
    for ours, theirs in zip(found, expected["outputs"], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
    again = type(model).from_config(model.get_config())
    assert [w.name for w in again.weights] == [w.name for w in model.weights]
    for other in (again, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        for ours, theirs in zip(through(other, seed), expected["outputs"], strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_a_config_that_leaves_out_the_name():
    def ask(keras):
        keras.backend.clear_session()

        class Twice(keras.layers.Layer):
            def __init__(self, times=2):
                super().__init__()
                self.times = times

            def call(self, inputs):
                return inputs * self.times

            def get_config(self):
                return {"times": self.times}

        inputs = keras.Input((2,))
        model = keras.Model(inputs, keras.layers.Dense(2)(Twice(3)(inputs)))
        again = type(model).from_config(model.get_config(), custom_objects={"Twice": Twice})
        return [[layer.name for layer in again.layers[1:]], again.layers[1].times]

    assert ask(torchkeras) == oracle.ask(ask)


@pytest.mark.parametrize("how", ["model.h5", "model.keras", "json", "clone"])
def test_a_subclass_without_a_constructor_is_kept_as_its_graph(how, tmp_path):
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")

    def ask(keras):
        class Own(keras.Model):
            def predict_step(self, data):
                return super().predict_step(data) + 1.0

        keras.backend.clear_session()
        inputs = keras.Input((4,))
        model = Own(inputs, keras.layers.Dense(2, kernel_initializer="ones")(inputs))
        model.compile("sgd", "mse")
        if how == "json":
            again = keras.models.model_from_json(model.to_json(), custom_objects={"Own": Own})
        elif how == "clone":
            again = keras.models.clone_model(model)
        else:
            model.save(tmp_path / how)
            again = keras.models.load_model(tmp_path / how, custom_objects={"Own": Own})
        names = [layer.name for layer in again.layers]
        return [type(again).__name__, names, again.predict(x, verbose=0)]

    found, wanted = ask(torchkeras), oracle.ask(ask)
    assert found[:2] == wanted[:2] and found[0] == "Own"
    np.testing.assert_allclose(found[2], wanted[2], rtol=1e-6)


def test_a_copy_shares_nothing():
    model = Sequential([layers.Dense(2, input_shape=(3,)), layers.Dense(1)])
    other = copy.deepcopy(model)
    other.set_weights([np.zeros(w.shape) for w in model.weights])
    assert any(w.numpy().any() for w in model.weights)
    part = Model(other.input, other.get_layer("dense").output)
    assert part.layers[1] is other.layers[0]


def test_deep_graphs_copy_and_pickle():
    inputs = x = layers.Input((2,))
    for _ in range(400):
        x = layers.Activation("relu")(x)
    model = Model(inputs, x)
    data = torch.rand(3, 2)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        torch.testing.assert_close(other(data), model(data))


@pytest.mark.parametrize("name", ["history", "loss", "optimizer", "fit", "layers", "a.b", "c/d"])
def test_layers_may_have_any_name(name):
    model = Sequential([layers.Dense(2, input_shape=(3,), name=name), layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(np.ones((4, 3)), np.ones(4), verbose=0)
    assert model.history is history
    assert model.get_layer(name).name == name
    assert len(model.state_dict()) == 4
    model.load_state_dict(copy.deepcopy(model).state_dict())


def test_slots_are_used_again():
    inputs = x = layers.Input((2,))
    for _ in range(10):
        x = layers.Dense(2)(x)
    assert Model(inputs, x)._plan.size == 1


def test_torch_functions_and_operators_are_recorded():
    a, b = layers.Input((3,)), layers.Input((3,))
    joined = torch.cat([torch.relu(a) * 2, b[:, :2] + 1], dim=1)
    model = Model([a, b], [joined, joined.mean(dim=1, keepdim=True)])
    assert model.output_shape == [(None, 5), (None, 1)]
    x, y = torch.randn(4, 3), torch.randn(4, 3)
    whole, mean = model([x, y])
    torch.testing.assert_close(whole, torch.cat([torch.relu(x) * 2, y[:, :2] + 1], dim=1))
    torch.testing.assert_close(mean, whole.mean(dim=1, keepdim=True))


def test_symbolic_losses():
    """The way of variational autoencoders: `model.add_loss` of what the graph computes."""
    x = layers.Input((3,))
    mean, spread = layers.Dense(2)(x), layers.Dense(2, name="spread")(x)
    model = Model(x, layers.Dense(3)(mean))
    model.add_loss(torch.mean(torch.square(spread) + torch.square(mean)))
    assert model.get_layer("spread") in model.layers
    model.compile("sgd", "mse")
    data = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    h, code = model.get_layer("spread")(torch.tensor(data)), Model(x, mean)(torch.tensor(data))
    expected = (h.square() + code.square()).mean() + (
        model(data) - torch.tensor(data)
    ).square().mean()
    before = model.get_layer("spread").get_weights()[0]
    assert model.train_on_batch(data, data) == pytest.approx(expected.item(), rel=1e-5)
    assert (before != model.get_layer("spread").get_weights()[0]).all()
    other = copy.deepcopy(model)
    assert other.test_on_batch(data, data) == pytest.approx(model.test_on_batch(data, data))
    with pytest.raises(ValueError, match="must be a scalar"):
        model.add_loss(spread)


def test_a_part_of_a_model_is_a_model():
    model = Sequential([layers.Dense(3, input_shape=(2,), name="first"), layers.Dense(1)])
    part = Model(model.input, model.get_layer("first").output)
    data = torch.rand(4, 2)
    torch.testing.assert_close(part(data), model.layers[0](data))
    assert part.layers[1] is model.layers[0]


def test_inputs_by_name_and_in_any_float_type():
    a, b = layers.Input((2,), name="a"), layers.Input((1,), name="b")
    model = Model([a, b], layers.Concatenate()([a, b]))
    data = {"b": np.ones((3, 1)), "a": np.zeros((3, 2), "float16")}
    expected = [[0, 0, 1]] * 3
    assert model(data).tolist() == expected
    assert model.predict(data, verbose=0).tolist() == expected
    assert model([np.zeros((3, 2)), torch.ones(3)]).tolist() == expected


def test_compiles_whole():
    model = random_graph(torchkeras, 3)
    data = [torch.rand(5, 4) for _ in model.inputs]
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    for ours, theirs in zip(compiled(data), model(data), strict=True):
        torch.testing.assert_close(ours, theirs)


BAD = {
    "disconnected": lambda: Model(layers.Input((2,)), layers.Dense(1)(layers.Input((2,)))),
    "not symbolic": lambda: Model(torch.zeros(2, 2), torch.zeros(2, 2)),
    "same name twice": lambda: _twice(),
    "wrong width": lambda: Sequential([layers.Dense(1, input_shape=(2,))])(torch.zeros(3, 5)),
    "wrong count": lambda: random_graph(torchkeras, 1)([torch.zeros(2, 4)] * 7),
    "no such layer": lambda: random_graph(torchkeras, 0).get_layer("absent"),
    "unbuilt summary": lambda: Sequential([layers.Dense(1)]).summary(),
    "unbuilt weights": lambda: Sequential([layers.Dense(1)]).weights,
}
MESSAGES = {
    "disconnected": "Graph disconnected",
    "not symbolic": "symbolic tensors",
    "same name twice": 'The name "one" is used 2 times',
    "wrong width": r"expected shape=\(None, 2\), found shape=\(3, 5\)",
    "wrong count": "but it received 7",
    "no such layer": "No such layer: absent",
    "unbuilt summary": "not yet been built",
    "unbuilt weights": "have not yet been created",
}


def _twice():
    x = layers.Input((2,))
    y = layers.Dense(2, name="one")(x)
    return Model(x, layers.Dense(2, name="one")(y))


@pytest.mark.parametrize("case", BAD)
def test_says_what_is_wrong(case):
    with pytest.raises(ValueError, match=MESSAGES[case]):
        BAD[case]()


def test_a_model_that_starts_inside_of_another_beside_keras():
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")

    def ask(keras):
        layers = keras.layers
        inputs = layers.Input((6,))
        middle = layers.Dense(4, activation="relu", name="middle")(inputs)
        shared = layers.Dense(4, name="shared")
        outputs = [layers.Dense(2)(shared(shared(middle)) * 2), layers.Dense(1)(middle)]
        whole = keras.Model(inputs, outputs)
        fill(whole)
        part = keras.Model(whole.get_layer("middle").output, whole.outputs)
        if keras is torchkeras:  # tf.keras does not come back from such a config
            again = keras.Model.from_config(part.get_config())
            again.set_weights(part.get_weights())
            for one, other in zip(
                again.predict(x, verbose=0), part.predict(x, verbose=0), strict=True
            ):
                np.testing.assert_array_equal(one, other)
        return {
            "layers": [layer.name for layer in part.layers],
            "inputs": part.input_names,
            "weights": [weight.name for weight in part.weights],
            "count": [part.count_params(), whole.count_params()],
            "values": part.predict(x, verbose=0),
            "whole": [len(whole.layers), len(keras.Model(inputs, middle).layers)],
        }

    check_situation(ask)


def test_an_open_size_takes_new_sizes_that_it_must_be_a_multiple_of():
    inputs = layers.Input((7, 6))
    by_layer = TFOpLambda("reshape")(inputs, shape=[-1, 49, 6])
    for outputs in (inputs.reshape(-1, 49, 6), torch.reshape(inputs, (-1, 49, 6)), by_layer):
        model = Model(inputs, outputs)
        assert model.output_shape == (None, 49, 6)
        assert model(torch.zeros(14, 7, 6)).shape == (2, 49, 6)


def test_a_layer_gives_a_weight():
    class Numbers(layers.Layer):
        def build(self, input_shape):
            self.numbers = self.add_weight("numbers", (1, 4), initializer="ones")

        def call(self, inputs):
            return self.numbers

    inputs = layers.Input((4,))
    model = Model(inputs, inputs * Numbers()(inputs) + 1)
    assert model(torch.ones(2, 4)).tolist() == [[2.0] * 4] * 2


class Twice(layers.Layer):
    def call(self, x, y):
        return torch.cat([x, x], 1) + y


def test_open_sizes_that_small_ones_do_not_show():
    class Every(layers.Layer):
        def call(self, x):
            return x[:, ::4]

    class Last(layers.Layer):
        def call(self, x):
            return x[:, -1:]

    x = layers.Input((None, 2))
    assert Every()(x).shape == (None, None, 2) and Last()(x).shape == (None, 1, 2)


def test_open_sizes_of_two_inputs_that_depend_on_each_other():
    x = layers.Input((None, 2))
    y = layers.Concatenate(axis=1)([layers.ZeroPadding1D((0, 1))(x), x[:, 1:]])
    z = Twice()(x, y)
    assert z.shape == (None, None, 2)
    given = torch.randn(2, 5, 2)
    expected = torch.cat([2 * given, given[:, :1], 2 * given[:, 1:]], 1)
    expected[:, 5:] = given + torch.cat([torch.zeros(2, 1, 2), given[:, 1:]], 1)
    torch.testing.assert_close(torchkeras.Model(x, z)(given), expected)
    with pytest.raises(RuntimeError, match="size of tensor"):
        Twice()(x, layers.ZeroPadding1D(1)(x))
