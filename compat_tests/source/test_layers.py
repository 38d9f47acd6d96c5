"""Each layer class is written as torch code that computes the same, or refused with a reason."""

import subprocess
import sys

import numpy as np
import pytest
import torch

import torchkeras as keras
from compat_tests.checks.source import check_source, difference, set_random_weights, written
from compat_tests.processes import ROOT
from compat_tests.source.cases import CASES, MASKED, NOT_LAYERS_TO_CALL
from torchkeras import layers
from torchkeras.layer import TABLE
from torchkeras.layers import IntegerLookup, StringLookup
from torchkeras.source.emitters.refused import REFUSED


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("written")


def model_of(name):
    """A model of the layer in a row, and inputs for it."""
    make, shapes, call, integers = CASES[name]
    rng = np.random.default_rng(1)
    inputs = [keras.Input(shape, dtype="int32" if integers else None) for shape in shapes]
    layer = make()
    outputs = call(layer, *inputs) if call else layer(inputs if len(inputs) > 1 else inputs[0])
    model = keras.Model(inputs if len(inputs) > 1 else inputs[0], outputs, name=name.lower())
    set_random_weights(model)
    arrays = []
    for shape in shapes:
        sizes = (3, *(7 if n is None else n for n in shape))
        drawn = rng.integers(0, integers, sizes) if integers else rng.normal(size=sizes)
        arrays.append(drawn.astype("int64" if integers else "float32"))
    return model, arrays


@pytest.mark.parametrize("name", CASES)
def test_computes_the_same(name, folder):
    check_source(*model_of(name), folder)


@pytest.mark.parametrize("name", MASKED)
def test_masks(name, folder):
    inputs = keras.Input((6,), dtype="int32")
    embedded = layers.Embedding(5, 4, mask_zero=True)(inputs)
    model = keras.Model(inputs, MASKED[name](embedded), name=f"masked_{name}".lower())
    set_random_weights(model)
    x = np.random.default_rng(2).integers(0, 5, (5, 6))
    x[0], x[1, -3:] = 0, 0  # nothing but padding, and padding behind
    check_source(model, [x], folder)


def test_every_class_is_here():
    classes = {kind.__name__: kind for kind in TABLE.objects.values()}
    classes = {name: k for name, k in classes.items() if k.__module__.startswith("torchkeras.")}
    written_ones = {name.partition("_")[0] for name in CASES}
    refused = {kind.__name__ for kind in REFUSED}
    assert set(classes) - written_ones - refused - NOT_LAYERS_TO_CALL == set()
    assert written_ones & refused == set()


REFUSED_ARGUMENTS = {
    "AutoContrast": (),
    "HashedCrossing": (3,),
    "Hashing": (3,),
    "IntegerLookup": (None, 1, None, -1, [1]),
    "RandomCrop": (2, 2),
    "RandomFlip": (),
    "RandomInvert": (),
    "RandomPosterization": (4,),
    "RandomTranslation": (0.2, 0.2),
    "SpectralNormalization": (layers.Dense(2),),
    "StringLookup": (None, 1, None, "[UNK]", ["a"]),
    "TextVectorization": (),
}


@pytest.mark.parametrize("kind", REFUSED, ids=lambda kind: kind.__name__)
def test_refused(kind, tmp_path):
    page = (ROOT / "docs" / "porting.md").read_text(encoding="utf-8")
    if kind.__module__.rpartition(".")[2] not in ("augment", "color"):
        assert f"`{kind.__name__}`" in page
    layer = kind(*REFUSED_ARGUMENTS.get(kind.__name__, (0.2,)))
    shape, dtype = ((4,), None) if kind.__name__ == "SpectralNormalization" else ((8, 8, 3), None)
    if REFUSED[kind] in (REFUSED[StringLookup], REFUSED[IntegerLookup]):
        shape, dtype = (1,), "int64" if kind is IntegerLookup else "string"
    inputs = keras.Input(shape, dtype=dtype)
    given = [inputs, inputs] if kind.__name__ == "HashedCrossing" else inputs
    model = keras.Model(inputs, layer(given))
    with pytest.raises(NotImplementedError, match=layer.name) as error:
        model.to_torch_source(tmp_path / "model.py")
    assert REFUSED[kind] in str(error.value)


@pytest.mark.parametrize("shape", [(5,), (6, 4), (8, 9, 3)])
@pytest.mark.parametrize("trainable", [True, False])
def test_batch_normalization_trains_alike(shape, trainable, tmp_path):
    layer = layers.BatchNormalization(trainable=trainable)
    model = keras.Sequential([keras.Input(shape), layer])
    net = written(model, tmp_path)
    x = torch.randn(7, *shape)
    net.train()
    expected, found = model(x, training=True), net(x)
    assert difference(expected, found) < 1e-5
    for name, tensor in net.batch_normalization.named_buffers():
        if name != "num_batches_tracked":
            torch.testing.assert_close(tensor, dict(layer.norm.named_buffers())[name])


def test_files_please_ruff(folder):
    for name in CASES:
        if not (folder / f"{name.lower()}.py").exists():
            model_of(name)[0].to_torch_source(folder / f"{name.lower()}.py")
    settings = ["--config", str(ROOT / "pyproject.toml"), "--no-cache", "."]
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *settings],
            cwd=folder, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
