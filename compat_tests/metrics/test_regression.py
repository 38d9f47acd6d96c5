"""torchkeras/metrics/regression.py beside tf.keras."""

from __future__ import annotations

import numpy as np
import pytest

from compat_tests import oracle
from compat_tests.checks.metric import check_metric
from torchkeras import metrics

WEIGHTS = ["none", "number", "batch", "values"]


def batches(shape, weight, labels="floats", scores="probabilities"):
    rng = np.random.default_rng(len(labels) + len(shape))
    made = []
    for _ in range(3):
        predictions = rng.uniform(0.05, 1, shape)
        if scores == "probabilities":
            predictions /= predictions.sum(-1, keepdims=True)
        kinds = {
            "floats": lambda: rng.uniform(0, 2, shape),
            "binary": lambda: rng.integers(0, 2, shape),
            "signs": lambda: rng.choice([-1.0, 1.0], shape),
            "one-hot": lambda: np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])],
            "numbers": lambda: rng.integers(0, shape[-1], shape[:-1]),
        }
        weights = {
            "none": None,
            "number": 0.5,
            "batch": rng.uniform(size=shape[:1]).astype("float32"),
            "values": rng.uniform(size=shape[:-1]).astype("float32"),
        }
        truth = kinds[labels]()
        truth = truth if truth.dtype.kind == "i" else truth.astype("float32")
        made.append((truth, predictions.astype("float32"), weights[weight]))
    return made


CASES = [
    ("MeanSquaredError", "floats", {}),
    ("RootMeanSquaredError", "floats", {}),
    ("MeanAbsoluteError", "floats", {"name": "mae"}),
    ("MeanAbsolutePercentageError", "floats", {}),
    ("MeanSquaredLogarithmicError", "floats", {}),
    ("LogCoshError", "floats", {}),
    ("CosineSimilarity", "floats", {}),
    ("CosineSimilarity", "floats", {"axis": -1, "name": "cos"}),
    ("Poisson", "floats", {}),
    ("KLDivergence", "floats", {}),
    ("Hinge", "signs", {}),
    ("Hinge", "binary", {}),
    ("SquaredHinge", "signs", {}),
    ("CategoricalHinge", "one-hot", {}),
    ("BinaryCrossentropy", "binary", {}),
    ("BinaryCrossentropy", "binary", {"from_logits": True, "label_smoothing": 0.1}),
    ("CategoricalCrossentropy", "one-hot", {}),
    ("CategoricalCrossentropy", "one-hot", {"from_logits": True, "label_smoothing": 0.1}),
    ("SparseCategoricalCrossentropy", "numbers", {}),
    ("SparseCategoricalCrossentropy", "numbers", {"from_logits": True}),
    ("SparseCategoricalCrossentropy", "numbers", {"ignore_class": 1}),
]


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("name, labels, config", CASES)
def test_rows(name, labels, config, weight):
    check_metric(name, batches((5, 4), weight, labels), config, 1e-5)


@pytest.mark.parametrize("weight", ["none", "number", "values"])
@pytest.mark.parametrize("name, labels, config", CASES)
def test_steps(name, labels, config, weight):
    if "ignore_class" in config and weight == "number":
        weight = "none"  # tf.keras takes no plain number here
    check_metric(name, batches((2, 3, 4), weight, labels), config, 1e-5)


def test_axis():
    batch = batches((2, 3, 4), "none")
    check_metric("CosineSimilarity", batch, {"axis": 1}, 1e-5)
    check_metric(
        "CategoricalCrossentropy", batches((2, 3, 3), "none", "one-hot"), {"axis": 1}, 1e-5
    )


def test_squeezed():
    rng = np.random.default_rng(0)
    labels, predictions = rng.normal(size=(2, 5)).astype("float32")
    for name in ("MeanSquaredError", "RootMeanSquaredError", "MeanAbsoluteError"):
        check_metric(name, [(labels, predictions[:, None])], tolerance=1e-5)
        check_metric(name, [(labels[:, None], predictions)], tolerance=1e-5)


@pytest.mark.parametrize("weight", ["none", "batch"])
def test_mean_relative_error(weight):
    for labels, predictions, weights in batches((4, 1), weight):
        batch = labels[:, 0], predictions[:, 0], weights
        check_metric("MeanRelativeError", [batch], {"normalizer": [1.0, 0.0, 2.0, 0.5]}, 1e-5)
    with pytest.raises(ValueError, match=r"\(3,\).*\(2,\)"):
        metrics.MeanRelativeError([1.0, 1.0])([1.0, 1.0, 1.0], [1.0, 1.0])


R2 = [
    {},
    {"class_aggregation": None},
    {"class_aggregation": "variance_weighted_average"},
    {"num_regressors": 2},
    {"num_regressors": 1, "class_aggregation": None},
]


@pytest.mark.parametrize("weight", ["none", "batch", "number"])
@pytest.mark.parametrize("config", R2, ids=str)
def test_r2(config, weight):
    check_metric("R2Score", batches((5, 3), weight, scores="free"), config, 1e-4)


def test_r2_errors():
    metric = metrics.R2Score(num_regressors=5)
    with pytest.warns(UserWarning, match="more than 6 samples"):
        metric([[1.0], [2.0]], [[1.0], [2.0]])
    with pytest.raises(ValueError, match="class_aggregation"):
        metrics.R2Score(class_aggregation="mean")
    with pytest.raises(ValueError, match="negative"):
        metrics.R2Score(num_regressors=-1)
    with pytest.raises(ValueError, match=r"\(2,\)"):
        metrics.R2Score()([1.0, 2.0], [1.0, 2.0])


NAMES = (
    "mean_squared_error mse MSE mean_absolute_error mae MAE mape MAPE msle MSLE log_cosh "
    "logcosh mean_absolute_percentage_error mean_squared_logarithmic_error kl_divergence "
    "kld KLD poisson kullback_leibler_divergence hinge squared_hinge"
).split()


@pytest.mark.parametrize("name", NAMES)
def test_functions(name):
    ((labels, predictions, _), *_) = batches((3, 4), "none")
    expected = oracle.ask(lambda keras: getattr(keras.metrics, name)(labels, predictions))
    value = getattr(metrics, name)(labels, predictions)
    np.testing.assert_allclose(value.numpy(), expected, 1e-5, 1e-6)
