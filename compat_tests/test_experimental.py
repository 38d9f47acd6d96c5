"""`keras.experimental` and `keras.models.experimental` train and are described as tf_keras'."""

import numpy as np
import pytest

import torchkeras
from compat_tests import oracle
from compat_tests.checks.model import fill
from torchkeras import experimental, layers
from torchkeras.models.experimental import SharpnessAwareMinimization

RNG = np.random.default_rng(3)
X = RNG.normal(size=(24, 3)).astype("float32")
OTHER = RNG.normal(size=(24, 2)).astype("float32")
Y = RNG.normal(size=(24, 1)).astype("float32")
BOTH = RNG.normal(size=(24, 2)).astype("float32")
WEIGHTS = RNG.uniform(0.2, 2, size=24).astype("float32")


def dnn(keras):
    kinds = keras.layers
    return keras.Sequential([kinds.Dense(4, activation="tanh"), kinds.Dense(1)], name="dnn")


def linear(keras, **arguments):
    return keras.experimental.LinearModel(name="linear", **arguments)


def wide_deep(keras, activation=None):
    wide = linear(keras, kernel_regularizer="l2")
    return keras.experimental.WideDeepModel(wide, dnn(keras), activation, name="both")


def sharpness(keras, *between, **arguments):
    kinds = keras.layers
    first = kinds.Dense(4, activation="tanh", input_shape=(3,), kernel_regularizer="l2")
    inner = keras.Sequential([first, *between, kinds.Dense(1)])
    return keras.models.experimental.SharpnessAwareMinimization(inner, name="sam", **arguments)


CASES = {
    "linear": (linear, X, Y, "sgd"),
    "linear, a list": (lambda k: linear(k, units=2, activation="tanh"), [X, OTHER], BOTH, "adam"),
    "linear, a dictionary": (
        lambda k: linear(k, units=2, kernel_regularizer="l2", bias_regularizer="l1"),
        {"b": X, "a": OTHER},
        BOTH,
        "sgd",
    ),
    "linear, no bias": (lambda k: linear(k, use_bias=False), X, Y, "rmsprop"),
    "wide and deep": (wide_deep, [X, OTHER], Y, ["sgd", "adam"]),
    "wide and deep, one optimizer": (wide_deep, [X, OTHER], Y, "adam"),
    "wide and deep, one input": (lambda k: wide_deep(k, "sigmoid"), X, Y, ["ftrl", "adagrad"]),
    "sharpness": (sharpness, X, Y, "sgd"),
    "sharpness, splits": (lambda k: sharpness(k, rho=0.3, num_batch_splits=4), X, Y, "adam"),
}


def train(keras, build, x, y, optimizer):
    keras.backend.clear_session()
    model = build(keras)
    model.compile(optimizer, "mse", metrics=["mae"], weighted_metrics=["mse"])
    model.predict(x, verbose=0)
    fill(model)
    settings = {"batch_size": 8, "shuffle": False, "verbose": 0}
    weights = None if model.name == "sam" else WEIGHTS
    history = model.fit(x, y, epochs=2, sample_weight=weights, **settings).history
    return {
        "history": history,
        "names": [weight.name for weight in model.weights],
        "weights": model.get_weights(),
        "predicted": model.predict(x, verbose=0),
    }


@pytest.mark.parametrize("case", CASES)
def test_training(case):
    expected = oracle.ask(lambda keras: train(keras, *CASES[case]))
    found = train(torchkeras, *CASES[case])
    assert found["names"] == expected["names"]
    assert list(found["history"]) == list(expected["history"])
    close = {"rtol": 1e-4, "atol": 1e-5}
    for name, values in expected["history"].items():
        np.testing.assert_allclose(found["history"][name], values, **close, err_msg=name)
    np.testing.assert_allclose(found["predicted"], expected["predicted"], **close)
    for ours, theirs in zip(found["weights"], expected["weights"], strict=True):
        np.testing.assert_allclose(ours, theirs, **close)


def test_training_changes_both_parts():
    model = wide_deep(torchkeras)
    model.compile(["sgd", "adam"], "mse")
    model.predict([X, OTHER], verbose=0)
    fill(model)
    before = model.get_weights()
    model.fit([X, OTHER], Y, verbose=0)
    after = model.get_weights()
    assert all(np.any(old != new) for old, new in zip(before, after, strict=True))
    assert [int(one.iterations) for one in model.optimizer] == [1, 1]


@pytest.mark.parametrize(
    "make",
    [
        lambda k: linear(k, units=3, activation="relu", kernel_regularizer="l2"),
        lambda k: wide_deep(k, "sigmoid"),
        lambda k: sharpness(k, rho=0.2),
    ],
)
def test_config(make):
    def describe(keras):
        keras.backend.clear_session()
        model = make(keras)
        return keras.saving.serialize_keras_object(model)

    theirs, model = oracle.ask(describe), make(torchkeras)
    ours = torchkeras.saving.serialize_keras_object(model)
    assert {k: ours[k] for k in ("module", "class_name")} == {
        k: theirs[k] for k in ("module", "class_name")
    }
    assert theirs["config"].keys() <= ours["config"].keys()
    for made in (ours, theirs):
        again = torchkeras.saving.deserialize_keras_object(made)
        assert type(again) is type(model)
    again = type(model).from_config(model.get_config())
    assert again.get_config() == model.get_config()


@pytest.mark.parametrize("case", CASES)
def test_files(case, tmp_path):
    build, x, y, optimizer = CASES[case]
    model = build(torchkeras)
    model.compile(optimizer, "mse")
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    again = torchkeras.models.load_model(tmp_path / "model.keras")
    assert np.array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    for one in (model, again):  # the states of the optimizers went along
        one.fit(x, y, shuffle=False, verbose=0)
    for ours, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@torchkeras.saving.register_keras_serializable("compat")
class Grown(torchkeras.Model):
    """A subclass whose layers learn their shapes from the first call."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units, self.dense = units, layers.Dense(units)

    def call(self, inputs):
        return self.dense(inputs)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def test_file_of_a_subclass_is_built_before_it_is_read(tmp_path):
    model = Grown(2)
    expected = model.predict(X, verbose=0)
    model.save(tmp_path / "model.keras")
    again = torchkeras.models.load_model(tmp_path / "model.keras")
    assert np.array_equal(again.predict(X, verbose=0), expected)


def test_sharpness_trains_in_inference_mode():
    """As 2.15 does; later releases of tf_keras have another rule."""
    norm = layers.BatchNormalization()
    model = sharpness(torchkeras, norm, layers.Dropout(0.9))
    model.compile("sgd", "mse")
    plain = sharpness(torchkeras, layers.BatchNormalization())
    plain.compile("sgd", "mse")
    plain.set_weights(model.get_weights())
    for one in (model, plain):
        one.fit(X, Y, shuffle=False, verbose=0)
    for ours, theirs in zip(model.get_weights(), plain.get_weights(), strict=True):
        assert np.array_equal(ours, theirs)
    assert np.all(norm.moving_mean.numpy() == 0)


def test_sharpness_puts_weights_back_after_an_error():
    model = sharpness(torchkeras)
    calls = []

    def loss(y_true, y_pred):
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("stopped")
        return (y_true - y_pred) ** 2

    model.compile("sgd", loss)
    before = model.get_weights()
    with pytest.raises(RuntimeError, match="stopped"):
        model.train_on_batch(X, Y)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_errors():
    with pytest.raises(NotImplementedError, match="SequenceFeatures computes TensorFlow's feature"):
        experimental.SequenceFeatures([])
    model = linear(torchkeras)
    model({"a": X, "b": OTHER})
    with pytest.raises(ValueError, match=r"'linear' lack \['b'\]"):
        model({"a": X})
    with pytest.raises(ValueError, match="num_batch_splits .* positive integer"):
        SharpnessAwareMinimization(dnn(torchkeras), num_batch_splits=0)
    model = sharpness(torchkeras, num_batch_splits=5)
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="num_batch_splits=5 .* 8 samples"):
        model.fit(X, Y, batch_size=8, verbose=0)
    with pytest.raises(ValueError, match="one optimizer, or two"):
        wide_deep(torchkeras).compile(["sgd"], "mse")


def test_names():
    schedules = torchkeras.optimizers.schedules
    assert experimental.CosineDecay is schedules.CosineDecay
    assert experimental.CosineDecayRestarts is schedules.CosineDecayRestarts
    assert torchkeras.models.experimental.SharpnessAwareMinimization is SharpnessAwareMinimization
