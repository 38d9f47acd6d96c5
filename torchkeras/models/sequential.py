"""`Sequential`: layers one after the other, built when the input shape is known."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from .. import names
from ..graph import Graph, KerasTensor, record_module
from ..layer import TABLE, Layer
from ..layers.core import InputLayer
from ..names import module_name
from .functional import Functional
from .model import Model
from .network import is_text, text_array


@TABLE.add()
class Sequential(Functional):
    """A stack of layers, each with one input and one output.

    The first layer may tell its `input_shape`; else the weights are made by `build` or by the
    first batch. Plain `nn.Module`s may stand among the layers.

    >>> from torchkeras.layers import Dense
    >>> model = Sequential([Dense(4, activation="relu", input_shape=(3,)), Dense(1)])
    >>> model.output_shape, model.count_params()
    ((None, 1), 21)
    """

    serialized_as = ("keras", None)

    _given_texts = False  # whether the first batch holds texts
    _gathered: dict[str, Any] | None = None  # while many layers are added: the graph waits

    def __init__(self, layers: Any = None, name: str | None = None):
        super().__init__(name=name)
        self._stack: list[nn.Module] = []
        self._input_layer: InputLayer | None = None
        self._deferred = False  # whether the input shape came from data
        if layers is not None:
            with self._gathering():
                for layer in layers if isinstance(layers, (list, tuple)) else [layers]:
                    self.add(layer)

    @property
    def _start(self) -> KerasTensor | None:
        return self._input_layer and self._input_layer.output

    def add(self, layer: Any) -> None:
        """Append a layer, a model or a plain `nn.Module`; an `Input` may come first."""
        if isinstance(layer, KerasTensor) and isinstance(layer.node.operation, InputLayer):
            layer = layer.node.operation
        if not isinstance(layer, nn.Module):
            raise TypeError(f"Sequential.add expects a layer or nn.Module; received {layer!r}.")
        if not isinstance(layer, Layer) and not hasattr(layer, "_keras_name"):
            kind = names.to_snake_case(type(layer).__name__)
            object.__setattr__(layer, "_keras_name", names.unique_name(kind))
        if isinstance(layer, InputLayer):
            if self._stack or self._start is not None:
                raise ValueError("An Input must be the first layer of a Sequential.")
            self._input_layer = layer
            self._rebuild()
            return
        if self._gathered is None:
            taken = {module_name(one) for one in self._stack}
        else:
            taken = self._gathered["names"]
        if module_name(layer) in taken:
            raise ValueError(
                "All layers added to a Sequential model should have unique names. Name "
                f'"{module_name(layer)}" is already the name of a layer in this model.'
            )
        if not self._stack and self._start is None:
            self._input_layer = _input_layer_for(layer)
        self._stack.append(layer)
        try:
            self._rebuild(added=layer)
        except Exception:
            self._stack.pop()
            raise
        self._note_modes(self._stack)
        if self._gathered is not None:
            taken.add(module_name(layer))

    @contextmanager
    def _gathering(self) -> Iterator[None]:
        """Within the block layers are called as they are added, and the graph is made at its end.

        It is made of all layers, so that making it for each would take the square of their number.
        """
        self._gathered = {"names": {module_name(one) for one in self._stack}, "output": None}
        try:
            yield
            output = self._gathered["output"]
        finally:
            self._gathered = None
        if output is None:
            self._rebuild()
        else:
            self._set_graph(Graph(self._start, output))

    def pop(self) -> nn.Module:
        """Remove the last layer and return it."""
        if not self._stack:
            raise TypeError("There are no layers in the model.")
        layer = self._stack.pop()
        del self._modules[module_name(layer).replace(".", "_")]
        if not self._stack and self._deferred:
            self._input_layer = None
        self._rebuild()
        return layer

    def _rebuild(self, added=None):
        """Make the graph again; without a known input shape only note the layers."""
        if self._gathered is not None:
            if self._start is not None and self._stack:
                before = self._gathered["output"]
                self._gathered["output"] = _call(added, self._start if before is None else before)
            return
        if self._start is None or not self._stack:
            self._graph, self._single_input = None, None
            self._layer_keys = [module_name(one).replace(".", "_") for one in self._stack]
            for key, layer in zip(self._layer_keys, self._stack, strict=True):
                self._modules[key] = layer
            if self._start is not None:
                self._set_graph(Graph(self._start, self._start))
            return
        if added is not None and self._graph is not None and len(self._stack) > 1:
            output = _call(added, self._graph.outputs)
        else:
            output = self._start
            for layer in self._stack:
                output = _call(layer, output)
        self._set_graph(Graph(self._start, output))

    def build(self, input_shape: Any = None) -> None:
        """Make all weights for batches of `input_shape`, batch first, None where open."""
        if self._graph is not None or not self._stack:
            return
        if input_shape is None:
            raise ValueError("A Sequential without input_shape needs build(input_shape).")
        name = module_name(self._stack[0]) + "_input"
        self._input_layer = self._made_input(tuple(input_shape), name)
        self._deferred = True
        self._rebuild()

    def _made_input(self, shape, name):
        dtype = "string" if self._given_texts else None
        return InputLayer(batch_input_shape=shape, dtype=dtype, name=name)

    def __call__(self, *args, **kwargs):
        if not self._stack and self._graph is None and args:
            return args[0]  # without layers nothing is computed
        if self._graph is None and args and not isinstance(args[0], (Tensor, KerasTensor)):
            inputs = text_array(args[0])
            self._given_texts = is_text(inputs)
            args = (inputs, *args[1:])
        return super().__call__(*args, **kwargs)

    def _ensure_built(self, input_shape):
        if self._graph is None:
            if not self._stack:
                raise ValueError(f'Sequential "{self.name}" has no layers; add() some first.')
            self.build((None, *input_shape[1:]))

    def call(self, inputs, training=None, mask=None):
        if self._deferred and isinstance(inputs, Tensor) and inputs.ndim == self._start.ndim:
            if not self._entries[0].fits(inputs.shape):
                self._relax(tuple(inputs.shape))
        return super().call(inputs, training, mask)

    def _relax(self, shape):
        """The input shape came from a batch; another batch shows which axes are open."""
        seen = zip(self._start.shape, shape, strict=True)
        relaxed = tuple(None if a != b else a for a, b in seen)
        self._input_layer = self._made_input(relaxed, self._start.name)
        self._rebuild()

    @property
    def layers(self) -> list[nn.Module]:
        """The layers in order, without the `Input`."""
        return list(self._stack)

    def _children(self):
        return iter(self.__dict__.get("_stack", ()))

    def get_config(self) -> dict[str, Any]:
        layers: list = [] if self._input_layer is None else [self._input_layer]
        entries = []
        for layer in layers + self._stack:
            if not isinstance(layer, Layer):
                raise ValueError(
                    f"{module_name(layer)!r} in model {self.name!r} is a plain nn.Module, which "
                    "cannot be written as a config. Save the weights with save_weights()."
                )
            entries.append(TABLE.serialize(layer))
        return {"name": self.name, "layers": entries}

    @classmethod
    def from_config(cls, config: Any, custom_objects: Any = None) -> Sequential:
        """The model of a config; Keras before 2.2 wrote the bare list of layers."""
        config = copy.deepcopy(config)
        entries = config if isinstance(config, list) else config["layers"]
        model = cls(name=None if isinstance(config, list) else config.get("name"))
        shape = None if isinstance(config, list) else config.get("build_input_shape")
        if entries and shape:
            _tell_shape(entries[0], shape)
        with model._gathering():
            for entry in entries:
                model.add(TABLE.deserialize(entry, custom_objects))
        if model._graph is None and shape and model._stack:
            model.build(tuple(shape))
        return model


def _input_layer_for(layer):
    """The input that a first layer asks for, or None."""
    if hasattr(layer, "many_inputs"):
        return layer.many_inputs()
    if isinstance(layer, Model) and layer._graph is not None:
        shape, dtype = layer.inputs[0].shape, layer.inputs[0].dtype
    elif isinstance(layer, Layer) and layer._batch_input_shape is not None:
        shape, dtype = layer._batch_input_shape, layer.dtype
    else:
        return None
    return InputLayer(batch_input_shape=shape, dtype=dtype, name=module_name(layer) + "_input")


def _call(layer, tensor):
    output = layer(tensor) if isinstance(layer, Layer) else record_module(layer, (tensor,))
    if not isinstance(output, KerasTensor):
        raise ValueError(
            "All layers in a Sequential model should have a single output tensor. For "
            "multi-output layers, use the functional API."
        )
    return output


def _tell_shape(entry, shape):
    """Until 2.2 an Embedding without `input_length` wrote an open shape for that of the model."""
    inner = entry.get("config") if isinstance(entry, dict) else None
    if isinstance(inner, dict) and entry.get("class_name") == "Embedding":
        if inner.get("batch_input_shape") == [None, None] and len(shape) == 2:
            inner["batch_input_shape"] = list(shape)
