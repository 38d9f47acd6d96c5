"""What `Model` offers around its steps: step functions, torch.compile, gathered gradients."""

import copy
import pickle

import numpy as np
import pytest
import torch

import torchkeras
from compat_tests.checks.situations import FIT, X, Y, fill, mlp
from torchkeras import Model, Sequential, config, layers, metrics, optimizers


def trained(model, x=X, y=Y, **fit):
    history = model.fit(x, y, **{**FIT, **fit})
    return [*history.history["loss"], *(float(w.sum()) for w in model.get_weights())]


# --- torch.compile -----------------------------------------------------------------------------


@pytest.fixture
def traced():
    """Graphs are made but run as they are: nothing is compiled to machine code."""
    config.set_jit_backend("eager")
    yield
    config.set_jit_backend("inductor")
    torch._dynamo.reset()


def classifier():
    return Sequential(
        [
            layers.Conv2D(2, 3, activation="relu", input_shape=(6, 6, 2)),
            layers.BatchNormalization(),
            layers.Dropout(0.0),
            layers.Flatten(),
            layers.Dense(1, kernel_regularizer="l2", activity_regularizer="l1"),
        ]
    )


class Subclass(Model):
    def __init__(self):
        super().__init__()
        self.stack = [layers.Dense(4, "tanh"), layers.Dense(1)]

    def call(self, inputs, training=None):
        for layer in self.stack:
            inputs = layer(inputs)
        return inputs


JITTED = {
    "sequential": (lambda: mlp(torchkeras), X),
    "layers that change": (classifier, np.random.default_rng(0).normal(size=(24, 6, 6, 2))),
    "recurrent, masked": (
        lambda: Sequential([layers.Masking(input_shape=(5, 1)), layers.LSTM(3), layers.Dense(1)]),
        X[..., None],
    ),
    "subclass": (Subclass, X),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("case", JITTED)
def test_one_graph(case, traced):
    make, x = JITTED[case]
    results = []
    for jit in (False, True):
        model = make()
        model(torch.tensor(np.asarray(x[:2], "float32")))
        fill(model)
        model.compile("adam", "mse", metrics=["mae"], jit_compile=jit)
        results.append(trained(model, x, validation_split=0.25))
        results[-1] += model.predict(x, 8, 0).ravel().tolist()
        results[-1] += [model.evaluate(x, Y, verbose=0)[1]]
        assert model._graph_compiled == jit
    np.testing.assert_allclose(*results, rtol=1e-5, atol=1e-6)
    model.compile("sgd", "mse")
    assert not model._graph_compiled


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("activation", "loss"),
    [("sigmoid", "binary_crossentropy"), ("softmax", "sparse_categorical_crossentropy")],
)
@pytest.mark.skipif(torch.__version__ < (2, 13), reason="torch.compile traces no attributes")
def test_a_compiled_model_hands_logits_to_its_loss(activation, loss, traced):
    """A probability that rounds to 1 tells neither how wrong it is, nor which way is better."""
    found = []
    for jit in (False, True):
        dense = layers.Dense(1 if activation == "sigmoid" else 3, activation=activation)
        model = Sequential([layers.Input((3,)), dense])
        dense.set_weights([100 * np.ones(dense.kernel.shape), np.arange(dense.units) * 50.0])
        model.compile("sgd", loss, jit_compile=jit)
        model.fit(np.ones((4, 3)), np.zeros((4, 1)), epochs=2, verbose=0)
        found.append([*model.history.history["loss"], *dense.get_weights()[1]])
    np.testing.assert_allclose(*found)
    assert found[0][0] > 50


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("adds", [False, True])
def test_only_a_compiled_model_that_adds_losses_is_asked_for_them(adds, traced):
    class Adding(layers.Layer):
        def call(self, inputs):
            if adds:
                self.add_loss(inputs.square().mean())
            return inputs

    model = Sequential([layers.Input((3,)), Adding(), layers.Dense(1)])
    model.layers[0]._adds_losses = False  # as the call that made the graph has found
    model.compile("sgd", "mse", jit_compile=True)
    expected = model.evaluate(X[:8, :3], Y[:8], verbose=0)
    assert model._adds_losses == adds
    assert len(model.losses) == adds
    model.compile("sgd", "mse")
    assert model.evaluate(X[:8, :3], Y[:8], verbose=0) == pytest.approx(expected, rel=1e-6)


def test_a_graph_has_no_breaks(traced):
    class Breaks(Model):
        def call(self, inputs):
            torch._dynamo.graph_break()
            return inputs

    model = Breaks()
    model(X[:1])
    model.compile("sgd", "mse", jit_compile=True)
    with pytest.raises(torch._dynamo.exc.Unsupported):
        model.evaluate(X, X, verbose=0)


# --- gathered gradients ------------------------------------------------------------------------

MAKERS = {
    "sgd": lambda **k: optimizers.SGD(0.1, momentum=0.9, **k),
    "adam": lambda **k: optimizers.Adam(0.01, **k),
    "clipping, decay": lambda **k: optimizers.AdamW(0.01, weight_decay=0.1, clipnorm=0.2, **k),
    "average": lambda **k: optimizers.SGD(0.1, use_ema=True, ema_momentum=0.0, **k),
}


@pytest.mark.parametrize("name", MAKERS)
def test_gathered_gradients_are_those_of_a_large_batch(name):
    results = []
    for steps, size in ((None, 24), (3, 8)):
        model = mlp(torchkeras)
        fill(model)
        model.compile(MAKERS[name](gradient_accumulation_steps=steps), "mse")
        model.fit(X, Y, size, 4, 0, shuffle=False)
        assert int(model.optimizer.iterations) == 4
        results.append(model.get_weights())
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_gathered_gradients_are_saved_and_checked():
    optimizer = optimizers.SGD(0.5, gradient_accumulation_steps=2)
    assert optimizer.get_config()["gradient_accumulation_steps"] == 2
    w = torch.nn.Parameter(torch.tensor([1.0]))
    optimizer.minimize(lambda: 2 * w.sum(), [w])
    assert w.item() == 1.0 and int(optimizer.iterations) == 0
    state = copy.deepcopy(optimizer.state_dict())
    optimizer.minimize(lambda: 4 * w.sum(), [w])
    assert w.item() == -0.5 and int(optimizer.iterations) == 1
    again = optimizers.SGD(0.5, gradient_accumulation_steps=2)
    v = torch.nn.Parameter(torch.tensor([1.0]))
    again.build([v])
    again.load_state_dict(state)
    again.minimize(lambda: 4 * v.sum(), [v])
    assert v.item() == -0.5
    with pytest.raises(ValueError, match="gradient_accumulation_steps.*1"):
        optimizers.SGD(gradient_accumulation_steps=1)


# --- steps in torch's own style ----------------------------------------------------------------


class ByHand(Subclass):
    """The optimizer is not bound to anything before the first step."""

    style = "step"

    def train_step(self, data):
        x, y = data
        if self.style == "minimize":
            loss = self.compute_loss(y=y, y_pred=self(x))
            self.optimizer.minimize(loss)
            return {"loss": loss}
        self.zero_grad()
        loss = self.compute_loss(x, y, self(x))
        loss.backward()
        if self.style == "step":
            self.optimizer.step()
        elif self.style == "apply":
            weights = list(self.trainable_weights)  # as the guides of Keras 3 on torch write it
            gradients = [v.value.grad for v in weights]
            with torch.no_grad():
                self.optimizer.apply(gradients, weights)
        return {m.name: m.result() for m in self.metrics}


@pytest.mark.parametrize("style", ["step", "minimize", "apply"])
def test_styles_of_steps(style):
    results = []
    for kind in (Subclass, ByHand):
        model = kind()
        model.style = style
        model(X[:1])
        fill(model)
        model.compile("adam", "mse")
        results.append(trained(model)[2 if style == "minimize" else 0 :])
    np.testing.assert_allclose(*results, rtol=1e-5)
    unbuilt = ByHand()
    unbuilt.style = style
    unbuilt.compile("adam", "mse")
    unbuilt.fit(X, Y, **FIT)
    assert int(unbuilt.optimizer.iterations) == 6


# --- the rest ----------------------------------------------------------------------------------


def test_copies_of_a_trained_model():
    model = mlp(torchkeras)
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(X, Y, **FIT)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other.predict(X, verbose=0), model.predict(X, verbose=0))


def test_what_scripts_ask_a_model_for():
    model = mlp(torchkeras)
    model.compile("sgd", "mse", metrics=["mae"])
    assert model.metrics_names == [] and model.compiled_metrics.metrics == []
    assert model.distribute_strategy.num_replicas_in_sync == 1
    with model.distribute_strategy.scope():
        model.fit(X, Y, **FIT)
    assert [m.name for m in model.compiled_loss.metrics] == ["loss"]
    assert [m.name for m in model.compiled_metrics.metrics] == ["mae"]
    assert model.train_function is model.make_train_function()
    assert model.make_train_function(force=True) is model.train_function
    assert float(model.train_function(iter([(torch.tensor(X), torch.tensor(Y))]))["loss"]) > 0


@pytest.mark.parametrize("steps", [0, -1, 1.5, True])
def test_steps_per_execution_is_checked(steps):
    with pytest.raises(ValueError, match="steps_per_execution"):
        mlp(torchkeras).compile("sgd", "mse", steps_per_execution=steps)


def test_a_function_that_takes_no_batch():
    model = mlp(torchkeras)
    model.compile("sgd", "mse")
    model.train_function = lambda iterator: {"loss": 1.0}
    with pytest.raises(RuntimeError, match="took no batch"):
        model.fit(X, Y, **FIT)


def test_no_outputs_of_a_batch_are_held():
    model = Model(inputs := layers.Input((5,)), [layers.Dense(1)(inputs), layers.Dense(1)(inputs)])
    model.compile("sgd", "mse")
    model.fit(X, [Y, Y], **FIT)
    assert model._compiled._structure == [None, None]


def test_losses_that_are_not_finite_are_told_once():
    x = X.copy()
    x[17, 2] = np.nan
    model = mlp(torchkeras)
    model.compile("sgd", "mse")
    with pytest.warns(RuntimeWarning, match=r"nan in epoch 1, batch 2 .*x holds") as told:
        model.fit(x, Y, 8, 3, 0, shuffle=False)
    assert len(told) == 1 and told[0].filename == __file__
    model = mlp(torchkeras)
    model.compile(optimizers.SGD(1e30), "mse")
    with pytest.warns(RuntimeWarning, match="x and y are finite.*Is the learning rate too high"):
        model.fit(X, Y, **FIT)
    tracker = torchkeras.training.compiled.LossTracker("loss", watched=True)
    for value in [1.0] * 1500 + [float("inf")] + [1.0] * 600:
        tracker.update_state(torch.tensor(value))
    assert tracker.first_not_finite() == 1500


def test_metrics_in_lists_and_dicts():
    class Holds(Model):
        def __init__(self):
            super().__init__()
            self.one, self.many = metrics.Mean(name="a"), [metrics.Mean(name="b")]
            self.named = {"x": (metrics.Mean(name="c"),)}

    assert Holds().metrics_names == ["a", "b", "c"]
