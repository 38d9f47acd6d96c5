"""Write the table of docs/files.md: which library reads the files of which, over matrix/models.py.

`make_matrix.py FOLDER [--tf215 PYTHON] [--jobs 2] [--only-table] [MODEL ...]`: every library saves
every model in every format it has; the others load it, predict, and train on for three epochs
beside the writer. `--tf215` names a Python with TensorFlow 2.15. FOLDER keeps the files, so that a
run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
SIDE = ROOT / "compat_tests" / "matrix" / "side.py"
sys.path[:0] = [str(ROOT), str(SIDE.parent)]
import models  # noqa: E402
import reasons  # noqa: E402
import side as one_side  # noqa: E402

from compat_tests.parts import write_part  # noqa: E402

PREDICT, TRAIN = 1e-4, 1e-3
SIDES = ("tf.keras 2.15", "tf_keras", "Keras 3")
HEAD = """{count} models, which together use every layer, wrapper and optimizer, are saved by one
library after an epoch and loaded by another: predictions agree to {predict:g}, and the losses of
three more epochs to {train:g}. Models whose layers or optimizer one of the two libraries does not
have are not counted, models that draw random numbers are not trained on. Written by
`compat_tests/make_matrix.py` with {versions}.

| written by | format | read by | models | predict alike | train on alike |
|---|---|---|---:|---:|---:|
"""


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--tf215", default=sys.executable)
    arguments.add_argument("--jobs", type=int, default=1, help="processes at a time")
    arguments.add_argument("--only-table", action="store_true", help="of what is there already")
    arguments.add_argument("models", nargs="*")
    given = arguments.parse_intermixed_args()
    folder = given.folder.resolve()
    if not given.only_table:
        run_all(folder, given.tf215, given.jobs, given.models)
    found = read_all(folder)
    (folder / "matrix.json").write_text(json.dumps(found, indent=1))
    text = page(found, versions(given.tf215), count_unread(folder))
    print(text)
    if not given.models:
        write_part(ROOT / "docs" / "files.md", "matrix", text)


def run_all(folder: Path, tf215: str, jobs: int, names: list[str]) -> None:
    """All sides write, then all read, in processes of a part of the models each."""
    names = names or list(models.MODELS)
    for action in ("write", "read"):
        with ThreadPoolExecutor(jobs) as pool:
            for side in ("torchkeras", *SIDES):
                python = tf215 if side == "tf.keras 2.15" else sys.executable
                left = [name for name in names if not _is_done(folder, side, action, name)]
                for part in (left[start::jobs] for start in range(jobs)):
                    if part:  # importing TensorFlow takes as long as ten models
                        pool.submit(_run, python, side, action, folder, part)


def _is_done(folder, side, action, name):
    if action == "write":
        return _is_noted(folder / side / name)
    tried = [
        _is_noted(folder / f"{writer} read by {side}" / f"{name}{ending}")
        for writer, endings in one_side.pairs(side)
        for ending in endings
        if (folder / writer / f"{name}{ending}").exists()
    ]
    return all(tried)


def _is_noted(path):
    return any(path.with_name(path.name + end).exists() for end in (".npz", ".error"))


def _run(python, side, action, folder, names):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [python, str(SIDE), side, action, str(folder), *names]
    subprocess.run(command, env=environment, stderr=subprocess.DEVNULL)


def read_all(folder: Path) -> dict[str, dict[str, str]]:
    """For each pair and format, what became of each model: 'alike' or what went wrong."""
    found = {}
    for writer, ending, reader in _rows():
        cases = _compared(folder / writer, folder / f"{writer} read by {reader}", ending)
        if reader != "torchkeras":
            for name in models.MODELS:  # layers that the reader does not have
                if (folder / reader / f"{name}.error").exists():
                    cases.pop(name, None)
        found[f"{writer}|{ending}|{reader}"] = cases
    return found


def _rows():
    """Writer, format and reader of every row of the table."""
    for reader in ("torchkeras", *SIDES):
        for writer, endings in one_side.pairs(reader):
            for ending in endings:
                yield writer, ending, reader


def _compared(source, target, ending):
    """Per model, what the reader noted beside what the writer noted."""
    cases = {}
    for name in models.MODELS:
        noted, failed = (target / f"{name}{ending}{end}" for end in (".npz", ".error"))
        if not (source / f"{name}.npz").exists() or not (source / f"{name}{ending}").exists():
            continue
        if failed.exists():
            cases[name] = failed.read_text().strip().splitlines()[-1][:300]
        elif noted.exists():
            cases[name] = _said(np.load(source / f"{name}.npz"), np.load(noted))
    return cases


def _said(expected, found):
    for key in expected.files:
        if key not in ("losses", "steps") and not np.allclose(
            found[key], expected[key], PREDICT, PREDICT
        ):
            return f"predicts otherwise by {np.abs(found[key] - expected[key]).max():.2g}"
    if not len(expected["losses"]):
        return "not trained"
    if np.allclose(found["losses"], expected["losses"], TRAIN, TRAIN):
        return "alike"
    if found["steps"] == 0:
        return "trains otherwise: its optimizer starts anew"
    return f"trains otherwise: {found['losses']} for {expected['losses']}"


def versions(tf215: str) -> str:
    """The libraries that were compared."""
    program = "from importlib.metadata import version as v; print(v('{0}'))"
    found = []
    for python, name in ((tf215, "tensorflow"), (sys.executable, "tf_keras"),
                         (sys.executable, "keras")):  # fmt: skip
        asked = subprocess.run([python, "-c", program.format(name)], capture_output=True, text=True)
        found.append(f"{name} {asked.stdout.strip() or '2.15'}")
    return ", ".join(found)


def _listed(names):
    return ", ".join(f"`{name}`" for name in names) if len(names) < 9 else f"{len(names)} models"


def count_unread(folder: Path) -> int:
    """How many files nobody has tried to read."""
    count = 0
    for writer, ending, reader in _rows():
        target = folder / f"{writer} read by {reader}"
        for name in models.MODELS:
            if (folder / writer / f"{name}{ending}").exists():
                count += not _is_noted(target / f"{name}{ending}")
    return count


def page(found: dict[str, dict[str, str]], versions: str, unread: int) -> str:
    """The table, and below it all that is not alike, with the reason."""
    head = HEAD.format(count=len(models.MODELS), predict=PREDICT, train=TRAIN, versions=versions)
    lines, notes = [head], []
    for key, cases in found.items():
        writer, ending, reader = key.split("|")
        how = ' (`save_format="keras_v2"`)' if ending.startswith(".v2") else ""
        ending = ending.removeprefix(".v2")
        predicted = sum(
            said in ("alike", "not trained") or said.startswith("trains") for said in cases.values()
        )
        trained = [said for said in cases.values() if said != "not trained"]
        alike = sum(said == "alike" for said in trained)
        lines.append(
            f"| {writer} | `{ending}`{how} | {reader} | {len(cases)} | {predicted} | "
            f"{alike} of {len(trained)} |\n"
        )
        told: dict[str, list[str]] = {}
        for name, said in cases.items():
            if said not in ("alike", "not trained"):
                kind = models.optimizer_name(name)
                why = reasons.reason(writer, ending + how, reader, name, kind, said)
                told.setdefault(why, []).append(name)
        for why, names in told.items():
            notes.append((f"{writer} to {reader}, `{ending}`{how}", names, why))
    if unread:
        lines.append(f"\n{unread} files are not read yet: this run was stopped.\n")
    if notes:
        lines.append("\nWhat is not alike:\n\n")
    lines += [f"- {where}: {_listed(names)}: {why}\n" for where, names, why in
              notes]  # fmt: skip
    return "".join(lines)


if __name__ == "__main__":
    main()
