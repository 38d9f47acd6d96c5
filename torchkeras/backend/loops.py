"""Choosing between values, and functions that call a function for each element or step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from .. import tree
from ..graph import KerasTensor
from ..layers.sequence import scan
from ..precision import torch_dtype
from .operands import dtype_of, recorded, tensor, tensors
from .state import phase_that_is_set, running_mode

__all__ = ["foldl", "foldr", "in_test_phase", "in_train_phase", "map_fn", "rnn", "switch"]


def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    """One of two tensors, or of two functions that give some, as a condition says.

    A condition with axes chooses element by element (one of rank 2 or more may lack the last
    axes). Of functions only the chosen one is called where the condition is a single value.

    >>> switch(torch.tensor(True), lambda: torch.ones(2), lambda: torch.zeros(2)).tolist()
    [1.0, 1.0]
    """
    condition = tensor(condition)
    if dtype_of(condition) is not torch.bool:
        condition = condition.to(torch.bool)
    if condition.ndim == 0 and isinstance(condition, Tensor) and condition.device.type != "meta":
        chosen = then_expression if bool(condition) else else_expression
        return _value(chosen)
    then, other = tensors(_value(then_expression), _value(else_expression))
    if condition.ndim > then.ndim:
        raise ValueError(
            f"The condition of switch may not have more axes than what it chooses from; received "
            f"shapes {tuple(condition.shape)} and {tuple(then.shape)}."
        )
    if condition.ndim > 1:
        for _ in range(then.ndim - condition.ndim):
            condition = torch.unsqueeze(condition, -1)
    return torch.where(condition, then, other)


def in_train_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """`x` in training, `alt` in inference; both may be functions, of which one is called.

    Without `training` the mode of the layer whose `call` is running decides, outside of layers
    what `set_learning_phase` set, else it is inference. Under `torch.compile` pass `training`.

    >>> in_train_phase(1, lambda: 2), in_train_phase(1, lambda: 2, training=True)
    (2, 1)
    """
    if training is None:
        training = running_mode()
    if training is None:
        training = phase_that_is_set() or 0
    if isinstance(training, (Tensor, KerasTensor)):
        return switch(training, x, alt)
    return _value(x if training else alt)


def in_test_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """`x` in inference, `alt` in training: the inverse of `in_train_phase`."""
    return in_train_phase(alt, x, training)


def _value(expression):
    callable_ = callable(expression) and not isinstance(expression, (Tensor, KerasTensor))
    return expression() if callable_ else expression


# --- for each element ------------------------------------------------------------------------


@recorded
def map_fn(fn: Callable, elems: Any, name: Any = None, dtype: Any = None) -> Any:
    """`fn` of each element along the first axis, stacked; `elems` may be several tensors.

    >>> map_fn(lambda x: x * 2, torch.tensor([1.0, 2.0])).tolist()
    [2.0, 4.0]
    """
    results = [fn(one) for one in _elements(elems)]
    stacked = tree.map_structure(lambda *each: torch.stack([tensor(e) for e in each]), *results)
    if dtype is None:
        return stacked
    dtypes = tree.flatten(dtype)
    kinds = tree.pack(stacked, dtypes if len(dtypes) > 1 else dtypes * len(tree.flatten(stacked)))
    return tree.map_structure(lambda x, kind: x.to(torch_dtype(kind)), stacked, kinds)


@recorded
def foldl(fn: Callable, elems: Any, initializer: Any = None, name: Any = None) -> Any:
    """`fn(result so far, element)` over the first axis, from the first element on.

    >>> foldl(lambda total, x: total * 10 + x, torch.tensor([1.0, 2.0, 3.0])).tolist()
    123.0
    """
    return _folded(fn, _elements(elems), initializer)


@recorded
def foldr(fn: Callable, elems: Any, initializer: Any = None, name: Any = None) -> Any:
    """`fn(result so far, element)` over the first axis, from the last element back."""
    return _folded(fn, _elements(elems)[::-1], initializer)


def _folded(fn, elements, initializer):
    if initializer is None:
        initializer, *elements = elements
    else:
        initializer = tree.map_structure(tensor, initializer)
    for one in elements:
        initializer = fn(initializer, one)
    return initializer


def _elements(elems):
    parts = [tensor(leaf).unbind(0) for leaf in tree.leaves(elems)]
    return [tree.pack(elems, list(one)) for one in zip(*parts, strict=True)]


# --- for each step ---------------------------------------------------------------------------


@recorded
def rnn(
    step_function: Callable,
    inputs: Any,
    initial_states: Sequence[Any],
    go_backwards: bool = False,
    mask: Any = None,
    constants: Sequence[Any] | None = None,
    unroll: bool = False,
    input_length: Any = None,
    time_major: bool = False,
    zero_output_for_mask: bool = False,
    return_all_outputs: bool = True,
) -> tuple:
    """The last output, all outputs and the final states of a step repeated over time.

    `step_function(input, states) -> (output, states)`; the states are a tuple, behind them the
    `constants`. Inputs and outputs are `(batch, time, ...)`, or `(time, batch, ...)` with
    `time_major`. At a step that `mask` `(batch, time)` hides, states stay and the output repeats
    the one before, or is zero with `zero_output_for_mask`; `input_length`, lengths `(batch,)`,
    hides what is behind them. `unroll` changes nothing here. Without `return_all_outputs` the
    outputs are the last one.

    >>> last, outputs, states = rnn(lambda x, s: (s[0] + x, [s[0] + x]), torch.ones(1, 3, 2), [0.0])
    >>> outputs[0, :, 0].tolist()
    [1.0, 2.0, 3.0]
    """
    time = 0 if time_major else 1
    inputs = tree.map_structure(tensor, inputs)
    parts = [leaf.unbind(time) for leaf in tree.leaves(inputs)]
    steps = [tree.pack(inputs, list(leaves)) for leaves in zip(*parts, strict=True)]
    masks = _masks(mask, input_length, len(steps), time, go_backwards)
    if go_backwards:
        steps.reverse()
    first = next(tree.leaves(inputs))
    states = tuple(tree.map_structure(lambda s: tensor(s, first), list(initial_states)))
    constants = tuple(tensor(one, first) for one in constants or ())
    nesting = {"states": states}

    def step(current, flat):
        output, following = step_function(current, tree.pack(states, flat) + constants)
        nesting["states"] = following
        return output, tree.flatten(following)

    outputs, final = scan(step, steps, tree.flatten(states), masks, zero_output_for_mask)
    shown = outputs if return_all_outputs else outputs[-1:]
    stacked = tree.map_structure(lambda *each: torch.stack(each, time), *shown)
    return outputs[-1], stacked, tree.pack(nesting["states"], final)


def _masks(mask, lengths, count, time, backwards):
    """A `(batch,)` mask a step, in the order of the steps, or None."""
    if mask is not None:
        mask = tensor(mask)
        mask = mask.squeeze(-1) if mask.ndim == 3 else mask
        masks = list(mask.to(torch.bool).unbind(time))
        return masks[::-1] if backwards else masks
    if lengths is None or isinstance(lengths, int):  # a fixed length: the inputs tell it too
        return None
    lengths = tensor(lengths)
    if backwards:
        behind = lengths.max() - 1 - lengths
        return [behind < number for number in range(count)]
    return [lengths > number for number in range(count)]
