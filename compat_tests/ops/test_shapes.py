"""torchkeras.ops.shapes and made beside Keras 3 on torch."""

import numpy as np
import pytest
import torch

from compat_tests.check import check_op
from compat_tests.checks.backend import Draw
from torchkeras import Input, backend, ops

X = Draw(2, 3, 4)
MATRIX = Draw(3, 4)
ROW = Draw(6)
INTS = Draw(4, low=0, high=5, dtype="int32")

SHAPED = [
    ("reshape", (X, (4, -1)), {}, 0),
    ("reshape", (X, (-1, 12)), {}, 1),
    ("ravel", (X,), {}, 1),
    ("transpose", (X,), {}, 1),
    ("transpose", (X, (1, 0, 2)), {}, 1),
    ("moveaxis", (X, 0, -1), {}, 1),
    ("moveaxis", (X, (0, 1), (1, 2)), {}, 1),
    ("swapaxes", (X, 0, 2), {}, 1),
    ("expand_dims", (X, 1), {}, 1),
    ("expand_dims", (X, (0, -1)), {}, 1),
    ("squeeze", (Draw(3, 1, 1),), {}, 1),
    ("squeeze", (Draw(3, 1, 1), 1), {}, 1),
    ("squeeze", (Draw(3, 1, 1), (1, 2)), {}, 1),
    ("broadcast_to", (Draw(3, 1), (2, 3, 4)), {}, 0),
    ("flip", (X,), {}, 1),
    ("flip", (X, 1), {}, 1),
    ("flip", (X, (0, 2)), {}, 1),
    ("fliplr", (X,), {}, 1),
    ("flipud", (X,), {}, 1),
    ("roll", (X, 2), {}, 1),
    ("roll", (X, -1, 1), {}, 1),
    ("roll", (X, (1, 2), (0, 2)), {}, 1),
    ("rot90", (MATRIX,), {}, 1),
    ("rot90", (X, -1, (1, 2)), {}, 1),
    ("concatenate", ([X, Draw(2, 3, 4)],), {"axis": 1}, 2),
    ("concatenate", ([X, Draw(5, 3, 4)],), {}, 0),
    ("append", (X, Draw(2, 3, 4)), {}, 2),
    ("append", (X, Draw(2, 3, 1)), {"axis": -1}, 2),
    ("stack", ([X, Draw(2, 3, 4)],), {}, 2),
    ("stack", ([X, Draw(2, 3, 4)], -1), {}, 2),
    ("hstack", ([MATRIX, Draw(3, 1)],), {}, 2),
    ("hstack", ([ROW, Draw(2)],), {}, 0),
    ("vstack", ([MATRIX, Draw(1, 4)],), {}, 0),
    ("dstack", ([MATRIX, Draw(3, 4)],), {}, 2),
    ("unstack", (X,), {"axis": 1}, 1),
    ("unstack", (X, 2), {}, 0),
    ("split", (ROW, 3), {}, 0),
    ("split", (X, [1, 2]), {"axis": 1}, 1),
    ("split", (X, 2), {"axis": -1}, 1),
    ("array_split", (X, 2), {"axis": 1}, 1),
    ("array_split", (ROW, 4), {}, 0),
    ("hsplit", (X, [1]), {}, 1),
    ("hsplit", (ROW, 2), {}, 0),
    ("vsplit", (X, 2), {}, 0),
    ("dsplit", (X, 2), {}, 1),
    ("meshgrid", (Draw(2), Draw(3)), {}, 0),
    ("meshgrid", (Draw(2), Draw(3), Draw(4)), {"indexing": "ij"}, 0),
    ("repeat", (X, 2), {}, 1),
    ("repeat", (X, 3), {"axis": 1}, 1),
    ("tile", (X, 2), {}, 1),
    ("tile", (MATRIX, (2, 1, 3)), {}, 1),
    ("pad", (X, ((0, 0), (1, 2), (0, 1))), {}, 1),
    ("pad", (X, ((0, 0), (1, 2), (2, 0))), {"constant_values": 7.0}, 1),
    ("pad", (X, ((0, 0), (1, 2), (2, 0))), {"mode": "reflect"}, 1),
    ("rearrange", (X, "a b (c d) -> (a d) c b"), {"c": 2}, 0),
    ("rearrange", (X, "a b c -> b (a c)"), {}, 0),
    ("diag", (ROW,), {}, 0),
    ("diag", (MATRIX, 1), {}, 0),
    ("diagflat", (MATRIX, -1), {}, 0),
    ("diagonal", (X, 1, 1, 2), {}, 1),
    ("tril", (X, 1), {}, 1),
    ("triu", (X, -1), {}, 1),
    ("diff", (X,), {}, 1),
    ("diff", (X, 2, 1), {}, 1),
    ("vander", (INTS,), {}, 0),
    ("vander", (INTS, 3, True), {}, 0),
]


@pytest.mark.parametrize("name, args, kwargs, batches", SHAPED)
def test_shapes(name, args, kwargs, batches):
    check_op(name, *args, batches=batches, **kwargs)


@pytest.mark.parametrize("mode, theirs", [("symmetric",) * 2, ("edge",) * 2, ("wrap",) * 2])
def test_pad_as_numpy(mode, theirs):
    """Keras 3 on torch takes 'symmetric' for 'edge' and knows neither of the others."""
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    widths = ((5, 2), (1, 7))
    np.testing.assert_array_equal(ops.pad(x, widths, mode), np.pad(x, widths, theirs))
    np.testing.assert_array_equal(ops.pad(x, widths, "reflect"), np.pad(x, widths, "reflect"))


def test_as_numpy():
    """What Keras 3 on torch refuses."""
    x = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(ops.pad(x, 1), np.pad(x, 1))
    np.testing.assert_array_equal(ops.pad(x, (1, 2)), np.pad(x, (1, 2)))
    np.testing.assert_array_equal(ops.repeat(x, [1, 0, 2], axis=0), np.repeat(x, [1, 0, 2], axis=0))
    np.testing.assert_array_equal(ops.take(x, [0, -1]), np.take(x, [0, -1]))


MADE = [
    ("zeros", ((2, 3),), {}),
    ("ones", (3,), {"dtype": "int32"}),
    ("full", ((2, 2), 5.0), {}),
    ("full", ((2, 2), [1.0, 2.0]), {"dtype": "float64"}),
    ("eye", (3,), {}),
    ("eye", (3, 4), {"k": -1, "dtype": "int32"}),
    ("identity", (3,), {}),
    ("tri", (3,), {}),
    ("tri", (3, 4, 1), {"dtype": "bool"}),
    ("arange", (5,), {}),
    ("arange", (1, 2.5, 0.5), {}),
    ("arange", (5, 1, -2), {"dtype": "float32"}),
    ("linspace", (0, 10, 5), {}),
    ("linspace", (0.0, 1.0), {"num": 4, "endpoint": False}),
    ("linspace", (np.array([0.0, 1.0], "float32"), np.array([1.0, 5.0], "float32"), 3), {}),
    ("logspace", (0, 3, 4), {}),
    ("logspace", (0.0, 3.0, 4), {"base": 2, "endpoint": False}),
    ("geomspace", (1, 1000, 4), {}),
    ("geomspace", (-1.0, -16.0, 5), {}),
    ("array", ([1, 2],), {}),
    ("array", ([[1.0, 2.0]],), {"dtype": "int32"}),
    ("convert_to_tensor", (np.arange(3),), {"dtype": "float32"}),
    ("bartlett", (5,), {}),
    ("blackman", (5,), {}),
    ("hamming", (5,), {}),
    ("hanning", (5,), {}),
    ("kaiser", (5, 14.0), {}),
]


@pytest.mark.parametrize("name, args, kwargs", MADE)
def test_made(name, args, kwargs):
    exact = name not in ("hamming", "hanning", "blackman", "geomspace", "logspace")
    tolerance = 1e-6 if exact else 1e-5
    check_op(name, *args, gradient=False, symbolic=False, tolerance=tolerance, **kwargs)


LIKE = [
    ("zeros_like", (X,), {}),
    ("ones_like", (X,), {"dtype": "int32"}),
    ("full_like", (X, 3.0), {}),
    ("full_like", (X, 3), {"dtype": "int32"}),
    ("cast", (X, "int32"), {}),
    ("view", (X, "int32"), {}),
]


@pytest.mark.parametrize("name, args, kwargs", LIKE)
def test_like(name, args, kwargs):
    check_op(name, *args, gradient=False, **kwargs)


def test_empty():
    assert ops.empty((2, 3)).shape == (2, 3)
    assert ops.empty_like(np.zeros((2, 3)), dtype="int32").dtype is torch.int32


def test_axis_of_spaces():
    made, step = ops.linspace([0.0, 1.0], [1.0, 5.0], 3, retstep=True, axis=1)
    assert made.tolist() == [[0.0, 0.5, 1.0], [1.0, 3.0, 5.0]]
    assert step.tolist() == [0.5, 2.0]
    assert ops.logspace([0.0, 1.0], 2.0, 2, axis=-1).tolist() == [[1.0, 100.0], [10.0, 100.0]]


def test_what_tensors_are():
    symbolic = Input((3,))
    assert ops.shape(symbolic) == (None, 3)
    assert ops.ndim(symbolic) == 2 and ops.ndim([[1]]) == 2
    assert ops.size(np.zeros((2, 3))) == 6
    count = backend.function([symbolic], [ops.size(symbolic)])([np.zeros((4, 3))])
    assert count[0] == 12
    assert ops.dtype(symbolic) == "float32" and ops.dtype([1]) == "int32"
    assert ops.is_tensor(torch.ones(1)) and not ops.is_tensor(np.ones(1))
    assert isinstance(ops.convert_to_numpy([torch.ones(2)] * 2), np.ndarray)
    assert ops.convert_to_numpy(torch.ones(1, requires_grad=True, dtype=torch.bfloat16)) == 1


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: ops.squeeze(np.zeros((2, 1)), 0), "axis 0 of a tensor of shape"),
        (lambda: ops.split(np.zeros(5), 2), "cannot be divided into 2 equal parts"),
        (lambda: ops.unstack(np.zeros((2, 1)), 3), "num=3, but axis 0"),
        (lambda: ops.pad([1.0], 1, "reflect", 3.0), "only with mode 'constant'"),
        (lambda: ops.pad([1.0], 1, "mirror"), "must be constant, reflect"),
        (lambda: ops.pad([1.0], ((1, 2), (3, 4))), "a pair for each of 1 axes"),
        (lambda: ops.rot90([1.0]), "rot90 needs two different axes"),
        (lambda: ops.rearrange(np.zeros((2, 3)), "a (b c) -> a b c", b=2), "does not fit"),
        (lambda: ops.rearrange(np.zeros((2, 3)), "a -> a"), "speaks of 1 axes"),
        (lambda: ops.convert_to_tensor([1.0], sparse=True), "not supported"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
