"""Write the table "Files of old Keras" of docs/files.md: `make_old_files.py FOLDER`.

`--python PYTHON`, as often as wanted, names interpreters that have a standalone Keras, 1.0 to 2.3,
on the backend that their KERAS_BACKEND or `~/.keras/keras.json` says: each makes the models of
old_keras/ in a folder of FOLDER. Then torchkeras reads all that is there. What was made or read
before stays, so that a run that was stopped goes on. Models of `keras.applications` are made where
`--models NAME ...` names them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).parent.parent
OLD = ROOT / "compat_tests" / "old_keras"
sys.path[:0] = [str(ROOT), str(OLD)]
import reader  # noqa: E402
import reasons  # noqa: E402

from compat_tests.parts import write_part  # noqa: E402

ASK = "import keras, sys; print(keras.__version__, keras.backend.backend(), sys.version.split()[0])"
HEAD = """Models that together use the layers, modes, rules and losses of standalone Keras were
trained for two steps and saved by the versions themselves, as `.h5` and as JSON with a file of
weights; of versions with fewer than 200 models only some were made. Predictions agree to
{predict:g}, and the losses of three more steps to {train:g}, with the model that went on training
or with what the old version found after loading its own file. Models that draw random numbers are
not trained on. YAML is refused. Written by `compat_tests/make_old_files.py`.

| Keras | backend | Python | models | `.h5` predict alike | JSON and weights in order | by name | \
train on alike |
|---|---|---|---:|---:|---:|---:|---:|
"""
ALONE = """
Of these the version does not load its own file, so that they are compared with the model that went
on training alone: {models}.
"""
COUNTER = """
Of those that train on alike, {count} do so counted from one step later: the graphs of TensorFlow 1
read the step counter before or after it is raised, as it happens.
"""


def write(python: str, folder: Path, models: list[str]) -> None:
    """Let an interpreter make its files."""
    said = subprocess.run([python, "-c", ASK], capture_output=True, text=True, check=True).stdout
    target = folder / "-".join(said.split()[-3:])
    subprocess.run([python, str(OLD / "writer.py"), str(target), *models], check=True)


def _predicts(said):
    return said in (*reader.FINE, reader.COUNTED) or said.startswith("trains otherwise")


def page(folder: Path) -> str:
    """The table, and below it what is not alike, with the reason."""
    lines = [HEAD.format(predict=reader.PREDICT, train=reader.TRAIN)]
    told: dict[str, dict[str, list[str]]] = {}
    counted, refused = 0, []
    for part in sorted(path.parent for path in folder.glob("*/about.json")):
        about = json.loads((part / "about.json").read_text())
        found = reader.read_all(part, [])
        if not found:
            continue
        kinds = [sum(_predicts(r[how]) for r in found.values()) for how in reader.FORMATS]
        trained = [r[".h5"] for r in found.values() if r[".h5"] != "not trained"]
        trained = [said for said in trained if _predicts(said)]
        alike = [said for said in trained if not said.startswith("trains")]
        counted += alike.count(reader.COUNTED)
        lines.append(
            f"| {about['keras']} | {about['backend']} | {about['python']} | {len(found)} | "
            f"{' | '.join(map(str, kinds))} | {len(alike)} of {len(trained)} |\n"
        )
        which = f"{about['keras']} {about['backend']}"
        alone = [f"`{name}`" for name, results in found.items() if reader.REFUSED in results]
        refused += [f"{', '.join(alone)} ({which})"] if alone else []
        for name, results in found.items():
            for how in reader.FORMATS:
                said = results[how]
                if said not in (*reader.FINE, reader.COUNTED):
                    why = reasons.reason(about, name, how, said)
                    names = told.setdefault(why, {}).setdefault(which, [])
                    names += [f"`{name}`"] * (f"`{name}`" not in names)
    lines.append(COUNTER.format(count=counted))
    if refused:
        lines.append(ALONE.format(models="; ".join(refused)))
    lines.append("\nWhat is not alike:\n\n")
    for why, places in told.items():
        where = "; ".join(f"{which}: {', '.join(names)}" for which, names in places.items())
        lines.append(f"- {why} ({where})\n")
    return "".join(lines)


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--python", action="append", default=[])
    arguments.add_argument("--models", nargs="*", default=[])
    given = arguments.parse_args()
    warnings.simplefilter("ignore")
    for python in given.python:
        write(python, given.folder, given.models)
    text = page(given.folder)
    print(text)
    write_part(ROOT / "docs" / "files.md", "old Keras", text)


if __name__ == "__main__":
    main()
