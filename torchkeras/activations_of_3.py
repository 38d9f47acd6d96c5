"""Activations that Keras 3 has and Keras 2 has not: plain functions, which `activations` offers."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .arrays import as_tensor


def tensor_of(x: Any) -> Any:
    """`x` as a tensor, of any kind."""
    return x if hasattr(x, "__torch_function__") else as_tensor(x)


def celu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """`x` above zero, `alpha * (exp(x / alpha) - 1)` below.

    >>> celu(torch.tensor([0.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    return F.celu(tensor_of(x), alpha)


def glu(x: Tensor, axis: int = -1) -> Tensor:
    """The first half of an axis times the sigmoid of the second.

    >>> glu(torch.tensor([2.0, 0.0])).tolist()
    [1.0]
    """
    return F.glu(tensor_of(x), axis)


def hard_silu(x: Tensor) -> Tensor:
    """`x * relu6(x + 3) / 6`.

    >>> hard_silu(torch.tensor([-4.0, 0.0, 3.0])).tolist()
    [-0.0, 0.0, 3.0]
    """
    return F.hardswish(tensor_of(x))


def hard_tanh(x: Tensor) -> Tensor:
    """`x` clipped to [-1, 1].

    >>> hard_tanh(torch.tensor([-2.0, 0.5])).tolist()
    [-1.0, 0.5]
    """
    return F.hardtanh(tensor_of(x))


def hard_shrink(x: Tensor, threshold: float = 0.5) -> Tensor:
    """0 for values up to `threshold` away from 0.

    >>> hard_shrink(torch.tensor([-0.25, 2.0])).tolist()
    [0.0, 2.0]
    """
    return F.hardshrink(tensor_of(x), threshold)


def soft_shrink(x: Tensor, threshold: float = 0.5) -> Tensor:
    """Moved towards 0 by `threshold`, and 0 where it would pass.

    >>> soft_shrink(torch.tensor([-0.25, 2.0])).tolist()
    [-0.0, 1.5]
    """
    return F.softshrink(tensor_of(x), threshold)


def tanh_shrink(x: Tensor) -> Tensor:
    """`x - tanh(x)`.

    >>> tanh_shrink(torch.tensor([0.0])).tolist()
    [0.0]
    """
    return F.tanhshrink(tensor_of(x))


def threshold(x: Tensor, threshold: float, default_value: float) -> Tensor:
    """`default_value` for values not above `threshold`.

    >>> threshold(torch.tensor([0.5, 2.0]), 1.0, -1.0).tolist()
    [-1.0, 2.0]
    """
    return F.threshold(tensor_of(x), threshold, default_value)


def log_sigmoid(x: Tensor) -> Tensor:
    """The logarithm of `sigmoid`.

    >>> round(log_sigmoid(torch.tensor([0.0])).item(), 4)
    -0.6931
    """
    return F.logsigmoid(tensor_of(x))


def squareplus(x: Tensor, b: float = 4) -> Tensor:
    """`(x + sqrt(x ** 2 + b)) / 2`, smooth and near `relu`.

    >>> squareplus(torch.tensor([0.0])).tolist()
    [1.0]
    """
    x = tensor_of(x)
    return torch.div(torch.add(x, torch.sqrt(torch.add(torch.square(x), b))), 2)


def sparse_plus(x: Tensor) -> Tensor:
    """0 up to -1, `x` from 1 on, a parabola between.

    >>> sparse_plus(torch.tensor([-2.0, 0.0, 3.0])).tolist()
    [0.0, 0.25, 3.0]
    """
    x = tensor_of(x)
    inside = torch.square(torch.clamp(torch.add(x, 1.0), min=0.0)) / 4
    return torch.where(torch.lt(x, 1.0), inside, x)


def sparse_sigmoid(x: Tensor) -> Tensor:
    """0 up to -1, 1 from 1 on, a line between.

    >>> sparse_sigmoid(torch.tensor([-2.0, 0.0])).tolist()
    [0.0, 0.5]
    """
    return torch.clamp(torch.add(tensor_of(x), 1.0) / 2, 0.0, 1.0)


def sparsemax(x: Tensor, axis: int = -1) -> Tensor:
    """The nearest probabilities to `x`, many of them 0 (Martins and Astudillo, 2016).

    >>> sparsemax(torch.tensor([1.0, 0.5, -3.0])).tolist()
    [0.75, 0.25, 0.0]
    """
    x = tensor_of(x)
    ordered = torch.sort(x, axis, descending=True).values
    shape = [-1 if n == axis % x.ndim else 1 for n in range(x.ndim)]
    count = torch.arange(1, x.shape[axis] + 1, device=x.device, dtype=x.dtype).reshape(shape)
    total = torch.cumsum(ordered, axis)
    kept = (1 + count * ordered > total).sum(axis, keepdim=True)
    level = (total.gather(axis, kept - 1) - 1) / kept
    return torch.clamp(x - level, min=0.0)


hard_swish = hard_silu
