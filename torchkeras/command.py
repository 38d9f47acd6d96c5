"""The console command `torchkeras`: a table of subcommands, each in a module of its own.

A subcommand is a function of the arguments behind its name. It answers `--help` itself, with an
example.
"""

from __future__ import annotations

import importlib
import sys

# name: where its function is, and what it does
COMMANDS = {
    "run": ("torchkeras.__main__:run", "run a Keras script, notebook or module on PyTorch"),
    "port": ("torchkeras.commands.port:port", "rewrite a Keras script or notebook for torchkeras"),
    "inspect": ("torchkeras.commands.inspect:inspect", "tell what a model file holds"),
    "convert": ("torchkeras.commands.convert:convert", "write a model file in another format"),
    "compare": ("torchkeras.commands.compare:compare", "say where two models part, and why"),
}

_USAGE = """\
usage: torchkeras COMMAND [ARGUMENT ...]

{commands}

'torchkeras COMMAND --help' tells more, with an example: torchkeras run --help"""


def main(arguments: list[str] | None = None) -> None:
    """Call the subcommand that the command line names; status 2 where it names none."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] in (["-h"], ["--help"]):
        print(usage())
        return
    if not arguments or arguments[0] not in COMMANDS:
        told = f"torchkeras has no command {arguments[0]!r}.\n" if arguments else ""
        print(told + usage(), file=sys.stderr)
        sys.exit(2)
    module, _, name = COMMANDS[arguments[0]][0].partition(":")
    getattr(importlib.import_module(module), name)(arguments[1:])


def usage() -> str:
    """What the command answers to --help.

    >>> print(usage().splitlines()[2])
      run        run a Keras script, notebook or module on PyTorch
    """
    rows = [f"  {name:<10} {summary}" for name, (_, summary) in COMMANDS.items()]
    return _USAGE.format(commands="\n".join(rows))
