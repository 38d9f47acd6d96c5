"""One side of the matrix: `python side.py LIBRARY write|read FOLDER [MODEL ...]`.

`write` saves every model in every format of the library, with what it predicts and what three more
epochs lead to. `read` loads what torchkeras wrote into FOLDER/torchkeras and notes the same.
"""

from __future__ import annotations

import importlib
import json
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
    """The formats of torchkeras that a library reads."""
    if reader == "Keras 3":
        return [".keras", ".weights.h5"]
    return [".keras", ".v2.keras", ".h5", ".weights.h5"]


def write(keras, folder, names):
    """Save the models; a model whose layers the library does not have is noted as absent."""
    notes = {}
    for name in names:
        try:
            model = models.compiled(keras, name)
            models.train(model, name, 1)
        except Exception as error:
            notes[name] = f"{type(error).__name__}: {error}"[:300]
            continue
        for kind, ending in FORMATS.items():
            try:
                path = str(folder / f"{name}{ending}")
                model.save_weights(path) if kind == "weights" else model.save(path)
            except Exception as error:
                notes[f"{name}{ending}"] = f"{type(error).__name__}: {error}"[:300]
        if keras.__name__ == "torchkeras":
            model.save(str(folder / f"{name}.v2.keras"), save_format="keras_v2")
        _note(folder, name, model)
    (folder / "notes.json").write_text(json.dumps(notes, indent=1))


def _note(folder, name, model, ending=""):
    predicted = models.predicted(model, name)
    losses = models.train(model, name, 3) if name not in models.RANDOM else []
    np.savez(folder / f"{name}{ending}.npz", *predicted, losses=losses)


def read(keras, source, target, names, endings):
    """Load files of `source` and note what the models predict and how they train on."""
    notes = {}
    for name in names:
        for ending in endings:
            path = source / f"{name}{ending}"
            if not path.exists():
                continue
            try:
                if ending == ".weights.h5":
                    keras.backend.clear_session()
                    model = models.compiled(keras, name)
                    model.optimizer.build(model.trainable_variables)
                    model.load_weights(str(path))
                else:
                    keras.backend.clear_session()
                    model = keras.models.load_model(str(path))
                    model.run_eagerly = models.optimizer_of(name)[0] == "Nadam"
                _note(target, name, model, ending)
            except Exception:
                notes[f"{name}{ending}"] = traceback.format_exc(limit=-3)[-1500:]
        (target / "notes.json").write_text(json.dumps(notes, indent=1))


if __name__ == "__main__":
    side, action, root, *chosen = sys.argv[1:]
    chosen = chosen or list(models.MODELS)
    keras, root = library(side), Path(root)
    if action == "write":
        folder = root / side
        folder.mkdir(parents=True, exist_ok=True)
        write(keras, folder, chosen)
    else:
        target = root / f"torchkeras read by {side}"
        target.mkdir(parents=True, exist_ok=True)
        read(keras, root / "torchkeras", target, chosen, endings_for(side))
