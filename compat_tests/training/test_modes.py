"""The same model trains to the same losses however its steps run."""

import copy
import pickle
import shutil

import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import callbacks, config, layers

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(70, 6)).astype("float32"), RNG.integers(0, 3, 70)

MODES = {
    "run_eagerly": {"run_eagerly": True},
    "jit_compile": {"jit_compile": True},
    "auto": {"jit_compile": "auto"},
    "several a call": {"steps_per_execution": 3},
    "several compiled": {"steps_per_execution": 3, "jit_compile": True},
}


@pytest.fixture
def backend():
    config.set_jit_backend("inductor" if shutil.which("g++") else "eager")
    yield
    config.set_jit_backend("inductor")
    torch._dynamo.reset()


class Look(callbacks.Callback):
    """Keeps `predict` from joining batches."""

    def on_predict_batch_end(self, batch, logs=None):
        pass


def results(**given):
    torchkeras.utils.set_random_seed(5)
    model = torchkeras.Sequential(
        [
            layers.Input((6,)),
            layers.Dense(8, activation="relu"),
            layers.BatchNormalization(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], **given)
    history = model.fit(X, Y, 16, epochs=3, verbose=0, validation_data=(X, Y)).history
    joined, apart = model.predict(X, 8, 0), model.predict(X, 8, 0, callbacks=[Look()])
    np.testing.assert_allclose(joined, apart, rtol=1e-5, atol=1e-6)
    return [*history.values(), model.evaluate(X, Y, verbose=0), joined.ravel()]


@pytest.fixture(scope="module")
def expected():
    return results()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # torch's own
def test_many_compiled_models():
    """torch.compile gives up on code that was compiled 8 times, in all 256 times, whichever model
    it was for; copies and pickles go without what was compiled."""
    config.set_jit_backend("eager")
    few = torch._dynamo.config.patch(cache_size_limit=2, accumulated_cache_size_limit=3)
    try:
        for units in range(1, 6):
            model = torchkeras.Sequential([layers.Dense(units, input_shape=(6,)), layers.Dense(1)])
            model.compile("sgd", "mse", jit_compile=True)
            with few:
                model.fit(X[:32], Y[:32], 32, verbose=0)
        for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            other.fit(X[:32], Y[:32], 32, verbose=0)
            assert other._graph_compiled
    finally:
        config.set_jit_backend("inductor")
        torch._dynamo.reset()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # torch's own
def test_hooks_of_a_compiled_model_run_in_python(backend):
    """Which may read numbers, where what is compiled may not."""
    seen = []
    model = torchkeras.Sequential([layers.Dense(1, input_shape=(6,))])
    model.compile("sgd", "mse", jit_compile=True)
    model.register_forward_hook(lambda module, inputs, outputs: seen.append(float(outputs.sum())))
    config.set_jit_backend("eager")
    model.fit(X[:32], Y[:32], 16, verbose=0)
    assert len(seen) == 2 and model._graph_compiled


def test_a_model_of_texts_is_not_compiled():
    vocabulary = layers.StringLookup(vocabulary=["a", "b"], output_mode="multi_hot")
    model = torchkeras.Sequential(
        [layers.Input((1,), dtype="string", name="words"), vocabulary, layers.Dense(1)],
        name="reads",
    )
    model.compile("sgd", "mse", jit_compile=True)
    with pytest.raises(ValueError, match='"reads" takes texts, which torch.compile cannot'):
        model.fit(np.array([["a"], ["b"]]), np.zeros((2, 1)), verbose=0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # torch's own
def test_added_losses_are_compiled():
    """What a graph computes beside its outputs is of this step, and of no step before."""
    config.set_jit_backend("eager")
    try:
        found = []
        for jit in (None, True):
            x = layers.Input((6,))
            y = layers.Dense(3, kernel_initializer="ones")(x)
            model = torchkeras.Model(x, layers.Dense(1, kernel_initializer="ones")(y))
            model.add_loss(0.1 * torch.mean(y**2))
            model.add_metric(torch.mean(y), name="level")
            model.compile("sgd", "mse", jit_compile=jit)
            found.append(model.fit(X[:64], Y[:64], 16, 2, verbose=0, shuffle=False).history)
        for key, values in found[0].items():
            np.testing.assert_allclose(found[1][key], values, rtol=1e-5, err_msg=key)
        assert found[0]["level"][0] != found[0]["level"][1]
    finally:
        config.set_jit_backend("inductor")
        torch._dynamo.reset()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # torch's own
@pytest.mark.parametrize("mode", MODES)
def test_losses_are_the_same(mode, expected, backend):
    for found, known in zip(results(**MODES[mode]), expected, strict=True):
        np.testing.assert_allclose(found, known, rtol=1e-4, atol=1e-5)
