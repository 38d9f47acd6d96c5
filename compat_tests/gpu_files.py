"""The files that play a GPU, which torch then has for the rest of the process."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent
TESTS = ["test_gpu.py", "layers/test_on_gpu.py", "training/test_on_gpu.py"]
_OTHERS = ["far.py", "gpu.py", "checks/elsewhere.py"]


def plays(path: Path) -> bool:
    """Whether importing the file at `path` makes the GPU that is played."""
    return any(path == HERE / name for name in TESTS + _OTHERS)
