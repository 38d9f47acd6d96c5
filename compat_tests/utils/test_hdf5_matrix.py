"""HDF5Matrix: what numpy gives for the same rows, and an array for `fit`."""

import numpy as np
import pytest

import torchkeras
from torchkeras import layers
from torchkeras.utils import HDF5Matrix

h5py = pytest.importorskip("h5py")
ROWS = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
KEYS = [
    0, -1, slice(None), slice(2, 5), slice(-4, None), slice(1, 99, 3), slice(8, 2),
    slice(None, None, -2), [3], [5, 1, 1, -2], np.array([9, 0]), np.array([], int), np.int64(4),
]  # fmt: skip


@pytest.fixture
def path(tmp_path):
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["x"], file["group/y"] = ROWS, ROWS.sum(1, keepdims=True)
    return tmp_path / "data.h5"


@pytest.mark.parametrize("key", KEYS, ids=str)
@pytest.mark.parametrize("normalizer", [None, lambda x: x.astype("float64") * 2])
def test_rows(path, key, normalizer):
    matrix, rows = HDF5Matrix(path, "x", 4, 15, normalizer), ROWS[4:15]
    expected = rows[key] if normalizer is None else normalizer(rows)[key]
    found = matrix[key]
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype == matrix.dtype
    assert (len(matrix), matrix.shape, matrix.ndim, matrix.size) == (11, (11, 3), 2, 33)


@pytest.mark.parametrize("shuffle", [False, True, "batch"])
def test_fit(path, shuffle):
    model = torchkeras.Sequential([layers.Dense(1, input_shape=(3,))])
    model.compile("sgd", "mse")
    x, y = HDF5Matrix(path, "x", end=16), HDF5Matrix(path, "group/y", end=16)
    losses = model.fit(x, y, batch_size=4, epochs=20, shuffle=shuffle, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 2
    np.testing.assert_allclose(
        model.predict(x, verbose=0), model.predict(ROWS[:16], verbose=0), 1e-6, 1e-6
    )


def test_errors(path):
    for make, error, message in (
        (lambda: HDF5Matrix(path, "z"), KeyError, "'z'.*'group', 'x'"),
        (lambda: HDF5Matrix(path, "x", 4, 30), ValueError, "4 to 30.*20"),
        (lambda: HDF5Matrix(path, "x", 4, 9)[5], IndexError, "no row 5.*5 rows"),
    ):
        with pytest.raises(error, match=message):
            make()
