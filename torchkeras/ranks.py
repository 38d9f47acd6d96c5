"""Numbers of several processes as one: sums over a group of `torch.distributed`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


def count(group: Any = None) -> int:
    """How many processes there are: 1 unless a group was initialised."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return 1
    return torch.distributed.get_world_size(group)


def sum_in_place(tensors: Iterable[Tensor], group: Any = None) -> None:
    """Give each tensor the sum over all processes, by one message for each device and dtype.

    Every process must call it with tensors of the same shapes.
    """
    if count(group) == 1:
        return
    kinds: dict[Any, list[Tensor]] = {}
    for tensor in tensors:
        kinds.setdefault((tensor.device, tensor.dtype), []).append(tensor)
    with torch.no_grad():
        for alike in kinds.values():
            message = torch.cat([tensor.detach().reshape(-1) for tensor in alike])
            torch.distributed.all_reduce(message, group=group)
            parts = message.split([tensor.numel() for tensor in alike])
            for tensor, part in zip(alike, parts, strict=True):
                tensor.detach().copy_(part.reshape(tensor.shape))
