"""`keras.legacy.interfaces`: decorators around the methods of layers written for early Keras 2."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


def generate_legacy_interface(
    allowed_positional_args: Any = None, conversions: Any = (), preprocessor: Any = None,
    value_conversions: Any = None, object_type: str = "class",
) -> Callable:  # fmt: skip
    """A decorator that takes arguments by the old names in `conversions`, pairs of old and new.

    >>> @generate_legacy_interface(conversions=[("nb_filter", "filters")])
    ... def layer(filters):
    ...     return filters
    >>> layer(nb_filter=3)
    3
    """

    def decorate(function: Callable) -> Callable:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if preprocessor is not None:
                args, kwargs, _ = preprocessor(args, kwargs)
            kwargs = {dict(conversions).get(key, key): value for key, value in kwargs.items()}
            for key, values in (value_conversions or {}).items():
                if key in kwargs:
                    kwargs[key] = values.get(kwargs[key], kwargs[key])
            return function(*args, **kwargs)

        return call

    return decorate


def _same(function: Callable) -> Callable:
    """The method as it is: old names of arguments are known without it."""
    return function


_SUPPORTED = (
    "dense dropout pooling1d pooling2d pooling3d prelu gaussiannoise recurrent gaussiandropout "
    "embedding conv1d conv2d separable_conv2d deconv2d batchnorm zeropadding2d zeropadding3d "
    "cropping2d cropping3d upsampling1d upsampling2d upsampling3d conv3d add_weight get_updates "
    "model_constructor input generator_methods global_pooling spatialdropout1d spatialdropoutNd "
    "lambda convlstm2d"
)
globals().update({f"legacy_{kind}_support": _same for kind in _SUPPORTED.split()})
legacy_model_constructor_support = legacy_generator_methods_support = _same
