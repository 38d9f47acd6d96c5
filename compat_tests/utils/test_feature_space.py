"""FeatureSpace against tf.keras: what it learns, encodes and writes."""

import warnings

import numpy as np
import pytest

import torchkeras
from compat_tests import oracle
from torchkeras.data import Dataset
from torchkeras.utils import FeatureSpace

COLUMNS = {
    "age": [31.0, 4.5, 55.25, 17.0, 8.0, 64.0, 23.5, 40.0],
    "kind": ["cat", "dog", "cat", "cow", "dog", "cat", "hen", "emu"],
    "code": [3, 7, 3, 12, 7, 3, 0, 9],
}
NEW = {"age": [20.0, -3.0], "kind": ["cow", "yak"], "code": [7, 1]}
ONE = {"age": 20.0, "kind": "cow", "code": 7}
TYPES = {
    "floats": {"age": "float"},
    "rescaled": {"age": lambda s: s.float_rescaled(scale=0.5, offset=2.0)},
    "normalized": {"age": "float_normalized"},
    "discretized": {"age": lambda s: s.float_discretized(4)},
    "discretized, int": {"age": lambda s: s.float_discretized(num_bins=3, output_mode="int")},
    "strings": {"kind": "string_categorical"},
    "few strings": {"kind": lambda s: s.string_categorical(max_tokens=3, num_oov_indices=2)},
    "integers": {"code": "integer_categorical"},
    "integers, int": {"code": lambda s: s.integer_categorical(5, output_mode="int")},
    "hashed": {"kind": "string_hashed", "code": "integer_hashed"},
    "hashed in few": {"kind": lambda s: s.string_hashed(5), "code": lambda s: s.integer_hashed(3)},
    "all": {"kind": "string_categorical", "age": "float_normalized", "code": "integer_categorical"},
}
CASES = {
    **{name: (features, {"output_mode": "dict"}) for name, features in TYPES.items()},
    "one vector": (TYPES["all"], {}),
    "crosses": (TYPES["all"], {"crosses": [("kind", "code"), ("code", "kind")]}),
    "small crosses": (TYPES["all"], {"crosses": [("kind", "code")], "crossing_dim": 5}),
    "dictionary": (
        TYPES["all"],
        {"crosses": lambda s: [s.cross(("kind", "code"), 7, "int")], "output_mode": "dict"},
    ),
    "defaults": (
        {"kind": "string_hashed", "age": "float_discretized"},
        {"hashing_dim": 4, "num_discretization_bins": 3},
    ),
}


def made(space, case):
    """The space of a case, in the library whose `FeatureSpace` is given."""
    features, options = CASES[case]

    def settled(told):
        return told(space) if callable(told) else told

    options = {name: settled(told) for name, told in options.items()}
    return space({name: settled(told) for name, told in features.items()}, **options)


def answers(space, dataset, case, columns=lambda given: given):
    """What a space gives that has learned from single rows, in all the ways to ask it."""
    names = list(CASES[case][0])
    built = made(space, case)
    built.adapt(dataset({name: COLUMNS[name] for name in names}))
    found = [built(columns({name: rows[name] for name in names})) for rows in (COLUMNS, NEW, ONE)]
    return {
        "found": found,
        "encoded": _shapes(built.get_encoded_features()),
        "inputs": [[name, str(one.dtype)] for name, one in built.get_inputs().items()],
    }


def _shapes(encoded):
    if isinstance(encoded, dict):
        return [[name, list(one.shape)] for name, one in encoded.items()]
    return list(encoded.shape)


def same(found, expected):
    found, expected = oracle.plain(found), oracle.plain(expected)
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        found, expected = list(found.values()), list(expected.values())
    if isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            same(one, other)
    else:
        assert found.dtype == expected.dtype and found.shape == expected.shape
        np.testing.assert_allclose(found, expected, 1e-5, 1e-6)


@pytest.mark.parametrize("case", CASES)
def test_encodes(case):
    def theirs(keras):
        import tensorflow as tf

        answer = answers(keras.utils.FeatureSpace, tf.data.Dataset.from_tensor_slices, case)
        answer["inputs"] = [[name, dtype[9:-2]] for name, dtype in answer["inputs"]]
        return answer

    expected = oracle.ask(theirs)
    found = answers(FeatureSpace, Dataset.from_tensor_slices, case)
    same(found["found"], expected["found"])
    assert found["encoded"] == expected["encoded"]
    names = [[name, dtype.removeprefix("torch.")] for name, dtype in found["inputs"]]
    assert names == [[name, dtype.strip("<>' ")] for name, dtype in expected["inputs"]]


@pytest.mark.parametrize("case", ["all", "crosses", "dictionary", "discretized"])
def test_files(case, tmp_path):
    """A `.keras` file gives the same space, in tf.keras too, and its files load here."""
    keras = oracle.tf_keras()
    names = list(CASES[case][0])
    columns, new = ({name: rows[name] for name in names} for rows in (COLUMNS, NEW))
    space = made(FeatureSpace, case)
    space.adapt(Dataset.from_tensor_slices(columns).batch(3))
    space.save(tmp_path / "ours.keras")
    again = torchkeras.models.load_model(tmp_path / "ours.keras")
    assert type(again) is FeatureSpace and again.output_mode == space.output_mode
    same(again(new), space(new))
    assert FeatureSpace.from_config(space.get_config()).get_config() == space.get_config()
    if keras is not None:
        import tensorflow as tf

        theirs = made(keras.utils.FeatureSpace, case)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TensorFlow's own, about numpy 2
            theirs.adapt(tf.data.Dataset.from_tensor_slices(columns).batch(3))
        theirs.save(str(tmp_path / "theirs.keras"))
        loaded = torchkeras.models.load_model(tmp_path / "theirs.keras")
        same(loaded(new), theirs(new))


def test_in_a_model():
    """Raw columns to the model that begins with the space, encoded ones to another."""
    layers = torchkeras.layers
    space = made(FeatureSpace, "crosses")
    space.adapt(Dataset.from_tensor_slices(COLUMNS))
    head = layers.Dense(1)
    model = torchkeras.Model(space.get_inputs(), head(space.get_encoded_features()))
    columns = {name: np.array(values)[:, None] for name, values in COLUMNS.items()}
    np.testing.assert_allclose(model.predict(columns, verbose=0), head(space(COLUMNS)).detach())
    model.compile("sgd", "mse")
    assert np.isfinite(model.fit(columns, np.ones((8, 1)), verbose=0).history["loss"][0])
    labelled = Dataset.from_tensor_slices((COLUMNS, np.ones(8))).batch(4)
    trained = torchkeras.Sequential([layers.Dense(1)])
    trained.compile("sgd", "mse")
    trained.fit(labelled.map(lambda x, y: (space(x), y)), verbose=0)
    assert trained.input_shape[-1] == space(COLUMNS).shape[-1]


def test_layers_of_its_own():
    """A feature through the user's layer; the layers stand in `preprocessors` and `crossers`."""

    def run(space, layers, dataset):
        text = layers.TextVectorization(output_mode="tf_idf")
        built = space(
            {"text": space.feature("string", text, "float"), "kind": "string_hashed"},
            crosses=[("kind", "kind")],
        )
        columns = {"text": ["a b", "b c", "c"], "kind": ["x", "y", "x"]}
        built.adapt(dataset(columns))
        names = sorted(built.preprocessors), list(built.crossers), built.preprocessors["text"].name
        assert built.preprocessors["text"] is text
        return {"found": built(columns), "names": names[:2]}

    def theirs(keras):
        import tensorflow as tf

        space = keras.utils.FeatureSpace
        return run(space, keras.layers, tf.data.Dataset.from_tensor_slices)

    expected = oracle.ask(theirs)
    found = run(FeatureSpace, torchkeras.layers, Dataset.from_tensor_slices)
    same(found["found"], expected["found"])
    assert oracle.plain(found["names"]) == expected["names"]


def _adapted(features, **options):
    space = FeatureSpace(features, **options)
    space.adapt(Dataset.from_tensor_slices({name: COLUMNS[name] for name in features}))
    return space


WRONG = {
    "nothing": (lambda: FeatureSpace({}), "at least one column"),
    "a kind": (lambda: FeatureSpace({"age": "double"}), "'age'.*'double'"),
    "output": (lambda: FeatureSpace({"age": "float"}, output_mode="list"), "concat, dict.*'list'"),
    "encoding": (lambda: FeatureSpace.string_hashed(3, output_mode="hot"), "'hot'"),
    "cross": (lambda: FeatureSpace({"age": "float"}, crosses=[("age", "x")]), r"\['x'\]"),
    "no dimension": (
        lambda: FeatureSpace({"code": "integer_hashed"}, crosses=[("code",)], crossing_dim=0),
        "crossing_dim",
    ),
    "early": (lambda: FeatureSpace({"kind": "string_categorical"})(COLUMNS), r"adapt.*'kind'"),
    "data": (lambda: FeatureSpace({"kind": "string_categorical"}).adapt(COLUMNS), "Dataset.*dict"),
    "call": (lambda: FeatureSpace({"age": "float"})([1.0]), "dictionary.*list"),
    "column": (lambda: FeatureSpace({"age": "float"})({"kind": ["a"]}), r"\['age'\]"),
    "numbers": (
        lambda: _adapted({"code": FeatureSpace.integer_categorical(output_mode="int")}),
        "'code' is int64.*dict",
    ),
    "file": (lambda: FeatureSpace({"age": "float"}).save("space.h5"), ".keras"),
}


@pytest.mark.parametrize("case", WRONG)
def test_errors(case):
    act, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        act()
