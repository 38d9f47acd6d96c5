"""Functions and gradients of symbolic tensors: parts of a model that run by themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence, ValuesView
from typing import Any

import torch
from torch import Tensor, nn

from .. import graph, tree
from ..arrays import as_tensor, default_device, to_numpy
from ..graph import Graph, KerasTensor
from ..variable import Variable
from .operands import dtype_of
from .state import phase_that_is_set

__all__ = ["function", "gradients"]


class Part:
    """The calls between some symbolic tensors of a model and others, ready to run."""

    def __init__(self, inputs: Sequence[KerasTensor], outputs: Any):
        outputs = list(outputs) if isinstance(outputs, ValuesView) else outputs
        self._graph = Graph(list(inputs), outputs)
        self.layers = self._graph.layers
        keys = {layer: str(number) for number, layer in enumerate(self.layers)}
        self._modules = {key: layer for layer, key in keys.items()}
        self._plan = self._graph.plan(keys)

    def __reduce__(self):
        return _part_of, (self._graph,)

    @property
    def device(self) -> torch.device:
        """Where the layers have their weights."""
        parameters = (p for layer in self.layers for p in layer.parameters())
        first = next(parameters, None)
        return default_device() if first is None else first.device

    def run(self, values: list[Tensor]) -> Any:
        """The outputs, nested as they were given, for a tensor for each input."""
        return tree.pack(self._graph.outputs, self._plan.run(self._modules, list(values)))

    def take(self, values: Sequence[Any]) -> list[Tensor]:
        """Arrays as tensors of the inputs' dtypes, where the layers are."""
        device = self.device
        pairs = zip(self._graph.flat_inputs, values, strict=True)
        return [as_tensor(value, wanted.dtype, device) for wanted, value in pairs]


def _part_of(graph):
    return Part(graph.flat_inputs, graph.outputs)


def function(
    inputs: Any, outputs: Any, updates: Any = None, name: str | None = None, **kwargs: Any
) -> Callable:
    """A function from arrays to arrays that computes symbolic `outputs` from symbolic `inputs`.

    Both may be any tensors of a model. It takes a list with a value for each input. A place in
    `inputs` that holds `learning_phase()` takes 1 or 0 and switches the layers for the call.

    >>> from torchkeras.layers import Dense, Input
    >>> x = Input((2,))
    >>> double = function([x], [x * 2])
    >>> double([[[1.0, 2.0]]])[0].tolist()
    [[2.0, 4.0]]
    """
    if updates or kwargs:
        raise ValueError(
            "function takes no updates and no arguments of a session: they belong to graphs of "
            f"TensorFlow 1. Received updates={updates!r}, {kwargs!r}. Call update() yourself."
        )
    given = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
    nested = tree.flatten(inputs) if isinstance(inputs, dict) else given
    phases = [n for n, one in enumerate(nested) if isinstance(one, int)]
    part = Part([one for n, one in enumerate(nested) if n not in phases], outputs)

    def call(values: Any) -> Any:
        values = _as_given(inputs, values, len(nested))
        phase = bool(values[phases[0]]) if phases else phase_that_is_set()
        values = [value for n, value in enumerate(values) if n not in phases]
        modes = [(m, m.training) for layer in part.layers for m in layer.modules()]
        try:
            if phase is not None:
                for layer in part.layers:
                    layer.train(bool(phase))
            with torch.no_grad():
                results = part.run(part.take(values))
        finally:
            for module, mode in modes:
                module.training = mode
        return tree.map_structure(_plain, results)

    call.__name__ = name or "function"
    return call


def _as_given(inputs, values, count):
    if isinstance(inputs, dict):
        return [values[key] for key in sorted(inputs)]
    if isinstance(values, (list, tuple)) and isinstance(inputs, (list, tuple)):
        found = list(values)
    else:
        found = [values]
    if len(found) != count:
        raise ValueError(
            f"This function takes a list with a value for each of its {count} inputs; received "
            f"{len(found)}."
        )
    return found


def _plain(tensor):
    array = to_numpy(tensor)
    return array.item() if array.ndim == 0 else array


# --- gradients -------------------------------------------------------------------------------


def gradients(loss: Any, variables: Any) -> list:
    """The gradients of the sum of `loss` with respect to each of `variables`; None: no influence.

    Of symbolic tensors of a model, or its weights, they are symbolic too: give them to `function`.
    That runs the model from the variables to the loss once more. Of tensors they are tensors; the
    variables must have taken part in computing `loss` with `requires_grad`.

    >>> from torchkeras.layers import Input
    >>> x = Input((2,))
    >>> function([x], gradients(x ** 2, x))([[[1.0, 3.0]]])[0].tolist()
    [[2.0, 6.0]]
    """
    variables = list(variables) if isinstance(variables, (list, tuple)) else [variables]
    if graph.is_symbolic(loss):
        return _symbolic_gradients(loss, variables)
    for variable in variables:
        if not isinstance(variable, (Tensor, Variable)):
            raise TypeError(
                "gradients of a computed loss needs variables that are tensors or weights; "
                f"received {variable!r}. For a symbolic variable the loss must be symbolic: "
                "computed from the model's output, not from arrays."
            )
    return _computed_gradients(loss, variables, create_graph=True)


def _computed_gradients(losses, variables, create_graph):
    total = sum(leaf.sum() for leaf in tree.leaves(losses))
    natives = [v.native if isinstance(v, Variable) else (v,) for v in variables]
    flat = [native for group in natives for native in group]
    if not total.requires_grad:
        raise ValueError(
            "The loss of gradients does not depend on anything that requires_grad. Compute it "
            "outside of torch.no_grad(), from variables with requires_grad=True."
        )
    found = iter(torch.autograd.grad(total, flat, create_graph=create_graph, allow_unused=True))
    slopes = []
    for variable, group in zip(variables, natives, strict=True):
        parts = tuple(next(found) for _ in group)
        if parts[0] is None:
            slopes.append(None)
        else:
            slopes.append(variable.to_keras(parts) if hasattr(variable, "to_keras") else parts[0])
    return slopes


def _symbolic_gradients(loss, variables):
    bases = [v for v in variables if isinstance(v, KerasTensor)]
    apart = any(id(b) in _what_leads_to(a, [])[1] for a in bases for b in bases if a is not b)
    groups = [[base] for base in bases] if apart else [bases]
    groups.append([v for v in variables if not isinstance(v, KerasTensor)])
    found = {}
    for group in groups:
        found |= _slopes_of(loss, group)
    return [found.get(id(v)) for v in variables]


def _slopes_of(loss, variables):
    """The gradients by the ids of variables none of which is computed from another."""
    bases = [v for v in variables if isinstance(v, KerasTensor)]
    others, met, modules = _what_leads_to(loss, bases)
    parameters = {id(p) for module in modules for p in module.parameters()}
    bases = [v for v in bases if id(v) in met]
    wanted = bases + [v for v in variables if _takes_part(v, parameters)]
    if not wanted:
        return {}
    slope = _Slope(Part(bases + others, loss), len(bases), wanted)
    shapes = [KerasTensor(tuple(v.shape), v.dtype) for v in wanted]
    made = graph.record(slope, (bases + others,), {}, outputs=shapes)
    return {id(v): one for v, one in zip(wanted, made, strict=True)}


def _takes_part(variable, parameters):
    if isinstance(variable, KerasTensor):
        return False
    natives = variable.native if isinstance(variable, Variable) else (variable,)
    return all(id(native) in parameters for native in natives)


def _what_leads_to(loss, bases):
    """The model inputs behind `loss` that are reached past `bases`, all tensors, all modules."""
    stops = {id(base) for base in bases}
    todo, met, inputs, modules = tree.flatten(loss), {}, [], {}
    while todo:
        tensor = todo.pop()
        if id(tensor) in met:
            continue
        met[id(tensor)] = tensor
        if id(tensor) in stops:
            continue
        node = tensor.node
        if not node.inputs and not node.args:
            inputs.append(tensor)
            continue
        if isinstance(node.operation, nn.Module):
            modules[node.operation] = None
        todo += node.inputs + node.masks
    return inputs, met, modules


class _Slope:
    """A step of a model that computes gradients by running a part of the model."""

    name = "gradients"

    def __init__(self, part: Part, count: int, wanted: list):
        self.part, self.count = part, count
        self.places, bases = [], 0
        for variable in wanted:
            symbolic = isinstance(variable, KerasTensor)
            self.places.append(bases if symbolic else variable)
            bases += symbolic

    def __call__(self, values: list[Tensor]) -> list[Tensor]:
        differentiable = torch.is_grad_enabled()  # by what comes after, as in a penalty
        with torch.enable_grad():
            values = [
                value if n >= self.count or value.requires_grad else _leaf(value)
                for n, value in enumerate(values)
            ]
            loss = self.part.run(values)
            variables = [values[p] if isinstance(p, int) else p for p in self.places]
            found = _computed_gradients(loss, variables, differentiable)
        return [
            torch.zeros(tuple(v.shape), dtype=dtype_of(v), device=v.device) if g is None else g
            for g, v in zip(found, variables, strict=True)
        ]


def _leaf(value):
    return value.detach().requires_grad_()
