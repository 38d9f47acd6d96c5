"""Sequential models of Keras 1 that begin with a Merge of branches, as functional models."""

from __future__ import annotations

from typing import Any


def merged_sequential(entries: list[Any], name: str) -> dict[str, Any] | None:
    """The config of a functional model for the layers of a Sequential; None where none merges.

    The layers of branches that are models stand in it one by one, as they stand in files.
    """
    if not _merges(entries):
        return None
    graph = _Graph()
    end = graph.add_sequential(entries)
    return {
        "name": name,
        "layers": graph.layers,
        "input_layers": graph.inputs,
        "output_layers": [end],
    }


def _merges(entries):
    """Whether the first layer joins several inputs, itself or by its own first layer."""
    first = entries[0] if entries and isinstance(entries[0], dict) else {}
    if first.get("class_name") == "Merge":
        return isinstance(first["config"].get("layers"), list)
    return first.get("class_name") == "Sequential" and _merges(_layers_of(first))


def _layers_of(entry):
    inner = entry["config"]
    return inner if isinstance(inner, list) else inner["layers"]


class _Graph:
    """Layers and their calls, each as `[layer name, number of the call, number of the output]`."""

    def __init__(self):
        self.layers: list[dict[str, Any]] = []
        self.inputs: list[list] = []

    def add_sequential(self, entries):
        """Append layers that are called one after the other; the last call."""
        end = None
        for entry in entries:
            end = self._add(entry, end)
        return end

    def _add(self, entry, end):
        kind, inner = entry["class_name"], entry["config"]
        if kind == "Merge":
            branches = inner["layers"]
            settings = {key: value for key, value in inner.items() if key != "layers"}
            calls = [self._add_branch(branch) for branch in branches]
            return self._call({**entry, "config": settings}, calls)
        if kind == "InputLayer":
            return self._add_input(inner["name"], inner)
        if end is not None:
            return self._call(entry, [end])
        shapes = _shapes(entry)
        base = inner["name"] if isinstance(inner, dict) else self._free("sequential")
        names = [f"{base}_input{number or ''}" for number in range(len(shapes))]
        inputs = [self._add_input(*one) for one in zip(names, shapes, strict=True)]
        return self._call(entry, inputs)

    def _add_branch(self, branch):
        if branch["class_name"] == "Sequential":
            return self.add_sequential(_layers_of(branch))
        if "layers" not in branch["config"]:
            return self._add(branch, None)
        inner = branch["config"]
        self.layers += [entry for entry in inner["layers"] if not self._has(entry["name"])]
        self.inputs += [place for place in inner["input_layers"] if place not in self.inputs]
        return inner["output_layers"][0]

    def _add_input(self, name, config):
        shape = {"batch_input_shape": config["batch_input_shape"], "name": name}
        shape["dtype"] = config.get("input_dtype") or config.get("dtype") or "float32"
        entry = {"class_name": "InputLayer", "name": name, "config": shape, "inbound_nodes": []}
        if not self._has(name):
            self.layers.append(entry)
            self.inputs.append([name, 0, 0])
        return [name, 0, 0]

    def _call(self, entry, calls):
        """Note a call; one more of a layer that is there already, where branches share it."""
        inner = entry["config"]
        name = inner.get("name") if isinstance(inner, dict) else None
        name = name or self._free(entry["class_name"].lower())
        if isinstance(inner, dict):
            inner = {**inner, "name": name}
        found = next((known for known in self.layers if known["name"] == name), None)
        if found is None:
            found = {**entry, "name": name, "config": inner, "inbound_nodes": []}
            self.layers.append(found)
        found["inbound_nodes"].append(calls)
        is_model = isinstance(inner, list) or "layers" in inner  # made by a call that counts
        return [name, len(found["inbound_nodes"]) - (not is_model), 0]

    def _has(self, name):
        return any(entry["name"] == name for entry in self.layers)

    def _free(self, base):
        number = 1
        while self._has(f"{base}_{number}"):
            number += 1
        return f"{base}_{number}"


def _shapes(entry):
    """The settings of a layer or nested model that tell its inputs."""
    inner = entry["config"]
    if entry["class_name"] == "Sequential":
        first = _layers_of(entry)[0]
        if first["class_name"] == "Merge":
            return [shape for branch in first["config"]["layers"] for shape in _shapes(branch)]
        return _shapes(first)
    if "input_layers" in inner:
        by_name = {one["name"]: one["config"] for one in inner["layers"]}
        return [by_name[name] for name, *_ in inner["input_layers"]]
    return [inner]
