"""Loads the files of old Keras with torchkeras: `python reader.py FOLDER [MODEL ...]`.

For each model and format: what became of it, as one line of FOLDER/read.json.
"""

from __future__ import annotations

import json
import sys
import traceback
import warnings
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
import words_of_1  # noqa: E402
import words_of_2  # noqa: E402
import writer  # noqa: E402

import torchkeras  # noqa: E402
from compat_tests import counted  # noqa: E402

PREDICT, TRAIN = 1e-4, 1e-3
FORMATS = (".h5", ".json", "by name")
COUNTED = "alike from one step later on"
FINE = ("alike", "not trained")
REFUSED = "by itself"  # what the version said that does not load its own file


def read(folder: Path, name: str, how: str, case) -> str:
    """'alike' and 'not trained', or what is not alike."""
    text = (folder / f"{name}.json").read_text()
    settings = {"custom_objects": _functions(json.loads(text), case)}

    def load():
        torchkeras.backend.clear_session()
        if how == ".h5":
            return torchkeras.models.load_model(folder / f"{name}.h5", **settings)
        model = torchkeras.models.model_from_json(text, **settings)
        model.load_weights(folder / f"{name}.weights.h5", by_name=how == "by name")
        return model

    try:
        return _compared(load, case, np.load(folder / f"{name}.npz"), how == ".h5")
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error} [{Path(where.filename).name}:{where.lineno}]"


def _functions(config, case):
    """The functions in the place of code, by the names of the layers that have some."""
    stack, names = [config], []
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            inner = value.get("config")
            kinds = [inner.get(f"{k}_type") for k in ("function", "mode")] if isinstance(
                inner, dict) else []  # fmt: skip
            names += [inner["name"]] if "lambda" in kinds else []
            stack += reversed(list(value.values()))
        elif isinstance(value, list):
            stack += reversed(value)
    return dict(zip(names, case.get("code", []), strict=False))


def _numbered(noted, letter):
    return [noted[f"{letter}{i}"] for i in range(99) if f"{letter}{i}" in noted.files]


def _compared(load, case, noted, trains):
    model, (x, y) = load(), (_numbered(noted, letter) for letter in "xy")
    found = model.predict(writer.single(x), batch_size=writer.SAMPLES, verbose=0)
    wanted = _numbered(noted, "p")
    for one, other in zip(found if len(wanted) > 1 else [found], wanted, strict=True):
        if one.shape != other.shape:
            return f"predicts the shape {one.shape} for {other.shape}"
        if not np.allclose(one, other, PREDICT, PREDICT):
            return f"predicts otherwise by {np.abs(one - other).max():.2g}"
    if not trains or not len(noted["losses"]):
        return "not trained"
    known = [noted[name] for name in ("losses", "again") if name in noted.files]
    losses = writer.trained_on(model, case, x, y)
    if _is_among(losses, known):
        return "alike"
    for later in counted.WAYS:
        model = load()
        later(model.optimizer)
        if _is_among(writer.trained_on(model, case, x, y), known):
            return COUNTED
    return f"trains otherwise: {np.array(losses)} for {' or '.join(map(str, known))}"


def _is_among(losses, known):
    same = [one for one in known if len(one) == len(losses)]
    return any(np.allclose(losses, one, TRAIN, TRAIN) for one in same)


def cases(folder: Path) -> dict:
    """The models of the Keras that wrote a folder."""
    of_keras_1 = json.loads((folder / "about.json").read_text())["keras"].startswith("1.")
    return (words_of_1 if of_keras_1 else words_of_2).MODELS


def read_all(folder: Path, chosen: list[str]) -> dict[str, dict[str, str]]:
    """What became of each model, by format; what is known from before is not read again."""
    target = folder / "read.json"
    found = json.loads(target.read_text()) if target.exists() else {}
    known = cases(folder)
    for name in chosen or sorted(set(known) - set(found)):
        if (folder / f"{name}.npz").exists():
            found[name] = {how: read(folder, name, how, known[name]) for how in FORMATS}
            noted = np.load(folder / f"{name}.npz")
            if "refused" in noted.files:
                found[name][REFUSED] = str(noted["refused"])
            for said in sorted({found[name][how] for how in FORMATS} - set(FINE)):
                print(f"{name}: {said.replace(str(folder), '')[:300]}", flush=True)
    target.write_text(json.dumps(found, indent=1))
    return found


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    read_all(Path(sys.argv[1]), sys.argv[2:])
