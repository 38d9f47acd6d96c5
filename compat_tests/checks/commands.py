"""The console command, called in this process as a shell calls it."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass

from torchkeras.command import main


@dataclass
class Called:
    """What a call answered."""

    status: int
    out: str
    err: str


def call(*arguments: object) -> Called:
    """`torchkeras ARGUMENTS`."""
    out, err, status = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as end:
            status = end.code or 0
    return Called(status, out.getvalue(), err.getvalue())
