"""Python programs run as a user runs them: in a process and a folder of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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
