"""Every architecture is built as in tf.keras: layers, names, order, configs, connections, weights.

`digests.json` holds what tf.keras 2.15 builds; nothing is computed here, weights are on "meta".
"""

import csv
import inspect
import json
from pathlib import Path

import pytest
import torch

from compat_tests.applications.cases import DIGESTS, OTHERS, digest, label
from torchkeras import applications, layers, models
from torchkeras.applications import building, regnet, resnet_rs
from torchkeras.graph import source_inputs

TOLD = json.loads(DIGESTS.read_text())
NAMES = [name for name in applications.__all__ if name[0].isupper()]
SMALL = (  # built in two ways; of the others, which are deeper or wider, one way in turn
    "VGG16 ResNet50 ResNet50V2 ResNetRS50 DenseNet121 Xception InceptionV3 MobileNet MobileNetV2 "
    "MobileNetV3Small MobileNetV3Large EfficientNetB0 EfficientNetV2B0 RegNetX002 RegNetY002 "
    "ConvNeXtTiny"
).split()
DEEP = (  # made of the same blocks; make_applications.py compares them
    "ResNetRS152 ResNetRS200 ResNetRS270 ResNetRS350 ResNetRS420 EfficientNetB4 EfficientNetB5 "
    "EfficientNetB6 EfficientNetB7 EfficientNetV2M EfficientNetV2L DenseNet169 DenseNet201 "
    "ResNet152 ResNet152V2 NASNetLarge InceptionResNetV2 RegNetY016 RegNetX032 RegNetY064 "
    "ConvNeXtSmall ConvNeXtLarge ConvNeXtXLarge"
).split()
FACTS = Path(__file__).parents[3] / "shared" / "reference" / "applications.csv"


def make(name, **arguments):
    with torch.device("meta"):
        return getattr(applications, name)(weights=None, **arguments)


def cases():
    for i, name in enumerate(NAMES):
        both = [{}, {"include_top": False}]
        if name in DEEP:
            continue
        yield from ((name, case) for case in (both if name in SMALL else both[i % 2 : i % 2 + 1]))
        yield from ((name, case) for case in OTHERS.get(name, []))


def test_all_architectures_of_keras():
    assert len(NAMES) == 71
    assert {key.partition("(")[0] for key in TOLD} == set(NAMES)


@pytest.mark.parametrize("name, case", list(cases()), ids=lambda value: str(value))
def test_is_built_as_in_keras(name, case):
    assert digest(make(name, **case)) == TOLD[label(name, case)]


def test_the_digest_sees_everything():
    inputs = layers.Input((4,), name="in")
    found = {
        digest(models.Model(inputs, layer(inputs), name="model"))
        for layer in (
            layers.Dense(2, name="a"),
            layers.Dense(2, name="b"),
            layers.Dense(3, name="a"),
            layers.Dense(2, name="a", use_bias=False),
            layers.Dense(2, name="a", activation="relu"),
        )
    }
    assert len(found) == 5


def test_input_tensor():
    """The model starts at the inputs that the tensor is computed from."""
    inputs = layers.Input((64, 64, 3))
    scaled = layers.Rescaling(2.0)(inputs)
    model = make("MobileNetV2", input_tensor=scaled, include_top=False, pooling="avg")
    assert [t is inputs for t in model.inputs] == [True]
    assert type(model.layers[1]).__name__ == "Rescaling"
    assert model.output_shape == (None, 1280)
    assert source_inputs(model.output)[0] is inputs


def test_channels_first():
    from torchkeras import backend

    last = make("ResNet50", include_top=False, pooling="avg")
    backend.set_image_data_format("channels_first")
    first = make("ResNet50", include_top=False, pooling="avg")
    assert first.input_shape == (None, 3, None, None)
    assert [w.shape for w in first.weights] == [w.shape for w in last.weights]
    with pytest.warns(UserWarning, match="channels last"):
        assert make("NASNetMobile", include_top=False).input_shape == (None, None, None, 3)
    assert backend.image_data_format() == "channels_first"


@pytest.mark.parametrize(
    "name, arguments, message",
    [
        ("VGG16", {"weights": "no/such/file"}, "VGG16|vgg16.*no/such/file"),
        ("VGG16", {"weights": "imagenet", "classes": 10}, "1000 classes.*classes=10"),
        ("VGG16", {"pooling": "sum", "include_top": False}, "'sum'"),
        ("VGG16", {"input_shape": (224, 224)}, "three sizes"),
        ("VGG16", {"input_shape": (31, 224, 3)}, "at least 32 x 32"),
        ("VGG16", {"input_shape": (None, None, 3)}, "include_top=True"),
        ("VGG16", {"input_tensor": 1}, "symbolic"),
        ("VGG16", {"weights": "imagenet", "input_shape": (96, 96, 3)}, r"must be \(224, 224, 3\)"),
        ("ResNet50", {"weights": "imagenet", "classifier_activation": "relu"}, "'softmax' or None"),
        (
            "ResNet50",
            {"weights": "imagenet", "include_top": False, "input_shape": (64, 64, 1)},
            "3 channels",
        ),
        ("MobileNet", {"weights": "imagenet", "alpha": 0.3}, "0.25.*alpha=0.3"),
        ("MobileNetV2", {"weights": "imagenet", "alpha": 0.3}, "0.35.*0.3"),
        (
            "MobileNetV3Small",
            {"weights": "imagenet", "alpha": 0.75, "minimalistic": True},
            "alpha 1.0; received 0.75",
        ),
        ("ResNetRS101", {"weights": "imagenet-i300"}, "imagenet-i160, imagenet-i192"),
    ],
)
def test_arguments_that_do_not_go_together(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        getattr(applications, name)(**{"weights": None, **arguments})


def test_unusual_channels_warn():
    with pytest.warns(UserWarning, match="has 5"):
        make("RegNetX002", include_top=False, input_shape=(32, 32, 5))


def published(name, include_top, monkeypatch, weights="imagenet"):
    """Name in the cache, URL and hash of the file that `weights` of `name` loads."""

    class Found(Exception):
        """Instead of a download, which comes before any layer is made."""

    def fetch(self, key, include_top):
        raise Found(*self.source(key, include_top))

    with monkeypatch.context() as patched, pytest.raises(Found) as found:
        patched.setattr(building.Published, "fetch", fetch)
        getattr(applications, name)(include_top=include_top, weights=weights)
    return found.value.args


def facts():
    if not FACTS.exists():
        return []
    with open(FACTS, newline="") as file:
        rows = list(csv.DictReader(file))
    one = {name: [row for row in rows if row["model"] == name] for name in NAMES}
    return [(name, one[name]) for name in NAMES]


@pytest.mark.filterwarnings("ignore:Mobile:UserWarning")
@pytest.mark.parametrize(
    "name, rows", facts(), ids=lambda value: value if type(value) is str else ""
)
def test_published_files(name, rows, monkeypatch):
    """Cache name, URL and hash of every file are those that tf.keras fetches."""
    for row in rows:
        expected = (row["file"], row["url"], row["hash"] or None)
        weights = "imagenet"
        if name.startswith("ResNetRS"):  # told is the file of one of the sizes
            weights += "-" + row["file"].removesuffix(".h5").removesuffix("_notop").split("-")[3]
        assert published(name, row["include_top"] == "True", monkeypatch, weights) == expected


def test_imagenet_is_the_largest_size(monkeypatch):
    assert published("ResNetRS350", True, monkeypatch)[0] == "resnet-rs-350-i320.h5"


def test_signatures():
    assert list(inspect.signature(applications.ResNet50).parameters) == [
        "include_top",
        "weights",
        "input_tensor",
        "input_shape",
        "pooling",
        "classes",
        "classifier_activation",
    ]
    default = inspect.signature(applications.RegNetX002).parameters["model_name"].default
    assert default == "regnetx002" and "RegNetX002" in applications.RegNetX002.__doc__
    assert regnet.RegNetX002 is applications.RegNetX002
    assert "50-i160" in resnet_rs.PUBLISHED.hashes
