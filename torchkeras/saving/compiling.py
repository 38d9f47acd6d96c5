"""What `compile` was given and the optimizer's state, to and from HDF5 files."""

from __future__ import annotations

import logging
import warnings
from typing import Any

from .. import losses, metrics, optimizers, tree
from ..graph import KerasTensor
from ..registry import custom_object_scope, get_registered_object
from . import h5

_log = logging.getLogger("torchkeras")


# --- writing ---------------------------------------------------------------------------------


def training_config(model: Any) -> dict[str, Any]:
    """The `training_config` of a file: losses, metrics, weights and the optimizer's settings."""
    given = model._compiled.given
    return {
        "loss": _written(given["loss"], losses),
        "metrics": _written_metrics(model, "metrics"),
        "weighted_metrics": _written_metrics(model, "weighted_metrics"),
        "loss_weights": given["loss_weights"],
        "optimizer_config": optimizers.serialize(model.optimizer, use_legacy_format=True),
    }


def _written(value, module):
    if isinstance(value, dict):
        return {key: _written(item, module) for key, item in sorted(value.items())}
    if isinstance(value, (list, tuple)):
        return [_written(item, module) for item in value]
    return module.serialize(value, use_legacy_format=True) if callable(value) else value


def _written_metrics(model, what):
    """Per output, the metrics that the names given to `compile` came to mean."""
    if model._compiled.given[what] is None:
        return None
    kind = "metrics" if what == "metrics" else "weighted"
    found = [getattr(output, kind) or [] for output in _settled_outputs(model)]
    return [[_written(metric, metrics) for metric in listed] for listed in found]


def _settled_outputs(model):
    """The outputs with their metrics; before the first batch labels are taken to fit the loss."""
    compiled = model._compiled
    if compiled._settled and all(output.metrics is not None for output in compiled._outputs):
        return compiled._outputs
    compiled = type(compiled)(**compiled.given, model=model)
    compiled._settle_losses(model.output)
    for output, prediction in zip(compiled._outputs, tree.flatten(model.output), strict=True):
        shape = prediction.shape
        if "sparse" in str(getattr(output.loss, "name", "")):
            shape = (*shape[:-1], 1)
        compiled._settle_metrics(output, KerasTensor(shape), prediction)
    return compiled._outputs


def write_optimizer(file: h5.Writer, optimizer: Any) -> None:
    """Fill the group `optimizer_weights` with the optimizer's state, named as Keras names it."""
    pairs = list(optimizer.named_weights())
    group = file.group("optimizer_weights")
    group.texts("weight_names", [name for name, _ in pairs])
    for name, value in pairs:
        group.array(name, value)


# --- reading ---------------------------------------------------------------------------------


def compile_arguments(
    config: dict[str, Any], model: Any, custom_objects: dict[str, Any] | None
) -> dict[str, Any]:
    """The arguments of `compile` that a `training_config` of any Keras 2 describes."""
    with custom_object_scope(custom_objects), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # what old files spell is no news
        return {
            "optimizer": optimizers.deserialize(config["optimizer_config"], custom_objects),
            "loss": _read(config.get("loss"), losses),
            "metrics": _read_metrics(config.get("metrics"), model),
            "weighted_metrics": _read_metrics(config.get("weighted_metrics"), model),
            "loss_weights": config.get("loss_weights"),
        }


def _read(value, module):
    if isinstance(value, dict) and "class_name" in value:
        return module.deserialize(value)
    if isinstance(value, dict):
        return {key: _read(item, module) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_read(item, module) for item in value]
    if isinstance(value, str):
        return get_registered_object(value) or value
    return value


def _read_metrics(config, model):
    """The metrics; with several outputs their names lose the prefix that `compile` gives again."""
    found = _read(config, metrics)
    names = getattr(model, "output_names", None) or []
    if len(names) > 1 and isinstance(found, list) and len(found) == len(names):
        for name, listed in zip(names, found, strict=True):
            for metric in listed if isinstance(listed, list) else [listed]:
                if isinstance(metric, metrics.Metric):
                    metric._name = metric.name.removeprefix(f"{name}_")
    return found


def read_optimizer(root: h5.Node, model: Any) -> None:
    """Give the optimizer the state that the file has; a log message where it does not fit."""
    if "optimizer_weights" not in root:
        return
    group = root.group("optimizer_weights")
    names = group.texts("weight_names")
    if not hasattr(model.optimizer, "load_named_weights") or not names:
        return
    model.optimizer.build(model.trainable_variables)
    datasets = [group.dataset(name) for name in names]
    shapes = [tuple(variable.shape) for variable in model.optimizer.variables]
    found = [dataset.shape for dataset in datasets]
    if found == shapes[:1] and len(shapes) > 1:  # saved before the first step
        return
    fits = sorted(found) == sorted(shapes) or found == shapes[1:]
    if fits:
        try:
            model.optimizer.load_named_weights(
                [(name, dataset.read()) for name, dataset in zip(names, datasets, strict=True)]
            )
            return
        except ValueError:
            pass
    _log.warning(
        "%s: the state of the optimizer %s in the file does not fit the one in this version; the "
        "optimizer starts anew.",
        root.file,
        model.optimizer.name,
    )
