"""Python text: literals, names, and lines broken as a formatter breaks them."""

from __future__ import annotations

import builtins
import json
import keyword
import re
from collections.abc import Iterable
from typing import Any

import torch

LINE = 100
_OPEN, _CLOSE = "([{", ")]}"


def literal(value: Any) -> str:
    """The text of a plain value; TypeError for others.

    >>> literal((1, None, "a", torch.float32))
    '(1, None, "a", torch.float32)'
    """
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if value is Ellipsis:
        return "..."
    if isinstance(value, float):
        return _number(value)
    if value is None or isinstance(value, (bool, int, torch.dtype)):
        return str(value)
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, dict):
        items = (f"{literal(key)}: {literal(item)}" for key, item in value.items())
        return f"{{{', '.join(items)}}}"
    raise TypeError(f"{value!r} cannot be written as text")


def _number(value):
    if value != value or value in (float("inf"), float("-inf")):
        return f'float("{value}")'
    as_32_bits = torch.tensor(value, dtype=torch.float32).item()
    # Settings that Keras keeps as 32 bits are 0.3, not 0.30000001192; 1 - 0.99 is 0.01.
    short = float(f"{value:.{7 if value == as_32_bits else 12}g}")
    near = value == as_32_bits or abs(short - value) <= 2e-15 * abs(value)
    return repr(short if near else value)


def together(numbers: Iterable[int]) -> Any:
    """One number for numbers that are all alike, else a tuple."""
    numbers = tuple(numbers)
    return numbers[0] if len(set(numbers)) == 1 else numbers


def identifier(name: str) -> str:
    """`name` as a name of Python.

    >>> identifier("block1/conv.1"), identifier("1x1"), identifier("class")
    ('block1_conv_1', 'layer_1x1', 'class_')
    """
    found = re.sub(r"\W", "_", name, flags=re.ASCII) or "layer"
    found = f"layer_{found}" if found[0].isdigit() else found
    return found + "_" if keyword.iskeyword(found) or found in dir(builtins) else found


def class_name(name: str) -> str:
    """`name` in the form of a class's: `'conv_net'` gives `'ConvNet'`.

    >>> class_name("digits_cnn"), class_name("ResNet50")
    ('DigitsCnn', 'ResNet50')
    """
    words = [word for word in re.split(r"[^A-Za-z0-9]+", name) if word]
    joined = "".join(word[0].upper() + word[1:] for word in words) or "Model"
    return f"Model{joined}" if joined[0].isdigit() else joined


def unused(name: str, taken: Iterable[str]) -> str:
    """`name`, with a number behind it if it is among `taken`."""
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found


def broken(statement: str, indent: int) -> list[str]:
    """The lines of a statement, of at most `LINE` characters where brackets let it be broken."""
    pad = " " * indent
    if indent + len(statement) <= LINE:
        return [pad + statement]
    if statement.startswith("return ") and len(_parts(statement[7:])) > 1:
        items = _parts(statement[7:])
        return [f"{pad}return (", *_each(items, indent + 4), f"{pad})"]
    start = _last_bracket(statement)
    if start is None:
        return [pad + statement]
    end = _closing(statement, start)
    head, inside, tail = statement[: start + 1], statement[start + 1 : end], statement[end:]
    if not inside:
        return [pad + statement]
    target, equals, right = statement.partition(" = ")
    if indent + len(head) > LINE and equals and indent + 4 + len(right) <= LINE:
        return [f"{pad}{target} = (", f"{pad}    {right}", f"{pad})"]
    items = _parts(inside)
    whole = ", ".join(items)
    if indent + 4 + len(whole) <= LINE and not inside.rstrip().endswith(","):
        body = [f"{pad}    {whole}"]
    elif len(items) == 1 and not inside.endswith(",") and " for " in inside:
        body = broken(items[0], indent + 4)
    else:
        body = _each(items, indent + 4)
    return [pad + head, *body, pad + tail]


def _each(items, indent):
    lines = []
    for item in items:
        lines += broken(item + ",", indent)
    return lines


def _last_bracket(statement):
    """The outermost bracket that closes last."""
    depth, start, last = 0, None, None
    for place, char in _code(statement):
        if char in _OPEN:
            start = place if depth == 0 else start
            depth += 1
        elif char in _CLOSE:
            depth -= 1
            if depth == 0 and place > start + 1:
                last = start
    return last


def _closing(statement, start):
    depth = 0
    for place, char in _code(statement):
        if place >= start and char in _OPEN:
            depth += 1
        elif place >= start and char in _CLOSE:
            depth -= 1
            if depth == 0:
                return place
    raise ValueError(statement)


def _parts(text):
    """`text` cut at its outer commas."""
    depth, start, parts = 0, 0, []
    for place, char in _code(text):
        depth += (char in _OPEN) - (char in _CLOSE)
        if char == "," and depth == 0:
            parts.append(text[start:place].strip())
            start = place + 1
    parts.append(text[start:].strip())
    return [part for part in parts if part]


def _code(text):
    """The characters outside of strings, with their places."""
    inside, escaped = False, False
    for place, char in enumerate(text):
        if inside:
            inside = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            inside = True
        else:
            yield place, char
