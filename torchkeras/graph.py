"""What a model runs: the calls between its inputs and outputs, and the plan that replays them.

A `Graph` is the part of the record of `symbols.py` between some inputs and outputs; its `Plan` is a
flat list of steps over numbered slots, settled once, so that running a model is a loop without
lookups or decisions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from . import tree
from .casting import cast_inputs
from .precision import torch_dtype
from .symbols import KerasTensor, Node, Shape, infer, is_symbolic, masks, record, record_module

__all__ = ["Graph", "KerasTensor", "Node", "Plan", "Shape", "Slot", "Step", "infer", "is_symbolic",
           "owner", "record", "record_module"]  # fmt: skip


class Graph:
    """The calls that lead from `inputs` to `outputs` (any nesting), and the layers in them.

    `losses` are symbolic scalars that are computed along with the outputs.
    """

    def __init__(self, inputs: Any, outputs: Any, losses: Sequence[KerasTensor] = ()):
        self.inputs, self.outputs, self.losses = inputs, outputs, list(losses)
        self.flat_inputs, self.flat_outputs = tree.flatten(inputs), tree.flatten(outputs)
        for role, tensors in (("inputs", self.flat_inputs), ("outputs", self.flat_outputs)):
            for tensor in tensors:
                if not isinstance(tensor, KerasTensor):
                    raise ValueError(
                        f"Model {role} must be symbolic tensors, made by Input() or by calling "
                        f"layers on them; received {tensor!r}."
                    )
        if len({id(t) for t in self.flat_inputs}) < len(self.flat_inputs):
            raise ValueError("Each model input must be given once; one is given twice.")
        self.nodes = self._nodes_in_order(with_masks=False)
        self.owners = self._owners_by_depth()
        self.operations = list(dict.fromkeys(map(_operation, self.owners)))
        self.spare: list[Any] = []  # other ways to run these calls, made once; no copy has them

    @property
    def layers(self) -> list[nn.Module]:
        """The modules, ordered by depth as Keras orders `model.layers`."""
        return [op for op in self.operations if isinstance(op, nn.Module)]

    def plan(self, keys: dict[nn.Module, str], dtype: torch.dtype | None = None) -> Plan:
        """The steps; `keys` tells under which key the running model holds each module.

        Plain modules get their inputs in `dtype`, or as they come.
        """
        nodes = self._nodes_in_order(with_masks=True)
        return Plan(self.flat_inputs, self.flat_outputs + self.losses, nodes, keys, dtype)

    def masked(self, which: Sequence[bool]) -> Graph:
        """The same calls with masks on some inputs, which become inputs behind the others.

        No layer takes note of these calls.
        """
        inputs = [KerasTensor(t.shape, t.dtype, t.name) for t in self.flat_inputs]
        made = {id(old): new for old, new in zip(self.flat_inputs, inputs, strict=True)}
        given = []
        for tensor, old, has in zip(inputs, self.flat_inputs, which, strict=True):
            Node(old.node.operation, (), {}).set_outputs(tensor)
            if has:
                tensor._keras_mask = KerasTensor(tensor.shape[:2], "bool")
                Node(None, (), {}).set_outputs(tensor._keras_mask)
                given.append(tensor._keras_mask)

        def found(structure):
            return tree.map_structure(lambda leaf: made.get(id(leaf), leaf), structure)

        def alike(leaf):
            return KerasTensor(leaf.shape, leaf.dtype, leaf.name)

        with masks():
            for node in self._nodes_in_order(with_masks=False):
                flat = tree.flatten(node.outputs)
                if all(id(tensor) in made for tensor in flat):
                    continue
                outputs = tree.map_structure(alike, node.outputs)
                args, kwargs = found(node.args), found(node.kwargs)
                if hasattr(node.operation, "note_call"):
                    outputs = node.operation.note_call(args, kwargs, outputs)
                else:
                    record(node.operation, args, kwargs, None, outputs)
                for old, new in zip(flat, tree.leaves(outputs), strict=True):
                    made.setdefault(id(old), new)
        return Graph(inputs + given, found(self.flat_outputs), found(self.losses))

    def __reduce__(self):
        """Copies and pickles hold the calls as a flat list: depth does not matter then."""
        nodes = self._nodes_in_order(with_masks=True)
        nodes += [t.node for t in self.flat_inputs if t.node not in nodes]
        tensors = [tensor for node in nodes for tensor in tree.leaves(node.outputs)]
        number = {id(tensor): _Number(i) for i, tensor in enumerate(tensors)}

        def numbered(structure):
            return tree.map_structure(lambda leaf: number.get(id(leaf), leaf), structure)

        calls = [
            (n.operation, n.layer_name, *map(numbered, (n.args, n.kwargs, n.mask, n.outputs)))
            for n in nodes
        ]
        told = [(t.shape, t.dtype, t.name, numbered(t._keras_mask)) for t in tensors]
        ends = map(numbered, (self.inputs, self.outputs, self.losses))
        return _restore_graph, (calls, told, *ends)

    def _nodes_in_order(self, with_masks):
        """Nodes from inputs to outputs, each after what it needs; without recursion."""
        known = {id(t) for t in self.flat_inputs}
        order, seen = [], set()
        targets = self.flat_outputs + self.losses
        if with_masks:
            targets += [t._keras_mask for t in self.flat_outputs if t._keras_mask is not None]
        for target in targets:
            stack = [(target, False)]
            while stack:
                tensor, done = stack.pop()
                node = tensor.node
                if id(tensor) in known and not _is_input(node):
                    continue
                if done:
                    if node not in seen:
                        seen.add(node)
                        order.append(node)
                elif node not in seen:
                    stack.append((tensor, True))
                    if _is_input(node):
                        if id(tensor) not in known:
                            raise ValueError(
                                f"Graph disconnected: {tensor!r} is needed to compute the "
                                "outputs, but it is not among the model's inputs."
                            )
                        continue
                    parents = node.inputs + (_masks_for(node) if with_masks else [])
                    stack.extend((parent, False) for parent in reversed(parents))
        return order

    def _owners_by_depth(self):
        """Distance to the outputs decides, then the order in which a walk from the outputs finds
        them: the order of layers and weights in Keras and in its files."""
        found = self._order_of_discovery()
        node_depth: dict[Node, int] = {}
        depth_of: dict[Any, int] = {}
        inside = set(self.nodes)
        for node in reversed(self.nodes):
            depth = max(node_depth.setdefault(node, 0), depth_of.get(owner(node), 0))
            node_depth[node] = depth_of[owner(node)] = depth
            for tensor in node.inputs:
                parent = tensor.node
                if parent in inside:
                    node_depth[parent] = max(depth + 1, node_depth.get(parent, 0))
        for tensor in self.flat_inputs:  # an input that no output needs
            one = owner(tensor.node)
            if one not in depth_of:
                depth_of[one], found[one] = 0, -1
        order = sorted(depth_of, key=lambda one: (-depth_of[one], found[one]))
        if not self.losses:
            return order
        known = Graph(self.inputs, self.outputs).owners  # what a loss alone needs comes last
        return known + [one for one in order if one not in set(known)]

    def _order_of_discovery(self):
        found: dict[Any, int] = {}
        inside, seen = set(self.nodes), set()
        stack = list(reversed(self.flat_outputs + self.losses))
        while stack:
            node = stack.pop().node
            if node in seen or node not in inside:
                continue
            seen.add(node)
            found.setdefault(owner(node), len(found))
            stack.extend(reversed(node.inputs))
        return found


def owner(node: Node) -> Any:
    """What has one place in the order of a graph: a module with all its calls, or the one call
    of a function, which stands for a layer of its own in Keras."""
    return node.operation if isinstance(node.operation, nn.Module) else node


def source_inputs(tensor: KerasTensor) -> list[KerasTensor]:
    """The inputs that `tensor` is computed from, each once, in the order of the arguments.

    >>> a, b = KerasTensor((None, 2)), KerasTensor((None, 2))
    >>> [source in (a, b) for source in source_inputs(torch.cat([a, b]))]
    [True, True]
    """
    found: dict[int, KerasTensor] = {}
    seen, stack = set(), [tensor]
    while stack:
        tensor = stack.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        if tensor.node is None or _is_input(tensor.node):
            found.setdefault(id(tensor), tensor)
        else:
            stack.extend(reversed(tensor.node.inputs))
    return list(found.values())


def with_own_inputs(graph: Graph, make: Callable[[KerasTensor], KerasTensor]) -> Graph:
    """`graph`; where it starts at results of calls, the same calls from inputs of their own.

    `make` gives an input for a tensor. Results that carry masks stay where they are.
    """
    inside = [t for t in graph.flat_inputs if not _is_input(t.node)]
    if not inside or any(t._keras_mask is not None for t in inside):
        return graph
    anew = {id(t): make(t) for t in inside}

    def found(structure):
        return tree.map_structure(lambda leaf: anew.get(id(leaf), leaf), structure)

    old = []
    for node in graph._nodes_in_order(with_masks=True):
        if _is_input(node):
            continue
        made = Node(node.operation, found(node.args), found(node.kwargs), found(node.mask))
        for tensor in tree.leaves(node.outputs):
            anew[id(tensor)] = KerasTensor(tensor.shape, tensor.dtype, tensor.name)
            old.append(tensor)
        made.set_outputs(found(node.outputs))
        made.layer_name = node.layer_name
        if hasattr(node.operation, "_nodes"):
            node.operation._nodes.append(made)
    for tensor in old:
        anew[id(tensor)]._keras_mask = found(tensor._keras_mask)
    return Graph(found(graph.inputs), found(graph.outputs), found(graph.losses))


def _operation(one):
    return one.operation if isinstance(one, Node) else one


def _is_input(node):
    return not node.inputs and not node.args


class _Number:
    """Stands for a tensor in a pickled graph."""

    def __init__(self, value: int):
        self.value = value


def _restore_graph(calls, told, *ends):
    tensors = [KerasTensor(shape, dtype, name) for shape, dtype, name, _ in told]

    def found(structure):
        return tree.map_structure(
            lambda leaf: tensors[leaf.value] if isinstance(leaf, _Number) else leaf, structure
        )

    for tensor, (_, _, _, mask) in zip(tensors, told, strict=True):
        tensor._keras_mask = found(mask)
    for operation, name, args, kwargs, mask, made in calls:
        node = Node(operation, found(args), found(kwargs), found(mask))
        node.set_outputs(found(made))
        node.layer_name = name
        if hasattr(operation, "_nodes"):
            if _is_input(node):
                operation._nodes.clear()
            operation._nodes.append(node)
    return Graph(*map(found, ends))


class Step:
    """One call in a plan: which module or function, from which slots, into which slot."""

    __slots__ = (
        "key", "function", "source", "target", "args", "kwargs", "takes_training", "cast", "maker",
        "masked",
    )  # fmt: skip

    def __init__(self, node, slots, keys, dtype):
        operation = node.operation
        self.key = keys.get(operation) if isinstance(operation, nn.Module) else None
        self.function = None if self.key is not None else operation
        fill = _Slots(slots)
        kwargs = dict(node.kwargs)
        if node.mask is not None:
            kwargs["mask"] = node.mask
        self.takes_training = (
            getattr(operation, "_takes_training", False) and kwargs.get("training") is None
        )
        if self.takes_training:
            kwargs.pop("training", None)
        self.args, self.kwargs = fill(node.args), fill(kwargs)
        self.cast = _cast_of(node, dtype)
        single = len(self.args) == 1 and isinstance(self.args[0], Slot) and not kwargs
        single = single and self.cast is None
        self.source = self.args[0].number if single else None
        self.target: Any = None
        self.masked = [(slots[id(t)], slots[id(t._keras_mask)]) for t in node.masked_inputs]
        self.maker: str | None = None  # what made the input, which may be overwritten


def _masks_for(node):
    """The masks that a call is given, as an argument or on its inputs."""
    return node.masks + [tensor._keras_mask for tensor in node.masked_inputs]


def _cast_of(node, plain_dtype):
    """The dtype to cast inputs to, where it is not the one that layers make them in."""
    operation = node.operation
    if not isinstance(operation, nn.Module) or not getattr(operation, "_autocast", True):
        return None
    dtype = getattr(operation, "_compute_dtype", plain_dtype)
    if dtype is None or not dtype.is_floating_point:
        return None
    given = [torch_dtype(tensor.dtype) for tensor in node.inputs]
    return dtype if any(d and d.is_floating_point and d is not dtype for d in given) else None


class Slot:
    """A place in a plan's list of values, inside a step's arguments."""

    __slots__ = ("number",)

    def __init__(self, number: int):
        self.number = number


class _Slots:
    def __init__(self, slots):
        self.slots = slots

    def __call__(self, structure):
        return tree.map_structure(self._leaf, structure)

    def _leaf(self, leaf):
        return Slot(self.slots[id(leaf)]) if isinstance(leaf, KerasTensor) else leaf


class Plan:
    """A list of steps over slots; a slot is used again once its value is no longer needed.

    A layer that can work in place does so on what another layer has made for it alone, and does not
    want back for its gradient.
    """

    def __init__(self, inputs, outputs, nodes, keys, dtype=None):
        masks = [t._keras_mask for t in outputs]
        kept = {id(t) for t in outputs} | {id(m) for m in masks if m is not None}
        last_use: dict[int, int] = {}
        uses: Counter[int] = Counter()
        for number, node in enumerate(nodes):
            for tensor in node.inputs + _masks_for(node):
                last_use[id(tensor)] = number
                uses[id(tensor)] += 1
        slots = {id(tensor): number for number, tensor in enumerate(inputs)}
        given, free, self.size = set(slots), [], len(inputs)
        self.steps: list[Step] = []
        for number, node in enumerate(nodes):
            if _is_input(node):
                continue
            flat = tree.flatten(node.outputs)
            if all(id(t) in given for t in flat):
                continue
            step = Step(node, slots, keys, dtype)
            if step.source is not None and getattr(node.operation, "works_in_place", False):
                source = node.inputs[0]
                maker = source.node.operation
                alone = uses[id(source)] == 1 and id(source) not in kept and id(source) not in given
                if alone and _makes_anew(maker):
                    step.maker = keys.get(maker)
            done = {id(t) for t in node.inputs + _masks_for(node)}
            for tensor in done:
                if last_use[tensor] == number and tensor not in kept:
                    free.append(slots[tensor])
            numbers = []
            for tensor in flat:
                if id(tensor) in given:  # an input of the model inside the graph: do not replace
                    numbers.append(self.size)
                    self.size += 1
                    continue
                if free:
                    slots[id(tensor)] = free.pop()
                else:
                    slots[id(tensor)] = self.size
                    self.size += 1
                numbers.append(slots[id(tensor)])
            for tensor, slot in zip(flat, numbers, strict=True):
                if id(tensor) not in last_use and id(tensor) not in kept:
                    free.append(slot)  # made, never used
            nested = tree.is_nested(node.outputs)
            step.target = numbers if nested else numbers[0]
            self.steps.append(step)
        self.n_inputs = len(inputs)
        self.outputs = [slots[id(t)] for t in outputs]
        self.masks = [None if m is None else slots[id(m)] for m in masks]
        self.single = self.outputs[0] if len(outputs) == 1 and self.masks == [None] else None

    def run(self, modules: dict[str, nn.Module], inputs: list[Tensor]) -> list[Tensor]:
        """The flat outputs for flat inputs; `modules` is the running model's own dictionary."""
        values = inputs + [None] * (self.size - self.n_inputs)
        for step in self.steps:
            call = step.function if step.key is None else modules[step.key]._wrapped_call_impl
            for place, mask in step.masked:
                values[place]._keras_mask = values[mask]
            if step.source is not None:
                if step.maker is not None and not torch.compiler.is_compiling():
                    maker, layer = modules[step.maker], modules[step.key]
                    if _makes_anew(maker) and not (_is_watched(maker) or _is_watched(layer)):
                        call = layer.in_place
                if step.takes_training:
                    result = call(values[step.source], training=modules[step.key].training)
                else:
                    result = call(values[step.source])
            else:
                args, kwargs = _fill(step.args, values), _fill(step.kwargs, values)
                if step.cast is not None:
                    args, kwargs = cast_inputs(modules[step.key], args, kwargs, step.cast)
                if step.takes_training:
                    kwargs["training"] = modules[step.key].training
                result = call(*args, **kwargs)
            if type(step.target) is int:
                values[step.target] = result
            else:
                for slot, value in zip(step.target, tree.leaves(result), strict=True):
                    values[slot] = value
        if self.single is not None:
            return [values[self.single]]
        outputs = [values[slot] for slot in self.outputs]
        for output, slot in zip(outputs, self.masks, strict=True):
            if slot is not None:
                output._keras_mask = values[slot]
        return outputs


def _makes_anew(layer):
    """Whether a layer's class says so by itself, which a class that inherits it does not."""
    return "makes_anew" in vars(type(layer)) and layer.makes_anew


def _is_watched(module):
    """Whether somebody may keep what a layer, or a module directly inside it, takes or gives."""
    modules = (module, *module._modules.values())
    return any(m is not None and (m._forward_hooks or m._forward_pre_hooks) for m in modules)


def _fill(structure, values):
    if type(structure) is Slot:
        return values[structure.number]
    if isinstance(structure, dict):
        return {key: _fill(value, values) for key, value in structure.items()}
    if isinstance(structure, list):
        return [_fill(value, values) for value in structure]
    if type(structure) is tuple:
        return tuple([_fill(value, values) for value in structure])
    return structure
