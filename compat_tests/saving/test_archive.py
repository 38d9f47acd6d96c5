"""`.keras` and `.weights.h5`, read and written, beside tf_keras and Keras 3."""

import io
import json
import zipfile

import h5py
import numpy as np
import pytest
import torch

import torchkeras
from compat_tests import oracle
from compat_tests.checks.files import MODELS, OPTIMIZERS, optimizer, trained
from torchkeras.models import load_model

ASK = {2: oracle.ask, 3: oracle.ask_keras3}
CASES = [(version, model, "adam") for version in ASK for model in MODELS if model != "gru v1"]
CASES += [(version, "mlp", name) for version in ASK for name in ("sgd", "rmsprop", "amsgrad")]


def gone_on(model, case):
    """What a model predicts, and its weights after two more steps."""
    _, x, y, _ = MODELS[case]
    predicted = model.predict(x, verbose=0)
    for _ in range(2):
        model.train_on_batch(x, y)
    return {
        "predicted": predicted if isinstance(predicted, list) else [predicted],
        "weights": [np.asarray(weight) for weight in model.get_weights()],
    }


def check_alike(found, expected, tolerance=2e-5):
    for part in expected:
        for one, other in zip(found[part], expected[part], strict=True):
            np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def tolerance(version, case):
    """Keras 3 divides by n where a running variance of tf.keras divides by n - 1."""
    return 1e-3 if (version, case) == (3, "cnn") else 2e-5


@pytest.mark.parametrize("version, case, optimizer_name", CASES)
def test_a_file_of_keras_is_read_and_training_goes_on(version, case, optimizer_name, tmp_path):
    path, weights = str(tmp_path / "model.keras"), str(tmp_path / "model.weights.h5")

    def write(keras):
        model = trained(keras, case, optimizer_name)
        model.save(path)
        model.save_weights(weights)
        files = [np.fromfile(name, "uint8") for name in (path, weights)]
        return {"files": files, **gone_on(model, case)}

    expected = ASK[version](write)
    for name, content in zip((path, weights), expected.pop("files"), strict=True):
        np.asarray(content, "uint8").tofile(name)
    check_alike(gone_on(load_model(path), case), expected, tolerance(version, case))
    other = trained(torchkeras, case, optimizer_name)  # its optimizer has state to be replaced
    other.load_weights(weights)
    check_alike(gone_on(other, case), expected, tolerance(version, case))


@pytest.mark.parametrize("version, case, optimizer_name", CASES)
def test_keras_reads_a_file_and_training_goes_on(version, case, optimizer_name, tmp_path):
    path, weights = str(tmp_path / "model.keras"), str(tmp_path / "model.weights.h5")
    model = trained(torchkeras, case, optimizer_name)
    model.save(path, save_format="keras_v2" if version == 2 else None)
    model.save_weights(weights)

    def read(keras):
        model = keras.models.load_model(path)
        answer = gone_on(model, case)
        model.load_weights(weights)
        return {**answer, "again": [np.asarray(weight) for weight in model.get_weights()]}

    expected = ASK[version](read)
    for one, other in zip(expected.pop("again"), model.get_weights(), strict=True):
        assert np.array_equal(np.sort(one.ravel()), np.sort(other.ravel()))
    check_alike(gone_on(load_model(path), case), expected, tolerance(version, case))
    check_alike(gone_on(model, case), expected, tolerance(version, case))


@pytest.mark.parametrize("case", ["cnn", "two"])
def test_one_file_is_read_by_both(case, tmp_path):
    path = str(tmp_path / "model.keras")
    model = trained(torchkeras, case, "momentum")
    model.save(path)
    expected = model.predict(MODELS[case][1], verbose=0)
    for ask in ASK.values():
        found = ask(lambda keras: keras.models.load_model(path).predict(MODELS[case][1], verbose=0))
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-5)


MORE_OPTIMIZERS = {
    "nadam": {"class_name": "Nadam", "config": {"learning_rate": 0.01}},
    "adamax": {"class_name": "Adamax", "config": {"learning_rate": 0.01}},
    "adamw": {"class_name": "AdamW", "config": {"learning_rate": 0.01}},
    "ftrl": {"class_name": "Ftrl", "config": {"learning_rate": 0.1}},
    "lion": {"class_name": "Lion", "config": {}},
    "adafactor": {"class_name": "Adafactor", "config": {}},
    "average": {"class_name": "SGD", "config": {"momentum": 0.9, "use_ema": True}},
}


@pytest.mark.parametrize("name", MORE_OPTIMIZERS)
def test_the_state_of_every_optimizer_is_that_of_keras_3(name, tmp_path, monkeypatch):
    monkeypatch.setitem(OPTIMIZERS, name, MORE_OPTIMIZERS[name])
    path = str(tmp_path / "model.keras")
    trained(torchkeras, "mlp", name).save(path)

    def state(keras):
        return [np.asarray(v) for v in keras.models.load_model(path).optimizer.variables]

    theirs = oracle.ask_keras3(state)
    with (
        zipfile.ZipFile(path) as archive,
        h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file,
    ):
        ours = [file[f"optimizer/vars/{i}"][()] for i in range(len(file["optimizer/vars"]))]
    assert len(theirs) == len(ours)
    for one, other in zip(theirs, ours, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    assert optimizer(torchkeras, name).get_config()["name"] == MORE_OPTIMIZERS[name]["class_name"]


@pytest.mark.parametrize("ending", [".h5", ".keras", ".weights.h5"])
def test_layers_of_keras_3_that_learned_from_data(ending, tmp_path):
    path, x = str(tmp_path / f"model{ending}"), np.array([[0, 1], [2, 3], [5, 9]], "int32")

    def build(keras):
        layers = keras.layers
        a, b = layers.Input((1,), dtype="int32"), layers.Input((1,), dtype="int32")
        bins = layers.Discretization(num_bins=3, output_mode="one_hot")
        bins.adapt(np.arange(9.0).reshape(9, 1))
        crossed = layers.HashedCrossing(num_bins=5, output_mode="one_hot")([a, b])
        joined = layers.Concatenate()([crossed, bins(a)])
        return keras.Model([a, b], layers.Dense(2)(joined))

    def write(keras):
        model = build(keras)
        model.save_weights(path) if ending == ".weights.h5" else model.save(path)
        return [np.fromfile(path, "uint8"), np.asarray(model([x[:, :1], x[:, 1:]]).detach())]

    content, expected = oracle.ask_keras3(write)
    np.asarray(content, "uint8").tofile(path)
    if ending == ".weights.h5":
        model = build(torchkeras)
        model.load_weights(path)
    else:
        model = load_model(path)
    found = model.predict([x[:, :1], x[:, 1:]], verbose=0)
    np.testing.assert_allclose(found, expected, 1e-5, 1e-6)


class Branches(torchkeras.Model):
    """Layers in attributes before and after 'layers', in a list and in a dict."""

    def __init__(self):
        super().__init__()
        self.zeta = torchkeras.layers.Dense(3)
        self.alpha = torchkeras.layers.Dense(3)
        self.blocks = [torchkeras.layers.Dense(3), torchkeras.layers.LSTM(3)]
        self.heads = {"one": torchkeras.layers.BatchNormalization()}

    def call(self, inputs):
        outputs = self.blocks[0](self.alpha(self.zeta(inputs)))
        return self.blocks[1](self.heads["one"](outputs))


def test_subclass_models_keep_their_weights(tmp_path):
    path = str(tmp_path / "model.weights.h5")
    x = torch.randn(2, 4, 3)
    one, other = Branches(), Branches()
    expected = one(x)
    other(x)
    one.save_weights(path)
    other.load_weights(path)
    assert torch.equal(other(x), expected)


def test_what_is_in_an_archive(tmp_path):
    path = tmp_path / "model.keras"
    trained(torchkeras, "mlp", "adam").save(path)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["metadata.json", "config.json", "model.weights.h5"]
        assert json.loads(archive.read("metadata.json"))["keras_version"] == "2.15.0"
        assert archive.testzip() is None
    assert load_model(path, compile=False).optimizer is None
    without = tmp_path / "without.keras"
    model = load_model(path)
    model.save(without, include_optimizer=False)
    assert load_model(without).optimizer is None
    model.load_weights(path)
    with pytest.raises(ValueError, match="by_name"):
        model.load_weights(path, by_name=True)


def of_keras_2_12(model, file):
    """The weights as 2.12 has them: layers with weights stand twice in its list of layers."""
    counts = {}
    for layer in model.layers:
        kind = torchkeras.names.to_snake_case(type(layer).__name__)
        number = counts.get(kind, -1) + 1
        counts[kind] = number + bool(layer.weights or hasattr(layer, "get_vocabulary"))
        name = f"{kind}_{number}" if number else kind
        group = file.create_group(f"_layer_checkpoint_dependencies/{name}/vars")
        for index, weight in enumerate(layer.get_weights()):
            group[str(index)] = weight
        if hasattr(layer, "get_vocabulary"):
            yield f"_layer_checkpoint_dependencies/{name}/vocabulary.txt", layer.get_vocabulary()
    file.create_group("vars")
    for index, value in enumerate(model.optimizer.get_weights()):
        file[f"optimizer/vars/{index}"] = value


def looking_up():
    """Layers of the same classes with and without weights."""
    layers = torchkeras.layers
    x, y = (layers.Input((2,), dtype="string") for _ in range(2))
    words = [layers.StringLookup(), layers.StringLookup()]
    parts = [layers.Flatten()(layers.Embedding(4, 2)(f(z))) for f, z in zip(words, (x, y))]  # noqa: B905
    z = layers.Concatenate()(parts)
    for _ in range(3):
        z = layers.Dropout(0.0)(layers.Dense(4)(z))
    return torchkeras.Model([x, y], z), words


def test_a_file_of_keras_2_12_numbers_layers_in_its_way(tmp_path):
    data = [np.array([["a", "b"], ["c", "b"]], object)] * 2
    model, words = looking_up()
    for lookup, vocabulary in zip(words, (["a", "b"], ["c", "b"]), strict=True):
        lookup.set_vocabulary(vocabulary)
    model.compile("adam", "mse")
    config = model.to_json()
    for vocabulary in ('["[UNK]", "a", "b"]', '["[UNK]", "c", "b"]'):
        config = config.replace(vocabulary, "null")
    assert config.count("null") > model.to_json().count("null")
    model.fit(data, np.ones((2, 4)), verbose=0)
    with h5py.File(tmp_path / "w.weights.h5", "w") as file:
        assets = list(of_keras_2_12(model, file))
    other, lookups = looking_up()
    for lookup, vocabulary in zip(lookups, (["a", "b"], ["c", "b"]), strict=True):
        lookup.set_vocabulary(vocabulary)
    other.compile("adam", "mse")
    other.optimizer.build(other.trainable_variables)
    other.load_weights(tmp_path / "w.weights.h5")
    expected = model.predict(data, verbose=0)
    np.testing.assert_array_equal(other.predict(data, verbose=0), expected)
    for one, two in zip(model.optimizer.get_weights(), other.optimizer.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("config.json", config)
        archive.write(tmp_path / "w.weights.h5", "model.weights.h5")
        for path, vocabulary in assets:
            archive.writestr(f"assets/{path}", "\n".join(vocabulary))
    loaded = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(data, verbose=0), expected)
