"""`keras.utils.conv_utils`: checks and lengths of windows, for layers written against it."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend as K
from .warning import deprecated


def normalize_tuple(value: Any, n: int, name: str, allow_zero: bool = False) -> tuple[int, ...]:
    """`value`, an integer or `n` of them, as a tuple of `n`.

    >>> normalize_tuple(3, 2, "kernel_size")
    (3, 3)
    """
    values = (value,) * n if isinstance(value, int) else tuple(value)
    least = 0 if allow_zero else 1
    if len(values) != n or any(int(v) != v or v < least for v in values):
        raise ValueError(f"{name} must be {n} integers of at least {least}; received {value!r}.")
    return tuple(int(v) for v in values)


def normalize_padding(value: str) -> str:
    """A known padding in lower case."""
    if str(value).lower() not in ("valid", "same", "causal"):
        raise ValueError(f"padding must be 'valid', 'same' or 'causal'; received {value!r}.")
    return value.lower()


def normalize_data_format(value: str | None) -> str:
    """`value` in lower case, or the default of `K.image_data_format()`."""
    value = (value or K.image_data_format()).lower()
    if value not in ("channels_first", "channels_last"):
        raise ValueError(
            f"data_format must be 'channels_first' or 'channels_last'; received {value!r}."
        )
    return value


def conv_output_length(input_length, filter_size, padding, stride, dilation=1) -> int | None:
    """How long the output of a convolution is; None for an open length.

    >>> conv_output_length(10, 3, "valid", 2), conv_output_length(10, 3, "same", 2)
    (4, 5)
    """
    if input_length is None:
        return None
    spread = filter_size + (filter_size - 1) * (dilation - 1)
    less = {"same": 0, "causal": 0, "valid": 1 - spread, "full": spread - 1}[padding]
    return (input_length + less + stride - 1) // stride


def conv_input_length(output_length, filter_size, padding, stride) -> int | None:
    """How long the input was."""
    if output_length is None:
        return None
    pad = {"same": filter_size // 2, "valid": 0, "full": filter_size - 1}[padding]
    return (output_length - 1) * stride - 2 * pad + filter_size


def deconv_output_length(
    input_length, filter_size, padding, output_padding=None, stride=0, dilation=1
) -> int | None:
    """How long the output of a transposed convolution is."""
    if input_length is None:
        return None
    spread = filter_size + (filter_size - 1) * (dilation - 1)
    if output_padding is None:
        added = {"valid": max(spread - stride, 0), "full": -(stride + spread - 2), "same": 0}
        return input_length * stride + added[padding]
    pad = {"same": spread // 2, "valid": 0, "full": spread - 1}[padding]
    return (input_length - 1) * stride + spread - 2 * pad + output_padding


def deconv_length(
    dim_size, stride_size, kernel_size, padding, output_padding=None, dilation=1
) -> int | None:
    """`deconv_output_length` with the arguments of Keras 2.2."""
    deprecated("deconv_length", "conv_utils.deconv_output_length")
    return deconv_output_length(
        dim_size, kernel_size, padding, output_padding, stride_size, dilation
    )


def convert_kernel(kernel: Any) -> np.ndarray:
    """A kernel of Theano's convolution turned around, for TensorFlow's, and back."""
    kernel = np.asarray(kernel)
    if kernel.ndim not in (3, 4, 5):
        raise ValueError(f"A kernel has 3, 4 or 5 axes; received the shape {kernel.shape}.")
    return np.copy(kernel[(slice(None, None, -1),) * (kernel.ndim - 2)])


def obtain_input_shape(
    input_shape: Any, default_size: int, min_size: int, data_format: Any, require_flatten: bool,
    weights: Any = None,
) -> tuple:  # fmt: skip
    """The shape of a picture that an application takes: the one given, checked, or its own."""
    deprecated("_obtain_input_shape", "the input shape itself")
    first = normalize_data_format(data_format) == "channels_first"
    if input_shape is None:
        size = default_size if require_flatten else None
        return (3, size, size) if first else (size, size, 3)
    sides = input_shape[1:] if first else input_shape[:-1]
    if len(input_shape) != 3 or any(n is not None and n < min_size for n in sides):
        raise ValueError(f"Input size must be at least {min_size}x{min_size}; got {input_shape}.")
    return tuple(input_shape)
