"""One release of TensorFlow, or torchkeras: `python old_side.py write|read FOLDER [MODEL ...]`.

`write` makes every model that the release has, trains it for two steps and saves it in every format
that the release has, with what it predicts and what three more epochs lead to. `read` has
torchkeras load the files and notes what comes out. `v1` or `v2` before FOLDER writes in the
behaviour of that TensorFlow and not in the release's own. What is there already stays, so that a
run that was stopped goes on. Python 3.6 and later, as old releases need.
"""

import glob
import json
import os
import sys
import traceback
import warnings
from functools import partial

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import old_models  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(HERE))
ENDINGS = {
    "h5": ".h5",
    "weights": "-weights.h5",
    "checkpoint": "-checkpoint/w",
    "tf_checkpoint": "-train/c",
    "folder": "-folder",
    "exported": "-exported",
    "keras": ".keras",
    "keras_v3": "-v3.keras",
    "numbered": ".weights.h5",
}
SLOW = ("tf_checkpoint", "folder", "exported")  # written of few models
FEW = """mlp lstm legacy_Adam legacy_RMSprop legacy_Adadelta batch_norm two_in_two_out nested_twice
    bidirectional states text string_lookup_adapted adapted_numbers multi_head open_sequentials
    old_cudnn_gru old_batch_norm_of_v1 old_tf_arithmetic old_experimental_text old_mixed_float16
    old_loss_scale old_rate_exponential old_tf_adam old_compiled_dicts old_compiled_classes
    old_stateful old_own_layer old_own_model old_own_model_in_parts old_named_inputs old_added
    old_lambdas""".split()
WHOLE = ("h5", "folder", "exported", "keras", "keras_v3")
WITH_STATE = ("h5", "folder", "keras", "keras_v3", "checkpoint", "tf_checkpoint", "numbered")


def _new_models():
    """models.py, which newer Pythons import: its one line that 3.6 does not know is left out."""
    import types

    with open(os.path.join(HERE, "models.py")) as file:
        text = file.read().replace("from __future__ import annotations\n", "\n")
    module = types.ModuleType("models")
    exec(compile(text, "models.py", "exec"), module.__dict__)
    return module


new_models = _new_models()
NAMES = list(new_models.MODELS) + list(old_models.MODELS)
RANDOM = set(new_models.RANDOM) | {
    "old_experimental_images", "old_mobilenet", "old_mobilenet_v2", "old_mobilenet_v3",
    "old_efficientnet",
}  # fmt: skip
LAMBDAS = {  # the functions of Lambda layers, whose code only the writer's Python reads
    "lambda": lambda x: x * 2.0,
    "old_code": lambda x: x * 2.0,
    "old_lambdas": old_models.doubled,
}


def given(name):
    """The arguments of compile that a model of old_models.py has."""
    return old_models.MODELS[name][2] if name in old_models.MODELS else {}


def arrays(name):
    """Inputs of a model."""
    if name in old_models.MODELS:
        return old_models.arrays(name)
    found = new_models.arrays(name)
    listed = found if isinstance(found, list) else [found]
    listed = [one.astype(object) if one.dtype.kind == "U" else one for one in listed]
    return listed if isinstance(found, list) else listed[0]


def labels(name):
    """Labels of a model."""
    if name in old_models.MODELS:
        return old_models.labels_of(given(name))
    draw = np.random.RandomState(7)
    shapes = [(8, 1), (8, 2)] if name == "two_in_two_out" else [(8, 2)]
    found = [draw.normal(size=shape).astype("float32") for shape in shapes]
    return found if len(found) > 1 else found[0]


def predicted(model, name):
    """What a model predicts, output by output."""
    if "stateful" in name:
        model.reset_states()
    found = model.predict(arrays(name), batch_size=4, verbose=0)
    if isinstance(found, dict):
        found = [found[key] for key in sorted(found)]
    found = found if isinstance(found, (list, tuple)) else [found]
    return [np.asarray(one, dtype="float32") for one in found]


def train(model, name, epochs):
    """Some epochs of two batches; the loss of each."""
    if "stateful" in name:
        model.reset_states()
    history = model.fit(
        arrays(name), labels(name), batch_size=4, epochs=epochs, shuffle=False, verbose=0
    )
    return history.history["loss"]


# --- TensorFlow ------------------------------------------------------------------------------


class Writer:
    """One release of TensorFlow, in the behaviour of 1 or 2."""

    def __init__(self, folder, behaviour):
        import tensorflow as tf

        if behaviour == "v1":
            tf.compat.v1.disable_v2_behavior()
        elif behaviour == "v2":
            tf.enable_v2_behavior()
        self.tf, self.folder = tf, folder
        v1 = tf.compat.v1 if hasattr(getattr(tf, "compat", None), "v1") else None
        self.keras = old_models.guarded(tf.keras, v1)
        self.eager = hasattr(tf, "executing_eagerly") and tf.executing_eagerly()

    def compiled(self, name):
        """A new model."""
        self.tf.keras.backend.clear_session()
        self.keras.utils.set_random_seed(NAMES.index(name))
        settings = dict(given(name))
        kind = settings.get("optimizer")
        if name in old_models.MODELS:
            model = old_models.MODELS[name][0](self.keras, self.tf)
            settings = old_models.settings_of(self.tf, settings)
            settings.setdefault("loss", "mse")
        else:
            model = new_models.MODELS[name][0](self.keras)
            settings = {"loss": ["mse", "mae"] if name == "two_in_two_out" else "mse"}
        if kind is not None:
            optimizer = old_models.optimizer_of(self.tf, kind)
        elif name in old_models.MODELS:
            optimizer = self.keras.optimizers.Adam(learning_rate=0.01)
        else:
            optimizer = new_models.optimizer_of(self.keras, name)
        if self.eager:  # in graphs the first step alone takes longer than all of these
            settings["run_eagerly"] = True
        model.compile(optimizer, **settings)
        return model

    def write(self, name):
        """One model in all formats."""
        done = os.path.join(self.folder, name)
        if os.path.exists(done + ".npz") or os.path.exists(done + ".error"):
            return
        try:
            model = self.compiled(name)
            if "cudnn" not in name:
                train(model, name, 1)
        except Exception:
            return _note_error(done)
        for kind in ENDINGS:
            try:
                self.save(model, name, kind)
            except Unknown:
                pass
            except Exception:
                _note_error(done + "." + kind)
                if kind in (
                    "h5",
                    "weights",
                    "keras",
                    "keras_v3",
                    "numbered",
                ):  # the beginning of a file
                    path = done + ENDINGS[kind]
                    os.remove(path) if os.path.exists(path) else None
        self.describe(model, done)
        try:
            if "cudnn" in name:
                found, losses = self.without_cudnn(model, name), []
            else:
                found = predicted(model, name)
                losses = train(model, name, 3) if name not in RANDOM else []
            np.savez(done + ".npz", *found, losses=losses)
        except Exception:
            _note_error(done)

    def save(self, model, name, kind):
        """One file or folder."""
        if kind in SLOW and name not in FEW:
            raise Unknown
        tf, path = self.tf, os.path.join(self.folder, name + ENDINGS[kind])
        if kind in ("checkpoint", "tf_checkpoint"):
            if not os.path.isdir(os.path.dirname(path)):
                os.makedirs(os.path.dirname(path))
        if kind == "h5":
            model.save(path)
        elif kind == "weights":
            model.save_weights(path)
        elif kind == "checkpoint":
            model.save_weights(path)
        elif kind == "tf_checkpoint":
            if not hasattr(tf.train, "Checkpoint"):
                raise Unknown
            checkpoint = tf.train.Checkpoint(model=model, optimizer=model.optimizer)
            if self.eager:
                checkpoint.save(path)
            else:
                checkpoint.save(path, session=tf.keras.backend.get_session())
        elif kind == "folder":
            if tf.__version__.startswith("1.") and not tf.__version__.startswith("1.15"):
                raise Unknown
            model.save(path, save_format="tf")
        elif kind == "exported":
            module = getattr(tf.keras, "experimental", None)
            export = getattr(module, "export_saved_model", None)
            if export is None:
                export = getattr(getattr(tf, "contrib", None), "saved_model", None)
                export = getattr(export, "save_keras_model", None)
            if export is None:
                raise Unknown
            export(model, path)
        elif kind == "keras":  # an HDF5 file by another name, until 2.13
            if _version(tf) < (2, 13) and name not in FEW:
                raise Unknown
            model.save(path)
        elif kind == "keras_v3":
            if _version(tf) not in ((2, 11), (2, 12)):
                raise Unknown
            model.save(path, save_format="keras_v3")
        elif kind == "numbered":
            if _version(tf) < (2, 12):
                raise Unknown
            model.save_weights(path)

    def describe(self, model, done):
        """The architecture and the optimizer, for files that hold neither."""
        try:
            with open(done + ".json", "w") as file:
                file.write(model.to_json())
        except Exception:
            os.remove(done + ".json")
            _note_error(done + ".json")
        optimizer = model.optimizer
        try:
            config = optimizer.get_config()
        except Exception:
            return _note_error(done + ".optimizer.json")
        kind = type(optimizer)
        legacy = _version(self.tf) < (2, 11) or "legacy" in kind.__module__
        entry = {"class_name": kind.__name__, "config": config, "legacy": legacy}
        with open(done + ".optimizer.json", "w") as file:
            json.dump(entry, file, default=float)

    def without_cudnn(self, model, name):
        """What a model predicts that a CPU cannot run: by the layers that stand for cuDNN's."""
        path = os.path.join(self.folder, name + ENDINGS["weights"])
        text = model.to_json().replace("CuDNN", "")
        config = json.loads(text)
        for entry in _entries(config):
            if entry.get("class_name") == "GRU":
                entry["config"].update(reset_after=True, recurrent_activation="sigmoid")
            elif entry.get("class_name") == "LSTM":
                entry["config"].update(recurrent_activation="sigmoid")
        other = self.tf.keras.models.model_from_json(json.dumps(config))
        other.load_weights(path)
        return predicted(other, name)


class Unknown(Exception):
    """A format that a release does not have."""


def _entries(value):
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _entries(item)


def _version(tf):
    return tuple(int(part) for part in tf.__version__.split(".")[:2])


def _note_error(path):
    with open(path + ".error", "w") as file:
        file.write(traceback.format_exc()[-1500:])


# --- torchkeras ------------------------------------------------------------------------------

PREDICT, TRAIN = 1e-4, 1e-3
COUNTED = "alike from one step later on"
FINE = ("alike", COUNTED, "not trained")
UNTOLD = {".json": "no JSON of the model", ".optimizer.json": "no config of the optimizer"}


def read(folder, names):
    """Per file 'alike', 'not trained' or what is otherwise; kept in `read.json` of the folder."""
    sys.path.insert(0, ROOT)
    import torchkeras

    found = {}
    for name in names:
        noted = os.path.join(folder, name + ".npz")
        if not os.path.exists(noted):
            continue
        expected = np.load(noted)
        for part in UNTOLD:
            if not os.path.exists(os.path.join(folder, name + part)):
                found[name + "|" + part] = UNTOLD[part]
        for kind in ENDINGS:
            path = os.path.join(folder, name + ENDINGS[kind])
            if kind == "tf_checkpoint":
                path += "-1"
            if kind == "exported" and not os.path.exists(os.path.join(path, "saved_model.pb")):
                path = max(glob.glob(os.path.join(path, "[0-9]*")), default=path)
            if not (os.path.exists(path) or os.path.exists(path + ".index")):
                continue
            if os.path.exists(os.path.join(folder, name + "." + kind + ".error")):
                continue
            try:
                load = partial(_loaded, torchkeras, folder, path, name, kind)
                said = _said(load, name, kind, expected)
            except Exception as error:
                said = f"error: {type(error).__name__}: {str(error)[:600]}"
                if "-v" in sys.argv:
                    traceback.print_exc()
            found[name + "|" + kind] = said
            if "-v" in sys.argv or said not in FINE:
                print(os.path.basename(folder), name, kind, said, flush=True)
    return found


def _said(load, name, kind, expected):
    """What comes of a file; if need be, with an optimizer that counts from one step later."""
    said = _compared(load(), name, kind, expected)
    if said.startswith("trains") and kind in ("h5", "keras"):
        from compat_tests import counted

        for later in counted.WAYS:
            model = load()
            if model.optimizer.iterations.numpy():
                later(model.optimizer)
                if _compared(model, name, kind, expected) == "alike":
                    return COUNTED
    return said


def _compared(model, name, kind, expected):
    if model.optimizer is not None and hasattr(model, "run_eagerly"):
        model.run_eagerly = True
    found = predicted(model, name)
    for number, one in enumerate(found):
        wanted = expected[f"arr_{number}"]
        loose = 1e-2 if "mixed" in name or "loss_scale" in name else PREDICT
        if not np.allclose(one, wanted, loose, loose):
            return f"predicts otherwise by {np.abs(one - wanted).max():.2g}"
    if kind not in WITH_STATE or not len(expected["losses"]) or name in RANDOM:
        return "not trained"
    if model.optimizer is None:
        return "not compiled"
    losses = train(model, name, 3)
    loose = 1e-2 if "mixed" in name or "loss_scale" in name else TRAIN
    if np.allclose(losses, expected["losses"], loose, loose):
        return "alike"
    ours, theirs = ([round(float(x), 5) for x in one] for one in (losses, expected["losses"]))
    return f"trains otherwise: {ours} for {theirs}"


def _loaded(keras, folder, path, name, kind):
    keras.backend.clear_session()
    custom = dict(old_models.classes(keras)) if name.startswith("old_") else {}
    if name in LAMBDAS:  # the layer was called by one of these names
        custom.update({"lambda": LAMBDAS[name], "lambda_1": LAMBDAS[name]})
    if kind in WHOLE:
        return keras.models.load_model(path, custom_objects=custom)
    done = os.path.join(folder, name)
    if os.path.exists(done + ".json"):
        with open(done + ".json") as file:
            text = file.read()
        model = keras.models.model_from_json(text, custom_objects=custom)
    else:
        model = old_models.MODELS[name][0](old_models.guarded(keras, None), keras)
    if not model.built:
        model(arrays(name)[:1])
    if kind != "weights" and os.path.exists(done + ".optimizer.json"):
        with open(done + ".optimizer.json") as file:
            entry = json.load(file)
        weights = given(name).get("loss_weights")
        model.compile(_optimizer(keras, entry), loss=_loss(keras, name), loss_weights=weights)
    if kind == "numbered" and model.optimizer is not None:
        model.optimizer.build(model.trainable_variables)  # else tf.keras leaves the state too
    if kind == "tf_checkpoint":
        from torchkeras.shim.tensorflow.train import Checkpoint

        beside = {} if model.optimizer is None else {"optimizer": model.optimizer}
        Checkpoint(model=model, **beside).restore(path)
    else:
        model.load_weights(path)
    return model


class Tf:
    """What stands for `tf` beside torchkeras."""

    def __init__(self, keras):
        self.keras = keras


def _loss(keras, name):
    if name not in old_models.MODELS:
        return ["mse", "mae"] if name == "two_in_two_out" else "mse"
    settings = {"loss": "mse", **given(name)}
    return old_models.settings_of(Tf(keras), settings).get("loss", "mse")


def _optimizer(keras, entry):
    """As a file of the release describes it."""
    from torchkeras.saving.versions.spellings import modern

    legacy = entry.pop("legacy")
    entry = modern(entry)
    if "LossScale" not in entry["class_name"]:
        entry["config"]["is_legacy_optimizer"] = legacy
    return keras.optimizers.deserialize(entry)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.simplefilter("ignore")
    words = [word for word in sys.argv[1:] if word != "-v"]
    action, folder = words[0], words[1]
    behaviour = folder if folder in ("v1", "v2") else None
    if behaviour:
        folder = words[2]
    names = words[3 if behaviour else 2 :] or NAMES
    if action == "write":
        if not os.path.isdir(folder):
            os.makedirs(folder)
        writer = Writer(folder, behaviour)
        for one in names:
            writer.write(one)
    else:
        found, path = {}, os.path.join(folder, "read.json")
        if os.path.exists(path):
            with open(path) as file:
                found = {k: v for k, v in json.load(file).items() if k.split("|")[0] not in names}
        found.update(read(folder, names))
        with open(path, "w") as file:
            json.dump(found, file, indent=1)
