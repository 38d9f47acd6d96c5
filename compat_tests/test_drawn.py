"""Losses, metrics, optimizers and initializers beside tf.keras, with arguments, shapes, weights
and masks that hypothesis draws: every name, every argument.

tf.keras itself is asked, as no file could hold what may be drawn.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

pytest.importorskip("hypothesis", reason="draws the cases")

from hypothesis import given
from hypothesis import strategies as st

from compat_tests import oracle
from compat_tests.drawn import array, examples, fractions, masks, shapes, some, weights
from torchkeras import initializers, losses, metrics, optimizers

pytestmark = pytest.mark.skipif(oracle.tf_keras() is None, reason="asks tf_keras itself")

REDUCTIONS = {"reduction": st.sampled_from(["auto", "none", "sum", "sum_over_batch_size"])}
LOGITS, SMOOTHING = {"from_logits": st.booleans()}, {"label_smoothing": fractions(0, 0.5)}
FOCAL = {"alpha": fractions(0.1, 0.9), "gamma": fractions(0.5, 3)}

LOSSES = {  # name: labels, predictions, arguments
    "MeanSquaredError": ("real", "real", {}),
    "MeanAbsoluteError": ("real", "real", {}),
    "MeanAbsolutePercentageError": ("positive", "real", {}),
    "MeanSquaredLogarithmicError": ("positive", "positive", {}),
    "LogCosh": ("real", "real", {}),
    "Huber": ("real", "real", {"delta": fractions(0.1, 2)}),
    "CosineSimilarity": ("real", "real", {"axis": st.sampled_from([-1, 0, 1])}),
    "KLDivergence": ("distribution", "distribution", {}),
    "Poisson": ("positive", "positive", {}),
    "Hinge": ("signed", "real", {}),
    "SquaredHinge": ("binary", "real", {}),
    "CategoricalHinge": ("one_hot", "real", {}),
    "BinaryCrossentropy": ("binary", "probability", {**LOGITS, **SMOOTHING}),
    "BinaryFocalCrossentropy": (
        "binary",
        "probability",
        {**LOGITS, **SMOOTHING, **FOCAL, "apply_class_balancing": st.booleans()},
    ),
    "CategoricalCrossentropy": ("one_hot", "distribution", {**LOGITS, **SMOOTHING}),
    "CategoricalFocalCrossentropy": ("one_hot", "distribution", {**LOGITS, **SMOOTHING, **FOCAL}),
    "SparseCategoricalCrossentropy": (
        "classes",
        "distribution",
        {**LOGITS, "ignore_class": st.sampled_from([None, 0, 1])},
    ),
}


def near(found, expected, tolerance=1e-6):
    """Equal relative to the largest number: small ones are differences of larger ones."""
    found, expected = np.asarray(found, "float64"), np.asarray(expected, "float64")
    assert found.shape == expected.shape
    present = np.abs(expected[np.isfinite(expected)])
    largest = present.max() if present.size else 0.0
    np.testing.assert_allclose(found, expected, tolerance, tolerance * max(largest, 1e-3))


def theirs(kind):
    return getattr(oracle.tf_keras(), kind)


@pytest.mark.parametrize("name", LOSSES)
@given(data=st.data())
@examples(8)
def test_loss(name, data):
    import tensorflow as tf

    true_kind, kind, arguments = LOSSES[name]
    shape, seed = data.draw(shapes()), data.draw(st.integers(0, 10**6))
    config = data.draw(some(**arguments, **REDUCTIONS))
    kind = "real" if config.get("from_logits") else kind
    y, p = array(seed, true_kind, shape), array(seed + 1, kind, shape)
    per_sample = shape[:-1]
    axis = config.get("axis", -1)
    if name == "CosineSimilarity":
        axis %= len(shape)
        per_sample = (*shape[:axis], *shape[axis + 1 :])
    weight, mask = data.draw(weights(per_sample)), data.draw(masks(per_sample))
    reference = getattr(theirs("losses"), name)(**config)
    loss = getattr(losses, name)(**config)
    source, theirs_p = torch.tensor(p, requires_grad=True), tf.constant(p)
    with tf.GradientTape() as tape:
        tape.watch(theirs_p)
        seen = tf.identity(theirs_p)
        if mask is not None:
            seen._keras_mask = tf.constant(mask)
        expected = reference(tf.constant(y), seen, sample_weight=weight)
    slope = tape.gradient(expected, theirs_p, unconnected_gradients="zero")
    prediction = source * 1.0
    if mask is not None:
        prediction._keras_mask = torch.from_numpy(mask)
    value = loss(torch.from_numpy(y), prediction, sample_weight=weight)
    value.sum().backward()
    near(value.detach(), expected)
    if not (name.startswith("Categorical") and "Cross" in name and config.get("from_logits")):
        near(source.grad, slope, 3e-6)
    assert loss.get_config() == reference.get_config()


FUNCTIONS = {
    "binary_crossentropy": ("binary", "probability", {**LOGITS, **SMOOTHING}),
    "binary_focal_crossentropy": (
        "binary",
        "probability",
        {**LOGITS, **SMOOTHING, **FOCAL, "apply_class_balancing": st.booleans()},
    ),
    "categorical_crossentropy": ("one_hot", "distribution", {**LOGITS, **SMOOTHING}),
    "categorical_focal_crossentropy": ("one_hot", "distribution", {**LOGITS, **FOCAL}),
    "sparse_categorical_crossentropy": ("classes", "distribution", LOGITS),
    "cosine_similarity": ("real", "real", {"axis": st.sampled_from([-1, 0, 1])}),
    "huber": ("real", "real", {"delta": fractions(0.1, 2)}),
} | {
    name: ("positive", "positive", {})
    for name in (
        "mean_squared_error mean_absolute_error mean_absolute_percentage_error log_cosh "
        "mean_squared_logarithmic_error kl_divergence poisson hinge squared_hinge "
        "categorical_hinge"
    ).split()
}


@pytest.mark.parametrize("name", FUNCTIONS)
@given(data=st.data())
@examples(5)
def test_loss_function(name, data):
    true_kind, kind, arguments = FUNCTIONS[name]
    shape, seed = data.draw(shapes()), data.draw(st.integers(0, 10**6))
    config = data.draw(some(**arguments))
    kind = "real" if config.get("from_logits") else kind
    y, p = array(seed, true_kind, shape), array(seed + 1, kind, shape)
    expected = getattr(theirs("losses"), name)(y, p, **config)
    near(getattr(losses, name)(torch.from_numpy(y), torch.from_numpy(p), **config), expected)


# --- metrics ---------------------------------------------------------------------------------

THRESHOLD = {"threshold": fractions(0.1, 0.9)}
COUNTED = {
    "thresholds": st.one_of(
        fractions(0.1, 0.9), st.lists(fractions(0.1, 0.9), min_size=1, max_size=3)
    ),
}
CHOSEN = {
    "top_k": st.sampled_from([None, 1, 2]),
    "class_id": st.sampled_from([None, 0, 1]),
    "thresholds": st.one_of(st.none(), fractions(0.1, 0.9)),
}
AT = {"num_thresholds": st.integers(2, 30), "class_id": st.sampled_from([None, 0])}
MOST = fractions(0.1, 0.9)
CURVE = {
    "num_thresholds": st.integers(2, 30),
    "curve": st.sampled_from(["ROC", "PR"]),
    "summation_method": st.sampled_from(["interpolation", "minoring", "majoring"]),
}
METRICS = {  # name: labels, predictions, arguments, whether weights are taken
    "Mean": (None, "real", {}),
    "Sum": (None, "real", {}),
    "MeanMetricWrapper": ("real", "real", {"fn": st.just("mse")}),
    "MeanRelativeError": ("positive", "real", {}),
    "RootMeanSquaredError": ("real", "real", {}),
    "CosineSimilarity": ("real", "real", {"axis": st.sampled_from([-1, 0])}),
    "R2Score": (
        "real",
        "real",
        {
            "class_aggregation": st.sampled_from(
                [None, "uniform_average", "variance_weighted_average"]
            ),
            "num_regressors": st.integers(0, 1),
        },
    ),
    "Accuracy": ("binary", "binary", {}),
    "BinaryAccuracy": ("binary", "probability", THRESHOLD),
    "CategoricalAccuracy": ("one_hot", "distribution", {}),
    "SparseCategoricalAccuracy": ("classes", "distribution", {}),
    "TopKCategoricalAccuracy": ("one_hot", "distribution", {"k": st.integers(1, 3)}),
    "SparseTopKCategoricalAccuracy": ("classes", "distribution", {"k": st.integers(1, 3)}),
    "AUC": ("binary", "probability", {**CURVE, "multi_label": st.just(False)}),
    "Precision": ("binary", "probability", CHOSEN),
    "Recall": ("binary", "probability", CHOSEN),
    "TruePositives": ("binary", "probability", COUNTED),
    "TrueNegatives": ("binary", "probability", COUNTED),
    "FalsePositives": ("binary", "probability", COUNTED),
    "FalseNegatives": ("binary", "probability", COUNTED),
    "PrecisionAtRecall": ("binary", "probability", {**AT, "recall": fractions(0.1, 0.9)}),
    "RecallAtPrecision": ("binary", "probability", {**AT, "precision": fractions(0.1, 0.9)}),
    "SensitivityAtSpecificity": ("binary", "probability", {**AT, "specificity": MOST}),
    "SpecificityAtSensitivity": ("binary", "probability", {**AT, "sensitivity": MOST}),
    "F1Score": (
        "binary",
        "probability",
        {"average": st.sampled_from([None, "micro", "macro", "weighted"]),
         "threshold": st.one_of(st.none(), fractions(0.1, 0.9))},
    ),
    "FBetaScore": (
        "binary",
        "probability",
        {"average": st.sampled_from([None, "macro", "weighted"]), "beta": fractions(0.5, 3),
         "threshold": st.one_of(st.none(), fractions(0.1, 0.9))},
    ),
    "MeanIoU": ("classes", "classes", {"ignore_class": st.sampled_from([None, 0])}),
    "IoU": ("classes", "classes", {"ignore_class": st.sampled_from([None, 0])}),
    "BinaryIoU": ("binary", "probability", THRESHOLD),
    "OneHotIoU": ("one_hot", "distribution", {}),
    "OneHotMeanIoU": ("one_hot", "distribution", {}),
    "BinaryCrossentropy": ("binary", "probability", {**LOGITS, **SMOOTHING}),
    "CategoricalCrossentropy": ("one_hot", "distribution", {**LOGITS, **SMOOTHING}),
    "SparseCategoricalCrossentropy": ("classes", "distribution", LOGITS),
    "LogCoshError": ("real", "real", {}),
    "KLDivergence": ("distribution", "distribution", {}),
    "Poisson": ("positive", "positive", {}),
    "Hinge": ("signed", "real", {}),
    "SquaredHinge": ("binary", "real", {}),
    "CategoricalHinge": ("one_hot", "real", {}),
    "MeanSquaredError": ("real", "real", {}),
    "MeanAbsoluteError": ("real", "real", {}),
    "MeanAbsolutePercentageError": ("positive", "real", {}),
    "MeanSquaredLogarithmicError": ("positive", "positive", {}),
}  # fmt: skip
WHOLE = {"Mean", "Sum", "MeanRelativeError", "RootMeanSquaredError", "Accuracy", "MeanIoU", "IoU"}
WHOLE |= {"AUC", "TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives", "BinaryIoU"}
NEEDED = {
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
    "MeanMetricWrapper": {"fn": "mse"},
}


def _metric_config(name, drawn, shape):
    config = {**NEEDED.get(name, {}), **drawn}
    if "IoU" in name and name != "BinaryIoU":
        config["num_classes"] = shape[-1]
    if name in ("IoU", "OneHotIoU"):
        config["target_class_ids"] = [0, 1]
    if config.get("top_k") and config.get("thresholds") is not None:
        config.pop("thresholds")
    return config


@pytest.mark.parametrize("name", METRICS)
@given(data=st.data())
@examples(6)
def test_metric(name, data):
    true_kind, kind, arguments = METRICS[name]
    flat = name in ("R2Score", "F1Score", "FBetaScore")
    shape, seed = data.draw(shapes(2, 2 if flat else 3)), data.draw(st.integers(0, 10**6))
    shape = (max(shape[0], 3), *shape[1:]) if flat else shape
    config = _metric_config(name, data.draw(some(**arguments)), shape)
    kind = "real" if config.get("from_logits") else kind
    made = []
    for keras in (oracle.tf_keras(), None):
        space = keras.metrics if keras else metrics
        mine = dict(config)
        if name == "MeanMetricWrapper":
            mine["fn"] = (keras.losses if keras else losses).get(mine["fn"])
        if name == "MeanRelativeError":
            mine["normalizer"] = np.float32(np.arange(1, shape[-1] + 1))
        made.append(getattr(space, name)(**mine))
    reference, metric = made
    for batch in range(data.draw(st.integers(1, 3))):
        p = array(seed + 2 * batch, kind, shape)
        batch_of = [p]
        if true_kind is not None:
            batch_of = [array(seed + 2 * batch + 1, true_kind, shape), p]
        values = shape[:-1] if "classes" == kind else shape
        weight = data.draw(weights(values if name in WHOLE else shape[:-1]))
        if "IoU" in name:  # nothing is broadcast here
            weight = weight if np.shape(weight) == values and "OneHot" not in name else None
        if name in ("R2Score", "F1Score", "FBetaScore"):
            weight = weight if isinstance(weight, np.ndarray) else None
            weight = None if config.get("average") == "micro" else weight
        if "At" in name or name in ("Precision", "Recall"):
            weight = None if weight is None or weight.ndim else weight
        reference.update_state(*batch_of, sample_weight=weight)
        metric.update_state(*map(torch.from_numpy, batch_of), sample_weight=weight)
    near(metric.result(), reference.result())
    for mine, right in zip(metric.variables, reference.variables, strict=True):
        near(mine.numpy(), right.numpy())


# --- optimizers ------------------------------------------------------------------------------

RATE = {"learning_rate": fractions(0.02, 0.5)}
BETAS = {"beta_1": fractions(0.3, 0.95), "beta_2": fractions(0.5, 0.99)}
EPSILON = {"epsilon": st.sampled_from([1e-7, 1e-3])}
CLIPPED = st.sampled_from(
    [{}, {}, {"clipnorm": 0.5}, {"clipvalue": 0.25}, {"global_clipnorm": 0.75}]
)
MORE = {
    "weight_decay": fractions(0.0, 0.25),
    "use_ema": st.just(True),
    "ema_momentum": fractions(0.2, 0.9),
    "ema_overwrite_frequency": st.integers(1, 5),
}
MOMENTUM = {"momentum": fractions(0, 0.9), "nesterov": st.booleans()}
MEAN_SQUARE = {
    "rho": fractions(0.3, 0.95),
    "momentum": fractions(0, 0.9),
    "centered": st.booleans(),
}
FTRL = {
    "learning_rate_power": fractions(-0.75, -0.25),
    "initial_accumulator_value": fractions(0.1, 1),
    "l1_regularization_strength": fractions(0, 0.25),
    "l2_regularization_strength": fractions(0, 0.25),
    "l2_shrinkage_regularization_strength": fractions(0, 0.25),
    "beta": fractions(0, 0.5),
}
NEW = {
    "SGD": {**RATE, **MOMENTUM},
    "RMSprop": {**RATE, **MEAN_SQUARE, **EPSILON},
    "Adagrad": {**RATE, **EPSILON, "initial_accumulator_value": fractions(0, 1)},
    "Adadelta": {**RATE, **EPSILON, "rho": fractions(0.3, 0.95)},
    "Adam": {**RATE, **BETAS, **EPSILON, "amsgrad": st.booleans()},
    "AdamW": {**RATE, **BETAS, **EPSILON, "amsgrad": st.booleans()},
    "Adamax": {**RATE, **BETAS, **EPSILON},
    "Nadam": {**RATE, **BETAS, **EPSILON},
    "Ftrl": {**RATE, **FTRL},
    "Lion": {**RATE, **BETAS},
    "Adafactor": {
        **RATE,
        "beta_2_decay": fractions(-0.9, -0.5),
        "clip_threshold": fractions(0.5, 2),
        "relative_step": st.booleans(),
    },
}
LEGACY = {
    "SGD": {**RATE, **MOMENTUM, "decay": fractions(0, 0.5)},
    "RMSprop": {**RATE, **MEAN_SQUARE, **EPSILON, "decay": fractions(0, 0.5)},
    "Adagrad": {**RATE, **EPSILON, "initial_accumulator_value": fractions(0, 1)},
    "Adadelta": {**RATE, **EPSILON, "rho": fractions(0.3, 0.95)},
    "Adam": {**RATE, **BETAS, **EPSILON, "amsgrad": st.booleans(), "decay": fractions(0, 0.5)},
    "Adamax": {**RATE, **BETAS, **EPSILON},
    "Nadam": {**RATE, **BETAS, **EPSILON},
    "Ftrl": {**RATE, **FTRL},
}
OPTIMIZERS = [(name, NEW[name], MORE) for name in NEW]
OPTIMIZERS += [("legacy." + name, LEGACY[name], {}) for name in LEGACY]
# What 20 steps may add up to; bfloat16 has 8 digits of two, and its kernels round in their own way.
TOLERANCE = {"float32": 1e-6, "float64": 1e-6, "bfloat16": 0.1}
NO_BFLOAT16 = {"Nadam", "legacy.Nadam", "legacy.Adamax"}  # NaN in tf.keras, or no kernel


@pytest.mark.parametrize("name, arguments, more", OPTIMIZERS, ids=[o[0] for o in OPTIMIZERS])
@given(data=st.data())
@examples(4)
def test_optimizer(name, arguments, more, data):
    """20 updates of a matrix, a vector and a number, in each float type."""
    import tensorflow as tf

    config = {**data.draw(some(**arguments, **more)), **data.draw(CLIPPED)}
    dtypes = ["float32", "float64"] if name in NO_BFLOAT16 else list(TOLERANCE)
    dtype = data.draw(st.sampled_from(dtypes))
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    sizes = [(2, 3), (4,), ()]
    first = [rng.normal(size=size).astype("float32") for size in sizes]
    grads = [[rng.normal(size=size).astype("float32") for size in sizes] for _ in range(20)]
    reference, opt = (
        _optimizer(space, name, config) for space in (theirs("optimizers"), optimizers)
    )
    right = [tf.Variable(value, dtype=dtype) for value in first]
    mine = [torch.nn.Parameter(torch.tensor(v, dtype=getattr(torch, dtype))) for v in first]
    for step in grads:
        reference.apply_gradients(
            [(tf.cast(g, dtype), v) for g, v in zip(step, right, strict=True)]
        )
        opt.apply_gradients(
            [(torch.tensor(g).to(p.dtype), p) for g, p in zip(step, mine, strict=True)]
        )
    for one, other in zip(mine, right, strict=True):
        near(one.detach().double(), tf.cast(other, "float64"), TOLERANCE[dtype])
    if dtype != "bfloat16":
        assert opt.get_config() == reference.get_config()


def _optimizer(space, name, config):
    for part in name.split("."):
        space = getattr(space, part)
    return space(**config)


# --- initializers ----------------------------------------------------------------------------

SPREAD = {"mean": fractions(-1, 1), "stddev": fractions(0.1, 2)}
INITIALIZERS = {
    "Zeros": {},
    "Ones": {},
    "Constant": {"value": fractions(-2, 2)},
    "Identity": {"gain": fractions(0.5, 2)},
    "Orthogonal": {"gain": fractions(0.5, 2)},
    "RandomNormal": SPREAD,
    "TruncatedNormal": SPREAD,
    "RandomUniform": {"minval": fractions(-2, 0), "maxval": fractions(0.1, 2)},
    "VarianceScaling": {
        "scale": fractions(0.1, 3),
        "mode": st.sampled_from(["fan_in", "fan_out", "fan_avg"]),
        "distribution": st.sampled_from(["truncated_normal", "untruncated_normal", "uniform"]),
    },
} | dict.fromkeys(
    "GlorotNormal GlorotUniform HeNormal HeUniform LecunNormal LecunUniform".split(), {}
)


@pytest.mark.parametrize("name", INITIALIZERS)
@given(data=st.data())
@examples(6)
def test_initializer(name, data):
    config = data.draw(some(**INITIALIZERS[name]))
    if name not in ("Zeros", "Ones", "Constant", "Identity"):
        config["seed"] = data.draw(st.integers(0, 2**31 - 1))
    square = name in ("Identity", "Orthogonal")
    shape = tuple(data.draw(st.lists(st.integers(1, 7), min_size=2, max_size=2 if square else 4)))
    dtype = data.draw(st.sampled_from(["float32", "float64"]))
    expected = getattr(theirs("initializers"), name)(**config)(shape, dtype=dtype)
    found = getattr(initializers, name)(**config)(shape, dtype=dtype)
    near(found, expected, 2e-6)


# --- every name ------------------------------------------------------------------------------


def test_every_name_is_drawn():
    def classes(kind, base):
        found = vars(theirs(kind))
        return {n for n, v in found.items() if isinstance(v, type) and issubclass(v, base)}

    aliases = {"Loss", "Metric", "MeanTensor", "KLD", "MAE", "MAPE", "MSE", "MSLE"}
    assert classes("losses", theirs("losses").Loss) - {*LOSSES} - aliases == set()
    assert classes("metrics", theirs("metrics").Metric) - {*METRICS} - aliases == set()
    for space, drawn in ((theirs("optimizers"), NEW), (theirs("optimizers").legacy, LEGACY)):
        public = {name for name in dir(space) if name[0].isupper()}
        assert public - {*drawn} - {"Optimizer"} == set()
