"""Elements found, taken, placed, sorted and counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from ..config import floatx
from ..graph import KerasTensor
from ..precision import torch_dtype
from .operands import cast, like, met, promoted, public, recorded, sizes, tensor


@recorded
def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """The slices at `indices` along an axis, of all elements in a row without one.

    A negative index counts from the end.

    >>> take([1, 2, 3], [[0, -1]]).tolist()
    [[1, 3]]
    """
    x, indices = tensor(x), tensor(indices)
    x, axis = (x.reshape(-1), 0) if axis is None else (x, axis % x.ndim)
    indices = indices.to(x.device).long()
    indices = torch.where(indices < 0, indices + x.shape[axis], indices)
    found = torch.index_select(x, axis, indices.reshape(-1))
    return found.reshape(*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])


@recorded
def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Any:
    """For each place the element at its index along an axis."""
    x, indices = tensor(x), tensor(indices)
    indices = indices.to(x.device).long()
    count = x.numel() if axis is None else x.shape[axis]
    return torch.take_along_dim(x, torch.where(indices < 0, indices + count, indices), axis)


def get_item(x: Any, key: Any) -> Any:
    """`x[key]`."""
    return tensor(x)[key]


def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """`x1` where the condition holds, else `x2`; without both, the places where it holds.

    >>> where([True, False], 1.0, 0.0).tolist()
    [1.0, 0.0]
    """
    condition = tensor(condition, "bool")
    if x1 is None or x2 is None:
        return torch.stack(torch.where(condition))
    return torch.where(condition, *met(x1, x2))


def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """For each place the choice of the first condition that holds."""
    *choices, found = met(*choicelist, default)
    for condition, choice in zip(reversed(list(condlist)), reversed(choices), strict=True):
        found = torch.where(tensor(condition, "bool"), choice, found)
    return found


def nonzero(x: Any) -> Any:
    """The places of the elements that are not 0, `(axes, count)`, as int32."""
    x = tensor(x)
    if isinstance(x, KerasTensor):
        raise ValueError("How many elements are not 0 is not known of a symbolic tensor.")
    return torch.nonzero(x).T.to(torch.int32)


@recorded
def searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Any:
    """Where values go in a sorted vector, as int32; 'right': behind those equal to them."""
    sequence, values = met(sorted_sequence, values)
    if sequence.ndim != 1:
        raise ValueError(f"searchsorted needs a sorted vector; received {tuple(sequence.shape)}.")
    return torch.searchsorted(sequence, values.contiguous(), side=side, out_int32=True)


@recorded
def digitize(x: Any, bins: Any) -> Any:
    """The bin of each element, as int32: 0 below `bins[0]`, `len(bins)` from the last on.

    >>> digitize([0.5, 1.0, 9.0], [1.0, 2.0]).tolist()
    [0, 1, 2]
    """
    x, bins = tensor(x), tensor(bins)
    x = x.to(torch.uint8) if x.dtype is torch.bool else x
    return torch.bucketize(x.contiguous(), bins.to(x.device), out_int32=True, right=True)


def isin(x1: Any, x2: Any, assume_unique: bool = False, invert: bool = False) -> Any:
    """Whether each element of `x1` is among those of `x2`; `invert`: whether it is not."""
    x1, x2 = tensor(x1), like(x2, tensor(x1))
    if promoted(x1, x2) is torch.bool:
        x1, x2 = cast(x1, torch.int32), cast(x2, torch.int32)
    x1, x2 = met(x1, x2)
    return torch.isin(x1, x2, assume_unique=assume_unique, invert=invert)


@recorded
def unravel_index(indices: Any, shape: Any) -> tuple:
    """The coordinates in a tensor of this shape of places counted in a row."""
    indices = tensor(indices)
    return tuple(one.to(indices.dtype) for one in torch.unravel_index(indices, sizes(shape)))


# --- placed ----------------------------------------------------------------------------------


def slice(inputs: Any, start_indices: Any, shape: Any) -> Any:
    """The block of this shape that starts at these indices; a start may be a tensor."""
    return _slice(tensor(inputs), start_indices, shape)


@recorded
def _slice(x, starts, shape):
    for axis, (start, count) in enumerate(zip(starts, sizes(shape), strict=True)):
        start = min(int(start), x.shape[axis] - count)  # as XLA keeps blocks inside
        x = x.narrow(axis, max(start, 0), count)
    return x


@recorded
def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Any:
    """`inputs` with the block that starts at these indices replaced.

    >>> slice_update([1, 2, 3], [1], [9]).tolist()
    [1, 9, 3]
    """
    x = tensor(inputs).clone()
    updates = tensor(updates, x.dtype)
    _slice(x, start_indices, updates.shape).copy_(updates)
    return x


@recorded
def scatter(indices: Any, values: Any, shape: Any) -> Any:
    """Zeros with values added at places `(..., axes)`; values for one place are summed up.

    >>> scatter([[0], [2], [2]], [1.0, 2.0, 3.0], (3,)).tolist()
    [1.0, 0.0, 5.0]
    """
    values = tensor(values)
    made = torch.zeros(sizes(shape), dtype=values.dtype, device=values.device)
    places = tensor(indices).to(values.device).long()
    values = values.reshape(*places.shape[:-1], *made.shape[places.shape[-1] :])
    return made.index_put(places.unbind(-1), values, accumulate=True)


_MEETINGS = {"max": "amax", "min": "amin", "mul": "prod", "add": "sum"}


@recorded
def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Any:
    """`inputs` with the elements or slices at places `(count, axes)` replaced.

    `reduction` 'add', 'max', 'min' or 'mul' lets the updates meet what is there.

    >>> scatter_update([1, 2, 3], [[0], [0]], [5, 6], reduction="add").tolist()
    [12, 2, 3]
    """
    x, places = tensor(inputs), tensor(indices)
    places = places.to(x.device).long()
    updates = tensor(updates, x.dtype).to(x.device)
    if reduction is None:
        return x.index_put(places.unbind(-1), updates)
    if reduction not in _MEETINGS:
        raise ValueError(f"reduction must be None, add, max, min or mul; received {reduction!r}.")
    depth = places.shape[-1]
    rows = x.reshape(-1, *x.shape[depth:])  # one row for each place
    strides = torch.tensor([x.shape[n + 1 : depth].numel() for n in range(depth)], device=x.device)
    lengths = torch.tensor(x.shape[:depth], device=x.device)
    flat = (torch.where(places < 0, places + lengths, places) * strides).sum(-1)
    updates = torch.broadcast_to(updates, (len(flat), *rows.shape[1:]))
    flat = flat.reshape(-1, *[1] * (rows.ndim - 1)).expand_as(updates)
    return rows.scatter_reduce(0, flat, updates, _MEETINGS[reduction]).reshape(x.shape)


def one_hot(
    x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> Any:
    """1 at the place of each integer along a new axis; nothing for integers out of range.

    >>> one_hot([1, -1], 2).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    _refuse_sparse(sparse)
    return _hot(tensor(x), num_classes, axis, torch_dtype(dtype or floatx()))


@recorded
def _hot(x, num_classes, axis, dtype):
    classes = torch.arange(num_classes, device=x.device)
    return torch.moveaxis((x.unsqueeze(-1) == classes).to(dtype), -1, axis)


def multi_hot(
    inputs: Any,
    num_classes: int | None = None,
    axis: int = -1,
    dtype: Any = None,
    sparse: bool = False,
    **kwargs: Any,
) -> Any:
    """1 at the places of all integers of a sample.

    >>> multi_hot([[0, 2], [1, 1]], 3).tolist()
    [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    num_classes = kwargs.pop("num_tokens", num_classes)
    if kwargs or num_classes is None:
        raise ValueError(f"multi_hot needs num_classes and takes no {', '.join(kwargs) or 'None'}.")
    hot = one_hot(inputs, num_classes, axis, dtype, sparse)
    return torch.amax(hot, 1 if hot.ndim > 2 else 0)


def _refuse_sparse(sparse):
    if sparse:
        raise ValueError("Sparse tensors are not supported; call without sparse=True.")


# --- sorted and counted ----------------------------------------------------------------------


@recorded
def sort(x: Any, axis: int | None = -1) -> Any:
    """The elements in rising order along an axis, or all in a row."""
    x = tensor(x)
    return torch.sort(x.reshape(-1) if axis is None else x, -1 if axis is None else axis).values


@recorded
def argsort(x: Any, axis: int | None = -1) -> Any:
    """The places of the elements in rising order, as int32; equal ones keep their order."""
    x = tensor(x)
    x = x.to(torch.uint8) if x.dtype is torch.bool else x
    x, axis = (x.reshape(-1), -1) if axis is None else (x, axis)
    return torch.sort(x, dim=axis, stable=True).indices.to(torch.int32)


@recorded
def argpartition(x: Any, kth: int, axis: int | None = -1) -> Any:
    """The places of the elements, the `kth + 1` smallest before the others, as int32."""
    return argsort(x, axis)  # in order on both sides, which the rule allows


def top_k(x: Any, k: int, sorted: bool = True) -> Any:
    """The `k` largest elements along the last axis, and their places as int32.

    >>> values, places = top_k([3, 1, 2], 2)
    >>> values.tolist(), places.tolist()
    ([3, 2], [0, 2])
    """
    found = torch.sort(
        tensor(x), dim=-1, descending=True, stable=True
    )  # of equals the first is first
    values, places = (part[..., :k] for part in found)
    return values, cast(places, torch.int32)


@recorded
def in_top_k(targets: Any, predictions: Any, k: int) -> Any:
    """Whether the score of each target class is among the `k` largest of its row."""
    predictions = tensor(predictions)
    targets = tensor(targets).to(predictions.device).long().unsqueeze(-1)
    least = torch.topk(predictions, k).values[:, -1:]
    return (torch.take_along_dim(predictions, targets, -1) >= least).squeeze(-1)


@recorded
def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Any:
    """How often each integer from 0 on occurs, or the sum of the weights where it does.

    A matrix is counted row by row.
    """
    _refuse_sparse(sparse)
    x = tensor(x)
    weights = None if weights is None else tensor(weights).to(x.device)
    dtype = torch.int32 if weights is None else promoted(x, weights)
    minlength = minlength or 0
    if x.ndim == 2:
        minlength = max(minlength, int(x.max()) + 1) if x.numel() else minlength
        pairs = zip(x, [None] * len(x) if weights is None else weights, strict=True)
        return torch.stack([torch.bincount(row, w, minlength) for row, w in pairs]).to(dtype)
    return torch.bincount(x, weights, minlength).to(dtype)


def histogram(x: Any, bins: int = 10, range: Any = None) -> tuple:
    """How many elements fall into each of `bins` equal intervals, and their edges."""
    x = tensor(x)
    low, high = (x.min().item(), x.max().item()) if range is None else range
    if low > high:
        raise ValueError(f"range of histogram must rise; received {range}.")
    if low == high:
        low, high = low - 0.5, high + 0.5
    counted = x.to(torch_dtype(floatx())) if not x.is_floating_point() else x
    edges = torch.linspace(low, high, bins + 1, dtype=counted.dtype, device=x.device)
    place = torch.searchsorted(edges, counted.reshape(-1), right=True) - 1
    place = torch.where(counted.reshape(-1) == edges[-1], bins - 1, place)
    kept = (place >= 0) & (place < bins)
    return torch.bincount(place[kept], minlength=bins).to(counted.dtype), edges


def unique(
    x: Any,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """The different elements, or slices along an axis, in rising order.

    Further results, in this order: where each first occurs, which of them each element is, how
    often each occurs. `size` cuts the result or fills it up with `fill_value` (0).

    >>> unique([3, 1, 3], return_counts=True)
    (tensor([1, 3], dtype=torch.int32), tensor([1, 2]))
    """
    x = tensor(x)
    values, inverse, counts = torch.unique(
        x, sorted=sorted, return_inverse=True, return_counts=True, dim=axis
    )
    dim = axis or 0
    order = torch.arange(inverse.numel(), device=x.device)
    first = torch.full_like(counts, inverse.numel())
    first = first.scatter_reduce(0, inverse.reshape(-1), order, "amin")
    if size is not None:
        values = _sized(values, size, dim, fill_value or 0)
        first, counts = _sized(first, size, 0, 0), _sized(counts, size, 0, 0)
    wanted = (return_index, return_inverse, return_counts)
    more = [one for one, want in zip((first, inverse, counts), wanted, strict=True) if want]
    return (values, *more) if more else values


def _sized(x, size, axis, value):
    missing = size - x.shape[axis]
    if missing <= 0:
        return x.narrow(axis, 0, size)
    shape = [missing if n == axis % x.ndim else one for n, one in enumerate(x.shape)]
    return torch.cat([x, torch.full(shape, value, dtype=x.dtype, device=x.device)], axis)


# --- by segment ------------------------------------------------------------------------------


def _segments(reduce, empty, text):
    @recorded
    def call(data, segment_ids, num_segments=None, sorted=False):
        data = tensor(data)
        ids = tensor(segment_ids).to(data.device).long()
        count = int(ids.max()) + 1 if num_segments is None else int(num_segments)
        rows = torch.where((ids < 0) | (ids >= count), count, ids)  # one more row for those
        rows = rows.reshape(-1, *[1] * (data.ndim - 1)).expand_as(data)
        start = empty(data.dtype)
        made = torch.full((count + 1, *data.shape[1:]), start, dtype=data.dtype, device=data.device)
        return made.scatter_reduce(0, rows, data, reduce)[:-1]

    name = "segment_" + reduce.removeprefix("a")
    call.__name__ = call.__qualname__ = name
    call.__module__, call.__doc__ = __name__, text
    return call


def _lowest(dtype):
    return -torch.inf if dtype.is_floating_point else torch.iinfo(dtype).min


def _highest(dtype):
    return torch.inf if dtype.is_floating_point else torch.iinfo(dtype).max


_TEXT = "{} of the rows with the same id; ids out of range count nowhere."
segment_sum = _segments("sum", lambda dtype: 0, _TEXT.format("The sum"))
segment_prod = _segments("prod", lambda dtype: 1, _TEXT.format("The product"))
segment_max = _segments("amax", _lowest, _TEXT.format("The maximum"))
segment_min = _segments("amin", _highest, _TEXT.format("The minimum"))

__all__ = public(globals())
