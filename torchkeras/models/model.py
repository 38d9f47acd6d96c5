"""`Model`: a layer that trains, evaluates, predicts, saves and describes itself.

Subclass it and write `call`, or give it symbolic inputs and outputs. What happens in a training
step is `train_step`; the loops are in `training/loop.py`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .. import graph as graphs
from .. import optimizers, tree
from ..data.arrays import unpack_x_y_sample_weight
from ..graph import Graph, KerasTensor
from ..layer import TABLE, Layer
from ..names import module_name
from ..saving import api as saving
from ..summary import summary
from ..training import loop
from ..training.compiled import Compiled
from ..training.logs import Logs
from ..variable import LayerWeight
from ..weighted import weights_of


@TABLE.add()
class Model(Layer):
    """A network with training and prediction.

    `Model(inputs, outputs, name=None)` takes symbolic tensors in any nesting; a subclass writes
    `call` instead and may assign layers to attributes.

    >>> from torchkeras.layers import Dense, Input
    >>> x = Input((3,))
    >>> Model(x, Dense(2)(x)).output_shape
    (None, 2)
    """

    _functional: type[Model] | None = None  # what Model(inputs, outputs) makes
    _graph: Graph | None = None

    def __new__(cls, *args, **kwargs):
        if cls is Model and (args or "inputs" in kwargs):
            cls = Model._functional
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args: Any, name: str | None = None, trainable: bool = True, **kwargs: Any):
        inputs, outputs = _inputs_outputs(args, kwargs)
        super().__init__(name=name, trainable=trainable, **kwargs)
        self._compiled: Compiled | None = None
        self.optimizer = None
        self.stop_training = False
        self.history = None
        if inputs is not None:
            self._set_graph(Graph(inputs, outputs))

    # --- the graph -------------------------------------------------------------------------

    def _set_graph(self, graph: Graph) -> None:
        """Run as `graph` says; its modules become children under their layer names."""
        layers = graph.layers
        names = [module_name(layer) for layer in layers]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(
                    f'The name "{name}" is used {names.count(name)} times in the model. All layer '
                    "names should be unique."
                )
        keys = {layer: name.replace(".", "_") for layer, name in zip(layers, names, strict=True)}
        self._graph = graph
        for layer, key in keys.items():
            self._modules[key] = layer
        self._layer_keys = list(keys.values())
        self._plan = graph.plan(keys)
        self._entries = [_Entry(tensor, graph) for tensor in graph.flat_inputs]
        self._single_input = self._entries[0] if isinstance(graph.inputs, KerasTensor) else None
        self._single_output = isinstance(graph.outputs, KerasTensor)
        self._device = next((p.device for p in self.parameters()), self._device)
        for layer in layers:
            if isinstance(layer, Layer) and layer._weights:
                self.compute_dtype = layer.compute_dtype
                break
        self.input_names = [tensor.node.operation.name for tensor in graph.flat_inputs]
        self.output_names = _unique_names(
            [module_name(t.node.operation) for t in graph.flat_outputs]
        )
        self._finish_build()

    def call(self, inputs, training=None, mask=None):
        """The outputs for `inputs`; a subclass writes this method."""
        if self._graph is None:
            raise NotImplementedError(
                f'Model "{self.name}" has no call() method: write one, or make the model from '
                "symbolic inputs and outputs."
            )
        if self._single_input is not None and type(inputs) is Tensor:
            flat = [self._single_input.take(inputs, self)]
        else:
            flat = self._flat_inputs(inputs)
        outputs = self._plan.run(self._modules, flat)
        return outputs[0] if self._single_output else tree.pack(self._graph.outputs, outputs)

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
        return super().__call__(*args, **kwargs)

    def _symbolic_outputs(self, args, kwargs):
        if self._graph is not None:
            given = [tensor.shape for tensor in tree.leaves(args[0])]
            if given == [tensor.shape for tensor in self._graph.flat_inputs]:
                return tree.map_structure(
                    lambda t: KerasTensor(t.shape, t.dtype), self._graph.outputs
                )
        return self._infer(args, kwargs)

    def _record(self, args, kwargs):
        outputs = super()._record(args, kwargs)
        if self._graph is not None:  # the plan puts masks on the outputs: record their way out
            for output, inner in zip(tree.leaves(outputs), self._graph.flat_outputs, strict=True):
                if inner._keras_mask is not None:
                    mask = KerasTensor(inner._keras_mask.shape, "bool")
                    output._keras_mask = graphs.record(_carried_mask, (output,), {}, outputs=mask)
        return outputs

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

    def _assert_built(self, what):
        if not self.built and not self._graph:
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
        self._prefix_sublayers()
        self._finish_build()
        if input_shape is not None and type(self).call is not Model.call:
            self._infer((_stand_ins(input_shape),), {})

    def _ensure_built(self, input_shape):
        if not self.built:
            self._prefix_sublayers()
            if type(self).build is not Model.build:
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

    # --- training --------------------------------------------------------------------------

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Any = None,
        loss_weights: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool | None = None,
        steps_per_execution: int | None = None,
        jit_compile: bool | None = None,
        pss_evaluation_shards: int = 0,
        **kwargs: Any,
    ) -> None:
        """Choose optimizer, losses and metrics, each by name, object or function.

        `loss`, `metrics`, `loss_weights`, `weighted_metrics` may be lists or dicts over the
        outputs. Shadows `nn.Module.compile`; that one is `nn.Module.compile(model)`.
        """
        for argument in ("experimental_run_tf_function", "sample_weight_mode"):
            kwargs.pop(argument, None)
        if kwargs:
            raise TypeError(
                f"compile got an unexpected keyword argument {', '.join(map(repr, kwargs))}."
            )
        if steps_per_execution not in (None, 1):
            raise ValueError(
                f"steps_per_execution={steps_per_execution} is not supported; leave it at 1."
            )
        if jit_compile:
            raise ValueError(
                "jit_compile=True is not supported here; call nn.Module.compile(model) to run "
                "the model through torch.compile."
            )
        optimizer = optimizers.get(optimizer)
        self._compiled = Compiled(loss, metrics, loss_weights, weighted_metrics, self)
        self._regularized: list[LayerWeight] | None = None
        self.optimizer = optimizer
        self.loss = loss
        self.run_eagerly = bool(run_eagerly)

    @property
    def metrics(self) -> list:
        """The loss trackers and metrics of the compiled model, in the order they are reported."""
        return self._compiled.metrics if self._compiled else []

    @property
    def metrics_names(self) -> list[str]:
        return [metric.name for metric in self.metrics]

    def reset_metrics(self) -> None:
        for metric in self.metrics:
            metric.reset_state()

    def train_step(self, data: Any) -> Any:
        """One step on a batch: forward, loss, backward, update; returns the logs."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self(x)
        loss = self.compute_loss(x, y, y_pred, sample_weight)
        if not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)
        self.optimizer.minimize(loss)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def test_step(self, data: Any) -> Any:
        """Loss and metrics on a batch; returns the logs."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self(x)
        self.compute_loss(x, y, y_pred, sample_weight)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def predict_step(self, data: Any) -> Any:
        """The outputs for a batch."""
        return self(unpack_x_y_sample_weight(data)[0])

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None) -> Tensor:
        """The total loss of a batch, penalties included."""
        return self._compiled.loss(y, y_pred, sample_weight, self._penalties())

    def compute_metrics(self, x, y, y_pred, sample_weight) -> Any:
        """Update the metrics and return the logs, which compute nothing until they are read."""
        self._compiled.update_metrics(y, y_pred, sample_weight)
        return Logs(self.get_metrics_result)

    def get_metrics_result(self) -> dict[str, Any]:
        """Names and values of all metrics, as tensors."""
        results = {}
        for metric in self.metrics:
            result = metric.result()
            results.update(result if isinstance(result, dict) else {metric.name: result})
        return results

    def _penalties(self):
        """Regularization and the losses that layers added in this forward pass."""
        if self._regularized is None:
            self._regularized = [w for w in self.weights if w.regularizer is not None]
        penalties = [weight.regularizer(weight.value) for weight in self._regularized]
        return penalties + self._added_losses()

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
    ) -> Any:
        """Train for `epochs` passes over the data and return the `History`.

        `x`, `y`: arrays or tensors, lists or dicts of them, or `x` an iterable of batches.
        `batch_size` defaults to 32. `validation_split` takes the last part of the samples before
        shuffling. `class_weight` maps a class to its weight, `sample_weight` weighs samples.
        """
        arguments = {k: v for k, v in locals().items() if k not in ("self", "__class__")}
        return loop.fit(self, **arguments)

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Loss and metrics on data: a number, a list, or a dict with `return_dict=True`."""
        if kwargs:
            raise TypeError(f"evaluate got unexpected arguments {list(kwargs)}.")
        return loop.evaluate(
            self, x, y, batch_size, verbose, sample_weight, steps, callbacks, return_dict
        )

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
    ) -> Any:
        """The outputs for all samples as numpy arrays, in the nesting of the model's outputs."""
        return loop.predict(self, x, batch_size, verbose, steps, callbacks)

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        reset_metrics: bool = True,
        return_dict: bool = False,
    ) -> Any:
        """One training step on the given batch; returns the loss, or loss and metrics."""
        return loop.on_batch(
            self, "train", x, y, sample_weight, class_weight, reset_metrics, return_dict
        )

    def test_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        reset_metrics: bool = True,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics on the given batch."""
        return loop.on_batch(self, "test", x, y, sample_weight, None, reset_metrics, return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for the given batch as numpy arrays."""
        return loop.predict_on_batch(self, x)

    # --- files -----------------------------------------------------------------------------

    def save(self, filepath: Any, overwrite: bool = True, save_format: str | None = None, **kwargs):
        """Write architecture, weights, compile arguments and optimizer state to one file."""
        saving.save_model(self, filepath, overwrite=overwrite, save_format=save_format, **kwargs)

    def save_weights(
        self, filepath: Any, overwrite: bool = True, save_format: str | None = None, options=None
    ):
        """Write the weights in the HDF5 layout of tf.keras."""
        saving.save_weights(self, filepath, overwrite=overwrite, save_format=save_format)

    def load_weights(
        self, filepath: Any, skip_mismatch: bool = False, by_name: bool = False, options=None
    ) -> None:
        """Read weights written by `save_weights`, by `save` or by Keras."""
        saving.load_weights(self, filepath, by_name=by_name, skip_mismatch=skip_mismatch)

    def to_json(self, **kwargs: Any) -> str:
        """The architecture as JSON text for `model_from_json`; `kwargs` go to `json.dumps`."""
        return saving.to_json(self, **kwargs)

    def to_yaml(self, **kwargs: Any) -> str:
        raise RuntimeError(
            "Models are not written as YAML, because reading YAML can run code. Use to_json()."
        )

    def reset_states(self) -> None:
        """Forget the states of all stateful layers."""
        for layer in self.modules():
            if layer is not self and isinstance(layer, Layer) and layer.stateful:
                layer.reset_states()

    @property
    def stateful(self) -> bool:
        return any(getattr(layer, "stateful", False) for layer in self._children())

    def get_config(self) -> dict[str, Any]:
        """A subclass describes itself by its constructor's arguments, or by its own method."""
        if self._graph is None and not _constructor_is_bare(type(self)):
            return super().get_config()
        return {"name": self.name, "trainable": self.trainable, "dtype": self.dtype_policy}


class _Entry:
    """One input of a graph model: its rank, axis sizes and dtype, checked as data comes in."""

    def __init__(self, tensor: KerasTensor, graph: Graph):
        self.shape = tensor.shape
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

    def take(self, x: Tensor, model: Model) -> Tensor:
        """`x` on the model's device, in its dtype, with the rank it expects; else ValueError."""
        if not self.fits(x.shape):
            x = self._reranked(x, model)
        if x.device != model._device:
            x = x.to(model._device, non_blocking=True)
        if x.dtype is not model.compute_dtype:
            if x.is_floating_point():
                if not torch.is_autocast_enabled(x.device.type):
                    x = x.to(model.compute_dtype)
            elif not self.keep_integers:
                x = x.to(model.compute_dtype)
        return x

    def _reranked(self, x, model):
        """tf.keras adds or drops a last axis of one."""
        rank = len(self.shape)
        if x.ndim == rank - 1 and self.shape[-1] == 1 and self.fits((*x.shape, 1)):
            return x.unsqueeze(-1)
        if x.ndim == rank + 1 and x.shape[-1] == 1 and self.fits(x.shape[:-1]):
            return x.squeeze(-1)
        raise ValueError(
            f'Input of model "{model.name}" is incompatible with the model: expected shape='
            f"{self.shape}, found shape={tuple(x.shape)}"
        )


def _carried_mask(output):
    """The mask that a nested model put on its output."""
    return output._keras_mask


def _stand_ins(input_shape):
    if isinstance(input_shape, dict):
        return {key: KerasTensor(tuple(shape)) for key, shape in input_shape.items()}
    if any(isinstance(item, (list, tuple)) for item in input_shape):
        return [KerasTensor(tuple(shape)) for shape in input_shape]
    return KerasTensor(tuple(input_shape))


def _inputs_outputs(args, kwargs):
    """The `inputs` and `outputs` arguments, by position or name (`input`, `output` of Keras 1)."""
    if len(args) > 2:
        raise TypeError("Model takes inputs and outputs by position; give the rest by name.")
    inputs = args[0] if args else kwargs.pop("inputs", None)
    outputs = args[1] if len(args) > 1 else kwargs.pop("outputs", None)
    if (inputs is None) != (outputs is None):
        raise ValueError("Model needs both inputs and outputs, or neither of them.")
    return inputs, outputs


def _constructor_is_bare(cls):
    return cls.__init__ is Model.__init__ or "__init__" not in cls.__dict__


def _unique_names(found):
    """tf.keras tells outputs of one layer apart by `_1`, `_2`, ..."""
    counts: dict[str, int] = {}
    result = []
    for name in found:
        count = counts.get(name, 0)
        counts[name] = count + 1
        result.append(f"{name}_{count}" if count else name)
    return result
