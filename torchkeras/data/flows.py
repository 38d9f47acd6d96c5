"""How elements flow through the steps of a `Dataset`: each step a generator over the one before."""

from __future__ import annotations

import itertools
import logging
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .background import mapped
from .elements import Strings, filled, leaves, stacked, structure

AUTOTUNE = -1
_log = logging.getLogger(__name__)
_WORTH = 5e-4  # seconds a call must take before threads help


def call(function: Callable, element: Any) -> Any:
    """`function` of an element, the parts of a tuple as arguments; the result as an element."""
    return structure(_raw_call(function, element))


def _raw_call(function, element):
    if isinstance(element, tuple) and not hasattr(element, "_fields"):
        return function(*element)
    return function(element)


def map_in_order(source: Iterator[Any], function: Callable, threads: int | None) -> Iterator[Any]:
    """`call` of each element; AUTOTUNE uses threads where a call takes long enough."""
    if threads == AUTOTUNE:
        spent, count = 0.0, 0
        for count, element in enumerate(itertools.islice(source, 4), 1):  # noqa: B007
            started = time.perf_counter()
            made = call(function, element)
            spent += time.perf_counter() - started
            yield made
        threads = min(os.cpu_count() or 1, 16) if spent > _WORTH * count else 1
    if threads is None or threads <= 1 or torch.are_deterministic_algorithms_enabled():
        for element in source:
            yield call(function, element)
        return
    yield from mapped(lambda element: call(function, element), source, threads)


def map_that_works(source: Iterator[Any], function: Callable, told: bool) -> Iterator[Any]:
    """`call` of each element for which it raises nothing."""
    for element in source:
        try:
            made = call(function, element)
        except Exception as error:
            if told:
                _log.warning("An element is left out: %s: %s", type(error).__name__, error)
            continue
        yield made


def truth(function: Callable, element: Any) -> bool:
    """The answer of a predicate, which must be one truth value."""
    answer = _raw_call(function, element)
    if isinstance(answer, Tensor) and answer.numel() != 1:
        raise ValueError(
            "A predicate must return one truth value for an element; it returned a tensor of shape "
            f"{tuple(answer.shape)}."
        )
    return bool(answer)


def batched(source: Iterator[Any], size: int, drop: bool, join: Callable = stacked) -> Iterator:
    """`size` elements at a time, put together by `join`."""
    while some := list(itertools.islice(source, size)):
        if len(some) == size or not drop:
            yield join(some)


def taken_while(source, function):
    for element in source:
        if not truth(function, element):
            return
        yield element


def scanned(source, state, function):
    """The second parts of what `function(state, element)` returns; the first is the next state."""
    for element in source:
        result = function(state, element)
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError("scan_func must return (new_state, output).")
        state, made = structure(result)
        yield made


def interleaved(source, inner: Callable[[Any], Iterator[Any]], cycle: int, block: int):
    """Elements of `cycle` inner data sets by turns, `block` from each."""
    slots: list[Iterator | None] = [None] * cycle
    place, ended = 0, False
    while not ended or any(slot is not None for slot in slots):
        if slots[place] is None and not ended:
            try:
                slots[place] = inner(next(source))
            except StopIteration:
                ended = True
        if slots[place] is not None:
            some = list(itertools.islice(slots[place], block))
            yield from some
            if len(some) < block:
                slots[place] = None
        place = (place + 1) % cycle


def windows(source, size: int, shift: int, stride: int, drop: bool) -> Iterator[list[Any]]:
    """Lists of `size` elements, `stride` apart; each list begins `shift` after the one before."""
    span = (size - 1) * stride + 1
    held: list[Any] = []
    skip = 0
    ended = False
    while True:
        while not ended and len(held) < span:
            try:
                element = next(source)
            except StopIteration:
                ended = True
                break
            if skip:
                skip -= 1
            else:
                held.append(element)
        if not held or (drop and len(held) < span):
            return
        yield held[::stride][:size]
        skip = max(0, shift - len(held))
        held = held[shift:]


def distinct(source) -> Iterator[Any]:
    seen = set()
    for element in source:
        if not (found := leaves(element)) or len(found) > 1:
            raise TypeError("unique needs elements of one component.")
        leaf = found[0]
        key = leaf.item() if leaf.ndim == 0 else (tuple(leaf.shape), str(leaf.tolist()))
        if key not in seen:
            seen.add(key)
            yield element


def grouped(source, key_of: Callable, reduce: Callable, size_of: Callable) -> Iterator[Any]:
    """`reduce(key, elements)` of each `size_of(key)` elements with one key, then of the rest."""
    groups: dict[int, list] = defaultdict(list)
    for element in source:
        key = int(_raw_call(key_of, element))
        groups[key].append(element)
        size = int(size_of(torch.tensor(key)))
        if size <= 0:
            raise ValueError(f"The window size of group {key} must be positive; it is {size}.")
        if len(groups[key]) == size:
            yield from reduce(torch.tensor(key), groups.pop(key))
    for key in sorted(groups):
        yield from reduce(torch.tensor(key), groups[key])


def padded(elements: list[Any], shapes: Any, values: Any) -> Any:
    """Elements padded at the ends of their axes to one shape, and stacked.

    `shapes` and `values` nest as an element does, or are one for all components; None in a shape
    is the longest of the batch. Zeros and empty texts are the default values.
    """
    parts = [leaves(element) for element in elements]
    like = elements[0]
    shapes = _beside(like, shapes, "padded_shapes")
    values = _beside(like, values, "padding_values")
    rows = zip(zip(*parts, strict=True), shapes, values, strict=True)
    return filled(like, [stacked(_to_one_shape(*row)) for row in rows])


def _beside(like, given, argument):
    """For each component of `like` what `given` holds for it; None for all where it is None."""
    if isinstance(like, dict) and isinstance(given, dict):
        if set(like) != set(given):
            raise ValueError(f"{argument} has keys {list(given)}; the elements have {list(like)}.")
        return [found for key in like for found in _beside(like[key], given[key], argument)]
    if isinstance(like, tuple) and isinstance(given, tuple):
        if len(like) != len(given):
            raise ValueError(f"{argument} has {len(given)} parts; the elements have {len(like)}.")
        pairs = zip(like, given, strict=True)
        return [found for one, other in pairs for found in _beside(one, other, argument)]
    if isinstance(like, (tuple, dict)) and isinstance(given, (list, dict)):
        raise ValueError(f"{argument} must nest as the elements do; received {given!r}.")
    return [given] * len(leaves(like))


def _to_one_shape(row, shape, value):
    rank = row[0].ndim
    shape = [None] * rank if shape is None else list(shape)
    if len(shape) != rank:
        raise ValueError(f"padded_shapes has {len(shape)} axes for a component of rank {rank}.")
    longest = [max(leaf.shape[axis] for leaf in row) for axis in range(rank)]
    for axis, wanted in enumerate(shape):
        if wanted not in (None, -1):
            if longest[axis] > wanted:
                raise ValueError(
                    f"Cannot pad axis {axis} to {wanted}: an element is {longest[axis]} long there."
                )
            longest[axis] = int(wanted)
    return [_padded_leaf(leaf, longest, value) for leaf in row]


def _padded_leaf(leaf, shape, value):
    inside = tuple(slice(0, size) for size in leaf.shape)
    if isinstance(leaf, Strings):
        whole = np.full(shape, "" if value is None else str(value), dtype=object).view(Strings)
        whole[inside] = leaf
        return whole
    whole = leaf.new_full(shape, 0 if value is None else value)
    whole[inside] = leaf
    return whole
