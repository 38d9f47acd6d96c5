"""Branches, loops, scans, and functions over tensors: plain Python over torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from .. import graph, tree
from ..graph import KerasTensor
from .operands import public, recorded, tensor


def cond(pred: Any, true_fn: Callable, false_fn: Callable) -> Any:
    """The result of `true_fn()` where `pred` holds, else of `false_fn()`; both without arguments.

    Where `pred` is symbolic, both are called and the model chooses between their results.

    >>> cond(True, lambda: 1, lambda: 2)
    1
    """
    if isinstance(pred, KerasTensor):
        pairs = true_fn(), false_fn()
        return tree.map_structure(lambda a, b: torch.where(pred, tensor(a), tensor(b)), *pairs)
    return true_fn() if pred else false_fn()


def switch(index: Any, branches: Sequence[Callable], *operands: Any) -> Any:
    """`branches[index](*operands)`; an index out of range means the nearest branch.

    >>> switch(5, [lambda x: x + 1, lambda x: x * 2], 4)
    8
    """
    return branches[min(max(int(index), 0), len(branches) - 1)](*operands)


def while_loop(
    cond: Callable, body: Callable, loop_vars: Any, maximum_iterations: int | None = None
) -> Any:
    """`loop_vars = body(*loop_vars)` as long as `cond(*loop_vars)`.

    >>> while_loop(lambda i: i < 5, lambda i: i + 2, 0).item()
    6
    """
    several = isinstance(loop_vars, (list, tuple))
    values = tuple(loop_vars) if several else (loop_vars,)
    values = tree.map_structure(tensor, values)
    count = 0
    while (maximum_iterations is None or count < maximum_iterations) and cond(*values):
        made = body(*values)
        values = tuple(made) if isinstance(made, (list, tuple)) else (made,)
        count += 1
    return values if several else values[0]


def fori_loop(lower: Any, upper: Any, body_fun: Callable, init_val: Any) -> Any:
    """`value = body_fun(i, value)` for each `i` from `lower` to before `upper`.

    >>> fori_loop(0, 4, lambda i, total: total + i, 0)
    6
    """
    for number in range(int(lower), int(upper)):
        init_val = body_fun(number, init_val)
    return init_val


@recorded
def map(f: Callable, xs: Any) -> Any:
    """`f` of each slice along the first axis, stacked.

    >>> map(lambda x: x * 2, torch.tensor([1, 2])).tolist()
    [2, 4]
    """
    return scan(lambda _, x: ((), f(x)), (), xs)[1]


@recorded
def scan(
    f: Callable,
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: Any = 1,
) -> tuple:
    """`carry, y = f(carry, x)` over the slices of `xs`; the last carry, and all `y` stacked.

    Without `xs` it runs `length` times; `reverse` goes from the last slice to the first. `unroll`
    changes nothing here: a loop in Python is unrolled.

    >>> scan(lambda total, x: (total + x, total), torch.tensor(0), torch.tensor([1, 2, 3]))
    (tensor(6), tensor([0, 1, 3]))
    """
    if xs is None and length is None:
        raise ValueError("scan needs xs to run over, or length.")
    flat = [tensor(x) for x in tree.leaves(xs)] if xs is not None else []
    count = int(length) if length is not None else flat[0].shape[0]
    carry = tree.map_structure(tensor, init)
    steps = range(count)
    results: list = [None] * count
    for number in reversed(steps) if reverse else steps:
        given = tree.pack(xs, [x[number] for x in flat]) if flat else None
        carry, made = f(carry, given)
        results[number] = carry if made is None else made
    if made is None:
        results = [tree.map_structure(torch.zeros_like, one) for one in results]
    return carry, tree.map_structure(lambda *each: torch.stack([tensor(e) for e in each]), *results)


@recorded
def associative_scan(f: Callable, elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """What `f(so far, slice)` gives up to each slice, in about `2 log2(n)` calls on whole blocks.

    >>> associative_scan(lambda a, b: a + b, torch.tensor([1, 2, 3])).tolist()
    [1, 3, 6]
    """
    if not callable(f):
        raise TypeError(f"f of associative_scan must be a function; received {f!r}.")
    flat = [tensor(x).movedim(axis, 0) for x in tree.leaves(elems)]
    if len({len(x) for x in flat}) > 1:
        raise ValueError("All elements of associative_scan must have the same size along its axis.")
    flat = [x.flip(0) for x in flat] if reverse else flat

    def meet(one, other):
        one, other = ([x.movedim(0, axis) for x in side] for side in (one, other))
        made = f(tree.pack(elems, one), tree.pack(elems, other))
        return [tensor(x).movedim(axis, 0) for x in tree.leaves(made)]

    found = _scanned(meet, flat)
    found = [x.flip(0) for x in found] if reverse else found
    return tree.pack(elems, [x.movedim(0, axis) for x in found])


def _scanned(meet, flat):
    """Pairs meet, half as many are scanned, and the places between follow from them."""
    count = len(flat[0])
    if count < 2:
        return flat
    odd = _scanned(meet, meet([x[:-1:2] for x in flat], [x[1::2] for x in flat]))
    if count > 2:
        before = odd if count % 2 else [x[:-1] for x in odd]
        even = meet(before, [x[2::2] for x in flat])
        even = [torch.cat([x[:1], y]) for x, y in zip(flat, even, strict=True)]
    else:
        even = [x[:1] for x in flat]
    return [_woven(one, other) for one, other in zip(even, odd, strict=True)]


def _woven(even, odd):
    made = even.new_empty((len(even) + len(odd), *even.shape[1:]))
    made[0::2], made[1::2] = even, odd
    return made


@recorded
def vectorized_map(function: Callable, elements: Any) -> Any:
    """`function` of each slice along the first axis, run for all slices at once.

    >>> vectorized_map(lambda x: x.sum(), torch.ones(2, 3)).tolist()
    [3.0, 3.0]
    """
    elements = tree.map_structure(tensor, elements)
    return torch.vmap(function)(elements)


def vectorize(pyfunc: Callable, *, excluded: Any = None, signature: str | None = None) -> Callable:
    """A function of single elements (or of the axes of `signature`) as one of whole tensors.

    >>> vectorize(lambda a, b: a + b)(torch.tensor([1, 2]), torch.tensor([[3], [4]])).tolist()
    [[4, 5], [5, 6]]
    """
    kept = set(excluded or ())
    cores = _cores(signature)

    def call(*args, **kwargs):
        apart = {n: one for n, one in enumerate(args) if n in kept}
        arrays = [tensor(one) for n, one in enumerate(args) if n not in kept]
        ranks = cores or [0] * len(arrays)
        if len(ranks) != len(arrays):
            raise ValueError(f"signature {signature!r} does not fit {len(arrays)} arguments.")
        outer = [x.shape[: x.ndim - rank] for x, rank in zip(arrays, ranks, strict=True)]
        whole = torch.broadcast_shapes(*outer)

        def inner(*given):
            rest = iter(given)
            return pyfunc(
                *(apart[n] if n in apart else next(rest) for n in range(len(args))), **kwargs
            )

        for _ in whole:
            inner = torch.vmap(inner)
        spread = [
            x.expand(*whole, *x.shape[x.ndim - rank :])
            for x, rank in zip(arrays, ranks, strict=True)
        ]
        return inner(*spread)

    return call


def _cores(signature):
    if signature is None:
        return None
    inputs = signature.split("->")[0].replace(" ", "")
    groups = inputs.strip("()").split("),(")
    return [len(group.split(",")) if group else 0 for group in groups]


def custom_gradient(f: Callable) -> Callable:
    """Decorator: `f` returns its result and a function `grad(*args, upstream=...)` of gradients.

    >>> @custom_gradient
    ... def double(x):
    ...     return x * 2, lambda x, upstream: upstream * 10
    >>> x = torch.tensor(1.0, requires_grad=True)
    >>> double(x).backward()
    >>> x.grad.item()
    10.0
    """

    def call(*args, **kwargs):
        if graph.is_symbolic((args, kwargs)):
            return graph.record(call, args, kwargs)
        return _Custom.apply(f, kwargs, *(tensor(x) for x in args))

    return call


class _Custom(torch.autograd.Function):
    @staticmethod
    def forward(ctx, function, kwargs, *args):
        ctx.save_for_backward(*args)
        output, ctx.gradient = function(*args, **kwargs)
        return output

    @staticmethod
    def backward(ctx, upstream):
        slopes = ctx.gradient(*ctx.saved_tensors, upstream=upstream)
        return None, None, *(slopes if isinstance(slopes, (list, tuple)) else (slopes,))


__all__ = public(globals())
