"""Write docs/matrix.md: which library reads the files of which, over matrix/models.py.

`make_matrix.py FOLDER [--tf215 PYTHON] [MODEL ...]`: every library saves every model in every
format it has; the others load it, predict, and train on for three epochs beside the writer.
`--tf215` names a Python with TensorFlow 2.15. FOLDER keeps the files and `matrix.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "matrix.md"
SIDE = ROOT / "compat_tests" / "matrix" / "side.py"
sys.path[:0] = [str(ROOT), str(SIDE.parent)]
import models  # noqa: E402
import side as one_side  # noqa: E402

PREDICT, TRAIN = 1e-4, 1e-3
SIDES = ("tf.keras 2.15", "tf_keras", "Keras 3")
HEAD = """# Files of one library in another

Written by `compat_tests/make_matrix.py`. {count} models, which together use every layer, wrapper
and optimizer, are saved by one library after an epoch and loaded by another: predictions agree to
{predict:g}, and the losses of three more epochs to {train:g}. A model whose layers the other
library does not have is not counted.

| written by | format | read by | models | predict alike | train on alike |
|---|---|---|---|---|---|
"""


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--tf215")
    arguments.add_argument("--keep", action="store_true", help="use what the folder has already")
    arguments.add_argument("models", nargs="*")
    given = arguments.parse_args()
    pythons = {side: sys.executable for side in SIDES}
    pythons["tf.keras 2.15"] = given.tf215
    sides = [side for side in SIDES if pythons[side]]
    folder = given.folder.resolve()
    if not given.keep:
        for side in sides:
            _run(pythons[side], side, "write", folder, given.models)
        _run(sys.executable, "torchkeras", "write", folder, given.models)
        for side in sides:
            _run(pythons[side], side, "read", folder, given.models)
    found = {**read_by_torchkeras(folder, sides, given.models), **read_by_others(folder, sides)}
    (folder / "matrix.json").write_text(json.dumps(found, indent=1))
    if not given.models:
        PAGE.write_text(page(found), encoding="utf-8")
    print(page(found))
    for key, cases in found.items():
        for name, said in cases.items():
            if said not in ("alike", "not trained"):
                print(key, name, said)


def _run(python, side, action, folder, names):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([python, str(SIDE), side, action, str(folder), *names], env=environment)


def read_by_torchkeras(folder: Path, sides, names) -> dict[str, dict[str, str]]:
    """What became of each file that the others wrote: 'alike' or what went wrong."""
    import torchkeras

    found: dict[str, dict[str, str]] = {}
    for writer in sides:
        source, target = folder / writer, folder / f"{writer} read by torchkeras"
        target.mkdir(exist_ok=True)
        endings = list(one_side.FORMATS.values())
        one_side.read(torchkeras, source, target, names or list(models.MODELS), endings)
        for ending in endings:
            found[f"{writer}|{ending}|torchkeras"] = _compared(source, target, ending)
    return found


def read_by_others(folder: Path, sides) -> dict[str, dict[str, str]]:
    """The same for the files of torchkeras."""
    found = {}
    for reader in sides:
        target = folder / f"torchkeras read by {reader}"
        for ending in one_side.endings_for(reader):
            cases = _compared(folder / "torchkeras", target, ending)
            for name in _absent(folder / reader):  # layers that the reader does not have
                cases.pop(name, None)
            found[f"torchkeras|{ending}|{reader}"] = cases
    return found


def _absent(folder):
    """The models that a library could not make."""
    notes = json.loads((folder / "notes.json").read_text())
    return [name for name in notes if "." not in name]


def _compared(source, target, ending):
    """Per model, what the reader noted beside what the writer noted."""
    errors = json.loads((target / "notes.json").read_text()) if target.exists() else {}
    cases = {}
    for path in sorted(source.glob("*.npz")):
        name = path.stem
        if not (source / f"{name}{ending}").exists():
            continue
        if f"{name}{ending}" in errors:
            cases[name] = errors[f"{name}{ending}"].strip().splitlines()[-1][:300]
            continue
        noted = target / f"{name}{ending}.npz"
        if noted.exists():
            cases[name] = _said(np.load(path), np.load(noted))
    return cases


def _said(expected, found):
    for key in expected.files:
        if key != "losses" and not np.allclose(found[key], expected[key], PREDICT, PREDICT):
            return f"predicts otherwise by {np.abs(found[key] - expected[key]).max():.2g}"
    if not len(expected["losses"]):
        return "not trained"
    if np.allclose(found["losses"], expected["losses"], TRAIN, TRAIN):
        return "alike"
    return f"trains otherwise: {found['losses']} for {expected['losses']}"


def page(found: dict[str, dict[str, str]]) -> str:
    """The table."""
    lines = [HEAD.format(count=len(models.MODELS), predict=PREDICT, train=TRAIN)]
    for key, cases in found.items():
        writer, ending, reader = key.split("|")
        predicted = sum(said in ("alike", "not trained") or said[:6] == "trains" for said in
                        cases.values())  # fmt: skip
        trained = [said for said in cases.values() if said != "not trained"]
        alike = sum(said == "alike" for said in trained)
        lines.append(
            f"| {writer} | `{ending}` | {reader} | {len(cases)} | {predicted} | "
            f"{alike} of {len(trained)} |\n"
        )
    return "".join(lines)


if __name__ == "__main__":
    main()
