"""Every old spelling that the project promises works inside the shim and warns once."""

import json
import re

import pytest

from compat_tests.legacy.spellings import rows
from compat_tests.processes import ROOT, check_python

CASES = list(rows())


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spellings")
    script = ROOT / "compat_tests" / "legacy" / "spellings.py"
    check_python("-m", "torchkeras", script, "results.json", cwd=folder)
    return json.loads((folder / "results.json").read_text())


@pytest.mark.parametrize("index", range(len(CASES)), ids=lambda i: f"{CASES[i][0]}-{i}")
def test_spelling(index, outcomes):
    number, warns, program = CASES[index]
    found = outcomes[index]
    assert found["error"] is None, f"{program}\n{found['error']}"
    assert bool(found["warnings"]) == warns, (program, found["warnings"])
    assert all(re.search("write|deprecated|old", text) for text in found["warnings"])
