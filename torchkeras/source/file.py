"""The file as a whole: imports, helpers, classes, and `load`."""

from __future__ import annotations

import inspect
import re
from typing import Any

from torch import Tensor, nn

from ..graph import Graph
from ..layer import Layer
from ..names import module_name
from . import helpers
from .natives import Unwritten, arguments, construction
from .text import LINE, class_name, identifier, unused
from .writer import ClassWriter

_ATTRIBUTES_OF_MODULES = frozenset(dir(nn.Module())) | {"forward"}


class SourceFile:
    """Collects what a model is written with; `root` is the class of the model itself."""

    def __init__(self, model: nn.Module, graph: Graph, loads: str):
        self.loads = loads
        self.root: ClassWriter | None = None
        self.helpers: dict[str, Any] = {}
        self.imports: dict[str, str] = {}
        self.classes: list[tuple[ClassWriter, list[str]]] = []
        names = {"torch", "nn", "F", "Path", "load", "load_file", "math", "WEIGHTS"}
        self.names = names | set(helpers.__all__)
        self._buffers: dict[tuple, str] = {}
        self._holders: dict[int, ClassWriter] = {}
        self.root_name = self._class_name(model)
        self.model = model
        root = ClassWriter(self, self.root_name, model, graph, "model")
        self.root = root
        self.classes.append((root, []))

    @property
    def state(self) -> dict[str, Tensor]:
        return self.root.state

    def _class_name(self, module):
        kind = type(module)
        functional = getattr(module, "_graph", None) is not None
        told = module_name(module) if functional else kind.__name__
        name = class_name(told)
        name = f"{name}Model" if name in self.names or hasattr(nn, name) else name
        name = unused(name, self.names)
        self.names.add(name)
        return name

    def write_class(self, layer: nn.Module, graph: Graph) -> ClassWriter:
        """The class of a layer inside; layers that need the same text share one."""
        name = self._class_name(layer)
        writer = ClassWriter(self, name, layer, graph, "part")
        body = (writer.init, writer.body, writer.parameters, writer.modes)
        for other, _ in self.classes:
            if (other.init, other.body, other.parameters, other.modes) == body:
                self.names.discard(name)
                writer.name = other.name
                return writer
        self.classes.append((writer, []))
        return writer

    # --- what classes ask for --------------------------------------------------------------

    def attribute(self, writer: ClassWriter, module: nn.Module) -> str:
        """The attribute under which a class holds a module: as in the model."""
        key = (module, "name")
        if key not in writer.attributes:
            if self._holders.setdefault(id(module), writer) is not writer:
                raise Unwritten(
                    f"{module_name(module)!r} is used in two models that are written as two "
                    "classes, which would not share its weights"
                )
            path = writer.paths.get(module) or module_name(module)
            parent, _, last = path.rpartition(".")
            if parent and not isinstance(module, Layer) and _is_alone(writer.owner, parent):
                path = parent
            name = identifier(path.replace(".", "_"))
            name = name + "_" if name in _ATTRIBUTES_OF_MODULES else name
            used = {one for k, one in writer.attributes.items()}
            writer.attributes[key] = unused(name, used)
        return writer.attributes[key]

    def constant(self, writer, site, value: Tensor, name: str | None) -> str:
        """The attribute of a parameter or buffer of the model, or of a buffer for plain numbers."""
        key = (id(value), "constant")
        if key in writer.attributes:
            return f"self.{writer.attributes[key]}"
        owned = dict(writer.owner.named_parameters(remove_duplicate=False))
        owned |= dict(writer.owner.named_buffers(remove_duplicate=False))
        path = next((path for path, one in owned.items() if one is value), None)
        base = module_name(site.layer) if isinstance(site.layer, nn.Module) else "constant"
        if site.call.owner is not None:
            base = module_name(site.call.owner)
        found = identifier((path or name or f"{base}_constant").replace(".", "_"))
        found = found + "_" if found in _ATTRIBUTES_OF_MODULES else found
        found = unused(found, set(writer.attributes.values()))
        writer.attributes[key] = found
        writer.flow._kept.append(value)
        shape = tuple(value.shape)
        sizes = ", ".join(map(str, shape)) if shape else "()"
        dtype = "" if str(value.dtype) == "torch.float32" else f", dtype={value.dtype}"
        if isinstance(value, nn.Parameter):
            frozen = ", requires_grad=False" if not value.requires_grad else ""
            if value.requires_grad or not writer.frozen:
                writer.init.append(
                    f"self.{found} = nn.Parameter(torch.zeros({sizes}{dtype}){frozen})"
                )
            else:
                writer.init.append(f"self.{found} = nn.Parameter(torch.zeros({sizes}{dtype}))")
        else:
            writer.init.append(f'self.register_buffer("{found}", torch.zeros({sizes}{dtype}))')
        writer.state[found] = value
        return f"self.{found}"

    def helper(self, thing: Any) -> str:
        """The name of a class or function of `helpers`, which the file will hold."""
        name = thing.__name__
        if name not in self.helpers:
            self.helpers[name] = thing
            source = inspect.getsource(thing)
            for other in helpers.__all__:
                if other != name and re.search(rf"\b{other}\b", source):
                    self.helper(getattr(helpers, other))
        return name

    def foreign(self, module: nn.Module) -> str:
        """The text that makes a plain module: one of torch, or a user's, which is imported."""
        try:
            return construction(module)
        except Unwritten:
            kind = type(module)
            if kind.__module__.partition(".")[0] in ("torch", "torchkeras", "__main__"):
                raise
            if "." in kind.__qualname__:
                raise Unwritten(f"{kind.__qualname__} is not at the top of its file") from None
            text = f"{kind.__name__}({arguments(module)})"
            self.imports[kind.__name__] = kind.__module__
            return text

    # --- the text --------------------------------------------------------------------------

    def text(self) -> str:
        """All of it."""
        body: list[str] = []
        for name in sorted(self.helpers, key=helpers.__all__.index):
            body += ["", "", *inspect.getsource(self.helpers[name]).rstrip().split("\n")]
        for writer, _ in self.classes:
            told = self._told() if writer is self.root else _told_of_part(writer)
            body += ["", "", *writer.lines(told)]
        body += ["", "", *self._load()]
        code = "\n".join(body)
        return "\n".join([*self._head(code), code]) + "\n"

    def _told(self):
        model = self.model
        inputs = self.root.flow.inputs
        lines = [f"The Keras model {module_name(model)!r} in PyTorch.".replace("'", '"'), ""]
        lines += ["Inputs, in the order of axes that the Keras model has (channels last):", ""]
        for name, tensor in zip(self.root.parameters, inputs, strict=True):
            lines.append(f"- {name}: {_shape_text(tensor)}")
        outputs = self.root.flow.outputs
        lines += ["", "Outputs:", ""]
        lines += [f"- {_shape_text(tensor)}" for tensor in outputs]
        if getattr(model, "compute_dtype", "float32") != getattr(model, "dtype", "float32"):
            lines += ["", f"The Keras model computed in {model.compute_dtype}: use torch.autocast."]
        return "\n".join(line[: LINE - 5] for line in lines)

    def _load(self):
        name, ending = self.root_name, self.loads
        read = "load_file(path)"
        if ending == "pt":
            read = "torch.load(path, weights_only=True)"
        return [
            f'WEIGHTS = Path(__file__).with_suffix(".{ending}")',
            "",
            "",
            "def load(path=WEIGHTS):",
            f'    """{name} with the weights of a file, in inference mode."""',
            f"    model = {name}()",
            f"    model.load_state_dict({read})",
            "    return model.eval()",
        ]

    def _head(self, code):
        lines = [f'"""{self.root_name}: written from a Keras model by torchkeras."""', ""]
        used = lambda name: re.search(rf"(?<![\w.\"]){name}\.", code)  # noqa: E731
        lines += ["import math"] if used("math") else []
        lines += ["from pathlib import Path", ""]
        lines += ["import torch"] if used("torch") else []
        lines += ["import torch.nn.functional as F"] if used("F") else []
        froms = {"torch": "nn"}
        if self.loads == "safetensors":
            froms["safetensors.torch"] = "load_file"
        lines += [f"from {module} import {froms[module]}" for module in sorted(froms)]
        users: dict[str, list[str]] = {}
        for name, module in self.imports.items():
            users.setdefault(module, []).append(name)
        if users:
            lines.append("")
            lines += [f"from {m} import {', '.join(sorted(users[m]))}" for m in sorted(users)]
        return lines


def _told_of_part(writer):
    kind = type(writer.owner).__name__
    name = module_name(writer.owner)
    if getattr(writer.owner, "_graph", None) is not None:
        return f'The nested model "{name}".'
    return f'The layer "{name}" ({kind}).'


def _shape_text(tensor):
    names = ["batch", *("open" if n is None else str(n) for n in tensor.shape[1:])]
    if tensor.shape and tensor.shape[0] is not None:
        names[0] = str(tensor.shape[0])
    return f"({', '.join(names) if tensor.shape else ''}), {tensor.dtype}"


def _is_alone(owner, path):
    """Whether the layer at `path` holds one module and no weights of its own."""
    layer = owner.get_submodule(path)
    own = any(True for _ in layer.parameters(recurse=False))
    return isinstance(layer, Layer) and len(list(layer.children())) == 1 and not own


__all__ = ["SourceFile"]
