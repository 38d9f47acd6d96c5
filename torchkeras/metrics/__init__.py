"""Metric classes and functions with the names and numbers of `tf.keras.metrics`."""

from __future__ import annotations

import inspect
from typing import Any

from .. import configs
from ..losses import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    hinge,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from ..names import to_snake_case
from . import experimental
from .accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    accuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from .auc import AUC
from .base import TABLE, Metric
from .confusion import (
    FalseNegatives,
    FalsePositives,
    Precision,
    PrecisionAtRecall,
    Recall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SensitivitySpecificityBase,
    SpecificityAtSensitivity,
    TrueNegatives,
    TruePositives,
)
from .fscore import F1Score, FBetaScore
from .iou import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
from .means import (
    Mean,
    MeanMetricWrapper,
    MeanTensor,
    Reduce,
    Sum,
    SumOverBatchSize,
    SumOverBatchSizeMetricWrapper,
)
from .regression import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    KLDivergence,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanRelativeError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    R2Score,
    RootMeanSquaredError,
    SparseCategoricalCrossentropy,
    SquaredHinge,
    cosine_similarity,
)

acc = ACC = accuracy
bce = BCE = binary_crossentropy
mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
kld = KLD = kullback_leibler_divergence = kl_divergence
logcosh = log_cosh
cosine_proximity = cosine_similarity


def get(identifier: Any) -> Any:
    """The metric that a name, config or object denotes.

    A function's name gives the function, a class's name an instance.

    >>> get("mse").__name__, type(get("AUC")).__name__
    ('mean_squared_error', 'AUC')
    """
    if identifier is None:
        raise ValueError("Expected a metric as a name, a config or an object; received None.")
    return identifier if inspect.isclass(identifier) else TABLE.get(identifier)


def resolve(identifier: Any, y_true: Any, y_pred: Any) -> Metric | None:
    """The `Metric` that an entry of `compile(metrics=[...])` means for this output.

    'accuracy' and 'crossentropy' (or 'acc', 'ce') become the binary, categorical or sparse kind
    that fits the shapes of `y_true` and `y_pred`. A name stays the metric's name; functions,
    losses and other callables are averaged under their own. None stays None.

    >>> import numpy as np
    >>> metric = resolve("acc", np.zeros((8,)), np.zeros((8, 10)))
    >>> metric.name, metric._fn.__name__
    ('acc', 'sparse_categorical_accuracy')
    """
    if identifier is None:
        return None
    kind = _SHAPE_DEPENDENT.get(str(identifier).lower())
    found = get(identifier) if kind is None else kind[_label_kind(y_true.shape, y_pred.shape)]
    if isinstance(found, Metric):
        return found
    return MeanMetricWrapper(found, name=_own_name(identifier))


def depends_on_shapes(identifier: str) -> bool:
    """Whether a name means another metric for labels of another shape, as 'accuracy' does."""
    return identifier.lower() in _SHAPE_DEPENDENT


_ACCURACIES = {
    "binary": binary_accuracy,
    "sparse": sparse_categorical_accuracy,
    "categorical": categorical_accuracy,
}
_CROSSENTROPIES = {
    "binary": binary_crossentropy,
    "sparse": sparse_categorical_crossentropy,
    "categorical": categorical_crossentropy,
}
_SHAPE_DEPENDENT = {
    "accuracy": _ACCURACIES,
    "acc": _ACCURACIES,
    "crossentropy": _CROSSENTROPIES,
    "ce": _CROSSENTROPIES,
}


def _label_kind(true_shape, pred_shape):
    classes = pred_shape[-1]
    if classes == 1:
        return "binary"
    if len(true_shape) < len(pred_shape) or (true_shape[-1] == 1 and classes > 1):
        return "sparse"
    return "categorical"


def _own_name(identifier):
    if isinstance(identifier, str):
        return identifier
    for attribute in ("name", "__name__"):
        if hasattr(identifier, attribute):
            return getattr(identifier, attribute)
    return to_snake_case(type(identifier).__name__)


def serialize(metric: Any, use_legacy_format: bool = False) -> Any:
    """What `deserialize` makes the metric from again.

    >>> serialize(Precision(thresholds=0.3))["config"]["thresholds"]
    0.3
    """
    config = configs.serialize(TABLE, metric, use_legacy_format)
    if isinstance(config, dict) and isinstance(config["config"], dict):
        fn = config["config"].get("fn")
        if callable(fn):
            config["config"]["fn"] = configs.serialize(TABLE, fn, use_legacy_format)
    return config


def deserialize(
    config: Any, custom_objects: dict[str, Any] | None = None, use_legacy_format: bool = False
) -> Any:
    """The metric made from a name or from what `serialize` returned, in either format.

    >>> deserialize({"class_name": "Precision", "config": {"thresholds": 0.3}}).thresholds
    [0.3]
    """
    return TABLE.deserialize(config, custom_objects)


def clone_metric(metric: Any) -> Any:
    """A metric of the same configuration with fresh state; what is no metric comes back as it is.

    >>> clone_metric(Mean(name="loss")).name
    'loss'
    """
    return type(metric).from_config(metric.get_config()) if isinstance(metric, Metric) else metric


__all__ = [
    "ACC",
    "AUC",
    "Accuracy",
    "BCE",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "BinaryIoU",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "IoU",
    "KLD",
    "KLDivergence",
    "LogCoshError",
    "MAE",
    "MAPE",
    "MSE",
    "MSLE",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanIoU",
    "MeanMetricWrapper",
    "MeanRelativeError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "MeanTensor",
    "Metric",
    "OneHotIoU",
    "OneHotMeanIoU",
    "Poisson",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "Reduce",
    "RootMeanSquaredError",
    "SensitivityAtSpecificity",
    "SensitivitySpecificityBase",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "Sum",
    "SumOverBatchSize",
    "SumOverBatchSizeMetricWrapper",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "acc",
    "accuracy",
    "bce",
    "binary_accuracy",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "clone_metric",
    "cosine_proximity",
    "cosine_similarity",
    "deserialize",
    "experimental",
    "get",
    "hinge",
    "kl_divergence",
    "kld",
    "kullback_leibler_divergence",
    "log_cosh",
    "logcosh",
    "mae",
    "mape",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "mse",
    "msle",
    "poisson",
    "resolve",
    "serialize",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "squared_hinge",
    "top_k_categorical_accuracy",
]
