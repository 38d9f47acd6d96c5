"""Normalization over batches, features or groups of channels, on the modules of `torch.nn`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .. import constraints, initializers, regularizers
from ..input_spec import InputSpec
from ..layer import TABLE, Layer, Weight

_HALVES = (torch.float16, torch.bfloat16)
_GAMMA, _BETA = Weight("gamma", "norm.weight"), Weight("beta", "norm.bias")


class _Normalization(Layer):
    """What normalizing layers have: epsilon, and gamma and beta where wanted."""

    supports_masking = True
    weight_map = (_GAMMA, _BETA)

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
        absent = {row for row, wanted in ((_GAMMA, self.scale), (_BETA, self.center)) if not wanted}
        self.weight_map = tuple(row for row in type(self).weight_map if row not in absent)
        for row, value in ((_GAMMA, 1.0), (_BETA, 0.0)):
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
class BatchNormalization(_Normalization):
    """Each channel with mean 0 and variance 1 over the batch, times gamma, plus beta.

    In training the batch's own statistics are used, and move the moving ones by `1 - momentum`;
    in inference, and with `trainable=False`, the moving ones are used. Images and volumes move
    them with the unbiased variance, other inputs, and all with `fused=False`, with the biased
    one. `synchronized=True` shares statistics in a `torch.distributed` group.

    >>> layer = BatchNormalization()
    >>> [round(v, 3) for v in layer(torch.tensor([[1.0], [3.0]]), training=True).flatten().tolist()]
    [-1.0, 1.0]
    """

    weight_map = (
        _GAMMA,
        _BETA,
        Weight("moving_mean", "norm.running_mean", trainable=False),
        Weight("moving_variance", "norm.running_var", trainable=False),
    )

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        synchronized: bool = False,
        **kwargs: Any,
    ):
        self.fused = None if kwargs.get("fused") is None else bool(kwargs["fused"])
        kwargs.pop("fused", None)
        for argument in ("renorm", "virtual_batch_size", "adjustment"):
            if kwargs.pop(argument, None):
                raise ValueError(
                    f"BatchNormalization has no {argument}: it normalizes over whole batches with "
                    f"their own statistics. Leave out {argument}."
                )
        for argument in ("renorm_clipping", "renorm_momentum"):  # only act with renorm
            kwargs.pop(argument, None)
        super().__init__(
            epsilon,
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            **kwargs,
        )
        self.axis = _axes(self, axis)
        self.momentum = momentum
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.synchronized = synchronized
        if synchronized and self.fused:
            raise ValueError(f'Layer "{self.name}" cannot be both fused and synchronized.')

    def build(self, input_shape: Any) -> None:
        rank = len(input_shape)
        given = self.axis
        self.axis = _positive_axes(self, given, rank)
        if len(self.axis) > 1:
            raise ValueError(
                f'Layer "{self.name}" normalizes one axis; received axis={given!r}. Join the axes '
                "with Reshape first."
            )
        self._axis = self.axis[0]
        size = self._known_size(input_shape, self._axis)
        self._unbiased = self._is_fused(given, rank)
        # Torch wants the channels second; elsewhere than in images all other axes become one.
        self._direct = self._axis == 1 and rank <= 5
        self._flat = rank not in (4, 5)
        by_rank = {4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
        native = by_rank.get(rank, nn.BatchNorm1d)
        self.norm = self.make(
            self._synchronized_norm() if self.synchronized else native,
            size,
            eps=self.epsilon,
            momentum=1.0 - self.momentum,
            dtype=torch.float32 if self.compute_dtype in _HALVES else self.compute_dtype,
        )
        self.norm.num_batches_tracked.zero_()
        self._settle_affine()
        self.input_spec = InputSpec(ndim=rank, axes={self._axis: size})
        self.built = True

    def _is_fused(self, given, rank):
        """Whether tf.keras takes its fused kernel, whose moving variance is unbiased."""
        axis = given[0] if isinstance(given, list) else given
        able = axis in (-4, -3, -1, 1, 3, 4) and self.compute_dtype is not torch.float64
        fused = self.fused
        if fused and not (able and rank in (4, 5)):
            raise ValueError(
                f'fused=True of layer "{self.name}" needs inputs of rank 4 or 5 and below float64, '
                f"with channels first or last; received rank {rank}, {self.dtype} and axis={axis}."
            )
        if fused is None:
            fused = able and rank in (4, 5) and not self.synchronized
        return fused and self._axis in (1, rank - 1)

    def _synchronized_norm(self):
        if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
            raise ValueError(
                f'Layer "{self.name}" has synchronized=True, but torch.distributed is not '
                "initialised. Call torch.distributed.init_process_group() first, or leave it out."
            )
        return nn.SyncBatchNorm

    def call(self, inputs: Tensor, training: Any = None, mask: Any = None) -> Tensor:
        if training is not None and bool(training) != self.training:
            return self._call_in_mode(bool(training), (inputs,), {"mask": mask})
        norm = self.norm
        if not norm.training:
            return self._normalize(inputs)
        count = inputs.numel() // inputs.shape[self._axis] if inputs.numel() else 0
        if mask is not None:
            if not self._unbiased:
                return self._normalize_by_hand(inputs, mask)
            warnings.warn(
                f"Layer {self.name!r} ignores its mask, as fused batch normalization does in "
                "Keras. Pass fused=False to have it count.",
                stacklevel=2,
            )
        if count == 1:  # torch refuses
            return self._normalize_by_hand(inputs, None)
        if self._unbiased:
            return self._normalize(inputs)
        if self.synchronized:
            count *= torch.distributed.get_world_size()
        # Torch adds a share of the unbiased variance, count / (count - 1) times the biased one:
        # the sum is made at that scale. `.data`: autograd holds the buffer, but not for its value.
        scale = count / max(count - 1, 1)
        norm.running_var.data.mul_(scale)
        outputs = self._normalize(inputs)
        norm.running_var.data.div_(scale)
        return outputs

    def _normalize(self, inputs):
        if self._direct:
            return self.norm(inputs)
        if not self._flat:
            return self.norm(inputs.movedim(self._axis, 1)).movedim(1, self._axis)
        rows = inputs.movedim(self._axis, -1)
        outputs = self.norm(rows.reshape(-1, rows.shape[-1]))
        return outputs.view(rows.shape).movedim(-1, self._axis)

    def _normalize_by_hand(self, inputs, mask):
        """The same from elementary operations, over the places that the mask leaves."""
        norm = self.norm
        x = inputs.to(norm.running_mean.dtype)
        kept = torch.ones_like(x) if mask is None else mask.to(x.dtype).unsqueeze(-1).expand_as(x)
        others = [axis for axis in range(x.ndim) if axis != self._axis]
        count = kept.sum(others, keepdim=True)
        mean = (x * kept).sum(others, keepdim=True) / count
        variance = (kept * (x - mean).square()).sum(others, keepdim=True) / count
        with torch.no_grad():
            norm.running_mean.lerp_(mean.flatten(), norm.momentum)
            norm.running_var.lerp_(variance.flatten(), norm.momentum)
        outputs = (x - mean) * torch.rsqrt(variance + self.epsilon)
        outputs = outputs * norm.weight.view_as(mean) + norm.bias.view_as(mean)
        return outputs.to(inputs.dtype)

    def train(self, mode: bool = True):
        """Switch the mode; frozen, the native module stays in inference."""
        super().train(mode)
        if "norm" in self._modules:
            self.norm.training = mode and self._trainable
        return self

    @property
    def trainable(self) -> bool:
        """Whether training may change the weights; if not, the layer stays in inference mode."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        Layer.trainable.fset(self, value)
        self.train(self.training)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["synchronized"]
        return config


@TABLE.add()
class LayerNormalization(_Normalization):
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
        self.axis = _axes(self, axis)

    def build(self, input_shape: Any) -> None:
        rank, given = len(input_shape), self.axis
        self.axis = _positive_axes(self, given, rank)
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
        if not self._moves:
            return self.norm(inputs)
        return self.norm(inputs.movedim(self.axis, self._last)).movedim(self._last, self.axis)


@TABLE.add()
class GroupNormalization(_Normalization):
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
        axis = _positive_axes(self, self.axis, len(input_shape))[0]
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
class UnitNormalization(Layer):
    """Each sample with length 1 over `axis`.

    >>> [round(v, 3) for v in UnitNormalization()(torch.tensor([[3.0, 4.0]])).flatten().tolist()]
    [0.6, 0.8]
    """

    supports_masking = True

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = _axes(self, axis)

    def build(self, input_shape: Any) -> None:
        _positive_axes(self, self.axis, len(input_shape))  # refuses what does not fit
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        squares = inputs.square().sum(self.axis, keepdim=True)
        return inputs * torch.rsqrt(squares.clamp(min=1e-12))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


def _axes(layer, axis):
    """The argument as given, a list for several."""
    if isinstance(axis, (list, tuple)):
        return list(axis)
    if not isinstance(axis, int):
        raise TypeError(
            f'axis of layer "{layer.name}" must be an integer or a list of them; received {axis!r}.'
        )
    return axis


def _positive_axes(layer, axis, rank):
    """The axes as a list of numbers from 0 on, as tf.keras keeps them after building."""
    axes = [axis] if isinstance(axis, int) else axis
    found = [number + rank if number < 0 else number for number in axes]
    if not all(0 <= number < rank for number in found) or len(set(found)) < len(found):
        raise ValueError(
            f'axis={axis!r} of layer "{layer.name}" does not fit inputs of rank {rank}.'
        )
    return found
