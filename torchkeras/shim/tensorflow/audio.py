"""`tf.audio`: WAV files of 16 bits."""

from __future__ import annotations

import io
import wave
from collections import namedtuple
from typing import Any

import numpy as np
import torch

from ...arrays import default_device
from ...data import Strings
from .calls import Namespace, tensor

DecodeWav = namedtuple("DecodeWav", "audio sample_rate")
_STEPS = 2**15  # between 0 and 1


def decode_wav(
    contents: Any, desired_channels: int = -1, desired_samples: int = -1, name: str | None = None
) -> DecodeWav:
    """What a file holds as floats from -1 to 1, `(samples, channels)`, and its rate.

    Samples and channels above those asked for are left out, missing ones are zeros and the last
    channel. ValueError for anything but WAV of 16 bits.
    """
    data = contents if isinstance(contents, bytes) else Strings.of(contents).numpy()
    try:
        with wave.open(io.BytesIO(data)) as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            frames = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"decode_wav cannot read its contents as a WAV file: {error}.") from None
    if width != 2:
        raise ValueError(f"decode_wav reads WAV of 16 bits; this one has {8 * width}.")
    samples = np.frombuffer(frames, "<i2").reshape(-1, channels).astype("float32") / _STEPS
    if int(desired_channels) >= 0:
        samples = samples[:, np.minimum(np.arange(int(desired_channels)), channels - 1)]
    if int(desired_samples) >= 0:
        samples = samples[: int(desired_samples)]
        samples = np.pad(samples, ((0, int(desired_samples) - len(samples)), (0, 0)))
    audio = torch.from_numpy(samples).to(default_device())
    return DecodeWav(audio, torch.tensor(rate, dtype=torch.int32))


def encode_wav(audio: Any, sample_rate: Any, name: str | None = None) -> Strings:
    """The bytes of a WAV file of 16 bits with the samples `(samples, channels)`."""
    samples = tensor(audio)
    if samples.ndim != 2:
        raise ValueError(
            f"encode_wav needs audio of shape (samples, channels); received {tuple(samples.shape)}."
        )
    samples = samples.detach().cpu().numpy().astype("float32") * _STEPS
    rounded = np.trunc(samples + np.copysign(0.5, samples))
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setparams((samples.shape[1], 2, int(sample_rate), 0, "NONE", ""))
        file.writeframes(np.clip(rounded, -_STEPS, _STEPS - 1).astype("<i2").tobytes())
    return Strings.of(made.getvalue())


AUDIO = Namespace("audio", decode_wav=decode_wav, encode_wav=encode_wav)
