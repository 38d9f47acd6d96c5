"""TensorFlow's arithmetic and reductions, as saved graphs call them, computed by torch."""

from __future__ import annotations

import math
from collections import namedtuple
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..precision import torch_dtype
from .tf_table import as_list, as_tensor, axes_of, either, entry


def _elementwise(*names, function):
    def apply(x=None, name=None, **other):
        (tensor,) = (x,) if x is not None else other.values()  # `features`, `input`, `logits`
        return function(as_tensor(tensor))

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
    return torch.softmax(logits, either(axis, dim, -1))


@entry()
def log_softmax(logits, axis=None, name=None, dim=None):
    return torch.log_softmax(logits, either(axis, dim, -1))


@entry()
def cast(x, dtype, name=None):
    return as_tensor(x).to(torch_dtype(dtype))


@entry()
def clip_by_value(t, clip_value_min, clip_value_max, name=None):
    return torch.clamp(t, clip_value_min, clip_value_max)


@entry()
def zeros_like(tensor=None, dtype=None, name=None, input=None, **other):
    return torch.zeros_like(either(tensor, input), dtype=dtype and torch_dtype(dtype))


@entry()
def ones_like(tensor=None, dtype=None, name=None, input=None, **other):
    return torch.ones_like(either(tensor, input), dtype=dtype and torch_dtype(dtype))


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
    return sum(as_list(inputs))


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
    if isinstance(axes, (list, tuple)):
        axes = [[one] if isinstance(one, int) else list(one) for one in axes]
    return torch.tensordot(a, b, dims=axes)


@entry("where_v2")
def where(condition, x=None, y=None, name=None):
    if x is None or y is None:
        raise ValueError("tf.where in a graph needs all of condition, x and y.")
    like = x if isinstance(x, Tensor) else y
    x, y = (as_tensor(v, like) for v in (x, y))
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
        axes = axes_of(either(axis, reduction_indices), input_tensor.ndim)
        keep = bool(either(keepdims, keep_dims, False))
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


def largest(x: Tensor, axes: Any, keepdims: bool = False) -> Tensor:
    """The largest numbers along axes; the least number of the dtype where there are none."""
    if 0 not in [x.shape[axis] for axis in axes]:
        return torch.amax(x, axes, keepdims)
    return _of_none(x, axes, keepdims, -1)


def smallest(x: Tensor, axes: Any, keepdims: bool = False) -> Tensor:
    """The smallest numbers along axes; the greatest number of the dtype where there are none."""
    if 0 not in [x.shape[axis] for axis in axes]:
        return torch.amin(x, axes, keepdims)
    return _of_none(x, axes, keepdims, 1)


def _of_none(x, axes, keepdims, sign):
    if x.is_floating_point():
        value = sign * math.inf
    else:
        value = torch.iinfo(x.dtype).max if sign > 0 else torch.iinfo(x.dtype).min
    return torch.full_like(torch.sum(x, axes, keepdims), value, dtype=x.dtype)


_reduction("reduce_mean", "mean", function=_mean)
_reduction("reduce_sum", "sum", function=lambda x, a, k: x.sum(a, keepdim=k, dtype=x.dtype))
_reduction("reduce_max", "max", function=largest)
_reduction("reduce_min", "min", function=smallest)
_reduction("reduce_prod", "prod", function=_one_by_one(torch.prod))
_reduction("reduce_any", "any", function=_one_by_one(torch.any))
_reduction("reduce_all", "all", function=_one_by_one(torch.all))
_reduction("reduce_logsumexp", function=lambda x, a, k: x.logsumexp(a, keepdim=k))
_reduction("reduce_std", function=lambda x, a, k: x.std(a, correction=0, keepdim=k))
_reduction("reduce_variance", function=lambda x, a, k: x.var(a, correction=0, keepdim=k))
_reduction("reduce_euclidean_norm", function=lambda x, a, k: x.square().sum(a, keepdim=k).sqrt())


@entry()
def norm(tensor, ord="euclidean", axis=None, keepdims=None, name=None, keep_dims=None):
    keep = bool(either(keepdims, keep_dims, False))
    if ord not in ("euclidean", 1, 2) or (ord != "euclidean" and axis is None):
        raise ValueError(f"tf.norm with ord={ord!r} in a graph is not supported.")
    axes = axes_of(axis, tensor.ndim)
    if ord == 1:
        return tensor.abs().sum(axes, keepdim=keep)
    return tensor.square().sum(axes, keepdim=keep).sqrt()


@entry()
def l2_normalize(x, axis=None, epsilon=1e-12, name=None, dim=None):
    squares = x.square().sum(axes_of(either(axis, dim), x.ndim), keepdim=True)
    return x * torch.rsqrt(squares.clamp(min=epsilon))


@entry("arg_max")
def argmax(input, axis=None, output_type="int64", name=None, dimension=None):
    return input.argmax(either(axis, dimension, 0)).to(torch_dtype(output_type))


@entry("arg_min")
def argmin(input, axis=None, output_type="int64", name=None, dimension=None):
    return input.argmin(either(axis, dimension, 0)).to(torch_dtype(output_type))


TopK = namedtuple("TopK", "values indices")


@entry()
def top_k(input, k=1, sorted=True, index_type="int32", name=None):
    found = torch.sort(
        input, dim=-1, descending=True, stable=True
    )  # of equals the first comes first
    values, indices = (part[..., : int(k)] for part in found)
    return TopK(values, indices.to(torch_dtype(index_type)))


@entry()
def cumsum(x, axis=0, exclusive=False, reverse=False, name=None):
    axis = int(axis)
    x = x.flip(axis) if reverse else x
    found = torch.cumsum(x, axis, dtype=x.dtype)
    found = found - x if exclusive else found
    return found.flip(axis) if reverse else found
