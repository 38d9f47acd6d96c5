"""Tells once a run that numbers are no longer finite, and where that began.

Nothing is computed for it in a step: the losses of single batches stay on the device, and are
looked at when the loss of an epoch turns out not to be finite.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import torch

from .. import tree
from ..data.arrays import ArrayBatches, unpack_x_y_sample_weight
from ..data.streams import Stream
from ..losses import labels as class_labels


def report(model: Any, batches: Any, logs: dict[str, Any], epoch: int) -> None:
    """Warn if the loss of an epoch is not finite, unless this run was warned before.

    ValueError if a label or an index was out of range that no kernel looked at.
    """
    class_labels.check(f" in epoch {epoch + 1}")
    loss = logs.get("loss", 0.0)
    if model.stop_training or model._told_not_finite:  # TerminateOnNaN tells by itself
        return
    if not isinstance(loss, float) or math.isfinite(loss):
        return
    model._told_not_finite = True
    batch = model._compiled.total.first_not_finite() if model._compiled else None
    where = f"epoch {epoch + 1}" + ("" if batch is None else f", batch {batch}")
    warnings.warn(
        f"The loss became {loss} in {where} (batches count from 0): "
        f"{_cause(model, batches, logs)} The weights are likely lost; "
        "callbacks.TerminateOnNaN() stops training at that batch.",
        RuntimeWarning,
        stacklevel=6,
    )


def report_evaluation(model: Any, batches: Any, logs: dict[str, Any]) -> None:
    """Warn if the loss of `evaluate` is not finite; ValueError as in `report`."""
    class_labels.check(" in evaluate()")
    loss = logs.get("loss", 0.0)
    if not isinstance(loss, float) or math.isfinite(loss):
        return
    batch = model._compiled.total.first_not_finite()
    where = "" if batch is None else f" from batch {batch} on"
    warnings.warn(
        f"The loss of evaluate() is {loss}{where} (batches count from 0): "
        f"{_cause(model, batches, logs)}",
        RuntimeWarning,
        stacklevel=4,
    )


def _cause(model, batches, logs):
    """The first thing that is not finite: in the data, or else among the losses."""
    if isinstance(batches, Stream):
        batches = batches.source
    if isinstance(batches, ArrayBatches):
        parts = unpack_x_y_sample_weight(batches.data)
        for name, part in zip(("x", "y", "sample_weight"), parts, strict=True):
            for leaf in tree.leaves(part):
                if leaf is not None and leaf.is_floating_point() and not _all_finite(leaf):
                    return f"{name} holds numbers that are not finite."
        known = "x and y are finite, so "
    else:
        known = ""
    for name, value in logs.items():
        if name.endswith("_loss") and isinstance(value, float) and not math.isfinite(value):
            return f"{known}the first that was not is {name}. {_guess(model)}"
    return f"{known}it came with the loss itself. {_guess(model)}"


def _guess(model):
    if model._graph_compiled:  # where a wrong index leaves no note
        return (
            "Is the learning rate too high, or an index larger than the table of an Embedding? "
            "The latter is an error without jit_compile=True."
        )
    return "Is the learning rate too high?"


def _all_finite(tensor):
    return bool(torch.isfinite(tensor).all())
