"""`Model`: a layer that trains, evaluates, predicts, saves and describes itself.

What happens in a training step is `train_step`; the loops are in `training/loop.py`, and what
runs a model is in `network.py`.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from .. import optimizers
from ..data.arrays import unpack_x_y_sample_weight
from ..graph import Graph
from ..layer import TABLE, Layer
from ..saving import api as saving
from ..training import loop
from ..training.compiled import Compiled
from ..training.logs import Logs
from ..variable import LayerWeight
from .network import Network


@TABLE.add()
class Model(Network):
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

    def __init__(self, *args: Any, name: str | None = None, trainable: bool = True, **kwargs: Any):
        inputs, outputs = _inputs_outputs(args, kwargs)
        super().__init__(name=name, trainable=trainable, **kwargs)
        self._compiled: Compiled | None = None
        self.optimizer = None
        self.stop_training = False
        self.history = None
        if inputs is not None:
            self._set_graph(Graph(inputs, outputs))

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
            kwargs.pop(argument, None)  # without effect in tf.keras 2.15 as well
        if kwargs:
            raise TypeError(
                f"compile got an unexpected keyword argument {', '.join(map(repr, kwargs))}."
            )
        if pss_evaluation_shards:
            raise ValueError("pss_evaluation_shards needs a parameter server, which torch has not.")
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
        `workers`, `use_multiprocessing` and `max_queue_size` change no result in Keras, and
        nothing here: batches are made as they are needed. A `DataLoader` makes them in workers.
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
        _refuse_options(options)
        saving.save_weights(self, filepath, overwrite=overwrite, save_format=save_format)

    def load_weights(
        self, filepath: Any, skip_mismatch: bool = False, by_name: bool = False, options=None
    ) -> None:
        """Read weights written by `save_weights`, by `save` or by Keras."""
        _refuse_options(options)
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

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Model:
        """The model that a config describes, with fresh weights."""
        if cls is Model:
            return cls._functional.from_config(config, custom_objects)
        return cls(**config)

    def get_config(self) -> dict[str, Any]:
        """A subclass describes itself by its constructor's arguments, or by its own method."""
        if self._graph is None and not _constructor_is_bare(type(self)):
            return super().get_config()
        return {"name": self.name, "trainable": self.trainable, "dtype": self.dtype_policy}


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


def _refuse_options(options):
    if options is not None:
        raise ValueError(
            "options belong to TensorFlow's checkpoints, which are not read or written here; "
            "leave them out and use an .h5 file."
        )
