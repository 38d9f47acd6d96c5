"""Initializers that draw their values.

With a seed the values are those of tf.keras 2.15 for the same seed, shape and dtype. So they are
without one after `set_random_seed`, as long as Python's `random` is used for nothing else in
between; else an unseeded initializer takes its seed from torch's generator.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import philox, seeds
from ..precision import dtype_name
from .base import Initializer, as_device, as_dtype, as_float_dtype, as_shape, builtin

# Standard deviation of the standard normal distribution cut off at -2 and 2
_TRUNCATED_STDDEV = 0.87962566103423978


class _Random(Initializer):
    """What has a seed: an instance gives the same values at every call."""

    def __init__(self, seed: int | None = None):
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, np.integer))):
            raise ValueError(f"seed must be an integer or None; received {seed!r}.")
        self.seed = seed
        self._drawn_seed: int | None = None

    def _seed(self) -> int:
        if self.seed is not None:
            return int(self.seed)
        if self._drawn_seed is None:
            self._drawn_seed = seeds.fresh_seed()
        else:
            warnings.warn(
                f"This {type(self).__name__} has no seed and is called again: it gives the same "
                "values as before. Use another instance for each weight, or give it a seed.",
                stacklevel=3,
            )
        return self._drawn_seed


@builtin("uniform")
class RandomUniform(_Random):
    """Uniform numbers of `[minval, maxval)`, of a float type, int32 or int64.

    `maxval=None` means 1 for floats; integers need a number.

    >>> [round(v, 4) for v in RandomUniform(0, 1, seed=1)((2,)).tolist()]
    [0.8785, 0.46]
    """

    def __init__(self, minval: float = -0.05, maxval: float | None = 0.05, seed: int | None = None):
        super().__init__(seed)
        self.minval = minval
        self.maxval = maxval

    def __call__(self, shape, dtype=None, device=None) -> Tensor:
        low, high, dtype = self.minval, self.maxval, as_dtype(dtype)
        if dtype not in (torch.int32, torch.int64):
            dtype, high = as_float_dtype(dtype), 1.0 if high is None else high
        elif high is None or low != int(low) or high != int(high):
            raise TypeError(
                f"RandomUniform({low}, {high}) cannot fill a weight of dtype "
                f"{dtype_name(dtype)}: the bounds must be integers."
            )
        return philox.uniform(self._seed(), as_shape(shape), low, high, dtype, as_device(device))

    def get_config(self) -> dict[str, Any]:
        return {"minval": self.minval, "maxval": self.maxval, "seed": self.seed}


class _Normal(_Random):
    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None):
        super().__init__(seed)
        self.mean = mean
        self.stddev = stddev

    def __call__(self, shape, dtype=None, device=None) -> Tensor:
        shape, dtype, where = as_shape(shape), as_float_dtype(dtype), as_device(device)
        return self._draw(self._seed(), shape, self.mean, self.stddev, dtype, where)

    def get_config(self) -> dict[str, Any]:
        return {"mean": self.mean, "stddev": self.stddev, "seed": self.seed}


@builtin("normal")
class RandomNormal(_Normal):
    """Normal numbers.

    >>> [round(v, 4) for v in RandomNormal(seed=1)((2,)).tolist()]
    [0.0063, -0.0247]
    """

    _draw = staticmethod(philox.normal)


@builtin()
class TruncatedNormal(_Normal):
    """Normal numbers less than two standard deviations from the mean; others are drawn again.

    >>> bool(TruncatedNormal(seed=1)((99,)).abs().max() < 0.1)
    True
    """

    _draw = staticmethod(philox.truncated_normal)


@builtin()
class VarianceScaling(_Random):
    """Numbers of mean 0 and variance `scale / n`, n being the fans of the weight's shape.

    `mode`: 'fan_in', 'fan_out' or 'fan_avg'. `distribution`: 'truncated_normal' (also 'normal'),
    'untruncated_normal' or 'uniform'. A kernel (height, width, in, out) has the fans
    `height * width * in` and `height * width * out`.

    >>> bool(VarianceScaling(3.0, distribution="uniform", seed=1)((9, 4)).abs().max() < 1)
    True
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
    ):
        super().__init__(seed)
        if scale <= 0:
            raise ValueError(f"scale must be positive; received {scale!r}.")
        self.scale = scale
        self.mode = _one_of("mode", mode, ("fan_in", "fan_out", "fan_avg"))
        distribution = distribution.lower()
        if distribution == "normal":
            distribution = "truncated_normal"
        kinds = ("truncated_normal", "untruncated_normal", "uniform")
        self.distribution = _one_of("distribution", distribution, kinds)

    def __call__(self, shape, dtype=None, device=None) -> Tensor:
        shape, dtype, where = as_shape(shape), as_float_dtype(dtype), as_device(device)
        fan_in, fan_out = fans(shape)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2.0}[self.mode]
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return philox.uniform(self._seed(), shape, -limit, limit, dtype, where)
        if self.distribution == "untruncated_normal":
            return philox.normal(self._seed(), shape, 0.0, math.sqrt(variance), dtype, where)
        stddev = math.sqrt(variance) / _TRUNCATED_STDDEV
        return philox.truncated_normal(self._seed(), shape, 0.0, stddev, dtype, where)

    def get_config(self) -> dict[str, Any]:
        return {
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            "seed": self.seed,
        }


class _Named(VarianceScaling):
    """A `VarianceScaling` whose settings the class fixes."""

    _settings: tuple[float, str, str]

    def __init__(self, seed: int | None = None):
        super().__init__(*self._settings, seed=seed)

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed}


@builtin()
class GlorotUniform(_Named):
    """Uniform within `sqrt(6 / (fan_in + fan_out))` (Glorot and Bengio, 2010).

    >>> bool(GlorotUniform(seed=1)((4, 2)).abs().max() < 1)
    True
    """

    _settings = (1.0, "fan_avg", "uniform")


@builtin()
class GlorotNormal(_Named):
    """Truncated normal of variance `2 / (fan_in + fan_out)` (Glorot and Bengio, 2010).

    >>> GlorotNormal(seed=1)((4, 2)).shape
    torch.Size([4, 2])
    """

    _settings = (1.0, "fan_avg", "truncated_normal")


@builtin()
class LecunUniform(_Named):
    """Uniform within `sqrt(3 / fan_in)`.

    >>> bool(LecunUniform(seed=1)((3, 2)).abs().max() < 1)
    True
    """

    _settings = (1.0, "fan_in", "uniform")


@builtin()
class LecunNormal(_Named):
    """Truncated normal of variance `1 / fan_in`, what `selu` wants.

    >>> LecunNormal(seed=1)((4, 2)).shape
    torch.Size([4, 2])
    """

    _settings = (1.0, "fan_in", "truncated_normal")


@builtin()
class HeUniform(_Named):
    """Uniform within `sqrt(6 / fan_in)` (He et al., 2015).

    >>> bool(HeUniform(seed=1)((6, 2)).abs().max() < 1)
    True
    """

    _settings = (2.0, "fan_in", "uniform")


@builtin()
class HeNormal(_Named):
    """Truncated normal of variance `2 / fan_in` (He et al., 2015).

    >>> HeNormal(seed=1)((4, 2)).shape
    torch.Size([4, 2])
    """

    _settings = (2.0, "fan_in", "truncated_normal")


@builtin("OrthogonalInitializer")  # as early Keras 3 wrote it
class Orthogonal(_Random):
    """`gain` times a matrix with orthonormal rows or columns, whichever are fewer.

    A weight of rank 3 or more is a matrix of its last axis and all others; rank 1 is a ValueError.

    >>> q = Orthogonal(seed=1)((3, 3))
    >>> bool(torch.allclose(q @ q.T, torch.eye(3, device=q.device), atol=1e-6))
    True
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None):
        super().__init__(seed)
        self.gain = gain

    def __call__(self, shape, dtype=None, device=None) -> Tensor:
        shape, dtype, device = as_shape(shape), as_float_dtype(dtype), as_device(device)
        if len(shape) < 2:
            raise ValueError(f"Orthogonal needs a shape of rank 2 or more; received {shape}.")
        if device.type == "meta":
            return torch.empty(shape, dtype=dtype, device=device)
        rows, columns = math.prod(shape[:-1]), shape[-1]
        flat = max(rows, columns), min(rows, columns)
        # On the CPU, so that every device gets the same matrix
        normal = philox.normal(self._seed(), flat, dtype=dtype)
        q, r = torch.linalg.qr(normal if dtype is torch.float64 else normal.float())
        q = q * torch.sign(torch.diagonal(r))  # else the signs are those of the algorithm
        if rows < columns:
            q = q.t()
        return (self.gain * q.reshape(shape)).to(device, dtype)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain, "seed": self.seed}


def fans(shape: Sequence[int]) -> tuple[int, int]:
    """`(fan_in, fan_out)` of a weight's Keras shape.

    >>> fans((3, 3, 16, 32))
    (144, 288)
    """
    if not shape:
        return 1, 1
    if len(shape) == 1:
        return shape[0], shape[0]
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


def _one_of(argument, value, allowed):
    if value not in allowed:
        raise ValueError(f"{argument} must be one of {', '.join(allowed)}; received {value!r}.")
    return value
