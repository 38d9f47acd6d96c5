"""What layers add while they run: penalties of activity, and what `add_loss` and `add_metric`
are given."""

from __future__ import annotations

import sys
import weakref
from typing import Any

import torch
from torch import Tensor

from . import tree
from .arrays import as_tensor
from .metrics import Mean
from .tracking import modules_of
from .weighted import Weighted

adding: list[weakref.ref[Penalized]] = []  # the layers that are known to add losses


class Penalized(Weighted):
    """The part of `Layer` that collects losses of a forward pass and penalties of weights."""

    _losses: list[Any]
    _adds_losses = False
    _holds_no_layers = False  # what is inside is not even looked at: torch.compile refuses an LSTM

    def add_loss(self, losses: Any, inputs: Any = None) -> None:
        """Add scalars of the running forward pass, or functions giving some, to the loss.

        `inputs` tells nothing that is not known here, as in tf.keras 2; it is taken for scripts
        that give it.
        """
        self._note_that_it_adds()
        for loss in tree.leaves(losses):
            self._losses.append(loss if callable(loss) else as_tensor(loss))

    def _note_that_it_adds(self):
        if not self._adds_losses and not torch.compiler.is_compiling():
            self._adds_losses = True
            adding.append(weakref.ref(self, adding.remove))

    def add_metric(
        self, value: Any, name: str | None = None, aggregation: str | None = "mean", inputs=None
    ) -> None:
        """Report the mean of `value` over the batches of an epoch as `name`.

        The result of a call of a metric stands for that metric, which has a name of its own.
        """
        metric = getattr(value, "_metric", None)
        if metric is not None:
            self.__dict__.setdefault("_added_metrics", {})[metric.name] = metric
            return
        if name is None:
            raise ValueError(
                "add_metric needs a name: `self.add_metric(torch.sum(x), name='total')`."
            )
        if aggregation not in ("mean", None):
            raise ValueError(f"aggregation of add_metric must be 'mean'; received {aggregation!r}.")
        self._added_metric(name).update_state(value)

    def _added_metric(self, name):
        known = self.__dict__.setdefault("_added_metrics", {})
        if name not in known:
            known[name] = Mean(name=name)
        return known[name]

    @property
    def losses(self) -> list[Tensor]:
        """What `add_loss` collected and the regularization penalties, of this layer and inside."""
        penalties = [w.regularizer(w.value) for w in self.weights if w.regularizer is not None]
        return self._added_losses() + penalties

    def _added_losses(self):
        if not adding:
            return []
        return [
            loss if isinstance(loss, Tensor) else loss()
            for module in modules_of(self)
            if isinstance(module, Penalized)
            for loss in module._losses
        ]

    def _clear_losses(self):
        """Forget what the last forward pass added; functions stay."""
        if torch.compiler.is_compiling() or adding:  # traced code does not depend on `adding`
            for module in self._penalized():
                if module._losses:
                    module._losses = functions_among(module._losses)

    def _penalized(self):
        """This and all inside that may add losses."""
        found: list[Penalized] = []
        waiting, seen = [self], {id(self)}
        while waiting:
            module = waiting.pop()
            if isinstance(module, Penalized):
                found.append(module)
            if not getattr(module, "_holds_no_layers", False):
                inside = [m for m in module._modules.values() if m is not None]
                waiting += [m for m in inside if id(m) not in seen]
                seen |= {id(m) for m in inside}
        return found


def is_outermost() -> bool:
    """Whether the running call of a layer is not made by another layer's call."""
    if torch.compiler.is_compiling():
        return False
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code is _CALL and isinstance(frame.f_locals.get("self"), Penalized):
            return False
        frame = frame.f_back
    return True


_CALL = torch.nn.Module._call_impl.__code__


def add_activity_loss(layer, args, outputs):
    """Forward hook: the activity penalty, averaged over the batch."""
    for output in tree.leaves(outputs):
        layer.add_loss(layer.activity_regularizer(output) / output.shape[0])


def functions_among(losses: list) -> list:
    """The losses that are functions, which outlast a forward pass."""
    return [loss for loss in losses if not isinstance(loss, Tensor)]
