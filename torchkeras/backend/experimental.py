"""`keras.backend.experimental`: the choice of TensorFlow's random generators.

Here all numbers come from torch's generators; the choice is only remembered.
"""

from __future__ import annotations

__all__ = [
    "disable_tf_random_generator",
    "enable_tf_random_generator",
    "is_tf_random_generator_enabled",
]

_chosen = {"generator": False}


def enable_tf_random_generator() -> None:
    """Make `is_tf_random_generator_enabled` true."""
    _chosen["generator"] = True


def disable_tf_random_generator() -> None:
    """Make `is_tf_random_generator_enabled` false."""
    _chosen["generator"] = False


def is_tf_random_generator_enabled() -> bool:
    """What was chosen last.

    >>> is_tf_random_generator_enabled()
    False
    """
    return _chosen["generator"]
