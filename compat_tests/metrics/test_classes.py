"""torchkeras/metrics/fscore.py and iou.py beside tf.keras."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from compat_tests import oracle
from compat_tests.checks.metric import check_metric
from torchkeras import losses, metrics


def score_batches(weight):
    rng = np.random.default_rng(4)
    for _ in range(3):
        labels = rng.integers(0, 2, (6, 3)).astype("float32")
        scores = rng.integers(0, 5, (6, 3)).astype("float32") / 4
        yield labels, scores, rng.uniform(size=6).astype("float32") if weight else None


@pytest.mark.parametrize("weight", [False, True])
@pytest.mark.parametrize("threshold", [None, 0.4])
@pytest.mark.parametrize("average", [None, "micro", "macro", "weighted"])
def test_f_scores(average, threshold, weight):
    if average == "micro" and weight:
        weight = False  # the sum over all needs no weights a row
    config = {"average": average, "threshold": threshold}
    check_metric("F1Score", list(score_batches(weight)), config, 1e-5)
    check_metric("FBetaScore", list(score_batches(weight)), {**config, "beta": 2.0}, 1e-5)


def class_batches(weight, true_one_hot=False, pred_scores=False, ignored=None):
    rng = np.random.default_rng(5)
    for _ in range(3):
        labels, predictions = rng.integers(0, 4, (2, 3, 5)).astype("int32"), None
        predictions = rng.integers(0, 4, (3, 5)).astype("int32")
        if ignored is not None:
            labels[0][rng.uniform(size=(3, 5)) < 0.3] = ignored
        labels = np.eye(4, dtype="float32")[labels[0]] if true_one_hot else labels[0]
        if pred_scores:
            predictions = rng.uniform(size=(3, 5, 4)).astype("float32")
        yield labels, predictions, rng.uniform(size=(3, 5)).astype("float32") if weight else None


IOUS = [
    ("IoU", {"num_classes": 4, "target_class_ids": [0, 2]}, {}),
    ("IoU", {"num_classes": 5, "target_class_ids": (1, 4)}, {}),
    ("MeanIoU", {"num_classes": 4}, {}),
    ("MeanIoU", {"num_classes": 4, "ignore_class": 2}, {}),
    ("MeanIoU", {"num_classes": 4, "ignore_class": 255}, {"ignored": 255}),
    ("MeanIoU", {"num_classes": 4, "ignore_class": -1}, {"ignored": -1}),
    ("MeanIoU", {"num_classes": 4, "sparse_y_pred": False}, {"pred_scores": True}),
    (
        "OneHotIoU",
        {"num_classes": 4, "target_class_ids": [1]},
        {"true_one_hot": True, "pred_scores": True},
    ),
    ("OneHotMeanIoU", {"num_classes": 4}, {"true_one_hot": True, "pred_scores": True}),
    ("OneHotMeanIoU", {"num_classes": 4, "sparse_y_pred": True}, {"true_one_hot": True}),
]


@pytest.mark.parametrize("weight", [False, True])
@pytest.mark.parametrize("name, config, data", IOUS)
def test_iou(name, config, data, weight):
    check_metric(name, list(class_batches(weight, **data)), config, 1e-5)


@pytest.mark.parametrize("config", [{}, {"threshold": 0.25, "target_class_ids": [1]}], ids=str)
@pytest.mark.parametrize("weight", [False, True])
def test_binary_iou(config, weight):
    check_metric("BinaryIoU", list(score_batches(False)), config, 1e-5)
    weighted = [(t[:, 0], p[:, 0], w) for t, p, w in score_batches(weight)]
    check_metric("BinaryIoU", weighted, config, 1e-5)


WRONG = [
    (lambda: metrics.FBetaScore(average="mean"), "'mean'"),
    (lambda: metrics.FBetaScore(beta=1), "beta must be a float"),
    (lambda: metrics.F1Score(threshold=2.0), "2.0"),
    (lambda: metrics.F1Score()(np.zeros(3), np.zeros(3)), r"\(3,\)"),
    (lambda: metrics.IoU(2, [2]), r"\[0, 2\)"),
    (lambda: metrics.MeanIoU(2)([0, 3], [0, 1]), "y_true from 0 to 3"),
    (lambda: metrics.MeanIoU(2)([0, 1], [0, -1]), "y_pred from -1 to 0"),
]


@pytest.mark.parametrize("build, message", WRONG, ids=range(len(WRONG)))
def test_errors(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def public(module, kind):
    return sorted(n for n in dir(module) if not n.startswith("_") and kind(getattr(module, n)))


@pytest.mark.parametrize("module", ["losses", "metrics"])
def test_every_public_name_is_here_with_its_parameters(module):
    def signatures(keras):
        found = {}
        theirs = getattr(keras, module)
        for name in public(theirs, callable):
            if name == "Reduction":
                continue
            item = getattr(theirs, name)
            target = item.__init__ if inspect.isclass(item) else item
            found[name] = [p for p in inspect.signature(target).parameters if p != "self"]
        return found

    own = {"losses": losses, "metrics": metrics}[module]
    for name, parameters in oracle.ask(signatures).items():
        item = getattr(own, name)
        mine = [p for p in inspect.signature(item).parameters]
        if name not in ("deserialize", "serialize"):
            assert mine == parameters, name
