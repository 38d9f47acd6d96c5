"""The loops of `fit`, `evaluate` and `predict`.

A batch goes from here to `model.train_step` and nowhere else; numbers stay on the device until a
callback or the end of an epoch reads them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from .. import ranks, tree
from ..allocator import keep_freed_memory
from ..arrays import to_numpy
from ..callbacks.container import CallbackList
from ..data import sources
from ..data.arrays import ArrayBatches
from ..data.streams import Stream
from ..data.workers import Work
from ..tracking import set_training
from . import arguments, execution, watch
from .folding import folded
from .logs import Logs
from .merging import batches_at_once

_ALONE = Work()


def fit(model: Any, **given: Any) -> Any:
    """Train and return the `History`; the arguments are those of `Model.fit`."""
    given = arguments.checked_fit(given)
    train, validation = _training_data(model, given)
    epochs, first = given["epochs"], given["initial_epoch"]
    callbacks = CallbackList(
        given["callbacks"],
        add_history=True,
        add_progbar=given["verbose"] != 0,
        model=model,
        verbose=given["verbose"],
        epochs=epochs,
        steps=train.steps,
    )
    model.stop_training = False
    model._resume, model._told_not_finite = None, False
    logs: dict = {}
    end = _closing(callbacks, train, validation)
    with _training(model), model._compiled.trainable_as_compiled(), torch.enable_grad(), end:
        callbacks.join(train)
        callbacks.on_train_begin()
        resume, model._resume = model._resume, None  # set by a callback that keeps states of runs
        start, skipped = resume.begin(callbacks, train) if resume else (first, 0)
        for epoch in range(start, epochs):
            if not skipped:
                model.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            rest = resume.skip(train, skipped) if skipped else train
            logs = resume.state["logs"] if skipped else {}
            logs = _train_epoch(model, rest, callbacks, epoch, skipped, logs)
            resume, skipped = None, 0
            if validation is not None and _due(epoch + 1, given["validation_freq"]):
                with _mode(model, False):
                    results = _test(model, validation, callbacks)
                logs.update({f"val_{name}": value for name, value in results.items()})
            callbacks.on_epoch_end(epoch, logs)
            if model.stop_training or getattr(train, "ran_out", False):
                break
        if epochs > first and getattr(model.optimizer, "use_ema", False):
            model.optimizer.finalize_variable_values(model.trainable_variables)
        callbacks.on_train_end(logs)
    return model.history


def _train_epoch(model, batches, callbacks, epoch, skipped, logs) -> dict[str, float]:
    """One pass over the training data, but for `skipped` batches that an earlier run has done.

    `logs` are those of the last skipped batch.
    """
    execution.start_graph(model)
    runs = execution.Runs(model.make_train_function(), batches)
    run, step = runs.run, skipped
    for work in runs:
        for hook in callbacks.train_batch_begin:
            hook(step, {})
        logs = run(work)
        step = step + 1 if runs.plain else skipped + runs.steps
        for hook in callbacks.train_batch_end:
            hook(step - 1, logs)
        if model.stop_training:
            break
    if step == skipped == 0:
        raise ValueError("The training data gave no batch; expected at least one.")
    logs = _of_all_processes(model, _read(logs))
    watch.report(model, batches, logs, epoch)
    return logs


def evaluate(
    model, x, y, batch_size, verbose, sample_weight, steps, callbacks, return_dict, work=_ALONE
) -> Any:
    """Loss and metrics over all batches."""
    _require_compiled(model)
    steps = arguments.whole_steps("steps", steps)
    batches = _batches(model, x, y, sample_weight, batch_size, False, steps, work)
    arguments.check_tokens(model, batches)
    arguments.check_labels(model, batches)
    batches = _stepped(model, batches, steps)
    if not isinstance(callbacks, CallbackList):
        callbacks = CallbackList(
            callbacks,
            add_progbar=verbose != 0,
            model=model,
            verbose=verbose,
            epochs=1,
            steps=batches.steps,
        )
    with _mode(model, False), _closing(callbacks, batches):
        logs = _test(model, batches, callbacks)
    watch.report_evaluation(model, batches, logs)
    return logs if return_dict else _listed(logs, model)


def _listed(logs, model):
    """Results in the order of `metrics_names`, what else there is by name; one alone as it is."""
    names = [name for name in model.metrics_names if name in logs]
    results = [logs[name] for name in names + sorted(logs.keys() - set(names))]
    return results[0] if len(results) == 1 else results


def _test(model, batches, callbacks) -> dict[str, float]:
    callbacks.on_test_begin()
    model.reset_metrics()
    execution.start_graph(model)
    runs = execution.Runs(model.make_test_function(), batches)
    run, step, logs = runs.run, 0, {}
    with torch.no_grad():
        for work in runs:
            for hook in callbacks.test_batch_begin:
                hook(step, {})
            logs = run(work)
            step = step + 1 if runs.plain else runs.steps
            for hook in callbacks.test_batch_end:
                hook(step - 1, logs)
    logs = _of_all_processes(model, _read(logs))
    callbacks.on_test_end(logs)
    return logs


def predict(model, x, batch_size, verbose, steps, callbacks, work=_ALONE) -> Any:
    """The outputs of all batches, joined, as numpy arrays."""
    steps = arguments.whole_steps("steps", steps)
    batches = _batches(model, x, None, None, batch_size, False, steps, work)
    arguments.check_tokens(model, batches)
    batches = _stepped(model, batches, steps)
    callbacks = CallbackList(
        callbacks,
        add_progbar=verbose != 0,
        model=model,
        verbose=verbose,
        epochs=1,
        steps=batches.steps,
    )
    with _mode(model, False), torch.inference_mode(), _closing(callbacks, batches):
        callbacks.on_predict_begin()
        parts = _outputs(model, batches, callbacks)
        callbacks.on_predict_end()
        if not parts:
            raise ValueError("predict received no data.")
        return tree.map_structure(_joined, *parts)


def _outputs(model, batches, callbacks):
    execution.start_graph(model)
    function = model.make_predict_function()
    many = batches_at_once(model, function, batches, callbacks)
    batches = batches.joined(many) if many > 1 else batches
    runs = execution.Runs(function, batches)
    step, parts = 0, []
    with folded(model, function, callbacks) as quicker:
        run = quicker or runs.run
        for work in runs:
            for hook in callbacks.predict_batch_begin:
                hook(step, {})
            outputs = run(work)
            parts.append(outputs)
            step = step + 1 if runs.plain else runs.steps
            for hook in callbacks.predict_batch_end:
                hook(step - 1, {"outputs": outputs})
    return parts


def _joined(*parts):
    if isinstance(parts[0], np.ndarray):  # texts
        return np.concatenate(parts)
    whole = parts[0] if len(parts) == 1 else torch.cat(parts)
    return to_numpy(whole)


def on_batch(model, kind, x, y, sample_weight, class_weight, reset_metrics, return_dict) -> Any:
    """One training or test step on a given batch; returns numbers."""
    _require_compiled(model)
    batches = _batches(model, x, y, sample_weight, batch_size=_length(x))
    if class_weight:
        batches.weigh_classes(class_weight)
    if reset_metrics:
        model.reset_metrics()
    execution.start_graph(model)
    make = model.make_train_function if kind == "train" else model.make_test_function
    runs = execution.Runs(make(), batches)
    work = next(iter(runs))
    if kind == "train":
        with _training(model), model._compiled.trainable_as_compiled(), torch.enable_grad():
            logs = _read(runs.run(work))
    else:
        with _mode(model, False), torch.no_grad():
            logs = _read(runs.run(work))
    return logs if return_dict else _listed(logs, model)


def predict_on_batch(model, x) -> Any:
    """The outputs for one batch as numpy arrays."""
    execution.start_graph(model)
    batches = _batches(model, x, None, None, batch_size=_length(x))
    runs = execution.Runs(model.make_predict_function(), batches)
    with _mode(model, False), torch.inference_mode():
        return tree.map_structure(to_numpy, runs.run(next(iter(runs))))


# --- data ------------------------------------------------------------------------------------


def _training_data(model, given):
    """Batches for training and validation, checked before anything changes."""
    _require_compiled(model)
    split, data = given["validation_split"], given["validation_data"]
    train = _batches(
        model,
        given["x"],
        given["y"],
        given["sample_weight"],
        given["batch_size"],
        given["shuffle"],
        given["steps_per_epoch"],
        _work(given),
    )
    validation = None
    if data is not None:
        arguments.check_validation(model, data)
        validation = _validation_batches(model, data, given)
    elif split:
        if not isinstance(train, ArrayBatches):
            raise ValueError(
                "validation_split needs arrays or tensors; for an iterable of batches pass "
                "validation_data."
            )
        train, validation = train.split(split, given["validation_batch_size"])
    arguments.check_tokens(model, train)
    arguments.check_labels(model, train)
    if given["class_weight"]:
        sources.weigh_classes(train, given["class_weight"])
    return _stepped(model, train, given["steps_per_epoch"], given["epochs"]), validation


def _validation_batches(model, data, given):
    x, y, weight = data, None, None
    if isinstance(data, (tuple, list)) and len(data) in (2, 3):
        x, y, weight = (*data, None)[:3]
    size = given["validation_batch_size"]
    if size is None and not Stream.accepts(x):
        size = given["batch_size"]
    steps = given["validation_steps"]
    batches = _batches(model, x, y, weight, size, False, steps, _work(given))
    if isinstance(batches, Stream):
        batches.anew = True
    return _stepped(model, batches, steps)


def _work(given):
    return Work(given["workers"], given["use_multiprocessing"], given["max_queue_size"])


def _batches(model, x, y, weight, batch_size=None, shuffle=False, steps=None, work=_ALONE):
    device, dtype = model._device, model._variable_dtype
    return sources.as_batches(x, y, weight, batch_size, shuffle, steps, device, dtype, work)


def _stepped(model, batches, steps, passes=1):
    """Arrays with another number of steps than they have batches, as a `Stream`."""
    if steps is None or steps == batches.steps or not isinstance(batches, ArrayBatches):
        return batches
    return Stream(batches, steps, model._device, model._variable_dtype, passes)


def _length(x) -> int:
    leaf = next(iter(tree.leaves(x)))
    return max(len(leaf), 1)


# --- state -----------------------------------------------------------------------------------


@contextmanager
def _mode(model, training: bool) -> Iterator[None]:
    """The model in training or inference mode, and back as it was; freed memory is kept."""
    if model.device.type == "cpu":
        keep_freed_memory()
    before = model.training
    if before != training:
        set_training(model, training)
    try:
        yield
    finally:
        if before != training:
            set_training(model, before)


def _training(model):
    """Training mode, but for steps of the user's own, which say where they want it."""
    return _mode(model, model._steps_in_training())


@contextmanager
def _closing(callbacks, *batches) -> Iterator[None]:
    """Workers of the data end; after an error or Ctrl-C, callbacks close what they opened."""
    try:
        yield
    except BaseException as error:
        callbacks.abandon()
        size = getattr(batches[0], "batch_size", None)
        if size is not None and _is_out_of_memory(error):
            raise type(error)(
                f"{error}\nThere was not enough memory for a batch of {size} samples, which "
                "changed no weight. Give fit, evaluate or predict a smaller batch_size."
            ) from error
        raise
    finally:
        for one in batches:
            if isinstance(one, Stream):
                one.close()


def _is_out_of_memory(error):
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and "allocate memory" in str(error)


def _require_compiled(model):
    if model._compiled is None:
        raise RuntimeError(
            f'Model "{model.name}" must be compiled before training or testing: call '
            "compile(optimizer, loss)."
        )


def _due(epoch, freq):
    if isinstance(freq, (int, np.integer)):
        if freq < 1:
            raise ValueError(f"validation_freq must be at least 1; received {freq}.")
        return epoch % freq == 0
    return epoch in freq


def _read(logs) -> dict[str, float]:
    """Numbers of a step's logs, by one read."""
    if not isinstance(logs, dict):
        raise TypeError(
            "train_step and test_step must return a dictionary of names and numbers; received "
            f"{type(logs).__name__}."
        )
    return dict(Logs(logs).items() if not isinstance(logs, Logs) else logs.items())


def _of_all_processes(model, logs):
    """The logs of an epoch with the metrics of all processes of `torch.distributed` summed up."""
    if ranks.count() == 1:
        return logs
    for metric in dict.fromkeys(model.metrics):
        metric.all_reduce()
    whole = _read(model.get_metrics_result())
    return {name: whole.get(name, value) for name, value in logs.items()}
