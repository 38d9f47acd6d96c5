"""Wrong use is answered by an error that names the place, what came and what was expected; after
it the model is as it was."""

import numpy as np
import pytest
import torch

from torchkeras import Model, Sequential, layers, losses, metrics, optimizers, utils

X, Y = np.zeros((8, 3), "float32"), np.zeros((8, 1), "float32")


def model(**how):
    made = Sequential([layers.Dense(2, input_shape=(3,), name="first"), layers.Dense(1)])
    made.compile("adam", "mse", metrics=["mae"], **how)
    return made


def tokens():
    made = Sequential([layers.Embedding(5, 2, input_length=3, name="table"), layers.Flatten()])
    made.add(layers.Dense(1))
    made.compile("sgd", "mse")
    return made


def classes():
    made = Sequential([layers.Dense(3, input_shape=(3,))])
    made.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True))
    return made


def two_outputs():
    x = layers.Input((3,))
    made = Model(x, [layers.Dense(1, name="a")(x), layers.Dense(1, name="b")(x)])
    made.compile("sgd", "mse")
    return made


CASES = {
    "rank of a symbolic input": (
        lambda: layers.Conv2D(2, 3, name="conv")(layers.Input((8, 8))),
        ValueError,
        r'Input 0 of layer "conv".*expected (min_)?ndim=4, found ndim=3.*\(None, 8, 8\)',
    ),
    "rank of a batch": (
        lambda: layers.Dense(2, name="dense")(torch.zeros(3)),
        ValueError,
        r'Input 0 of layer "dense".*expected min_ndim=2, found ndim=1',
    ),
    "rank of a built layer's batch": (
        lambda: model().layers[0](torch.zeros(3)),
        ValueError,
        r'Input 0 of layer "first".*found ndim=1',
    ),
    "width of a built layer's batch": (
        lambda: model().layers[0](torch.zeros(4, 5)),
        ValueError,
        r'Input 0 of layer "first".*axis -1.*value 3.*\(4, 5\)',
    ),
    "channels": (
        lambda: layers.Conv2D(2, 3, name="conv", input_shape=(8, 8, 3))(torch.zeros(1, 8, 8)),
        ValueError,
        'Input 0 of layer "conv"',
    ),
    "rank for a recurrent layer": (
        lambda: layers.LSTM(2, name="lstm")(layers.Input((4,))),
        ValueError,
        r'Input 0 of layer "lstm".*expected ndim=3, found ndim=2',
    ),
    "width in fit": (lambda: model().fit(X[:, :2], Y), ValueError, r"expected shape=\(None, 3\)"),
    "width in a compiled fit": (
        lambda: model(jit_compile=True).fit(X[:, :2], Y),
        ValueError,
        r"expected shape=\(None, 3\)",
    ),
    "units": (lambda: layers.Dense(-1, name="d"), ValueError, 'units of layer "d".*-1'),
    "activation": (
        lambda: layers.Dense(1, activation="rellu"),
        ValueError,
        "Unknown activation.*rellu.*relu",
    ),
    "initializer": (
        lambda: layers.Dense(1, kernel_initializer="glorot"),
        ValueError,
        "Unknown initializer.*glorot",
    ),
    "loss": (lambda: model().compile("sgd", "msee"), ValueError, "Unknown loss.*msee.*mse"),
    "shapes for a loss": (
        lambda: losses.mean_squared_error(np.ones((4, 3)), np.ones((4, 2))),
        ValueError,
        r"mean_squared_error needs.*y_true of shape \(4, 3\) and y_pred of shape \(4, 2\)",
    ),
    "shapes for a loss object": (
        lambda: losses.Huber()(torch.ones(4, 3), torch.ones(4, 2)),
        ValueError,
        r"huber needs.*\(4, 3\).*\(4, 2\)",
    ),
    "optimizer": (lambda: model().compile("adamm"), ValueError, "Unknown optimizer.*adamm.*adam"),
    "metric": (
        lambda: model().compile("sgd", "mse", metrics=["acuracy"]),
        ValueError,
        "Unknown metric.*acuracy.*accuracy",
    ),
    "argument of a layer": (
        lambda: layers.Dense(2, unit=3),
        TypeError,
        "Dense got an unexpected keyword argument 'unit'",
    ),
    "argument of compile": (lambda: model().compile("sgd", los="mse"), TypeError, "'los'"),
    "options of a checkpoint": (
        lambda: model().save_weights("x.h5", options=object()),
        ValueError,
        "options belong to TensorFlow's checkpoints",
    ),
    "lengths": (lambda: model().fit(X, Y[:5]), ValueError, "(?s)x sizes: 8.*y sizes: 5"),
    "no samples": (lambda: model().fit(X[:0], Y[:0]), ValueError, "no samples"),
    "text as data": (lambda: model().fit(np.array(["a"] * 8), Y), TypeError, "expected numbers"),
    "fit before compile": (
        lambda: Sequential([layers.Dense(1)]).fit(X, Y),
        RuntimeError,
        r"must be compiled.*compile\(optimizer, loss\)",
    ),
    "evaluate before compile": (
        lambda: Sequential([layers.Dense(1)]).evaluate(X, Y),
        RuntimeError,
        "must be compiled",
    ),
    "no loss": (lambda: _no_loss().fit(X, Y, verbose=0), ValueError, "no loss to minimise"),
    "batch size": (lambda: model().fit(X, Y, batch_size=0), ValueError, "batch_size.*0"),
    "epochs": (lambda: model().fit(X, Y, epochs=-1), ValueError, "epochs.*-1"),
    "split": (lambda: model().fit(X, Y, validation_split=1.5), ValueError, "validation_split.*1.5"),
    "steps": (lambda: model().fit(X, Y, steps_per_epoch=0), ValueError, "steps_per_epoch.*0"),
    "class weights": (
        lambda: model().fit(X, Y + 2, class_weight={0: 1.0, 1: 2.0}, verbose=0),
        ValueError,
        "class_weight names 2 classes, but y holds class 2",
    ),
    "a dict of losses": (
        lambda: two_outputs().compile("sgd", {"a": "mse", "c": "mse"}),
        ValueError,
        r"loss of model.*\['c'\].*\['a', 'b'\]",
    ),
    "a list of losses": (
        lambda: two_outputs().compile("sgd", ["mse"]),
        ValueError,
        "1 entries.*2 output",
    ),
    "a dict of metrics": (
        lambda: two_outputs().compile("sgd", "mse", metrics={"c": "mae"}),
        ValueError,
        r"metrics of model.*\['c'\]",
    ),
    "shape of labels": (
        lambda: model().fit(X, np.zeros((8, 4), "float32"), verbose=0),
        ValueError,
        r"\(None, 4\).*\(None, 1\)",
    ),
    "rank of labels": (
        lambda: model().fit(X, np.zeros((8, 4, 1), "float32"), verbose=0),
        ValueError,
        r"\(None, 4\)",
    ),
    "labels in evaluate": (
        lambda: model().evaluate(X, np.zeros((8, 4), "float32"), verbose=0),
        ValueError,
        r"have shape \(None, 4\).*gives \(None, 1\)",
    ),
    "several labels": (lambda: model().fit(X, [Y, Y], verbose=0), ValueError, "y has 2 parts"),
    "no labels": (lambda: model().fit(X, verbose=0), ValueError, "Target data is missing"),
    "no labels in evaluate": (
        lambda: model().evaluate(X, verbose=0),
        ValueError,
        "Target data is missing.*loss=mse",
    ),
    "no labels for validation": (
        lambda: model().fit(X, Y, validation_data=X, verbose=0),
        ValueError,
        r"validation_data must be \(x, y\)",
    ),
    "steps of evaluate": (lambda: model().evaluate(X, Y, steps=0), ValueError, "steps.*0"),
    "steps of predict": (lambda: model().predict(X, steps=-1), ValueError, "steps.*-1"),
    "shuffle": (lambda: model().fit(X, Y, shuffle="yes"), ValueError, "shuffle.*'batch'.*'yes'"),
    "fractions for an embedding": (
        lambda: tokens().fit(X + 0.5, Y, verbose=0),
        ValueError,
        'layer "table" must be integers from 0 to 4; received numbers with fractions',
    ),
    "fractions in predict": (
        lambda: tokens().predict(X + 0.5, verbose=0),
        ValueError,
        "numbers with fractions",
    ),
    "tokens out of range": (
        lambda: tokens().evaluate(X + 7, Y, verbose=0),
        ValueError,
        'layer "table".*0 to 4; received values from 7 to 7',
    ),
    "class labels out of range": (
        lambda: classes().fit(X, np.full(8, 5), verbose=0),
        ValueError,
        r"valid range \[0, 3\)",
    ),
    "class of to_categorical": (
        lambda: utils.to_categorical([-1, 0]),
        ValueError,
        "class numbers from 0.*-1",
    ),
    "a window longer than its data": (
        lambda: utils.timeseries_dataset_from_array(np.arange(5), None, 10),
        ValueError,
        "sequence_length=10.*the data has 5",
    ),
    "a missing class": (
        lambda: classes().fit(X, np.arange(8) % 3, class_weight={0: 1.0, 2: 1.0}, verbose=0),
        ValueError,
        r"class_weight must name every class from 0 to 2; received \[0, 2\]",
    ),
    "learning rate set later": (
        lambda: setattr(model().optimizer, "learning_rate", -1.0),
        ValueError,
        "learning_rate of Adam.*-1",
    ),
    "number of weights": (
        lambda: model().layers[0].set_weights([np.zeros((3, 2))]),
        ValueError,
        "'first' has 2 weights.*1",
    ),
    "shape of weights": (
        lambda: model().layers[0].set_weights([np.zeros((2, 2)), np.zeros(2)]),
        ValueError,
        r"first/kernel:0 of layer 'first' has shape \(3, 2\).*\(2, 2\)",
    ),
    "label": (
        lambda: losses.SparseCategoricalCrossentropy()([0, 3], np.full((2, 3), 1 / 3, "float32")),
        ValueError,
        r"sparse_categorical_crossentropy.*\[0, 3\).*\[0, 3\]",
    ),
    "class": (lambda: utils.to_categorical([1, -1]), ValueError, "-1"),
    "later learning rate": (
        lambda: setattr(optimizers.SGD(), "learning_rate", -0.5),
        ValueError,
        "learning_rate of SGD.*-0.5",
    ),
    "learning rate": (lambda: optimizers.Adam(-1.0), ValueError, "learning_rate of Adam.*-1"),
    "reduction": (lambda: losses.MeanSquaredError(reduction="avg"), ValueError, "reduction.*avg"),
    "none as metric": (lambda: metrics.get(None), ValueError, "None"),
    "index of an embedding": (
        lambda: layers.Embedding(5, 2, name="table")(torch.tensor([[1, 7]])),
        ValueError,
        'layer "table".*0 to 4',
    ),
    "data and labels in an iterable": (
        lambda: model().fit(iter([(X, Y)]), Y),
        ValueError,
        "y and sample_weight must not be given",
    ),
    "a branch on a symbolic tensor": (
        lambda: 1 if layers.Input((2,)) > 0 else 0,
        TypeError,
        "cannot decide an if",
    ),
}


def _no_loss():
    made = model()
    made.compile("sgd")
    return made


@pytest.mark.parametrize("case", CASES)
def test_error(case):
    run, kind, message = CASES[case]
    with pytest.raises(kind, match=message):
        run()


def test_warnings_where_a_script_may_rely_on_silence():
    bad = X.copy()
    bad[5, 1] = np.inf
    told = {
        r"(nan|inf) in epoch 1, batch 1 .*x holds": lambda: model().fit(
            bad, Y, 4, 2, 0, shuffle=False
        ),
        r"nan in epoch 1, batch 0 .*y holds": lambda: model().fit(X, Y * np.nan, verbose=0),
        r"evaluate\(\) is (nan|inf) from batch 1 on.*x holds": lambda: model().evaluate(
            bad, Y, 4, 0
        ),
        "initial_epoch=5 is not before epochs=2": lambda: model().fit(
            X, Y, epochs=2, initial_epoch=5, verbose=0
        ),
        "ended after 1 batches": lambda: model().fit(iter([(X, Y)]), steps_per_epoch=3, verbose=0),
    }
    for message, run in told.items():
        with pytest.warns((RuntimeWarning, UserWarning), match=message) as caught:
            run()
        assert len(caught) == 1
    model().fit(X, Y, steps_per_epoch=8 / 3, verbose=0)  # scripts divide; 3 steps as in tf.keras


WRONG = {
    "labels": lambda m: m.fit(X, np.zeros((8, 4))),
    "lengths": lambda m: m.fit(X, Y[:5]),
    "split": lambda m: m.fit(X, Y, validation_split=2),
    "width": lambda m: m.fit(X[:, :2], Y),
    "steps": lambda m: m.fit(X, Y, steps_per_epoch=0),
    "no labels": lambda m: m.fit(X),
    "class weight": lambda m: m.fit(X, Y + 3, class_weight={0: 1.0}),
    "validation": lambda m: m.fit(X, Y, validation_data=(X, Y[:2])),
    "on batch": lambda m: m.train_on_batch(X, Y[:2]),
    "callback": lambda m: m.fit(X, Y, callbacks=["none"]),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_the_model_is_as_it_was(wrong):
    """Statistics, the optimizer, the mode and the random numbers included."""
    made = Sequential(
        [layers.Dense(4, input_shape=(3,)), layers.BatchNormalization(), layers.Dropout(0.5)]
    )
    made.add(layers.Dense(1))
    made.compile("adam", "mse")
    made.fit(X + 1, Y + 1, verbose=0)

    def state():
        optimizer = [w.tolist() for w in made.optimizer.get_weights()]
        return [w.tolist() for w in made.get_weights()], optimizer, made.training

    before, drawn = state(), torch.get_rng_state()
    with pytest.raises((ValueError, TypeError)):
        WRONG[wrong](made)
    assert state() == before
    if wrong != "width":  # found by the model itself, when the samples are mixed already
        assert torch.equal(torch.get_rng_state(), drawn)
    made.fit(X, Y, verbose=0)


def test_nothing_is_half_changed():
    made = model()
    made.fit(X + 1, Y + 1, verbose=0)
    weights, step = made.get_weights(), int(made.optimizer.iterations)
    for wrong in (
        lambda: made.fit(X, Y[:5]),
        lambda: made.set_weights([np.ones_like(w) for w in weights[:-1]] + [np.ones(7)]),
        lambda: made.compile("sgd", "no such loss"),
        lambda: made.add(layers.Conv2D(2, 3)),
    ):
        with pytest.raises(ValueError):
            wrong()
    assert len(made.layers) == 2
    assert int(made.optimizer.iterations) == step
    for before, after in zip(weights, made.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    made.fit(X, Y, verbose=0)
