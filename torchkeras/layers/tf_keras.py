"""Functions of Keras that stand between layers in saved graphs: mostly losses of `add_loss`."""

from __future__ import annotations

from .. import losses
from .tf_table import FUNCTIONS, as_tensor, entry

for _name in (
    "binary_crossentropy binary_focal_crossentropy categorical_crossentropy categorical_hinge "
    "cosine_similarity hinge huber kl_divergence log_cosh mean_absolute_error "
    "mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error poisson "
    "sparse_categorical_crossentropy squared_hinge"
).split():
    for _module in ("losses", "metrics"):
        FUNCTIONS[f"keras.{_module}.{_name}"] = getattr(losses, _name)


@entry()
def convert_to_tensor(value, dtype=None, dtype_hint=None, name=None):
    return as_tensor(value) if dtype is None else FUNCTIONS["cast"](value, dtype)


@entry("keras.backend.print_tensor")
def print_tensor(x, message="", summarize=3):
    return x


@entry("keras.backend.batch_flatten")
def batch_flatten(x):
    return x.flatten(1)


def _of_backend(function):
    FUNCTIONS[f"keras.backend.{function.__name__}"] = function
    return function


@_of_backend
def binary_crossentropy(target, output, from_logits=False):
    column = output.unsqueeze(-1)  # the loss takes the mean over the last axis
    if hasattr(output, "_keras_logits"):
        column._keras_logits = output._keras_logits.unsqueeze(-1)
    return losses.binary_crossentropy(as_tensor(target, output).unsqueeze(-1), column, from_logits)


@_of_backend
def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    return losses.categorical_crossentropy(target, output, from_logits, axis=axis)


@_of_backend
def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1, ignore_class=None):
    return losses.sparse_categorical_crossentropy(target, output, from_logits, axis, ignore_class)
