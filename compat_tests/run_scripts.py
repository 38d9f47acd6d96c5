"""Runs the scripts of `scripts/` and tells where they differ from tf.keras; all of them nightly.

    python compat_tests/run_scripts.py ours [NAME ...]           # by torchkeras, each in a process
    python compat_tests/run_scripts.py record PYTHON [NAME ...]  # by tf.keras 2.15 of that python
    python compat_tests/run_scripts.py ported [NAME ...]         # ported, by plain python

`ours` compares with what `record` wrote. Both draw the same initial weights from numpy, so
histories are equal where nothing else is drawn. `ported` rewrites the scripts as `torchkeras port`
does and compares with the unchanged scripts in the shim, also where numbers are drawn.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

SCRIPTS = Path(__file__).parent / "scripts"
RECORDED = SCRIPTS / "results.json"
TOLERANCE = 2e-3
# Draw numbers while they run.
DRAWN = "vae gan dqn augmentation image_folder image_generator wgan distillation_random".split()
BY_KERAS_1 = ("keras1_",)  # recorded by name, with a python that has Keras 1.2 on TensorFlow
BY_KERAS_3 = ("keras3_",)  # by name too, with one that has Keras 3 on TensorFlow

UNCHANGED = """
from tensorflow import keras
import tensorflow as tf
constant, set_seed = tf.constant, tf.random.set_seed
"""
KERAS_1 = """
import keras, types
from keras import backend, initializations
class Kind:
    def __init__(self, name):
        self.__dict__["name"] = name
    def __setattr__(self, _, fixed):
        def draw(shape, scale=None, name=None, dim_ordering=None):
            return backend.variable(fixed(None, shape), name=name)
        setattr(initializations, self.name, draw)
keras.initializers = types.SimpleNamespace(
    VarianceScaling=Kind("lecun_uniform"), RandomNormal=Kind("normal"),
    RandomUniform=Kind("uniform"), TruncatedNormal=Kind("he_uniform"),
    Orthogonal=Kind("orthogonal"), GlorotUniform=Kind("glorot_uniform"),
    HeNormal=Kind("he_normal"))
constant, set_seed = lambda value: value, lambda seed: None
"""
PORTED = """
import warnings
import torch
import torchkeras as keras
constant, set_seed = torch.from_numpy, torch.manual_seed
"""
STRICT = 'warnings.filterwarnings("error", ".* old ", DeprecationWarning)\n'
# Runs a script with initializers that draw from numpy, and writes `results` as JSON.
DRIVER = """
import json, os, random, runpy, sys
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np
set_seed(7), np.random.seed(7), random.seed(7)
draws = np.random.RandomState(7)
def fixed(self, shape, dtype=None, **kwargs):
    shape = tuple(int(n) for n in shape)
    value = draws.normal(0, 0.3, shape).astype("float32")
    return constant(value)
for kind in ("VarianceScaling", "RandomNormal", "RandomUniform", "TruncatedNormal", "Orthogonal",
             "GlorotUniform", "HeNormal"):
    getattr(keras.initializers, kind).__call__ = fixed
def plain(value):
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (str, bool, type(None))):
        return value
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    return np.asarray(value).tolist()
script, target = sys.argv[1:3]
sys.argv = [script]
results = runpy.run_path(script, run_name="__main__")["results"]
with open(target, "w") as file:
    json.dump(plain(results), file)
"""


def run(
    name: str, python: str, ours: bool, folder: Path, script: Path | None = None, strict=False
) -> dict:
    """What a script leaves in `results`; RuntimeError with its output where it fails.

    `script` is its ported version, which runs without the shim; old spellings in it are errors if
    `strict`.
    """
    driver, target = folder / "driver.py", folder / f"{name}.json"
    names_of_keras = PORTED + STRICT * strict if script else UNCHANGED
    if name.startswith(BY_KERAS_1) and not ours:
        names_of_keras = KERAS_1
    driver.write_text(names_of_keras + DRIVER)
    command = [
        python,
        *(["-m", "torchkeras"] if ours and not script else []),
        str(driver),
        str(script or SCRIPTS / f"{name}.py"),
        str(target),
    ]
    path = {"PYTHONPATH": str(SCRIPTS.parent.parent)} if ours else {"PYTHONPATH": ""}
    process = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=300,
        env={**os.environ, **path}, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if process.returncode:
        raise RuntimeError(f"{name}:\n{process.stdout[-1000:]}\n{process.stderr[-4000:]}")
    return json.loads(target.read_text())


def differences(one, other, path="results") -> list[str]:
    """Where two results differ by more than the tolerance."""
    if isinstance(one, dict) and isinstance(other, dict):
        if sorted(one) != sorted(other):
            return [f"{path}: {sorted(one)} and {sorted(other)}"]
        return [d for key in one for d in differences(one[key], other[key], f"{path}.{key}")]
    if isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            return [f"{path}: {len(one)} and {len(other)} items"]
        return [
            d
            for i, pair in enumerate(zip(one, other, strict=True))
            for d in differences(*pair, f"{path}[{i}]")
        ]
    if isinstance(one, float) and isinstance(other, (int, float)):
        close = abs(one - other) <= TOLERANCE * max(1.0, abs(other))
        return [] if close or one != one and other != other else [f"{path}: {one} and {other}"]
    return [] if one == other else [f"{path}: {one!r} and {other!r}"]


def names() -> list[str]:
    """All scripts."""
    return sorted(path.stem for path in SCRIPTS.glob("*.py"))


def is_compared(name: str) -> bool:
    """Whether the numbers of a script must be those of tf.keras."""
    return not any(word in name for word in DRAWN)


def wanted() -> dict[str, dict]:
    """What tf.keras left in `results`, by script, as `record` wrote it."""
    return json.loads(RECORDED.read_text(encoding="utf-8"))


def record(python: str, chosen: list[str], folder: Path) -> None:
    """Run scripts by another python, which has tf.keras 2.15, and write down what they found."""
    found = wanted() if RECORDED.exists() else {}
    usual = [name for name in names() if not name.startswith(BY_KERAS_1 + BY_KERAS_3)]
    for name in chosen or usual:
        found[name] = run(name, python, False, folder)
        print(f"{name}: recorded", flush=True)
        RECORDED.write_text(json.dumps(found, indent=0, sort_keys=True) + "\n", encoding="utf-8")


def faults(name: str, folder: Path) -> list[str]:
    """Where a script's results by torchkeras are not those of tf.keras; its error, if it fails."""
    try:
        found = run(name, sys.executable, True, folder)
    except RuntimeError as error:
        return [str(error)]
    real = wanted()[name]
    return (
        differences(found, real) if is_compared(name) else differences(sorted(found), sorted(real))
    )


def port_faults(name: str, folder: Path, before: dict | None = None) -> list[str]:
    """Where a ported script, run by plain python, differs from what it was in the shim.

    `before` is what it left there, where that is known. A script that still speaks of the past
    without a remark is at fault too.
    """
    from torchkeras.porting.source import ported

    script = folder / f"{name}_ported.py"
    found = ported((SCRIPTS / f"{name}.py").read_text("utf-8"))
    script.write_text(found.text, encoding="utf-8")
    cannot = [f"line {r.line}: {r.reason}" for r in found.remarks if not r.runs]
    if cannot or ported(found.text).text != found.text:
        return cannot or ["porting it twice changes it again"]
    try:
        now = run(name, sys.executable, True, folder, script, not found.remarks)
        return differences(now, before or run(name, sys.executable, True, folder))
    except RuntimeError as error:
        return [str(error)]


def main() -> int:
    import tempfile

    sys.path.insert(0, str(SCRIPTS.parent.parent))
    mode, *rest = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        if mode == "record":
            record(rest[0], rest[1:], Path(folder))
            return 0
        failed = 0
        for name in rest or names():
            found = (port_faults if mode == "ported" else faults)(name, Path(folder))
            failed += bool(found)
            print(f"{name}: " + ("; ".join(found[:5]) or "ok"), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
