"""The state of a run, taken and put back: weights, optimizers, metrics, random numbers, data.

Everything is plain data for `saving/state.py`. `take` copies, `put` checks first and then writes.
"""

from __future__ import annotations

import copy
import random
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .. import seeds
from ..backend import draws
from ..data.arrays import unpack_x_y_sample_weight
from ..metrics import Metric

# --- random numbers ----------------------------------------------------------------------------


def take_random() -> dict[str, Any]:
    """The states of all generators: Python's, numpy's, torch's, and those of this package."""
    own = seeds._state.generator
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return {
        "python": random.getstate(),
        "numpy": np.random.get_state(),
        "torch": torch.get_rng_state(),
        "cuda": cuda,
        "seeds": None if own is None else own.getstate(),
        "draws": {key: made.get_state() for key, made in draws._generators.items()},
    }


def put_random(states: dict[str, Any], host: bool = True) -> None:
    """Put back what `take_random` gave; without `host` leave Python's and numpy's alone."""
    if host:
        random.setstate(states["python"])
        np.random.set_state(states["numpy"])
    torch.set_rng_state(states["torch"])
    if states["cuda"] and torch.cuda.is_available():
        if len(states["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(states["cuda"])
    if states["seeds"] is not None:
        seeds._state.generator = random.Random()
        seeds._state.generator.setstate(states["seeds"])
    for (seed, device), state in states["draws"].items():
        draws._generator(seed, torch.device(device)).set_state(state)


# --- the model ---------------------------------------------------------------------------------


def take_model(model: nn.Module) -> dict[str, Any]:
    """Parameters and buffers (states of stateful layers among them), optimizers, metrics."""
    return {
        "weights": {key: value.detach().clone() for key, value in _tensors(model).items()},
        "optimizers": {name: _take_optimizer(one, model) for name, one in optimizers_of(model)},
        "metrics": [_take_metric(metric) for metric in model.metrics],
        "reports_loss": model._compiled is not None and model._compiled.reports_loss,
    }


def _tensors(model):
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def put_model(model: nn.Module, state: dict[str, Any], where: str) -> None:
    """Write what `take_model` gave; ValueError naming `where` if it is another model's."""
    own = _tensors(model)
    saved = state["weights"]
    wrong = sorted(own.keys() ^ saved.keys()) or [
        key for key in own if own[key].shape != saved[key].shape
    ]
    if wrong:
        raise ValueError(
            f"{where} is the state of another model: {', '.join(wrong[:5])} do not fit "
            f"{model.name!r}. Give this run a folder of its own."
        )
    known = dict(optimizers_of(model))
    if known.keys() != state["optimizers"].keys():
        raise ValueError(
            f"{where} is the state of another model: it has the optimizers "
            f"{sorted(state['optimizers'])}, but {model.name!r} has {sorted(known)}."
        )
    with torch.no_grad():
        for key, value in own.items():
            value.copy_(saved[key])
    for name, optimizer in known.items():
        _put_optimizer(optimizer, model, state["optimizers"][name])


def put_metrics(model: nn.Module, state: dict[str, Any], batch: Any) -> None:
    """Have the metrics go on within an epoch; a `batch` tells what `accuracy` means."""
    compiled = model._compiled
    if compiled is not None:
        if state["reports_loss"] and not compiled._settled:
            _prepare(model, batch)
        compiled.reports_loss = state["reports_loss"]
        if len(model.metrics) != len(state["metrics"]):
            _prepare(model, batch)
    if len(model.metrics) != len(state["metrics"]):
        raise ValueError(
            f"The state of an unfinished epoch does not fit: it has {len(state['metrics'])} "
            f"metrics, but model {model.name!r} has {len(model.metrics)}."
        )
    for metric, saved in zip(model.metrics, state["metrics"], strict=True):
        if isinstance(metric, Metric):
            for variable, value in zip(metric.variables, saved["values"], strict=True):
                variable.value.data = value.to(variable.value.device)
        else:
            metric.total, metric.count = saved["total"], saved["count"]
            if isinstance(metric.total, Tensor):
                metric.total = metric.total.to(model._device)


def _prepare(model, batch):
    x, y, _ = unpack_x_y_sample_weight(batch)
    with torch.no_grad():
        model._compiled.prepare(y, model(x, training=False))


def optimizers_of(model: nn.Module) -> list[tuple[str, Any]]:
    """The optimizers that a model holds as attributes, by name."""
    return [
        (name, value)
        for name, value in vars(model).items()
        if hasattr(value, "load_state_dict") and hasattr(value, "param_groups")
    ]


def _take_optimizer(optimizer, model):
    if not optimizer.param_groups:
        return None
    names = {id(p): name for name, p in model.named_parameters()}
    groups = optimizer.param_groups
    bound = [names.get(id(p)) for group in groups for p in group["params"]]
    return {"bound": bound, "state": copy.deepcopy(optimizer.state_dict())}


def _put_optimizer(optimizer, model, saved):
    if saved is None:
        return
    if not optimizer.param_groups:
        parameters = dict(model.named_parameters())
        handles = {id(p): weight for weight in model.weights for p in weight.native}
        wanted = [parameters[name] for name in saved["bound"]]
        optimizer.build([handles.get(id(p), p) for p in wanted])
    optimizer.load_state_dict(saved["state"])


def _take_metric(metric):
    if isinstance(metric, Metric):
        return {"values": [variable.value.clone() for variable in metric.variables]}
    total = metric.total.clone() if isinstance(metric.total, Tensor) else metric.total
    return {"total": total, "count": metric.count}
