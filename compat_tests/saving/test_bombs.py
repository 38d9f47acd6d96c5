"""Small files that ask for much time or memory: refused, or read, soon and within bounds.

A refusal may take 5 seconds and 128 MB (`checks/hostile.py`).
"""

import json
import os
import pickle
import struct
import zipfile

import h5py
import numpy as np
import pytest
import torch

import torchkeras
from compat_tests.checks.commands import call
from compat_tests.checks.hostile import (
    archive,
    entry,
    layer,
    refused,
    saved_model,
    small_model,
    stack,
)
from torchkeras.models import load_model, model_from_config
from torchkeras.saving.tensorflow import table
from torchkeras.saving.tensorflow.bundle import Bundle
from torchkeras.saving.tensorflow.crc32c import masked
from torchkeras.saving.tensorflow.protobuf import as_varint, encode

LARGE = 10**9

# --- configs that want more than their file has ---------------------------------------------

LAYERS = {  # layer: the shape of its input
    "LSTM": (layer("LSTM", units=20_000), (None, 5, 3)),
    "GRU in a wrapper": (
        layer("Bidirectional", layer=layer("GRU", units=20_000)), (None, 5, 3)),
    "a stack of cells": (
        layer("RNN", cell=layer("StackedRNNCells", cells=[layer("GRUCell", units=20_000)])),
        (None, 5, 3)),
    "Conv2D": (layer("Conv2D", filters=40_000, kernel_size=[200, 200]), (None, 300, 300, 3)),
    "Embedding": (layer("Embedding", input_dim=LARGE, output_dim=1), (None, 3)),
    "EinsumDense": (layer("EinsumDense", equation="ab,bc->ac", output_shape=[LARGE]), (None, 3)),
    "MultiHeadAttention": (
        layer("MultiHeadAttention", num_heads=20_000, key_dim=20_000), (None, 5, 3)),
    "BatchNormalization": (layer("BatchNormalization"), (None, LARGE)),
    "Normalization": (layer("Normalization"), (None, LARGE)),
    "PReLU": (layer("PReLU"), (None, LARGE)),
    "RandomFourierFeatures": (layer("RandomFourierFeatures", output_dim=LARGE), (None, 3)),
    "unknown tokens": (
        layer("StringLookup", num_oov_indices=LARGE, vocabulary=["a"]), (None, 3)),
    "room for tokens": (
        layer("TextVectorization", max_tokens=LARGE, output_mode="multi_hot",
              pad_to_max_tokens=True, vocabulary=["a"]), (None, 1)),
    "LocallyConnected2D": (
        layer("LocallyConnected2D", filters=1, kernel_size=1, implementation=2),
        (None, 10**5, 10**5, 1)),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_that_the_file_has_no_numbers_for(place, name):
    bad, shape = LAYERS[name]
    file = archive(lambda config: stack(bad, shape=shape))
    assert refused(lambda: load_model(file)).startswith(file)


OPERATIONS = {  # function of TensorFlow: its arguments
    "tile": {"multiples": [1, 4 * LARGE]},
    "repeat": {"repeats": 4 * LARGE},
    "pad": {"paddings": [[0, 0], [0, 4 * LARGE]]},
    "broadcast_to": {"shape": [10**6, 10**6, 3]},
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_function_with_a_large_result_is_not_run(place, name):
    """Its shape is found without numbers, or it is refused."""
    start = {**layer("InputLayer", batch_input_shape=[None, 3]), "name": "x", "inbound_nodes": []}
    node = {"class_name": "TFOpLambda", "name": "o", "config": {"name": "o", "function": name},
            "inbound_nodes": [["x", 0, 0, OPERATIONS[name]]]}  # fmt: skip
    inner = {"name": "m", "layers": [start, node], "input_layers": [["x", 0, 0]],
             "output_layers": [["o", 0, 0]]}  # fmt: skip

    def act():
        model_from_config({"class_name": "Functional", "config": inner})
        raise ValueError("made")

    refused(act)


def test_many_layers_take_time_by_their_number(place):
    def act(count):
        many = [layer("Activation", activation="relu") for _ in range(count)]
        for number, one in enumerate(many):
            one["config"]["name"] = f"a{number}"
        assert len(model_from_config(stack(*many)).layers) == count
        raise ValueError("made")

    refused(lambda: act(1500))


def test_models_that_call_each_other_twice(place):
    """Each of 30 calls the one inside twice: 2**30 calls, if they were made one by one."""

    def twice(depth):
        start = {**layer("InputLayer", batch_input_shape=[None, 3]), "inbound_nodes": []}
        start["name"] = start["config"]["name"] = "i"
        if not depth:
            inside = {**layer("Activation", activation="relu"), "name": "x"}
            inside["inbound_nodes"] = [[["i", 0, 0, {}]]]
        else:
            inside = {**twice(depth - 1), "name": "m", "inbound_nodes": [
                [["i", 0, 0, {}]], [["m", 1, 0, {}]]]}  # fmt: skip
            inside["config"]["name"] = "m"
        end = [inside["name"], 2 if depth else 0, 0]
        config = {"name": "top", "layers": [start, inside], "input_layers": [["i", 0, 0]],
                  "output_layers": [end]}  # fmt: skip
        return {"class_name": "Functional", "config": config}

    def act():
        model_from_config(twice(30))
        raise ValueError("made")

    refused(act)


# --- HDF5 -----------------------------------------------------------------------------------

DENSE = 40  # layers, of a million numbers each


def dense_h5(write):
    """A model of large Dense layers, whose arrays `write(group, number)` writes."""
    config = stack(*[layer("Dense", units=1000, use_bias=False) for _ in range(DENSE)],
                   shape=(None, 1000))  # fmt: skip
    for number, one in enumerate(config["config"]["layers"][1:]):
        one["config"]["name"] = f"d{number}"
    with h5py.File("bomb.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = [f"d{number}" for number in range(DENSE)]
        for number in range(DENSE):
            group = weights.create_group(f"d{number}")
            group.attrs["weight_names"] = ["k"]
            write(group, number)
    return "bomb.h5"


def never_written(group, number):
    group.create_dataset("k", (1000, 1000), "f4")


def deflated(group, number):
    group.create_dataset("k", data=np.zeros((1000, 1000), "f4"), compression="gzip")


def one_for_all(group, number):
    if number:
        group["k"] = group.parent["d0/k"]
    else:
        group.create_dataset("k", data=np.ones((1000, 1000), "f4"))


def over_each_other():
    """Arrays of their own whose values are said to be at one place of the file."""
    name = dense_h5(lambda group, number: group.create_dataset(
        "k", data=np.full((1000, 1000), number, "f4")) if number < 3 else never_written(
        group, number))  # fmt: skip
    with h5py.File(name) as file:
        places = [file[f"model_weights/d{i}/k"].id.get_offset() for i in range(3)]
    with open(name, "r+b") as file:
        content = file.read()
        for place in places[1:]:
            content = content.replace(struct.pack("<Q", place), struct.pack("<Q", places[0]))
        file.seek(0)
        file.write(content[: places[1]])
        file.truncate()
    return name


def shared_text():
    """A list of 4000 names that are all the one text of 8 MB."""
    size = 8 * 2**20
    with h5py.File("bomb.h5", "w") as file:
        texts = ["n" * size, *(f"x{number}" for number in range(3999))]
        file.attrs.create("layer_names", texts, dtype=h5py.string_dtype())
    with open("bomb.h5", "rb") as file:
        content = bytearray(file.read())
    at = content.find(struct.pack("<I", size))
    content[at : at + 16 * 4000] = content[at : at + 16] * 4000
    with open("bomb.h5", "wb") as file:
        file.write(content)
    return "bomb.h5"


HDF5 = {
    "arrays that were never written": lambda: dense_h5(never_written),
    "arrays of zeros, deflated": lambda: dense_h5(deflated),
    "one array under many names": lambda: dense_h5(one_for_all),
    "arrays over each other": over_each_other,
    "texts at one place": shared_text,
}


@pytest.mark.parametrize("name", HDF5)
def test_hdf5_is_held_to_its_bytes(place, name):
    file = HDF5[name]()
    model = small_model()
    load = model.load_weights if name == "texts at one place" else load_model

    def tell():
        told = call("inspect", file)
        raise ValueError(told.out + told.err)

    assert refused(lambda: load(file)).startswith(file)
    refused(lambda: tell_shortly(tell))


def tell_shortly(tell):
    try:
        tell()
    except ValueError as told:
        raise ValueError(str(told)[:2000]) from None


# --- checkpoints ----------------------------------------------------------------------------


def table_of(blocks, order):
    """An index whose list of blocks names them in any order."""
    out, handles = bytearray(), []

    def append(content):
        content = bytes(content) + (0).to_bytes(4, "little") + (1).to_bytes(4, "little")
        handles.append(as_varint(len(out)) + as_varint(len(content)))
        out.extend(content + b"\0" + masked(content + b"\0").to_bytes(4, "little"))

    for block in blocks:
        append(block)
    entries = bytearray()
    for number, which in enumerate(order):
        key = b"%08d" % number
        entries += as_varint(0) + as_varint(8) + as_varint(len(handles[which])) + key
        entries += handles[which]
    append(entries)
    footer = (as_varint(0) + as_varint(0) + handles[-1]).ljust(40, b"\0")
    return bytes(out + footer + table._MAGIC)


def long_keys():
    entries = (as_varint(n) + as_varint(1) + as_varint(0) + b"a" for n in range(100_000))
    return table_of([b"".join(entries)], [0])


def repeated_keys():
    """Keys of 4000 bytes, of which each repeats the one before but for its end."""
    first = as_varint(0) + as_varint(4000) + as_varint(0) + b"a" * 4000
    rest = (as_varint(3997) + as_varint(3) + as_varint(0) + n.to_bytes(3, "big")
            for n in range(7 * 2**20, 7 * 2**20 + 100_000))  # fmt: skip
    return table_of([first + b"".join(rest)], [0])


def blocks_over_each_other():
    entries = (as_varint(0) + as_varint(8) + as_varint(0) + b"%08d" % n for n in range(10_000))
    return table_of([b"".join(entries)], [0] * 10_000)


def compressed():
    data = bytearray(table_of([b""], [0]))
    data[8] = 1
    data[9:13] = masked(bytes(data[:9])).to_bytes(4, "little")
    return bytes(data)


INDEXES = {
    "keys that grow": long_keys,
    "keys that repeat": repeated_keys,
    "blocks over each other": blocks_over_each_other,
    "a block that is compressed": compressed,
    "a block beyond the end": lambda: table_of([b""], [0])[:-48] + (
        as_varint(0) + as_varint(0) + as_varint(2**62) + as_varint(2**62)
    ).ljust(40, b"\0") + table._MAGIC,
}  # fmt: skip


@pytest.mark.parametrize("name", INDEXES)
def test_an_index_is_held_to_its_bytes(place, name):
    data = INDEXES[name]()
    assert len(data) < 2**20
    (place / "bomb.index").write_bytes(data)
    (place / "bomb.data-00000-of-00001").write_bytes(b"")
    model = small_model()
    assert "bomb" in refused(lambda: model.load_weights("bomb"))
    assert call("inspect", "bomb").status == 2


def rewritten(change):
    """The good checkpoint with other entries in its index."""
    bundle = Bundle("checkpoints/good")
    raw = {**bundle._raw, "": encode((1, 1), (3, encode((1, 1))))}
    entries = {key.encode(): bytes(value) for key, value in raw.items()}
    change(entries)
    with open("checkpoints/good.index", "wb") as file:
        file.write(table.write(sorted(entries.items())))
    return "checkpoints/good"


KERNEL = b"layer_with_weights-0/kernel/.ATTRIBUTES/VARIABLE_VALUE"
GRAPH = b"_CHECKPOINTABLE_OBJECT_GRAPH"
SHAPE = encode((2, encode((1, 3))), (2, encode((1, 4))))
ENTRIES = {
    "beyond the file": (KERNEL, encode((1, 1), (2, SHAPE), (4, 2**40), (5, 48))),
    "before the file": (KERNEL, encode((1, 1), (2, SHAPE), (4, -48), (5, 48))),
    "of another size": (KERNEL, encode((1, 1), (2, SHAPE), (5, 2**40))),
    "of a file that is not there": (KERNEL, encode((1, 1), (2, SHAPE), (3, 9), (5, 48))),
    "of a negative shape": (KERNEL, encode((1, 1), (2, encode((2, encode((1, -1))))), (5, 4))),
    "of texts": (KERNEL, encode((1, 7), (2, SHAPE), (5, 48))),
    "in slices": (KERNEL, encode((1, 1), (2, SHAPE), (5, 48), (7, b""))),
    "a graph of many texts": (GRAPH, encode((1, 7), (2, encode((2, encode((1, 2**40))))), (5, 48))),
    "a graph beyond the file": (GRAPH, encode((1, 7), (4, 2**40), (5, 2**27))),
    "many files": (b"", encode((1, 2**40), (3, encode((1, 1))))),
}


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_is_held_to_the_files(place, name):
    key, value = ENTRIES[name]
    prefix = rewritten(lambda entries: entries.update({key: value}))
    model = small_model()
    before = [weight.tobytes() for weight in model.get_weights()]
    assert prefix in refused(lambda: model.load_weights(prefix))
    assert [weight.tobytes() for weight in model.get_weights()] == before


def test_a_saved_model_is_held_to_its_variables(place):
    """Its index says that a variable is large, its config that a layer is."""

    def widen(described):
        for one in described["config"]["layers"]:
            if one["config"]["name"] == "dense":
                one["config"]["units"] = LARGE

    name = saved_model(widen)
    os.makedirs("checkpoints", exist_ok=True)
    for ending in (".index", ".data-00000-of-00001"):
        os.replace(f"{name}/variables/variables{ending}", f"checkpoints/good{ending}")
    shape = encode((2, encode((1, 2**40))))
    rewritten(lambda entries: entries.update({b"zzz": encode((1, 1), (2, shape), (5, 2**42))}))
    for ending in (".index", ".data-00000-of-00001"):
        os.replace(f"checkpoints/good{ending}", f"{name}/variables/variables{ending}")
    assert refused(lambda: load_model(name)).startswith(name)


def test_the_newest_checkpoint_is_in_its_folder(place):
    (place / "folder").mkdir()
    for said in ("../checkpoints/good", str(place / "checkpoints" / "good")):
        (place / "folder" / "checkpoint").write_text(f'model_checkpoint_path: "{said}"\n')
        refused(lambda: torchkeras.saving.tensorflow.checkpoint.latest("folder"))
        assert call("inspect", "folder").status == 2


# --- archives and state_dicts ---------------------------------------------------------------


def in_each_other(name, members, last):
    """A zip whose members lie in each other: the content of each begins with the next one."""
    tail = b""
    rows = []
    for number in reversed(range(members)):
        member = last if number == members - 1 else f"m{number:05d}"
        info = zipfile.ZipInfo(member)
        info.file_size = info.compress_size = len(tail)
        info.CRC = zipfile.crc32(tail)
        tail = info.FileHeader() + tail
        rows.append((info, len(tail)))
    with open(name, "wb") as file, zipfile.ZipFile(file, "w") as out:
        file.write(tail)
        out.start_dir = file.tell()
        for info, length in rows:
            info.header_offset = len(tail) - length
            out.filelist.append(info)
            out.NameToInfo[info.filename] = info
        out._didModify = True
    return name


def test_members_in_each_other(place):
    name = in_each_other("bomb.keras", 3000, "config.json")
    assert "in each other" in refused(lambda: load_model(name))
    name = in_each_other("bomb.pt", 3000, "x/data.pkl")
    model = small_model()
    assert name in refused(lambda: model.load_weights(name))


def pickled(content):
    with zipfile.ZipFile("bomb.pt", "w") as file:
        file.writestr("bomb/data.pkl", content)
    return "bomb.pt"


def shared_storage():
    whole = torch.zeros(10**6)
    torch.save({f"k{number}": whole[:] for number in range(2000)}, "bomb.pt")
    return "bomb.pt"


TUPLES = b"\x80\x02})" + b"2\x86" * 60  # a tuple of the one before, twice, 60 times over
PICKLES = {
    "a name that is hashed for ever": lambda: pickled(TUPLES + b"K\x01s."),
    "names that are hashed for ever": lambda: pickled(b"\x80\x02}(" + TUPLES[3:] + b"K\x01u."),
    "a byte array": lambda: pickled(b"\x80\x05\x96" + struct.pack("<Q", 2**36) + b"."),
    "a frame": lambda: pickled(b"\x80\x05\x95" + struct.pack("<Q", 2**36) + b"."),
    "a long number": lambda: pickled(b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"."),
    "a number in digits": lambda: pickled(b"I" + b"9" * 10**6 + b"\n."),
    "a place in the memo": lambda: pickled(b"\x80\x02}r" + struct.pack("<I", 2**32 - 1) + b"."),
    "tensors of one storage": shared_storage,
    "a class that is changed": lambda: pickled(
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nN}X\x05\0\0\0reachK\x01s\x86b."),
    "a function that is changed": lambda: pickled(
        b"\x80\x02ctorch._utils\n_rebuild_parameter\n}X\x05\0\0\0reachK\x01sb."),
    "its own names": lambda: pickled(pickle.dumps({("a",): 1}, 2)),
}  # fmt: skip


@pytest.mark.parametrize("name", PICKLES)
def test_a_pickle_is_held_to_its_bytes(place, name):
    file, model = PICKLES[name](), small_model()
    assert refused(lambda: model.load_weights(file)).startswith(file)
    model.load_weights("good.pt")  # nothing was left behind


def safetensors(**entries):
    header = {name: {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}
              for name, shape in entries.items()}  # fmt: skip
    text = json.dumps(header).encode()
    with open("bomb.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
    return "bomb.safetensors"


HEADERS = {
    "nothing of a huge shape": {"a": [0, 2**62, 2**62]},
    "a size beyond 64 bits": {"a": [0, 2**70]},
    "more axes than torch has": {"a": [0] * 10_000},
    "many tensors": {f"name{number}": [0] for number in range(50_000)},
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_is_held_to_its_bytes(place, name):
    file, model = safetensors(**HEADERS[name]), small_model()
    assert refused(lambda: model.load_weights(file)).startswith(file)
    assert call("inspect", file).status in (0, 2)


def test_checksums_that_are_none(place):
    for told in ("[[1, 2]]", "[1]", "7", "null", '{"/x": null}', '{"/x": 1.5}', "[" * 10**5):
        with h5py.File("good.h5", "r+") as file:
            file.attrs["torchkeras_checksums"] = told
        assert "damaged" in refused(lambda: load_model("good.h5"))


def test_names_are_no_path_of_code(place):
    """What stands in a name stays a name in the Python file that is written from a model."""
    evil = 'x"""; open("marker", "w"); """'
    for bad in (stack(layer("Dense", units=2) | {"config": {"name": evil, "units": 2}}),
                entry("keras", "Sequential", {**stack(layer("Dense", units=2))["config"],
                                              "name": evil})):  # fmt: skip
        model = model_from_config(bad)
        model.to_torch_source(place / "model.py")
        names = {}
        exec(compile((place / "model.py").read_text(), "model.py", "exec"),
             {"__name__": "model", "__file__": str(place / "model.py")}, names)  # fmt: skip
        assert not (place / "marker").exists()
