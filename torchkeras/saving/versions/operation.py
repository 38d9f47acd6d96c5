"""The layer that stands for a function of `keras.ops` in models that Keras 3 saved."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from ... import activations, ops
from ...layer import TABLE
from ...layers.operations import Operation

_TAKE_FUNCTIONS = (
    "associative_scan cond custom_gradient fori_loop map scan switch vectorized_map while_loop "
    "vectorize apply_along_axis"
).split()


@activations.TABLE.add()
def hard_sigmoid_of_keras_3(x: Tensor) -> Tensor:
    """`relu6(x + 3) / 6`, what Keras 3 calls `hard_sigmoid`; for Keras 2 that is another line.

    >>> import torch
    >>> hard_sigmoid_of_keras_3(torch.tensor([-3.0, 0.0, 1.5])).tolist()
    [0.0, 0.5, 0.75]
    """
    return F.hardsigmoid(x)


@TABLE.add()
class KerasOperation(Operation):
    """A call of a function of `keras.ops`, by its name there; `settings` are arguments by name.

    >>> import torch
    >>> KerasOperation("max", {"axis": 0})(torch.tensor([1.0, 2.0])).item()
    2.0
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
        if function != "get_item" and (function not in ops.__all__ or function in _TAKE_FUNCTIONS):
            raise ValueError(
                f'Layer "{self.name}" is the function {function!r} of Keras 3, which is not among '
                "those that torchkeras computes in a model from a file."
            )

    def _sizes(self):
        return list(self.settings.values())

    def compute(self, *args, **kwargs):
        if self.function == "get_item":
            return args[0][_index(args[1] if len(args) > 1 else kwargs["key"])]
        if self.function == "einsum":
            return ops.einsum(self.settings["subscripts"], *args, **kwargs)
        return getattr(ops, self.function)(*args, **self.settings, **kwargs)


def _index(key):
    return tuple(key) if isinstance(key, list) else key
