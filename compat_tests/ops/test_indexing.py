"""torchkeras.ops.indexing beside Keras 3 on torch."""

import numpy as np
import pytest

from compat_tests.check import check_op
from compat_tests.checks.backend import Draw
from torchkeras import Input, ops

X = Draw(3, 4)
ROW = Draw(8)
IDS = Draw(6, low=0, high=4, dtype="int32")
SORTED = np.array([0.0, 1.0, 1.0, 3.0], "float32")
FLAGS = Draw(3, 4, dtype="bool")

CASES = [
    ("take", (X, [[0, 11], [2, 1]]), {}, {}),
    ("take", (X, [[0, -1], [2, 1]]), {"axis": 0}, {"batches": 0}),
    ("take", (X, 1), {"axis": 1}, {}),
    ("take_along_axis", (X, np.array([[0, -1], [2, 1], [3, 3]])), {"axis": 1}, {"batches": 2}),
    ("get_item", (X, 1), {}, {"batches": 0}),
    ("get_item", (X, (slice(None), slice(1, 3))), {}, {}),
    ("where", (FLAGS, X, Draw(3, 4)), {}, {"batches": 3}),
    ("where", (FLAGS, X, 0.0), {}, {"batches": 2}),
    ("where", (FLAGS,), {}, {"symbolic": False, "gradient": False}),
    ("nonzero", (FLAGS,), {}, {"symbolic": False, "gradient": False}),
    ("select", ([FLAGS, Draw(3, 4, dtype="bool")], [X, Draw(3, 4)], 7.0), {}, {"batches": 4}),
    ("slice", (X, [1, 0], [2, 3]), {}, {"batches": 0}),
    ("slice_update", (X, [1, 0], Draw(2, 3)), {}, {"batches": 0}),
    ("scatter", (np.array([[0], [2], [2]]), Draw(3, 2), (4, 2)), {}, {"batches": 2}),
    ("scatter", (np.array([[0, 1], [2, 0]]), Draw(2), (3, 2)), {}, {"batches": 2}),
    ("scatter_update", (X, np.array([[0, 1], [2, 0]]), Draw(2)), {}, {"batches": 0}),
    ("scatter_update", (X, np.array([[0], [2]]), Draw(2, 4)), {}, {"batches": 0}),
    ("one_hot", (IDS, 5), {}, {"gradient": False}),
    ("one_hot", (Draw(2, 3, low=-1, high=4, dtype="int32"), 4, 1), {"dtype": "int32"}, {}),
    ("multi_hot", (Draw(3, 2, low=0, high=4, dtype="int32"), 4), {}, {}),
    ("multi_hot", (Draw(3, low=0, high=4, dtype="int32"), 4), {}, {"batches": 0}),
    ("searchsorted", (SORTED, ROW), {}, {"gradient": False, "batches": 0}),
    ("searchsorted", (SORTED, SORTED), {"side": "right"}, {"gradient": False, "batches": 0}),
    ("digitize", (ROW, SORTED), {}, {"gradient": False}),
    ("isin", (IDS, np.array([1, 3], "int32")), {}, {}),
    ("isin", (IDS, np.array([1, 3], "int32")), {"invert": True}, {}),
    ("unravel_index", (IDS, (2, 3)), {}, {}),
    ("sort", (X,), {}, {}),
    ("sort", (X, 0), {}, {}),
    ("sort", (X, None), {}, {}),
    ("argsort", (X,), {}, {"gradient": False}),
    ("argsort", (IDS,), {}, {}),
    ("argsort", (X, None), {}, {"gradient": False}),
    ("top_k", (X, 2), {}, {"same_dtype": False}),
    (
        "in_top_k",
        (Draw(3, low=0, high=4, dtype="int32"), X, 2),
        {},
        {"gradient": False, "batches": 2},
    ),
    ("bincount", (IDS,), {}, {"symbolic": False}),
    ("bincount", (IDS,), {"minlength": 9}, {"symbolic": False}),
    ("bincount", (IDS,), {"weights": Draw(6)}, {"symbolic": False, "gradient": False}),
    (
        "bincount",
        (Draw(2, 5, low=0, high=3, dtype="int32"),),
        {"minlength": 4},
        {"symbolic": False},
    ),
    ("histogram", (ROW,), {}, {"symbolic": False, "gradient": False}),
    ("histogram", (ROW, 4), {"range": (-1.0, 1.0)}, {"symbolic": False, "gradient": False}),
    ("segment_sum", (Draw(6, 2), IDS), {"num_segments": 5}, {"batches": 2}),
    ("segment_sum", (Draw(6), IDS), {}, {"symbolic": False}),
    ("segment_prod", (Draw(6, 2), IDS), {"num_segments": 4}, {"batches": 2}),
    ("segment_max", (Draw(6, 2), IDS), {"num_segments": 5}, {"batches": 2}),
    ("segment_min", (Draw(6, 2), IDS), {"num_segments": 5}, {"batches": 2}),
]


@pytest.mark.parametrize("name, args, kwargs, how", CASES)
def test_indexing(name, args, kwargs, how):
    check_op(name, *args, **kwargs, **how)


@pytest.mark.parametrize("reduction", ["add", "max", "min", "mul"])
def test_updates_that_meet(reduction):
    indices = np.array([[0, 1], [2, 0], [0, 1]])
    check_op("scatter_update", X, indices, Draw(3), reduction=reduction, gradient=False, batches=0)
    rows = np.array([[0], [2]])
    check_op("scatter_update", X, rows, Draw(2, 4), reduction=reduction, gradient=False, batches=0)


def test_scatter_update_of_negative_places():
    found = ops.scatter_update([1.0, 2.0, 3.0], [[-1], [-1]], [4.0, 5.0], reduction="max")
    assert found.tolist() == [1.0, 2.0, 5.0]


VALUES = np.array([[3, 1, 1], [3, 1, 1], [0, 2, 2]], "int32")


@pytest.mark.parametrize(
    "kwargs",
    [
        dict(),
        dict(axis=0),
        dict(axis=1),
        dict(return_counts=True),
        dict(return_inverse=True, return_counts=True),
        dict(axis=0, return_index=True, return_inverse=True),
        dict(size=2),
        dict(size=6, fill_value=9),
    ],
    ids=str,
)
def test_unique(kwargs):
    check_op("unique", VALUES, symbolic=False, **kwargs)


def test_unique_tells_where_each_first_occurs():
    values, first = ops.unique(VALUES, return_index=True)
    theirs, places = np.unique(VALUES, return_index=True)
    assert values.tolist() == theirs.tolist() and first.tolist() == places.tolist()


def test_argpartition():
    x = np.random.default_rng(0).normal(size=(3, 7))
    found = np.take_along_axis(x, ops.argpartition(x, 3).numpy().astype(int), -1)
    assert (found[:, :4].max(1) <= found[:, 4:].min(1)).all()


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: ops.searchsorted([[1.0]], [1.0]), "needs a sorted vector"),
        (lambda: ops.scatter_update([1.0], [[0]], [1.0], reduction="mean"), "None, add, max, min"),
        (lambda: ops.one_hot([1], 2, sparse=True), "Sparse tensors are not supported"),
        (lambda: ops.multi_hot([1]), "multi_hot needs num_classes"),
        (lambda: ops.histogram([1.0], range=(2, 1)), "range of histogram must rise"),
        (lambda: ops.nonzero(Input((2,))), "not known of a symbolic tensor"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
