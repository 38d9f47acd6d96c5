"""Sums, extremes, statistics and running totals along axes, NaN counted or left out."""

from __future__ import annotations

from typing import Any

import torch

from ..config import floatx
from ..precision import torch_dtype
from .operands import Axis, axes_of, cast, inexact, met, named, public, recorded, tensor

_SMALL = (torch.bool, torch.uint8, torch.int8, torch.int16)


def _total(dtype):
    """The dtype of a sum: that of the numbers, int32 for smaller integers."""
    return torch.int32 if dtype in _SMALL else dtype


def _is_none(axis):
    return isinstance(axis, (list, tuple)) and len(axis) == 0


@recorded
def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The sum; small integers are summed up as int32.

    >>> sum([[1, 2], [3, 4]], axis=0).tolist()
    [4, 6]
    """
    x = tensor(x)
    axes = axes_of(axis, x.ndim)
    return torch.sum(x, axes, keepdims, dtype=_total(x.dtype)) if axes or x.ndim == 0 else x


@recorded
def prod(x: Any, axis: Axis = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """The product; small integers are multiplied as int32."""
    x = tensor(x)
    dtype = torch_dtype(dtype) if dtype else _total(x.dtype)
    for one in sorted(axes_of(axis, x.ndim), reverse=True):
        x = torch.prod(x, one, keepdims, dtype=dtype)
    return cast(x, dtype)


@recorded
def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The mean, a float also of integers.

    >>> mean([[1, 2], [3, 4]], axis=1).tolist()
    [1.5, 3.5]
    """
    x = inexact(x)
    return x if _is_none(axis) else torch.mean(x, axes_of(axis, x.ndim), keepdims)


@recorded
def var(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The variance: the mean square of what is left after the mean."""
    x = inexact(x)
    if _is_none(axis):
        return torch.zeros_like(x)
    return torch.var(x, axes_of(axis, x.ndim), correction=0, keepdim=keepdims)


def std(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The standard deviation, the square root of `var`."""
    return torch.sqrt(var(x, axis, keepdims))


@recorded
def max(x: Any, axis: Axis = None, keepdims: bool = False, initial: Any = None) -> Any:
    """The largest element; `initial` takes part, too.

    >>> max([[1, 5], [3, 4]], axis=1).tolist()
    [5, 4]
    """
    return _extreme(torch.amax, torch.maximum, x, axis, keepdims, initial)


@recorded
def min(x: Any, axis: Axis = None, keepdims: bool = False, initial: Any = None) -> Any:
    """The smallest element; `initial` takes part, too."""
    return _extreme(torch.amin, torch.minimum, x, axis, keepdims, initial)


def _extreme(reduce, meet, x, axis, keepdims, initial):
    x = tensor(x)
    if _is_none(axis):
        return x
    axes = axes_of(axis, x.ndim)
    if initial is not None:
        initial = tensor(initial, x.dtype).to(x.device)
        if x.numel() == 0:
            shape = [1 if n in axes else size for n, size in enumerate(x.shape)]
            shape = shape if keepdims else [s for n, s in enumerate(x.shape) if n not in axes]
            return initial.expand(shape)
    elif x.numel() == 0:
        raise ValueError(f"An empty tensor of shape {tuple(x.shape)} has no extreme; give initial.")
    found = reduce(x, axes, keepdims)
    return found if initial is None else meet(found, initial)


def amax(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The largest element."""
    return max(x, axis, keepdims)


def amin(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The smallest element."""
    return min(x, axis, keepdims)


def ptp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The largest element minus the smallest."""
    return torch.sub(max(x, axis, keepdims), min(x, axis, keepdims))


@recorded
def any(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Whether an element is not 0.

    >>> any([[0, 1], [0, 0]], axis=1).tolist()
    [True, False]
    """
    x = cast(tensor(x), torch.bool)
    return x if _is_none(axis) else torch.any(x, axes_of(axis, x.ndim) or None, keepdims)


@recorded
def all(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Whether every element is not 0."""
    x = cast(tensor(x), torch.bool)
    return x if _is_none(axis) else torch.all(x, axes_of(axis, x.ndim) or None, keepdims)


@recorded
def count_nonzero(x: Any, axis: Axis = None) -> Any:
    """How many elements are not 0, as int32."""
    x = tensor(x)
    return torch.sum(x != 0, axes_of(axis, x.ndim), dtype=torch.int32) if x.ndim else x != 0


@recorded
def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The place of the largest element, the first of several, as int32."""
    return _place(torch.argmax, x, axis, keepdims)


@recorded
def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The place of the smallest element, the first of several, as int32."""
    return _place(torch.argmin, x, axis, keepdims)


def _place(find, x, axis, keepdims):
    x = tensor(x)
    x = x.to(torch.uint8) if x.dtype is torch.bool else x
    return find(x, axis, keepdims).to(torch.int32)


@recorded
def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """`log(sum(exp(x)))` without overflow."""
    x = inexact(x)
    return torch.logsumexp(x, axes_of(axis, x.ndim), keepdims)


@recorded
def average(x: Any, axis: Axis = None, weights: Any = None) -> Any:
    """The mean; with `weights`, of the shape of `x` or one for each place along `axis`.

    >>> average([1.0, 3.0], weights=[3.0, 1.0]).item()
    1.5
    """
    if weights is None:
        return mean(x, axis)
    x, weights = met(x, weights, floating=True)
    axes = axes_of(axis, x.ndim)
    if weights.shape != x.shape:
        if len(axes) != 1 or weights.ndim != 1:
            raise ValueError(
                f"weights of average must have the shape {tuple(x.shape)} of x, or one axis where "
                f"axis is an integer; received shape {tuple(weights.shape)} and axis={axis}."
            )
        weights = weights.reshape([-1 if n == axes[0] else 1 for n in range(x.ndim)])
    return torch.sum(x * weights, axes) / torch.sum(weights.expand(x.shape), axes)


# --- quantiles -------------------------------------------------------------------------------


def _quantile(find, x, q, axis, method, keepdims):
    x = inexact(x)
    dtype = x.dtype
    x = x if dtype is torch.float64 else x.float()
    q = tensor(q).to(x.device, x.dtype)
    axes = axes_of(axis, x.ndim)
    kept = [n for n in range(x.ndim) if n not in axes]
    rows = x.permute(*kept, *axes).flatten(len(kept))
    found = find(rows, q, -1, interpolation=method)
    if keepdims:
        for one in sorted(axes):
            found = found.unsqueeze(one + q.ndim)
    return found.to(dtype)


@recorded
def quantile(
    x: Any, q: Any, axis: Axis = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """The value below which the fraction `q` of the elements lies; several `q` give a first axis.

    `method`: 'linear', 'lower', 'higher', 'midpoint' or 'nearest' where it lies between two.

    >>> quantile([1.0, 2.0, 3.0, 4.0], 0.5).item()
    2.5
    """
    return _quantile(torch.quantile, x, q, axis, method, keepdims)


@recorded
def nanquantile(
    x: Any, q: Any, axis: Axis = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """`quantile` of the elements that are not NaN."""
    return _quantile(torch.nanquantile, x, q, axis, method, keepdims)


def percentile(
    x: Any, q: Any, axis: Axis = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """`quantile` with `q` from 0 to 100."""
    return quantile(x, _hundredth(q), axis, method, keepdims)


def nanpercentile(
    x: Any, q: Any, axis: Axis = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """`percentile` of the elements that are not NaN."""
    return nanquantile(x, _hundredth(q), axis, method, keepdims)


def _hundredth(q):
    return tensor(q, floatx()) / 100.0


def median(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The middle element, the mean of the middle two where their number is even."""
    return quantile(x, 0.5, axis, keepdims=keepdims)


def nanmedian(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The median of the elements that are not NaN."""
    return nanquantile(x, 0.5, axis, keepdims=keepdims)


# --- running totals --------------------------------------------------------------------------


@recorded
def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """The sums so far along an axis; without one, of all elements in a row.

    >>> cumsum([1, 2, 3]).tolist()
    [1, 3, 6]
    """
    return _running(torch.cumsum, tensor(x), axis, dtype)


@recorded
def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """The products so far along an axis; without one, of all elements in a row."""
    return _running(torch.cumprod, tensor(x), axis, dtype)


def _running(function, x, axis, dtype):
    x = x.flatten() if axis is None else x
    dtype = torch_dtype(dtype) if dtype else x.dtype
    return function(x, axis or 0, dtype=torch.int32 if dtype is torch.bool else dtype)


# --- without NaN -----------------------------------------------------------------------------


def _without_nan(reduce, value, of, fills_empty=False):
    """`reduce` with `value` in place of NaN; NaN again where nothing is left if `fills_empty`."""

    @recorded
    def call(x, axis=None, keepdims=False):
        x = tensor(x)
        if not x.is_floating_point():
            return reduce(x, axis, keepdims)
        absent = torch.isnan(x)
        found = reduce(torch.where(absent, value, x), axis, keepdims)
        if not fills_empty or _is_none(axis):
            return found
        nothing = torch.all(absent, axes_of(axis, x.ndim) or None, keepdims)
        return torch.where(nothing, -1 if found.dtype is torch.int32 else torch.nan, found)

    return named(call, f"nan{of}", f"`{of}` of the elements that are not NaN.", __name__)


nansum = _without_nan(sum, 0.0, "sum")
nanprod = _without_nan(prod, 1.0, "prod")
nanmax = _without_nan(max, -torch.inf, "max", True)
nanmin = _without_nan(min, torch.inf, "min", True)
nanargmax = _without_nan(argmax, -torch.inf, "argmax", True)
nanargmin = _without_nan(argmin, torch.inf, "argmin", True)


@recorded
def nanmean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """`mean` of the elements that are not NaN."""
    x = inexact(x)
    return x if _is_none(axis) else torch.nanmean(x, axes_of(axis, x.ndim), keepdims)


@recorded
def nanvar(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """`var` of the elements that are not NaN."""
    x = inexact(x)
    present = ~torch.isnan(x)
    left = torch.where(present, x - nanmean(x, axis, keepdims=True), 0.0)
    axes = axes_of(axis, x.ndim)
    if _is_none(axis):
        return torch.where(present, 0.0, x)
    squares = torch.square(torch.abs(left))
    return torch.sum(squares, axes, keepdims) / torch.sum(present, axes, keepdims)


def nanstd(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """`std` of the elements that are not NaN."""
    return torch.sqrt(nanvar(x, axis, keepdims))


def nancumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """`cumsum` with 0 in place of NaN."""
    return cumsum(torch.nan_to_num(tensor(x)), axis, dtype)


def nancumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """`cumprod` with 1 in place of NaN."""
    return cumprod(torch.nan_to_num(tensor(x), nan=1.0), axis, dtype)


__all__ = public(globals())
