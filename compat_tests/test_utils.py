"""The helpers of keras.utils against tf.keras."""

import numpy as np
import pytest
import torch

import torchkeras
from compat_tests import oracle
from torchkeras import utils

LABELS = {
    "scalar": (3, {}),
    "row": ([0, 2, 1], {}),
    "column": ([[1], [0]], {}),
    "one element": ([[3]], {"num_classes": 5}),
    "matrix": ([[0, 1], [2, 1]], {}),
    "last axis of one": ([[[1], [0]]], {"num_classes": 3}),
    "floats are cut": ([0.2, 1.9], {}),
    "booleans": ([True, False], {}),
    "dtype": ([0, 1], {"dtype": "int8"}),
    "float64": (np.array([1, 0], "uint8"), {"num_classes": 3, "dtype": np.float64}),
    "empty": ([], {"num_classes": 3}),
}


@pytest.mark.parametrize("name", ["to_categorical", "to_ordinal"])
@pytest.mark.parametrize("case", LABELS)
def test_labels(case, name):
    y, arguments = LABELS[case]
    expected = oracle.ask(lambda keras: getattr(keras.utils, name)(y, **arguments))
    found = getattr(utils, name)(y, **arguments)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ["to_categorical", "to_ordinal"])
@pytest.mark.parametrize("y, arguments", [([-1, 1], {}), ([0, 3], {"num_classes": 3}), ([], {})])
def test_labels_out_of_range(y, arguments, name):
    with pytest.raises(ValueError, match="`y`"):
        getattr(utils, name)(y, **arguments)


def test_labels_in_a_tensor():
    assert utils.to_categorical(torch.tensor([1, 0])).tolist() == [[0, 1], [1, 0]]


ARRAYS = {
    "row": (np.arange(4.0), {}),
    "matrix": (np.arange(6).reshape(2, 3), {}),
    "first axis": (np.arange(6.0).reshape(2, 3), {"axis": 0}),
    "first norm": (np.ones((2, 3, 4), "float32"), {"axis": 1, "order": 1}),
    "largest": (np.arange(6.0).reshape(2, 3), {"order": np.inf}),
    "zeros": (np.zeros((2, 2)), {}),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_normalize(case):
    x, arguments = ARRAYS[case]
    expected = oracle.ask(lambda keras: keras.utils.normalize(x, **arguments))
    found = utils.normalize(x, **arguments)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_array_equal(found, expected)


PACKED = [(1,), ([1],), ((1,),), (1, 2), (1, 2, 3), (1, None, 3), ({"a": 1},), ([1, 2], 3)]


def shown(value):
    return repr(value)  # types too


@pytest.mark.parametrize("arguments", PACKED, ids=repr)
def test_pack(arguments):
    expected = oracle.ask(lambda keras: shown(keras.utils.pack_x_y_sample_weight(*arguments)))
    assert shown(utils.pack_x_y_sample_weight(*arguments)) == expected


@pytest.mark.parametrize("data", [1, [1, 2], (1,), (1, 2), (1, 2, 3), [[1, 2]], {"a": 1}], ids=repr)
def test_unpack(data):
    expected = oracle.ask(lambda keras: shown(keras.utils.unpack_x_y_sample_weight(data)))
    assert shown(utils.unpack_x_y_sample_weight(data)) == expected


@pytest.mark.parametrize("data", [(), (1, 2, 3, 4)])
def test_unpack_wrong_length(data):
    with pytest.raises(ValueError, match=f"tuple of {len(data)}"):
        utils.unpack_x_y_sample_weight(data)


def test_custom_objects_are_those_of_the_registry():
    with utils.CustomObjectScope({"twice": abs}):
        assert utils.get_registered_object("twice") is abs
    assert utils.get_registered_object("twice") is None


def test_objects_as_configs_of_before():
    def told(keras):
        legacy = keras.utils.legacy
        objects = [keras.initializers.Constant(2.0), keras.optimizers.SGD(0.5), None]
        found = [legacy.serialize_keras_object(one) for one in objects]
        known = {"SGD": keras.optimizers.SGD, "relu": keras.activations.relu}
        again = legacy.deserialize_keras_object(found[1], known)
        named = legacy.deserialize_keras_object("relu", known)
        return [found[0], float(again.learning_rate), named is known["relu"], found[2]]

    assert told(torchkeras) == oracle.ask(told)
    with pytest.raises(ValueError, match="Unknown loss: 'nothing'"):
        torchkeras.utils.legacy.deserialize_keras_object("nothing", {}, {}, "loss")
