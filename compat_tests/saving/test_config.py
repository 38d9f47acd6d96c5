"""Configs and JSON of models, in the spelling of every Keras 2."""

import json

import numpy as np
import pytest
import torch

import torchkeras
from compat_tests import oracle
from compat_tests.checks.files import MODELS, of_2_15
from torchkeras import layers
from torchkeras.models import (
    load_model,
    model_from_config,
    model_from_json,
    model_from_yaml,
)


def without_builds(config):
    """A config without `build_config`, which nothing reads but the new format's own loader."""
    if isinstance(config, dict):
        return {k: without_builds(v) for k, v in config.items() if k != "build_config"}
    return [without_builds(item) for item in config] if isinstance(config, list) else config


@pytest.mark.parametrize("case", MODELS)
def test_json_goes_both_ways(case):
    build = MODELS[case][0]

    def describe(keras):
        keras.backend.clear_session()
        return build(keras).to_json()

    theirs, ours = oracle.ask(describe), describe(torchkeras)
    expected = of_2_15(without_builds(json.loads(theirs)))
    assert expected.pop("keras_version") and json.loads(ours)["keras_version"] == "2.15.0"
    found = json.loads(ours)
    assert found.pop("keras_version")
    assert found == expected
    assert json.loads(model_from_json(theirs).to_json())["config"] == expected["config"]
    shapes = oracle.ask(
        lambda keras: [w.shape for w in keras.models.model_from_json(ours).get_weights()]
    )
    assert [list(w.shape) for w in model_from_json(ours).weights] == [list(s) for s in shapes]


class Placed(layers.Layer):
    """A layer of one's own whose settings have names that layers of Keras 1 had."""

    def __init__(self, input_dim, mode="add", bias=True, init="uniform", **kwargs):
        super().__init__(**kwargs)
        self.input_dim, self.mode, self.bias, self.init = input_dim, mode, bias, init

    def call(self, inputs):
        return inputs


def test_words_of_keras_1_in_other_objects_stay():
    dense = layers.Dense(2, kernel_regularizer=torchkeras.regularizers.OrthogonalRegularizer(0.1))
    model = torchkeras.Sequential([layers.Input((3,)), Placed(7, init="zero"), dense])
    read = model_from_json(model.to_json(), {"Placed": Placed})
    assert read.get_config() == model.get_config()
    assert (read.layers[0].input_dim, read.layers[0].init) == (7, "zero")


@pytest.mark.parametrize("kind", ["Orthogonal", "Identity"])
def test_names_of_early_keras_3(kind):
    model = torchkeras.Sequential([layers.Dense(2, input_shape=(3,), kernel_initializer=kind)])
    text = model.to_json().replace(f'"{kind}"', f'"{kind}Initializer"')
    assert f"{kind}Initializer" in text
    assert model_from_json(text).get_config() == model.get_config()


def test_a_json_text_that_was_dumped_is_read():
    model = torchkeras.Sequential([layers.Dense(2, input_shape=(3,))])
    assert model_from_json(json.dumps(model.to_json())).get_config() == model.get_config()


def sequential(*entries, **more):
    return {
        "class_name": "Sequential",
        "config": {"name": "model", "layers": list(entries)},
        **more,
    }


def dense(**settings):
    config = {"name": "dense", "units": 2, "batch_input_shape": [None, 3], **settings}
    return {"class_name": "Dense", "config": config}


GRU = {"name": "gru", "units": 2, "batch_input_shape": [None, 4, 3]}
OLD = {  # name -> config, what is asked of the model
    "list of layers": (
        {"class_name": "Sequential", "config": [dense()]},
        lambda model: model.output_shape == (None, 2),
    ),
    "initializer with a dtype": (
        sequential(
            dense(kernel_initializer={"class_name": "Ones", "config": {"dtype": "float32"}})
        ),
        lambda model: (model.layers[0].kernel.numpy() == 1).all(),
    ),
    "initializers of version 1": (
        sequential(
            dense(kernel_initializer={
                "class_name": "RandomUniform", "config": {"minval": 5, "maxval": 6},
            })
        ),
        lambda model: (model.layers[0].kernel.numpy() >= 5).all(),
    ),
    "array": (
        sequential(
            dense(),
            {"class_name": "LeakyReLU", "config": {
                "name": "leaky", "alpha": {"type": "ndarray", "value": 0.25},
            }},
        ),
        lambda model: model.layers[1].alpha == 0.25,
    ),
    "tuple": (
        sequential(dense(batch_input_shape={"class_name": "__tuple__", "items": [None, 3]})),
        lambda model: model.input_shape == (None, 3),
    ),
    "TensorShape": (
        sequential(dense(batch_input_shape={"class_name": "TensorShape", "items": [None, 3]})),
        lambda model: model.input_shape == (None, 3),
    ),
    "policy": (
        sequential(dense(dtype={"class_name": "Policy", "config": {"name": "float64"}})),
        lambda model: model.layers[0].dtype == "float64",
    ),
    "BatchNormalizationV1": (
        sequential(dense(), {"class_name": "BatchNormalizationV1", "config": {"name": "bn"}}),
        lambda model: type(model.layers[1]) is layers.BatchNormalization,
    ),
    "GRU without reset_after": (
        sequential({"class_name": "GRU", "config": GRU}),
        lambda model: model.layers[0].reset_after is False,
    ),
    "GRU with reset_after": (
        sequential({"class_name": "GRU", "config": {**GRU, "reset_after": True}}),
        lambda model: model.layers[0].reset_after is True,
    ),
    "Model": (
        {"class_name": "Model", "config": {
            "name": "old",
            "layers": [
                {"class_name": "InputLayer", "name": "x", "inbound_nodes": [], "config": {
                    "batch_input_shape": [None, 3], "dtype": "float32", "name": "x",
                }},
                {"class_name": "Dense", "name": "d", "inbound_nodes": [[["x", 0, 0]]], "config": {
                    "units": 2,
                }},
            ],
            "input_layers": [["x", 0, 0]], "output_layers": [["d", 0, 0]],
        }},
        lambda model: model.name == "old" and model.layers[1].name == "d",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OLD)
def test_old_spellings_are_read(name):
    config, holds = OLD[name]
    assert holds(model_from_config(config))


def test_what_is_no_config_is_refused():
    with pytest.raises(TypeError, match="Sequential.from_config"):
        model_from_config([dense()])
    with pytest.raises(ValueError, match="class_name"):
        model_from_config({})
    with pytest.raises(ValueError, match="JSON"):
        model_from_json("text")
    with pytest.raises(RuntimeError, match="to_json"):
        model_from_yaml("text")
    with pytest.raises(ValueError, match="'odd'.*'Nonesuch'"):
        model_from_config(sequential({"class_name": "Nonesuch", "config": {"name": "odd"}}))
    settings = {"name": "sneaky", "function_type": "lambda", "function": ["4wAA", None, None]}
    code = {"class_name": "Lambda", "config": settings}
    for read in (model_from_config, lambda config: model_from_json(json.dumps(config))):
        with pytest.raises(ValueError, match="'sneaky' holds Python code"):
            read(sequential(dense(), code))


def test_a_function_takes_the_place_of_code():
    """Code that cannot be read; the user gives the function by the layer's name."""
    settings = {"name": "double", "function_type": "lambda", "output_shape_type": "lambda"}
    config = {**settings, "function": ["4wAA", None, None], "output_shape": ["4wAA", None, None]}
    text = json.dumps(sequential(dense(), {"class_name": "Lambda", "config": config}))
    own = {"double": lambda x, by=2.0: x * by}
    model = model_from_json(text, own)
    x = np.ones((1, 3), "float32")
    inner = model.layers[0](x).detach()
    np.testing.assert_array_equal(model.predict(x, verbose=0), 2 * inner)
    with pytest.raises(ValueError, match="function in custom_objects under the name of the layer"):
        model_from_json(text)


class Scaled(layers.Layer):
    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor

    def get_config(self):
        return {**super().get_config(), "factor": np.float32(self.factor)}


def near(y_true, y_pred):
    return (y_true - y_pred).abs().mean(-1)


@pytest.mark.parametrize("how", ["argument", "scope", "registered"])
def test_own_layers_losses_and_metrics(tmp_path, how):
    path = str(tmp_path / "model.h5")
    own = {"Scaled": Scaled, "near": near}
    model = torchkeras.Sequential([layers.Dense(2, input_shape=(3,)), Scaled(3.0)])
    model.compile("sgd", loss=near, metrics=[near])
    model.save(path)
    with pytest.raises(ValueError, match=r"model.h5: layer 'scaled'.*'Scaled'.*custom_objects"):
        load_model(path)
    with pytest.raises(ValueError, match="'near'.*custom_objects"):
        load_model(path, {"Scaled": Scaled})
    if how == "argument":
        found = load_model(path, own)
    else:
        if how == "scope":
            scope = torchkeras.saving.custom_object_scope(own)
            with scope:
                found = load_model(path)
        else:
            objects = torchkeras.saving.get_custom_objects()
            objects.update(own)
            try:
                found = load_model(path)
            finally:
                for name in own:
                    del objects[name]
    x, y = np.ones((4, 3), "float32"), np.zeros((4, 2), "float32")
    assert found.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    assert torch.equal(found(torch.ones(2, 3)), model(torch.ones(2, 3)))


def test_formats_that_are_not_known_say_so(tmp_path):
    model = torchkeras.Sequential([layers.Dense(2, input_shape=(3,))])
    with pytest.raises(ValueError, match="'other'.*[.]keras or [.]h5"):
        model.save(tmp_path / "model", save_format="other")
    with pytest.raises(ValueError, match="'other'.*[.]weights[.]h5.*[.]safetensors"):
        model.save_weights(tmp_path / "model", save_format="other")
    with pytest.raises(ValueError, match="signatures.*SavedModel"):
        model.save(tmp_path / "model.h5", signatures=1)
    with pytest.raises(ValueError, match="save_weights"):
        model.save(tmp_path / "model.safetensors")
    (tmp_path / "model.keras").write_bytes(b"PK\x03\x04")
    (tmp_path / "text.h5").write_text("text")
    for read in (load_model, model.load_weights):
        with pytest.raises(OSError, match="model.keras: the archive cannot be read"):
            read(tmp_path / "model.keras")
    for name, said in (("text.h5", "no file of Keras"), (".", "a folder")):
        for read in (load_model, model.load_weights):
            with pytest.raises(ValueError, match=f"{said}.*HDF5.*[.]keras"):
                read(tmp_path / name)
    for read in (load_model, model.load_weights):
        with pytest.raises(FileNotFoundError, match="nothing.h5"):
            read(tmp_path / "nothing.h5")
    model.save(tmp_path / "model", save_format="h5")
    assert load_model(tmp_path / "model").count_params() == 8
    model.save_weights(tmp_path / "weights.safetensors")
    with pytest.raises(ValueError, match="weights alone.*load_weights"):
        load_model(tmp_path / "weights.safetensors")


def test_what_is_left_out_stays_out(tmp_path, caplog):
    path = str(tmp_path / "model.h5")
    model = torchkeras.Sequential([layers.Dense(2, input_shape=(3,))])
    model.compile("adam", "mse")
    model.save(path, include_optimizer=False)
    assert load_model(path).optimizer is None
    assert "model.h5 has no training config" in caplog.text
    model.save(path)
    assert load_model(path, compile=False).optimizer is None
    assert load_model(path).optimizer.iterations == 0
    model.save_weights(path)
    with pytest.raises(ValueError, match="model.h5.*load_weights"):
        load_model(path)
    model.compile(torch.optim.SGD(model.parameters(), 0.1), "mse")
    model.save(path)
    assert "is one of torch" in caplog.text
    assert load_model(path).optimizer is None


def test_compile_configs_weight_paths_and_specs():
    def told(keras):
        keras.backend.clear_session()
        a, b = keras.Input((3,), name="a"), keras.Input((2,), dtype="int32", name="b")
        words = keras.layers.Flatten(name="flat")(keras.layers.Embedding(5, 2, name="words")(b))
        joined = keras.layers.Concatenate(name="joined")([a, words])
        model = keras.Model([a, b], keras.layers.Dense(2, name="out")(joined))
        model.compile("adam", "mse", metrics=["mae"])
        other = keras.models.clone_model(model)
        other.compile_from_config(model.get_compile_config())
        found = [other.loss, other.optimizer.get_config()["name"]]
        (specs,), rest = model.save_spec()
        shapes = [[list(spec.shape), str(spec.name)] for spec in specs]
        return [sorted(model.get_weight_paths()), found, shapes, rest]

    assert told(torchkeras) == oracle.ask(told)


def test_export_names_the_way_out():
    model = torchkeras.Sequential([torchkeras.layers.Dense(1, input_shape=(2,))])
    with pytest.raises(NotImplementedError, match="torch.export"):
        model.export("folder")
