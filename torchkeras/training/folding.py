"""Convolutions as `predict` runs them: with what follows them folded in.

Weights stay as they are while `predict` runs. So a batch normalization behind a convolution becomes
part of its kernel and bias, once; the kernel is laid out as oneDNN reads it fastest; and a sum
behind both is added up in the memory of the other summand. All of it ends with `predict`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from .. import activations, tree
from ..data.arrays import unpack_x_y_sample_weight
from ..graph import Graph, Plan
from ..layers.batch_norm import BatchNormalization
from ..layers.conv import Conv2D
from ..layers.merge import Add
from ..layers.separable import DepthwiseConv2D
from ..symbols import Node
from .merging import is_unseen

_FEW = 2**17  # numbers that go into a convolution; for fewer it takes longer to fold it
_SMALL = 2**15  # numbers that go into a network, likewise


@contextmanager
def folded(model: Any, function: Any, callbacks: Any) -> Iterator[Callable | None]:
    """The model's prediction step, which folds convolutions, or None: take the plain one.

    None where there is no plan or it is compiled, and on devices and with builds of torch that
    oneDNN has no such kernels for. The step is the plain one where somebody looks at layers or
    steps, and as long as it has seen little data.
    """
    step = getattr(function, "step", None)
    runs_plan = model._graph is not None and not model._graph_compiled
    if not runs_plan or step is None or not _has_kernels(model._device):
        yield None
        return
    steps = Steps(model, step, lambda: is_unseen(model, function, callbacks))
    try:
        yield steps
    finally:
        steps.stop()


def _has_kernels(device):
    return (
        device.type == "cpu"
        and torch.backends.mkldnn.is_available()
        and torch._C._get_mkldnn_enabled()
        and not torch.is_autocast_enabled("cpu")
        and hasattr(torch.ops.mkldnn, "_convolution_pointwise_")
        and hasattr(torch.ops.mkldnn, "_reorder_convolution_weight")
    )


class Steps:
    """The steps of one `predict`: `plain` until folding is worth it, if it `is_allowed` then."""

    def __init__(self, model: Any, plain: Callable, is_allowed: Callable):
        self.model, self.plain, self.is_allowed = model, plain, is_allowed
        self.seen = 0
        self.calls: Any = None
        self.graph = model._graph

    def __call__(self, data: Any) -> Any:
        x = data if type(data) is Tensor else unpack_x_y_sample_weight(data)[0]
        if self.seen < _SMALL:
            self.seen += sum(leaf.numel() for leaf in tree.leaves(x) if isinstance(leaf, Tensor))
            if self.seen >= _SMALL:
                self._start()
        if self.calls is None or self.model._graph is not self.graph or not self.model._is_plain(x):
            return self.plain(data)
        try:
            return self.calls(x)
        except (RuntimeError, ValueError):
            return self.plain(data)  # tells what is wrong, or gets along with it

    def _start(self):
        spare = self.graph.spare
        calls = spare.pop() if spare else Folded(self.model)  # threads do not share one
        if calls.is_of_use and self.is_allowed() and calls.start(self.model):
            self.calls = calls
        else:
            calls.stop()
            spare.append(calls)

    def stop(self) -> None:
        """Forget the weights, and leave what was found out of the graph to the next call."""
        if self.calls is not None:
            self.calls.stop()
            self.graph.spare.append(self.calls)


class Folded:
    """The calls of a network, each convolution and what is folded into it as one of them."""

    def __init__(self, network: Any):
        self.graph: Graph = network._graph
        keys = {layer: key for key, layer in network._modules.items()}
        nodes = [] if self.graph.losses else _with_chains(self.graph, keys)
        self.inner: dict[str, Folded] = {}
        nodes = [self._folded_inside(node, keys) for node in nodes]
        self.chains = [n.operation for n in nodes if isinstance(n.operation, Chain)]
        self.is_of_use = bool(self.chains or self.inner)
        if self.is_of_use:
            self.plan = Plan(self.graph.flat_inputs, self.graph.flat_outputs, nodes, keys)

    def _folded_inside(self, node, keys):
        """The call of a network in this one as that of its `Folded`; another node as it is."""
        if getattr(node.operation, "_graph", None) is None or not _is_plain(node):
            return node
        key = keys[node.operation]
        inner = self.inner.get(key) or Folded(node.operation)
        if not inner.is_of_use:
            return node
        self.inner[key] = inner
        return _node(inner, node.args, node.outputs)

    def start(self, network: Any) -> bool:
        """Take weights from `network`; False where it has changed since it was looked at."""
        self.network, modules = network, network._modules
        for chain in self.chains:
            chain.start(modules)
        inner = [one.start(modules[key]) for key, one in self.inner.items()]
        return network._graph is self.graph and all(inner)

    def stop(self) -> None:
        """Forget the weights."""
        self.network = None
        for one in (*self.chains, *self.inner.values()):
            one.stop()

    def __call__(self, inputs: Any) -> Any:
        network = self.network
        return network._packed(self.plan.run(network._modules, network._taken(inputs)))


class Chain:
    """A convolution, the batch normalization behind it, and the sum of both with another tensor.

    `conv`, `norm` and `add` are keys of modules. `lends` tells that nobody reads the other tensor
    after the sum, which then takes its place.
    """

    def __init__(self, conv: str, norm: str | None, add: str | None):
        self.conv, self.norm, self.add, self.lends = conv, norm, add, False

    def start(self, modules: dict[str, nn.Module]) -> None:
        self.modules: Any = modules
        self.seen = self.calls = 0
        self.kernel: Any = None
        self.bias: Any = None

    def stop(self) -> None:
        self.modules = self.kernel = self.bias = None

    def __call__(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        layer = self.modules[self.conv]
        if not (self._fits(layer, x) and self._is_worth_it(layer, x)):
            return self._apart(layer, x, other)
        conv = layer.conv
        inputs, padding = layer.padded(conv, layer.to_torch(x))
        padding = conv.padding if padding is None else padding
        window = (padding, conv.stride, conv.dilation, conv.groups)
        if self.kernel is None:
            self._fold(conv, window, inputs)
        given, kernels = (inputs, self.kernel, self.bias, *window), torch.ops.mkldnn
        if self.lends and other.is_contiguous() and len(other) == len(x):
            other = layer.to_torch(other)
            y = kernels._convolution_pointwise_.binary(other, *given, "add", 1.0, None, [], None)
            return layer.to_keras(y)
        y = layer.to_keras(kernels._convolution_pointwise(*given, "none", [], ""))
        if other is not None:
            return y.add_(other)
        # not in the kernel, which would make zeros of what is not a number
        return y.relu_() if layer.activation is activations.relu else layer.activate(y)

    def _is_worth_it(self, layer, x):
        """Whether enough numbers came along for the kernel, or other batches, which will go on."""
        self.seen += x.numel()
        self.calls += 1
        return self.seen >= _FEW and (self.calls > 1 or self.seen >= layer.conv.weight.numel())

    def _apart(self, layer, x, other):
        """The same by the layers themselves."""
        y = layer._wrapped_call_impl(x)
        if self.norm is not None:
            norm = self.modules[self.norm]
            y = norm._wrapped_call_impl(y, training=norm.training)
        return y if other is None else self.modules[self.add]._wrapped_call_impl([y, other])

    def _fits(self, layer, x):
        """Whether the layers still are what the graph was made of, and compute in float32."""
        conv, norm = layer.conv, self.modules.get(self.norm)
        known = type(layer) in CONVOLUTIONS and type(conv) is nn.Conv2d and x.ndim == 4
        if norm is not None:
            known = known and type(norm) is BatchNormalization and not norm.norm.training
        return known and x.dtype is conv.weight.dtype is torch.float32

    def _fold(self, conv, window, inputs):
        kernel, bias = conv.weight, conv.bias
        if self.norm is not None:
            norm = self.modules[self.norm].norm
            scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
            shift = norm.bias - norm.running_mean * scale
            kernel = kernel * scale.view(-1, 1, 1, 1)
            bias = shift if bias is None else shift + bias * scale
        reorder = torch.ops.mkldnn._reorder_convolution_weight
        self.kernel, self.bias = reorder(kernel, *window, inputs.shape), bias


# --- finding them ------------------------------------------------------------------------------

CONVOLUTIONS = (Conv2D, DepthwiseConv2D)


def _with_chains(graph, keys):
    """The calls of a graph in order; a chain stands where the last of its parts did."""
    nodes = graph._nodes_in_order(with_masks=True)
    users: dict[int, list[Node | None]] = {}
    for node in nodes:
        for tensor in (*node.inputs, *node.masks):
            users.setdefault(id(tensor), []).append(node)
    for tensor in graph.flat_outputs:
        users.setdefault(id(tensor), []).append(None)  # whoever called
    found: dict[Node, tuple] = {}  # by the last part: all parts, and the other summand
    for node in nodes:
        if type(node.operation) in CONVOLUTIONS and _is_usual(node):
            parts, other = _parts(node, users, found)
            found[parts[-1]] = parts, other
    part_of = {part: last for last, (parts, _) in found.items() for part in parts}
    place = {node: number for number, node in enumerate(nodes)}

    def is_lent(tensor, last):
        """Whether `last` is the last call to read a tensor that has its memory for itself."""
        maker = tensor.node
        if maker not in part_of and not getattr(maker.operation, "works_in_place", False):
            return False
        readers = [node for node in users[id(tensor)] if node is not last]
        return all(
            node in part_of and node is found[part_of[node]][0][0] and before(node, last)
            for node in readers
        )

    def before(node, last):
        return place[part_of[node]] < place[last]

    for number, node in enumerate(nodes):
        if node in found:
            (conv, *rest), other = found[node]
            names = [keys[part.operation] for part in rest]
            add = names.pop() if other is not None else None
            chain = Chain(keys[conv.operation], names[0] if names else None, add)
            chain.lends = other is not None and is_lent(other, node)
            given = conv.args if other is None else (*conv.args, other)
            nodes[number] = _node(chain, given, node.outputs)
    return [node for node in nodes if node not in part_of]


def _parts(conv, users, found):
    """The calls that make a chain from a convolution on, and what the last of them adds."""
    parts = [conv]

    def follower():
        readers = users.get(id(parts[-1].outputs), ())
        return readers[0] if len(readers) == 1 and readers[0] and _is_plain(readers[0]) else None

    if conv.operation.activation is not activations.linear:
        return parts, None
    behind = follower()
    if behind is not None and _is_foldable(behind.operation):
        parts.append(behind)
        behind = follower()
    if behind is None or type(behind.operation) is not Add or behind in found:
        return parts, None
    shapes = [tensor.shape[1:] for tensor in behind.inputs]
    if len(shapes) != 2 or shapes[0] != shapes[1] or None in shapes[0]:
        return parts, None
    made = parts[-1].outputs
    parts.append(behind)
    return parts, next(tensor for tensor in behind.inputs if tensor is not made)


def _is_plain(node):
    """Whether a call has an input and no more, in inference."""
    only_mode = all(key == "training" and not value for key, value in node.kwargs.items())
    return node.mask is None and len(node.args) == 1 and only_mode


def _is_usual(node):
    layer = node.operation
    usual = not layer.channels_first and not layer._forward_hooks
    return usual and _is_plain(node) and len(node.inputs[0].shape) == 4


def _is_foldable(layer):
    return type(layer) is BatchNormalization and layer._axis == 3 and not layer._by_hand


def _node(operation, args, outputs):
    """A call for a plan; the record of the model does not know of it."""
    node = Node(operation, args, {})
    node.outputs = outputs
    return node
