"""What `Discretization` learned, in `.keras` files.

tf.keras and Keras 3 find no boundaries in what an archive holds of such a layer, so they are told
in its config, as if they had been given. What `adapt` needs to go on stands beside, where neither
of them looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...layers.numeric import Discretization
from ...names import module_name

BESIDE = "adapted"  # the group inside of a layer's that only torchkeras reads
_INSIDE = ("layer", "forward_layer", "backward_layer")


def tell_boundaries(config: dict[str, Any], model: Any) -> list[Discretization]:
    """Change the config of a model in place; the layers whose boundaries it tells now."""
    told = []
    for entry, layer in _pairs(config, model):
        learned = type(layer) is Discretization and layer.num_bins is not None
        if learned and layer.bin_boundaries and entry.get("class_name") == "Discretization":
            entry["num_bins"] = layer.num_bins  # beside the config, which takes one of the two
            entry["config"] |= {"bin_boundaries": list(layer.bin_boundaries), "num_bins": None}
            told.append(layer)
    return told


def _pairs(entry: Any, layer: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    """The entries of a config with the layers that they describe."""
    inner = entry.get("config") if isinstance(entry, dict) else None
    if not isinstance(inner, dict):
        return
    yield entry, layer
    for key in _INSIDE:
        if hasattr(layer, key):
            yield from _pairs(inner.get(key), getattr(layer, key))
    layers = {module_name(one): one for one in getattr(layer, "layers", ())}
    for one in inner.get("layers") or ():
        name = one.get("config", {}).get("name") if isinstance(one, dict) else None
        if name in layers:
            yield from _pairs(one, layers[name])
