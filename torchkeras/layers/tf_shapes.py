"""TensorFlow's functions on shapes, indices and parts of tensors, computed by torch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import symbols
from ..precision import torch_dtype
from .tf_table import as_list, as_number, as_tensor, axes_of, either, entry, sizes_of


@entry("concat_v2")
def concat(values, axis, name="concat"):
    values = as_list(values)
    like = next(value for value in values if isinstance(value, Tensor))
    return torch.cat([as_tensor(value, like) for value in values], int(axis))


@entry("pack", "parallel_stack")
def stack(values, axis=0, name="stack"):
    values = as_list(values)
    place = next((value.device for value in values if isinstance(value, Tensor)), None)
    return torch.stack([torch.as_tensor(value, device=place) for value in values], axis)


@entry("unpack")
def unstack(value, num=None, axis=0, name="unstack"):
    return list(value.unbind(axis))


@entry("split_v")
def split(value, num_or_size_splits, axis=0, num=None, name="split"):
    axis = int(axis)
    if isinstance(num_or_size_splits, int):
        return list(value.split(value.shape[axis] // num_or_size_splits, axis))
    sizes = list(num_or_size_splits)
    if -1 in sizes:
        sizes[sizes.index(-1)] = value.shape[axis] - sum(sizes) - 1
    return list(value.split(sizes, axis))


@entry()
def reshape(tensor, shape, name=None):
    return tensor.reshape(sizes_of(shape))


@entry()
def broadcast_to(input, shape, name=None):
    return input.expand(sizes_of(shape))


@entry()
def tile(input, multiples, name=None):
    return input.repeat(sizes_of(multiples))


@entry()
def transpose(a, perm=None, name="transpose", conjugate=False):
    return a.permute(*(reversed(range(a.ndim)) if perm is None else perm))


@entry()
def expand_dims(input, axis=None, name=None, dim=None):
    return input.unsqueeze(int(either(axis, dim)))


@entry()
def squeeze(input, axis=None, name=None, squeeze_dims=None):
    axis = either(axis, squeeze_dims)
    if axis is None or axis == []:
        return input.squeeze()
    return input.squeeze(tuple(axis) if isinstance(axis, (list, tuple)) else axis)


@entry()
def reverse(tensor, axis, name=None):
    return tensor.flip(axes_of(axis, tensor.ndim))


@entry("gather_v2")
def gather(params, indices, validate_indices=None, axis=None, batch_dims=0, name=None):
    if batch_dims:
        axis = int(batch_dims if axis is None else axis) % params.ndim
        pairs = zip(params.unbind(0), torch.as_tensor(indices).unbind(0), strict=True)
        return torch.stack(
            [gather(p, i, axis=axis - 1, batch_dims=batch_dims - 1) for p, i in pairs]
        )
    axis = int(axis or 0) % params.ndim
    indices = torch.as_tensor(indices, device=params.device).long()
    taken = params.index_select(axis, indices.flatten())
    return taken.reshape(*params.shape[:axis], *indices.shape, *params.shape[axis + 1 :])


@entry()
def one_hot(indices, depth, on_value=None, off_value=None, axis=None, dtype=None, name=None):
    on, off = either(on_value, 1), either(off_value, 0)
    dtype = torch_dtype(dtype or "float32")
    places = torch.arange(depth, device=indices.device)
    marks = indices.unsqueeze(-1) == places  # all off where an index lies outside
    result = torch.where(marks, on, off).to(dtype)
    return result if axis in (None, -1) else result.movedim(-1, axis)


@entry("pad_v2", "mirror_pad")
def pad(tensor, paddings, mode="CONSTANT", constant_values=0, name=None):
    amounts = [tuple(int(n) for n in pair) for pair in paddings]
    mode = mode.upper()
    if mode == "CONSTANT":
        return F.pad(tensor, [n for pair in reversed(amounts) for n in pair], value=constant_values)
    edge = 0 if mode == "SYMMETRIC" else 1
    for axis, (before, after) in enumerate(amounts):
        if before or after:
            size = tensor.shape[axis]
            places = [*range(before - 1 + edge, edge - 1, -1), *range(size)]
            places += range(size - 1 - edge, size - 1 - edge - after, -1)
            tensor = tensor.index_select(axis, torch.tensor(places, device=tensor.device))
    return tensor


@entry("shape_v2")
def shape(input, out_type="int32", name=None):
    return torch.tensor(input.shape, dtype=torch_dtype(out_type), device="cpu")


@entry()
def rank(input, name=None):
    return torch.tensor(input.ndim, dtype=torch.int32, device="cpu")


@entry()
def size(input, out_type="int32", name=None):
    return torch.tensor(input.numel(), dtype=torch_dtype(out_type), device="cpu")


@entry()
def getitem(tensor, slice_spec, var=None):
    """Indexing, with slices as dictionaries, as files have them; steps may be negative."""
    specs = list(slice_spec) if isinstance(slice_spec, (list, tuple)) else [slice_spec]
    index = tuple(_index(spec) for spec in specs)
    return symbols.getitem(tensor, index) if symbols.steps_back(index) else tensor[index]


def _index(spec):
    if isinstance(spec, dict):
        if spec.get("class_name") == "__ellipsis__":
            return Ellipsis
        if set(spec) != {"start", "stop", "step"}:
            raise ValueError(f"{spec!r} in a slice of a graph is not understood.")
        return slice(*(as_number(spec[key]) for key in ("start", "stop", "step")))
    return as_number(spec)
