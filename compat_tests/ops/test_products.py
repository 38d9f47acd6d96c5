"""torchkeras.ops.products and linalg beside Keras 3 on torch."""

import numpy as np
import pytest
import torch

from compat_tests.check import check_op
from compat_tests.checks.backend import Draw
from torchkeras import ops

A, B = Draw(3, 4), Draw(4, 2)
V = Draw(4)
INTS = Draw(3, 4, low=-3, high=4, dtype="int32")
SQUARES = Draw(2, 3, 3)


def definite(*shape):
    x = np.random.default_rng(3).normal(size=shape).astype("float32")
    return (x @ np.swapaxes(x, -1, -2) + 2 * np.eye(shape[-1])).astype("float32")


PRODUCTS = [
    ("matmul", (A, B), {}),
    ("matmul", (Draw(2, 3, 4), B), {}),
    ("matmul", (A, V), {}),
    ("matmul", (INTS, Draw(4, 2, low=0, high=3, dtype="int32")), {}),
    (
        "matmul",
        (Draw(3, 4, low=0, high=3, dtype="int8"), Draw(4, 2, low=0, high=3, dtype="int8")),
        {},
    ),
    ("dot", (A, B), {}),
    ("dot", (V, Draw(4)), {}),
    ("dot", (A, V), {}),
    ("dot", (A, 2.0), {}),
    ("inner", (A, V), {}),
    ("inner", (A, Draw(2, 4)), {}),
    ("outer", (V, Draw(2, 3)), {}),
    ("vdot", (V, Draw(4)), {}),
    ("tensordot", (A, B), {"axes": 1}),
    ("tensordot", (A, Draw(3, 4)), {}),
    ("tensordot", (A, Draw(4, 3)), {"axes": [[0, 1], [1, 0]]}),
    ("tensordot", (A, B), {"axes": (1, 0)}),
    ("einsum", ("ij,jk->ik", A, B), {}),
    ("einsum", ("ij->ji", A), {}),
    ("einsum", ("bij,bjk->bik", Draw(2, 3, 4), Draw(2, 4, 5)), {}),
    ("kron", (Draw(2, 3), Draw(2, 2)), {}),
    ("cross", (Draw(2, 3), Draw(2, 3)), {"axis": 1}),
    ("cdist", (A, Draw(2, 4)), {}),
    ("trace", (SQUARES,), {"axis1": 1, "axis2": 2}),
    ("trace", (INTS, 1), {}),
    ("trapezoid", (A,), {}),
    ("trapezoid", (A,), {"dx": 0.5, "axis": 0}),
    ("trapezoid", (A, V), {}),
    ("corrcoef", (A,), {}),
    ("correlate", (Draw(6), Draw(3)), {}),
    ("correlate", (Draw(6), Draw(3)), {"mode": "full"}),
    ("correlate", (Draw(6), Draw(3)), {"mode": "same"}),
]


@pytest.mark.parametrize("name, args, kwargs", PRODUCTS)
def test_products(name, args, kwargs):
    check_op(name, *args, batches=0, tolerance=5e-6, **kwargs)


@pytest.mark.parametrize("sizes", [(6, 3), (6, 4), (3, 6), (4, 7), (5, 5)])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_correlate_as_numpy(sizes, mode):
    rng = np.random.default_rng(0)
    one, other = (rng.normal(size=n).astype("float32") for n in sizes)
    found = ops.correlate(one, other, mode)
    np.testing.assert_allclose(found, np.correlate(one, other, mode), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "shapes, axes",
    [
        (((2, 3), (2, 3)), {}),
        (((2, 2), (2, 2)), {}),
        (((2, 2), (2, 3)), {}),
        (((3, 4), (4, 3)), dict(axisa=0, axisb=1, axisc=0)),
    ],
)
def test_cross_as_numpy(shapes, axes):
    rng = np.random.default_rng(0)
    one, other = (rng.normal(size=shape) for shape in shapes)
    full = (np.pad(x, ((0, 0), (0, 1))) if x.shape[1:] == (2,) else x for x in (one, other))
    expected = np.cross(*full, **axes)
    expected = expected[..., 2] if shapes[0][1] == shapes[1][1] == 2 else expected
    np.testing.assert_allclose(ops.cross(one, other, **axes), expected, rtol=1e-6)


LINALG = [
    ("det", (SQUARES,), {}),
    ("inv", (definite(2, 3, 3),), {}),
    ("cholesky", (definite(2, 3, 3),), {}),
    ("cholesky", (definite(3, 3),), {"upper": True}),
    ("cholesky_inverse", (np.linalg.cholesky(definite(3, 3)),), {}),
    ("lu_factor", (definite(3, 3),), {}),
    ("solve", (definite(3, 3), Draw(3, 2)), {}),
    ("solve_triangular", (np.linalg.cholesky(definite(3, 3)), Draw(3, 2)), {"lower": True}),
    ("norm", (A,), {}),
    ("norm", (A,), {"ord": 1, "axis": 1}),
    ("norm", (A,), {"ord": np.inf, "axis": (0, 1)}),
    ("norm", (SQUARES,), {"ord": "fro", "axis": (1, 2), "keepdims": True}),
    ("norm", (V,), {"ord": 3}),
    ("pinv", (A,), {}),
    ("logdet", (definite(3, 3),), {}),
    ("slogdet", (definite(2, 3, 3),), {}),
]


@pytest.mark.parametrize("name, args, kwargs", LINALG)
def test_linalg(name, args, kwargs):
    check_op(name, *args, batches=0, tolerance=1e-5, **kwargs)


def test_matrix_rank():
    check_op("matrix_rank", np.ones((3, 3), "float32"), gradient=False, batches=0)
    check_op("matrix_rank", definite(2, 3, 3), tol=1e6, gradient=False, batches=0)


def test_decompositions():
    """Signs of vectors are free, so the matrix is put together again."""
    x = torch.from_numpy(definite(2, 3, 3))
    values, vectors = ops.eigh(x)
    again = vectors @ torch.diag_embed(values) @ vectors.mT
    torch.testing.assert_close(again, x, rtol=1e-5, atol=1e-5)
    values, vectors = ops.eig(x)
    again = vectors @ torch.diag_embed(values) @ torch.linalg.inv(vectors)
    torch.testing.assert_close(again.real, x, rtol=1e-4, atol=1e-4)
    tall = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    u, s, v = ops.svd(tall, full_matrices=False)
    torch.testing.assert_close(u @ torch.diag(s) @ v, tall, rtol=1e-5, atol=1e-5)
    assert ops.svd(tall)[0].shape == (5, 5)
    torch.testing.assert_close(ops.svd(tall, compute_uv=False), s)
    for mode, columns in (("reduced", 3), ("complete", 5)):
        q, r = ops.qr(tall, mode)
        assert q.shape == (5, columns)
        torch.testing.assert_close(q @ r, tall, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("columns", [(), (2,)])
def test_lstsq(columns):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(5, 3)), rng.normal(size=(5, *columns))
    np.testing.assert_allclose(ops.lstsq(a, b), np.linalg.lstsq(a, b, rcond=None)[0], rtol=1e-9)


def test_jvp():
    value, change = ops.jvp(lambda x, y: x * y, (3.0, 2.0), (1.0, 0.5))
    assert (value.item(), change.item()) == (6.0, 3.5)
    *_, aux = ops.linalg.jvp(lambda x: (x, x + 1), (3.0,), (1.0,), has_aux=True)
    assert aux.item() == 4.0


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: ops.cdist([1.0], [1.0]), "cdist needs rows of the same length"),
        (lambda: ops.correlate([1.0], [1.0], "whole"), "mode of correlate"),
        (lambda: ops.qr([[1.0]], "raw"), "mode of qr"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
