"""Run a Keras script on PyTorch: `python -m torchkeras script.py [arguments]`."""

from __future__ import annotations

import builtins
import io
import os
import runpy
import sys
import types
from importlib.machinery import SourceFileLoader

USAGE = """\
usage: python -m torchkeras SCRIPT [ARGUMENT ...]
       python -m torchkeras -m MODULE [ARGUMENT ...]
       torchkeras run ...

Runs a Keras script or notebook as python itself would, except that 'keras', 'tf_keras',
'tensorflow' and 'tensorflow.keras' are torchkeras in it.

example: python -m torchkeras train.py --epochs 10
         python -m torchkeras -m pytest tests"""


def main() -> None:
    """`python -m torchkeras`: become the script that the command line names."""
    run(sys.argv[1:])


def run(arguments: list[str]) -> None:
    """Install the names of Keras, then become the script that `arguments` begin with."""
    from torchkeras import shim

    if arguments[:1] in (["-h"], ["--help"]):
        print(USAGE)
        return
    as_module = arguments[:1] == ["-m"]
    if len(arguments) <= as_module or (arguments[0].startswith("-") and not as_module):
        print(USAGE, file=sys.stderr)
        sys.exit(2)
    shim.install()
    sys.excepthook = _without_own_frames(sys.excepthook, sys.argv[0])
    if as_module:
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        _run_script(arguments[0])


def _run_script(path):
    if os.path.isdir(path):  # with a __main__.py in it
        _set_first_path(path)
        runpy.run_path(path, run_name="__main__")
        return
    full_path = os.path.abspath(path)
    try:
        with io.open_code(full_path) as file:
            source = file.read()
    except OSError as error:
        print(
            f"{sys.executable}: can't open file {full_path!r}: [Errno {error.errno}] "
            f"{error.strerror}",
            file=sys.stderr,
        )
        sys.exit(2)
    _set_first_path(os.path.dirname(os.path.realpath(full_path)))
    # Not runpy.run_path: it takes the script's __main__ away again before atexit and threads end.
    module = types.ModuleType("__main__")
    module.__file__ = full_path
    module.__builtins__ = builtins
    module.__loader__ = SourceFileLoader("__main__", full_path)
    module.__cached__ = None
    sys.modules["__main__"] = module
    if path.endswith(".ipynb"):
        from torchkeras.shim import notebook

        notebook.run(path, source, module.__dict__)
        return
    exec(compile(source, full_path, "exec", dont_inherit=True), module.__dict__)


def _set_first_path(folder):
    if not getattr(sys.flags, "safe_path", False):  # else python put nothing there
        sys.path[0] = folder


def _without_own_frames(show, command):
    """An excepthook whose traceback begins in the script, as if python ran it."""
    folder = os.path.dirname(__file__)
    own = {main.__code__.co_filename, runpy.run_module.__code__.co_filename}
    own |= {os.path.join(folder, *path) for path in (["__main__.py"], ["command.py"])}
    own.add(os.path.join(folder, "shim", "notebook.py"))
    own.add(command)  # what the console started

    def excepthook(kind, error, traceback):
        while traceback and traceback.tb_frame.f_code.co_filename in own:
            traceback = traceback.tb_next
        show(kind, error.with_traceback(traceback), traceback)

    return excepthook


if __name__ == "__main__":
    main()
