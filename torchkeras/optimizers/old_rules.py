"""Rules written for the optimizers of TensorFlow up to 2.10: `_resource_apply_dense` and slots.

class Sgd(keras.optimizers.Optimizer):
    def __init__(self, learning_rate=0.01, momentum=0.9, name="Sgd", **kwargs):
        super().__init__(name, **kwargs)
        self._set_hyper("learning_rate", learning_rate)
        self._set_hyper("momentum", momentum)

    def _create_slots(self, var_list):
        for variable in var_list:
            self.add_slot(variable, "m")

    def _resource_apply_dense(self, grad, var, apply_state=None):
        m = self.get_slot(var, "m")
        m.assign(m * self._get_hyper("momentum") + grad)
        var.assign_sub(self._decayed_lr(var.dtype) * m)
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor

from ..arrays import as_tensor
from ..precision import torch_dtype
from ..variable import Variable
from .schedules import LearningRateSchedule


class OldRules:
    """The part of an optimizer that runs such a rule, one variable at a time."""

    _use_locking = False

    @property
    def _hypers(self) -> dict[str, Any]:
        return self.__dict__.setdefault("_old_hypers", {})

    @property
    def _initial_decay(self) -> float:
        return self.decay

    def _set_hyper(self, name: str, value: Any) -> None:
        """Keep a setting; a number, a schedule or a function without arguments."""
        if name == "learning_rate":
            self._set_rate(value)
        elif name == "decay":
            self.decay = value
        else:
            self._hypers[name] = value

    def _get_hyper(self, name: str, dtype: Any = None) -> Any:
        """A setting as it is now."""
        if name == "learning_rate":
            # in a step the groups have the decayed rate; the defaults keep the one that was set
            value = self._schedule if self._schedule is not None else self.defaults["lr"]
        else:
            value = self.decay if name == "decay" else self._hypers[name]
        if callable(value) and not isinstance(value, LearningRateSchedule):
            value = value()
        if dtype is None or isinstance(value, LearningRateSchedule):
            return value
        return as_tensor(value, torch_dtype(dtype))

    def _decayed_lr(self, var_dtype: Any) -> Tensor:
        """The rate of this step."""
        rate = self._get_hyper("learning_rate")
        if isinstance(rate, LearningRateSchedule):
            rate = rate(self._step)
        rate = as_tensor(rate, torch_dtype(var_dtype))
        return rate / (1.0 + self.decay * self._step) if self.decay else rate

    def __getattr__(self, name: str) -> Any:
        hypers = self.__dict__.get("_old_hypers", {})
        if name in hypers:
            return self._get_hyper(name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name)

    # --- slots ------------------------------------------------------------------------------------

    def _create_slots(self, var_list: list[Variable]) -> None:
        """Make what the rule remembers of each variable; a subclass writes this method."""

    def add_slot(
        self, var: Variable, slot_name: str, initializer: Any = "zeros", shape: Any = None
    ) -> Variable:
        """Something to remember of `var`, of its shape; made once."""
        made = self.__dict__.setdefault("_old_slots", {})
        key = (var.path, slot_name)
        if key not in made:
            shape = tuple(var.shape if shape is None else shape)
            ones = initializer == "ones"
            value = torch.full(shape, float(ones)) if isinstance(initializer, str) else initializer
            value = value(shape) if callable(value) and not isinstance(value, Tensor) else value
            made[key] = self.add_variable_from_reference(var, slot_name, shape, value)
        return made[key]

    def get_slot(self, var: Variable, slot_name: str) -> Variable:
        """What `add_slot` made."""
        return self.__dict__.get("_old_slots", {})[var.path, slot_name]

    # --- the rule ---------------------------------------------------------------------------------

    def _prepare_local(self, var_device: Any, var_dtype: Any, apply_state: dict) -> None:
        """Compute once a step what all variables of a kind share."""
        apply_state[(var_device, var_dtype)]["lr_t"] = self._decayed_lr(var_dtype)

    def _fallback_apply_state(self, var_device: Any, var_dtype: Any) -> dict[str, Any]:
        state: dict[Any, dict[str, Any]] = {(var_device, var_dtype): {}}
        self._prepare_local(var_device, var_dtype, state)
        return state[(var_device, var_dtype)]

    def _apply_old_rule(self, gradient: Tensor, variable: Variable) -> None:
        rule = self._resource_apply_dense
        kind = (variable.device, variable.dtype)
        if "apply_state" in inspect.signature(rule).parameters:
            rule(gradient, variable, apply_state={kind: self._fallback_apply_state(*kind)})
        else:
            rule(gradient, variable)

    def _has_old_rule(self) -> bool:
        return hasattr(type(self), "_resource_apply_dense")
