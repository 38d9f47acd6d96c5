"""Run the tests against the live tf_keras and store its answers in `goldens/`.

python compat_tests/make_goldens.py [pytest arguments]
"""

import os
import subprocess
import sys
from pathlib import Path

if __name__ == "__main__":
    tests = sys.argv[1:] or [str(Path(__file__).parent)]
    command = [sys.executable, "-m", "pytest", "-q", *tests]
    sys.exit(subprocess.call(command, env={**os.environ, "WRITE_GOLDENS": "1"}))
