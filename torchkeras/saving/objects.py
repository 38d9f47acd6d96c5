"""The objects inside a model, by the places that `.keras` and `.weights.h5` files give them.

Such a file holds the variables of each layer in a group that is named after the attributes that
lead to it: `layers/dense/vars/0`. Keras 2.12, 2.13 to 2.15 and Keras 3 follow the attributes in
different orders, and an object stands where it is met first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import nn

from ..layer import Layer
from ..names import module_name, to_snake_case
from ..tracking import TrackedDict, TrackedList
from ..variable import LayerWeight
from ..weighted import weights_of

# Weights of one layer here that Keras keeps in a layer inside of it: scope -> attribute there.
_INNER = {"query": "query_dense", "key": "key_dense", "value": "value_dense"}
_INNER["attention_output"] = "output_dense"


@dataclass
class Place:
    """An object with weights of its own, and where a file has them."""

    path: str
    owner: nn.Module
    weights: list[LayerWeight]

    @property
    def key(self) -> tuple[int, int]:
        """The same for one object in both orders."""
        return id(self.owner), id(self.weights[0].weight) if self.weights else 0


def places(model: Any, version: float, name_at: Callable[[str], str | None]) -> list[Place]:
    """All objects of a model in the order of Keras `version`: 2, 3 or 2.12.

    Layers of one class are told apart by their order, or by the names that the file remembers:
    `name_at(path)`, None where it has none.
    """
    return _Walk(version, name_at).run(model)


class _Walk:
    def __init__(self, version, name_at):
        self.version, self.name_at = version, name_at
        self.seen: set[int] = set()
        self.found: list[Place] = []

    def run(self, model):
        self._visit(model, "")
        return self.found

    def _visit(self, owner, path):
        if id(owner) in self.seen:
            return
        self.seen.add(id(owner))
        own: dict[str, list[LayerWeight]] = {"": []}
        for weight in _own_weights(owner):
            own.setdefault(self._inside(owner, weight), []).append(weight)
        for inner, weights in own.items():
            self.found.append(Place(_join(path, inner), owner, weights))
        if isinstance(owner, Layer):
            for attribute, value in self._attributes(owner):
                if isinstance(value, nn.Module):
                    self._visit(value, _join(path, attribute))
                else:
                    self._visit_all(value, _join(path, attribute))

    def _inside(self, owner, weight):
        """The attribute of a layer inside that Keras gives this weight to, or ''."""
        scope = weight.weight.scope or ""
        kinds = type(owner).__mro__
        library = kinds[0].__module__.startswith("torchkeras.") or weight.weight in owner.weight_map
        of_cell = scope.endswith("_cell") or any(k.__name__.startswith("ConvLSTM") for k in kinds)
        if library and of_cell:
            return "cell"
        head = weight.weight.name.rpartition("/")[0] or scope
        if head in _INNER and library:
            return ("" if self.version == 3 else "_") + _INNER[head]
        return ""

    def _attributes(self, owner):
        """The attributes that hold layers, or lists and dicts of them."""
        found = dict(_attributes(owner))
        if hasattr(owner, "_graph"):
            found["layers"] = list(owner.layers)
        names = sorted(found, reverse=self.version == 2)
        if self.version == 2.12:  # what it calls '_layer_checkpoint_dependencies'
            names.sort(key=lambda name: name != "layers")
        if self.version == 3:
            first = "layers" if getattr(owner, "_graph", None) is not None else None
            names.sort(key=lambda name: (name != first, name.startswith("_"), name))
        return [(name, found[name]) for name in names]

    def _visit_all(self, container, path):
        """The layers in a list or dict: named after their class, with numbers from the second."""
        items = list(container.values() if isinstance(container, dict) else container)
        if self.version == 2.12 and path.split("/")[-1] == "layers":
            items = [one for item in items for one in [item] * (2 if has_weights(item) else 1)]
        counts: dict[str, int] = {}
        layers: dict[str, list[tuple[str, Any]]] = {}
        for item in items:
            nested = isinstance(item, (list, tuple, dict))
            if not nested and not isinstance(item, nn.Module):
                continue
            if nested and self.version != 3 or self.version == 2 and id(item) in self.seen:
                continue
            kind = "container" if nested else to_snake_case(type(item).__name__)
            number = counts.get(kind, 0)
            counts[kind] = number + 1
            place = _join(path, f"{kind}_{number}" if number else kind)
            if nested:
                self._visit_all(item, place)
            else:
                layers.setdefault(kind, []).append((place, item))
        for alike in layers.values():
            for place, item in self._by_name(alike):
                self._visit(item, place)

    def _by_name(self, alike):
        """Pairs of a place and a layer of one class, by name where the file knows all names."""
        stored = [self.name_at(place) for place, _ in alike]
        names = [module_name(item) for _, item in alike]
        if len(set(names)) == len(names) and sorted(map(str, stored)) == sorted(names):
            items = dict(zip(names, (item for _, item in alike), strict=True))
            return [(place, items[name]) for (place, _), name in zip(alike, stored, strict=True)]
        return alike


def has_weights(layer: Any) -> bool:
    """Whether Keras 2 counts a layer among those with weights: also one with a lookup table.

    2.12 lists such a layer twice, so that its class is numbered on.
    """
    return bool(weights_of(layer)) or hasattr(layer, "get_vocabulary")


def _own_weights(owner):
    if not isinstance(owner, Layer):
        return weights_of(owner)
    own = sorted(owner._weights, key=lambda weight: not weight.weight.trainable)
    if type(owner).__name__ == "SpectralNormalization":  # counts the kernel that it divides too
        inner = [w for w in owner.layer._weights if w.weight.name in ("kernel", "embeddings")]
        return inner[:1] + own
    return own


def _attributes(owner) -> Iterator[tuple[str, Any]]:
    of_graph = set(getattr(owner, "_layer_keys", ()))
    library = type(owner).__module__.startswith("torchkeras.")
    rows = getattr(owner, "weight_map", ())
    native = {path.split(".")[0] for row in rows for path in row.paths}  # of one's own subclass too
    for name, module in owner._modules.items():
        if module is None or name in of_graph or name in native and not isinstance(module, Layer):
            continue
        held = owner.__dict__.get(name)
        if isinstance(held, (TrackedList, TrackedDict)):
            yield name, held
        elif isinstance(module, (nn.ModuleList, nn.ModuleDict)):
            yield name, list(module.values() if isinstance(module, nn.ModuleDict) else module)
        elif isinstance(module, Layer) or not library:
            yield name, module


def _join(path, name):
    return f"{path}/{name}" if path and name else path or name
