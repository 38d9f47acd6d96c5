"""A Jupyter notebook, rewritten for torchkeras: its code cells are one program, the rest stays."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

from .source import Ported, Remark, ported

_CELL = "#: torchkeras cell"  # begins each cell in the program that they make together
_KEPT = "#: torchkeras keeps "  # begins a line that is not Python
_MAGIC = re.compile(r"^\s*(?:%|!|\?|[\w.]+\?{1,2}\s*$|[\w, ]+=\s*[%!])")


def ported_notebook(text: str) -> Ported:
    """The text of an `.ipynb` file with its code cells ported; ValueError where it is none.

    Outputs, texts and lines for the notebook itself (`%magic`, `!command`) stay as they are, and so
    does a cell that is no Python. A remark's line counts from the beginning of its cell, which its
    reason names.
    """
    try:
        book = json.loads(text)
        cells = [cell for cell in book["cells"] if cell.get("cell_type") == "code"]
        sources = ["".join(cell["source"]) for cell in cells]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"is no notebook of version 4: {error}") from None
    found = ported("".join(f"{_CELL}\n{_as_python(source)}\n" for source in sources))
    changed = False
    parts = found.text.split(f"{_CELL}\n")[1:]
    for cell, source, part in zip(cells, sources, parts, strict=True):
        new = _from_python(part.removesuffix("\n"))
        if new != source:
            cell["source"] = new.splitlines(True) if isinstance(cell["source"], list) else new
            changed = True
    remarks = [_in_cell(remark, sources) for remark in found.remarks]
    return Ported(_written(book, text) if changed else text, remarks)


def _as_python(source):
    """A cell with what is not Python in comments."""
    if _parses(source):
        return source
    lines = source.split("\n")
    goes_on = [False, *(line.endswith("\\") for line in lines)]
    masked = "\n".join(
        line if inside else _masked(line) for line, inside in zip(lines, goes_on, strict=False)
    )
    if source.lstrip().startswith("%%") or not _parses(masked):
        first, _, rest = source.partition("\n")
        if re.match(r"%%(time|timeit|capture|prun)\b", first) and _parses(_as_python(rest)):
            return f"{_KEPT}{first}\n{_as_python(rest)}"
        return "\n".join(_KEPT + line for line in source.split("\n"))
    return masked


def _masked(line):
    if not _MAGIC.match(line):
        return line
    indent = line[: len(line) - len(line.lstrip())]
    return f"{indent}pass  {_KEPT}{line}" if indent else _KEPT + line


def _from_python(text):
    return re.sub(rf"^(?:\s*pass  )?{re.escape(_KEPT)}", "", text, flags=re.MULTILINE)


def _parses(text):
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True


def _in_cell(remark, sources):
    line = remark.line
    lengths = [2 + source.count("\n") for source in sources]  # with the line before the cell
    number = 0
    while line > lengths[number]:
        line -= lengths[number]
        number += 1
    return Remark(line - 1, f"(cell {number + 1}) {remark.reason}", remark.runs)


def _written(book: Any, before: str) -> str:
    """The notebook as text, indented as it was."""
    indent = re.match(r"\{\n( +)", before)
    ascii_only = before.isascii()
    text = json.dumps(book, indent=len(indent[1]) if indent else None, ensure_ascii=ascii_only)
    return text + ("\n" if before.endswith("\n") else "")
