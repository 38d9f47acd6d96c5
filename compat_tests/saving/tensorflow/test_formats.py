"""Checkpoints and SavedModel folders that tf_keras writes and torchkeras reads, and back."""

import os

import numpy as np
import pytest

import torchkeras
from compat_tests import oracle
from compat_tests.checks.files import MODELS, check_alike, continued, trained
from torchkeras import layers
from torchkeras.models import load_model
from torchkeras.saving.tensorflow import checkpoint

CASES = [("mlp", "momentum"), ("lstm", "adam"), ("two", "adam"), ("cnn", "legacy")]


def made(keras, case, optimizer):
    """A model after two steps."""
    if optimizer != "legacy":
        return trained(keras, case, optimizer)
    model = trained(keras, case, "sgd")
    build, x, y, settings = MODELS[case]
    model.compile(keras.optimizers.legacy.Adam(0.01), **settings)
    model.fit(x, y, batch_size=4, epochs=1, shuffle=False, verbose=0)
    return model


def packed(folder):
    """The files below a folder as arrays of bytes."""
    found = {}
    for here, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(here, name)
            found[os.path.relpath(path, folder)] = np.fromfile(path, "uint8")
    return found


def unpacked(files, folder):
    for name, data in files.items():
        os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
        np.asarray(data, "uint8").tofile(os.path.join(folder, name))


@pytest.mark.parametrize("case, optimizer", CASES)
def test_a_folder_of_tf_keras_is_read_and_training_goes_on(case, optimizer, tmp_path):
    def write(keras):
        model = made(keras, case, optimizer)
        model.save(str(tmp_path / "theirs"), save_format="tf")
        files = packed(tmp_path / "theirs")
        return {"files": files, **continued(model, case)}

    expected = oracle.ask(write)
    unpacked(expected["files"], tmp_path / "copy")
    check_alike(continued(load_model(tmp_path / "copy"), case), expected)


@pytest.mark.parametrize("case, optimizer", CASES)
def test_tf_keras_reads_a_folder(case, optimizer, tmp_path):
    """It starts its optimizer anew, also for folders of its own."""
    x = MODELS[case][1]
    model = made(torchkeras, case, optimizer)
    model.save(str(tmp_path / "ours"))
    predict = oracle.ask(lambda keras: keras.models.load_model(tmp_path / "ours").predict(x))
    for one, other in zip(listed(model.predict(x)), listed(predict), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    check_alike(continued(load_model(tmp_path / "ours"), case), continued(model, case), 1e-6)


def listed(value):
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("case, optimizer", CASES)
def test_checkpoints_go_both_ways(case, optimizer, tmp_path):
    """Weights and the optimizer's state, into models that are made and compiled anew."""
    model = made(torchkeras, case, optimizer)
    model.save_weights(str(tmp_path / "ours" / "weights"))
    assert checkpoint.latest(str(tmp_path / "ours")) == str(tmp_path / "ours" / "weights")

    def through(keras):
        other = made(keras, case, optimizer)
        other.set_weights([np.zeros_like(weight) for weight in other.get_weights()])
        status = other.load_weights(str(tmp_path / "ours" / "weights"))
        status.assert_existing_objects_matched()
        other.save_weights(str(tmp_path / "theirs" / "weights"))
        return {"files": packed(tmp_path / "theirs"), **continued(other, case)}

    expected = oracle.ask(through)
    unpacked(expected["files"], tmp_path / "copy")
    other = made(torchkeras, case, optimizer)
    other.set_weights([np.zeros_like(weight) for weight in other.get_weights()])
    other.load_weights(tmp_path / "copy" / "weights").assert_existing_objects_matched()
    check_alike(continued(other, case), expected)
    check_alike(continued(model, case), expected)


def test_a_model_of_built_parts_is_never_called(tmp_path):
    """Two networks that a step of the user's trains: weights are saved without a call of both."""

    def pair(keras):
        class Pair(keras.Model):
            def __init__(self):
                super().__init__()
                self.one, self.two = (
                    keras.Sequential([keras.Input((n,)), keras.layers.Dense(2)]) for n in (3, 4)
                )

        return Pair()

    def through(keras):
        model = pair(keras)
        model.load_weights(str(tmp_path / "ours")).assert_existing_objects_matched()
        return model.get_weights()

    model = pair(torchkeras)
    model.save_weights(str(tmp_path / "ours"))
    for found, expected in zip(oracle.ask(through), model.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
    model.save_weights(str(tmp_path / "ours.h5"))
    for name in ("ours", "ours.h5"):
        other = pair(torchkeras)
        other.load_weights(str(tmp_path / name))
        np.testing.assert_array_equal(other.get_weights()[2], model.get_weights()[2])
    with pytest.raises(ValueError, match="do not exist yet"):
        type("Empty", (torchkeras.Model,), {})().save_weights(str(tmp_path / "none"))


@torchkeras.saving.register_keras_serializable("formats")
class Branches(torchkeras.Model):
    """Layers in attributes, lists and dicts, and a variable of its own."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = layers.Dense(3)
        self.more = [layers.Dense(3), layers.BatchNormalization()]
        self.named = {"x": layers.Dense(1), "rnn": layers.LSTM(2)}

    def build(self, input_shape):
        self.scale = self.add_weight(name="factor", shape=(3,), initializer="ones")
        super().build(input_shape)

    def call(self, x):
        x = self.first(x) * self.scale
        for layer in self.more:
            x = layer(x)
        return self.named["x"](x) + self.named["rnn"](x[:, None])[:, :1]


def test_a_subclass_model_finds_its_weights_by_attributes(tmp_path):
    model, other = Branches(), Branches()
    for each in (model, other):
        each(np.ones((2, 4), "float32"))
    model.save_weights(tmp_path / "weights")
    other.load_weights(tmp_path / "weights").assert_consumed()
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_model_without_weights_gets_them_in_its_first_call(tmp_path):
    model, other = Branches(), Branches()
    x = np.ones((2, 4), "float32")
    expected = model.predict(x, verbose=0)
    model.save_weights(tmp_path / "weights")
    status = other.load_weights(tmp_path / "weights").expect_partial()
    np.testing.assert_array_equal(other.predict(x, verbose=0), expected)
    status.assert_consumed()
    compiled = Branches()
    compiled.compile("sgd", "mse")
    compiled.load_weights(tmp_path / "weights")
    loss = compiled.train_on_batch(x, np.zeros((2, 1)))
    model.compile("sgd", "mse")
    np.testing.assert_allclose(loss, model.train_on_batch(x, np.zeros((2, 1))), rtol=1e-6)


def test_what_does_not_fit_changes_nothing(tmp_path):
    build = MODELS["mlp"][0]
    model = build(torchkeras)
    model.save_weights(tmp_path / "weights")
    wider = torchkeras.Sequential([layers.Dense(4, input_shape=(3,)), layers.Dense(5)])
    before = wider.get_weights()
    with pytest.raises(ValueError, match="shape mismatch: weight dense_.*/kernel"):
        wider.load_weights(tmp_path / "weights")
    with pytest.raises(ValueError, match="by_name"):
        model.load_weights(tmp_path / "weights", by_name=True)
    for one, two in zip(before, wider.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_parts_are_told(tmp_path):
    model = torchkeras.Sequential([layers.Dense(4, input_shape=(3,), name="a")])
    model.save_weights(tmp_path / "weights")
    model.add(layers.Dense(2))
    status = model.load_weights(tmp_path / "weights").expect_partial()
    with pytest.raises(AssertionError, match="has no values for"):
        status.assert_existing_objects_matched()
    with pytest.raises(FileNotFoundError):
        model.load_weights(tmp_path / "nothing")
    assert checkpoint.latest(str(tmp_path / "nowhere")) is None


def test_a_folder_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match="without saved_model.pb"):
        load_model(tmp_path)
    model = MODELS["mlp"][0](torchkeras)
    model.save(tmp_path / "model")
    (tmp_path / "model" / "notes.txt").write_text("mine")
    model.save(tmp_path / "model")
    assert (tmp_path / "model" / "notes.txt").read_text() == "mine"
    with pytest.raises(FileExistsError):
        model.save(tmp_path / "model", overwrite=False)
    with pytest.raises(ValueError, match="signatures"):
        model.save(tmp_path / "model", signatures={})
    for name in ("saved_model.pb", "keras_metadata.pb"):
        good = (tmp_path / "model" / name).read_bytes()
        for size in range(1, len(good), len(good) // 40 + 1):
            (tmp_path / "model" / name).write_bytes(good[:size])
            if name == "keras_metadata.pb":
                with pytest.raises((OSError, ValueError)):
                    load_model(tmp_path / "model")
            else:
                loaded_or_refused(tmp_path / "model")
        (tmp_path / "model" / name).write_bytes(good)
    load_model(tmp_path / "model")


def loaded_or_refused(path):
    try:
        load_model(path)
    except (OSError, ValueError):
        pass


def test_code_in_a_folder_is_refused(tmp_path):
    model = torchkeras.Sequential([layers.Input((2,)), layers.Activation("relu", name="act")])
    model.save(tmp_path / "model")
    path = tmp_path / "model" / "keras_metadata.pb"
    data = path.read_bytes()
    assert data.count(b'"Activation"') == 2
    path.write_bytes(data.replace(b'"Activation"', b'"__lambda__"'))
    with pytest.raises(ValueError, match="code"):
        load_model(tmp_path / "model")


def test_vocabularies_are_found_in_the_tables_of_a_folder(tmp_path):
    """A vocabulary that was adapted is not in the config, but in constants of the graph."""
    texts = np.array([["a b"], ["d c zzz"]], dtype=object)

    def write(keras):
        vectorize = keras.layers.TextVectorization(max_tokens=20, output_sequence_length=4)
        vectorize.adapt(["a b c", "b c", "c d e"])
        model = keras.Sequential(
            [
                keras.Input((1,), dtype="string"),
                vectorize,
                keras.layers.Embedding(20, 3),
                keras.layers.GlobalAveragePooling1D(),
                keras.layers.Dense(1),
            ]
        )
        model.save(str(tmp_path / "theirs"), save_format="tf")
        return {"files": packed(tmp_path / "theirs"), "predicted": model.predict(texts, verbose=0)}

    expected = oracle.ask(write)
    unpacked(expected["files"], tmp_path / "copy")
    model = load_model(tmp_path / "copy", compile=False)
    assert model.layers[0].get_vocabulary()[:4] == ["", "[UNK]", "c", "b"]
    np.testing.assert_allclose(model.predict(texts, verbose=0), expected["predicted"], atol=1e-6)
