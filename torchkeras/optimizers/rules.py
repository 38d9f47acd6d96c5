"""The update rules of Keras over lists of tensors, on torch's fused or foreach kernels.

A rule gets lists: parameters, gradients and, by name, what it remembers of each parameter. The
learning rate is a number, or a tensor that stays where it is.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..config import epsilon as default_epsilon
from .base import TABLE, Optimizer
from .kernels import check_fraction, descend, descend_ratio, first_steps, fused, single


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

    rate_alone = True

    @property
    def momentum(self):
        return self._momentum

    @momentum.setter
    def momentum(self, value):
        self._momentum, self._batches = value, None

    @property
    def rows_alone(self):
        return not self.momentum

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

    rate_alone = True

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
    """Gradients divided by the root of the sum of their squares so far, plus epsilon.

    The kernel adds epsilon after the root, Keras before it. So the sums are kept with epsilon in
    them, and the kernel gets none; variables and files have the sums without it.

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

    rows_alone = True

    @property
    def epsilon(self):
        return self._epsilon

    @epsilon.setter
    def epsilon(self, value):
        before, self._epsilon = self.above("accumulator"), value
        for state in self.state.values():
            state["accumulator"].add_(self.above("accumulator") - before)

    _epsilon = 0.0

    def above(self, slot):
        """Epsilon, where it is so small beside every sum that both have the same digits."""
        small = self._epsilon <= 1e-5 * self.initial_accumulator_value
        return self._epsilon if slot == "accumulator" and small else 0.0

    def slots(self):
        return (("accumulator",),)

    def initial(self, slot, parameter):
        return torch.full_like(parameter, self.initial_accumulator_value + self.above(slot))

    def extras(self, params):
        return {"steps": first_steps(params)}

    def update(self, params, grads, lr, accumulator, steps=None):
        inside = self.above("accumulator") == self._epsilon
        if inside and steps is not None and not isinstance(lr, Tensor):
            torch._fused_adagrad_(
                params, grads, accumulator, steps, lr=lr, lr_decay=0.0, weight_decay=0.0, eps=0.0,
                maximize=False,
            )  # fmt: skip
            return
        torch._foreach_addcmul_(accumulator, grads, grads, 1.0)
        if inside:
            below = torch._foreach_sqrt(accumulator)
        else:
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


@TABLE.add("ftrl")
class Ftrl(Optimizer):
    """The "follow the regularized leader" rule, which keeps small weights at zero.

    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> Ftrl(0.1).minimize(lambda: (w * w).sum(), [w]); round(w.item(), 4)
    0.7451
    """

    def __init__(
        self, learning_rate=0.001, learning_rate_power=-0.5, initial_accumulator_value=0.1,
        l1_regularization_strength=0.0, l2_regularization_strength=0.0,
        l2_shrinkage_regularization_strength=0.0, beta=0.0, weight_decay=None, clipnorm=None,
        clipvalue=None, global_clipnorm=None, use_ema=False, ema_momentum=0.99,
        ema_overwrite_frequency=None, jit_compile=True, name="Ftrl", **kwargs,
    ):  # fmt: skip
        super().__init__(
            name, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, jit_compile, learning_rate=learning_rate, **kwargs,
        )  # fmt: skip
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta
        self.check_settings()

    def check_settings(self) -> None:
        """ValueError naming a setting of the wrong sign."""
        if self.learning_rate_power > 0:
            raise ValueError(
                f"learning_rate_power must not be positive; received {self.learning_rate_power}."
            )
        for setting in (
            "initial_accumulator_value", "l1_regularization_strength",
            "l2_regularization_strength", "l2_shrinkage_regularization_strength",
        ):  # fmt: skip
            value = getattr(self, setting)
            if value < 0:
                raise ValueError(f"{setting} must not be negative; received {value}.")

    def slots(self):
        return (("accumulator", "linear"),)

    def initial(self, slot, parameter):
        value = self.initial_accumulator_value if slot == "accumulator" else 0.0
        return torch.full_like(parameter, value)

    def update(self, params, grads, lr, accumulator, linear):
        l1, power = self.l1_regularization_strength, -self.learning_rate_power
        shrinkage = 2.0 * self.l2_shrinkage_regularization_strength
        torch._foreach_add_(linear, grads)
        if shrinkage:
            torch._foreach_add_(linear, params, alpha=shrinkage)
        before = torch._foreach_pow(accumulator, power)
        torch._foreach_addcmul_(accumulator, grads, grads, 1.0)
        after = torch._foreach_pow(accumulator, power)
        change = torch._foreach_div(torch._foreach_sub(after, before), lr)
        torch._foreach_addcmul_(linear, change, params, -1.0)
        torch._foreach_div_(after, lr)
        torch._foreach_add_(after, 2.0 * self.l2_regularization_strength + self.beta / lr)
        clipped = torch._foreach_clamp_max(torch._foreach_clamp_min(linear, -l1), l1)
        torch._foreach_sub_(clipped, linear)
        torch._foreach_copy_(params, torch._foreach_div(clipped, after))

    def get_config(self):
        return super().get_config() | {
            "learning_rate": self._serialize_hyperparameter(self._learning_rate),
            "learning_rate_power": self.learning_rate_power,
            "initial_accumulator_value": self.initial_accumulator_value,
            "l1_regularization_strength": self.l1_regularization_strength,
            "l2_regularization_strength": self.l2_regularization_strength,
            "l2_shrinkage_regularization_strength": self.l2_shrinkage_regularization_strength,
            "beta": self.beta,
        }


@TABLE.add("lion")
class Lion(Optimizer):
    """Steps of `learning_rate` in the direction of the sign of a momentum.

    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> Lion(0.1).minimize(lambda: (w * w).sum(), [w]); round(w.item(), 4)
    0.9
    """

    def __init__(
        self, learning_rate=0.0001, beta_1=0.9, beta_2=0.99, weight_decay=None, clipnorm=None,
        clipvalue=None, global_clipnorm=None, use_ema=False, ema_momentum=0.99,
        ema_overwrite_frequency=None, jit_compile=True, name="Lion", **kwargs,
    ):  # fmt: skip
        super().__init__(
            name, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, jit_compile, learning_rate=learning_rate, **kwargs,
        )  # fmt: skip
        if not 0 < beta_1 <= 1:
            raise ValueError(f"beta_1 must be above 0 and at most 1; received {beta_1}.")
        self.beta_1 = beta_1
        self.beta_2 = beta_2

    def slots(self):
        return (("m",),)

    def update(self, params, grads, lr, m):
        beta_1 = single(self.beta_1)
        direction = torch._foreach_mul(m, beta_1)
        torch._foreach_add_(direction, grads, alpha=1.0 - beta_1)
        torch._foreach_sign_(direction)
        descend(params, direction, lr)
        torch._foreach_lerp_(m, grads, 1.0 - single(self.beta_2))

    def get_config(self):
        return super().get_config() | {
            "learning_rate": self._serialize_hyperparameter(self._learning_rate),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
        }


@TABLE.add("adafactor")
class Adafactor(Optimizer):
    """Gradients divided by a root mean square that is kept as one row and one column per matrix.

    The last two axes, in the order of Keras, are factored; the step is relative to the size of
    the variable.

    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> Adafactor(0.1).minimize(lambda: (w * w).sum(), [w]); round(w.item(), 4)
    0.9
    """

    def __init__(
        self, learning_rate=0.001, beta_2_decay=-0.8, epsilon_1=1e-30, epsilon_2=1e-3,
        clip_threshold=1.0, relative_step=True, weight_decay=None, clipnorm=None, clipvalue=None,
        global_clipnorm=None, use_ema=False, ema_momentum=0.99, ema_overwrite_frequency=None,
        jit_compile=True, name="Adafactor", **kwargs,
    ):  # fmt: skip
        super().__init__(
            name, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, jit_compile, learning_rate=learning_rate, **kwargs,
        )  # fmt: skip
        self.beta_2_decay = beta_2_decay
        self.epsilon_1 = epsilon_1
        self.epsilon_2 = epsilon_2
        self.clip_threshold = clip_threshold
        self.relative_step = relative_step
        self._squares = []

    def build(self, var_list):
        super().build(var_list)
        for variable in self._handles[len(self._squares) :]:
            shape, rows, columns = tuple(variable.shape), None, None
            if len(shape) >= 2:
                rows = self.add_variable_from_reference(variable, "r", shape[:-1])
                columns = self.add_variable_from_reference(variable, "c", shape[:-2] + shape[-1:])
            full = self.add_variable_from_reference(variable, "v")
            self._squares.append((rows, columns, full))

    def update_step(self, gradient, variable):
        rows, columns, full = self._squares[self._index_dict[self._var_key(variable)]]
        step = self._step + 1
        beta = 1.0 - step**self.beta_2_decay
        squares = gradient.square() + self.epsilon_1
        if rows is None:
            full.value.lerp_(squares, 1.0 - beta)
        else:
            row, column = rows.value, columns.value
            row.lerp_(squares.mean(-1), 1.0 - beta)
            column.lerp_(squares.mean(-2), 1.0 - beta)
            share = row / row.mean(-1, keepdim=True)
            full.assign(share.unsqueeze(-1) * column.unsqueeze(-2))
        direction = gradient * full.value.rsqrt()
        direction = direction / (_rms(direction) / self.clip_threshold).clamp_min(1.0)
        rate = self.learning_rate
        rate = rate.clamp_max(step**-0.5) if isinstance(rate, Tensor) else min(rate, step**-0.5)
        variable.assign_sub(_rms(variable.value).clamp_min(self.epsilon_2) * rate * direction)

    def get_config(self):
        return super().get_config() | {
            "learning_rate": self._serialize_hyperparameter(self._learning_rate),
            "beta_2_decay": self.beta_2_decay,
            "epsilon_1": self.epsilon_1,
            "epsilon_2": self.epsilon_2,
            "clip_threshold": self.clip_threshold,
            "relative_step": self.relative_step,
        }


def _rms(value):
    return value.square().mean().sqrt()
