"""StringLookup and IntegerLookup beside tf.keras: indices, encodings, adapt, configs, errors."""

import copy
import pickle

import numpy as np
import pytest
import torch

from compat_tests import oracle
from torchkeras import layers
from torchkeras.models import load_model

WORDS = np.array([["b", "zz", "a"], ["a", "a", "déjà"], ["", "[UNK]", "c"]])
NUMBERS = np.array([[12, 99, 5], [5, 5, -3], [0, -1, 36]])
ABC, FIVES = ["a", "b", "c"], [5, 12, 36]
IDF = [0.5, 1.5, 2.5]

STRINGS = [
    dict(vocabulary=ABC),
    dict(vocabulary=tuple(ABC), mask_token=""),
    dict(vocabulary=["", "[UNK]", *ABC], mask_token=""),
    dict(vocabulary=np.array(ABC), num_oov_indices=4, mask_token=""),
    dict(vocabulary=ABC, output_mode="multi_hot"),
    dict(vocabulary=ABC, output_mode="count", mask_token="", num_oov_indices=2),
    dict(vocabulary=ABC, output_mode="count", max_tokens=7, pad_to_max_tokens=True),
    dict(vocabulary=ABC, output_mode="tf_idf", idf_weights=IDF),
    dict(
        vocabulary=["[UNK]", *ABC],
        output_mode="tf-idf",
        idf_weights=[0.3, *IDF],
        max_tokens=6,
        pad_to_max_tokens=True,
    ),
    dict(vocabulary=ABC, oov_token="?", dtype="int32"),
]
INTEGERS = [
    dict(vocabulary=FIVES),
    dict(vocabulary=FIVES, mask_token=0),
    dict(vocabulary=[0, -1, *FIVES], mask_token=0),
    dict(vocabulary=np.array(FIVES), num_oov_indices=3, mask_token=0),
    dict(vocabulary=FIVES, output_mode="binary"),
    dict(vocabulary=FIVES, output_mode="count", mask_token=0, oov_token=-7),
    dict(vocabulary=FIVES, output_mode="tf_idf", idf_weights=IDF),
]
ROWS = [("StringLookup", c, WORDS) for c in STRINGS]
ROWS += [("IntegerLookup", c, NUMBERS) for c in INTEGERS]


def described(layer):
    config = {k: list(v) if hasattr(v, "append") else v for k, v in layer.get_config().items()}
    numbers = ("mask_token", "oov_token")  # numpy's, in tf.keras
    return {k: int(v) if k in numbers and hasattr(v, "item") else v for k, v in config.items()}


@pytest.mark.parametrize("name, config, inputs", ROWS)
def test_lookups_beside_keras(name, config, inputs):
    def ask(keras):
        layer = getattr(keras.layers, name)(**config, name="l")
        told = [t if isinstance(t, str) else int(t) for t in layer.get_vocabulary()]
        return layer(inputs), layer(inputs[0]), told, layer.vocabulary_size(), described(layer)

    whole, row, vocabulary, size, wanted = oracle.ask(ask)
    layer = getattr(layers, name)(**config, name="l")
    again = type(layer).from_config(layer.get_config())
    for one in (layer, again, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        got = one(inputs)
        np.testing.assert_allclose(got.numpy(), whole, rtol=1e-6)
        assert str(got.dtype)[6:] == whole.dtype.name
        np.testing.assert_allclose(one(inputs[0].tolist()).numpy(), row, rtol=1e-6)
        assert one.get_vocabulary() == vocabulary and one.vocabulary_size() == size
    if config.get("vocabulary", True) is not None and isinstance(config.get("vocabulary"), list):
        assert described(layer) == wanted


@pytest.mark.parametrize("shape", [(), (3,), (3, 1)])
def test_one_hot_beside_keras(shape):
    x = WORDS[0].reshape(3, 1) if len(shape) == 2 else WORDS[0] if shape else WORDS[0, 0]
    config = dict(vocabulary=ABC, output_mode="one_hot")
    wanted = oracle.ask(lambda keras: keras.layers.StringLookup(**config)(x))
    np.testing.assert_array_equal(layers.StringLookup(**config)(x).numpy(), wanted)


INVERTED = [
    ("StringLookup", dict(vocabulary=ABC, mask_token="")),
    ("StringLookup", dict(vocabulary=ABC, num_oov_indices=2, oov_token="?")),
    ("IntegerLookup", dict(vocabulary=FIVES, mask_token=0)),
    ("IntegerLookup", dict(vocabulary=FIVES)),
]


@pytest.mark.parametrize("name, config", INVERTED)
def test_inverses_beside_keras(name, config):
    x = np.array([[0, 1, 2], [3, 4, 9]])

    def ask(keras):
        found = np.asarray(getattr(keras.layers, name)(**config, invert=True)(x))
        return found.astype(str).tolist() if found.dtype.kind == "O" else found

    got = getattr(layers, name)(**config, invert=True)(x)
    assert np.asarray(got).tolist() == np.asarray(oracle.ask(ask)).tolist()


RNG = np.random.default_rng(5)
MANY = RNG.choice(list("abcdefgh"), (70, 4), p=np.arange(1, 9) / 36)
ONCE = np.array([RNG.permutation(list("abcdefgh"))[:4] for _ in range(70)])  # tf_idf needs that
COUNTED = RNG.integers(-3, 6, (70, 4))
ADAPTED = [
    ("StringLookup", dict(), MANY),
    ("StringLookup", dict(max_tokens=5, mask_token="h"), MANY),
    ("StringLookup", dict(output_mode="tf_idf"), ONCE),
    ("StringLookup", dict(output_mode="tf_idf", max_tokens=12, pad_to_max_tokens=True), ONCE),
    ("StringLookup", dict(output_mode="tf_idf"), MANY[:, 0]),
    ("StringLookup", dict(output_mode="count", num_oov_indices=2, max_tokens=5), MANY),
    ("IntegerLookup", dict(mask_token=0), COUNTED),
    ("IntegerLookup", dict(output_mode="tf_idf", max_tokens=6), COUNTED[:, :1]),
]


@pytest.mark.parametrize("name, config, data", ADAPTED)
def test_adapt_beside_keras(name, config, data):
    x = data[:5]

    def ask(keras):
        layer = getattr(keras.layers, name)(**config)
        layer.adapt(data)
        told = [t if isinstance(t, str) else int(t) for t in layer.get_vocabulary()]
        return layer(x), told

    wanted, vocabulary = oracle.ask(ask)
    layer = getattr(layers, name)(**config)
    layer.adapt(data)
    assert layer.is_adapted
    again = layers.deserialize(layers.serialize(layer))  # a config holds what was learned
    for one in (layer, again, copy.deepcopy(layer)):
        assert one.get_vocabulary() == vocabulary
        np.testing.assert_allclose(one(x).numpy(), wanted, rtol=1e-6)
    layer.adapt(data)
    assert layer.get_vocabulary() == vocabulary
    batches = getattr(layers, name)(**config)
    batches.adapt(data[i : i + 32] for i in range(0, 70, 32))
    assert batches.get_vocabulary() == vocabulary


def test_keras_reads_configs_with_learned_vocabularies():
    layer = layers.StringLookup(output_mode="tf_idf")
    layer.adapt(MANY)
    config = layer.get_config()
    wanted = oracle.ask(lambda keras: keras.layers.StringLookup.from_config(config)(MANY[:5]))
    np.testing.assert_allclose(layer(MANY[:5]).numpy(), wanted, rtol=1e-6)


def test_integers_in_a_graph_and_compiled():
    layer = layers.IntegerLookup(vocabulary=FIVES, mask_token=0)
    assert layer(layers.Input((3,), dtype="int64")).shape == (None, 3)
    x = torch.tensor(NUMBERS)
    torch._dynamo.reset()
    compiled = torch.compile(layer, fullgraph=True, backend="eager")
    assert torch.equal(compiled(x), layer(x))


def test_files_of_tokens(tmp_path):
    path = tmp_path / "tokens.txt"
    path.write_text("a\nb\nc\n", encoding="utf-8")
    layer = layers.StringLookup(vocabulary=str(path))
    assert layer.get_vocabulary() == ["[UNK]", *ABC]
    again = layers.StringLookup.from_config(layer.get_config())  # holds the tokens
    assert again.get_vocabulary() == layer.get_vocabulary()
    config = {**layer.get_config(), "vocabulary": str(path)}
    for name in ("StringLookup", "IntegerLookup", "TextVectorization"):
        with pytest.raises(ValueError, match="not opened"):
            layers.deserialize({"class_name": name, "config": config})


ERRORS = [
    (lambda: layers.StringLookup(max_tokens=1), ValueError, "max_tokens"),
    (lambda: layers.StringLookup(pad_to_max_tokens=True), ValueError, "max_tokens"),
    (lambda: layers.StringLookup(num_oov_indices=-1), ValueError, "num_oov_indices"),
    (lambda: layers.StringLookup(invert=True, output_mode="count"), ValueError, "invert"),
    (lambda: layers.StringLookup(idf_weights=[1.0]), ValueError, "idf_weights"),
    (lambda: layers.StringLookup(output_mode="count", sparse=True), ValueError, "sparse"),
    (lambda: layers.StringLookup(dtype="float32"), ValueError, "integer dtype"),
    (lambda: layers.StringLookup(vocabulary=[]), ValueError, "empty"),
    (lambda: layers.StringLookup(vocabulary=["a", "a"]), ValueError, "more than once"),
    (lambda: layers.StringLookup(vocabulary=["a", ""], mask_token=""), ValueError, "mask"),
    (lambda: layers.StringLookup(vocabulary=ABC, max_tokens=3), ValueError, "max_tokens"),
    (lambda: layers.StringLookup(vocabulary=ABC, output_mode="tf_idf"), ValueError, "idf_weights"),
    (lambda: layers.StringLookup(output_mode="count")(WORDS), RuntimeError, "adapt"),
    (lambda: layers.IntegerLookup()(NUMBERS), RuntimeError, "adapt"),
    (lambda: layers.StringLookup(vocabulary=ABC).adapt(WORDS), ValueError, "adapt"),
    (lambda: layers.StringLookup(vocabulary=ABC, num_oov_indices=0)(WORDS), ValueError, "zz"),
    (lambda: layers.IntegerLookup(vocabulary=FIVES, num_oov_indices=0)(NUMBERS), ValueError, "99"),
    (lambda: layers.StringLookup(vocabulary=ABC)(NUMBERS), TypeError, "text"),
    (lambda: layers.StringLookup(vocabulary_size=9)(WORDS), RuntimeError, "set_vocabulary"),
]


@pytest.mark.parametrize("run, kind, told", ERRORS)
def test_errors_name_what_is_wrong(run, kind, told):
    with pytest.raises(kind, match=told):
        run()


def test_an_encoding_keeps_its_size():
    layer = layers.StringLookup(output_mode="count")
    layer.adapt(WORDS)
    with pytest.raises(RuntimeError, match="outputs of size"):
        layer.adapt(MANY)


@pytest.mark.parametrize("mode", ["int", "multi_hot", "tf_idf"])
def test_a_learned_vocabulary_is_read_from_a_keras_file(mode, tmp_path):
    data, path = np.array([[3, 7], [3, 9]]), str(tmp_path / "model.keras")

    def write(keras):
        layer = keras.layers.IntegerLookup(output_mode=mode)
        layer.adapt(data)
        inputs = keras.Input((2,), dtype="int64")
        keras.Model(inputs, layer(inputs), name="model").save(path)
        return [np.fromfile(path, "uint8"), layer(data)]

    content, expected = oracle.ask(write)
    np.asarray(content, "uint8").tofile(path)
    model = load_model(path, compile=False)
    np.testing.assert_allclose(model(torch.tensor(data)), expected, rtol=1e-6)
    model.save(str(tmp_path / "again.keras"))
    again = load_model(str(tmp_path / "again.keras"), compile=False)
    np.testing.assert_allclose(again(torch.tensor(data)), expected, rtol=1e-6)


@pytest.mark.parametrize("kind", ["StringLookup", "IntegerLookup", "TextVectorization"])
def test_assets_and_variables_of_keras_files(kind, tmp_path):
    """What tf.keras writes beside a config restores a layer, and the other way round."""
    data = np.array([[3, 7], [3, 9]]) if kind == "IntegerLookup" else np.array(["a b", "a c"])

    def write(keras_layers, folder):
        layer = getattr(keras_layers, kind)(output_mode="tf_idf")
        layer.adapt(data)
        store = {}
        getattr(layer, "_lookup_layer", layer).save_own_variables(store)
        layer.save_assets(str(folder))
        text = (folder / "vocabulary.txt").read_text()
        return [text, np.asarray(store["idf_weights"]), layer.get_vocabulary()]

    text, weights, vocabulary = oracle.ask(lambda keras: write(keras.layers, tmp_path))
    (tmp_path / "vocabulary.txt").write_text(text)
    for order in ("load_assets", "load_own_variables"):
        layer = getattr(layers, kind)(output_mode="tf_idf")
        if order == "load_own_variables":
            layer.load_own_variables({"idf_weights": weights})
        layer.load_assets(str(tmp_path))
        if order == "load_assets":
            layer.load_own_variables({"idf_weights": weights})
        assert [str(token) for token in layer.get_vocabulary()] == [str(t) for t in vocabulary]
        learned = getattr(layers, kind)(output_mode="tf_idf")
        learned.adapt(data)
        torch.testing.assert_close(layer(data), learned(data))
    (tmp_path / "own").mkdir()
    found = write(layers, tmp_path / "own")
    assert found[0] == text
    np.testing.assert_allclose(found[1], weights, rtol=1e-6)
