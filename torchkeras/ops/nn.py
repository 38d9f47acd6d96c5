"""`keras.ops.nn`: normalisation, losses, attention and CTC, and the activations and windows."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from ..backend.ctc import searched
from ..config import epsilon as default_epsilon
from ..losses import labels as class_labels
from . import activate, convolve
from .activate import *  # noqa: F403
from .convolve import *  # noqa: F403
from .elementwise import polar  # noqa: F401
from .indexing import multi_hot, one_hot  # noqa: F401
from .operands import Axis, axes_of, inexact, met, public, recorded, tensor


@recorded
def moments(x: Any, axes: Axis, keepdims: bool = False, synchronized: bool = False) -> tuple:
    """The mean and the variance along axes; half precision is computed in float32.

    >>> [value.item() for value in moments([1.0, 3.0], 0)]
    [2.0, 1.0]
    """
    if synchronized:
        raise NotImplementedError(
            "moments cannot gather statistics of other processes; use nn.SyncBatchNorm, or sum "
            "them up with torch.distributed."
        )
    x = tensor(x)
    wide = x.float() if x.dtype is torch.float16 else x
    axes = axes_of(axes, x.ndim)
    variance, mean = torch.var_mean(wide, axes, correction=0, keepdim=keepdims)
    if x.dtype is torch.float16:
        edge = torch.finfo(torch.float16).max
        mean, variance = (v.clamp(-edge, edge).half() for v in (mean, variance))
    return mean, variance


@recorded
def batch_normalization(
    x: Any,
    mean: Any,
    variance: Any,
    axis: int,
    offset: Any = None,
    scale: Any = None,
    epsilon: float = 1e-3,
) -> Any:
    """`(x - mean) / sqrt(variance + epsilon) * scale + offset` with a value for each place."""
    x = tensor(x)
    shape = [-1 if n == axis % x.ndim else 1 for n in range(x.ndim)]
    mean, variance, offset, scale = (
        None if v is None else tensor(v).to(x.device).reshape(shape)
        for v in (mean, variance, offset, scale)
    )
    factor = torch.rsqrt(variance + epsilon)
    factor = factor if scale is None else factor * scale
    made = (x - mean) * factor
    return made if offset is None else made + offset


@recorded
def layer_normalization(
    x: Any,
    gamma: Any = None,
    beta: Any = None,
    axis: Axis = -1,
    epsilon: float | None = None,
    **kwargs: Any,
) -> Any:
    """Mean 0 and variance 1 along axes, then times `gamma` plus `beta`, in float32 at least.

    `rms_scaling=True` divides by the standard deviation only, and takes no `beta`.
    """
    rms_scaling = kwargs.pop("rms_scaling", False)
    if kwargs:
        raise TypeError(f"layer_normalization takes no argument {', '.join(kwargs)}.")
    epsilon = default_epsilon() if epsilon is None else epsilon
    x, wide, axes = _wide(x, axis)
    gamma, beta = (_along(v, wide, axes) for v in (gamma, beta))
    variance, mean = torch.var_mean(wide, axes, correction=0, keepdim=True)
    made = (wide if rms_scaling else wide - mean) * torch.rsqrt(variance + epsilon)
    made = made if gamma is None else made * gamma
    made = made if beta is None or rms_scaling else made + beta
    return made.to(x.dtype)


@recorded
def rms_normalization(
    x: Any, scale: Any = None, axis: Axis = -1, epsilon: float | None = None
) -> Any:
    """Divided by the root of the mean square along axes, then times `scale`, in float32 at least.

    >>> rms_normalization([3.0, -3.0]).tolist()
    [1.0, -1.0]
    """
    epsilon = default_epsilon() if epsilon is None else epsilon
    x, wide, axes = _wide(x, axis)
    made = wide * torch.rsqrt(wide.square().mean(axes, keepdim=True) + epsilon)
    scale = _along(scale, wide, axes)
    return (made if scale is None else made * scale).to(x.dtype)


def _wide(x, axis):
    x = inexact(x)
    axes = tuple(sorted(axes_of(axis, x.ndim)))
    return x, x.to(torch.promote_types(x.dtype, torch.float32)), axes


def _along(v, x, axes):
    if v is None:
        return None
    v = tensor(v).to(x.device, x.dtype)
    if v.ndim == x.ndim or axes == (x.ndim - 1,):
        return v
    return v.reshape([size if n in axes else 1 for n, size in enumerate(x.shape)])


@recorded
def normalize(x: Any, axis: Axis = -1, order: int = 2, epsilon: float | None = None) -> Any:
    """Divided by the norm of this order along axes, which counts as `epsilon` at least.

    >>> normalize([3.0, 4.0]).tolist()
    [0.6000000238418579, 0.800000011920929]
    """
    if not isinstance(order, int) or order < 1:
        raise ValueError(f"order of normalize must be an integer from 1 on; received {order!r}.")
    x = inexact(x)
    x = x.reshape(1) if x.ndim == 0 else x
    least = default_epsilon() if epsilon is None else epsilon
    norm = torch.linalg.vector_norm(x, order, axes_of(axis, x.ndim), keepdim=True)
    return x / norm.clamp(min=least)


# --- losses of each element ------------------------------------------------------------------


def _same_shape(target, output, name):
    if target.shape != output.shape:
        raise ValueError(
            f"{name}: target and output must have the same shape; received "
            f"{tuple(target.shape)} and {tuple(output.shape)}."
        )


def _probabilities(output, axis):
    low = default_epsilon()
    return torch.clamp(output / output.sum(axis, keepdim=True), low, 1.0 - low)


@recorded
def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """The cross-entropy of each element; probabilities are kept `epsilon` away from 0 and 1."""
    target, output = met(target, output, floating=True)
    _same_shape(target, output, "binary_crossentropy")
    if from_logits:
        return F.binary_cross_entropy_with_logits(output, target, reduction="none")
    low = default_epsilon()
    return F.binary_cross_entropy(torch.clamp(output, low, 1.0 - low), target, reduction="none")


@recorded
def categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    """The cross-entropy along an axis, with probabilities as targets."""
    target, output = met(target, output, floating=True)
    _same_shape(target, output, "categorical_crossentropy")
    logs = F.log_softmax(output, axis) if from_logits else _probabilities(output, axis).log()
    return -torch.sum(target * logs, axis)


@recorded
def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    """The cross-entropy along an axis, with the numbers of classes as targets.

    >>> logits = torch.zeros(1, 2)
    >>> round(sparse_categorical_crossentropy([0], logits, from_logits=True).item(), 4)
    0.6931
    """
    output = inexact(output)
    target = tensor(target).to(output.device).long()
    if target.ndim == output.ndim and target.shape[axis] == 1:
        target = target.squeeze(axis)
    expected = list(output.shape)
    del expected[axis]
    if list(target.shape) != expected:
        raise ValueError(
            "sparse_categorical_crossentropy: target must have the shape of output without its "
            f"class axis {axis}; received {tuple(target.shape)} and {tuple(output.shape)}."
        )
    logs = F.log_softmax(output, axis) if from_logits else _probabilities(output, axis).log()
    return -torch.gather(logs, axis, target.unsqueeze(axis)).squeeze(axis)


@recorded
def psnr(x1: Any, x2: Any, max_val: Any) -> Any:
    """The ratio of peak signal to noise between two images, in decibels."""
    x1, x2 = tensor(x1), tensor(x2)
    _same_shape(x1, x2, "psnr")
    error = torch.mean(torch.square(inexact(x1 - x2)))
    return 20 * torch.log10(tensor(max_val, error.dtype).to(error.device)) - 10 * torch.log10(error)


# --- attention -------------------------------------------------------------------------------


@recorded
def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Any:
    """Attention over `(batch, time, heads, features)`, on torch's fused kernel.

    `mask` is True where attention is allowed; `bias` is added to the scores; fewer heads of keys
    are shared. `flash_attention=True` allows no other kernel than the flash one;
    `attn_logits_soft_cap` keeps scores below it with a tanh, without the fused kernel.
    """
    query, key, value = met(query, key, value, floating=True)
    if not query.ndim == key.ndim == value.ndim == 4:
        raise ValueError(
            "dot_product_attention needs query, key and value with 4 axes; received shapes "
            f"{tuple(query.shape)}, {tuple(key.shape)} and {tuple(value.shape)}."
        )
    if bias is not None and mask is not None:
        raise ValueError("dot_product_attention takes bias or mask, not both.")
    heads = query.shape[2] // key.shape[2]
    query, key, value = (x.transpose(1, 2) for x in (query, key, value))
    if heads > 1 and key.shape[1] > 1:
        key, value = (x.repeat_interleave(heads, 1) for x in (key, value))
    allowed = None if mask is None else tensor(mask, "bool").to(query.device)
    if is_causal and (mask is not None or bias is not None or attn_logits_soft_cap):
        steps = torch.ones(query.shape[-2], key.shape[-2], dtype=torch.bool, device=query.device)
        causal, is_causal = steps.tril(), False
        if bias is None:
            allowed = causal if allowed is None else allowed & causal
        else:
            bias = torch.where(causal, tensor(bias, query.dtype), _lowest(query))
    added = None if bias is None else tensor(bias, query.dtype).to(query.device)
    if allowed is not None:
        added = torch.where(allowed, 0.0, _lowest(query)).to(query.dtype)
    if attn_logits_soft_cap:
        outputs = _capped(query, key, value, added, scale, attn_logits_soft_cap)
    elif flash_attention:
        with torch.nn.attention.sdpa_kernel([torch.nn.attention.SDPBackend.FLASH_ATTENTION]):
            outputs = _attend(query, key, value, added, is_causal, scale)
    else:
        outputs = _attend(query, key, value, added, is_causal, scale)
    return outputs.transpose(1, 2)


def _attend(query, key, value, added, is_causal, scale):
    return F.scaled_dot_product_attention(
        query, key, value, attn_mask=added, is_causal=is_causal, scale=scale
    )


def _lowest(x):
    """So low that a softmax gives 0, and still finite after the sum with a score."""
    return torch.finfo(x.dtype).min * 0.7


def _capped(query, key, value, added, scale, cap):
    scores = query @ key.transpose(-1, -2) * (scale or query.shape[-1] ** -0.5)
    scores = cap * torch.tanh(scores / cap)
    return F.softmax(scores if added is None else scores + added, -1) @ value


# --- CTC -------------------------------------------------------------------------------------


@recorded
def ctc_loss(
    target: Any, output: Any, target_length: Any, output_length: Any, mask_index: int = 0
) -> Any:
    """The loss of each sample, of logits `(batch, time, classes)` and labels `(batch, longest)`.

    ValueError for a label that is no class.
    """
    output = inexact(output)
    output = output.to(torch.promote_types(output.dtype, torch.float32))
    target, target_length, output_length = (
        tensor(x).to(output.device).long() for x in (target, target_length, output_length)
    )
    classes, given = output.shape[-1], torch.arange(target.shape[-1], device=target.device)
    wrong = ((target < 0) | (target >= classes)) & (given < target_length.reshape(-1, 1))
    told = f"ctc_loss expects labels from 0 to {classes - 1} within target_length"
    class_labels.refuse(wrong, target, told)
    target = target.clamp(0, classes - 1)
    logs = F.log_softmax(output, -1).transpose(0, 1)
    lengths = output_length, target_length
    losses = F.ctc_loss(logs, target, *lengths, blank=mask_index, reduction="none")
    return torch.where(wrong.any(1), torch.nan, losses)


def ctc_decode(
    inputs: Any,
    sequence_lengths: Any,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int | None = 0,
) -> tuple:
    """The most probable labels `(paths, batch, time)`, filled up with -1, and their scores.

    `strategy` 'greedy' scores by the negated sum of the largest inputs, 'beam_search' by log
    probabilities. The search runs on the CPU.

    >>> steps = torch.tensor([[[0.1, 0.9], [0.1, 0.9], [0.8, 0.2]]])
    >>> ctc_decode(steps, [3])[0].tolist()
    [[[1, -1, -1]]]
    """
    if strategy not in ("greedy", "beam_search"):
        raise ValueError(f"strategy must be 'greedy' or 'beam_search'; received {strategy!r}.")
    blank = -1 if mask_index is None else mask_index
    if strategy == "greedy":
        return _greedy(inputs, sequence_lengths, blank, merge_repeated)
    return _searched(inputs, sequence_lengths, blank, beam_width, top_paths)


@recorded
def _greedy(inputs, lengths, blank, merge_repeated):
    x = inexact(inputs)
    lengths = tensor(lengths).to(x.device)
    blank %= x.shape[-1]
    best, labels = x.max(-1)
    steps = torch.arange(x.shape[1], device=x.device)
    valid = steps < lengths.unsqueeze(1)
    kept = valid & (labels != blank)
    if merge_repeated:
        kept = kept & (labels != F.pad(labels, (1, 0), value=-1)[:, :-1])
    order = torch.argsort(kept.to(torch.uint8), dim=1, descending=True, stable=True)
    packed = torch.where(steps < kept.sum(1, keepdim=True), labels.gather(1, order), -1)
    score = -torch.where(valid, best, 0.0).sum(1, keepdim=True)
    return packed.to(torch.int32).unsqueeze(0), score


@recorded
def _searched(inputs, lengths, blank, beam_width, top_paths):
    x = inexact(inputs)
    classes = x.shape[-1]
    blank %= classes
    order = [n for n in range(classes) if n != blank] + [blank]  # the search has the blank last
    names = torch.tensor([*order, -1], device=x.device)
    found, scores = searched(x[..., order], tensor(lengths), beam_width, top_paths, merge=False)
    return names[torch.stack(found)].to(torch.int32), scores


_OWN = public(globals())
__all__ = sorted({*_OWN, *activate.__all__, *convolve.__all__, "multi_hot", "one_hot", "polar"})
