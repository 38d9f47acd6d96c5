"""The floors of docs/architecture.md hold: imports go down, none is made to hide a cycle.

Nothing is imported here; the syntax trees are read.
"""

import ast
import re
import sys
from collections import defaultdict
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = "torchkeras"
PAGE = "docs/architecture.md"

ANYWHERE = {"torch", "numpy"}
INSIDE_FUNCTIONS = set(
    "h5py IPython libcst PIL pandas pydot scipy tensorboard torchtext torchvision".split()
)


def floor_table(text):
    """The entries of each floor in their order: [["config", "tree", ...], ["activations", ...]]."""
    rows = re.findall(r"^\| *(\d+) [^|]*\|([^|]*)\|", text, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(len(rows))), f"{PAGE}: {rows}"
    return [" ".join(re.findall(r"`([^`]+)`", files)).split() for _, files in rows]


@cache
def modules():
    """Dotted name -> path, of all files of the package."""
    found = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


TABLE = floor_table((ROOT / PAGE).read_text(encoding="utf-8"))
PLACES = {
    f"{PACKAGE}/{entry}".replace("/__init__", "").replace("/", "."): (floor, place)
    for floor, entries in enumerate(TABLE)
    for place, entry in enumerate(entries)
}


def entry_of(module):
    """The entry of the table that speaks of `module`: itself or the nearest folder around it."""
    while module not in PLACES:
        module = module.rpartition(".")[0]
        if module in ("", PACKAGE):
            return None
    return module


def imports(name, path):
    """The imports of a file, each as (module, line, whether it stands in a function)."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    todo = [(tree, False)]
    while todo:
        node, inside = todo.pop()
        inside = inside or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        todo += [(child, inside) for child in ast.iter_child_nodes(node)]
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno, inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join((start if node.level else []) + ([node.module] if node.module else []))
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield (full if full in modules() else base), node.lineno, inside


def fault(name, target, inside):
    """What is wrong with an import of `target` in module `name`, or None."""
    head = target.partition(".")[0]
    if head != PACKAGE:
        if head in ANYWHERE or head in sys.stdlib_module_names:
            return None
        if head not in INSIDE_FUNCTIONS:
            return f"{head} is no package that the library may use"
        return None if inside else "an optional package is imported in the function that needs it"
    ours, theirs = entry_of(name), entry_of(target)
    if ours is None or theirs is None or ours == theirs:  # test_every_module_has_a_floor, cycles
        return None
    (floor, place), (other_floor, other_place) = PLACES[ours], PLACES[theirs]
    if other_floor > floor:
        return f"floor {floor} must not know floor {other_floor}"
    if other_floor == floor and other_place > place:
        return f"on floor {floor}, {theirs} stands after {ours} in the table of {PAGE}"
    return None


def test_every_module_has_a_floor():
    lost = [name for name in modules() if entry_of(name) is None]
    assert lost == [], f"add them to the table of {PAGE}"


def test_every_entry_of_the_table_exists():
    entries = [entry for entries in TABLE for entry in entries]
    assert sorted(entries) == sorted(set(entries)), f"{PAGE} names a file twice"
    assert [name for name in PLACES if name not in modules()] == []


@pytest.mark.parametrize("name", modules())
def test_imports_go_down(name):
    path = modules()[name]
    faults = [
        f"{path.relative_to(ROOT)}:{line} imports {target}: {wrong}"
        for target, line, inside in imports(name, path)
        if (wrong := fault(name, target, inside))
    ]
    assert faults == []


def test_no_cycles():
    """An import of a.b.c runs a and a.b first, unless the importer lies in them."""
    needed = defaultdict(set)
    for name, path in modules().items():
        for target, _, _ in imports(name, path):
            while target.startswith(PACKAGE) and not f"{name}.".startswith(f"{target}."):
                needed[name].add(target)
                target = target.rpartition(".")[0]
    try:
        TopologicalSorter(needed).prepare()
    except CycleError as error:
        pytest.fail("These modules import each other: " + " <- ".join(error.args[1]))


@pytest.mark.parametrize(
    "name, target, inside, wrong",
    [
        ("torchkeras.layers.core", "torchkeras.graph", False, None),
        ("torchkeras.graph", "torchkeras.layers.core", True, "floor 2 must not know floor 3"),
        ("torchkeras.losses.base", "torchkeras.metrics", False, "on floor 1"),
        ("torchkeras.metrics", "torchkeras.losses.base", False, None),
        ("torchkeras.saving.h5", "h5py", False, "optional"),
        ("torchkeras.saving.h5", "h5py", True, None),
        ("torchkeras.tree", "requests", True, "requests is no package"),
        ("torchkeras.tree", "os.path", False, None),
    ],
)
def test_fault(name, target, inside, wrong):
    found = fault(name, target, inside)
    assert (found is None) if wrong is None else (wrong in found)


def test_imports_are_found(tmp_path):
    path = tmp_path / "base.py"
    path.write_text("from . import weights, h5\nfrom ..tree import leaves\ndef f(): import h5py\n")
    assert sorted(imports("torchkeras.saving.base", path)) == [
        ("h5py", 3, True),
        ("torchkeras.saving.h5", 1, False),
        ("torchkeras.saving.weights", 1, False),
        ("torchkeras.tree", 2, False),
    ]
