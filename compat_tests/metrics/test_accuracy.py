"""torchkeras/metrics/accuracy.py beside tf.keras."""

from __future__ import annotations

import numpy as np
import pytest

from compat_tests import oracle
from compat_tests.checks.metric import check_metric
from torchkeras import metrics


def batches(kind, shape, weight, count=3):
    """Labels and scores of `shape`, whose last axis are the classes."""
    rng = np.random.default_rng(len(kind) + 5 * len(shape))
    made = []
    for _ in range(count):
        scores = rng.integers(0, 4, shape).astype("float32") / 4  # with ties
        labels = rng.integers(0, shape[-1], shape[:-1])
        if kind == "one-hot":
            labels = np.eye(shape[-1], dtype="float32")[labels]
        elif kind == "binary":
            labels = rng.integers(0, 2, shape).astype("float32")
        elif kind == "column":
            labels = labels[..., None].astype("float32")
        shapes = {"batch": shape[:1], "rows": shape[:-1], "column": (*shape[:-1], 1)}
        weights = None if weight == "none" else rng.uniform(size=shapes[weight]).astype("float32")
        made.append((labels, scores, weights))
    return made


CASES = [
    ("CategoricalAccuracy", "one-hot", {}),
    ("SparseCategoricalAccuracy", "numbers", {}),
    ("SparseCategoricalAccuracy", "column", {}),
    ("TopKCategoricalAccuracy", "one-hot", {"k": 2}),
    ("SparseTopKCategoricalAccuracy", "numbers", {"k": 2}),
    ("SparseTopKCategoricalAccuracy", "numbers", {"k": 3, "name": "top3"}),
    ("BinaryAccuracy", "binary", {}),
    ("BinaryAccuracy", "binary", {"threshold": 0.3}),
    ("Accuracy", "binary", {}),
]


@pytest.mark.parametrize("weight", ["none", "batch", "rows", "column"])
@pytest.mark.parametrize("shape", [(6, 4), (3, 5, 4)], ids=str)
@pytest.mark.parametrize("name, kind, config", CASES)
def test_classes(name, kind, config, shape, weight):
    if weight == "batch" and len(shape) == 3:
        weight = "rows"  # what tf.keras takes here
    check_metric(name, batches(kind, shape, weight), config)


FUNCTIONS = [
    ("binary_accuracy", "binary", {"threshold": 0.4}),
    ("categorical_accuracy", "one-hot", {}),
    ("sparse_categorical_accuracy", "numbers", {}),
    ("sparse_categorical_accuracy", "column", {}),
    ("top_k_categorical_accuracy", "one-hot", {"k": 2}),
    ("sparse_top_k_categorical_accuracy", "numbers", {"k": 2}),
]


@pytest.mark.parametrize("shape", [(6, 4), (3, 5, 4)], ids=str)
@pytest.mark.parametrize("name, kind, config", FUNCTIONS)
def test_functions(name, kind, config, shape):
    labels, scores, _ = batches(kind, shape, "none")[0]
    expected = oracle.ask(lambda keras: getattr(keras.metrics, name)(labels, scores, **config))
    value = getattr(metrics, name)(labels, scores, **config)
    np.testing.assert_array_equal(value.numpy(), expected)
    # as a metric: without weights booleans are counted, with weights the function is called
    expected = oracle.ask(
        lambda keras: [
            keras.metrics.MeanMetricWrapper(getattr(keras.metrics, name), **config)(*batch)
            for batch in ((labels, scores), (labels, scores, 0.5))
        ]
    )
    for weight, result in zip((None, 0.5), expected, strict=True):
        metric = metrics.MeanMetricWrapper(getattr(metrics, name), **config)
        np.testing.assert_allclose(metric(labels, scores, weight).numpy(), result, 1e-6)


def test_top_k_of_odd_scores():
    nan, inf = float("nan"), float("inf")
    scores = np.float32([[nan, 1, 0], [-inf, 1, 0], [inf, 1, 0], [0, 1, 0], [0, 1, 2]])
    labels = np.array([1, 1, 0, 5, -1])
    expected = oracle.ask(
        lambda keras: keras.metrics.sparse_top_k_categorical_accuracy(labels, scores, k=2)
    )
    value = metrics.sparse_top_k_categorical_accuracy(labels, scores, k=2)
    np.testing.assert_array_equal(value.numpy(), expected)


def test_squeezed_and_half_precision():
    labels, scores = np.float32([0, 1, 1, 0]), np.float16([[0.2], [0.5], [0.6], [0.7]])
    check_metric("BinaryAccuracy", [(labels, scores)])
    check_metric("BinaryAccuracy", [(labels.astype("int64")[:, None], scores)])
    check_metric("SparseCategoricalAccuracy", [(np.int32([1, 0]), np.eye(2, dtype="float16"))])


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(2, 4\)"):
        metrics.Accuracy()(np.zeros((2, 3)), np.zeros((2, 4)))
    with pytest.raises(ValueError, match="one-hot"):
        metrics.SparseCategoricalAccuracy()(np.zeros((2, 3)), np.zeros((2, 3)))
