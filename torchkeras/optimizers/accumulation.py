"""Gradients of several steps gathered for one update, as `gradient_accumulation_steps` asks."""

from __future__ import annotations

from typing import Any

import torch

from .clipping import Work

SLOT = "gradient_accumulator"


def check(steps: Any) -> None:
    """ValueError unless `steps` is None or an integer of at least 2."""
    if steps is not None and (isinstance(steps, bool) or int(steps) != steps or steps < 2):
        raise ValueError(
            f"gradient_accumulation_steps must be an integer of at least 2; received {steps!r}."
        )


def gather(optimizer: Any, work: Work) -> Work:
    """The mean gradients of the last steps where an update is due, else nothing.

    The sums live in the slots of the optimizer, so they are saved with it. Averages of the
    variables go on at every step, as in Keras 3.
    """
    optimizer._gathered += 1
    mean = []
    for batch, grads in work:
        sums = [optimizer._slot(p, SLOT) for p in batch.params]
        torch._foreach_add_(sums, grads)
        if optimizer._gathered == optimizer.gradient_accumulation_steps:
            mean.append((batch, torch._foreach_div(sums, float(optimizer._gathered))))
            torch._foreach_zero_(sums)
    if mean:
        optimizer._gathered = 0
    elif optimizer.use_ema:
        for batch, _ in work:
            torch._foreach_lerp_(batch.averages, batch.params, 1.0 - optimizer.ema_momentum)
    return mean
