"""Class numbers and rows of tables where nobody looks at them: on a device other than the CPU.

There a number out of range would end the process. It gives NaN instead, and leaves a note on the
device, which `fit` reads when it reads the loss of the epoch.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

_notes: dict[tuple[str, torch.device], Tensor] = {}  # whether a number was out of range


def looked_at(labels: Tensor) -> bool:
    """Whether the kernel itself raises for a wrong number."""
    return labels.device.type in ("cpu", "meta")


def rows_of(look_up: Callable, table: Tensor, indices: Tensor, message: str) -> Tensor:
    """`look_up(table, indices)`, NaN where an index is wrong, without waiting for the device."""
    safe = indices.clamp(0, table.shape[0] - 1)
    wrong = indices != safe
    note(wrong.any(), message)
    return look_up(table, safe).masked_fill_(wrong.unsqueeze(-1), torch.nan)


def cross_entropy(rows: Tensor, labels: Tensor, ignored: int, reduction: str, name: str) -> Tensor:
    """`F.cross_entropy`, NaN where a label is wrong, without waiting for the device."""
    safe = labels.clamp(0, rows.shape[1] - 1)
    if ignored < 0 or ignored >= rows.shape[1]:
        safe = torch.where(labels == ignored, labels, safe)
    wrong = labels != safe
    found = wrong.any()
    note(
        found,
        f"{name} got a label outside of the valid range [0, {rows.shape[1]}){{where}}. Labels "
        "count from 0, and the last layer needs as many units as there are classes.",
    )
    values = F.cross_entropy(rows, safe, ignore_index=ignored, reduction=reduction)
    return torch.where(wrong if reduction == "none" else found, torch.nan, values)


def note(found: Tensor, message: str) -> None:
    """Remember `message`, with {where} in it, to be raised by `check` if `found` is true then."""
    if torch.compiler.is_compiling():  # the NaN has to do
        return
    key = message, found.device
    if key in _notes:
        _notes[key].logical_or_(found)
    else:
        _notes[key] = found


def check(where: str = "") -> None:
    """ValueError if a number was out of range since the last call; reads from the device."""
    wrong = [message for (message, _), found in _notes.items() if bool(found)]
    _notes.clear()
    if wrong:
        raise ValueError(wrong[0].replace("{where}", where))
