"""Small helpers of Keras scripts: labels as vectors, downloads, seeds, registered objects."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import to_numpy
from ..callbacks.progress import Progbar
from ..console import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
from ..data.arrays import pack_x_y_sample_weight, unpack_x_y_sample_weight
from ..data.sequence import PyDataset, Sequence
from ..data.splitting import split_dataset
from ..datasets.download import get_file
from ..graph import source_inputs
from ..pictures import model_to_dot, plot_model
from ..preprocessing.audio_files import audio_dataset_from_directory
from ..preprocessing.image import (
    array_to_img,
    image_dataset_from_directory,
    img_to_array,
    load_img,
    save_img,
)
from ..preprocessing.sequence import pad_sequences
from ..preprocessing.text_files import text_dataset_from_directory
from ..preprocessing.timeseries import timeseries_dataset_from_array
from ..registry import (
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from ..saving.keras_object import deserialize_keras_object, serialize_keras_object
from ..seeds import set_random_seed
from . import experimental, legacy
from .embeddings import warmstart_embedding_matrix
from .feature_space import FeatureSpace
from .hdf5_matrix import HDF5Matrix
from .sidecar import SidecarEvaluator
from .threads import GeneratorEnqueuer, OrderedEnqueuer, SequenceEnqueuer, TimedThread
from .tuning import StepsPerExecutionTuner

__all__ = [
    "CustomObjectScope",
    "FeatureSpace",
    "GeneratorEnqueuer",
    "HDF5Matrix",
    "OrderedEnqueuer",
    "Progbar",
    "PyDataset",
    "Sequence",
    "SequenceEnqueuer",
    "SidecarEvaluator",
    "StepsPerExecutionTuner",
    "TimedThread",
    "array_to_img",
    "audio_dataset_from_directory",
    "custom_object_scope",
    "deserialize_keras_object",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "experimental",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "get_source_inputs",
    "image_dataset_from_directory",
    "img_to_array",
    "is_interactive_logging_enabled",
    "legacy",
    "load_img",
    "model_to_dot",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
    "to_categorical",
    "to_ordinal",
    "unpack_x_y_sample_weight",
    "warmstart_embedding_matrix",
]

CustomObjectScope = custom_object_scope


def get_source_inputs(tensor: Any, layer: Any = None, node_index: int | None = None) -> list:
    """The symbolic inputs that a symbolic tensor is computed from, each once.

    With `layer`, those of its output at `node_index` instead.

    >>> from torchkeras import layers
    >>> inputs = layers.Input((2,))
    >>> get_source_inputs(layers.Dense(1)(inputs))[0] is inputs
    True
    """
    if layer is not None:
        tensor = layer.get_output_at(node_index or 0)
    return source_inputs(tensor)


def to_categorical(y: Any, num_classes: int | None = None, dtype: Any = "float32") -> np.ndarray:
    """Class numbers as one-hot vectors: shape `(..., num_classes)`, a last axis of 1 dropped.

    `num_classes` defaults to the largest number + 1. ValueError for a number outside
    `0 <= y < num_classes`.

    >>> to_categorical([0, 2, 1]).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    numbers, shape, num_classes = _class_numbers(y, num_classes)
    vectors = np.zeros((len(numbers), num_classes), dtype=dtype)
    vectors[np.arange(len(numbers)), numbers] = 1
    return vectors.reshape(*shape, num_classes)


def to_ordinal(y: Any, num_classes: int | None = None, dtype: Any = "float32") -> np.ndarray:
    """Ranks as rows of as many ones: shape `(..., num_classes - 1)`, a last axis of 1 dropped.

    `num_classes` defaults to the largest rank + 1. ValueError for a rank outside
    `0 <= y < num_classes`.

    >>> to_ordinal([0, 2, 1]).tolist()
    [[0.0, 0.0], [1.0, 1.0], [1.0, 0.0]]
    """
    numbers, shape, num_classes = _class_numbers(y, num_classes)
    rows = np.arange(num_classes - 1) < numbers[:, None]
    return rows.astype(dtype).reshape(*shape, num_classes - 1)


def _class_numbers(y, num_classes):
    """`y` as a flat row of checked integers, its shape without a last axis of 1, the count."""
    y = to_numpy(y).astype("int64")
    shape = y.shape[:-1] if y.ndim > 1 and y.shape[-1] == 1 else y.shape
    numbers = y.reshape(-1)
    if not num_classes:
        if not len(numbers):
            raise ValueError("`y` is empty and `num_classes` is not given: no class to count.")
        num_classes = int(numbers.max()) + 1
    wrong = numbers[(numbers < 0) | (numbers >= num_classes)]
    if len(wrong):
        raise ValueError(
            f"`y` must hold class numbers from 0 to {num_classes - 1}; it holds {wrong[0]}. "
            "Shift the labels or pass a larger `num_classes`."
        )
    return numbers, shape, num_classes


def normalize(x: Any, axis: int = -1, order: int | float = 2) -> np.ndarray:
    """`x` divided by its norm of `order` along `axis`; where that is zero, `x` as it is.

    A row of n numbers becomes an array `(1, n)`, as in Keras.

    >>> normalize([[3.0, 4.0], [0.0, 0.0]]).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    x = to_numpy(x)
    norm = np.atleast_1d(np.linalg.norm(x, order, axis))
    norm[norm == 0] = 1
    return x / np.expand_dims(norm, axis)
