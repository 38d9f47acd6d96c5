"""Fourier transforms, whole and in windows. Complex numbers are pairs of real tensors."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from .operands import inexact, public, recorded, tensor


def _complex(x):
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ValueError(f"Expected the pair (real, imaginary); received {x!r}.")
    real, imaginary = map(tensor, x)
    if real.shape != imaginary.shape or not real.is_floating_point():
        raise ValueError(
            "Real and imaginary parts must be floats of one shape; received "
            f"{tuple(real.shape)} {real.dtype} and {tuple(imaginary.shape)} {imaginary.dtype}."
        )
    return torch.complex(real, imaginary)


def _pair(x):
    return x.real, x.imag


@recorded
def fft(x: Any) -> tuple:
    """The Fourier transform along the last axis of a pair `(real, imaginary)`.

    >>> [part.tolist() for part in fft(([1.0, 1.0], [0.0, 0.0]))]
    [[2.0, 0.0], [0.0, 0.0]]
    """
    return _pair(torch.fft.fft(_complex(x)))


@recorded
def fft2(x: Any) -> tuple:
    """The Fourier transform along the last two axes of a pair `(real, imaginary)`."""
    return _pair(torch.fft.fft2(_complex(x)))


@recorded
def ifft2(x: Any) -> tuple:
    """The inverse of `fft2`."""
    return _pair(torch.fft.ifft2(_complex(x)))


@recorded
def rfft(x: Any, fft_length: int | None = None) -> tuple:
    """The first half of the Fourier transform of real numbers, cut or filled to `fft_length`."""
    return _pair(torch.fft.rfft(inexact(x), fft_length))


@recorded
def irfft(x: Any, fft_length: int | None = None) -> Any:
    """The inverse of `rfft`: real numbers, an even count unless `fft_length` is given."""
    return torch.fft.irfft(_complex(x), fft_length)


@recorded
def extract_sequences(x: Any, sequence_length: int, sequence_stride: int) -> Any:
    """Overlapping pieces of the last axis, `sequence_stride` apart, on a new axis.

    >>> extract_sequences([1, 2, 3, 4], 2, 1).tolist()
    [[1, 2], [2, 3], [3, 4]]
    """
    return tensor(x).unfold(-1, sequence_length, sequence_stride)


_WINDOWS = {"hann": torch.hann_window, "hamming": torch.hamming_window}


def _window(window, length, like):
    if window is None:
        return torch.ones(length, dtype=like.dtype, device=like.device)
    if isinstance(window, str):
        if window not in _WINDOWS:
            raise ValueError(f"window must be 'hann', 'hamming' or a tensor; received {window!r}.")
        return _WINDOWS[window](length, dtype=like.dtype, device=like.device)
    made = tensor(window, like.dtype).to(like.device)
    if made.shape != (length,):
        raise ValueError(f"window must have the shape ({length},); received {tuple(made.shape)}.")
    return made


def _centred(window, length):
    """The window in the middle of `length` places."""
    before = (length - len(window)) // 2
    return F.pad(window, (before, length - len(window) - before))


@recorded
def stft(
    x: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: Any = "hann",
    center: bool = True,
) -> tuple:
    """`rfft` of overlapping pieces of the last axis, each times a window: `(..., pieces, bins)`.

    `center` reflects half a piece at both ends, so that pieces are centred.
    """
    x = inexact(x)
    if fft_length < sequence_length:
        raise ValueError(
            f"fft_length={fft_length} must not be less than sequence_length={sequence_length}."
        )
    window = _centred(_window(window, sequence_length, x), fft_length)
    if center:
        half = fft_length // 2
        rows = F.pad(x.reshape(-1, 1, x.shape[-1]), (half, half), mode="reflect")
        x = rows.reshape(*x.shape[:-1], -1)
    return _pair(torch.fft.rfft(x.unfold(-1, fft_length, sequence_stride) * window))


@recorded
def istft(
    x: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: Any = "hann",
    center: bool = True,
) -> Any:
    """The inverse of `stft`: overlapping pieces added up, each divided by what windows add."""
    pieces = torch.fft.irfft(_complex(x), fft_length)
    count = pieces.shape[-2]
    whole = fft_length + sequence_stride * (count - 1)
    weights = torch.ones_like(pieces[..., :1, :])
    if window is not None:
        shape = _centred(_window(window, sequence_length, pieces), fft_length)
        pieces = pieces * shape
        weights = weights * shape.square()
    total = _added(pieces, sequence_stride, whole)
    if window is not None:
        weight = _added(weights.expand_as(pieces), sequence_stride, whole)
        total = torch.where(weight > 1e-11, total / weight, total)
    start = fft_length // 2 if center else 0
    stop = start + length if length is not None else whole - start if center else whole
    found = total[..., start:stop]
    missing = 0 if length is None else length - found.shape[-1]
    return F.pad(found, (0, missing)) if missing > 0 else found


def _added(pieces, stride, whole):
    rows = pieces.reshape(-1, *pieces.shape[-2:]).transpose(1, 2)
    folded = F.fold(rows, (1, whole), (1, pieces.shape[-1]), stride=(1, stride))
    return folded.reshape(*pieces.shape[:-2], whole)


__all__ = public(globals())
