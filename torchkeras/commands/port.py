"""`torchkeras port`: Keras scripts and notebooks rewritten for torchkeras."""

from __future__ import annotations

import difflib
import io
import os
import sys
import tokenize

from ..saving.files import replacing
from .outcome import DONE, LEFT, WrongInput, parser, subcommand

_TEXT = """\
Rewrites scripts (.py) and notebooks (.ipynb) that import Keras or TensorFlow, so that they run
under plain python with torchkeras. Comments and layout stay; old spellings become those of today.
The new text of one file goes to the standard output, unless -o, --in-place or --diff says
otherwise; folders are searched for files. What is left to do is told on the standard error, as
FILE:LINE: REASON.

exit status: 0 ported; 1 something cannot run yet (or, with --check, would change); 2 wrong input"""
_EXAMPLE = """torchkeras port train.py -o train_torch.py
         torchkeras port --check src/ notebook.ipynb"""


@subcommand
def port(arguments: list[str]) -> int:
    """Port the files that the command line names."""
    told = _parser().parse_args(arguments)
    _need_libcst()
    paths = _files(told.paths)
    if len(paths) != 1 and not (told.in_place or told.check or told.diff):
        raise WrongInput(
            f"{len(paths)} files: name one, or say --in-place, --diff or --check for all of them"
        )
    status = DONE
    for path in paths:
        status = max(status, _port_one(path, told))
    return status


def _port_one(path, told):
    before, encoding = _read(path)
    result = _ported(path, before)
    for remark in result.remarks:
        kind = "note: " if remark.runs else ""
        print(f"{path}:{remark.line}: {kind}{remark.reason}", file=sys.stderr)
    changed = result.text != before
    if told.check:
        if changed:
            print(f"would port {path}", file=sys.stderr)
        return LEFT if changed or _cannot_run(result) else DONE
    if told.diff:
        lines = before.splitlines(True), result.text.splitlines(True)
        sys.stdout.writelines(_ended(difflib.unified_diff(*lines, path, f"{path} (ported)")))
    elif told.in_place:
        if changed:
            _write(path, result.text, encoding)
    elif told.output:
        _write(told.output, result.text, encoding)
    else:
        sys.stdout.write(result.text)
    return LEFT if _cannot_run(result) else DONE


def _cannot_run(result):
    return not all(remark.runs for remark in result.remarks)


def _ported(path, text):
    import libcst

    from ..porting.notebook import ported_notebook
    from ..porting.source import ported

    try:
        if path.endswith(".ipynb"):
            return ported_notebook(text)
        compile(text, path, "exec", dont_inherit=True)  # whose messages people know
        return ported(text)
    except SyntaxError as error:
        raise WrongInput(
            f"{path}:{error.lineno}: {error.msg}: the file must run before it is ported (a script "
            "of Python 2 goes through 2to3 first)"
        ) from None
    except libcst.ParserSyntaxError as error:
        raise WrongInput(f"{path}:{error.raw_line}: cannot be read: {error.message}") from None
    except ValueError as error:
        raise WrongInput(f"{path}: {error}") from None


def _read(path):
    """The text of a file, line ends as they are, and its encoding."""
    with open(path, "rb") as file:
        content = file.read()
    encoding = "utf-8"
    try:
        if path.endswith(".py"):
            encoding = tokenize.detect_encoding(io.BytesIO(content).readline)[0]
        return content.decode(encoding), encoding
    except (SyntaxError, UnicodeDecodeError) as error:
        raise WrongInput(f"{path} is no text of Python: {error}") from None


def _write(path, text, encoding):
    with replacing(path) as temporary:
        with open(temporary, "xb") as file:
            file.write(text.encode(encoding))


def _files(paths):
    found = []
    for path in paths:
        if os.path.isdir(path):
            for folder, folders, files in os.walk(path):
                folders[:] = sorted(name for name in folders if name[0] not in "._")
                names = sorted(name for name in files if name.endswith((".py", ".ipynb")))
                found += [os.path.join(folder, name) for name in names]
        elif not os.path.exists(path):
            raise WrongInput(f"{path} does not exist; name a script, a notebook or a folder")
        elif not path.endswith((".py", ".ipynb")):
            raise WrongInput(f"{path} is no script or notebook: its name must end in .py or .ipynb")
        else:
            found.append(path)
    if not found:
        raise WrongInput(f"{', '.join(paths)}: no .py or .ipynb file is there")
    return found


def _need_libcst():
    try:
        import libcst  # noqa: F401
    except ImportError:
        raise WrongInput(
            "port needs the package libcst: pip install 'torchkeras-adapter[port]'"
        ) from None


def _ended(lines):
    for line in lines:
        yield line if line.endswith("\n") else line + "\n\\ No newline at end of file\n"


def _parser():
    made = parser("port", _TEXT, _EXAMPLE)
    made.add_argument("paths", nargs="+", metavar="PATH", help="a script, a notebook or a folder")
    where = made.add_mutually_exclusive_group()
    where.add_argument("-o", "--output", metavar="FILE", help="write the new text to FILE")
    where.add_argument("-i", "--in-place", action="store_true", help="replace the files")
    where.add_argument("--diff", action="store_true", help="print what changes, write nothing")
    where.add_argument("--check", action="store_true", help="only report")
    return made
