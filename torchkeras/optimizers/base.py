"""The optimizer that every rule shares: binding, stepping, clipping, decay, averages, state.

It is made without parameters, as in Keras, and bound by `build`; from then on it is a
`torch.optim.Optimizer` like any other: `param_groups`, `state_dict`, torch's schedulers and hooks.
A step reads nothing back from the device; the step counter lives on the host.
"""

from __future__ import annotations

import copy
import re
import sys
import warnings
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

import torch
from torch import Tensor
from torch.optim import optimizer as torch_optimizer

from ..registry import Table
from ..variable import Variable
from . import accumulation, clipping, rows, schedules
from .descent import Descent
from .keras_state import KerasState
from .old_rules import OldRules
from .rates import Rated
from .schedules import LearningRateSchedule
from .state import Batch, ParameterHandle, to_keras

TABLE = Table("optimizer", "keras.optimizers")


def _without_compiler(name):
    """torch's method without what keeps torch.compile out of it, and imports all of it for that."""
    method = getattr(torch.optim.Optimizer, name)
    return getattr(method, "__wrapped__", method)


_add_param_group, _state_dict, _load_state_dict = map(
    _without_compiler, ("add_param_group", "state_dict", "load_state_dict")
)


class Optimizer(Rated, Descent, KerasState, OldRules, torch.optim.Optimizer):
    """Base of all optimizers; a rule overrides `update`, `slots` and `get_config`.

    A rule written for Keras, with `build`, `add_variable_from_reference` and
    `update_step(gradient, variable)`, works too, one variable at a time in the axes of Keras.

    `weight_decay` shrinks variables by `weight_decay * learning_rate` before each update,
    `clipnorm` bounds the norm of each gradient, `global_clipnorm` that of all together,
    `clipvalue` each element. `use_ema` keeps averages of the variables, copied back every
    `ema_overwrite_frequency` steps and by `finalize_variable_values`. With
    `gradient_accumulation_steps=n` the variables change at every n-th call, by the mean gradient.
    """

    def __init__(
        self, name, weight_decay=0, clipnorm=None, clipvalue=None, global_clipnorm=None,
        use_ema=False, ema_momentum=0.99, ema_overwrite_frequency=None, jit_compile=True, **kwargs,
    ):  # fmt: skip
        # torch wants parameters at once; they come with build(), so the first group goes again.
        super().__init__([torch.empty(0, device="cpu")], {"lr": None})
        self.param_groups.clear()
        self.name = name
        self.weight_decay = weight_decay
        self.clipnorm, self.global_clipnorm = clipnorm, global_clipnorm
        self.clipvalue = clipvalue
        self.use_ema, self.ema_momentum = use_ema, ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.jit_compile = bool(jit_compile) and torch.cuda.is_available()  # as tf.keras notes it
        self._step = 0
        self._schedule: LearningRateSchedule | None = None
        self._handles: list[Variable] = []  # what was built, in order
        self._own: list[Variable] = []  # what add_variable made
        self._skipped: list[str] = []  # what had no gradient in the last step
        self._warned: set[tuple[str, ...]] = set()
        self._spared: set[int] = set()
        self._spared_names: list[str] = []
        self._batches: list[Batch] | None = None
        own = type(self).update_step is not Optimizer.update_step
        self._by_variable = own or self._has_old_rule()
        self._take(kwargs)
        self._check()

    def _take(self, kwargs):
        """The arguments that are not in every signature: `lr`, `decay`, `learning_rate`."""
        kwargs.pop("is_legacy_optimizer", None)
        self.gradient_accumulation_steps = kwargs.pop("gradient_accumulation_steps", None)
        self._gathered = 0  # calls whose gradients wait for the next update
        rate = kwargs.pop("learning_rate", None)
        self._alias = kwargs.pop("lr", None)
        if self._alias is not None:
            _deprecated("lr is an old name; write learning_rate.")
        self.decay = kwargs.pop("decay", None)
        if self.decay is not None:
            _deprecated(
                f"decay is an old argument; {type(self).__name__} divides its learning rate by "
                "1 + decay * iterations. Write schedules.InverseTimeDecay instead."
            )
        self.decay = self.decay or 0.0
        if kwargs:
            raise TypeError(
                f"{type(self).__name__} has no argument {', '.join(map(repr, kwargs))}."
            )
        rate = self._build_learning_rate(rate)
        if rate is not None:
            self.learning_rate = rate

    def _check(self):
        accumulation.check(self.gradient_accumulation_steps)
        if self.decay < 0:
            raise ValueError(f"decay must not be negative; received {self.decay}.")
        if self.clipnorm is not None and self.global_clipnorm is not None:
            raise ValueError(
                "Give clipnorm (each variable) or global_clipnorm (all together), not both; "
                f"received {self.clipnorm} and {self.global_clipnorm}."
            )
        if not self.use_ema:
            return
        if not 0 <= self.ema_momentum <= 1:
            raise ValueError(f"ema_momentum must be within [0, 1]; received {self.ema_momentum}.")
        every = self.ema_overwrite_frequency
        if every and (not isinstance(every, int) or every < 1):
            raise ValueError(
                f"ema_overwrite_frequency must be a positive integer or None; received {every!r}."
            )

    _spare = False  # whether nobody looks at the gradients after the step
    _found_inf: Tensor | None = None  # 1 in a step that must not change anything

    # What a rule defines

    def slots(self) -> tuple[tuple[str, ...], ...]:
        """Names of what the rule remembers of each variable.

        Every inner tuple is one round over all variables: this is the order of HDF5 files.
        """
        return ()

    def initial(self, slot: str, parameter: Tensor) -> Tensor:
        """The first value of a slot: zeros, unless the rule says otherwise."""
        return torch.zeros_like(parameter)

    def above(self, slot: str) -> float:
        """How much what the rule keeps in a slot is above what Keras has there."""
        return 0.0

    def extras(self, params: list[Tensor]) -> dict[str, Any]:
        """What else `update` takes, made once for a list of parameters."""
        return {}

    def folds_decay(self, slots: dict[str, Any]) -> bool:
        """Whether `update`, told so by `folded=True`, takes care of the weight decay itself."""
        return False

    def skips(self) -> bool:
        """Whether `update` alone makes a step, and none where `_found_inf` is 1."""
        return False

    def update(self, params: list[Tensor], grads: list[Tensor], lr: Any, **slots: Any) -> None:
        """Change `params` in place; `slots` are lists parallel to them, `lr` number or tensor."""
        raise NotImplementedError(f"{type(self).__name__} defines neither update nor update_step.")

    @property
    def rows_alone(self) -> bool:
        """Whether a row without gradient stays as it is, so that only the others need an update."""
        return False

    rows_differ = False  # whether an update of all rows would give other numbers than tf.keras'

    def rest(self, slots: dict[str, Tensor]) -> None:
        """Change what is remembered of rows that have no gradient, before the others are set."""

    def update_step(self, gradient: Tensor, variable: Variable) -> None:
        """The rule for one variable in the axes of Keras, for optimizers written for Keras."""
        self._apply_old_rule(gradient, variable)

    # Binding

    @property
    def built(self) -> bool:
        return bool(self.param_groups)

    def build(self, var_list: Iterable[Any]) -> None:
        """Bind to variables or parameters; those bound before keep their state."""
        known = {id(p) for group in self.param_groups for p in group["params"]}
        fresh: list[Tensor] = []
        for item in var_list:
            handle = item if isinstance(item, Variable) else None
            natives = item.native if handle is not None else (item,)
            natives = [p for p in natives if id(p) not in known]
            if not natives:
                continue
            known.update(map(id, natives))
            self._handles.append(handle if handle is not None else self._handle(item))
            fresh.extend(natives)
        if not fresh:
            return
        if self.param_groups:
            self.param_groups[0]["params"].extend(fresh)
        else:
            self.add_param_group({"params": fresh})
        self._create_slots(list(self._handles))
        self._plan()

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with settings of their own, such as another `lr`, as in torch."""
        _add_param_group(self, param_group)
        self._batches = None

    def _handle(self, parameter):
        name = getattr(parameter, "_keras_name", None) or f"variable_{len(self._handles)}"
        return ParameterHandle(parameter, name)

    def _plan(self) -> list[Batch]:
        """Sort the parameters into batches; made again after a move, a load or a new group."""
        owners = {id(p): handle for handle in self._handles for p in handle.native}
        found: dict[Any, tuple[dict, list]] = {}
        for group in self.param_groups:
            for p in group["params"]:
                if id(p) not in owners:
                    owners[id(p)] = self._handle(p)
                    self._handles.append(owners[id(p)])
                for name in self._allocated():
                    self._slot(p, name)
                _, pairs = found.setdefault((id(group), p.device, p.dtype), (group, []))
                pairs.append((p, owners[id(p)]))
        self._index_dict = {self._var_key(handle): i for i, handle in enumerate(self._handles)}
        for variable in self._own:
            variable.follow()
        self._find_tables()
        self._batches = [Batch(self, group, pairs) for group, pairs in found.values()]
        return self._batches

    def _allocated(self) -> list[str]:
        """Names of the slots that exist for each parameter."""
        names = [name for block in self.slots() for name in block]
        return ["average", *names] if self.use_ema else names

    def _slot(self, parameter, name):
        """One slot of one parameter, made or moved to where the parameter is."""
        state = self.state[parameter]
        if name not in state:
            with torch.no_grad():
                if name == "average":
                    state[name] = parameter.detach().clone()
                elif name == accumulation.SLOT:
                    state[name] = torch.zeros_like(parameter)
                else:
                    state[name] = self.initial(name, parameter)
        elif state[name].device != parameter.device or state[name].dtype != parameter.dtype:
            state[name] = state[name].to(parameter)
        return state[name]

    # Stepping

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; returns what `closure` returned.

        Without any gradient nothing happens and nothing is counted. ValueError before `build`.
        """
        if not self.param_groups and not self._bind():
            raise ValueError(
                f"{self.name} has no weights to update: call build(model.trainable_variables) "
                "before the first step()."
            )
        if self._optimizer_step_pre_hooks or torch_optimizer._global_optimizer_pre_hooks:
            closure = self._run_pre_hooks(closure)
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        self._apply(self._collect())
        if self._optimizer_step_post_hooks or torch_optimizer._global_optimizer_post_hooks:
            self._run_post_hooks(closure)
        return loss

    step.hooked = True  # hooks are run above, so torch need not wrap the method to run them

    def _run_pre_hooks(self, closure):
        hooks = torch_optimizer._global_optimizer_pre_hooks, self._optimizer_step_pre_hooks
        for hook in chain(*(h.values() for h in hooks)):
            changed = hook(self, (closure,), {})
            if changed is not None:
                (closure,) = changed[0] or (None,)
        return closure

    def _run_post_hooks(self, closure):
        hooks = self._optimizer_step_post_hooks, torch_optimizer._global_optimizer_post_hooks
        for hook in chain(*(h.values() for h in hooks)):
            hook(self, (closure,), {})

    def _collect(self, given: dict[int, Tensor] | None = None) -> clipping.Work:
        """Batches with their gradients, from `given` by id or else from the parameters."""
        self._skipped = []
        work = []
        for batch in self._batches or self._plan():
            first = batch.first
            if first.device != batch.device or first.dtype != batch.dtype:
                self._plan()  # the model was moved or cast since
                return self._collect(given)
            if given is None:
                grads = [grad for p in batch.params if (grad := p.grad) is not None]
            else:
                grads = [given[id(p)] for p in batch.params if id(p) in given]
            if len(grads) != batch.count:
                batch = self._present(batch, given)
            if batch is None:
                continue
            if list(map(Tensor.stride, grads)) == batch.strides:
                work.append((batch, grads))
            elif any(grad.is_sparse for grad in grads):
                dense = bool(self.gradient_accumulation_steps) or self._by_variable
                work += rows.split(batch, grads, dense)
            else:
                work.append((batch, batch.aligned(grads)))
        return work

    def _present(self, batch, given):
        """The part of a batch that has gradients, or None; notes the names of the others."""
        here = [p.grad is not None if given is None else id(p) in given for p in batch.params]
        self._skipped += [v.name for (_, v), got in zip(batch.pairs, here, strict=True) if not got]
        return batch.part(tuple(here)) if any(here) else None

    def _apply(self, work: clipping.Work) -> None:
        if not work:
            return
        recording = torch.is_grad_enabled()
        torch._C._set_grad_enabled(False)
        try:
            if self.gradient_accumulation_steps:
                work = accumulation.gather(self, work)
                if not work:
                    return
            if self.clipnorm or self.clipvalue or self.global_clipnorm:
                work = self._clip(work)
            if self._schedule is not None:
                self._write_rate(self._scheduled())
            for batch, grads in work:
                lr = batch.group["lr"]
                if self.decay:
                    lr = lr / (1.0 + self.decay * self._step)
                if self.weight_decay and batch.decayed:
                    torch._foreach_mul_(batch.decayed, 1.0 - self.weight_decay * lr)
                if self._by_variable:
                    self._update_variables(batch, grads, lr)
                elif batch.indices is not None:
                    rows.update(self, batch, grads[0], lr)
                else:
                    self.update(batch.params, grads, lr, **batch.slots)
            self._step += 1
            if self.use_ema:
                self._average(work)
            for batch, _ in work:
                for variable in batch.constrained:
                    variable.assign(variable.constraint(variable.value))
        finally:
            torch._C._set_grad_enabled(recording)

    def _apply_given(self, given: dict[int, Tensor]) -> None:
        self._apply(self._collect(given))

    def _update_variables(self, batch, grads, lr):
        grad_of = {id(p): grad for p, grad in zip(batch.params, grads, strict=True)}
        rate, self.param_groups[0]["lr"] = self.param_groups[0]["lr"], lr  # the rule reads it there
        try:
            for variable in batch.variables:
                parts = [grad_of.get(id(p)) for p in variable.native]
                pairs = zip(parts, variable.native, strict=True)
                parts = [torch.zeros_like(p) if part is None else part for part, p in pairs]
                self.update_step(to_keras(variable, parts), variable)
        finally:
            self.param_groups[0]["lr"] = rate

    def _clip(self, work):
        if self.clipnorm:
            return clipping.clip_each(work, self.clipnorm, self._spare)
        if self.global_clipnorm:
            return clipping.clip_together(work, self.global_clipnorm, self._spare)
        return clipping.clip_values(work, self.clipvalue)

    def _average(self, work):
        every = self.ema_overwrite_frequency
        for batch, _ in work:
            torch._foreach_lerp_(batch.averages, batch.params, 1.0 - self.ema_momentum)
            if every and self._step % every == 0:
                torch._foreach_copy_(batch.params, batch.averages)

    @torch.no_grad()
    def finalize_variable_values(self, var_list: Iterable[Any]) -> None:
        """With `use_ema`, put the averages into the variables, as at the end of `fit`."""
        if self.use_ema:
            for item in var_list:
                for p in item.native if isinstance(item, Variable) else (item,):
                    p.copy_(self._slot(p, "average"))

    # Weight decay

    def exclude_from_weight_decay(self, var_list=None, var_names: list[str] | None = None) -> None:
        """Spare variables: those in `var_list`, and those whose name matches one of `var_names`."""
        if self.built:
            raise ValueError("Call exclude_from_weight_decay() before the optimizer is built.")
        self._spared = {self._var_key(variable) for variable in var_list or ()}
        self._spared_names = list(var_names or ())

    def _use_weight_decay(self, variable) -> bool:
        if self._var_key(variable) in self._spared:
            return False
        return not any(re.search(name, variable.name) for name in self._spared_names)

    def _var_key(self, variable) -> int:
        return id(variable.native[0] if isinstance(variable, Variable) else variable)

    # State in the form of torch, copies and configs

    def state_dict(self) -> dict[str, Any]:
        """As in torch; `iterations` is in every group."""
        state = _state_dict(self)
        for group in state["param_groups"]:
            group["iterations"], group["gathered"] = self._step, self._gathered
        if self._own:
            state["variables"] = [variable.value.clone() for variable in self._own]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Read what `state_dict` wrote, into an optimizer built on the same variables."""
        if not self.built:
            raise ValueError("Call build(trainable_variables) before load_state_dict().")
        # torch would share the tensors with the optimizer that they came from
        state_dict = copy.deepcopy(state_dict)
        _load_state_dict(self, state_dict)
        for variable, value in zip(self._own, state_dict.get("variables", ()), strict=True):
            variable.assign(value)

    def __getstate__(self):
        # torch would keep only its own three; hooks and the patched step of a scheduler stay out
        left_out = ("step", "_batches", "_index_dict", "_zero_grad_profile_name", "_model")
        return {
            key: value for key, value in self.__dict__.items()
            if key not in left_out and not key.startswith("_optimizer_")
        }  # fmt: skip

    def __setstate__(self, state):
        super().__setstate__(state)
        self._batches = None
        for group in self.param_groups:
            self._step = group.pop("iterations", self._step)
            self._gathered = group.pop("gathered", self._gathered)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as tf.keras writes them."""
        config = {
            "name": self.name,
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "jit_compile": self.jit_compile,
            "is_legacy_optimizer": False,
        }
        if self.decay:
            config["decay"] = self.decay
        if self.gradient_accumulation_steps:
            config["gradient_accumulation_steps"] = self.gradient_accumulation_steps
        return config

    def _serialize_hyperparameter(self, value):
        """A rate as configs have it: the schedule's config, or a plain number."""
        if isinstance(value, str) and value != "learning_rate":  # the name of a setting
            return self._get_hyper(value)
        if self._schedule is not None:
            return schedules.serialize(self._schedule)
        return float(self.learning_rate if isinstance(value, str) else value)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects=None) -> Optimizer:
        """The optimizer that `get_config` described."""
        config = dict(config)
        if isinstance(config.get("learning_rate"), dict):
            config["learning_rate"] = schedules.deserialize(
                config["learning_rate"], custom_objects=custom_objects
            )
        return cls(**config)

    def __repr__(self):
        return super().__repr__() if self.built else f"<{type(self).__name__} (not built)>"


def _top(frame):
    return str(frame.f_globals.get("__package__")).partition(".")[0]


def _deprecated(message):
    level, frame = 2, sys._getframe(1)  # the line of the user that called a constructor
    library = __package__.partition(".")[0]
    while frame.f_back is not None and _top(frame) == library:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, DeprecationWarning, stacklevel=level)
