"""`tf.nn`: activations, losses of logits, windows and normalization, over torch."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from ... import backend as K
from .calls import function, known, refused, shape_of, tensor
from .math import FUNCTIONS as MATH

MEMBERS: dict[str, Any] = {
    name: known(f"nn.{name}")
    for name in "relu relu6 elu selu silu gelu leaky_relu softmax log_softmax softplus softsign".split()  # noqa: E501
}
MEMBERS |= {
    "swish": known("nn.silu"),
    "sigmoid": known("math.sigmoid"),
    "tanh": known("math.tanh"),
    "bias_add": known("nn.bias_add"),
    "l2_normalize": MATH["l2_normalize"],
    "log_sigmoid": MATH["log_sigmoid"],
    "top_k": MATH["top_k"],
    "in_top_k": MATH["in_top_k"],
    "zero_fraction": MATH["zero_fraction"],
    "space_to_depth": known("nn.space_to_depth"),
    "depth_to_space": known("nn.depth_to_space"),
    "ctc_loss": refused("nn.ctc_loss", "call keras.backend.ctc_batch_cost."),
    "nce_loss": refused("nn.nce_loss", "compute a softmax over sampled classes with torch."),
    "raw_rnn": refused("nn.raw_rnn", "use keras.layers.RNN."),
}


def enter(*names: str):
    """Decorator: enters a function under its name and others."""

    def add(compute):
        wrapped = function(compute)
        for name in (compute.__name__, *names):
            MEMBERS[name] = wrapped
        return wrapped

    return add


@enter()
def dropout(x, rate, noise_shape=None, seed=None, name=None):
    """Elements set to zero with the probability `rate`; the others grow by as much."""
    return K.dropout(x, float(rate), noise_shape, seed)


@enter()
def crelu(features, axis=-1, name=None):
    """relu of both signs, side by side."""
    return torch.cat([F.relu(features), F.relu(-features)], axis)


# --- losses of logits, one number a row ----------------------------------------------------------


@enter()
def sparse_softmax_cross_entropy_with_logits(labels, logits, name=None):
    """Minus the log probability of the class numbers `labels`."""
    shape = labels.shape
    rows = F.cross_entropy(
        logits.reshape(-1, logits.shape[-1]), labels.reshape(-1).long(), reduction="none"
    )
    return rows.reshape(shape)


@enter()
def softmax_cross_entropy_with_logits(labels, logits, axis=-1, name=None):
    """Minus the mean log probability under the distribution `labels`."""
    return -(labels.to(logits.dtype) * torch.log_softmax(logits, axis)).sum(axis)


@enter()
def sigmoid_cross_entropy_with_logits(labels=None, logits=None, name=None):
    """Of each element, as a yes or no of its own."""
    return F.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype), reduction="none")


@enter()
def weighted_cross_entropy_with_logits(labels, logits, pos_weight, name=None):
    """The same, with the positive ones weighed."""
    weight = tensor(pos_weight).to(logits)
    return F.binary_cross_entropy_with_logits(
        logits, labels.to(logits.dtype), reduction="none", pos_weight=weight.expand_as(logits)
    )


@enter()
def l2_loss(t, name=None):
    """Half the sum of squares."""
    return t.square().sum() / 2


@enter()
def log_poisson_loss(targets, log_input, compute_full_loss=False, name=None):
    """The Poisson loss of a log rate."""
    return torch.exp(tensor(log_input)) - tensor(log_input) * targets


@enter()
def compute_average_loss(per_example_loss, sample_weight=None, global_batch_size=None):
    """The sum of a batch's losses over its size."""
    values = tensor(per_example_loss)
    if sample_weight is not None:
        values = values * tensor(sample_weight)
    return values.sum() / float(global_batch_size or len(values))


@enter()
def scale_regularization_loss(regularization_loss):
    """The sum: one process computes it here."""
    return tensor(regularization_loss).sum()


# --- embeddings, moments, normalization ----------------------------------------------------------


@enter()
def embedding_lookup(params, ids, max_norm=None, name=None):
    """The rows of a table."""
    rows = params[ids.long()]
    if max_norm is None:
        return rows
    norm = rows.norm(dim=-1, keepdim=True)
    return rows * (max_norm / norm.clamp(min=max_norm))


@enter()
def moments(x, axes, shift=None, keepdims=False, name=None, keep_dims=None):
    """Mean and variance over axes."""
    keepdims = keepdims if keep_dims is None else keep_dims
    axes = tuple(axes) if isinstance(axes, (list, tuple)) else (int(axes),)
    return x.mean(axes, keepdim=keepdims), x.var(axes, correction=0, keepdim=keepdims)


@enter()
def batch_normalization(x, mean, variance, offset, scale, variance_epsilon, name=None):
    """`(x - mean) / sqrt(variance + epsilon) * scale + offset`."""
    inverse = torch.rsqrt(variance + variance_epsilon)
    inverse = inverse if scale is None else inverse * scale
    return x * inverse + ((0 if offset is None else offset) - mean * inverse)


@enter("lrn")
def local_response_normalization(input, depth_radius=5, bias=1, alpha=1, beta=0.5, name=None):
    """Each channel over the squares of those beside it."""
    width = 2 * depth_radius + 1
    squares = F.pad(input.square(), (depth_radius, depth_radius)).unfold(-1, width, 1).sum(-1)
    return input / (bias + alpha * squares) ** beta


# --- windows -------------------------------------------------------------------------------------


def _format(data_format):
    return "channels_first" if data_format and data_format.startswith("NC") else "channels_last"


def _inner(sizes, rank, data_format=None):
    """The sizes of the inner axes, of one number, of those, or of all axes."""
    if isinstance(sizes, int):
        return (sizes,) * rank
    sizes = [int(n) for n in sizes]
    if len(sizes) == rank + 2:
        return tuple(sizes[2:] if _format(data_format) == "channels_first" else sizes[1:-1])
    return tuple(sizes * rank if len(sizes) == 1 else sizes)


def _padding(padding):
    if not isinstance(padding, str):
        raise NotImplementedError("Padding by numbers: call tf.pad before, and padding='VALID'.")
    return padding.lower()


def _conv(rank):
    compute = {1: K.conv1d, 2: K.conv2d, 3: K.conv3d}[rank]

    def conv(input, filters, strides, padding, data_format=None, dilations=1, name=None):
        strides = _inner(strides, rank, data_format)
        dilations = _inner(dilations or 1, rank, data_format)
        one = (strides[0], dilations[0]) if rank == 1 else (strides, dilations)
        return compute(input, filters, one[0], _padding(padding), _format(data_format), one[1])

    conv.__name__ = f"conv{rank}d"
    conv.__doc__ = "A convolution with a kernel in the axes of Keras."
    return function(conv)


MEMBERS |= {f"conv{rank}d": _conv(rank) for rank in (1, 2, 3)}


@enter()
def depthwise_conv2d(
    input, filter, strides, padding, data_format=None, dilations=(1, 1), name=None
):
    """A convolution of each channel by itself."""
    strides = _inner(strides, 2, data_format)
    return K.depthwise_conv2d(
        input, filter, strides, _padding(padding), _format(data_format), _inner(dilations or 1, 2)
    )


@enter()
def conv2d_transpose(
    input, filters, output_shape, strides, padding="SAME", data_format="NHWC", dilations=None,
    name=None,
):  # fmt: skip
    """The transpose of `conv2d`."""
    return K.conv2d_transpose(
        input, filters, tuple(shape_of(output_shape)), _inner(strides, 2, data_format),
        _padding(padding), _format(data_format),
    )  # fmt: skip


def _pool(rank, mode):
    compute = {1: None, 2: K.pool2d, 3: K.pool3d}[rank]

    def pool(input, ksize, strides, padding, data_format=None, name=None):
        sizes = [_inner(n, rank, data_format) for n in (ksize, strides)]
        if rank == 1:
            sizes = [(*n, 1) for n in sizes]
            return K.pool2d(
                input.unsqueeze(2), *sizes, _padding(padding), _format(data_format), mode
            ).squeeze(2)
        return compute(input, *sizes, _padding(padding), _format(data_format), mode)

    pool.__name__ = f"{mode}_pool{rank}d"
    return function(pool)


MEMBERS |= {
    f"{mode}_pool{rank}d": _pool(rank, mode) for mode in ("max", "avg") for rank in (1, 2, 3)
}
MEMBERS |= {"max_pool": MEMBERS["max_pool2d"], "avg_pool": MEMBERS["avg_pool2d"]}


@enter()
def normalize(tensor, ord="euclidean", axis=None, name=None):
    """A tensor over its norm, and the norm."""
    norm = known("norm")(tensor, ord=ord, axis=axis, keepdims=True)
    return tensor / norm, norm
