"""`torchkeras port` as a user calls it: where the text goes, what is told, exit statuses."""

import json

import pytest

from compat_tests.checks.commands import call

OLD = "# mine\nfrom keras.layers import Dense\nDense(output_dim=3)\n"
NEW = "# mine\nfrom torchkeras.layers import Dense\nDense(units=3)\n"
LEFT = "import keras\nimport tensorflow as tf\nx = tf.placeholder(3)\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.py").write_text(OLD)
    (tmp_path / "new.py").write_text(NEW)
    (tmp_path / "left.py").write_text(LEFT)
    (tmp_path / "two.py").write_text("print 'two'\n")
    (tmp_path / "bytes.py").write_bytes(b"x = '\xff'\n")
    (tmp_path / "book.ipynb").write_text(json.dumps({"cells": []}))
    (tmp_path / "bad.ipynb").write_text("{}")
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "empty").mkdir()
    package = tmp_path / "package" / "inner"
    package.mkdir(parents=True)
    (package / "a.py").write_text(OLD)
    (package / "b.py").write_text(NEW)
    return tmp_path


CASES = {  # arguments: status, output, messages
    "to the output": (["old.py"], 0, NEW, ""),
    "nothing to do": (["new.py"], 0, NEW, ""),
    "something cannot run": (["left.py"], 1, "tf.placeholder(3)", "left.py:3: torchkeras has no"),
    "check": (["--check", "old.py"], 1, "", "would port old.py"),
    "check of what is ported": (["--check", "new.py", "book.ipynb"], 0, "", ""),
    "diff": (["--diff", "old.py"], 0, "-Dense(output_dim=3)\n+from", ""),
    "missing": (["nowhere.py"], 2, "", "nowhere.py does not exist; name"),
    "no script": (["notes.txt"], 2, "", "must end in .py or .ipynb"),
    "no python": (["two.py"], 2, "", "two.py:1: Missing parentheses"),
    "no text": (["bytes.py"], 2, "", "bytes.py is no text of Python"),
    "no notebook": (["bad.ipynb"], 2, "", "bad.ipynb: is no notebook of version 4"),
    "several": (["old.py", "new.py"], 2, "", "2 files: name one, or say --in-place"),
    "nothing in a folder": (["empty"], 2, "", "no .py or .ipynb file is there"),
    "folder": (["--check", "package"], 1, "", "would port package/inner/a.py"),
    "no folder for the output": (["old.py", "-o", "empty"], 2, "", "is a folder"),
}


@pytest.mark.parametrize("case", CASES)
def test_port(case, folder):
    arguments, status, out, told = CASES[case]
    before = (folder / "old.py").read_text()
    found = call("port", *arguments)
    assert found.status == status, found
    assert out in found.out and told in found.err, found
    assert status != 2 or found.err.count("\n") == 1, found
    assert (folder / "old.py").read_text() == before


def test_writing(folder):
    assert call("port", "old.py", "-o", "out.py").out == ""
    assert (folder / "out.py").read_text() == NEW
    assert call("port", "-i", "package", "old.py").status == 0
    assert {p.read_text() for p in (folder / "package").rglob("*.py")} == {NEW}
    assert (folder / "old.py").read_text() == NEW


def test_without_libcst(folder, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "libcst", None)
    found = call("port", "old.py")
    assert (found.status, "pip install 'torchkeras-adapter[port]'" in found.err) == (2, True)
