"""Text for the person at the terminal: progress and messages, on stdout or in the log."""

from __future__ import annotations

import logging
import sys

logger = logging.getLogger("torchkeras")
_interactive = True


def enable_interactive_logging() -> None:
    """Write progress bars, summaries and messages to stdout; so it is at the start."""
    global _interactive
    _interactive = True


def disable_interactive_logging() -> None:
    """Send them to the logger 'torchkeras' at level INFO; `verbose='auto'` then means 2."""
    global _interactive
    _interactive = False


def is_interactive_logging_enabled() -> bool:
    """Whether messages go to stdout.

    >>> is_interactive_logging_enabled()
    True
    """
    return _interactive


def print_msg(message: str, line_break: bool = True) -> None:
    """Write `message` where messages go, at once."""
    if not _interactive:
        logger.info(message)
        return
    sys.stdout.write(message + "\n" if line_break else message)
    sys.stdout.flush()


def printable(text: str) -> str:
    """`text` with control characters as escapes, so that no file's names steer a terminal.

    >>> printable("a\\x1b[2J")
    'a\\\\x1b[2J'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
