"""Batches on their way from the host to the device."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from .. import tree
from .elements import Strings

_SHARE = 0.5  # of the free memory of a GPU that a data set may take


def fits(size: int, device: torch.device | None, cuda: Any = torch.cuda) -> bool:
    """Whether `size` bytes may be kept on `device` while a model trains there."""
    if device is None or torch.device(device).type != "cuda":
        return True
    free, _ = cuda.mem_get_info(device)
    return size <= free * _SHARE


def to_device(leaf: Tensor, device: torch.device | None, dtype: torch.dtype | None) -> Tensor:
    """A tensor on the device, floats as `dtype`; through pinned memory to a GPU.

    Texts stay where they are.
    """
    if isinstance(leaf, Strings):
        return leaf
    target = dtype if leaf.is_floating_point() else None
    if device is None or device.type != "cuda" or leaf.device.type != "cpu":
        return leaf.to(device, target, non_blocking=True)
    if target is not None:
        leaf = leaf.to(target)
    return leaf.pin_memory().to(device, non_blocking=True)


def moved(
    batches: Iterable[Any],
    move: Callable[[Any], Any],
    device: torch.device | None,
    cuda: Any = torch.cuda,
) -> Iterator[Any]:
    """`move` of each batch; to a GPU on a stream of its own, one batch before it is needed.

    What is there already was made on the current stream, and so is what becomes of it.
    """
    if device is None or torch.device(device).type != "cuda":
        yield from map(move, batches)
        return
    side = cuda.Stream(device)
    waiting = None
    for batch in batches:
        stream = cuda.current_stream(device) if any(map(_is_there, tree.leaves(batch))) else side
        with cuda.stream(stream):
            arriving = move(batch), stream.record_event()
        if waiting is not None:
            yield _arrived(*waiting, cuda.current_stream(device))
        waiting = arriving
    if waiting is not None:
        yield _arrived(*waiting, cuda.current_stream(device))


def _arrived(batch, event, stream):
    """A batch that the current stream may use; its memory is kept until that has."""
    stream.wait_event(event)
    for leaf in tree.leaves(batch):
        if _is_there(leaf):
            leaf.record_stream(stream)
    return batch


def _is_there(leaf):
    return isinstance(leaf, Tensor) and leaf.device.type == "cuda"
