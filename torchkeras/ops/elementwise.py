"""Functions of each element, and of each two: torch's, by the names of `keras.ops`."""

from __future__ import annotations

from typing import Any

import torch

from ..config import floatx
from ..precision import torch_dtype
from .operands import binary, cast, fill, inexact, like, met, promoted, public, tensor, unary


def _not_bool(function):
    """`function`, with booleans counted as integers."""

    def call(x, *others):
        x = cast(x, torch.int32) if torch_dtype(x.dtype) is torch.bool else x
        return function(x, *others)

    return call


_FLOATS = {
    "arccos": (torch.arccos, "The angle in radians whose cosine is `x`."),
    "arccosh": (torch.arccosh, "The inverse of `cosh`."),
    "arcsin": (torch.arcsin, "The angle in radians whose sine is `x`."),
    "arcsinh": (torch.arcsinh, "The inverse of `sinh`."),
    "arctan": (torch.arctan, "The angle in radians whose tangent is `x`."),
    "arctanh": (torch.arctanh, "The inverse of `tanh`."),
    "ceil": (torch.ceil, "The smallest integer that is not less, as a float."),
    "cos": (torch.cos, "The cosine of angles in radians."),
    "cosh": (torch.cosh, "The hyperbolic cosine."),
    "deg2rad": (torch.deg2rad, "Degrees as radians."),
    "erf": (torch.erf, "The error function."),
    "erfc": (torch.erfc, "1 minus the error function."),
    "erfinv": (torch.erfinv, "The inverse of the error function, on (-1, 1)."),
    "exp": (torch.exp, "e to the power of `x`."),
    "exp2": (torch.exp2, "2 to the power of `x`."),
    "expm1": (torch.expm1, "`exp(x) - 1`, exact for small `x`."),
    "fabs": (torch.abs, "The absolute value, as a float."),
    "floor": (torch.floor, "The largest integer that is not more, as a float."),
    "i0": (torch.i0, "The modified Bessel function of order 0."),
    "log": (torch.log, "The natural logarithm."),
    "log10": (torch.log10, "The logarithm of base 10."),
    "log1p": (torch.log1p, "`log(1 + x)`, exact for small `x`."),
    "log2": (torch.log2, "The logarithm of base 2."),
    "rad2deg": (torch.rad2deg, "Radians as degrees."),
    "reciprocal": (torch.reciprocal, "`1 / x`."),
    "rsqrt": (torch.rsqrt, "`1 / sqrt(x)`."),
    "sin": (torch.sin, "The sine of angles in radians."),
    "sinc": (torch.sinc, "`sin(pi x) / (pi x)`, 1 at 0."),
    "sinh": (torch.sinh, "The hyperbolic sine."),
    "sqrt": (torch.sqrt, "The square root, NaN for negative values."),
    "tan": (torch.tan, "The tangent of angles in radians."),
    "tanh": (torch.tanh, "The hyperbolic tangent."),
}
_ANY = {
    "bitwise_invert": (torch.bitwise_not, "Every bit turned over; booleans are negated."),
    "bitwise_not": (torch.bitwise_not, "Every bit turned over; booleans are negated."),
    "conj": (torch.conj, "The complex conjugate."),
    "conjugate": (torch.conj, "The complex conjugate."),
    "copy": (torch.clone, "A tensor of its own with the same values."),
    "isfinite": (torch.isfinite, "Whether each element is neither infinite nor NaN."),
    "isinf": (torch.isinf, "Whether each element is infinite."),
    "isnan": (torch.isnan, "Whether each element is NaN."),
    "isneginf": (torch.isneginf, "Whether each element is minus infinity."),
    "isposinf": (torch.isposinf, "Whether each element is plus infinity."),
    "logical_not": (torch.logical_not, "Whether each element is 0."),
    "negative": (torch.negative, "`-x`."),
    "sign": (torch.sign, "-1, 0 or 1."),
    "signbit": (torch.signbit, "Whether the sign of each element is negative, -0.0 included."),
}
_PAIRS = {
    "add": (torch.add, "`x1 + x2`."),
    "bitwise_and": (torch.bitwise_and, "The bits set in both."),
    "bitwise_or": (torch.bitwise_or, "The bits set in either."),
    "bitwise_xor": (torch.bitwise_xor, "The bits set in one of them."),
    "bitwise_left_shift": (torch.bitwise_left_shift, "The bits of `x` moved up by `y` places."),
    "bitwise_right_shift": (torch.bitwise_right_shift, "The bits of `x` moved down by `y` places."),
    "left_shift": (torch.bitwise_left_shift, "The bits of `x` moved up by `y` places."),
    "right_shift": (torch.bitwise_right_shift, "The bits of `x` moved down by `y` places."),
    "equal": (torch.eq, "Whether each two elements are equal."),
    "fmax": (torch.fmax, "The larger of each two; where one is NaN, the other."),
    "fmin": (torch.fmin, "The smaller of each two; where one is NaN, the other."),
    "fmod": (_not_bool(torch.fmod), "The rest of a division, with the sign of `x1`."),
    "gcd": (torch.gcd, "The greatest common divisor of each two integers."),
    "greater": (torch.gt, "`x1 > x2`, element by element."),
    "greater_equal": (torch.ge, "`x1 >= x2`, element by element."),
    "lcm": (torch.lcm, "The least common multiple of each two integers."),
    "less": (torch.lt, "`x1 < x2`, element by element."),
    "less_equal": (torch.le, "`x1 <= x2`, element by element."),
    "logical_and": (torch.logical_and, "Whether both are not 0."),
    "logical_or": (torch.logical_or, "Whether one or both are not 0."),
    "logical_xor": (torch.logical_xor, "Whether exactly one is not 0."),
    "maximum": (torch.maximum, "The larger of each two elements."),
    "minimum": (torch.minimum, "The smaller of each two elements."),
    "mod": (_not_bool(torch.remainder), "The rest of a division, with the sign of `x2`."),
    "multiply": (torch.mul, "`x1 * x2`."),
    "not_equal": (torch.ne, "Whether each two elements differ."),
}
_FLOAT_PAIRS = {
    "arctan2": (torch.arctan2, "The angle in radians of the point with `y = x1` and `x = x2`."),
    "heaviside": (torch.heaviside, "0 where `x1 < 0`, 1 where `x1 > 0`, else `x2`."),
    "hypot": (torch.hypot, "The length of the hypotenuse over each two sides."),
    "logaddexp": (torch.logaddexp, "`log(exp(x1) + exp(x2))` without overflow."),
    "logaddexp2": (torch.logaddexp2, "`log2(2 ** x1 + 2 ** x2)` without overflow."),
}
fill(globals(), unary, _FLOATS, floating=True)
fill(globals(), unary, _ANY)
_SHIFTS = {name: row for name, row in _PAIRS.items() if "bitwise" in name or "shift" in name}
fill(globals(), binary, {k: v for k, v in _PAIRS.items() if k not in _SHIFTS})
fill(globals(), binary, _SHIFTS, names="x y")
fill(globals(), binary, _FLOAT_PAIRS, floating=True)


def absolute(x: Any) -> Any:
    """The absolute value.

    >>> absolute([-1.0, 2.0]).tolist()
    [1.0, 2.0]
    """
    x = tensor(x)
    return x if torch_dtype(x.dtype) is torch.bool else torch.abs(x)


abs = absolute


def angle(x: Any) -> Any:
    """The angle in radians of complex numbers; 0 or pi for real ones."""
    return torch.angle(inexact(x))


def cbrt(x: Any) -> Any:
    """The cube root.

    >>> cbrt(-8.0).item()
    -2.0
    """
    x = inexact(x)
    return torch.sign(x) * torch.pow(torch.abs(x), 1.0 / 3.0)


def clip(x: Any, x_min: Any, x_max: Any) -> Any:
    """`x` kept between the two, which are numbers or tensors that broadcast.

    >>> clip([-3.0, 0.5, 3.0], 0, 1).tolist()
    [0.0, 0.5, 1.0]
    """
    x = tensor(x)
    if torch_dtype(x.dtype) is torch.bool:
        x = cast(x, torch.int32)
    if isinstance(x_min, (int, float)) and isinstance(x_max, (int, float)):
        return torch.clamp(x, x_min, x_max)
    return torch.clamp(x, like(x_min, x), like(x_max, x))


def subtract(x1: Any, x2: Any) -> Any:
    """`x1 - x2`."""
    return torch.sub(*met(x1, x2))


def divide(x1: Any, x2: Any) -> Any:
    """`x1 / x2`, floats also for integers.

    >>> divide(1, [2, 4]).tolist()
    [0.5, 0.25]
    """
    return torch.div(*met(x1, x2, floating=True))


true_divide = divide


def divide_no_nan(x1: Any, x2: Any) -> Any:
    """`x1 / x2`, and 0 where `x2` is 0; the gradient is 0 there, too."""
    x1, x2 = met(x1, x2, floating=True)
    zero = torch.eq(x2, 0)
    return torch.where(zero, 0.0, torch.div(x1, torch.where(zero, 1.0, x2)))


def floor_divide(x1: Any, x2: Any) -> Any:
    """`floor(x1 / x2)` in the dtype in which the two meet."""
    return torch.floor_divide(*met(x1, x2))


def power(x1: Any, x2: Any) -> Any:
    """`x1` to the power of `x2`."""
    return torch.pow(*met(x1, x2))


def square(x: Any) -> Any:
    """`x * x`."""
    return _not_bool(torch.square)(tensor(x))


def round(x: Any, decimals: int = 0) -> Any:
    """Rounded to `decimals` places; a half goes to the even digit.

    >>> round([0.5, 1.5, 2.25], decimals=1).tolist()
    [0.5, 1.5, 2.200000047683716]
    """
    x = tensor(x)
    dtype = torch_dtype(x.dtype)
    if dtype.is_floating_point:
        return torch.round(x, decimals=decimals)
    return cast(torch.round(inexact(x), decimals=decimals), dtype)


def trunc(x: Any) -> Any:
    """The integer part."""
    x = tensor(x)
    return x if torch_dtype(x.dtype) is torch.bool else torch.trunc(x)


def ldexp(x1: Any, x2: Any) -> Any:
    """`x1 * 2 ** x2` with integers `x2`.

    >>> ldexp([1.0, 3.0], [2, -1]).tolist()
    [4.0, 1.5]
    """
    x1, x2 = tensor(x1), tensor(x2)
    if torch_dtype(x2.dtype).is_floating_point or torch_dtype(x2.dtype).is_complex:
        raise TypeError(f"The exponent x2 of ldexp must hold integers; received {x2.dtype}.")
    return torch.ldexp(inexact(x1), x2)


def nextafter(x1: Any, x2: Any) -> Any:
    """The next float after `x1` on the way to `x2`."""
    return torch.nextafter(*met(x1, x2, floating=True))


def nan_to_num(x: Any, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """`x` with NaN and infinities replaced; the infinities by the largest floats unless given."""
    return torch.nan_to_num(tensor(x), nan=nan, posinf=posinf, neginf=neginf)


def isclose(
    x1: Any, x2: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Any:
    """Whether `|x1 - x2| <= atol + rtol * |x2|`, element by element."""
    x1, x2 = met(x1, x2)
    return torch.isclose(x1, x2, rtol=rtol, atol=atol, equal_nan=equal_nan)


def allclose(
    x1: Any, x2: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Any:
    """Whether all elements are close, as a tensor of rank 0.

    >>> allclose([1.0], [1.0 + 1e-7]).item()
    True
    """
    return torch.all(isclose(x1, x2, rtol, atol, equal_nan))


def stop_gradient(variable: Any) -> Any:
    """The same values, through which no gradient flows."""
    return torch.detach(tensor(variable))


# --- complex numbers -------------------------------------------------------------------------


def isreal(x: Any) -> Any:
    """Whether the imaginary part of each element is 0."""
    return torch.isreal(tensor(x))


def real(x: Any) -> Any:
    """The real part."""
    return torch.real(tensor(x))


def imag(x: Any) -> Any:
    """The imaginary part; 0 for real numbers."""
    x = tensor(x)
    return torch.imag(x) if torch_dtype(x.dtype).is_complex else torch.zeros_like(x)


def polar(abs_: Any, angle: Any) -> Any:
    """Complex numbers of their absolute values and angles in radians.

    >>> polar(2.0, 0.0).item()
    (2+0j)
    """
    return torch.polar(*met(abs_, angle, floating=True))


def view_as_complex(x: Any) -> Any:
    """Complex numbers of the pairs along the last axis."""
    return torch.view_as_complex(inexact(x))


def view_as_real(x: Any) -> Any:
    """The real and imaginary parts along a new last axis."""
    x = tensor(x)
    if not torch_dtype(x.dtype).is_complex:
        x = x.to(torch.complex128 if promoted(x) is torch.float64 else torch.complex64)
    return torch.view_as_real(x)


def saturate_cast(x: Any, dtype: Any) -> Any:
    """`x` in another dtype; what is out of its range becomes its nearest edge.

    >>> saturate_cast([300.0, -5.0], "uint8").tolist()
    [255, 0]
    """
    x, dtype = tensor(x), torch_dtype(dtype or floatx())
    if dtype is torch.bool:
        return cast(x, dtype)
    x = cast(x, torch.uint8) if torch_dtype(x.dtype) is torch.bool else x
    low, high = _edges(torch_dtype(x.dtype), dtype)
    return torch.clamp(x, low, high).to(dtype)


def _edges(ours, theirs):
    """The numbers of `ours` next to the edges of `theirs`, and not beyond them."""
    here, there = _range(ours), _range(theirs)
    low, high = max(here.min, there.min), min(here.max, there.max)
    if ours.is_floating_point and torch.tensor(high, dtype=ours).double().item() > there.max:
        high = torch.nextafter(torch.tensor(high, dtype=ours), torch.tensor(0.0, dtype=ours)).item()
    return low, high


def _range(dtype):
    return torch.finfo(dtype) if dtype.is_floating_point else torch.iinfo(dtype)


__all__ = public(globals())
