"""What leads to the arrays of a file of torchkeras is compared before anything is read."""

import h5py
import numpy as np
import pytest

from compat_tests.checks.hostile import small_model
from torchkeras.models import load_model
from torchkeras.saving import h5, seal

FILES = ("good.h5", "good.keras", "good.weights.h5")


@pytest.mark.parametrize("file", FILES)
def test_damage_is_found_before_anything_is_read(place, file, monkeypatch):
    with open(file, "rb") as good:
        whole = good.read()
    start = whole.index(b"\x89HDF")
    end = whole.index(b"torchkeras seal\n")
    with h5py.File("good.weights.h5") as opened:
        array = opened["layers/dense/vars/0"][()].tobytes()
    inside = range(whole.index(array), whole.index(array) + len(array))
    model = small_model()

    def never(*args, **kwargs):
        raise AssertionError("a damaged file is read")

    monkeypatch.setattr(h5, "_File", never)
    for at in np.random.default_rng(0).integers(start, end, 100):
        if at in inside or not any(whole[at - 8 : at + 8]):
            continue  # an array, or nothing but zeros: also where the arrays of an optimizer are
        with open(f"bad-{file}", "wb") as bad:
            bad.write(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])
        try:
            model.load_weights(f"bad-{file}")
        except OSError as error:
            assert f"bad-{file}" in str(error) and "not what was written" in str(error)
        except AssertionError:
            assert in_some_array(file, at - start)


def in_some_array(file, at):
    """Whether the seal itself says that a byte is in an array, which has a checksum of its own."""
    with open(file, "rb") as opened:
        whole = opened.read()
    start, end = whole.index(b"\x89HDF"), whole.index(b"torchkeras seal\n") - seal._END.size
    begin, count, _ = seal._END.unpack_from(whole, end)
    pairs = np.frombuffer(whole[start + begin : start + begin + 16 * count], "<u8").reshape(-1, 2)
    return any(place <= at < place + size for place, size in pairs)


@pytest.mark.parametrize("file", ("good.h5", "good.weights.h5"))
def test_who_changes_a_file_breaks_its_seal(place, file):
    with h5py.File(file, "r+") as opened:
        opened.attrs["note"] = "mine"
    with open(file, "rb") as opened:
        assert not opened.read().endswith(b"torchkeras seal\n")
    small_model().load_weights(file)


def test_a_seal_that_is_damaged(place):
    with open("good.h5", "rb") as file:
        whole = file.read()
    for at in (-1, -16, -20, -24, -32):
        with open("bad.h5", "wb") as file:
            file.write(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(OSError, match=r"bad.h5.*not what was written"):
            load_model("bad.h5")
    end = int.from_bytes(whole[40:48], "little")
    with open("bad.h5", "wb") as file:  # without it nothing is known
        file.write(whole[:end])
    load_model("bad.h5")
    with open("bad.h5", "wb") as file:
        file.write(whole[: end - 100] + bytes(len(whole) - end + 100))
    with pytest.raises(OSError, match=r"bad.h5.*not what was written"):
        load_model("bad.h5")
