"""An optimizer's state as Keras sees it: a list of named variables in the axes of Keras."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch

from ..arrays import as_tensor, default_device, to_numpy
from ..config import floatx
from ..precision import torch_dtype
from ..variable import Variable
from .state import HostVariable, OwnVariable, SlotVariable


class VariableList(list):
    """A list that may also be called, for scripts that write `optimizer.variables()`."""

    def __call__(self):
        return self


class KerasState:
    """The part of an optimizer that lists, names, reads and writes its state for Keras."""

    def add_variable(self, shape=(), dtype=None, initializer="zeros", name=None) -> Variable:
        """A variable of the optimizer's own; `initializer` is 'zeros', 'ones' or a function."""
        dtype, device = torch_dtype(dtype or floatx()), default_device()
        shape = tuple(shape or ())
        made = {"zeros": torch.zeros, "ones": torch.ones}.get(initializer)
        value = initializer(shape, dtype) if made is None else made(shape, dtype=dtype)
        return self._add_own(as_tensor(value, dtype, device), name or "Variable")

    def add_variable_from_reference(
        self, model_variable, variable_name, shape=None, initial_value=None
    ) -> Variable:
        """A variable like `model_variable`, in the axes of Keras; zeros unless given."""
        value = model_variable.value if isinstance(model_variable, Variable) else model_variable
        if initial_value is None:
            initial_value = value.new_zeros(tuple(value.shape) if shape is None else tuple(shape))
        initial_value = as_tensor(initial_value, value.dtype, value.device)
        name = self._slot_name(variable_name, model_variable)
        return self._add_own(initial_value, name, model_variable)

    def _add_own(self, value, name, reference=None):
        variable = OwnVariable(value, name, reference)
        self._own.append(variable)
        return variable

    @property
    def variables(self) -> VariableList:
        """The state as Keras orders and names it: the step counter, averages, slots, own ones."""
        found = self._counters()
        blocks = self.slots()
        for block in (("average",), *blocks) if self.use_ema else blocks:
            for handle in self._handles:
                found += [SlotVariable(self, handle, s, self._slot_name(s, handle)) for s in block]
        return VariableList(found + self._own)

    @property
    def weights(self) -> VariableList:
        return self.variables

    def _counters(self):
        """The numbers on the host that lead the list."""
        return [HostVariable(self, "_step", "iteration", torch.int64)]

    def _slot_name(self, slot, handle):
        return f"{self.name}/{slot}/{_path(handle)}"

    def get_weights(self) -> list[np.ndarray]:
        """The values of `variables`."""
        return [variable.numpy() for variable in self.variables]

    def set_weights(self, weights: list[Any]) -> None:
        """Write values in the order of `variables`; ValueError where a shape differs."""
        variables = self.variables
        if not self.built:
            raise ValueError("Call build(trainable_variables) before set_weights().")
        if len(weights) != len(variables):
            raise ValueError(
                f"{self.name} has {len(variables)} variables; received {len(weights)} values."
            )
        values = [to_numpy(value) for value in weights]
        for variable, value in zip(variables, values, strict=True):
            if tuple(variable.shape) != tuple(value.shape):
                raise ValueError(
                    f"{variable.name} has shape {tuple(variable.shape)}; received a value of shape "
                    f"{tuple(value.shape)}."
                )
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    def named_weights(self) -> Iterator[tuple[str, np.ndarray]]:
        """Names and values as HDF5 files have them: 'iteration:0', 'Adam/m/dense/kernel:0', ..."""
        for variable in self.variables:
            yield variable.name, variable.numpy()

    def load_named_weights(self, pairs: Iterable[tuple[str, Any]]) -> None:
        """Write values read from a file: by name where all names agree, else by order."""
        pairs = list(pairs)
        values = dict(pairs)
        names = [variable.name for variable in self.variables]
        if len(values) == len(pairs) and set(names) == set(values):
            self.set_weights([values[name] for name in names])
        else:
            self.set_weights([value for _, value in pairs])

    def save_own_variables(self, store) -> None:
        """Write the state into a mapping: '0', '1', ... in the order of `variables`."""
        for i, value in enumerate(self.get_weights()):
            store[str(i)] = value

    def load_own_variables(self, store) -> None:
        """Read what `save_own_variables` wrote; warns and leaves the state where counts differ."""
        if len(store.keys()) != len(self.variables):
            warnings.warn(
                f"The state of optimizer {self.name!r} was not loaded: it has "
                f"{len(self.variables)} variables and the file {len(store.keys())}."
                + ("" if self.built else " It is not built yet."),
                stacklevel=2,
            )
            return
        self.set_weights([np.asarray(store[str(i)]) for i in range(len(self.variables))])


def _path(variable):
    return variable.name.removesuffix(":0") if isinstance(variable, Variable) else "variable"
