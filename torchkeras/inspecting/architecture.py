"""What the config of a model says, also where its classes are not known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .. import activations, losses, metrics, optimizers
from ..budget import budget
from ..layer import TABLE
from ..saving.config import build_model, check_code
from .report import LayerEntry, Report

_SHOWN = 4  # settings of a layer
_DULL = {"name", "dtype", "trainable", "batch_input_shape", "batch_shape", "build_config", "layer",
         "use_bias", "data_format", "groups"}  # fmt: skip
_DEFAULTS = (None, False, "linear", "valid", [1], [1, 1], [1, 1, 1], 0, 0.0)
_NOT_METRICS = {"accuracy", "acc", "crossentropy", "ce", "loss"}


def describe(report: Report, config: dict[str, Any], numbers: int) -> None:
    """Fill in class, layers, unknown names and, where all is known, the summary of a model.

    `numbers` is how many the file's weights hold: a model that wants more is not built.
    """
    report.class_name = str(config.get("class_name"))
    inner = config.get("config")
    report.name = inner.get("name") if isinstance(inner, dict) else None
    entries = list(_layers(config))
    report.layers = [LayerEntry(path, _class(e), _settings(e)) for path, e in entries]
    needed = dict.fromkeys(_class(entry) for _, entry in entries if not _is_known(entry))
    if not _is_known(config):
        needed = {report.class_name: None, **needed}
    for _, entry in entries:
        told = entry.get("config")
        if not isinstance(told, dict):
            continue
        for name in _names(told.get("activation")):
            if not _finds(activations.get, name) and not _finds(TABLE.find, name):
                needed[name] = None
        if entry.get("class_name") == "Lambda" and told.get("function_type") != "lambda":
            needed.update(dict.fromkeys(_names(told.get("function"))))
    report.custom_objects += needed
    report.code = [path for path, entry in entries if _holds_code(entry)]
    if not report.custom_objects and not report.code:
        _summarise(report, config, numbers)


def describe_training(report: Report, told: Any) -> None:
    """Fill in what `compile` was given, as an HDF5 file, an archive or a SavedModel tells it."""
    if not isinstance(told, dict):
        return
    optimizer = told.get("optimizer_config") or told.get("optimizer")
    if isinstance(optimizer, dict):
        report.optimizer = str(optimizer.get("class_name"))
        inner = optimizer.get("config")
        if isinstance(inner, dict):
            keys = ("learning_rate", "lr", "decay", "weight_decay", "momentum")
            report.optimizer_config = {key: inner[key] for key in keys if inner.get(key)}
        if report.optimizer == "LossScaleOptimizer" and isinstance(inner, dict):
            report.optimizer_config["inner"] = inner.get("inner_optimizer")
    elif isinstance(optimizer, str):
        report.optimizer = optimizer
    report.loss = told.get("loss")
    report.metrics = told.get("metrics") or told.get("weighted_metrics")
    unknown = [name for name in _names(report.loss) if not _finds(losses.get, name)]
    unknown += [
        name for name in _names(report.metrics)
        if name not in _NOT_METRICS and not _finds(metrics.get, name)
        and not _finds(losses.get, name)
    ]  # fmt: skip
    if report.optimizer and not _finds(optimizers.get, report.optimizer):
        unknown.append(report.optimizer)
    report.custom_objects += [n for n in unknown if n not in report.custom_objects]


def _layers(config, above="") -> Iterator[tuple[str, dict]]:
    """The layers of a model in their order, those of models and wrappers inside behind them."""
    inner = config.get("config")
    listed = inner.get("layers") if isinstance(inner, dict) else inner  # a list in Keras before 2.2
    for entry in listed if isinstance(listed, list) else ():
        if not isinstance(entry, dict):
            continue
        told = entry.get("config")
        name = told.get("name") if isinstance(told, dict) else None
        path = f"{above}{name or entry.get('name') or '?'}"
        yield path, entry
        yield from _layers(entry, f"{path}/")
        for key in ("layer", "forward_layer", "backward_layer", "cell"):
            wrapped = told.get(key) if isinstance(told, dict) else None
            if isinstance(wrapped, dict) and "class_name" in wrapped:
                yield from _layers({"config": {"layers": [wrapped]}}, f"{path}/")


def _class(entry):
    return str(entry.get("class_name"))


def _settings(entry):
    told = entry.get("config")
    if not isinstance(told, dict):
        return {}
    plain = {
        key: value
        for key, value in told.items()
        if key not in _DULL and not key.endswith(("initializer", "constraint", "regularizer"))
        and not isinstance(value, dict) and key != "layers" and not _is_default(value)
        and not (isinstance(value, (list, str)) and len(str(value)) > 40)
    }  # fmt: skip
    return dict(list(plain.items())[:_SHOWN])


def _is_default(value):
    return any(value is one or (type(value) is type(one) and value == one) for one in _DEFAULTS)


def _is_known(entry):
    names = (entry.get("class_name"), entry.get("registered_name"))
    return any(isinstance(name, str) and _finds(TABLE.find, name) for name in names)


def _finds(get, name):
    try:
        return get(name) is not None
    except (ValueError, TypeError):
        return False


def _holds_code(entry):
    """Whether a layer's own config, not that of layers inside, holds Python code."""
    inner = entry.get("config")
    if isinstance(inner, dict):
        inner = {k: v for k, v in inner.items() if k not in ("layers", "layer", "cell")}
    try:
        check_code({**entry, "config": inner}, "")
    except ValueError:
        return True
    return False


def _names(value) -> Iterator[str]:
    """The names of functions and classes in what `compile` was given."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _names(one)
    elif isinstance(value, dict) and "class_name" in value:
        inner = value.get("config")
        if value["class_name"] == "function":
            yield str(inner)
        elif isinstance(inner, dict) and isinstance(inner.get("fn"), (str, dict)):
            yield from _names(inner["fn"])
        elif value["class_name"] != "__lambda__":
            yield str(value["class_name"])
    elif isinstance(value, dict):
        for one in value.values():
            yield from _names(one)


def _summarise(report, config, numbers):
    """The table of `summary()`, of a model that is built from known classes alone."""
    try:
        with budget(2**20 + 2 * numbers):
            model = build_model(config, None, report.file)
        if model.built:
            model.summary(print_fn=report.summary.append)
    except (ValueError, TypeError, NotImplementedError) as error:
        report.remarks.append(f"no summary: {' '.join(str(error).split())}")
