"""Initializers: the first values of a weight, drawn in Keras' axes."""

from __future__ import annotations

from typing import Any

from .. import configs
from .base import TABLE
from .base import Initializer as Initializer
from .base import initialize as initialize
from .drawn import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
)
from .drawn import fans as fans
from .fixed import Constant, Identity, Ones, Zeros

zeros, ones, constant, identity, orthogonal = Zeros, Ones, Constant, Identity, Orthogonal
random_uniform, random_normal, truncated_normal = RandomUniform, RandomNormal, TruncatedNormal
variance_scaling = VarianceScaling
glorot_uniform, glorot_normal = GlorotUniform, GlorotNormal
lecun_uniform, lecun_normal = LecunUniform, LecunNormal
he_uniform, he_normal = HeUniform, HeNormal


def get(identifier: Any):
    """The initializer that a name, a config, a class, a callable or None denotes.

    >>> get("he_normal").get_config()
    {'seed': None}
    """
    return TABLE.get(identifier)


def serialize(initializer: Any, use_legacy_format: bool = False) -> Any:
    """The config of an initializer.

    >>> serialize(Constant(2))["config"]
    {'value': 2}
    """
    return configs.serialize(TABLE, initializer, use_legacy_format)


def deserialize(
    config: Any, custom_objects: dict[str, Any] | None = None, use_legacy_format: bool = False
):
    """The initializer of a name or a config of either format.

    >>> deserialize({"class_name": "Constant", "config": {"value": 2}}).value
    2
    """
    return TABLE.deserialize(config, custom_objects)
