"""`tf.debugging` and `tf.errors`: assertions about values, and what they raise."""

from __future__ import annotations

from typing import Any

import torch

from .calls import Namespace, tensor


class OpError(Exception):
    """Base of the errors of TensorFlow."""


class InvalidArgumentError(OpError, ValueError):
    """A value that an operation does not take."""


class OutOfRangeError(OpError, StopIteration):
    """The end of data."""


class NotFoundError(OpError, FileNotFoundError):
    """A file that is not there."""


class ResourceExhaustedError(OpError, MemoryError):
    """Too little memory."""


def _compare(name, holds):
    def check(x, y, message=None, summarize=None, name=None):
        x, y = tensor(x), tensor(y)
        if not bool(holds(x, y).all()):
            raise InvalidArgumentError(
                f"{message or ''} Condition x {sign} y did not hold: x = {x}, y = {y}."
            )

    sign = {
        "equal": "==",
        "none_equal": "!=",
        "less": "<",
        "less_equal": "<=",
        "greater": ">",
        "greater_equal": ">=",
    }[name]
    check.__name__ = f"assert_{name}"
    check.__doc__ = f"InvalidArgumentError unless x {sign} y everywhere."
    return check


def _sign(name, holds):
    def check(x, message=None, summarize=None, name=None):
        if not bool(holds(tensor(x)).all()):
            raise InvalidArgumentError(f"{message or ''} Condition did not hold for x = {x}.")

    check.__name__ = f"assert_{name}"
    return check


def assert_shapes(shapes: Any, data: Any = None, summarize=None, message=None, name=None) -> None:
    """ValueError unless tensors have shapes whose sizes of one name are equal."""
    known: dict[Any, int] = {}
    for x, shape in shapes.items() if isinstance(shapes, dict) else shapes:
        own = tuple(x.shape)
        if len(own) != len(shape):
            raise ValueError(
                f"{message or ''} A shape of rank {len(shape)} was expected; it is {own}."
            )
        for size, wanted in zip(own, shape, strict=True):
            wanted = size if wanted in (None, ".") else wanted
            if known.setdefault(wanted, size if isinstance(wanted, str) else wanted) != size:
                raise ValueError(f"{message or ''} The shape {own} does not fit {tuple(shape)}.")


def assert_rank(x: Any, rank: Any, message: Any = None, name=None) -> None:
    """ValueError unless the rank is as told."""
    if len(tensor(x).shape) != int(rank):
        raise ValueError(
            f"{message or ''} Rank {int(rank)} was expected; it is {len(tensor(x).shape)}."
        )


def assert_rank_at_least(x: Any, rank: Any, message: Any = None, name=None) -> None:
    """ValueError for a lower rank."""
    if len(tensor(x).shape) < int(rank):
        raise ValueError(f"{message or ''} Rank at least {int(rank)} was expected.")


def assert_type(tensor: Any, tf_type: Any, message: Any = None, name=None) -> None:
    """TypeError for another dtype."""
    if tensor.dtype != tf_type:
        raise TypeError(f"{message or ''} {tensor.dtype} is not {tf_type}.")


def check_numerics(tensor: Any, message: str, name: str | None = None) -> Any:
    """The tensor, without NaN and infinity."""
    if not bool(torch.isfinite(tensor).all()):
        kind = "NaN" if bool(torch.isnan(tensor).any()) else "Inf"
        raise InvalidArgumentError(f"{message} : Tensor had {kind} values")
    return tensor


def Assert(condition: Any, data: Any, summarize: Any = None, name: str | None = None) -> None:  # noqa: N802
    """InvalidArgumentError unless the condition holds."""
    if not bool(tensor(condition).all()):
        raise InvalidArgumentError(f"assertion failed: {data}")


_ORDER = {
    "equal": torch.eq,
    "none_equal": torch.ne,
    "less": torch.lt,
    "less_equal": torch.le,
    "greater": torch.gt,
    "greater_equal": torch.ge,
}
MEMBERS = {
    **{f"assert_{name}": _compare(name, holds) for name, holds in _ORDER.items()},
    "assert_positive": _sign("positive", lambda x: x > 0),
    "assert_negative": _sign("negative", lambda x: x < 0),
    "assert_non_negative": _sign("non_negative", lambda x: x >= 0),
    "assert_non_positive": _sign("non_positive", lambda x: x <= 0),
    "assert_all_finite": lambda x, message="", name=None: check_numerics(tensor(x), message),
    "assert_shapes": assert_shapes,
    "assert_rank": assert_rank,
    "assert_rank_at_least": assert_rank_at_least,
    "assert_type": assert_type,
    "check_numerics": check_numerics,
    "Assert": Assert,
    "set_log_device_placement": lambda enabled: None,
    "enable_check_numerics": lambda *args, **kwargs: torch.autograd.set_detect_anomaly(True),
    "disable_check_numerics": lambda: torch.autograd.set_detect_anomaly(False),
    "experimental": Namespace("debugging.experimental"),
}
errors = Namespace(
    "errors",
    OpError=OpError,
    InvalidArgumentError=InvalidArgumentError,
    OutOfRangeError=OutOfRangeError,
    NotFoundError=NotFoundError,
    ResourceExhaustedError=ResourceExhaustedError,
)
