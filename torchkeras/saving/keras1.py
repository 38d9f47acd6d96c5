"""Configs of Keras 1 in the spelling of Keras 2; arguments keep their names, which layers know."""

from __future__ import annotations

from typing import Any

_JOINING = {
    "sum": "Add", "mul": "Multiply", "ave": "Average", "max": "Maximum", "min": "Minimum",
    "concat": "Concatenate", "dot": "Dot", "cos": "Dot",
}  # fmt: skip
_CLASSES = {
    "AtrousConvolution1D": "Conv1D", "AtrousConvolution2D": "Conv2D",
    "Convolution1D": "Conv1D", "Convolution2D": "Conv2D", "Convolution3D": "Conv3D",
    "SeparableConvolution2D": "SeparableConv2D", "Deconvolution2D": "Conv2DTranspose",
    "TimeDistributedDense": "Dense",
}  # fmt: skip
_PENALTIES = ("WeightRegularizer", "ActivityRegularizer", "L1L2Regularizer")
_SIGNS = {  # arguments that Keras 2 has not
    "init", "W_regularizer", "W_constraint", "dim_ordering", "input_dtype", "nb_filter", "bias",
    "border_mode", "p", "sigma", "mode", "beta_init", "pool_length", "atrous_rate", "length",
    "inner_init", "dropout_W",
}  # fmt: skip


def is_of_keras_1(name: str, config: dict[str, Any]) -> bool:
    """Whether an entry is spelled as Keras 1 spells it."""
    return name in _CLASSES or name == "Merge" or not _SIGNS.isdisjoint(config)


def as_keras_2(name: str, config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Class and config of one layer."""
    if name == "Merge":
        return _joining(config)
    config = {key: _part(key, value) for key, value in config.items()}
    if "input_dtype" in config:
        config["dtype"] = config.pop("input_dtype") or "float32"
    if name == "Deconvolution2D":
        config.pop("output_shape", None)
    if "atrous_rate" in config and name.startswith("Atrous"):
        config["dilation_rate"] = config.pop("atrous_rate")
    if name != "Embedding":  # told by batch_input_shape, where this is a first layer
        for key in ("input_dim", "input_length"):
            config.pop(key, None)
    if name == "BatchNormalization":
        config.pop("gamma_regularizer", None) or config.pop("beta_regularizer", None)
    return _CLASSES.get(name, name), config


def _part(key, value):
    """A regularizer or constraint, which Keras 1 writes without a config of its own."""
    if not isinstance(value, dict) or "class_name" in value or "name" not in value:
        return value
    settings = {k: v for k, v in value.items() if k != "name"}
    name = "L1L2" if value["name"] in _PENALTIES else value["name"]
    if name == "MaxNorm" and "m" in settings:
        settings["max_value"] = settings.pop("m")
    return {"class_name": name, "config": settings}


def _joining(config):
    mode = config.get("mode")
    if mode not in _JOINING or config.get("mode_type", "raw") != "raw":
        raise ValueError(
            f"layer {config.get('name')!r} merges by Python code, which is not in the file. Build "
            "the model in Python and call load_weights()."
        )
    found = {"name": config.get("name")}
    if mode == "concat":
        found["axis"] = config.get("concat_axis", -1)
    if mode in ("dot", "cos"):
        axes = config.get("dot_axes", -1)
        if isinstance(axes, list) and axes and isinstance(axes[0], list):
            axes = [axis[0] for axis in axes]
        found |= {"axes": axes, "normalize": mode == "cos"}
    return _JOINING[mode], found


def merged_sequential(entries: list[dict[str, Any]]) -> dict[str, Any] | None:
    """A Sequential that starts with a Merge of branches, as the config of a functional model."""
    first = entries[0] if entries and isinstance(entries[0], dict) else {}
    branches = (first.get("config") or {}).get("layers")
    if first.get("class_name") != "Merge" or not isinstance(branches, list):
        return None
    layers: list[dict[str, Any]] = []
    ends = [_add_chain(layers, _layers_of(branch), None) for branch in branches]
    inputs = [entry["name"] for entry in layers if entry["class_name"] == "InputLayer"]
    settings = {key: value for key, value in first["config"].items() if key != "layers"}
    name = settings.setdefault("name", "merge_1")
    calls = [[[end, 0, 0] for end in ends]]
    layers.append({"class_name": "Merge", "name": name, "config": settings, "inbound_nodes": calls})
    end = _add_chain(layers, entries[1:], name)
    return {
        "name": "sequential",
        "layers": layers,
        "input_layers": [[name, 0, 0] for name in inputs],
        "output_layers": [[end, 0, 0]],
    }


def _layers_of(branch):
    if branch.get("class_name") != "Sequential":
        raise ValueError("a Merge of other things than Sequential models is not supported.")
    inner = branch["config"]
    return inner if isinstance(inner, list) else inner["layers"]


def _add_chain(layers, entries, end):
    """Append layers that are called one after the other; the name of the last."""
    for entry in entries:
        config = entry["config"]
        name = config["name"]
        if end is None:
            end = f"{name}_input"
            shape = {"batch_input_shape": config["batch_input_shape"], "name": end}
            shape["dtype"] = config.get("input_dtype") or "float32"
            layers.append(
                {"class_name": "InputLayer", "name": end, "config": shape, "inbound_nodes": []}
            )
        layers.append({**entry, "name": name, "inbound_nodes": [[[end, 0, 0]]]})
        end = name
    return end
