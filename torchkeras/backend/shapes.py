"""Functions that move, repeat, join and pick elements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import graph
from ..config import standardize_data_format
from ..graph import KerasTensor
from .operands import any_symbolic, axes_of, open_sizes, recorded, sizes, tensor, tensors

__all__ = [
    "batch_flatten",
    "concatenate",
    "expand_dims",
    "flatten",
    "gather",
    "one_hot",
    "permute_dimensions",
    "print_tensor",
    "repeat",
    "repeat_elements",
    "reshape",
    "reverse",
    "spatial_2d_padding",
    "spatial_3d_padding",
    "squeeze",
    "stack",
    "stop_gradient",
    "temporal_padding",
    "tile",
    "transpose",
]


def reshape(x: Any, shape: Any) -> Any:
    """`x` in another shape; -1 stands for what is left, and a size may be a tensor.

    >>> reshape([1.0, 2.0, 3.0, 4.0], (2, -1)).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    x = tensor(x)
    if not any_symbolic(shape):
        return torch.reshape(x, sizes(shape))
    told = [None if size == -1 else size for size in open_sizes(shape)]
    known = getattr(x, "shape", ())
    if None not in known and told.count(None) == 1:
        rest = math.prod(size for size in told if size is not None)
        told[told.index(None)] = math.prod(known) // rest
    return graph.record(reshape, (x, shape), {}, outputs=KerasTensor(told, str(_name(x))))


def _name(x):
    return x.dtype if isinstance(x, KerasTensor) else str(x.dtype).removeprefix("torch.")


def flatten(x: Any) -> Any:
    """All elements along one axis."""
    return torch.reshape(tensor(x), (-1,))


def batch_flatten(x: Any) -> Any:
    """Every sample's elements along one axis: `(batch, n)`."""
    x = tensor(x)
    return torch.flatten(x, 1) if x.ndim > 1 else torch.unsqueeze(x, -1)


def expand_dims(x: Any, axis: int = -1) -> Any:
    """`x` with a new axis of size 1 at `axis`."""
    return torch.unsqueeze(tensor(x), axis)


def squeeze(x: Any, axis: int) -> Any:
    """`x` without the axis `axis`, which must have size 1."""
    x = tensor(x)
    if x.shape[axis] not in (1, None):
        raise ValueError(
            f"squeeze can drop an axis of size 1 only; axis {axis} of shape {tuple(x.shape)} has "
            f"size {x.shape[axis]}."
        )
    return torch.squeeze(x, axis)


def permute_dimensions(x: Any, pattern: Sequence[int]) -> Any:
    """`x` with its axes in the order of `pattern`."""
    return torch.permute(tensor(x), tuple(pattern))


def transpose(x: Any) -> Any:
    """`x` with its axes in reverse order."""
    x = tensor(x)
    return torch.permute(x, tuple(reversed(range(x.ndim))))


def concatenate(tensors: Sequence[Any], axis: int = -1) -> Any:
    """Tensors behind one another along `axis`.

    >>> concatenate([torch.zeros(2, 1), torch.ones(2, 2)]).shape
    torch.Size([2, 3])
    """
    return torch.cat(_all(tensors), axis)


def stack(x: Sequence[Any], axis: int = 0) -> Any:
    """Tensors behind one another along a new axis."""
    return torch.stack(_all(x), axis)


def _all(values):
    return tensors(*values)


def repeat(x: Any, n: int) -> Any:
    """`(samples, size)` as `(samples, n, size)`, each sample `n` times."""
    x = tensor(x)
    if x.ndim != 2:
        raise ValueError(f"repeat needs a tensor of rank 2; received shape {tuple(x.shape)}.")
    return tile(torch.unsqueeze(x, 1), (1, n, 1))


@recorded
def repeat_elements(x: Any, rep: int, axis: int) -> Any:
    """Each element along `axis` `rep` times.

    >>> repeat_elements([1.0, 2.0], 2, 0).tolist()
    [1.0, 1.0, 2.0, 2.0]
    """
    return torch.repeat_interleave(tensor(x), rep, axis)


def tile(x: Any, n: Any) -> Any:
    """The whole of `x` repeated along each axis as often as `n` says.

    >>> tile([1.0, 2.0], 2).tolist()
    [1.0, 2.0, 1.0, 2.0]
    """
    x = tensor(x)
    if not any_symbolic(n):
        return torch.tile(x, sizes(n))
    times = open_sizes(n)
    told = [None if None in (a, b) else a * b for a, b in zip(x.shape, times, strict=True)]
    return graph.record(tile, (x, n), {}, outputs=KerasTensor(told, _name(x)))


def reverse(x: Any, axes: int | Sequence[int]) -> Any:
    """`x` read from the end along `axes`."""
    x = tensor(x)
    return torch.flip(x, axes_of(axes, x))


@recorded
def gather(reference: Any, indices: Any) -> Any:
    """The rows of `reference` that `indices` (of any shape) name.

    >>> gather([[1.0], [2.0], [3.0]], [2, 0]).tolist()
    [[3.0], [1.0]]
    """
    reference, indices = tensors(reference, indices)
    return reference[indices.long()]


@recorded
def one_hot(indices: Any, num_classes: int) -> Any:
    """Rows of float32 with a 1 at each index; all 0 for an index that is no class.

    >>> one_hot([1, 3], 3).tolist()
    [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    indices = tensor(indices).long().unsqueeze(-1)
    return (indices == torch.arange(num_classes, device=indices.device)).to(torch.float32)


def stop_gradient(variables: Any) -> Any:
    """The same values, through which no gradient flows; a list for a list."""
    if isinstance(variables, (list, tuple)):
        return [stop_gradient(x) for x in variables]
    return tensor(variables).detach()


# --- padding with zeros ----------------------------------------------------------------------


def temporal_padding(x: Any, padding: Sequence[int] = (1, 1)) -> Any:
    """`(batch, steps, channels)` with zeros before and after the steps."""
    return _padded(x, 1, [padding])


def spatial_2d_padding(x: Any, padding: Any = ((1, 1), (1, 1)), data_format: Any = None) -> Any:
    """Images with rows and columns of zeros around: ((top, bottom), (left, right)).

    >>> spatial_2d_padding(torch.ones(1, 2, 2, 3), ((1, 0), (2, 2))).shape
    torch.Size([1, 3, 6, 3])
    """
    first = standardize_data_format(data_format) == "channels_first"
    return _padded(x, 2 if first else 1, padding)


def spatial_3d_padding(
    x: Any, padding: Any = ((1, 1), (1, 1), (1, 1)), data_format: Any = None
) -> Any:
    """Volumes with zeros before and after each of their three axes."""
    first = standardize_data_format(data_format) == "channels_first"
    return _padded(x, 2 if first else 1, padding)


def _padded(x, start, edges):
    x = tensor(x)
    if x.ndim < start + len(edges) or any(len(pair) != 2 for pair in edges):
        raise ValueError(
            f"padding must be a pair (before, after) for each axis; received {edges!r} for a "
            f"tensor of shape {tuple(x.shape)}."
        )
    pairs = [(0, 0)] * start + [tuple(pair) for pair in edges]
    pairs += [(0, 0)] * (x.ndim - len(pairs))
    return F.pad(x, [n for pair in reversed(pairs) for n in pair])


@recorded
def print_tensor(x: Any, message: str = "", summarize: int = 3) -> Any:
    """Print `message` and the first and last `summarize` elements of each axis; `x` itself.

    >>> print_tensor(torch.tensor([1.0, 2.0]), "x is") is None
    x is [1 2]
    False
    """
    value = tensor(x)
    if value.device.type != "meta":
        print(message, _brief(value, summarize))
    return x if isinstance(x, Tensor) else value


def _brief(value, summarize):
    """As `tf.print` writes it: no commas, no zeros behind the point."""
    if value.ndim == 0:
        number = value.item()
        return f"{number:.9g}" if isinstance(number, float) else str(number)
    rows = list(value.detach())
    if 0 <= 2 * summarize < len(rows):
        head = [_brief(row, summarize) for row in rows[:summarize]]
        rows = [*head, "...", *(_brief(row, summarize) for row in rows[len(rows) - summarize :])]
    else:
        rows = [_brief(row, summarize) for row in rows]
    return "[" + (" " if value.ndim == 1 else "\n ").join(rows) + "]"
