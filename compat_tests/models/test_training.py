"""Ordinary models train as tf.keras trains them: the same numbers under the same names."""

import numpy as np
import pytest

import torchkeras
from compat_tests import oracle
from compat_tests.checks.model import check_training, fill

RNG = np.random.default_rng(7)
VECTORS = RNG.normal(size=(50, 6)).astype("float32")
IMAGES = RNG.normal(size=(40, 8, 8, 2)).astype("float32")
TOKENS = RNG.integers(1, 20, size=(40, 7))
TOKENS[np.arange(7) < RNG.integers(0, 7, size=(40, 1))] = 0  # padded on the left
SERIES = RNG.normal(size=(40, 6, 3)).astype("float32")
CLASSES = RNG.integers(0, 3, size=50)
BINARY = RNG.integers(0, 2, size=40)
ONE_HOT = np.eye(3, dtype="float32")[RNG.integers(0, 3, size=40)]
NUMBERS = RNG.normal(size=(40, 1)).astype("float32")
WEIGHTS = RNG.uniform(0.2, 2, size=40).astype("float32")


def mlp(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Dense(8, activation="relu", input_shape=(6,), kernel_regularizer="l2"),
            layers.Dense(5, activation="tanh", bias_constraint="non_neg"),
            layers.Dense(3, activation="softmax", activity_regularizer="l1"),
        ]
    )


def cnn(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Conv2D(4, 3, padding="same", use_bias=False, input_shape=(8, 8, 2)),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(6, 3, strides=2, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )


def masked_lstm(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Embedding(20, 5, mask_zero=True, input_length=7),
            layers.LSTM(4, return_sequences=True),
            layers.LSTM(3),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def gru(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            layers.GRU(5, return_sequences=True, input_shape=(6, 3)),
            layers.GRU(4, reset_after=False),
            layers.Dense(1),
        ]
    )


def tagger(keras):
    """One label a step: the mask reaches loss and metrics."""
    layers = keras.layers
    inputs = keras.Input((7,))
    x = layers.Embedding(20, 5, mask_zero=True)(inputs)
    x = layers.SimpleRNN(6, return_sequences=True)(x)
    return keras.Model(inputs, layers.Dense(4, activation="softmax")(x))


def two_inputs(keras):
    layers = keras.layers
    series, tokens = keras.Input((6, 3), name="series"), keras.Input((7,), name="tokens")
    shared = layers.Dense(4, activation="relu", name="shared")
    a = layers.GlobalAveragePooling2D()(layers.Reshape((6, 3, 1))(series))
    b = layers.Flatten()(layers.Embedding(20, 1)(tokens))
    both = layers.Concatenate()([a, b])
    first = layers.Dense(3, activation="softmax", name="kind")(shared(both))
    second = layers.Dense(1, name="size")(layers.Add()([shared(both), layers.Dense(4)(b)]))
    return keras.Model([series, tokens], [first, second])


def adam_with_clipping(keras):
    return {
        "optimizer": keras.optimizers.Adam(0.01, clipnorm=0.5),
        "loss": keras.losses.SparseCategoricalCrossentropy(),
        "metrics": ["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(2, name="top2")],
    }


TWO_OUTPUTS = {
    "optimizer": "rmsprop",
    "loss": {"kind": "categorical_crossentropy", "size": "mse"},
    "loss_weights": {"kind": 1.0, "size": 0.3},
    "metrics": {"kind": "acc", "size": ["mae", "mse"]},
    "weighted_metrics": ["mae"],
}
TAGS = RNG.integers(0, 4, size=(40, 7))

CASES = {
    "mlp": (mlp, VECTORS, CLASSES, adam_with_clipping, {}),
    "mlp, class weights": (
        mlp,
        VECTORS,
        CLASSES,
        {"optimizer": "sgd", "loss": "sparse_categorical_crossentropy", "metrics": ["acc"]},
        {"class_weight": {0: 1.0, 1: 2.0, 2: 0.5}},
    ),
    "mlp, validation split": (
        mlp,
        VECTORS,
        CLASSES,
        {"optimizer": "adagrad", "loss": "sparse_categorical_crossentropy", "metrics": "accuracy"},
        {"validation_split": 0.3},
    ),
    "cnn": (
        cnn,
        IMAGES,
        ONE_HOT,
        {"optimizer": "adam", "loss": "categorical_crossentropy", "metrics": ["accuracy"]},
        {},
    ),
    "cnn, sample weights": (
        cnn,
        IMAGES,
        ONE_HOT,
        {
            "optimizer": "sgd",
            "loss": "categorical_crossentropy",
            "metrics": ["accuracy"],
            "weighted_metrics": ["accuracy"],
        },
        {"sample_weight": WEIGHTS},
    ),
    "masked lstm": (
        masked_lstm,
        TOKENS,
        BINARY,
        {"optimizer": "adam", "loss": "binary_crossentropy", "metrics": ["accuracy"]},
        {},
    ),
    "gru": (gru, SERIES, NUMBERS, {"optimizer": "adadelta", "loss": "mse", "metrics": ["mae"]}, {}),
    "tagger": (
        tagger,
        TOKENS,
        TAGS,
        {
            "optimizer": "adam",
            "loss": "sparse_categorical_crossentropy",
            "metrics": ["accuracy"],
            "weighted_metrics": ["accuracy"],
        },
        {},
    ),
    "two inputs": (two_inputs, [SERIES, TOKENS], [ONE_HOT, NUMBERS], TWO_OUTPUTS, {}),
    "two inputs by name, sample weights": (
        two_inputs,
        {"series": SERIES, "tokens": TOKENS},
        {"kind": ONE_HOT, "size": NUMBERS},
        TWO_OUTPUTS,
        {"sample_weight": {"kind": WEIGHTS, "size": WEIGHTS[::-1].copy()}},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_trains_as_tf_keras_does(case):
    check_training(*CASES[case])


def adversarial(keras, shares):
    """A discriminator that is frozen only inside of the model which trains the generator."""
    make = keras.layers
    rule = keras.optimizers.legacy.Adam(0.01) if shares else "sgd"
    judge = keras.Sequential(
        [make.Dense(4, activation="relu", input_shape=(2,)), make.Dense(1, activation="sigmoid")]
    )
    judge.compile(rule, "binary_crossentropy")
    maker = keras.Sequential([make.Dense(2, input_shape=(3,))])
    judge.trainable = False
    noise = keras.Input((3,))
    both = keras.Model(noise, judge(maker(noise)))
    both.compile(rule, "binary_crossentropy")
    fill(judge, 1)
    fill(maker, 2)
    rng = np.random.default_rng(3)
    real, drawn = rng.normal(size=(8, 2)), rng.normal(size=(8, 3))
    losses = []
    for _ in range(3):
        losses += [judge.train_on_batch(real, np.ones((8, 1)))]
        losses += [both.train_on_batch(drawn, np.ones((8, 1)))]
    return {"losses": losses, "judge": judge.get_weights(), "maker": maker.get_weights()}


@pytest.mark.parametrize("shares", [False, True], ids=["two optimizers", "one optimizer"])
def test_a_layer_is_frozen_as_it_was_at_compile(shares):
    expected = oracle.ask(lambda keras: adversarial(keras, shares))
    found = adversarial(torchkeras, shares)
    np.testing.assert_allclose(found["losses"], expected["losses"], rtol=1e-5)
    for part in ("judge", "maker"):
        for ours, theirs in zip(found[part], expected[part], strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_class_weights_of_several_outputs_are_those_of_their_samples():
    """As Keras took them before 2.2 of tf.keras."""
    labels = [CLASSES, CLASSES[::-1].copy()]
    weigh = np.array([1.0, 2.0, 0.5], "float32")
    given = [
        {"class_weight": [None, dict(enumerate(weigh))]},
        {"sample_weight": [np.ones(len(CLASSES), "float32"), weigh[labels[1]].reshape(-1)]},
    ]
    losses = []
    for options in given:
        inputs = torchkeras.Input(VECTORS.shape[1:])
        outputs = [torchkeras.layers.Dense(3, "softmax")(inputs) for _ in range(2)]
        model = torchkeras.Model(inputs, outputs)
        fill(model, 1)
        model.compile("sgd", "sparse_categorical_crossentropy")
        losses += model.fit(VECTORS, labels, shuffle=False, verbose=0, **options).history["loss"]
    assert losses[0] == pytest.approx(losses[1])
    with pytest.raises(ValueError, match="one entry an output, or sample_weight"):
        model.fit(VECTORS, labels, class_weight={0: 1.0, 1: 2.0, 2: 1.0})


def test_a_model_of_its_own_losses_takes_no_labels():
    inputs = torchkeras.Input(VECTORS.shape[1:])
    outputs = [torchkeras.layers.Dense(3)(inputs), inputs]
    model = torchkeras.Model(inputs, outputs)
    model.add_loss(torchkeras.backend.mean(outputs[0] ** 2))
    model.compile("sgd", [None, None])
    losses = [model.train_on_batch(VECTORS, labels) for labels in ([], None, [])]
    assert losses == sorted(losses, reverse=True)
    model.compile("sgd", ["mse", None])
    with pytest.raises(ValueError, match="0 entries for 2 output"):
        model.train_on_batch(VECTORS, [])
