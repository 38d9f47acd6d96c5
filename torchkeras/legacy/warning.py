"""The one warning of an old spelling."""

from __future__ import annotations

import sys
import warnings

_INNER = ("torchkeras", "importlib", "torch")


def deprecated(old: str, new: str) -> None:
    """Say, once for each place in the user's code, that `old` is spelled `new` today."""
    frame = sys._getframe(1)
    while frame.f_back is not None and _top(frame) in _INNER:
        frame = frame.f_back
    warnings.warn_explicit(
        f"{old} is an old spelling; write {new}.",
        DeprecationWarning,
        frame.f_code.co_filename,
        frame.f_lineno,
        frame.f_globals.get("__name__", "<unknown>"),
        frame.f_globals.setdefault("__warningregistry__", {}),
    )


def _top(frame):
    return frame.f_globals.get("__name__", "").split(".")[0]
