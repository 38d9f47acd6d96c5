"""`BatchNormalization`: on `nn.BatchNorm1d`, `2d`, `3d`, or by elementary operations.

The native modules know one axis of channels and whole batches. Several axes, masks,
renormalization, virtual batches and adjustments are computed by hand, from the same weights.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from .. import initializers
from ..casting import as_floats
from ..input_spec import InputSpec
from ..layer import TABLE, Layer, Weight
from ..tracking import is_watched
from .norm import BETA, GAMMA, Normalizing, axes_given, positive_axes

_HALVES = (torch.float16, torch.bfloat16)


@TABLE.add()
class BatchNormalization(Normalizing):
    """Each channel with mean 0 and variance 1 over the batch, times gamma, plus beta.

    `axis` is the axis of the channels, or several. In training the batch's own statistics are
    used, and move the moving ones by `1 - momentum`; in inference, and with `trainable=False`, the
    moving ones are used. Images and volumes move them with the unbiased variance, other inputs,
    and all with `fused=False`, with the biased one.

    `synchronized=True` shares statistics in a `torch.distributed` group, if there is one.
    `renorm=True` corrects a batch's statistics towards moving ones (Ioffe, 2017), within
    `renorm_clipping` (a dictionary of 'rmin', 'rmax', 'dmax') and with `renorm_momentum`.
    `virtual_batch_size=n` normalizes parts of `n` samples apart. `adjustment` takes the shape of
    a batch and returns a scale and a shift that come before gamma and beta in training.

    >>> layer = BatchNormalization()
    >>> [round(v, 3) for v in layer(torch.tensor([[1.0], [3.0]]), training=True).flatten().tolist()]
    [-1.0, 1.0]
    """

    weight_map = (
        GAMMA,
        BETA,
        Weight("moving_mean", "norm.running_mean", trainable=False),
        Weight("moving_variance", "norm.running_var", trainable=False),
        Weight("moving_stddev", "norm.running_std", trainable=False),
        Weight("renorm_mean", "norm.renorm_mean", setting="moving_mean", trainable=False),
        Weight("renorm_stddev", "norm.renorm_std", setting="moving_stddev", trainable=False),
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
        fused = kwargs.pop("fused", None)
        self.fused = None if fused is None else bool(fused)
        self.renorm = kwargs.pop("renorm", False)
        clipping, momentum_too = (
            kwargs.pop("renorm_clipping", None),
            kwargs.pop("renorm_momentum", 0.99),
        )
        self.virtual_batch_size = kwargs.pop("virtual_batch_size", None)
        self.adjustment: Callable | None = kwargs.pop("adjustment", None)
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
        self.axis = axes_given(self, axis)
        self.momentum = momentum
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.synchronized = synchronized
        self.renorm_clipping, self.renorm_momentum = clipping or {}, momentum_too
        self._check_arguments()

    def _check_arguments(self):
        """What excludes what, as in tf.keras."""
        special = {
            "synchronized": self.synchronized,
            "renorm": self.renorm,
            "virtual_batch_size": self.virtual_batch_size is not None,
            "adjustment": self.adjustment is not None,
        }
        for argument, given in special.items():
            if given and self.fused:
                raise ValueError(
                    f'Layer "{self.name}" cannot have fused=True together with {argument}; leave '
                    "one of them out."
                )
        unknown = set(self.renorm_clipping) - {"rmin", "rmax", "dmax"}
        if unknown:
            raise ValueError(
                f'renorm_clipping of layer "{self.name}" may have the keys rmin, rmax and dmax; '
                f"received {sorted(unknown)}."
            )
        if self.virtual_batch_size is None:
            return
        if self.virtual_batch_size <= 0:
            raise ValueError(
                f'virtual_batch_size of layer "{self.name}" must be a positive number that divides '
                f"the batch size; received {self.virtual_batch_size}."
            )
        if self.adjustment is not None:
            raise ValueError(
                f'Layer "{self.name}" cannot have virtual_batch_size together with adjustment.'
            )

    def build(self, input_shape: Any) -> None:
        rank = len(input_shape)
        given = self.axis
        self.axis = positive_axes(self, given, rank)
        if self.virtual_batch_size is not None and 0 in self.axis:
            raise ValueError(
                f'Layer "{self.name}" divides axis 0 into virtual batches, so it cannot be in '
                f"axis={given!r}."
            )
        self._axis = self.axis[0]
        sizes = {axis: self._known_size(input_shape, axis) for axis in self.axis}
        self._shape = [sizes.get(axis, 1) for axis in range(rank)]
        self._unbiased = self._is_fused(given, rank)
        # Torch wants the channels second; elsewhere than in images all other axes become one.
        self._direct = self._axis == 1 and rank <= 5
        self._flat = rank not in (4, 5)
        self._by_hand = (
            len(sizes) > 1
            or self.renorm
            or self.virtual_batch_size is not None
            or self.adjustment is not None
        )
        self.norm = self._make_norm(rank, sizes[self._axis])
        self._settle_affine()
        self.input_spec = InputSpec(ndim=rank, axes=sizes)
        self.built = True

    def _make_norm(self, rank, size):
        dtype = torch.float32 if self._variable_dtype in _HALVES else self._variable_dtype
        settings = {"eps": self.epsilon, "momentum": 1.0 - self.momentum, "dtype": dtype}
        if self._by_hand:
            shape = [size] if len(self.axis) == 1 else list(self._shape)
            if self.virtual_batch_size is not None:
                shape = [*self._shape[:1], 1, *self._shape[1:]]
            return self.make(Statistics, shape, bool(self.renorm), **settings)
        by_rank = {4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
        native = nn.SyncBatchNorm if self.synchronized else by_rank.get(rank, nn.BatchNorm1d)
        norm = self.make(native, size, **settings)
        norm.num_batches_tracked.zero_()
        return norm

    def _is_fused(self, given, rank):
        """Whether tf.keras takes its fused kernel, whose moving variance is unbiased."""
        several = isinstance(given, list) and len(given) > 1
        axis = given[0] if isinstance(given, list) else given
        able = axis in (-4, -3, -1, 1, 3, 4) and self._variable_dtype is not torch.float64
        able = able and not several
        fused = self.fused
        if fused and not (able and rank in (4, 5)):
            raise ValueError(
                f'fused=True of layer "{self.name}" needs inputs of rank 4 or 5 and below float64, '
                f"with channels first or last; received rank {rank}, {self.dtype} and axis={given}."
            )
        if fused is None:
            special = (self.synchronized, self.renorm, self.virtual_batch_size, self.adjustment)
            fused = able and rank in (4, 5) and not any(special)
        return fused and self._axis in (1, rank - 1)

    @property
    def moving_stddev_initializer(self) -> Any:
        """The root of what the moving variance starts with."""
        if self.moving_variance_initializer is None:
            return None
        return lambda shape, dtype=None: torch.as_tensor(
            self.moving_variance_initializer(shape, dtype=dtype)
        ).sqrt()

    def _in_mode(self, training, inputs, mask):
        """This class's own call: a subclass may have come here from one with other arguments."""
        before = self.training
        self.train(training)
        try:
            return BatchNormalization.call(self, inputs, None, mask)
        finally:
            self.train(before)

    @property
    def makes_anew(self) -> bool:
        """Whether nobody else holds the outputs, not even the gradient: not so where another module
        stands in the place of the native one, such as an `nn.Identity`."""
        return isinstance(self._modules.get("norm"), _BatchNorm)

    def call(self, inputs: Tensor, training: Any = None, mask: Any = None) -> Tensor:
        if training is not None and bool(training) != self.training:
            return self._in_mode(bool(training), inputs, mask)
        inputs = as_floats(inputs, self._compute_dtype)
        norm = self.norm
        if self._by_hand:
            return self._compute(inputs, mask)
        if not norm.training:
            return self._normalize(inputs)
        count = inputs.numel() // inputs.shape[self._axis] if inputs.numel() else 0
        if mask is not None:
            if not self._unbiased:
                return self._compute(inputs, mask)
            warnings.warn(
                f"Layer {self.name!r} ignores its mask, as fused batch normalization does in "
                "Keras. Pass fused=False to have it count.",
                stacklevel=2,
            )
        group = self._group_size() if self.synchronized else 1
        if count == 1 or (group > 1 and not inputs.is_cuda):  # torch refuses both
            return self._compute(inputs, None)
        if self._unbiased:
            return self._normalize(inputs)
        count *= group
        # Torch adds a share of the unbiased variance, count / (count - 1) times the biased one:
        # the sum is made at that scale. `.data`: autograd holds the buffer, but not for its value.
        scale, variance = count / max(count - 1, 1), norm.running_var.data
        variance.mul_(scale)
        if self._direct and type(norm) is nn.BatchNorm1d and not is_watched(norm):
            outputs = torch.batch_norm(  # without the counter of batches, which costs a tenth
                inputs, norm.weight, norm.bias, norm.running_mean, norm.running_var, True,
                norm.momentum, norm.eps, torch.backends.cudnn.enabled,
            )  # fmt: skip
        else:
            outputs = self._normalize(inputs)
        variance.div_(scale)
        return outputs

    def _group_size(self):
        """How many processes share statistics."""
        if not self.synchronized or not torch.distributed.is_available():
            return 1
        return torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1

    def _normalize(self, inputs):
        if self._direct:
            return self.norm(inputs)
        if not self._flat:
            return self.norm(inputs.movedim(self._axis, 1)).movedim(1, self._axis)
        rows = inputs.movedim(self._axis, -1)
        outputs = self.norm(rows.reshape(-1, rows.shape[-1]))
        return outputs.view(rows.shape).movedim(-1, self._axis)

    # --- by elementary operations ----------------------------------------------------------

    def _compute(self, inputs, mask):
        """The layer over the places that the mask leaves, whatever its arguments."""
        norm = self.norm
        x = inputs.to(norm.running_mean.dtype)
        virtual = norm.training and self.virtual_batch_size is not None
        x = self._in_virtual_batches(x) if virtual else x
        shape = [*self._shape[:1], 1, *self._shape[1:]] if virtual else self._shape
        gamma, beta = norm.weight.view(shape), norm.bias.view(shape)
        if norm.training:
            axes = [axis for axis, size in enumerate(self._shape) if axis not in self.axis]
            axes = [axis + (virtual and axis > 0) for axis in axes]
            mean, variance = self._moments(x, axes, mask)
            if self.adjustment is not None:
                scale, shift = self.adjustment(x.shape)
                gamma, beta = scale * gamma, shift * gamma + beta
            moved = (mean, variance)
            if virtual:
                moved = [moment.mean(1, keepdim=True) for moment in moved]
            moved = [moment.detach().reshape(norm.running_mean.shape) for moment in moved]
            if self.renorm:
                r, d = (factor.view(shape) for factor in self._renormalize(*moved))
                gamma, beta = r * gamma, d * gamma + beta
            else:
                norm.running_var.lerp_(moved[1], norm.momentum)
            norm.running_mean.lerp_(moved[0], norm.momentum)
        else:
            mean, variance = norm.running_mean.view(shape), norm.running_var.view(shape)
        outputs = (x - mean) * torch.rsqrt(variance + self.epsilon) * gamma + beta
        return outputs.reshape(inputs.shape).to(inputs.dtype)

    def _in_virtual_batches(self, x):
        if x.shape[0] % self.virtual_batch_size:
            raise ValueError(
                f'Layer "{self.name}" has virtual_batch_size={self.virtual_batch_size}, which must '
                f"divide the batch; received {x.shape[0]} samples."
            )
        return x.unflatten(0, (self.virtual_batch_size, -1))

    def _moments(self, x, axes, mask):
        """Mean and biased variance over `axes`, of all processes together where they share."""
        shared = self._group_size() > 1
        if mask is None and not shared:
            variance, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
            return mean, variance
        kept = torch.ones_like(x) if mask is None else mask.to(x.dtype).unsqueeze(-1).expand_as(x)
        if not shared:
            count = kept.sum(axes, keepdim=True).clamp(min=1)
            mean = (x * kept).sum(axes, keepdim=True) / count
            return mean, (kept * (x - mean).square()).sum(axes, keepdim=True) / count
        sums = torch.stack([one.sum(axes, keepdim=True) for one in (x * kept, x * x * kept, kept)])
        total, squares, count = _SumOfProcesses.apply(sums)
        mean = total / count.clamp(min=1)
        return mean, squares / count.clamp(min=1) - mean.square()

    @torch.no_grad()
    def _renormalize(self, mean, variance):
        """The factors r and d of batch renormalization; moves the statistics it keeps."""
        norm, clip = self.norm, self.renorm_clipping
        stddev = (variance + self.epsilon).sqrt()
        kept = norm.renorm_std.clamp(min=self.epsilon**0.5)
        r, d = stddev / kept, (mean - norm.renorm_mean) / kept
        if "rmin" in clip or "rmax" in clip:
            r = r.clamp(clip.get("rmin"), clip.get("rmax"))
        if clip.get("dmax") is not None:
            d = d.clamp(-clip["dmax"], clip["dmax"])
        share = 1.0 - self.renorm_momentum
        norm.renorm_mean.lerp_(mean, share)
        norm.renorm_std.lerp_(stddev, share)
        norm.running_std.lerp_(stddev, norm.momentum)
        norm.running_var.copy_((norm.running_std.square() - self.epsilon).clamp(min=0))
        return r, d

    # --- modes, config ---------------------------------------------------------------------

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
        config.pop("synchronized", None)
        if self.renorm:
            config["renorm"] = True
            config["renorm_clipping"] = self.renorm_clipping
            config["renorm_momentum"] = self.renorm_momentum
        if self.virtual_batch_size is not None:
            config["virtual_batch_size"] = self.virtual_batch_size
        if self.adjustment is not None:
            warnings.warn(
                f"The adjustment of layer {self.name!r} is a function and is not in its config.",
                stacklevel=2,
            )
        return config


@TABLE.add()
class SyncBatchNormalization(BatchNormalization):
    """`BatchNormalization(synchronized=True)`, under the name that tf.keras had before 2.12."""

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
        **kwargs: Any,
    ):
        super().__init__(
            axis,
            momentum,
            epsilon,
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            moving_mean_initializer,
            moving_variance_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            synchronized=True,
            **kwargs,
        )


class Statistics(nn.Module):
    """The weights of a batch normalization that torch has no module for, in Keras' shape."""

    def __init__(self, shape, renorm, eps, momentum, device=None, dtype=None):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        options = {"device": device, "dtype": dtype}
        self.weight = nn.Parameter(torch.empty(shape, **options))
        self.bias = nn.Parameter(torch.empty(shape, **options))
        kept = ("running_mean", "running_var")
        for name in (*kept, "running_std", "renorm_mean", "renorm_std") if renorm else kept:
            self.register_buffer(name, torch.empty(shape, **options))


class _SumOfProcesses(torch.autograd.Function):
    """The sum over all processes; a gradient is summed over them too."""

    @staticmethod
    def forward(context, tensor):
        total = tensor.contiguous().clone()
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(context, gradient):
        return _SumOfProcesses.apply(gradient)
