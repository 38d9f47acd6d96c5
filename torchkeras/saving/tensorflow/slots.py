"""The state of an optimizer in a checkpoint, as the releases of Keras lay it out.

Since 2.11 an optimizer lists its variables. Before, what it kept of a weight was a slot of that
weight, and its settings were variables too.
"""

from __future__ import annotations

import logging
from typing import Any

from .bundle import Bundle
from .objects import ObjectGraph

_log = logging.getLogger("torchkeras")
_FORMER = {  # slots by the names that they had before 2.11
    "m": "momentum", "u": "v", "velocity": "rms", "average_gradient": "mg",
    "accumulated_grad": "accum_grad", "accumulated_delta_var": "accum_var",
}  # fmt: skip


class State:
    """What a file has of an optimizer that is built, read and ready to be given.

    `index` is the node of the optimizer, `pairs` are weights of models and their nodes.
    """

    def __init__(self, file: Bundle, graph: ObjectGraph, optimizer: Any, index: int, pairs: list):
        self._file, self._graph, self._optimizer = file, graph, optimizer
        self.keys: set[str] = set()
        scale = graph.child(index, "loss_scale")
        base = graph.child(index, "base_optimizer")
        if base is not None and graph.child(index, "iter") is None:  # of a loss scale, before 2.2
            index = base
        listed = graph.child(index, "_variables")
        if listed is not None:
            self._values = self._listed(listed)
            self._rate = self._one(index, "_learning_rate")
        else:
            self._values = self._by_slot(index, {child: weight for weight, child in pairs})
            self._rate = self._one(index, "learning_rate")
        self._scale, self._good_steps = (
            None if scale is None else self._one(scale, name)
            for name in ("current_loss_scale", "good_steps")
        )

    def _one(self, index, name):
        child = self._graph.child(index, name)
        return None if child is None else self._read(child)

    def _read(self, index):
        variable = self._graph.nodes[index].variable
        if not variable:
            return None
        self.keys.add(variable[1])
        return self._file.array(variable[1])

    def _listed(self, index):
        found = []
        for child in self._graph.numbered(index):
            variable = self._graph.nodes[child].variable
            if variable:
                found.append((f"{variable[0]}:0", self._read(child)))
        if len(found) == 1:  # the counter of an optimizer that has made no step
            found += [(v.name, v.numpy()) for v in self._optimizer.variables[1:]]
        return found

    def _by_slot(self, index, weights):
        """A value for each variable of the optimizer, its own where the file has none."""
        kept = {
            (slot, id(weights[one])): child
            for slot, one, child in self._graph.nodes[index].slots
            if one in weights
        }
        found = []
        for number, variable in enumerate(self._optimizer.variables):
            slot, weight = (getattr(variable, name, None) for name in ("_slot", "_variable"))
            child = kept.get((slot, id(weight)), kept.get((_FORMER.get(slot), id(weight))))
            if slot is None:  # the counter, or another number
                own = variable.name.removesuffix(":0").rpartition("/")[2]
                child = self._graph.child(index, own if number else "iter")
            value = None if child is None else self._read(child)
            found.append((variable.name, variable.numpy() if value is None else value))
        return found

    def give(self) -> set[str]:
        """Write the state; the keys that were used, none of them where it does not fit."""
        optimizer = self._optimizer
        try:
            optimizer.load_named_weights(self._values)
        except ValueError as error:
            _log.warning(
                "%s: the optimizer's state does not fit %s, which starts anew: %s",
                self._file.prefix,
                optimizer.name,
                error,
            )
            return set()
        if self._rate is not None and optimizer._schedule is None:
            optimizer.learning_rate = float(self._rate)
        if self._scale is not None and hasattr(optimizer, "inner_optimizer"):
            optimizer._scale.fill_(float(self._scale))
            optimizer._good_steps.fill_(int(self._good_steps))
        return self.keys
