"""An optimizer's state in the orders that the versions of Keras keep it in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import h5


def of_keras_3(optimizer: Any) -> list[np.ndarray]:
    """The values as Keras 3 orders them: the learning rate second, and what its rules add."""
    values = optimizer.get_weights()
    rate = getattr(optimizer, "_schedule", None) is None
    head = [np.asarray(values[0])]
    head += [np.asarray(float(optimizer.learning_rate), "float32")] if rate else []
    return head + _KEEPS.get(type(optimizer).__name__, _as_they_are)(optimizer, values[1:])


def _as_they_are(optimizer, slots):
    return slots


def _sgd(optimizer, slots):
    """Without momentum Keras 3 keeps none."""
    return slots if optimizer.momentum else slots[len(slots) // 2 :] if optimizer.use_ema else []


def _nadam(optimizer, slots):
    """The product of all momenta so far, which follows from the number of steps."""
    steps = np.arange(1, int(optimizer.iterations) + 1)
    momenta = optimizer.beta_1 * (1 - 0.5 * 0.96**steps)
    return [*slots, np.asarray(np.prod(momenta), "float32")]


def _adafactor(optimizer, slots):
    """Row, column and whole averages of each variable; scalars stand for those of a vector."""
    found = dict(zip([v.name for v in optimizer.variables[1:]], slots, strict=True))
    paths = [name.split("/v/", 1)[1] for name in found if "/v/" in name]
    empty = np.zeros((), "float32")
    return [found.get(f"{optimizer.name}/{slot}/{path}", empty) for path in paths for slot in "rcv"]


_KEEPS = {"SGD": _sgd, "Nadam": _nadam, "Adafactor": _adafactor}


def fit(optimizer: Any, state: list[tuple[str, h5.Dataset]]) -> list[h5.Dataset | None]:
    """The arrays of a file in the order of `optimizer.variables`, None where it has none.

    Empty where the file was written before the first step. ValueError if the arrays are not those
    of this optimizer in any version.
    """
    variables = list(optimizer.variables)
    names, wanted = [v.name for v in variables], [tuple(v.shape) for v in variables]
    stored, arrays = dict(state), [array for _, array in state]
    if len(stored) == len(state) and set(stored) == set(names):
        candidates = iter([[stored[name] for name in names]])
    else:
        if len(arrays) <= 1 < len(wanted):  # at most the counter, of steps that were skipped
            return [*arrays, *[None] * (len(wanted) - 1)] if arrays else []
        candidates = _orders(arrays, len(wanted))
    for candidate in candidates:
        shapes = [array.shape if array else shape for array, shape in zip(candidate, wanted)]  # noqa: B905
        if len(candidate) == len(wanted) and shapes == wanted:
            return candidate
    raise ValueError(
        f"{optimizer.name} has {len(wanted)} variables, and those in the file are not alike: "
        f"it has {len(arrays)}."
    )


def _orders(arrays: list[h5.Dataset], count: int) -> Iterator[list[h5.Dataset | None]]:
    """The arrays as the versions of Keras might have meant them."""
    yield arrays
    if not arrays[0].shape:  # Nadam before 2.3: a step counter, no product of momenta
        yield [arrays[0], None, *arrays[1:]]
    yield [None, *arrays]  # no step counter: Keras 1 to 2.2
    scalar = len(arrays) > 1 and arrays[0].shape == () == arrays[1].shape
    if scalar:  # Keras 3
        rest = arrays[2:]
        yield [arrays[0], *rest]
        yield [arrays[0], *rest[:-1]]  # Nadam
        yield [arrays[0], *(array for array in rest if array.shape != ())]  # Adafactor
    if scalar or len(arrays) == 1:
        yield [arrays[0], *arrays[2:], *[None] * (count - max(1, len(arrays) - 1))]
    kept = [array for array in arrays if array.shape != (1,)]
    yield kept  # Adam of Keras 2.1 to 2.3: its place for AMSGrad is empty
    yield [None, *kept]
    if not arrays[0].shape:  # moments of SGD that has no momentum: Keras 1 and 2
        yield arrays[:count]
