"""Methods and attributes that models and layers once had, put on the classes of today."""

from __future__ import annotations

import math
from itertools import chain
from typing import Any

import numpy as np

from .. import layers, models, tree
from ..data.sequence import Sequence
from ..graph import KerasTensor
from ..weighted import Weighted
from .warning import deprecated

# --- loops over generators -----------------------------------------------------------------------


def fit_generator(
    self, generator: Any, steps_per_epoch: Any = None, epochs: Any = 1, verbose: Any = "auto",
    callbacks: Any = None, validation_data: Any = None, **kwargs: Any,
):  # fmt: skip
    """`fit` on what yields batches; `samples_per_epoch` counts samples, `steps_per_epoch` steps."""
    deprecated("fit_generator", "fit")
    kwargs = {"verbose": verbose, "callbacks": callbacks, "validation_data": validation_data,
              **_loop_arguments(kwargs)}  # fmt: skip
    epochs = kwargs.pop("nb_epoch", epochs)
    samples = kwargs.pop("samples_per_epoch", None)
    if samples is None and "nb_val_samples" in kwargs:  # Keras 1: the second one counts samples
        samples, steps_per_epoch = steps_per_epoch, None
    if samples is not None:
        generator, steps_per_epoch = _steps(generator, samples)
    validation = kwargs.pop("nb_val_samples", None)
    if validation is not None:
        data, steps = _steps(kwargs.get("validation_data"), validation)
        kwargs |= {"validation_data": data, "validation_steps": steps}
    return self.fit(generator, epochs=epochs, steps_per_epoch=steps_per_epoch, **kwargs)


def evaluate_generator(self, generator: Any, steps: Any = None, callbacks: Any = None, **kwargs):
    """`evaluate` on what yields batches."""
    deprecated("evaluate_generator", "evaluate")
    kwargs = {"verbose": 0, **_loop_arguments(kwargs)}
    if "val_samples" in kwargs:
        generator, steps = _steps(generator, kwargs.pop("val_samples"))
    return self.evaluate(generator, steps=steps, callbacks=callbacks, **kwargs)


def predict_generator(self, generator: Any, steps: Any = None, callbacks: Any = None, **kwargs):
    """`predict` on what yields batches."""
    deprecated("predict_generator", "predict")
    kwargs = {"verbose": 0, **_loop_arguments(kwargs)}
    if "val_samples" in kwargs:
        generator, steps = _steps(generator, kwargs.pop("val_samples"))
    return self.predict(generator, steps=steps, callbacks=callbacks, **kwargs)


WORKERS = {
    "nb_worker": "workers",
    "pickle_safe": "use_multiprocessing",
    "max_q_size": "max_queue_size",
}


def _loop_arguments(kwargs):
    return {WORKERS.get(key, key): value for key, value in kwargs.items()}


def _steps(generator, samples):
    """What yields the same batches, and how many of them hold that many samples."""
    if isinstance(generator, Sequence) or hasattr(generator, "batch_size"):
        size = getattr(generator, "batch_size", None)
        if size is None:
            size = _length_of(generator[0])
        return generator, math.ceil(samples / size)
    if isinstance(generator, (tuple, list)):  # validation arrays, not batches
        return generator, None
    batches = iter(generator)
    first = next(batches)
    return chain([first], batches), math.ceil(samples / _length_of(first))


def _length_of(batch):
    return len(next(iter(tree.leaves(batch))))


# --- classes and probabilities -------------------------------------------------------------------


def predict_classes(self, x: Any, batch_size: Any = 32, verbose: Any = 0) -> np.ndarray:
    """The class numbers: the largest of several outputs, or whether the only one is above 0.5."""
    new = "(model.predict(x) > 0.5).astype('int32') or model.predict(x).argmax(-1)"
    deprecated("predict_classes", new)
    outputs = self.predict(x, batch_size=batch_size, verbose=verbose)
    if outputs.shape[-1] > 1:
        return outputs.argmax(-1)
    return (outputs > 0.5).astype("int32")


def predict_proba(self, x: Any, batch_size: Any = 32, verbose: Any = 0) -> np.ndarray:
    """`predict`."""
    deprecated("predict_proba", "predict")
    return self.predict(x, batch_size=batch_size, verbose=verbose)


# --- parts of models that graphs of TensorFlow 1 had ---------------------------------------------


def _make_function(name):
    def make(self):
        deprecated(f"model.{name}()", "nothing: there is nothing to make")

    make.__name__ = name
    make.__doc__ = "Without effect: calls run at once."
    return make


def _always(name, new, value):
    def read(self):
        deprecated(f"model.{name}", new)
        return value(self)

    return property(read, doc=f"An attribute of old models: {new}.")


def _empty(self):
    return []


METHODS = {
    "compiled": property(lambda model: model._compiled is not None),
    "_feed_inputs": property(lambda model: list(model._graph.flat_inputs)),
    "_is_compiled": property(lambda model: model._compiled is not None),
    "fit_generator": fit_generator,
    "evaluate_generator": evaluate_generator,
    "predict_generator": predict_generator,
    "predict_classes": predict_classes,
    "predict_proba": predict_proba,
    "_make_predict_function": _make_function("_make_predict_function"),
    "_make_train_function": _make_function("_make_train_function"),
    "_make_test_function": _make_function("_make_test_function"),
    "updates": _always("updates", "nothing: layers update themselves as they are called", _empty),
    "state_updates": _always("state_updates", "nothing: layers keep their states", _empty),
    "total_loss": _always("total_loss", "compute_loss(...)", lambda self: None),
    "targets": _always("targets", "nothing: targets come with each batch", _empty),
    "sample_weights": _always("sample_weights", "nothing: they come with each batch", _empty),
    "container_nodes": _always("container_nodes", "nothing", lambda self: set()),
    "uses_learning_phase": _always(
        "uses_learning_phase", "the training argument", lambda self: True
    ),
}


def enter() -> None:
    """Put the methods on `Model`, and what layers had on `Layer`."""
    for name, method in METHODS.items():
        if name not in models.Model.__dict__:
            setattr(models.Model, name, method)
    models.Model._self_tracked_trackables = property(_tracked)
    KerasTensor._keras_shape = property(lambda tensor: tuple(tensor.shape))
    layers.Layer.name = layers.Layer.name.setter(_rename)
    layers.Layer._outbound_nodes = property(lambda layer: layer.outbound_nodes)
    layers.Layer._inbound_nodes = property(lambda layer: layer.inbound_nodes)
    for name in ("trainable_weights", "non_trainable_weights"):
        setattr(Weighted, name, getattr(Weighted, name).setter(_weights_setter(name)))


def _rename(layer, name):
    deprecated("layer.name = ...", "layer._name = ..., or name=... where it is made")
    layer._name = name


def _tracked(model):
    """The layers, and the input of a `Sequential`, which `layers` leaves out."""
    start = getattr(model, "_input_layer", None)
    return ([start] if start is not None else []) + list(model.layers)


def _weights_setter(name):
    def assign(layer, variables):
        """Keras 1 told a layer its weights by a list; an attribute is enough."""
        deprecated(f"self.{name} = [...]", "self.add_weight(...)")
        known = {id(weight) for weight in layer._weights}
        for number, variable in enumerate(variables):
            if id(variable) not in known:
                setattr(layer, f"{name}_{number}", variable)

    return assign
