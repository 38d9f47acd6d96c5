"""`keras.random`: random tensors; an integer as seed gives the same ones at each call.

With a seed the numbers are those that Keras 3 draws on its torch backend. A `SeedGenerator` gives
others at each call. Without a seed they come from torch's own generator, which `set_random_seed`
seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from . import names
from .arrays import as_tensor, default_device
from .backend.operands import recorded, sizes, tensor
from .config import floatx
from .precision import torch_dtype
from .seeds import fresh_seed
from .variable import Variable

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]


class SeedGenerator:
    """A seed that is another one at each use: a pair of the first seed and a counter.

    >>> seed = SeedGenerator(7)
    >>> bool((normal((2,), seed=seed) == normal((2,), seed=seed)).any())
    False
    """

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: Any):
        kwargs.pop("backend", None)
        if kwargs:
            raise TypeError(f"SeedGenerator takes no argument {', '.join(kwargs)}.")
        if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool)):
            raise ValueError(f"seed of SeedGenerator must be an integer; received {seed!r}.")
        self.name = name or names.unique_name("seed_generator")
        self._initial_seed = seed
        first = torch.tensor([fresh_seed() if seed is None else seed, 0])  # on the host: read there
        self.state = Variable(first, trainable=False, name="seed_generator_state")

    def next(self, ordered: bool = True) -> Tensor:
        """The pair as it is, after which the counter goes on."""
        state = self.state.value
        found = state.clone()
        self.state.assign(state + torch.tensor([0, 1]) if ordered else (state + 1) * 5387 % 933199)
        return found

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        return {"seed": self._initial_seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict) -> SeedGenerator:
        """A seed generator from its config."""
        return cls(**config)


def _generator(seed: Any, device: torch.device) -> torch.Generator | None:
    """A generator for one draw; None means torch's own."""
    if seed is None or device.type == "meta":
        return None
    if isinstance(seed, SeedGenerator):
        number = int(seed.next().sum())
    elif isinstance(seed, (int, Tensor)):
        number = int(tensor(seed).sum())
    else:
        raise ValueError(f"seed must be an integer or a SeedGenerator; received {seed!r}.")
    return torch.Generator(device).manual_seed(number & 0xFFFFFFFF)


def _place(dtype, default=None):
    return {"dtype": torch_dtype(dtype or default or floatx()), "device": default_device()}


def normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = None,
    seed: Any = None,
) -> Tensor:
    """Normal numbers.

    >>> normal((2, 3), seed=1).shape
    torch.Size([2, 3])
    """
    made = torch.empty(sizes(shape), **_place(dtype))
    return made.normal_(mean, stddev, generator=_generator(seed, made.device))


def uniform(
    shape: Sequence[int], minval: Any = 0.0, maxval: Any = 1.0, dtype: Any = None, seed: Any = None
) -> Tensor:
    """Uniform numbers of `[minval, maxval)`; integers for an integer dtype."""
    if not torch_dtype(dtype or floatx()).is_floating_point:
        return randint(shape, minval, maxval, dtype, seed)
    place = _place(dtype)
    made = torch.rand(sizes(shape), generator=_generator(seed, place["device"]), **place)
    return (maxval - minval) * made + minval


def randint(
    shape: Sequence[int], minval: int, maxval: int, dtype: Any = "int32", seed: Any = None
) -> Tensor:
    """Integers from `minval` to before `maxval`."""
    place = _place(dtype)
    generator = _generator(seed, place["device"])
    return torch.randint(int(minval), int(maxval), sizes(shape), generator=generator, **place)


def truncated_normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = None,
    seed: Any = None,
) -> Tensor:
    """Normal numbers less than two standard deviations from the mean.

    >>> bool(truncated_normal((99,), seed=1).abs().max() < 2)
    True
    """
    shape = sizes(shape)
    drawn = normal((*shape, 4), dtype=dtype, seed=seed)  # one of four is inside but for 1 in 230000
    first = (drawn.abs() < 2).to(torch.uint8).argmax(-1, keepdim=True)
    return drawn.gather(-1, first).squeeze(-1).clamp(-2, 2) * stddev + mean


def _along(value, shape):
    return torch.broadcast_to(as_tensor(value, "float32", default_device()), shape)


def gamma(shape: Sequence[int], alpha: Any, dtype: Any = None, seed: Any = None) -> Tensor:
    """Numbers of the gamma distribution with the shape `alpha` and scale 1."""
    alpha = _along(alpha, sizes(shape))
    made = torch._standard_gamma(alpha, generator=_generator(seed, alpha.device))
    smallest = torch.finfo(made.dtype).tiny
    return made.clamp(min=smallest).to(torch_dtype(dtype or floatx()))


def beta(
    shape: Sequence[int], alpha: Any, beta: Any, dtype: Any = None, seed: Any = None
) -> Tensor:
    """Numbers of the beta distribution."""
    both = torch.stack([_along(value, sizes(shape)) for value in (alpha, beta)], -1)
    made = torch._sample_dirichlet(both, generator=_generator(seed, both.device))
    return made[..., 0].to(torch_dtype(dtype or floatx()))


def binomial(
    shape: Sequence[int], counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None
) -> Tensor:
    """How often, out of `counts` times, something of this probability happens."""
    counts, chance = (_along(value, sizes(shape)) for value in (counts, probabilities))
    made = torch.binomial(counts.contiguous(), chance.contiguous(), _generator(seed, counts.device))
    return made.to(torch_dtype(dtype or floatx()))


@recorded
def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> Any:
    """The numbers of `num_samples` classes, drawn for each row of logits.

    >>> categorical([[0.0, 100.0]], 3).tolist()
    [[1, 1, 1]]
    """
    chances = torch.softmax(tensor(logits), -1)
    generator = _generator(seed, chances.device)
    drawn = torch.multinomial(chances, num_samples, True, generator=generator)
    return drawn.to(torch_dtype(dtype))


@recorded
def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Any:
    """Zero for a fraction `rate` of the elements, the others times `1 / (1 - rate)`.

    `noise_shape` has a 1 for each axis along which all elements share their fate.

    >>> sorted(set(dropout(torch.ones(100), 0.5, seed=1).tolist()))
    [0.0, 2.0]
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"rate of dropout must be between 0 and 1; received {rate!r}.")
    x = tensor(inputs)
    if rate == 0.0 or rate == 1.0:
        return x if rate == 0.0 else torch.zeros_like(x)
    drawn_anew = isinstance(seed, SeedGenerator) and seed._initial_seed is None
    if noise_shape is None and (seed is None or drawn_anew):
        return F.dropout(x, rate)
    shape = x.shape if noise_shape is None else noise_shape
    shape = [size if one is None else one for one, size in zip(shape, x.shape, strict=True)]
    kept = torch.full(shape, 1.0 - rate, device=x.device)
    kept = torch.bernoulli(kept, generator=_generator(seed, x.device)).bool()
    return torch.where(kept, x / (1.0 - rate), 0.0)


@recorded
def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Any:
    """The slices along an axis in another order.

    >>> shuffle(torch.arange(5), seed=1).sort().values.tolist()
    [0, 1, 2, 3, 4]
    """
    x = tensor(x)
    axis %= x.ndim
    drawn = torch.rand(x.shape[: axis + 1], generator=_generator(seed, x.device), device=x.device)
    order = drawn.argsort(axis).reshape(*x.shape[: axis + 1], *[1] * (x.ndim - axis - 1))
    return x.gather(axis, order.expand(x.shape))
