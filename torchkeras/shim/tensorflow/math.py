"""`tf.math` and the part of it that stands at the top of `tf`: torch's functions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ...precision import torch_dtype
from .calls import function, known, tensor

_special = torch.special

# Names that saved graphs know: the function there is the function here.
GRAPHS = (
    "abs square sqrt rsqrt exp expm1 log log1p sin cos tan asin acos atan sinh cosh tanh asinh "
    "acosh atanh erf floor ceil round sign sigmoid reciprocal logical_not lgamma digamma negative "
    "is_nan is_inf is_finite softplus softsign add subtract multiply truediv "
    "floormod pow maximum minimum greater greater_equal less less_equal equal not_equal "
    "logical_and logical_or logical_xor squared_difference divide_no_nan add_n reduce_mean "
    "reduce_sum reduce_max reduce_min reduce_prod reduce_any reduce_all reduce_logsumexp "
    "reduce_std reduce_variance reduce_euclidean_norm l2_normalize argmax argmin top_k log_softmax"
).split()

# name in tf.math: torch's function of one tensor
UNARY = {
    "log_sigmoid": torch.nn.functional.logsigmoid,
    "erfc": torch.erfc,
    "erfinv": torch.erfinv,
    "ndtri": _special.ndtri,
    "bessel_i0": _special.i0,
    "bessel_i0e": _special.i0e,
    "bessel_i1": _special.i1,
    "bessel_i1e": _special.i1e,
    "rint": torch.round,
    "angle": torch.angle,
    "conj": lambda x: x.conj().resolve_conj(),
    "real": lambda x: x.real if x.is_complex() else x,
    "imag": lambda x: x.imag if x.is_complex() else torch.zeros_like(x),
    "invert_permutation": lambda x: torch.argsort(x).to(x.dtype),
    "is_non_decreasing": lambda x: (x.flatten().diff() >= 0).all(),
    "is_strictly_increasing": lambda x: (x.flatten().diff() > 0).all(),
    "softsign": torch.nn.functional.softsign,
}
# name: torch's function of two tensors
BINARY = {
    "atan2": torch.atan2,
    "floordiv": lambda x, y: torch.floor_divide(x, y),
    "mod": torch.remainder,
    "truncatediv": lambda x, y: torch.div(x, y, rounding_mode="trunc"),
    "truncatemod": torch.fmod,
    "igamma": _special.gammainc,
    "igammac": _special.gammaincc,
    "zeta": _special.zeta,
    "polygamma": lambda a, x: torch.polygamma(int(a.flatten()[0]), x),
    "xlogy": torch.xlogy,
    "xlog1py": _special.xlog1py,
    "xdivy": lambda x, y: torch.where(x == 0, torch.zeros_like(x * y), x / y),
    "multiply_no_nan": lambda x, y: torch.where(y == 0, torch.zeros_like(x * y), x * y),
    "nextafter": torch.nextafter,
}


def _two(name, compute):
    def apply(x, y, name=None):
        x, y = (v if isinstance(v, Tensor) else tensor(v) for v in (x, y))
        if y.dtype != x.dtype and y.ndim == 0:
            y = y.to(x.dtype)
        return compute(x, y)

    apply.__name__ = name
    return function(apply)


def _one(name, compute):
    def apply(x, name=None):
        return compute(x)

    apply.__name__ = name
    return function(apply)


def _symbol(name):
    return name if name == "add_n" else f"math.{name}"


FUNCTIONS: dict[str, Any] = {
    **{name: known(_symbol(name)) for name in GRAPHS if name not in ("top_k", "log_softmax")},
    "top_k": known("math.top_k"),
    "softmax": known("nn.softmax"),
    "log_softmax": known("nn.log_softmax"),
    **{name: _one(name, compute) for name, compute in UNARY.items()},
    **{name: _two(name, compute) for name, compute in BINARY.items()},
}


def enter(*names: str):
    """Decorator: enters a function of this file under its name and others."""

    def add(compute):
        wrapped = function(compute)
        for name in (compute.__name__, *names):
            FUNCTIONS[name] = wrapped
        return wrapped

    return add


@enter()
def divide(x, y, name=None):
    if not isinstance(x, Tensor) and not isinstance(y, Tensor):
        return x / y
    return known("math.truediv")(x, y)


@enter()
def cumsum(x, axis=0, exclusive=False, reverse=False, name=None):
    return _running(torch.cumsum, x, int(axis), exclusive, reverse, 0)


@enter()
def cumprod(x, axis=0, exclusive=False, reverse=False, name=None):
    return _running(torch.cumprod, x, int(axis), exclusive, reverse, 1)


def _running(compute, x, axis, exclusive, reverse, neutral):
    x = x.flip(axis) if reverse else x
    if exclusive:
        first = torch.full_like(x.narrow(axis, 0, 1), neutral)
        x = torch.cat([first, x.narrow(axis, 0, x.shape[axis] - 1)], axis)
    result = compute(x, axis, dtype=x.dtype)
    return result.flip(axis) if reverse else result


@enter()
def cumulative_logsumexp(x, axis=0, exclusive=False, reverse=False, name=None):
    x = x.flip(axis) if reverse else x
    result = torch.logcumsumexp(x, axis)
    if exclusive:
        first = torch.full_like(x.narrow(axis, 0, 1), -torch.inf)
        result = torch.cat([first, result.narrow(axis, 0, x.shape[axis] - 1)], axis)
    return result.flip(axis) if reverse else result


@enter()
def count_nonzero(input, axis=None, keepdims=None, dtype="int64", name=None):
    marks = (input != 0).to(torch_dtype(dtype))
    return known("math.reduce_sum")(marks, axis=axis, keepdims=bool(keepdims))


@enter()
def accumulate_n(inputs, shape=None, tensor_dtype=None, name=None):
    return sum(inputs)


@enter()
def scalar_mul(scalar, x, name=None):
    return tensor(scalar).to(x.dtype) * x


@enter()
def polyval(coeffs, x, name=None):
    result = torch.zeros_like(x)
    for coefficient in coeffs:
        result = result * x + tensor(coefficient)
    return result


@enter()
def lbeta(x, name=None):
    return torch.lgamma(x).sum(-1) - torch.lgamma(x.sum(-1))


@enter()
def zero_fraction(value, name=None):
    return (value == 0).float().mean()


@enter()
def bincount(arr, weights=None, minlength=None, maxlength=None, dtype="int32", name=None, axis=None,
             binary_output=False):  # fmt: skip
    arr = tensor(arr).long()
    counts = torch.bincount(arr.flatten(), weights, minlength=int(minlength or 0))
    if maxlength is not None:
        counts = counts[: int(maxlength)]
    counts = counts.clamp(max=1) if binary_output else counts
    return counts if weights is not None else counts.to(torch_dtype(dtype))


@enter()
def confusion_matrix(labels, predictions, num_classes=None, weights=None, dtype="int32", name=None):
    labels, predictions = labels.long().flatten(), predictions.long().flatten()
    count = int(num_classes or max(int(labels.max()), int(predictions.max())) + 1)
    flat = torch.zeros(count * count, dtype=torch.float64, device=labels.device)
    ones = torch.ones_like(labels, dtype=torch.float64) if weights is None else weights.double()
    flat.index_add_(0, labels * count + predictions, ones.flatten())
    return flat.reshape(count, count).to(torch_dtype(dtype))


@enter()
def in_top_k(targets, predictions, k, name=None):
    own = predictions.gather(1, targets.long().unsqueeze(1))
    return (predictions > own).sum(1) < k


@enter()
def approx_max_k(operand, k, **options):
    return torch.topk(tensor(operand), k)


@enter()
def complex_(real, imag, name=None):
    return torch.complex(real, imag)


def _segments(name, reduce, sorted_=True):
    def apply(data, segment_ids, num_segments=None, name=None):
        ids = segment_ids.long()
        count = int(num_segments) if num_segments is not None else int(ids.max()) + 1
        kept = (ids >= 0) & (ids < count)
        data, ids = data[kept], ids[kept]
        empty = {"sum": 0, "mean": 0, "prod": 1}.get(reduce)
        if empty is None:
            info = torch.finfo if data.is_floating_point() else torch.iinfo
            empty = info(data.dtype).min if reduce == "amax" else info(data.dtype).max
            empty = 0 if sorted_ else empty
        shape = (count, *data.shape[1:])
        out = torch.full(shape, empty, dtype=data.dtype, device=data.device)
        wide = ids.reshape(-1, *[1] * (data.ndim - 1)).expand_as(data)
        return out.scatter_reduce(0, wide, data, reduce, include_self=False)

    apply.__name__ = name
    return function(apply)


for _kind, _reduce in {
    "sum": "sum",
    "mean": "mean",
    "prod": "prod",
    "max": "amax",
    "min": "amin",
}.items():
    FUNCTIONS[f"segment_{_kind}"] = _segments(f"segment_{_kind}", _reduce)
    FUNCTIONS[f"unsorted_segment_{_kind}"] = _segments(f"unsorted_segment_{_kind}", _reduce, False)


# What tf.math shares with the top of tf.
TOP = (
    "abs accumulate_n acos acosh add add_n argmax argmin asin asinh atan atan2 atanh cos cosh "
    "cumsum divide equal exp floor greater greater_equal less less_equal logical_and logical_not "
    "logical_or maximum minimum multiply negative not_equal pow reduce_all reduce_any "
    "reduce_logsumexp reduce_max reduce_mean reduce_min reduce_prod reduce_sum round scalar_mul "
    "sigmoid sign sin sinh sqrt square subtract tan tanh truediv truncatediv truncatemod "
    "unsorted_segment_sum"
).split()


def members() -> dict[str, Any]:
    """The names of `tf.math`."""
    return {name: value for name, value in FUNCTIONS.items() if name != "complex_"}


def top() -> dict[str, Any]:
    """The names of `tf` that come from here."""
    found = {name: FUNCTIONS[name] for name in TOP}
    found |= {"complex": FUNCTIONS["complex_"], "ceil": FUNCTIONS["ceil"], "log": FUNCTIONS["log"]}
    return found | {"realdiv": FUNCTIONS["truediv"], "floordiv": FUNCTIONS["floordiv"]}
