"""What is installed is what is here; the code is clean."""

import configparser
import os
import re
import shutil
import subprocess
import sys

import pytest

from compat_tests.processes import ROOT, check_python

tomllib = pytest.importorskip("tomllib")
PACKAGE = ROOT / "torchkeras"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_every_folder_is_a_package():
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_every_data_file_is_installed():
    table = configparser.ConfigParser()
    table.read(ROOT / "setup.cfg")
    patterns = table["options.package_data"]["torchkeras"].split()
    found = {p for pattern in patterns for p in PACKAGE.glob(pattern)}
    files = {p for p in PACKAGE.rglob("*") if p.is_file() and p.suffix not in (".py", ".pyc")}
    assert files == found


def test_metadata():
    assert PROJECT["name"] == "torchkeras-adapter" and PROJECT["license"] == "Apache-2.0"
    names = {re.match(r"[\w-]+", line).group() for line in PROJECT["dependencies"]}
    assert names == {"torch", "numpy", "h5py", "pillow"}


def test_version(tmp_path):
    output = check_python("-c", "import torchkeras; print(torchkeras.__version__)", cwd=tmp_path)
    assert output.strip() == PROJECT["version"]


def test_constraints_fix_every_requirement():
    fixed = {
        re.split("==", line)[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if not line.startswith("#")
    }
    extras = PROJECT["optional-dependencies"]
    wanted = PROJECT["dependencies"] + extras["test"] + extras["compat"]
    assert {re.match(r"[\w-]+", line).group().lower() for line in wanted} <= fixed


def test_optional_packages_are_not_imported(tmp_path):
    """A broken optional package must not break `import torchkeras`."""
    program = """
import sys
import torchkeras, torchkeras.datasets, torchkeras.utils, torchkeras.shim
optional = {"tensorflow", "keras", "tf_keras", "torchvision", "torchtext", "pandas", "tensorboard",
            "scipy", "sklearn", "matplotlib", "h5py", "PIL"}
print(sorted(optional & set(sys.modules)))
"""
    assert check_python("-c", program, cwd=tmp_path) == "[]\n"


def test_ruff():
    ruff = shutil.which("ruff") or os.path.join(os.path.dirname(sys.executable), "ruff")
    if not os.path.exists(ruff):
        pytest.skip("ruff is not installed")
    done = subprocess.run([ruff, "check", "--no-cache", ROOT], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_ci_script_is_valid_bash():
    subprocess.run(["bash", "-n", ROOT / ".ci" / "run"], check=True)
