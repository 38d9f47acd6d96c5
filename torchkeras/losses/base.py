"""Losses as Keras defines them: values per sample, then masks, weights and a reduction.

A loss function that has a fused torch kernel for its mean registers it with `mean_of`; a call
without weights and masks then costs what a hand-written `F.mse_loss(y_pred, y_true)` costs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function

from ..arrays import as_tensor
from ..config import floatx
from ..precision import torch_dtype
from ..registry import Table, get_registered_name

TABLE = Table("loss", "keras.losses")
MEANS: dict[Callable, Callable] = {}  # loss function -> fused kernel for the mean of its values


class Reduction:
    """How the values of the samples become one number; `AUTO` means `SUM_OVER_BATCH_SIZE`."""

    AUTO = "auto"
    NONE = "none"
    SUM = "sum"
    SUM_OVER_BATCH_SIZE = "sum_over_batch_size"

    @classmethod
    def all(cls) -> tuple[str, ...]:
        return (cls.AUTO, cls.NONE, cls.SUM, cls.SUM_OVER_BATCH_SIZE)

    @classmethod
    def validate(cls, key: str) -> None:
        if key not in cls.all():
            raise ValueError(f"reduction must be one of {', '.join(cls.all())}; received {key!r}.")


_MEAN = frozenset((Reduction.AUTO, Reduction.SUM_OVER_BATCH_SIZE))


class Loss:
    """Base of losses: a subclass writes `call(y_true, y_pred)`, one value for each sample.

    >>> class Largest(Loss):
    ...     def call(self, y_true, y_pred):
    ...         return (y_true - y_pred).abs().amax(-1)
    >>> float(Largest()([[1., 2.]], [[1., 5.]]))
    3.0
    """

    def __init__(self, reduction: str = Reduction.AUTO, name: str | None = None):
        Reduction.validate(reduction)
        self.reduction = reduction
        self.name = name

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "call" in cls.__dict__ and "mean_loss" not in cls.__dict__:
            cls.mean_loss = Loss.mean_loss  # an inherited kernel would bypass the new `call`

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        """The loss of a batch: a scalar, or one value a sample where `reduction` is 'none'.

        `sample_weight` is a number or a tensor of the rank of the values, one more or one less.
        The attribute `_keras_mask` of `y_pred` leaves masked values out of the mean.
        """
        if not (isinstance(y_true, Tensor) and isinstance(y_pred, Tensor)):
            if has_torch_function((y_true, y_pred)):
                return handle_torch_function(self, (y_true, y_pred), y_true, y_pred, sample_weight)
            y_true, y_pred = to_tensors(y_true, y_pred)
        elif y_true.device != y_pred.device:
            y_true = y_true.to(y_pred.device)
        mask = getattr(y_pred, "_keras_mask", None)
        if sample_weight is None and mask is None and self.reduction in _MEAN:
            return self.mean_loss(y_true, y_pred)
        losses = self.call(y_true, y_pred)
        inner = getattr(losses, "_keras_mask", None)
        if inner is not None:
            mask = inner if mask is None else mask & inner
        return weighted_loss(losses, sample_weight, mask, self.reduction)

    def mean_loss(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The mean over a batch that has neither weights nor a mask on `y_pred`."""
        losses = self.call(y_true, y_pred)
        return weighted_loss(losses, None, getattr(losses, "_keras_mask", None), Reduction.AUTO)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The value of each sample, shape `(batch, d0, ..., dN-1)`."""
        raise NotImplementedError(f"{type(self).__name__} must implement call(y_true, y_pred).")

    def get_config(self) -> dict[str, Any]:
        return {"reduction": self.reduction, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        return cls(**config)


@TABLE.add()
class LossFunctionWrapper(Loss):
    """A function `fn(y_true, y_pred, **kwargs)` as a `Loss`.

    >>> loss = LossFunctionWrapper(lambda t, p: (t - p).abs(), reduction="sum")
    >>> float(loss([1., 2.], [2., 4.]))
    3.0
    """

    def __init__(
        self, fn: Callable, reduction: str = Reduction.AUTO, name: str | None = None, **kwargs
    ):
        super().__init__(reduction=reduction, name=name)
        self.fn = fn
        self._fn_kwargs = kwargs
        self._mean = MEANS.get(fn)
        for key, value in kwargs.items():
            setattr(self, key, value)

    def call(self, y_true, y_pred):
        if y_true.ndim != y_pred.ndim:
            y_true, y_pred = align(y_true, y_pred)
        try:
            return self.fn(y_true, y_pred, **self._fn_kwargs)
        except RuntimeError as error:
            self._explain(y_true, y_pred, error)
            raise

    def mean_loss(self, y_true, y_pred):
        if self._mean is None:
            return super().mean_loss(y_true, y_pred)
        if y_true.ndim != y_pred.ndim:
            y_true, y_pred = align(y_true, y_pred)
        if y_true.shape != y_pred.shape and not hasattr(self._mean, "takes_classes"):
            return super().mean_loss(y_true, y_pred)  # broadcasts, or says why it cannot
        return self._mean(y_true, y_pred, **self._fn_kwargs)

    def _explain(self, y_true, y_pred, error):
        try:
            torch.broadcast_shapes(y_true.shape, y_pred.shape)
        except RuntimeError:
            raise ValueError(
                f"The loss {self.name or getattr(self.fn, '__name__', self.fn)!r} got y_true of "
                f"shape {tuple(y_true.shape)} and y_pred of shape {tuple(y_pred.shape)}, which do "
                "not fit; the model's output must have the shape of the labels."
            ) from error

    def get_config(self):
        return {**super().get_config(), **self._fn_kwargs, "fn": get_registered_name(self.fn)}

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        fn = config.pop("fn", None)
        if cls is LossFunctionWrapper:
            config["fn"] = TABLE.get(fn)
        return cls(**config)


def loss_function(*aliases: str) -> Callable:
    """Decorator: enters a function of labels and predictions in the table, also under aliases.

    Called with symbolic tensors or variables, it is recorded or unwrapped as a torch function is.
    """

    def enter(fn):
        @functools.wraps(fn)
        def function(y_true, y_pred, *args, **kwargs):
            if has_torch_function((y_true, y_pred)):
                both = y_true, y_pred
                return handle_torch_function(function, both, *both, *args, **kwargs)
            try:
                return fn(y_true, y_pred, *args, **kwargs)
            except RuntimeError:
                _check_shapes(fn, y_true, y_pred)
                raise

        return TABLE.add(*aliases)(function)

    return enter


def _check_shapes(fn, y_true, y_pred):
    """ValueError where what torch refused are shapes that do not broadcast."""
    if getattr(MEANS.get(fn), "takes_classes", False):
        return
    shapes = [tuple(np.shape(y)) for y in (y_true, y_pred)]
    try:
        torch.broadcast_shapes(*shapes)
    except RuntimeError:
        raise ValueError(
            f"{fn.__name__} needs labels and predictions of one shape, or of shapes that "
            f"broadcast; received y_true of shape {shapes[0]} and y_pred of shape {shapes[1]}."
        ) from None


def mean_of(fn: Callable, takes_classes: bool = False) -> Callable:
    """Decorator: registers a kernel `(y_true, y_pred, **kwargs) -> mean of fn's values`.

    It is called with equal shapes, or where `takes_classes` also with labels of one rank less.
    """

    def register(kernel):
        if takes_classes:
            kernel.takes_classes = True
        MEANS[fn] = kernel
        return kernel

    return register


def to_tensors(y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    """Both as tensors, on the device of `y_pred`."""
    if not isinstance(y_pred, Tensor):
        device = y_true.device if isinstance(y_true, Tensor) else None
        y_pred = as_tensor(y_pred, device=device)
    if not isinstance(y_true, Tensor) or y_true.device != y_pred.device:
        y_true = as_tensor(y_true, device=y_pred.device)
    return y_true, y_pred


def to_floats(y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    """Both as tensors of the float type of `y_pred`, on its device."""
    if not (isinstance(y_true, Tensor) and isinstance(y_pred, Tensor)):
        y_true, y_pred = to_tensors(y_true, y_pred)
    if not y_pred.is_floating_point():
        y_pred = y_pred.to(torch_dtype(floatx()))
    return y_true.to(y_pred.device, y_pred.dtype), y_pred


def align(y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
    """Both, the longer one without its last axis where that has length 1 and is all it has more."""
    surplus = y_pred.ndim - y_true.ndim
    if surplus == 1 and y_pred.shape[-1] == 1:
        y_pred = y_pred.squeeze(-1)
    elif surplus == -1 and y_true.shape[-1] == 1:
        y_true = y_true.squeeze(-1)
    return y_true, y_pred


def match_rank(weights: Tensor, values: Tensor) -> Tensor:
    """`weights` with its last axis squeezed or added where its rank is one off that of `values`."""
    surplus = weights.ndim - values.ndim
    if weights.ndim == 0 or surplus not in (1, -1):
        return weights
    if surplus == -1:
        return weights.unsqueeze(-1)
    if weights.shape[-1] != 1:
        raise ValueError(
            f"sample_weight or mask of shape {tuple(weights.shape)} does not fit values of shape "
            f"{tuple(values.shape)}; expected one weight for each value. Where y_true is (batch,) "
            "and y_pred (batch, 1), give y_true the shape (batch, 1)."
        )
    return weights.squeeze(-1)


def apply_mask(y_pred: Tensor, sample_weight: Tensor | None, mask: Tensor | None) -> Tensor | None:
    """`sample_weight` times `mask`, either of which may be None, in the dtype of `y_pred`."""
    if mask is None:
        return sample_weight
    mask = mask.to(y_pred.dtype)
    if sample_weight is None:
        return mask
    return match_rank(sample_weight.to(mask.dtype), mask) * mask


def match_dtype_and_rank(
    y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Labels and weights as `fit` hands them on: (batch,) becomes (batch, 1) beside (batch, n)."""
    if y_true.ndim == 1 and y_pred.ndim == 2:
        y_true = y_true.unsqueeze(-1)
    if sample_weight is not None:
        if sample_weight.ndim == 1 and y_pred.ndim == 2:
            sample_weight = sample_weight.unsqueeze(-1)
        sample_weight = sample_weight.to(y_pred.dtype)
    if y_true.is_floating_point() == y_pred.is_floating_point() and y_true.dtype is not torch.bool:
        y_true = y_true.to(y_pred.dtype)
    return y_true, y_pred, sample_weight


def weighted_loss(
    losses: Tensor, sample_weight: Any, mask: Tensor | None, reduction: str
) -> Tensor:
    """`losses` weighted and reduced; in a mean, the divisor is the number of unmasked values."""
    losses = as_tensor(losses)
    dtype = losses.dtype
    if not losses.is_floating_point():
        losses = losses.float()
    weights = sample_weight
    if weights is not None:
        weights = as_tensor(weights, losses.dtype, losses.device)
    if mask is not None:
        mask = mask.to(losses.dtype)
        if reduction in _MEAN:
            exact = torch.promote_types(mask.dtype, torch.float32)  # half counts to 2048 only
            mask = mask * (mask.numel() / mask.sum(dtype=exact))
        weights = apply_mask(losses, weights, mask)
    if weights is not None:
        weights = match_rank(weights, losses)
        try:
            losses = losses * weights
        except RuntimeError as error:
            raise ValueError(
                f"sample_weight or mask of shape {tuple(weights.shape)} does not fit the loss "
                f"values of shape {tuple(losses.shape)}; expected a shape that broadcasts to them."
            ) from error
    if reduction != Reduction.NONE:
        mean = reduction != Reduction.SUM and losses.numel() > 0  # an empty batch has loss 0
        losses = losses.mean() if mean else losses.sum()
    return losses.to(dtype)
