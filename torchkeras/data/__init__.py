"""Data as batches; `Dataset` is the pipeline that scripts know as `tf.data.Dataset`."""

from .dataset import Dataset
from .elements import DatasetSpec, Strings, TensorSpec
from .flows import AUTOTUNE
from .pipeline import DatasetIterator, Options
from .rows import INFINITE as INFINITE_CARDINALITY
from .rows import UNKNOWN as UNKNOWN_CARDINALITY

__all__ = [
    "AUTOTUNE",
    "INFINITE_CARDINALITY",
    "UNKNOWN_CARDINALITY",
    "Dataset",
    "DatasetIterator",
    "DatasetSpec",
    "Options",
    "Strings",
    "TensorSpec",
]
