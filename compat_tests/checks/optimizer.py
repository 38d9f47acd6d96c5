"""One check for every optimizer: the same gradients lead to the same weights as in tf.keras."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from compat_tests import oracle
from torchkeras import optimizers
from torchkeras.variable import LayerWeight, Variable, Weight

SHAPES = {"dense/kernel": (3, 4), "dense/bias": (4,), "gru/bias": (2, 6)}


class Holder(torch.nn.Module):
    """Parameters as layers keep them: transposed, plain, and split with gates reordered."""

    trainable = True

    def __init__(self, dtype="float32"):
        super().__init__()
        self.linear = torch.nn.Linear(3, 4)
        self.first, self.second = (torch.nn.Parameter(torch.zeros(6)) for _ in range(2))
        self.to(getattr(torch, dtype))

    def weights(self) -> list[LayerWeight]:
        rows = (
            Weight("kernel", "linear.weight", "o i -> i o"),
            Weight("bias", "linear.bias"),
            Weight("bias", ("first", "second"), gates="rzn -> zrn"),
        )
        pairs = zip(rows, SHAPES.items(), strict=True)
        return [LayerWeight(self, row, name, shape) for row, (name, shape) in pairs]


def _draws(case: str, scale: float, steps: int) -> tuple[list, list]:
    random = np.random.RandomState(zlib.crc32(case.encode()) % 2**31)
    # A bias that starts at zero shows the size of the updates themselves.
    first = [random.randn(3, 4), np.zeros(4), random.randn(2, 6) * 0.1]
    grads = [[random.randn(*s) * scale for s in SHAPES.values()] for _ in range(steps)]
    return first, grads


def make(module: Any, name: str, settings: dict[str, Any]) -> Any:
    """An optimizer of torchkeras or tf.keras; 'legacy.Adam' names the older kind."""
    space = module
    for part in name.split("."):
        space = getattr(space, part)
    settings = dict(settings)
    rate = settings.get("learning_rate")
    if isinstance(rate, tuple):
        settings["learning_rate"] = getattr(module.schedules, rate[0])(**rate[1])
    return space(**settings)


def check_optimizer(
    name: str,
    settings: dict[str, Any] | None = None,
    *,
    scale: float = 1.0,
    steps: int = 10,
    rates: dict[int, float] | None = None,
    dtype: str = "float32",
    missing: Sequence[tuple[int, int]] = (),
    prepare: Callable[[Any, list], None] | None = None,
    rtol: float = 1e-6,
    slots: bool = True,
) -> optimizers.Optimizer:
    """Ten updates by the same gradients; weights, state, names and config must agree.

    `rates` assigns a learning rate before some steps, `missing` lists (step, variable) pairs
    without a gradient, `prepare(optimizer, variables)` is called before the first step.
    """
    settings, rates = settings or {}, rates or {}
    case = f"{name}{sorted(settings.items(), key=str)}{scale}"
    first, grads = _draws(case, scale, steps)

    def theirs(keras):
        import tensorflow as tf

        opt = make(keras.optimizers, name, settings)
        tensors = [tf.Variable(v, dtype=dtype, name=n) for v, n in zip(first, SHAPES, strict=True)]
        return run(opt, tensors, lambda g: tf.constant(g, dtype))

    def run(opt, tensors, constant):
        config = opt.get_config()
        if prepare is not None:
            prepare(opt, tensors)
        path = []
        for step in range(steps):
            if step in rates:
                opt.learning_rate = rates[step]
            pairs = [
                (None if (step, i) in missing else constant(g), v)
                for i, (g, v) in enumerate(zip(grads[step], tensors, strict=True))
            ]
            opt.apply_gradients(pairs)
            path.append([v.numpy() for v in tensors])
        variables = opt.variables() if callable(opt.variables) else opt.variables
        return {
            "config": config,
            "path": path,
            "names": [v.name for v in variables],
            "state": [v.numpy() for v in variables],
        }

    answer = oracle.ask(theirs)
    opt = make(optimizers, name, settings)
    weights = Holder(dtype).weights()
    for variable, value in zip(weights, first, strict=True):
        variable.assign(value)
    ours = run(opt, weights, lambda g: torch.tensor(g, dtype=getattr(torch, dtype)))

    assert ours["config"] == _plain(answer["config"])
    assert ours["names"] == answer["names"]
    for i, shape in enumerate(SHAPES):
        _assert_near([p[i] for p in ours["path"]], [p[i] for p in answer["path"]], rtol, shape)
    if slots:
        for label, a, b in zip(ours["names"], ours["state"], answer["state"], strict=True):
            _assert_near(a, b, rtol, label)
    return opt


def _assert_near(ours, expected, rtol, label):
    """Equal relative to the largest element: small ones are differences of larger ones."""
    ours, expected = np.asarray(ours, "float64"), np.asarray(expected, "float64")
    np.testing.assert_allclose(ours, expected, 0, rtol * np.abs(expected).max(), err_msg=label)


def _plain(config):
    """A stored config: numbers that numpy wrapped are plain again."""
    if isinstance(config, dict):
        return {key: _plain(value) for key, value in config.items()}
    return config.item() if isinstance(config, np.ndarray) and config.ndim == 0 else config


def gradients_of(variables: Sequence[Variable], function: Callable[..., torch.Tensor]) -> None:
    """Fill `.grad` of the parameters behind `variables`."""
    function(*(v.value for v in variables)).backward()
