"""`python -m torchkeras script` beside `python script`: the same but for the names of Keras."""

import json
import textwrap

import pytest

from compat_tests.processes import check_python, run_python
from torchkeras.command import COMMANDS

SCRIPTS = {
    "surroundings": """
        import os, pickle, sys
        import neighbour
        class Thing: pass
        print(__name__, __file__, sys.argv, sys.path[0], __spec__, __package__, __doc__)
        print(type(pickle.loads(pickle.dumps(Thing()))), sys.modules["__main__"].Thing is Thing)
        names = {name for name in globals() if name.startswith("__")}
        print(sorted(names - {"__annotations__"}))  # some versions of python make it when asked
        """,
    "traceback": """
        def outer(): inner()
        def inner(): raise KeyError("missing")
        try:
            outer()
        except KeyError as error:
            raise RuntimeError("chained") from error
        """,
    "syntax error": "x = = 1",
    "exit code": "import sys; sys.exit(7)",
    "exit message": "import sys; sys.exit('stopped')",
    "at exit": """
        import atexit, sys
        class Late: pass
        atexit.register(lambda: print(Late, sys.modules["__main__"].Late))
        """,
    "interrupt": "raise KeyboardInterrupt",
    "encoding": "# -*- coding: latin-1 -*-\nprint(ascii('ä'))",
}


def write(folder, name, text):
    file = folder / name
    file.parent.mkdir(exist_ok=True)
    encoding = "latin-1" if "latin-1" in text else "utf-8"
    file.write_text(textwrap.dedent(text).strip() + "\n", encoding=encoding)
    return file


@pytest.mark.parametrize("case", SCRIPTS)
def test_like_plain_python(case, tmp_path):
    script = write(tmp_path, "below/script.py", SCRIPTS[case]).relative_to(tmp_path)
    write(tmp_path, "below/neighbour.py", "")
    plain = run_python(script, "one", "-m", "--two", cwd=tmp_path)
    ours = run_python("-m", "torchkeras", script, "one", "-m", "--two", cwd=tmp_path)
    assert (ours.returncode, ours.stdout, ours.stderr) == (
        plain.returncode,
        plain.stdout,
        plain.stderr,
    )


def test_missing_script(tmp_path):
    plain = run_python("nowhere.py", cwd=tmp_path)
    ours = run_python("-m", "torchkeras", "nowhere.py", cwd=tmp_path)
    assert (ours.returncode, ours.stderr) == (plain.returncode, plain.stderr)


def test_module(tmp_path):
    write(tmp_path, "package/__init__.py", "")
    write(tmp_path, "package/other.py", "NUMBER = 3")
    write(
        tmp_path,
        "package/program.py",
        """
        import sys
        import keras
        from . import other
        print(__name__, __package__, sys.argv, other.NUMBER, keras.__name__)
        raise ValueError("wrong")
        """,
    )
    ours = run_python("-m", "torchkeras", "-m", "package.program", "-m", "a", cwd=tmp_path)
    argv = [str(tmp_path / "package" / "program.py"), "-m", "a"]
    assert ours.stdout == f"__main__ package {argv} 3 torchkeras\n"
    assert ours.returncode == 1
    assert ours.stderr.startswith(f'Traceback (most recent call last):\n  File "{argv[0]}", line 5')


def test_folder_with_main(tmp_path):
    write(tmp_path, "program/__main__.py", "import sys, keras; print(sys.argv, sys.path[0])")
    output = check_python("-m", "torchkeras", "program", "x", cwd=tmp_path)
    assert output == "['program', 'x'] program\n"


def test_notebook(tmp_path):
    code = [["%matplotlib inline\n", "import keras\n", "!pip list"], ["print(keras.__name__)"]]
    code.append("def wrong():\n    raise KeyError('here')\nwrong()")
    cells = [{"cell_type": "code", "source": source} for source in code]
    cells.insert(1, {"cell_type": "markdown", "source": "text"})
    write(tmp_path, "book.ipynb", json.dumps({"cells": cells, "nbformat": 4}))
    ours = run_python("-m", "torchkeras", "book.ipynb", cwd=tmp_path)
    assert ours.stdout == "torchkeras\n" and ours.returncode == 1
    lines = ours.stderr.splitlines()
    assert lines[1] == '  File "book.ipynb, cell 3", line 3, in <module>'
    assert lines[-1] == "KeyError: 'here'"


def test_pytest_in_the_shim(tmp_path):
    write(
        tmp_path,
        "test_it.py",
        """
        from tensorflow import keras
        def test_name():
            assert keras.__name__ == "torchkeras"
        """,
    )
    output = check_python("-m", "torchkeras", "-m", "pytest", "-q", "test_it.py", cwd=tmp_path)
    assert "1 passed" in output


def test_extension_of_a_notebook(tmp_path):
    check_python(
        "-c",
        "import torchkeras; torchkeras.load_ipython_extension(None); import tensorflow as tf\n"
        "assert tf.keras is torchkeras; torchkeras.unload_ipython_extension(None)",
        cwd=tmp_path,
    )


COMMAND = "import sys; from torchkeras.command import main; main()"


def test_command(tmp_path):
    write(tmp_path, "script.py", "import keras, sys; print(keras.__name__, sys.argv); 1 / 0")
    ours = run_python("-c", COMMAND, "run", "script.py", "x", cwd=tmp_path)
    assert ours.stdout == "torchkeras ['script.py', 'x']\n"
    plain = run_python("-c", COMMAND, "run", "--help", cwd=tmp_path)
    assert "example" in plain.stdout and plain.returncode == 0
    wrong = run_python("-c", COMMAND, "walk", cwd=tmp_path)
    assert wrong.returncode == 2 and "no command 'walk'" in wrong.stderr
    assert "usage: torchkeras COMMAND" in check_python("-c", COMMAND, "--help", cwd=tmp_path)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_an_example(name, tmp_path):
    assert "example" in check_python("-c", COMMAND, name, "--help", cwd=tmp_path)


@pytest.mark.parametrize("arguments, code", [((), 2), (("-m",), 2), (("-x",), 2), (("--help",), 0)])
def test_usage(arguments, code, tmp_path):
    process = run_python("-m", "torchkeras", *arguments, cwd=tmp_path)
    assert process.returncode == code
    assert "usage: python -m torchkeras SCRIPT" in process.stdout + process.stderr
