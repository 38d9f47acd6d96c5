"""Draws that depend on a seed alone, bit for bit those of TensorFlow's stateless random ops.

The generator is Philox4x32-10 (Salmon et al., 2011): ten rounds of multiplying and mixing turn a
counter and a key into four words of 32 bits. Words are held in int64 tensors, as torch has no
arithmetic for unsigned ones; a product then wraps at 64 bits, which keeps every bit that counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

_WORD = 0xFFFFFFFF
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
_SCRAMBLING_KEY = (0x3EC8F720, 0x02461E29)

# Mantissa bits by dtype: a uniform number is that many random bits as a fraction.
_FRACTION = {torch.float16: 10, torch.bfloat16: 7, torch.float32: 23}
_FLOATS = (*_FRACTION, torch.float64)

# Every group of outputs of a truncated normal has this many words per output to reject from.
_RESERVED = 256


def uniform(
    seed: int, shape: Sequence[int], minval=0.0, maxval=1.0, dtype=torch.float32, device=None
) -> Tensor:
    """Uniform numbers of `[minval, maxval)`, those of `tf.random.stateless_uniform([seed, 0])`.

    `dtype`: float16, bfloat16, float32, float64, int32 or int64.

    >>> [round(x, 4) for x in uniform(1, (3,)).tolist()]
    [0.8785, 0.46, 0.6003]
    """
    if dtype in (torch.int32, torch.int64):
        span = int(maxval) - int(minval)
        draw, width = _integers(dtype, int(minval), span), 4 if dtype is torch.int32 else 2
        return _fill(seed, shape, dtype, device, width, draw)
    low = _scalar(minval, _float(dtype))
    values = _fill(seed, shape, dtype, device, _width(dtype), lambda words: _fraction(words, dtype))
    return values.mul_(_scalar(maxval, dtype) - low).add_(low)


def normal(
    seed: int, shape: Sequence[int], mean=0.0, stddev=1.0, dtype=torch.float32, device=None
) -> Tensor:
    """Normal numbers, those of `tf.random.stateless_normal([seed, 0])` to the last bits.

    >>> [round(x, 4) for x in normal(1, (3,)).tolist()]
    [0.1267, -0.493, 0.6312]
    """
    work = _work(_float(dtype))
    values = _fill(seed, shape, dtype, device, _width(work), lambda words: _box_muller(words, work))
    return _scaled(values, mean, stddev)


def truncated_normal(
    seed: int, shape: Sequence[int], mean=0.0, stddev=1.0, dtype=torch.float32, device=None
) -> Tensor:
    """Normal numbers less than two standard deviations from the mean; others are drawn again.

    Those of `tf.random.stateless_truncated_normal([seed, 0])` to the last bits.

    >>> bool(truncated_normal(1, (1000,), stddev=0.1).abs().max() < 0.2)
    True
    """
    work = _work(_float(dtype))
    width = _width(work)
    stride = _RESERVED * width // 4
    key, counter = _key_and_counter(seed)

    def draw(start, count, where):
        first = torch.arange(start, start + count, device=where) * stride
        result = torch.empty(count, width, dtype=work, device=where)
        filled = torch.zeros(count, dtype=torch.int64, device=where)
        groups = torch.arange(count, device=where)
        for attempt in range(stride):
            values = _box_muller(_philox(first[groups] + attempt, counter, key), work)
            good = values.abs() < 2
            place = filled[groups, None] + good.cumsum(1) - 1
            good &= place < width
            row, column = good.nonzero(as_tuple=True)
            result[groups[row], place[row, column]] = values[row, column]
            filled[groups] += good.sum(1)
            groups = groups[filled[groups] < width]
            if not len(groups):
                break
        return result

    return _scaled(_in_chunks(shape, dtype, device, width, draw), mean, stddev)


def _scaled(values, mean, stddev):
    return values.mul_(_scalar(stddev, values.dtype)).add_(_scalar(mean, values.dtype))


def words(seed: int, seed2: int, start: int, count: int) -> Tensor:
    """Words `start` to `start + count` of the stream with this pair of seeds, as int64.

    The stream is that of TensorFlow's data sets, whose seeds are key and counter themselves.

    >>> words(87654321, 4, 0, 2).tolist()
    [3128586565, 2023892699]
    """
    first, last = start // 4, -(-(start + count) // 4)
    halves = [[number & _WORD, (number >> 32) & _WORD] for number in (seed2, seed)]
    drawn = _philox(torch.arange(first, last, device="cpu"), *halves)
    flat = torch.stack([word & _WORD for word in drawn], 1).flatten()
    return flat[start - 4 * first :][:count]


def _scalar(value, dtype):
    """A number rounded to the dtype, for torch would take a Python number in more digits."""
    return torch.tensor(value, dtype=dtype, device="cpu")


def _fill(seed, shape, dtype, device, width, convert: Callable[[list[Tensor]], Tensor]) -> Tensor:
    key, counter = _key_and_counter(seed)

    def draw(start, count, where):
        blocks = torch.arange(start, start + count, device=where)
        return convert(_philox(blocks, counter, key))

    return _in_chunks(shape, dtype, device, width, draw)


def _in_chunks(shape, dtype, device, width, draw):
    """A tensor filled by `draw(first group, groups, device)`, `width` outputs a group."""
    device = torch.device(device or "cpu")
    out = torch.empty(tuple(shape), dtype=dtype, device=device)
    size = out.numel()
    if device.type == "meta" or not size:
        return out
    where = device if device.type == "cuda" else torch.device("cpu")  # others lack float64
    flat = out.view(-1)
    chunk = 2**22 if where.type == "cuda" else 2**15  # a chunk on the CPU stays in its cache
    for start in range(0, -(-size // width), chunk):
        count = min(chunk, -(-size // width) - start)
        values = draw(start, count, where).reshape(-1)
        begin = start * width
        flat[begin : begin + len(values)] = values[: size - begin]
    return out


def _key_and_counter(seed: int) -> tuple[list[int], list[int]]:
    """The key, and the upper half of the counter, that the pair `[seed, 0]` stands for."""
    low, high = seed & _WORD, (seed >> 32) & _WORD
    if high >= 2**31:  # as a signed number, which is what int64 holds
        high -= 2**32
    block = torch.tensor([low | high << 32], device="cpu")
    words = [int(word) for word in _philox(block, [0, 0], _SCRAMBLING_KEY)]
    return words[:2], words[2:]


def _philox(blocks: Tensor, upper: Sequence[int], key: Sequence[int]) -> list[Tensor]:
    """Four words for each counter: `blocks` (int64) is its lower half, `upper` its upper words."""
    c0, c1 = blocks & _WORD, (blocks >> 32) & _WORD
    c2, c3 = torch.full_like(c0, upper[0]), torch.full_like(c0, upper[1])
    k0, k1 = key
    for _ in range(10):
        left, right = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0 = (right >> 32).bitwise_xor_(c1).bitwise_xor_(k0).bitwise_and_(_WORD)
        c2 = (left >> 32).bitwise_xor_(c3).bitwise_xor_(k1).bitwise_and_(_WORD)
        c1, c3 = right, left  # only their low words count: what reads them masks
        k0, k1 = (k0 + _KEY_STEPS[0]) & _WORD, (k1 + _KEY_STEPS[1]) & _WORD
    return [c0, c1 & _WORD, c2, c3 & _WORD]


def _float(dtype):
    if dtype not in _FLOATS:
        raise ValueError(f"Random numbers need a floating-point dtype; received {dtype}.")
    return dtype


def _work(dtype):
    return torch.float64 if dtype is torch.float64 else torch.float32


def _width(dtype):
    """Outputs a block: four words make two doubles."""
    return 2 if dtype is torch.float64 else 4


def _fraction(words, dtype):
    if dtype is torch.float64:
        bits = [(high & 0xFFFFF) << 32 | low for high, low in (words[:2], words[2:])]
        return torch.stack(bits, 1).double().mul_(2.0**-52)
    width = _FRACTION[dtype]
    return (torch.stack(words, 1) & (2**width - 1)).to(dtype).mul_(2.0**-width)


def _integers(dtype, low, span):
    if dtype is torch.int32:
        return lambda words: torch.stack(words, 1) % span + low
    # (high * 2**32 + low) % span without leaving the 63 bits that int64 has
    if span >= 2**31:
        raise ValueError(f"An int64 range of at most 2**31 - 1 can be drawn; received {span}.")
    shift = 2**32 % span

    def convert(words):
        pairs = [(words[1] % span * shift + words[0]) % span, (words[3] % span * shift + words[2])]
        return torch.stack(pairs, 1) % span + low

    return convert


def _box_muller(words, dtype):
    """Pairs of normal numbers from pairs of uniform ones, rounded where TensorFlow rounds."""
    if dtype is torch.float64:
        radius, angle = _fraction(words, dtype).unbind(1)
        radius = radius.clamp_(min=1e-7).log_().mul_(-2).sqrt_()
        angle = angle.mul_(2 * math.pi)
        return torch.stack([angle.sin() * radius, angle.cos() * radius], 1)
    numbers = _fraction(words, dtype)
    # The functions are taken in double precision: correctly rounded floats, on every device.
    radius = numbers[:, 0::2].clamp(min=1e-7).double().log_().float().mul_(-2).sqrt_()
    angle = numbers[:, 1::2].double().mul_(2 * math.pi).float().double()
    pairs = torch.stack([angle.sin().float() * radius, angle.cos().float() * radius], 2)
    return pairs.reshape(-1, 4)
