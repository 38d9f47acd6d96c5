"""Layers that make one tensor of several, and the functions that call them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..layer import TABLE, Layer


class Merge(Layer):
    """Base of the elementwise ones: inputs broadcast, those of lower rank from axis 1 on."""

    supports_masking = True

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        if "merge" in cls.__dict__:
            cls._merge_function = cls.__dict__["merge"]
        elif "_merge_function" in cls.__dict__:  # what Keras calls it, in a class of one's own
            cls.merge = cls.__dict__["_merge_function"]

    def __call__(self, *args: Any, **kwargs: Any):
        if not kwargs and len(args) == 1 and type(args[0]) is list and self.built:
            for tensor in args[0]:  # plain ones need no look at their nesting
                if type(tensor) is not Tensor or tensor.dtype is not self._compute_dtype:
                    break
                if hasattr(tensor, "_keras_mask") or tensor.ndim != self._checked_ndim:
                    break
            else:
                return self._run(args, kwargs)
        return super().__call__(*args, **kwargs)

    def _check_inputs(self, args):
        super()._check_inputs(args)
        self._checked_ndim = args[0][0].ndim if args[0] else -1

    def build(self, input_shape: Any) -> None:
        shapes = self._shapes(input_shape)
        self.compute_output_shape(shapes)
        self.built = True

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        ranks = {tensor.ndim for tensor in inputs}
        if len(ranks) == 1:
            return self.merge(inputs)
        return self.merge([_with_rank(tensor, max(ranks)) for tensor in inputs])

    def merge(self, inputs: Sequence[Tensor]) -> Tensor:
        """The result for inputs of equal rank."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Any) -> tuple:
        shapes = self._shapes(input_shape)
        batches = {shape[0] for shape in shapes} - {None}
        if len(batches) > 1:
            raise self._refusal("with the same batch size", shapes)
        samples = [tuple(shape[1:]) for shape in shapes]
        merged = functools.reduce(lambda a, b: self._broadcast(a, b, shapes), samples)
        return (batches.pop() if batches else None, *merged)

    def _broadcast(self, one, other, shapes):
        if len(one) < len(other):
            one, other = other, one
        start = len(one) - len(other)
        merged = list(one[:start])
        for a, b in zip(one[start:], other, strict=True):
            if a is None or b is None:
                merged.append(None)
            elif a != b and 1 not in (a, b):
                raise self._refusal("of shapes that broadcast", shapes)
            else:
                merged.append(b if a == 1 else a)
        return tuple(merged)

    def _shapes(self, input_shape):
        """The shapes of a list of inputs; anything else is refused."""
        many = isinstance(input_shape, (list, tuple)) and len(input_shape) > 0
        if not many or not all(isinstance(shape, (list, tuple)) for shape in input_shape):
            raise ValueError(
                f'Layer "{self.name}" ({type(self).__name__}) must be called on a list of tensors, '
                f"as in {type(self).__name__}()([a, b]); received one of shape {input_shape}."
            )
        return [tuple(shape) for shape in input_shape]

    def _refusal(self, wanted, shapes):
        return ValueError(
            f'Layer "{self.name}" ({type(self).__name__}) needs inputs {wanted}; received shapes '
            f"{', '.join(map(str, shapes))}."
        )

    def compute_mask(self, inputs, mask=None):
        """Where all masks leave the place."""
        masks = [one for one in self._list_of_masks(inputs, mask) if one is not None]
        return functools.reduce(torch.logical_and, masks) if masks else None

    def _list_of_masks(self, inputs, mask):
        if mask is None:
            return []
        for argument, value in (("inputs", inputs), ("mask", mask)):
            if not isinstance(value, (list, tuple)):
                raise ValueError(
                    f'{argument} of layer "{self.name}" must be a list; received '
                    f"{type(value).__name__}."
                )
        if len(mask) != len(inputs):
            raise ValueError(
                f'Layer "{self.name}" received {len(inputs)} inputs but {len(mask)} masks.'
            )
        return list(mask)


def _with_rank(tensor, rank):
    while tensor.ndim < rank:
        tensor = tensor.unsqueeze(1)
    return tensor


@TABLE.add()
class Add(Merge):
    """The sum of a list of tensors.

    >>> Add()([torch.tensor([[1.0]]), torch.tensor([[2.0]])]).tolist()
    [[3.0]]
    """

    makes_anew = True  # nobody else holds the outputs, not even the gradient; not of a subclass

    def merge(self, inputs: list[Tensor]) -> Tensor:
        return functools.reduce(torch.add, inputs)


@TABLE.add()
class Subtract(Merge):
    """The first of two tensors minus the second.

    >>> Subtract()([torch.tensor([[1.0]]), torch.tensor([[2.0]])]).tolist()
    [[-1.0]]
    """

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        if len(input_shape) != 2:
            raise self._refusal("in a list of exactly 2", self._shapes(input_shape))

    def merge(self, inputs: list[Tensor]) -> Tensor:
        first, second = inputs
        return first - second


@TABLE.add()
class Multiply(Merge):
    """The product of a list of tensors, element by element.

    >>> Multiply()([torch.tensor([[2.0]]), torch.tensor([[3.0]])]).tolist()
    [[6.0]]
    """

    def merge(self, inputs: list[Tensor]) -> Tensor:
        return functools.reduce(torch.mul, inputs)


@TABLE.add()
class Average(Merge):
    """The mean of a list of tensors, element by element.

    >>> Average()([torch.tensor([[1.0]]), torch.tensor([[2.0]])]).tolist()
    [[1.5]]
    """

    def merge(self, inputs: list[Tensor]) -> Tensor:
        return functools.reduce(torch.add, inputs) / len(inputs)


@TABLE.add()
class Maximum(Merge):
    """The largest of a list of tensors, element by element.

    Where several are largest, the first receives the gradient.

    >>> Maximum()([torch.tensor([[1.0]]), torch.tensor([[2.0]])]).tolist()
    [[2.0]]
    """

    def merge(self, inputs: list[Tensor]) -> Tensor:
        # torch.maximum would share the gradient; a NaN stays one, as there
        return functools.reduce(lambda a, b: torch.where((a >= b) | (a != a), a, b), inputs)


@TABLE.add()
class Minimum(Merge):
    """The smallest of a list of tensors, element by element.

    Where several are smallest, the first receives the gradient.

    >>> Minimum()([torch.tensor([[1.0]]), torch.tensor([[2.0]])]).tolist()
    [[1.0]]
    """

    def merge(self, inputs: list[Tensor]) -> Tensor:
        return functools.reduce(lambda a, b: torch.where((a <= b) | (a != a), a, b), inputs)


@TABLE.add()
class Concatenate(Merge):
    """The tensors of a list one after the other along `axis`; their other sizes must agree.

    >>> Concatenate()([torch.tensor([[1.0]]), torch.tensor([[2.0]])]).tolist()
    [[1.0, 2.0]]
    """

    def __init__(self, axis: int = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(inputs), dim=self.axis)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        shapes = self._shapes(input_shape)
        rank = len(shapes[0])
        if not -rank <= self.axis < rank or any(len(shape) != rank for shape in shapes):
            raise self._refusal(f"of one rank that has axis {self.axis}", shapes)
        axis, merged = self.axis % rank, []
        for number, sizes in enumerate(zip(*shapes, strict=True)):
            known = {size for size in sizes if size is not None}
            if number == axis:
                merged.append(None if None in sizes else sum(sizes))
            elif len(known) > 1:
                raise self._refusal(f"whose sizes agree except along axis {self.axis}", shapes)
            else:
                merged.append(sizes[0])
        return tuple(merged)

    def compute_mask(self, inputs, mask=None):
        masks = self._list_of_masks(inputs, mask)
        if all(one is None for one in masks):
            return None
        whole = []
        for tensor, one in zip(inputs, masks, strict=True):
            if one is None:
                one = torch.ones_like(tensor, dtype=torch.bool)
            elif one.ndim < tensor.ndim:
                one = one.unsqueeze(-1)
            whole.append(one)
        return torch.all(torch.cat(whole, dim=self.axis), dim=-1)


@TABLE.add()
class Dot(Merge):
    """Products of the samples of two tensors, summed along `axes`: one axis, or one for each.

    Samples of shapes `(a, n)` and `(b, n)` with `axes=2` give `(a, b)`, two vectors give
    `(1,)`. `normalize` scales to length 1 along `axes` first, which gives cosines.

    >>> Dot(axes=1)([torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]])]).tolist()
    [[11.0]]
    """

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        pair = [axes, axes] if isinstance(axes, int) else axes
        if not isinstance(pair, (list, tuple)):
            raise TypeError(
                f'axes of layer "{self.name}" must be an integer or two of them; received {axes!r}.'
            )
        if len(pair) != 2 or not all(isinstance(axis, int) for axis in pair):
            raise ValueError(
                f'axes of layer "{self.name}" must be an integer or two of them; received {axes!r}.'
            )
        self.axes = axes
        self.normalize = normalize

    def _axes_for(self, shapes):
        pair = [self.axes, self.axes] if isinstance(self.axes, int) else self.axes
        axes = [axis % len(s) if axis < 0 else axis for axis, s in zip(pair, shapes, strict=True)]
        if not all(0 < axis < len(shape) for axis, shape in zip(axes, shapes, strict=True)):
            raise self._refusal(f"that have axes={self.axes!r} after the batch", shapes)
        return axes

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        axes = self._axes_for([tensor.shape for tensor in inputs])
        one, other = inputs
        if self.normalize:
            one, other = _unit(one, axes[0]), _unit(other, axes[1])
        one, other = one.movedim(axes[0], -1), other.movedim(axes[1], 1)
        if one.ndim == other.ndim == 2:
            return torch.sum(one * other, 1, keepdim=True)
        left = one.reshape(one.shape[0], -1, one.shape[-1])
        right = other.reshape(other.shape[0], other.shape[1], -1)
        return torch.bmm(left, right).reshape(one.shape[:-1] + other.shape[2:])

    def compute_output_shape(self, input_shape: Any) -> tuple:
        shapes = self._shapes(input_shape)
        if len(shapes) != 2:
            raise self._refusal("in a list of exactly 2", shapes)
        axes = self._axes_for(shapes)
        first, second = (list(shape) for shape in shapes)
        sizes = first.pop(axes[0]), second.pop(axes[1])
        if None not in sizes and sizes[0] != sizes[1]:
            raise self._refusal(
                f"that are equal along axes={self.axes!r} ({sizes[0]} is not {sizes[1]})", shapes
            )
        sizes = [*first, *second[1:]]
        return tuple(sizes if len(sizes) > 1 else [*sizes, 1])

    def compute_mask(self, inputs, mask=None):
        return None


def _unit(tensor, axis):
    squares = torch.sum(tensor.square(), axis, keepdim=True)
    return tensor * torch.rsqrt(squares.clamp(min=1e-12))


def add(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The sum of a list of tensors, symbolic or not, as by an `Add` layer.

    >>> add([torch.tensor([[1.0]]), torch.tensor([[2.0]])]).tolist()
    [[3.0]]
    """
    return Add(**kwargs)(inputs)


def subtract(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The first of two tensors minus the second, as by a `Subtract` layer."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The product of a list of tensors, as by a `Multiply` layer."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The mean of a list of tensors, as by an `Average` layer."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The largest of a list of tensors, as by a `Maximum` layer."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The smallest of a list of tensors, as by a `Minimum` layer."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Sequence[Any], axis: int = -1, **kwargs: Any) -> Any:
    """The tensors of a list one after the other, as by a `Concatenate` layer."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(
    inputs: Sequence[Any], axes: int | Sequence[int], normalize: bool = False, **kwargs: Any
) -> Any:
    """Products of samples summed along `axes`, as by a `Dot` layer."""
    return Dot(axes=axes, normalize=normalize, **kwargs)(inputs)
