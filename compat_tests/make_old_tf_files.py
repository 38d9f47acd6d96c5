"""Write the table of docs/files.md: which files of old releases of TensorFlow torchkeras reads.

`make_old_tf_files.py FOLDER [PYTHON ...] [--only-table] [--models MODEL ...]`: each PYTHON has one
release of TensorFlow, 1.4 to 2.14, which writes the models of matrix/old_side.py; `v1:PYTHON` and
`v2:PYTHON` have it behave as that TensorFlow. torchkeras loads the files, predicts, and trains on
for three epochs. FOLDER keeps the files, so that a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SIDE = ROOT / "compat_tests" / "matrix" / "old_side.py"
sys.path[:0] = [str(ROOT), str(SIDE.parent)]
import old_reasons  # noqa: E402
import old_side  # noqa: E402

from compat_tests.parts import write_part  # noqa: E402

KINDS = {  # kinds of files of old_side.py and what the page calls them
    "h5": "`.h5`",
    "weights": "weights in `.h5`",
    "checkpoint": "`save_weights`",
    "tf_checkpoint": "`tf.train.Checkpoint`",
    "folder": "SavedModel",
    "exported": "`export_saved_model`",
    "keras": "`.keras`",
    "keras_v3": '`"keras_v3"`',
    "numbered": "`.weights.h5`",
}
HEAD = """Models of each release are saved after two steps: predictions agree to {predict:g}, and
the losses of three more epochs to {train:g} (a hundredth in half precision). A cell tells how many
files predict alike, of how many, and after the comma how many train on alike, of those that hold
what that takes. Until 2.12 `.keras` is another name of `.h5`, and `save_format="keras_v3"` gives an
archive. Written by `compat_tests/make_old_tf_files.py`, {files} files.

"""
COUNTER = """
Of those that train on alike, {count} do so counted from one step later: the graphs of TensorFlow 1
read the step counter before or after it is raised, as it happens.
"""


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("pythons", nargs="*")
    arguments.add_argument("--only-table", action="store_true", help="of what is there already")
    arguments.add_argument("--models", nargs="*", default=[])
    given = arguments.parse_args()
    for python in given.pythons:
        behaviour, _, path = python.rpartition(":")
        run(given.folder.resolve(), path, behaviour, given.models)
    found = {
        path.parent.name: json.loads(path.read_text())
        for path in sorted(given.folder.glob("*/read.json"), key=_release)
    }
    text = page(found)
    print(text)
    if not given.models:
        write_part(ROOT / "docs" / "files.md", "old-tensorflow", text)


def run(folder: Path, python: str, behaviour: str, models: list[str]) -> None:
    """One release writes, torchkeras reads."""
    ask = "import tensorflow as tf; print(tf.__version__)"
    asked = subprocess.run([python, "-W", "ignore", "-c", ask], capture_output=True, text=True)
    release = ".".join(asked.stdout.split()[-1].split(".")[:2])
    place = folder / (f"{release}-{behaviour}" if behaviour else release)
    words = [behaviour] if behaviour else []
    subprocess.run([python, "-W", "ignore", SIDE, "write", *words, place, *models], check=True)
    subprocess.run([sys.executable, "-W", "ignore", SIDE, "read", place, *models], check=True)


def _release(path):
    return [int(part) for part in path.parent.name.partition("-")[0].split(".")], path


def page(found: dict[str, dict[str, str]]) -> str:
    """The table, and below it all that is not alike, with the reason."""
    untold = _untold(found)
    found = {
        release: {key: said for key, said in cases.items() if key.split("|")[1] in KINDS}
        for release, cases in found.items()
    }
    files = sum(map(len, found.values()))
    head = HEAD.format(predict=old_side.PREDICT, train=old_side.TRAIN, files=files)
    lines = [head, f"| TensorFlow | {' | '.join(KINDS.values())} |\n", "|---" * (len(KINDS) + 1)]
    lines.append("|\n")
    told: dict[str, dict[str, set]] = {}
    for release, cases in found.items():
        cells = [_cell([s for key, s in cases.items() if key.endswith(f"|{k}")]) for k in KINDS]
        lines.append(f"| {release.replace('-', ', behaving as ')} | {' | '.join(cells)} |\n")
        for key, said in cases.items():
            name, kind = key.split("|")
            if said not in old_side.FINE:
                why = old_reasons.reason(release, kind, name, said)
                noted = told.setdefault(why, {"models": set(), "releases": {}, "kinds": set()})
                noted["models"].add(name.removeprefix("old_"))
                noted["releases"][release] = True
                noted["kinds"].add(kind)
    every = [said for cases in found.values() for said in cases.values()]
    lines.append(COUNTER.format(count=every.count(old_side.COUNTED)))
    if untold:
        lines.append(f"\nWhat a release could not tell of its own models: {untold}.\n")
    lines.append("\nWhat is not alike:\n\n")
    for why, noted in told.items():
        kinds = ", ".join(KINDS[kind] for kind in KINDS if kind in noted["kinds"])
        models = ", ".join(f"`{name}`" for name in sorted(noted["models"]))
        lines.append(f"- {', '.join(noted['releases'])} ({kinds}): {models}: {why}\n")
    return "".join(lines)


def _untold(found):
    """Of which models a release wrote no config: they are made in Python, or not compiled."""
    told: dict[str, dict[str, list[str]]] = {}
    for release, cases in found.items():
        for key, said in cases.items():
            name, part = key.split("|")
            if part in old_side.UNTOLD:
                told.setdefault(said, {}).setdefault(name.removeprefix("old_"), []).append(release)
    parts = []
    for said, models in told.items():
        listed = (f"`{name}` ({', '.join(releases)})" for name, releases in models.items())
        parts.append(f"{said}: {', '.join(listed)}")
    return "; ".join(parts)


def _cell(said):
    if not said:
        return ""
    trained = [one for one in said if one.startswith(("alike", "trains"))]
    fine = (*old_side.FINE, "not compiled")
    predicted = sum(one in fine or one.startswith("trains") for one in said)
    alike = sum(one.startswith("alike") for one in trained)
    return f"{predicted}/{len(said)}, {alike}/{len(trained)}"


if __name__ == "__main__":
    main()
