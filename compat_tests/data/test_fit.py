"""`fit`, `evaluate` and `predict` on data sets, beside tf.keras on tf.data."""

import numpy as np
import pytest
import torch
from torch.utils.data import IterableDataset, TensorDataset

import torchkeras
from compat_tests import oracle
from torchkeras.data import Dataset, TensorSpec, rows

X = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
Y = X @ np.array([[1.0], [-2.0], [3.0]], "float32")
W = np.linspace(0, 2, 20).astype("float32")


def linear(keras=torchkeras):
    keras.backend.clear_session()
    model = keras.Sequential([keras.layers.Dense(1, input_shape=(3,), kernel_initializer="ones")])
    model.compile("sgd", "mse", weighted_metrics=["mae"])
    return model


def pairs(D):
    return D.from_tensor_slices((X, Y))


FITS = {
    "pairs": (lambda D: pairs(D).batch(8), {}),
    "weights": (lambda D: D.from_tensor_slices((X, Y, W)).batch(8), {}),
    "shuffled": (lambda D: pairs(D).shuffle(20, seed=1).batch(8).prefetch(2), {}),
    "shuffled by function": (
        lambda D: pairs(D).map(lambda x, y: (x, y)).shuffle(9, 3).batch(8),
        {},
    ),
    "mapped": (lambda D: pairs(D).batch(8).map(lambda x, y: (x * 2, y)), {}),
    "repeated": (lambda D: pairs(D).batch(8).repeat(), {"steps_per_epoch": 4}),
    "fewer steps": (lambda D: pairs(D).batch(5).repeat(2), {"steps_per_epoch": 3, "epochs": 2}),
    "as many steps": (lambda D: pairs(D).batch(5), {"steps_per_epoch": 4}),
    "class weights": (
        lambda D: D.from_tensor_slices((X, (Y > 0).astype("float32"))).batch(8),
        {"class_weight": {0: 1.0, 1: 3.0}},
    ),
    "float64": (lambda D: D.from_tensor_slices((X.astype("float64"), Y)).batch(8), {}),
    "generator": (
        lambda D: D.from_generator(
            lambda: zip(X, Y, strict=True), ("float32", "float32"), ((3,), (1,))
        ).batch(8),
        {},
    ),
    "validation": (
        lambda D: pairs(D).batch(8),
        lambda D: {"validation_data": pairs(D).batch(7), "validation_steps": 2},
    ),
}


def _tf_data():
    import tensorflow

    return tensorflow.data.Dataset


@pytest.mark.parametrize("case", FITS)
def test_fit(case):
    make, options = FITS[case]

    def run(keras, D):
        model = linear(keras)
        given = options(D) if callable(options) else options
        history = model.fit(make(D), **{"epochs": 3, "verbose": 0, **given}).history
        evaluated = model.evaluate(pairs(D).batch(6), verbose=0)
        return history, evaluated, model.predict(D.from_tensor_slices(X).batch(7), verbose=0)

    expected = oracle.ask(lambda keras: run(keras, _tf_data()))
    found = oracle.plain(run(torchkeras, Dataset))
    assert list(found[0]) == list(expected[0])
    for name, values in expected[0].items():
        np.testing.assert_allclose(found[0][name], values, rtol=1e-4)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-4)
    np.testing.assert_allclose(found[2], expected[2], rtol=1e-4, atol=1e-6)


def test_slices_are_never_taken_one_by_one(monkeypatch):
    def refused(self):
        raise AssertionError("rows were taken one by one")

    monkeypatch.setattr(rows.Rows, "elements", refused)
    data = pairs(Dataset).shuffle(7).repeat(2).skip(1).take(30).batch(8).repeat(2).prefetch(1)
    model = linear()
    model.fit(data, verbose=0)
    model.predict(Dataset.from_tensor_slices(X).cache().batch(8), verbose=0)
    assert data._rows is None and len(data.sources()) == 2


def test_arrays_of_a_data_set_are_not_copied():
    data = Dataset.from_tensor_slices((X, Y)).shuffle(20).batch(8)
    placed = data.placed(lambda array: array.to("cpu", torch.float32))
    for array, source in zip(placed.sources(), (X, Y), strict=True):
        assert array.data_ptr() == source.ctypes.data
    assert [tuple(batch[0].shape) for batch in placed] == [(8, 3), (8, 3), (4, 3)]


def test_elements_kept_while_predicting_can_be_trained_on():
    data = pairs(Dataset).map(lambda x, y: (x + 1, y)).batch(8).cache()
    model = linear()
    model.predict(data, verbose=0)
    model.fit(data, verbose=0)


def test_an_endless_data_set_needs_steps():
    endless = pairs(Dataset).batch(8).repeat()
    model = linear()
    for act in (model.fit, model.evaluate, model.predict):
        with pytest.raises(ValueError, match="infinite.*steps"):
            act(endless, verbose=0)
    with pytest.warns(UserWarning, match="batch_size=4"):
        model.fit(pairs(Dataset).batch(8), batch_size=4, steps_per_epoch=1)
    with pytest.warns(UserWarning, match="ended after 3 batches"):
        model.fit(pairs(Dataset).batch(8), steps_per_epoch=5, verbose=0)


# --- torch's data sets -----------------------------------------------------------------------


class Samples(IterableDataset):
    def __iter__(self):
        return zip(torch.tensor(X), torch.tensor(Y), strict=True)


TORCH = {
    "TensorDataset": (lambda: TensorDataset(torch.tensor(X), torch.tensor(Y)), {}),
    "TensorDataset with weights": (
        lambda: TensorDataset(*map(torch.tensor, (X, Y, np.ones_like(W)))),
        {},
    ),
    "samples": (lambda: list_dataset(X, Y), {"batch_size": 32}),
    "IterableDataset": (Samples, {"batch_size": 32}),
}


def list_dataset(*arrays):
    class Listed(torch.utils.data.Dataset):
        def __len__(self):
            return len(arrays[0])

        def __getitem__(self, index):
            return tuple(array[index] for array in arrays)

    return Listed()


@pytest.mark.parametrize("case", TORCH)
def test_torch_data_sets(case):
    make, options = TORCH[case]
    expected = linear().fit(X, Y, epochs=2, shuffle=False, verbose=0).history["loss"]
    found = linear().fit(make(), epochs=2, shuffle=False, verbose=0, **options).history["loss"]
    assert found == pytest.approx(expected, rel=1e-6)


# --- what a data set says of itself ----------------------------------------------------------

SPECS = {
    "slices": lambda D: pairs(D),
    "batch": lambda D: pairs(D).batch(4),
    "batch, dropped": lambda D: pairs(D).batch(4, drop_remainder=True),
    "dict": lambda D: D.from_tensor_slices({"x": X, "name": [["a"]] * 20}),
    "map of a batch": lambda D: pairs(D).batch(4).map(lambda x, y: {"x": x * 2, "y": y}),
    "map, then batch": lambda D: pairs(D).map(lambda x, y: x[:2]).batch(4),
    "zip": lambda D: D.zip((D.range(3), D.from_tensor_slices(X).batch(4).unbatch())),
    "unequal": lambda D: (
        D.from_tensor_slices(X)
        .batch(4)
        .concatenate(D.from_tensor_slices(X).batch(4, drop_remainder=True))
    ),
    "enumerate": lambda D: D.range(3).enumerate(),
    "generator": lambda D: D.from_generator(
        lambda: iter(()), ("int64", "string"), ((None, 3), ())
    ).batch(2),
}


@pytest.mark.parametrize("case", SPECS)
def test_element_spec(case):
    def told(spec):
        if isinstance(spec, dict):
            return {key: told(item) for key, item in spec.items()}
        if hasattr(spec, "shape"):
            name = getattr(spec.dtype, "name", None) or str(spec.dtype).removeprefix("torch.")
            return [name, *(-1 if n is None else int(n) for n in spec.shape)]
        return [told(item) for item in spec]

    expected = oracle.ask(lambda keras: told(SPECS[case](_tf_data()).element_spec))
    assert told(SPECS[case](Dataset).element_spec) == expected


WRONG = {
    "lengths": (lambda: Dataset.from_tensor_slices((X, Y[:3])), ValueError, "3, 20"),
    "a number": (lambda: Dataset.from_tensor_slices(3), ValueError, "one axis"),
    "objects": (
        lambda: Dataset.from_tensor_slices(np.array([{}, None])), TypeError, "texts or of numbers"
    ),
    "ragged list": (lambda: Dataset.from_tensors([[1], [1, 2]]), ValueError, "different lengths"),
    "a generator, not a function": (
        lambda: Dataset.from_generator(iter(())), TypeError, "callable"
    ),
    "shape": (
        lambda: list(Dataset.from_generator(lambda: [[1, 2]], "int32", (3,))), TypeError, "(3,)"
    ),
    "parts": (
        lambda: list(
            Dataset.from_generator(
                lambda: [1], output_signature=(TensorSpec((), "int32"), TensorSpec((), "int32"))
            )
        ),
        TypeError,
        "2 parts",
    ),
    "batch size": (lambda: Dataset.range(3).batch(0), ValueError, "batch_size"),
    "batch of unequal": (
        lambda: list(Dataset.range(3).map(lambda n: [0] * int(n)).batch(3)),
        ValueError,
        "padded_batch",
    ),
    "padded, too long": (
        lambda: list(Dataset.from_tensors(X).padded_batch(1, [2, 3])), ValueError, "20 long"
    ),
    "shard": (lambda: Dataset.range(3).shard(2, 2), ValueError, "0 to 1"),
    "buffer": (lambda: Dataset.range(3).shuffle(0), ValueError, "buffer_size"),
    "flat map": (
        lambda: list(Dataset.range(3).flat_map(lambda x: x)), TypeError, "must return a Dataset"
    ),
    "one element": (lambda: Dataset.range(3).get_single_element(), ValueError, "has more"),
    "infinite length": (lambda: len(Dataset.range(3).repeat()), TypeError, "infinite"),
    "no files": (lambda: Dataset.list_files("/nowhere/*.x"), ValueError, "nowhere"),
    "predicate": (
        lambda: list(Dataset.from_tensors(X).filter(lambda x: x > 0)), ValueError, "one truth value"
    ),
    "option": (lambda: setattr(torchkeras.data.Options(), "speed", 1), AttributeError, "speed"),
    "ragged": (lambda: Dataset.range(3).ragged_batch(2), NotImplementedError, "padded_batch"),
    "buckets": (
        lambda: Dataset.range(3).bucket_by_sequence_length(len, [1], [2]), ValueError, "one number"
    ),
    "choice": (
        lambda: list(Dataset.choose_from_datasets([Dataset.range(2)], Dataset.range(3, 4))),
        ValueError,
        "chose 3",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments(case):
    act, kind, message = WRONG[case]
    with pytest.raises(kind) as raised:
        act()
    assert message in str(raised.value)
