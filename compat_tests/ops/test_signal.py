"""torchkeras.ops.signal beside Keras 3 on torch."""

import numpy as np
import pytest
import torch

from compat_tests.check import check_op
from compat_tests.checks.backend import Draw
from torchkeras import ops

X = Draw(2, 8)
PAIR = [Draw(2, 8), Draw(2, 8)]
SOUND = Draw(2, 60)

CASES = [
    ("fft", (PAIR,), {}),
    ("fft2", ([Draw(2, 4, 6), Draw(2, 4, 6)],), {}),
    ("ifft2", ([Draw(2, 4, 6), Draw(2, 4, 6)],), {}),
    ("rfft", (X,), {}),
    ("rfft", (X, 12), {}),
    ("irfft", ([Draw(2, 5), Draw(2, 5)],), {}),
    ("irfft", ([Draw(2, 5), Draw(2, 5)], 7), {}),
    ("extract_sequences", (SOUND, 8, 3), {}),
    ("stft", (SOUND, 12, 4, 16), {}),
    ("stft", (SOUND, 12, 4, 12), {"window": "hamming", "center": False}),
    ("stft", (Draw(2, 3, 60), 12, 4, 12), {"window": None}),
    ("stft", (SOUND, 12, 4, 16), {"window": np.linspace(0.5, 1.0, 12).astype("float32")}),
]


@pytest.mark.parametrize("name, args, kwargs", CASES)
def test_signals(name, args, kwargs):
    check_op(name, *args, batches=1 if name == "stft" else 2, tolerance=1e-5, **kwargs)


@pytest.mark.parametrize(
    "how",
    [
        dict(window="hann"),
        dict(window="hamming"),
        dict(window="hann", length=50),
        dict(window="hann", shape=(2, 3, 60)),
    ],
    ids=str,
)
def test_istft(how):
    """The inverse gives the signal back, as Keras 3's does."""
    x = np.random.default_rng(0).normal(size=how.pop("shape", (2, 60))).astype("float32")
    pair = [part.numpy() for part in ops.stft(x, 12, 3, 12, window=how["window"])]
    check_op("istft", pair, 12, 3, 12, tolerance=2e-5, batches=2, gradient=False, **how)
    found = ops.istft(pair, 12, 3, 12, **how)
    torch.testing.assert_close(
        found, torch.from_numpy(x[..., : found.shape[-1]]), rtol=1e-4, atol=1e-4
    )


def test_istft_without_a_centre():
    x = np.random.default_rng(0).normal(size=(60,)).astype("float32")
    found = ops.istft(ops.stft(x, 12, 4, 16, center=False), 12, 4, 16, center=False)
    torch.testing.assert_close(
        found[14:-14], torch.from_numpy(x[14 : len(found) - 14]), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: ops.fft(np.ones(3)), "Expected the pair"),
        (lambda: ops.fft((np.ones(3), np.ones(2))), "floats of one shape"),
        (lambda: ops.stft(np.ones(30), 12, 4, 8), "must not be less than sequence_length=12"),
        (lambda: ops.stft(np.ones(30), 12, 4, 12, window="flat"), "window must be 'hann'"),
        (lambda: ops.stft(np.ones(30), 12, 4, 12, window=np.ones(3)), "must have the shape"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
