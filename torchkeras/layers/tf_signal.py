"""TensorFlow's functions on signals and complex numbers, as saved graphs call them."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from .tf_table import as_number, as_tensor, entry


@entry()
def frame(signal, frame_length, frame_step, pad_end=False, pad_value=0, axis=-1, name=None):
    axis, length, step = int(axis) % signal.ndim, as_number(frame_length), as_number(frame_step)
    if pad_end:
        size = signal.shape[axis]
        missing = (-(-size // step) - 1) * step + length - size
        edges = [(0, 0)] * signal.ndim
        edges[axis] = (0, max(missing, 0))
        flat = [n for pair in reversed(edges) for n in pair]
        signal = F.pad(signal, flat, value=pad_value)
    return signal.unfold(axis, length, step).movedim(-1, axis + 1)


@entry()
def stft(
    signals, frame_length, frame_step, fft_length=None, window_fn=None, pad_end=False, name=None
):
    if window_fn is not None:
        raise ValueError("tf.signal.stft in a graph knows the Hann window alone.")
    frames = frame(signals, frame_length, frame_step, pad_end)
    length = as_number(frame_length)
    window = torch.hann_window(length, dtype=frames.dtype, device=frames.device)
    if fft_length is None:
        fft_length = 2 ** math.ceil(math.log2(length))
    return torch.fft.rfft(frames * window, as_number(fft_length))


def _length(value):
    """`[n]` or a tensor as the number that torch wants; None stays."""
    if value is None:
        return None
    return int(as_tensor(value).reshape(-1)[0])


@entry()
def rfft(input_tensor, fft_length=None, name=None):
    return torch.fft.rfft(input_tensor, _length(fft_length))


@entry()
def irfft(input_tensor, fft_length=None, name=None):
    return torch.fft.irfft(input_tensor, _length(fft_length))


@entry()
def fft(input, name=None):
    return torch.fft.fft(input)


@entry()
def ifft(input, name=None):
    return torch.fft.ifft(input)


@entry()
def fft2d(input, name=None):
    return torch.fft.fft2(input)


@entry()
def ifft2d(input, name=None):
    return torch.fft.ifft2(input)


@entry()
def dct(input, type=2, n=None, axis=-1, norm=None, name=None):
    """The cosine transform of kind 2: that of the mirrored signal, turned by half a step."""
    if type != 2 or axis != -1:
        raise ValueError(f"tf.signal.dct(type={type}, axis={axis}) in a graph is not supported.")
    if n is not None:
        input = F.pad(input, (0, int(n) - input.shape[-1]))
    size = input.shape[-1]
    places = torch.arange(size, dtype=input.dtype, device=input.device)
    waves = torch.cos(math.pi / size * (places + 0.5) * places[:, None])
    found = 2 * input @ waves.T
    if norm == "ortho":
        found = found * math.sqrt(0.5 / size)
        found = torch.cat([found[..., :1] * math.sqrt(0.5), found[..., 1:]], -1)
    return found


@entry()
def mfccs_from_log_mel_spectrograms(log_mel_spectrograms, name=None):
    size = log_mel_spectrograms.shape[-1]
    return dct(log_mel_spectrograms) * math.sqrt(0.5 / size)


@entry()
def real(input, name=None):
    return input.real if input.is_complex() else input


@entry()
def imag(input, name=None):
    return input.imag if input.is_complex() else torch.zeros_like(input)


@entry()
def angle(input, name=None):
    return torch.angle(input)


@entry()
def conj(x, name=None):
    return torch.conj(x).resolve_conj()


@entry("complex")
def complex_(real, imag, name=None):
    return torch.complex(real, imag)
