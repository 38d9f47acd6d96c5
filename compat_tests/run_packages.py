"""Packages that were written for Keras, unchanged, by their public usage in `packages/`.

    python compat_tests/run_packages.py [--python PYTHON] [NAME ...]

Each file of `packages/` begins with `pip:` and what it needs. The packages go, without what they
would install beside them, into an environment of its own under the temporary folder, unless
`--python` names one that has them. The results are the table of `docs/packages.md`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
USAGES = Path(__file__).parent / "packages"
PAGE = ROOT / "docs" / "packages.md"
HEAD = """# Packages that run

Packages written for Keras or tf.keras, run unchanged with `python -m torchkeras` by their public
usage. `compat_tests/run_packages.py` installs them, runs the files of `compat_tests/packages/` and
writes this table; where an error stands, that is where the package stops.

Known not to run: larq, qkeras, tensorflow-model-optimization and tensorflow-probability, which
import what is inside of TensorFlow; deepctr and keras-rl2, which use private names; textgenrnn and
keras-ocr, which fail on numpy 2; the GradientExplainer of shap, which takes our models for torch's.

| packages | versions | result |
|---|---|---|
"""
# Every usage may need these.
COMMON = "scikit-learn matplotlib tqdm joblib cloudpickle threadpoolctl narwhals packaging".split()


def needs(usage: Path) -> list[str]:
    """The packages that a usage names, those that it is about first."""
    first = usage.read_text(encoding="utf-8").split('"""')[1]
    return first.removeprefix("pip:").split()


def environment(folder: Path, wanted: list[str]) -> str:
    """The python of a new environment over this one's packages, with the wanted ones."""
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    Path(site, "below.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [python, "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, *COMMON], check=True)
    for package in wanted:
        done = subprocess.run([*pip, "--no-deps", package])
        if done.returncode:
            print(f"{package} cannot be installed here", flush=True)
    return python


def run(usage: Path, python: str) -> str:
    """'runs', or the last line of the error."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.run(
            [python, "-W", "ignore", "-m", "torchkeras", str(usage)],
            cwd=folder, capture_output=True, text=True, timeout=900, stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"},
        )  # fmt: skip
    if process.returncode == 0:
        return "runs"
    sys.stderr.write(process.stderr[-3000:])
    return (process.stderr.strip().splitlines() or ["no message"])[-1][:160].replace("|", "/")


def versions(packages: list[str], python: str) -> str:
    """Versions of packages by name."""
    code = (
        "import sys, importlib.metadata as m\n"
        "for name in sys.argv[1:]:\n"
        "    try: print(name, m.version(name))\n"
        "    except m.PackageNotFoundError: print(name, 'absent')\n"
    )
    found = subprocess.run([python, "-c", code, *packages], capture_output=True, text=True)
    return ", ".join(found.stdout.splitlines())


def row(usage: Path, python: str) -> str:
    """One line of the table."""
    packages = needs(usage)
    result = run(usage, python)
    print(f"{usage.stem}: {result}", flush=True)
    link = f"[{usage.stem.rstrip('_')}](../compat_tests/packages/{usage.name})"
    return f"| {link} | {versions(packages, python)} | {result} |"


def write(rows: list[str]) -> None:
    """Put rows into the page, in the place of those of the same usages."""
    known = PAGE.read_text(encoding="utf-8").splitlines() if PAGE.exists() else []
    table = {line.split("]")[0]: line for line in [*known, *rows] if line.startswith("| [")}
    there = [line for line in table.values() if (PAGE.parent / _target(line)).exists()]
    PAGE.write_text(HEAD + "\n".join(sorted(there)) + "\n", encoding="utf-8")


def _target(line):
    return line.partition("](")[2].partition(")")[0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", help="an interpreter that has the packages")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    usages = sorted(USAGES.glob("*.py"))
    usages = [u for u in usages if not options.names or u.stem in options.names]
    with tempfile.TemporaryDirectory() as folder:
        wanted = list(dict.fromkeys(p for usage in usages for p in needs(usage)))
        python = options.python or environment(Path(folder), wanted)
        rows = [row(usage, python) for usage in usages]
    write(rows)
    return int(any(not line.endswith("| runs |") for line in rows))


if __name__ == "__main__":
    sys.exit(main())
