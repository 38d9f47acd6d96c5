"""What happens to files: killed writers, full disks, cuts, flipped bits, in every format.

The counts here are small; `compat_tests/make_faults.py` runs the same with large ones.
"""

import os

import pytest

from compat_tests import make_faults
from compat_tests.make_faults import FORMATS


@pytest.mark.parametrize("ending", FORMATS)
def test_a_file_cut_anywhere_is_refused(ending, tmp_path):
    assert make_faults.truncation(tmp_path, ending, parts=12)["unsafe"] == []


@pytest.mark.parametrize("ending", FORMATS)
def test_a_flipped_bit_is_refused_or_changes_nothing(ending, tmp_path):
    assert make_faults.bit_flips(tmp_path, ending, flips=40)["unsafe"] == []


@pytest.mark.parametrize("ending", FORMATS)
def test_a_failed_load_changes_nothing(ending, tmp_path):
    assert make_faults.failed_loads(tmp_path, ending)["unsafe"] == []


@pytest.mark.skipif(os.name != "posix", reason="processes are forked")
def test_a_killed_checkpoint_leaves_a_whole_file(tmp_path):
    found = make_faults.kills(tmp_path, ".keras", count=2)
    assert found["loaded"] == 2 and found["unsafe"] == []


@pytest.mark.skipif(os.name != "posix", reason="processes are forked")
@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_two_writers_leave_a_whole_file(ending, tmp_path):
    found = make_faults.two_writers(tmp_path, ending, count=10)
    assert found["read"] == 10 and found["unsafe"] == []


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
@pytest.mark.parametrize("ending", [".keras", ".safetensors"])
def test_a_full_disk_leaves_the_old_file(ending, tmp_path):
    assert make_faults.full_disk(tmp_path, ending)["unsafe"] == []
