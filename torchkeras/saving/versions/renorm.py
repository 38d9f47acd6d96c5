"""Batch renormalization as TensorFlow kept it until 1.13.

Its averages of means and deviations began at zero, each with the share of the batches that were in
it so far; the moving deviation of today was told by the moving variance alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

AVERAGES = {"renorm_mean": 0.0, "renorm_stddev": 1.0}  # with what they are where no batch was seen
DEVIATION = "moving_stddev"
VARIANCE = "moving_variance"


def is_average(weight: Any) -> bool:
    """Whether a weight is one of the averages that had a share beside it."""
    return _name(weight) in AVERAGES and bool(getattr(weight.layer, "renorm", False))


def _name(weight):
    """What a weight is called in its layer; '' for a variable that stands alone."""
    return weight.weight.name if hasattr(weight, "weight") else ""


def whole(average: np.ndarray, share: np.ndarray, name: str) -> np.ndarray:
    """An average in full.

    >>> whole(np.array([0.5, 1.0]), np.array(0.25), "renorm_mean").tolist()
    [2.0, 4.0]
    """
    return average / share if share.all() else np.full_like(average, AVERAGES[name])


def deviation(variance: np.ndarray, layer: Any) -> np.ndarray:
    """The moving deviation that goes with a moving variance."""
    return np.sqrt(variance + np.asarray(layer.epsilon, variance.dtype))


def of_today(
    values: list[tuple[Any, np.ndarray]], shares: dict[int, np.ndarray]
) -> list[tuple[Any, np.ndarray]]:
    """Weights and their values, with full averages in the place of those that have a share."""
    layers = {id(weight.layer) for weight, _ in values if id(weight) in shares}
    found = []
    for weight, value in values:
        name, share = _name(weight), shares.get(id(weight))
        found.append((weight, value if share is None else whole(value, share, name)))
        if name == VARIANCE and id(weight.layer) in layers:
            rows = [row for row in weight.layer._weights if row.weight.name == DEVIATION]
            found += [(row, deviation(value, weight.layer)) for row in rows]
    return found
