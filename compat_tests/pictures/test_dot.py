"""model_to_dot gives the nodes, labels, edges and clusters that tf_keras' gives."""

import builtins

import pytest

from compat_tests import oracle
from torchkeras import layers, models, utils

pydot = pytest.importorskip("pydot")


def chain(keras):
    first = keras.layers.Dense(8, activation="relu", input_shape=(3,), name="a")
    frozen = keras.layers.Dropout(0.2, name="b", trainable=False)
    return keras.Sequential([first, frozen, keras.layers.Dense(1, name="c")], name="chain")


def branches(keras):
    text, image = keras.Input((32,), name="text"), keras.Input((8, 8, 3), name="image")
    x = keras.layers.Dense(16, activation="tanh", name="x")(text)
    y = keras.layers.Flatten(name="y")(keras.layers.Conv2D(4, 3, name="conv")(image))
    both = keras.layers.Concatenate(name="both")([x, y])
    shared = keras.layers.Dense(16, name="shared")
    outputs = [keras.layers.Add(name="sum")([shared(text), shared(text)]), both]
    return keras.Model([text, image], outputs, name="branches")


def nested(keras):
    def part(name, units):
        inputs = keras.Input((4,), name=f"{name}_in")
        hidden = keras.layers.Dense(4, name=f"{name}_hidden")(inputs)
        return keras.Model(inputs, keras.layers.Dense(units, name=f"{name}_out")(hidden), name=name)

    inputs = keras.Input((5, 4), name="steps")
    x = keras.layers.TimeDistributed(part("inner", 4), name="each")(inputs)
    x = keras.layers.Flatten(name="flat")(x)
    x = keras.layers.Dense(4, name="before")(x)
    x = part("second", 4)(part("first", 4)(x))
    return keras.Model(inputs, keras.layers.Dense(1, name="after")(x), name="nested")


def wrapped(keras):
    inputs = keras.Input((5, 4), name="steps")
    rnn = keras.layers.Bidirectional(keras.layers.LSTM(3, name="lstm"), name="both_ways")
    return keras.Model(inputs, rnn(inputs), name="wrapped")


class Ours:
    layers, Model, Sequential, Input = layers, models.Model, models.Sequential, layers.Input


CASES = [
    (chain, {}),
    (chain, {"show_shapes": True}),
    (chain, {"show_dtype": True, "show_layer_activations": True}),
    (chain, {"show_layer_names": False, "show_layer_activations": True}),
    (chain, {"show_trainable": True, "show_shapes": True, "show_dtype": True}),
    (nested, {"layer_range": ["before", "aft.*"]}),
    (chain, {"rankdir": "LR", "dpi": 48}),
    (branches, {"show_shapes": True}),
    (branches, {"show_shapes": True, "show_layer_activations": True, "show_trainable": True}),
    (branches, {"subgraph": True}),
    (nested, {"show_shapes": True}),
    (nested, {"expand_nested": True, "show_shapes": True}),
    (wrapped, {"show_shapes": True, "expand_nested": True}),
]


def told(graph, names=None):
    """A graph without the numbers of its nodes: they become their labels."""
    names = {} if names is None else names
    nodes = []
    for node in graph.get_nodes():
        if node.get("label") is not None:
            names[node.get_name().strip('"')] = label = node.get("label").strip('"')
            nodes.append(label)
    clusters = [told(cluster, names) for cluster in graph.get_subgraphs()]
    edges = [
        [names[str(end).strip('"')] for end in (edge.get_source(), edge.get_destination())]
        for edge in graph.get_edges()
    ]
    settings = {key: str(value) for key, value in graph.obj_dict["attributes"].items()}
    return {"nodes": nodes, "edges": sorted(edges), "clusters": clusters, "settings": settings}


@pytest.mark.parametrize("make, arguments", CASES, ids=lambda v: getattr(v, "__name__", None))
def test_same_picture_as_keras(make, arguments):
    expected = oracle.ask(lambda keras: told(keras.utils.model_to_dot(make(keras), **arguments)))
    assert told(utils.model_to_dot(make(Ours), **arguments)) == expected


def test_a_model_without_a_graph_is_one_node():
    class Own(models.Model):
        def __init__(self):
            super().__init__(name="own")
            self.dense = layers.Dense(2)

        def call(self, inputs):
            return self.dense(inputs)

    model = Own()
    with pytest.raises(ValueError, match="not yet been built"):
        utils.model_to_dot(model)
    model.build((None, 3))
    assert told(utils.model_to_dot(model))["nodes"] == ["own"]


def test_functions_between_layers():
    inputs = layers.Input((4,), name="in")
    model = models.Model(inputs, layers.Dense(2, name="d")(inputs * 2.0))
    found = told(utils.model_to_dot(model))
    assert found["nodes"] == ["in|InputLayer", "mul|function", "d|Dense"]
    assert len(found["edges"]) == 2


def test_characters_of_the_dot_language():
    model = models.Sequential([layers.Dense(1, input_shape=(2,), name="a/b|<c>")])
    text = utils.model_to_dot(model).to_string()
    assert r"a/b\|\<c\>|Dense" in text


def test_without_pydot(monkeypatch):
    original = builtins.__import__

    def absent(name, *args, **kwargs):
        if name == "pydot":
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(ImportError, match="pip install pydot"):
        utils.model_to_dot(chain(Ours))


def test_layer_range_of_a_sequential():
    """The first to the last named layer; tf_keras counts its input too and is one off."""
    found = told(utils.model_to_dot(chain(Ours), layer_range=["b", "c"]))
    assert found["nodes"] == ["b|Dropout", "c|Dense"] and len(found["edges"]) == 1


@pytest.mark.parametrize(
    "layer_range, message",
    [(["a"], "length 2"), (["a", 1], "string"), (["a", "no"], "do not match")],
)
def test_layer_range_errors(layer_range, message):
    with pytest.raises(ValueError, match=message):
        utils.model_to_dot(chain(Ours), layer_range=layer_range)
