"""Memory that one training step frees is kept for the next one."""

from __future__ import annotations

import ctypes
import os
import platform
from functools import cache

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of mallopt(3)
_VARIABLES = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES", "LD_PRELOAD")


@cache
def keep_freed_memory() -> bool:
    """Have the C library keep large blocks that are freed; whether it will.

    By default glibc maps each tensor above some size anew and gives it back when it is freed, so
    that every step pays the system for clean pages: a fifth of the time of a small convolutional
    network. A process that trains needs the same blocks again at once. Nothing happens with other
    C libraries, or where the environment already says how memory is managed.
    """
    if platform.libc_ver()[0] != "glibc" or any(name in os.environ for name in _VARIABLES):
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_TRIM_THRESHOLD, 2**31 - 1) and mallopt(_MMAP_THRESHOLD, 2**30))
