"""TextVectorization beside tf.keras: every way to split, standardize and encode."""

import copy
import pickle

import numpy as np
import pytest

import torchkeras
from compat_tests import oracle
from torchkeras import layers
from torchkeras.registry import register_keras_serializable

TEXTS = np.array(
    [
        "The quick, BROWN fox!",
        "the  lazy\tdog -- isn't (quick)\n",
        "",
        "ÀÉ déjà-vu THE\u00a0fox; the_dog [x]\\y",
        "fox fox fox dog",
    ]
)
VOCABULARY = ["the", "fox", "dog", "quick", "isnt", "the fox", "f", "o"]
IDF = [0.5, 1.5, 2.5, 1.0, 0.1, 3.0, 2.0, 0.2]
CONFIGS = [
    dict(),
    dict(output_sequence_length=3),
    dict(output_sequence_length=9),
    dict(standardize=None),
    dict(standardize="lower"),
    dict(standardize="strip_punctuation", split="character"),
    dict(split="character"),
    dict(ngrams=2),
    dict(ngrams=(2,), output_sequence_length=4),
    dict(output_mode="multi_hot"),
    dict(output_mode="count", ngrams=2),
    dict(output_mode="binary", max_tokens=12, pad_to_max_tokens=True),
    dict(output_mode="tf_idf", idf_weights=IDF),
    dict(split=None),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_vectorizing_beside_keras(config):
    config = {**config, "vocabulary": VOCABULARY, "name": "v"}

    def ask(keras):
        layer = keras.layers.TextVectorization(**config)
        described = {k: list(v) if k == "vocabulary" else v for k, v in layer.get_config().items()}
        described["idf_weights"] = list(described["idf_weights"] or [])
        column = TEXTS[:, None]
        return layer(TEXTS), layer(column), layer.get_vocabulary(), described

    flat, column, vocabulary, described = oracle.ask(ask)
    layer = layers.TextVectorization(**config)
    again = layers.deserialize(layers.serialize(layer))
    for one in (layer, again, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        got = one(TEXTS)
        np.testing.assert_allclose(got.numpy(), flat, rtol=1e-6)
        assert str(got.dtype)[6:] == flat.dtype.name
        np.testing.assert_allclose(one(TEXTS[:, None].tolist()).numpy(), column, rtol=1e-6)
        assert one.get_vocabulary() == vocabulary
    ours = layer.get_config()
    ours["idf_weights"] = list(ours["idf_weights"] or [])
    ours["ngrams"] = described["ngrams"] = list(np.atleast_1d(ours["ngrams"]))
    assert ours == described


def test_one_text_beside_keras():
    config = dict(vocabulary=VOCABULARY)

    def ask(keras):
        import tensorflow as tf

        layer = keras.layers.TextVectorization(**config)
        return layer(tf.constant(str(TEXTS[0])))

    layer = layers.TextVectorization(**config)
    np.testing.assert_array_equal(layer(str(TEXTS[0])).numpy(), oracle.ask(ask))


RNG = np.random.default_rng(2)
CORPUS = np.array([" ".join(RNG.choice(list("abcdefg"), RNG.integers(1, 9))) for _ in range(80)])
ADAPTED = [
    dict(),
    dict(max_tokens=6, output_sequence_length=5),
    dict(ngrams=2, max_tokens=20),
    dict(split="character"),
    dict(output_mode="tf_idf", max_tokens=9, pad_to_max_tokens=True),
    dict(output_mode="tf_idf"),
    dict(output_mode="count"),
]


@pytest.mark.parametrize("config", ADAPTED)
def test_adapt_beside_keras(config):
    def ask(keras):
        layer = keras.layers.TextVectorization(**config)
        layer.adapt(CORPUS)
        return layer(CORPUS[:7]), layer.get_vocabulary(), layer.vocabulary_size()

    wanted, vocabulary, size = oracle.ask(ask)
    layer = layers.TextVectorization(**config)
    layer.adapt(CORPUS.tolist())
    again = layers.TextVectorization.from_config(layer.get_config())
    for one in (layer, again):
        np.testing.assert_allclose(one(CORPUS[:7]).numpy(), wanted, rtol=1e-6)
        assert one.get_vocabulary() == vocabulary and one.vocabulary_size() == size
    batches = layers.TextVectorization(**config)
    batches.adapt([str(text) for text in CORPUS[i : i + 9]] for i in range(0, 80, 9))
    assert batches.get_vocabulary() == vocabulary


def test_tokens_alone():
    layer = layers.TextVectorization(output_mode=None)
    assert layer(["One, two", "3"]) == [["one", "two"], ["3"]]


@register_keras_serializable()
def shout(texts):
    return np.char.upper(texts.astype(str))


@register_keras_serializable()
def commas(texts):
    return [text.split(",") for text in texts]


def test_functions_of_the_users():
    layer = layers.TextVectorization(standardize=shout, split=commas, vocabulary=["A B", "C"])
    again = layers.deserialize(layers.serialize(layer))
    for one in (layer, again):
        assert one(["a b,c", "b"]).tolist() == [[2, 3], [1, 0]]
    config = {**layer.get_config(), "split": "os.system"}
    with pytest.raises(ValueError, match="register"):
        layers.TextVectorization.from_config(config)


def test_indices_feed_a_model():
    vectorize = layers.TextVectorization(output_sequence_length=4)
    vectorize.adapt(CORPUS)
    model = torchkeras.Sequential(
        [layers.Embedding(vectorize.vocabulary_size(), 3, mask_zero=True), layers.Flatten()]
    )
    assert model(vectorize(CORPUS[:3])).shape == (3, 12)


ERRORS = [
    (lambda: layers.TextVectorization(dtype="int64"), "dtype"),
    (lambda: layers.TextVectorization(standardize="upper"), "standardize"),
    (lambda: layers.TextVectorization(split="sentence"), "split"),
    (lambda: layers.TextVectorization(output_mode="one_hot"), "output_mode"),
    (lambda: layers.TextVectorization(ngrams=("a",)), "ngrams"),
    (lambda: layers.TextVectorization(output_sequence_length=1.5), "output_sequence_length"),
    (
        lambda: layers.TextVectorization(output_sequence_length=3, output_mode="count"),
        "output_sequence_length",
    ),
    (lambda: layers.TextVectorization(ragged=True), "ragged"),
    (lambda: layers.TextVectorization(output_mode="count", sparse=True), "sparse"),
    (lambda: layers.TextVectorization(vocabulary=["a"])([["a", "b"]]), "shape"),
]


@pytest.mark.parametrize("run, told", ERRORS)
def test_errors_name_what_is_wrong(run, told):
    with pytest.raises(ValueError, match=told):
        run()
