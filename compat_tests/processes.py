"""Programs in processes of their own: as a user runs them, or forked from the tests."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import warnings
from pathlib import Path

import torch

ROOT = Path(__file__).parent.parent


def run_python(*arguments: object, cwd: Path, timeout: float = 120, **environment: str):
    """The finished process of `python ARGUMENTS`, its output as text."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
    )


def check_python(*arguments: object, cwd: Path, **options) -> str:
    """The standard output of `python ARGUMENTS`, which must end well."""
    process = run_python(*arguments, cwd=cwd, **options)
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def forked(target, *arguments):
    """A process that runs `target(*arguments)` with everything imported already.

    It keeps to one thread: those of torch are not forked with it, and it would wait for them.
    """
    process = multiprocessing.get_context("fork").Process(
        target=_in_one_thread, args=(target, *arguments)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking beside threads of torch
        process.start()
    return process


def _in_one_thread(target, *arguments):
    torch.set_num_threads(1)
    target(*arguments)
