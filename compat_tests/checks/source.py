"""The check of written files: the module in a file computes what its model computes."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch

from torchkeras import tree

TOLERANCE = 1e-5


def written(model: Any, folder: Path) -> Any:
    """The module that a model is written as, loaded with its weights; in a file of its name."""
    name = re.sub(r"\W", "_", model.name)
    path = folder / f"{name}.py"
    model.to_torch_source(path)
    assert not re.search(r"^\s*(import|from) torchkeras", path.read_text(encoding="utf-8"), re.M)
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.load()


def difference(expected: Any, found: Any) -> float:
    """The largest difference, relative to the scale of what is expected; shapes must agree."""
    expected, found = tree.flatten(expected), tree.flatten(found)
    assert [tuple(one.shape) for one in found] == [tuple(one.shape) for one in expected]
    worst = 0.0
    for one, other in zip(expected, found, strict=True):
        assert torch.equal(one.isnan(), other.isnan())
        one, other = one.nan_to_num(), other.nan_to_num()
        scale = max(1.0, one.abs().double().max().item()) if one.numel() else 1.0
        worst = max(worst, (one.double() - other.double()).abs().max().item() / scale)
    return worst


def check_source(model: Any, inputs: list, folder: Path) -> Any:
    """Write `model` and compare on `inputs`, one array for each; gives the written module."""
    net = written(model, folder)
    given = [
        torch.from_numpy(array) if isinstance(array, np.ndarray) else array for array in inputs
    ]
    with torch.no_grad():
        expected = model(given if len(given) > 1 else given[0])
        found = net(*given)
    assert difference(expected, found) < TOLERANCE
    return net


def set_random_weights(model: Any, seed: int = 0) -> None:
    """Draw all weights, also statistics, which are ones and zeros in a new model."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        value = rng.normal(0, 0.3, tuple(weight.shape))
        positive = "variance" in weight.name or "stddev" in weight.name
        weight.assign((np.abs(value) + 0.5 if positive else value).astype("float32"))
