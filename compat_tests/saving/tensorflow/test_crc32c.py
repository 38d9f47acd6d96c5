"""Checksums against the values that RFC 3720 publishes, and against a walk byte by byte."""

import numpy as np
import pytest

from torchkeras.saving.tensorflow.crc32c import crc32c, masked

PUBLISHED = {
    bytes(32): 0x8A9136AA,
    b"\xff" * 32: 0x62A8AB43,
    bytes(range(32)): 0x46DD794E,
    b"123456789": 0xE3069283,
    b"": 0,
}


def one_by_one(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


@pytest.mark.parametrize("data", PUBLISHED)
def test_published_values(data):
    assert crc32c(data) == PUBLISHED[data]


@pytest.mark.parametrize("size", [1, 4096 * 16, 4096 * 17 + 5])
def test_lanes_agree_with_a_walk_and_go_on(size):
    data = np.random.default_rng(size).integers(0, 256, size, dtype=np.uint8).tobytes()
    assert crc32c(data) == one_by_one(data)
    half = size // 2
    assert crc32c(data[half:], crc32c(data[:half])) == crc32c(data)


def test_masked_differs_and_can_be_undone():
    crc = crc32c(b"123456789")
    turned = (masked(b"123456789") - 0xA282EAD8) & 0xFFFFFFFF
    assert (turned >> 17 | turned << 15) & 0xFFFFFFFF == crc
