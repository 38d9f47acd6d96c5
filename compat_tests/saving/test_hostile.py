"""Hostile files of every format: refused by name, with nothing run, opened, written or reserved.

The cases follow the published weaknesses of Keras and its neighbours; configs are in `test_doors`,
files that want too much time or memory in `test_bombs`.
"""

import io
import json
import pickle
import struct
import zipfile

import h5py
import numpy as np
import pytest
import torch

import torchkeras
from compat_tests.checks.commands import call
from compat_tests.checks.hostile import archive, inside, layer, refused, small_model, stack
from torchkeras.models import load_model
from torchkeras.saving.state import read_state, write_state

# --- HDF5 inside -----------------------------------------------------------------------------

FILES = {  # file: where it has an array, and a group on the way to it
    "good.keras": ("layers/dense/vars/0", "layers/dense"),
    "good.weights.h5": ("layers/dense/vars/0", "layers/dense"),
    "good.h5": ("model_weights/dense/dense/kernel:0", "model_weights/dense"),
}


def replaced(make, place=0):
    """The attack on a file that puts something else where an array or a group is."""

    def attack(file, places):
        folder, last = places[place].rsplit("/", 1)
        del file[folder][last]
        make(file[folder], last)

    return attack


def in_optimizer(file, places):
    found = []
    group = file.get("optimizer/vars") or file["optimizer_weights"]
    group.visititems(lambda _, one: found.append(one) if getattr(one, "shape", ()) else None)
    folder, last = found[-1].name.rsplit("/", 1)
    del file[folder][last]
    shape_bomb(file[folder], last)


def shape_bomb(group, name):
    group.create_dataset(name, (2**20, 2**20), "f4", chunks=(64, 64))


def virtual(group, name):
    layout = h5py.VirtualLayout((3, 4), "f4")
    layout[:] = h5py.VirtualSource("decoy.h5", "secret", (3, 4))
    group.create_virtual_dataset(name, layout)


def external(group, name):
    group.create_dataset(name, (3, 4), "f4", external=[("decoy.bin", 0, 48)])


def reference(group, name):
    """References to objects in the place of numbers."""
    group.create_dataset(name, data=np.array([group.ref] * 12), dtype=h5py.ref_dtype)


HDF5 = {
    "CVE-2026-1669 external storage": replaced(external),
    "CVE-2026-1669 external link": replaced(
        lambda g, n: g.__setitem__(n, h5py.ExternalLink("decoy.h5", "secret"))),
    "CVE-2026-9335 soft link": replaced(
        lambda g, n: g.__setitem__(n, h5py.SoftLink("/decoy"))),
    "6f1427d9d5 link on the way": replaced(
        lambda g, n: g.__setitem__(n, h5py.ExternalLink("decoy.h5", "/")), 1),
    "6f1427d9d5 soft link on the way": replaced(
        lambda g, n: g.__setitem__(n, h5py.SoftLink("/decoy")), 1),
    "CVE-2026-12480 virtual": replaced(virtual),
    "CVE-2026-0897 shape bomb": replaced(shape_bomb),
    "CVE-2026-12570 shape bomb, compact": replaced(
        lambda g, n: g.create_dataset(n, (2**15, 2**15), "f4")),
    "CVE-2026-12570 gzip bomb": replaced(
        lambda g, n: g.create_dataset(n, (2**14, 2**14), "f4", compression="gzip")),
    "optimizer bomb": in_optimizer,
    "another compression": replaced(
        lambda g, n: g.create_dataset(n, data=np.zeros((3, 4), "f4"), compression="lzf")),
    "texts": replaced(lambda g, n: g.create_dataset(n, data=["text"] * 12)),
    "references": replaced(reference),
    "pairs of numbers": replaced(
        lambda g, n: g.create_dataset(n, (3, 4), [("a", "f4"), ("b", "f4")])),
    "rows of any length": replaced(
        lambda g, n: g.create_dataset(n, (3, 4), h5py.vlen_dtype(np.float32))),
    "a committed type": replaced(lambda g, n: g.__setitem__(n, np.dtype("f4"))),
    "no values": replaced(lambda g, n: g.create_dataset(n, data=h5py.Empty("f4"))),
    "group for array": replaced(lambda g, n: g.create_group(n)),
    "a circle of groups": replaced(lambda g, n: g.__setitem__(n, g)),
    "array for group": replaced(lambda g, n: g.create_dataset(n, data=[1.0]), 1),
    "missing": lambda file, places: file.__delitem__(places[0]),
    "another shape": replaced(lambda g, n: g.create_dataset(n, data=np.zeros((3, 5), "f4"))),
    "changed": lambda file, places: file[places[0]].__setitem__((0, 0), 99.0),
    "a name that steers": lambda file, places: file.move(places[0], f"{places[0]}\x1b[2J"),
}  # fmt: skip


def attacked(file, weakness):
    """A bad copy of a good file."""
    attack = lambda opened: HDF5[weakness](opened, FILES[file])  # noqa: E731
    if file == "good.keras":
        return archive(weights=attack)
    with open(file, "rb") as good:
        content = inside(good.read(), attack)
    with open(file.replace("good", "bad"), "wb") as bad:
        bad.write(content)
    return bad.name


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("weakness", HDF5)
def test_weights_come_from_the_file_alone(place, weakness, file):
    name = attacked(file, weakness)
    model = small_model()
    before = state(model)
    if file != "good.weights.h5":
        assert refused(lambda: load_model(name)).startswith(name)
    if weakness != "optimizer bomb":  # which weights alone do not set off everywhere
        assert refused(lambda: model.load_weights(name)).startswith(name)
    assert state(model) == before
    told = call("inspect", name)  # which opens nothing else, and tells what it can
    assert told.status == 2 or "DAMAGED" in told.out or "not read" in told.out or weakness in OPEN
    assert "7.0, 7.0" not in told.out + told.err and "\x1b" not in told.out + told.err


OPEN = {"another shape"}  # nothing is wrong with the file alone


def state(model):
    return [w.tobytes() for w in model.get_weights() + model.optimizer.get_weights()]


# --- archives --------------------------------------------------------------------------------


def raw(*members, **options):
    with zipfile.ZipFile("bad.keras", "w", **options) as bad:
        for name, content in members:
            bad.writestr(name, content)
    return "bad.keras"


def good(name):
    with zipfile.ZipFile("good.keras") as file:
        return file.read(name)


def patched(offset, content):
    """The good archive with other bytes behind the signature of the weights' directory entry."""
    with open("good.keras", "rb") as file:
        data = bytearray(file.read())
    position = data.rindex(b"PK\x01\x02", 0, data.rindex(b"model.weights.h5"))
    data[position + offset : position + offset + len(content)] = content
    with open("bad.keras", "wb") as file:
        file.write(data)
    return "bad.keras"


def vocabulary_bomb():
    """A layer whose words are 256 MB of zeros."""
    words = [layer("StringLookup"), layer("Hashing", num_bins=3)]
    name = archive(lambda config: stack(*words), name="words.keras")
    with zipfile.ZipFile(name) as file:
        members = {member: file.read(member) for member in file.namelist()}
    members["assets/layers/string_lookup/vocabulary.txt"] = bytes(2**28)
    return raw(*members.items(), compression=zipfile.ZIP_DEFLATED)


class Runs:
    def __reduce__(self):
        return (open, ("marker", "w"))


ARCHIVES = {
    "config bomb": lambda: raw(
        ("config.json", b" " * 2**28), compression=zipfile.ZIP_DEFLATED),
    "weights bomb": lambda: raw(
        ("config.json", good("config.json")), ("model.weights.h5", bytes(2**28)),
        compression=zipfile.ZIP_DEFLATED),
    "bzip2": lambda: raw(("config.json", good("config.json")), compression=zipfile.ZIP_BZIP2),
    "no config": lambda: raw(("model.weights.h5", good("model.weights.h5"))),
    "no weights": lambda: raw(("config.json", good("config.json"))),
    "weights of pickles": lambda: raw(
        ("config.json", good("config.json")), ("model.weights.npz", b"PK")),
    "config that is a list": lambda: raw(("config.json", b"[]")),
    "a2f8eac8b2 vocabulary bomb": vocabulary_bomb,
    "an npz of pickles": lambda: raw(
        ("config.json", good("config.json")), ("model.weights.npz", pickle.dumps(Runs()))),
    "config too deep": lambda: raw(("config.json", b'{"a":' * 10**5 + b"1" + b"}" * 10**5)),
    "config of NaN": lambda: raw(("config.json", b"\xff\xfe")),
    "larger than the file": lambda: patched(20, struct.pack("<II", 2**31, 2**31)),
    "encrypted": lambda: patched(8, b"\x01\x00"),
    "directory that lies": lambda: patched(42, struct.pack("<I", 10**6)),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("weakness", ARCHIVES)
def test_an_archive_is_held_to_what_it_stores(place, weakness):
    name = ARCHIVES[weakness]()
    assert name in refused(lambda: load_model(name))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused(place):
    name = raw(("config.json", b"{}"), ("config.json", good("config.json")))
    assert "same name" in refused(lambda: load_model(name))


# --- state_dicts -----------------------------------------------------------------------------


def pickled(value):
    with zipfile.ZipFile("bad.pt", "w") as file:
        file.writestr("bad/data.pkl", pickle.dumps(value))
        file.writestr("bad/data/0", bytes(8))
    return "bad.pt"


def changed_pt(old, new):
    torch.save(small_model().state_dict(), "bad.pt")
    with open("bad.pt", "rb") as file:
        data = file.read()
    with zipfile.ZipFile(io.BytesIO(data)) as file, zipfile.ZipFile("bad.pt", "w") as bad:
        for name in file.namelist():
            bad.writestr(name, file.read(name).replace(old, new))
    return "bad.pt"


def safetensors(header, body=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    with open("bad.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + body)
    return "bad.safetensors"


def tensor(begin, end, shape, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


STATES = {
    "pickle that runs": lambda: pickled({"a": Runs()}),
    "pickle of a module": lambda: pickled(torch.nn.ReLU),
    "pickle of numbers": lambda: pickled({"a": 1}),
    "another function": lambda: changed_pt(b"_rebuild_tensor_v2", b"_rebuild_tensor_v9"),
    "no list": lambda: pickled([1, 2]),
    "beyond the file": lambda: safetensors({"a": tensor(0, 400, [100])}, bytes(8)),
    "overlap": lambda: safetensors({"a": tensor(0, 8, [2]), "b": tensor(4, 8, [1])}, bytes(8)),
    "hole": lambda: safetensors({"a": tensor(4, 8, [1])}, bytes(8)),
    "longer": lambda: safetensors({"a": tensor(0, 4, [1])}, bytes(8)),
    "negative": lambda: safetensors({"a": tensor(0, 4, [-1, -1])}, bytes(4)),
    "huge header": lambda: safetensors(b"{" + b" " * 10) and _long_header(),
    "unknown dtype": lambda: safetensors({"a": tensor(0, 4, [1], "PICKLE")}, bytes(4)),
    "other names": lambda: safetensors({"a": tensor(0, 4, [1])}, bytes(4)),
    "not JSON": lambda: safetensors(b"{'a': 1}"),
    "list": lambda: safetensors(b'{"a": [1]}'),
}  # fmt: skip


def _long_header():
    with open("bad.safetensors", "wb") as file:
        file.write(struct.pack("<Q", 2**62) + b"{")
    return "bad.safetensors"


@pytest.mark.parametrize("weakness", STATES)
def test_a_state_dict_is_numbers(place, weakness):
    model = small_model()
    before = [weight.tobytes() for weight in model.get_weights()]
    name = STATES[weakness]()
    assert name in refused(lambda: model.load_weights(name))
    assert [weight.tobytes() for weight in model.get_weights()] == before


@pytest.mark.parametrize("ending", [".safetensors", ".pt"])
def test_a_state_dict_goes_there_and_back(place, ending):
    one, other = small_model(), small_model()
    one.save_weights(f"weights{ending}")
    other.load_weights(f"weights{ending}")
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()
    if ending == ".pt":
        theirs = torch.load("weights.pt", weights_only=True)
    else:
        theirs = pytest.importorskip("safetensors.torch").load_file("weights.safetensors")
        pytest.importorskip("safetensors.torch").save_file(theirs, "theirs.safetensors")
        other.load_weights("theirs.safetensors")
    assert {name: tuple(t.shape) for name, t in theirs.items()} == {
        name: tuple(t.shape) for name, t in one.state_dict().items()
    }


# --- other files --------------------------------------------------------------------------------

UNKNOWN = {  # what no reader is tried on in turn, as CVE-2024-37065 and CVE-2025-54886 did
    "a pickle": lambda: pickle.dumps(Runs()),
    "a pickle of old torch": lambda: pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(Runs()),
    "a program": lambda: b"open('marker', 'w')",
    "YAML": lambda: b"!!python/object/apply:os.system [touch marker]",
    "nothing": lambda: b"",
    "the beginning of a zip": lambda: b"PK\x03\x04",
    "the beginning of HDF5": lambda: b"\x89HDF\r\n\x1a\n",
}


@pytest.mark.parametrize("ending", [".h5", ".keras", ".pt", ".weights.h5", ".bin"])
@pytest.mark.parametrize("what", UNKNOWN)
def test_a_file_is_what_its_content_says(place, what, ending):
    name = f"bad{ending}"
    (place / name).write_bytes(UNKNOWN[what]())
    model = small_model()
    assert name in refused(lambda: load_model(name))
    assert name in refused(lambda: model.load_weights(name))
    assert call("inspect", name).status == call("convert", name, "out.h5").status == 2


def test_a_backup_is_no_pickle(place):
    """VU#252619 and CVE-2026-31221."""
    (place / "training_state").write_bytes(pickle.dumps(Runs()))
    model = small_model()
    backup = torchkeras.callbacks.BackupAndRestore(place)
    data = np.zeros((2, 3), "float32"), np.zeros((2, 2), "float32")
    assert "training_state" in refused(lambda: model.fit(*data, verbose=0, callbacks=[backup]))


def test_a_backup_sets_nothing_but_what_it_keeps(place):
    model = small_model()
    data = np.zeros((2, 3), "float32"), np.zeros((2, 2), "float32")
    kept = torchkeras.callbacks.BackupAndRestore(place, delete_checkpoint=False)
    model.fit(*data, verbose=0, callbacks=[kept])
    state = read_state("training_state")
    for one in state["callbacks"]:
        one["state"]["on_epoch_end"] = one["state"]["filepath"] = "marker"
    write_state("training_state", state)
    log = torchkeras.callbacks.EarlyStopping("loss")
    model.fit(*data, epochs=3, verbose=0, callbacks=[log, kept])
    assert callable(log.on_epoch_end) and not hasattr(log, "filepath")


def test_what_edits_files_of_keras_is_absent():
    """CVE-2026-0897 and CVE-2026-9335: there is no second reader that could be less careful."""
    assert not hasattr(torchkeras.saving, "KerasFileEditor")
