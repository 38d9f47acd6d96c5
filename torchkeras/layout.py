"""How Keras lays out a weight that torch lays out otherwise, and channels-last views of images.

A pattern such as `"o i h w -> h w i o"` names the torch axes on the left and the Keras axes on
the right. `"(c m) 1 h w -> h w c m"` splits the first torch axis; `"g i -> i g"` transposes.
An axis called `g` holds the gates of a recurrent layer in equal blocks; `"g i = i g"` moves no
number in a block.
"""

from __future__ import annotations

import re
from functools import cache

import torch
from torch import Tensor


class Layout:
    """Both directions of one pattern, with the blocks of axis `g` reordered by `gates`.

    `gates='rzn -> zrn'` says that torch keeps the blocks in order r, z, n and Keras in order
    z, r, n.
    """

    def __init__(self, pattern: str | None, gates: str | None = None):
        self.identity = pattern is None and gates is None
        if pattern is not None:
            left, right = (side.strip() for side in pattern.split("->"))
            groups = [g.strip("()").split() for g in re.findall(r"\([^)]*\)|\S+", left)]
            self.keras_axes = right.split()
            self.groups = [[a for a in group if a != "1"] for group in groups]
            split = [axis for group in self.groups for axis in group]
            self.to_keras_order = [split.index(axis) for axis in self.keras_axes]
            self.to_torch_order = [self.keras_axes.index(axis) for axis in split]
            self.permutes_only = all(len(g) == 1 for g in self.groups)
        self.pattern = pattern
        if gates is not None:
            theirs, ours = (side.strip() for side in gates.split("->"))
            self.to_keras_blocks = [theirs.index(letter) for letter in ours]
            self.to_torch_blocks = [ours.index(letter) for letter in theirs]
            self.gate_axis = self.keras_axes.index("g") if pattern else -1
        self.gates = gates

    def to_keras(self, tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
        """`tensor` in torch's layout as Keras sees it; `shape` is the Keras shape.

        A view of `tensor` unless gates are reordered.
        """
        if self.identity:
            return tensor
        if self.pattern is not None:
            if not self.permutes_only:
                sizes = dict(zip(self.keras_axes, shape, strict=True))
                tensor = tensor.reshape([sizes[a] for group in self.groups for a in group])
            tensor = tensor.permute(self.to_keras_order)
        if self.gates is not None:
            tensor = _reorder(tensor, self.gate_axis, self.to_keras_blocks)
        return tensor

    def keras_shape(self, shape: tuple[int, ...], known: dict[str, int]) -> tuple[int, ...]:
        """The Keras shape of a tensor whose torch shape is `shape`.

        Of the axes in a group such as `(c m)` all but one must be `known`.
        """
        if self.pattern is None:
            return tuple(shape)
        sizes = dict(known)
        for group, size in zip(self.groups, shape, strict=True):
            open_axes = [axis for axis in group if axis not in sizes]
            if open_axes:
                sizes[open_axes[0]] = size // _product(sizes[a] for a in group if a in sizes)
        return tuple(sizes[axis] for axis in self.keras_axes)

    def to_torch(self, tensor: Tensor) -> Tensor:
        """`tensor` in the layout of Keras as torch wants it."""
        if self.identity:
            return tensor
        if self.gates is not None:
            tensor = _reorder(tensor, self.gate_axis, self.to_torch_blocks)
        if self.pattern is not None:
            sizes = dict(zip(self.keras_axes, tensor.shape, strict=True))
            tensor = tensor.permute(self.to_torch_order)
            if not self.permutes_only:
                tensor = tensor.reshape([_product(sizes[a] for a in g) for g in self.groups])
        return tensor


class Reread(Layout):
    """Matrices whose blocks have other rows and columns, and the same numbers in the same order.

    So cuDNN keeps the kernels of recurrent layers. The pattern has `=` in the place of `->`.

    >>> kernel = torch.tensor([[1, 2, 3], [4, 5, 6]])  # two inputs, three units, one gate
    >>> layout("g i = i g", "z -> z").to_torch(kernel)
    tensor([[1, 2],
            [3, 4],
            [5, 6]])
    """

    def __init__(self, pattern: str, gates: str):
        super().__init__(pattern.replace("=", "->"), gates)

    def to_keras(self, tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
        blocks = tensor.chunk(len(self.to_keras_blocks))
        return torch.cat([blocks[i].reshape(shape[0], -1) for i in self.to_keras_blocks], 1)

    def to_torch(self, tensor: Tensor) -> Tensor:
        blocks = tensor.chunk(len(self.to_torch_blocks), 1)
        return torch.cat([blocks[i].reshape(-1, tensor.shape[0]) for i in self.to_torch_blocks])


@cache
def layout(pattern: str | None, gates: str | None = None) -> Layout:
    """The `Layout` of a pattern, made once."""
    return Reread(pattern, gates) if pattern and "=" in pattern else Layout(pattern, gates)


def _reorder(tensor, axis, order):
    blocks = tensor.chunk(len(order), dim=axis)
    return torch.cat([blocks[i] for i in order], dim=axis)


def _product(sizes):
    total = 1
    for size in sizes:
        total *= size
    return total


def contiguous(tensor: Tensor) -> Tensor:
    """`tensor` with its values in order in memory, which may be itself.

    >>> kernel = torch.randn(64, 32, 3, 3)  # out, in, rows, columns
    >>> torch.equal(contiguous(kernel.permute(2, 3, 1, 0)), kernel.permute(2, 3, 1, 0))
    True
    """
    if tensor.numel() < _LARGE or tensor.is_contiguous():
        return tensor.contiguous()
    return copy_into(torch.empty_like(tensor, memory_format=torch.contiguous_format), tensor)


def copy_into(target: Tensor, source: Tensor) -> Tensor:
    """`target.copy_(source)`, quicker where one is the other's kernel in Keras's order of axes.

    Such a kernel is torch's with axes moved, and torch copies such a view slowly, except a matrix
    that is turned. Of the kernels that are large this makes turned matrices and copies of whole
    rows.
    """
    if target.numel() >= _LARGE and target.dtype == source.dtype and source.shape == target.shape:
        axes, stored = _order(target), _order(source)
        into, whole = _stored_so(target, axes), _stored_so(source, stored)
        if into.is_contiguous() and whole.is_contiguous() and len(axes) > 1:
            if axes[-1] == stored[0]:  # turn the matrix, then move whole rows
                order = [*stored[1:], stored[0]]
                sizes = [source.shape[axis] for axis in order]
                _turn_and_move(into, whole, sizes, [order.index(axis) for axis in axes])
                return target
            if axes[0] == stored[-1]:  # move whole rows, then turn the matrix
                order = [stored.index(axis) for axis in (*axes[1:], axes[0])]
                rows = whole.permute(order).contiguous()
                into.view(len(into), -1).copy_(rows.view(-1, len(into)).t())
                return target
    return target.copy_(source)


def _turn_and_move(into, whole, sizes, order):
    turned = whole.view(len(whole), -1).t()
    if order == list(range(len(order))):
        into.view(turned.shape).copy_(turned)
    else:
        into.copy_(turned.contiguous().view(sizes).permute(order))


def _order(tensor):
    """The axes that are longer than one, from the one that is farthest apart in memory."""
    axes = [axis for axis, size in enumerate(tensor.shape) if size > 1]
    return sorted(axes, key=lambda axis: -tensor.stride(axis))


def _stored_so(tensor, axes):
    """`tensor` with its axes in an order, without those of one."""
    rest = [axis for axis in range(tensor.ndim) if axis not in axes]
    return tensor.permute([*axes, *rest]).view([tensor.shape[axis] for axis in axes])


_LARGE = 2**13  # numbers; smaller ones are copied in no time


def channels_first(images: Tensor) -> Tensor:
    """`(batch, *spatial, channels)` seen as `(batch, channels, *spatial)`; copies nothing.

    A contiguous channels-last batch seen this way is torch's `channels_last` memory format.
    """
    order = _TO_FIRST.get(images.ndim)
    return images.movedim(-1, 1) if order is None else images.permute(order)


def channels_last(images: Tensor) -> Tensor:
    """`(batch, channels, *spatial)` seen as `(batch, *spatial, channels)`; copies nothing."""
    order = _TO_LAST.get(images.ndim)
    return images.movedim(1, -1) if order is None else images.permute(order)


# permute costs half the time of movedim, which makes them anew at each call
_TO_FIRST = {3: (0, 2, 1), 4: (0, 3, 1, 2), 5: (0, 4, 1, 2, 3)}
_TO_LAST = {3: (0, 2, 1), 4: (0, 2, 3, 1), 5: (0, 2, 3, 4, 1)}
