"""`LossTracker`: the mean of a loss over an epoch, on the device."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .. import ranks
from ..arrays import as_tensor


class LossTracker:
    """The mean of a loss over the samples of an epoch, kept on the device.

    A `watched` one remembers the values of the batches, so that `first_not_finite` can tell where
    it all began.
    """

    dtype = "float32"
    noted: list[tuple[Tensor, Any]] | None = None  # what a recorded step shows it, not counted yet

    def __init__(self, name: str, watched: bool = False):
        self.name, self._watched = name, watched
        self.reset_state()

    def reset_state(self) -> None:
        """Forget all batches."""
        self.total: Tensor | float = 0.0
        self.count: Any = 0
        self._recent: list[Tensor] = []  # values of single batches, not read yet
        self._folded: list[Tensor] = []  # the places of values not finite among 1024 older ones

    reset_states = reset_state

    def update_state(self, values: Any, sample_weight: Any = 1) -> None:
        """Count in the loss of a batch of `sample_weight` samples."""
        value = values.detach() if isinstance(values, Tensor) else as_tensor(values)
        if value.ndim:
            value = value.mean()
        if self.noted is not None:
            self.noted.append((value, sample_weight))
            return
        if self.count:
            self.total.add_(value, alpha=sample_weight)
        else:
            self.total = value * sample_weight
            if self.total.dtype in _HALF:
                self.total = value.float() * sample_weight
        self.count += sample_weight
        if self._watched:
            self._recent.append(value)
            if len(self._recent) == 1024:
                self._folded.append(torch.stack(self._recent).isfinite())
                self._recent = []

    def __call__(self, values: Any, sample_weight: Any = 1) -> Tensor | float:
        self.update_state(values, sample_weight)
        return self.result()

    def all_reduce(self, group: Any = None) -> None:
        """Sum over the processes of a `torch.distributed` group, in place."""
        if ranks.count(group) > 1:
            total = as_tensor(self.total, "float32", getattr(self.total, "device", None))
            pair = torch.stack([total, torch.full_like(total, self.count)]).double()
            ranks.sum_in_place([pair], group)
            self.total, self.count = pair.unbind()

    def result(self) -> Tensor | float:
        """The mean so far, 0 without any batch."""
        return self.total / self.count if self.count else 0.0

    def first_not_finite(self) -> int | None:
        """The number of the first batch whose loss was not finite; reads from the device."""
        recent = [torch.stack(self._recent).isfinite()] if self._recent else []
        found = self._folded + recent
        if not found:
            return None
        wrong = (~torch.cat(found)).nonzero()
        return int(wrong[0]) if len(wrong) else None

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype}


_HALF = (torch.float16, torch.bfloat16)
