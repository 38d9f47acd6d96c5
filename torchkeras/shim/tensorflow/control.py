"""Functions that call functions, and what prints: loops, conditions, `tf.function`, `tf.print`."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from ... import backend as K
from ... import tree
from ...variable import Variable
from .calls import tensor


def function(func: Callable | None = None, input_signature=None, autograph=True, jit_compile=None,
             reduce_retracing=False, **options: Any) -> Callable:  # fmt: skip
    """The function as it is: code runs as Python runs it, so nothing needs to be traced."""
    if func is None:
        return functools.partial(function, input_signature=input_signature)

    @functools.wraps(func)
    def call(*args, **kwargs):
        return func(*args, **kwargs)

    call.python_function = func
    call.input_signature = input_signature
    call.get_concrete_function = lambda *args, **kwargs: call
    call.experimental_get_compiler_ir = None
    return call


def py_function(
    func: Callable = None, inp: Any = (), Tout: Any = None, name: str | None = None
) -> Any:
    """What `func` returns for tensors."""
    return _typed(func(*[tensor(x) for x in inp]), Tout)


def numpy_function(
    func: Callable = None, inp: Any = (), Tout: Any = None, stateful=True, name=None
) -> Any:
    """What `func` returns for numpy arrays."""
    return _typed(func(*[_numpy(x) for x in inp]), Tout)


def _numpy(x):
    value = tensor(x)
    return value.numpy() if hasattr(value, "numpy") else np.asarray(value)


def _typed(result, kinds):
    if result is None or isinstance(kinds, (list, tuple)) and not kinds:
        return result
    if isinstance(kinds, (list, tuple)):
        return [tensor(r, k if k != "string" else None) for r, k in zip(result, kinds, strict=True)]
    return tensor(result, None if kinds is None or kinds == "string" else kinds)


def cond(pred: Any, true_fn: Callable = None, false_fn: Callable = None, name=None) -> Any:
    """The result of one of two functions."""
    return true_fn() if bool(pred) else false_fn()


def case(pred_fn_pairs: Any, default: Callable | None = None, exclusive=False, name="case") -> Any:
    """The result of the first function whose condition holds."""
    pairs = pred_fn_pairs.items() if isinstance(pred_fn_pairs, dict) else pred_fn_pairs
    for condition, run in pairs:
        if bool(condition):
            return run()
    if default is None:
        raise ValueError("No condition of tf.case holds, and there is no default.")
    return default()


def switch_case(
    branch_index: Any, branch_fns: Any, default: Callable | None = None, name=None
) -> Any:
    """The result of the function of that number; of the last one where there is none."""
    table = (
        dict(branch_fns)
        if isinstance(branch_fns, dict) or isinstance(branch_fns[0], tuple)
        else dict(enumerate(branch_fns))
    )
    index = int(branch_index)
    return table[index]() if index in table else (default or table[max(table)])()


def while_loop(cond: Callable, body: Callable, loop_vars: Any, shape_invariants=None,
               parallel_iterations=10, back_prop=True, swap_memory=False, maximum_iterations=None,
               name=None) -> Any:  # fmt: skip
    """`loop_vars` as `body` changes them while `cond` holds."""
    count = 0
    loop_vars = tuple(loop_vars)
    while (maximum_iterations is None or count < int(maximum_iterations)) and bool(
        cond(*loop_vars)
    ):
        result = body(*loop_vars)
        loop_vars = tuple(result) if isinstance(result, (list, tuple)) else (result,)
        count += 1
    return list(loop_vars)


def map_fn(fn: Callable, elems: Any, dtype=None, parallel_iterations=None, back_prop=True,
           swap_memory=False, infer_shape=True, name=None,
           fn_output_signature=None) -> Any:  # fmt: skip
    """`fn` of each element along the first axis, stacked."""
    flat = [tensor(e) for e in tree.leaves(elems)]
    rows = [
        fn(tree.pack(elems, list(row)) if tree.is_nested(elems) else row[0])
        for row in zip(*flat, strict=True)
    ]
    return _stacked(rows)


def _stacked(rows):
    return tree.map_structure(lambda *parts: torch.stack([tensor(p) for p in parts]), *rows)


def vectorized_map(fn: Callable, elems: Any, fallback_to_while_loop=True, warn=True) -> Any:
    """`fn` of each element along the first axis, stacked."""
    return map_fn(fn, elems)


def scan(fn: Callable, elems: Any, initializer: Any = None, parallel_iterations=10, back_prop=True,
         swap_memory=False, infer_shape=True, reverse=False, name=None) -> Any:  # fmt: skip
    """All the states as `fn(state, element)` goes on."""
    rows = list(zip(*[tensor(e) for e in tree.leaves(elems)], strict=True))
    rows = [tree.pack(elems, list(r)) if tree.is_nested(elems) else r[0] for r in rows]
    rows = rows[::-1] if reverse else rows
    states = []
    state = initializer
    if state is None:
        state, rows = rows[0], rows[1:]
        states.append(state)
    for row in rows:
        state = fn(state, row)
        states.append(state)
    return _stacked(states[::-1] if reverse else states)


def foldl(fn: Callable, elems: Any, initializer: Any = None, **options: Any) -> Any:
    """The last state of `scan`."""
    return K.foldl(fn, tensor(elems), initializer)


def foldr(fn: Callable, elems: Any, initializer: Any = None, **options: Any) -> Any:
    """The same from the other end."""
    return K.foldr(fn, tensor(elems), initializer)


def group(*inputs: Any, **kwargs: Any) -> None:
    """Without effect: calls have run already."""


def no_op(name: str | None = None) -> None:
    """Nothing."""


_print = print


def print(
    *inputs: Any, output_stream: Any = None, summarize: int = 3, sep=" ", end="\n", name=None
) -> None:  # noqa: A001
    """Write values as TensorFlow does, to the standard error."""
    stream = {"file": sys.stderr}
    if hasattr(output_stream, "write"):
        stream = {"file": output_stream}
    elif output_stream is sys.stdout:
        stream = {"file": sys.stdout}
    _print(*[_shown(x, summarize) for x in inputs], sep=sep, end=end, **stream)


def _shown(value, summarize):
    if isinstance(value, (torch.Tensor, Variable)):
        array = np.asarray(
            value.detach().cpu() if isinstance(value, torch.Tensor) else value.numpy()
        )
        if array.ndim == 0:
            return str(array[()])
        edge = summarize if summarize >= 0 else array.size
        text = np.array2string(
            array, threshold=0 if array.size > 2 * edge else array.size + 1, edgeitems=edge
        )
        return " ".join(text.replace("\n", "\n").split()) if array.ndim == 1 else text
    return value


def recompute_grad(f: Callable) -> Callable:
    """`f`, computed again for its gradients rather than kept."""
    from torch.utils.checkpoint import checkpoint

    return lambda *args, **kwargs: checkpoint(f, *args, use_reentrant=False, **kwargs)
