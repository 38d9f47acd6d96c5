"""Configs in plain values against those of tf.keras."""

import json

import numpy as np
import pytest
import torch

from compat_tests import oracle
from torchkeras import configs, initializers

VALUES = {
    "array": np.array([[1.0, 2.5]], "float32"),
    "integers": np.array([1, 2], "int64"),
    "number": np.float32(0.5),
    "scalar array": np.array(3),
    "nested": {"axis": [np.int64(1), 2]},
    "text": "abc",
    "none": None,
}


@pytest.mark.parametrize("name", VALUES)
def test_plain(name):
    value = VALUES[name]
    expected = oracle.ask(lambda keras: keras.saving.serialize_keras_object(value))
    written = configs.plain(value)
    assert written == expected
    assert json.loads(json.dumps(written)) == written
    again = configs.from_plain(written)
    if isinstance(value, np.ndarray) and value.ndim:
        np.testing.assert_array_equal(again, value)
        assert again.dtype == value.dtype


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_tensors(dtype):
    written = configs.plain(torch.tensor([1.0, 2.0], dtype=dtype))
    assert written["class_name"] == "__tensor__"
    assert configs.from_plain(written).tolist() == [1.0, 2.0]


def test_what_is_no_object_is_kept():
    for value in (None, "he_normal", {"class_name": "Ones"}):
        assert configs.serialize(initializers.TABLE, value) is value
