"""The state of optimizers in the layout of the weights that older versions of Keras trained.

An optimizer keeps, for each array that was trained, one array per slot. Where the arrays of a layer
are converted as they are read (gates kept apart, kernels of Theano), those of its slots are too.
"""

from __future__ import annotations

from typing import Any

from .. import h5, weights
from .conversions import Source

_OF_TODAY = (2, 4)
_SORTED_BEFORE = (2, 0, 6)  # until then Keras trained its weights in the order of their names


def of_today(
    root: h5.Node, model: Any, state: list[tuple[str, h5.Dataset]]
) -> list[tuple[str, h5.Dataset | Source]]:
    """`state`, names and arrays of an HDF5 file, one array per slot and variable of `model`.

    As it is where the file is of a version that keeps weights as they are kept today, or where the
    arrays are not those of the file's weights.
    """
    version = root.text("keras_version") or "1"
    if "model_weights" not in root or "tf" in version or _numbers(version) >= _OF_TODAY:
        return state
    stored = root.group("model_weights")
    read = {id(weight): source for weight, source in weights.by_order(stored, model).pairs}
    if any(id(weight) not in read for weight in model.trainable_variables):
        return state
    wanted = [read[id(weight)] for weight in model.trainable_variables]
    trained = list({part.path: part for source in wanted for part in source.datasets}.values())
    names = _names(stored)
    by_name = _numbers(version) < _SORTED_BEFORE
    order = sorted(names, key=names.get) if by_name else list(names)
    places = {path: place for place, path in enumerate(order)}
    trained.sort(key=lambda part: places[part.path])
    head = [pair for pair in state if pair[1].shape == ()]
    slots = [array for _, array in state[len(head) :]]
    shapes = [part.shape for part in trained]
    if not trained or [array.shape for array in slots] != shapes * (len(slots) // len(trained)):
        return state
    found: list[tuple[str, Any]] = [*head]
    for start in range(0, len(slots), len(trained)):
        kept = {part.path: array for part, array in zip(trained, slots[start:], strict=False)}
        for source in wanted:
            parts = [kept[part.path] for part in source.datasets]
            found.append(("", Source(parts, source.shape, source.convert)))
    return found


def _numbers(version):
    parts = version.split(".")[:3]
    return tuple(int(part) if part.isdecimal() else 0 for part in parts)


def _names(stored):
    """The name of each weight by the path of its array."""
    groups = [stored.group(name) for name in stored.texts("layer_names")]
    return {
        f"{group.path}/{name}": name for group in groups for name in group.texts("weight_names")
    }
