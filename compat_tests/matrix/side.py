"""One side of the matrix: `python side.py LIBRARY write|read FOLDER [MODEL ...]`.

`write` saves every model in every format of the library, with what it predicts and what three more
epochs lead to. `read` loads what torchkeras wrote, and torchkeras what the others wrote, and notes
the same; Keras 3 loads `.h5` files of tf.keras besides. What fails leaves an `.error` file in the
place of numbers. What is there already stays, so that several processes may share the work and a
stopped one may go on.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import models  # noqa: E402

LIBRARIES = {"tf.keras 2.15": "tensorflow", "tf_keras": "tf_keras", "Keras 3": "keras"}
FORMATS = {"keras": ".keras", "h5": ".h5", "weights": ".weights.h5"}


def library(name):
    """The module `keras` of one side."""
    os.environ.update(KERAS_BACKEND="torch", TF_CPP_MIN_LOG_LEVEL="3")
    warnings.simplefilter("ignore")
    if name == "torchkeras":
        return importlib.import_module("torchkeras")
    module = importlib.import_module(LIBRARIES[name])
    return module.keras if name == "tf.keras 2.15" else module


def endings_for(reader):
    """The formats that a library reads, of torchkeras or, if it is that, of the others."""
    if reader == "torchkeras":
        return list(FORMATS.values())
    if reader == "Keras 3":
        return [".keras", ".h5", ".weights.h5"]
    return [".keras", ".v2.keras", ".h5", ".weights.h5", ".v2.weights.h5"]


def pairs(reader):
    """The libraries whose files a side reads, with the formats."""
    if reader == "torchkeras":
        return [(writer, endings_for(reader)) for writer in LIBRARIES]
    found = [("torchkeras", endings_for(reader))]
    return [*found, ("tf.keras 2.15", [".h5"])] if reader == "Keras 3" else found


def write(keras, folder, names):
    """Save the models; a model whose layers the library does not have is noted as absent."""
    for name in names:
        if (folder / f"{name}.npz").exists() or (folder / f"{name}.error").exists():
            continue
        try:
            model = models.compiled(keras, name)
            models.train(model, name, 1)
        except Exception:
            _note_error(folder, name)
            continue
        for kind, ending in FORMATS.items():
            try:
                path = str(folder / f"{name}{ending}")
                model.save_weights(path) if kind == "weights" else model.save(path)
            except Exception:
                _note_error(folder, f"{name}{ending}")
                Path(path).unlink(missing_ok=True)
        if keras.__name__ == "torchkeras":
            model.save(str(folder / f"{name}.v2.keras"), save_format="keras_v2")
            model.save_weights(str(folder / f"{name}.v2.weights.h5"), save_format="keras_v2")
        _note(folder, name, model)


def _note(folder, name, model, ending=""):
    steps = int(np.asarray(model.optimizer.iterations))
    predicted = models.predicted(model, name)
    losses = models.train(model, name, 3) if name not in models.RANDOM else []
    np.savez(folder / f"{name}{ending}.npz", *predicted, losses=losses, steps=steps)


def _note_error(folder, what):
    (folder / f"{what}.error").write_text(traceback.format_exc(limit=-3)[-1500:])


def read(keras, source, target, names, endings):
    """Load files of `source` and note what the models predict and how they train on."""
    for name in names:
        for ending in endings:
            path, done = source / f"{name}{ending}", target / f"{name}{ending}"
            if not path.exists() or any(
                done.with_name(done.name + end).exists() for end in (".npz", ".error")
            ):
                continue
            try:
                _note(target, name, _loaded(keras, path, name, ending), ending)
            except Exception:
                _note_error(target, f"{name}{ending}")


def _loaded(keras, path, name, ending):
    keras.backend.clear_session()
    if ending.endswith(".weights.h5"):
        model = models.compiled(keras, name)
        if hasattr(model.optimizer, "build"):  # one of `optimizers.legacy` has none
            model.optimizer.build(model.trainable_variables)
        model.load_weights(str(path))
    else:
        unsafe = {"safe_mode": False} if name in models.UNSAFE else {}
        model = keras.models.load_model(str(path), **unsafe)
        model.run_eagerly = True
    return model


if __name__ == "__main__":
    side, action, root, *chosen = sys.argv[1:]
    chosen = chosen or list(models.MODELS)
    keras, root = library(side), Path(root)
    if action == "write":
        (root / side).mkdir(parents=True, exist_ok=True)
        write(keras, root / side, chosen)
    else:
        for writer, endings in pairs(side):
            target = root / f"{writer} read by {side}"
            target.mkdir(parents=True, exist_ok=True)
            read(keras, root / writer, target, chosen, endings)
