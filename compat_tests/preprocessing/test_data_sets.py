"""Data sets of files and of series beside tf.keras: values, labels, orders, names."""

import copy
import wave

import numpy as np
import pytest
import torch
from PIL import Image

import torchkeras
from compat_tests import oracle
from torchkeras import utils
from torchkeras.data import Dataset

ENDINGS = ["png", "bmp", "gif", "png", "bmp"]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Folders b (5 files), a (4, one of them deeper) and .hidden."""
    folder = tmp_path_factory.mktemp("images")
    random = np.random.default_rng(0)
    names = [f"b/{i}.{ending}" for i, ending in enumerate(ENDINGS)]
    names += ["a/x.PNG", "a/y.png", "a/deep/z.png", "a/w.bmp", ".hidden/h.png", "a/notes.txt"]
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 256, (8 + number, 12, 4), dtype="uint8")
        mode = "RGBA" if number == 6 else "L" if number == 7 else "RGB"
        if name.endswith("txt"):
            path.write_text("no image")
        else:
            Image.fromarray(pixels).convert(mode).save(path)
    return folder


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    for label in ("neg", "pos", "unsup"):
        (folder / label).mkdir()
        for number in range(6):
            (folder / label / f"{number}.txt").write_text(f"{label} {number} é" * number)
    return folder


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sounds")
    random = np.random.default_rng(0)
    for label in ("dog", "cat"):
        (folder / label).mkdir()
        for number in range(4):
            with wave.open(str(folder / label / f"{number}.wav"), "wb") as file:
                file.setnchannels(2)
                file.setsampwidth(2)
                file.setframerate(8000)
                file.writeframes(
                    random.integers(-(2**15), 2**15, (20 + 5 * number, 2), "int16").tobytes()
                )
    return folder


def described(data):
    """Everything about a data set, or two, that a script can see."""
    if isinstance(data, (list, tuple)):
        return [described(one) for one in data]
    batches = []
    for batch in data.as_numpy_iterator():
        parts = batch if isinstance(batch, tuple) else (batch,)
        batches.append([_plain(part) for part in parts])
    return {
        "batches": batches,
        "classes": [str(name) for name in data.class_names],
        "count": int(data.cardinality()),
    }


def _plain(part):
    part = np.asarray(part)
    if part.dtype.kind not in "SO":
        return part
    return np.array([text.decode(errors="replace") for text in part.ravel().tolist()])


def check(found, expected, tolerance=0.0):
    if isinstance(expected, list) and expected and isinstance(expected[0], dict):
        for one, other in zip(found, expected, strict=True):
            check(one, other, tolerance)
        return
    assert found["classes"] == expected["classes"] and found["count"] == expected["count"]
    assert len(found["batches"]) == len(expected["batches"])
    for one, other in zip(found["batches"], expected["batches"], strict=True):
        for part, wanted in zip(one, other, strict=True):
            if part.dtype.kind == "U":
                assert part.tolist() == wanted.tolist()
                continue
            assert (part.dtype, part.shape) == (wanted.dtype, wanted.shape)
            np.testing.assert_allclose(part, wanted, atol=tolerance, rtol=0)


IMAGES = {
    "default": {"seed": 1},
    "in order": {"shuffle": False, "label_mode": "categorical"},
    "binary": {"label_mode": "binary", "seed": 3, "class_names": ["b", "a"]},
    "no labels": {"labels": None, "seed": 1},
    "labels given": {"labels": [3, 1, 2, 1, 3, 1, 2, 1, 3, 2], "seed": 2},
    "labels in one folder": {"labels": list(range(10)), "shuffle": False, "label_mode": "int"},
    "training": {"validation_split": 0.3, "subset": "training", "seed": 4},
    "validation": {"validation_split": 0.3, "subset": "validation", "seed": 4},
    "both": {"validation_split": 0.3, "subset": "both", "seed": 5, "batch_size": 2},
    "one by one": {"batch_size": None, "seed": 1},
    "nearest": {"interpolation": "nearest", "shuffle": False},
    "cropped": {"crop_to_aspect_ratio": True, "image_size": (6, 6), "shuffle": False},
    "smart": {"smart_resize": True, "image_size": (5, 9), "shuffle": False},
    "bicubic": {"interpolation": "bicubic", "shuffle": False},
    "area": {"interpolation": "area", "shuffle": False},
}


@pytest.mark.parametrize("case", IMAGES)
def test_images(case, images):
    options = {"image_size": (7, 9), "batch_size": 4, **IMAGES[case]}

    def run(utils):
        given = copy.deepcopy(options)  # tf.keras shuffles a list of labels where it lies
        return described(utils.image_dataset_from_directory(str(images), **given))

    expected = oracle.ask(lambda keras: run(keras.utils))
    check(oracle.plain(run(utils)), expected, tolerance=1e-3)


def test_four_channels_and_jpeg(tmp_path):
    (tmp_path / "a").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 4), dtype="uint8")
    Image.fromarray(pixels).save(tmp_path / "a" / "x.png")
    (rgba,) = utils.image_dataset_from_directory(
        tmp_path, None, color_mode="rgba", image_size=(16, 16)
    )
    assert rgba[0].tolist() == pixels.tolist()
    smooth = np.stack(np.broadcast_arrays(*np.ogrid[0:240:16, 0:240:16], 90), -1).astype("uint8")
    (tmp_path / "a" / "x.png").unlink()
    Image.fromarray(smooth).save(tmp_path / "a" / "x.jpg", quality=95)
    for color_mode in ("rgb", "grayscale"):

        def run(utils, color_mode=color_mode):
            return next(
                utils.image_dataset_from_directory(
                    str(tmp_path), labels=None, color_mode=color_mode, image_size=(8, 8)
                ).as_numpy_iterator()
            )

        expected = oracle.ask(lambda keras, run=run: run(keras.utils))
        np.testing.assert_allclose(run(utils), expected, atol=6)  # TensorFlow decodes fast


@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
def test_grey_png(mode, tmp_path):
    (tmp_path / "a").mkdir()
    pixels = np.random.default_rng(1).integers(0, 256, (9, 9, 3), dtype="uint8")
    Image.fromarray(pixels).convert(mode).save(tmp_path / "a" / "x.png")

    def run(utils):
        data = utils.image_dataset_from_directory(
            str(tmp_path), labels=None, color_mode="grayscale", image_size=(9, 9)
        )
        return next(data.as_numpy_iterator())

    np.testing.assert_array_equal(run(utils), oracle.ask(lambda keras: run(keras.utils)))


TEXTS = {
    "default": {"seed": 1},
    "cut": {"max_length": 5, "shuffle": False},
    "categorical": {"label_mode": "categorical", "seed": 2},
    "no labels": {"label_mode": None, "seed": 2},
    "both": {"validation_split": 0.2, "subset": "both", "seed": 5, "batch_size": 3},
    "one by one": {"batch_size": None, "shuffle": False},
}


@pytest.mark.parametrize("case", TEXTS)
def test_texts(case, texts):
    options = {"batch_size": 4, **TEXTS[case]}

    def run(utils):
        return described(utils.text_dataset_from_directory(str(texts), **options))

    check(oracle.plain(run(utils)), oracle.ask(lambda keras: run(keras.utils)))


def test_texts_become_numbers(texts):
    data = utils.text_dataset_from_directory(texts, batch_size=4, seed=1)
    layer = torchkeras.layers.TextVectorization(output_sequence_length=6)
    layer.adapt(data.map(lambda text, label: text))
    for numbers, label in data.map(lambda text, label: (layer(text), label)):
        assert numbers.shape == (len(label), 6) and numbers.dtype is torch.int64


SOUNDS = {
    "default": {"seed": 1},
    "one length": {"output_sequence_length": 27, "seed": 1},
    "training": {"validation_split": 0.25, "subset": "training", "seed": 4},
    "both": {"validation_split": 0.25, "subset": "both", "seed": 5, "label_mode": "binary",
             "output_sequence_length": 10},
    "in order": {"shuffle": False},
}  # fmt: skip


@pytest.mark.parametrize("case", SOUNDS)
def test_sounds(case, sounds):
    options = {"batch_size": 3, **SOUNDS[case]}

    def run(utils):
        return described(utils.audio_dataset_from_directory(str(sounds), **options))

    check(oracle.plain(run(utils)), oracle.ask(lambda keras: run(keras.utils)))


def test_sounds_at_another_rate(sounds):
    pytest.importorskip("scipy")
    data = utils.audio_dataset_from_directory(sounds, sampling_rate=4000, shuffle=False)
    samples, _ = next(iter(data))
    assert samples.shape == (8, 18, 2) and samples.abs().max() < 1.5


SERIES = {
    "default": {},
    "strides": {"sequence_stride": 3, "sampling_rate": 2},
    "shuffled": {"shuffle": True, "seed": 3},
    "a part": {"start_index": 4, "end_index": 30},
    "one by one": {"batch_size": None, "shuffle": True, "seed": 3},
    "no targets": {"targets": None},
    "few targets": {"targets": np.arange(9)},
    "vectors": {"data": np.arange(80.0, dtype="float32").reshape(40, 2)},
}


@pytest.mark.parametrize("case", SERIES)
def test_series(case):
    given = {
        "data": np.arange(40.0), "targets": np.arange(40) * 2, "sequence_length": 5,
        "batch_size": 7, **SERIES[case],
    }  # fmt: skip

    def run(preprocessing):
        data = preprocessing.timeseries_dataset_from_array(**given)
        batches = [one if isinstance(one, tuple) else (one,) for one in data.as_numpy_iterator()]
        return [list(map(np.asarray, batch)) for batch in batches], int(data.cardinality())

    expected = oracle.ask(lambda keras: run(keras.preprocessing))
    found = oracle.plain(run(torchkeras.preprocessing))
    assert found[1] == expected[1]
    for one, other in zip(found[0], expected[0], strict=True):
        for part, wanted in zip(one, other, strict=True):
            assert part.dtype == wanted.dtype
            np.testing.assert_array_equal(part, wanted)


def test_a_series_lies_where_the_model_is():
    data = utils.timeseries_dataset_from_array(np.arange(9.0), np.arange(9.0), 3)
    placed = data.placed(lambda array: array.to("meta"))
    windows, targets = next(iter(placed))
    assert windows.device.type == targets.device.type == "meta"


SPLITS = {
    "share": (lambda D: np.arange(10), {"left_size": 0.7}),
    "number": (lambda D: np.arange(10), {"right_size": 3}),
    "both": (lambda D: np.arange(10), {"left_size": 4, "right_size": 2}),
    "shuffled": (lambda D: np.arange(10), {"left_size": 0.5, "shuffle": True, "seed": 3}),
    "pairs": (
        lambda D: (np.arange(6.0).reshape(3, 2), np.ones((3, 2))), {"left_size": 2},
    ),
    "a data set": (
        lambda D: D.from_tensor_slices((np.arange(8.0).reshape(4, 2), np.ones((4, 2)))),
        {"right_size": 0.5, "shuffle": True, "seed": 1},
    ),
    "batches": (
        lambda D: D.from_tensor_slices((np.arange(16.0).reshape(8, 2), np.ones((8, 2)))).batch(3),
        {"left_size": 0.5},
    ),
    "dicts": (
        lambda D: D.from_tensor_slices({"a": np.arange(5), "b": np.ones((5, 2))}),
        {"left_size": 3},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SPLITS)
def test_split_dataset(case):
    make, options = SPLITS[case]

    def run(utils, D):
        parts = utils.split_dataset(make(D), **options)
        return [_listed(list(part.as_numpy_iterator())) for part in parts]

    def tf_data():
        import tensorflow

        return tensorflow.data.Dataset

    expected = oracle.ask(lambda keras: run(keras.utils, tf_data()))
    found = oracle.plain(run(utils, Dataset))
    assert repr(_numbers(found)) == repr(_numbers(expected))


def _listed(elements):
    return [
        one if isinstance(one, dict) else list(one) if isinstance(one, tuple) else [one]
        for one in elements
    ]


def _numbers(value):
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return np.asarray(value).tolist()


# --- bad input -------------------------------------------------------------------------------


def test_damaged_files_are_named(tmp_path):
    (tmp_path / "a").mkdir()
    path = tmp_path / "a" / "broken.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 9, 3), "uint8")).save(path)
    path.write_bytes(path.read_bytes()[:200])
    data = utils.image_dataset_from_directory(tmp_path)
    with pytest.raises(ValueError, match="broken.png"):
        next(iter(data))
    sound = tmp_path / "a" / "broken.wav"
    for content in (b"", b"RIFF....WAVE", b"x" * 50):
        sound.write_bytes(content)
        with pytest.raises(ValueError, match="broken.wav"):
            next(iter(utils.audio_dataset_from_directory(tmp_path)))


FOLDER_ERRORS = {
    "nowhere": ({"directory": "nowhere"}, FileNotFoundError, "nowhere"),
    "nothing": ({}, ValueError, "No image file was found"),
    "labels": ({"labels": "x"}, ValueError, "`labels` must be"),
    "label mode": ({"label_mode": "x"}, ValueError, "label_mode"),
    "color mode": ({"color_mode": "x"}, ValueError, "color_mode"),
    "interpolation": ({"interpolation": "x"}, ValueError, "x"),
    "size": ({"image_size": (3,)}, ValueError, "image_size"),
    "subset alone": ({"subset": "training"}, ValueError, "go together"),
    "subset": ({"subset": "x", "validation_split": 0.5}, ValueError, "'both'"),
    "split": ({"subset": "both", "validation_split": 2}, ValueError, "between 0 and 1"),
    "no seed": ({"subset": "both", "validation_split": 0.5}, ValueError, "seed"),
    "class names": ({"class_names": ["a", "c"]}, ValueError, "must name the folders"),
    "class names, labels": ({"class_names": ["a"], "labels": [1]}, ValueError, "inferred"),
    "number of labels": ({"labels": [1, 2]}, ValueError, "holds 2 labels"),
    "unknown": ({"speed": 1}, TypeError, "speed"),
}


@pytest.mark.parametrize("case", FOLDER_ERRORS)
def test_wrong_folders(case, tmp_path):
    given, kind, message = FOLDER_ERRORS[case]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with pytest.raises(kind, match=message):
        utils.image_dataset_from_directory(**{"directory": tmp_path, **given})


def test_wrong_shares_of_folders(images):
    with pytest.raises(ValueError, match="both need some"):
        utils.image_dataset_from_directory(
            images, validation_split=0.01, subset="validation", seed=1
        )
    with pytest.raises(ValueError, match="two classes"):
        utils.image_dataset_from_directory(images, labels=[1] * 10, label_mode="binary")
    with pytest.raises(ValueError, match="padded|filled"):
        utils.audio_dataset_from_directory(images, ragged=True)


SERIES_ERRORS = [
    ({"sequence_length": 20}, "spans 20 steps; the data has 9"),
    ({"sampling_rate": 0}, "sampling_rate"),
    ({"sequence_stride": 9}, "sequence_stride"),
    ({"start_index": 9}, "start_index"),
    ({"end_index": 9}, "end_index"),
    ({"start_index": 5, "end_index": 4}, "above `start_index`"),
    ({"start_index": 5, "sequence_length": 1, "targets": np.arange(6)}, "only 1 targets"),
]
SPLIT_ERRORS = [
    ({}, ValueError, "Give `left_size`"),
    ({"left_size": 9}, ValueError, "0 and 9"),
    ({"left_size": 1.0}, ValueError, "between 0 and 1"),
    ({"left_size": "x"}, TypeError, "left_size"),
    ({"left_size": 5, "right_size": 5}, ValueError, "more than the 9"),
    ({"left_size": 0.01}, ValueError, "one part empty"),
    ({"dataset": [], "left_size": 1}, ValueError, "at least one"),
    ({"dataset": 3, "left_size": 1}, TypeError, "int"),
    ({"dataset": [np.ones(2), np.ones(3)], "left_size": 1}, ValueError, "one length"),
]


@pytest.mark.parametrize("given, message", SERIES_ERRORS)
def test_wrong_series(given, message):
    with pytest.raises(ValueError, match=message):
        utils.timeseries_dataset_from_array(
            **{"data": np.arange(9), "targets": None, "sequence_length": 3, **given}
        )


@pytest.mark.parametrize("given, kind, message", SPLIT_ERRORS)
def test_wrong_splits(given, kind, message):
    with pytest.raises(kind, match=message):
        utils.split_dataset(**{"dataset": np.arange(9), **given})
