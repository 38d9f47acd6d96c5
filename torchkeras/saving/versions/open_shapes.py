"""The input shape of a Sequential whose file does not tell it.

Keras 2.2 left the shape out where a Sequential began with an InputLayer, and does not load such
files itself. The first array tells how many features there are; the rank is the lowest at which
all layers take each other's outputs and get the shapes of the arrays in the file.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

from ...names import module_name
from .. import h5, weights

_log = logging.getLogger("torchkeras")
_PROBE = (2, 3, 4)
_RANKS = (2, 3, 4, 5)
_OF_INTEGERS = "Embedding"  # its array does not tell the axes of its input


def built(model: Any, stored: h5.Node, anew: Callable[[], Any]) -> Any:
    """The model that `anew` makes, built for a shape at which its weights are those in `stored`.

    ValueError where there is none.
    """
    for shape in _shapes(model, stored):
        found = anew()
        try:
            found.build(shape)
            weights.by_order(stored, found)
        except Exception:  # layers of users may raise anything
            continue
        _log.warning(
            "%s does not tell the input shape of model %r; by its weights it is %s.",
            stored.file,
            found.name,
            shape,
        )
        return found
    raise ValueError(
        f"{stored.file}: the model has no input shape, so it has no weights to load. Make the "
        "model with an input shape and use load_weights()."
    )


def _shapes(model: Any, stored: h5.Node) -> Iterator[tuple[int | None, ...]]:
    names = set(stored.texts("layer_names"))
    for layer in model.layers:
        group = stored.group(module_name(layer)) if module_name(layer) in names else None
        arrays = group.texts("weight_names") if group is not None else []
        if arrays:
            yield from _fitting(layer, group.dataset(arrays[0]).shape)
            return
        if not _keeps_shapes(layer):
            return


def _keeps_shapes(layer):
    try:
        return tuple(layer.compute_output_shape((*_PROBE, 5))) == (*_PROBE, 5)
    except (ValueError, TypeError, NotImplementedError):
        return False


def _fitting(layer, kernel):
    if type(layer).__name__ == _OF_INTEGERS:
        yield (None, None)
    elif kernel:
        size = kernel[-2] if len(kernel) > 1 else kernel[0]
        for rank in _RANKS:
            between = (None,) * (rank - 2)
            first = getattr(layer, "data_format", None) == "channels_first"
            yield (None, size, *between) if first else (None, *between, size)
