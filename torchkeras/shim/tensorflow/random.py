"""`tf.random`: torch's generators. A seed repeats a run; the numbers are not TensorFlow's."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ... import backend as K
from ... import graph
from ...arrays import default_device
from ...data import Strings
from ...graph import KerasTensor
from ...precision import torch_dtype
from .calls import shape_of, tensor


def set_seed(seed: int) -> None:
    """Seed torch's generators, as `tf.random.set_seed` seeds TensorFlow's and no others."""
    torch.manual_seed(int(seed))


def normal(shape, mean=0.0, stddev=1.0, dtype=torch.float32, seed=None, name=None) -> Any:
    """Normal numbers."""
    if all(isinstance(v, (int, float)) for v in (mean, stddev)) or graph.is_symbolic(shape):
        return K.random_normal(_sizes(shape), mean, stddev, torch_dtype(dtype), seed)
    mean, stddev = tensor(mean), tensor(stddev)
    full = torch.broadcast_shapes(tuple(shape_of(shape)), mean.shape, stddev.shape)
    return K.random_normal(full, 0.0, 1.0, torch_dtype(dtype), seed) * stddev + mean


def uniform(shape, minval=0, maxval=None, dtype=torch.float32, seed=None, name=None) -> Any:
    """Uniform numbers from `minval` up to `maxval`, without it."""
    dtype = torch_dtype(dtype)
    if maxval is None:
        if not dtype.is_floating_point:
            raise ValueError("Must specify maxval for integer dtype")
        maxval = 1
    if any(isinstance(v, Tensor) and v.ndim for v in (minval, maxval)):
        minval, maxval = tensor(minval).to(dtype), tensor(maxval).to(dtype)
        return K.random_uniform(_sizes(shape), 0.0, 1.0, dtype, seed) * (maxval - minval) + minval
    minval, maxval = (v.item() if isinstance(v, Tensor) else v for v in (minval, maxval))
    return K.random_uniform(_sizes(shape), minval, maxval, dtype, seed)


def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=torch.float32, seed=None, name=None) -> Any:
    """Normal numbers less than two standard deviations from the mean."""
    return K.truncated_normal(_sizes(shape), mean, stddev, torch_dtype(dtype), seed)


def _sizes(shape):
    if graph.is_symbolic(shape):
        return shape
    return tuple(shape_of(shape))


def _generator(seed):
    if seed is None:
        return None
    seed = int(tensor(seed).flatten().long().sum()) if not isinstance(seed, int) else seed
    return torch.Generator(default_device()).manual_seed(seed)


def shuffle(value: Any, seed: int | None = None, name: str | None = None) -> Any:
    """The rows in another order."""
    value = tensor(value)
    order = torch.randperm(
        len(value), generator=None if seed is None else torch.Generator().manual_seed(seed)
    )
    if isinstance(value, Strings):
        return Strings.of(value[order.tolist()])
    return value[order.to(value.device)]


def categorical(logits, num_samples, dtype=None, seed=None, name=None) -> Tensor:
    """Class numbers drawn by their logits: shape `(batch, num_samples)`."""
    if isinstance(logits, KerasTensor):
        return graph.record(categorical, (logits, num_samples, dtype, seed), {})
    probabilities = torch.softmax(tensor(logits).float(), -1)
    drawn = torch.multinomial(probabilities, int(num_samples), True, generator=_generator(seed))
    return drawn if dtype is None else drawn.to(torch_dtype(dtype))


def gamma(shape, alpha, beta=None, dtype=torch.float32, seed=None, name=None) -> Tensor:
    """Gamma numbers."""
    alpha = tensor(alpha).to(torch_dtype(dtype))
    beta = torch.ones_like(alpha) if beta is None else tensor(beta).to(alpha)
    return torch.distributions.Gamma(alpha, beta).sample(shape_of(shape))


def poisson(shape, lam, dtype=torch.float32, seed=None, name=None) -> Tensor:
    """Counts of events with the rate `lam`."""
    lam = tensor(lam).float()
    return torch.poisson(lam.expand(*shape_of(shape), *lam.shape), _generator(seed)).to(
        torch_dtype(dtype)
    )


def _stateless(draw):
    def stateless(shape, seed, *args, **kwargs):
        kwargs.pop("alg", None)
        seed = tensor(seed).flatten().tolist()
        mixed = (seed[0] * 1_000_003 + seed[-1]) % 2**31
        return draw(shape, *args, seed=int(mixed), **kwargs)

    stateless.__name__ = f"stateless_{draw.__name__}"
    stateless.__doc__ = f"`{draw.__name__}`, the same at each call with the same `seed`."
    return stateless


stateless_normal, stateless_uniform = _stateless(normal), _stateless(uniform)
stateless_truncated_normal = _stateless(truncated_normal)


def stateless_categorical(logits, num_samples, seed, dtype=torch.int64, name=None) -> Tensor:
    """`categorical`, the same at each call with the same `seed`."""
    return categorical(logits, num_samples, dtype, int(tensor(seed).flatten().sum()))


class Generator:
    """A stream of random numbers of its own."""

    def __init__(self, seed: int | None = None):
        self._torch = torch.Generator()
        if seed is not None:
            self._torch.manual_seed(int(seed))

    @classmethod
    def from_seed(cls, seed: int, alg: Any = None) -> Generator:
        return cls(seed)

    @classmethod
    def from_non_deterministic_state(cls, alg: Any = None) -> Generator:
        generator = cls()
        generator._torch.seed()
        return generator

    def _next(self):
        return int(torch.randint(2**31, (), generator=self._torch))

    def normal(self, shape, mean=0.0, stddev=1.0, dtype=torch.float32, name=None) -> Tensor:
        return normal(shape, mean, stddev, dtype, self._next())

    def uniform(self, shape, minval=0, maxval=None, dtype=torch.float32, name=None) -> Tensor:
        return uniform(shape, minval, maxval, dtype, self._next())

    def truncated_normal(self, shape, mean=0.0, stddev=1.0, dtype=torch.float32, name=None):
        return truncated_normal(shape, mean, stddev, dtype, self._next())

    def make_seeds(self, count: int = 1) -> Tensor:
        return torch.randint(2**31, (2, count), generator=self._torch)

    def reset_from_seed(self, seed: int) -> None:
        self._torch.manual_seed(int(seed))

    def split(self, count: int = 1) -> list[Generator]:
        return [Generator(self._next()) for _ in range(count)]


def get_global_generator() -> Generator:
    """A stream seeded from torch's own."""
    return Generator(int(torch.randint(2**31, ())))
