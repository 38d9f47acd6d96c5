"""Computing in 16 bits with weights in 32; `keras.mixed_precision` of a script."""

from ..optimizers.loss_scale import LossScaleOptimizer
from ..policies import Policy, deserialize, global_policy, serialize, set_global_policy
from . import experimental

__all__ = [
    "LossScaleOptimizer",
    "Policy",
    "deserialize",
    "experimental",
    "global_policy",
    "serialize",
    "set_global_policy",
]
