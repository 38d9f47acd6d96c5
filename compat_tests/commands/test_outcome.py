"""What the subcommands share: help with an example, a line for bad input, no cost when unused."""

import json

import pytest

from compat_tests.checks.commands import call
from compat_tests.processes import check_python
from torchkeras.command import COMMANDS
from torchkeras.commands.outcome import WrongInput, one_line, subcommand

OURS = [name for name, (place, _) in COMMANDS.items() if ".commands." in place]


@pytest.mark.parametrize("name", OURS)
def test_help(name):
    found = call(name, "--help")
    assert found.status == 0 and f"example: torchkeras {name}" in found.out, found


@pytest.mark.parametrize("name", OURS)
def test_nothing_given(name):
    found = call(name)
    assert (found.status, found.out) == (2, "") and "usage:" in found.err


def test_import_of_torchkeras_leaves_them_alone(tmp_path):
    program = "import json, sys, torchkeras; print(json.dumps(list(sys.modules)))"
    loaded = json.loads(check_python("-c", program, cwd=tmp_path))
    own = ("commands", "porting", "inspecting", "tensorflow", "shim")
    heavy = {"libcst", *(f"torchkeras.{name}" for name in own)}
    assert heavy & {".".join(name.split(".")[:2]) for name in loaded} == set()


@pytest.mark.parametrize(
    "error, said",
    [
        (WrongInput("two\n  lines"), "two lines"),
        (FileNotFoundError(2, "No such file or directory", "a.h5"), "a.h5: No such file or "
                                                                    "directory"),
        (ValueError("x"), "x"),
        (OSError(), "OSError"),
    ],
)  # fmt: skip
def test_errors(error, said, capsys):
    @subcommand
    def fail(arguments):
        raise error

    with pytest.raises(SystemExit) as end:
        fail([])
    assert end.value.code == 2 and capsys.readouterr().err == f"torchkeras: {said}\n"
    assert one_line(error) == said
