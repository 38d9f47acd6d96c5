"""What `compile` was given and the optimizer's state, to and from HDF5 files."""

from __future__ import annotations

import logging
import warnings
from typing import Any

from .. import losses, metrics, optimizers, tree
from ..configs import plain
from ..names import to_snake_case
from ..registry import custom_object_scope, get_registered_object
from . import h5, h5_writer
from .checksums import Checks
from .config import check_code
from .functions import bytecode
from .versions import old_states, optimizer_values
from .versions.spellings import for_archives, modern
from .weights import unused

_log = logging.getLogger("torchkeras")


# --- writing ---------------------------------------------------------------------------------


def training_config(model: Any) -> dict[str, Any]:
    """The `training_config` of an HDF5 file: losses, metrics, weights and the optimizer."""
    given = model._compiled.given
    return {
        "loss": _written(given["loss"], losses, True),
        **_metrics_by_output(model),
        "loss_weights": given["loss_weights"],
        "optimizer_config": optimizers.serialize(model.optimizer, use_legacy_format=True),
    }


def _metrics_by_output(model):
    """Per output, the metrics that the names given to `compile` came to mean."""
    found = {}
    for what, listed in model._compiled.metrics_by_output(model.output).items():
        if listed is not None:
            listed = [[_written(metric, metrics, True) for metric in made] for made in listed]
        found[what] = listed
    return found


def compile_config(model: Any) -> dict[str, Any]:
    """The `compile_config` of a `.keras` file: what `compile` was given, as it was given."""
    given = model._compiled.given
    config = {
        "optimizer": tree.map_structure(
            lambda one: plain(optimizers.serialize(one)), model.optimizer
        ),
        "loss": _written(given["loss"], losses, False),
        "metrics": _written(given["metrics"], metrics, False),
        "loss_weights": given["loss_weights"],
        "weighted_metrics": _written(given["weighted_metrics"], metrics, False),
        "run_eagerly": False,
        "steps_per_execution": 1,
        "jit_compile": False,
    }
    return for_archives(config, 3)


def _written(value, module, legacy):
    if isinstance(value, dict):
        return {key: _written(item, module, legacy) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_written(item, module, legacy) for item in value]
    return module.serialize(value, use_legacy_format=legacy) if callable(value) else value


def write_optimizer(file: h5_writer.Writer, optimizer: Any) -> None:
    """Fill the group `optimizer_weights` with the optimizer's state, named as Keras names it."""
    pairs = list(optimizer.named_weights())
    group = file.group("optimizer_weights")
    taken: list[str] = []
    for name, _ in pairs:  # layers inside others may have the same names
        taken.append(unused(name, taken))
    group.texts("weight_names", taken)
    for name, (_, value) in zip(taken, pairs, strict=True):
        group.array(name, value)


def write_numbered(root: h5_writer.Writer, optimizer: Any, version: int) -> None:
    """Fill `optimizer/vars` with the state in the order of Keras `version`, 2 or 3."""
    for path, one in _paths(optimizer):
        if not one.built:
            continue
        values = optimizer_values.of_keras_3(one) if version == 3 else one.get_weights()
        group = root.group(f"{path}/vars")
        group.text("name", one.name, as_bytes=False)
        for number, value in enumerate(values):
            group.array(str(number), value)


def _paths(optimizer):
    """Where a file has the optimizer; each of several by its class, numbered from the second."""
    if not isinstance(optimizer, list):
        return [("optimizer", optimizer)]
    kinds = [to_snake_case(type(one).__name__) for one in optimizer]
    counts = [kinds[:place].count(kind) for place, kind in enumerate(kinds)]
    names = [f"{k}_{count}" if count else k for k, count in zip(kinds, counts, strict=True)]
    return [(f"optimizer/{n}", one) for n, one in zip(names, optimizer, strict=True)]


# --- reading ---------------------------------------------------------------------------------


def compile_as_told(
    model: Any, config: Any, custom_objects: Any, file: str, safe_mode: Any = True
) -> None:
    """Compile a model as the `training_config` or `compile_config` of a file says."""
    if safe_mode is not False:
        check_code(config, file)
    else:
        config = bytecode.decoded(config, file, custom_objects)
    try:
        arguments = _compile_arguments(modern(config), model, custom_objects)
        model.compile(**arguments)
    except Exception as error:
        said = f"{error} is missing." if isinstance(error, KeyError) else error
        raise ValueError(
            f"{file}: the model cannot be compiled as the file says: {said} Pass your own "
            "objects in custom_objects, or compile=False."
        ) from error


def _compile_arguments(config, model, custom_objects):
    with custom_object_scope(custom_objects), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # what old files spell is no news
        described = config.get("optimizer_config") or config.get("optimizer")
        if described is None:
            raise KeyError("optimizer_config")
        several = isinstance(described, list)
        made = [
            optimizers.get(one)
            if isinstance(one, str)
            else optimizers.deserialize(one, custom_objects)
            for one in (described if several else [described])
        ]
        return {
            "optimizer": made if several else made[0],
            "loss": _read(config.get("loss"), losses),
            "metrics": _read_metrics(config.get("metrics"), model),
            "weighted_metrics": _read_metrics(config.get("weighted_metrics"), model),
            "loss_weights": config.get("loss_weights"),
        }


def _read(value, module):
    if isinstance(value, dict) and "class_name" in value:
        is_loss = "reduction" in (value.get("config") or ())  # some stand among the metrics
        return (losses if is_loss else module).deserialize(value)
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
    for path, optimizer in _paths(model.optimizer):
        if hasattr(optimizer, "load_named_weights"):
            served = optimizer._model() if isinstance(model.optimizer, list) else model
            optimizer.build(served.trainable_variables)
            _read_one(root, served, optimizer, path)


def _read_one(root, model, optimizer, path):
    try:
        state = old_states.of_today(root, model, optimizer_state(root, path))
        if not state:
            return
        fitted = optimizer_values.fit(optimizer, state)
        if fitted:
            with Checks() as checks:
                read = [array and array.read(checks) for array in fitted]
            found = [value() if callable(value) else value for value in read]
            if found[0] is not None:  # the step, from which Nadam's product of momenta follows
                optimizer.variables[0].assign(found[0])
            pairs = zip(found, optimizer.get_weights(), strict=True)
            values = [own if value is None else value for value, own in pairs]
            optimizer.set_weights(values)
    except ValueError as error:
        if root.is_checked and not str(error).startswith(optimizer.name):
            raise OSError(f"{root.file} is damaged: {error}") from error
        if root.is_checked:  # what does not fit may be damage, which the checksums tell
            for _, array in optimizer_state(root, path):
                array.read()
        _log.warning(
            "%s: the state of the optimizer %s in the file does not fit the one in this version; "
            "the optimizer starts anew. (%s)",
            root.file,
            optimizer.name,
            error,
        )


def optimizer_state(root: h5.Node, path: str = "optimizer") -> list[tuple[str, h5.Dataset]]:
    """Names and arrays of the optimizer's state in a file of any layout; not read yet."""
    if "optimizer_weights" in root:
        group = root.group("optimizer_weights")
        return [(name, group.dataset(name)) for name in group.texts("weight_names")]
    if root.has(f"{path}/vars"):
        group = root.group(f"{path}/vars")
        return [("", group.dataset(str(i))) for i in range(len(group.names()))]
    return []
