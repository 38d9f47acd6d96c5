"""Makes the files of one old Keras: `python writer.py FOLDER [MODEL ...]`, in its interpreter.

Each model is trained for two steps and saved as `.h5`, as weights and as JSON, with inputs, what
it predicts for them, and the losses of three more steps, in `.npz`. What an old Keras cannot make
leaves an `.error` file. Runs in Python 2.7 too, with nothing but numpy and that Keras.
"""

import json
import os
import sys
import traceback
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
warnings.simplefilter("ignore")

import numpy as np  # noqa: E402
from tables import OPTIMIZERS, SAMPLES, said  # noqa: E402

COMPILED = ("loss_weights", "metrics", "weighted_metrics", "sample_weight_mode")


def library():
    """The old Keras and its models."""
    import keras
    import keras.backend

    old = keras.__version__.startswith("1.")
    names = "models layers regularizers constraints optimizers engine utils legacy.layers"
    for name in names.split():
        try:
            __import__("keras." + name)
        except ImportError:
            pass
    return keras, __import__("words_of_1" if old else "words_of_2").MODELS


def inputs_of(case, seed=0):
    """Arrays for the inputs of a model."""
    draws, found = np.random.RandomState(seed), []
    for shape, words in zip(case.shapes, case.words):  # noqa: B905
        size = (SAMPLES if not case.get("large") else 1,) + shape
        value = draws.randint(0, words, size) if words else draws.normal(size=size)
        found.append(value.astype("int32" if words else "float32"))
    return found


def targets_of(case, model):
    """Labels for each output: shares that sum to 1, whole numbers, or 0 and 1."""
    draws, found = np.random.RandomState(1), []
    shapes = model.output_shape if isinstance(model.output_shape, list) else [model.output_shape]
    for shape in shapes:
        size = (SAMPLES,) + tuple(shape[1:])
        if "sparse" in str(case.get("loss", "")):
            found.append(draws.randint(0, size[-1], size[:-1] + (1,)))
            continue
        value = draws.uniform(size=size) > 0.5
        found.append(value.astype("float32"))
        if "hinge" in str(case.get("loss", "")):
            found[-1] = 2 * found[-1] - 1
        elif size[-1] > 1:
            found[-1] = np.eye(size[-1], dtype="float32")[draws.randint(0, size[-1], size[:-1])]
    return found


def weights_of(case):
    """Weights of samples, where a model is trained with some for each time step."""
    if case.get("sample_weight_mode") != "temporal":
        return None
    return np.random.RandomState(2).uniform(size=(SAMPLES,) + case.shapes[0][:1])


def train(model, case, x, y, steps):
    """The losses of some steps on all samples."""
    losses = []
    for _ in range(steps):
        loss = model.train_on_batch(single(x), single(y), sample_weight=weights_of(case))
        losses.append(float(np.ravel(loss)[0]))
    return losses


def single(arrays):
    return arrays[0] if len(arrays) == 1 else arrays


def predict(model, x):
    found = model.predict(single(x), batch_size=SAMPLES)
    return found if isinstance(found, list) else [found]


def compiled(keras, case, number):
    """The model of a case, compiled; optimizers take turns."""
    model = case.build(keras)
    rule, settings = case.get("optimizer") or (OPTIMIZERS[number % len(OPTIMIZERS)], {})
    optimizer = getattr(keras.optimizers, rule)(**settings)
    more = {key: said(keras, case.get(key)) for key in COMPILED if case.get(key)}
    model.compile(optimizer=optimizer, loss=said(keras, case.get("loss", "mse")), **more)
    return model


def write(keras, folder, name, case, number):
    """Make, train and save one model, and note what it does."""
    path = os.path.join(folder, name)
    x, noted = inputs_of(case), {}
    model = compiled(keras, case, number)
    if not case.get("large") and not case.get("untrained"):
        y = targets_of(case, model)
        train(model, case, x, y, 2)
        noted.update(("y" + str(i), array) for i, array in enumerate(y))
    if case.get("wrapped"):
        model = case.get("wrapped")(keras, model)
    if hasattr(model, "reset_states"):
        model.reset_states()
    model.save(path + ".h5")
    model.save_weights(path + ".weights.h5")
    with open(path + ".json", "w") as file:
        file.write(model.to_json())
    try:
        with open(path + ".yaml", "w") as file:
            file.write(model.to_yaml())
    except Exception:
        os.remove(path + ".yaml")
    if case.get("read_by"):
        model = case.get("read_by")(keras, path)
    noted.update(("x" + str(i), array) for i, array in enumerate(x))
    if hasattr(model, "reset_states"):
        model.reset_states()
    noted.update(("p" + str(i), array) for i, array in enumerate(predict(model, x)))
    noted["losses"], noted["again"] = [], []
    if not case.get("random") and not case.get("large"):
        noted["losses"] = trained_on(model, case, x, y)
        try:
            noted["again"] = trained_on(keras.models.load_model(path + ".h5"), case, x, y)
        except Exception as error:  # what an old Keras cannot load itself
            noted["refused"] = repr(error)[:300]
    np.savez(path + ".npz", **noted)


def trained_on(model, case, x, y):
    """The losses of three more steps; none where they are no numbers."""
    if hasattr(model, "reset_states"):
        model.reset_states()
    losses = train(model, case, x, y, 3)
    return losses if np.isfinite(losses).all() else []


def main():
    folder, chosen = sys.argv[1], sys.argv[2:]
    keras, models = library()
    if not os.path.isdir(folder):
        os.makedirs(folder)
    about = {"keras": keras.__version__, "backend": keras.backend.backend(),
             "python": sys.version.split()[0]}  # fmt: skip
    with open(os.path.join(folder, "about.json"), "w") as file:
        json.dump(about, file)
    for number, name in enumerate(sorted(models)):
        ends = [os.path.join(folder, name + end) for end in (".npz", ".error")]
        skipped = name not in chosen if chosen else models[name].get("large")
        if skipped or (not chosen and any(map(os.path.exists, ends))):
            continue
        try:
            keras.backend.clear_session()
        except AttributeError:
            pass
        np.random.seed(number)
        try:
            write(keras, folder, name, models[name], number)
            if os.path.exists(ends[1]):
                os.remove(ends[1])
        except Exception:
            with open(ends[1], "w") as file:
                file.write(traceback.format_exc()[-1500:])
        print(name)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
