"""Random tensors. A seed makes a run repeatable; the numbers are torch's, not TensorFlow's."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from .. import graph
from ..arrays import default_device
from ..config import floatx
from ..graph import KerasTensor
from ..precision import dtype_name, torch_dtype
from .made import variable
from .operands import any_symbolic, open_sizes, recorded, sizes, tensor

__all__ = [
    "dropout",
    "random_bernoulli",
    "random_binomial",
    "random_normal",
    "random_normal_variable",
    "random_uniform",
    "random_uniform_variable",
    "truncated_normal",
]

_generators: dict[tuple[int, str], torch.Generator] = {}


def random_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """Normal numbers; a size in `shape` may be a tensor.

    >>> random_normal((2, 3), seed=1).shape
    torch.Size([2, 3])
    """
    return _drawn(_normal, shape, dtype, seed, float(mean), float(stddev))


def random_uniform(
    shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """Uniform numbers of `[minval, maxval)`; integers for an integer dtype."""
    return _drawn(_uniform, shape, dtype, seed, minval, maxval)


def truncated_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """Normal numbers less than two standard deviations from the mean.

    >>> bool(truncated_normal((99,), seed=1).abs().max() <= 2)
    True
    """
    return _drawn(_truncated, shape, dtype, seed, float(mean), float(stddev))


def random_bernoulli(shape: Any, p: float = 0.0, dtype: Any = None, seed: Any = None) -> Any:
    """1 with probability `p`, else 0.

    >>> random_bernoulli((3,), p=1.0).tolist()
    [1.0, 1.0, 1.0]
    """
    return _drawn(_bernoulli, shape, dtype, seed, float(p))


def random_binomial(shape: Any, p: float = 0.0, dtype: Any = None, seed: Any = None) -> Any:
    """`random_bernoulli` by its old name."""
    warnings.warn(
        "random_binomial is deprecated; call random_bernoulli, which is the same.",
        DeprecationWarning,
        stacklevel=2,
    )
    return random_bernoulli(shape, p, dtype, seed)


def random_normal_variable(
    shape: Any,
    mean: float,
    scale: float,
    dtype: Any = None,
    name: str | None = None,
    seed: Any = None,
) -> Any:
    """A variable of normal numbers with the standard deviation `scale`."""
    return variable(random_normal(shape, mean, scale, dtype, seed), dtype, name)


def random_uniform_variable(
    shape: Any,
    low: float,
    high: float,
    dtype: Any = None,
    name: str | None = None,
    seed: Any = None,
) -> Any:
    """A variable of uniform numbers of `[low, high)`."""
    return variable(random_uniform(shape, low, high, dtype, seed), dtype, name)


@recorded
def dropout(x: Any, level: float, noise_shape: Any = None, seed: Any = None) -> Any:
    """Zero for a fraction `level` of the elements, the others times `1 / (1 - level)`.

    `noise_shape` has a 1 for each axis along which all elements share their fate.

    >>> sorted(set(dropout(torch.ones(100), 0.5, seed=1).tolist()))
    [0.0, 2.0]
    """
    if not 0 <= level < 1:
        raise ValueError(f"level of dropout must be at least 0 and below 1; received {level!r}.")
    x = tensor(x)
    noise_shape = x.shape if noise_shape is None else noise_shape
    shape = [
        size if given in (None, -1) else int(given)
        for given, size in zip(noise_shape, x.shape, strict=True)
    ]
    noise = torch.empty(shape, device=x.device).uniform_(generator=_generator(seed, x.device))
    return torch.where(noise >= level, x / (1.0 - level), 0.0)


# --- the draws -------------------------------------------------------------------------------


def _drawn(draw: Callable, shape: Any, dtype: Any, seed: Any, *arguments: Any) -> Any:
    call = (draw, shape, dtype_name(dtype or floatx()), seed, *arguments)
    if any_symbolic(shape):
        return graph.record(drawn, call, {}, outputs=KerasTensor(open_sizes(shape), call[2]))
    return drawn(*call)


def drawn(draw: Callable, shape: Any, dtype: str, seed: Any, *arguments: Any) -> Tensor:
    """A tensor filled by `draw`, on the device where new weights go."""
    device = default_device()
    made = torch.empty(sizes(shape), dtype=torch_dtype(dtype), device=device)
    return draw(made, _generator(seed, device), *arguments)


def _normal(made, generator, mean, stddev):
    return made.normal_(mean, stddev, generator=generator)


def _uniform(made, generator, low, high):
    if made.is_floating_point():
        return made.uniform_(low, high, generator=generator)
    return made.random_(int(low), int(high), generator=generator)


def _truncated(made, generator, mean, stddev):
    edges = (mean - 2 * stddev, mean + 2 * stddev)
    return nn.init.trunc_normal_(made, mean, stddev, *edges, generator=generator)


def _bernoulli(made, generator, p):
    return made.bernoulli_(p, generator=generator)


def _generator(seed, device):
    """torch's own, or one that goes on from `seed` for as long as the process runs."""
    if seed is None or device.type == "meta":
        return None
    key = int(seed), str(device)
    if key not in _generators:
        _generators[key] = torch.Generator(device).manual_seed(int(seed))
    return _generators[key]
