"""What reads bytes of others is in few places: no other file may open HDF5, unpickle or run code.

Nothing is imported here; the syntax trees are read.
"""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "torchkeras"
RISKY = {  # what may run, import, follow or reserve what a file says: the files that may use it
    "h5py": {"saving/h5.py", "saving/h5_writer.py"},
    "pickle": {
        "saving/tensors.py", "datasets/objects.py", "preprocessing/pickles.py", "data/workers.py"},
    "marshal": {"saving/functions/bytecode.py"},
    "yaml": set(), "joblib": set(), "dill": set(), "cloudpickle": set(), "shelve": set(),
    "torch.load": set(), "torch.hub": set(), "np.load": {"data/kept.py"}, "np.fromfile": set(),
    "eval": set(), "exec": {"__main__.py", "shim/notebook.py"},
    "__import__": {"shim/tensorflow/internal.py", "shim/tensorflow/places.py"},
    "extractall": set(), "unpack_archive": set(), "os.system": set(), "os.popen": set(),
    "subprocess": set(),
}  # fmt: skip
PICKLES = {"load", "loads", "Unpickler"}  # of pickle: the last one reads what only bears its name


def uses(tree):
    """The risky names in a module: imports, calls of functions, and attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield (node.module or "").split(".")[0]
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id
        elif isinstance(node, ast.Attribute):
            if node.attr in ("extractall", "unpack_archive"):
                yield node.attr
            yield ast.unparse(node)


@cache
def used():
    """The names that each file of the package uses, of those that matter here."""
    found = {}
    for path in ROOT.rglob("*.py"):
        names = set(uses(ast.parse(path.read_text(encoding="utf-8"))))
        known = {name for name in names if name in RISKY or name.endswith("import_module")}
        found[path.relative_to(ROOT).as_posix()] = known
    return found


@pytest.mark.parametrize("name", RISKY)
def test_what_is_risky_has_one_place(name):
    assert {file for file, names in used().items() if name in names} == RISKY[name]


def test_pickles_of_files_meet_a_reader_that_knows_few_names():
    """`pickle.load` is called nowhere; `loads` only on what was pickled the line before."""
    for name in RISKY["pickle"]:
        tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
        calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        allowed = {"pickle.loads"} if name == "data/workers.py" else set()
        assert {f"pickle.{one}" for one in PICKLES} & calls <= allowed
        readers = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
                   and any("Unpickler" in ast.unparse(base) for base in node.bases)]  # fmt: skip
        for reader in readers:
            assert "find_class" in {f.name for f in reader.body if isinstance(f, ast.FunctionDef)}


def test_names_are_imported_from_the_command_line_and_tables_alone():
    """`import_module` is given names that stand in the code, or that a user typed."""
    found = {file for file, names in used().items() if any("import_module" in n for n in names)}
    assert found <= {
        "__init__.py", "command.py", "commands/compare.py", "legacy/names.py", "legacy/modules.py",
        "legacy/models.py", "porting/names.py", "shim/finder.py",
    }  # fmt: skip


@pytest.mark.parametrize(
    "code, name",
    [
        ("import h5py", "h5py"),
        ("def f():\n    from h5py import File", "h5py"),
        ("import torch\ntorch.load(x)", "torch.load"),
        ("from torch import load", "torch.load"),
        ("a.extractall(b)", "extractall"),
        ("eval(text)", "eval"),
    ],
)
def test_the_check_sees(code, name):
    assert name in {one for one in uses(ast.parse(code)) if one in RISKY}
