"""`Trainer`: the part of `Model` that is compiled, trains, evaluates and predicts.

What happens in a step is `train_step`, `test_step` and `predict_step`; `make_train_function` and
its like turn a step into what the loops of `training/loop.py` call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor

from .. import optimizers, tree
from ..data.arrays import unpack_x_y_sample_weight
from ..data.workers import Work
from ..training import execution, loop
from ..training.compiled import Compiled, CompiledLoss, CompiledMetrics
from ..training.execution import OneDevice
from ..training.logs import Logs
from ..variable import LayerWeight
from .network import Network


class Trainer(Network):
    """A network with Keras' training: every step and what makes it may be overridden."""

    run_eagerly = False
    jit_compile: Any = None
    steps_per_execution = 1
    autotune_steps_per_execution = False
    distribute_reduction_method = "auto"

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._compiled: Compiled | None = None
        self._regularized: list[LayerWeight] | None = None
        self.optimizer = None
        self.loss: Any = {}
        self.stop_training = False
        self.history = None
        self._resume: Any = None  # where an interrupted run goes on, if a callback says so
        self._told_not_finite = False
        self.train_function = self.test_function = self.predict_function = None

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Any = None,
        loss_weights: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool | None = None,
        steps_per_execution: int | str | None = None,
        jit_compile: bool | str | None = None,
        pss_evaluation_shards: int = 0,
        **kwargs: Any,
    ) -> None:
        """Choose optimizer, losses and metrics, each by name, object or function.

        `loss`, `metrics`, `loss_weights`, `weighted_metrics` may be lists or dicts over the
        outputs. `steps_per_execution` is how many batches lie between two calls of callbacks.
        `jit_compile=True` runs the forward pass as one graph of `torch.compile`, without breaks;
        'auto' records training steps as a CUDA graph where that is possible, and changes nothing
        elsewhere. `run_eagerly=True` forbids both. Shadows `nn.Module.compile`; that one is
        `nn.Module.compile(model)`.
        """
        for argument in ("experimental_run_tf_function", "sample_weight_mode", "auto_scale_loss"):
            kwargs.pop(argument, None)  # without effect in tf.keras 2.15 as well
        if kwargs:
            raise TypeError(
                f"compile got an unexpected keyword argument {', '.join(map(repr, kwargs))}."
            )
        if pss_evaluation_shards:
            raise ValueError("pss_evaluation_shards needs a parameter server, which torch has not.")
        steps, autotuned = execution.checked_steps(steps_per_execution)
        if run_eagerly and jit_compile is True:
            raise ValueError(
                "You cannot enable `run_eagerly` and `jit_compile` at the same time; leave one out."
            )
        optimizer = optimizers.get(optimizer)
        if self.dtype_policy.name == "mixed_float16":
            if not isinstance(optimizer, optimizers.LossScaleOptimizer):
                optimizer = optimizers.LossScaleOptimizer(optimizer)
        self._compiled = Compiled(loss, metrics, loss_weights, weighted_metrics, self)
        self._regularized = None
        self.optimizer = optimizer
        optimizer.serve(self)
        self.loss = {} if loss is None else loss
        self.run_eagerly, self.jit_compile = bool(run_eagerly), jit_compile
        self.steps_per_execution, self.autotune_steps_per_execution = steps, autotuned
        self.train_function = self.test_function = self.predict_function = None
        execution.stop_graph(self)

    @property
    def _graph_compiled(self):
        """Whether the forward pass is torch.compile's, in the place of that of the class."""
        return "forward" in vars(self)

    @property
    def compiled_loss(self) -> CompiledLoss | None:
        """The losses of `compile` as a function of labels and outputs, for steps of one's own."""
        return self._compiled and self._compiled.as_loss

    @property
    def compiled_metrics(self) -> CompiledMetrics | None:
        """The metrics of `compile`, to be updated in steps of one's own."""
        return self._compiled and self._compiled.as_metrics

    @property
    def metrics(self) -> list:
        """Loss trackers and metrics of `compile`, then those that layers and models hold."""
        found = self._compiled.metrics if self._compiled else []
        return found + execution.metrics_inside(self)

    @property
    def metrics_names(self) -> list[str]:
        return [metric.name for metric in self.metrics]

    def reset_metrics(self) -> None:
        """Set all `metrics` to zero, as before each epoch."""
        for metric in self.metrics:
            metric.reset_state()

    @property
    def distribute_strategy(self) -> OneDevice:
        """The strategy of a model that runs on one device."""
        return OneDevice()

    # --- steps -----------------------------------------------------------------------------

    def train_step(self, data: Any) -> Any:
        """One step on a batch: forward, loss, backward, update; returns the logs."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self._outputs_of(x, True)
        loss = self.compute_loss(x, y, y_pred, sample_weight)
        if loss is None or y is None:
            self._validate_target_and_loss(y, loss)
        if not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)
            execution.start_graph(self)
        self.optimizer.minimize(loss, self.optimizer.variables_of(self))
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def test_step(self, data: Any) -> Any:
        """Loss and metrics on a batch; returns the logs."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self._outputs_of(x, False)
        loss = self.compute_loss(x, y, y_pred, sample_weight)
        if y is None and self.loss:
            self._validate_target_and_loss(y, loss)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def predict_step(self, data: Any) -> Any:
        """The outputs for a batch."""
        x = data if type(data) is Tensor else unpack_x_y_sample_weight(data)[0]
        return self._outputs_of(x, False)

    def _outputs_of(self, x, training):
        """The outputs in a mode; said only where it is not the model's own."""
        if self.training is training and not self._trains_unless_told:
            return self(x)
        return self(x, training=training)

    def _steps_in_training(self):
        """Whether the step is that of `fit` itself, which leaves the mode to the model."""
        return getattr(self.train_step, "__func__", None) is Trainer.train_step

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None
    ) -> Tensor | None:
        """The total loss of a batch, penalties included; None where there is none at all."""
        return self._compiled.loss(y, y_pred, sample_weight, self._penalties())

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any) -> Any:
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

    def _standard_steps(self):
        """Whether the losses of `compile` see labels and outputs as they are given."""
        names = ("train_step", "test_step", "compute_loss", "make_train_function")
        return all(getattr(type(self), name) is getattr(Trainer, name) for name in names)

    def _validate_target_and_loss(self, y, loss):
        if y is None and any(loss is not None for loss in tree.leaves(self.loss)):
            raise ValueError(
                f"Target data is missing: the model was compiled with loss={self.loss}, so "
                "labels y are needed."
            )
        if loss is None:
            raise ValueError(
                f'Model "{self.name}" has no loss to minimise: give compile(loss=...) and '
                "fit(y=...), or call add_loss in a layer."
            )

    # --- what the loops call -----------------------------------------------------------------

    def make_train_function(self, force: bool = False) -> Callable[[Iterator], Any]:
        """The function that `fit` calls with an iterator over batches; it returns the logs."""
        if self.train_function is None or force:
            self.train_function = execution.StepFunction(self, "train")
        return self.train_function

    def make_test_function(self, force: bool = False) -> Callable[[Iterator], Any]:
        """The function that `evaluate` calls with an iterator over batches."""
        if self.test_function is None or force:
            self.test_function = execution.StepFunction(self, "test")
        return self.test_function

    def make_predict_function(self, force: bool = False) -> Callable[[Iterator], Any]:
        """The function that `predict` calls with an iterator over batches."""
        if self.predict_function is None or force:
            self.predict_function = execution.StepFunction(self, "predict")
        return self.predict_function

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
        Batches of a `Sequence` are made by `workers` threads, or processes with
        `use_multiprocessing`, `max_queue_size` of them before they are needed; a generator runs in
        one thread ahead where `workers` is above 1. With 1 and threads nothing runs beside.
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
        work = Work(workers, use_multiprocessing, max_queue_size)
        return loop.evaluate(
            self, x, y, batch_size, verbose, sample_weight, steps, callbacks, return_dict, work
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
        work = Work(workers, use_multiprocessing, max_queue_size)
        return loop.predict(self, x, batch_size, verbose, steps, callbacks, work)

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
