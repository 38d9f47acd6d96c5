"""The optimizers of Keras up to 2.10: other names of the state, other places of epsilon.

Files of those versions name them, so `deserialize` makes them; their arithmetic is that of
TensorFlow's training kernels, which hold every setting in float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ..config import epsilon as default_epsilon
from ..registry import Table
from . import adams, base, clipping, rules
from .kernels import (
    adam_kernel,
    check_fraction,
    descend_ratio,
    late_steps,
    one_minus_power,
    single,
)
from .schedules import LearningRateSchedule
from .state import HostVariable, SlotVariable

TABLE = Table("optimizer", "keras.optimizers.legacy")


class _Called(LearningRateSchedule):
    """A function without arguments that gives the rate of each step."""

    def __init__(self, function):
        self.function = function

    def __call__(self, step):
        return self.function()


class Optimizer(base.Optimizer):
    """Base of the older optimizers.

    `decay` divides the rate by `1 + decay * iterations`; `clipvalue` acts before `clipnorm` or
    `global_clipnorm`; `gradient_transformers` are functions from and to lists of (gradient,
    variable), called by `apply_gradients`. `lr` is an old name of `learning_rate`.
    """

    def __init__(self, name, gradient_aggregator=None, gradient_transformers=None, **kwargs):
        for setting in ("clipnorm", "clipvalue", "global_clipnorm", "decay", "lr"):
            value = kwargs.get(setting)
            if isinstance(value, (int, float)) and value < 0:
                raise ValueError(f"{setting} must not be negative; received {value}.")
        decay = kwargs.pop("decay", 0.0)
        super().__init__(name or type(self).__name__, None, **kwargs)
        self.decay = decay or 0.0
        self.gradient_aggregator = gradient_aggregator
        self.gradient_transformers = gradient_transformers or []

    @property
    def learning_rate(self):
        """The rate of the next update, or the schedule where one was given."""
        if isinstance(self._schedule, _Called):
            return self._schedule.function()
        return base.Optimizer.learning_rate.fget(self) if self._schedule is None else self._schedule

    @learning_rate.setter
    def learning_rate(self, value):
        self._set_rate(value)

    lr = learning_rate

    def _set_rate(self, value):
        called = callable(value) and not isinstance(value, (type, LearningRateSchedule))
        super()._set_rate(_Called(value) if called else value)

    def _clip(self, work):
        if self.clipvalue:
            work = clipping.clip_values(work, self.clipvalue)
        if self.clipnorm:
            work = clipping.clip_each(work, self.clipnorm)
        if self.global_clipnorm:
            work = clipping.clip_together(work, self.global_clipnorm)
        return work

    def aggregate_gradients(self, grads_and_vars):
        pairs = [(grad, variable) for grad, variable in grads_and_vars if grad is not None]
        if self.gradient_aggregator is not None:
            pairs = self.gradient_aggregator(pairs)
        for transform in self.gradient_transformers:
            pairs = transform(pairs)
        return [*pairs, *(pair for pair in grads_and_vars if pair[0] is None)]

    def minimize(self, loss, var_list=None, grad_loss=None, name=None, tape=None):
        """Compute the gradients of `loss` and step; `grad_loss` must be left out."""
        if grad_loss is not None:
            raise ValueError("grad_loss is not supported; multiply the loss by it instead.")
        if self.gradient_transformers or self.gradient_aggregator is not None:
            variables = self._handles if var_list is None else var_list
            self.apply_gradients(self.compute_gradients(loss, variables, tape))
        else:
            super().minimize(loss, var_list, tape)

    def get_slot_names(self) -> list[str]:
        """The names of what is remembered of each variable."""
        return [name for block in self.slots() for name in block]

    def get_slot(self, var: Any, slot_name: str) -> SlotVariable:
        """What is remembered of `var` under a name, as a variable."""
        if self._has_old_rule():
            return super().get_slot(var, slot_name)
        self.build([var])
        key = self._var_key(var)
        handle = next(h for h in self._handles if self._var_key(h) == key)
        return SlotVariable(self, handle, slot_name, self._slot_name(slot_name, handle))

    def _counters(self):
        return [HostVariable(self, "_step", f"{self.name}/iter", torch.int64)]

    def _slot_name(self, slot, handle):
        path = super()._slot_name(slot, handle).removeprefix(f"{self.name}/{slot}/")
        return f"{self.name}/{path}/{slot}"

    def set_weights(self, weights):
        """Write the state; files of Keras 1 have no step counter, which is then 0."""
        if len(weights) + 1 == len(self.variables):
            weights = [np.array(0), *weights]
        super().set_weights(weights)

    def _hyper(self, value):
        """A setting as tf.keras writes it: in float32 once the optimizer is built."""
        return single(value) if self.built and isinstance(value, (int, float)) else value

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = {"name": self.name}
        for setting in ("clipnorm", "clipvalue", "global_clipnorm"):
            if getattr(self, setting) is not None:
                config[setting] = getattr(self, setting)
        if self.learning_rate is not None:
            config["learning_rate"] = self._serialize_hyperparameter(self.learning_rate)
        config["decay"] = self.decay
        return config

    def _serialize_hyperparameter(self, value):
        if isinstance(value, str) and value != "learning_rate":  # the name of a setting
            return self._get_hyper(value)
        if isinstance(value, str) and self._schedule is None:
            value = self.learning_rate
        if self._schedule is not None and not isinstance(self._schedule, _Called):
            return super()._serialize_hyperparameter(value)
        # before it is built tf.keras has the number as it was given
        return float(value) if self.built else float(str(np.float32(value)))

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        if "lr" in config:
            config["learning_rate"] = config.pop("lr")
        return super().from_config(config, custom_objects)


@TABLE.add("sgd")
class SGD(Optimizer):
    """Gradient descent with momentum.

    >>> [name for name, _ in SGD(momentum=0.9).named_weights()]
    ['SGD/iter:0']
    """

    def __init__(self, learning_rate=0.01, momentum=0.0, nesterov=False, name="SGD", **kwargs):
        super().__init__(name, learning_rate=learning_rate, **kwargs)
        check_fraction("momentum", momentum)
        self.momentum = momentum
        self.nesterov = nesterov

    momentum, extras = rules.SGD.momentum, rules.SGD.extras

    rows_alone = True

    @property
    def rows_differ(self):
        return bool(self.momentum)

    def slots(self):
        return (("momentum",),) if self.momentum else ()

    def update(self, params, grads, lr, momentum=(), is_fused=False):
        rules.SGD.update(self, params, grads, lr, momentum, is_fused)

    def get_config(self):
        return super().get_config() | {
            "momentum": self._hyper(self.momentum),
            "nesterov": self.nesterov,
        }


@TABLE.add("rmsprop", "RMSProp")
class RMSprop(Optimizer):
    """RMSprop with epsilon outside the root, and inside it where there is momentum.

    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> RMSprop(0.1).minimize(lambda: (w * w).sum(), [w]); round(w.item(), 4)
    0.6838
    """

    def __init__(
        self, learning_rate=0.001, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False,
        name="RMSprop", **kwargs,
    ):  # fmt: skip
        super().__init__(name, learning_rate=learning_rate, **kwargs)
        check_fraction("momentum", momentum)
        self.rho = rho
        self.momentum = momentum
        self.epsilon = epsilon or default_epsilon()
        self.centered = centered

    @property
    def rows_differ(self):
        return bool(self.momentum)

    @property
    def rows_alone(self):
        return bool(self.momentum)

    def slots(self):
        names = ("rms", *(("momentum",) if self.momentum else ()), *(("mg",) * self.centered))
        return tuple((name,) for name in names)

    def update(self, params, grads, lr, rms, momentum=(), mg=()):
        rho = single(self.rho)
        torch._foreach_mul_(rms, rho)
        torch._foreach_addcmul_(rms, grads, grads, 1.0 - rho)
        below = rms
        if self.centered:
            torch._foreach_lerp_(mg, grads, 1.0 - rho)
            below = torch._foreach_addcmul(rms, mg, mg, -1.0)
        if not momentum:
            below = torch._foreach_sqrt(below)
            torch._foreach_add_(below, self.epsilon)
            return descend_ratio(params, grads, below, lr)
        below = torch._foreach_add(below, self.epsilon)
        torch._foreach_sqrt_(below)
        torch._foreach_mul_(momentum, self.momentum)
        descend_ratio(momentum, grads, below, -lr)
        torch._foreach_sub_(params, momentum)

    def get_config(self):
        return super().get_config() | {
            "rho": self._hyper(self.rho),
            "momentum": self._hyper(self.momentum),
            "epsilon": self.epsilon,
            "centered": self.centered,
        }


RMSProp = RMSprop


@TABLE.add("adagrad")
class Adagrad(Optimizer):
    """Adagrad with epsilon outside the root.

    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> Adagrad(0.1).minimize(lambda: (w * w).sum(), [w]); round(w.item(), 4)
    0.9012
    """

    def __init__(
        self, learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-7, name="Adagrad",
        **kwargs,
    ):  # fmt: skip
        if initial_accumulator_value < 0:
            raise ValueError(
                f"initial_accumulator_value must not be negative; received "
                f"{initial_accumulator_value}."
            )
        super().__init__(name, learning_rate=learning_rate, **kwargs)
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = epsilon or default_epsilon()

    rows_alone = True

    def slots(self):
        return (("accumulator",),)

    initial = rules.Adagrad.initial
    extras = rules.Adagrad.extras

    def update(self, params, grads, lr, accumulator, steps=None):
        if steps is not None and not isinstance(lr, torch.Tensor):
            torch._fused_adagrad_(
                params, grads, accumulator, steps, lr=lr, lr_decay=0.0, weight_decay=0.0,
                eps=self.epsilon, maximize=False,
            )  # fmt: skip
            return
        torch._foreach_addcmul_(accumulator, grads, grads, 1.0)
        below = torch._foreach_sqrt(accumulator)
        torch._foreach_add_(below, self.epsilon)
        descend_ratio(params, grads, below, lr)

    def get_config(self):
        return super().get_config() | {
            "initial_accumulator_value": self.initial_accumulator_value,
            "epsilon": self.epsilon,
        }


@TABLE.add("adadelta")
class Adadelta(Optimizer):
    """Adadelta.

    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> Adadelta(1.0).minimize(lambda: (w * w).sum(), [w]); round(w.item(), 4)
    0.9986
    """

    def __init__(self, learning_rate=0.001, rho=0.95, epsilon=1e-7, name="Adadelta", **kwargs):
        super().__init__(name, learning_rate=learning_rate, **kwargs)
        self.rho = rho
        self.epsilon = epsilon or default_epsilon()

    rows_alone = rows_differ = True

    def slots(self):
        return (("accum_grad",), ("accum_var",))

    def update(self, params, grads, lr, accum_grad, accum_var):
        rules.Adadelta.update(self, params, grads, lr, accum_grad, accum_var)

    def get_config(self):
        return super().get_config() | {"rho": self._hyper(self.rho), "epsilon": self.epsilon}


@TABLE.add("adam")
class Adam(Optimizer):
    """Adam.

    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> Adam(0.1).minimize(lambda: (w * w).sum(), [w]); round(w.item(), 4)
    0.9
    """

    def __init__(
        self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False,
        name="Adam", **kwargs,
    ):  # fmt: skip
        super().__init__(name, learning_rate=learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon or default_epsilon()
        self.amsgrad = amsgrad

    def slots(self):
        return (("m",), ("v",), ("vhat",)) if self.amsgrad else (("m",), ("v",))

    def extras(self, params):
        return {"late": late_steps(params)}

    def update(self, params, grads, lr, m, v, vhat=(), late=None):
        step, dtype = self._step + 1, params[0].dtype
        correction = one_minus_power(self.beta_2, step, dtype) ** 0.5
        lr = lr * (correction / one_minus_power(self.beta_1, step, dtype))
        betas = single(self.beta_1), single(self.beta_2)
        adam_kernel(params, grads, m, v, vhat, late, lr, *betas, self.epsilon, self.amsgrad)

    def set_weights(self, weights):
        """Write the state; files of Keras 1 and 2.2 have a third set of slots, not used here."""
        count = len(self.variables)
        if not self.amsgrad and len(weights) == 3 * len(self._handles) + 1:
            weights = weights[:count]
        super().set_weights(weights)

    def get_config(self):
        return super().get_config() | {
            "beta_1": self._hyper(self.beta_1),
            "beta_2": self._hyper(self.beta_2),
            "epsilon": self.epsilon,
            "amsgrad": self.amsgrad,
        }


@TABLE.add("adamax")
class Adamax(Optimizer):
    """Adamax.

    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> Adamax(0.1).minimize(lambda: (w * w).sum(), [w]); round(w.item(), 4)
    0.9
    """

    def __init__(
        self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, name="Adamax", **kwargs
    ):
        super().__init__(name, learning_rate=learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon or default_epsilon()

    rows_alone = rows_differ = True

    def slots(self):
        return (("m",), ("v",))

    def update(self, params, grads, lr, m, v):
        adams.Adamax.update(self, params, grads, lr, m, v)

    def get_config(self):
        return super().get_config() | {
            "beta_1": self._hyper(self.beta_1),
            "beta_2": self._hyper(self.beta_2),
            "epsilon": self.epsilon,
        }


@TABLE.add("nadam")
class Nadam(Optimizer):
    """Nadam, whose momentum grows with `0.96 ** (schedule_decay * step)`.

    `decay` in its config is that schedule's; the learning rate does not decay.

    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> Nadam(0.1).minimize(lambda: (w * w).sum(), [w]); round(w.item(), 4)
    0.8944
    """

    def __init__(
        self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, name="Nadam", **kwargs
    ):
        decay = kwargs.pop("decay", 0.004)
        self.schedule_decay = kwargs.pop("schedule_decay", decay)
        if isinstance(learning_rate, LearningRateSchedule):
            raise ValueError("Nadam takes no schedule as learning_rate; it has one of its own.")
        super().__init__(name, learning_rate=learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon or default_epsilon()
        self._product = (0, 1.0)

    rows_alone = rows_differ = True

    def rest(self, slots):
        slots["m"].mul_(single(self.beta_1))
        slots["v"].mul_(single(self.beta_2))

    def slots(self):
        return (("m",), ("v",))

    _momentum = adams.Nadam._momentum
    momentum_product = adams.Nadam.momentum_product

    def update(self, params, grads, lr, m, v):
        adams.Nadam.update(self, params, grads, lr, m, v)

    @property
    def _momentum_cache(self):
        return self.momentum_product(self._step)

    @_momentum_cache.setter
    def _momentum_cache(self, value):
        self._product = (self._step, value)

    def _counters(self):
        cache = HostVariable(self, "_momentum_cache", f"{self.name}/momentum_cache", torch.float32)
        return [*super()._counters(), *([cache] if self.built else [])]

    def get_config(self):
        return super().get_config() | {
            "decay": self.schedule_decay,
            "beta_1": self._hyper(self.beta_1),
            "beta_2": self._hyper(self.beta_2),
            "epsilon": self.epsilon,
        }


@TABLE.add("ftrl")
class Ftrl(Optimizer):
    """Ftrl.

    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> Ftrl(0.1).minimize(lambda: (w * w).sum(), [w]); round(w.item(), 4)
    0.7451
    """

    def __init__(
        self, learning_rate=0.001, learning_rate_power=-0.5, initial_accumulator_value=0.1,
        l1_regularization_strength=0.0, l2_regularization_strength=0.0, name="Ftrl",
        l2_shrinkage_regularization_strength=0.0, beta=0.0, **kwargs,
    ):  # fmt: skip
        super().__init__(name, learning_rate=learning_rate, **kwargs)
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta
        rules.Ftrl.check_settings(self)

    rows_alone = rows_differ = True
    slots, initial = rules.Ftrl.slots, rules.Ftrl.initial

    def update(self, params, grads, lr, accumulator, linear):
        rules.Ftrl.update(self, params, grads, lr, accumulator, linear)

    def get_config(self):
        return super().get_config() | {
            "initial_accumulator_value": self.initial_accumulator_value,
            "learning_rate_power": self._hyper(self.learning_rate_power),
            "l1_regularization_strength": self._hyper(self.l1_regularization_strength),
            "l2_regularization_strength": self._hyper(self.l2_regularization_strength),
            "beta": self._hyper(self.beta),
            "l2_shrinkage_regularization_strength": self.l2_shrinkage_regularization_strength,
        }
