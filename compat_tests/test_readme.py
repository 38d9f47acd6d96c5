"""README.md: its example prints what it says, its links lead somewhere, its commands are CI's."""

import re
import subprocess

import pytest

from compat_tests import make_readme
from compat_tests.processes import ROOT

TEXT = make_readme.README.read_text(encoding="utf-8")
NUMBER = re.compile(r"\d+(?:\.\d+)?")


def test_example(tmp_path):
    found, written = make_readme.true_output(tmp_path), make_readme.written_output()
    assert NUMBER.sub("#", found) == NUMBER.sub("#", written)
    found, written = ([float(n) for n in NUMBER.findall(text)] for text in (found, written))
    # A machine may sum in another order: the share of right answers may differ by a little.
    assert found == pytest.approx(written, rel=0.02)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#]+)", TEXT))))
def test_link(target):
    assert target.startswith("https://") or (ROOT / target).exists()


def test_commands_are_those_of_ci():
    commands = re.findall(r"^```sh\n(.*)\n```$", TEXT, re.MULTILINE)
    listed = subprocess.run(
        ["bash", ROOT / ".ci" / "run", "--list"], capture_output=True, text=True, check=True
    )
    assert len(commands) == 2
    assert listed.stdout.splitlines() == commands
