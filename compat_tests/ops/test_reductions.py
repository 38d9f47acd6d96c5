"""torchkeras.ops.reductions beside Keras 3 on torch."""

import numpy as np
import pytest

from compat_tests.check import check_op
from compat_tests.checks.backend import Draw
from torchkeras import ops

X = Draw(2, 3, 4)
INTS = Draw(2, 3, 4, low=-3, high=9, dtype="int32")
AXES = [dict(), dict(axis=1), dict(axis=-1, keepdims=True), dict(axis=(0, 2))]


def holes(*shape):
    x = np.random.default_rng(5).uniform(-2, 2, shape).astype("float32")
    x[0, ..., 0] = np.nan
    return x


@pytest.mark.parametrize("kwargs", AXES, ids=str)
@pytest.mark.parametrize(
    "name", "sum mean var std prod max min amax amin ptp logsumexp median".split()
)
def test_floats(name, kwargs):
    check_op(name, X, **kwargs)


@pytest.mark.parametrize("kwargs", AXES, ids=str)
@pytest.mark.parametrize("name", ["any", "all"])
def test_truth(name, kwargs):
    check_op(name, Draw(2, 3, 4, dtype="bool"), gradient=False, **kwargs)
    check_op(name, INTS, gradient=False, **kwargs)


@pytest.mark.parametrize("dtype", ["int32", "int8", "bool", "uint8", "float16", "float64"])
@pytest.mark.parametrize("name", "sum mean var std prod max min median cumsum".split())
def test_dtypes(name, dtype):
    if dtype == "bool" and name in ("max", "min"):
        return
    x = Draw(3, 4, low=0, high=3, dtype=dtype)
    tolerance = 2e-3 if dtype == "float16" else 2e-6
    same = dtype != "float64"  # Keras 3 makes float32 of it in some functions, tf.keras never
    check_op(name, x, axis=1, gradient=False, tolerance=tolerance, same_dtype=same)


@pytest.mark.parametrize("name", ["argmax", "argmin"])
@pytest.mark.parametrize("kwargs", [dict(), dict(axis=1), dict(axis=0, keepdims=True)], ids=str)
def test_places(name, kwargs):
    check_op(name, X, gradient=False, **kwargs)
    check_op("nan" + name, X, gradient=False, **kwargs)


@pytest.mark.parametrize("name, nan", [("cumsum", "nancumsum"), ("cumprod", "nancumprod")])
@pytest.mark.parametrize("kwargs", [dict(), dict(axis=1), dict(axis=-1, dtype="float16")], ids=str)
def test_running(name, nan, kwargs):
    half = dict(tolerance=5e-3, gradient=False) if "dtype" in kwargs else {}
    check_op(name, X, **half, **kwargs)
    check_op(nan, holes(3, 4), gradient=False, axis=1)


@pytest.mark.parametrize("kwargs", AXES, ids=str)
@pytest.mark.parametrize(
    "name", "nansum nanmean nanvar nanstd nanprod nanmax nanmin nanmedian".split()
)
def test_without_nan(name, kwargs):
    check_op(name, holes(2, 3, 4), gradient=False, **kwargs)
    check_op(name, INTS, gradient=False, same_dtype=name != "nanmedian", **kwargs)


def test_nothing_but_nan():
    x = np.full((2, 3), np.nan, "float32")
    x[1] = 1.0
    for name in "nanmax nanmin nanargmax nanargmin nanmean nansum".split():
        check_op(name, x, axis=1, gradient=False)


@pytest.mark.parametrize(
    "name, per_cent", [("quantile", "percentile"), ("nanquantile", "nanpercentile")]
)
@pytest.mark.parametrize(
    "q, kwargs",
    [
        (0.3, dict()),
        (0.3, dict(axis=1)),
        ([0.25, 0.5, 0.9], dict(axis=(0, 2))),
        ([0.25, 0.5], dict(axis=1, keepdims=True)),
        (0.4, dict(axis=2, method="nearest")),
        (0.4, dict(axis=2, method="lower", keepdims=True)),
        (0.4, dict(method="higher")),
        (0.4, dict(method="midpoint")),
    ],
    ids=str,
)
def test_quantiles(name, per_cent, q, kwargs):
    check_op(name, X, q, gradient=False, **kwargs)
    percent = [100 * one for one in q] if isinstance(q, list) else 100 * q
    check_op(per_cent, X, percent, gradient=False, **kwargs)


def test_initial():
    check_op("max", X, axis=1, initial=0.5, gradient=False)
    check_op("min", X, axis=1, initial=0.5, gradient=False)
    assert ops.max(np.zeros((0, 2)), axis=0, initial=3.0).tolist() == [3.0, 3.0]
    with pytest.raises(ValueError, match="empty tensor of shape"):
        ops.min(np.zeros((0, 2)), axis=0)


@pytest.mark.parametrize("kwargs", [dict(), dict(axis=1), dict(axis=(0, 1))], ids=str)
def test_count_nonzero(kwargs):
    check_op("count_nonzero", Draw(3, 4, low=0, high=2, dtype="int32"), gradient=False, **kwargs)


def test_average():
    check_op("average", X, axis=1)
    check_op("average", X, axis=2, weights=Draw(4, low=0.1))
    found = ops.average([[1.0, 3.0], [5.0, 7.0]], axis=0, weights=[1.0, 3.0])
    assert found.tolist() == [4.0, 6.0]  # as numpy; Keras 3 on torch refuses other axes
    with pytest.raises(ValueError, match="weights of average must have the shape"):
        ops.average([[1.0, 2.0]], axis=1, weights=[[1.0], [2.0]])


def test_an_empty_axis_reduces_nothing():
    for name in ("sum", "mean", "max", "any", "nanmean"):
        check_op(name, X, axis=(), gradient=False)


def test_a_wrong_axis():
    with pytest.raises(ValueError, match="axis=2 is out of range"):
        ops.sum([1.0], axis=2)
