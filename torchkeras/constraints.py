"""Constraints: what a weight is turned into after each step of an optimizer, in Keras' axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from . import configs
from .arrays import as_tensor
from .config import epsilon
from .registry import Table

TABLE = Table("constraint", "keras.constraints")

Axis = int | Sequence[int] | None


@TABLE.add()
class Constraint:
    """Base of all constraints: override `__call__(w)`, and `get_config()` if it has settings.

    >>> class Clipped(Constraint):
    ...     def __call__(self, w): return torch.clamp(w, -1, 1)
    >>> Clipped()(torch.tensor([-3.0, 0.5])).tolist()
    [-1.0, 0.5]
    """

    def __call__(self, w: Tensor) -> Tensor:
        """`w`, or what stands in its place; same shape."""
        return w

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constraint:
        """The object of a config that `get_config` gave."""
        return cls(**config)


@TABLE.add("max_norm", "maxnorm")
class MaxNorm(Constraint):
    """Vectors along `axis` longer than `max_value` are shortened to it.

    `axis`: 0 for a Dense kernel, (0, 1, 2) for a Conv2D kernel, None for the whole tensor.

    >>> [round(v, 4) for v in MaxNorm(2, axis=None)(torch.tensor([3.0, 4.0])).tolist()]
    [1.2, 1.6]
    """

    def __init__(self, max_value: float = 2, axis: Axis = 0):
        self.max_value = max_value
        self.axis = axis

    def __call__(self, w: Tensor) -> Tensor:
        w = _tensor(w)
        norms = _norms(w, self.axis)
        return w * (_clip(norms, 0, self.max_value) / (epsilon() + norms))

    def get_config(self) -> dict[str, Any]:
        return {"max_value": self.max_value, "axis": self.axis}


@TABLE.add("non_neg", "nonneg")
class NonNeg(Constraint):
    """Negative values become zero.

    >>> NonNeg()(torch.tensor([0.5, 2.0])).tolist()
    [0.5, 2.0]
    """

    def __call__(self, w: Tensor) -> Tensor:
        w = _tensor(w)
        return w * (w >= 0)


@TABLE.add("unit_norm", "unitnorm")
class UnitNorm(Constraint):
    """Vectors along `axis` (see `MaxNorm`) get the length 1.

    >>> [round(v, 4) for v in UnitNorm()(torch.tensor([3.0, 4.0])).tolist()]
    [0.6, 0.8]
    """

    def __init__(self, axis: Axis = 0):
        self.axis = axis

    def __call__(self, w: Tensor) -> Tensor:
        w = _tensor(w)
        return w / (epsilon() + _norms(w, self.axis))

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis}


@TABLE.add("min_max_norm")
class MinMaxNorm(Constraint):
    """Lengths along `axis` (see `MaxNorm`) move into `[min_value, max_value]`.

    `rate` is the part of the way taken at once: 1 sets the length to the nearer bound.

    >>> [round(v, 4) for v in MinMaxNorm(1.0, 2.0)(torch.tensor([0.3, 0.4])).tolist()]
    [0.6, 0.8]
    """

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Axis = 0
    ):
        self.min_value = min_value
        self.max_value = max_value
        self.rate = rate
        self.axis = axis

    def __call__(self, w: Tensor) -> Tensor:
        w = _tensor(w)
        norms = _norms(w, self.axis)
        clipped = _clip(norms, self.min_value, self.max_value)
        desired = self.rate * clipped + (1 - self.rate) * norms
        return w * (desired / (epsilon() + norms))

    def get_config(self) -> dict[str, Any]:
        return {
            "min_value": self.min_value,
            "max_value": self.max_value,
            "rate": self.rate,
            "axis": self.axis,
        }


@TABLE.add("radial_constraint")
class RadialConstraint(Constraint):
    """A square Conv2D kernel `(n, n, in, out)` gets one value for each ring around its centre.

    The values are those of the diagonal that tf.keras takes: from `n // 2 - 1` downwards for odd
    `n`; for even `n` the centre's from there, ring r's from `n // 2 + r`. ValueError for other
    ranks, for kernels that are not square, and for n = 1, which has no such diagonal.

    >>> RadialConstraint()(torch.arange(9.0).reshape(3, 3, 1, 1))[:, :, 0, 0].tolist()
    [[4.0, 4.0, 4.0], [4.0, 0.0, 4.0], [4.0, 4.0, 4.0]]
    """

    def __call__(self, w: Tensor) -> Tensor:
        w = _tensor(w)
        if w.ndim != 4 or w.shape[0] != w.shape[1] or w.shape[0] < 2:
            raise ValueError(
                "RadialConstraint needs a kernel (n, n, in, out) with n of 2 or more; "
                f"received the shape {tuple(w.shape)}."
            )
        size = w.shape[0]
        half, odd = size // 2, size % 2
        twice = (2 * torch.arange(size, device=w.device) - (size - 1)).abs()
        ring = (torch.maximum(twice[:, None], twice[None]) - (1 - odd)) // 2
        picked = half - 1 + ring if odd else half + ring - (ring == 0).long()
        diagonal = torch.diagonal(w, dim1=0, dim2=1)  # (in, out, n)
        return diagonal[:, :, picked].permute(2, 3, 0, 1)


max_norm = MaxNorm
non_neg = NonNeg
unit_norm = UnitNorm
min_max_norm = MinMaxNorm
radial_constraint = RadialConstraint


def get(identifier: Any):
    """The constraint that a name, a config, a class, a callable or None denotes.

    >>> get("max_norm").get_config()
    {'max_value': 2, 'axis': 0}
    """
    return TABLE.get(identifier)


def serialize(constraint: Any, use_legacy_format: bool = False) -> Any:
    """The config of a constraint.

    >>> serialize(UnitNorm())["class_name"]
    'UnitNorm'
    """
    return configs.serialize(TABLE, constraint, use_legacy_format)


def deserialize(
    config: Any, custom_objects: dict[str, Any] | None = None, use_legacy_format: bool = False
):
    """The constraint of a name or a config of either format.

    >>> deserialize({"class_name": "UnitNorm", "config": {"axis": 1}}).axis
    1
    """
    return TABLE.deserialize(config, custom_objects)


def _tensor(w):
    return w if hasattr(w, "__torch_function__") else as_tensor(w)


def _norms(w, axis):
    if isinstance(axis, (list, tuple)) and not axis:
        return torch.abs(w)  # torch takes an empty list for all axes
    return torch.sqrt(torch.sum(torch.square(w), axis, keepdim=True))


def _clip(norms, low, high):
    if low is not None and high is not None:
        high = max(low, high)
    if low is None and high is None:
        return norms
    return torch.clamp(norms, low, high)
