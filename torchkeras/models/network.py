"""`Network`: layers that work together, by a recorded graph or by a `call` of the user's."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .. import graph as graphs
from .. import tree
from ..graph import Graph, KerasTensor
from ..layer import Layer
from ..names import module_name
from ..pictures import model_to_svg
from ..precision import torch_dtype
from ..seldom import as_shapes
from ..summary import summary
from ..symbols import masks
from ..variable import LayerWeight, Variable, Weight
from ..weighted import weights_of

_LAYERS_IN_A_NOTEBOOK = 200


class Network(Layer):
    """The part of `Model` that runs: a graph's plan, or the `call` that a subclass writes."""

    _graph: Graph | None = None
    _single_input: _Entry | None = None
    _takes_texts = False

    def _set_graph(self, graph: Graph) -> None:
        """Run as `graph` says; its modules become children under their layer names."""
        layers = graph.layers
        names = [module_name(layer) for layer in layers]
        for name, count in Counter(names).items():
            if count > 1:
                raise ValueError(
                    f'The name "{name}" is used {count} times in the model. All layer names should '
                    "be unique."
                )
        keys = dict(zip(layers, _keys(names), strict=True))
        self._graph = graph
        for layer, key in keys.items():
            self._modules[key] = layer
        self._take_variables(graph)
        self._layer_keys = list(keys.values())
        self._plan = graph.plan(keys, self._mixed_dtype())
        self._masked_plans: dict[tuple[bool, ...], graphs.Plan] = {}
        self._entries = [_Entry(tensor, graph) for tensor in graph.flat_inputs]
        self._single_input = self._entries[0] if isinstance(graph.inputs, KerasTensor) else None
        self._takes_texts = any(entry.dtype is None for entry in self._entries)
        self._single_output = isinstance(graph.outputs, KerasTensor)
        self._note_modes(layers)
        for layer in layers:
            if isinstance(layer, Layer) and layer.weights:
                self._device = layer._device
                break
        for layer in layers:
            if not isinstance(layer, Layer):
                layer.to(self._device)  # a plain module goes where the layers are
        self.input_names = [tensor.node.operation.name for tensor in graph.flat_inputs]
        self.output_names = _unique_names(
            [self._output_name(tensor.node) for tensor in graph.flat_outputs]
        )
        self._finish_build()

    def _output_name(self, node):
        return module_name(node.operation)

    def _take_variables(self, graph):
        """Variables and parameters that functions of the graph use become the model's own."""
        known = {id(parameter) for parameter in self.parameters()}
        for node in graph.nodes:
            if isinstance(node.operation, nn.Module):
                continue
            for leaf in tree.leaves((node.args, node.kwargs)):
                if type(leaf) is Variable and not isinstance(leaf._tensor, nn.Parameter):
                    trained = leaf.trainable and leaf._tensor.is_floating_point()
                    leaf._tensor = nn.Parameter(leaf._tensor.detach(), requires_grad=trained)
                parameter = leaf._tensor if type(leaf) is Variable else leaf
                if not isinstance(parameter, nn.Parameter) or id(parameter) in known:
                    continue
                known.add(id(parameter))
                key = name = leaf.path if type(leaf) is Variable else "parameter"
                key = key.replace(".", "_").replace("/", "_")
                while key in self._parameters or hasattr(self, key):
                    key += "_"
                self.register_parameter(key, parameter)
                row = Weight(name, key, trainable=parameter.requires_grad, autocast=False)
                self._weights.append(LayerWeight(self, row, name, tuple(parameter.shape)))

    def _mixed_dtype(self):
        """What plain modules compute in under a policy of two dtypes."""
        mixed = self._compute_dtype is not self._variable_dtype
        return self._compute_dtype if mixed else None

    def _apply(self, fn, recurse=True):
        super()._apply(fn, recurse)
        for entry in self.__dict__.get("_entries", ()):
            if entry.dtype is not None:
                entry.dtype = fn(torch.empty(0, dtype=entry.dtype, device=self._device)).dtype
        return self

    def __setattr__(self, name, value):
        if name in self.__dict__.get("_layer_keys", ()) and not isinstance(value, nn.Module):
            object.__setattr__(self, name, value)  # a layer may be called `history` or `loss`
        else:
            super().__setattr__(name, value)

    def call(self, inputs, training=None, mask=None):
        """The outputs for `inputs`; a subclass writes this method."""
        if self._graph is None:
            raise NotImplementedError(
                f'Model "{self.name}" has no call() method: write one, or make the model from '
                "symbolic inputs and outputs."
            )
        flat, plan = self._taken(inputs), self._plan
        if mask is not None:
            given = self._flat_masks(mask)
            plan = self._plan_with(tuple(one is not None for one in given))
            flat += [one for one in given if one is not None]
        outputs = plan.run(self._modules, flat)
        if self._graph.losses:
            self._note(outputs[-len(self._graph.losses) :])
            outputs = outputs[: -len(self._graph.losses)]
        return self._packed(outputs)

    def _packed(self, outputs):
        """The outputs of a plan in the nesting of the model's."""
        return outputs[0] if self._single_output else tree.pack(self._graph.outputs, outputs)

    def add_loss(self, losses: Any, inputs: Any = None) -> None:
        """Add to the training loss; symbolic scalars are computed in each forward pass."""
        symbolic = [one for one in tree.leaves(losses) if isinstance(one, KerasTensor)]
        for one in symbolic:
            if one.shape != ():
                raise ValueError(
                    f"A symbolic loss must be a scalar; received shape {one.shape}. Reduce it, "
                    "for example with torch.mean."
                )
        if symbolic:
            self._compute_besides(symbolic, None)
        rest = [one for one in tree.leaves(losses) if not isinstance(one, KerasTensor)]
        if rest:
            super().add_loss(rest, inputs)

    def add_metric(
        self, value: Any, name: str | None = None, aggregation: str | None = "mean", inputs=None
    ) -> None:
        """Report the mean of a scalar; a symbolic one is computed in each forward pass."""
        if isinstance(value, KerasTensor) and name is not None:
            self._compute_besides([value], name)
        else:
            super().add_metric(value, name, aggregation, inputs)

    def _compute_besides(self, tensors, name):
        """Have the graph compute more: losses, or a metric of this name."""
        known = self._graph
        names = self.__dict__.get("_besides", [None] * len(known.losses))
        self._set_graph(Graph(known.inputs, known.outputs, known.losses + tensors))
        self._besides = [*names, *([name] * len(tensors))]
        if name is not None:
            self._added_metric(name)

    def _note_modes(self, layers):
        """Whether a call that says nothing is in training: where augmentations alone ask."""
        if not type(self)._trains_unless_told:
            asking = [one for one in _inner(layers) if getattr(one, "_takes_training", False)]
            self._trains_unless_told = bool(asking) and all(one._augments for one in asking)

    def eval(self) -> Network:
        """Inference mode, also for augmentations that are called without a word of training."""
        self._trains_unless_told = False
        return super().eval()

    def _note(self, values):
        """Take what the graph computed beside its outputs."""
        names = self.__dict__.get("_besides")
        if names is None:
            super().add_loss(values)
            return
        for value, name in zip(values, names, strict=True):
            if name is None:
                super().add_loss(value)
            else:
                super().add_metric(value, name)

    def _taken(self, inputs):
        """The inputs of a plan, each as the graph has it."""
        if self._single_input is not None and type(inputs) is Tensor:
            return [self._single_input.take(inputs, self)]
        return self._flat_inputs(inputs)

    def _flat_inputs(self, inputs):
        """The given inputs in the order of the model's, found by name where they are a dict."""
        if isinstance(inputs, dict) and not isinstance(self._graph.inputs, dict):
            missing = [name for name in self.input_names if name not in inputs]
            if missing:
                raise ValueError(
                    f'Model "{self.name}" has inputs {self.input_names}; the given dictionary '
                    f"lacks {missing}."
                )
            found = [inputs[name] for name in self.input_names]
        elif isinstance(self._graph.inputs, dict) and isinstance(inputs, dict):
            missing = sorted(set(self._graph.inputs) - set(inputs))
            if missing:
                raise ValueError(f'The inputs of model "{self.name}" lack {missing}.')
            found = tree.flatten({key: inputs[key] for key in self._graph.inputs})
        else:
            found = tree.flatten(inputs)
        if len(found) != len(self._entries):
            raise ValueError(
                f'Model "{self.name}" has {len(self._entries)} input(s) {self.input_names}, but '
                f"it received {len(found)}."
            )
        return [entry.take(x, self) for entry, x in zip(self._entries, found, strict=True)]

    def __call__(self, *args, **kwargs):
        self._clear_losses()
        plain = len(args) == 1 and not kwargs and not self._trains_unless_told
        if plain and self._is_plain(args[0]):
            try:  # as `_run`, without its call; the entries of the graph check and cast
                return self._wrapped_call_impl(args[0])
            except RuntimeError:
                self._check_inputs(args)
                raise
        if self._takes_texts and args and not graphs.is_symbolic(args[0]):
            args = (self._as_arrays(args[0]), *args[1:])
        if self._graph is None and self._device.type not in ("cpu", "meta"):
            args, kwargs = tree.map_structure(self._placed, (args, kwargs))
        return super().__call__(*args, **kwargs)

    def _placed(self, leaf):
        """A tensor that is on the CPU goes where the model is, as inputs of a graph do."""
        if not isinstance(leaf, Tensor) or leaf.device.type != "cpu":
            return leaf
        moved = leaf.to(self._device, non_blocking=True)
        mask = getattr(leaf, "_keras_mask", None)
        if mask is not None:
            moved._keras_mask = mask.to(self._device)
        return moved

    def _is_plain(self, inputs):
        """Whether inputs need no more than the entries of the graph do: tensors without masks."""
        if type(inputs) is Tensor:
            return self._single_input is not None and not hasattr(inputs, "_keras_mask")
        several = type(inputs) in (list, tuple) and self._graph is not None
        return several and all(
            type(each) is Tensor and not hasattr(each, "_keras_mask") for each in inputs
        )

    def _as_arrays(self, inputs):
        """Texts that come in lists, as arrays: one for each input."""
        if self._single_input is not None:
            return text_array(inputs)
        if isinstance(inputs, dict):
            return {key: text_array(value) for key, value in inputs.items()}
        return [text_array(value) for value in inputs]

    def _ready(self, leaf):
        return leaf if is_text(leaf) else super()._ready(leaf)

    def _symbolic_outputs(self, args, kwargs):
        if self._graph is not None:
            given = [tensor.shape for tensor in tree.leaves(args[0])]
            if given == [tensor.shape for tensor in self._graph.flat_inputs]:
                return tree.map_structure(
                    lambda t: KerasTensor(t.shape, t.dtype), self._graph.outputs
                )
        return self._infer(args, kwargs)

    def note_call(self, args: tuple, kwargs: dict[str, Any], outputs: Any) -> Any:
        """As for any layer; the plan puts masks on the outputs, so their way out is recorded."""
        super().note_call(args, kwargs, outputs)
        if self._graph is None:
            return outputs
        node = next(iter(tree.leaves(outputs))).node
        given = [mask is not None for mask in self._flat_masks(node.mask)]
        ends = self._plan_with(tuple(given)).masks if any(given) else self._plan.masks
        with masks():
            for output, place, inner in zip(
                tree.leaves(outputs), ends, self._graph.flat_outputs, strict=False
            ):
                if place is not None:
                    mask = KerasTensor(inner.shape[:2], "bool")
                    output._keras_mask = graphs.record(_carried_mask, (output,), {}, outputs=mask)
        return outputs

    def _flat_masks(self, mask):
        """One mask or None for each input."""
        count = len(self._entries)
        if mask is None:
            return [None] * count
        found = tree.flatten(mask) if tree.is_nested(mask) else [mask]
        return found if len(found) == count else [None] * count

    def _plan_with(self, masked: tuple[bool, ...]) -> graphs.Plan:
        """The plan for inputs that some masks come with, made at their first coming."""
        if masked not in self._masked_plans:
            layers = self._graph.layers
            keys = {layer: key for key, layer in self._modules.items() if layer in layers}
            self._masked_plans[masked] = self._graph.masked(masked).plan(keys, self._mixed_dtype())
        return self._masked_plans[masked]

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self._graph is not None:
            shapes = [input_shape] if isinstance(self._graph.inputs, KerasTensor) else input_shape
            shapes = list(shapes.values() if isinstance(shapes, dict) else shapes)
            if [tuple(s) for s in shapes] == [t.shape for t in self._graph.flat_inputs]:
                return self.output_shape
        return super().compute_output_shape(input_shape)

    # --- what is inside --------------------------------------------------------------------

    @property
    def layers(self) -> list[nn.Module]:
        """The layers directly inside, in the order of tf.keras."""
        return list(self._children())

    def _children(self):
        if self._graph is None:
            return super()._children()
        return iter([self._modules[key] for key in self._layer_keys])

    @property
    def inputs(self) -> list[KerasTensor] | None:
        return list(self._graph.flat_inputs) if self._graph else None

    @property
    def outputs(self) -> list[KerasTensor] | None:
        return list(self._graph.flat_outputs) if self._graph else None

    @property
    def input(self) -> Any:
        return self._graph.inputs if self._graph else super().input

    @property
    def output(self) -> Any:
        return self._graph.outputs if self._graph else super().output

    @property
    def input_shape(self) -> Any:
        if self._graph is None:
            return super().input_shape
        return tree.map_structure(lambda t: t.shape, self._graph.inputs)

    @property
    def output_shape(self) -> Any:
        if self._graph is None:
            return super().output_shape
        return tree.map_structure(lambda t: t.shape, self._graph.outputs)

    def get_layer(self, name: str | None = None, index: int | None = None) -> nn.Module:
        """The layer called `name`, or number `index`; exactly one of them is given."""
        if (name is None) == (index is None):
            raise ValueError("Give get_layer either a name or an index.")
        layers = self.layers
        if index is not None:
            if index >= len(layers):
                raise ValueError(
                    f"Was asked to retrieve layer at index {index} but model only has "
                    f"{len(layers)} layers."
                )
            return layers[index]
        for layer in layers:
            if module_name(layer) == name:
                return layer
        existing = [module_name(layer) for layer in layers]
        raise ValueError(f"No such layer: {name}. Existing layers are: {existing}.")

    @property
    def weights(self) -> list[LayerWeight]:
        """All weights, layer by layer."""
        self._assert_built("Weights")
        found = [w for child in self._children() for w in weights_of(child)]
        own = sorted(self._weights, key=lambda w: not w.weight.trainable)
        return list({id(w): w for w in found + own}.values())

    @property
    def trainable_weights(self) -> list[LayerWeight]:
        """Weights that training changes: those of the layers, then the model's own."""
        return _own_last(super().trainable_weights, self)

    @property
    def non_trainable_weights(self) -> list[LayerWeight]:
        """Weights that training leaves alone: those of the layers, then the model's own."""
        return _own_last(super().non_trainable_weights, self)

    def _assert_built(self, what):
        if not self.built and not self._graph and "build" in type(self).__dict__:
            raise ValueError(
                f"{what} for model {self.name!r} have not yet been created. Weights are created "
                "when the model is first called on inputs or `build()` is called with an "
                "`input_shape`."
            )

    def build(self, input_shape: Any) -> None:
        """Make all weights for inputs of `input_shape`, batch first, None where open.

        A subclass model is run once on stand-ins of that shape.
        """
        if self.built:
            return
        self._built_for = input_shape
        self._prefix_sublayers()
        self._finish_build()
        if input_shape is not None and type(self).call is not Network.call:
            self._infer((_stand_ins(input_shape),), {})

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build for the shape of `get_build_config`, the layers of a subclass as well."""
        if config and not self.built:
            own = type(self).build is not Network.build
            (self._ensure_built if own else self.build)(as_shapes(config["input_shape"]))

    def _ensure_built(self, input_shape):
        if not self.built:
            self._built_for = input_shape
            self._prefix_sublayers()
            if type(self).build is not Network.build:
                self.build(input_shape)
            self._finish_build()

    def summary(
        self,
        line_length: int | None = None,
        positions: list[float] | None = None,
        print_fn: Any = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
    ) -> None:
        """Print a table of the layers with output shapes and numbers of parameters."""
        if not self.built:
            raise ValueError(
                "This model has not yet been built. Build the model first by calling `build()` "
                "or by calling the model on a batch of data."
            )
        summary(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)

    def _repr_svg_(self) -> str | None:
        """The picture that a notebook shows; none of a model that is not built or is large."""
        graph = getattr(self, "_graph", None)
        if graph is None or not self.built or len(graph.operations) > _LAYERS_IN_A_NOTEBOOK:
            return None
        return model_to_svg(self, show_shapes=True)


def _own_last(weights, model):
    return sorted(weights, key=lambda weight: weight._layer is model)


def _inner(layers):
    """Layers, those of models among them instead of the models."""
    for one in layers:
        if isinstance(one, Network) and one._graph is not None:
            yield from _inner(one._graph.layers)
        else:
            yield one


class _Entry:
    """One input of a graph model: its rank, axis sizes and dtype, checked as data comes in."""

    def __init__(self, tensor: KerasTensor, graph: Graph):
        self.shape, self.dtype = tensor.shape, torch_dtype(tensor.dtype)
        self.sizes = [(axis, size) for axis, size in enumerate(tensor.shape) if axis and size]
        users = [node.operation for node in graph.nodes if any(t is tensor for t in node.inputs)]
        integers = users and all(getattr(user, "_accepts_integers", False) for user in users)
        self.keep_integers = bool(integers) or "float" not in tensor.dtype

    def fits(self, shape: torch.Size) -> bool:
        if len(shape) != len(self.shape):
            return False
        for axis, size in self.sizes:
            if shape[axis] != size:
                return False
        return True

    def take(self, x: Tensor, model: Network) -> Tensor:
        """`x` on the model's device, in its dtype, with the rank it expects; else ValueError."""
        if not self.fits(x.shape):
            x = self._reranked(x, model)
        if self.dtype is None:
            return x
        if x.device != model._device:
            self._check_numbers(x, model)
            x = x.to(model._device, non_blocking=True)
        if x.dtype is not self.dtype:
            if x.is_floating_point():
                if not torch.is_autocast_enabled(x.device.type):
                    x = x.to(self.dtype)
            elif not self.keep_integers:
                x = x.to(self.dtype)
        return x

    def _check_numbers(self, x, model):
        if self.dtype is not None and is_text(x):
            raise TypeError(
                f'Input of model "{model.name}": expected numbers, found texts. Let a '
                'TextVectorization or StringLookup layer follow Input(dtype="string"), or make '
                "numbers of them first."
            )

    def _reranked(self, x, model):
        """tf.keras adds or drops a last axis of one."""
        self._check_numbers(x, model)
        rank = len(self.shape)
        if x.ndim == rank - 1 and self.shape[-1] == 1 and self.fits((*x.shape, 1)):
            return x.reshape((*x.shape, 1))
        if x.ndim == rank + 1 and x.shape[-1] == 1 and self.fits(x.shape[:-1]):
            return x.squeeze(-1)
        raise ValueError(
            f'Input of model "{model.name}" is incompatible with the model: expected shape='
            f"{self.shape}, found shape={tuple(x.shape)}"
        )


def is_text(value):
    return isinstance(value, np.ndarray) and value.dtype.kind in "USO"


def text_array(value):
    """Texts in lists as an array; what else there is as it is."""
    first = value
    while isinstance(first, (list, tuple)) and first:
        first = first[0]
    return np.asarray(value, dtype=object) if isinstance(first, (str, bytes)) else value


def _carried_mask(output):
    """The mask that a nested model put on its output."""
    return output._keras_mask


def _stand_ins(input_shape):
    if isinstance(input_shape, dict):
        return {key: KerasTensor(tuple(shape)) for key, shape in input_shape.items()}
    if any(isinstance(item, (list, tuple)) for item in input_shape):
        return [KerasTensor(tuple(shape)) for shape in input_shape]
    return KerasTensor(tuple(input_shape))


def _keys(names):
    """Layer names as keys of child modules, which may hold no dots."""
    keys: dict[str, None] = {}
    for name in names:
        key = name.replace(".", "_")
        while key in keys:
            key += "_"
        keys[key] = None
    return list(keys)


def _unique_names(found):
    """tf.keras tells outputs of one layer apart by `_1`, `_2`, ..."""
    counts: dict[str, int] = {}
    result = []
    for name in found:
        count = counts.get(name, 0)
        counts[name] = count + 1
        result.append(f"{name}_{count}" if count else name)
    return result
