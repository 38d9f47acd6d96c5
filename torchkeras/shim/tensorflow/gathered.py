"""The parts of `tf` that are aliases: data, nest, keras, classes that are only named."""

from __future__ import annotations

from contextlib import nullcontext
from enum import Enum
from typing import Any

import numpy as np
import torch

import torchkeras as keras

from ... import data as data_sets
from ... import initializers as own_initializers
from ... import tree
from ...data import Dataset, Strings
from ...precision import torch_dtype
from .calls import Namespace, refused, tensor
from .csv_files import make_csv_dataset


class TensorShape(tuple):
    """A shape: sizes, None where open."""

    def __new__(cls, dims: Any):
        if isinstance(dims, int):
            dims = (dims,)
        return super().__new__(cls, (None if d is None or d == -1 else int(d) for d in dims or ()))

    def as_list(self) -> list:
        """The sizes as a list."""
        return list(self)

    dims = property(lambda self: list(self))
    rank = ndims = property(len)

    def __getitem__(self, index):
        found = super().__getitem__(index)
        return TensorShape(found) if isinstance(index, slice) else found

    def num_elements(self) -> int | None:
        """The product of the sizes, None where one is open."""
        return None if None in self else int(np.prod(self))

    def is_fully_defined(self) -> bool:
        return None not in self

    def is_compatible_with(self, other: Any) -> bool:
        return len(self) == len(other) and all(
            None in (m, n) or m == n for m, n in zip(self, other, strict=True)
        )

    def assert_is_compatible_with(self, other: Any) -> None:
        if not self.is_compatible_with(other):
            raise ValueError(f"Shapes {self} and {tuple(other)} are incompatible")

    def concatenate(self, other: Any) -> TensorShape:
        return TensorShape((*self, *other))

    def with_rank(self, rank: int) -> TensorShape:
        if len(self) != rank:
            raise ValueError(f"Shape {self} must have rank {rank}")
        return self

    def with_rank_at_least(self, rank: int) -> TensorShape:
        if len(self) < rank:
            raise ValueError(f"Shape {self} must have rank at least {rank}")
        return self

    def __repr__(self):
        return f"TensorShape({list(self)})"

    def __str__(self):
        return tuple.__repr__(self)


class UnconnectedGradients(Enum):
    """What a gradient is where nothing connects."""

    NONE, ZERO = "none", "zero"


class TextLineDataset:
    """The lines of files, as a `Dataset`."""

    def __new__(
        cls,
        filenames: Any,
        compression_type=None,
        buffer_size=None,
        num_parallel_reads=None,
        name=None,
    ):
        if compression_type:
            raise NotImplementedError("TextLineDataset reads plain files; unpack it first.")
        names = (
            [filenames]
            if isinstance(filenames, (str, bytes))
            else [str(n) for n in Strings.of(filenames).ravel().tolist()]
        )

        def lines():
            for name in names:
                with open(name, encoding="utf-8", newline="") as file:
                    for line in file:
                        yield line.rstrip("\r\n")

        return Dataset.from_generator(lines, output_types="string", output_shapes=())


def _cardinality(dataset: Any) -> Any:
    return dataset.cardinality()


data = Namespace(
    "data",
    Dataset=Dataset,
    Iterator=data_sets.DatasetIterator,
    Options=data_sets.Options,
    AUTOTUNE=data_sets.AUTOTUNE,
    INFINITE_CARDINALITY=data_sets.INFINITE_CARDINALITY,
    UNKNOWN_CARDINALITY=data_sets.UNKNOWN_CARDINALITY,
    TextLineDataset=TextLineDataset,
    TFRecordDataset=refused(
        "data.TFRecordDataset", "TFRecord files need TensorFlow; convert them to .npz."
    ),
    experimental=Namespace(
        "data.experimental",
        AUTOTUNE=data_sets.AUTOTUNE,
        INFINITE_CARDINALITY=data_sets.INFINITE_CARDINALITY,
        UNKNOWN_CARDINALITY=data_sets.UNKNOWN_CARDINALITY,
        cardinality=_cardinality,
        ignore_errors=lambda log_warning=False: lambda dataset: dataset.ignore_errors(log_warning),
        assert_cardinality=lambda expected: lambda dataset: dataset,
        prefetch_to_device=lambda device, buffer_size=None: (
            lambda dataset: dataset.prefetch(buffer_size or 1)
        ),
        AutoShardPolicy=Namespace(
            "data.experimental.AutoShardPolicy", OFF=0, AUTO=1, DATA=2, FILE=3
        ),
        make_csv_dataset=make_csv_dataset,
    ),
)


def _assert_same_structure(one: Any, other: Any, check_types: bool = True, **options: Any) -> None:
    same = tree.is_nested(one) == tree.is_nested(other)
    if same and tree.is_nested(one):
        same = len(one) == len(other)
    if not same:
        raise ValueError("The two structures don't have the same nested structure.")
    if isinstance(one, dict):
        for key in one:
            _assert_same_structure(one[key], other[key])
    elif tree.is_nested(one):
        for first, second in zip(one, other, strict=True):
            _assert_same_structure(first, second)


nest = Namespace(
    "nest",
    flatten=lambda structure, expand_composites=False: tree.flatten(structure),
    map_structure=lambda func, *structure, **options: tree.map_structure(func, *structure),
    pack_sequence_as=lambda structure, flat_sequence, expand_composites=False: (
        tree.pack(structure, list(flat_sequence)) if tree.is_nested(structure) else flat_sequence[0]
    ),
    is_nested=tree.is_nested,
    assert_same_structure=_assert_same_structure,
)

initializers = own_initializers
INITIALIZERS = {
    "zeros_initializer": own_initializers.Zeros,
    "ones_initializer": own_initializers.Ones,
    "constant_initializer": own_initializers.Constant,
    "random_normal_initializer": own_initializers.RandomNormal,
    "random_uniform_initializer": own_initializers.RandomUniform,
}
KERAS = {name: getattr(keras, name) for name in "losses metrics optimizers initializers".split()}

_ESTIMATORS = "estimators left TensorFlow too; write a Keras model."
estimator = Namespace(
    "estimator", LinearRegressor=refused("estimator.LinearRegressor", _ESTIMATORS)
)
_RAGGED = "rows of different lengths: pad them (keras.utils.pad_sequences, padded_batch)."


class RaggedTensor:
    """Refused: torchkeras has no tensors whose rows differ in length."""

    def __init__(self, *args: Any, **kwargs: Any):
        raise NotImplementedError(f"torchkeras has no tf.RaggedTensor, {_RAGGED}")

    from_row_splits = from_row_lengths = from_tensor = from_value_rowids = classmethod(
        lambda cls, *args, **kwargs: cls()
    )


ragged = Namespace(
    "ragged",
    constant=refused("ragged.constant", _RAGGED),
    stack=refused("ragged.stack", _RAGGED),
    range=refused("ragged.range", _RAGGED),
    boolean_mask=refused("ragged.boolean_mask", _RAGGED),
)


class Operation:
    """Named for annotations: there are no graphs, so no operations in them."""


class Graph:
    """A block that changes nothing: functions run as they are called."""

    def as_default(self) -> Any:
        """The block."""
        return nullcontext(self)


class IndexedSlices:
    """Named for isinstance: gradients of embeddings are whole tensors here."""


class TensorArray:
    """A list of tensors of equal shape."""

    def __init__(
        self,
        dtype: Any = None,
        size: Any = 0,
        dynamic_size=False,
        clear_after_read=True,
        element_shape: Any = None,
        **options: Any,
    ):
        self._items: list[Any] = [None] * int(size)
        self._dtype = None if dtype is None else torch_dtype(dtype)
        self._shape = element_shape

    def write(self, index: Any, value: Any, name: str | None = None) -> TensorArray:
        """Put a tensor at a place; the array itself."""
        index = int(index)
        self._items += [None] * (index + 1 - len(self._items))
        self._items[index] = tensor(value)
        return self

    def read(self, index: Any, name: str | None = None) -> Any:
        return self._filled()[int(index)]

    def stack(self, name: str | None = None) -> Any:
        """All of them along a new first axis; without numbers where nothing tells their shape."""
        items = self._filled()
        return torch.stack(items) if items else torch.zeros(0, dtype=self._dtype)

    def _filled(self):
        """The tensors, with zeros where none was written."""
        written = [item for item in self._items if item is not None]
        if written:
            empty = torch.zeros_like(written[0])
        elif self._shape is not None:
            empty = torch.zeros([int(n) for n in self._shape], dtype=self._dtype)
        else:
            return []
        return [empty if item is None else item for item in self._items]

    def concat(self, name: str | None = None) -> Any:
        return torch.cat(self._filled())

    def unstack(self, value: Any, name: str | None = None) -> TensorArray:
        self._items = list(tensor(value).unbind())
        return self

    def gather(self, indices: Any, name: str | None = None) -> Any:
        items = self._filled()
        return torch.stack([items[int(i)] for i in indices])

    def size(self, name: str | None = None) -> Any:
        return torch.tensor(len(self._items), dtype=torch.int32)


class VariableAggregation(Enum):
    NONE, SUM, MEAN, ONLY_FIRST_REPLICA = range(4)


class VariableSynchronization(Enum):
    AUTO, NONE, ON_WRITE, ON_READ = range(4)
