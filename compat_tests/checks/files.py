"""Models that are written by one side and read by the other, and what an HDF5 file holds."""

from __future__ import annotations

import json

import h5py
import numpy as np

from compat_tests.checks.model import fill

NOT_COMPARED = ("keras_version", "torchkeras_checksums")  # attributes that differ by design


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def integers(high, *shape, seed=0):
    return np.random.default_rng(seed).integers(0, high, shape).astype("int32")


def mlp(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Dense(4, activation="relu", input_shape=(3,), kernel_regularizer="l2"),
            layers.Dropout(0.0),
            layers.Dense(2, activation="softmax", bias_constraint="non_neg"),
        ]
    )


def cnn(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Conv2D(4, 3, padding="same", input_shape=(6, 6, 2), use_bias=False),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )


def recurrent(kind, **settings):
    def build(keras):
        layers = keras.layers
        return keras.Sequential(
            [
                layers.Embedding(7, 4, mask_zero=True, input_length=5),
                getattr(layers, kind)(3, **settings),
                layers.Dense(1),
            ]
        )

    return build


def two_sided(keras):
    """Two inputs, two outputs, a nested model and a layer that is called twice."""
    layers = keras.layers
    a, b = layers.Input((3,), name="a"), layers.Input((5,), dtype="int32", name="b")
    inner = keras.Sequential([layers.Dense(4, input_shape=(3,)), layers.Dense(4)], name="inner")
    words = layers.GlobalAveragePooling1D()(layers.Embedding(7, 4)(b))
    joined = layers.Concatenate()([inner(a), words])
    shared = layers.Dense(8, activation="tanh", name="shared")
    added = layers.Add()([shared(joined), shared(shared(joined))])
    return keras.Model([a, b], [layers.Dense(1, name="one")(added), layers.Dense(2)(added)])


ONE_HOT = np.eye(2, dtype="float32")[[0, 1, 1, 0, 1, 0, 0, 1]]
CLASSES = integers(2, 8, 1)
WORDS = integers(7, 8, 5)
MODELS = {  # name -> builder, inputs, labels, arguments of compile
    "mlp": (mlp, numbers(8, 3), CLASSES, {
        "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"],
    }),
    "cnn": (cnn, numbers(8, 6, 6, 2), numbers(8, 3, seed=1), {"loss": "mse", "metrics": ["mae"]}),
    "lstm": (recurrent("LSTM"), WORDS, numbers(8, 1), {"loss": "mae"}),
    "gru": (recurrent("GRU"), WORDS, numbers(8, 1), {"loss": "mse"}),
    "gru v1": (recurrent("GRU", reset_after=False), WORDS, numbers(8, 1), {"loss": "mse"}),
    "two": (two_sided, [numbers(8, 3), WORDS], [numbers(8, 1), numbers(8, 2)], {
        "loss": ["mse", "mae"], "loss_weights": [1.0, 0.5], "metrics": [["mae"], ["mse", "mae"]],
    }),
}  # fmt: skip
OPTIMIZERS = {
    "sgd": {"class_name": "SGD", "config": {"learning_rate": 0.1}},
    "momentum": {"class_name": "SGD", "config": {"learning_rate": 0.1, "momentum": 0.9}},
    "rmsprop": {"class_name": "RMSprop", "config": {"momentum": 0.5, "centered": True}},
    "adagrad": {"class_name": "Adagrad", "config": {"learning_rate": 0.1}},
    "adadelta": {"class_name": "Adadelta", "config": {"learning_rate": 0.5}},
    "adam": {"class_name": "Adam", "config": {"learning_rate": 0.01}},
    "amsgrad": {"class_name": "Adam", "config": {"amsgrad": True, "clipnorm": 1.0}},
}


def optimizer(keras, name):
    described = OPTIMIZERS[name]
    return getattr(keras.optimizers, described["class_name"])(**described["config"])


def trained(keras, case, optimizer_name):
    """A model after two steps, so that the optimizer has something to remember."""
    keras.backend.clear_session()
    build, x, y, settings = MODELS[case]
    model = build(keras)
    fill(model)
    model.compile(optimizer(keras, optimizer_name), **settings)
    for _ in range(2):
        model.train_on_batch(x, y)
    return model


def continued(model, case):
    """What a model predicts, what two more steps report, and the weights they lead to."""
    _, x, y, _ = MODELS[case]
    predicted = model.predict(x, verbose=0)
    reports = [np.ravel(model.train_on_batch(x, y)) for _ in range(2)]
    return {
        "predicted": predicted if isinstance(predicted, list) else [predicted],
        "reports": [[float(value) for value in report] for report in reports],
        "names": list(model.metrics_names),
        "weights": model.get_weights(),
    }


def check_alike(found, expected, tolerance=2e-5):
    assert found["names"] == expected["names"]
    np.testing.assert_allclose(found["reports"], expected["reports"], tolerance, tolerance)
    for part in ("predicted", "weights"):
        for one, other in zip(found[part], expected[part], strict=True):
            np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def content(path):
    """Everything in a file but the values: groups, attributes, shapes and dtypes."""
    found = {}

    def note(name, thing):
        attributes = {
            key: _attribute(value) for key, value in thing.attrs.items() if key not in NOT_COMPARED
        }
        array = [str(thing.dtype), list(thing.shape)] if isinstance(thing, h5py.Dataset) else None
        found[name] = [attributes, array]

    with h5py.File(path) as file:
        note("/", file)
        file.visititems(note)
    return found


def _attribute(value):
    if isinstance(value, np.ndarray):
        return [str(item) for item in value]
    text = value.decode() if isinstance(value, bytes) else str(value)
    return of_2_15(json.loads(text)) if text.startswith("{") else text


def of_2_15(config):
    """A config without what tf_keras writes and tf.keras 2.15 does not read."""
    if isinstance(config, dict):
        later = config.get("class_name") == "InputLayer"
        inner = {key: of_2_15(value) for key, value in config.items()}
        if later:
            inner["config"].pop("optional", None)
        return inner
    return [of_2_15(item) for item in config] if isinstance(config, list) else config
