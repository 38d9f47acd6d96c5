"""Gradients: where they come from and where they go."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Iterable
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from ..rows import gradients_by_rows
from ..variable import Variable
from . import rows
from .rates import Count
from .state import gradients, to_keras


class Descent:
    """The part of an optimizer that computes, takes and forgets gradients."""

    _gathered = 0  # calls whose gradients wait for an update
    _tables: list[Tensor] = []  # those that take gradients by rows
    _model: Any = None  # a weak reference to the model that was compiled with this optimizer

    _shared = False  # whether it may hold variables of other models than the one it serves

    def serve(self, model: Any) -> None:
        """Bind to the trainable variables of `model` at the first step, unless bound before.

        Several models may share an optimizer: its steps are counted together, and what it
        remembers of a variable is one.
        """
        other = self._model() if self._model is not None else None
        self._shared = self._shared or self.built or other not in (None, model)
        self._model = weakref.ref(model)
        for layer in model.modules():
            if hasattr(layer, "by_rows"):
                layer.by_rows = rows.wanted(self, layer)

    def variables_of(self, model: Any) -> list[Variable] | None:
        """What a step of `model` updates; None for all that is built."""
        return model.trainable_variables if self._shared else None

    def _bind(self) -> bool:
        model = self._model() if self._model is not None else None
        if model is not None:
            self.build(model.trainable_variables)
        return self.built

    def _find_tables(self) -> None:
        """Note the tables among the variables, and ask their layers for gradients by rows."""
        self._tables = []
        for handle in self._handles:
            layer = getattr(handle, "_layer", None)
            if hasattr(layer, "by_rows") and len(handle.native) == 1:
                layer.by_rows = rows.wanted(self, layer)
                if layer.by_rows:
                    self._tables.append(handle.native[0])

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or set them to zero."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    p.grad.detach_().zero_()

    def minimize(self, loss: Any, var_list: Any = None, tape: Any = None) -> None:
        """Compute the gradients of `loss`, a tensor or a function that returns one, and step.

        `var_list` are the variables to update, all that were built by default. Gradients that
        were there before do not count, and none are left behind.
        """
        if tape is not None:
            return self._minimize_tape(loss, var_list, tape)
        loss = _evaluate(loss)
        wanted = None
        if var_list is not None:
            var_list = list(var_list() if callable(var_list) else var_list)
            self.build(var_list)
            wanted = [p for v in var_list for p in (v.native if isinstance(v, Variable) else (v,))]
        elif not self.built:
            self._bind()
        self.zero_grad()
        if self._tables:
            with gradients_by_rows(self._tables):
                _backward(loss, wanted)
        else:
            _backward(loss, wanted)
        before = self._step
        self._spare = True
        try:
            self.step()
        finally:
            self._spare = False
        if self._skipped or (self._step == before and not self._gathered):
            self._report_skipped(wanted, self._step == before and not self._gathered)
        self.zero_grad()

    def _minimize_tape(self, loss, var_list, tape):
        self.apply_gradients(self.compute_gradients(loss, var_list, tape))

    def compute_gradients(self, loss: Any, var_list: Any, tape: Any = None) -> list[tuple]:
        """Pairs of gradient (Keras axes for variables; None where there is none) and variable."""
        if tape is not None:
            if not isinstance(loss, Tensor):
                with tape:
                    loss = loss()
            var_list = list(var_list() if callable(var_list) else var_list)
            return list(zip(tape.gradient(loss, var_list), var_list, strict=True))
        loss = _evaluate(loss)
        var_list = list(var_list() if callable(var_list) else var_list)
        natives = [v.native if isinstance(v, Variable) else (v,) for v in var_list]
        flat = torch.autograd.grad(loss, list(chain(*natives)), allow_unused=True)
        found, pairs = iter(flat), []
        for variable, group in zip(var_list, natives, strict=True):
            parts = [next(found) for _ in group]
            if all(part is None for part in parts):
                pairs.append((None, variable))
                continue
            filled = zip(parts, group, strict=True)
            parts = [torch.zeros_like(p) if grad is None else grad for grad, p in filled]
            is_variable = isinstance(variable, Variable)
            pairs.append((to_keras(variable, parts) if is_variable else parts[0], variable))
        return pairs

    def apply_gradients(
        self, grads_and_vars: Iterable[tuple[Any, Any]], name: str | None = None,
        skip_gradients_aggregation: bool = False, **kwargs: Any,
    ) -> Count:  # fmt: skip
        """Update variables by the gradients given: pairs of gradient and variable.

        A gradient has the axes of its variable; one that is None leaves its variable alone.
        Returns the number of updates so far; ValueError where all gradients are None.
        """
        kwargs.pop("experimental_aggregate_gradients", None)
        if kwargs:
            raise TypeError(f"apply_gradients has no argument {', '.join(map(repr, kwargs))}.")
        pairs = self.aggregate_gradients(list(grads_and_vars))
        if not pairs:
            return self.iterations
        self.build([variable for _, variable in pairs])
        given, missing = {}, []
        for grad, variable in pairs:
            if grad is None:
                missing.append(_name(variable))
            else:
                given.update((id(p), part) for p, part in gradients(variable, grad))
        self._apply_given(given)
        if missing:
            self._skipped = missing
            self._report_skipped(None, not given)
        return self.iterations

    def apply(self, grads: Iterable[Any], trainable_variables: Iterable[Any] | None = None) -> None:
        """`apply_gradients` of Keras 3: gradients, and the variables that they belong to.

        Without variables the gradients are those of all that `build` was given, in its order.
        """
        grads = list(grads)
        if trainable_variables is None:
            trainable_variables = self._handles
        variables = list(trainable_variables)
        if len(grads) != len(variables):
            raise ValueError(
                f"apply needs one gradient for each variable; received {len(grads)} gradients for "
                f"{len(variables)} variables."
            )
        self.apply_gradients(zip(grads, variables, strict=True))

    def aggregate_gradients(self, grads_and_vars: list[tuple]) -> list[tuple]:
        """The pairs as they are: several processes are averaged by DDP during `backward`."""
        return grads_and_vars

    def _report_skipped(self, wanted, nothing):
        names = self._skipped
        if wanted is not None:
            ids = set(map(id, wanted))
            known = [v.name for v in self._handles if ids.intersection(map(id, v.native))]
            names = [name for name in known if name in names]
        if nothing:
            raise ValueError(
                f"No gradients for any variable: {', '.join(names) or 'none is built'}. "
                "The loss does not depend on them."
            )
        if names and tuple(names) not in self._warned:
            self._warned.add(tuple(names))
            warnings.warn(
                f"No gradients for {', '.join(names)}: the loss does not depend on them, so they "
                "stay as they are. Was a loss for some output forgotten in compile()?",
                stacklevel=3,
            )


def _backward(loss, wanted):
    """`loss.backward(inputs=wanted)`; on the CPU by its engine alone.

    What torch does around it, for devices and logs, is a tenth of a small network's step.
    """
    plain = type(loss) is Tensor and loss.is_cpu and loss.requires_grad
    if not plain or wanted == [] or torch.compiler.is_compiling():
        loss.backward(inputs=wanted)
        return
    one = _ONES.get(loss.dtype)
    if one is None:
        one = _ONES[loss.dtype] = torch.ones((), dtype=loss.dtype)
    torch.autograd.Variable._execution_engine.run_backward(
        (loss,), (one,), False, False, tuple(wanted or ()), allow_unreachable=True,
        accumulate_grad=True,
    )  # fmt: skip


_ONES: dict[torch.dtype, Tensor] = {}  # the gradients of losses themselves


def _evaluate(loss):
    """What to differentiate: the value of a function, the sum of several values."""
    if isinstance(loss, Tensor) and loss.ndim == 0:
        return loss
    with torch.enable_grad():
        value = loss if isinstance(loss, Tensor) else loss()
        return value.sum() if value.ndim else value


def _name(variable):
    if isinstance(variable, Variable):
        return variable.name
    return f"a parameter of shape {tuple(variable.shape)}"
