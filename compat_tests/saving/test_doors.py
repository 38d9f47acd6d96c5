"""Hostile configs through every door that takes one: nothing is run, opened or written.

A door is a way from a config to a model or layer: files of each format, JSON, `from_config`,
`deserialize`, `clone_model`, and the console commands.
"""

import json
import zipfile

import pytest

import torchkeras
from compat_tests.checks.commands import call
from compat_tests.checks.hostile import (
    CODE,
    DECOY,
    LAMBDA,
    archive,
    entry,
    hdf5,
    layer,
    refused,
    saved_model,
    stack,
)
from compat_tests.processes import check_python
from torchkeras import layers, losses, metrics, optimizers
from torchkeras.models import clone_model, load_model, model_from_config, model_from_json
from torchkeras.saving import deserialize_keras_object

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
        "name": "x", "module": CODE}),
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
    "a7316d5128 registered_name confusion": entry("builtins", "dict", registered_name="os>system"),
    "341ab04b1b config of a wrong type": entry("keras.layers", "Dense", ["name"]),
    "341ab04b1b wrapped config of a wrong type": entry("keras.layers", "TimeDistributed", {
        "name": "t", "layer": 7}),
    "operation that is none": entry("keras.src.ops.numpy", "Save", {"name": "x"}),
    "operation that takes functions": entry("keras.src.ops.core", "WhileLoop", {"name": "x"}),
    "CVE-2026-12484 torch module": entry("keras.layers", "TorchModuleWrapper", {
        "name": "x", "module": {"class_name": "__bytes__", "value": CODE}}),
    "CVE-2025-1550 registered name": entry("keras.layers", "Dense", {"units": 1},
        registered_name="subprocess>Popen") | {"class_name": "Popen"},
    "CVE-2025-1550 as an initializer": layer("Dense", units=1, kernel_initializer=entry(
        "os", "system", {"command": "touch marker"})),
    "CVE-2025-1550 as an activation": layer("Dense", units=1, activation=entry(
        "builtins", "function", "system", registered_name="function")),
    "CVE-2025-1550 as a regularizer": layer("Dense", units=1, kernel_regularizer="os.system"),
    "CVE-2025-1550 as a policy": layer("Dense", units=1, dtype=entry("os", "system")),
    "CVE-2025-12058 in a wrapper": layer("TimeDistributed", layer=layer(
        "StringLookup", vocabulary="decoy.txt")),
    "CVE-2025-12058 in a FeatureSpace": layer("FeatureSpace", features={"a": entry(
        "keras.src.utils.feature_space", "Feature", {"dtype": "string", "output_mode": "int",
        "preprocessor": layer("StringLookup", vocabulary="decoy.txt")})}),
    "CVE-2025-12058 inverse frequencies": layer(
        "TextVectorization", vocabulary="decoy.txt", output_mode="tf_idf", idf_weights=[1.0]),
    "TensorFlow function that reads": layer("TFOpLambda", function="io.read_file"),
    "TensorFlow node that reads": layer("TensorFlowOpLayer", node_def=json.dumps(
        {"name": "r", "op": "ReadFile", "input": ["f"]}), constants={"0": "decoy.txt"}),
    "function of Python": layer("Lambda", function="open", function_type="function",
        module="builtins"),
    "operation by an attribute": layer("KerasOperation", function="__builtins__"),
    "name with control characters": layer("Dense", units=1) | {
        "config": {"name": "a\x1b[2J", "units": 1}},
    "name that never ends": layer("Dense", units=1) | {
        "config": {"name": "n" * 10**6, "units": 1}},
    "class that never ends": layer("D" * 10**6),
    "a million units": entry("keras.layers", "Dense", {"name": "x", "units": 10**9}),
    "a million units, inside": entry("keras.layers", "TimeDistributed", {
        "name": "t", "layer": entry("keras.layers", "Dense", {"name": "x", "units": 10**9})}),
}  # fmt: skip
# which a config that is no file may have
_IN_FILES = ("a million units", "a million units, inside", "name that never ends")
_REFUSALS = (ValueError, TypeError, NotImplementedError)


def added(bad):
    """A change of a model's config: one more layer."""
    return lambda config: config["config"]["layers"].append(bad)


def described(bad):
    """The config of a model with the layer."""
    return json.loads(json.dumps(stack(bad)))


FILES = {
    ".keras": lambda bad: archive(added(bad)),
    ".h5": lambda bad: hdf5(added(bad)),
    "SavedModel": lambda bad: saved_model(added(bad)),
}
CONFIG_DOORS = {
    "model_from_json": lambda bad: model_from_json(json.dumps(described(bad))),
    "model_from_config": lambda bad: model_from_config(described(bad)),
    "Sequential.from_config": lambda bad: torchkeras.Sequential.from_config(
        described(bad)["config"]),
    "layers.deserialize": lambda bad: layers.deserialize(bad),
    "layers.deserialize of a model": lambda bad: layers.deserialize(described(bad)),
    "deserialize_keras_object": lambda bad: deserialize_keras_object(described(bad)),
    "from_config of the layer": lambda bad: layer_of(bad),
}  # fmt: skip


def layer_of(bad):
    """What `layers.NAME.from_config` makes of the entry, where there is such a class."""
    found = getattr(layers, bad["class_name"], None)
    if found is None or bad["module"] != "keras.layers":
        raise ValueError("there is no such layer")
    return found.from_config(bad["config"])(layers.Input((3,)))


@pytest.mark.parametrize("weakness", CONFIGS)
def test_a_config_in_a_file_reaches_nothing(place, weakness):
    for kind, write in FILES.items():
        name = write(CONFIGS[weakness])
        said = refused(lambda name=name: load_model(name), ValueError, TypeError)
        assert said.startswith(name), kind
        for command in (("inspect", name), ("convert", name, "out.h5"), ("compare", name, name)):
            told = call(*command)
            assert (told.status == 2) or command[0] == "inspect", (command, told)
            assert DECOY not in told.out + told.err and "\x1b" not in told.out + told.err
            assert not (place / "out.h5").exists() and not (place / "marker").exists()


@pytest.mark.parametrize("door", CONFIG_DOORS)
@pytest.mark.parametrize("weakness", [name for name in CONFIGS if name not in _IN_FILES])
def test_a_config_reaches_nothing(place, weakness, door):
    refused(lambda: CONFIG_DOORS[door](CONFIGS[weakness]), *_REFUSALS)


TOPS = {  # the whole config of a file
    "a function": entry("os", "system", "touch marker"),
    "a function of the library": entry("keras.utils", "get_file"),
    "a list": [],
    "a layer of code": layer("Lambda", function=LAMBDA),
    "no class": {"config": {}},
}


@pytest.mark.parametrize("top", TOPS)
def test_a_top_level_name_reaches_nothing(place, top):
    name = archive(lambda config: TOPS[top] or {"class_name": None})
    refused(lambda: load_model(name), ValueError, TypeError)
    assert call("convert", name, "out.h5").status == 2


COMPILED = {  # what `compile` is said to have been given
    "code as a loss": {"loss": LAMBDA},
    "code as a metric": {"metrics": [[LAMBDA]]},
    "a function as a loss": {"loss": entry("builtins", "function", "system")},
    "a class as an optimizer": {"optimizer": entry("subprocess", "Popen", {"args": "x"})},
    "a schedule": {"optimizer": entry("keras.optimizers", "Adam", {
        "learning_rate": entry("os", "system", {"command": "touch marker"})})},
    "a metric of another module": {"metrics": [entry("os", "system", "touch marker")]},
    "an optimizer of the wrong type": {"optimizer": 3},
}  # fmt: skip


@pytest.mark.parametrize("what", COMPILED)
def test_what_compile_was_given_reaches_nothing(place, what):
    name = archive(lambda config: config["compile_config"].update(COMPILED[what]))
    assert refused(lambda: load_model(name), ValueError).startswith(name)
    assert load_model(name, compile=False).count_params() == 26


OTHER_DOORS = {
    "optimizers.deserialize": lambda bad: optimizers.deserialize(bad),
    "optimizers.get": lambda bad: optimizers.get(bad),
    "losses.deserialize": lambda bad: losses.deserialize(bad),
    "losses.get": lambda bad: losses.get(bad),
    "metrics.deserialize": lambda bad: metrics.deserialize(bad),
    "metrics.get": lambda bad: metrics.get(bad),
    "initializers.get": lambda bad: torchkeras.initializers.get(bad),
    "regularizers.get": lambda bad: torchkeras.regularizers.get(bad),
    "constraints.get": lambda bad: torchkeras.constraints.get(bad),
    "activations.get": lambda bad: torchkeras.activations.get(bad),
    "activations.deserialize": lambda bad: torchkeras.activations.deserialize(bad),
}
NAMES = ["os.system", entry("os", "system", {"command": "touch marker"}),
         entry("builtins", "function", "eval"), LAMBDA]  # fmt: skip


@pytest.mark.parametrize("door", OTHER_DOORS)
def test_names_of_other_objects_reach_nothing(place, door):
    for bad in NAMES:
        refused(lambda bad=bad: OTHER_DOORS[door](bad), ValueError, TypeError)


def test_unset_safe_mode_refuses(place):
    """CVE-2025-9905 and CVE-2026-12481: in all formats only `safe_mode=False` opens."""
    for write in FILES.values():
        name = write(CONFIGS["CVE-2024-3660 lambda"])
        for mode in (True, None, 1, 0, "no"):
            refused(lambda mode=mode, name=name: load_model(name, safe_mode=mode), ValueError)


def test_a_file_cannot_open_the_door(place):
    """CVE-2025-9906: what one file says holds for no other."""
    name = archive(lambda config: config.update(safe_mode=False))
    load_model(name)
    name = archive(added(CONFIGS["CVE-2024-3660 lambda"]))
    refused(lambda: load_model(name), ValueError)
    with pytest.raises(AttributeError):
        torchkeras.config.enable_unsafe_deserialization()


def test_clone_model_decodes_nothing(place):
    """CVE-2026-12481."""
    model = torchkeras.Sequential([layers.Input((3,)), layers.Lambda(lambda x: x, name="x")])
    model.layers[0].get_config = lambda: {"name": "x", "function": LAMBDA}
    refused(lambda: clone_model(model), ValueError, TypeError)


def test_code_of_another_python_is_an_error_even_then(place):
    code = {**LAMBDA, "config": {**LAMBDA["config"], "code": "4wA="}}
    name = archive(added(layer("Lambda", function=code)))
    assert "version" in refused(lambda: load_model(name, safe_mode=False), ValueError)


def test_yaml_is_never_read(place):
    """CVE-2021-37678."""
    for door in (torchkeras.models.model_from_yaml, torchkeras.Sequential.from_config):
        refused(lambda door=door: door("!!python/object/apply:os.system [touch marker]"),
                RuntimeError, ValueError, TypeError)  # fmt: skip


def test_the_shim_has_the_same_doors(tmp_path):
    names = ("models.load_model", "models.model_from_json", "layers.deserialize",
             "utils.get_file", "models.clone_model", "saving.deserialize_keras_object")  # fmt: skip
    code = "import torchkeras, importlib; importlib.import_module('torchkeras.shim').install()\n"
    code += "import keras, tensorflow\nfrom operator import attrgetter as get\n"
    code += f"for name in {names}:\n assert get(name)(keras) is get(name)(torchkeras), name\n"
    code += "assert tensorflow.keras.models.load_model is torchkeras.models.load_model\n"
    check_python("-c", code, cwd=tmp_path)


def test_members_outside_are_never_written(place):
    (place / "deep").mkdir()
    with zipfile.ZipFile("good.keras") as good, zipfile.ZipFile("bad.keras", "w") as bad:
        for name in ("../marker", "/tmp/marker-of-torchkeras", "deep/../../marker"):
            bad.writestr(name, b"x")
        for member in good.namelist():
            bad.writestr(member, good.read(member))
    assert load_model("bad.keras").count_params() == 26
    assert not (place / "marker").exists() and not (place.parent / "marker").exists()
