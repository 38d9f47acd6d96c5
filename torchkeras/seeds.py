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
    _state.generator = random.Random(int(seed))


def fresh_seed() -> int:
    """A seed for an initializer that was given none.

    After `set_random_seed` it comes from a generator of its own, as in tf.keras, so initial
    weights repeat and are those of tf.keras; otherwise from torch's.
    """
    if _state.generator is not None:
        return _state.generator.randint(1, 10**9)
    return int(torch.randint(1, 10**9, (), device="cpu"))


class _State:
    generator: random.Random | None = None


_state = _State()
