"""What only a GPU would show, on a GPU that is played: tensors left on the CPU, and waits."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

import torchkeras
from compat_tests import gpu
from compat_tests.checks.elsewhere import check_steps
from torchkeras import layers, losses, metrics, mixed_precision, optimizers, policies

RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 6)).astype("float32")
CLASSES, ONE_HOT = RNG.integers(0, 3, 8), np.eye(3, dtype="float32")[RNG.integers(0, 3, 8)]
WEIGHTS = RNG.uniform(0.5, 1, 8).astype("float32")

# --- the played GPU itself --------------------------------------------------------------------


def on_cpu():
    return torch.ones(3)


def on_gpu():
    return torch.ones(3, device="cuda")


RAISES = {
    "two devices": lambda: on_gpu() + on_cpu(),
    "the other way": lambda: on_cpu().add_(on_gpu()),
    "numbers on the CPU change": lambda: torch.ones(()).add_(on_gpu()[0]),
    "a list": lambda: torch.stack([on_gpu(), on_cpu()]),
    "an index": lambda: on_gpu().index_select(0, torch.tensor([1])),
    "kernels for many": lambda: torch._foreach_add_([on_gpu()], [on_cpu()]),
    "a generator": lambda: on_gpu().normal_(generator=torch.Generator()),
    "products of integers": lambda: on_gpu().long() @ on_gpu().long(),
    "a kernel that CUDA lacks": lambda: torch.histogram(on_gpu(), 2),
    "numpy": lambda: torchkeras.arrays.np.asarray(_numpy_of(on_gpu())),
}
WAITS = {
    "item": lambda: on_gpu()[0].item(),
    "if": lambda: bool(on_gpu().any()),
    "list": lambda: on_gpu().tolist(),
    "cpu": lambda: on_gpu().cpu(),
    "to the CPU": lambda: on_gpu().to("cpu", torch.float64),
    "copied to the CPU": lambda: on_cpu().copy_(on_gpu()),
    "a number to the GPU": lambda: torch.tensor(1.0, device="cuda"),
    "an array to the GPU": lambda: torch.as_tensor([1.0], device="cuda"),
    "cuda": lambda: on_cpu().cuda(),
    "from memory that is not pinned": lambda: on_cpu().to("cuda", non_blocking=True),
    "pinned, at once": lambda: on_cpu().pin_memory().to("cuda"),
    "copied to the GPU": lambda: on_gpu().copy_(on_cpu()),
    "nonzero": lambda: on_gpu().nonzero(),
    "a mask": lambda: on_gpu()[on_gpu() > 0],
    "an index of the CPU": lambda: on_gpu()[torch.tensor([1])],
    "unique": lambda: on_gpu().unique(),
    "bincount": lambda: on_gpu().long().bincount(),
    "repeats": lambda: on_gpu().repeat_interleave(on_gpu().long()),
    "synchronize": lambda: torch.cuda.synchronize(),
}
PASSES = {
    "numbers": lambda: on_gpu() * 2 + torch.tensor(3.0),
    "made there": lambda: torch.full((2,), 3.0, device="cuda") + torch.arange(2, device="cuda"),
    "pinned": lambda: on_cpu().pin_memory().to("cuda", non_blocking=True),
    "where": lambda: torch.where(on_gpu() > 0, on_gpu(), 0.0).cumsum(0).sort(),
    "an index": lambda: on_gpu()[torch.zeros(2, dtype=torch.int64, device="cuda")],
    "its generator": lambda: on_gpu().normal_(generator=torch.Generator("cuda").manual_seed(1)),
    "in place": lambda: on_gpu()[1:].add_(1),
}


def _numpy_of(tensor):
    return eval("tensor.numpy()", {"__name__": "torchkeras.somewhere", "tensor": tensor})


@pytest.mark.parametrize("case", RAISES)
def test_what_cuda_refuses(case):
    with gpu.played(), pytest.raises((RuntimeError, NotImplementedError, TypeError)) as raised:
        RAISES[case]()
    assert not isinstance(raised.value, gpu.Waited)


@pytest.mark.parametrize("case", WAITS)
def test_what_waits(case):
    with gpu.played() as seen:
        with gpu.unwaited(), pytest.raises(gpu.Waited):
            WAITS[case]()
        del seen.waits[:]
        WAITS[case]()
        assert len(seen.waits) == 1 or case == "from memory that is not pinned"


@pytest.mark.parametrize("case", PASSES)
def test_what_does_not_wait(case):
    with gpu.played() as seen, gpu.unwaited():
        PASSES[case]()
    assert seen.waits == []


def test_nothing_is_left_of_it():
    with gpu.played():
        assert torch.cuda.is_available()
    assert torch.cuda.is_available() == torch.backends.cuda.is_built() and type(on_cpu()) is torch.Tensor
    assert torchkeras.arrays.default_device().type == "cpu"


# --- losses and metrics -----------------------------------------------------------------------

# What labels and predictions look like, by a part of the name; else both are probabilities.
_SHAPES = {
    "Sparse": (CLASSES, ONE_HOT),
    "IoU": (CLASSES, CLASSES),
    "OneHot": (ONE_HOT, ONE_HOT),
    "BinaryIoU": (ONE_HOT, ONE_HOT),
}
_GIVEN = {
    "IoU": {"num_classes": 3, "target_class_ids": [0, 2]},
    "MeanIoU": {"num_classes": 3},
    "OneHotIoU": {"num_classes": 3, "target_class_ids": [0, 2]},
    "OneHotMeanIoU": {"num_classes": 3},
    "BinaryIoU": {},
    "MeanRelativeError": {"normalizer": [1.0, 2.0, 3.0]},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
}
_APART = ("MeanMetricWrapper", "SumOverBatchSizeMetricWrapper", "LossFunctionWrapper", "PyMetric")
_VALUES = ("Mean", "Sum", "MeanTensor", "SumOverBatchSize")


def classes_of(table, base):
    found = {c for c in table.objects.values() if isinstance(c, type) and issubclass(c, base)}
    return sorted((c for c in found if c is not base and c.__name__ not in _APART), key=str)


def arguments_of(name):
    shapes = [pair for part, pair in _SHAPES.items() if part in name]
    return shapes[-1] if shapes else (ONE_HOT, np.abs(X[:, :3]) / 3)


@pytest.mark.parametrize("cls", classes_of(losses.TABLE, losses.Loss), ids=lambda c: c.__name__)
def test_losses(cls):
    y_true, y_pred = arguments_of(cls.__name__)
    with gpu.played() as seen:
        there = torch.tensor(y_pred, device="cuda", requires_grad=True)
        labels, weights = (torch.tensor(a, device="cuda") for a in (y_true, WEIGHTS))
        del seen.waits[:]
        with gpu.unwaited():
            for given in (None, weights):
                cls()(labels, there, given).backward()
        here = cls()(torch.tensor(y_true), there)  # labels of a loop by hand are on the CPU
        assert here.is_cuda and cls()(y_true, there, WEIGHTS).is_cuda
    np.testing.assert_allclose(here.near.detach(), cls()(y_true, y_pred), 1e-5)


@pytest.mark.parametrize("cls", classes_of(metrics.TABLE, metrics.Metric), ids=lambda c: c.__name__)
@pytest.mark.parametrize("given", ["tensors", "arrays", "labels here", "weights"])
def test_metrics(cls, given):
    config = _GIVEN.get(cls.__name__, {})
    batch = arguments_of(cls.__name__)[: 1 if cls.__name__ in _VALUES else 2]
    if given == "weights" and len(batch) == 2:
        batch = (*batch, np.broadcast_to(WEIGHTS[:, None], batch[1].shape) if "IoU" in cls.__name__ and batch[1].ndim > 1 and "OneHot" not in cls.__name__ else WEIGHTS)
    wanted = cls(**config)(*batch)
    with gpu.played():
        metric = cls(**config)
        assert all(variable.value.is_cuda for variable in metric.variables)
        if given == "arrays":
            sent = batch
        else:
            sent = [torch.tensor(a, device="cuda") for a in batch]
            if given == "labels here" and len(sent) > 1:
                sent[0] = torch.tensor(batch[0])
        metric.update_state(*sent)
        metric.reset_state()
        if given in ("tensors", "weights"):
            with gpu.unwaited():
                metric.update_state(*sent)
        else:
            metric.update_state(*sent)
        result = metric.result()
        assert all(variable.value.is_cuda for variable in metric.variables)
    np.testing.assert_allclose(result.near, wanted, 1e-5)


# --- steps ------------------------------------------------------------------------------------


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
        others += torchkeras.models.clone_model(model), torchkeras.models.load_model(tmp_path / "model.h5")
        for other in others:
            other.set_weights(model.get_weights())
            np.testing.assert_allclose(other.predict(X, verbose=0), wanted, 1e-6)
            assert all(isinstance(p, gpu.OnGpu) for p in other.parameters())


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
