"""The names under which TensorFlow 2.0 to 2.4 had what is now `keras.mixed_precision`."""

from __future__ import annotations

from typing import Any

from ..optimizers import loss_scale as scaling
from ..policies import Policy as _Policy
from ..policies import global_policy, set_global_policy

__all__ = ["LossScaleOptimizer", "Policy", "get_layer_policy", "global_policy", "set_policy"]

set_policy = set_global_policy


def Policy(name: str, loss_scale: Any = "auto") -> _Policy:
    """A dtype policy.

    `loss_scale` chose how `compile` scales losses. 'auto' is what happens: dynamically under
    'mixed_float16', not at all elsewhere. ValueError for other values.
    """
    if loss_scale not in ("auto", "dynamic" if name == "mixed_float16" else None):
        raise ValueError(
            f"loss_scale={loss_scale!r} of policy {name!r} is not supported here: wrap the "
            "optimizer, as in mixed_precision.LossScaleOptimizer(optimizer, dynamic=False, "
            "initial_scale=1024)."
        )
    return _Policy(name)


def LossScaleOptimizer(optimizer: Any, loss_scale: Any = "dynamic") -> scaling.LossScaleOptimizer:
    """An optimizer that scales losses dynamically, or by the number `loss_scale`."""
    if loss_scale == "dynamic":
        return scaling.LossScaleOptimizer(optimizer)
    return scaling.LossScaleOptimizer(optimizer, dynamic=False, initial_scale=float(loss_scale))


def get_layer_policy(layer: Any) -> _Policy:
    """The policy of a layer."""
    return layer.dtype_policy
