"""Activations, losses, products and normalisation: the arithmetic of layers as functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from .. import losses
from ..activations import elu, hard_sigmoid, relu, sigmoid, softmax, softplus, softsign, tanh
from ..config import standardize_data_format
from .operands import recorded, tensors

__all__ = [
    "batch_dot",
    "batch_normalization",
    "bias_add",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "dot",
    "elu",
    "hard_sigmoid",
    "normalize_batch_in_training",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "softsign",
    "sparse_categorical_crossentropy",
    "tanh",
]


@recorded
def dot(x: Any, y: Any) -> Any:
    """The product over the last axis of `x` and the last but one of `y`.

    >>> dot(torch.ones(2, 3), torch.ones(4, 3, 5)).shape
    torch.Size([2, 4, 5])
    """
    x, y = tensors(x, y)
    if x.ndim <= 2 and y.ndim <= 2:
        return torch.matmul(x, y)
    return torch.tensordot(x, y, dims=([x.ndim - 1], [y.ndim - 2]))


@recorded
def batch_dot(x: Any, y: Any, axes: int | Sequence[int] | None = None) -> Any:
    """The products of the samples of `x` and `y`, summed over one axis of each.

    `axes` is that axis, or a pair of them; by default the last of `x`, and of `y` the last but
    one. Two matrices `(batch, n)` give `(batch, 1)`.

    >>> batch_dot(torch.ones(8, 2, 3), torch.ones(8, 3, 5)).shape
    torch.Size([8, 2, 5])
    """
    x, y = tensors(x, y)
    one, other = _axes(x, y, axes)
    left, right = x.movedim(one, -1), y.movedim(other, 1)
    if left.ndim == right.ndim == 2:
        return torch.sum(left * right, 1, keepdim=True)
    rows = left.reshape(left.shape[0], -1, left.shape[-1])
    columns = right.reshape(right.shape[0], right.shape[1], -1)
    return torch.bmm(rows, columns).reshape(left.shape[:-1] + right.shape[2:])


def _axes(x, y, axes):
    shapes = f"shapes {tuple(x.shape)} and {tuple(y.shape)}"
    if x.ndim < 2 or y.ndim < 2:
        raise ValueError(f"batch_dot needs tensors of rank 2 or more; received {shapes}.")
    if x.shape[0] != y.shape[0]:
        raise ValueError(f"batch_dot needs batches of one size; received {shapes}.")
    if axes is None:
        axes = (-1, -1 if y.ndim == 2 else -2)
    pair = (axes, axes) if isinstance(axes, int) else tuple(axes)
    if len(pair) != 2 or not all(isinstance(axis, int) for axis in pair):
        raise ValueError(f"axes of batch_dot must be one integer or two; received {axes!r}.")
    one, other = (axis % t.ndim for axis, t in zip(pair, (x, y), strict=True))
    if 0 in (one, other):
        raise ValueError(
            f"batch_dot cannot sum over axis 0, the batch; received axes={axes!r}. For tensors "
            "without a batch, add one: expand_dims(x, 0)."
        )
    if x.shape[one] != y.shape[other]:
        raise ValueError(
            f"batch_dot with axes={axes!r} needs axes of one size; received {shapes}, where they "
            f"are {x.shape[one]} and {y.shape[other]}."
        )
    return one, other


@recorded
def bias_add(x: Any, bias: Any, data_format: str | None = None) -> Any:
    """`x` plus a bias for each channel, or for each place and channel.

    >>> bias_add(torch.zeros(1, 2, 2), [1.0, 2.0]).tolist()
    [[[1.0, 2.0], [1.0, 2.0]]]
    """
    first = standardize_data_format(data_format) == "channels_first"
    x, bias = tensors(x, bias)
    if bias.ndim not in (1, x.ndim - 1):
        raise ValueError(
            f"bias must have rank 1 or {x.ndim - 1} for x of shape {tuple(x.shape)}; received "
            f"shape {tuple(bias.shape)}."
        )
    if first and bias.ndim == 1:
        bias = bias.reshape(-1, *[1] * (x.ndim - 2))
    elif first:  # as tf.keras has it: the numbers stay in their order, the axes do not move
        bias = bias.reshape(bias.shape[-1], *bias.shape[:-1])
    return x + bias


# --- normalisation ---------------------------------------------------------------------------

_SMALLEST_EPSILON = 1.001e-5  # the kernel for images takes no smaller one


@recorded
def batch_normalization(
    x: Any, mean: Any, var: Any, beta: Any, gamma: Any, axis: int = -1, epsilon: float = 1e-3
) -> Any:
    """`gamma * (x - mean) / sqrt(var + epsilon) + beta`; `beta` and `gamma` may be None.

    For images the four belong to the channels, along `axis`; else they broadcast against `x`.

    >>> batch_normalization([[2.0, 4.0]], 1.0, 1.0, 0.5, 1.0, epsilon=0.0).tolist()
    [[1.5, 3.5]]
    """
    x, mean, var, beta, gamma = tensors(x, mean, var, beta, gamma)
    if x.ndim == 4:
        shape = [1] * 4
        shape[axis] = -1
        mean, var, beta, gamma = (
            t if t is None or t.ndim == 0 else t.reshape(shape) for t in (mean, var, beta, gamma)
        )
        epsilon = max(epsilon, _SMALLEST_EPSILON)
    return _normalized(x, mean, var, beta, gamma, epsilon)


def _normalized(x, mean, var, beta, gamma, epsilon):
    scale = torch.rsqrt(var + epsilon)
    scale = scale if gamma is None else scale * gamma
    outputs = (x - mean) * scale
    return outputs if beta is None else outputs + beta


@recorded
def normalize_batch_in_training(
    x: Any, gamma: Any, beta: Any, reduction_axes: Sequence[int], epsilon: float = 1e-3
) -> tuple:
    """`x` normalised by its own mean and variance along `reduction_axes`, the mean, the variance.

    For images with channels last, the variance returned is the unbiased one, as in tf.keras.
    """
    x, gamma, beta = tensors(x, gamma, beta)
    axes = list(reduction_axes)
    mean = torch.mean(x, axes, keepdim=True)
    var = torch.var(x, axes, correction=0, keepdim=True)
    fused = x.ndim == 4 and axes == [0, 1, 2]
    gamma, beta = (t if t is None else t.reshape(mean.shape) for t in (gamma, beta))
    smallest = max(epsilon, _SMALLEST_EPSILON) if fused else epsilon
    outputs = _normalized(x, mean, var, beta, gamma, smallest)
    if fused:
        count = x.numel() // x.shape[3]
        var = var * (count / max(count - 1, 1))
    kept = [x.shape[axis] for axis in range(x.ndim) if axis not in axes]
    return outputs, mean.reshape(kept), var.reshape(kept)


# --- crossentropies --------------------------------------------------------------------------


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """The crossentropy of each element between labels 0 or 1 and probabilities, or logits.

    >>> [f"{v:.4f}" for v in binary_crossentropy([1.0, 0.0], [0.5, 0.25]).tolist()]
    ['0.6931', '0.2877']
    """
    target, output = tensors(target, output)
    return losses.binary_crossentropy(*_in_columns(target, output), from_logits)


def binary_focal_crossentropy(
    target: Any,
    output: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
) -> Any:
    """`binary_crossentropy` times `(1 - p) ** gamma`, `p` the probability of the true class."""
    target, output = tensors(target, output)
    columns = _in_columns(target, output)
    return losses.binary_focal_crossentropy(
        *columns, apply_class_balancing, alpha, gamma, from_logits
    )


def _in_columns(target, output):
    """With an axis of size 1 behind, over which the losses may take their mean."""
    column = torch.unsqueeze(output, -1)
    if hasattr(output, "_keras_logits"):
        column._keras_logits = torch.unsqueeze(output._keras_logits, -1)
    return torch.unsqueeze(target, -1), column


def categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    """The crossentropy along `axis` between one-hot labels and probabilities, or logits."""
    target, output = tensors(target, output)
    return losses.categorical_crossentropy(target, output, from_logits, axis=axis)


def categorical_focal_crossentropy(
    target: Any,
    output: Any,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    axis: int = -1,
) -> Any:
    """`categorical_crossentropy` with each class's term times `alpha * (1 - p) ** gamma`."""
    target, output = tensors(target, output)
    return losses.categorical_focal_crossentropy(
        target, output, alpha, gamma, from_logits, axis=axis
    )


def sparse_categorical_crossentropy(
    target: Any,
    output: Any,
    from_logits: bool = False,
    axis: int = -1,
    ignore_class: int | None = None,
) -> Any:
    """The crossentropy along `axis` between class numbers and probabilities, or logits."""
    target, output = tensors(target, output)
    return losses.sparse_categorical_crossentropy(target, output, from_logits, axis, ignore_class)
