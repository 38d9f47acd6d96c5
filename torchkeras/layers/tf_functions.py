"""The functions of TensorFlow that saved graphs name, computed by torch: a closed table.

A function has the parameters of TensorFlow's, so that a file's keywords fit. Names are those of
TensorFlow without the modules in front, which `known_name` strips.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..precision import torch_dtype

FUNCTIONS: dict[str, Callable] = {}
_MODULES = ("compat.v1.", "__operators__.", "math.", "nn.", "linalg.", "image.", "signal.")


def known_name(name: str) -> str:
    """The key in `FUNCTIONS` of a name such as `"math.reduce_mean"`; ValueError if it has none."""
    bare = name
    for module in _MODULES:
        bare = bare.removeprefix(module)
    if bare not in FUNCTIONS:
        near = difflib.get_close_matches(bare, FUNCTIONS, n=3)
        hint = f" Near names that are known: {', '.join(near)}." if near else ""
        raise ValueError(
            f"The TensorFlow function {name!r} is not among those that torchkeras computes.{hint} "
            "Build the model in Python with torch functions and call load_weights() on the file."
        )
    return bare


def entry(*names: str) -> Callable:
    """Decorator: enters a function under its own name and others."""

    def enter(function):
        for name in (function.__name__.rstrip("_"), *names):
            FUNCTIONS[name] = function
        return function

    return enter


# --- one tensor, element by element ----------------------------------------------------------


def _elementwise(*names, function):
    def apply(x=None, name=None, **other):
        (tensor,) = (x,) if x is not None else other.values()  # `features`, `input`, `logits`
        return function(_as_tensor(tensor))

    apply.__name__ = names[0]
    entry(*names)(apply)


for _name in (
    "abs square sqrt rsqrt exp expm1 log log1p sin cos tan asin acos atan sinh cosh tanh asinh "
    "acosh atanh erf floor ceil round sign sigmoid reciprocal logical_not relu selu lgamma "
    "digamma"
).split():
    _elementwise(_name, function=getattr(torch, _name))
_elementwise("negative", "neg", function=torch.neg)
_elementwise("is_nan", function=torch.isnan)
_elementwise("is_inf", function=torch.isinf)
_elementwise("is_finite", function=torch.isfinite)
_elementwise("relu6", function=F.relu6)
_elementwise("elu", function=F.elu)
_elementwise("softplus", function=F.softplus)
_elementwise("softsign", function=F.softsign)
_elementwise("log_sigmoid", function=F.logsigmoid)
_elementwise("stop_gradient", function=torch.Tensor.detach)
_elementwise("identity", function=lambda x: x)


@entry("swish")
def silu(features, beta=1.0, name=None):
    return features * torch.sigmoid(beta * features)


@entry()
def gelu(features, approximate=False, name=None):
    return F.gelu(features, approximate="tanh" if approximate else "none")


@entry()
def leaky_relu(features, alpha=0.2, name=None):
    return F.leaky_relu(features, alpha)


@entry()
def softmax(logits=None, axis=None, name=None, dim=None, **other):
    return torch.softmax(logits, _either(axis, dim, -1))


@entry()
def log_softmax(logits, axis=None, name=None, dim=None):
    return torch.log_softmax(logits, _either(axis, dim, -1))


@entry()
def cast(x, dtype, name=None):
    return _as_tensor(x).to(torch_dtype(dtype))


@entry()
def clip_by_value(t, clip_value_min, clip_value_max, name=None):
    return torch.clamp(t, clip_value_min, clip_value_max)


@entry()
def zeros_like(tensor=None, dtype=None, name=None, input=None, **other):
    return torch.zeros_like(_either(tensor, input), dtype=dtype and torch_dtype(dtype))


@entry()
def ones_like(tensor=None, dtype=None, name=None, input=None, **other):
    return torch.ones_like(_either(tensor, input), dtype=dtype and torch_dtype(dtype))


@entry()
def dropout(x, rate=None, noise_shape=None, seed=None, name=None, keep_prob=None):
    if noise_shape is not None or seed is not None:
        raise ValueError("tf.nn.dropout with noise_shape or seed in a graph is not supported.")
    return F.dropout(x, 1 - keep_prob if rate is None else rate, True)


# --- two tensors -----------------------------------------------------------------------------


def _binary(*names, function):
    def apply(x, y, name=None):
        return function(x, y)

    apply.__name__ = names[0]
    entry(*names)(apply)


def _truediv(x, y):
    tensor = x if isinstance(x, Tensor) else y
    if not tensor.is_floating_point():  # integers become float64 in TensorFlow
        wide = tensor.element_size() >= 4
        x, y = (
            t.to(torch.float64 if wide else torch.float32) if isinstance(t, Tensor) else t
            for t in (x, y)
        )
    return x / y


def _extreme(function, bound):
    def apply(x, y):
        if not isinstance(y, Tensor):
            return torch.clamp(x, **{bound: y})
        if not isinstance(x, Tensor):
            return torch.clamp(y, **{bound: x})
        return function(x, y)

    return apply


def _divide_no_nan(x, y):
    y = torch.as_tensor(y)
    safe = torch.where(y == 0, torch.ones_like(y), y)
    return torch.where(y == 0, torch.zeros((), dtype=y.dtype, device=y.device), x / safe)


_binary("add", "add_v2", function=lambda x, y: x + y)
_binary("subtract", "sub", function=lambda x, y: x - y)
_binary("multiply", "mul", "scalar_mul", function=lambda x, y: x * y)
_binary("truediv", "divide", "realdiv", "div", function=_truediv)
_binary("floor_div", "floordiv", function=lambda x, y: x // y)
_binary("floormod", "mod", function=lambda x, y: x % y)
_binary("pow", function=lambda x, y: x**y)
_binary("maximum", function=_extreme(torch.maximum, "min"))
_binary("minimum", function=_extreme(torch.minimum, "max"))
_binary("greater", function=lambda x, y: x > y)
_binary("greater_equal", function=lambda x, y: x >= y)
_binary("less", function=lambda x, y: x < y)
_binary("less_equal", function=lambda x, y: x <= y)
_binary("equal", function=lambda x, y: x == y)
_binary("not_equal", function=lambda x, y: x != y)
_binary("logical_and", function=torch.logical_and)
_binary("logical_or", function=torch.logical_or)
_binary("logical_xor", function=torch.logical_xor)
_binary("squared_difference", function=lambda x, y: (x - y) ** 2)
_binary("divide_no_nan", function=_divide_no_nan)


@entry()
def add_n(inputs, name=None):
    return sum(_as_list(inputs))


@entry()
def bias_add(value, bias, data_format=None, name=None):
    if data_format is not None and data_format.startswith("NC"):
        bias = bias.view(-1, *[1] * (value.ndim - 2))
    return value + bias


@entry("batch_matmul", "batch_matmul_v2")
def matmul(
    a,
    b,
    transpose_a=False,
    transpose_b=False,
    adjoint_a=False,
    adjoint_b=False,
    a_is_sparse=False,
    b_is_sparse=False,
    output_type=None,
    name=None,
    **other,
):
    a = a.transpose(-1, -2) if transpose_a or adjoint_a else a
    return a @ (b.transpose(-1, -2) if transpose_b or adjoint_b else b)


@entry()
def tensordot(a, b, axes, name=None):
    return torch.tensordot(a, b, dims=axes)


@entry("where_v2")
def where(condition, x=None, y=None, name=None):
    if x is None or y is None:
        raise ValueError("tf.where in a graph needs all of condition, x and y.")
    like = x if isinstance(x, Tensor) else y
    x, y = (_as_tensor(v, like) for v in (x, y))
    return torch.where(condition, x, y)


# --- reductions ------------------------------------------------------------------------------


def _reduction(*names, function):
    def apply(
        input_tensor,
        axis=None,
        keepdims=None,
        name=None,
        keep_dims=None,
        reduction_indices=None,
    ):
        axes = _axes(_either(axis, reduction_indices), input_tensor.ndim)
        keep = bool(_either(keepdims, keep_dims, False))
        return function(input_tensor, axes, keep) if axes else input_tensor

    apply.__name__ = names[0]
    entry(*names)(apply)


def _mean(x, axes, keep):
    if x.is_floating_point():
        return x.mean(axes, keepdim=keep)
    return x.double().mean(axes, keepdim=keep).trunc().to(x.dtype)  # integers stay integers


def _one_by_one(function):
    def reduce(x, axes, keep):
        for axis in sorted(axes, reverse=True):
            x = function(x, axis, keepdim=keep)
        return x

    return reduce


_reduction("reduce_mean", "mean", function=_mean)
_reduction("reduce_sum", "sum", function=lambda x, a, k: x.sum(a, keepdim=k, dtype=x.dtype))
_reduction("reduce_max", "max", function=lambda x, a, k: x.amax(a, keepdim=k))
_reduction("reduce_min", "min", function=lambda x, a, k: x.amin(a, keepdim=k))
_reduction("reduce_prod", "prod", function=_one_by_one(torch.prod))
_reduction("reduce_any", "any", function=_one_by_one(torch.any))
_reduction("reduce_all", "all", function=_one_by_one(torch.all))
_reduction("reduce_logsumexp", function=lambda x, a, k: x.logsumexp(a, keepdim=k))
_reduction("reduce_std", function=lambda x, a, k: x.std(a, correction=0, keepdim=k))
_reduction("reduce_variance", function=lambda x, a, k: x.var(a, correction=0, keepdim=k))
_reduction("reduce_euclidean_norm", function=lambda x, a, k: x.square().sum(a, keepdim=k).sqrt())


@entry()
def norm(tensor, ord="euclidean", axis=None, keepdims=None, name=None, keep_dims=None):
    keep = bool(_either(keepdims, keep_dims, False))
    if ord not in ("euclidean", 1, 2) or (ord != "euclidean" and axis is None):
        raise ValueError(f"tf.norm with ord={ord!r} in a graph is not supported.")
    axes = _axes(axis, tensor.ndim)
    if ord == 1:
        return tensor.abs().sum(axes, keepdim=keep)
    return tensor.square().sum(axes, keepdim=keep).sqrt()


@entry()
def l2_normalize(x, axis=None, epsilon=1e-12, name=None, dim=None):
    squares = x.square().sum(_axes(_either(axis, dim), x.ndim), keepdim=True)
    return x * torch.rsqrt(squares.clamp(min=epsilon))


@entry("arg_max")
def argmax(input, axis=None, output_type="int64", name=None, dimension=None):
    return input.argmax(_either(axis, dimension, 0)).to(torch_dtype(output_type))


@entry("arg_min")
def argmin(input, axis=None, output_type="int64", name=None, dimension=None):
    return input.argmin(_either(axis, dimension, 0)).to(torch_dtype(output_type))


@entry()
def top_k(input, k=1, sorted=True, index_type="int32", name=None):
    values, indices = torch.topk(input, k, sorted=sorted)
    return values, indices.to(torch_dtype(index_type))


@entry()
def cumsum(x, axis=0, exclusive=False, reverse=False, name=None):
    if exclusive or reverse:
        raise ValueError("tf.cumsum with exclusive or reverse in a graph is not supported.")
    return torch.cumsum(x, axis)


# --- shapes ----------------------------------------------------------------------------------


@entry("concat_v2")
def concat(values, axis, name="concat"):
    values = _as_list(values)
    like = next(value for value in values if isinstance(value, Tensor))
    return torch.cat([_as_tensor(value, like) for value in values], int(axis))


@entry("pack", "parallel_stack")
def stack(values, axis=0, name="stack"):
    values = [torch.as_tensor(value) for value in _as_list(values)]
    return torch.stack(values, axis)


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
    return tensor.reshape(_sizes(shape))


@entry()
def broadcast_to(input, shape, name=None):
    return input.expand(_sizes(shape))


@entry()
def tile(input, multiples, name=None):
    return input.repeat(_sizes(multiples))


@entry()
def transpose(a, perm=None, name="transpose", conjugate=False):
    return a.permute(*(reversed(range(a.ndim)) if perm is None else perm))


@entry()
def expand_dims(input, axis=None, name=None, dim=None):
    return input.unsqueeze(int(_either(axis, dim)))


@entry()
def squeeze(input, axis=None, name=None, squeeze_dims=None):
    axis = _either(axis, squeeze_dims)
    if axis is None or axis == []:
        return input.squeeze()
    return input.squeeze(tuple(axis) if isinstance(axis, (list, tuple)) else axis)


@entry()
def reverse(tensor, axis, name=None):
    return tensor.flip(_axes(axis, tensor.ndim))


@entry("gather_v2")
def gather(params, indices, validate_indices=None, axis=None, batch_dims=0, name=None):
    if batch_dims:
        raise ValueError("tf.gather with batch_dims in a graph is not supported.")
    axis = int(axis or 0) % params.ndim
    indices = torch.as_tensor(indices, device=params.device).long()
    taken = params.index_select(axis, indices.flatten())
    return taken.reshape(*params.shape[:axis], *indices.shape, *params.shape[axis + 1 :])


@entry()
def one_hot(indices, depth, on_value=None, off_value=None, axis=None, dtype=None, name=None):
    on, off = _either(on_value, 1), _either(off_value, 0)
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
    index = [_index(spec) for spec in specs]
    given = sum(spec is not None and spec is not Ellipsis for spec in index)
    axis, found = 0, []
    for one in index:
        if one is Ellipsis:
            axis += tensor.ndim - given
        elif isinstance(one, slice) and one.step is not None and one.step < 0:
            places = range(*one.indices(tensor.shape[axis]))
            tensor = tensor.index_select(axis, torch.tensor(list(places), device=tensor.device))
            one = slice(None)
        found.append(one)
        axis += one is not None and one is not Ellipsis
    return tensor[tuple(found)]


def _index(spec):
    if isinstance(spec, dict):
        if spec.get("class_name") == "__ellipsis__":
            return Ellipsis
        if set(spec) != {"start", "stop", "step"}:
            raise ValueError(f"{spec!r} in a slice of a graph is not understood.")
        return slice(*(_number(spec[key]) for key in ("start", "stop", "step")))
    return _number(spec)


# --- images ----------------------------------------------------------------------------------


@entry("resize_v2", "resize_images")
def resize(
    images,
    size,
    method="bilinear",
    preserve_aspect_ratio=False,
    antialias=False,
    align_corners=False,
    name=None,
):
    method = {0: "bilinear", 1: "nearest"}.get(method, method)
    if method not in ("bilinear", "nearest") or preserve_aspect_ratio or align_corners:
        raise ValueError(
            f"tf.image.resize with method={method!r}, preserve_aspect_ratio="
            f"{preserve_aspect_ratio} and align_corners={align_corners} in a graph is not "
            'supported; "bilinear" and "nearest" are.'
        )
    if method == "nearest":
        return _interpolated(images, size, mode="nearest-exact")
    return _interpolated(images.float(), size, mode="bilinear", antialias=bool(antialias))


@entry()
def resize_bilinear(
    images, size, align_corners=False, half_pixel_centers=False, name=None, **other
):
    images = images.float()
    if align_corners or half_pixel_centers:
        return _interpolated(images, size, mode="bilinear", align_corners=bool(align_corners))
    for axis, target in zip((-3, -2), _sizes(size), strict=True):
        count = images.shape[axis]
        places = torch.arange(target, device=images.device) * (count / target)
        low = places.floor().long().clamp(max=count - 1)
        share = (places - low).to(images.dtype).view(-1, *[1] * (-1 - axis))
        below = images.index_select(axis, low)
        images = below.lerp(images.index_select(axis, (low + 1).clamp(max=count - 1)), share)
    return images


@entry()
def resize_nearest_neighbor(
    images, size, align_corners=False, half_pixel_centers=False, name=None, **other
):
    if align_corners:
        raise ValueError("Nearest-neighbor resizing with align_corners is not supported.")
    return _interpolated(images, size, mode="nearest-exact" if half_pixel_centers else "nearest")


def _interpolated(images, size, **how):
    batch = images if images.ndim == 4 else images.unsqueeze(0)
    result = F.interpolate(batch.movedim(-1, 1), _sizes(size), **how).movedim(1, -1)
    return result if images.ndim == 4 else result.squeeze(0)


@entry()
def flip_left_right(image):
    return image.flip(-2)


@entry()
def flip_up_down(image):
    return image.flip(-3)


@entry()
def rgb_to_grayscale(images, name=None):
    weights = torch.tensor([0.2989, 0.587, 0.114], dtype=images.dtype, device=images.device)
    return (images * weights).sum(-1, keepdim=True)


@entry()
def per_image_standardization(image):
    axes = (-3, -2, -1)
    image = image.float()
    floor = 1.0 / math.sqrt(math.prod(image.shape[-3:]))
    spread = image.std(axes, correction=0, keepdim=True).clamp(min=floor)
    return (image - image.mean(axes, keepdim=True)) / spread


@entry()
def space_to_depth(input, block_size, data_format="NHWC", name=None):
    batch, height, width, channels = _channels_last(input, data_format).shape
    blocks = input.reshape(
        batch, height // block_size, block_size, width // block_size, block_size, channels
    )
    return blocks.permute(0, 1, 3, 2, 4, 5).flatten(3)


@entry()
def depth_to_space(input, block_size, data_format="NHWC", name=None):
    _channels_last(input, data_format)
    blocks = input.unflatten(-1, (block_size, block_size, -1))
    return blocks.permute(0, 1, 3, 2, 4, 5).flatten(3, 4).flatten(1, 2)


# --- arguments -------------------------------------------------------------------------------


def _channels_last(images, data_format):
    if data_format != "NHWC":
        raise ValueError(f"data_format={data_format!r} in a graph is not supported.")
    return images


def _either(*values):
    return next((value for value in values if value is not None), None)


def _axes(axis, rank) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(rank))
    axes = axis if isinstance(axis, (list, tuple)) else [axis]
    return tuple(int(a) % rank for a in axes)


def _as_list(values) -> list:
    return list(values) if isinstance(values, (list, tuple)) else [values]


def _as_tensor(value: Any, like: Tensor | None = None) -> Tensor:
    if isinstance(value, Tensor):
        return value
    if like is None:
        return torch.as_tensor(value)
    return torch.as_tensor(value, dtype=like.dtype, device=like.device)


def _number(value):
    return int(value) if isinstance(value, Tensor) else value


def _sizes(shape) -> list[int]:
    """A shape as integers; it may be a tensor, or hold some, which live on the CPU."""
    return [int(n) for n in (shape.tolist() if isinstance(shape, Tensor) else shape)]
