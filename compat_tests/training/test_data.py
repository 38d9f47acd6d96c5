"""Where batches come from: arrays, tensors, nestings, and anything that yields batches."""

import random
import warnings

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import torchkeras
from compat_tests import oracle
from torchkeras import Sequential, layers

X = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
Y = X @ np.array([[1.0], [-2.0], [3.0]], "float32")


def linear(keras=torchkeras):
    keras.backend.clear_session()
    model = keras.Sequential([keras.layers.Dense(1, input_shape=(3,), kernel_initializer="ones")])
    model.compile("sgd", "mse")
    return model


def losses(source, **fit):
    fit = {"epochs": 2, "shuffle": False, "verbose": 0, **fit}
    return linear().fit(source, **fit).history["loss"]


def batches():
    while True:
        for start in range(0, 20, 8):
            yield X[start : start + 8], Y[start : start + 8]


class Pairs(torch.utils.data.Dataset):
    """Batches by index, as keras.utils.Sequence gives them."""

    def __len__(self):
        return 3

    def __getitem__(self, i):
        if i >= 3:
            raise IndexError
        return X[8 * i : 8 * i + 8], Y[8 * i : 8 * i + 8]


SOURCES = {
    "generator": (batches, {"steps_per_epoch": 3}),
    "list of tensors from a DataLoader": (
        lambda: DataLoader(TensorDataset(torch.tensor(X), torch.tensor(Y)), batch_size=8),
        {},
    ),
    "batches by index": (Pairs, {}),
    "tensors": (lambda: torch.tensor(X), {"y": torch.tensor(Y), "batch_size": 8}),
    "float64": (lambda: X.astype("float64"), {"y": Y.astype("float16"), "batch_size": 8}),
    "not contiguous": (lambda: X[::-1][::-1], {"y": np.asfortranarray(Y), "batch_size": 8}),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_gives_the_same_batches(kind):
    make, fit = SOURCES[kind]
    expected = losses(X, y=Y, batch_size=8)
    assert losses(make(), **fit) == pytest.approx(expected, rel=1e-3 if kind == "float64" else 1e-6)


def test_a_generator_goes_on_in_the_next_epoch():
    seen = []

    def numbered():
        for i in range(100):
            seen.append(i)
            yield X[:2], Y[:2]

    linear().fit(numbered(), steps_per_epoch=4, epochs=3, verbose=0)
    assert seen == list(range(12))


CASES = {
    "arrays, few steps": {"batch_size": 4, "steps_per_epoch": 2},
    "arrays, many steps": {"batch_size": 4, "steps_per_epoch": 9, "epochs": 3},
    "arrays, steps alone": {"steps_per_epoch": 4},
    "validation steps": {
        "validation_data": (X, Y),
        "validation_batch_size": 4,
        "validation_steps": 2,
    },
    "validation of every second epoch": {"validation_split": 0.25, "validation_freq": 2},
    "validation of chosen epochs": {"validation_split": 0.25, "validation_freq": [1, 3]},
    "initial epoch": {"initial_epoch": 2},
}


@pytest.mark.parametrize("case", CASES)
def test_steps_and_validation_as_tf_keras(case):
    def history(keras):
        model = linear(keras)
        fit = {"epochs": 4, "shuffle": False, "verbose": 0, **CASES[case]}
        found = model.fit(X, Y, **fit)
        return {"history": found.history, "epoch": found.epoch}

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The data ended after 15 batches")
        expected, found = oracle.ask(history), history(torchkeras)
    assert found["epoch"] == expected["epoch"]
    assert list(found["history"]) == list(expected["history"])
    for name, values in expected["history"].items():
        np.testing.assert_allclose(found["history"][name], values, rtol=1e-5)


def test_data_that_ends_early_ends_the_training():
    with pytest.warns(UserWarning, match="ended after 3 batches"):
        history = linear().fit(Pairs(), steps_per_epoch=5, epochs=4, verbose=0)
    assert len(history.epoch) == 1


def test_shuffling_sees_every_sample_once():
    seen = []

    class Note(layers.Layer):
        def call(self, x):
            seen.append(x[:, 0])
            return x

    model = Sequential([Note(), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.build((None, 3))
    for shuffle in (True, "batch"):
        seen.clear()
        model.fit(X, Y, batch_size=6, shuffle=shuffle, verbose=0)
        drawn = torch.cat(seen)
        assert not torch.equal(drawn, torch.tensor(X[:, 0]))
        assert torch.equal(drawn.sort().values, torch.tensor(X[:, 0]).sort().values)


def test_arrays_are_not_changed_and_read_only_ones_are_taken():
    x, y = X.copy(), Y.copy()
    x.flags.writeable = False
    linear().fit(x, y, verbose=0)
    np.testing.assert_array_equal(x, X)


def test_predictions_in_the_nesting_of_the_outputs():
    inputs = layers.Input((3,))
    model = torchkeras.Model(inputs, {"a": layers.Dense(1)(inputs), "b": inputs})
    outputs = model.predict(X, batch_size=7, verbose=0)
    assert {key: value.shape for key, value in outputs.items()} == {"a": (20, 1), "b": (20, 3)}
    np.testing.assert_array_equal(outputs["b"], X)
    assert linear().predict_on_batch(X).shape == (20, 1)


def test_on_batch_methods():
    model = linear()
    first = model.train_on_batch(X, Y)
    assert model.test_on_batch(X, Y) < first
    assert list(model.train_on_batch(X, Y, return_dict=True)) == ["loss"]
    before = model.get_weights()
    assert model.train_on_batch(X, Y, class_weight=None, sample_weight=np.zeros(20)) == 0
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


class Numbered:
    """What a `Sequence` is asked for, in tf.keras or here."""

    def __init__(self, keras):
        class Batches(keras.utils.Sequence):
            def __len__(self):
                return 4

            def __getitem__(self, index):
                seen.append(index)
                return X[:2], Y[:2]

            def on_epoch_end(self):
                seen.append("end")

        seen = self.seen = []
        self.batches = Batches()


SEQUENCES = {
    "shuffled": lambda model, data, other: model.fit(data, epochs=2, verbose=0),
    "in order": lambda model, data, other: model.fit(data, epochs=2, shuffle=False, verbose=0),
    "validation": lambda model, data, other: model.fit(
        other, validation_data=data, epochs=2, verbose=0
    ),
    "evaluate": lambda model, data, other: model.evaluate(data, verbose=0),
    "predict": lambda model, data, other: model.predict(data, verbose=0),
}


@pytest.mark.parametrize("case", SEQUENCES)
def test_order_of_the_batches_of_a_sequence(case):
    def run(keras):
        random.seed(1)
        data, other = Numbered(keras), Numbered(keras)
        SEQUENCES[case](linear(keras), data.batches, other.batches)
        return data.seen

    assert run(torchkeras) == oracle.ask(run)


def test_a_sequence_begins_anew_in_each_epoch():
    data = Numbered(torchkeras)
    linear().fit(data.batches, epochs=2, steps_per_epoch=2, shuffle=False, verbose=0)
    assert data.seen == [0, 0, 1, "end", 0, 1, "end"]
