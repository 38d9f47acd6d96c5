"""`SwapEMAWeights`: the averaged weights stand in for the model's where results count."""

from __future__ import annotations

from typing import Any

import torch

from .base import Callback


class SwapEMAWeights(Callback):
    """Evaluates and predicts with the averages that an optimizer with `use_ema=True` keeps.

    With `swap_on_epoch` the averages are in the model from the end of each epoch on, so that a
    `ModelCheckpoint` behind this callback saves them, until the next epoch begins. ValueError
    where the optimizer keeps none.
    """

    def __init__(self, swap_on_epoch: bool = False):
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._swapped = False

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if self.swap_on_epoch:
            self._have(False)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.swap_on_epoch and not self._swapped:
            self._have(True)
            if epoch == self.params["epochs"] - 1:
                for parameter, state in self._averaged():
                    state["average"].copy_(parameter.detach())

    def on_test_begin(self, logs: Any = None) -> None:
        self._have(True)

    def on_test_end(self, logs: Any = None) -> None:
        self._have(False)

    def on_predict_begin(self, logs: Any = None) -> None:
        self._have(True)

    def on_predict_end(self, logs: Any = None) -> None:
        self._have(False)

    def _abandon(self):
        self._have(False)

    def _have(self, averages):
        """The averages in the model, or the weights of training."""
        if averages == self._swapped:
            return
        with torch.no_grad():
            for parameter, state in self._averaged():
                kept = parameter.detach().clone()
                parameter.copy_(state["average"])
                state["average"].copy_(kept)
        self._swapped = averages

    def _averaged(self):
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        if not getattr(optimizer, "use_ema", False):
            raise ValueError(
                "SwapEMAWeights must be used when `use_ema=True` is set on the optimizer. "
                f"Received: use_ema={getattr(optimizer, 'use_ema', None)}"
            )
        states = (
            (p, optimizer.state[p]) for group in optimizer.param_groups for p in group["params"]
        )
        return [(p, state) for p, state in states if "average" in state]
