"""Adam and its relatives."""

from __future__ import annotations

import torch

from ..config import epsilon as default_epsilon
from .base import TABLE, Optimizer
from .kernels import adam_kernel, descend_ratio, late_steps, one_minus_power, single


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

    rate_alone = True

    def takes_rate_as_tensor(self):
        return super().takes_rate_as_tensor() and not self.weight_decay

    def slots(self):
        return (("m", "v"), ("vhat",)) if self.amsgrad else (("m", "v"),)

    def extras(self, params):
        return {"late": late_steps(params)}

    def folds_decay(self, slots):
        return slots["late"] is not None and self.beta_2 < 1

    def skips(self):
        alone = not (self.use_ema or self.gradient_accumulation_steps)
        alone = alone and not any(b.decayed or b.constrained for b in self._batches or ())
        return alone and all(b.slots["late"] is not None for b in self._batches or ())

    def _correction(self, dtype):
        step = self._step + 1
        correction = one_minus_power(self.beta_2, step, dtype) ** 0.5
        return correction / one_minus_power(self.beta_1, step, dtype)

    def corrected(self, rate):
        return rate * self._correction(self.param_groups[0]["params"][0].dtype)

    def update(self, params, grads, lr, m, v, vhat=(), late=None, folded=False):
        correction = self._correction(params[0].dtype)
        decay = self.weight_decay / correction if folded and self.weight_decay else 0.0
        adam_kernel(
            params, grads, m, v, vhat, late, lr * correction, self.beta_1, self.beta_2,
            self.epsilon, self.amsgrad, decay, self._found_inf,
        )  # fmt: skip

    def get_config(self):
        return super().get_config() | {
            "learning_rate": self._serialize_hyperparameter(self._learning_rate),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "amsgrad": self.amsgrad,
        }


@TABLE.add("adamw")
class AdamW(Adam):
    """Adam whose variables also shrink by `weight_decay * learning_rate` in each step.

    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> AdamW(0.1, weight_decay=0.5).minimize(lambda: (w * w).sum(), [w]); round(w.item(), 4)
    0.85
    """

    def __init__(
        self, learning_rate=0.001, weight_decay=0.004, beta_1=0.9, beta_2=0.999, epsilon=1e-7,
        amsgrad=False, clipnorm=None, clipvalue=None, global_clipnorm=None, use_ema=False,
        ema_momentum=0.99, ema_overwrite_frequency=None, jit_compile=True, name="AdamW", **kwargs,
    ):  # fmt: skip
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay, clipnorm, clipvalue,
            global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, jit_compile, name,
            **kwargs,
        )  # fmt: skip


@TABLE.add("adamax")
class Adamax(Optimizer):
    """Adam with the largest gradient so far, slowly forgotten, in place of the root mean square.

    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> Adamax(0.1).minimize(lambda: (w * w).sum(), [w]); round(w.item(), 4)
    0.9
    """

    def __init__(
        self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, weight_decay=None,
        clipnorm=None, clipvalue=None, global_clipnorm=None, use_ema=False, ema_momentum=0.99,
        ema_overwrite_frequency=None, jit_compile=True, name="Adamax", **kwargs,
    ):  # fmt: skip
        super().__init__(
            name, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, jit_compile, learning_rate=learning_rate, **kwargs,
        )  # fmt: skip
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = default_epsilon() if epsilon is None else epsilon

    def slots(self):
        return (("m", "u"),)

    def update(self, params, grads, lr, m, u):
        torch._foreach_lerp_(m, grads, 1.0 - self.beta_1)
        torch._foreach_mul_(u, self.beta_2)
        torch._foreach_maximum_(u, torch._foreach_abs(grads))
        below = torch._foreach_add(u, self.epsilon)
        lr = lr / one_minus_power(self.beta_1, self._step + 1, params[0].dtype)
        descend_ratio(params, m, below, lr)

    def get_config(self):
        return super().get_config() | {
            "learning_rate": self._serialize_hyperparameter(self._learning_rate),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }


@TABLE.add("nadam")
class Nadam(Optimizer):
    """Adam with Nesterov momentum, whose momentum grows towards `beta_1`.

    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> Nadam(0.1).minimize(lambda: (w * w).sum(), [w]); round(w.item(), 4)
    0.8937
    """

    schedule_decay = 1.0

    def __init__(
        self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, weight_decay=None,
        clipnorm=None, clipvalue=None, global_clipnorm=None, use_ema=False, ema_momentum=0.99,
        ema_overwrite_frequency=None, jit_compile=True, name="Nadam", **kwargs,
    ):  # fmt: skip
        super().__init__(
            name, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, jit_compile, learning_rate=learning_rate, **kwargs,
        )  # fmt: skip
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = default_epsilon() if epsilon is None else epsilon
        self._product = (0, 1.0)

    def slots(self):
        return (("m", "v"),)

    def _momentum(self, step):
        return single(self.beta_1) * (1.0 - 0.5 * single(0.96) ** (self.schedule_decay * step))

    def momentum_product(self, step: int) -> float:
        """The product of the momenta of all steps up to `step`, each of them known or made up."""
        last, product = self._product
        if last > step:
            last, product = 0, 1.0
        for i in range(last + 1, step + 1):
            product *= self._momentum(i)
            if product < 1e-45:  # zero in float32
                break
        self._product = (step, product)
        return product

    def update(self, params, grads, lr, m, v):
        step, beta_2 = self._step + 1, single(self.beta_2)
        torch._foreach_lerp_(m, grads, 1.0 - single(self.beta_1))
        torch._foreach_mul_(v, beta_2)
        torch._foreach_addcmul_(v, grads, grads, 1.0 - beta_2)
        product, momentum, following = (
            self.momentum_product(step), self._momentum(step), self._momentum(step + 1)
        )  # fmt: skip
        # sqrt(v / c) + epsilon is (sqrt(v) + epsilon * sqrt(c)) / sqrt(c): a pass less
        correction = one_minus_power(self.beta_2, step, params[0].dtype) ** 0.5
        below = torch._foreach_sqrt(v)
        torch._foreach_add_(below, self.epsilon * correction)
        shares = following / (1.0 - product * following), (1.0 - momentum) / (1.0 - product)
        for above, share in zip((m, grads), shares, strict=True):
            descend_ratio(params, above, below, lr * (correction * share))

    def get_config(self):
        return super().get_config() | {
            "learning_rate": self._serialize_hyperparameter(self._learning_rate),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
