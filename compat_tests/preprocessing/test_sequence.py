"""pad_sequences, windows of series and pairs of words against tf.keras."""

import random

import numpy as np
import pytest

from compat_tests import oracle
from torchkeras.preprocessing import sequence
from torchkeras.preprocessing.sequence import pad_sequences

RAGGED = [[1, 2, 3, 4, 5], [], [6], (7, 8)]
VECTORS = [[[1.5, 2.5]], np.arange(6.0).reshape(3, 2), np.zeros((0, 2))]

CASES = {
    "default": (RAGGED, {}),
    "cut before": (RAGGED, {"maxlen": 3}),
    "cut after": (RAGGED, {"maxlen": 3, "truncating": "post"}),
    "fill after": (RAGGED, {"maxlen": 7, "padding": "post", "value": -1}),
    "both after": (RAGGED, {"maxlen": 2, "padding": "post", "truncating": "post"}),
    "float": ([[0.5], [1.25, 2.75]], {"dtype": "float32", "value": 0.5}),
    "floats into int": ([[0.5], [1.25, -2.75]], {}),
    "float64 numbers": (RAGGED, {"dtype": np.float64}),
    "maxlen 0 cut before": (RAGGED, {"maxlen": 0, "truncating": "post"}),
    "vectors": (VECTORS, {"dtype": "float32"}),
    "vectors cut": (VECTORS, {"dtype": "float32", "maxlen": 2, "padding": "post"}),
    "array": (np.arange(12).reshape(3, 4), {"maxlen": 3}),
    "arrays": ([np.arange(3), np.arange(5)], {"maxlen": 4, "dtype": "int64"}),
    "all empty": ([[], []], {"maxlen": 3}),
    "all empty, no maxlen": ([[], []], {}),
}


@pytest.mark.parametrize("case", CASES)
def test_pad_sequences(case):
    sequences, arguments = CASES[case]
    expected = oracle.ask(lambda keras: keras.utils.pad_sequences(sequences, **arguments))
    found = pad_sequences(sequences, **arguments)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def test_strings():
    words = [["a"], ["b", "c"]]
    assert pad_sequences(words, dtype=object, value="-").tolist() == [["-", "a"], ["b", "c"]]


WRONG = {
    "not sized": ((iter([[1]]),), "must have a length"),
    "a number inside": (([[1], 2],), "found 2"),
    "truncating": (([[1]], 2, "int32", "pre", "middle"), "'middle'"),
    "padding": (([[1]], 2, "int32", "middle"), "'middle'"),
    "string value": (([[1]], 2, "int32", "pre", "pre", "x"), "dtype=object"),
    "shapes": (([[[1, 2]], [[1]]],), "sequence 1"),
    "nothing": (([],), "empty"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments(case):
    arguments, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        pad_sequences(*arguments)


GENERATORS = {
    "default": {},
    "sampled": {"sampling_rate": 2, "length": 6},
    "strides": {"stride": 3},
    "part": {"start_index": 5, "end_index": 20},
    "reverse": {"reverse": True},
    "shuffle": {"shuffle": True},
    "one batch": {"batch_size": 50},
}


@pytest.mark.parametrize("kind", ["array", "list", "images"])
@pytest.mark.parametrize("case", GENERATORS)
def test_timeseries(case, kind):
    data = np.arange(60).reshape(30, 2) if kind != "images" else np.arange(120.0).reshape(30, 2, 2)
    data = data.tolist() if kind == "list" else data
    arguments = {"length": 4, "batch_size": 4, **GENERATORS[case]}

    def run(module):
        np.random.seed(3)
        generator = module.TimeseriesGenerator(data, data[:30], **arguments)
        return {
            "length": len(generator),
            "x": [batch[0] for batch in generator],
            "y": [generator[i][1] for i in range(len(generator))],
            "json": generator.to_json(),
        }

    expected = oracle.ask(lambda keras: run(keras.preprocessing.sequence))
    found = oracle.plain(run(sequence))
    assert found["length"] == expected["length"] and found["json"] == expected["json"]
    for name in ("x", "y"):
        for ours, theirs in zip(found[name], expected[name], strict=True):
            np.testing.assert_array_equal(ours, theirs)


GRAMS = {
    "default": {},
    "seed": {"seed": 4},
    "window": {"window_size": 1, "shuffle": False},
    "negatives": {"negative_samples": 2.5, "window_size": 2},
    "no negatives": {"negative_samples": 0},
    "categorical": {"categorical": True},
    "sampled": {"sampling_table": np.linspace(0.1, 1, 12).tolist()},
}


@pytest.mark.parametrize("case", GRAMS)
def test_skipgrams(case):
    words = [3, 0, 5, 11, 7, 7, 0, 1, 2]

    def run(module):
        random.seed(7)
        return module.skipgrams(words, 12, **GRAMS[case])

    expected = oracle.ask(lambda keras: run(keras.preprocessing.sequence))
    assert oracle.plain(run(sequence)) == expected


def test_skipgrams_of_nothing():
    assert sequence.skipgrams([0, 0], 5) == ([], [])


@pytest.mark.parametrize("factor", [1e-5, 1e-2])
def test_sampling_table(factor):
    expected = oracle.ask(
        lambda keras: keras.preprocessing.sequence.make_sampling_table(50, factor)
    )
    np.testing.assert_allclose(sequence.make_sampling_table(50, factor), expected, 1e-12)


def test_timeseries_errors():
    with pytest.raises(ValueError, match="5 and 4"):
        sequence.TimeseriesGenerator(range(5), range(4), 2)
    with pytest.raises(ValueError, match="No window fits"):
        sequence.TimeseriesGenerator(range(5), range(5), 9)
    generator = sequence.TimeseriesGenerator([object()] * 5, range(5), 2)
    with pytest.raises(TypeError, match="`data`"):
        generator.get_config()
