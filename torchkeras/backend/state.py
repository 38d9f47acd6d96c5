"""Settings, names, and the learning phase: what Keras keeps for the whole process."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from .. import names
from ..config import (
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "learning_phase",
    "learning_phase_scope",
    "manual_variable_initialization",
    "name_scope",
    "reset_uids",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_learning_phase",
]

_phase: dict[str, int] = {}
_NAME = {"backend": "torch"}  # the shim answers what scripts for TensorFlow expect
_scopes: list[str] = []


def backend() -> str:
    """The name of what computes: 'torch', and 'tensorflow' for scripts that run in the shim."""
    return _NAME["backend"]


def clear_session() -> None:
    """Start the automatic names afresh: the next Dense layer is called `dense` again.

    The learning phase is forgotten too. Models keep working; there is no other global state.
    """
    names.reset()
    _phase.clear()


def get_uid(prefix: str = "") -> int:
    """A number that counts up from 1 for each prefix.

    >>> get_uid("an example"), get_uid("an example")
    (1, 2)
    """
    return int(names.unique_name(f"uid {prefix}", zero_based=False).rsplit("_", 1)[1])


def reset_uids() -> None:
    """Start the numbers of `get_uid` and the automatic names afresh."""
    names.reset()


def manual_variable_initialization(value: bool) -> None:
    """Accepted and without effect, as in tf.keras 2.15: a variable has a value when it is made."""


@contextmanager
def name_scope(name: str) -> Iterator[str]:
    """A block whose name stands before those of the variables made in it by `variable`.

    The weights of layers are not named after it; files are read by the order of weights.

    >>> with name_scope("block") as name: print(name)
    block/
    """
    _scopes.append(name)
    try:
        yield scoped("")
    finally:
        _scopes.pop()


def scoped(name: str) -> str:
    """`name` behind the names of the blocks around."""
    return "/".join([*_scopes, name])


# --- training or inference -------------------------------------------------------------------


def learning_phase() -> int:
    """1 in training, 0 in inference.

    It is what `set_learning_phase` set, else the mode of the layer whose `call` is running (as
    `model.train()`, `fit` or a `training` argument switched it), else 0.

    >>> learning_phase()
    0
    """
    return _phase["set"] if _phase else int(bool(running_mode()))


def set_learning_phase(value: int) -> None:
    """Fix what `learning_phase` answers, and with it `in_train_phase` and `function`.

    Deprecated, as in tf.keras. Layers follow `model.train()`, `model.eval()` and the argument
    `training` of a call, not this.
    """
    _warn("set_learning_phase")
    _phase["set"] = _checked(value)


@contextmanager
def learning_phase_scope(value: int) -> Iterator[None]:
    """`set_learning_phase(value)` for a block of code."""
    _warn("learning_phase_scope")
    before = dict(_phase)
    _phase["set"] = _checked(value)
    try:
        yield
    finally:
        _phase.clear()
        _phase.update(before)


def phase_that_is_set() -> int | None:
    """What `set_learning_phase` set, or None."""
    return _phase.get("set")


def running_mode() -> bool | None:
    """The mode of the module whose method is running, or None outside of all."""
    frame = sys._getframe(1)
    while frame is not None:
        module = frame.f_locals.get("self")
        if isinstance(module, nn.Module):
            return module.training
        frame = frame.f_back
    return None


def _checked(value: Any) -> int:
    if value not in (0, 1):
        raise ValueError(f"The learning phase must be 0 or 1; received {value!r}.")
    return int(value)


def _warn(name):
    warnings.warn(
        f"{name} is deprecated: layers are switched by model.train() and model.eval(), or for one "
        "call by model(x, training=True). It reaches learning_phase, in_train_phase and function.",
        DeprecationWarning,
        stacklevel=3 if name.startswith("set") else 5,
    )
