"""What every metric has: named state on the device of the values, update, result, reset.

Updates read nothing back from the device and never become part of a gradient graph.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import initializers, names, ranks, tree
from ..arrays import as_tensor, default_device
from ..policies import get_policy
from ..precision import torch_dtype
from ..registry import Table
from ..variable import Variable

TABLE = Table("metric", "keras.metrics")


class Metric:
    """Base of metrics: a subclass makes its state with `add_weight` and writes two methods.

    `update_state(...)` adds a batch to the state, `result()` computes the value from it. Both run
    without gradients. `name` is made from the class where it is None; `dtype` is that of the state.

    >>> class Largest(Metric):
    ...     def __init__(self, name="largest", **kwargs):
    ...         super().__init__(name=name, **kwargs)
    ...         self.largest = self.add_weight(name="largest", initializer="zeros")
    ...     def update_state(self, values):
    ...         self.largest.assign(torch.maximum(self.largest.value, values.max()))
    ...     def result(self):
    ...         return self.largest
    >>> float(Largest()(torch.tensor([1., 3.])))
    3.0
    """

    stateful = True
    built = True

    def __init__(self, name: str | None = None, dtype: Any = None, **kwargs):
        if kwargs:
            raise TypeError(
                f"{type(self).__name__} has no argument {', '.join(map(repr, kwargs))}."
            )
        self._name = name or names.unique_name(names.to_snake_case(type(self).__name__))
        self._dtype = get_policy(dtype).variable_dtype
        self._torch_dtype = torch_dtype(self._dtype)
        self._weights: list[Variable] = []
        self._device: torch.device | None = None  # where the state is, once a batch was seen

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        update = cls.update_state  # of the class itself, or of a mixin beside it
        if update is not Metric.update_state and not hasattr(update, "without_gradients"):
            cls.update_state = _without_gradients(update)
        if "result" in cls.__dict__:
            cls.result = _as_snapshot(cls.result)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Update with a batch, then give the result so far."""
        self.update_state(*args, **kwargs)
        result = self.result()
        if isinstance(result, Tensor):
            result._metric = self  # for `add_metric`
        return result

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Add a batch to the state."""
        raise NotImplementedError(f"{type(self).__name__} must implement update_state().")

    def result(self) -> Any:
        """The value over all batches since the last reset: a tensor or a dictionary of them."""
        raise NotImplementedError(f"{type(self).__name__} must implement result().")

    def reset_state(self) -> None:
        """Set the state to zero."""
        cls = type(self)
        if cls.reset_states is not Metric.reset_states and cls.reset_state is Metric.reset_state:
            warnings.warn(
                f"Metric {cls.__name__} implements reset_states(); its name is now reset_state().",
                DeprecationWarning,
                stacklevel=2,
            )
            return self.reset_states()
        self._zero()

    def reset_states(self) -> None:
        """The old name of `reset_state`."""
        if type(self).reset_state is not Metric.reset_state:
            return self.reset_state()
        self._zero()

    def _zero(self):
        with torch.no_grad():
            for variable in self.variables:
                variable.value.zero_()

    def merge_state(self, metrics: Sequence[Metric]) -> None:
        """Add the state of other metrics of the same kind to this one's."""
        for metric in metrics:
            own, other = self.weights, metric.weights
            if [v.shape for v in own] != [v.shape for v in other]:
                raise ValueError(
                    f"Cannot merge the state of {metric} into {self}: expected weights of the "
                    f"shapes {[tuple(v.shape) for v in own]}; received "
                    f"{[tuple(v.shape) for v in other]}."
                )
            for variable, addend in zip(own, other, strict=True):
                variable.assign_add(addend.value.to(variable.device))

    def all_reduce(self, group: Any = None) -> None:
        """Sum the state over the processes of a `torch.distributed` group, in place.

        Every process calls it once, after its last batch and before `result`; without a group
        nothing happens. `fit` and `evaluate` do it at the end of each epoch.
        """
        ranks.sum_in_place([variable.value for variable in self.variables], group)

    def add_weight(
        self,
        name: str | None = None,
        /,  # so that Keras 3's order may name it besides
        shape: Sequence[int] = (),
        aggregation: Any = None,
        synchronization: Any = None,
        initializer: Any = None,
        dtype: Any = None,
        **named: str,
    ) -> Variable:
        """A new variable of the state, zero unless `initializer` says otherwise.

        Keras 3's order `add_weight(shape, initializer, ...)` is understood too; `aggregation` and
        `synchronization`, which belong to tf's distribution, say nothing here.
        """
        if name is not None and not isinstance(name, str):
            if isinstance(shape, str) or callable(shape):
                initializer = shape
            name, shape = None, name
        name = named.pop("name", name)
        if named:
            raise TypeError(f"add_weight() has no argument {', '.join(map(repr, named))}.")
        shape = (shape,) if isinstance(shape, int) else tuple(shape or ())
        initializer = initializers.get("zeros" if initializer is None else initializer)
        dtype = torch_dtype(self._dtype if dtype is None else dtype)
        device = self._device or default_device()
        with torch.inference_mode(False):  # or the state could not be changed outside of it
            value = initializers.initialize(initializer, shape, dtype, device)
            variable = Variable(value, trainable=False, name=name or "variable")
        self._weights.append(variable)
        return variable

    def _to(self, device):
        """Move the state; False for the meta device, where shapes are inferred, nothing counted."""
        if device.type == "meta":
            return False
        with torch.inference_mode(False):
            for variable in self.variables:
                variable.value.data = variable.value.data.to(device)
            for name, value in vars(self).items():  # thresholds and other constants
                if isinstance(value, Tensor):
                    setattr(self, name, value.to(device))
        self._device = device
        return True

    def _tensor(self, value, cast=True):
        """`value` on the state's device; floats, and where `cast` all, in the state's dtype."""
        if not isinstance(value, Tensor) or value.device != self._device:
            value = as_tensor(value, device=self._device)
        if value.dtype is not self._torch_dtype and (cast or value.is_floating_point()):
            value = value.to(self._torch_dtype)
        return value

    @property
    def name(self) -> str:
        return self._name

    @property
    def dtype(self) -> str:
        return self._dtype

    @property
    def variables(self) -> list[Variable]:
        """The state: own weights in the order of their making, then those of metrics kept here."""
        found = list(self._weights)
        for value in vars(self).values():
            for leaf in tree.leaves(value):
                inner = leaf.variables if isinstance(leaf, Metric) else [leaf]
                found += [v for v in inner if isinstance(v, Variable) and v not in found]
        return found

    weights = non_trainable_weights = non_trainable_variables = variables

    @property
    def trainable_variables(self) -> list[Variable]:
        return []

    trainable_weights = trainable_variables

    def get_weights(self) -> list[np.ndarray]:
        """The state as numpy arrays."""
        return [variable.numpy() for variable in self.variables]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Write what `get_weights` gave into the state."""
        variables = self.variables
        if len(weights) != len(variables):
            raise ValueError(
                f"{self} has {len(variables)} weights; received {len(weights)} arrays."
            )
        for variable, value in zip(variables, weights, strict=True):
            variable.assign(value)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        return cls(**config)

    def __repr__(self):
        config = ",".join(f"{key}={value}" for key, value in self.get_config().items())
        return f"{type(self).__name__}({config})"


def divide_no_nan(numerator: Tensor, denominator: Tensor) -> Tensor:
    """The quotient, 0 where the denominator is 0."""
    return torch.where(denominator == 0, 0.0, numerator / denominator)


def _without_gradients(update_state: Callable) -> Callable:
    @functools.wraps(update_state)
    def update(self, *args, **kwargs):
        device = None
        for value in (*args, *kwargs.values()):
            if isinstance(value, Tensor) and (device is None or device.type == "cpu"):
                device = value.device  # labels of the CPU beside predictions of a GPU: the latter
        device = device or self._device or default_device()
        if device != self._device and not self._to(device):
            return None
        if not torch.is_grad_enabled():
            return update_state(self, *args, **kwargs)
        with torch.no_grad():
            return update_state(self, *args, **kwargs)

    update.without_gradients = True
    return update


def _as_snapshot(result: Callable) -> Callable:
    @functools.wraps(result)
    def read(self, *args, **kwargs):
        with torch.no_grad():
            return _detached(self, result(self, *args, **kwargs))

    return read


def _detached(metric, value):
    """`value` as a tensor that later updates do not change."""
    if isinstance(value, dict):
        return {key: _detached(metric, inner) for key, inner in value.items()}
    if isinstance(value, Variable):
        return value.value.clone()
    if not isinstance(value, Tensor):
        return as_tensor(value)
    shared = value._is_view() or any(value is variable.value for variable in metric._weights)
    return value.clone() if shared else value
