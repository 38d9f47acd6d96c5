"""Run the example of README.md and write its true output below it.

python compat_tests/make_readme.py
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
_EXAMPLE = re.compile(r"<!-- example -->\n```python\n(.*?)```", re.DOTALL)
_OUTPUT = re.compile(r"(<!-- output of the example: [^\n]*-->\n```text\n)(.*?)(```)", re.DOTALL)


def example() -> str:
    """The code of the example."""
    return _EXAMPLE.search(README.read_text(encoding="utf-8")).group(1)


def written_output() -> str:
    """What README.md says that the example prints."""
    return _OUTPUT.search(README.read_text(encoding="utf-8")).group(2)


def true_output(folder: Path) -> str:
    """What the example prints now; its file is written to `folder`."""
    from compat_tests.processes import check_python

    script = folder / "example.py"
    script.write_text(example(), encoding="utf-8")
    return check_python("-m", "torchkeras", script, cwd=ROOT)


if __name__ == "__main__":
    import tempfile

    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory() as temporary:
        output = true_output(Path(temporary))
    text = README.read_text(encoding="utf-8")
    README.write_text(_OUTPUT.sub(lambda m: m[1] + output + m[3], text), encoding="utf-8")
