"""Loss scaling: gradients of half precision kept from vanishing.

The loss is multiplied by a large number before `backward` and the gradients are divided by it. A
step whose gradients are not finite changes nothing, and the number becomes smaller. All of it is
decided on the device, so the host waits for nothing.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from ..arrays import default_device
from . import legacy
from .adapter import TorchOptimizer
from .base import TABLE, Optimizer
from .descent import Descent
from .state import gradients

_INITIAL_SCALE, _GROWTH_STEPS = 2.0**15, 2000
_log = logging.getLogger("torchkeras")


@TABLE.add("lossscaleoptimizer", "lossscaleoptimizerv3")
class LossScaleOptimizer(Optimizer):
    """An optimizer around another that scales losses; whatever else is asked, the inner answers.

    With `dynamic`, the scale begins at `initial_scale` (32768), is doubled after each
    `dynamic_growth_steps` (2000) finite steps and halved, to 1 at least, by a step that is not
    finite; such a step is counted but changes nothing. Without it `initial_scale` stays.
    `minimize` does everything. In a loop by hand scale the loss with `get_scaled_loss`, then either
    call `backward` and `step`, or pass `get_unscaled_gradients(...)` to `apply_gradients`.

    >>> from torchkeras.optimizers import SGD
    >>> w = torch.nn.Parameter(torch.tensor(1.0))
    >>> optimizer = LossScaleOptimizer(SGD(0.25))
    >>> optimizer.minimize(lambda: w**2, [w]); w.item()
    0.5
    """

    def __init__(
        self,
        inner_optimizer: Any,
        dynamic: bool = True,
        initial_scale: float | None = None,
        dynamic_growth_steps: int | None = None,
    ):
        if not isinstance(inner_optimizer, (Optimizer, TorchOptimizer)):
            raise TypeError(
                f"inner_optimizer must be an optimizer of Keras; received {inner_optimizer!r}."
            )
        if isinstance(inner_optimizer, LossScaleOptimizer):
            raise TypeError("A LossScaleOptimizer cannot wrap another LossScaleOptimizer.")
        if not isinstance(dynamic, bool):
            raise TypeError(f"dynamic must be True or False; received {dynamic!r}.")
        if not dynamic and initial_scale is None:
            raise ValueError("initial_scale must be given where dynamic is False.")
        if not dynamic and dynamic_growth_steps is not None:
            raise ValueError(
                "dynamic_growth_steps only goes with dynamic=True; received "
                f"{dynamic_growth_steps!r}."
            )
        self.inner_optimizer, self.dynamic = inner_optimizer, dynamic
        self.initial_scale = float(_INITIAL_SCALE if initial_scale is None else initial_scale)
        self.dynamic_growth_steps = int(dynamic_growth_steps or _GROWTH_STEPS) if dynamic else None
        self._scale = torch.tensor(self.initial_scale, device=default_device())
        self._good_steps = torch.tensor(0, dtype=torch.int32, device=default_device())
        self._told: set[str] = set()

    @property
    def loss_scale(self) -> Tensor:
        """The present scale, a float32 scalar on the device."""
        return self._scale

    @property
    def dynamic_counter(self) -> Tensor | None:
        """How many finite steps there were since the scale changed; None where it is fixed."""
        return self._good_steps if self.dynamic else None

    def get_scaled_loss(self, loss: Any) -> Any:
        """The loss, or the function that returns one, times the scale."""
        self._told.add("loss")
        if callable(loss) and not isinstance(loss, Tensor):
            return lambda: self.get_scaled_loss(loss())
        return loss * self._scale.to(loss.device, loss.dtype)

    def get_unscaled_gradients(self, grads: Iterable[Any]) -> list[Any]:
        """New gradients, divided by the scale; None stays None."""
        self._told.add("gradients")
        factor = 1.0 / self._scale
        return [None if g is None else g * factor.to(g.device, g.dtype) for g in grads]

    def minimize(self, loss: Any, var_list: Any = None, tape: Any = None) -> None:
        """As the inner optimizer's, by way of the scaled loss."""
        if tape is None:
            loss = self.get_scaled_loss(loss)
        Descent.minimize(self, loss, var_list, tape)

    def compute_gradients(self, loss: Any, var_list: Any, tape: Any = None) -> list[tuple]:
        """Pairs of gradient, unscaled again, and variable."""
        if tape is not None:
            with tape:
                loss = self.get_scaled_loss(loss)
                loss = loss if isinstance(loss, Tensor) else loss()
        else:
            loss = self.get_scaled_loss(loss)
        pairs = self.inner_optimizer.compute_gradients(loss, var_list, tape)
        grads = self.get_unscaled_gradients([grad for grad, _ in pairs])
        return list(zip(grads, [variable for _, variable in pairs], strict=True))

    def _minimize_tape(self, loss, var_list, tape):
        self.apply_gradients(self.compute_gradients(loss, var_list, tape))

    def apply_gradients(self, grads_and_vars: Iterable[tuple], *args: Any, **kwargs: Any) -> Any:
        """Update by gradients that `get_unscaled_gradients` gave, if they are finite."""
        if self._told != {"loss", "gradients"}:
            _log.warning(
                "apply_gradients() of a LossScaleOptimizer was called without "
                "get_scaled_loss() and get_unscaled_gradients() before: small gradients vanish "
                "in half precision. Call both, or use minimize()."
            )
            self._told = {"loss", "gradients"}
        pairs = [(grad, variable) for grad, variable in grads_and_vars]
        natives = [
            part
            for grad, variable in pairs
            if grad is not None
            for _, part in gradients(variable, grad)
        ]
        self.inner_optimizer.build([variable for _, variable in pairs])
        found = self._not_finite([grad.clone() for grad in natives], None)
        result: list = []
        inner = self.inner_optimizer
        self._unless(found, lambda: result.append(inner.apply_gradients(pairs, *args, **kwargs)))
        return result[0] if result else inner.iterations

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Divide the gradients that `backward` left by the scale, and update if they are finite."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        inner = self.inner_optimizer
        grads = [p.grad for group in inner.param_groups for p in group["params"]]
        grads = [g._values() if g.is_sparse else g for g in grads if g is not None]
        self._unless(self._not_finite(grads, 1.0 / self._scale), inner.step)
        return loss

    def _not_finite(self, grads, factor) -> Tensor | None:
        """Multiply by `factor` in place; 1 or 0 on the device, or None for a fixed scale."""
        if not grads:
            return None
        device = grads[0].device
        if self._scale.device != device:
            self._scale, self._good_steps = self._scale.to(device), self._good_steps.to(device)
        if factor is None:
            factor = torch.ones_like(self._scale)
        groups = defaultdict(list)
        for grad in grads:
            groups[grad.device, grad.dtype].append(grad)
        found = torch.zeros((), device=device)
        for (place, _), group in groups.items():
            here = found if place == device else torch.zeros((), device=place)
            torch._amp_foreach_non_finite_check_and_unscale_(group, here, factor.to(place))
            if here is not found:
                found = torch.maximum(found, here.to(device, non_blocking=True))
        return found if self.dynamic else None

    @torch.no_grad()
    def _unless(self, found, update) -> None:
        """Make the update, or leave everything but the step counter alone where `found` is 1."""
        if found is None:
            update()
            return
        torch._amp_update_scale_(
            self._scale, self._good_steps, found, 2.0, 0.5, self.dynamic_growth_steps
        )
        self._scale.clamp_(min=1.0)
        inner = self.inner_optimizer
        if isinstance(inner, TorchOptimizer):  # what its step changes is not known here
            if found.item():
                inner._step += 1
            else:
                update()
            return
        if inner.built and inner.skips():
            inner._found_inf = found
            try:
                update()
            finally:
                inner._found_inf = None
            return
        changed = [p for group in inner.param_groups for p in group["params"]]
        changed += [t for p in changed for t in inner.state[p].values() if isinstance(t, Tensor)]
        changed += [variable.value for variable in inner._own]
        before = [tensor.detach().clone() for tensor in changed]
        update()
        undo = found.bool()
        for tensor, old in zip(changed, before, strict=True):
            torch.where(undo.to(tensor.device), old, tensor.detach(), out=tensor.detach())

    # --- the inner optimizer answers -------------------------------------------------------

    def __getattribute__(self, name):
        if name[:2] == "__" or name in _OWN:
            return object.__getattribute__(self, name)
        return getattr(object.__getattribute__(self, "inner_optimizer"), name)

    def __setattr__(self, name, value):
        if name in _OWN:
            object.__setattr__(self, name, value)
        else:
            setattr(self.inner_optimizer, name, value)

    def __getstate__(self):
        return dict(object.__getattribute__(self, "__dict__"))

    def __setstate__(self, state):
        self.__dict__.update(state)

    def __repr__(self):
        return f"<LossScaleOptimizer of {self.inner_optimizer!r}>"

    # --- configs ---------------------------------------------------------------------------

    @property
    def serialized_as(self) -> tuple[str, str]:
        """Module and class under which tf.keras 2.15 writes it: older optimizers have their own."""
        old = isinstance(self.inner_optimizer, legacy.Optimizer)
        name = "LossScaleOptimizer" if old else "LossScaleOptimizerV3"
        return "keras.src.mixed_precision.loss_scale_optimizer", name

    def get_config(self) -> dict[str, Any]:
        inner = self.inner_optimizer
        table = legacy.TABLE if isinstance(inner, legacy.Optimizer) else TABLE
        return {
            "inner_optimizer": table.serialize(inner),
            "dynamic": self.dynamic,
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """The optimizer of a config; that of TensorFlow before 2.4 had a loss scale object."""
        config = dict(config)
        if "loss_scale" in config:
            scale = config.pop("loss_scale")
            inner = scale.get("config", {}) if isinstance(scale, dict) else {}
            config["inner_optimizer"] = config.pop("optimizer")
            if isinstance(scale, (int, float)) or "loss_scale_value" in inner:
                config |= {"dynamic": False}
                config["initial_scale"] = inner.get("loss_scale_value", scale)
            elif inner:
                config["initial_scale"] = inner.get("initial_loss_scale")
                config["dynamic_growth_steps"] = inner.get("increment_period")
        if isinstance(config["inner_optimizer"], dict):
            config["inner_optimizer"] = cls._deserialize(config["inner_optimizer"], custom_objects)
        return cls(**config)

    _deserialize: Callable[..., Any]  # optimizers.deserialize, which stands above this file


_OWN = {
    *(name for name in vars(LossScaleOptimizer) if name[:2] != "__"),
    "inner_optimizer", "dynamic", "initial_scale", "dynamic_growth_steps", "_scale", "_good_steps",
    "_told", "_deserialize",
}  # fmt: skip
