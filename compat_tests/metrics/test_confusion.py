"""torchkeras/metrics/confusion.py and auc.py beside tf.keras."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from compat_tests.checks.metric import check_metric
from torchkeras import metrics


def batches(shape, weight="none", scores="grid"):
    """Labels 0 or 1 and scores, some of them equal to thresholds."""
    rng = np.random.default_rng(len(shape) + 3 * len(weight))
    made = []
    for _ in range(3):
        predictions = rng.integers(0, 11, shape) / 10
        if scores == "logits":
            predictions = rng.normal(size=shape)
        shapes = {"batch": shape[:1], "column": (*shape[:-1], 1), "full": shape}
        weights = None
        if weight != "none":
            weights = rng.uniform(0.1, 2, shapes[weight]).astype("float32")
        labels = rng.integers(0, 2, shape).astype("float32")
        made.append((labels, predictions.astype("float32"), weights))
    return made


COUNTS = ["TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives"]
THRESHOLDS = [None, 0.3, [0.2, 0.8], [0.0, 0.5, 1.0], [0.1, 0.5, 0.6, 1.0]]
WEIGHTS = ["none", "batch", "column", "full"]


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("thresholds", THRESHOLDS, ids=str)
@pytest.mark.parametrize("name", COUNTS)
def test_counts(name, thresholds, weight):
    check_metric(name, batches((5, 3), weight), {"thresholds": thresholds}, 1e-5)


RATIOS = [
    {},
    {"thresholds": [0.2, 0.8]},
    {"thresholds": [0.0, 0.5, 1.0]},
    {"thresholds": 0.7, "class_id": 1},
    {"top_k": 2},
    {"top_k": 2, "class_id": 2, "thresholds": 0.4},
    {"top_k": 1, "name": "first"},
]


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("config", RATIOS, ids=str)
@pytest.mark.parametrize("name", ["Precision", "Recall"])
def test_ratios(name, config, weight):
    if "class_id" in config and weight == "full":
        weight = "none"  # one weight a row is left
    check_metric(name, batches((6, 4), weight), config, 1e-5)


def test_ranks():
    labels, scores, _ = batches((6,))[0]
    for name in ("Precision", "Recall", "AUC", "TruePositives", "PrecisionAtRecall"):
        config = {"recall": 0.5} if name == "PrecisionAtRecall" else {}
        check_metric(name, [(labels, scores)], config, 1e-5)
        check_metric(name, [(labels, scores[:, None])], config, 1e-5)
        check_metric(name, [(labels[:, None].astype("int64"), scores[:, None])], config, 1e-5)
        check_metric(name, batches((2, 3, 4), "full"), config, 1e-5)


BOUNDS = [
    ("SensitivityAtSpecificity", "specificity"),
    ("SpecificityAtSensitivity", "sensitivity"),
    ("PrecisionAtRecall", "recall"),
    ("RecallAtPrecision", "precision"),
]


@pytest.mark.parametrize("weight", ["none", "full"])
@pytest.mark.parametrize("bound", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("options", [{}, {"num_thresholds": 1}, {"num_thresholds": 7}], ids=str)
@pytest.mark.parametrize("name, argument", BOUNDS)
def test_bounds(name, argument, options, bound, weight):
    check_metric(name, batches((8, 2), weight), {argument: bound, **options}, 1e-5)


def test_bounds_of_one_class():
    for name, argument in BOUNDS:
        check_metric(name, batches((8, 3), "batch"), {argument: 0.5, "class_id": 2}, 1e-5)


AREAS = [
    {},
    {"num_thresholds": 5},
    {"curve": "PR"},
    {"curve": "PR", "num_thresholds": 7, "summation_method": "minoring"},
    {"curve": "PR", "summation_method": "majoring"},
    {"summation_method": "majoring", "num_thresholds": 6},
    {"summation_method": "minoring", "num_thresholds": 6},
    {"thresholds": [0.3, 0.1, 0.8]},
    {"thresholds": [0.5], "curve": "PR"},
    {"label_weights": [0.2, 1.0, 3.0], "num_thresholds": 9},
    {"label_weights": [0.2, 1.0, 3.0], "thresholds": [0.2, 0.9]},
    {"multi_label": True},
    {"multi_label": True, "num_labels": 3, "curve": "PR"},
    {"multi_label": True, "label_weights": [0.2, 1.0, 3.0]},
    {"multi_label": True, "curve": "PR", "label_weights": [0.2, 1.0, 3.0]},
    {"multi_label": True, "thresholds": [0.3, 0.9]},
]


@pytest.mark.parametrize("weight", ["none", "batch", "full"])
@pytest.mark.parametrize("config", AREAS, ids=str)
def test_auc(config, weight):
    if weight != "none" and "thresholds" in config and "label_weights" not in config:
        weight = "full"  # the only shape that tf.keras takes with uneven thresholds
    check_metric("AUC", batches((9, 3), weight), config, 1e-5)


def test_auc_from_logits():
    check_metric("AUC", batches((9, 3), "batch", "logits"), {"from_logits": True}, 1e-5)
    check_metric("AUC", batches((9, 3), "none", "logits"), {"num_thresholds": 3}, 1e-5)


WRONG = [
    (lambda: metrics.Precision(thresholds=1.5), r"\[0, 1\]; received \[1.5\]"),
    (lambda: metrics.TruePositives(thresholds=[0.5, None]), "None"),
    (lambda: metrics.AUC(curve="XY"), "'XY'"),
    (lambda: metrics.AUC(summation_method="sum"), "'sum'"),
    (lambda: metrics.AUC(num_thresholds=1), "at least 2"),
    (lambda: metrics.AUC(num_labels=2), "multi_label"),
    (lambda: metrics.AUC(label_weights=[-1.0]), "negative"),
    (lambda: metrics.AUC(multi_label=True)(np.zeros(3), np.zeros(3)), r"\(3,\)"),
    (lambda: metrics.AUC(label_weights=[1.0])(np.zeros((2, 3)), np.zeros((2, 3))), "1 labels"),
    (lambda: metrics.PrecisionAtRecall(1.5), "1.5"),
    (lambda: metrics.PrecisionAtRecall(0.5, num_thresholds=0), "positive"),
    (lambda: metrics.Recall()(np.zeros((2, 3)), np.zeros((2, 4))), r"\(2, 3\).*\(2, 4\)"),
    (lambda: metrics.Recall()(np.zeros((2, 3)), np.zeros((2, 3)), np.ones(5)), r"\(5, 1\)"),
    (lambda: metrics.Recall(class_id=1)(*[np.zeros((2, 3))] * 3), r"\(2, 3\).*\(2, 1\)"),
]


@pytest.mark.parametrize("build, message", WRONG, ids=range(len(WRONG)))
def test_errors(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_nan_scores_do_not_break_the_buckets():
    metric = metrics.AUC(num_thresholds=5)
    metric.update_state(torch.tensor([1.0, 0.0, 1.0]), torch.tensor([0.9, 0.1, float("nan")]))
    assert metric.true_positives.numpy().max() >= 1
