"""Files that mean harm or were damaged: an error names the file, and nothing else happens."""

import json
import random
import resource
import time

import h5py
import numpy as np
import pytest

import torchkeras
from torchkeras import layers
from torchkeras.models import load_model
from torchkeras.saving import h5, h5_writer

KERNEL = "model_weights/dense/dense/kernel:0"


@pytest.fixture
def file(tmp_path, monkeypatch):
    """The path of a small saved model, in the current folder."""
    monkeypatch.chdir(tmp_path)
    model = torchkeras.Sequential([layers.Dense(4, input_shape=(3,)), layers.Dense(2)])
    model.compile("adam", "mse")
    model.train_on_batch(np.zeros((2, 3), "float32"), np.zeros((2, 2), "float32"))
    model.save("model.h5")
    return "model.h5"


def replaced(make, name=KERNEL):
    """An attack that puts what `make(group, name)` makes in the place of an array or group."""

    def attack(file):
        folder, last = name.rsplit("/", 1)
        del file[folder][last]
        make(file[folder], last)

    return attack


def link(kind, *where):
    return replaced(lambda group, name: group.__setitem__(name, kind(*where)))


def array(*args, **kwargs):
    return replaced(lambda group, name: group.create_dataset(name, *args, **kwargs))


def virtual(group, name):
    layout = h5py.VirtualLayout((3, 4), "f4")
    layout[:] = h5py.VirtualSource("other.h5", KERNEL, (3, 4))
    group.create_virtual_dataset(name, layout)


def unchecked(file):
    """A file that tells no checksums, as those of Keras."""
    file.attrs.pop("torchkeras_checksums", None)


def configured(change, attribute="model_config"):
    """An attack that changes the JSON of an attribute."""

    def attack(file):
        config = json.loads(file.attrs[attribute])
        change(config)
        unchecked(file)
        del file.attrs[attribute]
        file.attrs[attribute] = json.dumps(config).encode()

    return attack


def dense(**settings):
    """An attack that changes settings of the layer 'dense'."""
    return configured(lambda config: config["config"]["layers"][1]["config"].update(settings))


def appended(entry):
    return configured(lambda config: config["config"]["layers"].append(entry))


def attribute(name, value, path="/"):
    return lambda file: (unchecked(file), file[path].attrs.__setitem__(name, value))


def removed(path):
    return lambda file: (unchecked(file), file.__delitem__(path))


def many_names(file):
    unchecked(file)
    group = file["model_weights"]
    del group.attrs["layer_names"]
    for number in range(30):
        group.attrs[f"layer_names{number}"] = [b"dense"] * 3000


def of_compile(**settings):
    return configured(lambda config: config.update(settings), "training_config")


ATTACKS = {  # name -> what is done to the file, what the error says
    "external link": (link(h5py.ExternalLink, "other.h5", KERNEL), "link"),
    "soft link": (link(h5py.SoftLink, "/model_weights/dense/dense/bias:0"), "link"),
    "external group": (
        replaced(
            lambda g, n: g.__setitem__(n, h5py.ExternalLink("other.h5", "/model_weights/dense")),
            "model_weights/dense",
        ),
        "link",
    ),
    "external storage": (array((3, 4), "f4", external=[("/etc/passwd", 0, 48)]), "another file"),
    "virtual dataset": (replaced(virtual), "another file"),
    "texts for numbers": (array((3, 4), h5py.string_dtype()), "numbers"),
    "complex numbers": (array((3, 4), "c8"), "numbers"),
    "compound": (array((3, 4), [("a", "f4")]), "numbers"),
    "long double": (array((3, 4), np.dtype(np.longdouble)), "type"),
    "lzf": (array(data=np.ones((3, 4), "f4"), compression="lzf"), "gzip"),
    "no values": (array(data=h5py.Empty("f4")), "empty"),
    "wrong shape": (array((3, 5), "f4"), r"layer 'dense'.*kernel.*\(3, 4\).*\(3, 5\)"),
    "huge shape": (array((10**6, 10**6), "f4", chunks=(99, 99)), "declares"),
    "huge contiguous": (array((10**5, 10**5), "f4"), "declares"),
    "huge chunk": (array((3, 4), "f4", chunks=(20000, 20000), maxshape=(None, None)), "chunks"),
    "group for array": (replaced(lambda g, n: g.create_group(n)), "not a dataset"),
    "missing array": (removed(KERNEL), "has no"),
    "missing weights": (removed("model_weights"), "has no"),
    "name twice": (attribute("weight_names", [b"x", b"x"], "model_weights/dense"), "twice"),
    "many names": (many_names, "twice"),
    "parent folder": (attribute("weight_names", [b"../x", b"y"], "model_weights/dense"), "has no"),
    "config bomb": (dense(units=10**8), "'dense' needs"),
    "no JSON": (attribute("model_config", "{"), "JSON"),
    "deep JSON": (attribute("model_config", '{"a":' * 10**5), "JSON"),
    "list": (attribute("model_config", "[]"), "JSON object"),
    "numbers for JSON": (attribute("model_config", np.zeros(4)), "not a text"),
    "no layers": (configured(lambda c: c.update(config=3)), "must be a dictionary"),
    "odd layers": (configured(lambda c: c["config"].update(layers=[3])), "cannot be made"),
    "odd class": (configured(lambda c: c.update(class_name=3)), "class_name"),
    "unknown layer": (
        appended({"class_name": "Nonesuch", "config": {"name": "odd"}}), "'odd'.*'Nonesuch'",
    ),
    "module": (appended({"module": "os", "class_name": "system", "config": "ls"}), "'system'"),
    "utility": (
        dense(kernel_initializer={"module": "keras.utils", "class_name": "get_file", "config": {}}),
        "'dense'.*'get_file'",
    ),
    "function": (
        dense(activation={"module": "os", "class_name": "function", "config": "system"}),
        "'system'",
    ),
    "unknown setting": (dense(surprise=1), "'dense'.*'surprise'"),
    "folder in name": (dense(name="../../x"), r"\.\."),
    "lambda": (
        appended({"class_name": "Lambda", "config": {
            "name": "sneaky", "function_type": "lambda", "function": ["4wEAAAAA", None, None],
        }}), "'sneaky' holds Python code",
    ),
    "new lambda": (
        appended({"module": "keras.layers", "class_name": "Lambda", "config": {
            "name": "sneaky", "function": {"class_name": "__lambda__", "config": {"code": "4wEA"}},
        }}), "holds Python code",
    ),
    "lambda in loss": (of_compile(loss={"class_name": "__lambda__", "config": {}}), "Python code"),
    "unknown loss": (of_compile(loss="nonesuch"), "'nonesuch'"),
    "unknown metric": (of_compile(metrics=["nonesuch"]), "'nonesuch'"),
    "unknown optimizer": (of_compile(optimizer_config={"class_name": "Nonesuch"}), "'Nonesuch'"),
    "no optimizer": (of_compile(optimizer_config=None), "optimizer"),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_refuses(file, name):
    attack, said = ATTACKS[name]
    with h5py.File(file, "r+") as opened:
        attack(opened)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    with pytest.raises(ValueError, match=said) as caught:
        load_model(file)
    assert str(caught.value).startswith(file)
    assert time.perf_counter() - start < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**18  # KiB


@pytest.mark.parametrize("settings", [{"compression": "gzip", "shuffle": True}, {"dtype": "f8"}])
def test_reads_deflated_and_wider_arrays(file, settings):
    values = np.arange(12.0).reshape(3, 4)
    with h5py.File(file, "r+") as opened:
        del opened.attrs["torchkeras_checksums"], opened[KERNEL]
        opened.create_dataset(KERNEL, data=values.astype("f4"), **settings)
    np.testing.assert_array_equal(load_model(file).layers[0].kernel.numpy(), values)


def test_safe_mode_off_says_when_code_is_of_another_python(file):
    with h5py.File(file, "r+") as opened:
        ATTACKS["lambda"][0](opened)
    with pytest.raises(ValueError, match="not of this version of Python.*custom_objects"):
        load_model(file, safe_mode=False)


def test_a_file_cut_anywhere_is_an_error(file):
    with open(file, "rb") as opened:
        whole = opened.read()
    model = load_model(file)
    before = model.get_weights()
    for part in range(50):
        with open("cut.h5", "wb") as opened:
            opened.write(whole[: len(whole) * part // 50])
        for read in (load_model, model.load_weights):
            with pytest.raises((ValueError, OSError), match="cut.h5"):
                read("cut.h5")
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_text_that_is_no_utf8_is_an_error(file):
    with open(file, "rb") as opened:
        content = bytearray(opened.read())
    content[content.index(b'"units"') + 1] |= 0x80
    with open(file, "wb") as opened:
        opened.write(content)
    with pytest.raises(OSError, match=f"{file} is damaged"):
        load_model(file)


def test_a_flipped_bit_is_an_error_or_changes_no_weight(file):
    with open(file, "rb") as opened:
        whole = opened.read()
    expected = load_model(file).get_weights()
    draw = random.Random(0)
    for _ in range(100):
        flipped = bytearray(whole)
        flipped[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        with open("flipped.h5", "wb") as opened:
            opened.write(flipped)
        try:
            found = load_model("flipped.h5").get_weights()
        except (ValueError, OSError) as error:
            assert "flipped.h5" in str(error)
            continue
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("count", [3, 5000])
def test_long_lists_of_names_are_split_and_joined(tmp_path, count):
    names = [f"layer_{number:020}" for number in range(count)]
    with h5_writer.writing(tmp_path / "names.h5") as root:
        root.texts("layer_names", names)
    with h5py.File(tmp_path / "names.h5") as file:
        parts = sum(name.startswith("layer_names") for name in file.attrs)
        assert parts == -(-count * 26 // 64512)
    with h5.reading(str(tmp_path / "names.h5")) as root:
        assert root.texts("layer_names") == names
