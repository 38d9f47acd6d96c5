"""Dropout masks, drawn cheaply where torch draws them one number at a time."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_WHOLE = -(2**63)  # with no upper bound: all 64 bits of a word are random


def dropout(inputs: Tensor, rate: float) -> Tensor:
    """Zero for a fraction `rate` of the values, the others times `1 / (1 - rate)`.

    What `F.dropout` computes, from `scaled_mask` on the CPU.

    >>> sorted(set(dropout(torch.ones(100), 0.5).tolist()))
    [0.0, 2.0]
    """
    if rate == 0:
        return inputs
    if inputs.device.type != "cpu" or rate == 1 or torch.compiler.is_compiling():
        return F.dropout(inputs, rate, True)
    return inputs * scaled_mask(inputs, rate)


def scaled_mask(like: Tensor, rate: float) -> Tensor:
    """Zeros in a fraction `rate` of the places, else `1 / (1 - rate)`, laid out as `like` is.

    On the CPU four numbers of 16 bits are cut from one random word, which takes an eighth of the
    time of `torch.bernoulli` and keeps the rate to 8e-6.
    """
    if like.device.type != "cpu" or not 0 < rate < 1 or torch.compiler.is_compiling():
        return F.dropout(torch.ones_like(like), rate, True)
    mask = torch.empty_like(like, requires_grad=False)
    count = mask.numel()
    words = torch.empty((count + 3) // 4, dtype=torch.int64).random_(_WHOLE, None)
    bits = words.view(torch.int16)[:count].as_strided(mask.size(), mask.stride())
    with torch.no_grad():
        torch.ge(bits, min(round(rate * 65536) - 32768, 32767), out=mask)
    return mask.mul_(1.0 / (1.0 - rate))
