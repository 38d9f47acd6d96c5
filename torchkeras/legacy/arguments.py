"""Keywords that Keras has renamed: one table, put in front of constructors and of `fit`.

A call whose keywords are all of today costs one comparison of sets; layers' calls are not touched.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .. import callbacks, constraints, layers, models, optimizers, regularizers, utils
from ..config import epsilon
from ..preprocessing import image
from .warning import deprecated

# --- what an old value becomes -------------------------------------------------------------------

DROPPED = object()


def _data_format(value):
    formats = {"tf": "channels_last", "th": "channels_first", "default": None}
    if value not in formats:
        raise ValueError(f"dim_ordering must be 'tf', 'th' or 'default'; received {value!r}.")
    return formats[value]


def _forget_bias(value):
    if value not in ("one", "ones", "zero", "zeros"):
        raise ValueError(
            f"forget_bias_init={value!r} has no present spelling; it is unit_forget_bias=True "
            "('one') or False ('zero')."
        )
    return value in ("one", "ones")


def _only(*allowed: Any) -> Callable:
    """An argument that may be left out: any other value meant something that is gone."""

    def check(value):
        if value not in allowed:
            raise ValueError(
                f"The value {value!r} of an old argument has no meaning any more; leave it out."
            )
        return DROPPED

    return check


def drop(value):
    return DROPPED


def _is_none(value):
    return value is None


def _default_epsilon(value):
    return epsilon()


# --- the table: class: {old keyword: present one, or (present one, conversion[, which values])} --

_KERNEL = {
    "init": "kernel_initializer",
    "W_regularizer": "kernel_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "b_constraint": "bias_constraint",
    "bias": "use_bias",
}
_ORDER = {"dim_ordering": ("data_format", _data_format)}
_WINDOW = {"border_mode": "padding", **_ORDER}
_CONV = {"nb_filter": "filters", "subsample": "strides", **_KERNEL, **_WINDOW}
_CONV1D = {
    **_CONV,
    "filter_length": "kernel_size",
    "subsample_length": "strides",
    "atrous_rate": "dilation_rate",
}
_RECURRENT = {
    **_KERNEL,
    "output_dim": "units",
    "inner_init": "recurrent_initializer",
    "inner_activation": "recurrent_activation",
    "U_regularizer": "recurrent_regularizer",
    "U_constraint": "recurrent_constraint",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
    "consume_less": ("nothing: how it is computed is torch's choice", drop),
}
_POOL1D = {"pool_length": "pool_size", "stride": "strides", "border_mode": "padding"}

RENAMED: dict[type, dict[str, Any]] = {
    layers.Dense: {"output_dim": "units", **_KERNEL},
    layers.Conv1D: _CONV1D,
    layers.Conv2D: {**_CONV, "nb_row": "kernel_size", "nb_col": "kernel_size"},
    layers.Conv3D: {
        **_CONV,
        "kernel_dim1": "kernel_size",
        "kernel_dim2": "kernel_size",
        "kernel_dim3": "kernel_size",
    },
    layers.Conv2DTranspose: {**_CONV, "nb_row": "kernel_size", "nb_col": "kernel_size"},
    layers.SeparableConv2D: {
        **{old: new for old, new in _CONV.items() if not old.startswith(("init", "W_"))},
        "nb_row": "kernel_size",
        "nb_col": "kernel_size",
        "depthwise_init": "depthwise_initializer",
        "pointwise_init": "pointwise_initializer",
    },
    layers.Embedding: {
        "init": "embeddings_initializer",
        "W_regularizer": "embeddings_regularizer",
        "W_constraint": "embeddings_constraint",
        "dropout": ("a SpatialDropout1D layer behind it; this Embedding drops nothing", drop),
    },
    layers.LocallyConnected1D: _CONV1D,
    layers.LocallyConnected2D: {**_CONV, "nb_row": "kernel_size", "nb_col": "kernel_size"},
    layers.ConvLSTM2D: {
        **_CONV,
        **_RECURRENT,
        "nb_row": "kernel_size",
        "nb_col": "kernel_size",
        "forget_bias_init": ("unit_forget_bias", _forget_bias),
    },
    layers.SimpleRNN: _RECURRENT,
    layers.GRU: _RECURRENT,
    layers.LSTM: {**_RECURRENT, "forget_bias_init": ("unit_forget_bias", _forget_bias)},
    layers.MaxPooling1D: _POOL1D,
    layers.AveragePooling1D: _POOL1D,
    layers.MaxPooling2D: _WINDOW,
    layers.AveragePooling2D: _WINDOW,
    layers.MaxPooling3D: _WINDOW,
    layers.AveragePooling3D: _WINDOW,
    layers.GlobalMaxPooling2D: _ORDER,
    layers.GlobalAveragePooling2D: _ORDER,
    layers.GlobalMaxPooling3D: _ORDER,
    layers.GlobalAveragePooling3D: _ORDER,
    layers.UpSampling1D: {"length": "size"},
    layers.UpSampling2D: _ORDER,
    layers.UpSampling3D: _ORDER,
    layers.ZeroPadding2D: _ORDER,
    layers.ZeroPadding3D: _ORDER,
    layers.Cropping2D: _ORDER,
    layers.Cropping3D: _ORDER,
    layers.Dropout: {"p": "rate"},
    layers.GaussianDropout: {"p": "rate"},
    layers.AlphaDropout: {"p": "rate"},
    layers.SpatialDropout1D: {"p": "rate"},
    layers.SpatialDropout2D: {"p": "rate", **_ORDER},
    layers.SpatialDropout3D: {"p": "rate", **_ORDER},
    layers.GaussianNoise: {"sigma": "stddev"},
    layers.PReLU: {"init": "alpha_initializer"},
    layers.BatchNormalization: {
        "beta_init": "beta_initializer",
        "gamma_init": "gamma_initializer",
        "mode": ("nothing: statistics are those of the batch in training", _only(0)),
    },
    layers.Wrapper: {},
    **{
        getattr(optimizers, rule): {"epsilon": ("epsilon=1e-7", _default_epsilon, _is_none)}
        for rule in "Adam Adamax Nadam RMSprop Adagrad Adadelta".split()
    },
    constraints.MaxNorm: {"m": "max_value"},
    regularizers.L1L2: {"W_l1": "l1", "W_l2": "l2"},
    callbacks.ReduceLROnPlateau: {"epsilon": "min_delta"},
    models.Model: {"input": "inputs", "output": "outputs"},
    image.ImageDataGenerator: _ORDER,
}
INPUT = {"input_dtype": "dtype"}
_LOOP = {
    "nb_epoch": "epochs",
    "nb_worker": "workers",
    "pickle_safe": "use_multiprocessing",
    "max_q_size": "max_queue_size",
    "show_accuracy": ("metrics=['accuracy'] in compile()", drop),
}
METHODS: list[tuple[type, str, dict[str, Any]]] = [
    (models.Model, "fit", _LOOP),
    (models.Model, "evaluate", _LOOP),
    (models.Model, "predict", _LOOP),
    (models.Model, "compile", {"class_mode": ("nothing: the loss says it", drop)}),
]
FUNCTIONS: dict[str, dict[str, Any]] = {"to_categorical": {"nb_classes": "num_classes"}}
POSITIONAL_SIDES = {layers.Conv2D: 2, layers.Conv2DTranspose: 2, layers.SeparableConv2D: 2}
POSITIONAL_SIDES[layers.Conv3D] = 3


def enter() -> None:
    """Put the table in front of the constructors and methods that it names."""
    for cls, table in RENAMED.items():
        if issubclass(cls, layers.Layer) and cls is not models.Model:
            table = {**table, **INPUT}
        _front(cls, "__init__", table, POSITIONAL_SIDES.get(cls))
    for cls, method, table in METHODS:
        _front(cls, method, table)
    for name, table in FUNCTIONS.items():
        setattr(utils, name, _fronted(getattr(utils, name), table))
    utils.load_img = image.load_img


def _front(cls, method, table, sides=None):
    setattr(cls, method, _fronted(getattr(cls, method), table, sides, cls.__name__))


def _fronted(function, table, sides=None, owner=None):
    old = frozenset(table)
    owner = owner or function.__name__

    @functools.wraps(function)
    def call(*args, **kwargs):
        if not old.isdisjoint(kwargs):
            if sides is not None:  # args[0] is the object
                args = (args[0], *sides_as_kernel(owner, args[1:], sides))
            kwargs = translated(owner, kwargs, table)
        return function(*args, **kwargs)

    return call


def translated(owner: str, kwargs: dict[str, Any], table: dict[str, Any]) -> dict[str, Any]:
    """`kwargs` with the keywords of today; one warning names those that were old.

    Old keywords that stand for one tuple, such as nb_row and nb_col, are joined in their order.
    """
    found, told, parts = dict(kwargs), [], {}
    for key in table:
        row = table[key] if isinstance(table[key], tuple) else (table[key], None)
        new, convert, applies = (*row, None)[:3]
        if key not in kwargs or (applies and not applies(kwargs[key])):
            continue
        value = found.pop(key) if convert is None else convert(found.pop(key))
        told.append((key, new))
        if value is not DROPPED:
            parts.setdefault(new.partition("=")[0], []).append(value)
    if not told:
        return found
    for new, values in parts.items():
        if new in found:
            raise TypeError(f"{owner} received {new} by its present and by an old name.")
        found[new] = values[0] if len(values) == 1 else tuple(values)
    old = ", ".join(key for key, _ in told)
    new = ", ".join(dict.fromkeys(new for _, new in told))
    deprecated(f"{owner}({old}=)", new)
    return found


def sides_as_kernel(owner: str, args: tuple, sides: int) -> tuple:
    """`(filters, rows, columns)` as `(filters, (rows, columns))`; other arguments as they are."""
    numbers = args[1 : 1 + sides]
    if len(numbers) < sides or not all(type(n) is int for n in numbers):
        return args
    spelled = ", ".join(map(str, numbers))
    new = owner.replace("Convolution", "Conv").removeprefix("Atrous")
    deprecated(f"{owner}({args[0]}, {spelled})", f"{new}({args[0]}, ({spelled}))")
    return (args[0], tuple(numbers), *args[1 + sides :])
