"""What a model does, one event after the other: calls of native modules, and of functions between.

Layers of Keras hold native modules of torch, so that a model of Keras and its port in torch are
seen in the same words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .. import tree
from ..layer import Layer
from ..layers.rnn import RNN
from ..layers.wrappers import Bidirectional
from ..names import module_name

ANCHORS = ("linear", "conv", "norm", "embedding", "recurrent", "attention", "pool", "resize")
_POOLS = (nn.modules.pooling._MaxPoolNd, nn.modules.pooling._AvgPoolNd,
          nn.modules.pooling._AdaptiveAvgPoolNd, nn.modules.pooling._AdaptiveMaxPoolNd)  # fmt: skip
_KINDS: list[tuple[Any, str]] = [
    (nn.Linear, "linear"),
    (nn.modules.conv._ConvNd, "conv"),
    ((nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm), "norm"),
    (nn.Embedding, "embedding"),
    ((nn.RNNBase, RNN, Bidirectional), "recurrent"),
    (nn.MultiheadAttention, "attention"),
    (_POOLS, "pool"),
    (nn.Upsample, "resize"),
    ((nn.modules.dropout._DropoutNd, nn.Identity), "nothing"),
    (nn.modules.padding.ZeroPad2d, "pad"),
]
ACTIVATIONS = (
    "relu sigmoid tanh softmax log_softmax gelu silu elu selu leaky_relu relu6 softplus softsign "
    "hardsigmoid hardswish mish exp hardtanh".split()
)
_FUNCTIONS = {
    **{name: "activation" for name in ACTIVATIONS},
    "pad": "pad",
    "interpolate": "resize",
    **{f"{kind}_pool{rank}d": "pool" for kind in ("max", "avg") for rank in (1, 2, 3)},
}


@dataclass(eq=False)
class Event:
    """One call: its name in the model, what was called, the first tensors that went in and out."""

    name: str
    kind: str
    operation: Any
    args: tuple
    kwargs: dict[str, Any]
    output: Any
    x: Tensor = field(init=False)
    y: Tensor = field(init=False)

    def __post_init__(self):
        self.x = next((t for t in tree.leaves((self.args, self.kwargs)) if _is_tensor(t)), None)
        self.y = next((t for t in tree.leaves(self.output) if _is_tensor(t)), None)


def _is_tensor(leaf):
    return isinstance(leaf, Tensor)


def kind_of(operation: Any) -> str:
    """The kind of an operation: 'linear', 'conv', ..., 'activation', 'pad', 'other'."""
    if isinstance(operation, nn.Module):
        for kinds, name in _KINDS:
            if isinstance(operation, kinds):
                return name
        in_torch = type(operation).__module__ == "torch.nn.modules.activation"
        return "activation" if in_torch else "other"
    name = getattr(operation, "__name__", "").strip("_")
    return _FUNCTIONS.get(name, "other")


def events_of(model: nn.Module, call: Any) -> tuple[Any, list[Event]]:
    """What `call()` gives, and what `model` does in it, in inference mode."""
    recorder = _Recorder()
    names = _names(model)
    hooks = [hook for module, name in names.items() for hook in recorder.listen(module, name)]
    for layer in model.modules():
        if isinstance(layer, Layer) and layer not in names and layer is not model:
            hooks += recorder.follow(layer)
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad(), recorder:
            output = call()
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes:
            module.training = mode
    return output, recorder.events


def _names(model):
    """The modules that count as one event, by the name of the layer that they are in."""
    found: dict[nn.Module, str] = {}
    inside: set[nn.Module] = set()
    paths = {module: path for path, module in model.named_modules()}
    for module, path in paths.items():
        if module in inside:
            continue
        if kind_of(module) == "other":
            continue
        inside |= set(module.modules())
        parent = _parent_layer(model, path)
        name = path or module_name(module)
        if isinstance(module, Layer):
            name = module_name(module)
        elif parent is not None:
            one = len(list(parent.children())) == 1
            name = module_name(parent) + ("" if one else "." + path.rpartition(".")[2])
        found[module] = name
    return found


def _parent_layer(model, path):
    parent = model.get_submodule(path.rpartition(".")[0]) if path else None
    return parent if isinstance(parent, Layer) and parent is not model else None


class _Recorder(TorchFunctionMode):
    def __init__(self):
        super().__init__()
        self.events: list[Event] = []
        self.depth = 0
        self.layers: list[str] = []  # those that are running

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if not self.depth and isinstance(result, Tensor):
            kind = kind_of(function)
            if kind != "other":
                name = getattr(function, "__name__", "").strip("_")
                if kind in ANCHORS and self.layers:
                    name = self.layers[-1]
                self.events.append(Event(name, kind, function, args, kwargs or {}, result))
        return result

    def listen(self, module, name):
        def before(module, args, kwargs):
            self.depth += 1

        def after(module, args, kwargs, result):
            self.depth -= 1
            if not self.depth:
                kind = kind_of(module)
                self.events.append(Event(name, kind, module, args, kwargs, result))

        return [
            module.register_forward_pre_hook(before, with_kwargs=True),
            module.register_forward_hook(after, with_kwargs=True, always_call=True),
        ]

    def follow(self, layer):
        """Know while `layer` is running, after which functions in it are called."""

        def before(layer, args):
            self.layers.append(module_name(layer))

        def after(layer, args, result):
            self.layers.pop()

        return [
            layer.register_forward_pre_hook(before),
            layer.register_forward_hook(after, always_call=True),
        ]
