"""Old spellings, ported: what runs without a word of the past, and that the rest is told."""

import json
import re

import pytest

from compat_tests.legacy.spellings import rows
from compat_tests.processes import ROOT, check_python

CASES = [row for *_, row in rows()]
# A class is not known from the text; these attributes have names of others too.
SILENT = re.compile(r"small\(\)\.(updates|targets)|layers\[0\]\.name = ")


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spellings")
    script = ROOT / "compat_tests" / "porting" / "spellings.py"
    check_python(script, "results.json", cwd=folder)
    return json.loads((folder / "results.json").read_text())


@pytest.mark.parametrize("index", range(len(CASES)))
def test_spelling(index, outcomes):
    """It runs; if it still warns of an old spelling, a remark says that it was left."""
    found = outcomes[index]
    differs = any("backend() answers 'torch'" in remark for remark in found["remarks"])
    assert (found["error"] is None) != differs, found["error"]
    told = found["remarks"] or SILENT.search(CASES[index])
    assert not found["warnings"] or told, (CASES[index], found["warnings"])


def test_most_are_rewritten(outcomes):
    left = [row for row, found in zip(CASES, outcomes, strict=True) if found["remarks"]]
    assert len(CASES) - len(left) >= 200, left
