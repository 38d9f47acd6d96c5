"""Gradients of embeddings by rows, beside tf.keras' IndexedSlices."""

import warnings

import numpy as np
import pytest
import torch

from compat_tests import oracle
from compat_tests.checks.optimizer import make
from torchkeras import Sequential, layers, optimizers
from torchkeras.optimizers import rows

NEW = [
    ("SGD", {"learning_rate": 0.1}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.8, "centered": True}),
    ("Adagrad", {"learning_rate": 0.1}),
    ("Adadelta", {"learning_rate": 1.0}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True}),
    ("AdamW", {"weight_decay": 0.1}),
    ("Adamax", {}),
    ("Nadam", {}),
    ("Ftrl", {"learning_rate": 0.1}),
    ("Lion", {}),
]
LEGACY = [
    ("SGD", {"learning_rate": 0.1}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "decay": 0.1}),
    ("RMSprop", {}),
    ("RMSprop", {"centered": True}),
    ("RMSprop", {"momentum": 0.8}),
    ("RMSprop", {"momentum": 0.8, "centered": True}),
    ("Adagrad", {"learning_rate": 0.1}),
    ("Adadelta", {"learning_rate": 1.0}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True}),
    ("Adamax", {}),
    ("Nadam", {}),
    ("Ftrl", {"learning_rate": 0.1, "l1_regularization_strength": 0.01}),
]
COMMON = [
    {"clipnorm": 0.5},
    {"clipvalue": 0.1},
    {"global_clipnorm": 0.5},
    {"weight_decay": 0.1},
    {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2},
]
CASES = [(name, settings) for name, settings in NEW]
CASES += [("legacy." + name, settings) for name, settings in LEGACY]
CASES += [(name, {**s}) for name in ("SGD", "Adagrad", "Adam") for s in COMMON]
CASES += [("legacy.SGD", {"momentum": 0.9, **s}) for s in COMMON[:3]]
CASES += [("SGD", {"clipnorm": 0.5, "weight_decay": 0.1, "learning_rate": 0.1})]


@pytest.mark.parametrize("name, settings", CASES, ids=str)
def test_rule(name, settings, monkeypatch):
    """Repeated indices, rows never used, and a dense variable beside the table."""
    monkeypatch.setattr(rows, "LARGE", 0)  # rows wherever the rule allows them
    random = np.random.RandomState(5)
    table, bias = random.randn(6, 3).astype("float32"), random.randn(3).astype("float32")
    indices = [random.randint(0, 5, 4) for _ in range(6)]
    values = random.randn(6, 4, 3).astype("float32")

    def theirs(keras):
        import tensorflow as tf

        opt = make(keras.optimizers, name, settings)
        variables = [tf.Variable(table, name="table"), tf.Variable(bias, name="bias")]
        path = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for where, value in zip(indices, values, strict=True):
                grads = [tf.IndexedSlices(value, where, (6, 3)), tf.constant(value.sum(0))]
                opt.apply_gradients(zip(grads, variables, strict=True))
                path.append([v.numpy() for v in variables])
        states = opt.variables() if callable(opt.variables) else opt.variables
        return path, [v.numpy() for v in states]

    layer = layers.Embedding(6, 3)
    layer.build()
    layer.embeddings.assign(table)
    offset = torch.nn.Parameter(torch.from_numpy(bias.copy()))
    opt = make(optimizers, name, settings)
    opt.build([layer.embeddings, offset])
    path = []
    for where, value in zip(indices, values, strict=True):

        def loss(where=where, value=value):
            return ((layer(torch.from_numpy(where)) + offset) * torch.from_numpy(value)).sum()

        opt.minimize(loss)
        path.append([layer.embeddings.numpy(), offset.detach().numpy().copy()])
    expected, states = oracle.ask(theirs)
    for step, (one, other) in enumerate(zip(path, expected, strict=True)):
        for mine, right in zip(one, other, strict=True):
            np.testing.assert_allclose(mine, right, rtol=2e-6, atol=2e-6, err_msg=f"step {step}")
    if not name.endswith("SGD"):
        for mine, right in zip(opt.variables, states, strict=True):
            np.testing.assert_allclose(mine.numpy(), right, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize(
    "name, settings",
    [
        ("legacy.SGD", {"learning_rate": 0.1, "momentum": 0.9}),
        ("legacy.Adamax", {"learning_rate": 0.01}),
        ("Adam", {"clipnorm": 0.01}),
        ("SGD", {"learning_rate": 0.1}),
    ],
    ids=str,
)
def test_fit(name, settings):
    """As in a script: some rows are in no batch, others in several places of one."""
    random = np.random.RandomState(0)
    x, y = random.randint(0, 7, (24, 4)), random.randn(24, 1).astype("float32")
    first = [random.randn(9, 5).astype("float32"), random.randn(20, 1).astype("float32")]

    def run(keras):
        model = keras.Sequential(
            [
                keras.layers.Embedding(9, 5, input_length=4),
                keras.layers.Flatten(),
                keras.layers.Dense(1, use_bias=False),
            ]
        )
        model.build((None, 4))
        model.set_weights(first)
        model.compile(make(keras.optimizers, name, settings), "mse")
        history = model.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0)
        return history.history["loss"], [np.asarray(w) for w in model.get_weights()]

    import torchkeras

    losses, weights = oracle.ask(run)
    ours, mine = run(torchkeras)
    np.testing.assert_allclose(ours, losses, rtol=1e-5)
    for one, other in zip(mine, weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_a_large_table_is_not_passed_over():
    """A step of plain SGD touches the rows of the batch: what it allocates is as large as they."""
    model = Sequential([layers.Embedding(1 << 16, 16, input_length=4), layers.Flatten()])
    model.build((None, 4))
    model.compile(optimizers.SGD(0.1), "mse")
    layer = model.layers[0]
    assert layer.by_rows
    x = torch.randint(0, 1 << 16, (8, 4))

    def loss():
        return model(x).square().sum()

    model.optimizer.minimize(loss, layer.weights)
    with torch.profiler.profile(profile_memory=True) as profile:
        model.optimizer.minimize(loss, layer.weights)
    largest = max(event.self_cpu_memory_usage for event in profile.events())
    assert largest < 100 * 8 * 4 * 16
    assert layer.embedding.weight.grad is None


def test_who_gets_rows():
    def asked(optimizer, size=9):
        layer = layers.Embedding(size, 5)
        layer.build()
        optimizer.build(layer.weights)
        return layer.by_rows

    assert not asked(optimizers.SGD()) and not asked(optimizers.Adagrad())
    assert asked(optimizers.SGD(), 1 << 18) and asked(optimizers.Adagrad(), 1 << 18)
    assert not asked(optimizers.Adam(), 1 << 18)  # it changes all rows in tf.keras, too
    assert asked(optimizers.Adam(clipnorm=1.0))
    assert asked(optimizers.legacy.SGD(momentum=0.9)) and not asked(optimizers.legacy.SGD())


def test_others_get_dense_gradients():
    """A layer that an optimizer asked for rows still trains with any optimizer of torch."""
    layer = layers.Embedding(9, 5)
    layer.build()
    optimizers.SGD(0.1, clipnorm=1.0).build(layer.weights)
    assert layer.by_rows
    layer(torch.tensor([1, 1, 2])).sum().backward()
    grad = layer.embedding.weight.grad
    assert grad.layout is torch.strided and grad.sum(1).tolist() == [0, 10, 5, *[0] * 6]
    torch.optim.Adam(layer.parameters()).step()
    penalty = torch.autograd.grad(layer(torch.tensor([1])).square().sum(), layer.parameters())
    assert penalty[0].shape == (9, 5)


def test_a_penalty_makes_the_gradient_dense():
    layer = layers.Embedding(4, 2)
    layer.build()
    layer.embeddings.assign(np.ones((4, 2)))
    opt = optimizers.SGD(0.5, clipvalue=10.0)
    opt.build(layer.weights)
    opt.minimize(lambda: layer(torch.tensor([1, 1])).sum() + layer.embeddings.value.sum())
    assert layer.embeddings.numpy()[:, 0].tolist() == [0.5, -0.5, 0.5, 0.5]


@pytest.mark.parametrize("settings", [{}, {"gradient_accumulation_steps": 2}], ids=str)
@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Adagrad"])
def test_sparse_gradients_of_torch(name, settings):
    """`nn.Embedding(sparse=True)` trains with every rule, as with dense gradients."""
    tables = [torch.nn.Embedding(6, 3, sparse=sparse) for sparse in (True, False)]
    tables[1].load_state_dict(tables[0].state_dict())
    for table in tables:
        opt = make(optimizers, name, {"learning_rate": 0.1, **settings})
        opt.build(table.parameters())
        for batch in ([0, 2, 2], [2, 5, 0], [1, 1, 1], [3, 0, 2]):
            opt.zero_grad()
            table(torch.tensor(batch)).square().sum().backward()
            opt.step()
    torch.testing.assert_close(tables[0].weight, tables[1].weight)
