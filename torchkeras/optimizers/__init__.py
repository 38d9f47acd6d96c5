"""Optimizers of Keras as torch optimizers, and learning rate schedules."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch.optim.lr_scheduler import LRScheduler

from . import experimental, legacy, schedules
from .adams import Adam, Adamax, AdamW, Nadam
from .adapter import TorchOptimizer, follow
from .base import TABLE, Optimizer
from .loss_scale import LossScaleOptimizer
from .rules import SGD, Adadelta, Adafactor, Adagrad, Ftrl, Lion, RMSprop

__all__ = [
    "SGD", "TABLE", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lion",
    "Nadam", "Optimizer", "RMSprop", "TorchOptimizer", "deserialize", "experimental", "get",
    "legacy", "schedules", "serialize",
]  # fmt: skip


def get(identifier: Any, **kwargs: Any) -> Optimizer | TorchOptimizer:
    """The optimizer that a name in any case, a config, a class or an optimizer denotes.

    An optimizer of torch, its class, or a function that makes one from a list of parameters is
    wrapped in `TorchOptimizer`. One of torch's schedulers, or a function that makes one, denotes
    its optimizer and takes a step after each update. ValueError for anything else.

    >>> type(get("adam")).__name__, get({"class_name": "SGD", "config": {"lr": 0.5}}).lr
    ('Adam', 0.5)
    """
    wants_legacy = _legacy_wanted(kwargs)
    if isinstance(identifier, LRScheduler):
        identifier = follow(identifier)
    if isinstance(identifier, (Optimizer, TorchOptimizer)):
        return identifier
    if isinstance(identifier, str):
        identifier = {"class_name": identifier, "config": {}}
    if isinstance(identifier, dict):
        return deserialize(identifier, use_legacy_optimizer=wants_legacy)
    if isinstance(identifier, torch.optim.Optimizer):
        return TorchOptimizer(identifier)
    if inspect.isclass(identifier):
        if issubclass(identifier, Optimizer):
            return identifier()
        if issubclass(identifier, torch.optim.Optimizer):
            return TorchOptimizer(identifier)
    elif callable(identifier):
        return TorchOptimizer(identifier)
    raise ValueError(
        "optimizer must be a name, a config, an optimizer of Keras or torch, or a function that "
        f"makes one from a list of parameters; received {identifier!r}."
    )


def serialize(optimizer: Optimizer | None, use_legacy_format: bool = False) -> Any:
    """The config of an optimizer.

    >>> serialize(legacy.SGD())["module"]
    'keras.optimizers.legacy'
    """
    if optimizer is None:
        return None
    if isinstance(optimizer, LossScaleOptimizer):
        return _loss_scale_config(optimizer, use_legacy_format)
    old = isinstance(optimizer, legacy.Optimizer)
    config = (legacy.TABLE if old else TABLE).serialize(optimizer)
    if not use_legacy_format:
        return config
    name = config["registered_name"] or config["class_name"]
    # Without a module the spelling tells old from new: tf.keras registers the new ones.
    known = TABLE.objects.get(config["class_name"]) is type(optimizer)
    return {"class_name": f"Custom>{name}" if known else name, "config": config["config"]}


def _loss_scale_config(optimizer, use_legacy_format):
    module, name = optimizer.serialized_as
    config = {"class_name": name, "config": optimizer.get_config()}
    return config if use_legacy_format else {"module": module, **config, "registered_name": name}


def deserialize(
    config: dict[str, Any], custom_objects: dict[str, Any] | None = None,
    use_legacy_format: bool = False, **kwargs: Any,
) -> Optimizer:  # fmt: skip
    """The optimizer of a config, in the present form or that of HDF5 files.

    As in tf.keras 2.15, settings without `is_legacy_optimizer` are those of an older optimizer:
    the result is one of `optimizers.legacy`, where there is one.

    >>> old = deserialize({"class_name": "Adam", "config": {"lr": 0.5, "decay": 0.1}})
    >>> isinstance(old, legacy.Adam), old.get_config()["decay"]
    (True, 0.1)
    """
    old = _legacy_wanted(kwargs)
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
        raise ValueError(f"An optimizer config needs a 'class_name'; received {config!r}.")
    settings = config.get("config") or {}
    if isinstance(settings, dict) and settings:
        old = settings.get("is_legacy_optimizer", True)
    name = _bare(config["class_name"])
    table = legacy.TABLE if old and name in legacy.TABLE.objects else TABLE
    if name in table.objects:
        config = {**config, "class_name": name}
    return table.deserialize(config, custom_objects)


LossScaleOptimizer._deserialize = staticmethod(deserialize)


def _bare(name):
    """A library name in lower case without the prefixes that files have had."""
    return name.split(">")[-1].lower().removeprefix("experimental")


def _legacy_wanted(kwargs):
    wanted = kwargs.pop("use_legacy_optimizer", False)
    if kwargs:
        raise TypeError(f"Unknown arguments: {', '.join(kwargs)}.")
    return wanted
