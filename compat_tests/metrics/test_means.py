"""torchkeras/metrics/means.py beside tf.keras."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from compat_tests.checks.kernels import Kernels
from compat_tests.checks.metric import check_metric
from torchkeras import metrics

RNG = np.random.default_rng(0)
VALUES = [RNG.normal(size=(3, 4)).astype("float32") for _ in range(3)]
WEIGHTS = {
    "none": None,
    "number": 2.0,
    "scalar": np.float32(0.5),
    "batch": np.float32([1, 2, 0]),
    "column": np.float32([[1], [2], [0]]),
    "full": RNG.uniform(size=(3, 4)).astype("float32"),
    "deeper": RNG.uniform(size=(3, 4, 1)).astype("float32"),
    "row": np.float32([[1, 2, 3, 4]]),
    "integers": np.array([1, 2, 3]),
    "booleans": np.array([True, False, True]),
}


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("name", ["Mean", "Sum", "MeanTensor"])
def test_values(name, weight):
    check_metric(name, [(values, WEIGHTS[weight]) for values in VALUES])


@pytest.mark.parametrize("weight", ["none", "scalar", "batch", "full"])
def test_ranks(weight):
    """Weights of fewer axes than the values."""
    batches = [(np.stack([values, values + 1], -1), WEIGHTS[weight]) for values in VALUES]
    check_metric("Mean", batches)
    check_metric("Sum", batches)
    check_metric("Mean", [(np.float32(0.25), None), (np.float32(2), 32), (1, 3.0)])


def test_names_and_arguments():
    check_metric("Mean", [(VALUES[0],)], {"name": "loss", "dtype": "float64"})
    check_metric("MeanTensor", [(VALUES[0],)], {"shape": (3, 4)})
    assert [metrics.Mean(name=None).name for _ in range(2)] == ["mean", "mean_1"]


def test_sum_over_batch_size():
    metric = metrics.SumOverBatchSize()
    metric.update_state(VALUES[0], WEIGHTS["batch"])
    weighted = VALUES[0] * WEIGHTS["batch"][:, None]
    np.testing.assert_allclose(float(metric.result()), weighted.mean(), 1e-6)
    metric = metrics.SumOverBatchSizeMetricWrapper(metrics.mse)
    metric.update_state(VALUES[0], VALUES[1], WEIGHTS["batch"])
    errors = ((VALUES[0] - VALUES[1]) ** 2).mean(-1) * WEIGHTS["batch"]
    np.testing.assert_allclose(float(metric.result()), errors.mean(), 1e-6)


def test_nothing_yet():
    assert float(metrics.Mean().result()) == 0.0
    with pytest.raises(ValueError, match="no value yet"):
        metrics.MeanTensor().result()
    metric = metrics.MeanTensor(shape=(2,))
    with pytest.raises(ValueError, match=r"\(2,\).*\(3,\)"):
        metric.update_state(torch.zeros(3))
    with pytest.raises(RuntimeError, match="dictionary"):
        metrics.MeanMetricWrapper(lambda t, p: {"a": t})([1.0], [1.0])


def test_nan_is_not_hidden():
    assert np.isnan(float(metrics.Mean()(torch.tensor([float("nan")]))))


@pytest.mark.parametrize(
    "metric, batch, limit",
    [
        (metrics.Mean(), (torch.tensor(1.0), 32), 2),
        (metrics.Mean(), (torch.ones(3),), 3),
        (metrics.MeanSquaredError(), (torch.ones(8, 3), torch.ones(8, 3)), 3),
        (metrics.SparseCategoricalAccuracy(), (torch.ones(8, dtype=int), torch.ones(8, 3)), 5),
        (metrics.CategoricalAccuracy(), (torch.ones(8, 3), torch.ones(8, 3)), 6),
        (metrics.BinaryAccuracy(), (torch.ones(8, 1), torch.ones(8, 1)), 5),
        (metrics.resolve("acc", torch.ones(8), torch.ones(8, 1)), (torch.ones(8, 1),) * 2, 5),
        (metrics.Precision(), (torch.ones(8, 1), torch.ones(8, 1)), 8),
    ],
    ids=lambda x: getattr(x, "name", ""),
)
def test_few_kernels(metric, batch, limit):
    metric.update_state(*batch)
    with Kernels() as kernels:
        metric.update_state(*batch)
    assert len(kernels.names) <= limit, kernels.names


UPDATES = [
    ("Mean", (torch.tensor(2.0), 32)),
    ("MeanSquaredError", (torch.ones(8, 3), torch.zeros(8, 3))),
    ("SparseCategoricalAccuracy", (torch.ones(8, dtype=int), torch.eye(8))),
    ("BinaryAccuracy", (torch.ones(8, 1), torch.ones(8, 1), torch.ones(8))),
    ("AUC", (torch.ones(8, 1), torch.rand(8, 1))),
]


@pytest.mark.parametrize("name, batch", UPDATES)
def test_update_compiles_in_one_graph(name, batch):
    metric, plain = getattr(metrics, name)(), getattr(metrics, name)()
    metric.update_state(*batch)
    torch._dynamo.reset()
    compiled = torch.compile(
        lambda *values: metric.update_state(*values), fullgraph=True, backend="eager"
    )
    compiled(*batch)
    plain.update_state(*batch)
    plain.update_state(*batch)
    for one, other in zip(metric.variables, plain.variables, strict=True):
        torch.testing.assert_close(one.value, other.value)
