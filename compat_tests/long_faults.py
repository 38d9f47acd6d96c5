"""All faults of `checks/faults.py` with their full numbers; results go to a JSON file.

python compat_tests/long_faults.py results.json [part of a name]
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from compat_tests.checks import faults  # noqa: E402


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
    return int(not all(found["passed"] for found in results.values()))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
