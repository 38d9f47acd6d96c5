"""The code objects in marshalled bytes of Python 2.7 to 3.13, as plain data.

Python's own `marshal` reads what its own version wrote, and makes code that can run. This reader
makes `Code`, which can only be looked at.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

_DEEPEST, _LONGEST = 40, 2**20
_HIDDEN = 0x80  # kinds of `localsplusnames`: a free variable
_CELL = 0x40


@dataclass(frozen=True)
class Code:
    """What a function is made of; `layout` says which Pythons write code in this order."""

    layout: str  # "2", "3.0", "3.8" or "3.11"
    positional: int
    keyword_only: int
    flags: int
    stack: int
    instructions: bytes
    constants: tuple
    names: tuple[str, ...]
    locals: tuple[str, ...]
    cells: tuple[str, ...]
    free: tuple[str, ...]
    name: str
    lines: bytes


def read_code(data: bytes) -> Code:
    """The code in `data`; ValueError where there is none, in any of the known orders."""
    if len(data) > _LONGEST:
        raise ValueError(f"the code has {len(data)} bytes, more than {_LONGEST}")
    for layout in ("3.11", "3.8", "3.0", "2"):
        reader = _Reader(data, layout)
        try:
            code = reader.value()
        except (ValueError, IndexError, KeyError, TypeError, struct.error, OverflowError):
            continue
        if isinstance(code, Code) and reader.at == len(data):
            return code
    raise ValueError("it is not the code of a function of Python 2.7 to 3.13")


class _Reader:
    def __init__(self, data, layout):
        self.data, self.layout, self.at, self.depth = data, layout, 0, 0
        self.kept: list[Any] = []  # what later values refer to
        self.interned: list[str] = []  # the same, of Python 2

    def take(self, count):
        if count < 0 or self.at + count > len(self.data):
            raise ValueError("it ends too early")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, form):
        return struct.unpack(f"<{form}", self.take(struct.calcsize(f"<{form}")))[0]

    def value(self):
        self.depth += 1
        if self.depth > _DEEPEST:
            raise ValueError("it is nested too deeply")
        mark = self.number("B")
        place = len(self.kept)
        if mark & 0x80:  # what follows is referred to later
            self.kept.append(None)
        made = self.one_of(chr(mark & 0x7F))
        if mark & 0x80:
            self.kept[place] = made
        self.depth -= 1
        return made

    def one_of(self, kind):
        if kind in _CONSTANTS:
            return _CONSTANTS[kind]
        if kind in _SEQUENCES:
            form, make = _SEQUENCES[kind]
            return make(self.value() for _ in range(self.counted(form)))
        if kind in _TEXTS:
            form, encoding = _TEXTS[kind]
            return self.text(kind, self.take(self.counted(form)), encoding)
        return getattr(self, f"_{_OTHER[kind]}")()

    def counted(self, form):
        count = self.number(form)
        if not 0 <= count <= len(self.data):
            raise ValueError("it has an impossible length")
        return count

    def text(self, kind, raw, encoding):
        if kind == "s" and self.layout != "2":
            return raw
        text = raw.decode(encoding, "surrogatepass" if encoding == "utf-8" else "strict")
        if kind == "t":
            self.interned.append(text)
        return text

    def _reference(self):
        return self.interned[self.number("i")]

    def _earlier(self):
        return self.kept[self.number("i")]

    def _long(self):
        count = self.number("i")
        digits = [self.number("H") for _ in range(min(abs(count), 100))]
        if abs(count) > 100:
            raise ValueError("it holds a huge number")
        whole = sum(digit << (15 * place) for place, digit in enumerate(digits))
        return -whole if count < 0 else whole

    def _dictionary(self):
        found = {}
        while (key := self.value()) is not _END:
            found[key] = self.value()
        return found

    def _int(self):
        return self.number("i")

    def _double(self):
        return self.number("d")

    def _complex(self):
        return complex(self.number("d"), self.number("d"))

    def _float(self):
        return float(self.take(self.counted("B")).decode("ascii"))

    def _code(self):
        order = self.layout
        positional = self.number("i")
        if order in ("3.8", "3.11"):
            self.number("i")  # of these, how many cannot be named
        keyword_only = 0 if order == "2" else self.number("i")
        if order != "3.11":
            self.number("i")  # the number of locals
        stack, flags = self.number("i"), self.number("i")
        instructions, constants, names = self.value(), self.value(), self.value()
        variables, others = self.value(), self.value()
        if order == "3.11":
            local, cells, free = _by_kind(variables, others)
        else:
            local, free, cells = variables, others, self.value()
        self.value()  # the file
        name = self.value()
        if order == "3.11":
            self.value()  # the qualified name
        self.number("i")  # the first line
        lines = self.value()
        if order == "3.11":
            self.value()  # exceptions
        code = self.latin(instructions), constants, names, local, cells, free
        return _checked(
            Code(order, positional, keyword_only, flags, stack, *code, name, self.latin(lines))
        )

    def latin(self, value):
        return value.encode("latin-1") if isinstance(value, str) else value


def _by_kind(names, kinds):
    local = tuple(name for name, kind in zip(names, kinds, strict=True) if not kind & _HIDDEN)
    cells = tuple(name for name, kind in zip(names, kinds, strict=True) if kind & _CELL)
    return local, cells, tuple(n for n, kind in zip(names, kinds, strict=True) if kind & _HIDDEN)


def _checked(code):
    texts = (code.names, code.locals, code.cells, code.free)
    fine = all(isinstance(one, tuple) and all(isinstance(n, str) for n in one) for one in texts)
    raw = isinstance(code.instructions, bytes) and isinstance(code.lines, bytes)
    counts = 0 <= code.positional + code.keyword_only <= len(code.locals)
    if not (fine and raw and counts and isinstance(code.constants, tuple)):
        raise ValueError("its parts do not fit together")
    if not isinstance(code.name, str):
        raise ValueError("it has no name")
    return code


_END = object()
_CONSTANTS = {"0": _END, "N": None, "F": False, "T": True, ".": ..., "S": StopIteration}
_SEQUENCES = {
    "(": ("i", tuple),
    ")": ("B", tuple),
    "[": ("i", list),
    "<": ("i", set),
    ">": ("i", frozenset),
}
_TEXTS = {
    "s": ("i", "latin-1"),
    "t": ("i", "utf-8"),
    "u": ("i", "utf-8"),
    "a": ("i", "ascii"),
    "A": ("i", "ascii"),
    "z": ("B", "ascii"),
    "Z": ("B", "ascii"),
}
_OTHER = {
    "i": "int",
    "g": "double",
    "y": "complex",
    "l": "long",
    "f": "float",
    "{": "dictionary",
    "c": "code",
    "R": "reference",
    "r": "earlier",
}
