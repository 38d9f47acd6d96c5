"""What happens to files: killed writers, full disks, cuts, flipped bits, in every format.

The counts here are small; `compat_tests/make_faults.py` runs the same with large ones.
"""

import os
import zipfile

import h5py
import pytest

import torchkeras
from compat_tests import make_faults
from compat_tests.checks.files import MODELS, trained
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
@pytest.mark.parametrize("ending", [".keras", ".h5", ".safetensors"])
def test_a_full_disk_leaves_the_old_file(ending, tmp_path):
    assert make_faults.full_disk(tmp_path, ending)["unsafe"] == []


def attention():
    """Keras 2 and 3 look for its weights at different places, which lead to one array."""
    layers = torchkeras.layers
    x = layers.Input((5, 4))
    return torchkeras.Model(x, layers.Dense(2)(layers.MultiHeadAttention(2, 3)(x, x)))


@pytest.mark.parametrize("ending", (".weights.h5", ".h5"))
@pytest.mark.parametrize("case", [*MODELS, "attention"])
def test_every_array_that_is_read_has_a_checksum(case, ending, tmp_path):
    model = attention() if case == "attention" else trained(torchkeras, case, "adam")
    path = tmp_path / f"model{ending}"
    model.save_weights(path)
    arrays = []
    with h5py.File(path) as file:
        file.visititems(lambda name, node: arrays.append(name) if hasattr(node, "dtype") else None)
    changed = 0
    for name in arrays:
        with h5py.File(path, "r+") as file:
            node = file[name]
            if "optimizer" in name or "metrics" in name or not node.size:
                continue
            before = node[()]
            node[()] = before + 1
        with pytest.raises(OSError, match="is not what was written"):
            model.load_weights(path)
        with h5py.File(path, "r+") as file:
            file[name][()] = before
        changed += 1
    assert changed >= len(model.weights)
    model.load_weights(path)


def test_the_archive_tells_the_checksum_of_its_weights(tmp_path):
    path = tmp_path / "model.keras"
    trained(torchkeras, "cnn", "adam").save(path)
    with zipfile.ZipFile(path) as members:
        assert members.testzip() is None
