"""Random seeds: one call for every generator, and draws that repeat for a seed."""

from __future__ import annotations

import random

import numpy as np
import torch


def set_random_seed(seed: int) -> None:
    """Seed Python's, numpy's and torch's generators, so that a run can be repeated.

    >>> set_random_seed(0); a = torch.rand(()); set_random_seed(0); bool(a == torch.rand(()))
    True
    """
    if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool):
        raise ValueError(f"seed must be an integer; received {seed!r}.")
    random.seed(int(seed))
    np.random.seed(int(seed) % 2**32)
    torch.manual_seed(int(seed))
    _global_seed[0] = int(seed)


def global_seed() -> int | None:
    """The number last given to `set_random_seed`, or None."""
    return _global_seed[0]


_global_seed: list[int | None] = [None]
