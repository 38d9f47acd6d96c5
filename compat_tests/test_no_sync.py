"""Nothing inside an epoch of a default `fit` waits for the device: counted on any machine, refused
by CUDA itself where there is a GPU."""

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

import torchkeras
from torchkeras import Model, Sequential, callbacks, layers, metrics, optimizers
from torchkeras.training import loop

RNG = np.random.default_rng(0)
X, CLASSES = RNG.normal(size=(640, 20)).astype("float32"), RNG.integers(0, 10, 640)
TOKENS, BINARY = RNG.integers(0, 20, (640, 9)), RNG.integers(0, 2, 640)
IMAGES = RNG.normal(size=(640, 6, 6, 2)).astype("float32")
WEIGHTS = RNG.uniform(0.5, 1, 640).astype("float32")


class Reads(TorchFunctionMode):
    """Counts what makes the host wait for a value of a tensor."""

    def __init__(self):
        self.count = 0
        super().__init__()

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if getattr(function, "__name__", "") in ("tolist", "numpy", "__array__", "cpu"):
            self.count += 1
        return function(*args, **(kwargs or {}))


class Scalars(TorchDispatchMode):
    """Counts `item()`, `float(tensor)`, `if tensor`, and selections by a mask."""

    def __init__(self):
        self.count = 0
        super().__init__()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        self.count += name in ("_local_scalar_dense", "nonzero", "masked_select")
        return function(*args, **(kwargs or {}))


def reads(run):
    with Reads() as named, Scalars() as scalars:
        run()
    return named.count + scalars.count


def dense():
    model = Sequential(
        [layers.Dense(16, activation="relu", input_shape=(20,)), layers.Dense(10, "softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def recurrent():
    """Masks, dropout, clipping and batch statistics, which tempt to look at values."""
    model = Sequential(
        [
            layers.Embedding(20, 8, mask_zero=True, input_length=9),
            layers.LSTM(8, return_sequences=True, dropout=0.2),
            layers.GRU(8),
            layers.Dropout(0.3),
            layers.BatchNormalization(),
            layers.Dense(1, activation="sigmoid", kernel_regularizer="l2"),
        ]
    )
    clipped = optimizers.RMSprop(global_clipnorm=1.0)
    model.compile(clipped, "binary_crossentropy", metrics=["accuracy", "AUC"])
    return model


def convolutional():
    model = Sequential(
        [
            layers.Conv2D(4, 3, use_bias=False, input_shape=(6, 6, 2)),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.GaussianNoise(0.1, seed=1),
            layers.SpatialDropout2D(0.2),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, "softmax", kernel_constraint="max_norm", activity_regularizer="l1"),
        ]
    )
    schedule = optimizers.schedules.CosineDecay(0.1, 100)
    averaged = optimizers.SGD(schedule, momentum=0.9, clipnorm=1.0, use_ema=True)
    names = ["accuracy", metrics.SparseTopKCategoricalAccuracy(3)]
    model.compile(averaged, "sparse_categorical_crossentropy", metrics=names)
    return model


def two_outputs():
    x = layers.Input((20,))
    hidden = layers.Dense(8, activation="gelu")(x)
    kind, size = layers.Dense(10, "softmax", name="k")(hidden), layers.Dense(1, name="s")(hidden)
    model = Model(x, [kind, size])
    losses = {"k": "sparse_categorical_crossentropy", "s": torchkeras.losses.Huber()}
    told = {"k": ["acc"], "s": [metrics.RootMeanSquaredError(), metrics.R2Score()]}
    gathered = optimizers.Adam(gradient_accumulation_steps=2)
    model.compile(gathered, losses, metrics=told, weighted_metrics={"s": ["mae"]})
    return model


CASES = {
    "dense": (dense, X, CLASSES, {}),
    "recurrent": (recurrent, TOKENS, BINARY, {}),
    "convolutional": (convolutional, IMAGES, CLASSES, {}),
    "two outputs": (two_outputs, X, [CLASSES, X[:, :1]], {"sample_weight": WEIGHTS}),
    "callbacks": (
        dense,
        X,
        CLASSES,
        {
            "callbacks": lambda: [
                callbacks.EarlyStopping("loss", restore_best_weights=True, patience=9),
                callbacks.ReduceLROnPlateau("loss"),
                callbacks.LearningRateScheduler(lambda epoch, lr: lr),
                callbacks.LambdaCallback(on_batch_end=lambda batch, logs: None),
            ],
            "class_weight": dict.fromkeys(range(10), 2.0),
        },
    ),
    "precision": (lambda: counts(), X, BINARY, {}),
}


def counts():
    model = Sequential([layers.Dense(1, "sigmoid", input_shape=(20,))])
    told = [metrics.Precision(), metrics.Recall(0.3), metrics.F1Score(threshold=0.5), "mae"]
    model.compile("nadam", "binary_focal_crossentropy", metrics=told)
    return model


def fit(model, x, y, given, samples):
    def part(array):
        return [one[:samples] for one in array] if isinstance(array, list) else array[:samples]

    given = dict(given)
    if "callbacks" in given:
        given["callbacks"] = given["callbacks"]()
    if "sample_weight" in given:
        given["sample_weight"] = given["sample_weight"][:samples]
    model.fit(part(x), part(y), verbose=0, **given)


@pytest.mark.parametrize("case", CASES)
def test_an_epoch_reads_nothing_but_its_result(case):
    make, x, y, given = CASES[case]
    model = make()
    fit(model, x, y, given, 64)
    few = reads(lambda: fit(model, x, y, given, 64))
    many = reads(lambda: fit(model, x, y, given, 640))
    assert many == few > 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("case", CASES)
def test_cuda_is_never_waited_for(case, monkeypatch):
    make, x, y, given = CASES[case]
    model = make()
    fit(model, x, y, given, 128)
    runs, read = loop.execution.Runs, loop._read

    class Strict(runs):
        def __iter__(self):
            torch.cuda.set_sync_debug_mode("error")
            return super().__iter__()

    def relaxed(logs):
        torch.cuda.set_sync_debug_mode("default")
        return read(logs)

    monkeypatch.setattr(loop.execution, "Runs", Strict)
    monkeypatch.setattr(loop, "_read", relaxed)
    try:
        fit(model, x, y, given, 640)
    finally:
        torch.cuda.set_sync_debug_mode("default")
