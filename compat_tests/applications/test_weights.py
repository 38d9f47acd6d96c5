"""The same weights give the same outputs as in tf_keras, and its files load by their own layout."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from compat_tests import oracle
from compat_tests.applications.cases import random_weights
from compat_tests.servers import serving
from torchkeras import applications
from torchkeras.applications import imagenet_utils, mobilenet_v3

CASES = [  # of each way to build blocks one, as small as it may be
    ("DenseNet121", {"input_shape": (32, 32, 3)}),
    ("MobileNet", {"input_shape": (32, 32, 3), "alpha": 0.25}),
    ("MobileNetV2", {"input_shape": (35, 32, 3), "alpha": 0.35}),
    ("MobileNetV3Small", {"input_shape": (37, 32, 3)}),
    ("EfficientNetV2B0", {"input_shape": (32, 32, 3)}),
    ("RegNetY002", {"input_shape": (32, 32, 3)}),
    ("ConvNeXtTiny", {"input_shape": (32, 32, 3)}),
]


@pytest.mark.parametrize("name, arguments", CASES, ids=[name for name, _ in CASES])
def test_same_outputs(name, arguments):
    arguments = {"weights": None, "include_top": False, "pooling": "avg", **arguments}
    images = np.random.default_rng(0).uniform(0, 255, (2, *arguments["input_shape"]))

    def theirs(keras):
        model = getattr(keras.applications, name)(**arguments)
        model.set_weights(random_weights(model.weights))
        return np.asarray(model(images.astype("float32")))

    expected = oracle.ask(theirs)
    model = getattr(applications, name)(**arguments)
    model.set_weights(random_weights(model.weights))
    with torch.no_grad():
        found = model(images.astype("float32")).numpy()
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()
    assert expected.std() > 1e-3 * np.abs(expected).max()  # the weights leave something to compare


def small(**arguments):
    return applications.MobileNetV3Small(
        alpha=0.35, minimalistic=True, input_shape=(32, 32, 3), classes=5, **arguments
    )


def test_files_of_keras(tmp_path):
    """Weights-only files of tf_keras: by order, and by name after the classifier changed."""
    keras = oracle.tf_keras()
    if keras is None:
        pytest.skip("the file is written by a live tf_keras")
    path = str(tmp_path / "weights.h5")
    real = keras.applications.MobileNetV3Small(
        weights=None, alpha=0.35, minimalistic=True, input_shape=(32, 32, 3), classes=5
    )
    weights = random_weights(real.weights)
    real.set_weights(weights)
    real.save_weights(path)
    model = small(weights=path)
    for found, expected in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(found, expected)
    headless = small(weights=None, include_top=False)
    headless.load_weights(path, by_name=True)
    for weight in headless.weights:
        expected = next(
            w for w, one in zip(weights, real.weights, strict=True) if one.name == weight.name
        )
        np.testing.assert_array_equal(weight.numpy(), expected)


def test_files_of_this_library_load_by_their_path(tmp_path):
    model = small(weights=None)
    model.save_weights(str(tmp_path / "own.h5"))
    for found, expected in zip(
        small(weights=str(tmp_path / "own.h5")).get_weights(), model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


@pytest.fixture
def site(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    with serving() as site:
        yield site


def network(weights):
    return applications.MobileNetV3Small(
        minimalistic=True, include_top=False, input_shape=(224, 224, 3), weights=weights
    )


def publish(site, monkeypatch, tmp_path, broken=False):
    """Weights of the small network on a web site, in place of the true ones."""
    model = network(None)
    model.set_weights(random_weights(model.weights))
    model.save_weights(str(tmp_path / "published.h5"))
    body = (tmp_path / "published.h5").read_bytes()
    wanted = hashlib.md5(body, usedforsecurity=False).hexdigest()
    site.files[FILE] = body[:-1] if broken else body
    hashes = {"small_minimalistic_224_1.0": ("", wanted)}
    files = replace(mobilenet_v3.PUBLISHED, url=site.url, hashes=hashes)
    monkeypatch.setattr(mobilenet_v3, "PUBLISHED", files)
    return model


FILE = "weights_mobilenet_v3_small_minimalistic_224_1.0_float_no_top_v2.h5"


def test_download(site, monkeypatch, tmp_path, capsys):
    """Downloaded once, verified, kept in `models` of the Keras folder."""
    model = publish(site, monkeypatch, tmp_path)
    made = [network("imagenet") for _ in range(2)]
    assert site.requests == [FILE]
    assert (tmp_path / "home" / "models" / FILE).exists()
    for one in made:
        for found, expected in zip(one.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(found, expected)
    assert "Downloading" in capsys.readouterr().out


def test_wrong_hash(site, monkeypatch, tmp_path):
    publish(site, monkeypatch, tmp_path, broken=True)
    with pytest.raises(ValueError, match="incomplete or was changed"):
        network("imagenet")
    assert not list((tmp_path / "home" / "models").glob("*"))


def test_decode_predictions(site, monkeypatch, tmp_path):
    index = {str(i): [f"n{i:08d}", f"class {i}"] for i in range(1000)}
    body = json.dumps(index).encode()
    site.files["classes.json"] = body
    monkeypatch.setattr(imagenet_utils, "_CLASSES", site.url + "classes.json")
    digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
    monkeypatch.setattr(imagenet_utils, "_CLASSES_HASH", digest)
    scores = np.zeros((2, 1000), np.float32)
    scores[0, [3, 999, 7]] = 0.5, 0.3, 0.2
    scores[1, 0] = 1
    found = applications.resnet50.decode_predictions(torch.from_numpy(scores), top=3)
    assert found[0] == [
        ("n00000003", "class 3", np.float32(0.5)),
        ("n00000999", "class 999", np.float32(0.3)),
        ("n00000007", "class 7", np.float32(0.2)),
    ]
    assert found[1][0][1] == "class 0" and len(found[1]) == 3
    applications.imagenet_utils.decode_predictions(scores)
    assert site.requests == ["classes.json"]
    assert (tmp_path / "home" / "models" / "imagenet_class_index.json").exists()
    with pytest.raises(ValueError, match=r"\(2, 10\)"):
        applications.vgg16.decode_predictions(scores[:, :10])


MODES = ["vgg16", "resnet", "resnet50", "densenet", "xception", "efficientnet", "convnext"]


@pytest.mark.parametrize("module", MODES)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_preprocess_input(module, data_format):
    rng = np.random.default_rng(0)
    for shape in ((3, 3, 3), (2, 3, 3, 3)):
        for dtype in ("float32", "float64", "uint8"):
            x = rng.uniform(0, 255, shape).astype(dtype)

            def theirs(keras, x=x):
                x = x.copy()
                y = getattr(keras.applications, module).preprocess_input(x, data_format)
                return [np.asarray(y), x]

            expected, changed = oracle.ask(theirs)
            preprocess = getattr(applications, module).preprocess_input
            again = x.copy()
            found = preprocess(again, data_format)
            assert found.dtype == expected.dtype
            np.testing.assert_allclose(found, expected, rtol=1e-6)
            np.testing.assert_allclose(again, changed, rtol=1e-6)  # in place where Keras does
            tensor = preprocess(torch.from_numpy(x.astype("float32")), data_format).numpy()
            np.testing.assert_allclose(tensor, expected, rtol=1e-4, atol=1e-4)


def test_preprocess_input_in_a_model():
    from torchkeras import layers, models

    inputs = layers.Input((2, 2, 3))
    pixels = np.random.default_rng(0).uniform(0, 255, (1, 2, 2, 3)).astype("float32")
    for module in ("vgg16", "densenet", "xception"):
        preprocess = getattr(applications, module).preprocess_input
        model = models.Model(inputs, preprocess(inputs))
        expected = preprocess(pixels.copy())
        np.testing.assert_allclose(model(pixels).numpy(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "arguments, message",
    [({"mode": "jpeg"}, "caffe.*'jpeg'"), ({"data_format": "last"}, "channels_last.*'last'")],
)
def test_preprocess_input_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        applications.imagenet_utils.preprocess_input(np.zeros((2, 2, 3)), **arguments)


def test_is_a_plain_module():
    """A backbone in torch code: children, state_dict, gradients, modes, `nn.Sequential`."""
    backbone = applications.MobileNetV2(
        weights=None, alpha=0.35, include_top=False, pooling="avg", input_shape=(32, 32, 3)
    )
    network = torch.nn.Sequential(backbone, torch.nn.Linear(1280, 3)).train()
    loss = network(torch.rand(2, 32, 32, 3)).square().mean()
    loss.backward()
    assert all(p.grad is not None for p in network.parameters() if p.requires_grad)
    backbone.load_state_dict(backbone.state_dict())
    features = backbone.get_layer("block_13_expand_relu")
    found = []
    handle = features.register_forward_hook(lambda module, args, output: found.append(output.shape))
    network.eval()(torch.rand(1, 32, 32, 3))
    handle.remove()
    assert [tuple(shape[1:3]) for shape in found] == [(2, 2)]
