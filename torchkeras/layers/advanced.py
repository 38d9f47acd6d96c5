"""Activations with arguments or weights of their own, as layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import activations, constraints, initializers, regularizers
from ..arrays import default_device
from ..budget import claim
from ..casting import as_floats
from ..config import floatx
from ..input_spec import InputSpec
from ..layer import TABLE, Layer, Weight
from ..precision import torch_dtype


class _Elementwise(Layer):
    """A layer whose outputs have the shape of its inputs, and their mask."""

    supports_masking = True

    def _number(self, argument, value, least=None):
        """`value` rounded to `floatx`, as tf.keras keeps and writes it."""
        if value is None or (least is not None and value < least):
            wanted = "a number" if least is None else f"a number of at least {least}"
            raise ValueError(f'{argument} of layer "{self.name}" must be {wanted}; got {value!r}.')
        return torch.tensor(float(value), dtype=torch_dtype(floatx()), device="cpu").item()

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


@TABLE.add()
class LeakyReLU(_Elementwise):
    """`x` above zero, `alpha * x` below; torch's default slope is 0.01.

    >>> [round(v, 3) for v in LeakyReLU()(torch.tensor([-1.0, 2.0])).tolist()]
    [-0.3, 2.0]
    """

    def __init__(self, alpha: float = 0.3, **kwargs: Any):
        super().__init__(**kwargs)
        self.alpha = self._number("alpha", alpha)

    def call(self, inputs: Tensor) -> Tensor:
        return F.leaky_relu(as_floats(inputs, self._compute_dtype), self.alpha)


@TABLE.add()
class PReLU(_Elementwise):
    """`x` above zero, `alpha * x` below, with an `alpha` that is trained, from 0 on.

    `alpha` has the shape of a sample, with 1 at `shared_axes`, which count from 1: `[1, 2]`
    leaves one slope for each channel of images.

    >>> PReLU()(torch.tensor([[-1.0, 2.0]])).abs().tolist()
    [[0.0, 2.0]]
    """

    weight_map = (Weight("alpha", "slope"),)

    def __init__(
        self,
        alpha_initializer: Any = "zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        if shared_axes is not None:
            many = isinstance(shared_axes, (list, tuple))
            shared_axes = list(shared_axes) if many else [shared_axes]
        self.shared_axes = shared_axes

    def build(self, input_shape: Any) -> None:
        shared = self.shared_axes or []
        if not all(1 <= axis < len(input_shape) for axis in shared):
            raise ValueError(
                f'shared_axes of layer "{self.name}" must be axes from 1 to '
                f"{len(input_shape) - 1}; received {shared}."
            )
        shape = [1 if axis in shared else n for axis, n in enumerate(input_shape) if axis]
        if None in shape:
            raise ValueError(
                f'Inputs of layer "{self.name}" have the open shape {tuple(input_shape)}; open '
                f"axes must be in shared_axes, which is {self.shared_axes}."
            )
        claim(math.prod(shape), f"layer {self.name!r}")
        slope = torch.empty(shape, dtype=self._variable_dtype, device=default_device())
        self.slope = nn.Parameter(slope)
        axes = {n: input_shape[n] for n in range(1, len(input_shape)) if shared and n not in shared}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=axes)
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        return F.relu(inputs) - self.slope * F.relu(-inputs)


@TABLE.add()
class ELU(_Elementwise):
    """`x` above zero, `alpha * (exp(x) - 1)` below.

    >>> [round(v, 3) for v in ELU()(torch.tensor([-1.0, 2.0])).tolist()]
    [-0.632, 2.0]
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.alpha = self._number("alpha", alpha)

    def call(self, inputs: Tensor) -> Tensor:
        return F.elu(inputs, self.alpha)


@TABLE.add()
class ThresholdedReLU(_Elementwise):
    """`x` above `theta`, 0 elsewhere.

    >>> ThresholdedReLU(1.0)(torch.tensor([0.5, 2.0])).tolist()
    [0.0, 2.0]
    """

    def __init__(self, theta: float = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.theta = self._number("theta", theta, least=0)

    def call(self, inputs: Tensor) -> Tensor:
        return inputs * (inputs > self.theta).to(inputs.dtype)


@TABLE.add()
class ReLU(_Elementwise):
    """`x` from `threshold` on, up to `max_value`; `negative_slope * (x - threshold)` below.

    >>> ReLU(max_value=1.0)(torch.tensor([-1.0, 2.0])).tolist()
    [0.0, 1.0]
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.max_value = None if max_value is None else self._number("max_value", max_value, 0)
        self.negative_slope = self._number("negative_slope", negative_slope, 0)
        self.threshold = self._number("threshold", threshold, 0)

    def call(self, inputs: Tensor) -> Tensor:
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)

    @property
    def works_in_place(self) -> bool:
        """Whether `in_place` does what a call does; so a plan need not make another tensor."""
        plain = self.max_value is None and self.negative_slope == 0 and self.threshold == 0
        return plain and type(self) is ReLU

    def in_place(self, inputs: Tensor) -> Tensor:
        """The layer's outputs in the memory of its inputs."""
        return activations.relu_in_place(inputs)


@TABLE.add()
class Softmax(_Elementwise):
    """`exp(x)` over its sum along `axis`, one or several; a `mask` of the inputs' shape leaves
    out where it is False.

    >>> Softmax()(torch.zeros(1, 2)).tolist()
    [[0.5, 0.5]]
    >>> mask = torch.tensor([[True, False]])
    >>> Softmax()(torch.zeros(1, 2), mask=mask).tolist()
    [[1.0, 0.0]]
    """

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis
        several = isinstance(axis, (list, tuple))
        self._axis = axis[0] if several and len(axis) == 1 else axis

    def call(self, inputs: Tensor, mask: Any = None) -> Tensor:
        if mask is not None:
            least = torch.finfo(inputs.dtype).min / 2 if inputs.dtype is torch.float16 else -1e9
            inputs = inputs + (1.0 - mask.to(inputs.dtype)) * least
        if inputs.ndim == 1 and isinstance(self._axis, int):
            return torch.softmax(inputs, self._axis)
        return activations.softmax(inputs, self._axis)
