"""Regularizers: penalties on weights or outputs that are added to the loss, in Keras' axes."""

from __future__ import annotations

import math
import numbers
from typing import Any

import torch
from torch import Tensor

from . import configs
from .arrays import as_tensor
from .config import floatx
from .precision import torch_dtype
from .registry import Table

TABLE = Table("regularizer", "keras.regularizers")


@TABLE.add()
class Regularizer:
    """Base of all regularizers: override `__call__(x)` (a 0-d tensor) and `get_config()`.

    >>> class Largest(Regularizer):
    ...     def __call__(self, x): return x.abs().max()
    >>> Largest()(torch.tensor([-3.0, 1.0])).tolist()
    3.0
    """

    def __call__(self, x: Tensor) -> Tensor | float:
        """The penalty of `x`; no penalty here."""
        return 0.0

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; NotImplementedError here, as in tf.keras."""
        raise NotImplementedError(
            f"{type(self).__name__} has no get_config(), so it cannot be saved; add one."
        )

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Regularizer:
        """The object of a config that `get_config` gave."""
        return cls(**config)


@TABLE.add("l1")
class L1(Regularizer):
    """The penalty `l1 * sum(abs(x))`.

    >>> round(L1(0.1)(torch.tensor([-3.0, 1.0])).item(), 4)
    0.4
    """

    def __init__(self, l1: float | None = 0.01, **kwargs: float):
        self.l1 = _penalty("l1", _only(kwargs, l1), 0.01)

    def __call__(self, x: Tensor) -> Tensor:
        return self.l1 * torch.sum(torch.abs(_tensor(x)))

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


@TABLE.add("l2")
class L2(Regularizer):
    """The penalty `l2 * sum(x ** 2)`; its gradient is `2 * l2 * x`.

    >>> round(L2(0.1)(torch.tensor([-3.0, 1.0])).item(), 4)
    1.0
    """

    def __init__(self, l2: float | None = 0.01, **kwargs: float):
        self.l2 = _penalty("l2", _only(kwargs, l2), 0.01)

    def __call__(self, x: Tensor) -> Tensor:
        return self.l2 * torch.sum(torch.square(_tensor(x)))

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


@TABLE.add()
class L1L2(Regularizer):
    """The penalty `l1 * sum(abs(x)) + l2 * sum(x ** 2)`; a factor left out is 0.

    The name 'l1_l2' means `l1_l2()`, which has 0.01 for both.

    >>> round(L1L2(l1=0.1, l2=0.1)(torch.tensor([-3.0, 1.0])).item(), 4)
    1.4
    """

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0):
        self.l1 = _penalty("l1", l1, 0.0)
        self.l2 = _penalty("l2", l2, 0.0)

    def __call__(self, x: Tensor) -> Tensor:
        x = _tensor(x)
        if not self.l1 and not self.l2:
            return torch.zeros_like(torch.sum(x))
        absolute = self.l1 * torch.sum(torch.abs(x)) if self.l1 else 0.0
        square = self.l2 * torch.sum(torch.square(x)) if self.l2 else 0.0
        return absolute + square

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2}


@TABLE.add("orthogonal_regularizer")
class OrthogonalRegularizer(Regularizer):
    """The penalty `factor * mean(abs(cosine))` over the pairs of rows or columns of a matrix.

    `mode`: 'rows' or 'columns'. ValueError for a tensor that is no matrix.

    >>> round(OrthogonalRegularizer(0.5)(torch.tensor([[1.0, 0.0], [3.0, 4.0]])).item(), 4)
    0.3
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows"):
        self.factor = _penalty("factor", factor, None)
        if mode not in ("rows", "columns"):
            raise ValueError(f"mode must be 'rows' or 'columns'; received {mode!r}.")
        self.mode = mode

    def __call__(self, inputs: Tensor) -> Tensor:
        inputs = _tensor(inputs)
        if inputs.ndim != 2:
            raise ValueError(
                "OrthogonalRegularizer needs a matrix; received a tensor of the shape "
                f"{tuple(inputs.shape)}."
            )
        vectors = inputs if self.mode == "rows" else inputs.t()
        squares = torch.sum(torch.square(vectors), 1, keepdim=True)
        vectors = vectors * torch.rsqrt(torch.clamp(squares, min=1e-12))
        count = vectors.shape[0]
        others = 1.0 - torch.eye(count, dtype=vectors.dtype, device=vectors.device)
        cosines = torch.abs(vectors @ vectors.t() * others)
        return self.factor * 0.5 * torch.sum(cosines) / (count * (count - 1.0) / 2.0)

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, "mode": self.mode}


def l1_l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    """`L1L2(l1, l2)`, with other defaults.

    >>> round(l1_l2().get_config()["l2"], 6)
    0.01
    """
    return L1L2(l1=l1, l2=l2)


l1 = L1
l2 = L2
orthogonal_regularizer = OrthogonalRegularizer
TABLE.objects["l1_l2"] = L1L2  # in a config; the bare name is seen to in deserialize()


def get(identifier: Any):
    """The regularizer that a name, a config, a class, a callable or None denotes.

    >>> get("l2").get_config() == L2(0.01).get_config()
    True
    """
    return deserialize(identifier) if isinstance(identifier, str) else TABLE.get(identifier)


def serialize(regularizer: Any, use_legacy_format: bool = False) -> Any:
    """The config of a regularizer.

    >>> serialize(L2(0.5))["config"]
    {'l2': 0.5}
    """
    return configs.serialize(TABLE, regularizer, use_legacy_format)


def deserialize(
    config: Any, custom_objects: dict[str, Any] | None = None, use_legacy_format: bool = False
):
    """The regularizer of a name or a config of either format.

    >>> deserialize({"class_name": "L1", "config": {"l1": 0.5}}).l1
    0.5
    """
    if config == "l1_l2" and "l1_l2" not in (custom_objects or {}):
        return l1_l2()
    return TABLE.deserialize(config, custom_objects)


def _tensor(x):
    return x if hasattr(x, "__torch_function__") else as_tensor(x)


def _only(kwargs, value):
    """`l` is what Keras 1 called the factor."""
    value = kwargs.pop("l", value)
    if kwargs:
        raise TypeError(f"Unknown arguments: {', '.join(kwargs)}.")
    return value


def _penalty(name, value, default):
    """The factor rounded to `floatx`, as tf.keras holds and writes it."""
    if value is None and default is not None:
        value = default
    if not isinstance(value, numbers.Real) or not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number; received {value!r}.")
    return torch.tensor(float(value), dtype=torch_dtype(floatx()), device="cpu").item()
