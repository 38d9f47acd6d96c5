"""The image functions and ImageDataGenerator against tf.keras: same seeds, same pixels."""

import io
import random
import warnings

import numpy as np
import pytest
from PIL import Image

import torchkeras
from compat_tests import oracle
from torchkeras.preprocessing import image as ours


def pictures(count=7, height=9, width=13, channels=3, seed=0):
    """Smooth images with noise, 0 to 255."""
    draw = np.random.default_rng(seed)
    i, j = np.mgrid[:height, :width]
    waves = np.sin(
        i[..., None] / 3 + draw.uniform(0, 6, (count, 1, 1, channels)) + j[..., None] / 2
    )
    noise = draw.uniform(-20, 20, (count, height, width, channels))
    return (waves * 100 + 127 + noise).clip(0, 255).astype("float32")


def same(found, expected, scale=255.0):
    """Equal to 1e-4 of the range, in the same nesting."""
    if isinstance(expected, (list, tuple)):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            same(one, other, scale)
    else:
        expected = np.asarray(expected)
        assert isinstance(found, np.ndarray) and found.dtype == expected.dtype
        assert found.shape == expected.shape
        scale = max(scale, np.abs(expected).max(initial=0)) if scale else 0
        np.testing.assert_allclose(found, expected, 0, 1e-4 * scale)


def quiet(run, *arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return run(*arguments)


# --- ImageDataGenerator ----------------------------------------------------------------------


def halved(x):
    return x / 2


def mixture(seed):
    """Some of all arguments, drawn at random."""
    draw = random.Random(seed)
    choices = {
        "rotation_range": [0, 15, 90],
        "width_shift_range": [0.0, 0.25, 3, 2.5, [-3, 0, 1]],
        "height_shift_range": [0.0, 0.25, 2, [1, 4]],
        "shear_range": [0.0, 12.5],
        "zoom_range": [0.0, 0.3, (0.5, 0.9), [1.1, 1.6]],
        "brightness_range": [None, None, (0.4, 1.5)],
        "channel_shift_range": [0.0, 0.0, 45.0],
        "fill_mode": ["nearest", "constant", "reflect", "wrap"],
        "cval": [0.0, 99.0],
        "horizontal_flip": [False, True],
        "vertical_flip": [False, True],
        "rescale": [None, 1 / 255, 2.0],
        "samplewise_center": [False, False, True],
        "interpolation_order": [1, 1, 1, 2, 3],
        "preprocessing_function": [None, None, halved],
    }
    return {name: draw.choice(values) for name, values in choices.items()}


def noisy(x):
    return x + np.random.normal(0, 5, x.shape)


MOVES = {
    "rotation_range": 40,
    "width_shift_range": 0.2,
    "height_shift_range": 0.3,
    "shear_range": 20,
    "zoom_range": 0.4,
}
STD = {"featurewise_std_normalization": True}
ALL = {**MOVES, "channel_shift_range": 30.0, "horizontal_flip": True, "vertical_flip": True}
GENERATORS = {
    "nothing": {},
    "rotation": {"rotation_range": 30},
    "width shift": {"width_shift_range": 0.3},
    "height shift": {"height_shift_range": 0.3},
    "shift by pixels": {"width_shift_range": 2.5, "height_shift_range": 1.0},
    "shift by whole pixels": {"width_shift_range": 3, "height_shift_range": 2},
    "shift from lists": {"width_shift_range": [-2, 0, 3], "height_shift_range": [0.1, 0.2]},
    "shift from a list and turns": {"width_shift_range": [1, 2], "rotation_range": 9},
    "brightness": {"brightness_range": (0.3, 1.7)},
    "brightness and rescale": {"brightness_range": [0.5, 0.6], "rescale": 1 / 255},
    "shear": {"shear_range": 25.0},
    "zoom": {"zoom_range": 0.5},
    "zoom out": {"zoom_range": [1.2, 2.0]},
    "zoom in": {"zoom_range": (0.3, 0.7)},
    "channel shift": {"channel_shift_range": 60.0},
    "horizontal flip": {"horizontal_flip": True},
    "vertical flip": {"vertical_flip": True},
    "both flips": {"horizontal_flip": True, "vertical_flip": True},
    "flips and turns": {"horizontal_flip": True, "vertical_flip": True, "rotation_range": 30},
    "rescale": {"rescale": 0.5},
    "function": {"preprocessing_function": halved, "horizontal_flip": True},
    "function that draws": {"preprocessing_function": noisy, **MOVES},
    "samplewise center": {"samplewise_center": True},
    "samplewise both": {"samplewise_center": True, "samplewise_std_normalization": True},
    "samplewise std alone": {"samplewise_std_normalization": True, **MOVES},
    "featurewise center": {"featurewise_center": True},
    "featurewise both": {"featurewise_center": True, "featurewise_std_normalization": True},
    "featurewise std alone": {"featurewise_std_normalization": True, "rotation_range": 10},
    "zca": {"zca_whitening": True, "zca_epsilon": 1e-2},
    "zca, no std": {"zca_whitening": True, "zca_epsilon": 0.1, **STD},
    "moves": MOVES,
    "everything": ALL,
    "everything normalized": {**ALL, "rescale": 1 / 255, "featurewise_center": True},
    "everything bright": {**ALL, "brightness_range": (0.5, 1.5)},
    "everything and a function": {**ALL, "preprocessing_function": halved, "rescale": 2.0},
    "everything in float64": {**ALL, "dtype": "float64"},
    "everything samplewise": {**ALL, "samplewise_center": True},
    # In mixture 1 pixels lie where mode 'wrap' jumps, and the last bit of a sum decides.
    **{f"mixture {seed}": mixture(seed) for seed in range(21) if seed != 1},
    "moved pixels of 8 bits": {**MOVES, "dtype": "uint8"},
    **{
        f"fill {mode}": {**MOVES, "fill_mode": mode, "cval": 7.5}
        for mode in ("nearest", "constant", "reflect", "wrap")
    },
    **{
        f"far outside, {mode}": {"width_shift_range": 40.0, "zoom_range": (1, 5), "fill_mode": mode}
        for mode in ("nearest", "constant", "reflect", "wrap")
    },
    **{
        f"whole pixels, {mode}": {"width_shift_range": 4, "fill_mode": mode, "cval": -3}
        for mode in ("constant", "reflect", "wrap")
    },
    **{
        f"order {order}, {mode}": {**MOVES, "interpolation_order": order, "fill_mode": mode}
        for order, mode in ((0, "nearest"), (0, "wrap"), (2, "nearest"), (3, "reflect"),
                            (3, "constant"), (4, "wrap"), (5, "nearest"))
    },
}  # fmt: skip


def epochs(module, config, x, flow):
    """What three batches and one by index hold after a fit."""
    np.random.seed(11)
    generator = module.ImageDataGenerator(**config)
    if any(name.startswith(("featurewise", "zca")) for name in config):
        generator.fit(x, augment="rotation_range" in config, rounds=2, seed=5)
    batches = generator.flow(x, np.arange(len(x)), **{"batch_size": 3, **flow})
    return [list(next(batches)) for _ in range(4)] + [list(batches[1]), np.random.random(2)]


@pytest.mark.parametrize("case", GENERATORS)
def test_flow(case):
    config, x = GENERATORS[case], pictures()
    expected = oracle.ask(lambda keras: epochs(keras.preprocessing.image, config, x, {"seed": 2}))
    same(quiet(epochs, ours, config, x, {"seed": 2}), expected)


FLOWS = {
    "no seed": {},
    "in order": {"shuffle": False},
    "weights": {"sample_weight": np.linspace(0, 1, 7)},
    "one batch": {"batch_size": 50},
    "batch of one": {"batch_size": 1, "seed": 3},
    "training": {"subset": "training", "ignore_class_split": True, "batch_size": 1},
    "validation": {"subset": "validation", "ignore_class_split": True},
}


@pytest.mark.parametrize("case", FLOWS)
def test_flow_arguments(case):
    config = {**MOVES, "validation_split": 0.6, "horizontal_flip": True}
    x = pictures()
    flow = {"batch_size": 2, **FLOWS[case]}
    if case in ("one batch",):
        run = first_batches
    else:
        run = epochs
    expected = oracle.ask(lambda keras: run(keras.preprocessing.image, config, x, flow))
    same(run(ours, config, x, flow), expected)


def first_batches(module, config, x, flow):
    np.random.seed(11)
    batches = module.ImageDataGenerator(**config).flow(x, np.arange(len(x)), **flow)
    return [list(next(batches)), list(next(batches)), list(batches[0])]


@pytest.mark.parametrize("channels", [1, 4])
def test_channels(channels):
    config = {**ALL, "brightness_range": (0.5, 1.5)}
    x = pictures(channels=channels)
    expected = oracle.ask(lambda keras: epochs(keras.preprocessing.image, config, x, {}))
    same(epochs(ours, config, x, {}), expected)


def test_values_of_any_range():
    config = {"brightness_range": (0.5, 1.5), "channel_shift_range": 3.0}
    x = (pictures() - 100) * 3
    expected = oracle.ask(lambda keras: epochs(keras.preprocessing.image, config, x, {}))
    same(epochs(ours, config, x, {}), expected)


def test_channels_first():
    config, x = {**ALL, "data_format": "channels_first"}, pictures().transpose(0, 3, 1, 2)
    expected = oracle.ask(lambda keras: epochs(keras.preprocessing.image, config, x, {}))
    same(epochs(ours, config, x, {}), expected)


def test_more_inputs():
    x, other = pictures(), np.arange(14).reshape(7, 2)

    def run(module):
        flow = module.ImageDataGenerator().flow
        np.random.seed(0)
        return [next(flow((x, other), batch_size=2)), next(flow((x, [other, other]), batch_size=2))]

    same(run(ours), oracle.ask(lambda keras: run(keras.preprocessing.image)))


def test_images_without_labels():
    batches = ours.ImageDataGenerator().flow(pictures(), batch_size=4)
    assert isinstance(next(batches), np.ndarray) and len(batches) == 2


def test_one_image():
    x = pictures(1)[0]

    def run(module):
        generator = module.ImageDataGenerator(**ALL, brightness_range=(0.5, 1.0), rescale=0.1)
        params = generator.get_random_transform(x.shape, seed=3)
        return {
            "params": [params[name] for name in sorted(params)],
            "names": list(params),
            "applied": generator.apply_transform(x, params),
            "part": generator.apply_transform(x, {"theta": 20, "flip_vertical": True}),
            "random": generator.random_transform(x, seed=4),
            "standardized": generator.standardize(x.copy()),
        }

    expected, found = oracle.ask(lambda keras: run(keras.preprocessing.image)), run(ours)
    assert found["names"] == expected["names"]
    np.testing.assert_allclose(found["params"], expected["params"], 1e-12)
    for name in ("applied", "part", "random", "standardized"):
        same(found[name], expected[name])


def test_overridden_methods():
    class Darker(ours.ImageDataGenerator):
        def apply_transform(self, x, transform_parameters):
            return super().apply_transform(x, transform_parameters) * 0.5

    same(
        epochs(Darker_module(Darker), MOVES, pictures(), {}),
        [
            [batch[0] / 2, batch[1]] if isinstance(batch, list) else batch
            for batch in epochs(ours, MOVES, pictures(), {})
        ],
    )


class Darker_module:
    def __init__(self, cls):
        self.ImageDataGenerator = cls


# --- functions of one image ------------------------------------------------------------------

FUNCTIONS = {
    "rotation": ("random_rotation", (40,), {}),
    "shift": ("random_shift", (0.3, 0.4), {}),
    "shear": ("random_shear", (30,), {"fill_mode": "reflect"}),
    "zoom": ("random_zoom", ((0.5, 1.5),), {"fill_mode": "constant", "cval": 9.0}),
    "no zoom": ("random_zoom", ((1, 1),), {}),
    "rows and columns exchanged": ("random_rotation", (40,), {"row_axis": 1, "col_axis": 0}),
    "order": ("random_shift", (0.3, 0.4), {"interpolation_order": 3}),
    "channel shift": ("random_channel_shift", (50.0,), {"channel_axis": 2}),
    "brightness": ("random_brightness", ((0.5, 1.5),), {}),
    "brightness unscaled": ("random_brightness", ((0.5, 1.5),), {"scale": False}),
    "apply brightness": ("apply_brightness_shift", (1.3,), {}),
    "apply channel shift": ("apply_channel_shift", (-20.0,), {}),
    "nothing": ("apply_affine_transform", (), {}),
    "all": (
        "apply_affine_transform",
        (),
        {"theta": 20, "tx": 1.5, "ty": -2, "shear": 10, "zx": 0.8, "zy": 1.3, "fill_mode": "wrap"},
    ),
}


@pytest.mark.parametrize("case", FUNCTIONS)
def test_functions(case):
    name, arguments, options = FUNCTIONS[case]
    if name not in ("random_brightness", "apply_brightness_shift", "apply_channel_shift"):
        axes = {"row_axis": 0, "col_axis": 1, "channel_axis": 2}
        axes = {} if name == "random_channel_shift" else axes
        options = {**axes, **options}
    x = pictures(1)[0]

    def run(module):
        np.random.seed(1)
        return getattr(module, name)(x, *arguments, **options)

    same(run(ours), oracle.ask(lambda keras: run(keras.preprocessing.image)))


def test_channels_come_first_by_default():
    x = pictures(1)[0].transpose(2, 0, 1)
    expected = oracle.ask(lambda keras: keras.preprocessing.image.apply_affine_transform(x, 30))
    same(ours.apply_affine_transform(x, 30), expected)


RESIZES = [
    (size, method)
    for size in ((6, 6), (20, 9), (9, 13))
    for method in ("bilinear", "nearest", "bicubic", "area", "lanczos3")
]


@pytest.mark.parametrize("size, method", RESIZES)
def test_smart_resize(size, method):
    x = pictures(1)[0]
    expected = oracle.ask(lambda keras: keras.preprocessing.image.smart_resize(x, size, method))
    same(ours.smart_resize(x, size, method), expected)


# --- files -----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """Folders b, a/inner and c of images of several sizes and kinds."""
    kinds = {"b/1.png": "RGB", "b/2.JPG": "RGB", "b/3.bmp": "L", "a/inner/4.png": "RGBA",
             "a/5.png": "L", "a/6.ppm": "RGB", "c/7.png": "P", "c/8.tif": "RGB",
             "c/notes.txt": None}  # fmt: skip
    for number, (name, mode) in enumerate(kinds.items()):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if mode is None:
            path.write_text("no image")
        else:
            array = pictures(1, 10 + number, 16, seed=number)[0].astype("uint8")
            Image.fromarray(array).convert(mode).save(path, quality=95)
    (tmp_path / "images" / "empty").mkdir()
    (tmp_path / "saved").mkdir()
    return tmp_path / "images"


LOADS = [
    {},
    {"color_mode": "grayscale"},
    {"color_mode": "rgba", "target_size": (8, 12)},
    {"target_size": (7, 5), "interpolation": "bilinear"},
    {"target_size": (7, 5), "interpolation": "lanczos", "keep_aspect_ratio": True},
    {"target_size": (20, 30), "interpolation": "bicubic", "keep_aspect_ratio": True},
]


@pytest.mark.parametrize("options", LOADS, ids=str)
@pytest.mark.parametrize("name", ["b/1.png", "a/inner/4.png", "a/5.png"])
def test_load_img(folder, name, options):
    path = str(folder / name)

    def run(module):
        return module.img_to_array(module.load_img(path, **options))

    expected = oracle.ask(lambda keras: run(keras.preprocessing.image))
    np.testing.assert_array_equal(run(ours), expected)


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_arrays_and_images(channels, scale, tmp_path):
    x = pictures(1, channels=channels)[0] / 3 + 7

    def run(module):
        picture = module.array_to_img(x, scale=scale)
        file = io.BytesIO()
        module.save_img(file, x, file_format="png", scale=scale)
        first = module.img_to_array(picture, data_format="channels_first", dtype="float64")
        return [np.asarray(picture), first, np.asarray(Image.open(file))], picture.mode

    expected, mode = oracle.ask(lambda keras: run(keras.preprocessing.image))
    found = run(ours)
    same(found[0], expected, 0)
    assert found[1] == mode


def test_large_grey_values():
    x = np.array([[[300.0], [2.0]]])
    assert np.asarray(ours.array_to_img(x, scale=False)).tolist() == [[300, 2]]
    with pytest.warns(UserWarning, match="no transparency"):
        ours.save_img(io.BytesIO(), np.zeros((2, 2, 4)), file_format="jpg")


DIRECTORIES = {
    "categorical": {},
    "binary": {"class_mode": "binary", "classes": ["c", "a"]},
    "sparse": {"class_mode": "sparse", "seed": 4},
    "input": {"class_mode": "input", "color_mode": "grayscale"},
    "no labels": {"class_mode": None, "shuffle": False, "color_mode": "rgba"},
    "training": {"subset": "training"},
    "validation": {"subset": "validation", "target_size": (12, 7)},
    "resized": {"interpolation": "bilinear", "keep_aspect_ratio": True},
}


@pytest.mark.parametrize("case", DIRECTORIES)
def test_flow_from_directory(case, folder):
    options = {"target_size": (9, 9), "batch_size": 3, **DIRECTORIES[case]}

    def run(module):
        np.random.seed(8)
        generator = module.ImageDataGenerator(**ALL, rescale=1 / 255, validation_split=0.5)
        batches = generator.flow_from_directory(str(folder), **options)
        got = [next(batches) for _ in range(3)]
        return {
            "batches": [list(one) if isinstance(one, tuple) else [one] for one in got],
            "filenames": batches.filenames,
            "classes": batches.classes,
            "indices": batches.class_indices,
            "numbers": [batches.samples, batches.n, len(batches), batches.num_classes],
            "shape": list(batches.image_shape),
        }

    check_files(quiet(run, ours), oracle.ask(lambda keras: run(keras.preprocessing.image)))


def check_files(found, expected):
    same([list(one) for one in found.pop("batches")], expected.pop("batches"), 1.0)
    for name in ("classes", "targets"):
        if name in expected:
            np.testing.assert_array_equal(found.pop(name), expected.pop(name))
    assert oracle.plain(found) == expected


FRAMES = {
    "categorical": {},
    "lists of classes": {"y_col": "tags"},
    "lists, some classes": {"y_col": "tags", "classes": ["y", "z"]},
    "binary": {"class_mode": "binary", "y_col": "two"},
    "sparse": {"class_mode": "sparse", "seed": 4, "shuffle": False},
    "some classes": {"class_mode": "sparse", "classes": ["q", "p"]},
    "raw": {"class_mode": "raw", "y_col": "number"},
    "raw columns": {"class_mode": "raw", "y_col": ["number", "weight"]},
    "multi_output": {"class_mode": "multi_output", "y_col": ["number", "weight"]},
    "input": {"class_mode": "input"},
    "no labels": {"class_mode": None},
    "weights": {"weight_col": "weight"},
    "training": {"subset": "training"},
    "validation": {"subset": "validation", "class_mode": "raw", "y_col": "number"},
    "unchecked": {"validate_filenames": False, "subset": "validation"},
}


@pytest.mark.parametrize("case", FRAMES)
def test_flow_from_dataframe(case, folder):
    pandas = pytest.importorskip("pandas")
    options = {"target_size": (9, 9), "batch_size": 2, **FRAMES[case]}
    names = ["b/1.png", "c/7.png", "b/2.JPG", "a/5.png", "a/inner/4.png", "b/missing.png"]
    frame = pandas.DataFrame(
        {
            "filename": names,
            "class": ["p", "q", "r", "p", "q", "p"],
            "two": ["p", "q", "q", "p", "q", "p"],
            "tags": [["x"], ("y", "x"), "z", ["z", "w"], ["w"], "x"],
            "number": [5, 3, 1, 2, 4, 6],
            "weight": [0.5, 1.5, 2.5, 3.5, 4.5, 5.5],
        }
    )

    def run(module):
        np.random.seed(8)
        generator = module.ImageDataGenerator(horizontal_flip=True, validation_split=0.4)
        batches = generator.flow_from_dataframe(frame, str(folder), **options)
        got = [next(batches) for _ in range(3)]
        labelled = options.get("class_mode", "categorical") not in ("input", None, "multi_output")
        return {
            "batches": [list(one) if isinstance(one, tuple) else [one] for one in got],
            "filenames": batches.filenames,
            "numbers": [batches.samples, batches.n, len(batches)],
            "indices": getattr(batches, "class_indices", None),
            "labels": list(map(repr, np.asarray(batches.labels, object).tolist()))
            if labelled
            else 0,
        }

    check_files(quiet(run, ours), oracle.ask(lambda keras: run(keras.preprocessing.image)))


def test_saved_images(folder):
    saved = folder.parent / "saved"

    def run(module):
        np.random.seed(8)
        generator = module.ImageDataGenerator(**MOVES)
        options = {"save_to_dir": str(saved), "save_prefix": "x", "save_format": "png"}
        next(generator.flow(pictures(), batch_size=3, **options))
        next(generator.flow_from_directory(str(folder), (9, 9), batch_size=2, **options))
        names = sorted(path.name for path in saved.iterdir())
        for name in names:
            (saved / name).unlink()
        return names

    assert run(ours) == oracle.ask(lambda keras: run(keras.preprocessing.image))


# --- with a model ----------------------------------------------------------------------------


def test_fit_takes_iterators():
    model = torchkeras.Sequential(
        [torchkeras.layers.Flatten(input_shape=(9, 13, 3)), torchkeras.layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    generator = ours.ImageDataGenerator(rescale=1 / 255, validation_split=0.5)
    y = np.ones(8)
    train = generator.flow(pictures(8), y, batch_size=3, subset="training")
    test = generator.flow(pictures(8), y, batch_size=3, subset="validation", shuffle=False)
    history = model.fit(train, epochs=2, validation_data=test, verbose=0)
    assert len(history.history["val_loss"]) == 2
    assert model.predict(test, verbose=0).shape == (4, 1)
    assert model.fit(train, steps_per_epoch=1, epochs=2, verbose=0).epoch == [0, 1]
    assert np.isfinite(model.evaluate(test, verbose=0))


# --- bad input -------------------------------------------------------------------------------


def test_damaged_files(folder):
    path = folder / "b" / "1.png"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ValueError, match="1.png"):
        ours.load_img(path)
    batches = ours.ImageDataGenerator().flow_from_directory(folder, (9, 9), batch_size=20)
    with pytest.raises(ValueError, match="1.png"):
        next(batches)
    with pytest.raises(ValueError, match="notes.txt"):
        ours.load_img(folder / "c" / "notes.txt")


def test_folders_without_images(folder):
    generator = ours.ImageDataGenerator()
    with pytest.raises(FileNotFoundError, match="nowhere"):
        generator.flow_from_directory(folder / "nowhere")
    batches = generator.flow_from_directory(folder / "empty")
    for act in (lambda: batches[0], lambda: next(batches)):
        with pytest.raises(ValueError, match="one folder for each class"):
            act()


GENERATOR = ours.ImageDataGenerator
WRONG = {
    "zoom": (lambda: GENERATOR(zoom_range=(1, 2, 3)), "zoom_range"),
    "brightness": (lambda: GENERATOR(brightness_range=0.5), "brightness_range"),
    "format": (lambda: GENERATOR(data_format="last"), "last"),
    "split": (lambda: GENERATOR(validation_split=1.5), "1.5"),
    "fill mode": (lambda: next(GENERATOR(rotation_range=3, fill_mode="x").flow(pictures())), "'x'"),
    "rank": (lambda: GENERATOR().flow(np.zeros((3, 4, 5))), "rank 4"),
    "rank in fit": (lambda: GENERATOR().fit(np.zeros((3, 4, 5))), "rank 4"),
    "labels": (lambda: GENERATOR().flow(pictures(), np.zeros(3)), "`y` is 3 long"),
    "weights": (lambda: GENERATOR().flow(pictures(), sample_weight=[1]), "1 long"),
    "subset": (lambda: GENERATOR().flow(pictures(), subset="test"), "'test'"),
    "classes": (
        lambda: GENERATOR(validation_split=0.5).flow(
            pictures(), np.arange(7), subset="training"
        ),
        "different classes",
    ),
    "no such batch": (lambda: GENERATOR().flow(pictures(), batch_size=4)[2], "no batch 2"),
    "axes": (lambda: ours.apply_affine_transform(pictures(1)[0], 3, row_axis=2), "some order"),
    "color mode": (lambda: ours.load_img("x.png", color_mode="hsv"), "hsv"),
    "channels": (lambda: ours.array_to_img(np.zeros((2, 2, 5))), "received 5"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments(case):
    act, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        act()


def test_missing_column(folder):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"filename": ["b/1.png"]})
    with pytest.raises(KeyError, match="y_col='class'.*filename"):
        GENERATOR().flow_from_dataframe(frame, str(folder))


def test_unfitted():
    generator = ours.ImageDataGenerator(featurewise_center=True)
    with pytest.warns(UserWarning, match="has no effect before `fit"):
        next(generator.flow(pictures()))
