"""`Logs`: named numbers that stay on the device until somebody looks at one.

All of them come over in one read. Nothing that only passes logs on, asks for their names or tests
them for emptiness waits for the device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import tree
from ..arrays import to_numpy
from ..variable import Variable

_UNKNOWN = {"names not asked for yet": None}


class Logs(dict):
    """A dict of names to Python numbers over 0-d tensors, read together when a value is needed.

    `source` is a mapping to tensors and numbers, or a function that returns one and is called
    only when names or values are needed. Tensors with axes become numpy arrays. What is read, or
    written by a callback, stays. TypeError where the source is no mapping.

    >>> logs = Logs({"loss": torch.tensor(0.5), "steps": torch.tensor(3)})
    >>> list(logs), logs["loss"], {**logs}
    (['loss', 'steps'], 0.5, {'loss': 0.5, 'steps': 3})
    """

    __slots__ = ("_values", "running", "__weakref__")

    def __init__(self, source: Mapping[str, Any] | Callable[[], Mapping[str, Any]] = ()):
        self._values: _Values | None = _Values(source)
        self.running = callable(source)  # whether the values are those of running metrics
        # The C code of json and others looks at the size of the inner dict: it is never left
        # empty while there is something to read.
        super().__init__(_UNKNOWN if self.running else dict.fromkeys(self._values.source))

    def fork(self) -> Logs:
        """Logs of the same values, with which they share the read; what is added stays apart."""
        if self._values is None:
            return Logs(dict(self))
        other = Logs.__new__(Logs)
        other._values, other.running = self._values, self.running
        dict.update(other, _UNKNOWN if self.running else dict.fromkeys(dict.keys(self)))
        return other

    def settle(self) -> None:
        """Take the values as they are now on the device, without reading them."""
        if self._values is not None:
            self._values.settle()

    def on_device(self) -> dict[str, Any]:
        """The values as they came, tensors included, without reading them."""
        return dict(self) if self._values is None else dict(self._values.named())

    def _name(self) -> None:
        """Have the true names as keys of the inner dict."""
        if self._values is not None and _UNKNOWN.keys() == dict.keys(self):
            dict.clear(self)
            dict.update(self, dict.fromkeys(self._values.named()))

    def _read(self) -> None:
        """Have names and numbers in the inner dict."""
        if self._values is not None:
            numbers, self._values = self._values.read(), None
            dict.clear(self)
            dict.update(self, numbers)

    def __bool__(self) -> bool:
        return self.running and self._values is not None or dict.__len__(self) > 0

    def copy(self) -> dict[str, Any]:
        return dict(self)

    def __reduce__(self):
        return dict, (dict(self),)

    def __reduce_ex__(self, protocol):
        return self.__reduce__()


def _after(prepare, method):
    """`dict`'s method, run once the inner dict holds what the method needs."""
    original = getattr(dict, method)

    def prepared(self, *args, **kwargs):
        prepare(self)
        return original(self, *args, **kwargs)

    prepared.__name__ = method
    return prepared


for _method in "__contains__ __iter__ __len__ __reversed__ keys".split():
    setattr(Logs, _method, _after(Logs._name, _method))
for _method in (
    "__getitem__ __setitem__ __delitem__ __eq__ __ne__ __or__ __ror__ __ior__ __repr__ "
    "clear get items pop popitem setdefault update values"
).split():
    setattr(Logs, _method, _after(Logs._read, _method))


class _Values:
    """What several `Logs` share: where values come from, then the values, then the numbers."""

    __slots__ = ("source", "numbers")

    def __init__(self, source):
        if not callable(source):
            source = {name: _detached(value) for name, value in _mapping(source).items()}
        self.source, self.numbers = source, None

    def named(self) -> Mapping[str, Any]:
        if self.numbers is not None:
            return self.numbers
        if callable(self.source):
            self.source = _mapping(self.source())
        return self.source

    def settle(self) -> None:
        if self.numbers is None:
            self.source = {name: _snapshot(value) for name, value in self.named().items()}

    def read(self) -> dict[str, Any]:
        if self.numbers is None:
            self.numbers = _numbers(self.named())
            self.source = None
        return self.numbers


def _mapping(source):
    if isinstance(source, Mapping):
        return source
    if source == () or source is None:
        return {}
    raise TypeError(
        "Logs must be a dictionary of names and numbers, which is what train_step and test_step "
        f"must return; received {type(source).__name__}."
    )


def _detached(value):
    return value.detach() if isinstance(value, Tensor) else value


def _snapshot(value):
    if isinstance(value, Variable):
        value = value.value
    return value.detach().clone() if isinstance(value, Tensor) else value


def _numbers(values: Mapping[str, Any]) -> dict[str, Any]:
    """Python numbers for all scalars, numpy arrays for the rest, in the order of `values`."""
    numbers = {name: tree.map_structure(_plain, value) for name, value in values.items()}
    waiting: dict[torch.device, list[str]] = {}
    for name, value in numbers.items():
        if isinstance(value, Tensor):
            waiting.setdefault(value.device, []).append(name)
    for names in waiting.values():
        numbers.update(zip(names, _read_together([numbers[n] for n in names]), strict=True))
    return numbers


def _plain(value):
    """A leaf as it is, but for scalars still on the device, which stay tensors of no axes."""
    if isinstance(value, Variable):
        value = value.value
    if isinstance(value, Tensor):
        return value.detach() if value.dim() == 0 else to_numpy(value)
    if isinstance(value, (np.ndarray, np.generic)) and value.ndim == 0:
        return value.item()
    return value


def _read_together(scalars: list[Tensor]) -> Iterator[Any]:
    dtypes = {scalar.dtype for scalar in scalars}
    if len(dtypes) == 1:
        yield from torch.stack(scalars).tolist()
    elif scalars[0].device.type == "mps" or any(dtype.is_complex for dtype in dtypes):
        yield from (scalar.item() for scalar in scalars)  # no float64 there to hold them all
    else:
        together = torch.stack([scalar.double() for scalar in scalars]).tolist()
        for number, scalar in zip(together, scalars, strict=True):
            if scalar.dtype is torch.bool:
                yield bool(number)
            else:
                yield number if scalar.is_floating_point() else int(number)
