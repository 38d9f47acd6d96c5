"""Making tensors, and their shapes, parts and order: what stands at the top of `tf`."""

from __future__ import annotations

from builtins import slice as _slice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ... import backend as K
from ... import graph
from ...arrays import default_device
from ...data import Strings
from ...graph import KerasTensor
from ...precision import dtype_name, torch_dtype
from ...variable import Variable as BaseVariable
from .calls import function, known, shape_of, sized, tensor
from .dtypes import string

# --- variables -----------------------------------------------------------------------------------


class _Value(torch.Tensor):
    """A variable's tensor that may be called for itself: `v.value()` of TensorFlow."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    def __call__(self):
        return self._plain


class Variable(BaseVariable):
    """A value that changes in place; a layer or module that holds it owns it."""

    def __init__(
        self, initial_value: Any = None, trainable: bool | None = None, validate_shape=True,
        caching_device=None, name: str | None = None, variable_def=None, dtype: Any = None,
        import_scope=None, constraint=None, synchronization=None, aggregation=None, shape=None,
    ):  # fmt: skip
        value = initial_value() if callable(initial_value) else initial_value
        if value is None:
            raise ValueError("tf.Variable needs an initial_value, or a function that returns it.")
        if isinstance(value, Strings) or isinstance(value, str):
            raise TypeError("tf.Variable holds numbers; texts are plain Python objects here.")
        super().__init__(
            tensor(value, dtype), trainable=trainable is not False, name=name or "Variable"
        )
        self.constraint = constraint

    @property
    def value(self) -> torch.Tensor:
        """The tensor; TensorFlow calls it, `v.value()`, Keras 3 reads it."""
        value = self._tensor.as_subclass(_Value)
        value._plain = self._tensor
        return value

    @property
    def dtype(self) -> torch.dtype:
        return self._tensor.dtype

    def assign(self, value: Any, use_locking=False, name=None, read_value=True) -> Variable:
        """Write a value of the same shape."""
        return super().assign(tensor(value, self._tensor.dtype))

    def assign_add(self, delta: Any, use_locking=False, name=None, read_value=True) -> Variable:
        """Add in place."""
        return super().assign_add(tensor(delta, self._tensor.dtype))

    def assign_sub(self, delta: Any, use_locking=False, name=None, read_value=True) -> Variable:
        """Subtract in place."""
        return super().assign_sub(tensor(delta, self._tensor.dtype))

    def scatter_nd_update(self, indices: Any, updates: Any, name=None) -> Variable:
        """Write `updates` at `indices`."""
        return self.assign(tensor_scatter_nd_update(self._tensor.detach(), indices, updates))

    def scatter_nd_add(self, indices: Any, updates: Any, name=None) -> Variable:
        """Add `updates` at `indices`."""
        return self.assign(tensor_scatter_nd_add(self._tensor.detach(), indices, updates))

    def get_shape(self) -> torch.Size:
        return self._tensor.shape

    def is_initialized(self) -> bool:
        return True


# --- tensors from values and shapes --------------------------------------------------------------


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Any:
    """A tensor of numbers or texts; one number fills a `shape`."""
    if dtype == string and not isinstance(value, Strings):
        value = Strings.of(value)
    made = tensor(value, None if isinstance(value, Strings) else dtype)
    if shape is None or isinstance(made, Strings):
        return made
    return (
        made.expand(shape_of(shape)).clone() if made.numel() == 1 else made.reshape(shape_of(shape))
    )


def convert_to_tensor(value: Any, dtype: Any = None, dtype_hint: Any = None, name=None) -> Any:
    """A tensor of what is one, or can be; a tensor of another dtype is refused."""
    if dtype is not None and dtype != string and isinstance(value, (Tensor, BaseVariable)):
        if torch_dtype(value.dtype) is not torch_dtype(dtype):
            raise ValueError(
                f"Tensor conversion requested dtype {dtype_name(dtype)} for Tensor with dtype "
                f"{dtype_name(value.dtype)}; call tf.cast."
            )
    return constant(value, dtype)


def cast(x: Any, dtype: Any, name: str | None = None) -> Any:
    """A tensor in another dtype."""
    x = x.value if isinstance(x, BaseVariable) else x
    if dtype == string:
        found = tensor(x)
        if isinstance(found, Strings) or found.dtype == string:
            return found
        raise TypeError("tf.cast makes no texts of numbers; use tf.strings.as_string.")
    return known("cast")(x, dtype=torch_dtype(dtype))


@sized
def zeros(shape: Any, dtype: Any = torch.float32, name=None, layout=None) -> Any:
    """Zeros."""
    if dtype == string:
        return Strings.of(np.full(shape, "", object))
    return torch.zeros(shape, dtype=torch_dtype(dtype), device=default_device())


@sized
def ones(shape: Any, dtype: Any = torch.float32, name=None, layout=None) -> Any:
    """Ones."""
    return torch.ones(shape, dtype=torch_dtype(dtype), device=default_device())


def _fill(dims: Any, value: Any, name=None, layout=None) -> Any:
    """One value, as often as the shape has places."""
    value = tensor(value)
    return value.expand(dims).clone()


fill = sized(_fill, "dims")


def eye(num_rows, num_columns=None, batch_shape=None, dtype=torch.float32, name=None) -> Tensor:
    """Ones on the diagonal."""
    made = torch.eye(
        int(num_rows),
        int(num_columns or num_rows),
        dtype=torch_dtype(dtype),
        device=default_device(),
    )
    return made if batch_shape is None else made.expand(*shape_of(batch_shape), *made.shape).clone()


def _range(
    start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name="range"
) -> Tensor:
    """Numbers from `start` (0 where only one is given) up to `limit`, without it."""
    if limit is None:
        start, limit = 0, start
    if graph.is_symbolic((start, limit, delta)):
        return graph.record(
            _range, (start, limit, delta, dtype), {}, outputs=KerasTensor((None,), dtype or "int32")
        )
    start, limit, delta = (
        v.item() if isinstance(v, (Tensor, np.generic)) else v for v in (start, limit, delta)
    )
    floats = any(isinstance(v, float) for v in (start, limit, delta))
    dtype = torch_dtype(dtype or ("float32" if floats else "int32"))
    return torch.arange(start, limit, delta, dtype=dtype, device=default_device())


@function
def linspace(start: Any, stop: Any, num: Any, name=None, axis: int = 0) -> Tensor:
    """`num` numbers with equal steps, both ends among them."""
    dtype = start.dtype if start.is_floating_point() else torch.float64
    start, stop = (
        start.to(dtype),
        stop.to(dtype) if isinstance(stop, Tensor) else tensor(stop, dtype),
    )
    start, stop = torch.broadcast_tensors(start, stop)
    share = torch.linspace(0, 1, int(num), dtype=dtype, device=start.device)
    steps = share.reshape(-1, *[1] * start.ndim)
    return (start + steps * (stop - start)).movedim(0, axis)


def is_tensor(x: Any) -> bool:
    """Whether `x` is a tensor, symbolic or not, or a variable."""
    return isinstance(x, (Tensor, KerasTensor, BaseVariable, Strings))


# --- shapes --------------------------------------------------------------------------------------


def shape(input: Any, out_type: Any = torch.int32, name: str | None = None) -> Any:
    """The shape as a tensor of integers, on the CPU."""
    if isinstance(input, KerasTensor):
        found = K.shape(input)
        return found if torch_dtype(out_type) is torch.int32 else cast(found, out_type)
    return torch.tensor(tuple(_shaped(input).shape), dtype=torch_dtype(out_type), device="cpu")


def size(input: Any, out_type: Any = torch.int32, name: str | None = None) -> Tensor:
    """How many elements there are."""
    if isinstance(input, KerasTensor):
        return known("size")(input)
    return torch.tensor(
        int(np.prod(_shaped(input).shape)), dtype=torch_dtype(out_type), device="cpu"
    )


def rank(input: Any, name: str | None = None) -> Tensor:
    """How many axes there are."""
    return torch.tensor(len(_shaped(input).shape), dtype=torch.int32, device="cpu")


def _shaped(x):
    return x if hasattr(x, "shape") else tensor(x)


def reshape(tensor: Any, shape: Any, name: str | None = None) -> Any:
    """The same elements in another shape; -1 stands for what is left."""
    tensor = constant(tensor) if not is_tensor(tensor) else tensor
    if graph.is_symbolic((tensor, shape)):
        plain = isinstance(tensor, KerasTensor) and not graph.is_symbolic(shape)
        return (
            known("reshape")(tensor, shape=shape_of(shape)) if plain else K.reshape(tensor, shape)
        )
    return _value(tensor).reshape(shape_of(shape))


def _value(x):
    return x.value if isinstance(x, BaseVariable) else x


@sized
def broadcast_to(input: Any, shape: Any, name=None) -> Tensor:
    """`input` repeated to a shape."""
    return tensor(input).expand(shape)


def tile(input: Any, multiples: Any, name: str | None = None) -> Any:
    """`input` repeated along each axis."""
    if graph.is_symbolic((input, multiples)):
        if not graph.is_symbolic(multiples):
            return known("tile")(input, multiples=shape_of(multiples))
        out = [
            None if n is None or m is None else n * m
            for n, m in zip(K.int_shape(input), _told(multiples), strict=True)
        ]
        return graph.record(tile, (input, multiples), {}, outputs=KerasTensor(out, input.dtype))
    if isinstance(input, Strings):
        return Strings.of(np.tile(input, shape_of(multiples)))
    return tensor(input).repeat(shape_of(multiples))


def _told(sizes):
    return [n if isinstance(n, int) else None for n in sizes]


def ensure_shape(x: Any, shape: Any, name: str | None = None) -> Any:
    """`x`, whose shape is checked."""
    own, wanted = tuple(x.shape), tuple(shape)
    agree = len(own) == len(wanted) and _agree(own, wanted)
    if not agree:
        raise ValueError(f"Shape of tensor {own} is not compatible with expected shape {wanted}.")
    return x


def _agree(own, wanted):
    return all(None in (m, n) or m == n for m, n in zip(own, wanted, strict=True))


# --- parts ---------------------------------------------------------------------------------------


@function
def gather(params, indices, validate_indices=None, axis=None, batch_dims=0, name=None) -> Any:
    """The slices of `params` at `indices`; with `batch_dims`, row by row."""
    if isinstance(params, Strings):
        return Strings.of(np.take(np.asarray(params), np.asarray(indices), axis or 0))
    indices = indices.long().to(params.device)
    batch_dims = batch_dims % indices.ndim if batch_dims < 0 else batch_dims
    axis = (batch_dims if axis is None else int(axis)) % params.ndim
    if not batch_dims:
        taken = params.index_select(axis, indices.flatten())
        return taken.reshape((*params.shape[:axis], *indices.shape, *params.shape[axis + 1 :]))
    lead = indices.shape[:batch_dims]
    rows = params.reshape(-1, *params.shape[batch_dims:])
    wanted = indices.reshape(-1, *indices.shape[batch_dims:])
    place = axis - batch_dims
    parts = [
        row.index_select(place, i.flatten()).reshape(
            (*row.shape[:place], *i.shape, *row.shape[place + 1 :])
        )
        for row, i in zip(rows, wanted, strict=True)
    ]
    stacked = torch.stack(parts)
    return stacked.reshape(*lead, *stacked.shape[1:])


@function
def gather_nd(params, indices, batch_dims: int = 0, name=None, bad_indices_policy="") -> Tensor:
    """The parts of `params` at the index vectors in the last axis of `indices`."""
    indices = indices.long().to(params.device)
    if batch_dims:
        lead = params.shape[:batch_dims]
        parts = [
            gather_nd(p, i)
            for p, i in zip(
                params.reshape(-1, *params.shape[batch_dims:]),
                indices.reshape(-1, *indices.shape[batch_dims:]),
                strict=True,
            )
        ]
        stacked = torch.stack(parts)
        return stacked.reshape(*lead, *stacked.shape[1:])
    return (
        params[indices.unbind(-1)]
        if indices.shape[-1]
        else params.expand(*indices.shape[:-1], *params.shape)
    )


@function
def scatter_nd(indices, updates, shape, name=None) -> Tensor:
    """Zeros of a shape, with `updates` added at `indices`."""
    zero = torch.zeros(shape_of(shape), dtype=updates.dtype, device=updates.device)
    return zero.index_put(indices.long().unbind(-1), updates, accumulate=True)


@function
def tensor_scatter_nd_update(tensor, indices, updates, name=None) -> Tensor:
    """`tensor` with `updates` written at `indices`."""
    if not indices.numel():
        return tensor
    return tensor.index_put(indices.long().unbind(-1), updates.to(tensor.dtype))


@function
def tensor_scatter_nd_add(tensor, indices, updates, name=None) -> Tensor:
    """`tensor` with `updates` added at `indices`."""
    return tensor.index_put(indices.long().unbind(-1), updates.to(tensor.dtype), accumulate=True)


@function
def tensor_scatter_nd_sub(tensor, indices, updates, name=None) -> Tensor:
    """`tensor` with `updates` subtracted at `indices`."""
    return tensor.index_put(indices.long().unbind(-1), -updates.to(tensor.dtype), accumulate=True)


def _extreme(reduce):
    def scatter(tensor, indices, updates, name=None):
        places = indices.long().unbind(-1)
        flat = torch.zeros((), dtype=torch.long)
        for place, length in zip(places, tensor.shape, strict=False):
            flat = flat * length + place
        rows = tensor.reshape(-1, *tensor.shape[len(places) :]).clone()
        wide = flat.reshape(-1, *[1] * (rows.ndim - 1)).expand(-1, *rows.shape[1:])
        changed = rows.scatter_reduce(0, wide, updates.reshape(wide.shape), reduce)
        return changed.reshape(tensor.shape)

    scatter.__name__ = f"tensor_scatter_nd_{reduce[1:]}"
    return function(scatter)


tensor_scatter_nd_max, tensor_scatter_nd_min = _extreme("amax"), _extreme("amin")


@function
def boolean_mask(tensor, mask, axis=None, name="boolean_mask") -> Tensor:
    """The parts of `tensor` where `mask` is true."""
    mask = torch.as_tensor(np.asarray(mask) if isinstance(mask, list) else mask)
    axis = int(axis or 0) % tensor.ndim
    moved = tensor.reshape(*tensor.shape[:axis], -1, *tensor.shape[axis + mask.ndim :])
    return moved.index_select(axis, mask.flatten().nonzero()[:, 0].to(tensor.device))


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Any:
    """`x` where the condition holds, else `y`; with neither, the index vectors of what holds."""
    if (x is None) != (y is None):
        raise ValueError("x and y must both be non-None or both be None.")
    if x is None:
        return tensor(condition).nonzero()
    if graph.is_symbolic((condition, x, y)):
        return known("where")(condition, x=x, y=y)
    condition = tensor(condition)
    if isinstance(x, (int, float, bool)) and isinstance(y, (int, float, bool)):
        x, y = tensor(x), tensor(y)
        if x.dtype != y.dtype:
            x, y = x.float(), y.float()
    like = next((v for v in (x, y) if isinstance(v, (Tensor, BaseVariable))), None)
    x, y = (tensor(v, like=like) for v in (x, y))
    return torch.where(condition.bool(), x, y)


def slice(input_: Any, begin: Any, size: Any, name: str | None = None) -> Any:
    """The block of `size` that starts at `begin`; -1 reaches to the end."""
    begin, size = shape_of(begin), shape_of(size)
    spans = zip(begin, size, strict=True)
    index = tuple(_slice(b, None if n == -1 else b + n) for b, n in spans)
    return (input_ if isinstance(input_, KerasTensor) else tensor(input_))[index]


def strided_slice(input_: Any, begin: Any, end: Any, strides: Any = None, **masks: Any) -> Any:
    """From `begin` to `end` in steps."""
    if any(masks.get(key) for key in masks if key not in ("var", "name", "begin_mask", "end_mask")):
        raise NotImplementedError("tf.strided_slice with masks: write the indices in brackets.")
    begin, end = shape_of(begin), shape_of(end)
    steps = shape_of(strides) if strides is not None else [1] * len(begin)
    spec = [
        {
            "start": None if masks.get("begin_mask", 0) >> i & 1 else b,
            "stop": None if masks.get("end_mask", 0) >> i & 1 else e,
            "step": s,
        }
        for i, (b, e, s) in enumerate(zip(begin, end, steps, strict=True))
    ]
    return known("getitem")(tensor(input_), spec)


@function
def split(value, num_or_size_splits, axis=0, num=None, name="split") -> list:
    """Parts of equal size, or of the sizes given."""
    axis = int(axis)
    if (
        isinstance(num_or_size_splits, (int, np.integer))
        or getattr(num_or_size_splits, "ndim", 1) == 0
    ):
        count = int(num_or_size_splits)
        if value.shape[axis] % count:
            raise ValueError(
                f"Dimension size, {value.shape[axis]}, must be evenly divisible by {count}."
            )
        return list(value.split(value.shape[axis] // count, axis))
    sizes = shape_of(num_or_size_splits)
    if -1 in sizes:
        sizes[sizes.index(-1)] = value.shape[axis] - sum(sizes) - 1
    return list(value.split(sizes, axis))


# --- order ---------------------------------------------------------------------------------------


@function
def sort(values, axis=-1, direction="ASCENDING", name=None) -> Tensor:
    """Sorted along an axis."""
    return tensor(values).sort(axis, descending=direction == "DESCENDING").values


@function
def argsort(values, axis=-1, direction="ASCENDING", stable=False, name=None) -> Tensor:
    """The places of the sorted elements."""
    falls = direction == "DESCENDING"
    return tensor(values).argsort(dim=axis, descending=falls, stable=True).int()


def unique(x: Any, out_idx: Any = torch.int32, name: str | None = None):
    """The different values in the order they come, and the place of each element among them."""
    values, places, _ = unique_with_counts(x, out_idx)
    return values, places


def unique_with_counts(x: Any, out_idx: Any = torch.int32, name: str | None = None):
    """The same and how often each value comes."""
    x = tensor(x)
    array = np.asarray(x) if isinstance(x, Strings) else x.detach().cpu().numpy()
    values, first, inverse, counts = np.unique(array, True, True, True)
    order = np.argsort(first)
    back = np.argsort(order)
    found = values[order]
    found = Strings.of(found) if isinstance(x, Strings) else torch.from_numpy(found).to(x.device)
    kind = torch_dtype(out_idx)
    return (
        found,
        torch.from_numpy(back[inverse.reshape(-1)]).to(kind),
        torch.from_numpy(counts[order]).to(kind),
    )


@function
def searchsorted(sorted_sequence, values, side="left", out_type=torch.int32, name=None) -> Tensor:
    """Where values belong in a sorted row."""
    values = tensor(values).to(sorted_sequence.dtype)
    return torch.searchsorted(sorted_sequence, values, side=side).to(torch_dtype(out_type))


@function
def roll(input, shift, axis, name=None) -> Tensor:
    """Elements moved along axes; what leaves comes back on the other side."""
    many = isinstance(axis, (list, tuple))
    return torch.roll(
        input, tuple(shift) if many else int(shift), tuple(axis) if many else int(axis)
    )


@function
def repeat(input, repeats, axis=None, name=None) -> Tensor:
    """Each element as often as told."""
    repeats = repeats if isinstance(repeats, int) else tensor(repeats).to(input.device)
    if isinstance(repeats, Tensor) and repeats.numel() == 1:
        repeats = int(repeats)
    return (
        torch.repeat_interleave(input, repeats, axis)
        if axis is not None
        else torch.repeat_interleave(input.flatten(), repeats)
    )


def meshgrid(*args: Any, indexing: str = "xy", name: str | None = None) -> list[Tensor]:
    """Coordinates of all points of a grid."""
    return list(torch.meshgrid(*map(tensor, args), indexing=indexing))


def sequence_mask(lengths: Any, maxlen: Any = None, dtype: Any = torch.bool, name=None) -> Tensor:
    """True for the places before each length."""
    lengths = tensor(lengths)
    maxlen = int(lengths.max()) if maxlen is None else int(maxlen)
    places = torch.arange(maxlen, device=lengths.device)
    return (places < lengths.unsqueeze(-1)).to(torch_dtype(dtype))


@function
def dynamic_partition(data, partitions, num_partitions, name=None) -> list[Tensor]:
    """The elements of each number in `partitions`."""
    partitions = tensor(partitions)
    return [data[partitions == i] for i in range(num_partitions)]


def dynamic_stitch(indices: Any, data: Any, name: str | None = None) -> Tensor:
    """Rows put at the places told; later ones win."""
    places = torch.cat([tensor(i).flatten() for i in indices]).long()
    one = tensor(data[0])
    inner = one.shape[tensor(indices[0]).ndim :]
    rows = torch.cat([tensor(d).reshape(-1, *inner) for d in data])
    out = torch.zeros((int(places.max()) + 1, *inner), dtype=rows.dtype, device=rows.device)
    for place, row in zip(places.tolist(), rows, strict=True):
        out[place] = row
    return out


@function
def pad(tensor, paddings, mode="CONSTANT", constant_values=0, name=None) -> Any:
    """Zeros, or a mirror of the inside, around a tensor."""
    pairs = paddings.tolist() if isinstance(paddings, (Tensor, np.ndarray)) else paddings
    return known("pad")(tensor, pairs, mode=mode, constant_values=constant_values)


@function
def one_hot(indices, depth, on_value=None, off_value=None, axis=None, dtype=None, name=None) -> Any:
    """A row with one place on for each index."""
    made = known("one_hot")(
        indices, int(depth), on_value=on_value, off_value=off_value, dtype=dtype
    )
    return made if axis in (None, -1) else made.movedim(-1, axis)


@function
def clip_by_norm(t, clip_norm, axes=None, name=None) -> Tensor:
    """Shortened to a norm where it is longer."""
    axes = axes if axes is None else tuple(np.atleast_1d(axes).tolist())
    norm = t.square().sum(axes, keepdim=True).sqrt() if axes is not None else t.norm()
    return (
        t
        * clip_norm
        / torch.maximum(norm, torch.as_tensor(clip_norm, dtype=t.dtype, device=t.device))
    )


def global_norm(t_list: Any, name: str | None = None) -> Tensor:
    """The norm of all tensors together."""
    return torch.stack([tensor(t).square().sum() for t in t_list if t is not None]).sum().sqrt()


def clip_by_global_norm(t_list: Any, clip_norm: Any, use_norm: Any = None, name=None):
    """All tensors, shortened together to a norm, and the norm they had."""
    norm = global_norm(t_list) if use_norm is None else tensor(use_norm)
    limit = torch.as_tensor(clip_norm, dtype=norm.dtype, device=norm.device)
    scale = limit * torch.minimum(1 / norm, 1 / limit)
    return [None if t is None else tensor(t) * scale for t in t_list], norm
