"""Hashes of texts, bit for bit those of TensorFlow: FarmHash64 and SipHash, many texts at once.

FarmHash's Fingerprint64 (Pike and Alakuijala, Google, 2014) is frozen, SipHash-2-4 is keyed
(Aumasson and Bernstein, 2012). Texts of equal length are hashed together as rows of a matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

_K0, _K1, _K2 = (np.uint64(k) for k in (0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F))

_ONE = np.uint64(1)


def fingerprint64(texts: Sequence[bytes]) -> np.ndarray:
    """FarmHash64 of each text, uint64: `tf.strings.to_hash_bucket_fast` before its modulus.

    >>> [int(hash) for hash in fingerprint64([b"", b"a"])]
    [11160318154034397263, 12917804110809363939]
    """
    return _by_length(texts, _farm_hash)


def siphash64(texts: Sequence[bytes], key: Sequence[int]) -> np.ndarray:
    """SipHash-2-4 of each text, uint64, with a key of two integers:
    `tf.strings.to_hash_bucket_strong` before its modulus."""
    low, high = (np.uint64(part % 2**64) for part in key)
    return _by_length(texts, lambda rows, size: _sip_hash(rows, size, low, high))


def join_fingerprints(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """A fingerprint of two, as TensorFlow crosses features; depends on their order."""
    factor = np.uint64(0xC6A4A7935BD1E995)
    result = (one ^ factor ^ (_mixed(other * factor) * factor)) * factor
    return _mixed(_mixed(result) * factor)


def _by_length(texts, hash_rows: Callable):
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    result = np.empty(len(texts), np.uint64)
    for size in np.unique(lengths):
        places = np.flatnonzero(lengths == size)
        joined = b"".join([texts[place] for place in places])
        rows = np.frombuffer(joined, np.uint8).reshape(len(places), size)
        result[places] = hash_rows(rows, int(size))
    return result


def _words(rows, start, kind="<u8"):
    """The number that stands at `start` in each row."""
    width = np.dtype(kind).itemsize
    found = np.ascontiguousarray(rows[:, start : start + width]).view(kind)[:, 0]
    return found.astype(np.uint64)


def _turned(x, bits, left=False):
    """The bits of `x` turned to the right (as FarmHash does) or to the left (SipHash)."""
    bits = 64 - bits if left else bits
    return (x >> np.uint64(bits)) | (x << np.uint64(64 - bits))


def _mixed(x):
    return x ^ (x >> np.uint64(47))


# --- FarmHash --------------------------------------------------------------------------------


def _farm_hash(rows, size):
    factor = np.uint64((int(_K2) + 2 * size) % 2**64)
    if size > 64:
        return _farm_long(rows, size)
    if size > 32:
        return _farm_33_to_64(rows, size, factor)
    if size > 16:
        a, b = _words(rows, 0) * _K1, _words(rows, 8)
        return _folded(*_farm_ends(rows, size, factor, a, b), factor)
    if size >= 8:
        a, b = _words(rows, 0) + _K2, _words(rows, size - 8)
        c, d = _turned(b, 37) * factor + a, (_turned(a, 25) + b) * factor
        return _folded(c, d, factor)
    if size >= 4:
        first, last = _words(rows, 0, "<u4"), _words(rows, size - 4, "<u4")
        return _folded(np.uint64(size) + (first << np.uint64(3)), last, factor)
    if size:
        a, b, c = (rows[:, place].astype(np.uint64) for place in (0, size >> 1, size - 1))
        y, z = a + (b << np.uint64(8)), np.uint64(size) + (c << np.uint64(2))
        return _mixed(y * _K2 ^ z * _K0) * _K2
    return np.full(len(rows), _K2)


def _folded(u, v, factor):
    a = _mixed((u ^ v) * factor)
    return _mixed((v ^ a) * factor) * factor


def _farm_ends(rows, size, factor, a, b):
    c, d = _words(rows, size - 8) * factor, _words(rows, size - 16) * _K2
    return _turned(a + b, 43) + _turned(c, 30) + d, a + _turned(b + _K2, 18) + c


def _farm_33_to_64(rows, size, factor):
    a, b = _words(rows, 0) * _K2, _words(rows, 8)
    y, z = _farm_ends(rows, size, factor, a, b)
    z = _folded(y, z, factor)
    e, f = _words(rows, 16) * factor, _words(rows, 24)
    g = (y + _words(rows, size - 32)) * factor
    h = (z + _words(rows, size - 24)) * factor
    u = _turned(e + f, 43) + _turned(g, 30) + h
    return _folded(u, e + _turned(f + a, 18) + g, factor)


def _farm_long(rows, size):
    """Blocks of 64 bytes change a state of seven words; the last block ends with the text."""
    zero = np.zeros(len(rows), np.uint64)
    y = zero + np.uint64((81 * int(_K1) + 113) % 2**64)
    z = _mixed(y * _K2 + np.uint64(113)) * _K2
    x = zero + np.uint64(81 * int(_K2) % 2**64) + _words(rows, 0)
    state = x, y, z, (zero, zero), (zero, zero)
    for start in range(0, (size - 1) // 64 * 64, 64):
        state = _farm_block(rows, start, state, _K1)
    x, y, z, v, w = state
    factor = _K1 + ((z & np.uint64(0xFF)) << np.uint64(1))
    w = w[0] + np.uint64((size - 1) & 63), w[1]
    v = v[0] + w[0], v[1]
    w = w[0] + v[0], w[1]
    state = x, y, z, v, w
    x, y, z, v, w = _farm_block(rows, size - 64, state, factor, np.uint64(9))
    one = _folded(v[0], w[0], factor) + _mixed(y) * _K0 + z
    return _folded(one, _folded(v[1], w[1], factor) + x, factor)


def _farm_block(rows, start, state, factor, weight=_ONE):
    x, y, z, v, w = state
    x = _turned(x + y + v[0] + _words(rows, start + 8), 37) * factor
    y = _turned(y + v[1] + _words(rows, start + 48), 42) * factor
    x = x ^ (w[1] * weight)
    y = y + v[0] * weight + _words(rows, start + 40)
    z = _turned(z + w[0], 33) * factor
    v = _farm_half(rows, start, v[1] * factor, x + w[0])
    w = _farm_half(rows, start + 32, z + w[1], y + _words(rows, start + 16))
    return z, y, x, v, w


def _farm_half(rows, start, a, b):
    first, second, third, last = (_words(rows, start + 8 * n) for n in range(4))
    a = a + first
    b = _turned(b + a + last, 21)
    c = a
    a = a + second + third
    return a + last, b + _turned(a, 44) + c


# --- SipHash ---------------------------------------------------------------------------------


def _sip_hash(rows, size, low, high):
    whole = size // 8 * 8
    ended = np.zeros((len(rows), whole + 8), np.uint8)
    ended[:, :size] = rows
    ended[:, -1] = size & 0xFF
    zero = np.zeros(len(rows), np.uint64)
    start = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
    state = [
        zero + (key ^ np.uint64(word)) for key, word in zip((low, high) * 2, start, strict=True)
    ]
    for place in range(0, whole + 8, 8):
        word = _words(ended, place)
        state[3] = state[3] ^ word
        state = _sip_round(*_sip_round(*state))
        state[0] = state[0] ^ word
    state[2] = state[2] ^ np.uint64(0xFF)
    for _ in range(4):
        state = _sip_round(*state)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def _sip_round(a, b, c, d):
    a, c = a + b, c + d
    b, d = _turned(b, 13, left=True) ^ a, _turned(d, 16, left=True) ^ c
    a, c = _turned(a, 32), c + b
    a, b = a + d, _turned(b, 17, left=True) ^ c
    d, c = _turned(d, 21, left=True) ^ a, _turned(c, 32)
    return [a, b, c, d]
