"""Tensors in other shapes: reshaped, moved, joined, split, padded."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from .. import graph
from ..graph import KerasTensor
from .operands import Axis, axes_of, met, public, recorded, sizes, tensor


def shape(x: Any) -> tuple:
    """The sizes, None where a symbolic tensor leaves one open.

    >>> shape([[1, 2, 3]])
    (1, 3)
    """
    return tuple(x.shape) if hasattr(x, "shape") else tuple(tensor(x).shape)


def ndim(x: Any) -> int:
    """The number of axes."""
    return len(shape(x))


def size(x: Any) -> Any:
    """The number of elements; of a symbolic tensor with open sizes, a symbolic scalar."""
    known = shape(x)
    return _counted(x) if None in known else math.prod(known)


@recorded
def _counted(x):
    return torch.tensor(x.numel(), dtype=torch.int32, device=x.device)


def reshape(x: Any, newshape: Any) -> Any:
    """The elements in another shape; one size may be -1.

    >>> reshape([1, 2, 3, 4], (2, -1)).tolist()
    [[1, 2], [3, 4]]
    """
    x = tensor(x)
    if not isinstance(newshape, (list, tuple)):
        newshape = sizes(newshape)
    newshape = tuple(-1 if n is None else n for n in newshape)
    if isinstance(x, KerasTensor) and not graph.is_symbolic(newshape):
        told = [None if n == -1 else n for n in newshape]
        if None not in x.shape and None in told:
            told[told.index(None)] = math.prod(x.shape) // max(-math.prod(newshape), 1)
        made = KerasTensor(told, x.dtype)
        return graph.record(torch.reshape, (x, newshape), {}, outputs=made)
    return torch.reshape(x, newshape)


@recorded
def ravel(x: Any) -> Any:
    """All elements in a row."""
    return torch.ravel(tensor(x))


def transpose(x: Any, axes: Sequence[int] | None = None) -> Any:
    """The axes in another order, reversed unless given."""
    x = tensor(x)
    return torch.permute(x, tuple(axes) if axes is not None else tuple(range(x.ndim))[::-1])


def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """Some axes moved to other places."""
    return torch.moveaxis(tensor(x), source, destination)


def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Two axes exchanged."""
    return torch.swapaxes(tensor(x), axis1, axis2)


def expand_dims(x: Any, axis: Axis) -> Any:
    """New axes of size 1, at these places of the result.

    >>> expand_dims([1, 2], (0, -1)).shape
    torch.Size([1, 2, 1])
    """
    x = tensor(x)
    count = len(axis) if isinstance(axis, (list, tuple)) else 1
    for place in sorted(axes_of(axis, x.ndim + count)):
        x = torch.unsqueeze(x, place)
    return x


def squeeze(x: Any, axis: Axis = None) -> Any:
    """Without its axes of size 1, or without those given, which must have size 1."""
    x = tensor(x)
    if axis is None:
        return torch.squeeze(x) if None not in x.shape else _squeezed(x)
    axes = axes_of(axis, x.ndim)
    wrong = [one for one in axes if x.shape[one] not in (1, None)]
    if wrong:
        raise ValueError(
            f"squeeze: axis {wrong[0]} of a tensor of shape {tuple(x.shape)} is not 1."
        )
    return torch.squeeze(x, axes)


def _squeezed(x):
    return torch.squeeze(x, tuple(n for n, one in enumerate(x.shape) if one == 1))


def broadcast_to(x: Any, shape: Any) -> Any:
    """Repeated along axes of size 1 until it has this shape."""
    return torch.broadcast_to(tensor(x), sizes(shape))


def flip(x: Any, axis: Axis = None) -> Any:
    """The elements backwards along these axes, or along all."""
    x = tensor(x)
    return torch.flip(x, axes_of(axis, x.ndim))


def fliplr(x: Any) -> Any:
    """The columns backwards."""
    return flip(x, 1)


def flipud(x: Any) -> Any:
    """The rows backwards."""
    return flip(x, 0)


def roll(x: Any, shift: Any, axis: Axis = None) -> Any:
    """The elements moved on; what leaves at the end comes in at the start.

    >>> roll([1, 2, 3], 1).tolist()
    [3, 1, 2]
    """
    return _rolled(tensor(x), shift, axis)


@recorded
def _rolled(x, shift, axis):
    return torch.roll(x, shift, axis)


def rot90(array: Any, k: int = 1, axes: Sequence[int] = (0, 1)) -> Any:
    """Turned by `k` quarters in the plane of two axes."""
    array = tensor(array)
    if array.ndim < 2 or len(axes) != 2 or len(set(axes_of(axes, array.ndim))) != 2:
        raise ValueError(
            f"rot90 needs two different axes of a tensor that has them; received axes={axes} and "
            f"shape {tuple(array.shape)}."
        )
    return torch.rot90(array, k, tuple(axes))


# --- several tensors -------------------------------------------------------------------------


def concatenate(xs: Sequence[Any], axis: int = 0) -> Any:
    """Tensors joined along an axis that they have."""
    return torch.cat(met(*xs), axis)


def append(x1: Any, x2: Any, axis: int | None = None) -> Any:
    """Two tensors joined along an axis; without one, all their elements in a row."""
    if axis is None:
        x1, x2 = ravel(x1), ravel(x2)
    return concatenate([x1, x2], axis or 0)


def stack(x: Sequence[Any], axis: int = 0) -> Any:
    """Tensors of one shape joined along a new axis.

    >>> stack([1, 2]).tolist()
    [1, 2]
    """
    return torch.stack(met(*x), axis)


def hstack(xs: Sequence[Any]) -> Any:
    """Tensors joined along their second axis, or their only one."""
    return torch.hstack(met(*xs))


def vstack(xs: Sequence[Any]) -> Any:
    """Tensors joined along their first axis; those with one axis become rows."""
    return torch.vstack(met(*xs))


def dstack(xs: Sequence[Any]) -> Any:
    """Tensors joined along their third axis, which is made where it is missing."""
    return torch.dstack(met(*xs))


def unstack(x: Any, num: int | None = None, axis: int = 0) -> Any:
    """The slices along an axis; `num`, if given, must be their number."""
    x = tensor(x)
    count = x.shape[axis]
    if num is not None and count is not None and num != count:
        raise ValueError(f"unstack: num={num}, but axis {axis} of {tuple(x.shape)} has {count}.")
    return torch.unbind(x, axis)


@recorded
def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list:
    """Equal parts, as many as given, or the parts between the given places.

    >>> [part.tolist() for part in split([1, 2, 3, 4], [1, 3])]
    [[1], [2, 3], [4]]
    """
    x = tensor(x)
    if isinstance(indices_or_sections, int) and x.shape[axis] % indices_or_sections:
        raise ValueError(
            f"split: axis {axis} of shape {tuple(x.shape)} cannot be divided into "
            f"{indices_or_sections} equal parts."
        )
    return array_split(x, indices_or_sections, axis)


@recorded
def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list:
    """`split` into parts that differ by at most one where they cannot be equal."""
    parts = indices_or_sections
    parts = parts if isinstance(parts, int) else sizes(parts)
    return list(torch.tensor_split(tensor(x), parts, axis))


def hsplit(x: Any, indices_or_sections: Any) -> list:
    """`split` along the second axis, or the only one."""
    return split(x, indices_or_sections, 1 if ndim(x) > 1 else 0)


def vsplit(x: Any, indices_or_sections: Any) -> list:
    """`split` along the first axis."""
    return split(x, indices_or_sections, 0)


def dsplit(x: Any, indices_or_sections: Any) -> list:
    """`split` along the third axis."""
    return split(x, indices_or_sections, 2)


def meshgrid(*x: Any, indexing: str = "xy") -> list:
    """A grid for each of several vectors; 'xy' exchanges the first two axes, 'ij' does not."""
    return list(torch.meshgrid(*map(tensor, x), indexing=indexing))


# --- repeated and padded ---------------------------------------------------------------------


@recorded
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Each element several times, along an axis or in a row; `repeats` may differ by element.

    >>> repeat([1, 2], 2).tolist()
    [1, 1, 2, 2]
    """
    x = tensor(x)
    if isinstance(repeats, (list, tuple)) and len(repeats) == 1:
        repeats = repeats[0]
    if not isinstance(repeats, int):
        repeats = tensor(repeats).to(x.device).long()
    return torch.repeat_interleave(x, repeats, axis)


def tile(x: Any, repeats: Any) -> Any:
    """The whole tensor several times along its axes."""
    return torch.tile(tensor(x), sizes(repeats))


@recorded
def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Any:
    """Elements added before and after, `pad_width` a pair for each axis or for all.

    `mode`: 'constant' (with `constant_values`, else 0), 'reflect', 'symmetric', 'edge', 'wrap'.

    >>> pad([1, 2, 3], (1, 2), mode="reflect").tolist()
    [2, 1, 2, 3, 2, 1]
    """
    x = tensor(x)
    if constant_values is not None and mode != "constant":
        raise ValueError(f"pad takes constant_values only with mode 'constant'; received {mode!r}.")
    pairs = _pairs(pad_width, x.ndim)
    if mode == "constant":
        edges = [n for pair in reversed(pairs) for n in pair]
        return F.pad(x, edges, value=constant_values or 0)
    if mode not in ("reflect", "symmetric", "edge", "wrap"):
        raise ValueError(
            f"mode of pad must be constant, reflect, symmetric, edge or wrap; received {mode!r}."
        )
    for axis, (before, after) in enumerate(pairs):
        if before or after:
            places = torch.arange(-before, x.shape[axis] + after, device=x.device)
            x = torch.index_select(x, axis, _inside(places, x.shape[axis], mode))
    return x


def _pairs(pad_width, count):
    if isinstance(pad_width, int):
        return [(pad_width, pad_width)] * count
    given = [tuple(one) if isinstance(one, (list, tuple)) else one for one in pad_width]
    if all(isinstance(one, int) for one in given):
        given = [tuple(given * 2 if len(given) == 1 else given)]
    given = given * count if len(given) == 1 else given
    if len(given) != count or any(len(pair) != 2 for pair in given):
        raise ValueError(f"pad_width must hold a pair for each of {count} axes; got {pad_width}.")
    return given


def _inside(places, size, mode):
    if mode == "edge":
        return places.clamp(0, size - 1)
    if mode == "wrap":
        return places % size
    period = 2 * size if mode == "symmetric" else max(2 * size - 2, 1)
    places = places % period
    last = period - 1 if mode == "symmetric" else period
    return torch.where(places < size, places, last - places)


# --- patterns --------------------------------------------------------------------------------


@recorded
def rearrange(tensor: Any, pattern: str, **axes_lengths: int) -> Any:
    """Axes named, grouped and moved: `"b (h p) c -> b h (p c)"`; a split needs its sizes.

    >>> rearrange([[1, 2, 3, 4]], "b (h w) -> b w h", h=2).tolist()
    [[[1, 3], [2, 4]]]
    """
    x = _operand(tensor)
    left, right = (re.findall(r"\([^)]*\)|\S+", side) for side in pattern.split("->"))
    groups = [one.strip("()").split() for one in left]
    if len(groups) != x.ndim:
        raise ValueError(f"{pattern!r} speaks of {len(groups)} axes; the shape is {x.shape}.")
    lengths = dict(axes_lengths)
    for group, whole in zip(groups, x.shape, strict=True):
        open_axes = [name for name in group if name not in lengths]
        known = math.prod(lengths[name] for name in group if name in lengths)
        if len(open_axes) > 1 or whole % known or (not open_axes and whole != known):
            raise ValueError(f"{pattern!r} with {axes_lengths} does not fit the shape {x.shape}.")
        if open_axes:
            lengths[open_axes[0]] = whole // known
    names = [name for group in groups for name in group]
    wanted = [one.strip("()").split() for one in right]
    order = [names.index(name) for group in wanted for name in group]
    x = x.reshape([lengths[name] for name in names]).permute(order)
    return x.reshape([math.prod(lengths[name] for name in group) for group in wanted])


_operand = tensor

__all__ = public(globals())
