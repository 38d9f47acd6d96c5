"""`keras.ops.linalg`: decompositions, inverses and solutions, by torch's."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch

from .operands import Axis, axes_of, fill, inexact, met, public, recorded, tensor, unary

_FUNCTIONS = {
    "det": (torch.linalg.det, "The determinant."),
    "eig": (torch.linalg.eig, "The eigenvalues, and the eigenvectors as columns; complex."),
    "inv": (torch.linalg.inv, "The inverse."),
}
fill(globals(), unary, _FUNCTIONS, floating=True)


@recorded
def eigh(x: Any) -> tuple:
    """The eigenvalues in rising order, and the eigenvectors as columns, of a symmetric matrix."""
    return tuple(torch.linalg.eigh(inexact(x)))


def cholesky(x: Any, upper: bool = False) -> Any:
    """The triangular factor of a positive definite matrix.

    >>> cholesky([[4.0]]).tolist()
    [[2.0]]
    """
    return torch.linalg.cholesky(inexact(x), upper=upper)


def cholesky_inverse(x: Any, upper: bool = False) -> Any:
    """The inverse of a matrix, given its triangular factor."""
    return torch.cholesky_inverse(inexact(x), upper=upper)


@recorded
def lu_factor(x: Any) -> tuple:
    """Both triangular factors in one matrix, and the exchanged rows, counted from 0."""
    factors, pivots = torch.linalg.lu_factor(inexact(x))
    return factors, pivots - 1


@recorded
def qr(x: Any, mode: str = "reduced") -> tuple:
    """An orthogonal and an upper triangular factor; `mode` 'reduced' or 'complete'."""
    if mode not in ("reduced", "complete"):
        raise ValueError(f"mode of qr must be 'reduced' or 'complete'; received {mode!r}.")
    return tuple(torch.linalg.qr(inexact(x), mode))


@recorded
def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """`(u, s, v^H)` with the singular values `s`; those alone without `compute_uv`."""
    x = inexact(x)
    return tuple(torch.linalg.svd(x, full_matrices)) if compute_uv else torch.linalg.svdvals(x)


def solve(a: Any, b: Any) -> Any:
    """The `x` for which `a @ x = b`.

    >>> solve([[2.0]], [[4.0]]).tolist()
    [[2.0]]
    """
    return torch.linalg.solve(*met(a, b, floating=True))


@recorded
def solve_triangular(a: Any, b: Any, lower: bool = False) -> Any:
    """`solve` with a triangular `a`, of which the other half is not read."""
    a, b = met(a, b, floating=True)
    if b.ndim == a.ndim - 1:
        return torch.linalg.solve_triangular(a, b.unsqueeze(-1), upper=not lower).squeeze(-1)
    return torch.linalg.solve_triangular(a, b, upper=not lower)


@recorded
def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """The `x` that makes `a @ x - b` shortest."""
    a, b = met(a, b, floating=True)
    columns = b.unsqueeze(-1) if b.ndim == 1 else b
    found = torch.matmul(torch.linalg.pinv(a, rtol=rcond), columns)
    return found.squeeze(-1) if b.ndim == 1 else found


@recorded
def matrix_rank(x: Any, tol: Any = None) -> Any:
    """How many singular values are above `tol`, as int32."""
    return torch.linalg.matrix_rank(inexact(x), atol=tol).to(torch.int32)


def pinv(x: Any, rcond: Any = None) -> Any:
    """The pseudo-inverse; singular values below `rcond` times the largest count as 0."""
    return torch.linalg.pinv(inexact(x), rtol=rcond)


@recorded
def norm(x: Any, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Any:
    """The norm of vectors or matrices: `ord` as numpy has it, Euclid's or Frobenius' unless given.

    >>> norm([3.0, 4.0]).item()
    5.0
    """
    x = inexact(x)
    axis = axis if axis is None or isinstance(axis, int) else axes_of(axis, x.ndim)
    return torch.linalg.norm(x, ord, axis, keepdims)


def jvp(fun: Callable, primals: Any, tangents: Any, has_aux: bool = False) -> tuple:
    """`fun(*primals)`, and how it changes along `tangents`.

    >>> value, change = jvp(lambda x: x * x, (3.0,), (1.0,))
    >>> value.item(), change.item()
    (9.0, 6.0)
    """
    primals, tangents = (tuple(map(tensor, one)) for one in (primals, tangents))
    with warnings.catch_warnings():  # torch warns of its own use of torch.jit
        warnings.filterwarnings("ignore", ".*torch.jit", DeprecationWarning)
        return torch.func.jvp(fun, primals, tangents, has_aux=has_aux)


__all__ = public(globals())
