"""pad_sequences against tf.keras."""

import numpy as np
import pytest

from compat_tests import oracle
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
