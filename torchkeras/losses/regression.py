"""Losses between real numbers, and between distributions given as numbers."""

from __future__ import annotations

import math
import warnings
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..config import epsilon, floatx
from ..precision import torch_dtype
from .base import TABLE, LossFunctionWrapper, loss_function, mean_of, to_floats, to_tensors


@loss_function("mse", "MSE")
def mean_squared_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of `(y_true - y_pred) ** 2` over the last axis.

    >>> mean_squared_error([[0., 2.]], [[1., 1.]]).tolist()
    [1.0]
    """
    y_true, y_pred = to_floats(y_true, y_pred)
    return (y_pred - y_true).square().mean(-1)


@mean_of(mean_squared_error)
def _mse_mean(y_true, y_pred):
    y_true, y_pred = to_floats(y_true, y_pred)
    return F.mse_loss(y_pred, y_true)


@loss_function("mae", "MAE")
def mean_absolute_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of `|y_true - y_pred|` over the last axis.

    >>> mean_absolute_error([[0., 2.]], [[1., 1.]]).tolist()
    [1.0]
    """
    y_true, y_pred = to_floats(y_true, y_pred)
    return (y_pred - y_true).abs().mean(-1)


@mean_of(mean_absolute_error)
def _mae_mean(y_true, y_pred):
    y_true, y_pred = to_floats(y_true, y_pred)
    return F.l1_loss(y_pred, y_true)


@loss_function("mape", "MAPE")
def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Tensor:
    """100 times the mean of `|y_true - y_pred| / |y_true|` over the last axis.

    >>> mean_absolute_percentage_error([[2., 4.]], [[1., 4.]]).tolist()
    [25.0]
    """
    y_true, y_pred = to_floats(y_true, y_pred)
    return 100.0 * ((y_true - y_pred) / y_true.abs().clamp_min(epsilon())).abs().mean(-1)


@loss_function("msle", "MSLE")
def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of `(log(y_true + 1) - log(y_pred + 1)) ** 2` over the last axis.

    >>> mean_squared_logarithmic_error([[1., 1.]], [[1., 1.]]).tolist()
    [0.0]
    """
    y_true, y_pred = to_floats(y_true, y_pred)
    return (_log_plus_one(y_pred) - _log_plus_one(y_true)).square().mean(-1)


def _log_plus_one(x):
    return (x.clamp_min(epsilon()) + 1.0).log()


@mean_of(mean_squared_logarithmic_error)
def _msle_mean(y_true, y_pred):
    y_true, y_pred = to_floats(y_true, y_pred)
    return F.mse_loss(_log_plus_one(y_pred), _log_plus_one(y_true))


@loss_function("logcosh")
def log_cosh(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of `log(cosh(y_pred - y_true))` over the last axis.

    >>> log_cosh([[1., 2.]], [[1., 2.]]).tolist()
    [0.0]
    """
    y_true, y_pred = to_floats(y_true, y_pred)
    error = y_pred - y_true
    return (error + F.softplus(-2.0 * error) - math.log(2.0)).mean(-1)


@loss_function("huber_loss")
def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Tensor:
    """The mean over the last axis of a loss that is quadratic up to `delta`, then linear.

    The result has the type `floatx`.

    >>> huber([[0., 0.]], [[1., 3.]]).tolist()
    [1.5]
    """
    y_true, y_pred = _floatx(y_true, y_pred)
    size = (y_pred - y_true).abs()
    return torch.where(size <= delta, 0.5 * size.square(), delta * size - 0.5 * delta**2).mean(-1)


def _floatx(y_true, y_pred):
    dtype = torch_dtype(floatx())
    y_true, y_pred = to_tensors(y_true, y_pred)
    return y_true.to(dtype), y_pred.to(dtype)


@mean_of(huber)
def _huber_mean(y_true, y_pred, delta=1.0):
    if delta <= 0:  # torch refuses it
        return huber(y_true, y_pred, delta).mean()
    y_true, y_pred = _floatx(y_true, y_pred)
    return F.huber_loss(y_pred, y_true, delta=delta)


@loss_function()
def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """Minus the cosine between the two along `axis`: -1 for the same direction.

    >>> cosine_similarity([[0., 2.]], [[0., 1.]]).tolist()
    [-1.0]
    """
    y_true, y_pred = to_floats(y_true, y_pred)
    return -(F.normalize(y_true, dim=axis, eps=1e-6) * F.normalize(y_pred, dim=axis, eps=1e-6)).sum(
        axis
    )


@loss_function("cosine")
def cosine_proximity(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """`cosine_similarity` under its name in Keras 1 and 2.

    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     cosine_proximity([[0., 2.]], [[0., 1.]]).tolist()
    [-1.0]
    """
    message = "The loss 'cosine_proximity' is now called 'cosine_similarity'."
    warnings.warn(message, DeprecationWarning, stacklevel=2)
    return cosine_similarity(y_true, y_pred, axis)


@loss_function("kld", "KLD", "kullback_leibler_divergence")
def kl_divergence(y_true: Any, y_pred: Any) -> Tensor:
    """The sum of `y_true * log(y_true / y_pred)` over the last axis, both at least epsilon.

    >>> kl_divergence([[0.5, 0.5]], [[0.5, 0.5]]).tolist()
    [0.0]
    """
    y_true, y_pred = to_floats(y_true, y_pred)
    y_true, y_pred = y_true.clamp(epsilon(), 1.0), y_pred.clamp(epsilon(), 1.0)
    return (y_true * (y_true / y_pred).log()).sum(-1)


@loss_function()
def poisson(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of `y_pred - y_true * log(y_pred)` over the last axis.

    >>> poisson([[0., 0.]], [[1., 3.]]).tolist()
    [2.0]
    """
    y_true, y_pred = to_floats(y_true, y_pred)
    return (y_pred - y_true * (y_pred + epsilon()).log()).mean(-1)


@TABLE.add()
class MeanSquaredError(LossFunctionWrapper):
    """The mean of the squared errors.

    >>> float(MeanSquaredError()([[0., 2.]], [[1., 1.]]))
    1.0
    """

    def __init__(self, reduction: str = "auto", name: str | None = "mean_squared_error"):
        super().__init__(mean_squared_error, reduction, name)


@TABLE.add()
class MeanAbsoluteError(LossFunctionWrapper):
    """The mean of the absolute errors.

    >>> float(MeanAbsoluteError()([[0., 2.]], [[1., 1.]]))
    1.0
    """

    def __init__(self, reduction: str = "auto", name: str | None = "mean_absolute_error"):
        super().__init__(mean_absolute_error, reduction, name)


@TABLE.add()
class MeanAbsolutePercentageError(LossFunctionWrapper):
    """The mean of the absolute errors in percent of the labels.

    >>> float(MeanAbsolutePercentageError()([[2., 4.]], [[1., 4.]]))
    25.0
    """

    def __init__(
        self, reduction: str = "auto", name: str | None = "mean_absolute_percentage_error"
    ):
        super().__init__(mean_absolute_percentage_error, reduction, name)


@TABLE.add()
class MeanSquaredLogarithmicError(LossFunctionWrapper):
    """The mean of the squared differences of logarithms.

    >>> float(MeanSquaredLogarithmicError()([[1., 1.]], [[1., 1.]]))
    0.0
    """

    def __init__(
        self, reduction: str = "auto", name: str | None = "mean_squared_logarithmic_error"
    ):
        super().__init__(mean_squared_logarithmic_error, reduction, name)


@TABLE.add()
class LogCosh(LossFunctionWrapper):
    """The mean of the logarithm of the hyperbolic cosine of the errors.

    >>> float(LogCosh()([[1., 2.]], [[1., 2.]]))
    0.0
    """

    def __init__(self, reduction: str = "auto", name: str | None = "log_cosh"):
        super().__init__(log_cosh, reduction, name)


@TABLE.add()
class Huber(LossFunctionWrapper):
    """Quadratic for errors up to `delta`, linear beyond.

    >>> float(Huber()([[0., 0.]], [[1., 3.]]))
    1.5
    """

    def __init__(
        self, delta: float = 1.0, reduction: str = "auto", name: str | None = "huber_loss"
    ):
        super().__init__(huber, reduction, name, delta=delta)


@TABLE.add()
class CosineSimilarity(LossFunctionWrapper):
    """Minus the cosine between labels and predictions along `axis`.

    >>> float(CosineSimilarity()([[0., 2.]], [[0., 1.]]))
    -1.0
    """

    def __init__(
        self, axis: int = -1, reduction: str = "auto", name: str | None = "cosine_similarity"
    ):
        super().__init__(cosine_similarity, reduction, name, axis=axis)


@TABLE.add()
class KLDivergence(LossFunctionWrapper):
    """The Kullback-Leibler divergence of the predicted distribution from the true one.

    >>> float(KLDivergence()([[0.5, 0.5]], [[0.5, 0.5]]))
    0.0
    """

    def __init__(self, reduction: str = "auto", name: str | None = "kl_divergence"):
        super().__init__(kl_divergence, reduction, name)


@TABLE.add()
class Poisson(LossFunctionWrapper):
    """The negative log likelihood of counts under a Poisson distribution, up to a constant.

    >>> float(Poisson()([[0., 0.]], [[1., 3.]]))
    2.0
    """

    def __init__(self, reduction: str = "auto", name: str | None = "poisson"):
        super().__init__(poisson, reduction, name)
