"""The update rules of Keras over lists of tensors, on torch's fused or foreach kernels.

A rule gets lists: parameters, gradients and, by name, what it remembers of each parameter. The
learning rate is a number, or a tensor that stays where it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..config import epsilon as default_epsilon
from ..registry import Table
from .base import Optimizer

TABLE = Table("optimizer", "keras.optimizers")
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
    """`params -= lr * above / below`; `below` is used up."""
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


def adam_kernel(params, grads, m, v, vhat, late, lr, beta_1, beta_2, epsilon, amsgrad) -> None:
    """One Adam update with the bias correction already in `lr`, and Keras' place of epsilon.

    torch adds epsilon after its own correction. `late` are step counters so high that torch's
    correction is 1; they are None where the fused kernel does not run.
    """
    if late is not None:
        torch._fused_adam_(
            params, grads, m, v, vhat, late, lr=lr, beta1=beta_1, beta2=beta_2, weight_decay=0.0,
            eps=epsilon, amsgrad=amsgrad, maximize=False,
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
    return [torch.tensor(1e30, dtype=torch.float32, device=params[0].device)] * len(params)


@TABLE.add("sgd")
class SGD(Optimizer):
    """Gradient descent with momentum: `v = momentum * v - lr * g; w += v`.

    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> SGD(0.5).minimize(lambda: (w * w).sum(), [w]); w.tolist()
    [0.0]
    """

    def __init__(
        self, learning_rate=0.01, momentum=0.0, nesterov=False, weight_decay=None, clipnorm=None,
        clipvalue=None, global_clipnorm=None, use_ema=False, ema_momentum=0.99,
        ema_overwrite_frequency=None, jit_compile=True, name="SGD", **kwargs,
    ):  # fmt: skip
        super().__init__(
            name, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, jit_compile, learning_rate=learning_rate, **kwargs,
        )  # fmt: skip
        check_fraction("momentum", momentum)
        self.momentum = momentum
        self.nesterov = nesterov

    @property
    def momentum(self):
        return self._momentum

    @momentum.setter
    def momentum(self, value):
        self._momentum, self._batches = value, None

    def slots(self):
        return (("m",),)

    def _allocated(self):  # files have the slot in any case; without momentum it takes no memory
        return [name for name in super()._allocated() if self.momentum or name != "m"]

    def extras(self, params):
        return {"is_fused": fused(params)}

    def update(self, params, grads, lr, m=(), is_fused=False):
        if isinstance(lr, Tensor):
            grads, lr = torch._foreach_mul(grads, lr), 1.0
        if not self.momentum:
            torch._foreach_add_(params, grads, alpha=-lr)
        elif is_fused and not self.nesterov:
            # Written for v = momentum * v + (1 - dampening) * (-g), w -= lr * v: these settings
            # make it Keras' rule, in which a rate that changes acts on new gradients only.
            torch._fused_sgd_(
                params, grads, m, weight_decay=0.0, momentum=self.momentum, lr=-1.0,
                dampening=1.0 - lr, nesterov=False, maximize=True, is_first_step=False,
            )  # fmt: skip
        else:
            torch._foreach_mul_(m, self.momentum)
            torch._foreach_add_(m, grads, alpha=-lr)
            if self.nesterov:
                torch._foreach_add_(params, grads, alpha=-lr)
            torch._foreach_add_(params, m, alpha=self.momentum if self.nesterov else 1.0)

    def get_config(self):
        return super().get_config() | {
            "learning_rate": self._serialize_hyperparameter(self._learning_rate),
            "momentum": self.momentum,
            "nesterov": self.nesterov,
        }


@TABLE.add("rmsprop", "RMSProp")
class RMSprop(Optimizer):
    """Gradients divided by the root of their mean square; epsilon is inside the root.

    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> RMSprop(0.1).minimize(lambda: (w * w).sum(), [w]); round(w.item(), 4)
    0.6838
    """

    def __init__(
        self, learning_rate=0.001, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False,
        weight_decay=None, clipnorm=None, clipvalue=None, global_clipnorm=None, use_ema=False,
        ema_momentum=0.99, ema_overwrite_frequency=100, jit_compile=True, name="RMSprop", **kwargs,
    ):  # fmt: skip
        super().__init__(
            name, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, jit_compile, learning_rate=learning_rate, **kwargs,
        )  # fmt: skip
        self.rho = rho
        self.momentum = momentum
        self.epsilon = default_epsilon() if epsilon is None else epsilon
        self.centered = centered

    def slots(self):
        momentum = (("momentum",),) if self.momentum > 0 else ()
        return (("velocity",), *momentum, *((("average_gradient",),) if self.centered else ()))

    def update(self, params, grads, lr, velocity, momentum=(), average_gradient=()):
        torch._foreach_mul_(velocity, self.rho)
        torch._foreach_addcmul_(velocity, grads, grads, 1.0 - self.rho)
        below = velocity
        if self.centered:
            torch._foreach_mul_(average_gradient, self.rho)
            torch._foreach_add_(average_gradient, grads, alpha=1.0 - self.rho)
            below = torch._foreach_addcmul(velocity, average_gradient, average_gradient, -1.0)
        below = torch._foreach_add(below, self.epsilon)
        torch._foreach_sqrt_(below)
        if not momentum:
            return descend_ratio(params, grads, below, lr)
        torch._foreach_mul_(momentum, self.momentum)
        descend_ratio(momentum, grads, below, -lr)
        torch._foreach_sub_(params, momentum)

    def get_config(self):
        return super().get_config() | {
            "learning_rate": self._serialize_hyperparameter(self._learning_rate),
            "rho": self.rho,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "centered": self.centered,
        }


@TABLE.add("adagrad")
class Adagrad(Optimizer):
    """Gradients divided by the root of the sum of their squares so far.

    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> Adagrad(0.1).minimize(lambda: (w * w).sum(), [w]); round(w.item(), 4)
    0.9012
    """

    def __init__(
        self, learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-7, weight_decay=None,
        clipnorm=None, clipvalue=None, global_clipnorm=None, use_ema=False, ema_momentum=0.99,
        ema_overwrite_frequency=None, jit_compile=True, name="Adagrad", **kwargs,
    ):  # fmt: skip
        super().__init__(
            name, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, jit_compile, learning_rate=learning_rate, **kwargs,
        )  # fmt: skip
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = default_epsilon() if epsilon is None else epsilon

    def slots(self):
        return (("accumulator",),)

    def initial(self, slot, parameter):
        return torch.full_like(parameter, self.initial_accumulator_value)

    def update(self, params, grads, lr, accumulator):
        torch._foreach_addcmul_(accumulator, grads, grads, 1.0)
        below = torch._foreach_add(accumulator, self.epsilon)
        torch._foreach_sqrt_(below)
        descend_ratio(params, grads, below, lr)

    def get_config(self):
        return super().get_config() | {
            "learning_rate": self._serialize_hyperparameter(self._learning_rate),
            "initial_accumulator_value": self.initial_accumulator_value,
            "epsilon": self.epsilon,
        }


@TABLE.add("adadelta")
class Adadelta(Optimizer):
    """Steps scaled by the ratio of the mean squares of past steps and past gradients.

    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> Adadelta(1.0).minimize(lambda: (w * w).sum(), [w]); round(w.item(), 4)
    0.9986
    """

    def __init__(
        self, learning_rate=0.001, rho=0.95, epsilon=1e-7, weight_decay=None, clipnorm=None,
        clipvalue=None, global_clipnorm=None, use_ema=False, ema_momentum=0.99,
        ema_overwrite_frequency=None, jit_compile=True, name="Adadelta", **kwargs,
    ):  # fmt: skip
        super().__init__(
            name, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, jit_compile, learning_rate=learning_rate, **kwargs,
        )  # fmt: skip
        self.rho = rho
        self.epsilon = default_epsilon() if epsilon is None else epsilon

    def slots(self):
        return (("accumulated_grad", "accumulated_delta_var"),)

    def update(self, params, grads, lr, accumulated_grad, accumulated_delta_var):
        torch._foreach_mul_(accumulated_grad, self.rho)
        torch._foreach_addcmul_(accumulated_grad, grads, grads, 1.0 - self.rho)
        delta = torch._foreach_add(accumulated_delta_var, self.epsilon)
        torch._foreach_sqrt_(delta)
        torch._foreach_mul_(delta, grads)
        below = torch._foreach_add(accumulated_grad, self.epsilon)
        torch._foreach_sqrt_(below)
        torch._foreach_div_(delta, below)
        torch._foreach_mul_(accumulated_delta_var, self.rho)
        torch._foreach_addcmul_(accumulated_delta_var, delta, delta, 1.0 - self.rho)
        descend(params, delta, lr)

    def get_config(self):
        return super().get_config() | {
            "learning_rate": self._serialize_hyperparameter(self._learning_rate),
            "rho": self.rho,
            "epsilon": self.epsilon,
        }


@TABLE.add("adam")
class Adam(Optimizer):
    """`w -= lr * sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + epsilon)`.

    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> Adam(0.1).minimize(lambda: (w * w).sum(), [w]); round(w.item(), 4)
    0.9
    """

    def __init__(
        self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False,
        weight_decay=None, clipnorm=None, clipvalue=None, global_clipnorm=None, use_ema=False,
        ema_momentum=0.99, ema_overwrite_frequency=None, jit_compile=True, name="Adam", **kwargs,
    ):  # fmt: skip
        super().__init__(
            name, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, jit_compile, learning_rate=learning_rate, **kwargs,
        )  # fmt: skip
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = default_epsilon() if epsilon is None else epsilon
        self.amsgrad = amsgrad

    def slots(self):
        return (("m", "v"), ("vhat",)) if self.amsgrad else (("m", "v"),)

    def extras(self, params):
        return {"late": late_steps(params)}

    def update(self, params, grads, lr, m, v, vhat=(), late=None):
        step, dtype = self._step + 1, params[0].dtype
        correction = one_minus_power(self.beta_2, step, dtype) ** 0.5
        lr = lr * (correction / one_minus_power(self.beta_1, step, dtype))
        betas = self.beta_1, self.beta_2
        adam_kernel(params, grads, m, v, vhat, late, lr, *betas, self.epsilon, self.amsgrad)

    def get_config(self):
        return super().get_config() | {
            "learning_rate": self._serialize_hyperparameter(self._learning_rate),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "amsgrad": self.amsgrad,
        }


def check_fraction(setting: str, value: Any) -> None:
    """ValueError unless a number is within [0, 1]."""
    if isinstance(value, (int, float)) and not 0 <= value <= 1:
        raise ValueError(f"{setting} must be within [0, 1]; received {value}.")
