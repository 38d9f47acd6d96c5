"""What `compile` was given, settled once against the outputs of the first batch.

Afterwards a step is: one call per loss, one in-place addition per tracker, one update per metric.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from .. import losses, metrics, tree
from ..graph import KerasTensor
from ..weighted import Weighted
from .tracker import LossTracker


class Compiled:
    """Losses, their weights and metrics of a model, each kept per output."""

    def __init__(self, loss, metrics, loss_weights, weighted_metrics, model):
        self.given = {
            "loss": loss,
            "metrics": metrics,
            "loss_weights": loss_weights,
            "weighted_metrics": weighted_metrics,
        }
        self._names = getattr(model, "output_names", None)
        self._model_name = model.name
        self._losses = tree.map_structure(_loss_object, loss)
        self._loss_weights = loss_weights
        self._metrics = _check_metrics(metrics)
        self._weighted = _check_metrics(weighted_metrics)
        self.total = LossTracker("loss", watched=True)
        self.as_loss, self.as_metrics = CompiledLoss(self), CompiledMetrics(self)
        self.reports_loss = False  # whether anybody asked for the loss: tf.keras shows it then
        self._flags = [(m, m.trainable) for m in model.modules() if isinstance(m, Weighted)]
        self._settled = False
        self._outputs: list[_Output] = []
        if self._names is not None:
            self._check_names(len(self._names))

    # --- the step --------------------------------------------------------------------------

    def loss(
        self, y: Any, y_pred: Any, sample_weight: Any, penalties: list[Tensor]
    ) -> Tensor | None:
        """The total loss of a batch, of which the trackers take note; None where there is none."""
        if not self.reports_loss:
            if not self._settled:
                self._settle_losses(y_pred)
            self.reports_loss = True
        total, samples = None, None
        for output, target, prediction, weight in self._matched(y, y_pred, sample_weight):
            if output.loss is None or target is None:
                continue
            if not output.checked:
                self._check_labels(output, target, prediction)
            value = output.loss(target, prediction, weight)
            samples = samples or target.shape[0]
            if output.tracker is not None:
                output.tracker.update_state(value, target.shape[0])
            if output.weight is not None:
                value = value * output.weight
            total = value if total is None else total + value
        for penalty in penalties:
            total = penalty if total is None else total + penalty
        if total is None:
            return None
        if samples is None:  # nobody knows how many: tf.keras counts the batch as one
            samples = total.numel()
        self.total.update_state(total, samples)
        return total

    def update_metrics(self, y: Any, y_pred: Any, sample_weight: Any) -> None:
        """Show a batch to the metrics."""
        if not self._settled:
            self._settle_losses(y_pred)
        if not self._has_metrics:
            return
        recording = torch.is_grad_enabled()
        torch._C._set_grad_enabled(False)  # once for all metrics, and cheaper than no_grad()
        try:
            self._update_each(y, y_pred, sample_weight)
        finally:
            torch._C._set_grad_enabled(recording)

    def _update_each(self, y, y_pred, sample_weight):
        for output, target, prediction, weight in self._matched(y, y_pred, sample_weight):
            if target is None:
                continue
            if output.metrics is None:
                self._settle_metrics(output, target, prediction)
            mask = getattr(prediction, "_keras_mask", None)
            for metric in output.metrics:
                metric.update_state(target, prediction, mask)
            if output.weighted:
                weight = _masked(weight, mask)
                for metric in output.weighted:
                    metric.update_state(target, prediction, weight)

    def prepare(self, y: Any, y_pred: Any) -> None:
        """Have all metrics made as the first batch would, without counting it."""
        if not self._settled:
            self._settle_losses(y_pred)
        for output, target, prediction, _ in self._matched(y, y_pred, None):
            if target is not None and output.metrics is None:
                self._settle_metrics(output, target, prediction)

    @property
    def metrics(self) -> list:
        """Trackers and metrics in the order they are reported; empty before the first batch."""
        if not self._settled:
            return []
        return self.loss_metrics + self.own_metrics

    @property
    def loss_metrics(self) -> list:
        """The tracker of the total and those of the outputs, once a loss was computed."""
        if not self.reports_loss:
            return []
        return [self.total, *(o.tracker for o in self._outputs if o.tracker is not None)]

    @property
    def own_metrics(self) -> list:
        """What `metrics` and `weighted_metrics` became."""
        return [m for o in self._outputs for m in (o.metrics or []) + (o.weighted or [])]

    def metrics_by_output(self, outputs: Any) -> dict[str, list[list] | None]:
        """Per output the metrics, and the weighted ones, that the given names came to mean.

        Before the first batch of labels these are taken to have the shapes of `outputs`, symbolic
        tensors, without the classes where the loss is a sparse one. None for what was not given.
        """
        settled = self._settled and all(output.metrics is not None for output in self._outputs)
        found = self._outputs if settled else self._as_settled_by(outputs)
        made = {"metrics": [output.metrics or [] for output in found]}
        made["weighted_metrics"] = [output.weighted or [] for output in found]
        return {what: made[what] if self.given[what] is not None else None for what in made}

    def _as_settled_by(self, outputs):
        guess = copy.copy(self)
        guess._outputs, guess._settled = [], False
        guess._settle_losses(outputs)
        for output, prediction in zip(guess._outputs, tree.flatten(outputs), strict=True):
            shape = prediction.shape
            if "sparse" in str(getattr(output.loss, "name", "")):
                shape = (*shape[:-1], 1)
            guess._settle_metrics(output, KerasTensor(shape), prediction)
        return guess._outputs

    @contextmanager
    def trainable_as_compiled(self) -> Iterator[None]:
        """Within the block, layers are frozen or not as they were at `compile`.

        So a discriminator that is frozen only afterwards, inside of another model, goes on
        training by its own: what tf.keras does.
        """
        changed = [(layer, flag) for layer, flag in self._flags if layer.trainable != flag]
        for layer, flag in changed:
            layer.freeze_alone(not flag)
        try:
            yield
        finally:
            for layer, flag in changed:
                layer.freeze_alone(flag)

    # --- settling --------------------------------------------------------------------------

    def _settle_losses(self, y_pred):
        count = len(tree.flatten(y_pred))
        names = self._names or _names_of(y_pred)
        nested = tree.is_nested(y_pred)
        self._names = names
        self._structure = tree.map_structure(lambda _: None, y_pred) if nested else None
        self._check_names(count)
        objects = self._per_output(self._losses, count, "loss")
        weights = self._per_output(self._loss_weights, count, "loss_weights")
        plain = self._per_output(self._metrics, count, "metrics", _is_one_set)
        weighted = self._per_output(self._weighted, count, "weighted_metrics", _is_one_set)
        for i, name in enumerate(names):
            tracker = LossTracker(f"{name}_loss") if count > 1 and objects[i] is not None else None
            self._outputs.append(
                _Output(
                    name, objects[i], weights[i], tracker, _listed(plain[i]), _listed(weighted[i])
                )
            )
        self._has_metrics = any(o.asked or o.asked_weighted for o in self._outputs)
        self._settled = True

    def _settle_metrics(self, output, target, prediction):
        """Names such as 'accuracy' mean what the shapes of the first batch say.

        With several outputs a name begins with that of the output; a weighted metric whose name
        is taken is called `weighted_...`, as in tf.keras.
        """
        several = len(self._outputs) > 1
        prefix = f"{output.name}_" if several else ""
        taken: set[str] = set()
        made: list[list] = []
        for asked in (output.asked, output.asked_weighted):
            made.append([])
            for identifier in asked:
                metric = metrics.resolve(identifier, target, prediction)
                if several and isinstance(identifier, metrics.Metric):
                    metric = metrics.clone_metric(metric)
                name = prefix + metric.name
                if name in taken and asked is output.asked_weighted:
                    name = f"{prefix}weighted_{metric.name}"
                if name in taken:
                    raise ValueError(
                        f"Found two metrics with the same name: {name}. All the metrics of a "
                        "model need different names."
                    )
                taken.add(name)
                metric._name = name
                made[-1].append(metric)
        output.metrics, output.weighted = made

    def check_labels(self, y: Any, model: Any) -> None:
        """Hold labels against the outputs of a graph before anything runs; ValueError."""
        shapes = [tensor.shape[1:] for tensor in model.outputs or ()]
        if y is None or not shapes or any(None in shape for shape in shapes):
            return
        if not self._settled:
            self._settle_losses(model.output)
        outputs = [torch.empty(1, *shape, device="meta") for shape in shapes]
        y_pred = tree.pack(model.output, outputs)
        one = tree.map_structure(lambda leaf: None if leaf is None else leaf[:1], y)
        for output, target, prediction, _ in self._matched(one, y_pred, None):
            if target is not None and output.loss is not None:
                self._check_labels(output, target, prediction)

    def _check_labels(self, output, target, prediction):
        """Labels of the first batch that would only be broadcast against the output."""
        output.checked = True
        kernel = losses.base.MEANS.get(getattr(output.loss, "fn", None))
        if kernel is None or hasattr(kernel, "takes_classes"):
            return
        target, prediction = losses.base.align(target, prediction)
        if target.shape != prediction.shape:
            raise ValueError(
                f'Labels of output "{output.name}" have shape {_shown(target)}, but the model '
                f'"{self._model_name}" gives {_shown(prediction)}. Give the last layer as '
                "many units as a label has values, or reshape the labels."
            )

    def _check_names(self, count):
        for what in ("loss", "loss_weights", "metrics", "weighted_metrics"):
            given = self.given[what]
            if isinstance(given, dict) and self._structure_keys() is None:
                unknown = [key for key in given if key not in self._names]
                if unknown:
                    raise ValueError(
                        f"{what} of model {self._model_name!r} names {unknown}, but its outputs "
                        f"are {list(self._names)}."
                    )
            whole = what in ("loss", "loss_weights") and isinstance(given, (list, tuple))
            if whole and len(given) != count:
                raise ValueError(
                    f"{what} of model {self._model_name!r} has {len(given)} entries, but the "
                    f"model has {count} output(s): {list(self._names)}."
                )

    def _structure_keys(self):
        structure = getattr(self, "_structure", None)
        return list(structure) if isinstance(structure, dict) else None

    def _per_output(self, given, count, what, is_one=lambda value: not tree.is_nested(value)):
        """`given` as a list over the outputs; one object or set serves every output."""
        if given is None:
            return [None] * count
        if is_one(given):
            return [given] * count
        if isinstance(given, dict):
            keys = self._structure_keys()
            keys = sorted(keys) if keys and any(k in keys for k in given) else self._names
            return [given.get(key) for key in keys]
        if len(given) != count:
            raise ValueError(
                f"{what} of model {self._model_name!r} has {len(given)} entries for {count} "
                f"output(s): {list(self._names)}."
            )
        return list(given)

    def _matched(self, y, y_pred, sample_weight):
        """Per output: itself, its labels, its predictions, its sample weights."""
        if self._structure is None:
            if isinstance(y, dict):
                y = next(iter(y.values()))
            elif isinstance(y, (list, tuple)):
                y = self._only_one(y)
            if isinstance(sample_weight, (list, tuple, dict)):
                sample_weight = tree.flatten(sample_weight)[0]
            return [(self._outputs[0], *_ranked(y, y_pred, sample_weight))]
        count = len(self._outputs)
        if isinstance(y, (list, tuple)) and not y and not any(o.loss for o in self._outputs):
            y = None  # early Keras had it so where all losses are the model's own
        alone = isinstance(y, Tensor) and sum(o.loss is not None for o in self._outputs) == 1
        if isinstance(y, Tensor) and not alone:
            raise ValueError(
                f"y of model {self._model_name!r} is one array for {count} output(s): "
                f"{list(self._names)}; give a list of one each, or loss=None for all but one."
            )
        labels = self._per_output(y, count, "y", lambda value: alone)
        shared = isinstance(sample_weight, Tensor)
        weights = self._per_output(sample_weight, count, "sample_weight", lambda v: shared)
        matched = zip(self._outputs, labels, tree.flatten(y_pred), weights, strict=True)
        return [(output, *_ranked(y, p, w)) for output, y, p, w in matched]

    def _only_one(self, y):
        if len(y) != 1:
            raise ValueError(
                f'Model "{self._model_name}" has one output, but y has {len(y)} parts; give one '
                "array of labels."
            )
        return y[0]


def _shown(tensor):
    return (None, *tensor.shape[1:])


class CompiledLoss:
    """`model.compiled_loss`: the losses of `compile` for a training step of one's own."""

    def __init__(self, compiled: Compiled):
        self._compiled = compiled

    def __call__(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None, regularization_losses: Any = None
    ) -> Tensor | None:
        """The total loss, with `regularization_losses` added; the trackers take note of it."""
        return self._compiled.loss(y_true, y_pred, sample_weight, regularization_losses or [])

    @property
    def metrics(self) -> list:
        """The trackers of the total and of each output."""
        return self._compiled.loss_metrics

    @property
    def built(self) -> bool:
        """Whether a loss was computed."""
        return self._compiled.reports_loss

    def reset_state(self) -> None:
        """Forget all batches."""
        for metric in self.metrics:
            metric.reset_state()


class CompiledMetrics:
    """`model.compiled_metrics`: the metrics of `compile` for a step of one's own."""

    def __init__(self, compiled: Compiled):
        self._compiled = compiled

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Show a batch to all metrics."""
        self._compiled.update_metrics(y_true, y_pred, sample_weight)

    @property
    def metrics(self) -> list:
        """The metrics, once a batch was seen."""
        return self._compiled.own_metrics

    @property
    def built(self) -> bool:
        """Whether a batch was seen."""
        return self._compiled._settled

    def reset_state(self) -> None:
        """Forget all batches."""
        for metric in self.metrics:
            metric.reset_state()


class _Output:
    """One output: its loss object, weight, tracker, and metrics as asked for and as made."""

    def __init__(self, name, loss, weight, tracker, asked, asked_weighted):
        self.name, self.loss, self.weight, self.tracker = name, loss, weight, tracker
        self.asked, self.asked_weighted = asked, asked_weighted
        self.checked = False
        self.metrics: list | None = None
        self.weighted: list | None = None


class _TorchLoss(losses.Loss):
    """A loss module of torch: predictions first, class numbers without a last axis of one."""

    def __init__(self, module: nn.Module):
        super().__init__(name=type(module).__name__)
        self.module = module

    def __call__(self, y_true, y_pred, sample_weight=None):
        if sample_weight is not None:
            raise ValueError(
                f"{self.name} is a torch loss, which averages by itself and takes no sample or "
                "class weights. Use a loss of torchkeras.losses for them."
            )
        if not y_true.is_floating_point():
            if y_true.shape == y_pred.shape:
                y_true = y_true.to(y_pred.dtype)
            elif y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
                y_true = y_true.squeeze(-1)
        return self.module(y_pred, y_true)


def _loss_object(identifier) -> Callable | None:
    """A loss by name, function, `Loss` or torch loss module, as a `Loss`."""
    if identifier is None:
        return None
    if isinstance(identifier, nn.Module):
        return _TorchLoss(identifier)
    found = losses.get(identifier)
    if isinstance(found, losses.Loss):
        return found
    return losses.LossFunctionWrapper(found, name=getattr(found, "__name__", None))


def _check_metrics(given):
    """Unknown names fail at compile, not in the first batch."""
    for identifier in tree.leaves(given):
        if isinstance(identifier, str) and not metrics.depends_on_shapes(identifier):
            metrics.base.TABLE.find(identifier)
    return given


def _names_of(outputs, path=()):
    """Names of the outputs of a model without a graph: keys, or 'output_1' where there are none."""
    if isinstance(outputs, dict):
        return [name for key in sorted(outputs) for name in _names_of(outputs[key], (*path, key))]
    if isinstance(outputs, (list, tuple)):
        parts = enumerate(outputs, 1)
        return [name for i, part in parts for name in _names_of(part, (*path, i))]
    name = "_".join(map(str, path or (1,)))
    return [name if path and isinstance(path[0], str) else f"output_{name}"]


def _ranked(y, y_pred, weight):
    """Labels and weights of rank 1 beside predictions of rank 2 get a last axis of one."""
    if y_pred.ndim == 2:
        if y is not None and y.ndim == 1:
            y = y.unsqueeze(-1)
        if weight is not None and weight.ndim == 1:
            weight = weight.unsqueeze(-1)
    return y, y_pred, weight


def _is_one_set(given):
    """Whether metrics are meant for every output: 'mse' or a flat list, not a list of lists."""
    if not tree.is_nested(given):
        return True
    return isinstance(given, (list, tuple)) and not any(tree.is_nested(item) for item in given)


def _listed(given):
    if given is None:
        return []
    return [item for item in tree.flatten(given) if item is not None]


def _masked(weight, mask):
    if mask is None:
        return weight
    mask = mask.to(torch.float32)
    if weight is None:
        return mask
    while weight.ndim < mask.ndim:
        weight = weight.unsqueeze(-1)
    return weight * mask
