"""A comparison as text."""

from __future__ import annotations

import math
from typing import Any

_HEAD = ("A", "B", "kind", "apart", "alone", "rule")


def table(comparison: Any) -> str:
    """One line for each layer, and what was found."""
    lines = [_HEAD]
    for row in comparison.rows:
        names = (row.a or "-", row.b or "-", row.kind)
        lines.append((*names, _number(row.difference), _number(row.alone), row.rule or ""))
    widths = [min(max(len(line[i]) for line in lines), 32) for i in range(5)]
    text = []
    for line in lines:
        cells = [cell[:32].ljust(width) for cell, width in zip(line[:5], widths, strict=True)]
        text.append("  ".join([*cells, line[5]]).rstrip())
    return "\n".join([*text, "", _verdict(comparison)])


def _number(value):
    if math.isnan(value):
        return ""
    return "shape" if math.isinf(value) else "0" if value == 0 else f"{value:.0e}"


def _verdict(comparison):
    if comparison.equal:
        return "The models are equal."
    first = comparison.first
    name = first.a if first.a == first.b else f"{first.a or '-'} / {first.b or '-'}"
    told = f": {first.rule}" if first.rule else ""
    return f"They part at {name}{told}."
