"""Layers that only move values: flatten, reshape, permute, repeat, enlarge, pad, crop."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from .. import layout
from ..config import standardize_data_format
from ..input_spec import InputSpec
from ..layer import TABLE, Layer
from ..resizing import kernel_name, resize
from .spatial import SpatialLayer, integers, pad_argument


@TABLE.add()
class Flatten(Layer):
    """One axis of features: `(batch, a, b, c)` to `(batch, a * b * c)`, channels varying fastest.

    `data_format='channels_first'` says that the inputs have their channels at axis 1; they are
    moved to the end first, so that the order of the features is the same.

    >>> import torch
    >>> Flatten()(torch.zeros(2, 3, 4)).shape
    torch.Size([2, 12])
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)
        self._moves = self.data_format == "channels_first"

    def call(self, inputs: Tensor) -> Tensor:
        if inputs.ndim == 1:
            return inputs.unsqueeze(1)
        if self._moves:
            inputs = layout.channels_last(inputs)
        return inputs.flatten(1)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        sizes = input_shape[1:]
        return (input_shape[0], None if None in sizes else math.prod(sizes))


@TABLE.add()
class Reshape(Layer):
    """`(batch, *target_shape)` with the same values; one size may be -1 and is worked out.

    >>> import torch
    >>> Reshape((2, -1))(torch.zeros(5, 6)).shape
    torch.Size([5, 2, 3])
    """

    def __init__(self, target_shape: Sequence[int], **kwargs: Any):
        super().__init__(**kwargs)
        given = (target_shape,) if isinstance(target_shape, int) else target_shape
        self.target_shape = tuple(int(size) for size in given)
        if sum(size < 0 for size in self.target_shape) > 1:
            raise ValueError(
                f'target_shape of layer "{self.name}" may have one -1; received '
                f"{self.target_shape}."
            )

    def call(self, inputs: Tensor) -> Tensor:
        return inputs.reshape(self._resolved(inputs.shape))

    def compute_output_shape(self, input_shape: Any) -> tuple:
        if None in input_shape[1:]:
            return (input_shape[0], *(None if n < 0 else n for n in self.target_shape))
        return self._resolved(input_shape)

    def _resolved(self, input_shape):
        total, known = math.prod(input_shape[1:]), 1
        for size in self.target_shape:
            known *= size if size >= 0 else 1
        open_size = -1 in self.target_shape
        if (known == 0 or total % known) if open_size else total != known:
            raise ValueError(
                f'Layer "{self.name}" cannot reshape samples of shape {tuple(input_shape[1:])} '
                f"({total} values) to target_shape={self.target_shape}."
            )
        return (input_shape[0], *(total // known if n < 0 else n for n in self.target_shape))


@TABLE.add()
class Permute(Layer):
    """Axes in another order; `dims` counts from 1 and leaves out the batch axis.

    >>> import torch
    >>> Permute((2, 1))(torch.zeros(5, 2, 3)).shape
    torch.Size([5, 3, 2])
    """

    def __init__(self, dims: Sequence[int], **kwargs: Any):
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                f'dims of layer "{self.name}" must hold each of 1 to {len(self.dims)} once; '
                f"received {self.dims}."
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs: Tensor) -> Tensor:
        return inputs.permute(0, *self.dims)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return (input_shape[0], *(input_shape[axis] for axis in self.dims))


@TABLE.add()
class RepeatVector(Layer):
    """The same vector `n` times: `(batch, features)` to `(batch, n, features)`.

    >>> import torch
    >>> RepeatVector(2)(torch.tensor([[1.0, 3.0]])).tolist()
    [[[1.0, 3.0], [1.0, 3.0]]]
    """

    def __init__(self, n: int, **kwargs: Any):
        super().__init__(**kwargs)
        if not isinstance(n, int):
            raise TypeError(f'n of layer "{self.name}" must be an integer; received {n!r}.')
        self.n = n
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs: Tensor) -> Tensor:
        return inputs.unsqueeze(1).expand(-1, self.n, -1)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return (input_shape[0], self.n, input_shape[1])


class _UpSampling(SpatialLayer):
    """Each value repeated `size` times along each spatial axis."""

    def _factors(self):
        return self.size if isinstance(self.size, tuple) else (self.size,)

    def call(self, inputs: Tensor) -> Tensor:
        start = 2 if self.channels_first else 1
        for axis, factor in enumerate(self._factors(), start):
            if factor > 1:
                inputs = inputs.repeat_interleave(
                    factor, axis, output_size=inputs.shape[axis] * factor
                )
        return inputs

    def compute_output_shape(self, input_shape: Any) -> tuple:
        sizes = zip(self.sizes(input_shape), self._factors(), strict=True)
        return self.shape_with(input_shape, [None if n is None else n * f for n, f in sizes])


@TABLE.add()
class UpSampling1D(_UpSampling):
    """Each step `size` times: `(batch, steps, channels)` to `(batch, steps * size, channels)`.

    >>> import torch
    >>> UpSampling1D(2)(torch.tensor([[[1.0], [3.0]]])).flatten().tolist()
    [1.0, 1.0, 3.0, 3.0]
    """

    rank = 1

    def __init__(self, size: int = 2, **kwargs: Any):
        super().__init__(**kwargs)
        self.size = integers(int(size), 1, "size", self)[0]
        self.input_spec = InputSpec(ndim=3)


@TABLE.add()
class UpSampling2D(_UpSampling):
    """Images enlarged by whole factors: `(batch, height, width, channels)`.

    `interpolation` is 'nearest', 'bilinear', 'bicubic', 'area', 'gaussian', 'lanczos3', 'lanczos5'
    or 'mitchellcubic', as in `tf.image.resize`.

    >>> import torch
    >>> UpSampling2D((1, 2))(torch.tensor([[[[1.0], [3.0]]]])).flatten().tolist()
    [1.0, 1.0, 3.0, 3.0]
    """

    def __init__(
        self,
        size: int | Sequence[int] = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.set_data_format(data_format)
        self.size = integers(size, 2, "size", self)
        self.interpolation = kernel_name(interpolation, f'interpolation of layer "{self.name}"')
        self.input_spec = InputSpec(ndim=4)

    def call(self, inputs: Tensor) -> Tensor:
        repeats = self.interpolation in ("nearest", "area")  # the same, for whole factors
        if not inputs.is_floating_point() and repeats:
            return super().call(inputs)
        images = self.to_torch(inputs)
        sizes = [n * factor for n, factor in zip(images.shape[2:], self.size, strict=True)]
        if repeats:
            return self.to_keras(F.interpolate(images, sizes, mode="nearest"))
        return self.to_keras(resize(images, sizes, self.interpolation, channels_first=True))


@TABLE.add()
class UpSampling3D(_UpSampling):
    """Each value of a volume repeated `size` times along each axis.

    >>> import torch
    >>> UpSampling3D((1, 1, 2))(torch.ones(1, 2, 2, 2, 1)).shape
    torch.Size([1, 2, 2, 4, 1])
    """

    rank = 3

    def __init__(
        self,
        size: int | Sequence[int] = (2, 2, 2),
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.set_data_format(data_format)
        self.size = integers(size, 3, "size", self)
        self.input_spec = InputSpec(ndim=5)


class _ZeroPadding(SpatialLayer):
    """Zeros around the spatial axes."""

    def _set_padding(self, edges):
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self._pad = [*([] if self.channels_first else (0, 0)), *pad_argument(edges)]
        self._edges = edges

    def call(self, inputs: Tensor) -> Tensor:
        return F.pad(inputs, self._pad)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        sizes = zip(self.sizes(input_shape), self._edges, strict=True)
        return self.shape_with(input_shape, [None if n is None else n + sum(e) for n, e in sizes])


@TABLE.add()
class ZeroPadding1D(_ZeroPadding):
    """Zeros before and after the steps: `padding` is one number or (before, after).

    >>> import torch
    >>> ZeroPadding1D((0, 2))(torch.ones(1, 1, 1)).flatten().tolist()
    [1.0, 0.0, 0.0]
    """

    rank = 1

    def __init__(self, padding: int | Sequence[int] = 1, **kwargs: Any):
        super().__init__(**kwargs)
        self.padding = integers(padding, 2, "padding", self, least=0)
        self._set_padding((self.padding,))


@TABLE.add()
class ZeroPadding2D(_ZeroPadding):
    """Zeros around images: `padding` is a number, (rows, columns) or
    ((top, bottom), (left, right)).

    >>> import torch
    >>> ZeroPadding2D(((0, 1), (0, 0)))(torch.ones(1, 1, 1, 1)).flatten().tolist()
    [1.0, 0.0]
    """

    def __init__(self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.set_data_format(data_format)
        self.padding = _edges(padding, self, "padding")
        self._set_padding(self.padding)


@TABLE.add()
class ZeroPadding3D(_ZeroPadding):
    """Zeros around volumes: `padding` is a number, three numbers or three pairs.

    >>> import torch
    >>> ZeroPadding3D(1)(torch.ones(1, 1, 1, 1, 1)).shape
    torch.Size([1, 3, 3, 3, 1])
    """

    rank = 3

    def __init__(self, padding: Any = (1, 1, 1), data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.set_data_format(data_format)
        self.padding = _edges(padding, self, "padding")
        self._set_padding(self.padding)


class _Cropping(SpatialLayer):
    """The spatial axes without their edges."""

    def _set_cropping(self, edges):
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self._edges = edges

    def call(self, inputs: Tensor) -> Tensor:
        start = 2 if self.channels_first else 1
        self._check(inputs.shape)
        for axis, (before, after) in enumerate(self._edges, start):
            inputs = inputs.narrow(axis, before, inputs.shape[axis] - before - after)
        return inputs

    def _check(self, input_shape):
        for size, (before, after) in zip(self.sizes(input_shape), self._edges, strict=True):
            if size is not None and before + after >= size:
                raise ValueError(
                    f'Layer "{self.name}" cannot crop {before} + {after} from an axis of size '
                    f"{size}; received shape {tuple(input_shape)} and cropping={self.cropping}."
                )

    def compute_output_shape(self, input_shape: Any) -> tuple:
        self._check(input_shape)
        sizes = zip(self.sizes(input_shape), self._edges, strict=True)
        return self.shape_with(input_shape, [None if n is None else n - sum(e) for n, e in sizes])


@TABLE.add()
class Cropping1D(_Cropping):
    """Without the first and last steps: `cropping` is one number or (before, after).

    >>> import torch
    >>> Cropping1D((1, 0))(torch.tensor([[[1.0], [3.0]]])).flatten().tolist()
    [3.0]
    """

    rank = 1

    def __init__(self, cropping: int | Sequence[int] = (1, 1), **kwargs: Any):
        super().__init__(**kwargs)
        self.cropping = integers(cropping, 2, "cropping", self, least=0)
        self._set_cropping((self.cropping,))


@TABLE.add()
class Cropping2D(_Cropping):
    """Images without their edges: a number, (rows, columns) or ((top, bottom), (left, right)).

    >>> import torch
    >>> Cropping2D(((0, 1), (1, 0)))(torch.arange(4.0).reshape(1, 2, 2, 1)).flatten().tolist()
    [1.0]
    """

    def __init__(
        self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.set_data_format(data_format)
        self.cropping = _edges(cropping, self, "cropping")
        self._set_cropping(self.cropping)


@TABLE.add()
class Cropping3D(_Cropping):
    """Volumes without their edges: a number, three numbers or three pairs.

    >>> import torch
    >>> Cropping3D(1)(torch.ones(1, 3, 3, 3, 1)).shape
    torch.Size([1, 1, 1, 1, 1])
    """

    rank = 3

    def __init__(
        self,
        cropping: Any = ((1, 1), (1, 1), (1, 1)),
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.set_data_format(data_format)
        self.cropping = _edges(cropping, self, "cropping")
        self._set_cropping(self.cropping)


def _edges(value, layer, argument):
    """A number, or a number or pair for each axis, as pairs (before, after)."""
    values = (value,) * layer.rank if hasattr(value, "__index__") else value
    if not isinstance(values, (list, tuple)) or len(values) != layer.rank:
        raise ValueError(
            f'{argument} of layer "{layer.name}" must be a number, or {layer.rank} numbers or '
            f"pairs of numbers; received {value!r}."
        )
    return tuple(integers(one, 2, argument, layer, least=0) for one in values)
