"""How a subcommand ends: what it says of bad input, in one line, and its exit status."""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Callable
from typing import NoReturn

from ..console import printable

DONE, LEFT, WRONG = 0, 1, 2  # all is well; something is left to do; the input is wrong


class WrongInput(Exception):
    """What is wrong with what the user gave, and the way out."""


def subcommand(function: Callable[[list[str]], int | None]) -> Callable[[list[str]], NoReturn]:
    """A subcommand that ends the process with its answer as the exit status.

    `WrongInput`, and what reading and writing files raises, become one line and status 2.
    """

    @functools.wraps(function)
    def run(arguments: list[str]) -> NoReturn:
        try:
            status = function(arguments)
        except BrokenPipeError:  # who reads wants no more
            sys.stderr.close()
            status = DONE
        except (WrongInput, OSError, ValueError, TypeError, NotImplementedError) as error:
            print(f"torchkeras: {one_line(error)}", file=sys.stderr)
            status = WRONG
        sys.exit(status or DONE)

    return run


def one_line(error: BaseException) -> str:
    """What an error says, on one line.

    >>> one_line(ValueError("first\\n  second"))
    'first second'
    """
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return printable(" ".join(str(error).split())) or type(error).__name__


def parser(name: str, text: str, example: str) -> argparse.ArgumentParser:
    """A parser of a subcommand's arguments; its help ends with an example."""
    return argparse.ArgumentParser(
        prog=f"torchkeras {name}",
        description=text,
        epilog=f"example: {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
