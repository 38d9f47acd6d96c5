"""Steps on a GPU that is played: nothing is left on the CPU, and the host waits for nothing."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import layers, losses, metrics, mixed_precision, optimizers, policies
from torchkeras.layers.sequence import adjoining

gpu = pytest.importorskip("compat_tests.gpu", exc_type=ImportError)
from compat_tests.checks.elsewhere import check_steps  # noqa: E402

RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 6)).astype("float32")
CLASSES = RNG.integers(0, 3, 8)
WEIGHTS = RNG.uniform(0.5, 1, 8).astype("float32")


def dense(*more, **given):
    return torchkeras.Sequential(
        [
            layers.Input((6,)),
            layers.Dense(8, "relu", kernel_regularizer="l2", **given),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            *more,
            layers.Dense(3, activation="softmax", dtype="float32"),
        ]
    )


def compiled(model, optimizer="sgd", loss="sparse_categorical_crossentropy", **given):
    model.compile(optimizer, loss, **given)
    return model


def rate():
    return optimizers.schedules.CosineDecay(0.01, 50)


SETTINGS = {
    "plain": {},
    "clipnorm": {"clipnorm": 0.1},
    "global_clipnorm": {"global_clipnorm": 0.1},
    "clipvalue": {"clipvalue": 0.01},
    "decay": {"weight_decay": 0.01},
    "average": {"use_ema": True, "ema_overwrite_frequency": 2},
    "gathered": {"gradient_accumulation_steps": 2, "use_ema": True},
    "schedule": {"learning_rate": rate},
    "old decay": {"decay": 0.1},
}
MORE = {
    "momentum": lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "amsgrad": lambda: optimizers.Adam(amsgrad=True, weight_decay=0.1),
    "centered": lambda: optimizers.RMSprop(centered=True, momentum=0.9),
    "scaled": lambda: mixed_precision.LossScaleOptimizer(optimizers.Adam()),
    "scaled, clipped": lambda: mixed_precision.LossScaleOptimizer(optimizers.SGD(clipnorm=1.0)),
    "scaled, fixed": lambda: mixed_precision.LossScaleOptimizer(optimizers.Adam(), False, 8.0),
    "legacy": lambda: optimizers.legacy.Adam(decay=0.1, clipnorm=1.0),
    "legacy scaled": lambda: mixed_precision.LossScaleOptimizer(optimizers.legacy.SGD(0.1)),
    "torch": lambda: optimizers.TorchOptimizer(torch.optim.SGD),
}


RULES = "SGD Adam AdamW Adamax Nadam RMSprop Adagrad Adadelta Ftrl Lion Adafactor".split()
CHOSEN = [(rule, "schedule") for rule in RULES] + [("Adam", setting) for setting in SETTINGS]


@pytest.mark.filterwarnings("ignore:.*decay:DeprecationWarning")
@pytest.mark.parametrize("rule, setting", CHOSEN)
def test_optimizers(rule, setting):
    def make():
        given = {k: v() if callable(v) else v for k, v in SETTINGS[setting].items()}
        gru = [layers.Reshape((2, 4)), layers.GRU(3)]  # whose bias is two tensors of torch
        return compiled(dense(*gru), getattr(optimizers, rule)(**given))

    check_steps(make, (X, CLASSES))


@pytest.mark.filterwarnings("ignore:.*decay:DeprecationWarning")
@pytest.mark.parametrize("case", MORE)
def test_other_optimizers(case):
    check_steps(lambda: compiled(dense(), MORE[case]()), (X, CLASSES))


REGULARIZERS = ["l1", "l2", "l1_l2", "orthogonal_regularizer"]
CONSTRAINTS = ["max_norm", "non_neg", "unit_norm", "min_max_norm", "radial_constraint"]


@pytest.mark.parametrize("name", REGULARIZERS)
def test_regularizers(name):
    kinds = {"kernel_regularizer": name, "activity_regularizer": name}
    check_steps(lambda: compiled(dense(layers.Dense(4, **kinds))), (X, CLASSES))


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_constraints(name):
    def make():
        part = layers.Dense(27, kernel_constraint=None if "radial" in name else name)
        image = layers.Conv2D(3, 3, padding="same", kernel_constraint=name)
        return compiled(dense(part, layers.Reshape((3, 3, 3)), image, layers.Flatten()))

    check_steps(make, (X, CLASSES))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64"])
@pytest.mark.parametrize("part", ["dense", "GRU", "LSTM"])
def test_precisions(policy, part):
    def make():
        with policies.policy_scope(policy):
            rnn = () if part == "dense" else (layers.Reshape((2, 4)), getattr(layers, part)(3))
            return compiled(dense(*rnn), "adam")

    check_steps(make, (X, CLASSES))


def embedded():
    text = layers.Input((5,), dtype="int32")
    words = layers.Embedding(30, 4, mask_zero=True)(text)
    both = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(words)
    seen = layers.MultiHeadAttention(2, 3)(both, both)
    return torchkeras.Model(text, layers.Dense(3)(layers.GRU(3)(layers.LayerNormalization()(seen))))


def images():
    return torchkeras.Sequential(
        [
            layers.Reshape((2, 3, 1), input_shape=(6,)),
            layers.RandomFlip(),
            layers.RandomRotation(0.2, seed=3),
            layers.Conv2D(3, 2, padding="same", activation="relu"),
            layers.SpatialDropout2D(0.2),
            layers.GlobalAveragePooling2D(),
            layers.GaussianNoise(0.1, seed=1),
            layers.Dense(3, "softmax"),
        ]
    )


class Own(torchkeras.Model):
    """A model and its step written by hand, as users do."""

    def __init__(self):
        super().__init__()
        self.dense, self.seen = layers.Dense(3, "softmax"), metrics.Mean("seen")

    def call(self, inputs):
        return self.dense(inputs)

    def train_step(self, data):
        x, y, _ = torchkeras.utils.unpack_x_y_sample_weight(data)
        loss = self.compute_loss(x, y, self(x, training=True))
        self.optimizer.minimize(loss, self.trainable_variables)
        self.seen.update_state(loss)
        return {"loss": self.seen.result()}


def twice():
    """One table for two inputs, one loss for two outputs."""
    inputs = [layers.Input((5,), dtype="int32") for _ in range(2)]
    table, last = layers.Embedding(30, 4), layers.Dense(3)
    return torchkeras.Model(inputs, [last(layers.Flatten()(table(one))) for one in inputs])


TOKENS = RNG.integers(1, 30, (8, 5))
LOGITS = losses.SparseCategoricalCrossentropy(from_logits=True)
MODELS = {
    "rows of a table": (embedded, TOKENS, {"optimizer": "sgd", "loss": LOGITS}),
    "clipped rows": (
        embedded, TOKENS, {"optimizer": optimizers.Adam(clipnorm=1.0), "loss": LOGITS},
    ),
    "images": (images, X, {"metrics": ["accuracy"], "weighted_metrics": ["mae"]}),
    "own": (Own, X, {}),
}  # fmt: skip


@pytest.mark.parametrize("case", MODELS)
def test_models(case):
    make, x, given = MODELS[case]
    check_steps(lambda: compiled(make(), **copy.deepcopy(given)), (x, CLASSES, WEIGHTS))


def test_fit_and_what_follows(tmp_path):
    """Arrays in, numbers out; copies, pickles and files of a model that is on a GPU."""
    with gpu.played() as seen:
        model = compiled(dense(layers.Reshape((2, 4)), layers.LSTM(3)), metrics=["accuracy", "mae"])
        model.fit(X, CLASSES, 8, verbose=0)
        few = _waits(seen, lambda: model.fit(X, CLASSES, 8, verbose=0))
        x, y = np.tile(X, (9, 1)), np.tile(CLASSES, 9)
        assert _waits(seen, lambda: model.fit(x, y, 8, shuffle=False, verbose=0)) == few
        batches = [(x[n : n + 8], y[n : n + 8]) for n in range(0, 72, 8)]
        few, many = (
            _waits(seen, lambda: model.fit(iter(batches), steps_per_epoch=n, verbose=0))  # noqa: B023
            for n in (1, 9)
        )
        assert many == few
        wanted = model.predict(X, verbose=0)
        assert isinstance(wanted, np.ndarray) and model.evaluate(x, y, verbose=0)[0] > 0
        model.save(tmp_path / "model.h5")
        others = copy.deepcopy(model), pickle.loads(pickle.dumps(model))
        others += (
            torchkeras.models.clone_model(model),
            torchkeras.models.load_model(tmp_path / "model.h5"),
        )
        for other in others:
            other.set_weights(model.get_weights())
            np.testing.assert_allclose(other.predict(X, verbose=0), wanted, 1e-6)
            assert all(isinstance(p, gpu.OnGpu) for p in other.parameters())


def test_what_is_noted_of_labels_outlives_predictions():
    with gpu.played():
        model = compiled(twice(), loss=LOGITS)
        model.predict([TOKENS, TOKENS], verbose=0)
        with torch.inference_mode():
            model([torch.tensor(TOKENS), torch.tensor(TOKENS)])
        model.fit([TOKENS, TOKENS], [CLASSES, CLASSES], verbose=0)
        with pytest.raises(ValueError, match="outside of the valid range"):
            model.fit([TOKENS, TOKENS], [CLASSES, CLASSES + 7], verbose=0)


def _waits(seen, run):
    del seen.waits[:]
    run()
    return len(seen.waits)


RECORDED = {
    "adam": (dense, X, {"optimizer": "adam"}),
    "clipped": (dense, X, {"optimizer": optimizers.SGD(rate(), momentum=0.9, clipnorm=0.1)}),
    "gru": (
        lambda: dense(layers.Reshape((2, 4)), layers.GRU(3)), X,
        {"optimizer": optimizers.Adam(global_clipnorm=0.1)},
    ),
    "texts": (embedded, TOKENS, {"optimizer": "adam", "loss": LOGITS}),
    "images": (images, X, {"optimizer": "rmsprop"}),
}  # fmt: skip


@pytest.mark.parametrize("case", RECORDED)
def test_recorded_steps(case):
    """By `CudaGraph` itself: what it records waits for nothing, and trains as steps that run."""

    def trained(jit):
        make, x, given = RECORDED[case]
        torchkeras.utils.set_random_seed(3)
        with gpu.played():
            model = compiled(make(), **copy.deepcopy(given), metrics=["accuracy"], jit_compile=jit)
            rows = np.tile(x, (6, 1)), np.tile(CLASSES, 6)
            history = model.fit(*rows, 8, shuffle=False, verbose=0).history
            return [*model.get_weights(), *history.values()], gpu.Graph.replays

    wanted, none = trained(False)
    found, replays = trained("auto")
    assert none == 0 and replays == 3
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, 1e-4, 1e-5)


class Waiting(layers.Dense):
    """A layer of the library by its name that reads from the device."""

    __module__ = "torchkeras.layers.core"

    def call(self, inputs):
        return super().call(inputs) * (2.0 if inputs.sum() > 0 else 1.0)


def test_a_recording_that_fails_leaves_nothing_open():
    with gpu.played() as seen:
        model = compiled(dense(Waiting(4)), jit_compile="auto")
        before = seen.stream
        model.fit(np.tile(X, (6, 1)), np.tile(CLASSES, 6), 8, verbose=0)
        assert seen.stream is before and seen.pools == [] and gpu.Graph.replays == 0
        assert len(seen.waits) > 6


@pytest.mark.parametrize("use_bias", [True, False])
def test_weights_of_both_directions_lie_as_cudnn_has_them(use_bias):
    """All matrices, then all biases, for which there is room where there are none."""
    with gpu.played():
        both = [torch.nn.LSTM(3, 2, bias=use_bias, device="cuda") for _ in range(2)]
        weights = [weight for one in both for weight in one._flat_weights]
        found = adjoining(weights)
    order = [weight for ndim in (2, 1) for weight in found if weight.ndim == ndim]
    begin, whole = order[0].data_ptr(), order[0].untyped_storage().nbytes()
    for weight in order:
        assert weight.data_ptr() == begin
        begin += weight.numel() * 4
    assert whole == 4 * (sum(w.numel() for w in order if w.ndim == 2) + 4 * 8)
    for one, same in zip(weights, found, strict=True):
        assert torch.equal(one.near, same.near)


class Inside(layers.Layer):
    """A user's layer around torch's own modules and tensors."""

    def __init__(self, late):
        super().__init__()
        self.late = late
        self.register_buffer("factor", torch.ones(6))
        if not late:
            self.inner = torch.nn.Sequential(torch.nn.Linear(6, 3))

    def build(self, input_shape):
        if self.late:
            self.inner = torch.nn.Sequential(torch.nn.Linear(6, 3))
        super().build(input_shape)

    def call(self, inputs):
        return self.inner(inputs * self.factor)


class Around(torchkeras.Model):
    def __init__(self):
        super().__init__()
        self.inner, self.last = torch.nn.Linear(6, 4), layers.Dense(3)

    def call(self, inputs):
        return self.last(self.inner(inputs))


@pytest.mark.parametrize(
    "make",
    [
        lambda: torchkeras.Sequential([layers.Input((6,)), Inside(False)]),
        lambda: torchkeras.Sequential([Inside(True), layers.Dense(3)]),
        lambda: torchkeras.Sequential([torch.nn.Linear(6, 4), layers.Dense(3)]),
        Around,
    ],
)
def test_modules_of_torch_inside(make):
    model = check_steps(lambda: compiled(make(), loss=LOGITS), (X, CLASSES))
    assert model.device.type == "cuda" and len(list(model.parameters())) >= 2


def test_loops_by_hand_give_tensors_of_the_cpu():
    """To a model of one's own, its loss and a metric, as batches of a data set are."""
    with gpu.played():
        model, told = Own(), metrics.SparseCategoricalAccuracy()
        batches = torchkeras.data.Dataset.from_tensor_slices((X, CLASSES)).batch(4)
        for x, y in batches:
            predicted = model(x)
            losses.SparseCategoricalCrossentropy()(y, predicted).backward()
            told.update_state(y, predicted)
        assert predicted.is_cuda and told.result().is_cuda
        assert not isinstance(x, gpu.OnGpu)


def test_a_device_that_was_chosen_stays():
    with gpu.played(), torch.device("cpu"):
        model = compiled(Around(), loss=LOGITS)
        model.fit(X, CLASSES, verbose=0)
    assert {type(parameter) for parameter in model.parameters()} == {torch.nn.Parameter}
    assert model.device.type == "cpu"
