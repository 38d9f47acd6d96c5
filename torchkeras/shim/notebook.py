"""The code of a Jupyter notebook, run cell by cell as a script."""

from __future__ import annotations

import json
import linecache
from typing import Any


def run(path: str, source: bytes, names: dict[str, Any]) -> None:
    """Run the code cells in `names`; a traceback shows the cell and its lines.

    Lines for the notebook itself are left out: `%magic`, and `!command` for the shell.
    """
    for title, code in cells(path, source):
        linecache.cache[title] = (len(code), None, code.splitlines(True), title)
        exec(compile(code, title, "exec", dont_inherit=True), names)


def cells(path: str, source: bytes) -> list[tuple[str, str]]:
    """Titles and code of the cells.

    >>> text = '{"cells": [{"cell_type": "code", "source": ["%matplotlib inline\\\\n", "x = 1"]}]}'
    >>> cells("a.ipynb", text.encode())
    [('a.ipynb, cell 1', 'pass  # %matplotlib inline\\nx = 1')]
    """
    try:
        found = json.loads(source)["cells"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a notebook of version 4: {error}") from None
    code = [cell for cell in found if cell.get("cell_type") == "code"]
    return [(f"{path}, cell {n}", _python(cell["source"])) for n, cell in enumerate(code, 1)]


def _python(source):
    text = source if isinstance(source, str) else "".join(source)
    if text.lstrip().startswith("%%"):
        first = text.lstrip().split(maxsplit=1)[0]
        if first not in ("%%time", "%%timeit", "%%capture"):
            return f"pass  # a cell for {first}"
        text = text.lstrip().partition("\n")[2]
    return "\n".join(map(_line, text.split("\n")))


def _line(line):
    bare = line.lstrip()
    indent = line[: len(line) - len(bare)]
    return f"{indent}pass  # {bare}" if bare.startswith(("%", "!")) else line
