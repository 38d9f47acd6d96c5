"""What an optimizer keeps: lists of tensors for the kernels, and the same as Keras variables."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..arrays import as_tensor
from ..variable import Variable


class ParameterHandle(Variable):
    """A bare parameter as an optimizer's variable; its axes are those of torch."""

    def __init__(self, parameter: Tensor, name: str):
        self._tensor, self._name, self._trainable = parameter, name, True


class OwnVariable(Variable):
    """A variable of the optimizer's own, on the device of the variable that it goes with."""

    def __init__(self, value: Tensor, name: str, reference: Any):
        super().__init__(value, trainable=False, name=name)
        self._reference = reference

    def follow(self) -> None:
        """Move to where the reference is now, and to its dtype."""
        if self._reference is not None:
            reference = self._reference
            like = reference.native[0] if isinstance(reference, Variable) else reference
            self._tensor = self._tensor.to(like.device, like.dtype)


class HostVariable(Variable):
    """A number that the optimizer keeps on the host, such as its step counter."""

    def __init__(self, optimizer: Any, attribute: str, name: str, dtype: torch.dtype):
        self._optimizer, self._attribute, self._number = optimizer, attribute, dtype
        self._name, self._trainable = name, False

    @property
    def _tensor(self) -> Tensor:
        number = getattr(self._optimizer, self._attribute)
        return torch.tensor(number, dtype=self._number, device="cpu")

    def _write(self, tensor: Tensor) -> None:
        setattr(self._optimizer, self._attribute, tensor.to(self._number).item())


class SlotVariable(Variable):
    """What an optimizer remembers of one variable (a momentum, say), in the axes of Keras."""

    def __init__(self, optimizer: Any, variable: Variable, slot: str, name: str):
        self._optimizer, self._variable, self._slot = optimizer, variable, slot
        self._name, self._trainable = name, False

    @property
    def native(self) -> tuple[Tensor, ...]:
        return tuple(self._optimizer._slot(p, self._slot) for p in self._variable.native)

    @property
    def value(self) -> Tensor:
        above, natives = self._optimizer.above(self._slot), self.native
        return to_keras(self._variable, [n - above for n in natives] if above else natives)

    @property
    def shape(self) -> torch.Size:
        return self._variable.shape

    def _write(self, tensor: Tensor) -> None:
        above = self._optimizer.above(self._slot)
        for target, source in zip(self.native, to_native(self._variable, tensor), strict=True):
            target.copy_(source)
            if above:
                target.add_(above)


def to_keras(variable: Variable, natives: tuple[Tensor, ...] | list[Tensor]) -> Tensor:
    """Tensors laid out like the parameters of `variable`, as one tensor in the axes of Keras."""
    if hasattr(type(variable), "to_keras"):
        return variable.to_keras(tuple(natives))
    return natives[0]


def to_native(variable: Variable, value: Tensor) -> tuple[Tensor, ...]:
    """The inverse of `to_keras`."""
    return variable.to_native(value) if hasattr(type(variable), "to_native") else (value,)


def gradients(variable: Any, grad: Any) -> list[tuple[Tensor, Tensor]]:
    """Pairs of a parameter and its gradient from one gradient in Keras axes."""
    if isinstance(variable, Variable):
        natives = variable.native
        parts = to_native(variable, as_tensor(grad, device=natives[0].device))
    else:
        natives, parts = (variable,), (as_tensor(grad, device=variable.device),)
    pairs = []
    for native, part in zip(natives, parts, strict=True):
        if part.shape != native.shape:
            raise ValueError(
                f"The gradient of {getattr(variable, 'name', None) or 'a parameter'} has shape "
                f"{tuple(part.shape)}; expected {tuple(native.shape)}, that of the variable."
            )
        pairs.append((native, part.detach().to(native.dtype)))
    return pairs


class Batch:
    """Parameters of one group, device and dtype: what a kernel updates in one call.

    `slots` holds, by name, lists parallel to `params` and whatever else the rule asked for in
    `extras`. `owners` numbers the variable of each parameter, on the device, where some variable
    has several.
    """

    indices: Any = None  # of the rows of a table, where the gradient has only those

    def __init__(self, optimizer: Any, group: dict, pairs: list[tuple[Tensor, Variable]]):
        self.optimizer, self.group, self.pairs = optimizer, group, pairs
        self.params = params = [p for p, _ in pairs]
        self.first, self.count = params[0], len(params)
        self.device, self.dtype = self.first.device, self.first.dtype
        names = optimizer._allocated()
        self.slots = {name: [optimizer.state[p][name] for p in params] for name in names}
        self.averages = self.slots.pop("average", None)
        self.slots.update(optimizer.extras(params))
        self.decayed = [p for p, variable in pairs if optimizer._use_weight_decay(variable)]
        if len(self.decayed) == self.count and optimizer.folds_decay(self.slots):
            self.decayed, self.slots["folded"] = [], True  # the rule's kernel does it on the way
        variables = list({id(v): v for _, v in pairs}.values())
        self.variables = variables
        self.constrained = [v for v in variables if getattr(v, "constraint", None) is not None]
        number = {id(v): i for i, v in enumerate(variables)}
        joined = len(variables) < len(params)
        owners = [number[id(v)] for _, v in pairs]
        self.owners = torch.tensor(owners, device=self.device) if joined else None
        self.strides = [p.stride() for p in params]
        self._parts: dict[tuple[bool, ...], Batch] = {}
        self._tables: dict[tuple[bool, ...], Batch] = {}

    def aligned(self, grads: list[Tensor]) -> list[Tensor]:
        """The gradients in the memory order of the parameters, which the fused kernels rely on.

        `backward` leaves them so; a gradient assigned by hand may differ and is copied.
        """
        if list(map(Tensor.stride, grads)) == self.strides:
            return grads
        pairs = zip(grads, self.params, strict=True)
        return [g if g.stride() == p.stride() else torch.empty_like(p).copy_(g) for g, p in pairs]

    def part(self, present: tuple[bool, ...]) -> Batch:
        """The batch of those parameters that have a gradient; made once per choice."""
        return self._part(present, self._parts)

    def table(self, present: tuple[bool, ...], indices: Tensor) -> Batch:
        """The batch of the one table that has a gradient at these rows."""
        found = self._part(present, self._tables)
        found.indices = indices
        return found

    def _part(self, present, known):
        found = known.get(present)
        if found is None:
            pairs = [pair for pair, here in zip(self.pairs, present, strict=True) if here]
            found = known[present] = Batch(self.optimizer, self.group, pairs)
        return found
