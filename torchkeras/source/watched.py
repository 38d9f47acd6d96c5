"""The functions that a layer calls, seen while it runs on real tensors.

Two runs with different open sizes tell which numbers are sizes of the inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .. import tree
from ..graph import KerasTensor, Node
from ..layer import Layer
from ..precision import dtype_name, torch_dtype
from ..symbols import size_of
from ..variable import Variable
from .natives import Unwritten

_SIZES = (19, 23)  # of open axes; no product or sum of the other is one of them
_ASKS_FOR_VALUES = {"__bool__", "item", "tolist", "__int__", "__float__", "__index__", "numpy"}
_SAYS_NOTHING = {"size", "dim", "stride", "is_floating_point", "is_complex", "__len__", "numel",
                 "is_contiguous", "element_size", "data_ptr", "storage_offset"}  # fmt: skip


class _Watch(TorchFunctionMode):
    """Notes the calls that lead from given tensors on."""

    def __init__(self, given: list[Tensor]):
        super().__init__()
        self.known = {id(tensor) for tensor in given}
        self.calls: list[tuple] = []
        self.depth = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = function(*args, **kwargs)
        name = getattr(function, "__name__", "")
        if self.depth or name in _SAYS_NOTHING or name in ("__get__", "__set__"):
            if name == "__get__" and isinstance(result, Tensor) and self._knows(args):
                raise Unwritten("it reads an attribute of a tensor that is a tensor")
            return result
        if name in _ASKS_FOR_VALUES and self._knows((args, kwargs)):
            raise Unwritten("it decides by the values of a tensor")
        self.note(function, args, kwargs, result)
        return result

    def note(self, operation, args, kwargs, result):
        self.calls.append((operation, args, kwargs, result))
        if self._knows((args, kwargs)):
            self.known |= {id(leaf) for leaf in tree.leaves(result) if isinstance(leaf, Tensor)}

    def _knows(self, structure):
        return any(id(leaf) in self.known for leaf in tree.leaves(structure))


def watched(layer: Layer, call: Callable, args: tuple, kwargs: dict[str, Any]) -> Any:
    """What `call`, a part of `layer`, gives for symbolic tensors, as recorded calls."""
    symbolic = [leaf for leaf in tree.leaves((args, kwargs)) if isinstance(leaf, KerasTensor)]
    sizes = (_SIZES[0], *_SIZES)  # the first run fills caches
    runs = [_run(layer, call, args, kwargs, symbolic, size) for size in sizes][1:]
    (one, first, made), (two, second, _) = runs
    if [c[0] for c in one.calls] != [c[0] for c in two.calls]:
        raise Unwritten("what it computes depends on sizes that are open")
    named = {id(tensor): stand for tensor, stand in zip(first, symbolic, strict=True)}
    axis = next(((t, t.shape.index(None)) for t in symbolic if None in t.shape), None)

    def found(left, right):
        """An argument of the first run, beside the same of the second."""
        if isinstance(left, Tensor):
            if left.shape != right.shape and id(left) not in named:
                raise Unwritten("it makes a tensor of an open size that has no text")
            return named.get(id(left), left)
        if isinstance(left, torch.Size):
            left, right = tuple(left), tuple(right)
        if isinstance(left, (list, tuple)):
            return type(left)(found(a, b) for a, b in zip(left, right, strict=True))
        if isinstance(left, dict):
            return {key: found(left[key], right[key]) for key in left}
        if type(left) is int and left != right:
            if (left, right) != _SIZES or axis is None:
                raise Unwritten("it computes with sizes that are open; give the inputs fixed ones")
            return _open_size(*axis)
        return left

    for (operation, args_1, kwargs_1, result), (_, args_2, kwargs_2, other) in zip(
        one.calls, two.calls, strict=True
    ):
        flat = [t for t in tree.leaves(result) if isinstance(t, Tensor)]
        rest = [t for t in tree.leaves(other) if isinstance(t, Tensor)]
        stands = [_stand_in(a, b) for a, b in zip(flat, rest, strict=True)]
        leaves = list(tree.leaves((args_1, kwargs_1)))
        moves = any(
            id(leaf) in named or isinstance(leaf, (nn.Parameter, Variable)) for leaf in leaves
        )
        moves = moves or _is_trained(operation)
        if not stands or not (moves or any(None in stand.shape for stand in stands)):
            continue  # numbers that are the same whatever comes in
        given, options = found(args_1, args_2), found(kwargs_1, kwargs_2)
        mask = None
        if isinstance(operation, Layer):
            mask = options.pop("mask", None)
            if options.get("training") is not True:  # the mode of the run, or of nobody
                options.pop("training", None)
        if isinstance(operation, nn.Module):
            given = tree.map_structure(_as_symbolic, given)
        node = Node(operation, given, options, mask)
        node.set_outputs(tree.pack(result, stands) if tree.is_nested(result) else stands[0])
        named |= {id(tensor): stand for tensor, stand in zip(flat, stands, strict=True)}
    return tree.map_structure(lambda leaf: named.get(id(leaf), leaf), made)


def _is_trained(operation):
    return isinstance(operation, nn.Module) and any(True for _ in operation.parameters())


def constant_of(tensor: Tensor) -> Tensor:
    """Numbers that do not depend on the inputs, where a module takes them as its input."""
    return tensor


def _as_symbolic(leaf):
    if not isinstance(leaf, Tensor):
        return leaf
    made = KerasTensor(tuple(leaf.shape), dtype_name(leaf.dtype))
    Node(constant_of, (leaf,), {}).set_outputs(made)
    return made


def _open_size(tensor, axis):
    node = Node(size_of, (tensor, axis), {})
    made = KerasTensor((), "int64")
    node.set_outputs(made)
    return made


def _stand_in(one, other):
    pairs = zip(one.shape, other.shape, strict=True)
    return KerasTensor([a if a == b else None for a, b in pairs], dtype_name(one.dtype))


def _run(layer, call, args, kwargs, symbolic, size):
    """The watched calls, the tensors that stood for the inputs, and the result."""
    real = []
    for tensor in symbolic:
        shape = [size if n is None else n for n in tensor.shape]
        real.append(torch.zeros(shape, dtype=torch_dtype(tensor.dtype), device=layer.device))
    supply = {id(stand): tensor for stand, tensor in zip(symbolic, real, strict=True)}
    fill = lambda leaf: supply.get(id(leaf), leaf)  # noqa: E731
    watch = _Watch(real)
    inside = [module for module in layer.modules() if module is not layer]
    hooks = [hook for module in inside for hook in _watch_module(module, watch)]
    try:
        with torch.no_grad(), watch:
            made = call(*tree.map_structure(fill, args), **tree.map_structure(fill, kwargs))
    finally:
        for hook in hooks:
            hook.remove()
    return watch, real, made


def _watch_module(module: nn.Module, watch: _Watch) -> list:
    """Note a call of a module as one, and nothing of what happens inside."""

    def before(module, args, kwargs):
        watch.depth += 1

    def after(module, args, kwargs, result):
        watch.depth -= 1
        if not watch.depth:
            watch.note(module, args, kwargs, result)

    return [
        module.register_forward_pre_hook(before, with_kwargs=True),
        module.register_forward_hook(after, with_kwargs=True),
    ]
