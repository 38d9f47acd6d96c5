"""An optimizer of torch where one of Keras is expected."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.optim.lr_scheduler import LRScheduler

from ..variable import Variable
from .descent import Descent
from .keras_state import KerasState, VariableList
from .rates import Rated
from .state import ParameterHandle


class TorchOptimizer(Rated, Descent, KerasState):
    """A torch optimizer with the interface that `fit` and callbacks use.

    `source` is an instance, which keeps its own parameters and groups, or a class or function
    that makes one from a list of parameters. What it computes is torch's own business; its
    schedulers and settings stay on `optimizer`. It has no config, so Keras files leave it out.

    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> opt = TorchOptimizer(lambda params: torch.optim.SGD(params, lr=0.25))
    >>> opt.minimize(lambda: (w * w).sum(), [w]); w.tolist()
    [0.5]
    """

    def __init__(self, source: torch.optim.Optimizer | Callable[..., torch.optim.Optimizer]):
        self.optimizer = source if isinstance(source, torch.optim.Optimizer) else None
        self._make = None if self.optimizer is not None else source
        self.name = type(source).__name__ if self._make is None else _name(source)
        self.use_ema = False
        self._step, self._schedule = 0, None
        self._handles: list[Variable] = []
        self._own: list[Variable] = []
        self._skipped: list[str] = []
        self._warned: set[tuple[str, ...]] = set()
        self._rate = None

    @property
    def built(self) -> bool:
        return self.optimizer is not None

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return self.optimizer.param_groups if self.built else []

    @property
    def defaults(self) -> dict[str, Any]:
        return self.optimizer.defaults if self.built else {"lr": self._rate}

    def _write_rate(self, rate):
        self._rate = rate
        for group in self.param_groups:
            group["lr"] = rate

    def build(self, var_list: Iterable[Any]) -> None:
        """Make the torch optimizer, or check that the one given holds the variables."""
        handles = [
            v if isinstance(v, Variable) else ParameterHandle(v, f"variable_{i}")
            for i, v in enumerate(var_list)
        ]
        natives = list({id(p): p for handle in handles for p in handle.native}.values())
        if not self.built:
            made = self._make(natives)
            if isinstance(made, LRScheduler):
                made = follow(made)
            if not isinstance(made, torch.optim.Optimizer):
                raise TypeError(f"{self.name} must return a torch optimizer; returned {made!r}.")
            self.optimizer, self._handles = made, handles
            if self._rate is not None or self._schedule is not None:
                self._write_rate(self._rate)
            return
        held = {id(p) for group in self.param_groups for p in group["params"]}
        missing = [h.name for h in handles if not held.issuperset(map(id, h.native))]
        if missing:
            raise ValueError(
                f"The optimizer {self.name} was made without {', '.join(missing)}. Make it from "
                "model.parameters() once the model is built, or pass its class or a function "
                "that makes it."
            )
        self._handles = self._handles or handles

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """The step of the torch optimizer, counted."""
        if self._schedule is not None:
            self._write_rate(self._scheduled())
        loss = self.optimizer.step() if closure is None else self.optimizer.step(closure)
        self._skipped = [h.name for h in self._handles if all(p.grad is None for p in h.native)]
        if len(self._skipped) < len(self._handles) or not self._handles:
            self._step += 1
        return loss

    def _apply_given(self, given):
        self.zero_grad()
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = given.get(id(p))
        self.step()
        self.zero_grad()

    def aggregate_gradients(self, grads_and_vars: list[tuple]) -> list[tuple]:
        return grads_and_vars

    def variables_of(self, model: Any) -> None:
        """None: a torch optimizer updates the parameters that it was made with."""

    def slots(self) -> tuple[tuple[str, ...], ...]:
        return ()

    def finalize_variable_values(self, var_list: Iterable[Any]) -> None:
        """Nothing: torch's optimizers keep no averages."""

    @property
    def variables(self) -> VariableList:
        """The step counter alone; the rest of the state is in `state_dict()`, as torch has it."""
        return VariableList(self._counters())

    def state_dict(self) -> dict[str, Any]:
        """The state of the torch optimizer, with `iterations`."""
        if not self.built:
            raise ValueError("Call build(trainable_variables) before state_dict().")
        return self.optimizer.state_dict() | {"iterations": self._step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Read what `state_dict` wrote."""
        if not self.built:
            raise ValueError("Call build(trainable_variables) before load_state_dict().")
        state = dict(state_dict)
        self._step = state.pop("iterations", self._step)
        self.optimizer.load_state_dict(state)

    def __repr__(self):
        return f"TorchOptimizer({self.optimizer if self.built else self.name!r})"


def follow(scheduler: Any) -> torch.optim.Optimizer:
    """The optimizer of one of torch's schedulers, which from now on steps after each update.

    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> schedule = torch.optim.lr_scheduler.StepLR(torch.optim.SGD([w], 0.5), 1)
    >>> optimizer = follow(schedule)
    >>> optimizer.step(); schedule.get_last_lr()
    [0.05]
    """
    if isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
        raise ValueError(
            "torch's ReduceLROnPlateau needs a metric at each step; use its optimizer, and "
            "callbacks.ReduceLROnPlateau in fit."
        )
    optimizer = scheduler.optimizer
    if not getattr(scheduler, "_follows_updates", False):
        scheduler._follows_updates = True
        optimizer.register_step_post_hook(lambda *_: scheduler.step())
    return optimizer


def _name(source):
    return getattr(source, "__name__", type(source).__name__)
