"""Weights as Keras sees them: a handle with name, shape and value over a torch tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from .arrays import as_tensor, default_device, operand, to_numpy
from .config import floatx
from .layout import contiguous, copy_into, layout
from .precision import DtypeName, dtype_name


@dataclass(frozen=True)
class Weight:
    """One row of a layer's weight table: a Keras name, where torch keeps it, and the layout.

    `native` is the path of the parameter or buffer below the layer, or a pair of paths that
    Keras keeps in one array: stacked, or end to end with `flat`. `setting` is the prefix of the
    layer's initializer, regularizer and constraint attributes, the name itself unless given;
    `trainable` is False for statistics. `scope` is what stands between layer and weight in the
    variable's name. `sizes` maps axes that the native shape leaves open to attributes of the
    layer: `{"m": "depth_multiplier"}`. `autocast=False` keeps the weight in its own dtype where its
    layer computes in another.
    """

    name: str
    native: str | tuple[str, ...]
    pattern: str | None = None
    gates: str | None = None
    setting: str | None = None
    trainable: bool = True
    scope: str | None = None
    sizes: dict[str, str] | None = None
    flat: bool = False
    autocast: bool = True

    @property
    def paths(self) -> tuple[str, ...]:
        return (self.native,) if isinstance(self.native, str) else self.native

    @property
    def prefix(self) -> str:
        return self.setting or self.name


class Variable:
    """A named value that torch expressions can use: state of a metric, or a layer's weight.

    `initializer` is a value, or with `shape` a function of shape and dtype. `assign`, `assign_add`
    and `assign_sub` write in place. `autocast`, `aggregation`, `synchronization` and `layout` are
    Keras 3's hints to its distribution; they are kept and change nothing here. This class owns its
    tensor; `LayerWeight` looks at a layer's native parameter in the axes of Keras.

    >>> Variable([1.0, 2.0]).assign_add([1.0, 1.0]).numpy().tolist()
    [2.0, 3.0]
    """

    constraint: Any = None
    regularizer: Any = None
    aggregation = "none"
    synchronization = "auto"
    overwrite_with_gradient = False
    __array_priority__ = 1000  # of an array and a variable the variable decides

    def __init__(
        self,
        initializer: Any,
        shape: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str | None = "none",
        synchronization: str | None = "auto",
        name: str = "variable",
        layout: Any = None,
    ):
        if callable(initializer) and not isinstance(initializer, (Tensor, Variable)):
            if shape is None:
                raise ValueError("A variable made by an initializer needs a shape.")
            initializer = initializer(tuple(shape), dtype=dtype_name(dtype or floatx()))
        placed = isinstance(initializer, (Tensor, Variable))
        device = None if placed else default_device()
        self._tensor = as_tensor(initializer, dtype, device).detach().clone()
        if shape is not None and tuple(self._tensor.shape) != tuple(shape):
            raise ValueError(
                f"The value of {name} has shape {tuple(self._tensor.shape)}, not the given shape "
                f"{tuple(shape)}."
            )
        self.aggregation, self.synchronization = aggregation or "none", synchronization or "none"
        self._trainable = trainable
        if trainable and self._tensor.is_floating_point():
            self._tensor.requires_grad_()
        self._name = name

    @property
    def value(self) -> Tensor:
        """The tensor in the axes of Keras."""
        return self._tensor

    @property
    def native(self) -> tuple[Tensor, ...]:
        """The tensors that torch trains."""
        return (self._tensor,)

    @property
    def name(self) -> str:
        return self._name + ":0"

    @property
    def path(self) -> str:
        return self._name

    @property
    def trainable(self) -> bool:
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        if self._tensor.is_floating_point():
            self._tensor.requires_grad_(self._trainable)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def shape(self) -> torch.Size:
        return self.value.shape

    @property
    def dtype(self) -> str:
        return DtypeName(dtype_name(self.native[0].dtype))

    @property
    def device(self) -> torch.device:
        return self.native[0].device

    def numpy(self) -> np.ndarray:
        """A copy of the value as a numpy array."""
        value = self.value.detach()
        whole = contiguous(value)
        found = to_numpy(whole)
        shared = whole.device.type == "cpu" and whole.data_ptr() == value.data_ptr()
        return np.array(found) if shared else found

    def read_value(self) -> Tensor:
        return self.value

    def fits(self, shape: Any) -> bool:
        """Whether values of this shape may be assigned."""
        return tuple(shape) == tuple(self.shape)

    def assign(self, value: Any, use_locking: bool = False, name=None, read_value=True) -> Variable:
        """Write `value`, of the same shape, into the variable.

        The other arguments are TensorFlow's and change nothing: there is one thread, and the
        variable itself is the answer.
        """
        tensor = as_tensor(value, device=self.device)
        if not self.fits(tensor.shape):
            raise ValueError(
                f"Cannot assign a value of shape {tuple(tensor.shape)} to {self.name}: "
                f"expected shape {tuple(self.shape)}."
            )
        with torch.no_grad():
            self._write(tensor)
        return self

    def assign_add(
        self, delta: Any, use_locking: bool = False, name=None, read_value=True
    ) -> Variable:
        """Add `delta` in place."""
        return self.assign(self.value.detach() + as_tensor(delta, device=self.device))

    def assign_sub(
        self, delta: Any, use_locking: bool = False, name=None, read_value=True
    ) -> Variable:
        """Subtract `delta` in place."""
        return self.assign(self.value.detach() - as_tensor(delta, device=self.device))

    def _write(self, tensor: Tensor) -> None:
        self._tensor.copy_(tensor)

    def __repr__(self):
        return (
            f"<{type(self).__name__} name={self.name} shape={tuple(self.shape)} dtype={self.dtype}>"
        )

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.numpy(), dtype=dtype)

    def __len__(self):
        return len(self.value)

    def __getitem__(self, index):
        return self.value[index]

    def __getattr__(self, attribute):  # everything else a tensor can do
        if attribute.startswith("__") or attribute in ("_tensor", "_layer"):
            raise AttributeError(attribute)
        return getattr(self.value, attribute)

    def __bool__(self):
        return bool(self.value)

    def __float__(self):
        return float(self.value)

    def __int__(self):
        return int(self.value)

    def __hash__(self):
        return id(self)

    def __eq__(self, other):
        compared = isinstance(other, _VALUES)  # of two variables: whether they are one
        return self._compare("__eq__", other) if compared else self is other

    def __ne__(self, other):
        compared = isinstance(other, _VALUES)
        return self._compare("__ne__", other) if compared else self is not other

    def _compare(self, name, other):
        return getattr(self.value, name)(operand(other, self.value.dtype))

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if not all(issubclass(one, (Variable, Tensor)) for one in types):
            return NotImplemented  # a symbolic tensor records the call, with the variable in it

        def value(x):
            return x.value if isinstance(x, Variable) else x

        return function(*tree_map(value, args), **tree_map(value, kwargs or {}))


_VALUES = (int, float, Tensor, np.ndarray, np.generic)


def _records(other):
    """Whether `other` is a symbolic tensor."""
    return hasattr(type(other), "__torch_function__") and not isinstance(other, (Variable, Tensor))


def _forward(name):
    def operator(self, *others):
        if any(_records(other) for other in others):
            return getattr(Tensor, name)(self, *others)
        value = self.value
        return getattr(value, name)(
            *(o.value if isinstance(o, Variable) else operand(o, value.dtype) for o in others)
        )

    operator.__name__ = name
    return operator


for _name in (
    "add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod pow rpow matmul "
    "rmatmul neg abs lt le gt ge and rand or ror xor rxor invert"
).split():
    setattr(Variable, f"__{_name}__", _forward(f"__{_name}__"))


class LayerWeight(Variable):
    """The view of a layer's native parameters that one `Weight` row describes.

    `shape` is the Keras shape. The native tensors are looked up at each use, so they may be
    moved, cast or replaced.
    """

    def __init__(self, layer: torch.nn.Module, weight: Weight, name: str, shape: tuple[int, ...]):
        self._layer, self.weight, self._name = layer, weight, name
        self._shape = torch.Size(shape)
        self._axes = layout(weight.pattern, weight.gates)

    @property
    def native(self) -> tuple[Tensor, ...]:
        return tuple(look_up(self._layer, path) for path in self.weight.paths)

    @property
    def shape(self) -> torch.Size:
        return self._shape

    @property
    def value(self) -> Tensor:
        native = self.native
        value = self.to_keras(native)
        if native[0].grad is not None and value is not native[0]:
            # a view has no gradient by itself; steps written for Keras 3 read `v.value.grad`
            value.grad = self.to_keras(tuple(p.grad for p in native if p.grad is not None))
        dtype = self._layer.__dict__.get("_reads_as")
        if dtype is not None and self.weight.autocast and value.is_floating_point():
            return value.to(dtype)
        return value

    @property
    def trainable(self) -> bool:
        return self.weight.trainable and getattr(self._layer, "trainable", True)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        raise AttributeError(f"Set trainable on the layer that owns {self.name}.")

    @property
    def layer(self):
        return self._layer

    @property
    def regularizer(self):
        return getattr(self._layer, self.weight.prefix + "_regularizer", None)

    @property
    def constraint(self):
        return getattr(self._layer, self.weight.prefix + "_constraint", None)

    @property
    def initializer(self):
        return getattr(self._layer, self.weight.prefix + "_initializer", None)

    def to_keras(self, natives: tuple[Tensor, ...]) -> Tensor:
        """Tensors laid out like the native ones, as one tensor in the axes of Keras."""
        if len(natives) == 1:
            return self._axes.to_keras(natives[0], self._shape)
        shape = natives[0].shape if self.weight.flat else self._shape[1:]
        parts = [self._axes.to_keras(tensor, shape) for tensor in natives]
        return torch.cat(parts) if self.weight.flat else torch.stack(parts)

    def to_native(self, value: Tensor) -> tuple[Tensor, ...]:
        """The inverse of `to_keras`."""
        if isinstance(self.weight.native, str):
            return (self._axes.to_torch(value),)
        parts = value.chunk(len(self.weight.paths)) if self.weight.flat else value.unbind(0)
        return tuple(self._axes.to_torch(part) for part in parts)

    def _write(self, tensor):
        for target, source in zip(self.native, self.to_native(tensor), strict=True):
            copy_into(target.detach(), source)


def look_up(module: torch.nn.Module, path: str) -> Any:
    """The module, parameter or buffer at a dotted path below `module`."""
    *parents, last = path.split(".")
    for part in parents:
        module = getattr(module, part)
    # `self.scale = self.add_weight("scale", ...)` hides the parameter behind its own view.
    own = module._parameters if last in module._parameters else module._buffers
    return own[last] if last in own else getattr(module, last)
