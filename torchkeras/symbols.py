"""Symbolic tensors and the record of the calls made on them.

`KerasTensor` stands for a batch that is not there yet. Calling a layer, a module of torch or a
torch function on it makes a `Node`.
"""

from __future__ import annotations

import itertools
import math
import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from . import names, tree
from .arrays import operand
from .precision import DtypeName, dtype_name, torch_dtype
from .variable import Variable

Shape = tuple[int | None, ...]


class KerasTensor:
    """A placeholder with a shape (None where open), a dtype name, and the node that makes it.

    Torch functions, operators, indexing and tensor methods applied to it are recorded and give
    another `KerasTensor`.
    """

    __array_priority__ = 1000  # of an array and a symbol the symbol decides
    __hash__ = object.__hash__

    def __init__(
        self, shape: Sequence[int | None], dtype: str = "float32", name: str | None = None
    ):
        self.shape: Shape = tuple(shape)
        self.dtype = DtypeName(dtype_name(dtype))
        self.name = name or names.unique_name("keras_tensor")
        self.node: Node | None = None
        self.index = 0  # among the flat outputs of the node
        self._keras_mask: KerasTensor | None = None

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def _keras_history(self):
        return self.node.operation, 0, self.index

    def dim(self) -> int:
        return len(self.shape)

    def size(self, axis: int | None = None) -> Any:
        """The shape, or one size of it; an open size stands for what the graph finds as it runs."""
        if axis is None:
            return self.shape
        known = self.shape[axis]
        return record(size_of, (self, axis), {}, outputs=_OpenSize()) if known is None else known

    def is_floating_point(self) -> bool:
        return "float" in self.dtype

    def get_shape(self) -> Shape:
        return self.shape

    def __len__(self):
        raise TypeError("A symbolic tensor has no length; the batch size is not known yet.")

    def __bool__(self):
        raise TypeError(
            "A symbolic tensor has no value, so it cannot decide an if or a while. "
            "Put the decision into a layer's call()."
        )

    def __array__(self, *args, **kwargs):
        raise TypeError(
            f"{self!r} has no value and cannot become a numpy array. Use torch functions or a "
            "Lambda layer to compute with it."
        )

    def __iter__(self):
        raise TypeError("A symbolic tensor cannot be iterated over.")

    def __repr__(self):
        maker = getattr(self.node.operation, "name", None) if self.node else None
        made = f" (created by layer {maker!r})" if maker else ""
        return f"<KerasTensor: shape={self.shape} dtype={self.dtype}{made}>"

    def __getattr__(self, attribute):
        method = getattr(Tensor, attribute, None) if not attribute.startswith("_") else None
        if method is None or not callable(method):
            raise AttributeError(f"A symbolic tensor has no attribute {attribute!r}.")

        def recorded(*args, **kwargs):
            return record(method, (self, *args), kwargs)

        return recorded

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return record(function, args, kwargs or {})


def size_of(tensor: Tensor, axis: int) -> int:
    """One size of a tensor."""
    return tensor.shape[axis]


def steps_back(index: Any) -> bool:
    """Whether an index has a slice that goes backwards, which torch's indexing refuses."""
    parts = index if isinstance(index, tuple) else (index,)
    return any(isinstance(one, slice) and (one.step or 1) < 0 for one in parts)


def getitem(tensor: Tensor, index: Any) -> Tensor:
    """`tensor[index]`, where slices may go backwards.

    >>> getitem(torch.arange(5), slice(None, 1, -1)).tolist()
    [4, 3, 2]
    """
    parts = list(index) if isinstance(index, tuple) else [index]
    given = sum(one is not None and one is not Ellipsis for one in parts)
    axis, turned = 0, []
    for number, one in enumerate(parts):
        if isinstance(one, slice) and (one.step or 1) < 0:
            turned.append(axis)  # in a turned axis the place p is at ~p
            ends = [None if end is None else ~int(end) for end in (one.start, one.stop)]
            parts[number] = slice(*ends, -one.step)
        axis += tensor.ndim - given if one is Ellipsis else one is not None
    return tensor.flip(turned)[tuple(parts)]


class _OpenSize(KerasTensor):
    """An integer that a graph finds as it runs: a size that was open when it was made."""

    def __init__(self):
        super().__init__((), "int64")


def _recorded(name):
    method = getattr(Tensor, name)

    def operator(self, *others):
        if name != "__getitem__":
            others = [operand(other, torch_dtype(self.dtype)) for other in others]
        elif steps_back(*others):
            return record(getitem, (self, *others), {})
        return record(method, (self, *others), {})

    operator.__name__ = name
    return operator


def _compared(name):
    recorded, identity = _recorded(name), getattr(object, name)

    def operator(self, other):
        if isinstance(self, _OpenSize) or not isinstance(
            other, (int, float, Tensor, np.ndarray, np.generic)
        ):
            return identity(self, other)  # containers ask whether two symbols are one
        return recorded(self, other)

    operator.__name__ = name
    return operator


for _name in (
    "add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod pow rpow matmul "
    "rmatmul neg abs lt le gt ge and rand or ror xor rxor invert getitem"
).split():
    setattr(KerasTensor, f"__{_name}__", _recorded(f"__{_name}__"))
for _name in ("__eq__", "__ne__"):
    setattr(KerasTensor, _name, _compared(_name))


_numbers = itertools.count()


class Node:
    """One call of an operation (layer, module or function) on symbolic tensors.

    `mask` is what the call receives as its `mask` argument without the user passing it.
    """

    def __init__(self, operation: Any, args: tuple, kwargs: dict, mask: Any = None):
        self.operation, self.args, self.kwargs, self.mask = operation, args, kwargs, mask
        self.inputs = [t for t in tree.leaves((args, kwargs)) if isinstance(t, KerasTensor)]
        self.outputs: Any = None
        self.number = next(_numbers)
        self.layer_name: str | None = None  # that of the layer which stands for a function in Keras

    def set_outputs(self, outputs: Any) -> None:
        self.outputs = outputs
        for index, tensor in enumerate(tree.leaves(outputs)):
            tensor.node, tensor.index = self, index

    def tell_parents(self) -> None:
        """Let the layers that made the inputs know of this call, once for each input."""
        for tensor in self.inputs:
            parent = tensor.node.operation if tensor.node is not None else None
            if hasattr(parent, "_nodes"):
                parent.__dict__.setdefault("_users", []).append(weakref.ref(self))

    @property
    def layer(self):
        return self.operation

    outbound_layer = layer

    @property
    def parent_nodes(self) -> list[Node]:
        """The calls that made the inputs, each once."""
        return list(dict.fromkeys(t.node for t in self.inputs if t.node is not None))

    @property
    def inbound_layers(self) -> Any:
        """The layers that made the inputs; a single one stands alone."""
        return _alone([tensor.node.operation for tensor in self.inputs])

    @property
    def input_tensors(self) -> Any:
        return _alone(self.inputs) if self.inputs else self.outputs

    @property
    def output_tensors(self) -> Any:
        return self.outputs

    @property
    def input_shapes(self) -> Any:
        return tree.map_structure(lambda tensor: tensor.shape, self.input_tensors)

    @property
    def output_shapes(self) -> Any:
        return tree.map_structure(lambda tensor: tensor.shape, self.outputs)

    @property
    def is_input(self) -> bool:
        return not self.inputs

    @property
    def call_args(self) -> tuple:
        return self.args

    @property
    def call_kwargs(self) -> dict:
        return self.kwargs

    @property
    def keras_inputs(self) -> list[KerasTensor]:
        return self.inputs

    @property
    def masks(self) -> list[KerasTensor]:
        return [m for m in tree.leaves(self.mask) if isinstance(m, KerasTensor)]

    @property
    def masked_inputs(self) -> list[KerasTensor]:
        """The inputs that have masks, where the user's code may hand them on with these."""
        of_library = type(self.operation).__module__.startswith("torchkeras.")
        if of_library or not hasattr(self.operation, "_nodes"):
            return []
        return [tensor for tensor in self.inputs if tensor._keras_mask is not None]


def _alone(items):
    return items[0] if len(items) == 1 else items


def is_symbolic(structure: Any) -> bool:
    """Whether any leaf of `structure` is a `KerasTensor`."""
    return any(isinstance(leaf, KerasTensor) for leaf in tree.leaves(structure))


def record(
    operation: Callable, args: tuple, kwargs: dict, mask: Any = None, outputs: Any = None
) -> Any:
    """Note a call and return its symbolic outputs.

    `outputs` are given where the shape is known by rule; else the operation runs on stand-ins.
    """
    if outputs is None or operation is size_of:
        call = _module_call()
        if call is not None:
            return call.following()
    node = Node(operation, tuple(args), dict(kwargs), mask)
    if outputs is None:
        outputs = infer(operation, args, kwargs)
    node.set_outputs(outputs)
    if _traced:
        _traced[-1].made.append(outputs)
    elif not _in_masks:
        node.tell_parents()
    return outputs


@contextmanager
def masks() -> Iterator[None]:
    """Within the block calls compute masks: in Keras they belong to no layer."""
    _in_masks.append(True)
    try:
        yield
    finally:
        _in_masks.pop()


_in_masks: list[bool] = []


def record_module(module: nn.Module, args: tuple, kwargs: dict | None = None) -> Any:
    """Note a call of a plain module of torch."""
    kwargs = kwargs or {}
    return record(module, args, kwargs, outputs=infer_module(module, args, kwargs))


def infer_module(module: nn.Module, args: tuple, kwargs: dict) -> Any:
    """The symbolic outputs of a plain module, found on copies of its state."""
    own = next((t for t in module.parameters() if t.is_floating_point()), None)
    given = [t.dtype for t in tree.leaves((args, kwargs)) if isinstance(t, KerasTensor)]
    half = next((name for name in given if name in _HALVES), None)

    def run(*args, **kwargs):
        place = next(t for t in tree.leaves((args, kwargs)) if isinstance(t, Tensor)).device
        state = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        state = {name: _empty_copy(tensor, place, half) for name, tensor in state.items()}
        return torch.func.functional_call(module, state, args, kwargs)

    return infer(run if own is not None else module, args, kwargs)


_HALVES = ("float16", "bfloat16")


def _empty_copy(tensor, place, half):
    """Like `tensor`, on another device; in the dtype `half` under which its model computes."""
    dtype = torch_dtype(half) if half and tensor.is_floating_point() else tensor.dtype
    if place.type == "meta":
        return torch.empty_like(tensor, dtype=dtype, device=place)
    return tensor.detach().to(place, dtype, copy=True)


# --- modules of torch that are called on symbolic tensors ---------------------------------------

_traced: list[_ModuleCall] = []  # those whose forward is being recorded
_replayed: list[_ModuleCall] = []  # the last one recorded, whose forward is still running


def _module_call():
    """The outermost call of a plain module that a function is called in, None outside of any.

    A module knows nothing of symbolic tensors: its `forward` simply runs on them. So the first
    function in it finds the module on the stack and records the whole call at once.
    """
    frame, found = sys._getframe(2), None
    while frame is not None:
        if frame.f_code is _CALL:
            module = frame.f_locals.get("self")
            if any(module is call.module for call in _traced):
                return None
            if hasattr(type(module), "weight_map"):
                break
            found = frame
        frame = frame.f_back
    if found is None:
        return None
    if not _replayed or _replayed[-1].frame is not found:
        _replayed[:] = [_ModuleCall(found)]
    call = _replayed[-1]
    return call if call.is_whole else None


_CALL = nn.Module._call_impl.__code__


class _ModuleCall:
    """A running call of a module, recorded beforehand as one node.

    Its functions are given, one after the other, what they gave while the call was recorded.
    """

    def __init__(self, frame):
        self.frame, self.module = frame, frame.f_locals["self"]
        args, kwargs = frame.f_locals["args"], frame.f_locals["kwargs"]
        self.made: list[Any] = []
        self.is_whole = is_symbolic((args, kwargs))
        if not self.is_whole:
            return
        counters = {b: b.clone() for b in self.module.buffers() if not b.is_floating_point()}
        _traced.append(self)
        try:
            outputs = self.module(*args, **kwargs)
        except Exception as error:
            raise TypeError(
                f"{type(self.module).__name__} cannot run on symbolic tensors; wrap it, as "
                f"in layers.TorchModuleWrapper(module)(inputs). The reason: {error}"
            ) from error
        finally:
            _traced.pop()
            for counter, before in counters.items():  # what runs now is the second time
                counter.copy_(before - (counter - before))
        given = {id(t) for t in tree.leaves((args, kwargs))}
        flat = tree.flatten(outputs)
        symbolic = all(isinstance(t, KerasTensor) and id(t) not in given for t in flat)
        self.is_whole = symbolic and bool(flat)
        if self.is_whole:
            Node(self.module, tuple(args), dict(kwargs)).set_outputs(outputs)
        self._left = iter(self.made)

    def following(self) -> Any:
        """The outputs of the next function."""
        outputs = next(self._left)
        if outputs is self.made[-1]:
            _replayed.clear()  # a frame keeps much alive
        return outputs


_OPEN_SIZES = ((2, 3), (16, 24), (64, 96), (256, 320))


def infer(
    operation: Callable, args: tuple, kwargs: dict, device: str = "meta", settings: Sequence = ()
) -> Any:
    """The symbolic outputs of an operation, by running it twice with different open sizes.

    What changes between the two runs is open (None) in the result. `settings` are arguments beside
    the others, which may say that the result is large.
    """
    if getattr(operation, "__name__", "") in ("reshape", "view") and len(args) > 1 and not kwargs:
        target = args[1] if isinstance(args[1], (list, tuple)) else args[1:]
        if (shape := reshaped(args[0], target)) is not None:
            return KerasTensor(shape, args[0].dtype)
    problem = found = None
    open_ones = [t for t in tree.leaves((args, kwargs)) if _is_open(t)]
    for sizes, place in _attempts(args, kwargs, device, settings):
        if found is not None and sizes not in _OPEN_SIZES[1:3]:
            continue
        ways = zip(sizes if found is None else _OPEN_SIZES[0], sizes, strict=True)
        try:
            with torch.random.fork_rng(devices=()):
                runs = [_run_on_stand_ins(operation, args, kwargs, *way, place) for way in ways]
        except Exception as error:  # a size too small for a kernel, or no meta implementation
            problem = problem or error
            continue
        result = tree.map_structure(_merge, *runs)
        told = found is not None or sizes != _OPEN_SIZES[0] or not open_ones
        if told or any(map(_is_open, tree.leaves(result))):
            return result
        found = result  # the same for 2 and 3; these sizes may be too small to tell
    if found is not None:
        return found
    if len(open_ones) > 1:  # sizes that depend on each other
        for sizes in _OPEN_SIZES[1:3]:
            with suppress(Exception), torch.random.fork_rng(devices=()), torch.no_grad():
                ways = zip(_OPEN_SIZES[0], sizes, strict=True)
                runs = [_run_from_inputs(operation, args, kwargs, *way) for way in ways]
                return tree.map_structure(_merge, *runs)
    raise problem


def _is_open(leaf):
    """Whether a symbolic tensor has an open size beside the batch."""
    return isinstance(leaf, KerasTensor) and None in leaf.shape[1:]


def _filled(shape, batch, size):
    first = [batch if n is None else n for n in shape[:1]]
    return first + [size if n is None else n for n in shape[1:]]


def _run_from_inputs(operation, args, kwargs, batch, size):
    """The operation on what its arguments are for inputs of this batch and other open sizes."""
    waiting, nodes = [t for t in tree.leaves((args, kwargs)) if isinstance(t, KerasTensor)], {}
    while waiting:
        node = waiting.pop().node
        if node not in nodes:
            nodes[node] = node.number
            waiting.extend(node.inputs)
    values: dict[int, Any] = {}

    def filled(structure):
        return tree.map_structure(lambda leaf: values.get(id(leaf), leaf), structure)

    for node in sorted(nodes, key=nodes.get):
        if node.is_input:
            made = [
                torch.zeros(_filled(t.shape, batch, size), dtype=torch_dtype(t.dtype))
                for t in tree.leaves(node.outputs)
            ]
        else:
            made = node.operation(*filled(node.args), **filled(node.kwargs))
        pairs = zip(tree.leaves(node.outputs), tree.leaves(made), strict=True)
        values.update((id(tensor), value) for tensor, value in pairs)
    return operation(*filled(args), **filled(kwargs))


def reshaped(tensor: Any, sizes: Any) -> list[int | None] | None:
    """The shape of an open tensor with new sizes, one of them -1; None if that is something else.

    The sizes that are tried for what is open need not be multiples of the new ones.
    """
    whole = isinstance(sizes, (list, tuple)) and all(type(size) is int for size in sizes)
    if not whole or list(sizes).count(-1) != 1 or None not in getattr(tensor, "shape", ()):
        return None
    return [None if size == -1 else size for size in sizes]


def _attempts(args, kwargs, device, settings):
    """Pairs of open sizes and devices to try; the CPU is the last resort, but for few numbers.

    Many functions of torch import its compiler when they meet tensors without memory: 1 s once.
    """
    times = max([_product(one) for one in (*args, *kwargs.values(), *settings)], default=1)
    for sizes in _OPEN_SIZES:
        places, count = (device, "cpu"), times * _count((args, kwargs), sizes[-1])
        if device == "meta" and count < _FEW:
            places = ("cpu", device)
        elif device == "meta" and count > _MOST:
            places = (device,)
        yield from ((sizes, place) for place in dict.fromkeys(places))


_FEW, _MOST = 2**20, 2**30


def _product(argument):
    """How many times larger than its inputs an argument may make a result, such as `repeats`."""
    found = [abs(n) for n in tree.leaves(getattr(argument, "value", argument)) if type(n) is int]
    return math.prod(n for n in found if n) if len(found) < _AXES else 1


_AXES = 20  # twice the numbers of which an argument that tells sizes is made; longer are data


def _count(structure, size):
    """How many numbers the tensors hold where `size` stands for open sizes."""
    leaves = [t for t in tree.leaves(structure) if isinstance(t, (Tensor, KerasTensor))]
    return sum(math.prod(size if n is None else n for n in leaf.shape) for leaf in leaves)


def _run_on_stand_ins(operation, args, kwargs, batch, size, device):
    half = None

    def stand_in(leaf):
        if isinstance(leaf, Tensor):
            return _empty_copy(leaf, torch.device(device), half)
        if isinstance(leaf, _OpenSize):
            return size
        if not isinstance(leaf, KerasTensor):
            return leaf
        return torch.zeros(
            _filled(leaf.shape, batch, size), dtype=torch_dtype(leaf.dtype), device=device
        )

    names_of = [t.dtype for t in tree.leaves((args, kwargs)) if isinstance(t, KerasTensor)]
    half = next((name for name in names_of if name in _HALVES), None)
    with torch.no_grad():
        result = operation(
            *tree.map_structure(stand_in, args), **tree.map_structure(stand_in, kwargs)
        )
    return list(result) if isinstance(result, torch.Size) else result


def _merge(one, other):
    if isinstance(one, Variable):  # the weight itself, from a layer that holds numbers alone
        one, other = one.value, other.value
    if not isinstance(one, Tensor):
        raise TypeError(f"A recorded operation must return tensors; it returned {one!r}.")
    shape = [a if a == b else None for a, b in zip(one.shape, other.shape, strict=True)]
    return KerasTensor(shape, dtype_name(one.dtype))
