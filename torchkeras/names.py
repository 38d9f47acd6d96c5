"""Automatic names: `Conv2D` becomes `conv2d`, then `conv2d_1`, ..., as in Keras."""

from __future__ import annotations

import re
from collections import Counter

_counts: Counter[str] = Counter()


def to_snake_case(name: str) -> str:
    """`'SimpleRNN'` as `'simple_rnn'`; a leading underscore becomes `private`."""
    name = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", name)
    name = re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
    return "private" + name if name.startswith("_") else name


def unique_name(prefix: str, zero_based: bool = True) -> str:
    """`prefix`, then `prefix_1`, ...; counting starts at 1 where `zero_based` is False."""
    number = _counts[prefix]
    _counts[prefix] += 1
    if not zero_based:
        number += 1
    return f"{prefix}_{number}" if number else prefix


def reset() -> None:
    """Start counting afresh, as `backend.clear_session()` does."""
    _counts.clear()
