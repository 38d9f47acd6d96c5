"""Going on where a run was interrupted: the model as it was, the data at the same place.

Data is brought to its place by what it is. What starts anew each epoch (arrays, a `DataLoader`, a
`Sequence`) gets the random numbers of that epoch's beginning and gives up the batches that were
done. What goes on from epoch to epoch (generators, a `Dataset`) is read again from the beginning,
with the random numbers that the run began with.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from ..data.arrays import ArrayBatches, unpack_x_y_sample_weight
from ..data.dataset import Dataset
from ..data.sequence import Sequence
from ..data.streams import Stream
from ..layer import Layer
from . import state as states

_PLAIN = (int, float, str, bool, type(None))


class Resume:
    """A saved `state` on its way back into a run; `where` is its file, for messages."""

    def __init__(self, model: Any, state: dict[str, Any], where: str):
        self.model, self.state, self.where = model, state, where

    def begin(self, callbacks: Any, batches: Any) -> tuple[int, int]:
        """The epoch to go on with and how many of its batches are done.

        At an epoch's beginning everything is put back now, within one by `skip`, after the
        `on_epoch_begin` of callbacks.
        """
        state = self.state
        _refuse(batches, state["epoch"] or state["batch"], self.where)
        restore_source(batches, state["source"])
        self._host = not _goes_on(batches)
        if self._host and isinstance(batches, Stream):
            batches._epochs = state["epoch"]
        elif not self._host:
            states.put_random(state["random_of_run"])
            for _ in range(state["epoch"]):
                for _ in batches:
                    pass
        put_callbacks(callbacks, state["callbacks"])
        if not state["batch"]:
            if not _is_built(self.model):
                self._build(next(iter(batches)))
            self._put()
        return state["epoch"], state["batch"]

    def skip(self, batches: Any, count: int) -> Iterator[Any]:
        """The batches of the epoch behind the first `count`; the model is put back."""
        if self._host:
            states.put_random(self.state["random_of_epoch"])
        rest = iter(batches)
        for _ in range(count):
            batch = next(rest)
        self._build(batch)
        self._put()
        states.put_metrics(self.model, self.state["model"], batch)
        states.put_random(self.state["random"], self._host)
        return rest

    def _put(self):
        states.put_model(self.model, self.state["model"], self.where)
        states.put_random(self.state["random"], self._host)

    def _build(self, batch):
        if not _is_built(self.model):
            mode = self.model.training
            self.model.train(False)
            with torch.no_grad():
                self.model(unpack_x_y_sample_weight(batch)[0])
            self.model.train(mode)


def take_source(batches: Any) -> dict[str, Any]:
    """What a `Sequence` of the user's remembers: its numbers, orders and generators."""
    source = getattr(batches, "source", None)
    if not isinstance(source, Sequence):
        return {}
    found = {}
    for name, value in vars(source).items():
        if isinstance(value, _PLAIN) or _is_order(value):
            found[name] = value
        elif isinstance(value, np.random.RandomState):
            found[name] = {"RandomState": value.get_state()}
        elif isinstance(value, np.random.Generator):
            found[name] = {"Generator": value.bit_generator.state}
    return found


def restore_source(batches: Any, saved: dict[str, Any]) -> None:
    """Put back what `take_source` gave."""
    source = getattr(batches, "source", None)
    for name, value in saved.items():
        if name not in vars(source):  # a file sets nothing but what was there
            continue
        if isinstance(value, dict) and "RandomState" in value:
            getattr(source, name).set_state(value["RandomState"])
        elif isinstance(value, dict):
            getattr(source, name).bit_generator.state = value["Generator"]
        elif isinstance(value, np.ndarray):
            getattr(source, name)[...] = value  # others may hold the same array
        else:
            setattr(source, name, value)


def take_callbacks(callbacks: Any) -> list[dict[str, Any]]:
    """What the callbacks of this package remember from epoch to epoch."""
    return [
        {"class": type(one).__name__, "state": {name: getattr(one, name) for name in _names(one)}}
        for one in callbacks
    ]


def put_callbacks(callbacks: Any, saved: list[dict[str, Any]]) -> None:
    """Put back what `take_callbacks` gave, each to the next callback of its class."""
    waiting = list(saved)
    for one in callbacks:
        found = next((row for row in waiting if row["class"] == type(one).__name__), None)
        if found is not None:
            waiting.remove(found)
            for name in set(_names(one)) & set(found["state"]):
                setattr(one, name, found["state"][name])


def _names(callback):
    return [name for name in getattr(callback, "_resumes", ()) if hasattr(callback, name)]


def _is_order(value):
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "iub" and value.flags.writeable
    return isinstance(value, list) and all(isinstance(item, _PLAIN) for item in value)


def _is_built(model):
    return all(layer.built for layer in model.modules() if isinstance(layer, Layer))


def _goes_on(batches):
    """Whether an epoch of the data begins where the last one ended."""
    if not isinstance(batches, Stream):
        return False
    source = batches.source
    return isinstance(source, Dataset) or hasattr(source, "__next__") or batches.passes > 1


def _refuse(batches, begun, where):
    """ValueError where the position of the data cannot be found again."""
    if not begun or not isinstance(batches, Stream):
        return
    source = batches.source
    shuffled = isinstance(source, ArrayBatches) and source.shuffle
    if shuffled and batches.passes > 1:
        problem = "arrays are shuffled while steps_per_epoch is not their number of batches"
    elif hasattr(source, "__next__") and not batches.bounded:
        problem = f"x is a {type(source).__name__} that was used up in the first epoch"
    else:
        return
    raise ValueError(
        f"{where}: the data position cannot be restored: {problem}. Give x as arrays with the "
        "default steps_per_epoch, a Sequence, a DataLoader or a Dataset, or remove the backup."
    )
