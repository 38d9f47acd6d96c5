"""Weights in `.keras` and `.weights.h5` files: one group for each object inside of a model.

Keras 2.13 to 2.15 and Keras 3 look for some objects at different places; what is written here
stands at both, as hard links to one array.
"""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arrays import to_numpy
from ..names import module_name, to_snake_case
from . import h5, h5_writer
from .archive import ASSETS, Archive
from .objects import Place, places
from .versions.boundaries import BESIDE
from .versions.conversions import Source
from .weights import Plan, shape_problem

_log = logging.getLogger("torchkeras")
_OLD_LAYERS = "_layer_checkpoint_dependencies"  # what Keras 2.12 and 2.13 call 'layers'
_IN_CONFIGS_OF_3 = ("Discretization",)  # what it learned is no weight there
_NO_WEIGHTS = ("optimizer", "metrics", "_metrics")  # groups at the root that hold other state


# --- writing ---------------------------------------------------------------------------------


def write_objects(root: h5_writer.Writer, model: Any, told: Sequence[Any] = ()) -> None:
    """Fill an open file with the weights of all objects in `model`.

    Those of the layers in `told` stand where only torchkeras looks, as the config has them.
    """
    root.group("vars")
    found = [places(model, version, lambda path: None) for version in (2, 3)]
    of_two, of_three = ([place for place in every if place.weights] for every in found)
    at_two = {place.path: place for place in of_two}
    first = {place.key: place.path for place in of_two}
    clash = [p.path for p in of_three if p.path in at_two and at_two[p.path].key != p.key]
    if clash:
        _log.warning(
            "Keras 2 and Keras 3 expect different layers of model %r at %s; the file is one that "
            "Keras 2.15 reads.",
            model.name,
            clash[0],
        )
    for place in of_two:
        _write_place(root, place, not clash, told)
    for place in of_three if not clash else []:
        if place.key not in first:  # in a list inside of a list, where only Keras 3 looks
            _write_place(root, place, True, told)
        elif place.path != first[place.key]:
            root.link(_variables(place.path), _variables(first[place.key]))
    _write_frequencies(root, [place for every in found for place in every])
    _write_metrics(root, model)


def _write_place(root, place, named, told):
    """`named`: the names tell a reader that the places are those of Keras 3 too."""
    group = root.group(_variables(place.path))
    if named:
        group.text("name", module_name(place.owner), as_bytes=False)
    if any(place.owner is layer for layer in told):
        group = root.group(_variables(f"{place.path}/{BESIDE}".lstrip("/")))
    for number, weight in enumerate(place.weights):
        group.array(str(number), to_numpy(weight.value))


def _variables(path):
    return f"{path}/vars" if path else "vars"


def _write_frequencies(root, places):
    """Inverse document frequencies of words, which Keras asks of a layer that has words inside too.

    They are no weights, and are in the config as well.
    """
    owners = {p.path: p.owner for p in places if hasattr(p.owner, "load_vocabulary")}
    inside = [owner._lookup for owner in owners.values() if hasattr(owner, "_lookup")]
    for path, owner in owners.items():
        held: dict[str, np.ndarray] = {}
        owner.save_own_variables(held)
        if "idf_weights" in held and not any(owner is one for one in inside):
            root.group(_variables(path)).array("idf_weights", held["idf_weights"])
            if hasattr(owner, "_lookup"):
                inner = f"{path}/_lookup_layer".lstrip("/")
                root.link(_variables(inner), _variables(path))


def _write_metrics(root, model):
    """Empty states of metrics, without which Keras 2 refuses to load into a trained model."""
    counts: Counter[str] = Counter()
    for metric in getattr(model, "metrics", ()):
        variables = getattr(metric, "variables", None)
        kind = to_snake_case(type(metric).__name__) if variables else "mean"
        number, counts[kind] = counts[kind], counts[kind] + 1
        group = root.group(f"metrics/{kind}_{number}/vars" if number else f"metrics/{kind}/vars")
        shapes = [tuple(v.shape) for v in variables] if variables else [(), ()]
        for index, shape in enumerate(shapes):
            group.array(str(index), np.zeros(shape, "float32"))


# --- reading ---------------------------------------------------------------------------------


def is_of_objects(root: h5.Node) -> bool:
    """Whether a file is laid out by objects and not by layer names."""
    of_layers = root.has_attribute("layer_names") or root.has_attribute("layer_names0")
    if of_layers or "model_weights" in root:
        return False
    return "layers" in root or _OLD_LAYERS in root or "vars" in root or bool(_groups(root))


def count(root: h5.Node) -> int:
    """How many numbers the arrays of the model hold together."""
    arrays = []
    stack = [root.group(name) for name in _groups(root)]
    seen = {group.key for group in stack}
    if "vars" in root:
        stack.append(root.group("vars"))
    while stack:
        group = stack.pop()
        for child in map(group.child, group.names()):
            if isinstance(child, h5.Dataset):
                arrays.append(child)
            elif child.key not in seen:
                seen.add(child.key)
                stack.append(child)
    return h5.count(root, arrays)


def _groups(root):
    return [name for name in root.names() if name not in _NO_WEIGHTS and root.is_group(name)]


def by_objects(root: h5.Node, model: Any, skip_mismatch: bool = False) -> Plan:
    """The plan that gives each object of a model the arrays at its place in the file.

    ValueError, naming the layer, where some are absent or have another shape; with
    `skip_mismatch` that is a warning, and the object keeps its weights.
    """
    stored = _Stored(root)
    plans = []
    for version in _versions(stored):
        plan, problems = _planned(stored, places(model, version, stored.name_at))
        if not problems:
            return plan
        plans.append((plan, problems))
    plan, problems = max(plans, key=lambda found: len(found[0].pairs))
    if not skip_mismatch:
        raise ValueError(problems[0])
    for problem in problems:
        warnings.warn(f"{problem} It keeps its values.", stacklevel=4)
    return plan


def _versions(stored: _Stored) -> tuple[float, ...]:
    """The versions of Keras that may have written a file, the most likely first."""
    if stored.old:
        return (2.12, 2, 3)
    if stored.remembers_names or not _has_empty_groups(stored.root):
        return (3, 2)
    return (2, 3)


def read_vocabularies(root: h5.Node, model: Any, file: Archive) -> None:
    """Give layers that learned a vocabulary what the archive holds of it beside the weights."""
    stored = _Stored(root)

    def held(version):
        """Places of layers and the members that have their words."""
        for place in places(model, version, stored.name_at):
            asset = f"{ASSETS}{stored.spelled(place.path)}/vocabulary.txt"
            if asset in file.names and hasattr(place.owner, "load_vocabulary"):
                yield place, asset

    for place, asset in max((list(held(v)) for v in _versions(stored)), key=len):
        place.owner.load_vocabulary(file.bytes(asset).decode("utf-8"))
        path = stored.spelled(f"{place.path}/vars")
        group = root.group(path) if root.has(path) else ()
        if "idf_weights" in group:
            weights = group.dataset("idf_weights").read()
            place.owner.load_own_variables({"idf_weights": weights})


class _Stored:
    """The groups of a file by their path."""

    def __init__(self, root):
        self.root, self.old = root, _OLD_LAYERS in root
        top = [f"{name}/vars" for name in _groups(root)] + ["vars"]
        self.remembers_names = any(self._has_name(path) for path in top) or any(
            self._has_name(f"layers/{name}/vars")
            for name in (root.group("layers").names() if "layers" in root else ())
        )

    def _has_name(self, path):
        return self.root.has(path) and self.root.group(path).has_attribute("name")

    def arrays(self, path) -> list[h5.Dataset]:
        """The arrays of an object: '0', '1', ... of its group, or none."""
        path = _variables(path)
        if self.old and not self.root.has(path):
            steps = [_OLD_LAYERS if step == "layers" else step for step in path.split("/")]
            path = "/".join(steps)
        if not self.root.has(path):
            return []
        group = self.root.group(path)
        names = group.names()
        if sorted(names) != sorted(str(number) for number in range(len(names))):
            raise ValueError(f"{self.root.file}: {group.path} does not number its arrays.")
        return [group.dataset(str(number)) for number in range(len(names))]

    def spelled(self, path) -> str:
        """A path as the file has it, in which 'layers' may have another name."""
        if not self.old:
            return path
        return "/".join(_OLD_LAYERS if step == "layers" else step for step in path.split("/"))

    def name_at(self, path) -> str | None:
        """The name of the layer that was written at `path`, if the file tells it."""
        if not self._has_name(f"{path}/vars"):
            return None
        return self.root.group(f"{path}/vars").text("name")


def _has_empty_groups(root):
    """Keras 2 makes a group for objects without variables too, and remembers no names."""
    return "vars" in root and not root.group("vars").has_attribute("name")


def _planned(stored: _Stored, wanted: list[Place]) -> tuple[Plan, list[str]]:
    plan, problems = Plan(), []
    for place in wanted:
        if not place.weights:
            continue
        arrays = stored.arrays(place.path) or stored.arrays(f"{place.path}/{BESIDE}".lstrip("/"))
        where = f"layer {module_name(place.owner)!r}"
        if not arrays and type(place.owner).__name__ in _IN_CONFIGS_OF_3:
            continue
        if len(arrays) != len(place.weights):
            problems.append(
                f"{stored.root.file}: weight count mismatch for {where}: it has "
                f"{len(place.weights)} weights, the file has {len(arrays)} at "
                f"/{place.path}/vars."
            )
            continue
        for weight, array in zip(place.weights, arrays, strict=True):
            source = Source([array])
            if weight.fits(source.shape):
                plan.pairs.append((weight, source))
            else:
                problems.append(shape_problem(stored.root.file, where, weight, source))
    return plan, problems
