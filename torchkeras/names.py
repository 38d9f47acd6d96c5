"""Automatic names: `Conv2D` becomes `conv2d`, then `conv2d_1`, ..., as in Keras."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

_counts: Counter[str] = Counter()


def to_snake_case(name: str) -> str:
    """`'SimpleRNN'` as `'simple_rnn'`; a leading underscore becomes `private`."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    name = re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
    return "private" + name if name.startswith("_") else name


def unique_name(prefix: str, zero_based: bool = True) -> str:
    """`prefix`, then `prefix_1`, ...; counting starts at 1 where `zero_based` is False."""
    number = _counts[prefix]
    _counts[prefix] += 1
    if not zero_based:
        number += 1
    return f"{prefix}_{number}" if number else prefix


def has_controls(text: str) -> bool:
    """Whether a text has characters that steer a terminal or end a C string; a name has none."""
    return any(c < " " or "\x7f" <= c < "\xa0" for c in text)


def module_name(module: Any) -> str:
    """The Keras name of a layer, of a plain torch module that stands for one, or of a function."""
    name = getattr(module, "name", None)
    if not isinstance(name, str):
        name = getattr(module, "_keras_name", None) or getattr(module, "__name__", None)
    return name or type(module).__name__.lower()


def reset() -> None:
    """Start counting afresh, as `backend.clear_session()` does."""
    _counts.clear()
