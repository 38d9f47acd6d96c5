"""Two runs from one seed are equal bit for bit."""

import os

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import torchkeras
from torchkeras import Sequential, config, layers

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(64, 6, 6, 2)).astype("float32"), RNG.integers(0, 3, 64)


@pytest.fixture(autouse=True)
def deterministic():
    kept = os.environ.get("CUBLAS_WORKSPACE_CONFIG")
    config.enable_op_determinism()
    yield
    torch.use_deterministic_algorithms(False)
    if kept is None:
        del os.environ["CUBLAS_WORKSPACE_CONFIG"]


def loader(workers):
    data = TensorDataset(torch.tensor(X), torch.tensor(Y))
    return DataLoader(data, 16, shuffle=True, num_workers=workers)


def run(source):
    torchkeras.utils.set_random_seed(7)
    model = Sequential(
        [
            layers.Conv2D(4, 3, activation="relu", input_shape=(6, 6, 2)),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.4),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(*source(), epochs=2, verbose=0).history
    return [*model.get_weights(), *model.optimizer.get_weights(), *history.values()]


def arrays():
    return X, Y


SOURCES = {
    "arrays": (arrays, arrays),
    "loaders": (lambda: (loader(0),), lambda: (loader(0),)),
    "loaders with other workers": (lambda: (loader(0),), lambda: (loader(2),)),
}


@pytest.mark.parametrize("case", SOURCES)
def test_bitwise(case):
    one, other = map(run, SOURCES[case])
    assert torch.are_deterministic_algorithms_enabled()
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)
