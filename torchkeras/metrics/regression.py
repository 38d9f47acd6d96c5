"""The losses as metrics, and errors between numbers that are only metrics."""

from __future__ import annotations

import warnings
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import losses
from ..arrays import as_tensor, to_numpy
from ..configs import from_plain
from ..losses.base import align
from .base import TABLE, Metric, divide_no_nan
from .means import Mean, MeanMetricWrapper

TABLE.objects.update(
    (name, fn)
    for name, fn in losses.TABLE.objects.items()
    if not isinstance(fn, type) and not name.startswith("cosine")
)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """The cosine between the two along `axis`: 1 for the same direction, unlike the loss.

    >>> cosine_similarity([[0., 2.]], [[0., 1.]]).tolist()
    [1.0]
    """
    return -losses.cosine_similarity(y_true, y_pred, axis)


TABLE.add("cosine_proximity")(cosine_similarity)


@TABLE.add()
class MeanSquaredError(MeanMetricWrapper):
    """The mean of the squared errors.

    >>> float(MeanSquaredError()([[0., 2.]], [[1., 1.]]))
    1.0
    """

    def __init__(self, name: str | None = "mean_squared_error", dtype: Any = None):
        super().__init__(losses.mean_squared_error, name, dtype)


@TABLE.add()
class RootMeanSquaredError(Mean):
    """The root of the mean of the squared errors.

    >>> float(RootMeanSquaredError()([[0., 2.]], [[3., 5.]]))
    3.0
    """

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None):
        super().__init__(name, dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = self._tensor(y_true), self._tensor(y_pred)
        if y_true.ndim != y_pred.ndim:
            y_true, y_pred = align(y_true, y_pred)
        if sample_weight is None and y_true.shape == y_pred.shape:
            self._add(F.mse_loss(y_pred, y_true, reduction="sum"), y_pred.numel(), 1)
        else:
            self._accumulate((y_pred - y_true).square(), sample_weight)

    def result(self) -> Tensor:
        return divide_no_nan(self.total.value, self.count.value).sqrt()


@TABLE.add()
class MeanAbsoluteError(MeanMetricWrapper):
    """The mean of the absolute errors.

    >>> float(MeanAbsoluteError()([[0., 2.]], [[1., 1.]]))
    1.0
    """

    def __init__(self, name: str | None = "mean_absolute_error", dtype: Any = None):
        super().__init__(losses.mean_absolute_error, name, dtype)


@TABLE.add()
class MeanAbsolutePercentageError(MeanMetricWrapper):
    """The mean of the absolute errors in percent of the labels.

    >>> float(MeanAbsolutePercentageError()([[2., 4.]], [[1., 4.]]))
    25.0
    """

    def __init__(self, name: str | None = "mean_absolute_percentage_error", dtype: Any = None):
        super().__init__(losses.mean_absolute_percentage_error, name, dtype)


@TABLE.add()
class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """The mean of the squared differences of logarithms.

    >>> float(MeanSquaredLogarithmicError()([[1., 1.]], [[1., 1.]]))
    0.0
    """

    def __init__(self, name: str | None = "mean_squared_logarithmic_error", dtype: Any = None):
        super().__init__(losses.mean_squared_logarithmic_error, name, dtype)


@TABLE.add()
class LogCoshError(MeanMetricWrapper):
    """The mean of the logarithm of the hyperbolic cosine of the errors.

    >>> float(LogCoshError()([[1., 2.]], [[1., 2.]]))
    0.0
    """

    def __init__(self, name: str | None = "logcosh", dtype: Any = None):
        super().__init__(losses.log_cosh, name, dtype)


@TABLE.add()
class CosineSimilarity(MeanMetricWrapper):
    """The mean cosine between labels and predictions along `axis`.

    >>> float(CosineSimilarity()([[0., 2.]], [[0., 1.]]))
    1.0
    """

    def __init__(self, name: str | None = "cosine_similarity", dtype: Any = None, axis: int = -1):
        super().__init__(cosine_similarity, name, dtype, axis=axis)


@TABLE.add()
class MeanRelativeError(Mean):
    """The mean of the absolute errors, each divided by its entry of `normalizer`.

    >>> float(MeanRelativeError(normalizer=[1., 2.])([1., 2.], [3., 4.]))
    1.5
    """

    def __init__(self, normalizer: Any, name: str | None = None, dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.normalizer = as_tensor(from_plain(normalizer), self._torch_dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = align(self._tensor(y_true), self._tensor(y_pred))
        y_pred, normalizer = align(y_pred, self.normalizer.to(y_pred.device))
        if y_true.shape != y_pred.shape:
            raise ValueError(
                f"{self.name} compares tensors of one shape; received y_true "
                f"{tuple(y_true.shape)} and y_pred {tuple(y_pred.shape)}."
            )
        self._accumulate(divide_no_nan((y_true - y_pred).abs(), normalizer), sample_weight)

    def get_config(self):
        return {**super().get_config(), "normalizer": to_numpy(self.normalizer)}


@TABLE.add()
class R2Score(Metric):
    """The share of the labels' variance that predictions explain, for `(batch, outputs)`.

    `class_aggregation` is 'uniform_average', 'variance_weighted_average' or None for one score an
    output. A number of independent variables in `num_regressors` asks for the adjusted score.

    >>> float(R2Score()([[1.], [2.], [3.]], [[1.], [2.], [3.]]))
    1.0
    """

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        if class_aggregation not in (None, "uniform_average", "variance_weighted_average"):
            raise ValueError(
                "class_aggregation must be None, 'uniform_average' or "
                f"'variance_weighted_average'; received {class_aggregation!r}."
            )
        if num_regressors < 0:
            raise ValueError(f"num_regressors must not be negative; received {num_regressors}.")
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = self.add_weight("num_samples", dtype="int32")
        self.built = False

    def build(self, y_true_shape: Any, y_pred_shape: Any) -> None:
        """Make the state of one entry for each output."""
        if len(y_pred_shape) != 2 or len(y_true_shape) != 2:
            raise ValueError(
                "R2Score expects y_true and y_pred of shape (batch, outputs); received "
                f"{tuple(y_true_shape)} and {tuple(y_pred_shape)}."
            )
        outputs = (y_pred_shape[-1],)
        self.squared_sum = self.add_weight("squared_sum", outputs)
        self.sum = self.add_weight("sum", outputs)
        self.total_mse = self.add_weight("residual", outputs)
        self.count = self.add_weight("count", outputs)
        self.built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = self._tensor(y_true), self._tensor(y_pred)
        if not self.built:
            self.build(y_true.shape, y_pred.shape)
        weights = torch.ones_like(y_true)
        if sample_weight is not None:
            given = self._tensor(sample_weight)
            weights = weights * (given.unsqueeze(1) if given.ndim == 1 else given)
        weighted = y_true * weights
        self.sum.value.add_(weighted.sum(0))
        self.squared_sum.value.add_((y_true * weighted).sum(0))
        self.total_mse.value.add_(((y_true - y_pred).square() * weights).sum(0))
        self.count.value.add_(weights.sum(0))
        self.num_samples.value.add_(y_true.numel())

    def result(self) -> Tensor:
        total_sum = self.sum.value
        total = self.squared_sum.value - total_sum * (total_sum / self.count.value)
        scores = 1 - self.total_mse.value / total
        scores = torch.where(scores.isinf(), 0.0, scores)
        if self.class_aggregation == "uniform_average":
            scores = scores.mean()
        elif self.class_aggregation == "variance_weighted_average":
            scores = (total * scores).sum() / total.sum()
        return self._adjusted(scores) if self.num_regressors else scores

    def _adjusted(self, scores):
        samples, regressors = int(self.num_samples), self.num_regressors
        if regressors >= samples - 1:
            warnings.warn(
                f"An adjusted R2 score needs more than {regressors + 1} samples for {regressors} "
                f"regressors; there are {samples}. The score is not adjusted.",
                stacklevel=2,
            )
            return scores
        return 1.0 - (1.0 - scores) * (samples - 1) / (samples - regressors - 1)

    def get_config(self):
        own = {
            "class_aggregation": self.class_aggregation,
            "num_regressors": self.num_regressors,
        }
        return {**super().get_config(), **own}


@TABLE.add()
class Poisson(MeanMetricWrapper):
    """The mean of `y_pred - y_true * log(y_pred)`.

    >>> float(Poisson()([[0., 0.]], [[1., 3.]]))
    2.0
    """

    def __init__(self, name: str | None = "poisson", dtype: Any = None):
        super().__init__(losses.poisson, name, dtype)


@TABLE.add()
class KLDivergence(MeanMetricWrapper):
    """The Kullback-Leibler divergence of the predicted distribution from the true one.

    >>> float(KLDivergence()([[0.5, 0.5]], [[0.5, 0.5]]))
    0.0
    """

    def __init__(self, name: str | None = "kullback_leibler_divergence", dtype: Any = None):
        super().__init__(losses.kl_divergence, name, dtype)


@TABLE.add()
class BinaryCrossentropy(MeanMetricWrapper):
    """The crossentropy between labels 0 or 1 and probabilities, or logits where `from_logits`.

    >>> round(float(BinaryCrossentropy()([[1.]], [[0.5]])), 4)
    0.6931
    """

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ):
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing}
        super().__init__(losses.binary_crossentropy, name, dtype, **options)


@TABLE.add()
class CategoricalCrossentropy(MeanMetricWrapper):
    """The crossentropy between one-hot labels and probabilities, or logits where `from_logits`.

    >>> round(float(CategoricalCrossentropy()([[0., 1.]], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ):
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(losses.categorical_crossentropy, name, dtype, **options)


@TABLE.add()
class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """The crossentropy between class numbers and probabilities, or logits where `from_logits`.

    >>> round(float(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ):
        options = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(losses.sparse_categorical_crossentropy, name, dtype, **options)


@TABLE.add()
class Hinge(MeanMetricWrapper):
    """The mean shortfall from a margin of 1; labels are -1 and 1, or 0 and 1.

    >>> float(Hinge()([[-1., 1.]], [[-1., 0.]]))
    0.5
    """

    def __init__(self, name: str | None = "hinge", dtype: Any = None):
        super().__init__(losses.hinge, name, dtype)


@TABLE.add()
class SquaredHinge(MeanMetricWrapper):
    """The mean squared shortfall from a margin of 1.

    >>> float(SquaredHinge()([[-1., 1.]], [[-1., -1.]]))
    2.0
    """

    def __init__(self, name: str | None = "squared_hinge", dtype: Any = None):
        super().__init__(losses.squared_hinge, name, dtype)


@TABLE.add()
class CategoricalHinge(MeanMetricWrapper):
    """How far the true class's score fails to beat the others by 1.

    >>> float(CategoricalHinge()([[0., 1.]], [[0., 0.]]))
    1.0
    """

    def __init__(self, name: str | None = "categorical_hinge", dtype: Any = None):
        super().__init__(losses.categorical_hinge, name, dtype)
