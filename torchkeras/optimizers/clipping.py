"""Clipping of gradients as Keras does it, on the device: nothing is read back.

`work` is what one step updates: pairs of a `Batch` and the list of its gradients. The results
are new gradients, and those of the caller stay as they were, unless they are `spare`: then they
are scaled in place, which saves a copy as large as the model.
"""

from __future__ import annotations

import torch

from .state import Batch

Work = list[tuple[Batch, list[torch.Tensor]]]


def clip_values(work: Work, limit: float) -> Work:
    """Every element between -`limit` and `limit`."""
    return [
        (batch, torch._foreach_clamp_min(torch._foreach_clamp_max(grads, limit), -limit))
        for batch, grads in work
    ]


def clip_each(work: Work, limit: float, spare: bool = False) -> Work:
    """The gradient of each variable scaled to a norm of at most `limit`."""
    clipped = []
    for batch, grads in work:
        norms = torch.stack(torch._foreach_norm(grads))
        if batch.owners is not None:  # a variable that torch keeps in several parameters
            sums = torch.zeros_like(norms).index_add(0, batch.owners, norms**2)
            norms = sums.sqrt()[batch.owners]
        scales = limit / norms.clamp_min(limit)
        multiply = torch._foreach_mul_ if spare else torch._foreach_mul
        multiplied = multiply(grads, list(scales.unbind()))
        clipped.append((batch, grads if spare else multiplied))
    return clipped


def clip_together(work: Work, limit: float, spare: bool = False) -> Work:
    """All gradients scaled by one number to a common norm of at most `limit`.

    A norm that is not finite makes every gradient NaN, as in tf.keras.
    """
    norms = [norm for _, grads in work for norm in torch._foreach_norm(grads)]
    total = torch.linalg.vector_norm(torch.stack([norm.to(norms[0]) for norm in norms]))
    scale = limit / total.clamp_min(limit) + total * 0
    if spare:
        for _, grads in work:
            torch._foreach_mul_(grads, scale.to(grads[0].device))
        return work
    return [(batch, torch._foreach_mul(grads, scale.to(grads[0].device))) for batch, grads in work]
