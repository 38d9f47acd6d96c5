"""What a `Dataset` yields: tensors and texts in tuples and dicts, and how they look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..arrays import as_tensor, to_numpy

_PYTHON_TYPES = {bool: torch.bool, int: torch.int32, float: torch.float32, complex: torch.complex64}
_TEXTS = (str, bytes)


class Strings(np.ndarray):
    """Texts in an array of any shape, `str` inside; `numpy()` gives their UTF-8 bytes.

    >>> Strings.of(["a", "b"]).numpy().tolist()
    [b'a', b'b']
    """

    @classmethod
    def of(cls, texts: Any) -> Strings:
        """Texts, `str` or `bytes`, in any nesting of equal lengths."""
        array = np.asarray(texts, dtype=object)
        flat = np.empty(array.size, dtype=object)
        flat[:] = [_as_text(text) for text in array.ravel().tolist()]
        return flat.reshape(array.shape).view(cls)

    def numpy(self) -> Any:
        """The bytes of a single text, or an array of them."""
        if self.ndim == 0:
            return self.item().encode(errors="surrogateescape")
        flat = np.empty(self.size, dtype=object)
        flat[:] = [text.encode(errors="surrogateescape") for text in self.ravel().tolist()]
        return flat.reshape(self.shape)

    def unsqueeze(self, dim: int) -> Strings:
        """With an axis of one more, as tensors have it."""
        return np.expand_dims(self, dim)

    def to_tensor(self, default_value: Any = None, name: Any = None, shape: Any = None) -> Strings:
        """The same: rows of one length need no padding. ValueError for another `shape`."""
        return unpadded(self, shape)

    def __str__(self) -> str:
        return str(self.item()) if self.ndim == 0 else super().__str__()

    def __eq__(self, other):
        return np.equal(np.asarray(self), _comparable(other))

    def __ne__(self, other):
        return np.not_equal(np.asarray(self), _comparable(other))

    __hash__ = None


def unpadded(value: Any, shape: Any = None) -> Any:
    """What would be ragged in TensorFlow, as a tensor: itself, for its rows are of one length.

    ValueError for a `shape` that is not its own; None stands for any size.
    """
    sizes = tuple(value.shape) if shape is None else tuple(shape)
    fits = len(sizes) == value.ndim
    if not fits or any(n not in (None, m) for n, m in zip(sizes, value.shape, strict=True)):
        raise ValueError(
            f"to_tensor cannot give {tuple(value.shape)} the shape {sizes}: rows are not padded "
            "here. Pad them yourself, for example with tf.pad."
        )
    return value


def _as_text(value):
    if isinstance(value, bytes):
        return value.decode(errors="surrogateescape")
    if not isinstance(value, str):
        raise TypeError(
            f"Expected an array of texts or of numbers; it holds {value!r}. Arrays of dtype object "
            "whose items are arrays must be stacked (np.stack) or padded first."
        )
    return str(value)


def _comparable(other):
    if isinstance(other, bytes):
        return other.decode(errors="surrogateescape")
    return np.asarray(other)


class TensorSpec(NamedTuple):
    """Shape (None where it varies) and dtype of a component; texts have dtype 'string'."""

    shape: Any = None
    dtype: Any = torch.float32
    name: str | None = None


class DatasetSpec(NamedTuple):
    """The spec of a component that is itself a `Dataset`."""

    element_spec: Any


def structure(value: Any, dtype: Any = None, each: Callable | None = None) -> Any:
    """`value` with its tuples and dicts kept and everything else made a component, by `each`."""
    if isinstance(value, dict):
        return {key: structure(item, dtype, each) for key, item in value.items()}
    if isinstance(value, tuple):
        items = [structure(item, dtype, each) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    return (each or component)(value, dtype)


def component(value: Any, dtype: Any = None) -> Any:
    """A tensor, `Strings`, a nested data set or None; lists become tensors, as in TensorFlow.

    Python's integers become int32 and its floats float32; arrays and tensors keep their dtype.
    """
    if value is None or isinstance(value, Strings) or _is_dataset(value):
        return value
    if isinstance(value, Tensor):
        value = value.detach() if value.requires_grad else value
        return value if dtype in (None, value.dtype) else value.to(dtype)
    if dtype == "string" or isinstance(value, _TEXTS):
        return Strings.of(value)
    if hasattr(value, "to_numpy"):  # a pandas object
        value = value.to_numpy()
    if isinstance(value, list) and any(isinstance(item, Tensor) for item in value):
        value = torch.stack([component(item) for item in value])
        return value if dtype is None else value.to(dtype)
    return _from_array(value, dtype)


def _is_dataset(value):
    return hasattr(type(value), "element_spec")


def _from_array(value, dtype):
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(
            "A list whose items have different lengths is no tensor; pad it, or yield the items "
            "one by one from a generator."
        ) from None
    if array.dtype.kind in "USO":
        return Strings.of(array)
    if dtype is None and not hasattr(value, "dtype"):
        kinds = {"b": bool, "i": int, "f": float, "c": complex}
        dtype = _PYTHON_TYPES[kinds[array.dtype.kind]] if array.dtype.kind in kinds else None
    if dtype is None and array.dtype.kind == "f":
        dtype = _FLOATS.get(array.dtype.name)  # as_tensor would make them floatx
    return as_tensor(array, dtype)


_FLOATS = {"float16": torch.float16, "float32": torch.float32, "float64": torch.float64}


def map_leaves(function: Callable, *elements: Any) -> Any:
    """`function` over the components of elements of the same nesting; None stays None."""
    first = elements[0]
    if isinstance(first, dict):
        return {key: map_leaves(function, *(e[key] for e in elements)) for key in first}
    if isinstance(first, tuple) and not isinstance(first, (TensorSpec, DatasetSpec)):
        items = [map_leaves(function, *parts) for parts in zip(*elements, strict=True)]
        return type(first)(*items) if hasattr(first, "_fields") else tuple(items)
    return None if first is None else function(*elements)


def leaves(element: Any) -> list[Any]:
    """The components of an element, in order, without None."""
    if isinstance(element, dict):
        return [leaf for item in element.values() for leaf in leaves(item)]
    if isinstance(element, tuple) and not isinstance(element, (TensorSpec, DatasetSpec)):
        return [leaf for item in element for leaf in leaves(item)]
    return [] if element is None else [element]


def stacked(elements: Sequence[Any]) -> Any:
    """Elements of one nesting and shape as one element with a new first axis."""
    return map_leaves(lambda *parts: _stack(parts), *elements)


def _stack(parts):
    if isinstance(parts[0], Strings):
        return np.stack(parts).view(Strings)
    try:
        return torch.stack(parts)
    except RuntimeError:
        shapes = sorted({tuple(part.shape) for part in parts})
        raise ValueError(
            f"batch needs elements of one shape; these have shapes {shapes}. Use padded_batch."
        ) from None


def joined(elements: Sequence[Any]) -> Any:
    """Elements joined along their first axis."""

    def join(*parts):
        if isinstance(parts[0], Strings):
            return np.concatenate(parts).view(Strings)
        return torch.cat(parts)

    return map_leaves(join, *elements)


def rows_of(element: Any) -> list[Any]:
    """The slices of an element along the first axis of its components."""
    found = leaves(element)
    lengths = {len(leaf) for leaf in found}
    if len(lengths) != 1:
        raise ValueError(f"The components are of different lengths: {sorted(lengths)}.")
    parts = [list(_unbound(leaf)) for leaf in found]
    return [filled(element, row) for row in zip(*parts, strict=True)]


def _unbound(leaf):
    if isinstance(leaf, Strings):
        return (leaf[i : i + 1].reshape(leaf.shape[1:]) for i in range(len(leaf)))
    return leaf.unbind()


def filled(element: Any, parts: Sequence[Any]) -> Any:
    """`parts` in the nesting of `element`."""
    if type(element) is tuple and len(element) == len(parts) and not _nested(element):
        return tuple(parts)
    supply = iter(parts)
    return map_leaves(lambda _: next(supply), element)


def _nested(element):
    return any(item is None or isinstance(item, (tuple, dict)) for item in element)


def as_numpy(element: Any) -> Any:
    """Tensors as numpy arrays or scalars, texts as bytes."""

    def convert(leaf):
        if isinstance(leaf, Tensor):
            array = to_numpy(leaf)
            return array if array.ndim else array[()]
        return leaf.numpy() if isinstance(leaf, Strings) else leaf

    return map_leaves(convert, element)


def spec_of(element: Any) -> Any:
    """The `TensorSpec`s of an element."""
    return map_leaves(_spec, element)


def _spec(leaf):
    if _is_dataset(leaf):
        return DatasetSpec(leaf.element_spec)
    return TensorSpec(tuple(leaf.shape), "string" if isinstance(leaf, Strings) else leaf.dtype)
