"""What the update rules have in common: torch's fused kernels, and steps for numbers or tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

_FUSED = ("cpu", "cuda", "mps", "xpu")  # where torch has its fused kernels


def fused(params: list[Tensor]) -> bool:
    """Whether torch's fused kernels take these parameters: plain floats without gaps."""
    first = params[0]
    return (
        first.device.type in _FUSED
        and first.is_floating_point()
        and all(p.stride() == torch.empty_like(p).stride() for p in params)
    )


def descend(params: list[Tensor], directions: list[Tensor], lr: Any) -> None:
    """`params -= lr * directions`."""
    if isinstance(lr, Tensor):
        torch._foreach_sub_(params, torch._foreach_mul(directions, lr))
    else:
        torch._foreach_add_(params, directions, alpha=-lr)


def descend_ratio(params: list[Tensor], above: list[Tensor], below: list[Tensor], lr: Any) -> None:
    """`params -= lr * above / below`."""
    if isinstance(lr, Tensor):
        descend(params, torch._foreach_div(above, below), lr)
    else:
        torch._foreach_addcdiv_(params, above, below, value=-lr)


def single(value: float) -> float:
    """`value` rounded to float32, the precision in which Keras holds its settings."""
    return float(np.float32(value))


def one_minus_power(beta: float, step: int, dtype: torch.dtype) -> float:
    """`1 - beta ** step` with the rounding of tf.keras, which is visible in the first updates."""
    power = single(beta) ** step
    return 1.0 - (power if dtype is torch.float64 else single(power))


def adam_kernel(
    params, grads, m, v, vhat, late, lr, beta_1, beta_2, epsilon, amsgrad, decay=0.0, found_inf=None
) -> None:
    """One Adam update with the bias correction already in `lr`, and Keras' place of epsilon.

    torch adds epsilon after its own correction. `late` are step counters so high that torch's
    correction is 1; they are None where the fused kernel does not run. Variables shrink by
    `decay * lr` first, and nothing happens where the tensor `found_inf` is 1; both in the fused
    kernel only.
    """
    if late is not None:
        torch._fused_adamw_(
            params, grads, m, v, vhat, late, lr=lr, beta1=beta_1, beta2=beta_2, weight_decay=decay,
            eps=epsilon, amsgrad=amsgrad, maximize=False, found_inf=found_inf,
        )  # fmt: skip
        return
    torch._foreach_lerp_(m, grads, 1.0 - beta_1)
    torch._foreach_mul_(v, beta_2)
    torch._foreach_addcmul_(v, grads, grads, 1.0 - beta_2)
    if amsgrad:
        torch._foreach_maximum_(vhat, v)
    below = torch._foreach_sqrt(vhat if amsgrad else v)
    torch._foreach_add_(below, epsilon)
    descend_ratio(params, m, below, lr)


def late_steps(params: list[Tensor]) -> list[Tensor] | None:
    """Step counters for `adam_kernel`, or None where the fused kernel does not run."""
    if not fused(params):
        return None
    return [torch.full((), 1e30, dtype=torch.float32, device=params[0].device)] * len(params)


def first_steps(params: list[Tensor]) -> list[Tensor] | None:
    """Step counters for torch's fused Adagrad, or None where it does not run."""
    device = params[0].device
    has = torch._C._dispatch_has_kernel_for_dispatch_key
    if not (fused(params) and has("aten::_fused_adagrad_", device.type.upper())):
        return None
    return [torch.ones((), dtype=torch.float32, device=device)] * len(params)


def check_fraction(setting: str, value: Any) -> None:
    """ValueError unless a number is within [0, 1]."""
    if isinstance(value, (int, float)) and not 0 <= value <= 1:
        raise ValueError(f"{setting} must be within [0, 1]; received {value}.")
