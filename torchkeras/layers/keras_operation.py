"""The layer that stands for a function of `keras.ops` in models that Keras 3 saved."""

from __future__ import annotations

from typing import Any

from ..layer import TABLE
from .operations import Operation
from .tf_table import FUNCTIONS, known_name


@TABLE.add()
class KerasOperation(Operation):
    """A call of a function of `keras.ops`, by its name there; `settings` are arguments by name.

    >>> import torch
    >>> KerasOperation("add")(torch.tensor([1.0, 2.0]), 1.0).tolist()
    [2.0, 3.0]
    """

    def __init__(
        self,
        function: str,
        settings: dict[str, Any] | None = None,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ):
        super().__init__(name or function, trainable, dtype)
        self.function, self.settings = function, dict(settings or {})
        self._key = known_name(function)

    def compute(self, *args, **kwargs):
        return FUNCTIONS[self._key](*args, **self.settings, **kwargs)
