"""Class numbers and rows of tables where nobody looks at them: on a device other than the CPU.

There a number out of range would end the process. It gives NaN instead, and leaves a note on the
device, which `fit` reads when it reads the loss of the epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor

Notes = dict[tuple[str, torch.device], Tensor]

_notes: Notes = {}  # whether a number was out of range
_apart: list[Notes] = []  # those of a step that is being recorded


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


def refuse(wrong: Tensor, labels: Tensor, message: str) -> None:
    """ValueError, `message` and the first row with a `wrong` label; where nobody looks, a note."""
    if not looked_at(wrong):
        note(wrong.any(), f"{message}; there were others{{where}}.")
    elif not torch.compiler.is_compiling() and wrong.any():
        raise ValueError(f"{message}; received {labels[wrong.any(-1)][0].tolist()}.")


def note(found: Tensor, message: str) -> None:
    """Remember `message`, with {where} in it, to be raised by `check` if `found` is true then."""
    if torch.compiler.is_compiling():  # the NaN has to do
        return
    key = message, found.device
    if _apart:
        _apart[-1].setdefault(key, torch.empty_like(found)).logical_or_(found)
    elif key in _notes:
        _notes[key].logical_or_(found)
    else:
        with torch.inference_mode(False):  # one of its own, which any later call may change
            _notes[key] = found.clone()


@contextmanager
def notes_apart() -> Iterator[Notes]:
    """Within the block a step is recorded for later; the notes that it will leave are given.

    They are to be cleared once the recording is done, and added after each replay.
    """
    notes: Notes = {}
    _apart.append(notes)
    try:
        yield notes
    finally:
        _apart.pop()


def clear(notes: Notes) -> None:
    """Have `notes` say that nothing was wrong."""
    for found in notes.values():
        found.zero_()


def add_notes(notes: Notes) -> None:
    """Have `check` look at `notes`, which a replayed step keeps up to date."""
    for key, found in notes.items():
        known = _notes.get(key)
        if known is not found:
            if known is not None:
                found.logical_or_(known)
            _notes[key] = found


def check(where: str = "") -> None:
    """ValueError if a number was out of range since the last call; reads from the device."""
    wrong = [message for (message, _), found in _notes.items() if bool(found)]
    if wrong:
        clear(_notes)
    _notes.clear()
    if wrong:
        raise ValueError(wrong[0].replace("{where}", where))
