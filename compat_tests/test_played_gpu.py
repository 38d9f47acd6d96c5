"""The tests on a GPU that is played, in a process of their own."""

import subprocess
import sys

import pytest

from compat_tests.gpu_files import HERE, TESTS

_NOTHING = 5  # what pytest returns where it ran no test


def test_on_a_gpu_that_is_played():
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--device", "both"]
    files = [str(HERE / name) for name in TESTS]
    ran = subprocess.run([*command, *files], cwd=HERE.parent, capture_output=True, text=True)
    if ran.returncode == _NOTHING:
        pytest.skip(ran.stdout[-500:])
    assert ran.returncode == 0, ran.stdout[-5000:]
    assert " passed" in ran.stdout
