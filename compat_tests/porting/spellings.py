"""The old spellings of `legacy/spellings.txt`, ported and run without the shim.

`python spellings.py results.json` ports them as one program, a function each, and writes what
became of each: old-spelling warnings, the error it ended in, and the remarks on its lines.
"""

import json
import sys
import textwrap
import traceback
import warnings

from compat_tests.legacy.spellings import SETUP, rows
from torchkeras.porting.source import ported


def program():
    """All rows as one program, and the last line of each row."""
    text, ends = SETUP.lstrip(), []
    for number, (_, _, row) in enumerate(rows()):
        text += f"def row_{number}():\n{textwrap.indent(row, '    ')}\n"
        ends.append(text.count("\n"))
    return text, ends


def outcome(function, remarks):
    """What became of one row."""
    error = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            function()
        except Exception:
            error = traceback.format_exc(limit=-3)
    old = [str(w.message) for w in caught if issubclass(w.category, DeprecationWarning)]
    return {"warnings": old, "error": error, "remarks": remarks}


if __name__ == "__main__":
    text, ends = program()
    found, names = ported(text), {}
    exec(found.text, names)
    results, start = [], 0
    for number, end in enumerate(ends):
        remarks = [r.reason for r in found.remarks if start < r.line <= end]
        results.append(outcome(names[f"row_{number}"], remarks))
        start = end
    with open(sys.argv[1], "w") as file:
        json.dump(results, file)
