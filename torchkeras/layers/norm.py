"""Normalization over features or groups of channels, on the modules of `torch.nn`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .. import constraints, initializers, regularizers
from ..casting import as_floats
from ..input_spec import InputSpec
from ..layer import TABLE, Layer, Weight

GAMMA, BETA = Weight("gamma", "norm.weight"), Weight("beta", "norm.bias")


class Normalizing(Layer):
    """What normalizing layers have: epsilon, and gamma and beta where wanted."""

    supports_masking = True
    weight_map = (GAMMA, BETA)

    def __init__(
        self,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.epsilon = epsilon
        self.center, self.scale = center, scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)

    def _settle_affine(self):
        """Turn a native weight that Keras does not have into a constant."""
        absent = {row for row, wanted in ((GAMMA, self.scale), (BETA, self.center)) if not wanted}
        self.weight_map = tuple(row for row in type(self).weight_map if row not in absent)
        for row, value in ((GAMMA, 1.0), (BETA, 0.0)):
            parameter = getattr(self.norm, row.native.split(".")[1])
            if row in absent and parameter is not None:
                parameter.requires_grad_(False).fill_(value)

    def _known_size(self, input_shape, axis):
        if input_shape[axis] is None:
            raise ValueError(
                f'Axis {axis} of the inputs of layer "{self.name}" must be known; received shape '
                f"{tuple(input_shape)}."
            )
        return int(input_shape[axis])

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


@TABLE.add()
class LayerNormalization(Normalizing):
    """Each sample with mean 0 and variance 1 over `axis`, times gamma, plus beta.

    `axis` is one axis or several, in ascending order; gamma and beta have their sizes.

    >>> [round(v, 3) for v in LayerNormalization()(torch.tensor([[1.0, 3.0]])).flatten().tolist()]
    [-1.0, 1.0]
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        *args: Any,
        **kwargs: Any,
    ):
        super().__init__(epsilon, center, scale, *args, **kwargs)
        self.axis = axes_given(self, axis)

    def build(self, input_shape: Any) -> None:
        rank, given = len(input_shape), self.axis
        self.axis = positive_axes(self, given, rank)
        if sorted(self.axis) != self.axis:
            raise ValueError(
                f'axis of layer "{self.name}" must be in ascending order; received {given!r}.'
            )
        sizes = [self._known_size(input_shape, axis) for axis in self.axis]
        self._last = list(range(rank - len(sizes), rank))
        self._moves = self.axis != self._last
        self.norm = self.make(
            nn.LayerNorm,
            sizes,
            eps=self.epsilon,
            elementwise_affine=self.scale or self.center,
            bias=self.center,
        )
        self._settle_affine()
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        inputs = as_floats(inputs, self._compute_dtype)
        if not self._moves:
            return self.norm(inputs)
        return self.norm(inputs.movedim(self.axis, self._last)).movedim(self._last, self.axis)


@TABLE.add()
class GroupNormalization(Normalizing):
    """Each group of channels of a sample with mean 0 and variance 1, times gamma, plus beta.

    `groups=-1` gives each channel its own. ValueError unless `groups` divides the channels.

    >>> layer = GroupNormalization(groups=1)
    >>> [round(v, 3) for v in layer(torch.tensor([[1.0, 3.0]])).flatten().tolist()]
    [-1.0, 1.0]
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        *args: Any,
        **kwargs: Any,
    ):
        super().__init__(epsilon, center, scale, *args, **kwargs)
        self.groups, self.axis = groups, axis

    def build(self, input_shape: Any) -> None:
        axis = positive_axes(self, self.axis, len(input_shape))[0]
        size = self._known_size(input_shape, axis)
        if self.groups == -1:
            self.groups = size
        if self.groups < 1 or size % self.groups:
            raise ValueError(
                f'groups of layer "{self.name}" must divide the {size} channels at axis {axis}; '
                f"received groups={self.groups}."
            )
        self.norm = self.make(
            nn.GroupNorm, self.groups, size, eps=self.epsilon, affine=self.scale or self.center
        )
        self._settle_affine()
        self._axis = axis
        self.input_spec = InputSpec(ndim=len(input_shape), axes={axis: size})
        self.built = True

    def call(self, inputs: Tensor, mask: Any = None) -> Tensor:
        x = inputs.movedim(self._axis, 1)
        if mask is None:
            return self.norm(x).movedim(1, self._axis)
        kept = mask.to(x.dtype).expand(inputs.shape).movedim(self._axis, 1)
        grouped, kept = (t.unflatten(1, (self.groups, -1)).flatten(2) for t in (x, kept))
        count = kept.sum(2, keepdim=True)
        mean = (grouped * kept).sum(2, keepdim=True) / count
        variance = (kept * (grouped - mean).square()).sum(2, keepdim=True) / count
        outputs = ((grouped - mean) * torch.rsqrt(variance + self.epsilon)).reshape(x.shape)
        if self.norm.affine:
            shape = (-1, *[1] * (x.ndim - 2))
            outputs = outputs * self.norm.weight.view(shape) + self.norm.bias.view(shape)
        return outputs.movedim(1, self._axis)


@TABLE.add()
class RMSNormalization(Layer):
    """Each sample over its root mean square along `axis`, times a trained scale, on `nn.RMSNorm`.

    A name that Keras 3 added; `axis` is one axis or several.

    >>> [round(v, 3) for v in RMSNormalization()(torch.tensor([[3.0, 4.0]])).flatten().tolist()]
    [0.849, 1.131]
    """

    supports_masking = True
    weight_map = (Weight("scale", "norm.weight"),)
    scale_initializer = initializers.get("ones")

    def __init__(self, axis: int | Sequence[int] = -1, epsilon: float = 1e-6, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axes_given(self, axis)
        self.epsilon = epsilon

    def build(self, input_shape: Any) -> None:
        axes = sorted(positive_axes(self, self.axis, len(input_shape)))
        sizes = [int(input_shape[axis]) for axis in axes]
        self._axes, self._last = axes, list(range(len(input_shape) - len(axes), len(input_shape)))
        self._moves = self._axes != self._last
        self.norm = self.make(nn.RMSNorm, sizes, eps=self.epsilon)
        self.axis = self.axis if isinstance(self.axis, list) else [self.axis]
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        if not self._moves:
            return self.norm(inputs)
        return self.norm(inputs.movedim(self._axes, self._last)).movedim(self._last, self._axes)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


@TABLE.add()
class UnitNormalization(Layer):
    """Each sample with length 1 over `axis`.

    >>> [round(v, 3) for v in UnitNormalization()(torch.tensor([[3.0, 4.0]])).flatten().tolist()]
    [0.6, 0.8]
    """

    supports_masking = True

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axes_given(self, axis)

    def build(self, input_shape: Any) -> None:
        positive_axes(self, self.axis, len(input_shape))  # refuses what does not fit
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        squares = inputs.square().sum(self.axis, keepdim=True)
        return inputs * torch.rsqrt(squares.clamp(min=1e-12))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


def axes_given(layer, axis):
    """The argument as given, a list for several."""
    if isinstance(axis, (list, tuple)):
        return list(axis)
    if not isinstance(axis, int):
        raise TypeError(
            f'axis of layer "{layer.name}" must be an integer or a list of them; received {axis!r}.'
        )
    return axis


def positive_axes(layer, axis, rank):
    """The axes as a list of numbers from 0 on, as tf.keras keeps them after building."""
    axes = [axis] if isinstance(axis, int) else axis
    found = [number + rank if number < 0 else number for number in axes]
    if not all(0 <= number < rank for number in found) or len(set(found)) < len(found):
        raise ValueError(
            f'axis={axis!r} of layer "{layer.name}" does not fit inputs of rank {rank}.'
        )
    return found
