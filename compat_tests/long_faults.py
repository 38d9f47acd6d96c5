"""All faults of `checks/faults.py` with their full numbers, for the table of docs/files.md.

python compat_tests/long_faults.py results.json [part of a name]

The JSON file has what was measured.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from compat_tests.checks import faults  # noqa: E402
from compat_tests.parts import write_part  # noqa: E402

_TOLD = {  # fault: what is done, and what must come of it
    "killed in backup": "`BackupAndRestore` is killed: the next run goes on from its last backup",
    "interrupted": "Ctrl-C in `fit`: within a second, logs closed, the model trains on",
    "disk full": "a full disk: OSError from `fit`, the file before it stays",
    "folder lost": "the folder of checkpoints is lost: OSError at the next save",
    "out of memory": "a batch too large for the memory: an error, the model trains on",
    "soak": "epochs of fit, save, load and predict: memory, files and threads stay",
}


def page(results: dict[str, dict]) -> str:
    """The table: what was done how often, and whether all went well."""
    lines = ["| in training | times | |\n", "|---|---:|---|\n"]
    for name, found in results.items():
        answer = "all well" if found["passed"] else found["problem"]
        lines.append(f"| {_TOLD[name]} | {faults.FAULTS[name][2]} | {answer} |\n")
    return "".join(lines)


def main(path: str, part: str = "") -> int:
    results = {}
    for name, (_, _, count) in faults.FAULTS.items():
        if part not in name:
            continue
        began = time.time()
        with tempfile.TemporaryDirectory() as folder:
            try:
                found = {"passed": True, **faults.run(name, count, Path(folder))}
            except AssertionError as problem:
                found = {"passed": False, "problem": str(problem)}
        results[name] = {**found, "seconds": round(time.time() - began, 1)}
        print(name, results[name], flush=True)
        Path(path).write_text(json.dumps(results, indent=1) + "\n")
    if not part:
        write_part(ROOT / "docs" / "files.md", "runs", page(results))
    return int(not all(found["passed"] for found in results.values()))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
