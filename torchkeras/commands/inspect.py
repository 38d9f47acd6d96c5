"""`torchkeras inspect`: what a model file holds."""

from __future__ import annotations

import json

from .outcome import DONE, LEFT, parser, subcommand

_TEXT = """\
Tells what a model file holds: its format, the Keras that wrote it, the architecture, weights,
training state, which custom objects it needs, and whether its checksums are right. Reads .h5,
.keras, .weights.h5, SavedModel folders, TensorFlow checkpoints (by what their names begin with, or
the folder), .safetensors and .pt. Nothing in the file is run, imported or unpickled.

exit status: 0 read; 1 an array or text is not what was written; 2 wrong input"""
_EXAMPLE = """torchkeras inspect model.keras
         torchkeras inspect weights.h5 --json"""


@subcommand
def inspect(arguments: list[str]) -> int:
    """Print what the file holds that the command line names."""
    made = parser("inspect", _TEXT, _EXAMPLE)
    made.add_argument("file", metavar="FILE", help="a model file, folder or checkpoint")
    made.add_argument("--json", action="store_true", help="for machines")
    made.add_argument("--all", action="store_true", help="long tables from end to end")
    told = made.parse_args(arguments)

    from ..inspecting import files

    report = files.inspect(told.file)
    if told.json:
        print(json.dumps(report.as_json(), indent=2))
    else:
        print("\n".join(report.lines(told.all)))
    return LEFT if report.damaged else DONE
