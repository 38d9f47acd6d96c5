"""Arrays as batches: moved to the device once, then sliced there."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import tree
from ..arrays import as_tensor
from .deferred import Deferred, Texts
from .elements import Strings
from .transfer import fits, moved, to_device

_CACHED = 2**18  # bytes that surely are in a cache of the processor when they are read again


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """A batch as `fit` takes it: `x`, `(x, y)` or `(x, y, sample_weight)`.

    A lone `x` that is a tuple becomes `(x,)`, so that it is not taken for `(x, y)`.

    >>> pack_x_y_sample_weight(1, 2)
    (1, 2)
    """
    if y is None:
        return (x,) if isinstance(x, tuple) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """`x`, `y` and `sample_weight` of a batch, None for what it does not hold.

    >>> unpack_x_y_sample_weight((1, 2))
    (1, 2, None)
    """
    data = tuple(data) if isinstance(data, list) else data
    if not isinstance(data, tuple):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ValueError(
            "A batch must be x, (x,), (x, y) or (x, y, sample_weight); received a tuple of "
            f"{len(data)}."
        )
    return data + (None,) * (3 - len(data))


class ArrayBatches:
    """Batches of arrays or tensors in any nesting, the last one short.

    A batch is `(x, y, sample_weight)`, `(x, y)` or `x`, whatever was given. Floats become
    `dtype`; integers stay. Everything lives on `device` from the start, but for what does not fit
    there and for arrays that are read piece by piece, such as memory maps.
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        batch_size: int | None = None,
        shuffle: bool | str = False,
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
        steps: int | None = None,
    ):
        given = (_unlisted(part) for part in (x, y, sample_weight))
        data = tuple(tree.map_structure(_rows, part) for part in given)
        self.size = _common_length(data)
        self.device, self.dtype = None if device is None else torch.device(device), dtype
        if self._fits(data):
            data = tuple(tree.map_structure(self._placed, part) for part in data)
        if batch_size is None:
            batch_size = -(-self.size // steps) if steps else 32
        if not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
            raise ValueError(f"batch_size must be a positive integer; received {batch_size!r}.")
        self.batch_size = min(int(batch_size), max(self.size, 1))
        self.shuffle = shuffle
        self.steps = -(-self.size // self.batch_size)
        self._hold(*data)

    def _fits(self, data):
        if self.device is None or self.device.type == "cpu":
            return True
        return fits(sum(getattr(leaf, "nbytes", 0) for leaf in tree.leaves(data)), self.device)

    def _placed(self, leaf):
        if leaf is None or isinstance(leaf, Deferred):
            return leaf
        return leaf.to(self.device, self.dtype if leaf.is_floating_point() else None)

    def _hold(self, x, y, weight):
        """Keep what was given, and know how a batch of it looks."""
        self.data = (x, y, weight) if weight is not None else (x,) if y is None else (x, y)
        self._flat = [leaf for leaf in tree.leaves(self.data) if leaf is not None]
        self._plain = all(isinstance(part, Tensor) for part in self.data)
        self._bare = len(self.data) == 1 and not isinstance(x, (tuple, list))
        self._resident = all(self._is_placed(leaf) for leaf in self._flat)

    def _is_placed(self, leaf):
        if isinstance(leaf, Deferred):
            return False
        return self.device is None or leaf.device.type == self.device.type

    @property
    def is_resident(self) -> bool:
        """Whether the data is where it is used, and batches are views of it in its order."""
        return self._resident and not self.shuffle

    def joined(self, many: int) -> ArrayBatches:
        """The same data in batches `many` times as large."""
        larger = copy.copy(self)
        larger.batch_size = self.batch_size * many
        larger.steps = -(-self.size // larger.batch_size)
        return larger

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[Any]:
        batches = self._slices() if not self.shuffle else self._drawn()
        if not self._resident:
            batches = moved(batches, self._arrive, self.device)
        if self._plain and not self._bare:
            return iter(batches)
        return (leaves[0] for leaves in batches) if self._plain else self._as_given(batches)

    def _as_given(self, batches):
        for leaves in batches:
            batch = self._nested(leaves)
            yield batch[0] if self._bare else batch

    def _arrive(self, leaves):
        return tuple([to_device(leaf, self.device, self.dtype) for leaf in leaves])

    def _slices(self):
        """Views of the data in its order, made many at a time."""
        block = self.batch_size * 1024
        for start in range(0, self.size, block):
            views = [leaf[start : start + block].split(self.batch_size) for leaf in self._flat]
            yield from zip(*views, strict=True)

    def _drawn(self):
        """Copies of the samples that a permutation says, those of small batches made together."""
        block = self.batch_size * self._batches_of_a_copy()
        for index in self._order().split(block):
            copies = [leaf.index_select(0, index) for leaf in self._flat]
            if block == self.batch_size:
                yield tuple(copies)
            else:
                yield from zip(*(copy.split(self.batch_size) for copy in copies), strict=True)

    def _batches_of_a_copy(self):
        if not self._resident:
            return 1  # what is on its way is no more than one batch
        size = sum(leaf.nbytes for leaf in self._flat) * self.batch_size / self.size
        return max(1, int(_CACHED // size))

    def _order(self):
        """A permutation on the data's device: of the samples, or of whole batches."""
        places = [leaf.device for leaf in self._flat if not isinstance(leaf, Deferred)]
        device = places[0] if places else None
        if self.shuffle == "batch":
            starts = torch.randperm(self.steps, device=device)[:, None] * self.batch_size
            order = (starts + torch.arange(self.batch_size, device=device)).flatten()
            return order[order < self.size]
        return torch.randperm(self.size, device=device)

    def _nested(self, leaves):
        """One tensor for each leaf of the data, in its nesting; None where there is none."""
        supply = iter(leaves)
        return tree.map_structure(lambda leaf: None if leaf is None else next(supply), self.data)

    def split(self, fraction: float, batch_size: int | None) -> tuple[ArrayBatches, ArrayBatches]:
        """The first samples for training and the last `fraction` of them for validation."""
        at = int(np.floor(self.size * (1.0 - fraction)))
        if at == 0 or at == self.size:
            raise ValueError(
                f"validation_split={fraction} of {self.size} samples leaves "
                f"{at} for training and {self.size - at} for validation; both need some."
            )
        head = self._part(slice(0, at), self.batch_size, self.shuffle)
        return head, self._part(slice(at, self.size), batch_size or self.batch_size, False)

    def _part(self, index, batch_size, shuffle):
        parts = unpack_x_y_sample_weight(self._nested([leaf[index] for leaf in self._flat]))
        return ArrayBatches(*parts, batch_size, shuffle, self.device, self.dtype)

    def weigh_classes(self, class_weight: Any) -> None:
        """Multiply each sample's weight by the weight of its class."""
        x, y, weight = unpack_x_y_sample_weight(self.data)
        self._hold(x, y, weighed(y, weight, class_weight))


def weighed(y: Any, weight: Any, class_weight: Any) -> Any:
    """`weight` times that of each sample's class; lists have one entry, or None, an output."""
    if isinstance(y, (list, tuple)) and isinstance(class_weight, (list, tuple)):
        weights = [None] * len(y) if weight is None else weight
        each = zip(y, weights, class_weight, strict=True)
        return [one[1] if one[2] is None else weighed(*one) for one in each]
    weights = class_weights(y, class_weight)
    return weights if weight is None else weight * weights


def class_weights(y: Any, class_weight: dict[int, float]) -> Tensor:
    """The weight of each sample's class, for labels as integers or one-hot rows."""
    if not isinstance(y, Tensor):
        raise ValueError(
            "class_weight is for a single output; for several give lists of labels and of "
            "class_weight, one entry an output, or sample_weight."
        )
    if y.ndim > 2:
        raise ValueError(
            f"class_weight needs labels of rank 1 or 2; received shape {tuple(y.shape)}."
        )
    classes = y.argmax(-1) if y.ndim == 2 and y.shape[-1] > 1 else y.reshape(-1).long()
    size = max(class_weight) + 1
    if sorted(class_weight) != list(range(size)):
        raise ValueError(
            f"class_weight must name every class from 0 to {size - 1}; received "
            f"{sorted(class_weight)}."
        )
    found = int(classes.max()) if classes.numel() else 0
    if found >= size:
        raise ValueError(f"class_weight names {size} classes, but y holds class {found}.")
    table = torch.tensor([class_weight[i] for i in range(size)], device=y.device)
    return table[classes]


def _unlisted(part):
    """Numbers or texts in nested lists as one array: they are data, not several inputs."""
    first = part
    while isinstance(first, (list, tuple)) and first:
        first = first[0]
    bare = isinstance(first, (int, float, str, bytes))
    return np.asarray(part) if part is not first and bare else part


def _rows(leaf):
    """An array-like as a tensor, or as `Deferred` rows."""
    if leaf is None or isinstance(leaf, Deferred):
        return leaf
    if isinstance(leaf, np.ndarray) and _holds_texts(leaf):
        leaf = Texts(Strings.of(leaf))
    elif Deferred.accepts(leaf):
        leaf = Deferred.of(leaf)
    else:
        leaf = as_tensor(_of_pandas(leaf))
    if leaf.ndim == 0:
        raise ValueError("Data must have a first axis over samples; received a single number.")
    return leaf


def _holds_texts(array):
    if array.dtype.kind == "O":
        return isinstance(next(iter(array.flat), None), (str, bytes))
    return array.dtype.kind in "US"


def _of_pandas(leaf):
    """A pandas object as an array of numbers, if its columns are numbers and truth values."""
    if not hasattr(leaf, "to_numpy") or isinstance(leaf, Tensor):
        return leaf
    array = leaf.to_numpy()
    if array.dtype.kind != "O":
        return array
    try:
        return leaf.to_numpy(dtype="float64")
    except (TypeError, ValueError):
        types = getattr(leaf, "dtypes", array.dtype)
        wrong = (
            [str(name) for name, kind in types.items() if kind.kind not in "fiub"]
            if hasattr(types, "items")
            else []
        )
        raise TypeError(
            f"A pandas {type(leaf).__name__} holds what is no number"
            + (f", in column {', '.join(wrong)}" if wrong else "")
            + "; encode it first, for example with layers.StringLookup or pandas.get_dummies."
        ) from None


def _common_length(data):
    lengths = {
        name: sorted({len(leaf) for leaf in tree.leaves(part) if leaf is not None})
        for name, part in zip(("x", "y", "sample_weight"), data, strict=True)
    }
    every = {length for found in lengths.values() for length in found}
    if len(every) > 1:
        told = "\n".join(
            f"  {name} sizes: {', '.join(map(str, found))}"
            for name, found in lengths.items()
            if found
        )
        raise ValueError(
            f"Data cardinality is ambiguous:\n{told}\nMake sure all arrays contain the same "
            "number of samples."
        )
    if not every or every == {0}:
        raise ValueError("The data holds no samples; expected at least one.")
    return every.pop()
