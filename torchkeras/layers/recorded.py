"""Recorded calls of torch functions, told as calls of TensorFlow functions: what files hold."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from ..graph import KerasTensor, Node
from ..precision import dtype_name

_BINARY = {
    "add": "__operators__.add",
    "sub": "math.subtract",
    "subtract": "math.subtract",
    "mul": "math.multiply",
    "multiply": "math.multiply",
    "div": "math.truediv",
    "divide": "math.truediv",
    "truediv": "math.truediv",
    "true_divide": "math.truediv",
    "floordiv": "compat.v1.floor_div",
    "floor_divide": "compat.v1.floor_div",
    "mod": "math.floormod",
    "remainder": "math.floormod",
    "pow": "math.pow",
    "maximum": "math.maximum",
    "minimum": "math.minimum",
    "gt": "math.greater",
    "greater": "math.greater",
    "ge": "math.greater_equal",
    "lt": "math.less",
    "less": "math.less",
    "le": "math.less_equal",
    "eq": "math.equal",
    "ne": "math.not_equal",
    "logical_and": "math.logical_and",
    "logical_or": "math.logical_or",
    "matmul": "linalg.matmul",
    "bmm": "linalg.matmul",
}
_REVERSED = {f"r{name}": name for name in "add sub mul div truediv floordiv mod pow matmul".split()}
_UNARY = {
    **{
        name: f"math.{name}"
        for name in (
            "abs sqrt rsqrt square exp expm1 log log1p sin cos tan sinh cosh tanh asinh acosh "
            "atanh erf floor ceil sign sigmoid reciprocal logical_not softplus"
        ).split()
    },
    "neg": "math.negative",
    "negative": "math.negative",
    "relu": "nn.relu",
    "relu6": "nn.relu6",
    "elu": "nn.elu",
    "selu": "nn.selu",
    "silu": "nn.silu",
    "softsign": "nn.softsign",
    "detach": "stop_gradient",
    "clone": "identity",
    "contiguous": "identity",
}
_REDUCED = {
    "mean": "math.reduce_mean",
    "sum": "math.reduce_sum",
    "amax": "math.reduce_max",
    "amin": "math.reduce_min",
    "logsumexp": "math.reduce_logsumexp",
}
_DEFAULTS = {
    "inplace": False,
    "_stacklevel": 3,
    "dtype": None,
    "out": None,
    "alpha": 1.0,
    "beta": 1.0,
    "threshold": 20.0,
}


def told_in_tensorflow(node: Node) -> tuple[str, Any, dict[str, Any]] | None:
    """TensorFlow's name, first argument and keywords for a recorded call; None where none fits."""
    name = getattr(node.operation, "__name__", "").strip("_")
    try:
        if name in _REVERSED:
            return _binary(_REVERSED[name], [node.args[1], node.args[0], *node.args[2:]], {})
        if name in _BINARY:
            return _binary(name, list(node.args), dict(node.kwargs))
        if name in _UNARY:
            (first,) = node.args
            _bound(node.kwargs, ())
            return _UNARY[name], first, {}
        if name in _OTHERS:
            first, *rest = node.args or [node.kwargs.get("input", node.kwargs.get("tensors"))]
            kwargs = {k: v for k, v in node.kwargs.items() if k not in ("input", "tensors")}
            return _OTHERS[name](first, rest, kwargs)
        if name in _REDUCED:
            return _reduction(_REDUCED[name], node.args[0], node.args[1:], node.kwargs)
    except (_Untold, ValueError, TypeError):
        pass
    return None


class _Untold(Exception):
    """A call has an argument that TensorFlow's function does not have."""


def _bound(kwargs, names, args=()):
    """Arguments by name; those left at torch's defaults are dropped, unknown ones refused."""
    if len(args) > len(names):
        raise _Untold
    found = dict(zip(names, args, strict=False)) | dict(kwargs)
    for name in list(found):
        if name not in names:
            if name not in _DEFAULTS or found[name] != _DEFAULTS[name]:
                raise _Untold
            del found[name]
    return found


def _binary(name, args, kwargs):
    if len(args) == 1:
        args.append(kwargs.pop("other", kwargs.pop("exponent", None)))
    first, second = args
    _bound(kwargs, ())
    tensors = [value for value in (first, second) if isinstance(value, KerasTensor)]
    if len({tensor.dtype for tensor in tensors}) > 1:
        raise _Untold  # TensorFlow has no promotion
    whole = "float" not in tensors[0].dtype
    if whole and ("div" in name or any(isinstance(value, float) for value in (first, second))):
        raise _Untold
    if not whole and type(first) is int:
        first = float(first)  # TensorFlow would take its type from the first one
    second_name = "b" if _BINARY[name] == "linalg.matmul" else "y"
    return _BINARY[name], first, {second_name: second, "name": None}


def _floats(x):
    if "float" not in x.dtype:
        raise _Untold
    return x


def _reduction(symbol, x, args, kwargs):
    found = _bound(kwargs, ("dim", "keepdim"), args)
    axis = found.get("dim")
    axis = list(axis) if isinstance(axis, (tuple, list)) else axis
    kept = {"keepdims": True} if found.get("keepdim") else {}
    return symbol, _floats(x), {"axis": axis, **kept}


def _spread(symbol):
    def tell(x, args, kwargs):
        found = _bound(kwargs, ("dim", "keepdim", "correction", "unbiased"), args)
        if found.pop("correction", 1) != 0 and found.pop("unbiased", True):
            raise _Untold  # TensorFlow's are the biased ones
        found.pop("unbiased", None)
        return _reduction(symbol, x, (), found)

    return tell


def _along(symbol, default=None):
    """A function with one axis: softmax, concat, ..."""

    def tell(x, args, kwargs):
        found = _bound(kwargs, ("dim", "axis"), args)
        axis = found.get("dim", found.get("axis", default))
        if axis is None:
            raise _Untold
        return symbol, list(x) if isinstance(x, (list, tuple)) else x, {"axis": axis}

    return tell


def _sizes(args, kwargs, name):
    found = args[0] if len(args) == 1 and isinstance(args[0], (list, tuple)) else args
    found = list(found) or list(_bound(kwargs, (name,))[name])
    if not all(isinstance(n, (int, KerasTensor)) for n in found):
        raise _Untold
    return found


def _reshape(x, args, kwargs):
    return "reshape", x, {"shape": _sizes(args, kwargs, "shape")}


def _flatten(x, args, kwargs):
    found = _bound(kwargs, ("start_dim", "end_dim"), args)
    start, end = found.get("start_dim", 0) % x.ndim, found.get("end_dim", -1) % x.ndim
    middle = x.shape[start : end + 1]
    shape = [*x.shape[:start], -1 if None in middle else math.prod(middle), *x.shape[end + 1 :]]
    if None in shape[1:] or (shape[0] is None and -1 in shape):
        raise _Untold
    return "reshape", x, {"shape": [-1 if n is None else n for n in shape]}


def _permute(x, args, kwargs):
    return _transposed(x, [axis % x.ndim for axis in _sizes(args, kwargs, "dims")])


def _transpose(x, args, kwargs):
    found = _bound(kwargs, ("dim0", "dim1"), args)
    order, one, other = list(range(x.ndim)), found["dim0"], found["dim1"]
    order[one], order[other] = order[other], order[one]
    return _transposed(x, order)


def _transposed(x, order):
    return "compat.v1.transpose", x, {"perm": order, "name": "transpose", "conjugate": False}


def _squeeze(x, args, kwargs):
    axis = _bound(kwargs, ("dim",), args).get("dim")
    axes = list(axis) if isinstance(axis, (tuple, list)) else [axis]
    if any(a is None or x.shape[a] != 1 for a in axes):
        raise _Untold  # torch leaves other axes alone, TensorFlow fails
    return "compat.v1.squeeze", x, {"axis": axes, "name": None}


def _clamp(x, args, kwargs):
    found = _bound(kwargs, ("min", "max"), args)
    low, high = found.get("min"), found.get("max")
    if low is None or high is None:
        symbol = "math.minimum" if low is None else "math.maximum"
        return symbol, x, {"y": high if low is None else low, "name": None}
    return "clip_by_value", x, {"clip_value_min": low, "clip_value_max": high}


def _where(condition, args, kwargs):
    found = _bound(kwargs, ("input", "other"), args)
    return "where", condition, {"x": found["input"], "y": found["other"]}


def _gelu(x, args, kwargs):
    kind = _bound(kwargs, ("approximate",), args).get("approximate", "none")
    return "nn.gelu", x, {"approximate": kind == "tanh"}


def _leaky_relu(x, args, kwargs):
    slope = _bound(kwargs, ("negative_slope",), args).get("negative_slope", 0.01)
    return "nn.leaky_relu", x, {"alpha": slope}


def _cast(dtype):
    def tell(x, args, kwargs):
        wanted = dtype or _bound(kwargs, ("dtype",), args).get("dtype")
        if not isinstance(wanted, torch.dtype):
            raise _Untold
        return "cast", x, {"dtype": dtype_name(wanted)}

    return tell


def _split(x, args, kwargs):
    found = _bound(kwargs, ("split_size", "dim"), args)
    sizes, axis = found["split_size"], found.get("dim", 0)
    if isinstance(sizes, int):
        whole = x.shape[axis]
        if whole is None:
            raise _Untold
        sizes = [min(sizes, whole - start) for start in range(0, whole, sizes)]
    return "split", x, {"num_or_size_splits": list(sizes), "axis": axis}


def _chunk(x, args, kwargs):
    found = _bound(kwargs, ("chunks", "dim"), args)
    axis = found.get("dim", 0)
    if x.shape[axis] is None or x.shape[axis] % found["chunks"]:
        raise _Untold
    return "split", x, {"num_or_size_splits": found["chunks"], "axis": axis}


def _getitem(x, args, kwargs):
    (index,) = args
    if isinstance(index, tuple):
        return "__operators__.getitem", x, {"slice_spec": [_spec(one) for one in index]}
    return "__operators__.getitem", x, {"slice_spec": _spec(index)}


def _spec(index):
    if isinstance(index, slice):
        return {"start": index.start, "stop": index.stop, "step": index.step}
    if index is Ellipsis:
        return {"class_name": "__ellipsis__"}
    if index is None or (isinstance(index, int) and not isinstance(index, bool)):
        return index
    if isinstance(index, KerasTensor) and index.ndim == 0 and "int" in index.dtype:
        return index
    raise _Untold


_OTHERS: dict[str, Callable] = {
    "softmax": _along("nn.softmax"),
    "log_softmax": _along("nn.log_softmax"),
    "cat": _along("concat", 0),
    "concat": _along("concat", 0),
    "concatenate": _along("concat", 0),
    "stack": _along("stack", 0),
    "unsqueeze": _along("expand_dims"),
    "unbind": _along("unstack", 0),
    "cumsum": _along("math.cumsum"),
    "std": _spread("math.reduce_std"),
    "var": _spread("math.reduce_variance"),
    "reshape": _reshape,
    "view": _reshape,
    "flatten": _flatten,
    "permute": _permute,
    "transpose": _transpose,
    "swapaxes": _transpose,
    "squeeze": _squeeze,
    "clamp": _clamp,
    "clip": _clamp,
    "where": _where,
    "gelu": _gelu,
    "leaky_relu": _leaky_relu,
    "to": _cast(None),
    "float": _cast(torch.float32),
    "split": _split,
    "chunk": _chunk,
    "getitem": _getitem,
}
