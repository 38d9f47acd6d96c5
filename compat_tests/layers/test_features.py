"""DenseFeatures: the columns that files describe, as tf.keras computes them."""

import numpy as np
import pytest

import torchkeras
from compat_tests import oracle
from torchkeras import layers
from torchkeras.models import load_model

WORDS = np.array(["a", "b", "zz", "a b", "B c", "", "c", "d a"]).reshape(8, 1)
DRAW = np.random.default_rng(2)
X = {
    "word": WORDS,
    "words": np.concatenate([WORDS, WORDS[::-1], WORDS[[5] * 8]], 1),
    "number": DRAW.normal(size=(8, 3)).astype("float32"),
    "scalar": DRAW.normal(size=8).astype("float32"),
    "place": DRAW.integers(0, 6, (8, 1)).astype("int32"),
    "places": np.array([[0, 1, -1], [2, 2, 2], [-1, -1, -1], [3, 0, 3]] * 2, "int64"),
}


def _int64():
    import tensorflow

    return tensorflow.int64


NUMBERS = {
    "numeric": lambda fc: fc.numeric_column("number", shape=(3,)),
    "scalar": lambda fc: fc.numeric_column("scalar"),
    "bucketized": lambda fc: fc.bucketized_column(
        fc.numeric_column("number", shape=(3,)), [-0.5, 0.0, 0.5]),
}  # fmt: skip
KINDS = {
    "bins": NUMBERS["bucketized"],
    "identity": lambda fc: fc.categorical_column_with_identity("places", 4),
    "identity_or_default": lambda fc: fc.categorical_column_with_identity("place", 4, 1),
    "vocabulary": lambda fc: fc.categorical_column_with_vocabulary_list("words", ["b", "a", "zz"]),
    "vocabulary_or_default": lambda fc: fc.categorical_column_with_vocabulary_list(
        "words", ["b", "zz"], default_value=1),
    "vocabulary_or_others": lambda fc: fc.categorical_column_with_vocabulary_list(
        "words", ["b", "zz"], num_oov_buckets=3),
    "integers": lambda fc: fc.categorical_column_with_vocabulary_list("places", [3, 0], _int64()),
    "integers_or_others": lambda fc: fc.categorical_column_with_vocabulary_list(
        "places", [3, 0], num_oov_buckets=2),
    "hashed": lambda fc: fc.categorical_column_with_hash_bucket("words", 7),
    "hashed_integers": lambda fc: fc.categorical_column_with_hash_bucket("places", 7, _int64()),
    "crossed": lambda fc: fc.crossed_column(
        ["word", fc.categorical_column_with_identity("place", 4, 0)], 6),
    "crossed_plain": lambda fc: fc.crossed_column(["word", "place"], 6, hash_key=9),
    "crossed_bins": lambda fc: fc.crossed_column(
        [fc.bucketized_column(fc.numeric_column("scalar"), [0.0]), "word"], 5),
}  # fmt: skip
ENCODED = {f"{name}_encoded": lambda fc, make=make: fc.indicator_column(make(fc))
           for name, make in KINDS.items()}  # fmt: skip
EMBEDDED = {
    f"{name}_{how}": lambda fc, make=KINDS[name], how=how: fc.embedding_column(make(fc), 3, how)
    for name in ("bins", "identity", "vocabulary", "hashed", "crossed")
    for how in ("mean", "sum", "sqrtn")
}
COLUMNS = {**NUMBERS, **ENCODED, **EMBEDDED}


def asked(names):
    """Config, weights and outputs of the layer of tf.keras with some columns."""

    def run(keras):
        import tensorflow as tf

        made = [COLUMNS[name](tf.feature_column) for name in names]
        layer = keras.layers.DenseFeatures(made, name="features")
        features = {key: tf.constant(value) for key, value in X.items()}
        found = layer(features)
        return [layer.get_config(), layer.get_weights(), found, [w.name for w in layer.weights]]

    return oracle.ask(run)


@pytest.mark.parametrize("name", COLUMNS)
def test_columns(name):
    config, weights, expected, _ = asked([name])
    layer = layers.DenseFeatures.from_config(config)
    layer(X)
    layer.set_weights(weights)
    np.testing.assert_allclose(layer(X).detach().numpy(), expected, 1e-6, 1e-6)
    shapes = {key: (None, *value.shape[1:]) for key, value in X.items()}
    assert layer.compute_output_shape(shapes) == (None, *expected.shape[1:])
    assert layer.get_config()["feature_columns"] == config["feature_columns"]


SEVERAL = ["vocabulary_encoded", "numeric", "hashed_mean", "bins_sum", "identity_encoded"]


def test_several_are_in_the_order_of_their_names():
    config, weights, expected, names = asked(SEVERAL)
    layer = layers.DenseFeatures(config["feature_columns"][::-1], name="features")
    layer(X)
    assert [weight.name for weight in layer.weights] == names
    layer.set_weights(weights)
    np.testing.assert_allclose(layer(X).detach().numpy(), expected, 1e-6, 1e-6)


@pytest.mark.parametrize("ending", [".h5", ".keras"])
def test_models_go_through_files(ending, tmp_path):
    config, *_ = asked(SEVERAL)
    dtypes = {"words": "string", "number": "float32", "places": "int64"}
    inputs = {key: layers.Input((3,), dtype=dtype, name=key) for key, dtype in dtypes.items()}
    y = layers.Dense(2)(layers.DenseFeatures.from_config(config)(inputs))
    model = torchkeras.Model(inputs, y)
    model.compile("sgd", "mse")
    x = {key: X[key] for key in dtypes}
    model.fit(x, np.zeros((8, 2)), verbose=0)
    path = str(tmp_path / f"model{ending}")
    model.save(path, save_format="keras_v2" if ending == ".keras" else None)
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose(load_model(path).predict(x, verbose=0), expected, 1e-6)
    found = oracle.ask(lambda keras: keras.models.load_model(path).predict(
        {k: v.astype(object) if k == "words" else v for k, v in x.items()}, verbose=0))  # fmt: skip
    np.testing.assert_allclose(found, expected, 1e-5, 1e-6)


NUMBER = {"class_name": "NumericColumn", "config": {"key": "number", "shape": [3]}}
PLACE = {"class_name": "IdentityCategoricalColumn", "config": {"key": "place", "number_buckets": 2}}
CROSS = {"class_name": "CrossedColumn", "config": {"keys": ["words", "place"],
         "hash_bucket_size": 5}}  # fmt: skip
INDICATED = [
    {"class_name": "IndicatorColumn", "config": {"categorical_column": one}}
    for one in (PLACE, CROSS)
]
REFUSED = {
    "an unknown kind": ({"class_name": "SharedEmbeddingColumn", "config": {}}, X, "not among"),
    "no dictionary": ("number", X, "are dictionaries"),
    "code": ({"class_name": "NumericColumn", "config": {**NUMBER["config"],
              "normalizer_fn": "f"}}, X, "Python code"),
    "a norm": ({"class_name": "EmbeddingColumn", "config": {"categorical_column": PLACE,
                "dimension": 2, "max_norm": 1.0}}, X, "max_norm"),
    "a cross of a cross": ({"class_name": "CrossedColumn", "config": {"keys": ["word", CROSS],
                            "hash_bucket_size": 3}}, X, "Crosses of crosses"),
    "no such feature": (NUMBER, {"place": X["place"]}, "needs the feature 'number'"),
    "no features": (NUMBER, X["number"], "dictionary of features"),
    "another width": (NUMBER, {"number": X["number"][:, :2]}, "has 3 numbers"),
    "a large integer": (INDICATED[0], {"place": np.array([[2]])}, "integers from 0 to 1"),
    "words for numbers": (INDICATED[1], X, "one value each"),
    "floats for integers": (INDICATED[0], {"place": X["number"][:, :1]}, "received dtype float32"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    column, features, message = REFUSED[name]
    with pytest.raises((ValueError, TypeError), match=message):
        layers.DenseFeatures([column])(features)
