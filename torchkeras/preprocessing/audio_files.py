"""`audio_dataset_from_directory`: WAV files as batches of samples."""

from __future__ import annotations

import math
import wave
from typing import Any

import numpy as np
import torch

from .labelled_files import Plan, dataset_of


def audio_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Any = None,
    batch_size: int | None = 32,
    sampling_rate: int | None = None,
    output_sequence_length: int | None = None,
    ragged: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
) -> Any:
    """Batches of the sounds in the `.wav` files (16 bits) below a directory, one folder a class.

    Sounds are float32 `(batch_size, samples, channels)` of -1 to 1, cut or filled with zeros to
    `output_sequence_length`, else to the longest of the batch. `sampling_rate` resamples them,
    which needs scipy. Labels and subsets are as in `image_dataset_from_directory`.
    """
    if ragged:
        raise ValueError(
            "ragged=True asks for ragged tensors, which torch's layers do not take; leave it out, "
            "and batches are filled with zeros."
        )
    if sampling_rate is not None and (not isinstance(sampling_rate, int) or sampling_rate <= 0):
        raise ValueError(f"`sampling_rate` must be a positive integer; received {sampling_rate!r}.")

    def load(path):
        samples, rate = read_wav(path)
        samples = samples[:output_sequence_length]
        missing = (output_sequence_length or 0) - len(samples)
        samples = np.pad(samples, ((0, max(0, missing)), (0, 0)))
        if sampling_rate is not None:
            samples = _resampled(samples, rate, sampling_rate)
        return torch.from_numpy(samples)

    plan = Plan(
        directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split,
        subset, follow_links,
    )  # fmt: skip
    return dataset_of(plan, (".wav",), "audio", load, padded=output_sequence_length is None)


def read_wav(path: Any) -> tuple[np.ndarray, int]:
    """The samples `(n, channels)` of a WAV file as float32 of -1 to 1, and how many a second."""
    try:
        with wave.open(str(path), "rb") as file:
            if file.getsampwidth() != 2:
                raise ValueError(f"{8 * file.getsampwidth()} bits a sample; expected 16")
            data = file.readframes(file.getnframes())
            if len(data) != file.getnframes() * file.getnchannels() * 2:
                raise ValueError("it is cut short")
            samples = np.frombuffer(data, "<i2").reshape(-1, file.getnchannels())
            return samples.astype(np.float32) / 32768, file.getframerate()
    except (wave.Error, EOFError, ValueError) as error:
        raise ValueError(f"Cannot read {path} as 16-bit WAV: {error}.") from None


def _resampled(samples, rate, wanted):
    try:
        from scipy.signal import resample_poly
    except ImportError:
        raise ImportError("`sampling_rate` needs scipy: pip install scipy.") from None
    common = math.gcd(rate, wanted)
    made = resample_poly(samples, wanted // common, rate // common, axis=0)
    return made.astype(np.float32)
