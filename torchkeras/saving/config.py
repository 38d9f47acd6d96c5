"""Configs of models as files hold them: JSON of every Keras 2, checked before it builds a model."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from .. import tree
from ..configs import plain
from ..layer import TABLE
from ..precision import dtype_name
from ..registry import custom_object_scope, get_registered_name, sharing
from .functions import bytecode
from .versions import keras1
from .versions.operators import for_tensorflow
from .versions.spellings import for_archives, has_other_meaning, modern

_log = logging.getLogger("torchkeras")
LARGEST = 64 * 2**20
_LONGEST_NAME = 1000
_LATER = {"InputLayer": {"optional": False}}  # 2.15 does not know it; left out where it is off
_NO_LAYERS = ("AddLoss", "AddMetric")  # entries for `model.add_loss` and `add_metric`
_WRAPPED = ("layer", "forward_layer", "backward_layer", "cell", "cells")


# --- writing ---------------------------------------------------------------------------------


def json_text(config: Any, **json_kwargs: Any) -> str:
    """JSON text of a config, with arrays, tensors and dtypes as plain values."""
    return json.dumps(config, default=_json_value, **json_kwargs)


def model_config(model: Any) -> dict[str, Any]:
    """Class and config of a model, which every tf.keras from 2.15 on understands."""
    return {"class_name": type(model).__name__, "config": _for_all(model.get_config())}


def _for_all(value):
    if isinstance(value, (list, tuple)):
        return [_for_all(item) for item in value]
    if not isinstance(value, dict):
        return value
    value = {key: _for_all(item) for key, item in value.items()}
    if value.get("class_name") == "KerasOperation" and "inbound_nodes" in value:
        value = for_tensorflow(value)
    later = _LATER.get(str(value.get("class_name")))
    if later and isinstance(value.get("config"), dict):
        kept = {k: v for k, v in value["config"].items() if k not in later or later[k] != v}
        value["config"] = kept
    return value


def legacy_model_config(model: Any) -> dict[str, Any]:
    """The `model_config` of an HDF5 file: layers without the `module` that newer formats have."""
    config = model_config(model)
    return {**config, "config": _with_legacy_layers(config["config"])}


def layer_entry(layer: Any) -> dict[str, Any]:
    """Class and config of one layer or model as `legacy_model_config` writes it inside."""
    name = get_registered_name(type(layer))
    entry = _for_all({"class_name": name, "config": layer.get_config()})
    return {**entry, "config": _with_legacy_layers(entry["config"])}


def archive_config(model: Any, version: int) -> dict[str, Any]:
    """The `config.json` of a `.keras` file, which tf.keras 2.15 and Keras 3 understand."""
    config = plain(TABLE.serialize(model))
    if getattr(model, "_graph", None) is None and model.get_build_config() is not None:
        config["build_config"] = plain(model.get_build_config())
    if version == 3 and has_other_meaning(config):
        _log.warning(
            "Model %r computes with the hard_sigmoid of Keras 2; Keras 3 means another function by "
            "that name, so there the file gives other results.",
            model.name,
        )
    return for_archives(config, version)


def _with_legacy_layers(config):
    if not isinstance(config, dict) or not isinstance(config.get("layers"), list):
        return config
    return {**config, "layers": [_legacy_layer(entry) for entry in config["layers"]]}


def _legacy_layer(entry):
    if not isinstance(entry, dict) or "class_name" not in entry:
        return entry
    name = entry.get("registered_name") or entry["class_name"]
    kept = {key: value for key, value in entry.items() if key in ("name", "inbound_nodes")}
    return {"class_name": name, "config": _with_legacy_layers(entry["config"]), **kept}


def _json_value(value):
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().tolist()
    if isinstance(value, (torch.dtype, np.dtype)):
        return dtype_name(value)
    if hasattr(value, "get_config") and not isinstance(value, type):
        return {"class_name": type(value).__name__, "config": value.get_config()}
    if callable(value):
        name = getattr(value, "__name__", "<none>")
        return bytecode.encoded(value) if name.startswith("<") else name
    raise TypeError(f"{value!r} in a config cannot be written as JSON; use plain values.")


# --- reading ---------------------------------------------------------------------------------


def from_json(text: str, where: str = "The JSON text") -> dict[str, Any]:
    """The dictionary that JSON text holds; ValueError, naming `where`, if it holds none."""
    if len(text) > LARGEST:
        raise ValueError(f"{where} is larger than {LARGEST} characters.")
    try:
        config = json.loads(text)
        if isinstance(config, str):  # json.dump(model.to_json(), file) puts a text into a text
            config = json.loads(config)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where} is not valid JSON: {error}") from error
    if not isinstance(config, dict):
        raise ValueError(f"{where} is not a JSON object.")
    return config


def build_model(
    config: dict[str, Any],
    custom_objects: dict[str, Any] | None = None,
    where: str = "The config",
    safe_mode: bool = True,
) -> Any:
    """The model, with fresh weights, that a config of any Keras 2 describes.

    A function in `custom_objects` under the name of a `Lambda` layer takes the place of its code.
    ValueError, naming `where`, for a layer that is not known or that would run code.
    """
    try:
        config = bytecode.replaced(modern(keras1.completed(config)), custom_objects or {})
        if safe_mode is not False:  # only that word, given in the call, opens the door
            check_code(config, where)
        else:
            config = bytecode.decoded(config, where, custom_objects)
        with custom_object_scope(custom_objects), sharing():
            _check_known(config, where)
            try:
                with warnings.catch_warnings():
                    # what old files spell is no news to who reads them
                    warnings.simplefilter("ignore", DeprecationWarning)
                    return TABLE.deserialize(config, custom_objects)
            except Exception as error:
                raise ValueError(f"{where}: {_culprit(config)}{_said(error)}") from error
    except RecursionError as error:
        raise ValueError(f"{where} is nested too deeply.") from error


def check_code(config: Any, where: str) -> None:
    """ValueError where a config holds Python code, which nothing here decodes."""
    for entry in tree.dicts(config):
        if _holds_code(entry):
            raise ValueError(
                f"{where}: {_called(entry)} holds Python code, which could do anything when it "
                "runs; it is refused. Pass the function in custom_objects under the name of the "
                "layer, or give it a name, register it and save the model again. If you trust "
                "whoever made the file, safe_mode=False runs it."
            )


def _holds_code(entry):
    name = entry.get("class_name")
    if name == "__lambda__":
        return True
    inner = entry.get("config")
    if not isinstance(name, str) or name.split(">")[-1] != "Lambda" or not isinstance(inner, dict):
        return False
    kinds = ("function_type", "output_shape_type", "mask_type")
    return any(inner.get(kind) == "lambda" for kind in kinds) or isinstance(
        inner.get("function"), list
    )


def _layer_entries(config: Any) -> Iterator[dict]:
    """The configs of all layers in a model's config, nested and wrapped ones included."""
    stack = [config]
    while stack:
        entry = stack.pop()
        if not isinstance(entry, dict) or not isinstance(entry.get("class_name"), str):
            continue
        yield entry
        inner = entry.get("config")
        if isinstance(inner, dict):
            layers = inner.get("layers")
            stack.extend(layers if isinstance(layers, list) else ())
            for key in _WRAPPED:
                wrapped = inner.get(key)
                stack.extend(wrapped if isinstance(wrapped, list) else [wrapped])


def _check_known(config, where):
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
        raise ValueError(f"{where} has no 'class_name'; it is not the config of a model.")
    for entry in _layer_entries(config):
        registered = entry.get("registered_name")
        for name in (entry["class_name"], registered, entry.get("name"), _name(entry)):
            if isinstance(name, str) and len(name) > _LONGEST_NAME:
                raise ValueError(f"{where}: the name {name[:50]!r}... is too long.")
        if entry["class_name"] in _NO_LAYERS:
            continue
        try:
            TABLE.find(entry["class_name"])
        except ValueError as error:
            try:
                TABLE.find(registered or "")
            except ValueError:
                raise ValueError(f"{where}: {_called(entry)}: {error}") from None


def _name(entry):
    inner = entry.get("config")
    return inner.get("name") if isinstance(inner, dict) else None


def _called(entry):
    """How messages call the layer of an entry."""
    name = _name(entry) or entry.get("name")
    return f"layer {name[:100]!r}" if isinstance(name, str) else "a layer without a name"


def _culprit(config):
    """'layer NAME (CLASS): ' for the first layer that cannot be made alone, or ''."""
    for entry in _layer_entries(config):
        inner = entry.get("config")
        if isinstance(inner, dict) and "layers" in inner:
            continue
        try:
            TABLE.deserialize(entry)
        except Exception:
            return f"{_called(entry)} ({entry['class_name']}) cannot be made: "
    return "the model cannot be made: "


def _said(error):
    if isinstance(error, KeyError):
        return f"{error} is missing."
    text = str(error) or type(error).__name__
    return text if len(text) < 1000 else text[:1000] + " ..."
