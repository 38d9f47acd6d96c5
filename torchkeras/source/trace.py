"""A model as a flat list of calls that can be written: layers that have no text of their own are
replaced by the functions that they call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from .. import activations, tree
from ..graph import Graph, KerasTensor, Node
from ..layer import Layer
from ..layers.core import Activation, Input, InputLayer
from ..layers.functions import Identity
from ..layers.noise import ActivityRegularization
from ..names import module_name
from ..precision import torch_dtype
from ..symbols import masks, size_of
from ..variable import LayerWeight
from .functions import bare_name, function_name, is_method, place_of
from .natives import Unwritten
from .watched import watched


@dataclass(eq=False)
class Call:
    """One step: what is called, with what, and the symbolic tensors that it gives."""

    operation: Any
    args: tuple
    kwargs: dict[str, Any]
    outputs: list[KerasTensor]
    nested: bool
    mask: Any = None
    owner: Any = None  # the layer that this function is a part of
    inputs: list[KerasTensor] = field(init=False)

    def __post_init__(self):
        found = tree.leaves((self.args, self.kwargs, self.mask))
        self.inputs = [leaf for leaf in _flat(found) if isinstance(leaf, KerasTensor)]


def _flat(leaves):
    for leaf in leaves:
        if isinstance(leaf, slice):
            yield from (leaf.start, leaf.stop, leaf.step)
        else:
            yield leaf


class Flow:
    """The calls between `inputs` and `outputs`, in an order in which they can be made."""

    def __init__(self, graph: Graph, has_text: Any, lowerings: dict[type, Any]):
        self.inputs, self.outputs = graph.flat_inputs, graph.flat_outputs
        self.structure = graph.outputs
        self._has_text, self._lowerings = has_text, lowerings
        self._same: dict[int, KerasTensor] = {}
        self._kept: list[Any] = [graph]  # symbolic tensors are known by their ids
        self.calls: list[Call] = []
        self._known = {id(tensor) for tensor in self.inputs}
        for node in _in_order(self.outputs, self._known):
            self._take(node, None)
        self._leave_out_unused()

    def resolve(self, tensor: KerasTensor) -> KerasTensor:
        """The tensor that `tensor` is another name for."""
        while id(tensor) in self._same:
            tensor = self._same[id(tensor)]
        return tensor

    def _take(self, node, owner):
        flat = tree.flatten(node.outputs)
        if all(id(tensor) in self._known for tensor in flat):
            return
        try:
            made = self._replaced(node)
        except Unwritten as error:
            told = title(node.operation if owner is None else owner)
            raise refusal(told, error) from None
        if made is None:
            call = Call(
                node.operation, node.args, dict(node.kwargs), flat, tree.is_nested(node.outputs),
                node.mask, owner,
            )  # fmt: skip
            self.calls.append(call)
        else:
            fresh = tree.flatten(made)
            self._kept.append(made)
            known = self._known | {id(t) for t in node.inputs + node.masks}
            inner = node.operation if isinstance(node.operation, nn.Module) else owner
            for one in _in_order(fresh, known):
                self._take(one, inner)
            for old, new in zip(flat, fresh, strict=False):
                if old is not new:
                    self._same[id(old)] = new
        self._known |= {id(tensor) for tensor in flat}

    def _replaced(self, node):
        """Other symbolic tensors that stand for what the node gives; None: it is written itself."""
        operation, args = node.operation, node.args
        kind = type(operation)
        if kind in (Identity, ActivityRegularization, InputLayer):
            return args[0]
        if kind is Activation and operation.activation is activations.linear:
            return args[0]
        if kind is Activation and not _is_written(operation.activation):
            return _recorded(operation.activation, args, {})
        if isinstance(operation, Layer):
            return self._replaced_layer(operation, node)
        if isinstance(operation, nn.Module):
            if kind.__module__.startswith("torchkeras."):
                return _recorded(operation.forward, args, node.kwargs)
            return None
        if bare_name(operation) == "to" and _changes_nothing(args, node.kwargs):
            return args[0]
        if bare_name(operation) in ("detach", "contiguous") and len(args) == 1:
            return args[0] if bare_name(operation) == "contiguous" else None
        inner = getattr(operation, "__wrapped__", None)
        if isinstance(getattr(operation, "__self__", None), Layer):
            return watched(operation.__self__, operation, args, node.kwargs)
        written = place_of(operation) or is_method(operation)
        if not written and inner is not None and _is_ours(operation):
            return _recorded(inner, args, node.kwargs)
        return None

    def _replaced_layer(self, layer, node):
        activation = getattr(layer, "activation", None)
        if self._has_text(layer):
            apart = callable(activation) and not _is_written(activation)
            if not apart or not hasattr(layer, "weight_map") or hasattr(layer, "state_size"):
                return None
            if getattr(layer, "_activation_apart", False):
                return None
            return self._with_activation_apart(layer, node)
        kwargs = dict(node.kwargs)
        if node.mask is not None:
            kwargs["mask"] = node.mask
        for base in type(layer).__mro__:
            if base in self._lowerings:
                with masks():
                    return self._lowerings[base](layer, *node.args, **kwargs)
        return functions_of(layer, node.args, kwargs)

    def _with_activation_apart(self, layer, node):
        """The layer without its activation, then the activation as calls of their own."""
        outputs = node.outputs
        with masks():
            plain = KerasTensor(outputs.shape, outputs.dtype)
            made = Node(layer, node.args, node.kwargs, node.mask)
            made.set_outputs(plain)
            result = layer.activation(plain)
        if not isinstance(result, KerasTensor):
            raise Unwritten(f"its activation {layer.activation!r} is not made of torch functions")
        call = Call(layer, node.args, dict(node.kwargs), [plain], False, node.mask)
        call.without_activation = True
        self.calls.append(call)
        self._kept.append((plain, made))
        self._known.add(id(plain))
        return result

    def _leave_out_unused(self):
        needed = {id(self.resolve(tensor)) for tensor in self.outputs}
        kept = []
        for call in reversed(self.calls):
            if any(id(tensor) in needed for tensor in call.outputs):
                kept.append(call)
                needed |= {id(self.resolve(tensor)) for tensor in call.inputs}
        self.calls = kept[::-1]
        self.needed = needed


def _is_ours(function):
    return str(getattr(function, "__module__", "")).startswith("torchkeras.")


def _is_written(activation):
    return activation in activations.TABLE.objects.values() or place_of(activation) is not None


def _changes_nothing(args, kwargs):
    given = [*args[1:], *kwargs.values()]
    return len(given) == 1 and (
        isinstance(given[0], torch.device) or given[0] is torch_dtype(args[0].dtype)
    )


def _in_order(targets, known):
    """The nodes that lead to `targets`, each after what it needs."""
    order, seen = [], set()
    for target in targets:
        stack = [(target, False)]
        while stack:
            tensor, done = stack.pop()
            node = tensor.node
            if id(tensor) in known or node is None:
                continue
            if done:
                if node not in seen:
                    seen.add(node)
                    order.append(node)
            elif node not in seen:
                stack.append((tensor, True))
                stack.extend((t, False) for t in reversed(node.inputs + node.masks))
    return order


def _recorded(function, args, kwargs):
    with masks():
        return function(*args, **kwargs)


def functions_of(layer: Layer, args: tuple, kwargs: dict[str, Any]) -> Any:
    """What the `call` of a layer gives for symbolic tensors: it is made of what can be recorded.

    Raises `Unwritten` where that fails, and where training computes something else.
    """
    mode = kwargs.pop("training", None)
    made = _called(layer, args, kwargs, mode)
    if layer._takes_training and mode is None:
        with _state_as_it_is(layer):
            other = _called(layer, args, kwargs, True)
        if _story(made, args, kwargs) != _story(other, args, kwargs):
            raise Unwritten("what it computes in training has no text")
    return made


def _called(layer, args, kwargs, mode):
    if layer._takes_training and mode is not None:
        kwargs = {**kwargs, "training": mode}
    try:
        made = _recorded(layer.call, args, kwargs)
        if all(map(_is_written_as_it_is, _nodes(made, args, kwargs))):
            return made
    except Unwritten:
        raise
    except Exception as error:
        try:
            return _watched(layer, args, kwargs)
        except Unwritten:
            raise
        except Exception:
            raise Unwritten(
                f"its call() cannot run on symbolic tensors ({type(error).__name__}: {error})"
            ) from error
    return _watched(layer, args, kwargs)


def _watched(layer, args, kwargs):
    options = {"training": False} if layer._takes_training else {}
    return watched(layer, layer.call, args, {**options, **kwargs})


@contextmanager
def _state_as_it_is(layer: nn.Module) -> Iterator[None]:
    state = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    try:
        yield
    finally:
        own = layer.state_dict()
        with torch.no_grad():
            for name, tensor in state.items():
                own[name].copy_(tensor)


def _nodes(outputs, args, kwargs):
    """The calls that were made, one after the other."""
    known = {id(t) for t in tree.leaves((args, kwargs)) if isinstance(t, KerasTensor)}
    flat = [tensor for tensor in tree.leaves(outputs) if isinstance(tensor, KerasTensor)]
    return _in_order(flat, known)


def _story(outputs, args, kwargs):
    return [_teller(node.operation) for node in _nodes(outputs, args, kwargs)]


def _is_written_as_it_is(node):
    """Whether a call is of torch or of a layer, and takes no numbers made of trained weights."""
    operation = node.operation
    if isinstance(operation, nn.Module):
        return True
    known = operation is size_of or is_method(operation) or hasattr(operation, "__wrapped__")
    return (known or place_of(operation) is not None) and not any(
        isinstance(leaf, Tensor) and leaf.requires_grad and not isinstance(leaf, nn.Parameter)
        for leaf in tree.leaves((node.args, node.kwargs))
    )


def _teller(operation):
    return id(operation) if isinstance(operation, nn.Module) else function_name(operation)


def graph_of(layer: Layer, args: tuple, kwargs: dict[str, Any]) -> tuple[Graph, list[KerasTensor]]:
    """The graph of a layer that a user wrote, and the tensors that are given for its inputs."""
    given: list[KerasTensor] = []
    fresh: list[KerasTensor] = []
    several = sum(isinstance(t, KerasTensor) for t in tree.leaves(args)) > 1

    def stand_in(leaf, name):
        if not isinstance(leaf, KerasTensor):
            return leaf
        given.append(leaf)
        fresh.append(Input(batch_shape=leaf.shape, dtype=leaf.dtype, name=name))
        return fresh[-1]

    args = tree.map_structure(
        lambda leaf: stand_in(leaf, f"inputs_{len(given) + 1}" if several else "inputs"), args
    )
    kwargs = {
        key: tree.map_structure(lambda leaf: stand_in(leaf, key), value)  # noqa: B023
        for key, value in kwargs.items()
    }
    outputs = functions_of(layer, args, kwargs)
    return Graph(fresh, outputs), given


@contextmanager
def unnoticed(model: nn.Module) -> Iterator[None]:
    """Within the block, layers take no lasting note of calls."""
    layers = [layer for layer in model.modules() if isinstance(layer, Layer)]
    notes = [
        (layer, list(layer._nodes), list(layer.__dict__.get("_users", ()))) for layer in layers
    ]
    try:
        yield
    finally:
        for layer, nodes, users in notes:
            layer._nodes[:] = nodes
            if "_users" in layer.__dict__:
                layer.__dict__["_users"][:] = users


def native_of(weight: Any) -> Tensor:
    """The tensor that torch trains for a weight which a recorded call holds."""
    if isinstance(weight, LayerWeight):
        if weight.weight.pattern is not None or len(weight.native) != 1:
            raise Unwritten(f"weight {weight.name} is laid out otherwise in torch")
    return weight.native[0]


def refusal(told: str, reason: Any) -> NotImplementedError:
    """The error that says why something has no text."""
    return NotImplementedError(f"{told} cannot be written as torch code: {reason}.")


def title(operation: Any) -> str:
    """How an error calls an operation."""
    if isinstance(operation, nn.Module):
        return f'layer "{module_name(operation)}" ({type(operation).__name__})'
    return f"the call of {function_name(operation)}"


__all__ = ["Call", "Flow", "functions_of", "graph_of", "native_of", "refusal", "title", "unnoticed"]
