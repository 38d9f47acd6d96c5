"""Files that old versions wrote themselves, with what those made of them.

named_input.h5 and two_gpus.h5 are of Keras 2.2.4, renorm.h5 of TensorFlow 1.13.
"""

import base64
import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import layers
from torchkeras.models import load_model
from torchkeras.saving.h5_writer import CHECKSUMS
from torchkeras.saving.tensorflow import bundle, checkpoint
from torchkeras.saving.versions.gpus import known, part_of_batch

FILES = Path(__file__).parent / "old_files"


def noted(name):
    return np.load(FILES / f"{name}.npz")


@pytest.mark.parametrize("name", ["named_input", "two_gpus", "renorm"])
@pytest.mark.parametrize("ending", [None, ".h5", ".keras", ""])
def test_predictions(name, ending, tmp_path):
    model, told = load_model(FILES / f"{name}.h5"), noted(name)
    if ending is not None:
        model.save(tmp_path / f"again{ending}")
        model = load_model(tmp_path / f"again{ending}")
    np.testing.assert_allclose(model.predict(told["x"], verbose=0), told["predicted"], 1e-5, 1e-6)


def test_the_optimizer_goes_on_where_the_shape_was_not_told():
    model, told = load_model(FILES / "named_input.h5"), noted("named_input")
    losses = [model.train_on_batch(told["x"], told["y"]) for _ in range(3)]
    np.testing.assert_allclose(losses, told["losses"], 1e-5)


def test_what_is_taken_for_the_input_shape_is_told(caplog):
    assert load_model(FILES / "named_input.h5").input_shape == (None, 5)
    assert "input shape of model 'mine'; by its weights it is (None, 5)" in caplog.text


STACKS = {  # layers, the shape of a sample, and what follows for the input
    "rows": ([("Dropout", 0.1), ("Dense", 3), ("Dense", 2)], (4,), (None, 4)),
    "series": ([("LSTM", 3)], (3, 4), (None, None, 4)),
    "dense_series": ([("Dense", 3), ("GRU", 2)], (3, 4), (None, None, 4)),
    "images": ([("Conv2D", 3, 2), ("GlobalMaxPooling2D",)], (3, 3, 4), (None, None, None, 4)),
    "words": ([("Embedding", 5, 4), ("SimpleRNN", 3)], (6,), (None, None)),
    "scaled": ([("BatchNormalization",), ("Conv1D", 3, 2)], (3, 4), (None, None, 4)),
    "flat": ([("Flatten",), ("Dense", 3)], (3, 4), None),  # it could be of any rank
    "images_flat": ([("Conv2D", 3, 2), ("Flatten",), ("Dense", 2)], (3, 3, 4), None),
}


@pytest.mark.parametrize("name", STACKS)
def test_input_shapes_that_the_weights_tell(name, tmp_path):
    stack, shape, wanted = STACKS[name]
    stack = [getattr(layers, kind)(*arguments) for kind, *arguments in stack]
    model = torchkeras.Sequential([layers.Input(shape), *stack])
    path = tmp_path / "model.h5"
    model.save(path)
    with h5py.File(path, "a") as file:
        config = json.loads(file.attrs["model_config"])
        told = config["config"]["layers"]
        config["config"] = {"name": "open", "layers": told[1:]}
        for entry in told:
            entry["config"].pop("batch_input_shape", None)
        file.attrs["model_config"] = json.dumps(config)
        del file.attrs[CHECKSUMS]
    if wanted is None:
        with pytest.raises(ValueError, match="has no input shape"):
            load_model(path, compile=False)
        return
    found = load_model(path, compile=False)
    assert found.input_shape == wanted
    for one, other in zip(found.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("gpus", [2, 3])
def test_each_gpu_gets_its_part(gpus):
    batch = torch.arange(7)
    parts = [part_of_batch(batch, i, gpus) for i in range(gpus)]
    assert [len(part) for part in parts] == ([3, 4] if gpus == 2 else [2, 2, 3])
    assert torch.cat(parts).tolist() == batch.tolist()


CHANGES = {
    "another name": lambda code, arguments: (code.replace(b"get_slice", b"get_shell"), arguments),
    "another file": lambda code, arguments: (code.replace(b"multi_gpu_", b"multy_gpu_"), arguments),
    "other arguments": lambda code, arguments: (code, {**arguments, "more": 1}),
    "no such part": lambda code, arguments: (code, {"i": 2, "parts": 2}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_other_code_is_not_taken_for_that_of_keras(change):
    with h5py.File(FILES / "two_gpus.h5") as file:
        config = json.loads(file.attrs["model_config"])
    inners = [one["config"] for one in config["config"]["layers"] if one["class_name"] == "Lambda"]
    assert [known(inner) for inner in inners] == [part_of_batch, part_of_batch]
    for inner in inners:
        raw = base64.b64decode(inner["function"][0])
        raw, inner["arguments"] = change(raw, inner["arguments"])
        inner["function"][0] = base64.b64encode(raw).decode()
    assert [known(inner) for inner in inners] == [None, None]


def test_averages_of_renormalization():
    model = load_model(FILES / "renorm.h5")
    found = {weight.name.split("/")[-1]: weight.numpy() for weight in model.layers[1].weights}
    with h5py.File(FILES / "renorm.h5") as file:
        group = file["model_weights"][model.layers[1].name]
        old = {
            name.split(b"/")[-1].decode(): group[name][()] for name in group.attrs["weight_names"]
        }
    for name in ("renorm_mean:0", "renorm_stddev:0"):
        share = old[name.replace(":0", "_weight:0")]
        assert 0 < share < 0.1
        np.testing.assert_allclose(found[name], old[name] / share, 1e-6)
    wanted = np.sqrt(old["moving_variance:0"] + model.layers[1].epsilon)
    np.testing.assert_allclose(found["moving_stddev:0"], wanted, 1e-6)


def test_averages_of_renormalization_in_a_checkpoint(tmp_path):
    """As TensorFlow 1.13 lays one out, made of the arrays that its file has."""
    model = load_model(FILES / "renorm.h5", compile=False)
    prefix = str(tmp_path / "w")
    checkpoint.save_weights(model, prefix)
    file = bundle.Bundle(prefix)
    graph = checkpoint.read_graph(file)
    tensors = {key: file.array(key) for key in file.keys() if key != checkpoint.GRAPH}
    for node in list(graph.nodes):
        for name in ("renorm_mean", "renorm_stddev"):
            if name in node.children:
                key = graph.nodes[node.children[name]].variable[1]
                tensors[key] = tensors[key] * np.float32(0.25)
                tensors[key.replace("/.ATTR", "_weight/.ATTR")] = np.float32(0.25)
        if "moving_stddev" in node.children:
            del tensors[graph.nodes[node.children.pop("moving_stddev")].variable[1]]
    bundle.write(prefix, {**tensors, checkpoint.GRAPH: graph.encode()})
    anew = torchkeras.models.clone_model(model)
    status = anew.load_weights(prefix)
    status.assert_existing_objects_matched()
    for one, other in zip(anew.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, 1e-6)
