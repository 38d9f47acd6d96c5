"""TensorFlow's gathers, orders, products and matrices, as saved graphs call them."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from ..precision import torch_dtype
from .tf_table import as_list, as_tensor, either, entry

# --- elements and their order ----------------------------------------------------------------


@entry()
def einsum(equation, *inputs, **other):
    if not inputs:
        raise ValueError(
            "tf.einsum: the file does not say on what it is called, which Keras leaves out of "
            "files. Use an EinsumDense layer, or build the model in Python and load_weights()."
        )
    return torch.einsum(equation, *inputs)


@entry()
def gather_nd(params, indices, batch_dims=0, name=None, bad_indices_policy=""):
    indices = as_tensor(indices).long()
    if batch_dims:
        pairs = zip(params.unbind(0), indices.unbind(0), strict=True)
        return torch.stack([gather_nd(p, i, batch_dims - 1) for p, i in pairs])
    return params[tuple(indices.unbind(-1))]


@entry()
def reverse_sequence(input, seq_lengths, seq_axis=None, batch_axis=0, name=None):
    rows = input.movedim((int(batch_axis or 0), int(seq_axis)), (0, 1))
    lengths = as_tensor(seq_lengths).to(input.device).long().unsqueeze(-1)
    places = torch.arange(rows.shape[1], device=input.device).expand(rows.shape[:2])
    places = torch.where(places < lengths, lengths - 1 - places, places)
    places = places.reshape(*places.shape, *[1] * (rows.ndim - 2)).expand(rows.shape)
    return rows.gather(1, places).movedim((0, 1), (int(batch_axis or 0), int(seq_axis)))


@entry()
def sort(values, axis=-1, direction="ASCENDING", name=None):
    return torch.sort(values, axis, descending=direction == "DESCENDING").values


@entry()
def argsort(values, axis=-1, direction="ASCENDING", stable=False, name=None):
    found = torch.argsort(values, dim=axis, descending=direction == "DESCENDING", stable=True)
    return found.to(torch.int32)


@entry()
def roll(input, shift, axis, name=None):
    return torch.roll(input, shift, axis)


@entry()
def repeat(input, repeats, axis=None, name=None):
    repeats = repeats if isinstance(repeats, int) else as_tensor(repeats).long().to(input.device)
    return torch.repeat_interleave(input, repeats, axis)


@entry("slice")
def slice_(input_, begin, size, name=None):
    starts, sizes = as_list(begin), as_list(size)
    for axis, (start, count) in enumerate(zip(starts, sizes, strict=True)):
        count = input_.shape[axis] - int(start) if int(count) == -1 else int(count)
        input_ = input_.narrow(axis, int(start), count)
    return input_


@entry()
def sequence_mask(lengths, maxlen=None, dtype="bool", name=None):
    lengths = as_tensor(lengths)
    if maxlen is None:
        raise ValueError("tf.sequence_mask in a graph needs maxlen.")
    places = torch.arange(int(maxlen), device=lengths.device)
    return (places < lengths.unsqueeze(-1)).to(torch_dtype(dtype))


@entry()
def cumprod(x, axis=0, exclusive=False, reverse=False, name=None):
    x = x.flip(axis) if reverse else x
    if exclusive:
        first = torch.ones_like(x.narrow(axis, 0, 1))
        x = torch.cat([first, x.narrow(axis, 0, x.shape[axis] - 1)], axis)
    found = torch.cumprod(x, axis)
    return found.flip(axis) if reverse else found


@entry()
def eye(num_rows, num_columns=None, batch_shape=None, dtype="float32", name=None):
    made = torch.eye(int(num_rows), int(either(num_columns, num_rows)), dtype=torch_dtype(dtype))
    return made if batch_shape is None else made.expand(*as_list(batch_shape), *made.shape)


@entry("ensure_shape", "check_numerics", "debug_identity")
def same(x=None, shape=None, message=None, name=None, tensor=None, input=None):
    return either(x, tensor, input)


# --- more arithmetic --------------------------------------------------------------------------


@entry()
def erfc(x, name=None):
    return torch.erfc(x)


@entry()
def atan2(y, x, name=None):
    return torch.atan2(as_tensor(y), as_tensor(x))


@entry()
def xlogy(x, y, name=None):
    return torch.xlogy(x, y)


@entry()
def xdivy(x, y, name=None):
    return torch.where(as_tensor(x) == 0, torch.zeros_like(y), x / y)


@entry()
def multiply_no_nan(x, y, name=None):
    return torch.where(as_tensor(y) == 0, torch.zeros_like(x), x * y)


@entry()
def zero_fraction(value, name=None):
    return (value == 0).to(torch.float32).mean()


@entry()
def cumulative_logsumexp(x, axis=0, exclusive=False, reverse=False, name=None):
    if exclusive:
        raise ValueError("tf.math.cumulative_logsumexp(exclusive=True) is not supported.")
    x = x.flip(axis) if reverse else x
    found = torch.logcumsumexp(x, axis)
    return found.flip(axis) if reverse else found


@entry()
def reciprocal_no_nan(x, name=None):
    return torch.where(x == 0, torch.zeros_like(x), 1 / x)


@entry()
def rint(x, name=None):
    return torch.round(x)


@entry()
def erfinv(x, name=None):
    return torch.erfinv(x)


@entry()
def ndtri(x, name=None):
    return torch.special.ndtri(x)


@entry()
def count_nonzero(input, axis=None, keepdims=None, dtype="int64", name=None):
    axes = tuple(range(input.ndim)) if axis is None else tuple(as_list(axis))
    return (input != 0).sum(axes, keepdim=bool(keepdims)).to(torch_dtype(dtype))


@entry()
def accumulate_n(inputs, shape=None, tensor_dtype=None, name=None):
    return sum(as_list(inputs))


# --- matrices ---------------------------------------------------------------------------------


@entry("matrix_transpose")
def transposed(a, name=None, conjugate=False):
    return a.mT


@entry()
def matvec(a, b, transpose_a=False, adjoint_a=False, name=None, **other):
    return torch.matmul(a.mT if transpose_a or adjoint_a else a, b.unsqueeze(-1)).squeeze(-1)


@entry()
def trace(x, name=None):
    return torch.diagonal(x, dim1=-2, dim2=-1).sum(-1)


@entry("matrix_diag")
def diag(diagonal, name="diag", k=0, **other):
    return torch.diag_embed(diagonal, k)


@entry("matrix_diag_part")
def diag_part(input, name="diag_part", k=0, **other):
    return torch.diagonal(input, k, -2, -1)


@entry("matrix_band_part")
def band_part(input, num_lower, num_upper, name=None):
    rows = torch.arange(input.shape[-2], device=input.device)[:, None]
    columns = torch.arange(input.shape[-1], device=input.device)
    kept = torch.ones_like(rows + columns, dtype=torch.bool)
    if int(num_lower) >= 0:
        kept &= rows - columns <= int(num_lower)
    if int(num_upper) >= 0:
        kept &= columns - rows <= int(num_upper)
    return input * kept.to(input.dtype)


@entry("matrix_inverse")
def inv(input, adjoint=False, name=None):
    return torch.linalg.inv(input.mT if adjoint else input)


@entry("matrix_determinant")
def det(input, name=None):
    return torch.linalg.det(input)


@entry()
def cholesky(input, name=None):
    return torch.linalg.cholesky(input)


@entry()
def cross(a, b, name=None):
    return torch.linalg.cross(a, b)


@entry()
def adjoint(matrix, name=None):
    return matrix.mH


@entry("matrix_solve")
def solve(matrix, rhs, adjoint=False, name=None):
    return torch.linalg.solve(matrix.mH if adjoint else matrix, rhs)


@entry("matrix_exponential")
def expm(input, name=None):
    return torch.linalg.matrix_exp(input)


@entry()
def logdet(matrix, name=None):
    return torch.logdet(matrix)


@entry()
def pinv(a, rcond=None, validate_args=False, name=None):
    return torch.linalg.pinv(a, rtol=rcond)


@entry("matrix_set_diag")
def set_diag(input, diagonal, name="set_diag", k=0, **other):
    found = input.clone()
    torch.diagonal(found, int(k), -2, -1).copy_(as_tensor(diagonal, input))
    return found


@entry("clip_by_norm")
def clipped_by_norm(t, clip_norm, axes=None, name=None):
    size = torch.linalg.vector_norm(t, dim=axes, keepdim=True)
    return t * clip_norm / torch.clamp(size, min=clip_norm)


@entry()
def normalize(tensor, ord="euclidean", axis=None, name=None):
    order = 2 if ord == "euclidean" else ord
    size = torch.linalg.vector_norm(tensor, order, dim=axis, keepdim=True)
    return [tensor / size, size]


# --- statistics and losses --------------------------------------------------------------------


@entry()
def moments(x, axes, shift=None, keepdims=False, name=None, keep_dims=None):
    axes, keepdims = as_list(axes), bool(either(keep_dims, keepdims))
    return [x.mean(axes, keepdim=keepdims), x.var(axes, correction=0, keepdim=keepdims)]


@entry()
def batch_normalization(x, mean, variance, offset, scale, variance_epsilon, name=None):
    factor = torch.rsqrt(variance + variance_epsilon)
    factor = factor if scale is None else factor * scale
    shifted = (x - mean) * factor
    return shifted if offset is None else shifted + offset


@entry()
def sigmoid_cross_entropy_with_logits(labels=None, logits=None, name=None):
    return F.binary_cross_entropy_with_logits(logits, labels, reduction="none")


@entry()
def weighted_cross_entropy_with_logits(labels=None, logits=None, pos_weight=None, name=None):
    return F.binary_cross_entropy_with_logits(
        logits, labels, reduction="none", pos_weight=as_tensor(pos_weight, logits)
    )


@entry()
def sparse_softmax_cross_entropy_with_logits(labels=None, logits=None, name=None):
    wanted = labels.long().unsqueeze(-1)
    return -torch.log_softmax(logits, -1).gather(-1, wanted).squeeze(-1)


@entry("softmax_cross_entropy_with_logits_v2")
def softmax_cross_entropy_with_logits(labels, logits, axis=-1, name=None, **other):
    return -(labels * torch.log_softmax(logits, axis)).sum(axis)


@entry()
def l2_loss(t, name=None):
    return t.square().sum() / 2


@entry()
def crelu(features, axis=-1, name=None):
    return F.relu(torch.cat([features, -features], axis))


@entry("lrn")
def local_response_normalization(input, depth_radius=5, bias=1.0, alpha=1.0, beta=0.5, name=None):
    radius = int(depth_radius)
    padded = F.pad(input.square(), (radius, radius))
    return input / (bias + alpha * padded.unfold(-1, 2 * radius + 1, 1).sum(-1)) ** beta


@entry("embedding_lookup")
def looked_up(params, ids, max_norm=None, name=None, **other):
    if max_norm is not None:
        raise ValueError("tf.nn.embedding_lookup(max_norm=) in a graph is not supported.")
    return F.embedding(as_tensor(ids).long(), as_tensor(params))
