"""How the elements of a `Dataset` look: as a generator promises, or as a function makes them."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from ..precision import torch_dtype
from .elements import DatasetSpec, TensorSpec, map_leaves, spec_of, structure
from .flows import call


class Signature:
    """What `Dataset.from_generator` was told of its elements."""

    def __init__(self, signature: Any, types: Any, shapes: Any):
        if signature is not None and (types is not None or shapes is not None):
            raise TypeError("Give output_signature, or output_types and output_shapes.")
        if types is not None:
            signature = _paired(_tuples(types), shapes)
        self._signature = None if signature is None else _normalized(_tuples(signature))
        self.is_given = signature is not None

    def spec(self) -> Any:
        """The element spec."""
        return self._signature

    def checked(self, element: Any) -> Any:
        """What the generator yielded, as an element; TypeError where it is not as was told."""
        if not self.is_given:
            return structure(element)
        return _fitted(element, self._signature)

    @staticmethod
    def dtype(given: Any) -> Any:
        """A torch dtype, or 'string'."""
        name = getattr(given, "name", given)
        if name in ("string", "str", str, bytes, "object"):
            return "string"
        return torch_dtype(given)


def _tuples(types):
    """Lists in a signature mean tuples."""
    if isinstance(types, (list, tuple)) and not isinstance(types, TensorSpec):
        return tuple(_tuples(item) for item in types)
    if isinstance(types, dict):
        return {key: _tuples(item) for key, item in types.items()}
    return types


def _paired(types, shapes):
    if isinstance(types, tuple):
        shapes = [None] * len(types) if shapes is None else shapes
        if len(types) != len(shapes):
            raise TypeError(f"output_types has {len(types)} parts and output_shapes {len(shapes)}.")
        return tuple(_paired(*pair) for pair in zip(types, shapes, strict=True))
    if isinstance(types, dict):
        return {key: _paired(item, shapes and shapes[key]) for key, item in types.items()}
    return TensorSpec(shapes, types)


def _normalized(signature):
    def one(spec):
        if not hasattr(spec, "dtype"):
            return spec
        shape = spec.shape
        shape = None if shape is None else tuple(None if n in (None, -1) else int(n) for n in shape)
        return TensorSpec(shape, Signature.dtype(spec.dtype), getattr(spec, "name", None))

    return map_leaves(one, signature)


def _fitted(element, spec):
    if isinstance(spec, dict):
        if not isinstance(element, dict) or set(element) != set(spec):
            raise TypeError(f"The generator yielded {element!r}; expected a dict of {list(spec)}.")
        return {key: _fitted(element[key], spec[key]) for key in spec}
    if isinstance(spec, tuple) and not isinstance(spec, TensorSpec):
        if not isinstance(element, (tuple, list)) or len(element) != len(spec):
            raise TypeError(f"The generator yielded {element!r}; expected {len(spec)} parts.")
        return tuple(_fitted(*pair) for pair in zip(element, spec, strict=True))
    if isinstance(element, tuple):
        element = list(element)
    try:
        leaf = structure(element, spec.dtype)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"The generator yielded {element!r}; expected {spec}: {error}") from None
    if not _fits(tuple(leaf.shape), spec.shape):
        raise TypeError(
            f"The generator yielded an element of shape {tuple(leaf.shape)}; expected {spec.shape}."
        )
    return leaf


def _fits(shape, wanted):
    if wanted is None:
        return True
    return len(shape) == len(wanted) and all(
        b in (None, a) for a, b in zip(shape, wanted, strict=True)
    )


def with_first_axis(spec: Any, size: int | None) -> Any:
    """The spec of a batch of elements of `spec`."""

    def batched(leaf):
        if isinstance(leaf, DatasetSpec):
            return leaf
        return leaf._replace(shape=None if leaf.shape is None else (size, *leaf.shape))

    return map_leaves(batched, spec)


def peeked_spec(source: Any, function: Callable) -> Any:
    """The spec of `function` of the elements of `source`, found on the first.

    A first axis that varies in the elements varies in the result where it is as long there.
    Generators of random numbers are left as they were.
    """
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        element = next(iter(source))
        made = spec_of(call(function, element))
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
    varying = set()
    map_leaves(
        lambda spec, leaf: (
            varying.add(len(leaf)) if getattr(spec, "shape", None) and spec.shape[0] is None else 0
        ),
        source.element_spec,
        element,
    )

    def relaxed(spec):
        shape = getattr(spec, "shape", None)
        return spec._replace(shape=(None, *shape[1:])) if shape and shape[0] in varying else spec

    return map_leaves(relaxed, made)
