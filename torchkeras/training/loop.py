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

from .. import tree
from ..arrays import to_numpy
from ..callbacks.container import CallbackList
from ..data.arrays import ArrayBatches, class_weights
from ..data.streams import Stream
from .logs import Logs


def fit(model: Any, **given: Any) -> Any:
    """Train and return the `History`; the arguments are those of `Model.fit`."""
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
    logs: dict = {}
    with _mode(model, True), model._compiled.trainable_as_compiled():
        callbacks.on_train_begin()
        for epoch in range(first, epochs):
            model.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            logs = _train_epoch(model, train, callbacks)
            if validation is not None and _due(epoch + 1, given["validation_freq"]):
                with _mode(model, False):
                    results = _test(model, validation, callbacks)
                logs.update({f"val_{name}": value for name, value in results.items()})
            callbacks.on_epoch_end(epoch, logs)
            if model.stop_training or getattr(train, "ran_out", False):
                break
        callbacks.on_train_end(logs)
    return model.history


def _train_epoch(model, batches, callbacks) -> dict[str, float]:
    step, logs = -1, {}
    for step, batch in enumerate(batches):
        for hook in callbacks.train_batch_begin:
            hook(step, {})
        logs = model.train_step(batch)
        for hook in callbacks.train_batch_end:
            hook(step, logs)
        if model.stop_training:
            break
    if step < 0:
        raise ValueError("The training data gave no batch; expected at least one.")
    return _read(logs)


def evaluate(model, x, y, batch_size, verbose, sample_weight, steps, callbacks, return_dict) -> Any:
    """Loss and metrics over all batches."""
    _require_compiled(model)
    batches = _stepped(model, _batches(model, x, y, sample_weight, batch_size, steps=steps), steps)
    if not isinstance(callbacks, CallbackList):
        callbacks = CallbackList(
            callbacks,
            add_progbar=verbose != 0,
            model=model,
            verbose=verbose,
            epochs=1,
            steps=batches.steps,
        )
    with _mode(model, False):
        logs = _test(model, batches, callbacks)
    if return_dict:
        return logs
    results = [logs[name] for name in logs]
    return results[0] if len(results) == 1 else results


def _test(model, batches, callbacks) -> dict[str, float]:
    callbacks.on_test_begin()
    model.reset_metrics()
    logs: dict = {}
    with torch.no_grad():
        for step, batch in enumerate(batches):
            for hook in callbacks.test_batch_begin:
                hook(step, {})
            logs = model.test_step(batch)
            for hook in callbacks.test_batch_end:
                hook(step, logs)
    logs = _read(logs)
    callbacks.on_test_end(logs)
    return logs


def predict(model, x, batch_size, verbose, steps, callbacks) -> Any:
    """The outputs of all batches, joined, as numpy arrays."""
    batches = _stepped(model, _batches(model, x, None, None, batch_size, steps=steps), steps)
    callbacks = CallbackList(
        callbacks,
        add_progbar=verbose != 0,
        model=model,
        verbose=verbose,
        epochs=1,
        steps=batches.steps,
    )
    parts = []
    with _mode(model, False), torch.inference_mode():
        callbacks.on_predict_begin()
        for step, batch in enumerate(batches):
            for hook in callbacks.predict_batch_begin:
                hook(step, {})
            outputs = model.predict_step(batch)
            parts.append(outputs)
            for hook in callbacks.predict_batch_end:
                hook(step, {"outputs": outputs})
        callbacks.on_predict_end()
        if not parts:
            raise ValueError("predict received no data.")
        return tree.map_structure(_joined, *parts)


def _joined(*parts):
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
    batch = next(iter(batches))
    if kind == "train":
        with _mode(model, True), model._compiled.trainable_as_compiled():
            logs = _read(model.train_step(batch))
    else:
        with _mode(model, False), torch.no_grad():
            logs = _read(model.test_step(batch))
    if return_dict:
        return logs
    return next(iter(logs.values())) if len(logs) == 1 else list(logs.values())


def predict_on_batch(model, x) -> Any:
    """The outputs for one batch as numpy arrays."""
    batch = next(iter(_batches(model, x, None, None, batch_size=_length(x))))
    with _mode(model, False), torch.inference_mode():
        return tree.map_structure(to_numpy, model.predict_step(batch))


# --- data ------------------------------------------------------------------------------------


def _training_data(model, given):
    """Batches for training and validation, checked before anything changes."""
    _require_compiled(model)
    epochs, first = given["epochs"], given["initial_epoch"]
    if not isinstance(epochs, (int, np.integer)) or epochs < 0:
        raise ValueError(f"epochs must be an integer of at least 0; received {epochs!r}.")
    if not isinstance(first, (int, np.integer)) or first < 0:
        raise ValueError(f"initial_epoch must be an integer of at least 0; received {first!r}.")
    for argument in ("steps_per_epoch", "validation_steps"):
        if given[argument] is not None and given[argument] < 1:
            raise ValueError(f"{argument} must be at least 1; received {given[argument]!r}.")
    split, data = given["validation_split"], given["validation_data"]
    if split and not 0 < split < 1:
        raise ValueError(f"validation_split must lie between 0 and 1; received {split!r}.")
    train = _batches(
        model,
        given["x"],
        given["y"],
        given["sample_weight"],
        given["batch_size"],
        given["shuffle"],
        given["steps_per_epoch"],
    )
    validation = None
    if data is not None:
        validation = _validation_batches(model, data, given)
    elif split:
        if not isinstance(train, ArrayBatches):
            raise ValueError(
                "validation_split needs arrays or tensors; for an iterable of batches pass "
                "validation_data."
            )
        train, validation = train.split(split, given["validation_batch_size"])
    if given["class_weight"]:
        if isinstance(train, ArrayBatches):
            train.weigh_classes(given["class_weight"])
        else:
            train.transform = _weigher(given["class_weight"])
    return _stepped(model, train, given["steps_per_epoch"], given["epochs"]), validation


def _validation_batches(model, data, given):
    x, y, weight = data, None, None
    if isinstance(data, (tuple, list)) and len(data) in (2, 3):
        x, y, weight = (*data, None)[:3]
    size = given["validation_batch_size"]
    if size is None and not Stream.accepts(x):
        size = given["batch_size"]
    steps = given["validation_steps"]
    return _stepped(model, _batches(model, x, y, weight, size, steps=steps), steps)


def _batches(model, x, y, sample_weight, batch_size=None, shuffle=False, steps=None):
    """Arrays as `ArrayBatches`; anything that yields batches as a `Stream`."""
    if isinstance(x, (ArrayBatches, Stream)):
        return x
    if x is None:
        raise ValueError("x is missing: expected arrays, tensors or an iterable of batches.")
    if Stream.accepts(x):
        if y is not None or sample_weight is not None:
            raise ValueError(
                "x yields whole batches, so y and sample_weight must not be given beside it; "
                "let each batch be (x, y) or (x, y, sample_weight)."
            )
        if batch_size is not None:
            raise ValueError(
                f"x yields whole batches, so batch_size={batch_size} has no meaning; leave it out."
            )
        return Stream(x, steps, model._device, model.compute_dtype, shuffle=bool(shuffle))
    return ArrayBatches(
        x, y, sample_weight, batch_size, shuffle, model._device, model.compute_dtype, steps
    )


def _stepped(model, batches, steps, passes=1):
    """Arrays with another number of steps than they have batches, as a `Stream`."""
    if steps is None or steps == batches.steps or not isinstance(batches, ArrayBatches):
        return batches
    return Stream(batches, steps, model._device, model.compute_dtype, passes)


def _weigher(class_weight):
    def transform(x, y, weight):
        weights = class_weights(y, class_weight)
        return x, y, weights if weight is None else weight * weights

    return transform


def _length(x) -> int:
    leaf = next(iter(tree.leaves(x)))
    return max(len(leaf), 1)


# --- state -----------------------------------------------------------------------------------


@contextmanager
def _mode(model, training: bool) -> Iterator[None]:
    """The model in training or inference mode, and back as it was."""
    before = model.training
    if before != training:
        model.train(training)
    try:
        yield
    finally:
        if before != training:
            model.train(before)


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
