"""Functions whose Python code stands in a file, computed without running it.

Keras writes the bytecode of a `Lambda`'s function. Here that is read as data (`marshalled`),
brought to one vocabulary (`instructions`) and computed step by step (`machine`) with functions of
tensors alone (`names`), whichever Python from 2.7 to 3.13 wrote it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from .machine import Cell, FileFunction
from .marshalled import read_code
from .names import Unknown

__all__ = ["FileFunction", "Unknown", "read"]


def read(
    code: str, defaults: Any, closure: Any, custom_objects: dict[str, Any] | None = None
) -> FileFunction:
    """The function of a file's `[code, defaults, closure]`.

    Global names mean objects in `custom_objects`, or the tables of `names`. ValueError, saying
    why, for what is no code and for code that does more than compute tensors.
    """
    source = [code, defaults, closure]
    cells = tuple(Cell(value) for value in closure or ())
    problem: ValueError | None = None
    for raw in _raw(str(code)):
        try:
            function = FileFunction(
                read_code(raw), tuple(defaults or ()), cells, custom_objects, source
            )
        except ValueError as error:
            problem = problem or error
            continue
        function.check()
        return function
    raise problem or ValueError("it is not the code of a function")


def _raw(text: str) -> Iterator[bytes]:
    """The bytes of code: today in base 64, before Keras 2.1.3 as a text of theirs."""
    with suppress(binascii.Error, ValueError):
        yield base64.b64decode(text.encode("ascii"))
    with suppress(UnicodeEncodeError):
        yield text.encode("raw_unicode_escape")
