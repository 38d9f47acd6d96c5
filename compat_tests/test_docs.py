"""docs/: every block of python runs, and every link and file that a page names is there."""

import re

import pytest

from compat_tests.processes import ROOT

PAGES = sorted((ROOT / "docs").glob("*.md"))
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code(page, tmp_path, monkeypatch):
    """A page's blocks run in their order, in one namespace, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    namespace = {"__name__": page.stem}
    for match in BLOCK.finditer(text):
        lines_before = text.count("\n", 0, match.start(1))
        code = "\n" * lines_before + match[1]  # so that a traceback has the page's line
        exec(compile(code, str(page), "exec", dont_inherit=True), namespace)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_files(page):
    named = re.findall(
        r"`((?:torchkeras|compat_tests|examples)/[\w/]+\.py)", page.read_text("utf-8")
    )
    assert [name for name in named if not (ROOT / name).exists()] == []
