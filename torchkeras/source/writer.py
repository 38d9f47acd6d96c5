"""One class of a written file: what its `__init__` makes and its `forward` computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .. import tree
from ..console import printable
from ..graph import Graph, KerasTensor
from ..layer import Layer
from ..names import module_name
from ..variable import Variable
from .emitters import LOWERINGS, emitter_of, reason_against
from .functions import ELEMENTWISE, bare_name, call_text
from .natives import Unwritten, construction
from .text import broken, identifier, literal, unused
from .trace import Call, Flow, graph_of, native_of, refusal, title
from .watched import constant_of

_OF_MODULES = frozenset(dir(nn.Module)) | {"training", "forward", "self", "x", "nn", "F", "torch"}
_TO_TORCH = {3: (0, 2, 1), 4: (0, 3, 1, 2), 5: (0, 4, 1, 2, 3), 6: (0, 5, 1, 2, 3, 4)}
_TO_KERAS = {3: (0, 2, 1), 4: (0, 2, 3, 1), 5: (0, 2, 3, 4, 1), 6: (0, 2, 3, 4, 5, 1)}


class Value:
    """A variable of `forward`: its name, and whether its channels stand second, as torch has it."""

    def __init__(self, name: str, second: bool, uses: int):
        self.name, self.second, self.uses = name, second, uses


class ClassWriter:
    """Writes one class for the graph of `owner`; `file` collects classes and helpers."""

    def __init__(self, file: Any, name: str, owner: nn.Module, graph: Graph, role: str):
        self.file, self.name, self.owner, self.role = file, name, owner, role
        self.init: list[str] = []
        self.body: list[str] = []
        self.state: dict[str, Tensor] = {}
        self.modes: dict[str, tuple[bool, str]] = {}  # attribute: its mode whatever the module's
        self.attributes: dict[Any, str] = {}
        self.children: dict[Any, tuple[str, tuple]] = {}
        self.asked: dict[Any, bool | None] = {}
        weights = list(owner.parameters())
        self.frozen = bool(weights) and not any(one.requires_grad for one in weights)
        self.paths = {module: path for path, module in owner.named_modules()}
        flow = Flow(graph, emitter_or_class, LOWERINGS)
        self.flow = flow
        self._name_values()
        for call in flow.calls:
            self._write(call)
        if self.frozen and file.root is None:
            self.init.append("self.requires_grad_(False)")
        self._write_return()

    # --- names of values -------------------------------------------------------------------

    def _name_values(self):
        """`x` for what the next step takes at once, else names of their own."""
        flow = self.flow
        self.values: dict[int, Value] = {}
        users: dict[int, list[int]] = {}
        for number, call in enumerate(flow.calls):
            for tensor in call.inputs:
                users.setdefault(id(flow.resolve(tensor)), []).append(number)
        end = len(flow.calls)
        for tensor in flow.outputs:
            users.setdefault(id(flow.resolve(tensor)), []).append(end)
        self.parameters = []
        taken = set(_OF_MODULES) | self.file.names
        single = len(flow.inputs) == 1
        for tensor in flow.inputs:
            given = module_name(tensor.node.operation) if tensor.node.operation else tensor.name
            plain = single and (given.startswith("input") or given.endswith("_input"))
            name = unused(identifier("inputs" if plain else given), taken)
            taken.add(name)
            self.parameters.append(name)
            uses = len(users.get(id(tensor), ()))
            self.values[id(tensor)] = Value(name, False, uses)
        for number, call in enumerate(flow.calls):
            for place, tensor in enumerate(call.outputs):
                found = users.get(id(tensor), [])
                if not found:
                    name = "_"
                elif set(found) == {number + 1} and len(call.outputs) == 1:
                    name = "x"
                else:
                    name = unused(identifier(self._told(call, place)), taken)
                    taken.add(name)
                self.values[id(tensor)] = Value(name, False, len(found))

    def _told(self, call, place):
        operation = call.operation
        if isinstance(operation, nn.Module):
            name = self._path_of(operation)
        else:
            name = bare_name(operation)
            name = _WORDS.get(name, name)
        return name if place == 0 else f"{name}_{place + 1}"

    def _path_of(self, module):
        path = self.paths.get(module)
        if path:
            return path.replace(".", "_")
        return module_name(module)

    # --- statements ------------------------------------------------------------------------

    def _write(self, call):
        site = Site(self, call)
        try:
            self._write_call(site, call)
        except Unwritten as error:
            told = title(call.owner if call.owner is not None else call.operation)
            raise refusal(told, error) from None

    def _write_call(self, site, call):
        operation = call.operation
        if isinstance(operation, Layer):
            reason = reason_against(operation)
            if reason:
                raise Unwritten(reason)
            emit = emitter_of(operation)
            if emit is None:
                emit = _own_class
        elif isinstance(operation, nn.Module):
            emit = _plain_module
        else:
            emit = _function
        result = emit(site)
        self._note_mode(site, call)
        if call.nested or isinstance(result, list):
            expressions = result if isinstance(result, list) else [result]
            self._assign_several(site, call, expressions)
        else:
            self._assign(site, call, result)

    def _assign(self, site, call, expression):
        value = self.values[id(call.outputs[0])]
        value.second = site.second
        if expression != value.name:
            self.body.append(f"{value.name} = {expression}")

    def _assign_several(self, site, call, expressions):
        values = [self.values[id(tensor)] for tensor in call.outputs]
        for value in values:
            value.second = site.second
        names = [value.name for value in values]
        if len(expressions) == 1 and len(names) > 1:
            self.body.append(f"{', '.join(names)} = {expressions[0]}")
            return
        if len(names) == 1 and len(expressions) == 1 and call.nested:
            self.body.append(f"({names[0]},) = {expressions[0]}")
            return
        pairs = [
            (name, expression)
            for name, expression in zip(names, expressions, strict=True)
            if name not in ("_", expression)
        ]
        if pairs:
            left, right = (", ".join(side) for side in zip(*pairs, strict=True))
            self.body.append(f"{left} = {right}")

    def _note_mode(self, site, call):
        """A call with `training=False` holds whatever the mode of the module around it is."""
        layer, mode = call.operation, call.kwargs.get("training")
        if not getattr(layer, "_takes_training", False):
            return
        mode = mode if isinstance(mode, bool) else None
        if self.asked.setdefault(layer, mode) is not mode:
            raise Unwritten("it is called both with training=True or False and without")
        attribute = self.attributes.get((layer, "")) or self.children.get(layer, (None,))[0]
        if mode is not None and attribute:
            self.modes[attribute] = (mode, f"called with training={mode}")

    def _write_return(self):
        names = []
        for tensor in self.flow.outputs:
            value = self.values[id(self.flow.resolve(tensor))]
            names.append(self._in_order(value, tensor, False))
        structure = self.flow.structure
        if isinstance(structure, KerasTensor):
            text = names[0]
        elif isinstance(structure, (list, tuple)) and len(structure) == len(names) > 1:
            text = ", ".join(names)
        else:
            supply = iter(names)
            text = _structure_text(structure, supply)
        last = self.body[-1] if self.body else ""
        if last.startswith(f"{text} = ") and text.isidentifier():
            self.body[-1] = f"return {last[len(text) + 3 :]}"
        else:
            self.body.append(f"return {text}")

    def _in_order(self, value, tensor, second):
        if value.second == second:
            return value.name
        orders = _TO_TORCH if second else _TO_KERAS
        return f"{value.name}.permute{orders[len(tensor.shape)]}"

    # --- the text --------------------------------------------------------------------------

    def lines(self, docstring: str) -> list[str]:
        """The lines of the class."""
        lines = [f"class {self.name}(nn.Module):", *_docstring(docstring, 4), ""]
        if self.init:
            lines += ["    def __init__(self):", "        super().__init__()"]
            for statement in self.init:
                lines += broken(statement, 8)
            lines.append("")
        if self.modes:
            lines += ["    def train(self, mode=True):", "        super().train(mode)"]
            for attribute, (mode, why) in self.modes.items():
                lines.append(f"        self.{attribute}.{'train' if mode else 'eval'}()  # {why}")
            lines += ["        return self", ""]
        lines += broken(f"def forward({', '.join(['self', *self.parameters])}):", 4)
        for statement in self.body:
            lines += broken(statement, 8)
        return lines


_WORDS = {"getitem": "part", "add": "total", "radd": "total", "sub": "difference",
          "mul": "product", "rmul": "product", "matmul": "product", "truediv": "quotient",
          "cat": "joined", "ne": "mask"}  # fmt: skip


def _docstring(text, indent):
    pad = " " * indent
    lines = [printable(line) for line in text.replace("\\", "\\\\").split("\n")]
    lines = [line.replace('"""', '\\"\\"\\"') for line in lines]  # names are not trusted
    if lines[-1].endswith('"'):
        lines[-1] = lines[-1][:-1] + '\\"'
    if len(lines) == 1:
        return [f'{pad}"""{lines[0]}"""']
    return [f'{pad}"""{lines[0]}', *[pad + line if line else "" for line in lines[1:]], f'{pad}"""']


def _structure_text(structure, supply):
    if isinstance(structure, dict):
        done = {key: _structure_text(structure[key], supply) for key in sorted(structure)}
        return "{" + ", ".join(f"{literal(key)}: {done[key]}" for key in structure) + "}"
    if isinstance(structure, (list, tuple)):
        inner = [_structure_text(item, supply) for item in structure]
        return f"({', '.join(inner)}{',' if len(inner) == 1 else ''})"
    return next(supply)


class Site:
    """A call, as the functions that write layers see it.

    They return the expression of the output, or a list of one each. `second` says that it has its
    channels second; `line` writes a statement before.
    """

    def __init__(self, writer: ClassWriter, call: Call):
        self.writer, self.call = writer, call
        self.layer = call.operation
        self.args, self.kwargs, self.mask = call.args, call.kwargs, call.mask
        self.second = False
        self.with_activation = not getattr(call, "without_activation", False)

    # --- inputs ----------------------------------------------------------------------------

    @property
    def tensors(self) -> list[KerasTensor]:
        """The symbolic inputs of the first argument."""
        return [leaf for leaf in tree.leaves(self.args) if isinstance(leaf, KerasTensor)]

    @property
    def shape(self) -> tuple:
        """The shape of the first input, in the order of Keras."""
        return self.tensors[0].shape

    @property
    def output(self) -> KerasTensor:
        return self.call.outputs[0]

    def is_second(self, tensor: KerasTensor) -> bool:
        """Whether the variable of `tensor` has its channels second."""
        return self._value(tensor).second

    def input(self, tensor: KerasTensor | None = None, second: bool = False) -> str:
        """The expression of an input, with its channels second or as Keras has them."""
        tensor = self.tensors[0] if tensor is None else tensor
        value = self._value(tensor)
        if value.second != second and value.uses > 1 and value.name != "x":
            self.writer.body.append(
                f"{value.name} = {self.writer._in_order(value, tensor, second)}"
            )
            value.second = second
        return self.writer._in_order(value, tensor, second)

    def _value(self, tensor):
        return self.writer.values[id(self.writer.flow.resolve(tensor))]

    def spatial(self) -> str:
        """The input as a convolution of torch wants it; the output is as its is."""
        first = getattr(self.layer, "channels_first", False)
        self.second = not first
        return self.input(second=not first)

    def any_order(self) -> str:
        """The input as it is; the output is as its is."""
        self.second = self.is_second(self.tensors[0])
        return self.input(second=self.second)

    # --- what the class holds --------------------------------------------------------------

    @property
    def attribute(self) -> str:
        """The attribute of the class that holds this layer."""
        return self.writer.file.attribute(self.writer, self.layer)

    def module(self, native: nn.Module, suffix: str = "", code: str | None = None, **changes):
        """`self.name`, made by the text `code`, with the weights of `native`."""
        writer = self.writer
        key = (self.layer, suffix)
        if key not in writer.attributes:
            attribute = self.attribute + suffix
            writer.attributes[key] = attribute
            code = code or construction(native, **changes)
            writer.init.append(f"self.{attribute} = {code}")
            self.hold(attribute, native)
        return f"self.{writer.attributes[key]}"

    def hold(self, attribute: str, native: nn.Module, names: dict[str, str] | None = None) -> None:
        """Keep the weights of `native`, and what of it is not trained."""
        writer, names = self.writer, names or {}
        for name, tensor in native.state_dict().items():
            writer.state[f"{attribute}.{names.get(name, name)}"] = tensor
        parameters = dict(native.named_parameters())
        if writer.frozen:
            return
        frozen = [name for name, one in parameters.items() if not one.requires_grad]
        if not frozen:
            return
        if len(frozen) == len(parameters):
            writer.init.append(f"self.{attribute}.requires_grad_(False)")
            return
        for name in frozen:
            writer.init.append(f"self.{attribute}.{names.get(name, name)}.requires_grad_(False)")

    def constant(self, value: Tensor, name: str | None = None) -> str:
        """`self.name` for a parameter or buffer of the model, or for numbers, kept as a buffer."""
        return self.writer.file.constant(self.writer, self, value, name)

    def helper(self, thing: Any) -> str:
        """The name of a helper, which is written into the file."""
        return self.writer.file.helper(thing)

    def line(self, expression: str) -> str:
        """Write a statement for a value on the way to the output, and give its name."""
        name = self.line_target()
        if expression != name:
            self.writer.body.append(f"{name} = {expression}")
        return name

    def line_target(self) -> str:
        """The name of a value on the way to the output."""
        name = self.writer.values[id(self.output)].name
        return "x" if name == "_" else name

    def statement(self, text: str) -> None:
        self.writer.body.append(text)

    # --- arguments of functions ------------------------------------------------------------

    def text(self, structure: Any, second: bool = False) -> str:
        """Any argument as text."""
        if isinstance(structure, KerasTensor):
            return self.input(structure, second and len(structure.shape) > 2)
        if isinstance(structure, (Tensor, Variable)):
            tensor = native_of(structure) if isinstance(structure, Variable) else structure
            name = bare_name(self.call.operation)
            if tensor.ndim == 0 and not isinstance(tensor, nn.Parameter) and name in _TAKE_NUMBERS:
                return literal(tensor.item())
            return self.constant(tensor)
        if isinstance(structure, np.ndarray):
            return self.constant(torch.from_numpy(structure))
        if isinstance(structure, np.generic):
            return literal(structure.item())
        if isinstance(structure, slice):
            return self._slice(structure)
        if isinstance(structure, list):
            return f"[{', '.join(self.text(item, second) for item in structure)}]"
        if isinstance(structure, tuple):
            inner = ", ".join(self.text(item, second) for item in structure)
            return f"({inner}{',' if len(structure) == 1 else ''})"
        if isinstance(structure, torch.device):
            return f"{self.writer.parameters[0]}.device"
        try:
            return literal(structure)
        except TypeError as error:
            raise Unwritten(str(error)) from None

    def _slice(self, one):
        start, stop = ("" if n is None else self.text(n) for n in (one.start, one.stop))
        return f"{start}:{stop}" if one.step is None else f"{start}:{stop}:{self.text(one.step)}"


# --- what has no function of its own -------------------------------------------------------------


def emitter_or_class(layer: Layer) -> bool:
    """Whether a layer is written as it is: by a function of its own, or as a class."""
    return (
        emitter_of(layer) is not None
        or reason_against(layer) is not None
        or is_class_of_its_own(layer)
    )


def is_class_of_its_own(layer: Layer) -> bool:
    """A model, or a layer of the user that holds weights or layers."""
    if getattr(layer, "_graph", None) is not None:
        return True
    if type(layer).__module__.startswith("torchkeras."):
        return hasattr(layer, "fit") or type(layer).__name__ == "Pipeline"
    return any(True for _ in layer.children()) or any(True for _ in layer.parameters())


def _own_class(site):
    """A nested model or a user's layer, as a class in the same file."""
    layer, writer = site.layer, site.writer
    if getattr(layer, "_graph", None) is not None:
        graph, given = _graph_of_model(site)
    else:
        kwargs = dict(site.kwargs)
        if site.mask is not None:
            kwargs["mask"] = site.mask
        graph, given = graph_of(layer, site.args, kwargs)
    settings = {key: v for key, v in site.kwargs.items() if not _has_tensors(v)}
    way = (len(given), repr(sorted(settings.items())))
    if layer not in writer.children:
        attribute = site.attribute
        child = writer.file.write_class(layer, graph)
        writer.children[layer] = (attribute, way)
        writer.init.append(f"self.{attribute} = {child.name}()")
        for key, tensor in child.state.items():
            writer.state[f"{attribute}.{key}"] = tensor
        if child.frozen and not writer.frozen:
            writer.init.append(f"self.{attribute}.requires_grad_(False)")
    elif writer.children[layer][1] != way:
        raise Unwritten("it is called in two ways, with and without masks or arguments")
    expressions = ", ".join(site.input(tensor) for tensor in given)
    return f"self.{writer.children[layer][0]}({expressions})"


def _has_tensors(structure):
    return any(isinstance(leaf, KerasTensor) for leaf in tree.leaves(structure))


def _graph_of_model(site):
    layer = site.layer
    graph, given = layer._graph, site.args[0]
    if isinstance(given, dict):
        keys = graph.inputs if isinstance(graph.inputs, dict) else layer.input_names
        flat = [given[key] for key in (sorted(keys) if isinstance(keys, dict) else keys)]
    else:
        flat = tree.flatten(given)
    masks = [] if site.mask is None else layer._flat_masks(site.mask)
    if any(mask is not None for mask in masks):
        graph = graph.masked([mask is not None for mask in masks])
        flat = flat + [mask for mask in masks if mask is not None]
    return graph, flat


def _plain_module(site):
    module = site.layer
    attribute = site.writer.file.attribute(site.writer, module)
    key = (module, "")
    if key not in site.writer.attributes:
        site.writer.attributes[key] = attribute
        code = site.writer.file.foreign(module)
        site.writer.init.append(f"self.{attribute} = {code}")
        site.hold(attribute, module)
    args = [site.text(arg) for arg in site.args]
    args += [f"{name}={site.text(value)}" for name, value in site.kwargs.items()]
    return f"self.{attribute}({', '.join(args)})"


def _function(site):
    function, args, kwargs = site.call.operation, site.args, dict(site.kwargs)
    tensors = [leaf for leaf in tree.leaves((args, kwargs)) if isinstance(leaf, KerasTensor)]
    if function is constant_of:
        return site.constant(args[0])
    ranks = {len(tensor.shape) for tensor in tensors}
    name = bare_name(function)
    second = (
        name in ELEMENTWISE
        and len(ranks) == 1
        and ranks <= set(_TO_TORCH)
        and any(site.is_second(tensor) for tensor in tensors)
        and not any(isinstance(leaf, (Tensor, Variable)) for leaf in tree.leaves((args, kwargs)))
    )
    site.second = second
    if name in ("maximum", "minimum") and len(args) == 2 and not kwargs:
        limit = args[1]
        if isinstance(limit, Tensor) and limit.ndim == 0 and not isinstance(limit, nn.Parameter):
            side = "min" if name == "maximum" else "max"
            return f"torch.clamp({site.text(args[0])}, {side}={literal(limit.item())})"
    args, kwargs = _with_open_sizes(name, tensors, args, kwargs)
    texts = [site.text(arg, second) for arg in args]
    return call_text(function, texts, {key: site.text(v, second) for key, v in kwargs.items()})


_TAKE_NUMBERS = frozenset(
    "add radd sub rsub mul rmul truediv rtruediv floordiv mod pow rpow lt le gt ge eq ne where "
    "multiply divide subtract div remainder".split()
)


def _with_open_sizes(name, tensors, args, kwargs):
    """None among sizes stands for an open axis: torch works out one of them."""
    if name not in ("reshape", "view", "expand", "unflatten", "broadcast_to", "repeat"):
        return args, kwargs
    none = sum(leaf is None for leaf in tree.leaves((args, kwargs)))
    ones = sum(type(leaf) is int and leaf == -1 for leaf in tree.leaves((args, kwargs)))
    if none and (none > 1 or ones and name != "expand"):
        raise Unwritten("it needs more than one size that is open; give the inputs fixed sizes")
    fill = lambda leaf: -1 if leaf is None else leaf  # noqa: E731
    return tree.map_structure(fill, args), tree.map_structure(fill, kwargs)
