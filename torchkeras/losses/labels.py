"""Class numbers as labels where nobody looks at them: on a device other than the CPU.

There a label out of range would end the process. It gives a loss of NaN instead, and leaves a
note on the device, which `fit` reads when it reads the loss of the epoch.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_notes: dict[tuple[str, torch.device, int], Tensor] = {}  # whether a label was out of range


def looked_at(labels: Tensor) -> bool:
    """Whether the kernel itself raises for a wrong label."""
    return labels.device.type in ("cpu", "meta")


def cross_entropy(rows: Tensor, labels: Tensor, ignored: int, reduction: str, name: str) -> Tensor:
    """`F.cross_entropy`, NaN where a label is wrong, without waiting for the device."""
    safe = labels.clamp(0, rows.shape[1] - 1)
    if ignored < 0 or ignored >= rows.shape[1]:
        safe = torch.where(labels == ignored, labels, safe)
    wrong = labels != safe
    found = wrong.any()
    _note(found, name, rows.shape[1])
    values = F.cross_entropy(rows, safe, ignore_index=ignored, reduction=reduction)
    return torch.where(wrong if reduction == "none" else found, torch.nan, values)


def _note(found, name, classes):
    if torch.compiler.is_compiling():  # the NaN has to do
        return
    key = name, found.device, classes
    if key in _notes:
        _notes[key].logical_or_(found)
    else:
        _notes[key] = found


def check(where: str = "") -> None:
    """ValueError if a label was out of range since the last call; reads from the device."""
    wrong = [key for key, found in _notes.items() if bool(found)]
    _notes.clear()
    if wrong:
        name, _, classes = wrong[0]
        raise ValueError(
            f"{name} got a label outside of the valid range [0, {classes}){where}. Labels count "
            "from 0, and the last layer needs as many units as there are classes."
        )
