"""What is told of a model file, for people and for machines."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..console import printable

_LONG = 50  # lines of a table


@dataclass
class Array:
    """One array of a file."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    bytes: int


@dataclass
class LayerEntry:
    """A layer as the config of its model tells it; `path` leads through models inside."""

    path: str
    class_name: str
    settings: dict[str, Any]


@dataclass
class Report:
    """All that is known of a file; what it does not tell is None or empty."""

    file: str
    format: str
    bytes: int
    keras_version: str | None = None
    backend: str | None = None
    written: str | None = None
    class_name: str | None = None
    name: str | None = None
    layers: list[LayerEntry] = field(default_factory=list)
    summary: list[str] = field(default_factory=list)
    custom_objects: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)  # layers that hold Python code
    weights: list[Array] = field(default_factory=list)
    optimizer: str | None = None
    optimizer_config: dict[str, Any] = field(default_factory=dict)
    step: int | None = None
    optimizer_arrays: int = 0
    loss: Any = None
    metrics: Any = None
    checksums: str = "none in this format"
    damaged: bool = False
    remarks: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return dataclasses.asdict(self)

    def lines(self, whole: bool = True) -> Iterator[str]:
        """The same as text, line by line; long tables are cut unless it is to be the `whole`."""
        yield from map(printable, self._lines(whole))

    def _lines(self, whole):
        yield self.file
        yield from (f"  {title:<12}{text}" for title, text in self._facts() if text)
        layers = [(one.path, one.class_name, _settings(one.settings)) for one in self.layers]
        weights = [(a.name, str(a.shape), a.dtype, size_of(a.bytes)) for a in self.weights]
        tables = (
            self.summary or (layers and list(_table([("layer", "class", "settings"), *layers]))),
            weights and list(_table([("weight", "shape", "dtype", "size"), *weights])),
        )
        for lines in filter(None, tables):
            yield from ("", *(lines if whole else _cut(lines)))

    def _facts(self):
        yield "format", f"{self.format}, {size_of(self.bytes)}"
        who = f"Keras {self.keras_version}" if self.keras_version else None
        if self.backend:
            who = f"{who} on {self.backend}" if who else self.backend
        if self.written:
            who = f"{who}, {self.written}" if who else self.written
        yield "written by", who
        if self.class_name:
            yield "model", f"{self.class_name} {self.name!r}, {_count(len(self.layers), 'layer')}"
        numbers = sum(math.prod(array.shape) for array in self.weights)
        yield "weights", f"{numbers:,} numbers in {_count(len(self.weights), 'array')}"
        yield "training", self._training()
        yield (
            "needs",
            ", ".join(self.custom_objects)
            and (f"custom_objects: {', '.join(self.custom_objects)}"),
        )
        yield (
            "holds code",
            ", ".join(self.code) and (f"{', '.join(self.code)}: refused unless safe_mode=False"),
        )
        yield "checksums", self.checksums
        for remark in self.remarks:
            yield "remark", remark

    def _training(self):
        if self.optimizer is None and self.loss is None and not self.optimizer_arrays:
            return "no optimizer, loss or metrics" if self.class_name else None
        parts = []
        if self.optimizer:
            parts.append(
                f"{self.optimizer.removeprefix('Custom>')}({_settings(self.optimizer_config)})"
            )
        if self.loss is not None:
            parts.append(f"loss {_plain(self.loss)}")
        if self.metrics:
            parts.append(f"metrics {_plain(self.metrics)}")
        if self.step is not None:
            parts.append(f"{_count(self.step, 'step')} done")
        if self.optimizer_arrays:
            parts.append(_count(self.optimizer_arrays, "state array"))
        return ", ".join(parts)


def size_of(number: int) -> str:
    """A number of bytes in the unit that people would take.

    >>> size_of(12), size_of(18792), size_of(2**30)
    ('12 bytes', '18.35 KB', '1024.00 MB')
    """
    if number < 1024:
        return f"{number} bytes"
    return f"{number / 2**10:.2f} KB" if number < 2**20 else f"{number / 2**20:.2f} MB"


def _cut(lines):
    """The beginning and the end of a long table."""
    if len(lines) <= _LONG:
        return lines
    end = 5  # of a summary: the totals
    left = len(lines) - _LONG
    return [*lines[: _LONG - end], f"  ... {left} more lines: --all shows them", *lines[-end:]]


def _count(number, what):
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _table(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for number, row in enumerate(rows):
        cells = zip(row, widths, strict=True)
        yield ("  " + "  ".join(cell.ljust(width) for cell, width in cells)).rstrip()
        if number == 0:
            yield "  " + "  ".join("-" * width for width in widths)


def _settings(settings):
    return ", ".join(f"{key}={_plain(value)}" for key, value in settings.items())


def _plain(value):
    """A value of a config in few words: objects by their class, functions by their name."""
    if isinstance(value, dict):
        if isinstance(value.get("class_name"), str):
            inner = value.get("config")
            if value["class_name"] == "function":
                return str(inner)
            if isinstance(inner, dict) and isinstance(inner.get("fn"), (str, dict)):
                return _plain(inner["fn"])
            return value["class_name"].removeprefix("Custom>")
        return "{" + ", ".join(f"{k}: {_plain(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        if len(value) == 1 and isinstance(value[0], (list, tuple)):
            return _plain(value[0])
        inner = ", ".join(map(_plain, value))
        return f"({inner})" if isinstance(value, tuple) else f"[{inner}]"
    if isinstance(value, float):
        return f"{value:.7g}"
    return str(value)
