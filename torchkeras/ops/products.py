"""Products of vectors and matrices, diagonals, differences, and what is made of them."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from ..config import floatx
from ..precision import torch_dtype
from .operands import cast, fill, inexact, met, promoted, public, recorded, tensor, unary


def _product(function, *operands):
    """The product in the dtype of the operands; of small integers in int32."""
    operands = met(*operands)
    dtype = torch_dtype(operands[0].dtype)
    dtype = torch.int32 if dtype is torch.int8 else dtype
    if dtype is torch.bool or (not dtype.is_floating_point and operands[0].device.type == "cuda"):
        return cast(function(*(cast(x, torch.float32) for x in operands)), dtype)
    return function(*(cast(x, dtype) for x in operands))


@recorded
def matmul(x1: Any, x2: Any) -> Any:
    """The matrix product over the last two axes; the others broadcast.

    >>> matmul([[1, 2]], [[3], [4]]).tolist()
    [[11]]
    """
    return _product(torch.matmul, x1, x2)


@recorded
def dot(x1: Any, x2: Any) -> Any:
    """The sum of products over the last axis of `x1` and the last but one of `x2`."""
    return _product(_dot, x1, x2)


def _dot(x1, x2):
    if x1.ndim == 0 or x2.ndim == 0:
        return x1 * x2
    return torch.tensordot(x1, x2, ([-1], [-1 if x2.ndim == 1 else -2]))


@recorded
def vdot(x1: Any, x2: Any) -> Any:
    """The sum of products of all elements, those of `x1` conjugated."""
    return _product(torch.vdot, tensor(x1).reshape(-1), tensor(x2).reshape(-1))


@recorded
def inner(x1: Any, x2: Any) -> Any:
    """The sums of products over the last axes of both."""
    return _product(torch.inner, x1, x2)


@recorded
def outer(x1: Any, x2: Any) -> Any:
    """The products of each element of `x1` with each of `x2`."""
    return torch.outer(*(x.reshape(-1) for x in met(x1, x2)))


@recorded
def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Any:
    """The sums of products over the last `axes` of `x1` and first of `x2`, or over given axes."""
    if isinstance(axes, (list, tuple)):
        axes = tuple([one] if isinstance(one, int) else list(one) for one in axes)
    return _product(lambda a, b: torch.tensordot(a, b, axes), x1, x2)


@recorded
def einsum(subscripts: str, *operands: Any, **kwargs: Any) -> Any:
    """A sum of products by its formula: `"ij,jk->ik"`.

    >>> einsum("i,i->", [1, 2], [3, 4]).item()
    11
    """
    unknown = set(kwargs) - {"optimize"}
    if unknown:
        raise TypeError(f"einsum takes no argument {', '.join(sorted(unknown))}.")
    return _product(lambda *given: torch.einsum(subscripts, *given), *operands)


@recorded
def kron(x1: Any, x2: Any) -> Any:
    """The Kronecker product: `x2` times each element of `x1`, side by side."""
    return torch.kron(*met(x1, x2))


@recorded
def cross(
    x1: Any, x2: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Any:
    """The cross product of vectors of 3 along an axis of each; of 2, its third component."""
    x1, x2 = met(x1, x2)
    axisa, axisb, axisc = (axisa, axisb, axisc) if axis is None else (axis,) * 3
    x1, x2 = x1.movedim(axisa, -1), x2.movedim(axisb, -1)
    flat = x1.shape[-1] == x2.shape[-1] == 2
    x1, x2 = (F.pad(x, (0, 1)) if x.shape[-1] == 2 else x for x in (x1, x2))
    found = torch.linalg.cross(*torch.broadcast_tensors(x1, x2))
    return found[..., 2] if flat else found.movedim(-1, axisc)


@recorded
def cdist(x: Any, y: Any) -> Any:
    """The distance of each row of `x` from each row of `y`.

    >>> cdist([[0.0, 0.0]], [[3.0, 4.0]]).tolist()
    [[5.0]]
    """
    x, y = met(x, y, floating=True)
    if x.ndim < 2 or y.ndim < 2 or x.shape[-1] != y.shape[-1]:
        raise ValueError(
            "cdist needs rows of the same length; received shapes "
            f"{tuple(x.shape)} and {tuple(y.shape)}."
        )
    return torch.linalg.vector_norm(x.unsqueeze(-2) - y.unsqueeze(-3), dim=-1)


# --- diagonals and triangles -----------------------------------------------------------------


def diag(x: Any, k: int = 0) -> Any:
    """The `k`-th diagonal of a matrix, or a matrix with a vector on it."""
    return torch.diag(tensor(x), k)


def diagflat(x: Any, k: int = 0) -> Any:
    """A matrix with all elements on its `k`-th diagonal."""
    return torch.diagflat(tensor(x), k)


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """A diagonal of the planes of two axes, as the last axis."""
    return torch.diagonal(tensor(x), offset, axis1, axis2)


@recorded
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The sum of a diagonal."""
    x = tensor(x)
    small = (torch.bool, torch.uint8, torch.int8, torch.int16)
    dtype = torch.int32 if x.dtype in small else x.dtype
    return torch.sum(torch.diagonal(x, offset, axis1, axis2), -1, dtype=dtype)


def tril(x: Any, k: int = 0) -> Any:
    """0 above the `k`-th diagonal."""
    return torch.tril(tensor(x), k)


def triu(x: Any, k: int = 0) -> Any:
    """0 below the `k`-th diagonal."""
    return torch.triu(tensor(x), k)


@recorded
def slogdet(x: Any) -> tuple:
    """The sign of the determinant and the logarithm of its absolute value."""
    return tuple(torch.linalg.slogdet(inexact(x)))


fill(
    globals(), unary, {"logdet": (torch.logdet, "The logarithm of the determinant.")}, floating=True
)


# --- along one axis --------------------------------------------------------------------------


def diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    """What each element adds to the one before it, `n` times over."""
    return torch.diff(tensor(a), n, axis)


@recorded
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral by the trapezoidal rule, over places `x` or `dx` apart."""
    y = inexact(y)
    if x is None:
        return torch.trapezoid(y, dx=float(dx), dim=axis)
    return torch.trapezoid(y, tensor(x).to(y.device), dim=axis)


@recorded
def corrcoef(x: Any) -> Any:
    """The correlations of the rows."""
    return torch.corrcoef(inexact(x))


@recorded
def correlate(x1: Any, x2: Any, mode: str = "valid") -> Any:
    """The sums of products of `x1` and a moved `x2`: 'full', 'same' or 'valid' places.

    >>> correlate([1.0, 2.0, 3.0], [0.0, 1.0]).tolist()
    [2.0, 3.0]
    """
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"mode of correlate must be full, same or valid; received {mode!r}.")
    dtype = promoted(tensor(x1), tensor(x2))
    dtype = dtype if dtype.is_floating_point else torch_dtype(floatx())
    x1, x2 = tensor(x1, dtype), tensor(x2, dtype)
    swapped = len(x2) > len(x1)
    long, short = (x2, x1) if swapped else (x1, x2)
    found = F.conv1d(long[None, None], short[None, None], padding=len(short) - 1).reshape(-1)
    found = found.flip(0) if swapped else found
    count = {"full": len(found), "same": len(long), "valid": len(long) - len(short) + 1}[mode]
    start = (len(found) - count) // 2
    if mode == "same" and swapped:
        start = (len(found) - count + 1) // 2  # turned round with the signal
    return found[start : start + count]


__all__ = public(globals())
