"""`Model`: a layer that trains, evaluates, predicts, saves and describes itself.

What trains a model is in `trainer.py`, what runs it in `network.py`.
"""

from __future__ import annotations

from collections.abc import ValuesView
from typing import Any

from .. import tree
from ..data.elements import TensorSpec
from ..graph import Graph, with_own_inputs
from ..layer import TABLE, Layer
from ..layers.core import Input
from ..saving import api as saving
from ..saving import compiling
from ..saving.tensorflow.objects import weight_paths
from .trainer import Trainer


@TABLE.add()
class Model(Trainer):
    """A network with training and prediction.

    `Model(inputs, outputs, name=None)` takes symbolic tensors in any nesting; a subclass writes
    `call` instead and may assign layers to attributes.

    >>> from torchkeras.layers import Dense, Input
    >>> x = Input((3,))
    >>> Model(x, Dense(2)(x)).output_shape
    (None, 2)
    """

    _functional: type[Model] | None = None  # what Model(inputs, outputs) makes

    def __new__(cls, *args, **kwargs):
        if cls is Model and (args or "inputs" in kwargs):
            cls = Model._functional
        return super().__new__(cls, *args, **kwargs)

    def _begin_early(self, name):
        raise RuntimeError(
            f"{type(self).__name__} sets {name!r} before its constructor has called "
            "super().__init__(): a Model begins with that line."
        )

    def __init__(self, *args: Any, name: str | None = None, trainable: bool = True, **kwargs: Any):
        inputs, outputs = _inputs_outputs(args, kwargs)
        super().__init__(name=name, trainable=trainable, **kwargs)
        if inputs is not None:
            graph = Graph(_single(inputs), _single(outputs))
            self._set_graph(with_own_inputs(graph, _input_like))

    # --- files -----------------------------------------------------------------------------

    def save(self, filepath: Any, overwrite: bool = True, save_format: str | None = None, **kwargs):
        """Write architecture, weights, compile arguments and optimizer state to one file."""
        saving.save_model(self, filepath, overwrite=overwrite, save_format=save_format, **kwargs)

    def save_weights(
        self, filepath: Any, overwrite: bool = True, save_format: str | None = None, options=None
    ):
        """Write the weights in the HDF5 layout of tf.keras."""
        _refuse_options(options)
        saving.save_weights(self, filepath, overwrite=overwrite, save_format=save_format)

    def load_weights(
        self, filepath: Any, skip_mismatch: bool = False, by_name: bool = False, options=None
    ) -> Any:
        """Read weights written by `save_weights`, by `save` or by Keras.

        For a TensorFlow checkpoint the answer is a status with `expect_partial()` and
        `assert_consumed()`, as in tf.keras.
        """
        _refuse_options(options)
        return saving.load_weights(self, filepath, by_name=by_name, skip_mismatch=skip_mismatch)

    def get_compile_config(self) -> dict[str, Any] | None:
        """What `compile` was given, as `compile_from_config` and `.keras` files take it."""
        return None if self._compiled is None else compiling.compile_config(self)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as a model was that `get_compile_config` described."""
        compiling.compile_as_told(self, config, None, "The config")

    def get_weight_paths(self) -> dict[str, Any]:
        """All weights by the attributes that lead to them: 'dense.kernel'."""
        return weight_paths(self)

    def save_spec(self, dynamic_batch: bool = True) -> Any:
        """Shapes and dtypes of what the model is called with, as `(args, kwargs)`.

        With `dynamic_batch=False` the batch size is that of the inputs. None for a subclass, whose
        `call` may take anything.
        """
        if self._graph is None:
            return None
        free = (None,) if dynamic_batch else ()
        specs = [
            TensorSpec((*free, *t.shape[len(free) :]), t.dtype, t.node.operation.name)
            for t in self._graph.flat_inputs
        ]
        return ([tree.pack(self._graph.inputs, specs)], {})

    def export(self, filepath: Any, format: str = "tf_saved_model", **kwargs: Any) -> None:
        """Raises NotImplementedError: what serves a model of torch is made by torch."""
        raise NotImplementedError(
            f"Models are not exported as {format!r}, which holds functions of TensorFlow. Serve "
            "this one with torch.export.export(model, (inputs,)) and torch.export.save(), or write "
            "an ONNX file with torch.onnx.export(); model.save() writes what Keras loads."
        )

    def to_torch_source(self, path: Any) -> None:
        """Write the model as a file of PyTorch that needs no torchkeras, and its weights beside it.

        `path` ends in `.py`; the weights go to a `.safetensors` file of the same name, or to a
        `.pt` file where safetensors is not installed. The class is called as the model is, holds
        torch's own layers under the names of the model's, and takes inputs in the order of axes of
        the Keras model. `load()` in the file makes it with its weights. Losses, metrics and
        regularizers are not written. NotImplementedError names what cannot be written, and why.

        >>> import runpy, tempfile
        >>> import torch
        >>> from torchkeras.layers import Dense, Input
        >>> x = Input((3,))
        >>> model, path = Model(x, Dense(2)(x)), tempfile.mkdtemp() + "/net.py"
        >>> model.to_torch_source(path)
        >>> net, data = runpy.run_path(path)["load"](), torch.ones(1, 3)
        >>> torch.equal(net(data), model(data))
        True
        """
        from ..source import to_torch_source  # few ask for it: it would slow the start of all

        to_torch_source(self, path)

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

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Model:
        """The model that a config describes, with fresh weights.

        A graph makes a subclass without a constructor of its own, as `cls(inputs, outputs)` does.
        """
        if cls is Model:
            cls = Model._functional
        elif "input_layers" not in config or cls.__init__ is not Model.__init__:
            return cls(**config)
        return Model._functional.from_config.__func__(cls, config, custom_objects)

    def get_config(self) -> dict[str, Any]:
        """A subclass describes itself by its constructor's arguments, or by its own method.

        One that is a graph and has no constructor of its own is described by that.
        """
        if self._graph is not None and type(self).__init__ is Model.__init__:
            return Model._functional.get_config(self)
        if self._graph is None and not _constructor_is_bare(type(self)):
            return super().get_config()
        return {"name": self.name, "trainable": self.trainable, "dtype": self._policy_config()}


def _single(tensors):
    """A list of one tensor is that tensor, as in tf.keras; tuples and dicts stay."""
    tensors = list(tensors) if isinstance(tensors, ValuesView) else tensors
    alone = isinstance(tensors, list) and len(tensors) == 1 and not tree.is_nested(tensors[0])
    return tensors[0] if alone else tensors


def _inputs_outputs(args, kwargs):
    """The `inputs` and `outputs` arguments, by position or name (`input`, `output` of Keras 1)."""
    if len(args) > 2:
        raise TypeError("Model takes inputs and outputs by position; give the rest by name.")
    inputs = args[0] if args else kwargs.pop("inputs", None)
    outputs = args[1] if len(args) > 1 else kwargs.pop("outputs", None)
    if (inputs is None) != (outputs is None):
        raise ValueError("Model needs both inputs and outputs, or neither of them.")
    return inputs, outputs


def _input_like(tensor):
    return Input(batch_shape=tensor.shape, dtype=tensor.dtype)


def _constructor_is_bare(cls):
    return cls.__init__ is Model.__init__ or "__init__" not in cls.__dict__


def _refuse_options(options):
    if options is not None:
        raise ValueError(
            "options belong to TensorFlow's checkpoints, which are not read or written here; "
            "leave them out and use an .h5 file."
        )
