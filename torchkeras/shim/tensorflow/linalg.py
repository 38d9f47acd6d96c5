"""`tf.linalg` and `tf.signal`: torch's under TensorFlow's names."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from ...precision import torch_dtype
from .calls import function, known, shape_of, tensor

LINALG: dict[str, Any] = {
    "matmul": known("linalg.matmul"),
    "tensordot": known("tensordot"),
    "norm": known("norm"),
    "l2_normalize": known("math.l2_normalize"),
}
SIGNAL: dict[str, Any] = {}


def _enter(table, *names):
    def add(compute):
        wrapped = function(compute)
        for name in (compute.__name__, *names):
            table[name] = wrapped
        return wrapped

    return add


# name: torch's function of one matrix, or of a batch of them
for _name, _compute in {
    "det": torch.linalg.det,
    "trace": lambda x: x.diagonal(dim1=-2, dim2=-1).sum(-1),
    "diag_part": lambda x: x.diagonal(dim1=-2, dim2=-1),
    "tensor_diag_part": lambda x: x.diagonal(),
    "tensor_diag": torch.diag_embed,
    "diag": torch.diag_embed,
    "expm": torch.matrix_exp,
    "eigvalsh": torch.linalg.eigvalsh,
    "eigvals": torch.linalg.eigvals,
    "adjoint": lambda x: x.mH,
    "matrix_transpose": lambda x: x.mT,
    "cholesky": torch.linalg.cholesky,
    "logdet": torch.logdet,
}.items():

    def _matrix(input, name=None, compute=_compute):
        return compute(input)

    _matrix.__name__ = _name
    LINALG[_name] = function(_matrix)
LINALG["cross"] = function(lambda a, b, name=None: torch.linalg.cross(a, b))
LINALG["eigh"] = function(lambda input, name=None: tuple(torch.linalg.eigh(input)))
LINALG["eig"] = function(lambda input, name=None: tuple(torch.linalg.eig(input)))
LINALG["slogdet"] = function(lambda input, name=None: tuple(torch.linalg.slogdet(input)))


@_enter(LINALG)
def inv(input, adjoint=False, name=None):
    return torch.linalg.inv(input.mH if adjoint else input)


@_enter(LINALG)
def pinv(a, rcond=None, validate_args=False, name=None):
    return torch.linalg.pinv(a) if rcond is None else torch.linalg.pinv(a, rtol=rcond)


@_enter(LINALG)
def solve(matrix, rhs, adjoint=False, name=None):
    return torch.linalg.solve(matrix.mH if adjoint else matrix, rhs)


@_enter(LINALG)
def lstsq(matrix, rhs, l2_regularizer=0.0, fast=True, name=None):
    if l2_regularizer:
        eye = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
        return torch.linalg.solve(matrix.mT @ matrix + l2_regularizer * eye, matrix.mT @ rhs)
    return torch.linalg.lstsq(matrix, rhs).solution


@_enter(LINALG)
def triangular_solve(matrix, rhs, lower=True, adjoint=False, name=None):
    matrix = matrix.mH if adjoint else matrix
    return torch.linalg.solve_triangular(matrix, rhs, upper=lower == adjoint)


@_enter(LINALG)
def svd(tensor, full_matrices=False, compute_uv=True, name=None):
    if not compute_uv:
        return torch.linalg.svdvals(tensor)
    u, s, vh = torch.linalg.svd(tensor, full_matrices=full_matrices)
    return s, u, vh.mH


@_enter(LINALG)
def qr(input, full_matrices=False, name=None):
    return tuple(torch.linalg.qr(input, "complete" if full_matrices else "reduced"))


@_enter(LINALG)
def matvec(
    a, b, transpose_a=False, adjoint_a=False, a_is_sparse=False, b_is_sparse=False, name=None
):
    return ((a.mT if transpose_a or adjoint_a else a) @ b.unsqueeze(-1)).squeeze(-1)


@_enter(LINALG)
def band_part(input, num_lower, num_upper, name=None):
    rows, columns = (torch.arange(n, device=input.device) for n in input.shape[-2:])
    below = rows.unsqueeze(1) - columns
    kept = (int(num_lower) < 0) | (below <= int(num_lower))
    kept = kept & ((int(num_upper) < 0) | (-below <= int(num_upper)))
    return torch.where(kept, input, torch.zeros((), dtype=input.dtype, device=input.device))


@_enter(LINALG)
def set_diag(input, diagonal, name=None):
    result = input.clone()
    result.diagonal(dim1=-2, dim2=-1).copy_(tensor(diagonal))
    return result


@_enter(LINALG)
def global_norm(t_list, name=None):
    return torch.stack([tensor(t).square().sum() for t in t_list if t is not None]).sum().sqrt()


def einsum(equation: str, *inputs: Any, **kwargs: Any) -> Any:
    """Sums of products, as the equation says."""
    return _einsum(list(inputs), equation)


@function
def _einsum(inputs, equation):
    return torch.einsum(equation.replace(" ", ""), *inputs)


LINALG["einsum"] = einsum


def eye(*args: Any, **kwargs: Any) -> Any:
    """Ones on the diagonal."""
    from .arrays import eye as make

    return make(*args, **kwargs)


LINALG["eye"] = eye

# --- signal --------------------------------------------------------------------------------------

for _name in ("fft", "ifft", "fft2d", "ifft2d", "fft3d", "ifft3d"):
    _rank = int(_name[-2]) if _name.endswith("d") else 1
    _compute = torch.fft.ifftn if _name[0] == "i" else torch.fft.fftn

    def _transform(
        input,
        name=None,
        rank=_rank,
        compute=_compute,
    ):
        return compute(input, dim=tuple(range(-rank, 0)))

    _transform.__name__ = _name
    SIGNAL[_name] = function(_transform)


@_enter(SIGNAL)
def rfft(input_tensor, fft_length=None, name=None):
    length = None if fft_length is None else shape_of(fft_length)[0]
    return torch.fft.rfft(input_tensor, length)


@_enter(SIGNAL)
def irfft(input_tensor, fft_length=None, name=None):
    length = None if fft_length is None else shape_of(fft_length)[0]
    return torch.fft.irfft(input_tensor, length)


@_enter(SIGNAL)
def rfft2d(input_tensor, fft_length=None, name=None):
    return torch.fft.rfft2(input_tensor, None if fft_length is None else shape_of(fft_length))


@_enter(SIGNAL)
def irfft2d(input_tensor, fft_length=None, name=None):
    return torch.fft.irfft2(input_tensor, None if fft_length is None else shape_of(fft_length))


@_enter(SIGNAL)
def fftshift(x, axes=None, name=None):
    return torch.fft.fftshift(x, axes)


@_enter(SIGNAL)
def ifftshift(x, axes=None, name=None):
    return torch.fft.ifftshift(x, axes)


def _window(name, make):
    def window(window_length, periodic=True, dtype=torch.float32, name=None):
        # of an even length TensorFlow's is periodic, of an odd length never
        return make(int(window_length), periodic=periodic and int(window_length) % 2 == 0).to(
            torch_dtype(dtype)
        )

    window.__name__ = name
    return window


hann_window = SIGNAL["hann_window"] = _window("hann_window", torch.hann_window)
SIGNAL["hamming_window"] = _window("hamming_window", torch.hamming_window)


@_enter(SIGNAL)
def frame(signal, frame_length, frame_step, pad_end=False, pad_value=0, axis=-1, name=None):
    signal = tensor(signal).movedim(int(axis), -1)
    length, step = int(frame_length), int(frame_step)
    if pad_end:
        count = -(-signal.shape[-1] // step)
        signal = F.pad(
            signal, (0, max((count - 1) * step + length - signal.shape[-1], 0)), value=pad_value
        )
    elif signal.shape[-1] < length:
        return signal.new_zeros(*signal.shape[:-1], 0, length)
    framed = signal.unfold(-1, length, step)
    return framed if axis in (-1,) else framed.movedim(-2, int(axis)).movedim(-1, int(axis) + 1)


@_enter(SIGNAL)
def stft(
    signals,
    frame_length,
    frame_step,
    fft_length=None,
    window_fn=hann_window,
    pad_end=False,
    name=None,
):
    length = int(fft_length or 1 << (int(frame_length) - 1).bit_length())
    framed = SIGNAL["frame"](signals, frame_length, frame_step, pad_end)
    if window_fn is not None:
        framed = framed * window_fn(int(frame_length), dtype=framed.dtype).to(framed.device)
    return torch.fft.rfft(framed, length)


@_enter(SIGNAL)
def overlap_and_add(signal, frame_step, name=None):
    signal = tensor(signal)
    frames, length = signal.shape[-2:]
    starts = torch.arange(frames, device=signal.device) * int(frame_step)
    places = (starts.unsqueeze(1) + torch.arange(length, device=signal.device)).flatten()
    total = (frames - 1) * int(frame_step) + length
    added = signal.new_zeros(*signal.shape[:-2], total)
    return added.index_add(-1, places, signal.flatten(-2))


@_enter(SIGNAL)
def inverse_stft(
    stfts, frame_length, frame_step, fft_length=None, window_fn=hann_window, name=None
):
    length = int(frame_length)
    whole = int(fft_length or 1 << (length - 1).bit_length())
    frames = torch.fft.irfft(tensor(stfts), whole)[..., :length]
    frames = F.pad(frames, (0, length - frames.shape[-1]))
    if window_fn is not None:
        frames = frames * window_fn(length, dtype=frames.dtype).to(frames.device)
    return SIGNAL["overlap_and_add"](frames, frame_step)


@_enter(SIGNAL)
def inverse_stft_window_fn(frame_step, forward_window_fn=hann_window, name=None):
    def window(frame_length, dtype=torch.float32):
        forward, step = forward_window_fn(int(frame_length), dtype=dtype), int(frame_step)
        squares = F.pad(forward.square(), (0, -int(frame_length) % step)).reshape(-1, step)
        overlapping = squares.sum(0).tile(len(squares))
        return forward / overlapping[: int(frame_length)]

    return window


@_enter(SIGNAL)
def linear_to_mel_weight_matrix(
    num_mel_bins=20, num_spectrogram_bins=129, sample_rate=8000, lower_edge_hertz=125.0,
    upper_edge_hertz=3800.0, dtype=torch.float32, name=None,
):  # fmt: skip
    def mel(hertz):
        return 1127.0 * torch.log1p(torch.as_tensor(hertz, dtype=torch.float64) / 700.0)

    bins = mel(
        torch.linspace(0, float(sample_rate) / 2, num_spectrogram_bins, dtype=torch.float64)[1:]
    )
    edges = torch.linspace(
        float(mel(lower_edge_hertz)),
        float(mel(upper_edge_hertz)),
        num_mel_bins + 2,
        dtype=torch.float64,
    )
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins.unsqueeze(1) - low) / (centre - low)
    falling = (high - bins.unsqueeze(1)) / (high - centre)
    weights = torch.minimum(rising, falling).clamp(min=0)
    return F.pad(weights, (0, 0, 1, 0)).to(torch_dtype(dtype))


@_enter(SIGNAL)
def mfccs_from_log_mel_spectrograms(log_mel_spectrograms, name=None):
    mels = tensor(log_mel_spectrograms)
    return SIGNAL["dct"](mels) / (2.0 * mels.shape[-1]) ** 0.5


@_enter(SIGNAL)
def dct(input, type=2, n=None, axis=-1, norm=None, name=None):
    if type != 2 or axis != -1 or n is not None:
        raise NotImplementedError("tf.signal.dct is here for type=2 along the last axis.")
    size = input.shape[-1]
    step = torch.arange(size, dtype=input.dtype, device=input.device)
    basis = 2 * torch.cos(torch.pi / size * (step.unsqueeze(1) + 0.5) * step)
    result = input @ basis
    if norm == "ortho":
        scale = torch.full((size,), (2 * size) ** -0.5, dtype=input.dtype, device=input.device)
        scale[0] = (4 * size) ** -0.5
        result = result * scale
    return result
