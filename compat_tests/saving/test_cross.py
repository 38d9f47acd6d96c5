"""Files that torchkeras writes and tf_keras reads, and the other way round."""

import numpy as np
import pytest

import torchkeras
from compat_tests import oracle
from compat_tests.checks.files import (
    MODELS,
    OPTIMIZERS,
    check_alike,
    content,
    continued,
    trained,
)
from torchkeras.models import load_model

CASES = [(model, "adam") for model in MODELS] + [
    ("mlp", name) for name in OPTIMIZERS if name != "adam"
]


@pytest.mark.parametrize("case, optimizer", CASES)
def test_a_file_of_tf_keras_is_read_and_training_goes_on(case, optimizer, tmp_path):
    path, copy = str(tmp_path / "model.h5"), str(tmp_path / "copy.h5")

    def write(keras):
        model = trained(keras, case, optimizer)
        model.save(path)
        return {"file": np.fromfile(path, "uint8"), **continued(model, case)}

    expected = oracle.ask(write)
    np.asarray(expected["file"], "uint8").tofile(path)
    model = load_model(path)
    model.save(copy)
    assert content(copy) == content(path)
    check_alike(continued(model, case), expected)


@pytest.mark.parametrize("case, optimizer", CASES)
def test_tf_keras_reads_a_file_and_training_goes_on(case, optimizer, tmp_path):
    path = str(tmp_path / "model.h5")
    model = trained(torchkeras, case, optimizer)
    model.save(path)
    expected = oracle.ask(lambda keras: continued(keras.models.load_model(path), case))
    check_alike(continued(load_model(path), case), expected)
    check_alike(continued(model, case), expected)


@pytest.mark.parametrize("case", MODELS)
def test_weights_alone_go_both_ways(case, tmp_path):
    path, theirs = str(tmp_path / "ours.h5"), str(tmp_path / "theirs.h5")
    build, x, _, _ = MODELS[case]
    model = trained(torchkeras, case, "adam")
    model.save_weights(path)

    def through(keras):
        keras.backend.clear_session()
        other = build(keras)
        other.load_weights(path)
        other.save_weights(theirs)
        return {"weights": other.get_weights(), "file": np.fromfile(theirs, "uint8")}

    expected = oracle.ask(through)
    np.asarray(expected["file"], "uint8").tofile(theirs)
    assert content(path) == content(theirs)
    torchkeras.backend.clear_session()
    again = build(torchkeras)
    again.load_weights(theirs)
    for one, other, third in zip(
        model.get_weights(), expected["weights"], again.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(one, third)


def test_a_model_saved_before_training_names_its_metrics_as_after(tmp_path):
    path = str(tmp_path / "model.h5")
    build, x, y, settings = MODELS["mlp"]
    model = build(torchkeras)
    model.compile("sgd", **settings)
    model.save(path)
    wanted = {"class_name": "MeanMetricWrapper", "config": {
        "name": "accuracy", "dtype": "float32", "fn": "sparse_categorical_accuracy",
    }}  # fmt: skip
    assert content(path)["/"][0]["training_config"]["metrics"] == [[wanted]]
    loaded = load_model(path)
    assert loaded.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_a_loss_among_the_metrics(ending, tmp_path):
    path = str(tmp_path / f"model.{ending}")
    x, y = np.linspace(0, 1, 12, dtype="float32").reshape(4, 3), np.eye(4, 1, dtype="float32")

    def written(keras):
        model = keras.Sequential([keras.layers.Dense(1, input_shape=(3,))])
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        model.compile("sgd", "mse", metrics=[loss, "mae"])
        model.train_on_batch(x, y)
        model.save(path)
        return model.evaluate(x, y, verbose=0)

    expected = oracle.ask(written)
    found = load_model(path).evaluate(x, y, verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
