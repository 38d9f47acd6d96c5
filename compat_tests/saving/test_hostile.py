"""Hostile files of every format: refused by name, with nothing run, opened, written or reserved.

Each case makes its own harmless attack: what it would run makes a marker file, what it would read
is a decoy. The cases follow the published weaknesses of Keras and its neighbours.
"""

import base64
import io
import json
import marshal
import os
import pickle
import resource
import struct
import sys
import time
import zipfile

import h5py
import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import layers
from torchkeras.models import load_model, model_from_config, model_from_json

DECOY = "decoy-7f3a"


def small_model():
    model = torchkeras.Sequential(
        [layers.Dense(4, input_shape=(3,), name="dense"), layers.Dense(2, name="dense_1")]
    )
    model.compile("adam", "mse")
    model.train_on_batch(np.zeros((2, 3), "float32"), np.zeros((2, 2), "float32"))
    return model


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with good files, a decoy, and nothing named 'marker'."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "decoy.txt").write_text(DECOY)
    with h5py.File("decoy.h5", "w") as file:
        file["secret"] = np.full((3, 4), 7.0, "float32")
        (tmp_path / "decoy.bin").write_bytes(np.full(12, 7.0, "float32").tobytes())
    model = small_model()
    model.save("good.keras")
    model.save("good.h5")
    model.save_weights("good.weights.h5")
    return tmp_path


def refused(act, *errors):
    """`act` fails clearly, soon, in little memory, without a trace; returns what was said."""
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    files = set(os.listdir())
    modules = set(sys.modules)
    with pytest.raises(errors or (ValueError, OSError)) as caught:
        act()
    assert time.perf_counter() - start < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**17  # KiB
    assert set(os.listdir()) == files and not os.path.exists("marker")
    assert not {"antigravity", "this"} & (set(sys.modules) - modules)
    assert DECOY not in str(caught.value) and "7.0, 7.0" not in str(caught.value)
    return str(caught.value)


def archive(change=None, weights=None, name="bad.keras", **zip_options):
    """A copy of the good archive with another config or other weights."""
    with zipfile.ZipFile("good.keras") as good, zipfile.ZipFile(name, "w", **zip_options) as bad:
        for member in good.namelist():
            content = good.read(member)
            if member == "config.json" and change:
                config = json.loads(content)
                config = change(config) or config
                content = json.dumps(config).encode()
            if member == "model.weights.h5" and weights:
                content = inside(content, weights)
            bad.writestr(member, content)
    return name


def inside(content, change):
    buffer = io.BytesIO(content)
    with h5py.File(buffer, "r+") as file:
        change(file)
    return buffer.getvalue()


# --- configs ---------------------------------------------------------------------------------

CODE = base64.b64encode(
    marshal.dumps(compile("open('marker', 'w')", "x", "eval"))
).decode()  # fmt: skip
LAMBDA = {"class_name": "__lambda__", "config": {"code": CODE, "defaults": None, "closure": None}}


def entry(module, class_name, config=None, **more):
    return {"module": module, "class_name": class_name, "config": config or {},
            "registered_name": None, **more}  # fmt: skip


CONFIGS = {  # weakness -> entry of a layer in a model's config
    "CVE-2024-3660 lambda": entry("keras.layers", "Lambda", {"name": "x", "function": LAMBDA}),
    "CVE-2024-3660 old lambda": entry("keras.layers", "Lambda", {
        "name": "x", "function": [CODE, None, None], "function_type": "lambda"}),
    "CVE-2025-1550 any function": entry("os", "function", "system", registered_name="function"),
    "CVE-2025-1550 any class": entry("subprocess", "Popen", {"args": ["touch", "marker"]}),
    "CVE-2025-1550 any module": entry("antigravity", "Layer"),
    "CVE-2025-8747 own functions": entry("keras.utils", "get_file", {
        "fname": "marker", "origin": "file:///etc/hostname"}),
    "CVE-2025-8747 function": entry("builtins", "function", "get_file"),
    "CVE-2025-9906 policy": entry("keras.config", "enable_unsafe_deserialization"),
    "CVE-2025-49655 torch module": entry("keras.layers", "TorchModuleWrapper", {
        "name": "x", "module": base64.b64encode(b"PK").decode()}),
    "CVE-2025-12058 vocabulary path": entry("keras.layers", "StringLookup", {
        "name": "x", "vocabulary": "decoy.txt"}),
    "CVE-2025-12058 integer path": entry("keras.layers", "IntegerLookup", {
        "name": "x", "vocabulary": "decoy.txt"}),
    "CVE-2025-12058 text path": entry("keras.layers", "TextVectorization", {
        "name": "x", "vocabulary": "decoy.txt"}),
    "CVE-2025-12058 url": entry("keras.layers", "StringLookup", {
        "name": "x", "vocabulary": "http://127.0.0.1:9/decoy"}),
    "CVE-2026-1462 saved model path": entry("keras.layers", "TFSMLayer", {
        "name": "x", "filepath": "decoy", "call_endpoint": "serve"}),
    "CVE-2026-12479 name as path": entry("keras.layers", "Dense", {
        "name": "../../marker", "units": 1}),
    "CVE-2026-12479 NUL": entry("keras.layers", "Dense", {"name": "a\0b", "units": 1}),
    "CVE-2026-12481 inner lambda": entry("keras.layers", "TimeDistributed", {
        "name": "t", "layer": entry("keras.layers", "Lambda", {"name": "x", "function": LAMBDA})}),
    "registered_name confusion": entry("builtins", "dict", registered_name="os>system"),
    "config of a wrong type": entry("keras.layers", "Dense", ["name"]),
    "wrapped config of a wrong type": entry("keras.layers", "TimeDistributed", {
        "name": "t", "layer": 7}),
    "operation that is none": entry("keras.src.ops.numpy", "Save", {"name": "x"}),
    "operation that takes functions": entry("keras.src.ops.core", "WhileLoop", {"name": "x"}),
    "a million units": entry("keras.layers", "Dense", {"name": "x", "units": 10**9}),
    "a million units, inside": entry("keras.layers", "TimeDistributed", {
        "name": "t", "layer": entry("keras.layers", "Dense", {"name": "x", "units": 10**9})}),
}  # fmt: skip


@pytest.mark.parametrize("weakness", CONFIGS)
def test_a_config_reaches_nothing(place, weakness):
    bad = CONFIGS[weakness]
    name = archive(lambda config: config["config"]["layers"].append(bad))
    assert refused(lambda: load_model(name), ValueError, TypeError).startswith(name)
    config = json.loads(zipfile.ZipFile(name).read("config.json"))
    with h5py.File("good.h5", "r+") as file:
        described = json.loads(file.attrs["model_config"])
        described["config"]["layers"].append(bad)
        del file.attrs["torchkeras_checksums"]
        file.attrs["model_config"] = json.dumps(described)
    refused(lambda: load_model("good.h5"), ValueError, TypeError)
    if "million" not in weakness:  # nothing says how large a model of one's own may be
        refused(lambda: model_from_config(config), ValueError, TypeError)
        refused(lambda: model_from_json(json.dumps(config)), ValueError, TypeError)


def test_a_top_level_name_reaches_nothing(place):
    for bad in (entry("os", "system", "touch marker"), entry("keras.utils", "get_file")):
        name = archive(lambda config, bad=bad: bad)
        refused(lambda name=name: load_model(name), ValueError, TypeError)
    code = {"loss": LAMBDA}
    name = archive(lambda config: config["compile_config"].update(code))
    assert "Python code" in refused(lambda: load_model(name), ValueError)


def test_unset_safe_mode_refuses(place):
    name = archive(lambda c: c["config"]["layers"].append(CONFIGS["CVE-2024-3660 lambda"]))
    for mode in (True, None, 1, "no"):
        refused(lambda mode=mode: load_model(name, safe_mode=mode), ValueError)
    config = {"class_name": "Lambda", "config": {"function": LAMBDA}}
    refused(lambda: layers.deserialize(config), ValueError, TypeError)
    refused(lambda: layers.Lambda.from_config(config["config"]), ValueError, TypeError)


def test_code_of_another_python_is_an_error_even_then(place):
    code = {**LAMBDA, "config": {**LAMBDA["config"], "code": base64.b64encode(b"\xe3\0").decode()}}
    bad = entry("keras.layers", "Lambda", {"name": "x", "function": code})
    name = archive(lambda config: config["config"]["layers"].append(bad))
    assert "version" in refused(lambda: load_model(name, safe_mode=False), ValueError)


# --- HDF5 inside -----------------------------------------------------------------------------

ARRAY = "layers/dense/vars/0"


def replaced(make, name=ARRAY):
    def attack(file):
        folder, last = name.rsplit("/", 1)
        del file[folder][last]
        make(file[folder], last)

    return attack


def virtual(group, name):
    layout = h5py.VirtualLayout((3, 4), "f4")
    layout[:] = h5py.VirtualSource("decoy.h5", "secret", (3, 4))
    group.create_virtual_dataset(name, layout)


def external(group, name):
    group.create_dataset(name, (3, 4), "f4", external=[("decoy.bin", 0, 48)])


HDF5 = {
    "CVE-2026-1669 external storage": replaced(external),
    "CVE-2026-1669 external link": replaced(
        lambda g, n: g.__setitem__(n, h5py.ExternalLink("decoy.h5", "secret"))),
    "CVE-2026-9335 soft link": replaced(
        lambda g, n: g.__setitem__(n, h5py.SoftLink("/layers/dense_1/vars/0"))),
    "link on the way": replaced(
        lambda g, n: g.__setitem__(n, h5py.ExternalLink("decoy.h5", "/")), "layers/dense"),
    "soft link on the way": replaced(
        lambda g, n: g.__setitem__(n, h5py.SoftLink("/layers/dense_1")), "layers/dense"),
    "CVE-2026-12480 virtual": replaced(virtual),
    "CVE-2026-0897 shape bomb": replaced(
        lambda g, n: g.create_dataset(n, (2**20, 2**20), "f4", chunks=(64, 64))),
    "CVE-2026-12570 gzip bomb": replaced(
        lambda g, n: g.create_dataset(n, (2**14, 2**14), "f4", compression="gzip")),
    "optimizer bomb": replaced(
        lambda g, n: g.create_dataset(n, (2**20, 2**20), "f4", chunks=(64, 64)),
        "optimizer/vars/2"),
    "objects": replaced(lambda g, n: g.create_dataset(n, data=["text"] * 12)),
    "group for array": replaced(lambda g, n: g.create_group(n)),
    "array for group": replaced(lambda g, n: g.create_dataset(n, data=[1.0]), "layers/dense"),
    "missing": lambda file: file.__delitem__(ARRAY),
    "another shape": replaced(lambda g, n: g.create_dataset(n, data=np.zeros((3, 5), "f4"))),
    "changed": lambda file: file[ARRAY].__setitem__((0, 0), 99.0),
}  # fmt: skip


@pytest.mark.parametrize("weakness", HDF5)
def test_weights_come_from_the_file_alone(place, weakness):
    name = archive(weights=HDF5[weakness])
    (place / "bad.weights.h5").write_bytes(
        inside((place / "good.weights.h5").read_bytes(), HDF5[weakness])
    )
    model = small_model()
    before = [w.tobytes() for w in model.get_weights() + model.optimizer.get_weights()]
    assert refused(lambda: load_model(name)).startswith("bad.keras")
    if weakness != "optimizer bomb":  # which weights alone do not set off
        refused(lambda: model.load_weights(name))
        assert refused(lambda: model.load_weights("bad.weights.h5")).startswith("bad.weights.h5")
    after = [w.tobytes() for w in model.get_weights() + model.optimizer.get_weights()]
    assert before == after


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


def test_members_outside_are_never_written(place):
    os.mkdir("deep")
    evil = [("../marker", b"x"), ("/tmp/marker-of-torchkeras", b"x"), ("deep/../../marker", b"x")]
    name = raw(*evil, ("config.json", good("config.json")),
               ("model.weights.h5", good("model.weights.h5")))  # fmt: skip
    assert load_model(name).count_params() == small_model().count_params()
    assert not os.path.exists("marker") and not os.path.exists("../marker")
    assert not os.path.exists("/tmp/marker-of-torchkeras")


# --- state_dicts -----------------------------------------------------------------------------


class Runs:
    def __reduce__(self):
        return (open, ("marker", "w"))


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
