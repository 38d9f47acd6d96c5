"""Folders and checkpoints as TensorFlow 1.13 to 2.10 lay them out, made here from bytes."""

import json

import numpy as np
import pytest

import torchkeras
from torchkeras import layers
from torchkeras.models import load_model
from torchkeras.optimizers import LossScaleOptimizer, legacy
from torchkeras.saving.tensorflow import bundle, checkpoint
from torchkeras.saving.tensorflow.objects import Node, ObjectGraph
from torchkeras.saving.tensorflow.protobuf import encode
from torchkeras.shim.tensorflow.train import Checkpoint

X = np.linspace(-1, 1, 24, dtype="float32").reshape(8, 3)
Y = np.sin(np.arange(16, dtype="float32")).reshape(8, 2)


def made(optimizer=None):
    model = torchkeras.Sequential([layers.Input((3,)), layers.Dense(4), layers.Dense(2)])
    model.compile(optimizer or legacy.Adam(0.1), "mse")
    return model


def trained(optimizer=None):
    model = made(optimizer)
    model.fit(X, Y, verbose=0, shuffle=False)
    return model


def changed(prefix, change):
    """Write a checkpoint again after `change(graph, tensors)`."""
    file = bundle.Bundle(prefix)
    graph = checkpoint.read_graph(file)
    tensors = {key: file.array(key) for key in file.keys() if key != checkpoint.GRAPH}
    graph = change(graph, tensors) or graph
    bundle.write(prefix, {**tensors, checkpoint.GRAPH: graph.encode()})


def below(name):
    """The graph of a model as `tf.train.Checkpoint(name=model, optimizer=...)` has it."""

    def change(graph, tensors):
        root = Node()
        for node in graph.nodes:
            node.children = {key: child + 1 for key, child in node.children.items()}
            node.slots = [(slot, one + 1, kept + 1) for slot, one, kept in node.slots]
        root.children = {name: 1, "optimizer": graph.nodes[0].children.pop("optimizer")}
        return ObjectGraph([root, *graph.nodes])

    return change


def other_names(graph, tensors):
    """The optimizer's variables have other names than here, and its slots another order."""
    optimizer = graph.nodes[graph.nodes[0].children["optimizer"]]
    optimizer.slots.reverse()
    for index in [graph.child(0, "optimizer", "iter"), *(kept for *_, kept in optimizer.slots)]:
        name, key = graph.nodes[index].variable
        graph.nodes[index].values["VARIABLE_VALUE"] = (f"training/{name}", key)


def check_goes_on(model, other):
    """Weights, state and the next steps are alike."""
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    expected = model.fit(X, Y, epochs=3, verbose=0, shuffle=False).history["loss"]
    found = other.fit(X, Y, epochs=3, verbose=0, shuffle=False).history["loss"]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("change", [other_names, below("model"), below("net")])
def test_state_is_found_by_the_weight_that_it_is_kept_of(change, tmp_path):
    model, other = trained(), made()
    model.save_weights(tmp_path / "w")
    changed(str(tmp_path / "w"), change)
    other.load_weights(tmp_path / "w").assert_existing_objects_matched()
    check_goes_on(model, other)


@pytest.mark.parametrize("optimizer", ["Adam", "SGD", "RMSprop", "Adamax", "Adadelta"])
def test_optimizers_of_today_take_the_state_of_older_ones(optimizer, tmp_path):
    """Their slots have other names."""
    settings = {"SGD": {"momentum": 0.9}, "RMSprop": {"momentum": 0.5, "centered": True}}
    given = {"learning_rate": 0.1, **settings.get(optimizer, {})}
    model = trained(getattr(legacy, optimizer)(**given))
    model.save_weights(tmp_path / "w")
    other = made(getattr(torchkeras.optimizers, optimizer)(**given))
    other.load_weights(tmp_path / "w")
    kept = [v.numpy() for v in model.optimizer.variables]
    taken = [v.numpy() for v in other.optimizer.variables]
    assert sorted(v.sum() for v in kept) == pytest.approx(sorted(v.sum() for v in taken))


@pytest.mark.parametrize("wrap", [lambda one: one, LossScaleOptimizer])
@pytest.mark.parametrize("build", [True, False])
def test_objects_of_tf_train_checkpoint_are_restored(wrap, build, tmp_path):
    """Also an optimizer that is not built yet, and a model in a list."""
    model = trained(wrap(legacy.Adam(0.1)))
    model.save_weights(tmp_path / "w")
    changed(str(tmp_path / "w"), below("net"))
    other = made(wrap(legacy.Adam(0.1)))
    if build:
        other.optimizer.inner_optimizer.build(other.trainable_variables) if wrap is (
            LossScaleOptimizer
        ) else other.optimizer.build(other.trainable_variables)
    status = Checkpoint(net=other, optimizer=other.optimizer).restore(tmp_path / "w")
    status.assert_existing_objects_matched()
    check_goes_on(model, other)
    with pytest.raises(AssertionError, match="has no values for"):
        Checkpoint(nothing=made()).restore(tmp_path / "w").assert_existing_objects_matched()


def test_a_loss_scale_holds_its_optimizer(tmp_path):
    """Until 2.2 the state was kept of the optimizer inside; later of the one around it."""
    wrap = lambda: LossScaleOptimizer(legacy.Adam(0.1), False, 8.0)  # noqa: E731
    model, other = trained(wrap()), made(wrap())
    model.save_weights(tmp_path / "w")

    def change(graph, tensors):
        around = Node()
        graph.nodes.append(around)
        around.children = {"base_optimizer": graph.nodes[0].children["optimizer"]}
        graph.nodes[0].children["optimizer"] = len(graph.nodes) - 1

    changed(str(tmp_path / "w"), change)
    other.load_weights(tmp_path / "w")
    check_goes_on(model, other)


def test_a_model_that_could_be_several_is_refused(tmp_path):
    model = trained()
    model.save_weights(tmp_path / "w")

    def twice(graph, tensors):
        graph = below("a")(graph, tensors)
        graph.nodes.append(graph.nodes[1])
        graph.nodes[0].children["b"] = len(graph.nodes) - 1
        return graph

    changed(str(tmp_path / "w"), twice)
    with pytest.raises(ValueError, match="could be each of a, b"):
        made().load_weights(tmp_path / "w")


def test_tables_of_lookup_layers_are_in_checkpoints(tmp_path):
    """Before 2.6 what a layer had learned was a table with keys and values."""

    def build():
        x = layers.Input((2,), dtype="int64")
        y = layers.Flatten()(layers.Embedding(5, 2)(layers.IntegerLookup(num_oov_indices=1)(x)))
        return torchkeras.Model(x, layers.Dense(1)(y))

    model = build()
    model.layers[1].set_vocabulary([7, 5, 9])
    model.save_weights(tmp_path / "w")

    def change(graph, tensors):
        node = Node()
        node.values["table"] = ("", "layer_with_weights-0/_table/.ATTRIBUTES/table")
        graph.nodes.append(node)
        graph.nodes[graph.child(0, "layer-1")].children["_table"] = len(graph.nodes) - 1
        tensors["layer_with_weights-0/_table/.ATTRIBUTES/table-keys"] = np.array([9, 7, 5])
        tensors["layer_with_weights-0/_table/.ATTRIBUTES/table-values"] = np.array([3, 1, 2])

    changed(str(tmp_path / "w"), change)
    other = build()
    other.load_weights(tmp_path / "w")
    x = np.array([[7, 5], [9, 1]])
    np.testing.assert_array_equal(other.predict(x, verbose=0), model.predict(x, verbose=0))


def exported(model, folder):
    """What `tf.keras.experimental.export_saved_model` wrote, without its functions."""
    model.save_weights(folder / "variables" / "variables")
    (folder / "assets").mkdir()
    (folder / "assets" / "saved_model.json").write_text(model.to_json())
    shape = encode((2, encode((1, -1))), (2, encode((1, 3))))
    signature = encode((1, encode((1, "x"), (2, encode((1, "x:0"), (2, 1), (3, shape))))))
    meta = encode((5, encode((1, "serving_default"), (2, signature))))
    (folder / "saved_model.pb").write_bytes(encode((1, 1), (2, meta)))


def test_a_folder_of_export_saved_model_is_read(tmp_path, caplog):
    model = trained()
    exported(model, tmp_path)
    other = load_model(tmp_path)
    assert other.optimizer is None
    np.testing.assert_array_equal(other.predict(X, verbose=0), model.predict(X, verbose=0))
    path = tmp_path / "assets" / "saved_model.json"
    path.write_text(path.read_text()[:-9])
    with pytest.raises(ValueError, match="is not valid JSON"):
        load_model(tmp_path)


class Tower(torchkeras.Model):
    def __init__(self):
        super().__init__()
        self.head = layers.Dense(2)

    def call(self, x):
        return self.head(x)


@pytest.mark.parametrize("with_shape", [True, False])
def test_a_subclass_is_built_for_what_its_folder_serves(with_shape, tmp_path):
    """Before 2.4 the description of the model did not tell its input shape."""
    model = Tower()
    expected = model.predict(X, verbose=0)
    model.get_config = dict
    exported(model, tmp_path)
    described = json.dumps({"class_name": "Tower", "config": {}})
    (tmp_path / "assets" / "saved_model.json").write_text(described)
    if not with_shape:
        (tmp_path / "saved_model.pb").write_bytes(encode((1, 1)))
    Tower.from_config = classmethod(lambda cls, config: cls())
    other = load_model(tmp_path, custom_objects={"Tower": Tower})
    assert other.built == with_shape
    np.testing.assert_array_equal(other.predict(X, verbose=0), expected)


def test_an_object_graph_without_objects_is_an_error():
    with pytest.raises(ValueError, match="no objects"):
        ObjectGraph.parse(b"")


def test_a_checkpoint_has_what_a_layer_learned_in_a_shape_of_its_own(tmp_path):
    x = np.random.default_rng(1).normal(size=(40, 3)).astype("float32")
    first, second = (torchkeras.Sequential([layers.Input((3,)), layers.Discretization(num_bins=4)])
                     for _ in range(2))  # fmt: skip
    first.layers[0].adapt(x)
    Checkpoint(model=first).save(str(tmp_path / "c"))
    Checkpoint(model=second).restore(str(tmp_path / "c-1")).assert_consumed()
    np.testing.assert_array_equal(second.predict(x, verbose=0), first.predict(x, verbose=0))
