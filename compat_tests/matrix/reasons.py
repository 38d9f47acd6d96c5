"""Why a cell of the matrix is not full: what is known of a model, a pair and a format."""

from __future__ import annotations

KNOWN: list[tuple[str, str, str]] = []  # reader or writer, part of a model's name, the reason


def reason(writer: str, ending: str, reader: str, name: str, said: str) -> str:
    """The reason, or what the reader said where none is known."""
    return said
