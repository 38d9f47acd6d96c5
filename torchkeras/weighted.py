"""The weights of a layer: made, listed in Keras' order, read, written and frozen."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from . import constraints, initializers, names, regularizers
from .arrays import default_device, to_numpy
from .budget import claim, is_loading
from .casting import forget_modules
from .layout import layout
from .precision import torch_dtype
from .variable import LayerWeight, Weight, look_up


def _keras_1_order(add_weight):
    """Let `add_weight(shape, initializer, name)` mean what it meant in Keras 1, and
    `add_weight(shape, initializer, dtype)` what it means in Keras 3."""

    @functools.wraps(add_weight)
    def either_order(self, *args, **kwargs):
        if args and args[0] is not None and not isinstance(args[0], str):
            order = _KERAS_3 if len(args) > 2 and _is_dtype(args[2]) else _KERAS_1
            kwargs |= zip(order, args, strict=False)
            args = ()
        return add_weight(self, *args, **kwargs)

    return either_order


_KERAS_1 = ("shape", "initializer", "name", "trainable", "regularizer", "constraint")
_KERAS_3 = ("shape", "initializer", "dtype", "trainable", "autocast", "regularizer", "constraint")
# What tf.keras takes beside: how TensorFlow is to place a variable.
_WITHOUT_MEANING = ("collections", "caching_device", "layout", "partitioner", "getter")


def _is_dtype(value):
    try:
        return torch_dtype(value) is not None
    except (TypeError, ValueError):
        return False


class Weighted(nn.Module):
    """The part of `Layer` that owns weights: native parameters, seen through a weight table."""

    weight_map: tuple[Weight, ...] = ()
    name: str
    _variable_dtype: torch.dtype
    _reads_as: torch.dtype | None = None  # the dtype of weights in a running call, where cast
    built: bool

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        for row in cls.__dict__.get("weight_map", ()):
            setattr(cls, row.name, _weight_property(row.name))

    def __init__(self, trainable: bool):
        super().__init__()
        self._trainable = trainable
        self._weights: list[LayerWeight] = []
        self._prefix = ""  # what the names of the weights begin with inside another layer

    @_keras_1_order
    def add_weight(
        self,
        name: str | None = None,
        shape: Any = None,
        dtype: Any = None,
        initializer: Any = None,
        regularizer: Any = None,
        trainable: bool | None = None,
        constraint: Any = None,
        use_resource: bool | None = None,
        synchronization: Any = None,
        aggregation: Any = None,
        **kwargs: Any,
    ) -> LayerWeight:
        """Add a weight of your own, in Keras axes; returns a `Variable` to compute with.

        `shape` defaults to a scalar, `initializer` to Glorot uniform for floats and zeros
        otherwise. The order `add_weight(shape, initializer, name)` of Keras 1 works too.
        `use_resource`, `synchronization` and `aggregation` tell TensorFlow how to keep copies of a
        variable on several devices; here a weight has none, so they change nothing.
        """
        autocast = kwargs.pop("experimental_autocast", kwargs.pop("autocast", True))
        for argument in _WITHOUT_MEANING:
            if kwargs.get(argument) is None:
                kwargs.pop(argument, None)
        if kwargs:
            raise TypeError(
                f"add_weight of layer {self.name!r} got an unexpected keyword argument "
                f"{', '.join(map(repr, kwargs))}."
            )
        name = name or names.unique_name("variable")
        dtype = torch_dtype(dtype) if dtype else self._variable_dtype
        shape = (shape,) if isinstance(shape, int) else tuple(shape or ())
        if any(size is None for size in shape):
            raise ValueError(f"Weight {name!r} of layer {self.name!r} has an open shape {shape}.")
        if initializer is None:
            initializer = "glorot_uniform" if dtype.is_floating_point else "zeros"
        claim(math.prod(shape), f"weight {name!r} of layer {self.name!r}")
        value = initializers.initialize(
            initializers.get(initializer), shape, dtype, default_device()
        )
        trainable = True if trainable is None else bool(trainable)
        key = name.replace(".", "_").replace("/", "_")
        if key in self.__dict__ and self.__dict__[key] is None:
            del self.__dict__[key]  # `self.gamma = None` in __init__ announced it
        while key in self._parameters or key in self._buffers or hasattr(self, key):
            key += "_"
        if trainable and dtype.is_floating_point:
            self.register_parameter(key, nn.Parameter(value))
        else:
            self.register_buffer(key, value)
            trainable = False
        for kind, setting in (("regularizer", regularizer), ("constraint", constraint)):
            get = regularizers.get if kind == "regularizer" else constraints.get
            if setting is not None:
                object.__setattr__(self, f"{key}_{kind}", get(setting))
        row = Weight(name, key, setting=key, trainable=trainable, autocast=bool(autocast))
        weight = LayerWeight(self, row, self._path(name), shape)
        self._weights.append(weight)
        forget_modules(self)
        self._freeze()
        return weight

    def make(self, module: Callable[..., nn.Module], *args: Any, **kwargs: Any) -> nn.Module:
        """A native torch module with uninitialised weights of this layer's dtype and device."""
        kwargs.setdefault("dtype", self._variable_dtype)
        made = module(*args, device="meta", **kwargs)
        claim(sum(tensor.numel() for tensor in made.state_dict().values()), f"layer {self.name!r}")
        # As to_empty() does, which would import torch's compiler and sympy for it: 1 s and 70 MB.
        device = default_device()
        return made._apply(lambda x: torch.empty(x.shape, dtype=x.dtype, device=device))

    def _gather(self) -> None:
        """Plain modules and tensors inside that are on the CPU go where the layer's weights are."""
        device = self._device
        if device.type in ("cpu", "meta"):
            return

        def placed(tensor):
            return tensor.to(device) if tensor.device.type == "cpu" else tensor

        if _any_on_cpu(self, recurse=False):
            nn.Module._apply(self, placed, recurse=False)
        for child in self.children():
            if not hasattr(type(child), "weight_map") and _any_on_cpu(child):
                child._apply(placed)

    @property
    def trainable_weights(self) -> list[LayerWeight]:
        """Weights that training changes: own, then those of the layers inside."""
        if not self.trainable:
            return []
        return _unique(
            [w for w in self._weights if w.weight.trainable]
            + [w for child in self._children() for w in _trainable(child)]
        )

    @property
    def non_trainable_weights(self) -> list[LayerWeight]:
        """Weights that training leaves alone: statistics, and everything that is frozen."""
        if self.trainable:
            own = [w for w in self._weights if not w.weight.trainable]
            return _unique(own + [w for c in self._children() for w in _non_trainable(c)])
        own = sorted(self._weights, key=lambda w: not w.weight.trainable)
        return _unique(own + [w for child in self._children() for w in weights_of(child)])

    @property
    def weights(self) -> list[LayerWeight]:
        """All weights, trainable ones first, in the order of tf.keras and its files."""
        return _unique(self.trainable_weights + self.non_trainable_weights)

    variables = weights

    @property
    def trainable_variables(self) -> list[LayerWeight]:
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[LayerWeight]:
        return self.non_trainable_weights

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all weights as numpy arrays in the axes of Keras."""
        return [weight.numpy() for weight in self.weights]

    def set_weights(self, weights: list[Any]) -> None:
        """Write arrays in the order and shapes of `get_weights`; nothing is written on error."""
        own = self.weights
        if len(weights) != len(own):
            raise ValueError(
                f"Layer {self.name!r} has {len(own)} weights, but set_weights received "
                f"{len(weights)}."
            )
        arrays = [np.asarray(to_numpy(value)) for value in weights]
        for weight, array in zip(own, arrays, strict=True):
            if not weight.fits(array.shape):
                raise ValueError(
                    f"Weight {weight.name} of layer {self.name!r} has shape "
                    f"{tuple(weight.shape)}; received an array of shape {array.shape}."
                )
        for weight, array in zip(own, arrays, strict=True):
            weight.assign(array)

    def count_params(self) -> int:
        """How many numbers the weights hold."""
        if not self.built:
            raise ValueError(
                f"Layer {self.name!r} has no weights to count yet: it is not built. Build it "
                "with build(input_shape) or by calling it on data."
            )
        return sum(int(np.prod(weight.shape)) for weight in self.weights)

    @property
    def trainable(self) -> bool:
        """Whether training may change the weights; setting it reaches all layers inside."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for child in self._children():
            if isinstance(child, Weighted):
                child.trainable = value
        self._freeze()

    def freeze_alone(self, frozen: bool) -> None:
        """Freeze or free this layer's own weights, not those of layers inside."""
        self._trainable = not frozen
        self._freeze()

    def _freeze(self):
        """Let `requires_grad` of the native parameters follow `trainable`."""
        for weight in self._weights:
            if weight.weight.trainable:
                for parameter in weight.native:
                    parameter.requires_grad_(self._trainable)
        for child in self._children():
            if not isinstance(child, Weighted):
                child.requires_grad_(self._trainable)

    def _children(self) -> Iterator[nn.Module]:
        """The modules inside that have weights of their own, in the order they were assigned.

        The native modules of a layer with a weight table are described by it and left out.
        """
        for module in self._modules.values():
            if isinstance(module, (nn.ModuleList, nn.ModuleDict)):
                inside = module.values() if isinstance(module, nn.ModuleDict) else module
                yield from (m for m in inside if isinstance(m, Weighted) or not self.weight_map)
            elif isinstance(module, Weighted) or (module is not None and not self.weight_map):
                yield module

    def _enter(self, row):
        """The `LayerWeight` of one row, holding a fresh draw of its initializer."""
        axes = layout(row.pattern, row.gates)
        native = look_up(self, row.paths[0])
        sizes = {axis: getattr(self, attribute) for axis, attribute in (row.sizes or {}).items()}
        shape = axes.keras_shape(tuple(native.shape), sizes)
        if row.flat:
            shape = (len(row.paths) * shape[0], *shape[1:])
        elif len(row.paths) > 1:
            shape = (len(row.paths), *shape)
        scope = f"{row.scope}/" if row.scope else ""
        weight = LayerWeight(self, row, self._path(scope + row.name), shape)
        if weight.initializer is not None and not is_loading():
            weight.assign(
                initializers.initialize(weight.initializer, shape, native.dtype, native.device)
            )
        return weight

    def _adopt(self, name, variable):
        """A free-standing `Variable` assigned to an attribute becomes a weight of the layer."""
        value = variable.value.detach()
        name = variable.path if variable.path != "variable" else name
        weight = self.add_weight(
            name,
            tuple(value.shape),
            value.dtype,
            lambda shape, dtype: value,
            trainable=variable.trainable,
        )
        weight._name = name  # it was made outside of the layer, and keeps its name
        return weight

    def _path(self, name):
        return f"{self._prefix}{self.name}/{name}"


def _weight_property(name):
    """`layer.kernel`: the layer's weight of that name, or None where it has none."""

    def find(self):
        for weight in self._weights:
            if weight.weight.name == name:
                return weight
        return None

    return property(find, doc=f"The weight {name!r} in the axes of Keras.")


def exists(module: nn.Module, path: str) -> bool:
    """Whether there is something other than None at a dotted path below `module`."""
    try:
        return look_up(module, path) is not None
    except AttributeError:
        return False


def _unique(items):
    return list({id(item): item for item in items}.values())


def _trainable(module):
    if isinstance(module, Weighted):
        return module.trainable_weights
    return [w for w in _module_weights(module) if w.weight.trainable]


def _non_trainable(module):
    if isinstance(module, Weighted):
        return module.non_trainable_weights
    return [w for w in _module_weights(module) if not w.weight.trainable]


def weights_of(module: nn.Module) -> list[LayerWeight]:
    """All weights of a layer, or of a plain module inside one."""
    return module.weights if isinstance(module, Weighted) else _module_weights(module)


def _module_weights(module):
    """The parameters and float buffers of a plain `nn.Module`, in torch's layout and names."""
    known = module.__dict__.get("_keras_weights")
    if known is None:
        known = []
        for trainable, found in (
            (True, module.named_parameters()),
            (False, module.named_buffers()),
        ):
            for path, tensor in found:
                if trainable or tensor.is_floating_point():
                    row = Weight(path, path, trainable=trainable)
                    known.append(
                        LayerWeight(module, row, path.replace(".", "/"), tuple(tensor.shape))
                    )
        object.__setattr__(module, "_keras_weights", known)
    return known


def _any_on_cpu(module, recurse=True):
    held = *module.parameters(recurse), *module.buffers(recurse)
    return any(tensor.device.type == "cpu" for tensor in held)
