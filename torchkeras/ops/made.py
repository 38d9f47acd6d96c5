"""Tensors made from nothing, from numbers and from arrays; windows of signals."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..arrays import default_device, to_numpy
from ..config import floatx
from ..precision import dtype_name, torch_dtype
from .operands import fill as _fill
from .operands import met, promoted, public, recorded, sizes, tensor


def convert_to_tensor(x: Any, dtype: Any = None, sparse: Any = None, ragged: Any = None) -> Any:
    """`x` as a tensor; arrays keep their dtype, Python floats become `floatx`.

    >>> convert_to_tensor([1, 2], dtype="float32").tolist()
    [1.0, 2.0]
    """
    if sparse or ragged:
        raise ValueError("Sparse and ragged tensors are not supported; give a dense one.")
    return tensor(x, dtype)


def array(x: Any, dtype: Any = None) -> Any:
    """`x` as a tensor."""
    return tensor(x, dtype)


def convert_to_numpy(x: Any) -> np.ndarray:
    """A tensor, variable or nested list of them as a numpy array; bfloat16 widens to float32."""
    if isinstance(x, (list, tuple)):
        return np.array([convert_to_numpy(one) for one in x])
    return np.array(to_numpy(x))


def is_tensor(x: Any) -> bool:
    """Whether `x` is a torch tensor."""
    return isinstance(x, Tensor)


def dtype(x: Any) -> str:
    """The name of the dtype.

    >>> dtype(1.0)
    'float32'
    """
    return dtype_name(tensor(x).dtype)


def cast(x: Any, dtype: Any) -> Any:
    """`x` in another dtype."""
    return tensor(x, dtype)


def view(x: Any, dtype: Any = None) -> Any:
    """The same bytes read as another dtype."""
    x = tensor(x)
    return x if dtype is None else _viewed(x, torch_dtype(dtype))


@recorded
def _viewed(x, dtype):
    return x.view(dtype)


# --- filled ----------------------------------------------------------------------------------


def zeros(shape: Any, dtype: Any = None) -> Tensor:
    """Zeros of `floatx` unless `dtype` is given."""
    return torch.zeros(sizes(shape), dtype=torch_dtype(dtype or floatx()), device=default_device())


def ones(shape: Any, dtype: Any = None) -> Tensor:
    """Ones of `floatx` unless `dtype` is given."""
    return torch.ones(sizes(shape), dtype=torch_dtype(dtype or floatx()), device=default_device())


def empty(shape: Any, dtype: Any = None) -> Tensor:
    """A tensor whose values are not set."""
    return torch.empty(sizes(shape), dtype=torch_dtype(dtype or floatx()), device=default_device())


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Tensor:
    """One value, or a tensor that broadcasts, in every place.

    >>> full((2, 2), [1.0, 2.0]).tolist()
    [[1.0, 2.0], [1.0, 2.0]]
    """
    value = tensor(fill_value, dtype or floatx()).to(default_device())
    return torch.broadcast_to(value, sizes(shape)).clone()


def zeros_like(x: Any, dtype: Any = None) -> Any:
    """Zeros in the shape of `x`."""
    return torch.zeros_like(tensor(x), dtype=torch_dtype(dtype) if dtype else None)


def ones_like(x: Any, dtype: Any = None) -> Any:
    """Ones in the shape of `x`."""
    return torch.ones_like(tensor(x), dtype=torch_dtype(dtype) if dtype else None)


def empty_like(x: Any, dtype: Any = None) -> Any:
    """A tensor in the shape of `x` whose values are not set."""
    return torch.empty_like(tensor(x), dtype=torch_dtype(dtype) if dtype else None)


@recorded
def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Any:
    """One value, or a tensor that broadcasts, in the shape of `x`."""
    x = tensor(x)
    value = tensor(fill_value, dtype or x.dtype).to(x.device)
    return torch.broadcast_to(value, x.shape).clone()


def identity(n: int, dtype: Any = None) -> Tensor:
    """The identity matrix."""
    return eye(n, dtype=dtype)


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """Ones on a diagonal, `k` above the main one, of a matrix `(N, M)`.

    >>> eye(2, 3, k=1).tolist()
    [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    M = N if M is None else M
    on = torch.arange(M)[None, :] - torch.arange(N)[:, None] == (k or 0)
    return on.to(default_device(), torch_dtype(dtype or floatx()))


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """Ones on and below a diagonal, `k` above the main one, of a matrix `(N, M)`."""
    return torch.tril(ones((N, M or N), dtype), k)


# --- ranges ----------------------------------------------------------------------------------


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Tensor:
    """Numbers from `start` (0 if it is the only one) to before `stop`, `step` apart.

    >>> arange(3).tolist(), arange(1, 2, 0.5).tolist()
    ([0, 1, 2], [1.0, 1.5])
    """
    given = [x for x in (start, stop, step) if x is not None]
    dtype = torch_dtype(dtype) if dtype else promoted(*map(_number, given))
    first, last = (0, start) if stop is None else (start, stop)
    step = 1 if step is None else step
    return torch.arange(*map(_number, (first, last, step)), dtype=dtype, device=default_device())


def _number(x):
    return x.item() if hasattr(x, "item") else x


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """`num` numbers evenly from `start` to `stop`, which is among them if `endpoint`.

    The two may be tensors that broadcast; `retstep` returns the distance, too.

    >>> linspace(0, 1, 5).tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    start, stop = met(start, stop, floating=True)
    dtype = torch_dtype(dtype) if dtype else start.dtype
    gaps = num - 1 if endpoint else num
    step = (stop - start) / gaps if gaps > 0 else torch.full_like(start, torch.nan)
    places = torch.arange(num, device=start.device).reshape(-1, *[1] * step.ndim)
    made = start + places * step if gaps > 0 else start + places * (stop - start)
    if endpoint and num > 1:
        made = torch.cat([made[:-1], torch.broadcast_to(stop, made[:1].shape).to(made.device)])
    made = torch.moveaxis(made, 0, axis).to(default_device(), dtype)
    return (made, step) if retstep else made


def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: Any = 10,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """`base` to the power of the numbers of `linspace`.

    >>> logspace(0, 2, 3).tolist()
    [1.0, 10.0, 100.0]
    """
    powers = linspace(start, stop, num, endpoint, axis=axis)
    made = torch.pow(tensor(base, powers.dtype).to(powers.device), powers)
    return made if dtype is None else made.to(torch_dtype(dtype))


def geomspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Any:
    """`num` numbers from `start` to `stop`, each the same multiple of the one before."""
    start, stop = met(start, stop, floating=True)
    made = logspace(start.abs().log10(), stop.abs().log10(), num, endpoint, axis=axis)
    made = made * torch.sign(start).to(made.device)
    return made if dtype is None else made.to(torch_dtype(dtype))


# --- windows of signals ----------------------------------------------------------------------


def _window(function):
    def make(x):
        made = function(int(tensor(x)), dtype=torch_dtype(floatx()))
        return made.to(default_device())

    return make


_WINDOWS = {
    "bartlett": (torch.signal.windows.bartlett, "The Bartlett window of `x` places, a triangle."),
    "blackman": (torch.signal.windows.blackman, "The Blackman window of `x` places."),
    "hamming": (torch.signal.windows.hamming, "The Hamming window of `x` places."),
    "hanning": (torch.signal.windows.hann, "The Hann window of `x` places."),
}
_fill(globals(), _window, _WINDOWS)


def kaiser(x: Any, beta: Any) -> Tensor:
    """The Kaiser window of `x` places."""
    beta = float(_number(beta))
    made = torch.signal.windows.kaiser(int(tensor(x)), beta=beta, dtype=torch_dtype(floatx()))
    return made.to(default_device())


@recorded
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """The powers of each element in a row, from the highest down unless `increasing`."""
    x = tensor(x)
    powers = torch.arange(len(x) if N is None else N, device=x.device)
    return torch.pow(x.unsqueeze(-1), powers if increasing else powers.flip(0)).to(x.dtype)


__all__ = public(globals())
